/** Attention as one kernel of the C++ target: every instruction set, through the interpreter, against the graph's own meaning. */
import { describe, expect, test } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { eachStmt } from "../../compiler/ir/kernel.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { compileNetwork } from "../../compiler/passes/network/pipeline.ts";
import { cppTarget, cppVariants } from "../../targets/cpp/index.ts";
import { instructionSets, type InstructionSetName } from "../../targets/cpp/isa.ts";
import { feedsOf } from "../passes/network/build.ts";
import { attention } from "../support/attention.ts";
import { Builder } from "../support/graph-builder.ts";
import { evaluateProgram } from "../support/evaluate-program.ts";
import { difference } from "../support/run-compute.ts";

const sets = Object.keys(instructionSets) as InstructionSetName[];
function agree(graph: Graph) {
  const g = runPasses(graph, graphPasses).graph, feeds = feedsOf(g, 1), want = evaluateGraph(g, feeds), program = compileNetwork(g, { facts: cppTarget.facts({}), variants: cppVariants(sets) });
  for (const set of sets) {
    const got = evaluateProgram(program, set, g.inputs.map((v) => feeds.get(v)!.data), { quick: true });
    g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), `${v}, ${set}`).toBeLessThanOrEqual(1e-4));
  }
  return program;
}
describe("attention", () => {
  test.each([[16, 16, 8], [17, 19, 8], [70, 33, 20], [64, 5, 16], [130, 40, 4]])("%i queries, %i keys, heads of %i", (queries, keys, size) => { agree(attention({ queries, keys, size })); });
  test("scores lie in scratch that holds one block of rows", () => {
    const program = agree(attention({ queries: 130, keys: 40, size: 4 })), found = program.kernels.filter((k) => Object.values(k.variants).some((v) => v.buffers.some((x) => x.name === "scores")));
    expect(found).toHaveLength(1);
    for (const set of sets) {
      const kernel = found[0]!.variants[set]!;
      expect(kernel.buffers.find((b) => b.name === "scores")!.size).toBe(40 * 64);
      // The last two rows are part of a whole vector.
      eachStmt(kernel.body, (s) => { if (s.kind === "store" && s.buffer === "scores") expect(s.value.lanes).toBe(instructionSets[set].lanes); });
    }
  });
  test("groups of query heads that share keys, with a causal mask: one kernel beside the copy of its result", () => {
    const b = new Builder(), out = b.op("Attention", [b.input("q", [2, 18, 32]), b.input("k", [2, 18, 16]), b.input("v", [2, 18, 16])], { q_num_heads: 4, kv_num_heads: 2, is_causal: 1 });
    expect(agree(b.graph(out)).steps.length).toBeLessThanOrEqual(2);
  });
  test("one row: keys are read where they lie", () => {
    const b = new Builder(), k = b.op("Transpose", [b.input("k", [1, 2, 21, 8])], { perm: [0, 1, 3, 2] }), s = b.op("Softmax", [b.op("MatMul", [b.input("q", [1, 2, 1, 8]), k])], { axis: -1 });
    expect(agree(b.graph(b.op("MatMul", [s, b.input("v", [1, 2, 21, 8])]))).steps).toHaveLength(3);
  });
  test("masks: of keys, of all scores, from constants and from the caller", () => {
    agree(attention({ queries: 18, keys: 21, batch: 2 }, (b, s) => b.op("Add", [s, b.input("mask", [2, 1, 1, 21])])));
    agree(attention({ queries: 18, keys: 21 }, (b, s) => b.op("Add", [s, b.input("mask", [1, 1, 18, 21])])));
    agree(attention({ queries: 18, keys: 18 }, (b, s) => b.op("Add", [s, b.constant([1, 1, 18, 18])])));
  });
});
