import { describe, expect, test } from "vitest";
import { axis, rowMajor, tensor, type Layout, type Source, type Tensor } from "../../../compiler/ir/compute.ts";
import { make } from "../../../compiler/ir/algebra.ts";
import { int, minus, plus, times } from "../../../compiler/ir/linear.ts";
import { arrayOf, type ElementArray } from "../../../compiler/ir/types.ts";
import { ConstantBlob } from "../../../compiler/passes/network/pack-constants.ts";
import { fromSource, toLayout } from "../../support/layouts.ts";

const count = (n: number) => arrayOf("f32", Array.from({ length: n }, (_, i) => i + 1));
/** The weight's elements as they lie in the blob. */
function packed(t: Tensor, shape: readonly number[], data: ElementArray): Float32Array {
  const blob = new ConstantBlob(), at = blob.place(t, { name: "w", shape, data }), bytes = blob.bytes();
  expect(at % 64).toBe(0);
  return new Float32Array(bytes.buffer, at, (bytes.length - at) >> 2);
}
const layouts: readonly (readonly [string, readonly number[], Layout])[] = [
  ["row-major", [3, 5], rowMajor(2)], ["turned around", [3, 5], { parts: [{ dim: 1 }, { dim: 0 }] }], ["four dimensions turned", [2, 3, 4, 5], { parts: [{ dim: 2 }, { dim: 0 }, { dim: 3 }, { dim: 1 }] }],
  ["in panels of 16", [7, 40], { parts: [{ dim: 1, quo: 16 }, { dim: 0 }, { dim: 1, rem: 16 }] }], ["in panels, fewer columns than one", [7, 5], { parts: [{ dim: 1, quo: 16 }, { dim: 0 }, { dim: 1, rem: 16 }] }],
  ["of a convolution in panels", [3, 3, 5, 20], { parts: [{ dim: 3, quo: 16 }, { dim: 0 }, { dim: 1 }, { dim: 2 }, { dim: 3, rem: 16 }] }], ["with gaps", [3, 5], { ...rowMajor(2), pad: [0, 3] }], ["with a margin", [3, 5], { ...rowMajor(2), halo: [[1, 0], [2, 1]] }], ["one number", [], rowMajor(0)],
];
describe("pack-constants", () => {
  test.each(layouts)("%s", (_, shape, layout) => {
    const data = count(shape.reduce((a, b) => a * b, 1)), want = toLayout("f32", shape, layout, data), got = packed(tensor("w", "weight", shape, { layout }), shape, data);
    expect([...got.subarray(0, want.length)]).toEqual([...(want as Float32Array)]);
  });
  const a = axis("a", 4), b = axis("b", 6), sources: readonly (readonly [string, readonly number[], Source])[] = [
    ["turned", [6, 4], { of: "w", axes: [a, b], at: [b, a] }], ["a row of it", [3, 6], { of: "w", axes: [b], at: [int(2), b] }], ["backwards, in steps", [6, 8], { of: "w", axes: [a, b], at: [minus(int(5), b), plus(times(a, 2), int(1))] }],
    ["by quotients and remainders", [24], { of: "w", axes: [b, a], at: [plus(times(a, 6), b)] }], ["every other one", [2, 6], { of: "w", axes: [a, b], at: [make("quo", a, int(2)), b] }], ["modulo", [3, 6], { of: "w", axes: [a, b], at: [make("rem", a, int(3)), b] }],
    ["clamped", [3, 6], { of: "w", axes: [a, b], at: [make("min", a, int(2)), make("max", minus(b, int(1)), int(0))] }],
  ];
  test.each(sources)("made from another constant: %s", (_, shape, source) => {
    const data = count(shape.reduce((x, y) => x * y, 1)), extents = source.axes.map((x) => x.range[1] + 1), layout: Layout = { parts: [{ dim: extents.length - 1, quo: 4 }, ...extents.slice(0, -1).map((__, dim) => ({ dim })), { dim: extents.length - 1, rem: 4 }] };
    for (const l of [rowMajor(extents.length), layout]) {
      const want = toLayout("f32", extents, l, fromSource("f32", source, shape, data)), got = packed(tensor("p", "weight", extents, { layout: l, source }), shape, data);
      expect([...got.subarray(0, want.length)]).toEqual([...(want as Float32Array)]);
    }
  });
  test("the same weight in the same layout lies there once; other types and layouts do not share", () => {
    const blob = new ConstantBlob(), from = { name: "w", shape: [2, 3], data: count(6) }, w = tensor("w", "weight", [2, 3]), turned = tensor("w", "weight", [2, 3], { layout: { parts: [{ dim: 1 }, { dim: 0 }] } });
    const places = [blob.place(w, from), blob.place(w, from), blob.place(turned, from), blob.place(w, { ...from, name: "v" })];
    expect(places).toEqual([0, 0, 64, 128]);
    expect(blob.bytes().length).toBe(192);
  });
  test.each(["f64", "i8", "i64", "bool"] as const)("elements of %s", (t) => {
    const data = arrayOf(t, [0, 1, 1, 0, 1, 1]), blob = new ConstantBlob(), at = blob.place(tensor("w", "weight", [2, 3], { dtype: t, layout: { parts: [{ dim: 1 }, { dim: 0 }] } }), { name: "w", shape: [2, 3], data });
    const want = toLayout(t, [2, 3], { parts: [{ dim: 1 }, { dim: 0 }] }, data);
    expect([...blob.bytes().subarray(at, at + want.byteLength)]).toEqual([...new Uint8Array(want.buffer)]);
  });
});
