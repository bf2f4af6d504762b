import { expect, test } from "vitest";
import { recogniseQuantised } from "../../compiler/passes/graph/recognise-quantised.ts";
import { Builder, check, operators } from "./graphs.ts";

const bytes = (count: number) => Array.from({ length: count }, (_, i) => ((i * 37) % 200) - 100);
/** Bytes of run time as floats. */
const read = (b: Builder, name: string, shape: readonly number[]) => b.op("DequantizeLinear", [b.input(name, shape, "u8"), b.constant([], [0.5]), b.constant([], [3], "u8")]);
/** A constant of bytes as floats, one scale for each element along an axis if there are several. */
const held = (b: Builder, shape: readonly number[], scales: readonly number[] = [0.25], axis = 0) =>
  b.op("DequantizeLinear", [b.constant(shape, bytes(shape.reduce((x, y) => x * y)), "i8"), b.constant(scales.length > 1 ? [scales.length] : [], scales), b.constant(scales.length > 1 ? [scales.length] : [], scales.map(() => 0), "i8")], { axis });
const quantised = (b: Builder, x: string, zero = 0) => b.op("QuantizeLinear", [x, b.constant([], [64]), b.constant([], [zero], "u8")]);
const bias = (b: Builder, scales: readonly number[]) => b.op("DequantizeLinear", [b.constant([4], [5, -8, 100, 7], "i32"), b.constant([scales.length], scales), b.constant([scales.length], scales.map(() => 0), "i32")], { axis: 0 });

test("a convolution between bytes, its bias in the scale of the products; a Relu that the limits carry out", () => {
  const b = new Builder(), x = read(b, "x", [1, 3, 6, 6]), scales = [0.25, 0.5, 1, 2];
  const conv = (w: string, ...more: readonly string[]) => b.op("Conv", [x, w, ...more], { pads: [1, 1, 1, 1], strides: [2, 2] });
  const g = b.graph(quantised(b, conv(held(b, [4, 3, 3, 3], scales), bias(b, scales.map((s) => s / 2))), 128), quantised(b, b.op("Relu", [conv(held(b, [4, 3, 3, 3]))])));
  expect(operators(check(g, recogniseQuantised, { tolerance: 0.01 }))).toEqual(["QLinearConv", "QLinearConv"]);
});
test("other convolutions are integers times scales", () => {
  const b = new Builder(), x = read(b, "x", [1, 4, 6, 6]), g = b.graph(
    b.op("Conv", [x, held(b, [4, 1, 3, 3], [0.25, 0.5, 1, 2]), bias(b, [0.3])], { group: 4 }), quantised(b, b.op("Relu", [b.op("Conv", [x, held(b, [2, 4, 1, 1])])]), 7),
  );
  const after = check(g, recogniseQuantised);
  expect(operators(after).filter((op) => op.includes("Conv"))).toEqual(["ConvInteger", "ConvInteger"]);
  expect(operators(after)).toContain("Relu");
});
test("matrix products and Gemm", () => {
  const b = new Builder(), x = read(b, "x", [5, 6]);
  const g = b.graph(b.op("MatMul", [x, held(b, [6, 3], [1, 0.5, 2], 1)]), b.op("Gemm", [x, held(b, [3, 6], [1, 0.5, 2], 0), b.constant([3], [1, 2, 3])], { transB: 1 }));
  expect(operators(check(g, recogniseQuantised)).filter((op) => op.includes("M"))).toEqual(["MatMulInteger", "Mul", "MatMulInteger", "Mul"]);
});
test("what is no product of bytes and constants of bytes stays", () => {
  const b = new Builder(), x = read(b, "x", [6, 6]), g = b.graph(
    b.op("MatMul", [x, x]), b.op("MatMul", [x, b.constant([6, 2])]), b.op("MatMul", [x, held(b, [6, 3], [1, 2, 3, 4, 5, 6], 0)]), b.op("Gemm", [x, held(b, [6, 3])], { transA: 1 }), b.op("Gemm", [x, held(b, [6, 3])], { alpha: 2 }),
  );
  expect(operators(check(g, recogniseQuantised))).toEqual(operators(g));
});
