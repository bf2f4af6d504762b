/** Quantised numbers, also in the forms that ONNX Runtime's quantiser writes. */
import { describe, expect, it } from "vitest";
import { f32, listOf, runOp, sample, scalarOf, tensorOf, valuesOf } from "./harness.ts";
import { reader, tabulate } from "./reference.ts";
import { roundHalfEven } from "../../compiler/ir/functions.ts";

const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
describe("QuantizeLinear", () => {
  it("rounds halves to even and holds the limits", () => {
    const x = f32([6], [0.5, 1.5, 2.5, -1, 300, -0.5]);
    expect(valuesOf("QuantizeLinear", [x, scalarOf("f32", 1)])).toEqual([0, 2, 2, 0, 255, 0]);
    expect(valuesOf("QuantizeLinear", [x, scalarOf("f32", 1), scalarOf("i8", -3)])).toEqual([-3, -1, -1, -4, 127, -3]);
    expect(runOp("QuantizeLinear", [x, scalarOf("f32", 1)], { output_dtype: 5 })[0]!.dtype).toBe("i16");
  });
  it("takes a scale per index of an axis, or per block", () => {
    const x = f32([2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(valuesOf("QuantizeLinear", [x, f32([2], [1, 0.5]), tensorOf("u8", [2], [0, 10])], { axis: 0 })).toEqual([1, 2, 3, 4, 20, 22, 24, 26]);
    expect(valuesOf("QuantizeLinear", [x, f32([2, 2], [1, 0.5, 2, 4])], { axis: 1, block_size: 2 })).toEqual([1, 2, 6, 8, 2, 3, 2, 2]);
  });
});
describe("DequantizeLinear", () => {
  it("undoes it", () => {
    const q = tensorOf("i8", [2, 3], [-128, 0, 127, 1, 2, 3]);
    expect(valuesOf("DequantizeLinear", [q, f32([3], [0.5, 1, 2]), tensorOf("i8", [3], [-128, 0, 27])])).toEqual([0, 0, 200, 64.5, 2, -48]);
    expect(valuesOf("DequantizeLinear", [tensorOf("i32", [1], [-70000]), scalarOf("f32", 0.5)])).toEqual([-35000]);
  });
});
it("DynamicQuantizeLinear has 0 among its numbers", () => {
  const [y, scale, zero] = runOp("DynamicQuantizeLinear", [f32([4], [1, 2, 3, 5.1])], {}, { outputs: 3 });
  expect([listOf(scale!), listOf(zero!), listOf(y!)]).toEqual([[Math.fround(Math.fround(5.1) / 255)], [0], [50, 100, 150, 255]]);
  expect(listOf(runOp("DynamicQuantizeLinear", [f32([2], [0, 0])], {}, { outputs: 3 })[0]!)).toEqual([0, 0]);
});
it("QLinearMatMul rescales rows and columns", () => {
  const a = tensorOf("u8", [2, 2], [10, 20, 30, 40]), b = tensorOf("i8", [2, 2], [1, -2, 3, -4]), A = reader(a), B = reader(b), sa = [0.5, 0.25], sb = [1, 2];
  const got = valuesOf("QLinearMatMul", [a, f32([2], sa), tensorOf("u8", [2], [10, 20]), b, f32([2], sb), tensorOf("i8", [2], [0, 1]), scalarOf("f32", 2), scalarOf("u8", 100)]);
  expect(got).toEqual(tabulate([2, 2], ([m, n]) => {
    const sum = [0, 1].reduce((s, k) => s + (A(m!, k) - [10, 20][m!]!) * (B(k, n!) - n!), 0);
    return clamp(roundHalfEven((sum * sa[m!]! * sb[n!]!) / 2) + 100, 0, 255);
  }));
});
describe("by way of floats", () => {
  const q = tensorOf("u8", [2, 2], [0, 50, 100, 200]), r = tensorOf("u8", [2], [10, 20]), number = (x: number) => scalarOf("f32", x), zero = (x: number) => scalarOf("u8", x);
  const real = (x: number) => (x - 100) * 0.1, other = (x: number) => (x - 10) * 0.5, out = (x: number) => clamp(roundHalfEven(x / 0.2) + 128, 0, 255);
  it.each([["Add", (a: number, b: number) => a + b], ["Mul", (a: number, b: number) => a * b]] as const)("QLinear%s", (op, f) => {
    const got = valuesOf(`com.microsoft.QLinear${op}`, [q, number(0.1), zero(100), r, number(0.5), zero(10), number(0.2), zero(128)], {}, { runtime: [3] });
    const want = tabulate([2, 2], ([i, j]) => out(f(real(reader(q)(i!, j!)), other(reader(r)(j!)))));
    got.forEach((x, i) => expect(Math.abs(x - want[i]!)).toBeLessThanOrEqual(1));
  });
  it("joins what has different scales", () => {
    const got = valuesOf("com.microsoft.QLinearConcat", [number(1), zero(0), q, number(1), zero(0), q, number(0.5), zero(0)], { axis: 0 }, { runtime: [2, 5] });
    expect(got).toEqual([0, 50, 100, 200, 0, 25, 50, 100]);
  });
  it("averages", () => {
    const x = tensorOf("u8", [1, 1, 2, 2], [0, 50, 100, 200]);
    expect(valuesOf("com.microsoft.QLinearGlobalAveragePool", [x, number(1), zero(0), number(0.5), zero(1)])).toEqual([176]);
  });
});
it("a sum of quantised products does not depend on the kind of input", () => {
  const x = sample([1, 2, 3, 3]), u = tensorOf("u8", x.shape, listOf(x).map((v) => Math.round((v + 2) * 60))), w = tensorOf("i8", [2, 2, 2, 2], tabulate([16], ([i]) => ((i! * 37) % 255) - 127));
  const f = valuesOf("Conv", [f32(u.shape, listOf(u).map((v) => v - 9)), f32(w.shape, listOf(w))]);
  expect(valuesOf("ConvInteger", [u, w, scalarOf("u8", 9)])).toEqual(f);
});
