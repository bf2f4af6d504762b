/** Steps over values of any rank. */
import { sizeOf } from "../../compiler/ir/graph.ts";
import { misfit, type Scene, type Step } from "./scene.ts";

const plain = ["Relu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Swish", "Mish", "Softplus", "Softsign", "Elu", "Selu", "Celu",
  "LeakyRelu", "Gelu", "Erf", "Neg", "Abs", "Sin", "Cos", "Atan", "Identity"];
export function activation(s: Scene, x: string): string {
  const { draw } = s;
  switch (draw.int(0, 9)) {
    case 0: case 1: case 2: return s.op("Relu", [x]);
    case 3: return s.op("Clip", [x, draw.chance(0.8) ? s.b.scalar(draw.pick([0, 0, -1])) : "", draw.chance(0.8) ? s.b.scalar(6) : ""]);
    case 4: return s.op("Mul", [x, s.op(draw.pick(["Sigmoid", "HardSigmoid", "Tanh"]), [x])]);
    case 5: return s.op("Div", [s.op("Mul", [x, s.op("Clip", [s.op("Add", [x, s.b.scalar(3)]), s.b.scalar(0), s.b.scalar(6)])]), s.b.scalar(6)]);
    case 6: return s.op("Mul", [s.op("Mul", [x, s.b.scalar(0.5)]),
      s.op("Add", [s.op("Erf", [s.op("Div", [x, s.b.scalar(Math.SQRT2)])]), s.b.scalar(1)])]);
    case 7: return s.op("PRelu", [x, s.numbers(s.rank(x) > 1 && draw.chance(0.7) ? [s.dim(x, 1), ...s.shape(x).slice(2).map(() => 1)] : [1], 0,
      0.5)]);
    default: return s.op(draw.pick(plain), [x]);
  }
}
const safe: Step = (s, x) => {
  switch (s.draw.int(0, 6)) {
    case 0: return s.op("Exp", [s.op("Neg", [s.op("Abs", [x])])]);
    case 1: return s.op("Log", [s.op("Add", [s.op("Abs", [x]), s.b.scalar(1)])]);
    case 2: return s.op("Sqrt", [s.op("Add", [s.op("Mul", [x, x]), s.b.scalar(0.25)])]);
    case 3: return s.op("Reciprocal", [s.op("Add", [s.op("Abs", [x]), s.b.scalar(0.5)])]);
    case 4: return s.op("Pow", [s.op("Tanh", [x]), s.b.scalar(s.draw.pick([2, 3]))]);
    // A root of 0 has no slope: the rounding of a sum that comes to almost nothing would be most of the result.
    case 5: return s.op("Pow", [s.op("Add", [s.op("Abs", [x]), s.b.scalar(0.25)]), s.b.scalar(0.5)]);
    default: return s.op(s.draw.pick(["Tan", "Asinh", "Atanh", "Sinh", "Cosh", "Asin", "Acos"]), [s.op("Mul", [s.op("Tanh", [x]), s.b.scalar(0.9)])]);
  }
};
const binary: Step = (s, x) => {
  const { draw } = s, op = draw.pick(["Add", "Add", "Mul", "Mul", "Sub", "Div", "Max", "Min"]);
  const other = draw.chance(0.5) ? s.partner(x) ?? misfit() : s.numbers(s.broadcastable(x), 0.5, 1.5);
  if (op === "Div" && s.floats.includes(other)) return s.op("Div", [x, s.op("Add", [s.op("Abs", [other]), s.b.scalar(1)])]);
  return s.op(op, op === "Div" || draw.chance(0.6) ? [x, other] : [other, x]);
};
/** Both operands are broadcast. */
const outer: Step = (s, x) => {
  const shape = s.shape(x), axis = s.draw.int(0, shape.length);
  return s.op(s.draw.pick(["Add", "Mul"]), [s.op("Unsqueeze", [x, s.b.ints(axis)]),
    s.numbers([s.draw.int(2, 5), ...shape.slice(axis).map(() => 1)])]);
};
const transpose: Step = (s, x) => (s.rank(x) < 2 ? misfit() : s.op("Transpose", [x], { perm: s.draw.shuffle(s.shape(x).map((_, i) => i)) }));
const channelsLast: Step = (s, x) => {
  const r = s.rank(x), inner = [...Array(r).keys()].slice(2);
  if (r < 3) misfit();
  const last = s.op("Transpose", [x], { perm: [0, ...inner, 1] }), c = s.dim(last, -1);
  const made = s.draw.pick([() => activation(s, last), () => layerNorm(s, last),
    () => s.op("Add", [s.op("MatMul", [last, s.weights([c, c], c)]), s.numbers([c])])])();
  return s.op("Transpose", [made], { perm: [0, r - 1, ...inner.map((i) => i - 1)] });
};
const reshape: Step = (s, x) => {
  const shape = s.shape(x), size = sizeOf(shape), { draw } = s;
  switch (draw.int(0, 3)) {
    case 0: return s.op("Flatten", [x], { axis: draw.int(0, shape.length) });
    case 1: { const a = draw.divisor(size), b = draw.divisor(size / a); return s.op("Reshape",
      [x, s.b.ints(a, draw.chance(0.5) ? -1 : b, size / a / b)]); }
    case 2: return s.rank(x) > 5 ? misfit() : s.op("Unsqueeze", [x, s.b.ints(draw.int(0, shape.length))]);
    default: { const ones = shape.flatMap((n, i) => (n === 1 ? [i] : [])); return ones.length ? s.op("Squeeze",
      [x, s.b.ints(draw.pick(ones))]) : s.op("Reshape", [x, s.b.ints(...shape.map((n, i) => (i === 0 ? -1 : n)))]); }
  }
};
const slice: Step = (s, x) => {
  const shape = s.shape(x), { draw } = s, axes = shape.map((_, i) => i).filter(() => draw.chance(0.5));
  if (axes.length === 0) misfit();
  const per = axes.map((a) => {
    const n = shape[a]!, from = draw.int(0, n - 1), to = draw.int(from + 1, n), step = draw.pick([1, 1, 1, 2, 3, -1]);
    return step > 0 ? { from, to, step } : { from: to - 1, to: from === 0 ? -n - 1 : from - 1, step };
  });
  return s.op("Slice", [x, s.b.ints(...per.map((p) => p.from)), s.b.ints(...per.map((p) => p.to)), s.b.ints(...axes),
    s.b.ints(...per.map((p) => p.step))]);
};
const split: Step = (s, x) => {
  const shape = s.shape(x), axis = s.draw.int(0, shape.length - 1), n = shape[axis] ?? misfit();
  if (n < 2) misfit();
  const first = s.draw.int(1, n - 1), rest = n - first, sizes = rest > 1 && s.draw.chance(0.5) ? [first, 1, rest - 1] : [first, rest];
  const parts = s.ops("Split", [x, s.b.ints(...sizes)], sizes.length, { axis });
  if (s.draw.chance(0.3)) return s.op("Concat", s.draw.shuffle(parts.map((p) => (s.draw.chance(0.5) ? activation(s, p) : p))), { axis });
  return parts;
};
const concat: Step = (s, x) => {
  const shape = s.shape(x), axis = s.draw.int(0, shape.length - 1), { draw } = s;
  if (shape.length === 0) misfit();
  const mates = s.floats.filter((v) => s.rank(v) === shape.length && s.shape(v).every((n, i) => i === axis || n === shape[i]));
  const parts = Array.from({ length: draw.int(1, 3) }, () => draw.pick([x, () => activation(s, x), () => draw.pick(mates),
    () => s.numbers(shape.map((n, i) => (i === axis ? draw.int(1, 3) : n)))]));
  return s.op("Concat", draw.shuffle([x, ...parts.map((p) => (typeof p === "string" ? p : p()))]),
    { axis: draw.chance(0.5) ? axis : axis - shape.length });
};
const pad: Step = (s, x) => {
  const shape = s.shape(x), { draw } = s, mode = draw.pick(["constant", "constant", "constant", "reflect", "edge", "wrap"]);
  const side = (n: number, i: number) => (i + 2 < shape.length
    || draw.chance(0.5) ? 0 : draw.int(mode === "constant" && n > 2 ? -1 : 0, Math.min(3, n - 1)));
  const pads = [...shape.map(side), ...shape.map(side)];
  return s.op("Pad", [x, s.b.ints(...pads), ...(mode === "constant" && draw.chance(0.6) ? [s.b.scalar(draw.pick([0, 1, -2]))] : [])], { mode });
};
const expand: Step = (s, x) => {
  const shape = s.shape(x), { draw } = s;
  if (draw.chance(0.5)) return s.op("Tile", [x, s.b.ints(...shape.map(() => draw.pick([1, 1, 2, 3])))]);
  return s.op("Expand", [x, s.b.ints(...(draw.chance(0.3) && shape.length < 6 ? [2] : []), ...shape.map((n) => (n === 1 ? draw.int(1, 5) : n)))]);
};
const reduce: Step = (s, x) => {
  const { draw } = s, axes = s.shape(x).map((_, i) => i).filter(() => draw.chance(0.5)),
    op = draw.pick(["ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"]);
  const given = op === "ReduceSum" ? s.op("Mul", [x, s.b.scalar(0.1)]) : x;
  return s.op(op, [given, ...(axes.length ? [s.b.ints(...axes)] : [])], { keepdims: draw.int(0, 1) });
};
const softmax: Step = (s, x) => (s.rank(x) < 1 ? misfit() : s.op(s.draw.pick(["Softmax", "Softmax", "LogSoftmax"]), [x],
  { axis: s.draw.int(-s.rank(x), s.rank(x) - 1) }));
const layerNorm = (s: Scene, x: string): string => {
  const r = s.rank(x), axis = s.draw.chance(0.7) ? r - 1 : s.draw.int(0, r - 1), shape = s.shape(x).slice(axis);
  if (r < 1 || sizeOf(shape) < 2) misfit();
  if (s.draw.chance(0.2)) return s.op("RMSNormalization", [x, s.numbers(shape, 0.5, 1.5)], { axis, epsilon: 0.01 });
  return s.op("LayerNormalization", [x, s.numbers(shape, 0.5, 1.5), ...(s.draw.chance(0.6) ? [s.numbers(shape)] : [])], { axis, epsilon: 0.01 });
};
const where: Step = (s, x) => {
  const { draw } = s, test = s.op(draw.pick(["Greater", "Less", "GreaterOrEqual", "LessOrEqual"]),
    [x, s.b.scalar(draw.pick([0, 0.3, -0.2]))]);
  const turned = draw.chance(0.3) ? s.op("Not", [test]) : draw.chance(0.3) ? s.op("And",
    [test, s.op("Less", [s.partner(x) ?? misfit(), s.b.scalar(0.7)])]) : test;
  s.others.push(turned);
  if (draw.chance(0.3)) return s.op("Cast", [turned], { to: 1 });
  return s.op("Where", [turned, draw.chance(0.5) ? x : s.partner(x) ?? x, draw.chance(0.5) ? s.b.scalar(0) : s.numbers(s.broadcastable(x))]);
};
/** Through whole numbers and back. */
const integers: Step = (s, x) => {
  const { draw } = s, to = draw.pick([7, 6, 3, 2, 11, 5]), big = s.op("Mul",
    [to === 2 ? s.op("Abs", [s.op("Tanh", [x])]) : s.op("Tanh", [x]), s.b.scalar(40)]);
  if (to === 11) return s.op("Cast", [s.op("Mul", [s.op("Cast", [x], { to }), s.b.constant([], [1.5], "f64")])], { to: 1 });
  const whole = s.op("Cast", [big], { to }), dtype = s.b.typeOf(whole).dtype;
  const more = to === 7 || to === 6 ? s.op(draw.pick(["Add", "Mul", "Max", "Sub", "Mod", "Div"]),
    [whole, s.b.constant([], [draw.int(1, 7)], dtype)]) : whole;
  s.others.push(more);
  if ((to === 7 || to === 6) && draw.chance(0.4)) return s.op("Where",
    [s.op("Equal", [s.op("Mod", [whole, s.b.constant([], [2], dtype)]), s.b.constant([], [0], dtype)]), x, s.op("Neg", [x])]);
  return s.op("Mul", [s.op("Cast", [more], { to: 1 }), s.b.scalar(0.05)]);
};
const gather: Step = (s, x) => {
  const shape = s.shape(x), { draw } = s, axis = draw.int(0, shape.length - 1), n = shape[axis] ?? misfit();
  if (draw.chance(0.7)) {
    const indices = draw.pick([[], [1], [draw.int(1, 5)], [2, draw.int(1, 3)]]);
    return s.op("Gather", [x, s.b.constant(indices, Array.from({ length: sizeOf(indices) }, () => draw.int(-n, n - 1)), "i64")], { axis });
  }
  // Indices that are known at run time only; a table of rows to look up.
  const place = s.op(draw.pick(["ArgMax", "ArgMin"]), [x], { axis, keepdims: draw.int(0, 1) });
  s.others.push(place);
  return s.op("Gather", [s.numbers([n, draw.int(1, 9)]), place], { axis: 0 });
};
const ordered: Step = (s, x) => {
  const r = s.rank(x), { draw } = s, axis = draw.int(0, r - 1);
  if (r < 1) misfit();
  if (draw.chance(0.5)) return s.op("CumSum", [s.op("Tanh", [x]), s.b.constant([], [axis], "i64")],
    { exclusive: draw.int(0, 1), reverse: draw.int(0, 1) });
  return s.ops("TopK", [x, s.b.ints(draw.int(1, s.dim(x, axis)))], 2, { axis, largest: draw.int(0, 1) })[0]!;
};
const product: Step = (s, x) => {
  const { draw } = s, shape = s.shape(x), k = shape.at(-1) ?? misfit(), out = draw.size(70);
  if (sizeOf(shape) * out > s.most.work) misfit();
  if (shape.length === 2 && draw.chance(0.6)) {
    const t = draw.int(0, 1), wide = draw.chance(0.2) ? 1 : 0, given = wide ? s.op("Transpose", [x], { perm: [1, 0] }) : x,
      bias = draw.pick([[], [out], [1, out], [shape[0]!, 1]]);
    return s.op("Gemm", [given, s.weights(t ? [out, k] : [k, out], k), ...(draw.chance(0.7) ? [s.numbers(bias)] : [])],
      { transB: t, transA: wide, ...(draw.chance(0.3) ? { alpha: 0.5, beta: 2 } : {}) });
  }
  const batch = shape.length > 2 && draw.chance(0.2) ? shape.slice(0, -2) : [];
  const made = s.op("MatMul", [x, s.weights([...batch, k, out], k)]);
  return draw.chance(0.5) ? s.op("Add", [made, s.numbers([out])]) : made;
};
/** Products of two values of run time. */
const pairs: Step = (s, x) => {
  const { draw } = s, shape = s.shape(x), r = shape.length, [m, k] = [shape.at(-2) ?? misfit(), shape.at(-1)!];
  const turned = s.op("Transpose", [x], { perm: [...Array(r - 2).keys(), r - 1, r - 2] });
  if (sizeOf(shape) * Math.max(m, k) > s.most.work) misfit();
  const [a, b, terms] = draw.chance(0.5) ? [x, turned, k] : [turned, x, m], given = draw.chance(0.3) ? activation(s, b) : b;
  return s.op("Mul", [s.op("MatMul", [a, given]), s.b.scalar(1 / Math.sqrt(terms))]);
};
const attention: Step = (s, x) => {
  const { draw } = s, shape = s.shape(x);
  if (shape.length !== 3) misfit();
  const [n, t, d] = shape as [number, number, number], heads = draw.divisor(d), inner = d / heads;
  if (n * t * d * Math.max(d, t) > s.most.work) misfit();
  const linear = (v: string) => s.op("Add", [s.op("MatMul", [v, s.weights([d, d], d)]), s.numbers([d])]);
  const split = (v: string, perm: readonly number[]) => s.op("Transpose", [s.op("Reshape", [v, s.b.ints(n, t, heads, inner)])], { perm });
  const normed = draw.chance(0.5) && d > 1 ? layerNorm(s, x) : x;
  const q = split(linear(normed), [0, 2, 1, 3]), k = split(linear(normed), [0, 2, 3, 1]), v = split(linear(normed), [0, 2, 1, 3]);
  const scores = s.op("Div", [s.op("MatMul", [q, k]), s.b.scalar(Math.sqrt(inner))]),
    masked = draw.chance(0.3) ? s.op("Add", [scores, s.numbers([t, t])]) : scores;
  const mixed = s.op("Transpose", [s.op("MatMul", [s.op("Softmax", [masked], { axis: -1 }), v])], { perm: [0, 2, 1, 3] });
  const out = linear(s.op("Reshape", [mixed, s.b.ints(n, t, d)]));
  return draw.chance(0.7) ? s.op("Add", [x, out]) : out;
};
const mlp: Step = (s, x) => {
  const d = s.dim(x, -1), wide = s.draw.size(64), hidden = activation(s,
    s.op("Add", [s.op("MatMul", [s.rank(x) > 1 && d > 1 && s.draw.chance(0.5) ? layerNorm(s, x) : x, s.weights([d, wide], d)]), s.numbers([wide])]));
  if (sizeOf(s.shape(x)) * wide > s.most.work) misfit();
  return s.op("Add", [x, s.op("MatMul", [hidden, s.weights([wide, d], wide)])]);
};
const tokens: Step = (s, x) => {
  const shape = s.shape(x);
  if (shape.length < 3) misfit();
  return s.op("Transpose", [s.op("Reshape", [x, s.b.ints(shape[0]!, shape[1]!, -1)])], { perm: [0, 2, 1] });
};
const standardised: Step = (s, x) => {
  const axes = s.b.ints(s.draw.int(-s.rank(x), -1)), d = s.op("Sub", [x, s.op("ReduceMean", [x, axes])]);
  return s.op("Div", [d, s.op("Sqrt", [s.op("Add", [s.op("ReduceMean", [s.op("Mul", [d, d]), axes]), s.b.scalar(0.01)])])]);
};

/** By how often they come. */
export const valueSteps: readonly (readonly [weight: number, step: Step])[] = [
  [8, activation], [3, safe], [8, binary], [2, outer], [4, transpose], [3, channelsLast], [4, reshape], [4, slice], [4, split], [5, concat],
    [3, pad], [2, expand],
  [5, reduce], [3, softmax], [3, layerNorm], [3, where], [3, integers], [3, gather], [1, ordered], [5, product], [3, pairs], [3, attention],
    [2, mlp], [2, tokens], [2, standardised],
];
