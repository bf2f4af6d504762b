import { describe, expect, test } from "vitest";
import { extentOf } from "../../../compiler/ir/compute.ts";
import { Builder } from "../graphs.ts";
import { of, upTo } from "./build.ts";

type Attributes = Readonly<Record<string, number | readonly number[]>>;
const transposed = (shape: readonly number[], w: readonly number[], attributes: Attributes) => { const b = new Builder(); return upTo("split-phases", b.graph(b.op("Exp", [b.op("ConvTranspose", [b.input("x", shape), b.constant(w)], attributes)]))); };
describe("split-phases", () => {
  test("a stride of two cuts both dimensions; the tail comes along", () => {
    const [s] = of(transposed([1, 4, 3, 5], [4, 6, 2, 2], { strides: [2, 2] }), "convtranspose0").stages;
    expect(s!.axes.map(extentOf)).toEqual([1, 6, 3, 2, 5, 2]);
    expect(s!.finish).toBeDefined();
  });
  test("different strides", () => expect(of(transposed([1, 4, 3, 5], [4, 6, 3, 2], { strides: [3, 2] }), "convtranspose0").stages[0]!.axes.map(extentOf)).toEqual([1, 6, 3, 3, 5, 2]));
  test("a dimension that the stride does not divide stays whole", () => expect(of(transposed([1, 4, 3, 3], [4, 6, 3, 2], { strides: [2, 2] }), "convtranspose0").stages[0]!.axes.map(extentOf)).toEqual([1, 6, 7, 3, 2]));
  test("plain convolutions stay as they are", () => {
    const b = new Builder(), n = upTo("split-phases", b.graph(b.op("Conv", [b.input("x", [1, 4, 6, 6]), b.constant([4, 4, 2, 2])], { strides: [2, 2] })));
    expect(n.computes[0]!.stages[0]!.axes).toHaveLength(4);
  });
});
