/**
 * npm run fuzz -- [--seed N] [--count M] [--group G] [--steps S] [--isa sse,avx2,...] [--opt O1] [--cxx g++] [--sanitize] [--keep] [--no-shrink]
 *
 * Compiles random graphs (seeds N .. N+M-1) to C++, runs them on each instruction set that the machine has, and compares
 * with the meaning of the graph. A failure prints its seed and the text of the smallest graph that fails in the same way.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { check, sampleOf } from "./check.ts";
import { randomGraph } from "./graphs.ts";
import { runners } from "./machine.ts";

const { values: flags } = parseArgs({
  options: {
    seed: { type: "string", default: "1" }, count: { type: "string", default: "50" }, group: { type: "string", default: "20" }, steps: { type: "string", default: "6" },
    isa: { type: "string" }, opt: { type: "string", default: "O1" }, cxx: { type: "string", default: "g++" }, sanitize: { type: "boolean", default: false },
    keep: { type: "boolean", default: false }, "no-shrink": { type: "boolean", default: false },
  },
});
const available = runners(flags.cxx), wanted = flags.isa?.split(",") ?? (flags.sanitize ? ["sse"] : [...available.keys()]);
const chosen = wanted.map((isa) => available.get(isa) ?? fail(`this machine does not run ${isa}, but ${[...available.keys()].join(", ")}`));
function fail(why: string): never { console.error(why); process.exit(2); }

const first = Number(flags.seed), count = Number(flags.count), size = Number(flags.group);
const options = { runners: chosen, flags: [`-${flags.opt}`, ...(flags.sanitize ? ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"] : []), "-w"], keep: flags.keep };
let failed = 0;
for (let from = first; from < first + count; from += size) {
  const seeds = Array.from({ length: Math.min(size, first + count - from) }, (_, i) => from + i), started = Date.now();
  const failures = await check(seeds.map((seed) => sampleOf(randomGraph(seed, Number(flags.steps)), seed)), { ...options, folder: join(tmpdir(), `mlc-fuzz-${process.pid}`) });
  for (const f of failures) console.log(`FAIL seed ${seeds[f.index]} ${f.isa} ${f.kind}: ${f.reason.split("\n").slice(0, 6).join("\n  ")}`);
  failed += new Set(failures.map((f) => f.index)).size;
  console.log(`seeds ${seeds[0]}..${seeds.at(-1)}: ${seeds.length - new Set(failures.map((f) => f.index)).size} passed (${((Date.now() - started) / 1000).toFixed(0)} s)`);
}
console.log(`${count - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
