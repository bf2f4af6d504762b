import { describe, expect, test } from "vitest";
import type { TargetFacts } from "../../../compiler/emit/target.ts";
import { extentOf } from "../../../compiler/ir/compute.ts";
import { tensorOf } from "../../../compiler/passes/network/lower-graph.ts";
import type { Network } from "../../../compiler/ir/network.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { splitSums } from "../../../compiler/passes/network/split-sums.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { evaluateNetwork } from "../../support/evaluate-network.ts";
import { difference } from "../../support/run-compute.ts";
import { Builder } from "../graphs.ts";
import { ahead, facts, feedsOf, ready } from "./build.ts";

/** A core with a second cache of so many bytes and a slow one behind it, on which no algorithm pays. */
const withCache = (cacheBytes: number): TargetFacts => ({ ...facts, winograd: false, strassen: false, panels: { ...facts.panels!, machines: facts.panels!.machines.map((m) => ({ ...m, cacheBytes, cacheBytesPerSecond: 1e9 })) } });
/** What the pass makes; it, and what all later passes make of it, computes the same. */
function split(cacheBytes: number, build: (b: Builder) => string): { before: Network; after: Network } {
  const b = new Builder(), g = b.graph(build(b)), f = withCache(cacheBytes), before = ahead("split-sums", g), after = splitSums(before, f);
  const feeds = new Map([...feedsOf(ready(g), 1)].map(([v, c]) => [tensorOf(v), c.data])), want = evaluateNetwork(before, feeds);
  const same = (n: Network, pass: string) => {
    expect(verifyNetwork(n), pass).toEqual([]);
    const got = evaluateNetwork(n, feeds);
    for (const v of before.outputs) expect(difference(got.get(v)!, want.get(v)!), pass).toBeLessThanOrEqual(1e-5);
  };
  same(after, "split-sums");
  networkPasses.slice(networkPasses.findIndex((p) => p.name === "split-sums") + 1).reduce((n, p) => { const made = p.run(n, f); same(made, p.name); return made; }, after);
  return { before, after };
}
const termsOf = (n: Network): readonly number[] => n.computes.flatMap((c) => (c.stages[0]!.reduce ? [c.stages[0]!.reduce.axes.reduce((x, a) => x * extentOf(a), 1)] : []));

describe("split-sums", () => {
  test("a product of many terms, with bias, residual and activation behind the last part only", () => {
    const { after } = split(2 * 4 * 64 * 100, (b) => {
      const x = b.input("x", [24, 250]), r = b.input("r", [24, 70]);
      return b.op("Relu", [b.op("Add", [b.op("Gemm", [x, b.constant([250, 70]), b.constant([70])]), r])]);
    });
    expect(termsOf(after)).toEqual([96, 96, 58]);
    const parts = after.computes.filter((c) => c.stages[0]!.reduce);
    expect(parts.map((c) => c.tensors.some((t) => t.name === tensorOf("r")))).toEqual([false, false, true]);
    expect(after.tensors.get(parts[0]!.outputs[0]!.tensor)).toMatchObject({ kind: "temporary", shape: [24, 70] });
  });
  test("channels of a dilated convolution with padding, into a part of a concatenation", () => {
    const { before, after } = split(2 * 4 * 40 * 9 * 8, (b) => {
      const x = b.input("x", [1, 30, 7, 6]), conv = (n: number) => b.op("Conv", [x, b.constant([n, 30, 3, 3])], { pads: [2, 2, 2, 2], dilations: [2, 2] });
      return b.op("Concat", [b.op("Relu", [conv(40)]), b.op("Neg", [x]), conv(8)], { axis: 1 });
    });
    expect([termsOf(before), termsOf(after)]).toEqual([[270, 270], [270, 72, 72, 72, 54]]);
  });
  test("two products of other widths into parts of one tensor have sums of their own", () => {
    const { after } = split(2 * 4 * 32 * 100, (b) => {
      const x = b.input("x", [24, 250]), product = (n: number) => b.op("Gemm", [x, b.constant([250, n]), b.constant([n])]);
      return b.op("Concat", [b.op("Relu", [product(40)]), b.op("Relu", [product(48)])], { axis: 1 });
    });
    const sums = [...after.tensors.values()].filter((t) => t.name.startsWith("sum "));
    expect(termsOf(after).reduce((x, y) => x + y, 0)).toBe(500);
    expect(new Set(sums.map((t) => t.shape[1]))).toEqual(new Set([40, 48]));
    expect(new Set(sums.map((t) => t.name)).size).toBe(termsOf(after).length - 2);
  });
  test("sums over a window whose channels are fewer than its taps", () => {
    expect(termsOf(split(2 * 4 * 16 * 20, (b) => b.op("Conv", [b.input("x", [1, 2, 9, 9]), b.constant([16, 2, 3, 7])])).after)).toEqual([18, 18, 6]);
  });
  test("not where a few rows read the weights once, both factors are computed, or all fits", () => {
    const product = (rows: number, columns = 70) => (b: Builder) => b.op("MatMul", [b.input("x", [rows, 250]), b.constant([250, columns])]);
    expect(termsOf(split(2 * 4 * 64 * 100, product(12)).after)).toEqual([250]);
    expect(termsOf(split(2 * 4 * 64 * 251, product(24)).after)).toEqual([250]);
    const b = new Builder(), n = ahead("split-sums", b.graph(product(24)(b)));
    // Behind the second cache of this one is another that is fast enough.
    expect(splitSums(n, { ...facts, panels: { ...facts.panels!, machines: facts.panels!.machines.map((m) => ({ ...m, cacheBytes: 4096 })) } })).toBe(n);
    expect(termsOf(split(2 * 4 * 64 * 100, product(24, 16)).after)).toEqual([250]);
    expect(termsOf(split(2 * 4 * 64 * 100, (b) => b.op("MatMul", [b.input("x", [24, 250]), b.input("y", [250, 70])])).after)).toEqual([250]);
  });
});
