/** Inverses of windows, each element gathered from the windows that cover it. */
import { both, convert, make, select } from "../ir/algebra.ts";
import { accumulator, axis, type Stage } from "../ir/compute.ts";
import { plus, times } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { sizeOf, type TensorType } from "../ir/graph.ts";
import { expectShape, shapeOf, typeOf } from "./checks.ts";
import { hits } from "./convolution.ts";
import { expectType, flatten, like, numbers, showShape, within } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";
import { perDimension, poolKernel, spatialAxes, type Slide } from "./spatial.ts";

/** The windows over an image that the columns of Col2Im come from. */
function columns(n: NodeView): readonly Slide<number>[] {
  const image = n.parameter(1)!, block = n.parameter(2)!, rank = image.length;
  if (block.length !== rank) n.fail(`image_shape ${showShape(image)} and block_shape ${showShape(block)} have different ranks`);
  const strides = perDimension(n, "strides", rank, 1, 1), dilations = perDimension(n, "dilations", rank, 1, 1);
  const pads = perDimension(n, "pads", rank, 0, 0, 2);
  return image.map((output, d) => {
    const stride = strides[d]!, dilation = dilations[d]!, kernel = block[d]!, before = pads[d]!, after = pads[rank + d]!;
    const input = Math.floor((output + before + after - (kernel - 1) * dilation - 1) / stride) + 1;
    return { input, output, kernel, stride, dilation, before, after };
  });
}
const col2Im: Op = {
  name: "Col2Im", since: 18, inputs: [3, 3], parameters: [1, 2], accuracy: { relative: 1e-5, reason: "a float sum is taken in another order" },
  attributes: { dilations: { kind: "ints", optional: true }, pads: { kind: "ints", optional: true }, strides: { kind: "ints", optional: true } },
  infer: (n) => {
    const dtype = typeOf(n, numbers, 0, 0), X = shapeOf(n, 0, 3, 3), s = columns(n), taps = sizeOf(s.map((w) => w.kernel));
    if (X[1]! % taps !== 0) n.fail(`${X[1]} rows of columns do not divide into blocks of ${taps}`);
    expectShape(n, 0, [X[0]!, X[1]!, sizeOf(s.map((w) => w.input))], "the columns");
    return [{ dtype, shape: [X[0]!, X[1]! / taps, ...s.map((w) => w.output)] }];
  },
  lower: (n) => {
    const s = columns(n), [batch, channels] = n.out().shape as [number, number], b = axis("n", batch);
    const c = axis("c", channels), out = spatialAxes(s.map((w) => w.output));
    const found = s.map((w, d) => hits(w, out[d]!, `k${out[d]!.name}`)), kernel = s.map((w) => w.kernel), { dtype } = n.in(0);
    const row = plus(times(c, sizeOf(kernel)), flatten(found.map((h) => h.tap), kernel));
    const column = flatten(found.map((h) => h.from), s.map((w) => w.input));
    return n.compute([{
      name: "image", axes: [b, c, ...out], reduce: { op: "add", axes: found.map((h) => h.axis) },
      value: select(found.map((h) => h.test).reduce(both), n.load(0, [b, row, column]), constant(dtype, -0)),
    }]);
  },
};

/** The windows of the pool that MaxUnpool undoes. */
function unpooled(n: NodeView): readonly Slide<number>[] {
  const X = shapeOf(n, 0, 3), rank = X.length - 2, kernel = poolKernel(n, rank);
  const strides = perDimension(n, "strides", rank, 1, 1), pads = perDimension(n, "pads", rank, 0, 0, 2);
  return kernel.map((taps, d) => {
    const input = X[d + 2]!, stride = strides[d]!, before = pads[d]!, after = pads[rank + d]!;
    return { input, output: (input - 1) * stride - before - after + taps, kernel: taps, stride, dilation: 1, before, after };
  });
}
/** An element takes the value of the window whose maximum stood there: indices are those of a MaxPool of the same windows. */
const maxUnpool: Op = {
  name: "MaxUnpool", since: 22, inputs: [2, 3], parameters: [2],
  attributes: { kernel_shape: { kind: "ints" }, pads: { kind: "ints", optional: true }, strides: { kind: "ints", optional: true } },
  infer: (n): readonly TensorType[] => {
    const dtype = typeOf(n, undefined, 0, 0), X = shapeOf(n, 0, 3);
    const own = [...X.slice(0, 2), ...unpooled(n).map((w) => w.output)], wanted = n.parameter(2);
    expectType(n, 1, ["i64"]);
    expectShape(n, 1, X, "the indices");
    if (wanted && wanted.length !== X.length) n.fail(`output_shape ${showShape(wanted)} has not the rank of the input ${showShape(X)}`);
    if (wanted && (wanted[0] !== X[0] || wanted[1] !== X[1])) n.fail(`output_shape ${showShape(wanted)} has not the images and channels of the input ${showShape(X)}`);
    return [{ dtype, shape: wanted ?? own }];
  },
  lower: (n) => {
    const s = unpooled(n), { shape, dtype } = n.in(0), b = axis("n", shape[0]!), c = axis("c", shape[1]!), out = spatialAxes(n.out().shape.slice(2));
    const found = s.map((w, d) => hits(w, out[d]!, `k${out[d]!.name}`));
    const from = [b, c, ...found.map((h) => h.from)], none = constant(dtype, -Infinity);
    const place = flatten([b, c, ...out], [shape[0]!, shape[1]!, ...s.map((w) => w.output)]), sum = accumulator(dtype);
    const test = [...found.map((h) => h.test), ...out.map((y, d) => within(y, s[d]!.output))].reduce(both);
    const value: Expr = select(test, select(make("equal", n.load(1, from), convert("i64", place)), n.load(0, from), none), none);
    const stage: Stage = {
      name: "unpool", axes: [b, c, ...out], value, reduce: { op: "max", axes: found.map((h) => h.axis) },
      finish: select(make("equal", sum, none), like(sum, 0), sum),
    };
    return n.compute([stage]);
  },
};
export const unfolders: readonly Op[] = [col2Im, maxUnpool];
