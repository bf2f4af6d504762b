/** Steps that networks have less often: other types, weights and indices of run time, rare operators. */
import { sizeOf } from "../../compiler/ir/graph.ts";
import type { DType } from "../../compiler/ir/types.ts";
import { activation } from "./values.ts";
import { conv } from "./images.ts";
import { misfit, type Scene, type Step } from "./scene.ts";

const ints = (s: Scene, shape: readonly number[], low: number, high: number, dtype: DType = "i64"): string =>
  s.b.constant(shape, Array.from({ length: sizeOf(shape) }, () => s.draw.int(low, high)), dtype);
const image = (s: Scene, x: string): readonly [number, number, number,
  number] => { const shape = s.shape(x); return shape.length === 4 ? (shape as [number, number, number, number]) : misfit(); };

/** Channels enough for Winograd's algorithm, and tails of all kinds behind it. */
const wide: Step = (s, x) => {
  const [, c, h, w] = image(s, x), { draw } = s, channels = () => draw.pick([16, 17, 20, 24, 31, 32, 33, 40, 48, 64]);
  const start = c < 16 || draw.chance(0.3) ? conv(s, x, { out: channels(), kernel: 1, same: true }) : x, from = s.dim(start, 1),
    to = draw.chance(0.4) ? from : channels();
  const p = [draw.int(0, 2), draw.int(0, 2), draw.int(0, 2), draw.int(0, 2)], pads = draw.chance(0.6) ? [1, 1, 1, 1] : p;
  if (from * to * h * w * 9 > 3 * s.most.work || h + pads[0]! + pads[2]! < 3 || w + pads[1]! + pads[3]! < 3) misfit();
  const made = s.op("Conv", [start, s.weights([to, from, 3, 3], from * 9), ...(draw.chance(0.5) ? [s.numbers([to])] : [])], { pads });
  const same = s.shape(made).every((n, i) => n === s.dim(start, i)), tail = draw.int(0, 4);
  if (tail === 0) return made;
  if (tail === 1 && same) return activation(s, s.op("Add", [made, start]));
  if (tail === 2 && same) return s.op("Concat", [start, activation(s, made)], { axis: 1 });
  if (tail === 3) return [made, s.op("MaxPool", [activation(s, made)], { kernel_shape: [1, 1], strides: [2, 2] })];
  return activation(s, made);
};
/** Weights that are only known at run time. */
const dynamic: Step = (s, x) => {
  const shape = s.shape(x), { draw } = s;
  if (shape.length === 4 && draw.chance(0.5)) {
    const [, c, h, w] = image(s, x), out = draw.int(1, 9), k = Math.min(draw.pick([1, 2, 3]), h, w), scale = s.b.scalar(1 / Math.sqrt(c * k * k));
    return s.op("Conv", [x, s.op("Mul", [s.input([out, c, k, k]), scale]), ...(draw.chance(0.5) ? [s.input([out])] : [])],
      { pads: draw.chance(0.5) ? [0, 0, 0, 0] : [k - 1, 0, 0, k - 1] });
  }
  const k = shape.at(-1) ?? misfit(), n = draw.size(40), scale = s.b.scalar(1 / Math.sqrt(k));
  if (sizeOf(shape) * n > s.most.work) misfit();
  const turned = draw.chance(0.5), raw = s.op("Mul", [s.input(turned ? [n, k] : [k, n]), scale]),
    b = turned ? s.op("Transpose", [raw], { perm: [1, 0] }) : raw;
  if (shape.length === 2 && draw.chance(0.5)) return s.op("Gemm", [x, raw, s.input([n])], { transB: turned ? 1 : 0 });
  return s.op("MatMul", [x, b]);
};
/** Pixels as bytes, colours last. */
const bytes: Step = (s) => {
  const h = s.draw.int(2, 20), w = s.draw.int(2, 20), raw = s.input([1, h, w, 3], "u8"), pixels = s.op("Cast", [raw], { to: 1 });
  const scaled = s.op("Div", [s.op("Sub", [pixels, s.numbers([3], 0, 2)]), s.numbers([3], 1, 2)]);
  return conv(s, s.op("Transpose", [scaled], { perm: [0, 3, 1, 2] }));
};
const masked: Step = (s, x) => {
  const { draw } = s, a = s.input(s.alike(x), "bool"), b = s.op("Greater", [x, s.b.scalar(0.1)]);
  const both = s.op(draw.pick(["And", "Or", "Xor", "Equal"]), draw.chance(0.5) ? [a, b] : [b, a]),
    test = draw.chance(0.3) ? s.op("Not", [both]) : both;
  s.others.push(test);
  return draw.chance(0.5) ? s.op("Where", [test, x, s.b.scalar(-1)]) : s.op("Mul", [x, s.op("Cast", [test], { to: 1 })]);
};
const dtypes: readonly DType[] = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"];
/** Whole numbers of all types, which must come out exactly. */
const exact: Step = (s, x) => {
  const { draw } = s, dtype = draw.pick(dtypes), shape = draw.pick([[7], [3, 5], [2, 3, 4], [1, 4, 5, 6]]),
    c = (n: number) => s.b.constant([], [n], dtype);
  let v = s.input(shape, dtype);
  for (let i = draw.int(1, 4); i > 0; i--) {
    const op = draw.pick(["Add", "Mul", "Sub", "Max", "Min", "Div", "Mod", "BitwiseAnd", "BitwiseXor", "Abs", "Sum", "Pow", "Transpose",
      "Concat", "Slice", "Reduce", "BitShift", "Where"]);
    if (op === "Abs") v = s.op(dtype.startsWith("u") ? "BitwiseNot" : draw.pick(["Abs", "Neg", "Sign"]), [v]);
    else if (op === "Pow") v = s.op("Mul", [v, v]);
    else if (op === "Transpose") v = s.op("Transpose", [v]);
    else if (op === "Concat") v = s.op("Concat", [v, v], { axis: draw.int(0, s.rank(v) - 1) });
    else if (op === "Slice") v = s.op("Slice", [v, s.b.ints(0), s.b.ints(2), s.b.ints(draw.int(0, s.rank(v) - 1))]);
    else if (op === "Reduce") v = dtype === "i32" || dtype === "i64" || dtype === "u32"
      || dtype === "u64" ? s.op(draw.pick(["ReduceSum", "ReduceMax", "ReduceMin"]), [v, s.b.ints(draw.int(0, s.rank(v) - 1))]) : v;
    else if (op === "BitShift") v = dtype.startsWith("u") ? s.op("BitShift", [v, c(draw.int(0, 5))], { direction: draw.pick(["LEFT", "RIGHT"]) }) : v;
    else if (op === "Where") v = s.op("Where", [s.op(draw.pick(["Equal", "Less", "GreaterOrEqual"]), [v, c(1)]), v, c(draw.int(0, 9))]);
    else v = s.op(op, [v, c(draw.int(op === "Div" || op === "Mod" ? 1 : 0, 9))]);
  }
  s.others.push(v);
  return s.op("Add", [x, s.op("Cast", [s.op(s.b.typeOf(v).dtype.startsWith("i") ? "ReduceMax" : "ReduceMin", [s.op("Cast", [v], { to: 6 })],
    { keepdims: 0 })], { to: 1 })]);
};
const doubles: Step = (s, x) => {
  const { draw } = s, d = s.op("Cast", [x], { to: 11 }), c = s.b.constant([], [1.25], "f64"), shape = s.shape(x);
  const one = s.op(draw.pick(["Add", "Mul", "Div"]), [d, c]), two = s.op(draw.pick(["Sigmoid", "Tanh", "Abs", "Neg", "Floor", "Relu"]), [one]);
  const made = shape.length && draw.chance(0.4) ? s.op("ReduceSum", [two, s.b.ints(draw.int(0, shape.length - 1))]) : two;
  if (draw.chance(0.3)) s.others.push(made);
  return s.op("Cast", [made], { to: 1 });
};
const lookups: Step = (s, x) => {
  const { draw } = s, shape = s.shape(x), r = shape.length, axis = draw.int(0, r - 1);
  if (r === 0) misfit();
  const indices = s.input(draw.pick([[3], [2, 2], []]), "i64"),
    index = draw.chance(0.5) ? indices : s.op("Cast", [s.op("Cast", [indices], { to: 6 })], { to: 7 }), n = shape[axis]!;
  switch (draw.int(0, 4)) {
    case 0: return s.op("Gather", [x, s.op("Mod", [index, s.b.constant([], [n], "i64")])], { axis });
    case 1: return s.op("GatherElements", [x, ints(s, shape.map((d, i) => (i === axis ? draw.int(1, 4) : d)), -n, n - 1)], { axis });
    case 2: return s.op("GatherND", [x, ints(s, [draw.int(1, 4), 1], 0, shape[0]! - 1)]);
    case 3: return s.op("ScatterElements", [x, s.op("Cast", [s.numbers(shape.map((d, i) => (i === axis ? 1 : d)), 0, n - 0.01)], { to: 7 }),
      s.numbers(shape.map((d, i) => (i === axis ? 1 : d)))], { axis, reduction: draw.pick(["none", "add", "max"]) });
    default: return s.op("Cast", [s.op("OneHot", [index, s.b.ints(5), s.numbers([2])], { axis: -1 })], { to: 1 });
  }
};
const equations: Step = (s, x) => {
  const shape = s.shape(x), r = shape.length, { draw } = s, last = shape.at(-1) ?? misfit(), scale = 1 / Math.sqrt(last);
  if (sizeOf(shape) * 8 > s.most.work) misfit();
  if (r === 2) return draw.pick([
    () => s.op("Einsum", [x], { equation: draw.pick(["ij->ji", "ij->i", "ij->j", "ij->"]) }),
      () => s.op("Einsum", [x, s.weights([7, last], last)], { equation: "ij,kj->ik" }),
    () => s.op("Mul", [s.op("Einsum", [x, x], { equation: draw.pick(["ij,kj->ik", "ij,ij->i", "ij,ij->ij"]) }), s.b.scalar(scale)]),
  ])();
  if (r === 3) return s.op("Mul", [s.op("Einsum", [x, x], { equation: draw.pick(["bij,bkj->bik", "bij,bij->bi", "bij,bij->b"]) }),
    s.b.scalar(scale)]);
  return r === 4 ? s.op("Mul", [s.op("Einsum", [x, s.numbers([shape[1]!, 5])], { equation: draw.pick(["nchw,cd->ndhw", "nchw,cd->nhwd"]) }),
    s.b.scalar(0.3)]) : misfit();
};
const rare: Step = (s, x) => {
  const shape = s.shape(x), r = shape.length, { draw } = s, axis = draw.int(0, r - 1);
  if (r < 2) misfit();
  const all: readonly (() => string)[] = [
    () => s.op("Trilu", [x], { upper: draw.int(0, 1) }), () => s.op("CumProd", [s.op("Tanh", [x]), s.b.constant([], [axis], "i64")]),
      () => s.op("LpNormalization", [x], { axis, p: draw.int(1, 2) }),
    () => s.op("MeanVarianceNormalization", [x], { axes: [axis] }), () => s.op("ThresholdedRelu", [x], { alpha: 0.3 }),
      () => s.op("Shrink", [x], { lambd: 0.2, bias: 0.1 }),
    () => s.op("Mean", [x, s.partner(x) ?? x, s.numbers(s.broadcastable(x))]), () => s.op("Sum", [x, s.partner(x) ?? x, x]),
      () => s.op("Max", [x, s.numbers(s.broadcastable(x)), s.b.scalar(0)]),
    () => s.op("ReverseSequence", [x, ints(s, [shape[1]!], 1, shape[0]!)], { time_axis: 0, batch_axis: 1 }),
      () => s.op("com.microsoft.QuickGelu", [x]), () => s.op("com.microsoft.FastGelu", [x, s.numbers([shape.at(-1)!])]),
    () => s.op("com.microsoft.BiasGelu", [x, s.numbers([shape.at(-1)!])]), () => s.op("Dropout", [x]),
  ];
  return draw.pick(all)();
};
/** Outputs beside the first, wanted or not. */
const several: Step = (s, x) => {
  const shape = s.shape(x), r = shape.length, { draw } = s;
  if (r === 0) misfit();
  const keep = (list: readonly string[]): string => { if (draw.chance(0.5)) s.others.push(list[1]!); return list[0]!; };
  if (r >= 3 && draw.chance(0.4)) return keep(s.ops("MaxPool", [x], 2, { kernel_shape: shape.slice(2).map((n) => Math.min(n, 2)) }));
  if (draw.chance(0.5)) return keep(s.ops("TopK", [x, s.b.ints(draw.int(1, shape.at(-1)!))], 2, { axis: -1 }));
  const n = shape.at(-1)!, made = s.ops("LayerNormalization", [x, s.numbers([n], 0.5, 1.5), s.numbers([n])], 3, { epsilon: 0.01 });
  return n > 1 ? (draw.chance(0.5) ? [...made.slice(1), made[0]!].at(-1)! : s.op("Mul", [x, made[2]!])) : misfit();
};
/** Whole numbers made from the graph's own inputs, so that no rounding before decides which. */
const quantised: Step = (s) => {
  const { draw } = s, shape = [1, draw.int(1, 9), draw.int(1, 9), draw.int(1, 9)], x = s.input(shape), scale = s.b.scalar(0.03),
    zero = draw.chance(0.5) ? s.b.constant([], [draw.int(-9, 9)], "i8") : s.b.constant([], [draw.int(100, 150)], "u8");
  const q = s.op("QuantizeLinear", [x, scale, zero]), dtype = s.b.typeOf(q).dtype;
  s.others.push(q);
  if (draw.chance(0.4)) return s.op("DequantizeLinear", [q, scale, zero]);
  const w = ints(s, [4, shape[1]!, 1, 1], -100, 100, "i8"),
    sum = s.op("ConvInteger", [q, w, ...(draw.chance(0.5) ? [s.b.constant([], [3], dtype)] : [])]);
  s.others.push(sum);
  return s.op("Mul", [s.op("Cast", [sum], { to: 1 }), s.b.scalar(1e-4)]);
};
/** Shapes worked out by nodes, as exporters leave them. */
const shapes: Step = (s, x) => {
  const shape = s.shape(x), { draw } = s;
  if (shape.length < 2) misfit();
  const whole = s.op("Shape", [x]), first = s.op("Gather", [whole, s.b.constant([], [0], "i64")], { axis: 0 });
  const to = s.op("Concat", [s.op("Unsqueeze", [first, s.b.ints(0)]), s.b.ints(-1)], { axis: 0 });
  const known = s.b.op("Reshape", [x, to], {}, [shape[0]!, sizeOf(shape.slice(1))]);
  return draw.chance(0.5) ? known : s.op("Mul", [known, s.op("Cast", [s.op("Div", [first, s.b.constant([], [1], "i64")])], { to: 1 })]);
};
const split: Step = (s, x) => {
  const [, c] = image(s, x), parts = s.draw.pick([2, 3, 4]);
  if (c % parts) misfit();
  const made = s.ops("Split", [x], parts, { axis: 1 }).map((v) => (s.draw.chance(0.7) ? conv(s, v,
    { out: s.draw.int(1, 12), kernel: s.draw.pick([1, 3]), same: true }) : v));
  return s.op("Concat", s.draw.chance(0.5) ? made : [...made, x], { axis: 1 });
};
const pyramid: Step = (s, x) => {
  const [n, , h, w] = image(s, x);
  if (h < 2 || w < 2) misfit();
  const down = activation(s, conv(s, s.op("MaxPool", [x], { kernel_shape: [2, 2], strides: [2, 2] }),
    { out: s.draw.int(1, 12), kernel: 3, same: true }));
  const up = s.op("Resize", [down, "", "", s.b.ints(n, s.dim(down, 1), h, w)],
    { mode: s.draw.pick(["nearest", "linear"]), coordinate_transformation_mode: s.draw.pick(["asymmetric", "half_pixel"]) });
  return conv(s, s.op("Concat", [up, x], { axis: 1 }), { out: s.draw.int(1, 20), kernel: 3, same: true });
};
/** One set of weights, two readers. */
const tied: Step = (s, x) => {
  const k = s.dim(x, -1), w = s.weights([k, k], k), one = s.op("MatMul", [x, w]),
    two = s.op("MatMul", [activation(s, one), s.draw.chance(0.5) ? w : s.op("Transpose", [w], { perm: [1, 0] })]);
  return s.rank(x) < 2 ? misfit() : [one, two];
};
const grid: Step = (s, x) => {
  const [n] = image(s, x), h = s.draw.int(1, 6), w = s.draw.int(1, 6), to = s.op("Tanh", [s.input([n, h, w, 2])]);
  return s.op("GridSample", [x, to], { mode: "linear", padding_mode: s.draw.pick(["zeros", "border"]), align_corners: s.draw.int(0, 1) });
};
/** A layer along time; what follows reads its values or the states that it ends with. */
const recurrent: Step = (s, x) => {
  const { draw } = s, shape = s.shape(x), kind = draw.pick(["LSTM", "GRU", "RNN"]), gates = { LSTM: 4, GRU: 3, RNN: 1 }[kind]!;
  if (shape.length < 2 || shape.length > 3) misfit();
  const [steps, batch, width] = (shape.length === 3 ? shape : [shape[0]!, 1, shape[1]!]) as [number, number, number], hidden = draw.size(40);
  const direction = draw.pick(["forward", "reverse", "bidirectional"]), d = direction === "bidirectional" ? 2 : 1;
  if (steps * batch * gates * hidden * (width + hidden) * d > s.most.work) misfit();
  const inputs = [
    shape.length === 3 ? x : s.op("Unsqueeze", [x, s.b.ints(1)]), s.weights([d, gates * hidden, width], width), s.weights([d, gates * hidden, hidden], hidden),
    draw.chance(0.7) ? s.numbers([d, 2 * gates * hidden]) : "", draw.chance(0.3) ? ints(s, [batch], 0, steps, "i32") : "",
    ...(draw.chance(0.5) ? [s.input([d, batch, hidden]), ...(kind === "LSTM" ? [s.input([d, batch, hidden])] : [])] : []),
  ];
  const [y, h] = s.ops(kind, inputs, 2, { direction, ...(kind === "GRU" ? { linear_before_reset: draw.int(0, 1) } : {}), ...(draw.chance(0.2) ? { clip: 0.9 } : {}) });
  const flat = s.op("Reshape", [s.op("Transpose", [y!], { perm: [0, 2, 1, 3] }), s.b.ints(0, 0, -1)]);
  if (draw.chance(0.4)) s.others.push(h!);
  return draw.chance(0.3) ? [flat, h!] : flat;
};

/** By how often they come. */
export const otherSteps: readonly (readonly [weight: number, step: Step])[] = [
  [8, wide], [4, dynamic], [2, bytes], [3, masked], [4, exact], [3, doubles], [4, lookups], [3, equations], [5, rare], [3, several],
    [3, quantised], [2, shapes], [3, split], [3, pyramid], [2, tied], [2, grid], [5, recurrent],
];
