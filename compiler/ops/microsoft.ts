/** Operators that ONNX Runtime's optimiser and quantiser leave in models, in terms of ONNX's own. */
import type { Attribute, ValueType } from "../ir/graph.ts";
import { broadcastShapes, forOutputs } from "./helpers.ts";
import { choice, dimsOf, expectShape, shapeOf, typeOf } from "./checks.ts";
import { gathers } from "./gather.ts";
import { generators } from "./generate.ts";
import { inferScaled } from "./normalization.ts";
import { slices } from "./slice.ts";
import type { AttributeSpec, Expander, NodeView, Op } from "./op.ts";
import { windowAttributes } from "./spatial.ts";
import { convolutionShape } from "./convolution.ts";

/** The full name of one of ONNX Runtime's operators. */
export const ms = (name: string) => `com.microsoft.${name}`;
const epsilon = { kind: "float", default: 1e-12 } as const satisfies AttributeSpec;
const same = (n: NodeView): readonly ValueType[] => [{ dtype: typeOf(n), shape: n.type(0).shape }];
/** The name of input `i`. */
export const input = (n: NodeView, i: number): string => n.node.inputs[i]!;
/** Input 0, with input 1 added where there is one. */
const biased = (n: NodeView, g: Expander): string => (n.has(1) ? g.node("Add", [input(n, 0), input(n, 1)]) : input(n, 0));
const scalar = (n: NodeView, g: Expander, x: number): string => g.constant(n.type(0).dtype, [], [x]);

const gelu = (name: string, inputs: readonly [number, number], approximate: "none" | "tanh"): Op => ({
  name: ms(name), since: 1, sizes: true, inputs, expand: (n, g) => [g.node("Gelu", [biased(n, g)], { approximate })],
  infer: (n) => [{ dtype: typeOf(n), shape: broadcastShapes(n, n.inputs.flatMap((t) => (t ? [t.shape] : []))) }],
});
const quickGelu: Op = {
  name: ms("QuickGelu"), since: 1, sizes: true, inputs: [1, 1], attributes: { alpha: { kind: "float", default: 1.702 } }, infer: same,
  expand: (n, g) => [g.node("Mul", [input(n, 0), g.node("Sigmoid", [g.node("Mul", [input(n, 0), scalar(n, g, n.float("alpha"))])])])],
};

/** Normalises input + skip (+ bias), and hands out the sum as output 3. */
const skipNormalization = (name: string, simplified: boolean): Op => ({
  name: ms(name), since: 1, sizes: true, inputs: simplified ? [3, 4] : [3, 5], outputs: [1, 4], attributes: { epsilon },
  infer: (n) => {
    const dtype = typeOf(n), shape = dimsOf(n, 0, 2, 3), row = { dtype, shape: [...shape.slice(0, -1), 1] };
    broadcastShapes(n, [shape, n.type(1).shape]);
    for (let i = 2; i < n.inputs.length; i++) expectShape(n, i, [shape.at(-1)!], "the scale or bias");
    if (simplified && (n.node.outputs[1] || n.node.outputs[2])) n.fail("mean and deviation are not supported as outputs");
    return forOutputs(n, [{ dtype, shape }, row, row, { dtype, shape }]);
  },
  expand: (n, g) => {
    const bias = simplified ? 3 : 4, attributes = { axis: -1, epsilon: n.float("epsilon") }, sum = g.node("Add", [input(n, 0), input(n, 1)]);
    const whole = n.has(bias) ? g.node("Add", [sum, input(n, bias)]) : sum;
    if (simplified) return [g.node("RMSNormalization", [whole, input(n, 2)], attributes), "", "", whole].slice(0, n.node.outputs.length);
    const operands = [whole, input(n, 2), ...(n.has(3) ? [input(n, 3)] : [])], wanted = n.node.outputs[1] || n.node.outputs[2] ? 3 : 1;
    const made = g.nodes("LayerNormalization", operands, wanted, attributes);
    return [made[0]!, made[1] ?? "", made[2] ?? "", whole].slice(0, n.node.outputs.length);
  },
});
const simplifiedLayerNormalization: Op = {
  name: "SimplifiedLayerNormalization", since: 1, sizes: true, inputs: [2, 2], infer: inferScaled,
  attributes: { axis: { kind: "int", default: -1 }, epsilon: { kind: "float", default: 1e-5 }, stash_type: { kind: "int", default: 1 } },
  expand: (n, g) => [g.node("RMSNormalization", [input(n, 0), input(n, 1)], { axis: n.int("axis"), epsilon: n.float("epsilon") })],
};

const activations = ["", "Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSigmoid", "HardSwish"] as const;
/** The activation that a fused operator names, with its parameters. */
function activated(n: NodeView, g: Expander, x: string, params: readonly number[]): string {
  const name = choice(n, "activation", activations), at = (i: number) => params[i] ?? n.fail(`activation ${name} lacks parameter ${i}`);
  switch (name) {
    case "": return x;
    case "Relu": case "Sigmoid": case "Tanh": case "HardSwish": return g.node(name, [x]);
    case "LeakyRelu": return g.node(name, [x], { alpha: at(0) });
    case "Clip": return g.node(name, [x, scalar(n, g, at(0)), scalar(n, g, at(1))]);
    case "HardSigmoid": return g.node(name, [x], { alpha: at(0), beta: at(1) });
    default: return name satisfies never;
  }
}
/** Attributes of a fused node that its main operator has too. */
export const passedOn = (n: NodeView, names: readonly string[]): Readonly<Record<string, Attribute>> =>
  Object.fromEntries(names.flatMap((a) => (n.node.attributes[a] === undefined ? [] : [[a, n.node.attributes[a]]])));
const fusedConv: Op = {
  name: ms("FusedConv"), since: 1, sizes: true, inputs: [2, 4],
  attributes: {
    ...windowAttributes, group: { kind: "int", default: 1 },
    activation: { kind: "string", default: "" }, activation_params: { kind: "floats", default: [] },
  },
  infer: (n) => {
    const dtype = typeOf(n), shape = convolutionShape(n, 0, 1);
    choice(n, "activation", activations);
    expectShape(n, 2, [shape[1]!], "the bias");
    expectShape(n, 3, shape, "the addend Z");
    return [{ dtype, shape }];
  },
  expand: (n, g) => {
    const conv = g.node("Conv", n.node.inputs.slice(0, n.has(2) ? 3 : 2), passedOn(n, [...Object.keys(windowAttributes), "group"]));
    return [activated(n, g, n.has(3) ? g.node("Add", [conv, input(n, 3)]) : conv, n.ints("activation_params"))];
  },
};
const gemmAttributes = {
  alpha: { kind: "float", default: 1 }, beta: { kind: "float", default: 1 }, transA: { kind: "int", default: 0 }, transB: { kind: "int", default: 0 },
} as const satisfies Record<string, AttributeSpec>;
const fusedGemm: Op = {
  name: ms("FusedGemm"), since: 1, sizes: true, inputs: [2, 3],
  attributes: {
    ...gemmAttributes, activation: { kind: "string", default: "" }, activation_alpha: { kind: "float", optional: true },
    activation_beta: { kind: "float", optional: true }, activation_gamma: { kind: "float", optional: true },
  },
  infer: (n) => {
    const A = dimsOf(n, 0, 2, 2), B = dimsOf(n, 1, 2, 2);
    choice(n, "activation", activations);
    return [{ dtype: typeOf(n), shape: [A[n.int("transA") ? 1 : 0]!, B[n.int("transB") ? 0 : 1]!] }];
  },
  expand: (n, g) => {
    const params = ["activation_alpha", "activation_beta"].flatMap((a) => (n.given(a) ? [n.float(a)] : []));
    return [activated(n, g, g.node("Gemm", n.node.inputs, passedOn(n, Object.keys(gemmAttributes))), params)];
  },
};

/** ONNX's Unsqueeze with one axis. */
const expandDims: Op = {
  name: ms("ExpandDims"), since: 1, inputs: [2, 2], parameters: [1], expand: (n, g) => [g.node("Unsqueeze", [input(n, 0), g.constant("i64", [1], [n.parameter(1)![0]!])])],
  infer: (n) => {
    const { dtype, shape } = n.in(0), axis = n.axis(n.parameter(1)![0] ?? n.fail("the axis is missing"), shape.length + 1);
    return [{ dtype, shape: shape.toSpliced(axis, 0, 1) }];
  },
};
/** ONNX's GridSample of images, with the names that modes had at first. */
const gridSample: Op = {
  name: ms("GridSample"), since: 1, inputs: [2, 2],
  attributes: { align_corners: { kind: "int", default: 0 }, mode: { kind: "string", default: "bilinear" }, padding_mode: { kind: "string", default: "zeros" } },
  infer: (n) => {
    const X = shapeOf(n, 0, 4, 4), grid = shapeOf(n, 1, 4, 4);
    choice(n, "mode", ["bilinear", "nearest", "bicubic"]);
    choice(n, "padding_mode", ["zeros", "border", "reflection"]);
    expectShape(n, 1, [X[0]!, grid[1]!, grid[2]!, 2], "the grid");
    return [{ dtype: typeOf(n), shape: [X[0]!, X[1]!, grid[1]!, grid[2]!] }];
  },
  expand: (n, g) => {
    const mode = { bilinear: "linear", nearest: "nearest", bicubic: "cubic" }[choice(n, "mode", ["bilinear", "nearest", "bicubic"])];
    return [g.node("GridSample", n.node.inputs, { mode, align_corners: n.int("align_corners"), padding_mode: n.string("padding_mode") })];
  },
};
const convTransposeAttributes = { ...windowAttributes, group: { kind: "int", default: 1 }, output_padding: { kind: "ints", optional: true } } as const satisfies Record<string, AttributeSpec>;
/** ONNX's ConvTranspose, whose padding is an input. */
const convTransposeWithDynamicPads: Op = {
  name: ms("ConvTransposeWithDynamicPads"), since: 1, inputs: [2, 4], parameters: [2], attributes: convTransposeAttributes,
  infer: (n) => {
    const dtype = typeOf(n, undefined, 0, 1), X = shapeOf(n, 0, 3), W = shapeOf(n, 1, X.length, X.length), rank = X.length - 2, pads = n.parameter(2) ?? new Array<number>(2 * rank).fill(0);
    const each = (name: string, otherwise: number) => n.intsOr(name) ?? new Array<number>(rank).fill(otherwise), [strides, dilations, more] = [each("strides", 1), each("dilations", 1), each("output_padding", 0)];
    if (pads.length !== 2 * rank) n.fail(`the padding has ${pads.length} elements, but two for each of ${rank} dimensions are needed`);
    const sizes = X.slice(2).map((size, d) => strides[d]! * (size - 1) + more[d]! + (W[d + 2]! - 1) * dilations[d]! + 1 - pads[d]! - pads[d + rank]!);
    return [{ dtype, shape: [X[0]!, W[1]! * n.int("group"), ...sizes] }];
  },
  expand: (n, g) => {
    const { pads: _, ...attributes } = passedOn(n, Object.keys(convTransposeAttributes)), pads = n.parameter(2);
    return [g.node("ConvTranspose", [input(n, 0), input(n, 1), ...(n.has(3) ? [input(n, 3)] : [])], { ...attributes, ...(pads ? { pads } : {}) })];
  },
};

/** What ONNX has under the same name since, with the same inputs and attributes. */
const sameAsOnnx: readonly Op[] = [...generators, ...gathers, ...slices].filter((o) => ["Trilu", "GatherND", "Pad", "Range"].includes(o.name)).map((o) => ({ ...o, name: ms(o.name), since: 1 }));

/** Activations, normalisations, fused products and what ONNX has by itself since. */
export const microsoft: readonly Op[] = [
  gelu("Gelu", [1, 1], "none"), gelu("BiasGelu", [2, 2], "none"), gelu("FastGelu", [1, 2], "tanh"), quickGelu,
  skipNormalization("SkipLayerNormalization", false), skipNormalization("SkipSimplifiedLayerNormalization", true), simplifiedLayerNormalization,
  fusedConv, fusedGemm, expandDims, gridSample, convTransposeWithDynamicPads, ...sameAsOnnx,
];
