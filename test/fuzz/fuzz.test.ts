/** Random graphs compute as C++ what they mean, on every instruction set that this machine runs. `npm run fuzz` goes on for longer. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import { awkward, awkwardSamples } from "./awkward.ts";
import { check, sampleOf, type CheckOptions, type Failure, type Sample } from "./check.ts";
import { edges } from "./edges.ts";
import { found } from "./found.ts";
import { controlGraph, filled, randomGraph } from "./graphs.ts";
import { hashes } from "./hashes.ts";
import { networks } from "../passes/networks.ts";
import { targets } from "../../targets/index.ts";
import { because, deviceOf, skipped } from "../support/tools.ts";
import { runners } from "./machine.ts";

let folder = "";
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), "mlc-fuzz-")); });
afterAll(() => { rmSync(folder, { recursive: true, force: true }); });
const native = [...runners().values()].filter((r) => r.launch.length === 0);
const warnings = ["-Wall", "-Wextra", "-Werror"];
async function failures(samples: readonly Sample[], names: readonly string[], o: Partial<CheckOptions>): Promise<readonly string[]> {
  const list = await check(samples, { runners: native, flags: ["-O1", "-w"], folder: join(folder, "check"), ...o });
  return list.map((f: Failure) => `${names[f.index]}: ${f.isa} ${f.kind}: ${f.reason}\n${printGraph(samples[f.index]!.graph)}`);
}

describe("random graphs", () => {
  test.each([[1, 6], [7, 6]])("seeds from %i, %i of them", async (from, count) => {
    const seeds = Array.from({ length: count }, (_, i) => from + i);
    expect(await failures(seeds.map((s) => sampleOf(randomGraph(s, 4), s)), seeds.map((s) => `seed ${s}`), {})).toEqual([]);
  });
  test("a seed always gives the same graph", () => { expect(printGraph(randomGraph(5))).toBe(printGraph(randomGraph(5))); });
});
test("graphs that failed once", async () => {
  const names = Object.keys(found);
  expect(await failures(names.map((n, i) => sampleOf(filled(parseGraph(found[n]!), i), i)), names, {})).toEqual([]);
});
test("graphs at the ends of what there is", async () => {
  expect(await failures([...edges.values()].map((g) => sampleOf(g, 1)), [...edges.keys()], { runners: native.slice(-1) })).toEqual([]);
});
test("NaN, infinities, zeros and the ends of the range", async () => {
  const samples = awkwardSamples();
  expect(await failures([...samples.values()], [...samples.keys()], { each: true })).toEqual([]);
});
test("no access outside of memory, no undefined behaviour", async () => {
  const seeds = [21, 22, 23, 24], flags = ["-O1", "-w", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];
  expect(await failures(seeds.map((s) => sampleOf(randomGraph(s, 4), s)), seeds.map((s) => `seed ${s}`),
    { runners: native.slice(0, 1), flags })).toEqual([]);
});

describe.each([...targets.values()].filter((t) => deviceOf[t.name]))("$name", (target) => {
  const need = deviceOf[target.name]!, on = { runners: [], targets: [target] };
  test.skipIf(skipped(need))(`random graphs${because(need)}`, { timeout: 300_000 }, async () => {
    const seeds = Array.from({ length: 12 }, (_, i) => i + 50), graphs = [...seeds.slice(2).map((s) => [`seed ${s}`, sampleOf(randomGraph(s, 4), s, 1)] as const), ...seeds.slice(0, 2).map((s) => [`control, seed ${s}`, sampleOf(controlGraph(s, 3), s, 2)] as const)];
    expect(await failures(graphs.map(([, sample]) => sample), graphs.map(([name]) => name), on)).toEqual([]);
  });
  test.skipIf(skipped(need))(`graphs that failed once, and those at the ends of what there is${because(need)}`, { timeout: 300_000 }, async () => {
    const names = Object.keys(found);
    expect(await failures(names.map((n, i) => sampleOf(filled(parseGraph(found[n]!), i), i, 1)), names, on)).toEqual([]);
    expect(await failures([...edges.values()].map((g) => sampleOf(g, 1, 1)), [...edges.keys()], on)).toEqual([]);
  });
  test.skipIf(skipped(need))(`NaN, infinities, zeros and the ends of the range${because(need)}`, { timeout: 300_000 }, async () => {
    // WGSL may take what is smaller than any normal number for zero, and its angles have no meaning far outside a turn.
    const normal = awkward.filter((x) => x === 0 || !(Math.abs(x) < 2 ** -126)), angles = normal.filter((x) => !(Number.isFinite(x) && Math.abs(x) > 1e30));
    const samples = new Map(target.builds === "native" ? awkwardSamples() : [...awkwardSamples(normal), ...[...awkwardSamples(angles)].filter(([name]) => /^(Sin|Cos|Tan)$/.test(name))]);
    expect(await failures([...samples.values()], [...samples.keys()], { ...on, each: true })).toEqual([]);
  });
});

const cross = [...runners().values()].filter((r) => r.launch.length > 0), levels = ["-O0", "-Os", "-O3"];
// Every level by itself, every instruction set at one of them.
const combinations = [
  ...["g++", "clang++"].flatMap((cxx) => levels.map((level, i) => ({ level, runner: { ...native[i % native.length]!, cxx } }))),
  ...cross.map((runner) => ({ level: "-O2", runner })),
];
const has = (command: string): boolean => { try { execFileSync(command, ["--version"], { stdio: "ignore" }); return true; } catch { return false; } };
describe("compilers", () => {
  const names = ["attention", "squeeze-excite", "dense", "depthwise", "upsample"], samples = names.map((n, i) => sampleOf(networks[n]!(), i, 1));
  test.each(combinations.map(({ level, runner }) => [runner.cxx, level, runner] as const))("%s %s has no warning and computes the same",
    async (cxx, level, runner) => {
    if (!has(cxx)) return expect.unreachable(`${cxx} is not installed`);
    expect(await failures(samples, names, { runners: [runner], flags: [level, ...warnings], folder: join(folder, `${cxx}${level}`) })).toEqual([]);
  });
});
test("the same graph gives the same files, in any process and whatever was compiled before", () => {
  const isas = native.map((r) => r.isa), seeds = [1, 21, 35, 36, 40], here = hashes(seeds, isas),
    script = fileURLToPath(new URL("hashes.ts", import.meta.url));
  expect(hashes(seeds, isas)).toEqual(here);
  const there = execFileSync(process.execPath, ["--import", "tsx", script, seeds.toReversed().join(), isas.join()], { encoding: "utf8" });
  expect(there.trim().split("\n").toReversed()).toEqual(here);
});
