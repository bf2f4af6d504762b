/** Elementwise operators where ONNX's cases do not look: integers, NaN, infinities, scalars that are known. */
import { describe, expect, it } from "vitest";
import { f32, listOf, runOp, sample, scalarOf, tensorOf, valuesOf } from "./harness.ts";
import { erf } from "../../compiler/ir/functions.ts";
import type { Constant } from "../../compiler/ir/graph.ts";
import type { DType, Num } from "../../compiler/ir/types.ts";

const ints = (dtype: DType, ...values: Num[]): Constant => tensorOf(dtype, [values.length], values);
const exactly = (c: Constant): readonly Num[] => Array.from(c.data as ArrayLike<Num>);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x)), softplus = (x: number) => Math.log1p(Math.exp(x));

describe("formulas", () => {
  const x = sample([64]), points = listOf(x);
  const cases: readonly (readonly [op: string, f: (x: number) => number, attributes?: Record<string, number | string>])[] = [
    ["Sigmoid", sigmoid], ["Softplus", softplus], ["Mish", (v) => v * Math.tanh(softplus(v))], ["Swish", (v) => v * sigmoid(1.5 * v), { alpha: 1.5 }],
    ["Softsign", (v) => v / (1 + Math.abs(v))], ["HardSigmoid", (v) => Math.min(1, Math.max(0, 0.3 * v + 0.4)), { alpha: 0.3, beta: 0.4 }],
    ["HardSwish", (v) => v * Math.min(1, Math.max(0, v / 6 + 0.5))], ["Elu", (v) => (v < 0 ? 0.7 * Math.expm1(v) : v), { alpha: 0.7 }],
    ["Selu", (v) => 1.0507010221481323 * (v > 0 ? v : 1.6732631921768188 * Math.expm1(v))], ["Celu", (v) => (v < 0 ? 2 * Math.expm1(v / 2) : v), { alpha: 2 }],
    ["Gelu", (v) => 0.5 * v * (1 + erf(v / Math.SQRT2))], ["LeakyRelu", (v) => (v < 0 ? 0.01 * v : v)], ["ThresholdedRelu", (v) => (v > 0.5 ? v : 0), { alpha: 0.5 }],
    ["Gelu", (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))), { approximate: "tanh" }],
    ["Shrink", (v) => (v < -0.4 ? v + 0.1 : v > 0.4 ? v - 0.1 : 0), { bias: 0.1, lambd: 0.4 }], ["Reciprocal", (v) => 1 / v], ["Erf", erf],
  ];
  it.each(cases.map(([op, f, attributes = {}]) => ({ op, f, attributes })))("$op $attributes", ({ op, f, attributes }) => {
    const got = valuesOf(op, [x], attributes);
    points.forEach((p, i) => expect(Math.abs(got[i]! - f(p))).toBeLessThan(2e-6 * Math.max(1, Math.abs(f(p)))));
  });
  it("do not overflow inside", () => {
    expect(valuesOf("Softplus", [f32([3], [-200, 0, 200])])).toEqual([0, Math.fround(Math.log(2)), 200]);
    expect(valuesOf("Sigmoid", [f32([2], [-200, 200])])).toEqual([0, 1]);
  });
});
describe("integers", () => {
  it("divide towards zero, and take remainders with either sign", () => {
    const a = ints("i32", -7, 7, -7, 7), b = ints("i32", 2, -2, -2, 2);
    expect(valuesOf("Div", [a, b])).toEqual([-3, -3, 3, 3]);
    expect(valuesOf("Mod", [a, b])).toEqual([1, -1, -1, 1]);
    expect(valuesOf("Mod", [a, b], { fmod: 1 })).toEqual([-1, 1, -1, 1]);
    expect(exactly(runOp("Mod", [ints("i64", -7n, 9007199254740993n), ints("i64", 3n, 2n)])[0]!)).toEqual([2n, 1n]);
  });
  it("wrap around", () => {
    expect(valuesOf("Add", [ints("u8", 250), ints("u8", 10)])).toEqual([4]);
    expect(valuesOf("Mul", [ints("i8", 100), ints("i8", 2)])).toEqual([-56]);
    expect(exactly(runOp("Mul", [ints("i64", 3037000500n), ints("i64", 3037000500n)])[0]!)).toEqual([BigInt.asIntN(64, 3037000500n ** 2n)]);
    expect(valuesOf("Neg", [ints("i8", -128)])).toEqual([-128]);
  });
  it("have powers, also to a float", () => {
    expect(exactly(runOp("Pow", [ints("i64", 3n, -2n), ints("i64", 4n, 3n)])[0]!)).toEqual([81n, -8n]);
    expect(valuesOf("Pow", [ints("i32", 9), f32([1], [0.5])])).toEqual([3]);
    expect(valuesOf("Pow", [f32([2], [2, 3]), ints("i64", 10n)])).toEqual([1024, 59049]);
    expect(valuesOf("Pow", [ints("i32", 2, 1), ints("i32", -1)])).toEqual([0, 1]);
    for (const e of [-4, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 5]) {
      const [got] = valuesOf("Pow", [f32([1], [2.5]), f32([1], [e])]);
      expect(Math.abs(got! / 2.5 ** e - 1)).toBeLessThan(3e-7);
    }
  });
  it("shift all bits out", () => {
    expect(valuesOf("BitShift", [ints("u8", 255, 255, 255), ints("u8", 4, 8, 200)], { direction: "LEFT" })).toEqual([240, 0, 0]);
    expect(valuesOf("BitShift", [ints("u32", 0xffffffff, 8), ints("u32", 31, 33)], { direction: "RIGHT" })).toEqual([1, 0]);
  });
  it("have signs and bounds", () => {
    expect(valuesOf("Sign", [ints("u8", 0, 200)])).toEqual([0, 1]);
    expect(valuesOf("Abs", [ints("u16", 40000)])).toEqual([40000]);
    expect(valuesOf("Clip", [ints("i64", -5n, 5n), scalarOf("i64", -2n), scalarOf("i64", 3n)])).toEqual([-2, 3]);
    expect(valuesOf("BitwiseNot", [ints("u8", 0b1010)])).toEqual([0b11110101]);
  });
});
describe("floats", () => {
  it("let NaN through where it is the value", () => {
    const x = f32([2], [NaN, -1]);
    expect(valuesOf("Relu", [x])).toEqual([NaN, 0]);
    expect(valuesOf("Clip", [x, scalarOf("f32", 0), scalarOf("f32", 6)])).toEqual([NaN, 0]);
    expect(valuesOf("Sign", [x])).toEqual([NaN, -1]);
    expect(valuesOf("IsNaN", [x])).toEqual([1, 0]);
  });
  it("know infinities by sign", () => {
    const x = f32([3], [Infinity, -Infinity, 1]);
    expect(valuesOf("IsInf", [x])).toEqual([1, 1, 0]);
    expect(valuesOf("IsInf", [x], { detect_negative: 0 })).toEqual([1, 0, 0]);
    expect(valuesOf("IsInf", [x], { detect_negative: 0, detect_positive: 0 })).toEqual([0, 0, 0]);
  });
  it("round halves to even", () => expect(valuesOf("Round", [f32([5], [0.5, 1.5, 2.5, -0.5, -1.5])])).toEqual([0, 2, 2, -0, -2]));
  it("become integers towards zero, and truth unless they are 0", () => {
    const x = f32([4], [-1.9, 1.9, 0, NaN]);
    expect(valuesOf("Cast", [f32([2], [-1.9, 1.9])], { to: 6 })).toEqual([-1, 1]);
    expect(valuesOf("Cast", [x], { to: 9 })).toEqual([1, 1, 0, 1]);
    expect(valuesOf("CastLike", [ints("bool", 1, 0), scalarOf("f64", 0)])).toEqual([1, 0]);
  });
  it("show their bits", () => {
    expect(valuesOf("BitCast", [f32([2], [1, -0])], { to: 12 })).toEqual([0x3f800000, 0x80000000]);
    expect(valuesOf("BitCast", [ints("u32", 0x40490fdb)], { to: 1 })).toEqual([Math.fround(Math.PI)]);
  });
});
describe("broadcasting", () => {
  it("treats a known scalar and a run-time one alike", () => {
    const x = sample([2, 3]), half = f32([1, 1], [0.5]);
    for (const op of ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"]) {
      const base = op === "Pow" ? runOp("Abs", [x])[0]! : x;
      expect(valuesOf(op, [base, half], {}, { runtime: [1] }).map(Math.fround)).toEqual(valuesOf(op, [base, half]).map(Math.fround));
    }
  });
  it("takes any number of operands, and one twice", () => {
    expect(valuesOf("Sum", [f32([2, 1], [1, 2]), f32([2], [10, 20]), scalarOf("f32", 100)])).toEqual([111, 121, 112, 122]);
    expect(valuesOf("Mean", [f32([2], [1, 2]), f32([2], [3, 6])])).toEqual([2, 4]);
    expect(valuesOf("Where", [ints("bool", 1, 0), f32([2, 1], [1, 2]), scalarOf("f32", 9)])).toEqual([1, 9, 2, 9]);
  });
});
