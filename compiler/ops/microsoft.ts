/** Operators that ONNX Runtime's optimiser and quantiser leave in models, in terms of ONNX's own. */
import type { Attribute, TensorType } from "../ir/graph.ts";
import { broadcastShapes, expectType, floats, forOutputs } from "./helpers.ts";
import { choice, expectShape, shapeOf, typeOf } from "./checks.ts";
import type { AttributeSpec, Expander, NodeView, Op } from "./op.ts";
import { windowAttributes } from "./spatial.ts";
import { convolutionShape } from "./convolution.ts";

const ms = (name: string) => `com.microsoft.${name}`;
const epsilon = { kind: "float", default: 1e-12 } as const satisfies AttributeSpec;
const same = (n: NodeView): readonly TensorType[] => [{ dtype: typeOf(n), shape: n.in(0).shape }];
const input = (n: NodeView, i: number): string => n.node.inputs[i]!;
/** Input 0, with input 1 added where there is one. */
const biased = (n: NodeView, g: Expander): string => (n.has(1) ? g.node("Add", [input(n, 0), input(n, 1)]) : input(n, 0));
const scalar = (n: NodeView, g: Expander, x: number): string => g.constant(n.in(0).dtype, [], [x]);

const gelu = (name: string, inputs: readonly [number, number], approximate: "none" | "tanh"): Op => ({
  name: ms(name), since: 1, inputs, expand: (n, g) => [g.node("Gelu", [biased(n, g)], { approximate })],
  infer: (n) => [{ dtype: typeOf(n), shape: broadcastShapes(n, n.inputs.flatMap((t) => (t ? [t.shape] : []))) }],
});
const quickGelu: Op = {
  name: ms("QuickGelu"), since: 1, inputs: [1, 1], attributes: { alpha: { kind: "float", default: 1.702 } }, infer: same,
  expand: (n, g) => [g.node("Mul", [input(n, 0), g.node("Sigmoid", [g.node("Mul", [input(n, 0), scalar(n, g, n.float("alpha"))])])])],
};

/** Normalises input + skip (+ bias), and hands out the sum as output 3. */
const skipNormalization = (name: string, simplified: boolean): Op => ({
  name: ms(name), since: 1, inputs: simplified ? [3, 4] : [3, 5], outputs: [1, 4], attributes: { epsilon },
  infer: (n) => {
    const dtype = typeOf(n), shape = shapeOf(n, 0, 2, 3), row = { dtype, shape: [...shape.slice(0, -1), 1] };
    broadcastShapes(n, [shape, n.in(1).shape]);
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
  name: "SimplifiedLayerNormalization", since: 1, inputs: [2, 2], infer: same,
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
const passedOn = (n: NodeView, names: readonly string[]): Readonly<Record<string, Attribute>> =>
  Object.fromEntries(names.flatMap((a) => (n.node.attributes[a] === undefined ? [] : [[a, n.node.attributes[a]]])));
const fusedConv: Op = {
  name: ms("FusedConv"), since: 1, inputs: [2, 4],
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
  name: ms("FusedGemm"), since: 1, inputs: [2, 3],
  attributes: {
    ...gemmAttributes, activation: { kind: "string", default: "" }, activation_alpha: { kind: "float", optional: true },
    activation_beta: { kind: "float", optional: true }, activation_gamma: { kind: "float", optional: true },
  },
  infer: (n) => {
    const A = shapeOf(n, 0, 2, 2), B = shapeOf(n, 1, 2, 2);
    choice(n, "activation", activations);
    return [{ dtype: typeOf(n), shape: [A[n.int("transA") ? 1 : 0]!, B[n.int("transB") ? 0 : 1]!] }];
  },
  expand: (n, g) => {
    const params = ["activation_alpha", "activation_beta"].flatMap((a) => (n.given(a) ? [n.float(a)] : []));
    return [activated(n, g, g.node("Gemm", n.node.inputs, passedOn(n, Object.keys(gemmAttributes))), params)];
  },
};

/** A quantised number among the inputs: value, scale, zero point. */
type Quantised = readonly [value: number, scale: number, zero: number];
const plain = (n: NodeView, g: Expander, [value, scale, zero]: Quantised): string =>
  g.node("DequantizeLinear", [value, scale, zero].filter((i) => n.has(i)).map((i) => input(n, i)));
/** An operator on quantised numbers, by way of floats: pointwise fusion leaves no trace of the detour. */
function throughFloats(name: string, inputs: readonly [number, number], attributes: Readonly<Record<string, AttributeSpec>>, form: {
  readonly operands: (n: NodeView) => readonly Quantised[];
  readonly result: (n: NodeView) => readonly [scale: number, zero: number];
  readonly shape: (n: NodeView) => readonly number[];
  readonly apply: (n: NodeView, g: Expander, operands: readonly string[]) => string;
}): Op {
  return {
    name: ms(name), since: 1, inputs, attributes,
    accuracy: { absolute: 1, reason: "a value halfway between two integers may round to the other one" },
    infer: (n) => {
      for (const [value, scale] of form.operands(n)) {
        expectType(n, value, ["u8", "i8"]);
        expectType(n, scale, floats);
      }
      const [, zero] = form.result(n);
      return [{ dtype: n.has(zero) ? n.in(zero).dtype : "u8", shape: form.shape(n) }];
    },
    expand: (n, g) => {
      const result = form.apply(n, g, form.operands(n).map((q) => plain(n, g, q)));
      return [g.node("QuantizeLinear", [result, ...form.result(n).filter((i) => n.has(i)).map((i) => input(n, i))])];
    },
  };
}
const binary = (name: string, op: string) => throughFloats(name, [7, 8], {}, {
  operands: () => [[0, 1, 2], [3, 4, 5]], result: () => [6, 7], shape: (n) => broadcastShapes(n, [n.in(0).shape, n.in(3).shape]),
  apply: (_, g, operands) => g.node(op, operands),
});
const unary = (name: string, op: string, attributes: Readonly<Record<string, AttributeSpec>> = {}) => throughFloats(name, [4, 5], attributes, {
  operands: () => [[0, 1, 2]], result: () => [3, 4], shape: (n) => n.in(0).shape,
  apply: (n, g, operands) => g.node(op, operands, passedOn(n, Object.keys(attributes))),
});
const concatenated = (n: NodeView): readonly Quantised[] =>
  Array.from({ length: Math.floor((n.inputs.length - 2) / 3) }, (_, k) => [3 * k + 2, 3 * k + 3, 3 * k + 4] as const);

export const microsoft: readonly Op[] = [
  gelu("Gelu", [1, 1], "none"), gelu("BiasGelu", [2, 2], "none"), gelu("FastGelu", [1, 2], "tanh"), quickGelu,
  skipNormalization("SkipLayerNormalization", false), skipNormalization("SkipSimplifiedLayerNormalization", true), simplifiedLayerNormalization,
  fusedConv, fusedGemm,
  binary("QLinearAdd", "Add"), binary("QLinearMul", "Mul"), unary("QLinearSigmoid", "Sigmoid"),
  unary("QLinearLeakyRelu", "LeakyRelu", { alpha: { kind: "float", default: 0.01 } }),
  throughFloats("QLinearGlobalAveragePool", [5, 5], { channels_last: { kind: "int", default: 0 } }, {
    operands: () => [[0, 1, 2]], result: () => [3, 4],
    shape: (n) => {
      if (n.int("channels_last")) n.fail("channels_last is not supported", "use the channels-first form");
      return shapeOf(n, 0, 3).map((size, d) => (d < 2 ? size : 1));
    },
    apply: (_, g, operands) => g.node("GlobalAveragePool", operands),
  }),
  throughFloats("QLinearConcat", [5, Infinity], { axis: { kind: "int" } }, {
    operands: concatenated, result: () => [0, 1],
    shape: (n) => {
      const first = n.in(2).shape, along = n.axis(n.int("axis"), first.length);
      const total = concatenated(n).reduce((sum, [i]) => sum + n.in(i).shape[along]!, 0);
      for (const [i] of concatenated(n)) expectShape(n, i, first.map((size, d) => (d === along ? n.in(i).shape[d]! : size)), "an operand");
      return first.map((size, d) => (d === along ? total : size));
    },
    apply: (n, g, operands) => g.node("Concat", operands, { axis: n.int("axis") }),
  }),
];
