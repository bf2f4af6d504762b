import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { chooseProducts } from "../../../compiler/passes/network/choose-products.ts";
import { combinedWeights } from "../../../compiler/passes/network/strassen.ts";
import { axis } from "../../../compiler/ir/compute.ts";
import { f32 } from "../../../compiler/ir/algebra.ts";
import type { Load } from "../../../compiler/ir/scalar.ts";
import { combined, weightOf } from "../../support/combine.ts";
import { Builder } from "../graphs.ts";
import { ahead, facts, names, upTo } from "./build.ts";

const product = (rows: readonly number[], k: number, n: number): Graph => {
  const b = new Builder();
  return b.graph(b.op("Relu", [b.op("Add", [b.op("MatMul", [b.op("Exp", [b.input("x", [...rows, k])]), b.constant([k, n])]), b.constant([n])])]));
};
const pointwise = (from: number, to: number, size: readonly [number, number], attributes: Readonly<Record<string, number | readonly number[]>> = {}, kernel = 1): Graph => {
  const b = new Builder(), x = b.op("Exp", [b.input("x", [1, from, ...size])]), y = b.op("Conv", [x, b.constant([to, from / ((attributes.group as number | undefined) ?? 1), kernel, kernel]), b.constant([to])], attributes);
  return b.graph(b.op("Relu", [y]));
};
const chosen = (g: Graph) => chooseProducts(ahead("choose-products", g), facts).computes.filter((c) => c.algorithm?.kind === "strassen").length;
describe("choose-products", () => {
  test("large products with constants: 7 products of halves, the tail comes along", () => {
    const n = upTo("choose-products", product([66], 256, 256), 1e-5), s = n.computes.find((c) => c.algorithm)!;
    expect(s.algorithm).toEqual({ kind: "strassen", macs: 66 * 256 * 256 });
    expect(s.stages.at(-1)!.finish).toBeDefined();
    expect([...n.tensors.values()].filter((t) => t.name.startsWith("strassen")).map((t) => t.shape)).toEqual([[7, 128, 128]]);
  });
  test.each<[string, Graph]>([
    ["an odd number of rows", product([2, 33], 256, 256)], ["a convolution of 1x1", pointwise(256, 256, [8, 9])], ["stride 2", pointwise(256, 256, [18, 16], { strides: [2, 2] })],
    ["an odd number of pixels in rows of odd length", pointwise(256, 256, [11, 11])],
  ])("the same results: %s", (_, g) => expect(names(upTo("choose-products", g, 1e-5))).toContain("strassen"));
  test.each<[string, Graph]>([
    ["few rows", product([16], 256, 256)], ["short sums", product([66], 32, 256)], ["few columns", product([66], 256, 32)], ["columns that are no whole panels", product([66], 256, 264)],
    ["sums of odd length", product([66], 255, 256)], ["groups", pointwise(512, 512, [8, 8], { group: 2 })], ["windows", pointwise(64, 256, [12, 12], {}, 2)],
  ])("not with %s", (_, g) => expect(chosen(g)).toBe(0));
  test("not where the other operand is known at run time only", () => {
    const b = new Builder();
    expect(chosen(b.graph(b.op("MatMul", [b.input("x", [66, 256]), b.input("w", [256, 256])])))).toBe(0);
  });
  test("shared weights are combined once", () => {
    const b = new Builder(), w = b.constant([256, 256]), n = upTo("choose-products", b.graph(b.op("MatMul", [b.op("MatMul", [b.input("x", [66, 256]), w]), w])), 1e-5);
    expect(names(n).filter((x) => x === "strassen")).toHaveLength(2);
    expect([...n.tensors.keys()].filter((x) => x.startsWith("strassen"))).toHaveLength(1);
  });
});
test("weights are combined of quarters", () => {
  const [m, k, n] = [axis("m", 32), axis("k", 2), axis("n", 2)], stage = { name: "product", axes: [m, n], value: f32(0), reduce: { op: "add", axes: [k] } } as const;
  const o = { compute: { name: "product", origin: [], tensors: [], stages: [stage], outputs: [] }, stage, operand: {} as Load, rows: [m], k, n };
  expect([...combined(combinedWeights(o, weightOf([2, 2]), [k, n]), Float32Array.of(1, 10, 100, 1000))]).toEqual([1, 100, 1000, 891, 9, 991, 990]);
});
