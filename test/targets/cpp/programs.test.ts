/** Random networks as whole programs: every instruction set's kernels, on the planned arena, through the interpreter. MLC_FUZZ=N runs N seeds more. */
import { expect, test } from "vitest";
import { compileNetwork } from "../../../compiler/passes/network/pipeline.ts";
import { range } from "../../../compiler/ir/linear.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { eachStmt, isForOne, isTeamwork, type Kernel, type Stmt } from "../../../compiler/ir/kernel.ts";
import { spansOf } from "../../../compiler/lower/phases.ts";
import { loopsBehind, turnsOf } from "../../../compiler/lower/work.ts";
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
  const one = compileNetwork(g, { facts, variants: cppVariants(sets) }), several = compileNetwork(g, { facts, variants: cppVariants(sets, 3, 1) });
  for (const set of ["avx2", "neon"]) {
    const want = evaluateProgram(one, set, inputs);
    expect(several.kernels.some((k) => divided(k.variants[set]!))).toBe(true);
    for (const backwards of [false, true]) expect(evaluateProgram(several, set, inputs, { backwards, pieces: seed % 2 ? 3 : 7 })).toEqual(want);
  }
}
test.each(seeds.slice(0, 8))("seed %i, divided among tasks", (seed) => expectTasks(randomNetwork(seed, seed % 2 === 0), seed, isTeamwork));
test.each([["LSTM", 4, "forward"], ["LSTM", 4, "bidirectional"], ["GRU", 3, "reverse"], ["GRU", 3, "forward", 1], ["RNN", 1, "bidirectional"]] as const)("steps of %s (%i gates, %s) are divided among tasks", (kind, gates, direction, late?: number) => {
  const b = new Builder(), d = direction === "bidirectional" ? 2 : 1, hidden = 21;
  const weights = [b.constant([d, gates * hidden, 5]), b.constant([d, gates * hidden, hidden]), b.constant([d, 2 * gates * hidden])];
  const g = b.graph(...b.ops(kind, [b.input("x", [4, 2, 5]), ...weights, b.constant([2], [4, 3], "i32"), b.input("h", [d, 2, hidden])], 2, { direction, ...(late ? { linear_before_reset: late } : {}) }));
  expectTasks(g, gates, (k) => k.body.some((s) => s.kind === "for" && s.at === "serial" && s.body.some((x) => x.kind === "phase" && !isForOne(x))));
});
test("tasks go on with what they made: a depthwise convolution takes rows behind one that took rows", () => {
  const b = new Builder(), wide = b.op("Conv", [b.input("x", [1, 16, 32, 32]), b.constant([96, 16, 1, 1])]), deep = b.op("Conv", [b.op("Relu", [wide]), b.constant([96, 1, 3, 3])], { group: 96, pads: [1, 1, 1, 1] });
  const program = compileNetwork(runPasses(b.graph(b.op("Relu", [deep])), graphPasses).graph, { facts, variants: cppVariants(sets, 2) });
  for (const set of ["avx2", "avx512", "neon"]) {
    const [made, next] = program.steps.filter((s) => s.macs > 0).map((s) => program.kernels[s.kernel]!.variants[set]!);
    const along = spansOf(made!).get("out0")!, there = loopsBehind(next!.body).get("in0")!, shared: string[] = [];
    eachStmt(next!.body, (s) => { if (s.kind === "for" && s.share && !shared.includes(s.name)) shared.push(s.name); });
    const span = there.get(shared.find((l) => there.has(l))!)!;
    expect(Math.max(span, along) / Math.min(span, along), set).toBeLessThan(1.5);
  }
});
test("blocks of a kernel that adds to an operand in its place need not wait for each other", () => {
  const b = new Builder(), conv = (x: string) => b.op("Conv", [x, b.constant([70, 70, 1, 1])]), x = b.op("Sigmoid", [conv(b.input("x", [1, 70, 21, 21]))]), sum = b.op("Add", [x, conv(b.op("Relu", [conv(x)]))]);
  const program = compileNetwork(runPasses(b.graph(conv(sum)), graphPasses).graph, { facts, variants: cppVariants(sets, 2) });
  const kernels = program.kernels.map((k) => k.variants.avx2!).filter((k) => k.buffers.some((x) => x.aliased));
  expect(kernels.map((k) => [k.buffers.flatMap((x) => x.aliased ?? []), k.body.flatMap((s) => (s.kind === "phase" || s.kind === "barrier" ? [s.kind] : []))])).toEqual([[["inPlace", "inPlace"], ["phase"]]]);
});
test("who makes rows of a tensor clears the margins beside them, whatever columns come first", () => {
  const b = new Builder(), wide = b.op("Conv", [b.input("x", [1, 16, 32, 32]), b.constant([72, 16, 1, 1])]), deep = b.op("Conv", [b.op("Relu", [wide]), b.constant([72, 1, 3, 3])], { group: 72, pads: [1, 1, 1, 1] });
  const program = compileNetwork(runPasses(b.graph(b.op("Relu", [deep])), graphPasses).graph, { facts: { ...facts, shares: false }, variants: cppVariants(sets, 2) });
  for (const set of ["avx2", "avx512", "neon"]) {
    const made = program.kernels[program.steps.find((s) => s.macs > 0)!.kernel]!.variants[set]!, phases = made.body.filter((s) => s.kind === "phase");
    expect(phases, set).toHaveLength(1);
    const ends: number[] = [];
    // Outermost loops that tasks share: each begins with the work and goes on to its end.
    const walk = (list: readonly Stmt[]): void => list.forEach((s) => { if (s.kind === "for" && s.share) ends.push(range(s.share.before)[0] + range(s.share.each)[1] * turnsOf(s)); else if ("body" in s) walk(s.body); });
    walk(phases[0]!.body);
    const work = range(phases[0]!.work)[1], whole = ends.filter((e) => e > 0.8 * work);
    expect(whole.length, `${set}: ${ends} of ${work}`).toBeGreaterThanOrEqual(3);
    expect(Math.max(...ends)).toBeLessThanOrEqual(work);
  }
});
