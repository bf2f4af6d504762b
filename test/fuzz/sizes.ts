/** Steps that compute shapes of sizes that only a run knows, as exporters write them, and that give results of such sizes. */
import { sizeOf, type Dim } from "../../compiler/ir/graph.ts";
import { range } from "../../compiler/ir/linear.ts";
import { activation } from "./values.ts";
import { misfit, type Scene, type Step } from "./scene.ts";

const isOpen = (d: Dim | undefined): boolean => typeof d === "object";
/** An axis whose size only a run knows. */
function openAxis(s: Scene, x: string, last = s.rank(x)): number {
  const axes = s.dims(x).flatMap((d, i) => (isOpen(d) && i < last ? [i] : []));
  return axes.length ? s.draw.pick(axes) : misfit();
}
/** A size as a list of one. */
function one(s: Scene, x: string, axis: number): string {
  switch (s.draw.int(0, 2)) {
    case 0: return s.op("Shape", [x], { start: axis, end: axis + 1 });
    case 1: return s.op("Slice", [s.op("Shape", [x]), s.b.ints(axis), s.b.ints(axis + 1)]);
    default: return s.op("Unsqueeze", [number(s, x, axis), s.b.ints(0)]);
  }
}
/** A size as a number. */
const number = (s: Scene, x: string, axis: number): string => s.op("Gather", [s.op("Shape", [x]), s.b.constant([], [axis], "i64")], { axis: 0 });
const c = (s: Scene, n: number): string => s.b.constant([], [n], "i64");
const list = (s: Scene, parts: readonly (string | number)[]): string => s.op("Concat", parts.map((p) => (typeof p === "number" ? s.b.ints(p) : p)), { axis: 0 });
/** All sizes of `x` as parts of a list, a function for those that are to be others. */
const sizes = (s: Scene, x: string, other: (i: number) => string | number | undefined = () => undefined): readonly (string | number)[] =>
  s.dims(x).map((d, i) => other(i) ?? (typeof d === "number" ? d : one(s, x, i)));
/** About half a size, rounded down: by whole numbers or by floats. */
function half(s: Scene, x: string, axis: number): string {
  const n = one(s, x, axis);
  return s.draw.chance(0.7) ? s.op("Div", [n, s.b.ints(2)]) : s.op("Cast", [s.op("Floor", [s.op("Mul", [s.op("Cast", [n], { to: 1 }), s.b.scalar(0.5)])])], { to: 7 });
}
/** The least that a size can be. */
const least = (d: Dim): number => (typeof d === "number" ? d : range(d)[0]);

const reshape: Step = (s, x) => {
  const { draw } = s, dims = s.dims(x), r = dims.length, kept = (i: number): string | number => (draw.chance(0.5) ? 0 : typeof dims[i] === "number" ? (dims[i] as number) : one(s, x, i));
  if (r < 2) misfit();
  const axis = draw.int(0, r - 2), n = dims[axis]!;
  switch (draw.int(0, 4)) {
    case 0: return s.op("Reshape", [x, list(s, [...dims.slice(0, axis).map((_, i) => kept(i)), draw.chance(0.5) ? -1 : s.op("Mul", [one(s, x, axis), one(s, x, axis + 1)]), ...sizes(s, x).slice(axis + 2)])]);
    case 1: {
      const at = dims.findIndex((d) => typeof d === "number" && d > 1), g = at < 0 ? misfit() : draw.divisor(dims[at] as number);
      return s.op("Reshape", [x, list(s, [...dims.slice(0, at).map((_, i) => kept(i)), g, draw.chance(0.3) ? -1 : (dims[at] as number) / g, ...sizes(s, x).slice(at + 1)])]);
    }
    case 2: return s.op("Reshape", [x, draw.chance(0.5) ? list(s, [one(s, x, 0), -1]) : s.b.ints(0, -1)]);
    case 3: return typeof n === "number" && n > 1 && isOpen(dims[axis + 1]) ? s.op("Flatten", [x], { axis }) : s.op("Reshape", [x, s.b.ints(-1)]);
    // There and back again.
    default: return s.op("Reshape", [activation(s, s.op("Reshape", [x, s.b.ints(-1)])), s.op("Shape", [x])]);
  }
};
const slice: Step = (s, x) => {
  const { draw } = s, axis = openAxis(s, x), low = least(s.dims(x)[axis]!), far = s.b.ints(draw.pick([2 ** 31 - 1, Number.MAX_SAFE_INTEGER])), at = s.b.ints(draw.chance(0.5) ? axis : axis - s.rank(x));
  const cut = (from: string, to: string, step = 1): string => s.op("Slice", [x, from, to, at, ...(step === 1 && draw.chance(0.5) ? [] : [s.b.ints(step)])]);
  switch (draw.int(0, 6)) {
    case 0: return cut(s.b.ints(draw.int(0, low - 1)), far);
    case 1: return cut(s.b.ints(0), s.b.ints(-1));
    case 2: return cut(half(s, x, axis), far);
    case 3: return cut(s.b.ints(0), s.op("Sub", [one(s, x, axis), s.b.ints(draw.int(0, low - 1))]));
    case 4: return cut(s.b.ints(-1), s.b.ints(-Number.MAX_SAFE_INTEGER), draw.pick([-1, -2]));
    case 5: return cut(s.b.ints(draw.int(0, 1)), far, draw.int(2, 3));
    default: return cut(s.b.ints(-draw.int(1, low)), far);
  }
};
const halves: Step = (s, x) => {
  const { draw } = s, axis = openAxis(s, x), n = one(s, x, axis);
  if (least(s.dims(x)[axis]!) < 2) misfit();
  if (draw.chance(0.3)) return s.ops("Split", [x], 2, { axis, num_outputs: 2 });
  const h = half(s, x, axis), parts = s.ops("Split", [x, list(s, [h, s.op("Sub", [n, h])])], 2, { axis });
  return draw.chance(0.5) ? s.op("Concat", [parts[1]!, activation(s, parts[0]!)], { axis }) : parts;
};
/** Padded to a multiple, and cut into windows of so many. */
const windows: Step = (s, x) => {
  const { draw } = s, axis = openAxis(s, x), r = s.rank(x), by = draw.pick([2, 3, 4]), n = one(s, x, axis), more = s.op("Sub", [s.op("Mul", [s.op("Div", [s.op("Add", [n, s.b.ints(by - 1)]), s.b.ints(by)]), s.b.ints(by)]), n]);
  const padded = s.op("Pad", [x, list(s, [...Array<number>(r + axis).fill(0), more, ...Array<number>(r - axis - 1).fill(0)])], { mode: "constant" });
  if (draw.chance(0.3)) return padded;
  const cut = s.op("Reshape", [padded, list(s, sizes(s, padded).flatMap((d, i) => (i === axis ? [draw.chance(0.5) ? -1 : s.op("Div", [one(s, padded, axis), s.b.ints(by)]), by] : [d])))]);
  return draw.chance(0.5) ? cut : s.op(draw.pick(["ReduceMean", "ReduceMax"]), [cut, s.b.ints(axis + 1)], { keepdims: draw.int(0, 1) });
};
const positionsOf = (s: Scene, x: string, axis: number): string => s.op("Range", [c(s, 0), number(s, x, axis), c(s, 1)]);
const positions: Step = (s, x) => {
  const axis = openAxis(s, x), at = s.op("Mul", [s.op("Cast", [positionsOf(s, x, axis)], { to: 1 }), s.b.scalar(0.1)]);
  return s.op(s.draw.pick(["Add", "Mul"]), [x, s.op("Reshape", [at, s.b.ints(-1, ...s.dims(x).slice(axis + 1).map(() => 1))])]);
};
/** Rows of a table, as many as a run has. */
const table: Step = (s, x) => {
  const r = s.rank(x), [n, d] = s.dims(x).slice(-2), most = s.shape(x).at(-2) ?? misfit();
  if (!isOpen(n) || typeof d !== "number") misfit();
  const all = s.numbers([most + s.draw.int(0, 3), d as number]);
  const rows = s.draw.chance(0.5) ? s.op("Slice", [all, s.b.ints(0), one(s, x, r - 2), s.b.ints(0)]) : s.op("Gather", [all, positionsOf(s, x, r - 2)], { axis: 0 });
  return s.op("Add", [x, rows]);
};
/** Whether element (i, j) of a square lies below the diagonal. */
function below(s: Scene, x: string, axis: number): string {
  const at = positionsOf(s, x, axis);
  return s.op("GreaterOrEqual", [s.op("Unsqueeze", [at, s.b.ints(1)]), s.op("Unsqueeze", [at, s.b.ints(0)])]);
}
const attention: Step = (s, x) => {
  const { draw } = s, dims = s.dims(x), d = s.dim(x, -1), heads = draw.divisor(d), inner = d / heads;
  if (dims.length !== 3 || isOpen(dims[2])) misfit();
  const linear = (v: string) => s.op("MatMul", [v, s.weights([d, d], d)]), batch = () => (draw.chance(0.5) ? 0 : typeof dims[0] === "number" ? (dims[0] as number) : one(s, x, 0));
  const length = () => draw.pick([() => 0, () => -1, () => (typeof dims[1] === "number" ? dims[1] : one(s, x, 1))])();
  const split = (v: string, perm: readonly number[]) => s.op("Transpose", [s.op("Reshape", [v, list(s, [batch(), length(), heads, inner])])], { perm });
  const past = draw.chance(0.25) ? s.input([dims[0]!, draw.int(1, 5), d]) : undefined, all = past ? s.op("Concat", [past, x], { axis: 1 }) : x;
  const keys = s.op("Transpose", [s.op("Reshape", [linear(all), s.b.ints(0, -1, heads, inner)])], { perm: [0, 2, 3, 1] }), values = s.op("Transpose", [s.op("Reshape", [linear(all), s.b.ints(0, -1, heads, inner)])], { perm: [0, 2, 1, 3] });
  const scores = s.op("Div", [s.op("MatMul", [split(linear(x), [0, 2, 1, 3]), keys]), s.b.scalar(Math.sqrt(inner))]);
  const masked = past || draw.chance(0.5) ? scores : draw.chance(0.5) ? s.op("Where", [below(s, x, 1), scores, s.b.scalar(-1e9)])
    : s.op("Add", [scores, s.op("Mul", [s.op("Cast", [s.op("Not", [s.input([dims[0]!, 1, 1, dims[1]!], "bool")])], { to: 1 }), s.b.scalar(-50)])]);
  const mixed = s.op("Transpose", [s.op("MatMul", [s.op("Softmax", [masked], { axis: -1 }), values])], { perm: [0, 2, 1, 3] });
  const out = linear(s.op("Reshape", [mixed, draw.chance(0.5) ? s.op("Shape", [x]) : list(s, [batch(), -1, d])]));
  return draw.chance(0.6) ? s.op("Add", [x, out]) : out;
};
const triangle: Step = (s, x) => {
  const r = s.rank(x) < 2 ? misfit() : s.rank(x), turned = s.op("Transpose", [x], { perm: [...Array(r - 2).keys(), r - 1, r - 2] }), scale = s.b.scalar(1 / Math.sqrt(s.dim(x, -1)));
  const square = s.op("Mul", [s.op("MatMul", [x, turned]), scale]), cut = s.draw.chance(0.5) ? s.op("Trilu", [square], { upper: s.draw.int(0, 1) }) : s.op("Where", [below(s, x, r - 2), square, s.b.scalar(0)]);
  return s.draw.chance(0.5) ? cut : s.op("MatMul", [s.op("Softmax", [cut], { axis: -1 }), x]);
};
const filled: Step = (s, x) => {
  const { draw } = s, to = draw.chance(0.5) ? s.op("Shape", [x]) : list(s, sizes(s, x));
  const all = draw.chance(0.5) ? s.op("ConstantOfShape", [to]) : s.op("Expand", [s.numbers(s.broadcastable(x)), to]);
  return s.op("Add", [draw.chance(0.5) ? x : activation(s, x), all]);
};
const tile: Step = (s, x) => {
  const { draw } = s, axis = draw.int(0, s.rank(x) - 1), parts = s.dims(x).map((_, i): string | number => (i === axis ? draw.int(2, 3) : 1));
  if (draw.chance(0.3) && s.dims(x)[axis] === 1 && s.dims(x).some(isOpen)) parts[axis] = one(s, x, openAxis(s, x));
  return s.op("Tile", [x, list(s, parts)]);
};
const resized: Step = (s, x) => {
  const { draw } = s, r = s.rank(x), how = { mode: draw.pick(["nearest", "linear", "linear", "cubic"]), coordinate_transformation_mode: draw.pick(["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"]) };
  if (r < 3 || r > 4) misfit();
  if (draw.chance(0.4)) return s.op("Resize", [x, "", s.b.constant([r], [1, 1, ...Array.from({ length: r - 2 }, () => draw.pick([2, 2, 3, 0.5, 1.5]))])], how);
  const axis = openAxis(s, x), n = one(s, x, axis), size = draw.pick([() => s.op("Mul", [n, s.b.ints(2)]), () => s.op("Add", [n, s.b.ints(draw.int(1, 3))]), () => s.op("Div", [s.op("Add", [n, s.b.ints(1)]), s.b.ints(2)])])();
  return s.op("Resize", [x, "", "", list(s, sizes(s, x, (i) => (i === axis ? size : undefined)))], how);
};
/** Down and up again, to the size it had. */
const pyramid: Step = (s, x) => {
  const { draw } = s, r = s.rank(x);
  if (r !== 4) misfit();
  const down = activation(s, s.op(draw.pick(["MaxPool", "AveragePool"]), [x], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: draw.int(0, 1) }));
  const up = draw.chance(0.6) ? s.op("Resize", [down, "", "", list(s, sizes(s, x, (i) => (i < 2 ? s.dim(x, i) : undefined)))], { mode: draw.pick(["nearest", "linear"]) })
    : s.op("Slice", [s.op("Resize", [down, "", s.b.constant([4], [1, 1, 2, 2])], { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }),
      s.b.ints(0, 0), list(s, [one(s, x, 2), one(s, x, 3)]), s.b.ints(2, 3)]);
  return draw.chance(0.5) ? s.op("Concat", [up, x], { axis: 1 }) : s.op("Add", [up, x]);
};
/** A size as a number to compute with. */
const measured: Step = (s, x) => {
  const axis = openAxis(s, x), n = s.op("Cast", [number(s, x, axis)], { to: 1 });
  return s.draw.chance(0.5) ? s.op("Div", [s.op("ReduceSum", [x, s.b.ints(axis)], { keepdims: s.draw.int(0, 1) }), n]) : s.op("Mul", [x, s.op("Reciprocal", [n])]);
};
const gathered: Step = (s, x) => {
  const { draw } = s, axis = openAxis(s, x), n = number(s, x, axis), at = positionsOf(s, x, axis);
  switch (draw.int(0, 3)) {
    case 0: return s.op("Gather", [x, s.op("Sub", [s.op("Sub", [n, c(s, 1)]), at])], { axis });
    case 1: return s.op("Gather", [x, s.op("Mod", [s.op("Mul", [at, c(s, 3)]), n])], { axis });
    case 2: return s.op("Gather", [x, s.op("Sub", [n, s.b.ints(1)])], { axis });
    default: {
      const place = s.op("ArgMax", [x], { axis, keepdims: 1 });
      s.others.push(place);
      return s.op("GatherElements", [x, place], { axis });
    }
  }
};
const ordered: Step = (s, x) => {
  const { draw } = s, axis = openAxis(s, x), low = least(s.dims(x)[axis]!), k = draw.chance(0.5) || low < 2 ? s.b.ints(draw.int(1, low)) : half(s, x, axis);
  const [values, places] = s.ops("TopK", [x, k], 2, { axis, largest: draw.int(0, 1) });
  if (draw.chance(0.3)) s.others.push(places!);
  return values!;
};
/** As many results as the data has. */
const found: Step = (s, x) => {
  const { draw } = s, test = s.op("Greater", [x, s.b.scalar(draw.pick([0.3, -0.2]))]);
  const made = draw.chance(0.5) ? s.op("GatherND", [x, s.op("Transpose", [s.op("NonZero", [test])], { perm: [1, 0] })])
    : s.op("Compress", [x, s.op("Reshape", [test, s.b.ints(-1)])]);
  s.others.push(made);
  return s.op("Add", [x, s.op("ReduceSum", [s.op("Mul", [made, s.b.scalar(0.01)])], { keepdims: 0 })]);
};
const joined: Step = (s, x) => {
  const axis = openAxis(s, x), shape = s.shape(x), n = s.draw.int(1, 3);
  if (s.dims(x).some((d, i) => i !== axis && isOpen(d))) return s.op("Concat", [x, activation(s, x)], { axis });
  return s.op("Concat", s.draw.shuffle([x, s.numbers(shape.map((d, i) => (i === axis ? n : d)))]), { axis });
};
const reversed: Step = (s, x) => {
  const axis = openAxis(s, x), low = least(s.dims(x)[axis]!), pads = (n: number) => s.dims(x).map((_, i) => (i === axis ? Math.min(n, low - 1) : 0));
  return s.op("Pad", [x, s.b.ints(...pads(s.draw.int(0, 2)), ...pads(s.draw.int(0, 2)))], { mode: s.draw.pick(["reflect", "edge", "wrap"]) });
};
const reduced: Step = (s, x) => {
  const axis = openAxis(s, x), op = s.draw.pick(["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare", "Softmax", "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "CumSum"]);
  if (op === "CumSum") return s.op(op, [s.op("Tanh", [x]), c(s, axis)], { reverse: s.draw.int(0, 1), exclusive: s.draw.int(0, 1) });
  if (op === "MeanVarianceNormalization") return s.op(op, [x], { axes: [axis] });
  return op.startsWith("Reduce") ? s.op(op, [x, s.b.ints(axis)], { keepdims: s.draw.int(0, 1) }) : s.op(op, [x], { axis });
};
/** A product whose sum goes over a size of the run. */
const contracted: Step = (s, x) => {
  const { draw } = s, r = s.rank(x);
  if (r < 2 || sizeOf(s.shape(x)) * s.dim(x, -1) > s.most.work) misfit();
  if (r === 3 && draw.chance(0.4)) return s.op("Mul", [s.op("Einsum", [x, x], { equation: draw.pick(["bij,bkj->bik", "bij,bik->bjk", "bij,bij->bi", "bij,bij->bj"]) }), s.b.scalar(0.2)]);
  const turned = s.op("Transpose", [x], { perm: [...Array(r - 2).keys(), r - 1, r - 2] });
  return s.op("Mul", [s.op("MatMul", draw.chance(0.5) ? [turned, activation(s, x)] : [x, turned]), s.b.scalar(0.2)]);
};

/** By how often they come. */
export const sizeSteps: readonly (readonly [weight: number, step: Step])[] = [
  [5, reshape], [4, slice], [3, halves], [3, windows], [3, positions], [3, table], [4, attention], [3, triangle], [3, filled], [2, tile], [3, resized], [3, pyramid],
  [2, measured], [4, gathered], [2, ordered], [2, found], [3, joined], [2, reversed], [4, reduced], [3, contracted],
];
