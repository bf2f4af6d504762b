/** Windows that slide over the spatial dimensions: what convolutions and pools have in common. */
import { both, select } from "../ir/algebra.ts";
import { axis, type Axis } from "../ir/compute.ts";
import { minus, plus, range, times } from "../ir/linear.ts";
import type { Dim } from "../ir/graph.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { choice } from "./checks.ts";
import { boundDim, largest, lessDim, moreDim, quoDim, showDim, smallest, timesDim, within } from "./helpers.ts";
import { sizeExpr, type AttributeSpec, type NodeView } from "./op.ts";

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
export interface Slide<D extends Dim = Dim> {
  readonly input: D;
  readonly output: D;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: D;
  readonly after: D;
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
/** The taps of a pool's windows. */
export function poolKernel(n: NodeView, rank: number): readonly number[] {
  if (n.ints("kernel_shape").length === 0) n.fail("attribute kernel_shape has no entries");
  const kernel = perDimension(n, "kernel_shape", rank, 1, 1), huge = kernel.find((k) => k >= 2 ** 31);
  // Padding made from it would not be exact.
  if (huge !== undefined) n.fail(`attribute kernel_shape holds ${huge}, which is more than any tensor has elements`);
  return kernel;
}
/** Splits the padding that SAME needs. */
export const samePads = <D extends Dim>(total: D, lower: boolean): readonly [before: D, after: D] => {
  const small = quoDim(total, 2) as D, large = lessDim(total, small) as D;
  return lower ? [large, small] : [small, large];
};
/** The windows of a node over these spatial sizes. `ceil` keeps a last window that the input fills only in part. */
export function slides<D extends Dim>(n: NodeView, input: readonly D[], kernel: readonly number[], ceil = false): readonly Slide<D>[] {
  const rank = input.length, auto = choice(n, "auto_pad", autoPads);
  const strides = perDimension(n, "strides", rank, 1, 1), dilations = perDimension(n, "dilations", rank, 1, 1);
  const pads = auto === "NOTSET" ? perDimension(n, "pads", rank, 0, 0, 2) : new Array<number>(2 * rank).fill(0);
  return input.map((size, d): Slide<D> => {
    const stride = strides[d]!, dilation = dilations[d]!, taps = kernel[d]!, span = (taps - 1) * dilation + 1;
    if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
      const output = quoDim(moreDim(size, stride - 1), stride) as D, covered = moreDim(timesDim(lessDim(output, 1), stride), span);
      const [before, after] = samePads(largest(0, lessDim(covered, size)) as D, auto === "SAME_LOWER");
      return { input: size, output, kernel: taps, stride, dilation, before, after };
    }
    const before = pads[d]!, after = pads[rank + d]!, room = moreDim(size, before + after - span);
    if (range(sizeExpr(room))[0] < (ceil ? 1 - stride : 0)) n.fail(`a window of ${span} does not fit into dimension ${d} of ${showDim(size)} with padding ${before} and ${after}`);
    const output = (ceil ? rounded(room, stride, moreDim(size, before)) : moreDim(quoDim(room, stride), 1)) as D;
    return { input: size, output, kernel: taps, stride, dilation, before: before as D, after: after as D };
  });
}
/** Windows with the last one, that is filled only in part. Of those that are cut off, one that would start in the padding after the input does not count. */
function rounded(room: Dim, stride: number, end: Dim): Dim {
  const last = quoDim(moreDim(room, stride - 1), stride), starts = quoDim(moreDim(end, stride - 1), stride);
  return smallest(moreDim(last, 1), largest(last, starts));
}
/** The names of the last `rank` spatial dimensions: x is the innermost. */
export const spatialNames = (rank: number): readonly string[] =>
  rank <= 3 ? ["z", "y", "x"].slice(3 - rank) : Array.from({ length: rank }, (_, d) => `x${d}`);
/** An axis over each spatial dimension, called by its name behind the prefix. */
export const spatialAxes = (sizes: readonly Dim[], prefix = ""): readonly Axis[] =>
  spatialNames(sizes.length).map((name, d) => axis(prefix + name, boundDim(sizes[d]!)));
/** The index of the element under tap `k` of window `y`; it may lie in the padding. */
export const tap = (s: Slide, y: Expr, k: Expr): Expr => minus(plus(times(y, s.stride), times(k, s.dilation)), sizeExpr(s.before));
/** Whether every index lies in its dimension; what is surely so vanishes. */
export const inside = (index: readonly Expr[], sizes: readonly Dim[]): Expr =>
  index.reduce<Expr>((all, i, d) => both(all, within(i, sizes[d]!)), constant("bool", 1));
/** `value` where every index lies in its dimension. */
export const guarded = (index: readonly Expr[], sizes: readonly Dim[], value: Expr, outside: Expr): Expr =>
  select(inside(index, sizes), value, outside);
