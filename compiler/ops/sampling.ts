/** Sampling at places that are computed at run time. */
import { add, both, convert, less, make, mul, select, sub } from "../ir/algebra.ts";
import { at, type Axis, type Stage } from "../ir/compute.ts";
import { int, plus } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import type { Dim } from "../ir/graph.ts";
import { choice, dimsOf, expectShape, typeOf } from "./checks.ts";
import { bounded, expectType, floats, like, moreDim, showShape, within } from "./helpers.ts";
import { sizeExpr, type NodeView, type Op } from "./op.ts";

const accuracy = { absolute: 1e-5, relative: 1e-5, reason: "places and weights are of single precision" } as const;
const paddings = ["zeros", "border", "reflection"] as const, modes = ["nearest", "linear", "cubic"] as const;
type Padding = (typeof paddings)[number];
type Mode = (typeof modes)[number];

const either = (a: Expr, b: Expr) => make("or", a, b);
/** A size, `more` and `times` as much, in the type of `x`. */
export const sized = (x: Expr, size: Dim, more = 0, times = 1): Expr => {
  if (typeof size === "number") return like(x, (size + more) * times);
  const whole = Number.isInteger(more), sum = convert(x.dtype, sizeExpr(whole ? moreDim(size, more) : size)), shifted = whole ? sum : add(sum, like(x, more));
  return times === 1 ? shifted : mul(shifted, like(x, times));
};
const heldBetween = (x: Expr, low: Expr, high: Expr) => make("min", make("max", x, low), high);
/** Held between a number and a size and `more`. */
export const limited = (x: Expr, low: number, size: Dim, more = 0) => heldBetween(x, like(x, low), sized(x, size, more));
/** Thrown back at both borders, as often as it takes. */
function reflect(x: Expr, size: Dim, aligned: boolean): Expr {
  const low = like(x, aligned ? 0 : -0.5), span = (times: number) => sized(x, size, aligned ? -1 : 0, times);
  if (aligned && size === 1) return low;
  const far = make("fmod", make("abs", sub(x, low)), span(2)), thrown = select(less(span(1), far), sub(sized(x, size, aligned ? -1 : -0.25, 2), far), add(far, low));
  return aligned && typeof size !== "number" ? select(less(sizeExpr(size), int(2)), low, thrown) : thrown;
}
/** A coordinate in -1 .. 1 as a place in the input, moved inside as the padding wants. */
function place(x: Expr, size: Dim, aligned: boolean, padding: Padding, mode: Mode): Expr {
  const up = add(x, like(x, 1)), raw = aligned ? mul(up, sized(x, size, -1, 0.5)) : mul(sub(mul(up, sized(x, size)), like(x, 1)), like(x, 0.5));
  const p = mode === "nearest" ? make("round", raw) : raw, low = like(p, aligned ? 0 : -0.5), high = sized(p, size, aligned ? -1 : -0.5);
  const outside = either(less(p, low), less(high, p));
  switch (padding) {
    // So far outside that no tap reaches in, and yet an integer.
    case "zeros": return limited(p, -3, size, 2);
    // The taps of a cubic kernel are moved one by one: that is what PyTorch does.
    case "border": return mode === "cubic" ? limited(p, -3, size, 2) : select(outside, limited(p, 0, size, -1), p);
    case "reflection": return select(outside, reflect(p, size, aligned), p);
    default: return padding satisfies never;
  }
}
/** One element of a line, where it counts and how much (null: wholly). */
export interface Tap { readonly index: Expr; readonly inside: Expr; readonly weight: Expr | null }
/** The taps around place `p` of a line of `size` elements, by the mode of interpolation. */
export function tapsAt(p: Expr, size: Dim, aligned: boolean, padding: Padding, mode: Mode): readonly Tap[] {
  const base = mode === "nearest" ? p : make("floor", p), t = sub(p, base), yes = constant("bool", 1);
  const tap = (offset: number, weight: Expr | null): Tap => {
    const whole = plus(convert("index", base), int(offset));
    switch (padding) {
      case "zeros": return { index: bounded(whole, size), inside: within(whole, size), weight };
      case "border": return { index: bounded(whole, size), inside: yes, weight };
      case "reflection": {
        const back = convert("index", reflect(add(base, like(base, offset)), size, aligned));
        return { index: bounded(back, size), inside: yes, weight };
      }
      default: return padding satisfies never;
    }
  };
  switch (mode) {
    case "nearest": return [tap(0, null)];
    case "linear": return [tap(0, sub(like(t, 1), t)), tap(1, t)];
    case "cubic": return [-1, 0, 1, 2].map((offset) => {
      const distance = offset < 1 ? sub(t, like(t, offset)) : sub(like(t, offset), t);
      return tap(offset, cubic(distance, offset === 0 || offset === 1));
    });
    default: return mode satisfies never;
  }
}
/** Keys' cubic kernel with a = -0.75 at distance `x`, below 1 or between 1 and 2. */
function cubic(x: Expr, near: boolean): Expr {
  const a = -0.75, c = (v: number) => like(x, v);
  return near
    ? add(mul(mul(sub(mul(c(a + 2), x), c(a + 3)), x), x), c(1))
    : sub(mul(add(mul(sub(mul(c(a), x), c(5 * a)), x), c(8 * a)), x), c(4 * a));
}
/** Fails where there is nothing to sample. */
export function expectElements(n: NodeView): void {
  const { shape } = n.type(0);
  if (shape.slice(2).includes(0)) n.fail(`the input has shape ${showShape(shape)}: there are no elements to take samples of`);
}
const gridSample: Op = {
  name: "GridSample", since: 22, inputs: [2, 2], accuracy,
  attributes: {
    align_corners: { kind: "int", default: 0 }, mode: { kind: "string", default: "linear" }, padding_mode: { kind: "string", default: "zeros" },
  },
  infer: (n) => {
    const X = dimsOf(n, 0, 3), grid = dimsOf(n, 1, X.length, X.length), { dtype } = n.type(0);
    expectType(n, 1, floats);
    choice(n, "padding_mode", paddings);
    if (choice(n, "mode", modes) !== "nearest") expectType(n, 0, floats);
    expectShape(n, 1, [X[0]!, ...grid.slice(1, -1), X.length - 2], "the grid");
    expectElements(n);
    return [{ dtype, shape: [X[0]!, X[1]!, ...grid.slice(1, -1)] }];
  },
  lower: (n) => {
    const [b, c, ...out] = n.axes() as [Axis, Axis, ...Axis[]], { shape, dtype } = n.type(0), sizes = shape.slice(2), mode = choice(n, "mode", modes);
    const aligned = n.int("align_corners") !== 0, padding = choice(n, "padding_mode", paddings), inGrid = n.in(1).dtype;
    // The grid names the last dimension first.
    const places = sizes.map((size, d): Stage =>
      ({ name: `at${d}`, axes: [b, ...out], value: place(n.load(1, [b, ...out, int(sizes.length - 1 - d)]), size, aligned, padding, mode) }));
    const taps = sizes.map((size, d) => tapsAt(at({ name: `at${d}`, dtype: inGrid }, b, ...out), size, aligned, padding, mode));
    const sample = (d: number, index: readonly Expr[], inside: Expr): Expr => {
      if (d === sizes.length) return select(inside, n.load(0, [b, c, ...index]), constant(dtype, 0));
      return taps[d]!.map((t) => {
        const x = sample(d + 1, [...index, t.index], both(inside, t.inside));
        return t.weight ? mul(convert(dtype, t.weight), x) : x;
      }).reduce(add);
    };
    return n.compute([...places, { name: "sample", axes: [b, c, ...out], value: sample(0, [], constant("bool", 1)) }]);
  },
};
/** The places of the output's elements in the input, by an affine map of -1 .. 1. */
const affineGrid: Op = {
  name: "AffineGrid", since: 20, inputs: [2, 2], parameters: [1], accuracy, attributes: { align_corners: { kind: "int", default: 0 } },
  infer: (n) => {
    const size = n.parameter(1)!, dims = size.length - 2;
    if (dims < 1) n.fail(`the size has ${size.length} entries; it must be [N, C, spatial sizes]`);
    expectShape(n, 0, [size[0]!, dims, dims + 1], "theta");
    return [{ dtype: typeOf(n, floats, 0, 0), shape: [size[0]!, ...size.slice(2), dims] }];
  },
  lower: (n) => n.map((index) => {
    const b = index[0]!, row = index.at(-1)!, out = index.slice(1, -1), sizes = n.out().shape.slice(1, -1), { dtype } = n.out();
    const coordinate = (d: number): Expr => {
      const size = sizes[d]!, [scale, start] = n.int("align_corners") ? [size > 1 ? 2 / (size - 1) : 0, size > 1 ? -1 : 0] : [2 / size, 1 / size - 1];
      return add(mul(convert(dtype, out[d]!), constant(dtype, scale)), constant(dtype, start));
    };
    const terms = sizes.map((_, k) => mul(n.load(0, [b, row, int(k)]), coordinate(sizes.length - 1 - k)));
    return add(terms.reduce(add), n.load(0, [b, row, int(sizes.length)]));
  }),
};

/** GridSample and AffineGrid. */
export const samplers: readonly Op[] = [gridSample, affineGrid];
