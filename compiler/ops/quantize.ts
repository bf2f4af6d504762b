/** Integers that stand for floats: x = (q - zero point) * scale. */
import { add, convert, div, make, mul, select, sub } from "../ir/algebra.ts";
import { accumulator, at, type Stage } from "../ir/compute.ts";
import { int } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { isSmallFloat } from "../ir/formats.ts";
import { isFloat, limits, typeOfOnnx, type DType } from "../ir/types.ts";
import type { Dim, ValueType } from "../ir/graph.ts";
import { castTo } from "./cast.ts";
import { convolutionShape, convolve } from "./convolution.ts";
import { dimsOf, expectOne, expectShape } from "./checks.ts";
import { computeOutputs, expectType, floats, forOutputs, like, operand, showShape, uniform } from "./helpers.ts";
import { matmul, matmulShape } from "./linear.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";
import { windowAttributes } from "./spatial.ts";

/** Types that stand for floats: integers with a zero point, and small floats. */
const narrow: readonly DType[] = ["u8", "i8", "u16", "i16", "u4", "i4", "u2", "i2"], tiny: readonly DType[] = ["f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f4e2m1"];
const scales: readonly DType[] = [...floats, "f8e8m0"], bytes: readonly DType[] = ["u8", "i8"];
const rounding = { absolute: 1, reason: "a value halfway between two integers may round to the other one" } as const;

/** x, a float of any size, as the nearest integer of the type, held within its limits. */
function quantised(x: Expr, zero: Expr | null, dtype: DType): Expr {
  const [low, high] = limits(dtype), rounded = make("round", x), moved = zero ? add(rounded, convert(x.dtype, zero)) : rounded;
  return convert(dtype, make("min", make("max", moved, like(x, Number(low))), like(x, Number(high))));
}
/** The difference to zero point `i`, of integers as a 32-bit one; the point is left out where it is known to be 0. */
function centred(n: NodeView, x: Expr, i: number, index: readonly Expr[]): Expr {
  // The zero point of small floats is 0.
  if (isFloat(x.dtype)) return x;
  const wide = convert("i32", x), zero = n.has(i) ? uniform(n, i) : 0;
  return zero === undefined ? sub(wide, convert("i32", n.load(i, index))) : Number(zero) === 0 ? wide : sub(wide, constant("i32", zero));
}

/** Where parameter `i` (scale or zero point) of an element of input 0 stands: one for all, one per index along an axis, or one per block. */
function parameterIndex(n: NodeView, i: number, index: readonly Expr[]): readonly Expr[] {
  const { shape } = n.type(i), block = n.int("block_size");
  if (shape.length === 0) return [];
  if (shape.length === 1 && shape[0] === 1 && block === 0) return [int(0)];
  const along = n.axis(n.int("axis"), n.type(0).shape.length);
  if (shape.length > 1 || block > 0) return index.map((x, d) => (d === along && block > 0 ? make("quo", x, int(block)) : x));
  return [index[along]!];
}
/** Fails unless parameter `i` has one of the shapes of `parameterIndex`. */
function expectParameter(n: NodeView, i: number, what: string): void {
  if (!n.has(i)) return;
  const { shape } = n.type(i), X = n.type(0).shape, block = n.int("block_size");
  if (shape.length === 0 || (shape.length === 1 && shape[0] === 1 && block === 0)) return;
  const along = n.axis(n.int("axis"), X.length);
  if (block > 0) expectShape(n, i, n.in(0).shape.map((size, d) => (d === along ? Math.ceil(size / block) : size)), what);
  else if (shape.length !== 1 || shape[0] !== X[along]) {
    n.fail(`${what} (input ${i}) has shape ${showShape(shape)}; it must be one number, or ${X[along]} of them along axis ${along} of ${showShape(X)}`);
  }
}
const parameterAttributes = {
  axis: { kind: "int", default: 1 }, block_size: { kind: "int", default: 0 }, output_dtype: { kind: "int", default: 0 },
} as const satisfies Record<string, AttributeSpec>;
/** The type that attribute output_dtype names; `otherwise` without it. */
function outputType(n: NodeView, otherwise: DType, allowed: readonly DType[]): DType {
  const code = n.int("output_dtype"), found = code === 0 ? otherwise : typeOfOnnx(code);
  return found && allowed.includes(found) ? found : n.fail(`the result would be of ${found ?? `type ${code}`}; supported are ${allowed.join(", ")}`);
}
/** How the quotient and its operands are rounded: as attribute precision says, or else as the scale is. */
function precision(n: NodeView): (x: Expr) => Expr {
  const code = n.int("precision"), { dtype } = n.stored.type(1), type = code === 0 ? (floats.includes(dtype) ? dtype : "f32") : typeOfOnnx(code) ?? n.fail(`attribute precision names type ${code}`);
  const wide = isSmallFloat(type) ? "f32" : type;
  return (x) => convert(wide, convert(type, x));
}
const quantizeLinear: Op = {
  name: "QuantizeLinear", since: 25, inputs: [2, 3], accuracy: rounding,
  attributes: { ...parameterAttributes, precision: { kind: "int", default: 0 }, saturate: { kind: "int", default: 1 } },
  infer: (n) => {
    expectType(n, 0, [...floats, "i32"]);
    expectType(n, 1, [...scales, "i32"]);
    expectParameter(n, 1, "the scale");
    expectParameter(n, 2, "the zero point");
    return [{ dtype: outputType(n, n.has(2) ? n.type(2).dtype : "u8", [...narrow, ...tiny]), shape: n.type(0).shape }];
  },
  lower: (n) => n.map((index) => {
    // A sum with 0 is no -0.
    const to = n.stored.out().dtype, zero = n.has(2) && (uniform(n, 2) !== 0 || to === "f4e2m1") ? n.load(2, parameterIndex(n, 2, index)) : null, precise = precision(n);
    const scale = precise(n.load(1, parameterIndex(n, 1, index))), x = precise(div(precise(n.load(0, index)), scale));
    if (!isFloat(to)) return quantised(x, zero, to);
    return castTo(to, zero && to === "f4e2m1" ? precise(add(x, convert(x.dtype, zero))) : x, n.int("saturate") !== 0);
  }),
};
const dequantizeLinear: Op = {
  name: "DequantizeLinear", since: 25, inputs: [2, 3], foldsLate: true, accuracy: { relative: 1e-6, reason: "one product of floats" }, attributes: parameterAttributes,
  infer: (n) => {
    expectType(n, 0, [...narrow, ...tiny, "i32"]);
    expectType(n, 1, scales);
    if (n.has(2) && n.type(2).dtype !== n.type(0).dtype) n.fail(`the zero point has type ${n.type(2).dtype}, but the input ${n.type(0).dtype}`);
    expectParameter(n, 1, "the scale");
    expectParameter(n, 2, "the zero point");
    return [{ dtype: outputType(n, n.type(1).dtype, floats), shape: n.type(0).shape }];
  },
  lower: (n) => n.map((index) => {
    const scale = n.load(1, parameterIndex(n, 1, index)), x = centred(n, n.load(0, index), 2, n.has(2) ? parameterIndex(n, 2, index) : []);
    return convert(n.out().dtype, mul(convert(scale.dtype, x), scale));
  }),
};
/** The scale of bytes that hold what lies between `low` and `high`, 0 among it. */
export const byteScale = (low: Expr, high: Expr): Expr => { const span = sub(high, low); return select(make("equal", span, like(span, 0)), like(span, 1), div(span, like(span, 255))); };
/** To u8, with scale and zero point from the smallest and the largest element, 0 among them. */
const dynamicQuantizeLinear: Op = {
  name: "DynamicQuantizeLinear", since: 11, inputs: [1, 1], outputs: [3, 3], accuracy: rounding,
  infer: (n) => {
    expectType(n, 0, ["f32"]);
    return forOutputs(n, [{ dtype: "u8", shape: n.type(0).shape }, { dtype: "f32", shape: [] }, { dtype: "u8", shape: [] }]);
  },
  lower: (n) => {
    const axes = n.type(0).shape.map((_, d) => n.axes()[d]!), x = n.load(0, axes), acc = accumulator("f32"), zero = like(x, 0);
    const extreme = (name: string, op: "min" | "max"): Stage =>
      (axes.length ? { name, axes: [], value: x, reduce: { op, axes }, finish: make(op, acc, zero) } : { name, axes: [], value: make(op, x, zero) });
    const low = at({ name: "low" }), high = at({ name: "high" });
    const stages: readonly Stage[] = [
      extreme("low", "min"), extreme("high", "max"),
      { name: "scale", axes: [], value: byteScale(low, high) },
      { name: "zero", axes: [], value: quantised(make("neg", div(low, at({ name: "scale" }))), null, "u8") },
      { name: "quantised", axes, value: quantised(div(x, at({ name: "scale" })), at({ name: "zero", dtype: "u8" }), "u8") },
    ];
    return computeOutputs(n, stages, [stages[4], stages[2], stages[3]]);
  },
};

/** Fails unless a zero point is one number, or one for each of `size` rows or columns. */
function expectZero(n: NodeView, i: number, of: number, rowAxis: -1 | -2): void {
  if (!n.has(i)) return;
  const { shape } = n.type(i), X = n.type(of).shape, size = X.at(rowAxis);
  const one = shape.every((d) => d === 1), line = shape.length === 1 && shape[0] === size;
  const full = shape.length === X.length && shape.every((d, k) => (k === X.length + (rowAxis === -1 ? -2 : -1) ? d === 1 : d === X[k]));
  const lines = rowAxis === -1 ? "columns" : "rows";
  if (!one && !line && !full) {
    n.fail(`input ${i} has shape ${showShape(shape)}; it must be one number, or one for each of the ${size} ${lines} of ${showShape(X)}`);
  }
}
/** Where such a parameter of element `index` of the operand stands; `line` is the element's row or column. */
function zeroIndex(n: NodeView, i: number, index: readonly Expr[], line: Expr | undefined): readonly Expr[] {
  if (!n.has(i)) return [];
  const { shape } = n.type(i);
  return shape.length === 1 && shape[0] !== 1 ? [line ?? int(0)] : shape.map((size, d) => (size === 1 ? int(0) : index[d]!));
}
const integerProduct = (n: NodeView, a: { readonly input: number; readonly zero: number }, b: { readonly input: number; readonly zero: number }) =>
  (ai: readonly Expr[], bi: readonly Expr[]): Expr => mul(
    centred(n, n.load(a.input, ai), a.zero, zeroIndex(n, a.zero, ai, ai.at(-2))),
    centred(n, n.load(b.input, bi), b.zero, zeroIndex(n, b.zero, bi, bi.length > 1 ? bi.at(-1) : undefined)));
const matMulInteger: Op = {
  name: "MatMulInteger", since: 10, inputs: [2, 4],
  infer: (n) => {
    [0, 1].forEach((i) => expectType(n, i, bytes));
    expectZero(n, 2, 0, -2);
    expectZero(n, 3, 1, -1);
    return [{ dtype: "i32", shape: matmulShape(n, dimsOf(n, 0, 1), dimsOf(n, 1, 1)) }];
  },
  lower: (n) => matmul(n, n.type(0).shape, n.type(1).shape, {
    value: integerProduct(n, { input: 0, zero: 2 }, { input: 1, zero: 3 }), finish: (sum) => sum,
  }),
};
/** The sum of products of quantised numbers in the scale of the result. */
const rescaled = (n: NodeView, sum: Expr, scales: Expr, to: Expr, zero: number): Expr => {
  const scale = div(scales, to);
  return quantised(mul(convert(scale.dtype, sum), scale), uniform(n, zero) === 0 ? null : operandOf(n, zero), n.out().dtype);
};
/** The only element of a scalar or of a list of one. */
const operandOf = (n: NodeView, i: number): Expr => operand(n, i, n.type(i).shape.map(() => int(0)));
const qLinearMatMul: Op = {
  name: "QLinearMatMul", since: 21, inputs: [8, 8], accuracy: rounding,
  infer: (n) => {
    [0, 2, 3, 5, 7].forEach((i) => expectType(n, i, bytes));
    expectType(n, 1, floats);
    [4, 6].forEach((i) => expectType(n, i, [n.type(1).dtype]));
    [1, 2].forEach((i) => expectZero(n, i, 0, -2));
    [4, 5].forEach((i) => expectZero(n, i, 3, -1));
    [6, 7].forEach((i) => expectOne(n, i));
    return [{ dtype: n.type(7).dtype, shape: matmulShape(n, dimsOf(n, 0, 1), dimsOf(n, 3, 1)) }];
  },
  lower: (n) => matmul(n, n.type(0).shape, n.type(3).shape, {
    value: integerProduct(n, { input: 0, zero: 2 }, { input: 3, zero: 5 }),
    finish: (sum, row, column, index) => {
      const scale = (i: number, line: Expr | null) => n.load(i, zeroIndex(n, i, index, line ?? undefined));
      return rescaled(n, sum, mul(scale(1, row), scale(4, column)), operandOf(n, 6), 7);
    },
  }),
};
function expectPerChannel(n: NodeView, i: number, channels: Dim): void {
  const shape = n.inputs[i]?.shape;
  if (shape?.some((d) => d !== 1) && (shape.length !== 1 || shape[0] !== channels)) {
    n.fail(`input ${i} has shape ${showShape(shape)}; it must be one number, or one for each of ${channels} output channels`);
  }
}
const perChannel = (n: NodeView, i: number, channel: Expr): readonly Expr[] =>
  (n.has(i) ? n.type(i).shape.map((d) => (d === 1 ? int(0) : channel)) : []);
const convolutionAttributes = { ...windowAttributes, group: { kind: "int", default: 1 } } as const satisfies Record<string, AttributeSpec>;
/** Padding counts as the zero point: nothing is added there. */
const convInteger: Op = {
  name: "ConvInteger", since: 10, inputs: [2, 4], attributes: convolutionAttributes,
  infer: (n) => {
    [0, 1].forEach((i) => expectType(n, i, bytes));
    const shape = convolutionShape(n, 0, 1);
    expectOne(n, 2);
    expectPerChannel(n, 3, n.type(1).shape[0]!);
    return [{ dtype: "i32", shape }];
  },
  lower: (n) => convolve(n, 0, 1, {
    value: (x, w, channel) => mul(centred(n, n.load(0, x), 2, perChannel(n, 2, int(0))), centred(n, n.load(1, w), 3, perChannel(n, 3, channel))),
    finish: (sum) => sum,
  }),
};
const qLinearConv: Op = {
  name: "QLinearConv", since: 10, inputs: [8, 9], accuracy: rounding, attributes: convolutionAttributes,
  infer: (n) => {
    [0, 2, 3, 5, 7].forEach((i) => expectType(n, i, bytes));
    [1, 4, 6].forEach((i) => expectType(n, i, ["f32"]));
    const shape = convolutionShape(n, 0, 3), result: ValueType = { dtype: n.type(7).dtype, shape };
    [1, 2, 6, 7].forEach((i) => expectOne(n, i));
    [4, 5].forEach((i) => expectPerChannel(n, i, n.type(3).shape[0]!));
    expectType(n, 8, ["i32"]);
    expectShape(n, 8, [shape[1]!], "the bias");
    return [result];
  },
  lower: (n) => convolve(n, 0, 3, {
    value: (x, w, channel) => mul(centred(n, n.load(0, x), 2, perChannel(n, 2, int(0))), centred(n, n.load(3, w), 5, perChannel(n, 5, channel))),
    finish: (sum, channel) => {
      const biased = n.has(8) ? add(sum, n.load(8, [channel])) : sum;
      return rescaled(n, biased, mul(operandOf(n, 1), n.load(4, perChannel(n, 4, channel))), operandOf(n, 6), 7);
    },
  }),
};
/** Quantisation, and products of quantised numbers. */
export const quantizers: readonly Op[] = [
  quantizeLinear, dequantizeLinear, dynamicQuantizeLinear, matMulInteger, qLinearMatMul, convInteger, qLinearConv,
  { ...quantizeLinear, name: "com.microsoft.QuantizeLinear", since: 1 }, { ...dequantizeLinear, name: "com.microsoft.DequantizeLinear", since: 1 },
];
