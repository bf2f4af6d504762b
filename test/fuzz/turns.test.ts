/** Random graphs with loops of which numbers of turns are stated. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evaluateGraph, RefusedRun } from "../../compiler/evaluate/index.ts";
import type { Constant, Graph } from "../../compiler/ir/graph.ts";
import { printGraph } from "../../compiler/ir/graph-text.ts";
import { check, sampleOf } from "./check.ts";
import { controlGraph } from "./graphs.ts";
import { runners } from "./machine.ts";
import { typed } from "./open.ts";
import { withTurns } from "./turns.ts";

let folder = "";
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), "mlc-turns-")); });
afterAll(() => { rmSync(folder, { recursive: true, force: true }); });
const bounded = (seed: number): Graph => withTurns(controlGraph(seed, 3), seed);
const outputs = (g: Graph, feeds: ReadonlyMap<string, Constant>): readonly unknown[] | "refused" => {
  try { const all = evaluateGraph(g, feeds); return g.outputs.map((v) => [all.get(v)!.shape, all.get(v)!.data]); } catch (e) { if (e instanceof RefusedRun) return "refused"; throw e; }
};
test("they change nothing but which runs are refused", () => {
  let same = 0, refused = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const graph = typed(controlGraph(seed, 3)), stated = typed(bounded(seed));
    for (const feeds of sampleOf(graph, seed).sets) {
      const plain = outputs(graph, feeds), now = outputs(stated, feeds);
      if (now === "refused") { refused++; continue; }
      expect(now, `seed ${seed}\n${printGraph(stated)}`).toEqual(plain);
      same++;
    }
  }
  expect(Math.min(same, refused)).toBeGreaterThan(5);
}, 120_000);
test("compiled, they mean the same", async () => {
  const samples = Array.from({ length: 10 }, (_, i) => sampleOf(bounded(i + 1), i + 1));
  const list = await check(samples, { runners: [...runners().values()].filter((r) => r.launch.length === 0).slice(-1), flags: ["-O1", "-w"], folder: join(folder, "check") });
  expect(list.map((f) => `${f.isa} ${f.kind}: ${f.reason}\n${printGraph(samples[f.index]!.graph)}`)).toEqual([]);
}, 300_000);
