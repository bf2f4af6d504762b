/** Fourier transforms as plain sums with a table of one period. */
import { add, make, mul } from "../ir/algebra.ts";
import { accumulator, axis, tensor, type Axis, type Tensor } from "../ir/compute.ts";
import { int, plus, times } from "../ir/linear.ts";
import { load, type Expr } from "../ir/scalar.ts";
import { arrayOf, type DType } from "../ir/types.ts";
import { expectShape, shapeOf, typeOf } from "./checks.ts";
import { expectType, floats, like, showShape, withIndex } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

const accuracy = { absolute: 1e-5, relative: 1e-5, reason: "long sums of single precision" } as const;

/** cos and sin over one period of `size` steps, and what a complex number contributes to the real (0) and imaginary (1) part after a turn. */
class Circle {
  readonly table: Tensor;
  private readonly size: number;
  private readonly sign: 1 | -1;
  constructor(n: NodeView, dtype: DType, size: number, inverse: boolean) {
    this.size = size;
    this.sign = inverse ? 1 : -1;
    const angle = (i: number) => (2 * Math.PI * i) / size;
    const data = Array.from({ length: size }, (_, i) => [Math.cos(angle(i)), Math.sin(angle(i))]).flat();
    this.table = tensor(`${n.node.outputs[0]}.circle`, "weight", [size, 2], { dtype, data: arrayOf(dtype, data) });
  }
  /** Part `part` of (re + i im) turned `k * t` steps; `im` is null for real numbers. */
  turned(re: Expr, im: Expr | null, k: Expr, t: Expr, part: Expr): Expr {
    const step = make("rem", make("mul", k, t), int(this.size)), at = (column: Expr) => load(this.table.dtype, this.table.name, [step, column]);
    const signed = (x: Expr) => (this.sign < 0 ? make("neg", x) : x);
    const isReal = make("equal", part, int(0)), cos = at(int(0)), sin = signed(at(int(1)));
    const own = mul(re, make("select", isReal, cos, sin));
    return im ? add(own, mul(im, make("select", isReal, make("neg", sin), cos))) : own;
  }
}
function spectrum(n: NodeView) {
  const X = shapeOf(n, 0, 2), along = n.axis(n.parameter(2)?.[0] ?? -2, X.length);
  const inverse = n.int("inverse") !== 0, onesided = n.int("onesided") !== 0;
  const parts = X.at(-1)!, given = X[along]!, real = inverse && onesided, length = n.parameter(1)?.[0] ?? (real ? 2 * (given - 1) : given);
  if (parts !== 1 && parts !== 2) n.fail(`the last dimension of ${showShape(X)} must be 1 (real) or 2 (complex)`);
  if (along === X.length - 1) n.fail("the axis cannot be the last one, which holds real and imaginary parts");
  if (onesided && !inverse && parts === 2) n.fail("a one-sided transform needs a real input");
  if (real && parts === 1) n.fail("the inverse of a one-sided transform needs a complex input");
  if (length < 1) n.fail(`a transform of ${length} elements does not exist`);
  const half = Math.floor(length / 2) + 1, output = onesided && !inverse ? half : length, used = Math.min(given, real ? half : length);
  return { X, along, inverse, real, parts, length, output, used };
}
const dft: Op = {
  name: "DFT", since: 20, inputs: [1, 3], parameters: [1, 2], accuracy,
  attributes: { inverse: { kind: "int", default: 0 }, onesided: { kind: "int", default: 0 } },
  infer: (n) => {
    const { X, along, real, output } = spectrum(n);
    return [{ dtype: typeOf(n, floats, 0, 0), shape: X.map((size, d) => (d === along ? output : d === X.length - 1 ? (real ? 1 : 2) : size)) }];
  },
  lower: (n) => {
    const { along, inverse, real, parts, length, used } = spectrum(n), { dtype } = n.in(0);
    const axes = n.axes(), t = axis("t", used), circle = new Circle(n, dtype, length, inverse);
    const read = (part: number) => n.load(0, withIndex(withIndex(axes, along, t), axes.length - 1, int(part))), sum = accumulator(dtype);
    const value = circle.turned(read(0), parts === 2 ? read(1) : null, axes[along]!, t, axes.at(-1)!);
    // The missing half of a one-sided spectrum mirrors this one: all but its ends count twice.
    const ends = length % 2 === 0 ? make("or", make("equal", t, int(0)), make("equal", t, int(length / 2))) : make("equal", t, int(0));
    const counted = real ? mul(value, make("select", ends, like(value, 1), like(value, 2))) : value;
    return n.compute([{
      name: "dft", axes, value: counted, reduce: { op: "add", axes: [t] }, ...(inverse ? { finish: mul(sum, like(sum, 1 / length)) } : {}),
    }], undefined, [circle.table]);
  },
};
function frames(n: NodeView) {
  const X = shapeOf(n, 0, 2, 3), step = n.parameter(1)?.[0] ?? n.fail("frame_step must be one number");
  const window = n.has(2) ? n.in(2).shape[0] : undefined, parts = X[2] ?? 1;
  if (parts !== 1 && parts !== 2) n.fail(`the signal ${showShape(X)} has ${parts} numbers for each sample; there may be 1, or 2 of a complex one`);
  const size = n.parameter(3)?.[0] ?? window ?? n.fail("neither window nor frame_length is given"), onesided = n.int("onesided") !== 0 && parts === 1;
  const count = Math.floor((X[1]! - size) / step) + 1;
  if (step < 1 || size < 1 || count < 1) n.fail(`frames of ${size}, ${step} apart, do not fit into a signal ${showShape(X)}`);
  return { X, step, size, parts, count, bins: onesided ? Math.floor(size / 2) + 1 : size };
}
const stft: Op = {
  name: "STFT", since: 17, inputs: [2, 4], parameters: [1, 3], accuracy, attributes: { onesided: { kind: "int", default: 1 } },
  infer: (n) => {
    const dtype = typeOf(n, floats, 0, 0), { X, size, count, bins } = frames(n);
    expectType(n, 2, [dtype]);
    expectShape(n, 2, [size], "the window");
    return [{ dtype, shape: [X[0]!, count, bins, 2] }];
  },
  lower: (n) => {
    const { X, step, size, parts } = frames(n), { dtype } = n.in(0), axes = n.axes() as [Axis, Axis, Axis, Axis], [b, frame, bin, part] = axes;
    const t = axis("t", size), from = plus(times(frame, step), t), circle = new Circle(n, dtype, size, false);
    const read = (p: number) => {
      const x = n.load(0, X.length === 3 ? [b, from, int(p)] : [b, from]);
      return n.has(2) ? mul(x, n.load(2, [t])) : x;
    };
    const value = circle.turned(read(0), parts === 2 ? read(1) : null, bin, t, part);
    return n.compute([{ name: "stft", axes, value, reduce: { op: "add", axes: [t] } }], undefined, [circle.table]);
  },
};
export const signals: readonly Op[] = [dft, stft];
