/** Random networks as whole programs: every instruction set's kernels, on the planned arena, through the interpreter. MLC_FUZZ=N runs N seeds more. */
import { expect, test } from "vitest";
import { compileNetwork } from "../../../compiler/passes/network/pipeline.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { isTeamwork, type Kernel } from "../../../compiler/ir/kernel.ts";
import { evaluateGraph } from "../../../compiler/evaluate/index.ts";
import { graphPasses } from "../../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../../compiler/passes/graph/run.ts";
import { cppTarget, cppVariants } from "../../../targets/cpp/index.ts";
import { facts, feedsOf } from "../../passes/network/build.ts";
import { Builder } from "../../passes/graphs.ts";
import { randomNetwork } from "../../passes/network/random.ts";
import { evaluateProgram } from "../../support/evaluate-program.ts";
import { difference } from "../../support/run-compute.ts";

const sets = Object.keys(cppTarget.instructionSets), seeds = Array.from({ length: 12 + Number(process.env.MLC_FUZZ ?? 0) }, (_, i) => i + 1);
test.each(seeds)("seed %i", (seed) => {
  const g = runPasses(randomNetwork(seed, seed % 2 === 0), graphPasses).graph, feeds = feedsOf(g, seed), want = evaluateGraph(g, feeds);
  const program = compileNetwork(g, { facts, variants: cppVariants(Object.keys(cppTarget.instructionSets)) });
  for (const set of sets) {
    const got = evaluateProgram(program, set, g.inputs.map((v) => feeds.get(v)!.data));
    g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), `${v} with ${set}`).toBeLessThanOrEqual(2e-4));
  }
});

/* Any work is divided, the pieces are done last first, and the interpreter watches what each of them touches. */
function expectTasks(drawn: Graph, seed: number, divided: (k: Kernel) => boolean): void {
  const g = runPasses(drawn, graphPasses).graph, feeds = feedsOf(g, seed), inputs = g.inputs.map((v) => feeds.get(v)!.data);
  const one = compileNetwork(g, { facts, variants: cppVariants(sets) }), several = compileNetwork(g, { facts: { ...facts, shares: false }, variants: cppVariants(sets, 3, 1) });
  for (const set of ["avx2", "neon"]) {
    const want = evaluateProgram(one, set, inputs);
    expect(several.kernels.some((k) => divided(k.variants[set]!))).toBe(true);
    for (const backwards of [false, true]) expect(evaluateProgram(several, set, inputs, { backwards, pieces: seed % 2 ? 3 : 7 })).toEqual(want);
  }
}
test.each(seeds.slice(0, 8))("seed %i, divided among tasks", (seed) => expectTasks(randomNetwork(seed, seed % 2 === 0), seed, isTeamwork));
test.each([["LSTM", 4, "forward"], ["LSTM", 4, "bidirectional"], ["GRU", 3, "reverse"]] as const)("steps of %s (%i gates, %s) are divided among tasks", (kind, gates, direction) => {
  const b = new Builder(), d = direction === "bidirectional" ? 2 : 1, hidden = 21;
  const weights = [b.constant([d, gates * hidden, 5]), b.constant([d, gates * hidden, hidden]), b.constant([d, 2 * gates * hidden])];
  const g = b.graph(...b.ops(kind, [b.input("x", [4, 2, 5]), ...weights, b.constant([2], [4, 3], "i32"), b.input("h", [d, 2, hidden])], 2, { direction }));
  expectTasks(g, gates, kind === "LSTM" ? (k) => k.body.some((s) => s.kind === "for" && s.at === "serial" && s.body.some((x) => x.kind === "phase" && x.work > 1)) : isTeamwork);
});
