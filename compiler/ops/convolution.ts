/** Convolutions: one sum of products over the channels of a group and the taps of the kernel. */
import { add, both, less, make, mul, select } from "../ir/algebra.ts";
import { accumulator, axis, neutral, type Axis, type Compute, type Stage } from "../ir/compute.ts";
import { int, minus, plus, range, times } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import type { Dim, ValueType } from "../ir/graph.ts";
import { choice, dimsOf, expectShape, shapeOf, typeOf } from "./checks.ts";
import { boundDim, fixedDim, largest, lessDim, moreDim, showDim, showShape, timesDim } from "./helpers.ts";
import { sizeExpr, type NodeView, type Op } from "./op.ts";
import { autoPads, inside, perDimension, samePads, slides, spatialAxes, tap, windowAttributes, guarded, type Slide } from "./spatial.ts";

const accuracy = { relative: 1e-5, reason: "sums of float products are taken in another order" } as const;

/** Output shape of a convolution of input `x` with weights `w`, after all checks. */
export function convolutionShape(n: NodeView, x: number, w: number): readonly Dim[] {
  const X = dimsOf(n, x, 3), W = shapeOf(n, w, X.length, X.length), group = n.int("group");
  const batch = X[0]!, channels = fixedDim(n, X[1]!, "the number of channels"), [outputs, perGroup] = W as [number, number];
  if (group < 1) n.fail(`attribute group is ${group}; it must be at least 1`);
  if (channels !== perGroup * group) {
    n.fail(`the input ${showShape(X)} has ${channels} channels, but weights ${showShape(W)} with group ${group} take ${perGroup * group}`);
  }
  if (outputs % group !== 0) n.fail(`${outputs} output channels do not divide into ${group} groups`);
  expectKernel(n, W.slice(2));
  return [batch, outputs, ...slides(n, X.slice(2), W.slice(2)).map((s) => s.output)];
}
function expectKernel(n: NodeView, kernel: readonly number[]): void {
  const stated = n.intsOr("kernel_shape");
  if (stated?.some((k, d) => k !== kernel[d])) {
    n.fail(`attribute kernel_shape is ${showShape(stated)}, but the weights are ${showShape(kernel)} there`);
  }
}
/** The group, the axes over the channels of the output, the number of a channel, and its number in the group. */
interface Channels { readonly g: Expr; readonly axes: readonly Axis[]; readonly channel: Expr; readonly local: Expr }
function channelAxes(group: number, outputs: number): Channels {
  const per = outputs / group, g = axis("g", group), o = axis("o", per);
  if (group === 1) return { g: int(0), axes: [o], channel: o, local: o };
  return per === 1 ? { g, axes: [g], channel: g, local: int(0) } : { g, axes: [g, o], channel: plus(times(g, per), o), local: o };
}
/** What a convolution multiplies, and what it makes of the sum. */
export interface Product {
  /** The product of input `x[at]` and weight `w[wAt]`; `channel` is the output's. */
  readonly value: (at: readonly Expr[], wAt: readonly Expr[], channel: Expr) => Expr;
  readonly finish: (sum: Expr, channel: Expr) => Expr;
}
/** A convolution of input `x` by weights `w` as one stage. */
export function convolve(n: NodeView, x: number, w: number, product: Product): Compute {
  const X = n.type(x).shape, W = n.in(w).shape, group = n.int("group"), per = W[1]!, windows = slides(n, X.slice(2), W.slice(2));
  const b = axis("n", boundDim(X[0]!)), c = axis("c", per), { g, axes, channel } = channelAxes(group, W[0]!);
  const out = spatialAxes(windows.map((s) => s.output)), taps = spatialAxes(W.slice(2), "k");
  const from = windows.map((s, d) => tap(s, out[d]!, taps[d]!)), local = per === 1 ? int(0) : c;
  const value = product.value([b, plus(times(g, per), local), ...from], [channel, local, ...taps], channel);
  const sum = accumulator(value.dtype), finish = product.finish(sum, channel);
  const stage: Stage = {
    name: "conv", axes: [b, ...axes, ...out], reduce: { op: "add", axes: per === 1 ? taps : [c, ...taps] },
    value: guarded(from, X.slice(2), value, constant(value.dtype, neutral("add", value.dtype))), ...(finish === sum ? {} : { finish }),
  };
  return n.compute([stage], [n.result(stage, 0, group === 1 ? {} : { index: [b, channel, ...out] })]);
}
const biased = (n: NodeView, sum: Expr, channel: Expr): Expr => (n.has(2) ? add(sum, n.load(2, [channel])) : sum);

const conv: Op = {
  name: "Conv", since: 22, inputs: [2, 3], accuracy,
  attributes: { ...windowAttributes, group: { kind: "int", default: 1 } },
  infer: (n) => {
    const dtype = typeOf(n), shape = convolutionShape(n, 0, 1);
    expectShape(n, 2, [shape[1]!], "the bias");
    return [{ dtype, shape }];
  },
  lower: (n) => convolve(n, 0, 1, { value: (at, w) => mul(n.load(0, at), n.load(1, w)), finish: (sum, channel) => biased(n, sum, channel) }),
};

/** The dimensions of a transposed convolution, seen as the convolution it reverses: `input` is what the node reads. */
function transposedSlides(n: NodeView): readonly Slide[] {
  const input = n.type(0).shape.slice(2), kernel = n.in(1).shape.slice(2), rank = input.length, auto = choice(n, "auto_pad", autoPads);
  const strides = perDimension(n, "strides", rank, 1, 1), dilations = perDimension(n, "dilations", rank, 1, 1);
  const extra = perDimension(n, "output_padding", rank, 0, 0), pads = perDimension(n, "pads", rank, 0, -Infinity, 2);
  const stated = n.intsOr("kernel_shape");
  if (stated?.length && String(stated) !== String(kernel)) n.fail(`attribute kernel_shape is ${showShape(stated)}, but the weights have ${showShape(kernel)}`);
  const wanted = n.intsOr("output_shape"), same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  if (wanted && wanted.length !== rank) n.fail(`attribute output_shape has ${wanted.length} entries for ${rank} spatial dimensions`);
  return input.map((size, d) => {
    const stride = strides[d]!, dilation = dilations[d]!, taps = kernel[d]!, full = moreDim(timesDim(lessDim(size, 1), stride), extra[d]! + (taps - 1) * dilation + 1);
    const target = wanted?.[d] ?? (same ? timesDim(size, stride) : undefined);
    const [before, after] = target === undefined
      ? auto === "NOTSET" ? [pads[d]!, pads[rank + d]!] : [0, 0]
      : samePads(largest(0, lessDim(full, target)), auto !== "SAME_UPPER");
    const output = target ?? lessDim(lessDim(full, before), after);
    if (range(sizeExpr(output))[0] < 1) n.fail(`dimension ${d} of the result would have ${showDim(output)} elements`);
    return { input: size, output, kernel: taps, stride, dilation, before, after };
  });
}
/** Which taps of a strided window reach place `y`: an axis over them, the tap, the number of the window, and the test that both exist. */
export function hits(s: Slide, y: Expr, name: string): { readonly axis: Axis; readonly tap: Expr; readonly from: Expr; readonly test: Expr } {
  const least = range(sizeExpr(s.before))[0], shifts = Math.ceil(Math.max(0, (s.kernel - 1) * (s.dilation > 1 ? s.dilation : 0) - least) / s.stride);
  // Quotients want operands that are not negative: whole strides are added, and taken off again.
  const lift = Math.max(shifts, Math.ceil(Math.max(0, -least) / s.stride)), start = plus(plus(y, sizeExpr(s.before)), int(lift * s.stride));
  if (s.dilation === 1) {
    const j = axis(name, Math.ceil(s.kernel / s.stride)), t = plus(make("rem", start, int(s.stride)), times(j, s.stride));
    const from = minus(minus(make("quo", start, int(s.stride)), int(lift)), j);
    return { axis: j, tap: t, from, test: both(less(t, int(s.kernel)), inside([from], [s.input])) };
  }
  const k = axis(name, s.kernel), at = minus(start, times(k, s.dilation)), from = minus(make("quo", at, int(s.stride)), int(lift));
  return { axis: k, tap: k, from, test: both(make("equal", make("rem", at, int(s.stride)), int(0)), inside([from], [s.input])) };
}
function transposedShape(n: NodeView): ValueType {
  const dtype = typeOf(n), X = dimsOf(n, 0, 3), W = shapeOf(n, 1, X.length, X.length), group = n.int("group"), inputs = fixedDim(n, X[1]!, "the number of channels");
  if (group < 1 || inputs % group !== 0) n.fail(`${inputs} channels do not divide into ${group} groups`);
  if (inputs !== W[0]) n.fail(`the input ${showShape(X)} has ${inputs} channels, but the weights ${showShape(W)} take ${W[0]}`);
  expectKernel(n, W.slice(2));
  const channels = W[1]! * group;
  expectShape(n, 2, [channels], "the bias");
  return { dtype, shape: [X[0]!, channels, ...transposedSlides(n).map((s) => s.output)] };
}
/** Each output gathers the taps that reach it, so that nothing is scattered and no zero is multiplied. */
const convTranspose: Op = {
  name: "ConvTranspose", since: 22, inputs: [2, 3], accuracy,
  attributes: {
    ...windowAttributes, group: { kind: "int", default: 1 },
    output_padding: { kind: "ints", optional: true }, output_shape: { kind: "ints", optional: true },
  },
  infer: (n) => [transposedShape(n)],
  lower: (n) => {
    const X = n.in(0).shape, W = n.in(1).shape, group = n.int("group"), per = X[1]! / group, dtype = n.in(0).dtype;
    const b = axis("n", X[0]!), c = axis("c", per), { g, axes, channel, local } = channelAxes(group, W[1]! * group);
    const windows = transposedSlides(n), out = spatialAxes(windows.map((s) => s.output));
    const found = windows.map((s, d) => hits(s, out[d]!, `k${out[d]!.name}`)), from = plus(times(g, per), per === 1 ? int(0) : c);
    const product = mul(n.load(0, [b, from, ...found.map((h) => h.from)]), n.load(1, [from, local, ...found.map((h) => h.tap)]));
    const taps = found.map((h) => h.axis), sum = accumulator(dtype), finish = biased(n, sum, channel);
    const stage: Stage = {
      name: "deconv", axes: [b, ...axes, ...out], reduce: { op: "add", axes: per === 1 ? taps : [c, ...taps] },
      value: select(found.map((h) => h.test).reduce(both), product, constant(dtype, -0)), ...(finish === sum ? {} : { finish }),
    };
    return n.compute([stage], [n.result(stage, 0, group === 1 ? {} : { index: [b, channel, ...out] })]);
  },
};

/** Conv and ConvTranspose. */
export const convolutions: readonly Op[] = [conv, convTranspose];
