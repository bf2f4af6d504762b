/** Resize: each output element is a weighted sum of elements whose places and weights are known at compile time. */
import { add, both, convert, make, mul, select } from "../ir/algebra.ts";
import { accumulator, axis, tensor, type Axis, type Stage, type Tensor } from "../ir/compute.ts";
import { int, plus, times } from "../ir/linear.ts";
import { constant, load, type Expr } from "../ir/scalar.ts";
import { arrayOf, isFloat, limits, types, type DType, type Num } from "../ir/types.ts";
import { choice, dimsOf } from "./checks.ts";
import type { Dim } from "../ir/graph.ts";
import { clamp, lessDim, quoDim, showShape, timesDim } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";
import {
  coordinateModes, nearestModes, openNearest, openSource, openTaps, resizeModes, samples, steadily, type OpenResampling, type Resampling,
} from "./resample.ts";

/** Places of a dimension that are worked out one by one when the model is compiled. */
const mostPlaces = 1 << 22;

/** What the node does to each dimension. */
function resamplings(n: NodeView): readonly (Resampling | OpenResampling)[] {
  const shape = dimsOf(n, 0, 1), axes = (n.intsOr("axes") ?? shape.map((_, d) => d)).map((a) => n.axis(a, shape.length));
  const list = (i: number, name: string, per: number): readonly Dim[] | null => {
    const values = n.has(i) ? n.sizes(i) : null;
    if (!values || values.length === 0) return null;
    return values.length === per * axes.length ? values : n.fail(`${name} has ${values.length} entries; ${per * axes.length} are needed`);
  };
  const mode = choice(n, "mode", resizeModes), coordinates = choice(n, "coordinate_transformation_mode", coordinateModes);
  const roi = coordinates === "tf_crop_and_resize" ? numeric(list(1, "roi", 2)) ?? n.fail("tf_crop_and_resize needs the input roi") : null;
  const scales = list(2, "scales", 1), sizes = list(3, "sizes", 1), antialias = n.int("antialias") !== 0;
  if (!scales === !sizes) n.fail(scales ? "has both scales and sizes" : "has neither scales nor sizes", "give exactly one of the inputs 2 and 3");
  if (antialias && mode === "nearest") n.fail("antialias goes with the modes linear and cubic only");
  if (scales && !numeric(scales)) n.fail("the scales depend on sizes that are known only at run time", "give sizes instead of scales, or one size instead of bounds");
  if (!numeric(shape) || (sizes && !numeric(sizes))) return opened(n, shape, axes, scales as readonly number[] | null, sizes);
  return closed(n, shape as readonly number[], axes, scales as readonly number[] | null, sizes as readonly number[] | null, roi);
}
const numeric = (list: readonly Dim[] | null): readonly number[] | null => (list?.every((x) => typeof x === "number") ? (list as readonly number[]) : null);
/** Of what all sizes say alike. */
const manner = (n: NodeView) => ({
  mode: choice(n, "mode", resizeModes), nearest: choice(n, "nearest_mode", nearestModes), antialias: n.int("antialias") !== 0,
  excludeOutside: n.int("exclude_outside") !== 0, cubic: n.float("cubic_coeff_a"),
});
/** Where sizes are known only at run time. */
function opened(n: NodeView, shape: readonly Dim[], axes: readonly number[], scales: readonly number[] | null, sizes: readonly Dim[] | null): readonly (Resampling | OpenResampling)[] {
  const how = manner(n), coordinates = choice(n, "coordinate_transformation_mode", coordinateModes);
  const policy = choice(n, "keep_aspect_ratio_policy", ["stretch", "not_larger", "not_smaller"]);
  const refused = how.antialias ? "antialias" : how.excludeOutside ? "exclude_outside" : sizes && policy !== "stretch" ? "keep_aspect_ratio_policy"
    : ["half_pixel_symmetric", "tf_crop_and_resize"].includes(coordinates) ? coordinates : null;
  if (refused) n.fail(`sizes that are known only at run time do not go with ${refused}`, "give them one size instead of bounds");
  return shape.map((input, d): Resampling | OpenResampling => {
    const k = axes.indexOf(d), scale = k < 0 ? 1 : scales?.[k] ?? null, output = scale === null ? sizes![k]! : scaledBy(n, input, scale);
    if (scale === 1 || input === output) return { ...how, input, output, ratio: 1, coordinates: "asymmetric" };
    const isFixed = typeof input === "number" && typeof output === "number";
    if (isFixed) return { ...how, coordinates, input, output, scale: scale ?? Math.fround(output / input), length: scale === null ? output : scale * input, roi: [0, 1] };
    return { ...how, coordinates, input, output, ratio: scale };
  });
}
/** floor(scale * input), for scales that are whole numbers or such through a power of 2, whose products are exact. */
function scaledBy(n: NodeView, input: Dim, scale: number): Dim {
  if (typeof input === "number") return Math.floor(Math.fround(scale * input));
  for (let by = 1; by <= 256; by *= 2) if (Number.isInteger(scale * by)) return quoDim(timesDim(input, scale * by), by);
  return n.fail(`scale ${scale} of a dimension whose size is known only at run time is no whole number, nor one through a power of 2`, "give sizes instead of scales, or one size instead of bounds");
}
function closed(n: NodeView, shape: readonly number[], axes: readonly number[], scales: readonly number[] | null, sizes: readonly number[] | null, roi: readonly number[] | null): readonly Resampling[] {
  const how = manner(n), coordinates = choice(n, "coordinate_transformation_mode", coordinateModes);
  const found = scales ? scales.map((scale, k) => ({ scale, output: Math.floor(Math.fround(scale * shape[axes[k]!]!)) }))
    : fitted(n, sizes!, axes.map((d) => shape[d]!));
  if (found.some((f) => !(f.output > 0))) n.fail(`the result would be empty: scales ${showShape(found.map((f) => f.scale))} on ${showShape(shape)}`);
  const long = found.find((f, k) => f.output > mostPlaces && f.output !== shape[axes[k]!]!);
  if (long) n.fail(`Resize makes a dimension ${long.output} long: each of its places would have weights of its own in tables, which is done for ${mostPlaces} places at most`, "whole repetitions are Expand and Reshape");
  return shape.map((input, d) => {
    const k = axes.indexOf(d), { scale, output } = found[k] ?? { scale: 1, output: input };
    return {
      ...how, input, output, scale, length: scales ? scale * input : output, coordinates: k < 0 ? "asymmetric" : coordinates,
      roi: roi && k >= 0 ? [roi[k]!, roi[k + axes.length]!] : [0, 1],
    };
  });
}
/** Sizes and scales from the wanted sizes, by the policy on the aspect ratio. */
function fitted(n: NodeView, sizes: readonly number[], inputs: readonly number[]): readonly { readonly scale: number; readonly output: number }[] {
  const policy = choice(n, "keep_aspect_ratio_policy", ["stretch", "not_larger", "not_smaller"]), ratios = sizes.map((s, k) => s / inputs[k]!);
  if (policy === "stretch") return ratios.map((scale, k) => ({ scale: Math.fround(scale), output: sizes[k]! }));
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return inputs.map((input) => ({ scale: Math.fround(scale), output: Math.floor(scale * input + 0.5) }));
}

/** One dimension of the result: the places it reads, each with a weight, and whether the element is in the input at all. */
interface Line {
  readonly taps: readonly { readonly index: Expr; readonly weight: Expr | null }[];
  /** Over the taps, where they are too many to write out. */
  readonly over: Axis | null;
  readonly inside: Expr | null;
}
const mostWrittenOut = 4;

class Lines {
  readonly tables: Tensor[] = [];
  private readonly prefix: string;
  private readonly dtype: DType;
  constructor(prefix: string, dtype: DType) { this.prefix = prefix; this.dtype = dtype; }

  /** A small constant that is read at run time. */
  private table(name: string, dtype: DType, shape: readonly number[], values: readonly Num[], at: readonly Expr[]): Expr {
    const t = tensor(`${this.prefix}.${name}`, "weight", shape, { dtype, data: arrayOf(dtype, values) });
    this.tables.push(t);
    return load(dtype, t.name, at);
  }
  /** The places `from` of output `y`, clamped: by arithmetic where they follow a rule, else from a table. */
  private index(name: string, from: readonly number[], y: Expr, input: Dim): Expr {
    const rule = arithmetic(from, y);
    return clamp(rule ?? convert("index", this.table(name, "i32", [from.length], from, [y])), 0, lessDim(input, 1));
  }
  private weight(name: string, weights: readonly number[], y: Expr): Expr | null {
    const first = weights[0]!;
    if (weights.every((w) => w === first)) return first === 1 ? null : constant(this.dtype, first);
    return this.table(name, this.dtype, [weights.length], weights, [y]);
  }
  /** By sizes of the run. */
  private open(r: OpenResampling, y: Axis): Line {
    const x = openSource(r, y)!, last = lessDim(r.input, 1), place = (e: Expr) => clamp(convert("index", e), 0, last);
    if (r.mode === "nearest") return { taps: [{ index: place(openNearest(r.nearest, x)), weight: null }], over: null, inside: null };
    return { taps: openTaps(r, x).map(([at, weight]) => ({ index: place(at), weight: convert(this.dtype, weight) })), over: null, inside: null };
  }
  line(given: Resampling | OpenResampling, d: number, y: Axis): Line {
    if ("ratio" in given && given.input === given.output) return { taps: [{ index: y, weight: null }], over: null, inside: null };
    const r = "ratio" in given ? steadily(given) : given, input = given.input;
    if (!r) return this.open(given as OpenResampling, y);
    if (r.input === r.output && r.scale === 1 && r.roi[0] === 0 && r.roi[1] === 1) {
      return { taps: [{ index: y, weight: null }], over: null, inside: null };
    }
    const all = samples(r), width = all[0]!.taps.length;
    const columns = Array.from({ length: width }, (_, j) => ({ from: all.map((s) => s.taps[j]!.from), weights: all.map((s) => s.taps[j]!.weight) }))
      .filter((c) => c.weights.some((w) => w !== 0));
    const inside = all.some((s) => s.outside) ? this.table(`inside${d}`, "bool", [r.output], all.map((s) => (s.outside ? 0 : 1)), [y]) : null;
    if (columns.length <= mostWrittenOut) {
      const taps = columns.map((c, j) => ({
        index: this.index(`from${d}.${j}`, c.from, y, input), weight: this.weight(`weight${d}.${j}`, c.weights, y),
      }));
      return { taps, over: null, inside };
    }
    const over = axis(`k${d}`, columns.length), shape = [r.output, columns.length];
    const rows = <T>(f: (c: (typeof columns)[number], i: number) => T) => all.flatMap((_, i) => columns.map((c) => f(c, i)));
    const index = clamp(convert("index", this.table(`from${d}`, "i32", shape, rows((c, i) => c.from[i]!), [y, over])), 0, lessDim(input, 1));
    return { taps: [{ index, weight: this.table(`weight${d}`, this.dtype, shape, rows((c, i) => c.weights[i]!), [y, over]) }], over, inside };
  }
}
/** a * y + b, or (y + b) quo s + c, if every value obeys. */
function arithmetic(from: readonly number[], y: Expr): Expr | null {
  const first = from[0]!, step = (from[1] ?? first) - first;
  if (from.every((v, i) => v === first + step * i)) return plus(times(y, step), int(first));
  const jump = from.findIndex((v) => v !== first), next = from.findIndex((v, i) => i > jump && v !== from[jump]);
  const s = (next < 0 ? from.length : next) - jump;
  for (const size of new Set([s, Math.max(s, jump)])) {
    const b = size - jump;
    if (size > 1 && b >= 0 && from.every((v, i) => v === Math.floor((i + b) / size) + first)) {
      return plus(make("quo", plus(y, int(b)), int(size)), int(first));
    }
  }
  return null;
}

const resize: Op = {
  name: "Resize", since: 19, inputs: [1, 4], parameters: [1, 2, 3], sizeParameters: true,
  accuracy: { absolute: 1e-5, relative: 1e-5, reason: "coordinates and weights are of single precision" },
  attributes: {
    antialias: { kind: "int", default: 0 }, axes: { kind: "ints", optional: true },
    coordinate_transformation_mode: { kind: "string", default: "half_pixel" },
    cubic_coeff_a: { kind: "float", default: -0.75 }, exclude_outside: { kind: "int", default: 0 },
    extrapolation_value: { kind: "float", default: 0 },
    keep_aspect_ratio_policy: { kind: "string", default: "stretch" }, mode: { kind: "string", default: "nearest" },
    nearest_mode: { kind: "string", default: "round_prefer_floor" },
  },
  infer: (n) => {
    const { dtype, shape } = n.type(0), made = resamplings(n).map((r) => r.output);
    if (shape.some((d, i) => d === 0 && made[i] !== 0)) n.fail(`${showShape(made)} cannot be made of ${showShape(shape)}, which has no elements`);
    return [{ dtype, shape: made }];
  },
  lower: (n) => {
    const { dtype } = n.in(0), axes = n.axes(), plain = n.string("mode") === "nearest", computed = plain || isFloat(dtype) ? dtype : "f32";
    const lines = new Lines(n.node.outputs[0]!, computed), found = resamplings(n).map((r, d) => lines.line(r, d, axes[d]!));
    const sum = (d: number, index: readonly Expr[]): Expr => (d === found.length ? convert(computed, n.load(0, index))
      : found[d]!.taps.map((t) => { const x = sum(d + 1, [...index, t.index]); return t.weight ? mul(t.weight, x) : x; }).reduce(add));
    const inside = found.flatMap((l) => l.inside ?? []).reduce<Expr>(both, constant("bool", 1)), over = found.flatMap((l) => l.over ?? []);
    const tail = (x: Expr) => back(select(inside, x, constant(x.dtype, n.float("extrapolation_value"))), dtype), value = sum(0, []);
    const stage: Stage = over.length
      ? { name: "resize", axes, value, reduce: { op: "add", axes: over }, finish: tail(accumulator(computed)) }
      : { name: "resize", axes, value: tail(value) };
    return n.compute([stage], undefined, lines.tables);
  },
};
/** Towards zero, held within the limits of a narrow integer type. */
function back(x: Expr, dtype: DType): Expr {
  if (x.dtype === dtype || types[dtype].bytes > 2) return convert(dtype, x);
  const [low, high] = limits(dtype);
  return convert(dtype, make("min", make("max", x, constant(x.dtype, low)), constant(x.dtype, high)));
}
export const resizes: readonly Op[] = [resize];
