/** Windows that slide over the spatial dimensions: what convolutions and pools have in common. */
import { both, select } from "../ir/algebra.ts";
import { axis, type Axis } from "../ir/compute.ts";
import { int, plus, times } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { choice } from "./checks.ts";
import { within } from "./helpers.ts";
import type { AttributeSpec, NodeView } from "./op.ts";

/** The attributes of whatever slides a window. */
export const windowAttributes = {
  auto_pad: { kind: "string", default: "NOTSET" },
  dilations: { kind: "ints", optional: true },
  kernel_shape: { kind: "ints", optional: true },
  pads: { kind: "ints", optional: true },
  strides: { kind: "ints", optional: true },
} as const satisfies Record<string, AttributeSpec>;
/** The values of auto_pad. resolve-padding turns all of them into numbers before anything is lowered for a target. */
export const autoPads = ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"] as const;

/** One spatial dimension: `output` windows of `kernel` taps over `input` elements. */
export interface Slide {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}
/** A list attribute with one entry per spatial dimension (or `times` of them), or its default. */
export function perDimension(n: NodeView, name: string, rank: number, standard: number, least: number, times = 1): readonly number[] {
  const list = n.intsOr(name);
  if (list === undefined || list.length === 0) return Array.from({ length: rank * times }, () => standard);
  if (list.length !== rank * times) {
    n.fail(`attribute ${name} has ${list.length} entries; the input has ${rank} spatial dimensions, so ${rank * times} are needed`);
  }
  for (const x of list) if (x < least) n.fail(`attribute ${name} holds ${x}; at least ${least} is needed`);
  return list;
}
/** Splits the padding that SAME needs. */
export const samePads = (total: number, lower: boolean): readonly [before: number, after: number] => {
  const small = Math.floor(total / 2);
  return lower ? [total - small, small] : [small, total - small];
};
/** The windows of a node over these spatial sizes. `ceil` keeps a last window that the input fills only in part. */
export function slides(n: NodeView, input: readonly number[], kernel: readonly number[], ceil = false): readonly Slide[] {
  const rank = input.length, auto = choice(n, "auto_pad", autoPads);
  const strides = perDimension(n, "strides", rank, 1, 1), dilations = perDimension(n, "dilations", rank, 1, 1);
  const pads = auto === "NOTSET" ? perDimension(n, "pads", rank, 0, 0, 2) : new Array<number>(2 * rank).fill(0);
  return input.map((size, d) => {
    const stride = strides[d]!, dilation = dilations[d]!, taps = kernel[d]!, span = (taps - 1) * dilation + 1;
    if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
      const output = Math.ceil(size / stride), [before, after] = samePads(Math.max(0, (output - 1) * stride + span - size), auto === "SAME_LOWER");
      return { input: size, output, kernel: taps, stride, dilation, before, after };
    }
    const before = pads[d]!, after = pads[rank + d]!, room = size + before + after - span;
    // Of the windows that are cut off, one that would start in the padding after the input does not count.
    const last = Math.ceil(room / stride), output = ceil ? (last * stride >= size + before ? last : last + 1) : Math.floor(room / stride) + 1;
    if (output < 1) n.fail(`a window of ${span} does not fit into dimension ${d} of ${size} with padding ${before} and ${after}`);
    return { input: size, output, kernel: taps, stride, dilation, before, after };
  });
}
/** The names of the last `rank` spatial dimensions: x is the innermost. */
export const spatialNames = (rank: number): readonly string[] =>
  rank <= 3 ? ["z", "y", "x"].slice(3 - rank) : Array.from({ length: rank }, (_, d) => `x${d}`);
/** An axis over each spatial dimension, called by its name behind the prefix. */
export const spatialAxes = (sizes: readonly number[], prefix = ""): readonly Axis[] =>
  spatialNames(sizes.length).map((name, d) => axis(prefix + name, sizes[d]!));
/** The index of the element under tap `k` of window `y`; it may lie in the padding. */
export const tap = (s: Slide, y: Expr, k: Expr): Expr => plus(plus(times(y, s.stride), times(k, s.dilation)), int(-s.before));
/** Whether every index lies in its dimension; what is surely so vanishes. */
export const inside = (index: readonly Expr[], sizes: readonly number[]): Expr =>
  index.reduce<Expr>((all, i, d) => both(all, within(i, sizes[d]!)), constant("bool", 1));
/** `value` where every index lies in its dimension. */
export const guarded = (index: readonly Expr[], sizes: readonly number[], value: Expr, outside: Expr): Expr =>
  select(inside(index, sizes), value, outside);
