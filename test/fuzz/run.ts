/**
 * npm run fuzz -- [--seed N] [--count M] [--steps S] [--large] [--isa sse,avx2,...] [--target opencl,webgpu] [--cxx g++] [--opt "O3 march=native"] [--sanitize]
 *                 [--group G] [--keep] [--no-shrink] [--open | --control] [--onnxruntime]
 * npm run fuzz -- --graph FILE
 *
 * Compiles random graphs (seeds N .. N+M-1; --open: with sizes that each run chooses; --control: with branches and loops) to C++, runs them on each instruction set that the machine has (with --target: on the
 * devices for those targets instead), and compares with the meaning of the graph; --onnxruntime: compares that with what onnxruntime makes of it. A failure prints its seed and the text of the smallest graph that fails in the same way;
 * a file with such a text can be run again (constants that are printed as a hash get random elements).
 */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import { targets } from "../../targets/index.ts";
import { commandLine } from "../support/command-line.ts";
import { check, sampleOf, type CheckOptions, type Failure, type Sample } from "./check.ts";
import { controlGraph, filled, openGraph, randomGraph } from "./graphs.ts";
import { runners } from "./machine.ts";
import { hasPeer } from "./peer.ts";
import { alike, shrink } from "./shrink.ts";
import { withTurns } from "./turns.ts";
import type { Graph } from "../../compiler/ir/graph.ts";

const flags = commandLine(import.meta.url, {
  seed: { type: "string", default: "1" }, count: { type: "string", default: "50" }, group: { type: "string", default: "20" },
  steps: { type: "string", default: "6" },
  isa: { type: "string" }, target: { type: "string" }, opt: { type: "string", default: "O1" }, cxx: { type: "string", default: "g++" },
  sanitize: { type: "boolean", default: false },
  open: { type: "boolean", default: false }, control: { type: "boolean", default: false }, onnxruntime: { type: "boolean", default: false }, keep: { type: "boolean", default: false }, large: { type: "boolean", default: false },
  "no-shrink": { type: "boolean", default: false }, graph: { type: "string" },
});
const available = runners(flags.cxx), wanted = flags.isa?.split(",") ?? (flags.target ? [] : flags.sanitize ? ["sse"] : [...available.keys()]);
const devices = (flags.target?.split(",") ?? []).map((t) => targets.get(t) ?? fail(`there is no target ${t}`));
const chosen = wanted.map((isa) => available.get(isa) ?? fail(`this machine does not run ${isa}, but ${[...available.keys()].join(", ")}`));
function fail(why: string): never { console.error(why); process.exit(2); }

const first = Number(flags.seed), count = Number(flags.count), size = Number(flags.group);
const options: CheckOptions = {
  runners: chosen, targets: devices, folder: join(tmpdir(), `mlc-fuzz-${process.pid}`), keep: flags.keep,
  flags: [...flags.opt.split(" ").map((f) => `-${f}`), ...(flags.sanitize ? ["-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined"] : []), "-w"], refused: (_, why) => { refused.set(why, (refused.get(why) ?? 0) + 1); },
  ...(flags.onnxruntime ? { peer: (_: number, why: string) => { silent.set(why, (silent.get(why) ?? 0) + 1); } } : {}),
};
/** What the compiler says it cannot do, and how often. */
const refused = new Map<string, number>();
/** Why onnxruntime gives no answer. */
const silent = new Map<string, number>();
if (flags.onnxruntime && !hasPeer()) fail("python3 has no onnxruntime");
/** Of every third graph, loops with a number of turns as `--turns` gives them one; ONNX Runtime knows of none. */
const stated = (g: Graph, seed: number): Graph => (seed % 3 === 0 && !flags.onnxruntime ? withTurns(g, seed) : g);
const made = (seed: number) => (flags.control ? stated(controlGraph(seed, Number(flags.steps)), seed) : flags.open ? openGraph(seed, Number(flags.steps)) : randomGraph(seed, Number(flags.steps), flags.large));
async function smallest(sample: Sample, f: Failure): Promise<Sample> {
  const runners = chosen.filter((r) => f.isa === "" || r.isa === f.isa), targets = devices.filter((t) => f.isa === "" || t.name === f.isa);
  const { peer, ...others } = options, asked = peer && f.isa === "onnxruntime" ? { peer } : {};
  return shrink(sample, async (list) => new Set((await check(list,
    { ...others, ...asked, runners, targets, folder: `${options.folder}-shrink` })).filter((x) => alike(x, f)).map((x) => x.index)));
}
let failed = 0;
async function group(samples: readonly Sample[], names: readonly string[]): Promise<void> {
  const started = Date.now(), failures = await check(samples, options), bad = new Set(failures.map((f) => f.index));
  for (const f of failures) console.log(`FAIL ${names[f.index]} ${f.isa} ${f.kind}: ${f.reason.split("\n").slice(0, 6).join("\n  ")}`);
  if (!flags["no-shrink"]) for (const index of bad) {
    const f = failures.find((x) => x.index === index)!;
    if (f.kind !== "reference") console.log(`smallest of ${names[index]} (${f.isa} ${f.kind}):\n${printGraph((await smallest(samples[index]!, f)).graph)}`);
  }
  failed += bad.size;
  console.log(`${names[0]}${names.length > 1 ? `..${names.at(-1)}` : ""}: ${samples.length - bad.size} passed (${((Date.now() - started) / 1000).toFixed(0)} s)`);
}
if (flags.graph) await group([sampleOf(filled(parseGraph(readFileSync(flags.graph, "utf8")), 1), 1)], [flags.graph]);
else for (let from = first; from < first + count; from += size) {
  const seeds = Array.from({ length: Math.min(size, first + count - from) }, (_, i) => from + i);
  await group(seeds.map((seed) => sampleOf(made(seed), seed)), seeds.map((seed) => `seed ${seed}`));
}
for (const [why, times] of refused) console.log(`${times} x refused: ${why}`);
for (const [why, times] of silent) console.log(`${times} x no answer of onnxruntime: ${why}`);
console.log(`${flags.graph ? 1 - failed : count - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
