/** Pooling over regions of a tensor that are computed at run time: RoiAlign by samples between elements, MaxRoiPool by whole elements. */
import { add, both, convert, less, make, mul, select, sub } from "../ir/algebra.ts";
import { accumulator, axis, neutral, type Axis, type Reduction, type Stage } from "../ir/compute.ts";
import { int, minus, plus } from "../ir/linear.ts";
import { constant, load, type Expr } from "../ir/scalar.ts";
import type { Dim } from "../ir/graph.ts";
import { choice, dimsOf, expectShape, typeOf } from "./checks.ts";
import { bounded, expectType, floats, indices, like } from "./helpers.ts";
import type { Op } from "./op.ts";
import { expectElements, limited, sized } from "./sampling.ts";

const accuracy = { absolute: 1e-5, relative: 1e-5, reason: "places and weights are of single precision" } as const;
/** Numbers of samples and elements that data tells stay below this: they are whole in floats, and so are sums of two. */
const most = 2 ** 23;
/** A whole number made of a float, between 0 and `most`; 0 for NaN. */
const counted = (x: Expr): Expr => convert("i32", select(less(like(x, 0), x), make("min", x, like(x, most)), like(x, 0)));
/** An element of a stage of whole numbers, as an index. */
const told = (s: Stage, ...at: readonly Expr[]): Expr => convert("index", load("i32", s.name, at));

/** One dimension of the tensor and of a region in it, which `bin` divides into equal parts. */
interface Side { readonly name: string; readonly start: Expr; readonly end: Expr; readonly bin: Axis; readonly bins: number; readonly size: Dim; readonly largest: number }
/** Samples of a bin along one dimension: the axis they lie along, the elements around each and their weights, and whether it lies inside the tensor at all. */
interface Samples {
  readonly axis: Axis;
  readonly taps: readonly { readonly index: Expr; readonly weight: Expr }[];
  readonly inside: Expr;
  /** How many the bin has, as a float. */
  readonly count: Expr | number;
  /** Where data tells the number: what tells it, which samples the axis goes over, whether that is none, and whether it leaves some out. */
  readonly byData?: { readonly stages: readonly Stage[]; readonly takesPart: Expr; readonly isEmpty: Expr; readonly leavesOut: Expr };
}
/**
 * `ratio` samples in each bin; with 0 as many as it is long, rounded up. Of those, the axis goes over the ones inside only: where a bin has several, they are more
 * than half an element apart, so that there are at most two for each element and a few at the borders, however large a region is.
 */
function samplesOf({ name, start, end, bin, bins, size, largest }: Side, region: Axis, ratio: number, half: boolean): Samples {
  const c = (v: number) => like(start, v), f = (i: Expr) => convert(start.dtype, i), length = half ? sub(end, start) : make("max", sub(end, start), c(1));
  const width = make("div", length, c(bins)), base = add(start, mul(f(bin), width));
  const around = (k: Expr, step: Expr) => {
    const raw = add(base, mul(add(k, c(0.5)), step)), inside = both(make("lessEqual", c(-1), raw), make("lessEqual", raw, sized(raw, size)));
    const y = limited(raw, 0, size, -1), low = make("floor", y), t = sub(y, low), first = bounded(convert("index", low), size);
    return { inside, taps: [{ index: first, weight: sub(c(1), t) }, { index: bounded(plus(first, int(1)), size), weight: t }] };
  };
  if (ratio > 0) {
    const k = axis(`k${name}`, ratio);
    return { axis: k, ...around(f(k), mul(width, c(1 / ratio))), count: ratio };
  }
  // Where devices round quotients freely, a length of twice the bins must not have three samples.
  const up = make("ceil", width), less1 = sub(up, c(1)), rounded = select(make("lessEqual", length, mul(less1, c(bins))), less1, up);
  const samples: Stage = { name: `samples_${name}`, axes: [region], value: counted(rounded) }, count = f(told(samples, region));
  const step = make("div", width, make("max", count, c(1)));
  const outside: Stage = { name: `outside_${name}`, axes: [region, bin], value: counted(make("floor", sub(make("div", sub(c(-1), base), step), c(0.5)))) };
  const k = axis(`k${name}`, 2 * (largest + 1) + 4), first = told(outside, region, bin), left = minus(told(samples, region), first);
  return {
    axis: k, ...around(f(plus(k, first)), step), count,
    byData: { stages: [samples, outside], takesPart: less(k, left), isEmpty: less(left, int(1)), leavesOut: make("or", less(int(0), first), less(int(k.range[1] + 1), left)) },
  };
}
const roiAlign: Op = {
  name: "RoiAlign", since: 22, inputs: [3, 3], accuracy,
  attributes: {
    coordinate_transformation_mode: { kind: "string", default: "half_pixel" }, mode: { kind: "string", default: "avg" },
    output_height: { kind: "int", default: 1 }, output_width: { kind: "int", default: 1 },
    sampling_ratio: { kind: "int", default: 0 }, spatial_scale: { kind: "float", default: 1 },
  },
  infer: (n) => {
    const X = dimsOf(n, 0, 4, 4), dtype = typeOf(n, floats, 0, 1), regions = dimsOf(n, 1, 2, 2)[0]!;
    expectElements(n);
    expectShape(n, 1, [regions, 4], "the regions");
    expectType(n, 2, indices);
    expectShape(n, 2, [regions], "batch_indices");
    choice(n, "mode", ["avg", "max"]);
    choice(n, "coordinate_transformation_mode", ["half_pixel", "output_half_pixel"]);
    if (n.int("sampling_ratio") < 0) n.fail(`sampling_ratio is ${n.int("sampling_ratio")}`, "0 takes as many samples as a region is large");
    return [{ dtype, shape: [regions, X[1]!, n.int("output_height"), n.int("output_width")] }];
  },
  lower: (n) => {
    const [r, c, y, x] = n.axes() as [Axis, Axis, Axis, Axis], X = n.type(0).shape, largest = n.in(0).shape, out = n.out().shape;
    const average = n.string("mode") === "avg", half = n.string("coordinate_transformation_mode") === "half_pixel", ratio = n.int("sampling_ratio");
    const corner = (k: number) => {
      const v = n.load(1, [r, int(k)]);
      return sub(mul(v, like(v, n.float("spatial_scale"))), like(v, half ? 0.5 : 0));
    };
    const side = (name: string, d: number, bin: Axis): Samples =>
      samplesOf({ name, start: corner(3 - d), end: corner(5 - d), bin, bins: out[d]!, size: X[d]!, largest: largest[d]! }, r, ratio, half);
    const rows = side("y", 2, y), columns = side("x", 3, x), sides = [rows, columns], byData = sides.flatMap((s) => s.byData ?? []);
    const b = bounded(convert("index", n.load(2, [r])), X[0]!);
    const products = rows.taps.flatMap((i) => columns.taps.map((j) => mul(mul(i.weight, j.weight), n.load(0, [b, c, i.index, j.index]))));
    const op: Reduction = average ? "add" : "max", sample = products.reduce((p, q) => make(op, p, q)), zero = like(sample, 0);
    const value = select(both(rows.inside, columns.inside), sample, zero), none = constant(sample.dtype, neutral(op, sample.dtype));
    const sum = accumulator(value.dtype), number = sides.reduce<Expr>((p, s) => (typeof s.count === "number" ? mul(p, like(sum, s.count)) : mul(p, convert(sum.dtype, s.count))), like(sum, 1));
    // Samples outside are 0, those that nobody goes over too.
    const greatest = byData.reduce((e, s) => select(s.isEmpty, zero, e), byData.reduce((e, s) => select(s.leavesOut, make("max", e, zero), e), sum as Expr));
    return n.compute([...byData.flatMap((s) => s.stages), {
      name: "regions", axes: [r, c, y, x], value: byData.reduce((e, s) => select(s.takesPart, e, none), value), reduce: { op, axes: sides.map((s) => s.axis) },
      finish: average ? make("div", sum, make("max", number, like(sum, 1))) : greatest,
    }]);
  },
};

/** The largest element of each bin of a region, in whole elements; where a bin lies outside, 0. ONNX Runtime divides in floats: one of some 600 bins has an element more there. */
const maxRoiPool: Op = {
  name: "MaxRoiPool", since: 22, inputs: [2, 2],
  attributes: { pooled_shape: { kind: "ints" }, spatial_scale: { kind: "float", default: 1 } },
  infer: (n) => {
    const X = dimsOf(n, 0, 4, 4), dtype = typeOf(n, floats, 0, 1), regions = dimsOf(n, 1, 2, 2)[0]!, pooled = n.ints("pooled_shape");
    expectElements(n);
    expectShape(n, 1, [regions, 5], "the regions");
    if (pooled.length !== 2 || pooled.some((p) => p < 1)) n.fail(`pooled_shape is [${pooled}]; it must be two sizes of 1 or more`);
    return [{ dtype, shape: [regions, X[1]!, ...pooled] }];
  },
  lower: (n) => {
    const [r, c, y, x] = n.axes() as [Axis, Axis, Axis, Axis], X = n.type(0).shape, largest = n.in(0).shape, out = n.out().shape;
    const side = (name: string, d: number, bin: Axis) => {
      const corner = (k: number) => { const v = n.load(1, [r, int(k)]); return roundedAway(mul(v, like(v, n.float("spatial_scale")))); };
      // Whole numbers: where a quotient of floats is rounded, bins of equal size would not be.
      const start = corner(4 - d), whole: Stage = { name: `length_${name}`, axes: [r], value: counted(make("max", add(sub(corner(6 - d), start), like(start, 1)), like(start, 1))) };
      const parts = int(out[d]!), length = make("max", int(1), make("min", told(whole, r), int(Math.floor(2 ** 30 / out[d]!)))), edge = (turns: Expr, up: number) => make("quo", plus(make("mul", turns, length), int(up)), parts);
      const place = (e: Expr) => counted(make("min", add(convert(start.dtype, e), start), sized(start, X[d]!)));
      const from: Stage = { name: `from_${name}`, axes: [r, bin], value: place(edge(bin, 0)) }, to: Stage = { name: `to_${name}`, axes: [r, bin], value: place(edge(plus(bin, int(1)), out[d]! - 1)) };
      const k = axis(`k${name}`, largest[d]!), first = told(from, r, bin), left = minus(told(to, r, bin), first);
      return { stages: [whole, from, to], axis: k, takesPart: less(k, left), isEmpty: less(left, int(1)), index: bounded(plus(k, first), X[d]!) };
    };
    const sides = [side("y", 2, y), side("x", 3, x)], { dtype } = n.out(), none = constant(dtype, neutral("max", dtype)), greatest = accumulator(dtype);
    const element = n.load(0, [bounded(convert("index", n.load(1, [r, int(0)])), X[0]!), c, ...sides.map((s) => s.index)]);
    return n.compute([...sides.flatMap((s) => s.stages), {
      name: "regions", axes: [r, c, y, x], value: sides.reduce((e, s) => select(s.takesPart, e, none), element as Expr), reduce: { op: "max", axes: sides.map((s) => s.axis) },
      finish: sides.reduce((e, s) => select(s.isEmpty, like(e, 0), e), greatest as Expr),
    }]);
  },
};
/** To the nearest whole number; halves away from 0. */
const roundedAway = (x: Expr): Expr => { const whole = make("floor", add(make("abs", x), like(x, 0.5))); return select(less(x, like(x, 0)), sub(like(x, 0), whole), whole); };

/** RoiAlign and MaxRoiPool. */
export const regionPools: readonly Op[] = [roiAlign, maxRoiPool];
