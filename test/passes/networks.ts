/** Small pieces of networks as exporters write them. */
import type { Graph } from "../../compiler/ir/graph.ts";
import { Builder } from "./graphs.ts";

const norm = (b: Builder, x: string, channels: number) =>
  b.op("BatchNormalization", [x, b.constant([channels], "positive"), b.constant([channels]), b.constant([channels]), b.constant([channels], "positive")]);
const conv = (b: Builder, x: string, from: number, to: number, kernel: number, attributes = {}) => b.op("Conv", [x, b.constant([to, from, kernel, kernel])], attributes);
const same = { pads: [1, 1, 1, 1] };

function residual(): Graph {
  const b = new Builder(), x = b.input("x", [1, 4, 6, 6]), left = norm(b, conv(b, b.op("Relu", [norm(b, conv(b, x, 4, 4, 3, same), 4)]), 4, 4, 3, same), 4);
  return b.graph(b.op("Relu", [b.op("Add", [left, b.op("Identity", [x])])]));
}
function depthwise(): Graph {
  const b = new Builder(), x = b.op("Pad", [b.input("x", [1, 3, 7, 7]), b.ints(0, 0, 0, 0, 0, 0, 1, 1)]);
  const stem = b.op("Clip", [norm(b, conv(b, x, 3, 8, 3, { strides: [2, 2] }), 8), b.scalar(0), b.scalar(6)]);
  const wide = b.op("Clip", [norm(b, conv(b, stem, 1, 8, 3, { group: 8, auto_pad: "SAME_UPPER" }), 8), b.scalar(0), b.scalar(6)]);
  return b.graph(norm(b, conv(b, wide, 8, 4, 1), 4));
}
function squeezeExcite(): Graph {
  const b = new Builder(), x = norm(b, conv(b, b.input("x", [1, 4, 5, 5]), 4, 8, 1), 8), hard = (v: string) => b.op("Clip", [b.op("Add", [v, b.scalar(3)]), b.scalar(0), b.scalar(6)]);
  const y = b.op("Div", [b.op("Mul", [x, hard(x)]), b.scalar(6)]), mean = b.op("GlobalAveragePool", [y]);
  const gate = b.op("Div", [hard(conv(b, b.op("Relu", [conv(b, mean, 8, 2, 1)]), 2, 8, 1)), b.scalar(6)]);
  return b.graph(b.op("Mul", [y, gate]));
}
function dense(): Graph {
  const b = new Builder(), x = b.input("x", [1, 4, 6, 6]), step = (v: string, c: number) => conv(b, b.op("Relu", [norm(b, v, c)]), c, 4, 3, same);
  const one = b.op("Concat", [x, step(x, 4)], { axis: 1 }), two = b.op("Concat", [one, step(one, 8)], { axis: 1 });
  return b.graph(b.op("AveragePool", [conv(b, b.op("Relu", [norm(b, two, 12)]), 12, 6, 1)], { kernel_shape: [2, 2], strides: [2, 2] }));
}
function attention(): Graph {
  const b = new Builder(), x = b.input("x", [1, 5, 8]), heads = (v: string, perm: readonly number[]) => b.op("Transpose", [b.op("Reshape", [v, b.ints(0, -1, 2, 4)])], { perm });
  const linear = (v: string) => b.op("Add", [b.op("MatMul", [v, b.constant([8, 8])]), b.constant([8])]);
  const q = b.op("Div", [heads(linear(x), [0, 2, 1, 3]), b.scalar(2)]), k = heads(linear(x), [0, 2, 3, 1]), v = heads(linear(x), [0, 2, 1, 3]);
  const mix = b.op("MatMul", [b.op("Softmax", [b.op("MatMul", [q, k])], { axis: -1 }), v]), back = b.op("Reshape", [b.op("Transpose", [mix], { perm: [0, 2, 1, 3] }), b.ints(0, 0, 8)]);
  return b.graph(b.op("Add", [x, linear(back)]));
}
function transformerMlp(): Graph {
  const b = new Builder(), x = b.input("x", [1, 5, 8]), d = b.op("Sub", [x, b.op("ReduceMean", [x, b.ints(-1)])]);
  const spread = b.op("Sqrt", [b.op("Add", [b.op("ReduceMean", [b.op("Pow", [d, b.scalar(2)]), b.ints(-1)]), b.scalar(1e-6)])]);
  const normed = b.op("Add", [b.op("Mul", [b.op("Div", [d, spread]), b.constant([8])]), b.constant([8])]);
  const h = b.op("Add", [b.constant([16]), b.op("MatMul", [normed, b.constant([8, 16])])]);
  const gelu = b.op("Mul", [b.op("Mul", [h, b.op("Add", [b.op("Erf", [b.op("Div", [h, b.scalar(Math.SQRT2)])]), b.scalar(1)])]), b.scalar(0.5)]);
  return b.graph(b.op("Add", [x, b.op("Mul", [b.op("Add", [b.constant([8]), b.op("MatMul", [gelu, b.constant([16, 8])])]), b.constant([8])])]));
}
function classifier(): Graph {
  const b = new Builder(), x = b.input("x", [2, 3, 6, 6]), y = b.op("MaxPool", [b.op("Relu", [conv(b, x, 3, 4, 3)])], { kernel_shape: [2, 2], strides: [2, 2] });
  const flat = b.op("Flatten", [b.op("Dropout", [norm(b, y, 4)])]), hidden = b.op("Relu", [b.op("Gemm", [flat, b.constant([5, 16]), b.constant([5])], { transB: 1 })]);
  return b.graph(b.op("Softmax", [b.op("Add", [b.op("MatMul", [hidden, b.constant([5, 3])]), b.constant([3])])], { axis: 1 }));
}
function channelsLast(): Graph {
  const b = new Builder(), x = b.input("x", [1, 6, 6, 3]), first = (v: string) => b.op("Transpose", [v], { perm: [0, 3, 1, 2] }), last = (v: string) => b.op("Transpose", [v], { perm: [0, 2, 3, 1] });
  const one = b.op("Relu", [b.op("Add", [last(conv(b, first(x), 3, 4, 3, same)), b.constant([4])])]), two = b.op("Mul", [last(conv(b, first(one), 4, 4, 1)), b.constant([1, 1, 1, 4])]);
  return b.graph(b.op("Softmax", [b.op("ReduceMean", [b.op("Concat", [last(conv(b, first(two), 4, 2, 1)), last(conv(b, first(two), 4, 3, 1))], { axis: -1 }), b.ints(1, 2)], { keepdims: 0 })]));
}
function shuffle(): Graph {
  const b = new Builder(), x = b.input("x", [1, 8, 4, 4]), [left, right] = b.ops("Split", [x], 2, { axis: 1 }), y = b.op("Relu", [norm(b, conv(b, right!, 4, 4, 1), 4)]);
  const joined = b.op("Concat", [left!, y], { axis: 1 }), shape = b.op("Concat", [b.op("Slice", [b.op("Shape", [x]), b.ints(0), b.ints(1)]), b.ints(2, 4, 4, 4)], { axis: 0 });
  const mixed = b.op("Transpose", [b.op("Reshape", [joined, shape], {}, [1, 2, 4, 4, 4])], { perm: [0, 2, 1, 3, 4] });
  return b.graph(b.op("Reshape", [mixed, b.op("Concat", [b.op("Unsqueeze", [b.op("Gather", [b.op("Shape", [x]), b.constant([], [0], "i64")]), b.ints(0)]), b.ints(-1, 4, 4)], { axis: 0 })], {}, [1, 8, 4, 4]));
}
function upsample(): Graph {
  const b = new Builder(), x = b.input("x", [1, 4, 3, 3]), up = norm(b, b.op("ConvTranspose", [x, b.constant([4, 2, 2, 2]), b.constant([2])], { strides: [2, 2] }), 2);
  const groups = b.op("InstanceNormalization", [b.op("Reshape", [up, b.ints(0, 2, -1)]), b.constant([2], [1, 1]), b.constant([2], [0, 0])]);
  const normed = b.op("Add", [b.op("Mul", [b.op("Reshape", [groups, b.ints(1, 2, 6, 6)]), b.constant([2, 1, 1])]), b.constant([2, 1, 1])]);
  return b.graph(b.op("Sigmoid", [conv(b, b.op("Mul", [normed, b.op("Sigmoid", [normed])]), 2, 1, 3, same)]));
}

/** By name; all names are file names. */
export const networks: Readonly<Record<string, () => Graph>> = {
  residual, depthwise, "squeeze-excite": squeezeExcite, dense, attention, "transformer-mlp": transformerMlp, classifier, "channels-last": channelsLast, shuffle, upsample,
};
