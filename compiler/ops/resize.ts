/** Resize: each output element is a weighted sum of elements whose places and weights are known at compile time. */
import { add, both, convert, make, mul, select } from "../ir/algebra.ts";
import { accumulator, axis, tensor, type Axis, type Stage, type Tensor } from "../ir/compute.ts";
import { int, plus, times } from "../ir/linear.ts";
import { constant, load, type Expr } from "../ir/scalar.ts";
import { arrayOf, isFloat, limits, types, type DType, type Num } from "../ir/types.ts";
import { choice, shapeOf } from "./checks.ts";
import { clamp, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";
import { coordinateModes, nearestModes, resizeModes, samples, type Resampling } from "./resample.ts";

/** What the node does to each dimension. */
function resamplings(n: NodeView): readonly Resampling[] {
  const shape = shapeOf(n, 0, 1), axes = (n.intsOr("axes") ?? shape.map((_, d) => d)).map((a) => n.axis(a, shape.length));
  const list = (i: number, name: string, per: number): readonly number[] | null => {
    const values = n.has(i) ? n.parameter(i) : null;
    if (!values || values.length === 0) return null;
    return values.length === per * axes.length ? values : n.fail(`${name} has ${values.length} entries; ${per * axes.length} are needed`);
  };
  const mode = choice(n, "mode", resizeModes), coordinates = choice(n, "coordinate_transformation_mode", coordinateModes);
  const roi = coordinates === "tf_crop_and_resize" ? list(1, "roi", 2) ?? n.fail("tf_crop_and_resize needs the input roi") : null;
  const scales = list(2, "scales", 1), sizes = list(3, "sizes", 1), antialias = n.int("antialias") !== 0;
  if (!scales === !sizes) n.fail(scales ? "has both scales and sizes" : "has neither scales nor sizes", "give exactly one of the inputs 2 and 3");
  if (antialias && mode === "nearest") n.fail("antialias goes with the modes linear and cubic only");
  const found = scales ? scales.map((scale, k) => ({ scale, output: Math.floor(Math.fround(scale * shape[axes[k]!]!)) }))
    : fitted(n, sizes!, axes.map((d) => shape[d]!));
  if (found.some((f) => !(f.output > 0))) n.fail(`the result would be empty: scales ${showShape(found.map((f) => f.scale))} on ${showShape(shape)}`);
  return shape.map((input, d) => {
    const k = axes.indexOf(d), { scale, output } = found[k] ?? { scale: 1, output: input };
    return {
      input, output, scale, length: scales ? scale * input : output, coordinates: k < 0 ? "asymmetric" : coordinates, mode, antialias,
      nearest: choice(n, "nearest_mode", nearestModes),
      excludeOutside: n.int("exclude_outside") !== 0, cubic: n.float("cubic_coeff_a"), roi: roi && k >= 0 ? [roi[k]!, roi[k + axes.length]!] : [0, 1],
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
  private index(name: string, from: readonly number[], y: Expr, input: number): Expr {
    const rule = arithmetic(from, y);
    if (rule) return clamp(rule, 0, input - 1);
    return clamp(convert("index", this.table(name, "i32", [from.length], from, [y])), 0, input - 1);
  }
  private weight(name: string, weights: readonly number[], y: Expr): Expr | null {
    const first = weights[0]!;
    if (weights.every((w) => w === first)) return first === 1 ? null : constant(this.dtype, first);
    return this.table(name, this.dtype, [weights.length], weights, [y]);
  }
  line(r: Resampling, d: number, y: Axis): Line {
    if (r.input === r.output && r.scale === 1 && r.roi[0] === 0 && r.roi[1] === 1) {
      return { taps: [{ index: y, weight: null }], over: null, inside: null };
    }
    const all = samples(r), width = all[0]!.taps.length;
    const columns = Array.from({ length: width }, (_, j) => ({ from: all.map((s) => s.taps[j]!.from), weights: all.map((s) => s.taps[j]!.weight) }))
      .filter((c) => c.weights.some((w) => w !== 0));
    const inside = all.some((s) => s.outside) ? this.table(`inside${d}`, "bool", [r.output], all.map((s) => (s.outside ? 0 : 1)), [y]) : null;
    if (columns.length <= mostWrittenOut) {
      const taps = columns.map((c, j) => ({
        index: this.index(`from${d}.${j}`, c.from, y, r.input), weight: this.weight(`weight${d}.${j}`, c.weights, y),
      }));
      return { taps, over: null, inside };
    }
    const over = axis(`k${d}`, columns.length), shape = [r.output, columns.length];
    const rows = <T>(f: (c: (typeof columns)[number], i: number) => T) => all.flatMap((_, i) => columns.map((c) => f(c, i)));
    const index = clamp(convert("index", this.table(`from${d}`, "i32", shape, rows((c, i) => c.from[i]!), [y, over])), 0, r.input - 1);
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
  name: "Resize", since: 19, inputs: [1, 4], parameters: [1, 2, 3],
  accuracy: { absolute: 1e-5, relative: 1e-5, reason: "coordinates and weights are of single precision" },
  attributes: {
    antialias: { kind: "int", default: 0 }, axes: { kind: "ints", optional: true },
    coordinate_transformation_mode: { kind: "string", default: "half_pixel" },
    cubic_coeff_a: { kind: "float", default: -0.75 }, exclude_outside: { kind: "int", default: 0 },
    extrapolation_value: { kind: "float", default: 0 },
    keep_aspect_ratio_policy: { kind: "string", default: "stretch" }, mode: { kind: "string", default: "nearest" },
    nearest_mode: { kind: "string", default: "round_prefer_floor" },
  },
  infer: (n) => [{ dtype: n.in(0).dtype, shape: resamplings(n).map((r) => r.output) }],
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
