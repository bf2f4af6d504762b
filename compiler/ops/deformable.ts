/** Convolutions that are more than one window over one input: at learnt places, and with a state carried along. */
import { add, both, convert, make, mul, select } from "../ir/algebra.ts";
import { accumulator, at, axis, type Axis, type Stage } from "../ir/compute.ts";
import { int, plus, times } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { choice, expectShape, shapeOf, typeOf } from "./checks.ts";
import { floats, forOutputs, leastDim, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";
import { limited, tapsAt } from "./sampling.ts";
import { slides, spatialAxes, tap, windowAttributes, type Slide } from "./spatial.ts";

const accuracy = {
  absolute: 1e-5, relative: 1e-5, reason: "sums of float products are taken in another order; places are of single precision",
} as const;
const { dilations, kernel_shape, pads, strides, auto_pad } = windowAttributes;

const windows = (n: NodeView): readonly Slide<number>[] => slides(n, n.in(0).shape.slice(2), n.in(1).shape.slice(2));
/** Two stages: the input sampled under each tap, and the convolution of the samples. */
const deformConv: Op = {
  name: "DeformConv", since: 22, inputs: [3, 5], accuracy,
  attributes: { auto_pad, dilations, kernel_shape, pads, strides, group: { kind: "int", default: 1 }, offset_group: { kind: "int", default: 1 } },
  infer: (n) => {
    const dtype = typeOf(n), X = shapeOf(n, 0, 4, 4), W = shapeOf(n, 1, 4, 4), group = n.int("group"), shared = n.int("offset_group");
    if (X[1] !== W[1]! * group || W[0]! % group !== 0) {
      n.fail(`${X[1]} input channels and ${W[0]} output channels do not go with weights for ${W[1]} channels in ${group} groups`);
    }
    if (shared < 1 || X[1]! % shared !== 0) n.fail(`${X[1]} channels do not divide into ${shared} offset groups`);
    const out = windows(n).map((s) => s.output), taps = shared * W[2]! * W[3]!;
    expectShape(n, 2, [X[0]!, 2 * taps, ...out], "the offsets");
    expectShape(n, 3, [W[0]!], "the bias");
    expectShape(n, 4, [X[0]!, taps, ...out], "the mask");
    return [{ dtype, shape: [X[0]!, W[0]!, ...out] }];
  },
  lower: (n) => {
    const { shape: X, dtype } = n.in(0), W = n.in(1).shape, s = windows(n), groups = n.int("group");
    const outputs = W[0]! / groups, perOffset = X[1]! / n.int("offset_group");
    const b = axis("n", X[0]!), channel = axis("c", X[1]!), taps = spatialAxes(W.slice(2), "k") as [Axis, Axis];
    const out = spatialAxes(s.map((w) => w.output));
    const number = plus(times(plus(times(make("quo", channel, int(perOffset)), W[2]!), taps[0]), W[3]!), taps[1]);
    const lines = s.map((w, d) => {
      const offset = n.load(2, [b, plus(times(number, 2), int(d)), ...out]), p = add(convert(dtype, tap(w, out[d]!, taps[d]!)), offset);
      return tapsAt(limited(p, -3, w.input, 2), w.input, true, "zeros", "linear");
    });
    const products = lines[0]!.flatMap((i) => lines[1]!.map((j): Expr =>
      select(both(i.inside, j.inside), mul(mul(i.weight!, j.weight!), n.load(0, [b, channel, i.index, j.index])), constant(dtype, 0))));
    const bilinear = products.reduce(add), sampled: Stage = {
      name: "sampled", axes: [b, channel, ...taps, ...out], value: n.has(4) ? mul(bilinear, n.load(4, [b, number, ...out])) : bilinear,
    };
    const g = axis("g", groups), o = axis("o", outputs), i = axis("i", W[1]!);
    const ky = axis("ky", W[2]!), kx = axis("kx", W[3]!), to = plus(times(g, outputs), o);
    const value = mul(at({ name: "sampled", dtype }, b, plus(times(g, W[1]!), i), ky, kx, ...out), n.load(1, [to, i, ky, kx]));
    const sum = accumulator(dtype);
    const conv: Stage = {
      name: "conv", axes: [b, g, o, ...out], value, reduce: { op: "add", axes: [i, ky, kx] },
      ...(n.has(3) ? { finish: add(sum, n.load(3, [to])) } : {}),
    };
    return n.compute([sampled, conv], [n.result(conv, 0, { index: [b, to, ...out] })]);
  },
};

/** A depthwise convolution over the input and what came before it. */
const causalConv: Op = {
  name: "CausalConvWithState", since: 27, inputs: [2, 4], outputs: [1, 2], accuracy, attributes: { activation: { kind: "string", default: "none" } },
  infer: (n) => {
    const dtype = typeOf(n, floats), X = shapeOf(n, 0, 3, 3), W = shapeOf(n, 1, 3, 3), state = [X[0]!, X[1]!, W[2]! - 1];
    choice(n, "activation", ["none", "silu", "swish"]);
    if (leastDim(X[2]!) < 1) n.fail(`the input has shape ${showShape(X)}; along axis 2 there must be an element at least`);
    expectShape(n, 1, [X[1]!, 1, W[2]!], "the weight");
    expectShape(n, 2, [X[1]!], "the bias");
    expectShape(n, 3, state, "the past state");
    return forOutputs(n, [{ dtype, shape: X }, { dtype, shape: state }]);
  },
  expand: (n, g) => {
    const [x, w, bias = "", past = ""] = n.node.inputs as readonly [string, string, ...string[]];
    const { shape: [batch, channels], dtype } = n.in(0), before = n.in(1).shape[2]! - 1;
    const list = (...values: readonly number[]) => g.constant("i64", [values.length], values), state = [batch!, channels!, before] as const;
    const zeros = () => g.constant(dtype, state, new Array<number>(batch! * channels! * before).fill(0));
    const whole = () => (before > 0 ? g.node("Concat", [past || zeros(), x], { axis: 2 }) : x);
    const extended = past ? whole() : x, pads = past ? [0, 0] : [before, 0];
    const conv = g.node("Conv", bias ? [extended, w, bias] : [extended, w], { group: channels!, pads });
    const y = n.string("activation") === "none" ? conv : g.node("Mul", [conv, g.node("Sigmoid", [conv])]);
    if (!n.node.outputs[1]) return [y];
    const total = n.in(0).shape[2]! + before;
    return [y, g.node("Slice", [past ? extended : whole(), list(total - before), list(total), list(2)])];
  },
};
export const stretchedConvolutions: readonly Op[] = [deformConv, causalConv];
