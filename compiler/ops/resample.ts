/**
 * Which elements of a line a resized line is made of: coordinates, taps and weights as ONNX's Resize defines them.
 * Coordinates are rounded to single precision at each step, as runtimes do: 3 / 0.6 must be 5, not a little less.
 */
import { add, convert, div, less, make, mul, select, sub } from "../ir/algebra.ts";
import type { Dim } from "../ir/graph.ts";
import { int, minus, range } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { sizeExpr } from "./op.ts";

/** How an output element's place follows from its index. */
export const coordinateModes = [
  "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize",
] as const;
/** Which of two neighbours a coordinate between them is. */
export const nearestModes = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const;
/** How elements between those of the input are made. */
export const resizeModes = ["nearest", "linear", "cubic"] as const;

/** One dimension of a Resize: from `input` to `output` elements. */
export interface Resampling {
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  /** Of the whole output, for the modes that align its ends: a fraction where a scale leads to one. */
  readonly length: number;
  readonly coordinates: (typeof coordinateModes)[number];
  readonly mode: (typeof resizeModes)[number];
  readonly nearest: (typeof nearestModes)[number];
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
  /** Of cubic interpolation, often called a. */
  readonly cubic: number;
  /** Start and end of the region of interest, as fractions of the input. */
  readonly roi: readonly [number, number];
}
/** One dimension whose size only a run knows: `ratio` is that of output to input where it is known. */
export interface OpenResampling extends Omit<Resampling, "input" | "output" | "scale" | "length" | "roi"> {
  readonly input: Dim;
  readonly output: Dim;
  readonly ratio: number | null;
}
/** Whether places and weights follow from the ratio alone, but for the ends. */
const isSteady = (r: OpenResampling): boolean =>
  (r.coordinates === "half_pixel" || r.coordinates === "asymmetric" || (r.coordinates === "pytorch_half_pixel" && range(sizeExpr(r.output))[0] > 1)) && !r.excludeOutside;
/** The same for the largest sizes: what it says of places holds for all sizes, but for the ends. Null where it depends on them. */
export const steadily = (r: OpenResampling): Resampling | null => (r.ratio === null || !isSteady(r) ? null : {
  ...r, input: range(sizeExpr(r.input))[1], output: range(sizeExpr(r.output))[1], scale: r.ratio, length: range(sizeExpr(r.output))[1], roi: [0, 1],
});
/** The place in the input of output element `y`, in f32, by sizes of the run; null for the modes that only fixed sizes have. */
export function openSource(r: OpenResampling, y: Expr): Expr | null {
  const f = (e: Expr | number): Expr => (typeof e === "number" ? constant("f32", e) : convert("f32", e)), input = sizeExpr(r.input), output = sizeExpr(r.output);
  const scale = r.ratio === null ? div(f(output), f(input)) : f(r.ratio), half = sub(div(add(f(y), f(0.5)), scale), f(0.5));
  switch (r.coordinates) {
    case "half_pixel": return half;
    case "pytorch_half_pixel": return select(less(int(1), output), half, f(0));
    case "asymmetric": return div(f(y), scale);
    case "align_corners": {
      const last = make("max", minus(output, int(1)), int(1));
      return div(mul(f(y), f(minus(input, int(1)))), r.ratio === null ? f(last) : make("max", sub(mul(f(r.ratio), f(input)), f(1)), f(1)));
    }
    default: return null;
  }
}
/** A float as the whole number that the mode makes of it. */
export function openNearest(mode: Resampling["nearest"], x: Expr): Expr {
  switch (mode) {
    case "round_prefer_floor": return make("ceil", sub(x, constant("f32", 0.5)));
    case "round_prefer_ceil": return make("floor", add(x, constant("f32", 0.5)));
    case "floor": case "ceil": return make(mode, x);
    default: return mode satisfies never;
  }
}
/** The places around `x`, as whole floats, and their weights in f32: those of two neighbours, or of four. */
export function openTaps(r: OpenResampling, x: Expr): readonly (readonly [place: Expr, weight: Expr])[] {
  const base = make("floor", x), rest = sub(x, base), f = (c: number) => constant("f32", c), a = r.cubic;
  if (r.mode !== "cubic") return [[base, sub(f(1), rest)], [add(base, f(1)), rest]];
  const near = (d: Expr) => add(mul(mul(sub(mul(f(a + 2), d), f(a + 3)), d), d), f(1));
  const far = (d: Expr) => sub(mul(add(mul(sub(mul(f(a), d), f(5 * a)), d), f(8 * a)), d), f(4 * a));
  return [[sub(base, f(1)), far(add(rest, f(1)))], [base, near(rest)], [add(base, f(1)), near(sub(f(1), rest))], [add(base, f(2)), far(sub(f(2), rest))]];
}
/** An element of the input, which may lie outside, and its weight. */
export interface Tap { readonly from: number; readonly weight: number }
/** What output element `y` is made of; `outside` where the whole element lies outside the input. */
export interface Sample { readonly taps: readonly Tap[]; readonly outside: boolean }

const round = Math.fround;
function source(r: Resampling, y: number): number {
  const { input, scale, length, roi: [start, end] } = r, middle = round((y + 0.5) / scale), half = round(middle - 0.5);
  switch (r.coordinates) {
    case "half_pixel": return half;
    case "pytorch_half_pixel": return r.output > 1 ? half : 0;
    // The centre of the input falls on the centre of the output, also where scale * input is no whole number.
    case "half_pixel_symmetric": {
      const offset = round((input / 2) * round(1 - round(r.output / round(scale * input))));
      return round(round(offset + middle) - 0.5);
    }
    case "align_corners": return length === 1 ? 0 : round((y * (input - 1)) / round(length - 1));
    case "asymmetric": return round(y / scale);
    case "tf_crop_and_resize":
      return length === 1 ? round((start + end) * 0.5 * (input - 1))
        : round(round(start * (input - 1)) + round((y * (end - start) * (input - 1)) / round(length - 1)));
    default: return r.coordinates satisfies never;
  }
}
function nearest(mode: Resampling["nearest"], x: number): number {
  switch (mode) {
    case "round_prefer_floor": return Math.ceil(x - 0.5);
    case "round_prefer_ceil": return Math.floor(x + 0.5);
    case "floor": return Math.floor(x);
    case "ceil": return Math.ceil(x);
    default: return mode satisfies never;
  }
}
const linearKernel = (x: number): number => Math.max(0, 1 - Math.abs(x));
/** Keys' cubic convolution kernel (IEEE ASSP 29, 1981). */
const cubicKernel = (a: number) => (signed: number): number => {
  const x = Math.abs(signed);
  return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
};
/** The elements under a kernel of this radius around `x`, widened to the input's sampling where that is anti-aliased. */
function under(r: Resampling, x: number, radius: number, kernel: (x: number) => number): readonly Tap[] {
  const shrink = r.antialias ? Math.min(r.scale, 1) : 1, base = Math.floor(x), ratio = x - base, taps: Tap[] = [];
  const first = Math.floor(-radius / shrink) + 1;
  for (let i = first; i <= 1 - first; i++) taps.push({ from: base + i, weight: kernel((i - ratio) * shrink) });
  return r.antialias ? normalised(taps) : taps;
}
const normalised = (taps: readonly Tap[]): readonly Tap[] => {
  const sum = taps.reduce((s, t) => s + t.weight, 0);
  return sum === 0 ? taps : taps.map((t) => ({ ...t, weight: t.weight / sum }));
};
/** What each output element is made of. All have equally many taps. */
export function samples(r: Resampling): readonly Sample[] {
  return Array.from({ length: r.output }, (_, y) => {
    const x = source(r, y), outside = r.coordinates === "tf_crop_and_resize" && (x < 0 || x > r.input - 1);
    const taps = r.mode === "nearest" ? [{ from: nearest(r.nearest, x) + 0, weight: 1 }]
      : r.mode === "linear" ? under(r, x, 1, linearKernel) : under(r, x, 2, cubicKernel(r.cubic));
    const kept = r.excludeOutside ? normalised(taps.map((t) => (t.from < 0 || t.from >= r.input ? { ...t, weight: 0 } : t))) : taps;
    return { taps: kept, outside };
  });
}
