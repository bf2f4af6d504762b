import { describe, expect, test } from "vitest";
import type { Network } from "../../../compiler/ir/network.ts";
import { bytesOf } from "../../../compiler/ir/graph.ts";
import { fuseTails } from "../../../compiler/passes/network/fuse-tails.ts";
import { splitConstants } from "../../../compiler/passes/network/split-constants.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { tensorOf } from "../../../compiler/passes/network/lower-graph.ts";
import { evaluateNetwork } from "../../support/evaluate-network.ts";
import { difference } from "../../support/run-compute.ts";
import { Builder } from "../graphs.ts";
import { facts, feedsOf, plainNetwork, ready } from "./build.ts";

const largest = (n: Network) => Math.max(...[...n.tensors.values()].filter((t) => t.kind === "constant").map(bytesOf));
/** The network before and after, which must compute the same; `limit` in bytes. */
function split(limit: number, build: (b: Builder) => string): { before: Network; after: Network } {
  const b = new Builder(), g = b.graph(build(b)), before = fuseTails(plainNetwork(g), facts), after = splitConstants(before, { ...facts, largestConstant: limit });
  expect(verifyNetwork(after)).toEqual([]);
  const feeds = new Map([...feedsOf(ready(g), 1)].map(([v, c]) => [tensorOf(v), c.data])), want = evaluateNetwork(before, feeds), got = evaluateNetwork(after, feeds);
  for (const v of before.outputs) expect(difference(got.get(v)!, want.get(v)!)).toBeLessThanOrEqual(1e-6);
  return { before, after };
}
const dense = (b: Builder, transB: number) => b.op("Relu", [b.op("Gemm", [b.input("x", [3, 20]), b.constant(transB ? [70, 20] : [20, 70]), b.constant([70])], { transB })]);

describe("split-constants", () => {
  test.each([0, 1])("columns of weights, with bias and activation, transposed or not: %i", (transB) => {
    const { before, after } = split(20 * 4 * 32, (b) => dense(b, transB));
    expect([before.computes.length, after.computes.length]).toEqual([1, 3]);
    expect(after.computes.map((c) => c.stages[0]!.axes.map((a) => a.range[1] + 1))).toEqual([[3, 32], [3, 32], [3, 6]]);
    expect(largest(after)).toBeLessThanOrEqual(20 * 4 * 32);
  });
  test("channels of a convolution, and batches of products", () => {
    expect(split(4 * 9 * 4 * 16, (b) => b.op("Conv", [b.input("x", [1, 4, 5, 5]), b.constant([40, 4, 3, 3])], {})).after.computes).toHaveLength(3);
    expect(split(8 * 9 * 4, (b) => b.op("MatMul", [b.input("x", [3, 2, 8]), b.constant([3, 8, 9])])).after.computes).toHaveLength(3);
  });
  test("weights that two products read along different dimensions are cut for each", () => {
    const { after } = split(20 * 4 * 32, (b) => { const w = b.constant([64, 64]), y = b.op("Gemm", [b.input("x", [3, 64]), w]); return b.op("Gemm", [y, w], { transB: 1 }); });
    expect(new Set(after.computes.flatMap((c) => c.tensors.filter((t) => t.role === "weight").map((t) => t.name))).size).toBe(after.computes.length);
    expect(largest(after)).toBeLessThanOrEqual(20 * 4 * 32);
  });
  test("nothing where everything fits, and what is no product stays whole", () => {
    const b = new Builder(), n = plainNetwork(b.graph(dense(b, 0)));
    expect(splitConstants(n, { ...facts, largestConstant: 2 ** 20 })).toBe(n);
    expect(split(100, (c) => c.op("Gather", [c.constant([50, 8]), c.op("ArgMax", [c.input("x", [3, 7])], { axis: 1 })], { axis: 0 })).after.computes).toHaveLength(2);
  });
});
