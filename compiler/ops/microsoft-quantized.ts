/**
 * ONNX Runtime's operators on quantised numbers, in terms of ONNX's own. Pointwise ones go by way of floats: fusion leaves no trace of
 * the detour. Products stay sums of integers.
 */
import { sizeOf, type Dim, type ValueType } from "../ir/graph.ts";
import { isFloat, types } from "../ir/types.ts";
import { dimsOf, expectShape, shapeOf } from "./checks.ts";
import { broadcastShapes, expectType, fixedDim, floats, forOutputs, indices, showShape } from "./helpers.ts";
import { matmulShape } from "./linear.ts";
import { input, ms, passedOn } from "./microsoft.ts";
import { poolAttributes, pooled } from "./pooling.ts";
import { expectSteps, roundedLstm } from "./recurrent.ts";
import type { AttributeSpec, Expander, NodeView, Op } from "./op.ts";

/** A quantised number among the inputs: value, scale, zero point. */
type Quantised = readonly [value: number, scale: number, zero: number];
const plain = (n: NodeView, g: Expander, [value, scale, zero]: Quantised): string =>
  g.node("DequantizeLinear", [value, scale, zero].filter((i) => n.has(i)).map((i) => input(n, i)));
/** An operator on quantised numbers, by way of floats: pointwise fusion leaves no trace of the detour. */
function throughFloats(name: string, inputs: readonly [number, number], attributes: Readonly<Record<string, AttributeSpec>>, form: {
  readonly operands: (n: NodeView) => readonly Quantised[];
  readonly result: (n: NodeView) => readonly [scale: number, zero: number];
  readonly shape: (n: NodeView) => readonly Dim[];
  readonly apply: (n: NodeView, g: Expander, operands: readonly string[]) => string;
}): Op {
  return {
    name: ms(name), since: 1, sizes: true, inputs, attributes,
    accuracy: { absolute: 1, reason: "a value halfway between two integers may round to the other one" },
    infer: (n) => {
      for (const [value, scale] of form.operands(n)) {
        expectType(n, value, ["u8", "i8"]);
        expectType(n, scale, floats);
      }
      const [, zero] = form.result(n);
      return [{ dtype: n.has(zero) ? n.type(zero).dtype : "u8", shape: form.shape(n) }];
    },
    expand: (n, g) => {
      const result = form.apply(n, g, form.operands(n).map((q) => plain(n, g, q)));
      return [g.node("QuantizeLinear", [result, ...form.result(n).filter((i) => n.has(i)).map((i) => input(n, i))])];
    },
  };
}
const binary = (name: string, op: string) => throughFloats(name, [7, 8], {}, {
  operands: () => [[0, 1, 2], [3, 4, 5]], result: () => [6, 7], shape: (n) => broadcastShapes(n, [n.type(0).shape, n.type(3).shape]),
  apply: (_, g, operands) => g.node(op, operands),
});
const unary = (name: string, op: string, attributes: Readonly<Record<string, AttributeSpec>> = {}) => throughFloats(name, [4, 5], attributes, {
  operands: () => [[0, 1, 2]], result: () => [3, 4], shape: (n) => n.type(0).shape,
  apply: (n, g, operands) => g.node(op, operands, passedOn(n, Object.keys(attributes))),
});
const concatenated = (n: NodeView): readonly Quantised[] =>
  Array.from({ length: Math.floor((n.inputs.length - 2) / 3) }, (_, k) => [3 * k + 2, 3 * k + 3, 3 * k + 4] as const);

const channelsFirst = (n: NodeView): void => { if (n.int("channels_last")) n.fail("channels_last is not supported", "use the channels-first form"); };
const channelsLast = { kind: "int", default: 0 } as const satisfies AttributeSpec;
/** Softmax of one axis since opset 13, of all dimensions from there on before. */
function softmax(n: NodeView, g: Expander, x: string): string {
  const { shape } = n.in(0), axis = n.axis(n.int("axis"), shape.length), whole = (list: readonly number[]) => g.constant("i64", [list.length], list);
  if (n.int("opset") >= 13 || axis === shape.length - 1) return g.node("Softmax", [x], { axis });
  const rows = sizeOf(shape.slice(0, axis)), flat = g.node("Reshape", [x, whole([rows, sizeOf(shape.slice(axis))])]);
  return g.node("Reshape", [g.node("Softmax", [flat], { axis: -1 }), whole(shape)]);
}

/** The product of quantised matrices as floats: the sum of integers, in the scales of both, and perhaps a bias. */
function scaledProduct(g: Expander, product: string, scales: readonly string[], bias = ""): string {
  const floats = g.node("Mul", [g.node("Cast", [product], { to: types.f32.onnx }), g.node("Mul", scales)]);
  return bias ? g.node("Add", [floats, bias]) : floats;
}
const zeros = (n: NodeView, ...list: readonly number[]): readonly string[] => list.map((i) => (n.has(i) ? input(n, i) : ""));
const bytes = ["u8", "i8"] as const;
const dynamicQuantizeMatMul: Op = {
  name: ms("DynamicQuantizeMatMul"), since: 1, sizes: true, inputs: [3, 5], accuracy: { relative: 1e-2, reason: "a value halfway between two integers may round to the other one" },
  infer: (n) => {
    expectType(n, 0, ["f32"]);
    expectType(n, 1, bytes);
    return [{ dtype: "f32", shape: matmulShape(n, dimsOf(n, 0, 1), dimsOf(n, 1, 2)) }];
  },
  expand: (n, g) => {
    const [q, scale, zero] = g.nodes("DynamicQuantizeLinear", [input(n, 0)], 3) as [string, string, string];
    return [scaledProduct(g, g.node("MatMulInteger", [q, input(n, 1), zero, ...zeros(n, 3)]), [scale, input(n, 2)], zeros(n, 4)[0])];
  },
};
const matMulIntegerToFloat: Op = {
  name: ms("MatMulIntegerToFloat"), since: 1, sizes: true, inputs: [4, 7],
  infer: (n) => {
    [0, 1].forEach((i) => { expectType(n, i, bytes); expectType(n, i + 4, [n.type(i).dtype]); });
    [2, 3, 6].forEach((i) => expectType(n, i, ["f32"]));
    return [{ dtype: "f32", shape: matmulShape(n, dimsOf(n, 0, 1), dimsOf(n, 1, 2)) }];
  },
  expand: (n, g) => [scaledProduct(g, g.node("MatMulInteger", [input(n, 0), input(n, 1), ...zeros(n, 4, 5)]), [input(n, 2), input(n, 3)], zeros(n, 6)[0])],
};
const qGemm: Op = {
  name: ms("QGemm"), since: 1, inputs: [6, 9], accuracy: { absolute: 1, reason: "a value halfway between two integers may round to the other one" },
  attributes: { alpha: { kind: "float", default: 1 }, transA: { kind: "int", default: 0 }, transB: { kind: "int", default: 0 } },
  infer: (n) => {
    const A = shapeOf(n, 0, 2, 2), B = shapeOf(n, 3, 2, 2);
    [0, 3].forEach((i) => expectType(n, i, bytes));
    return [{ dtype: n.has(8) ? n.in(8).dtype : "f32", shape: matmulShape(n, n.int("transA") ? A.toReversed() : A, n.int("transB") ? B.toReversed() : B) }];
  },
  expand: (n, g) => {
    const side = (i: number, turned: string) => (n.int(turned) ? g.node("Transpose", [input(n, i)], { perm: [1, 0] }) : input(n, i));
    const sum = g.node("MatMulInteger", [side(0, "transA"), side(3, "transB"), input(n, 2), input(n, 5)]), whole = n.has(6) ? g.node("Add", [sum, input(n, 6)]) : sum, alpha = n.float("alpha");
    const scale = alpha === 1 ? input(n, 1) : g.node("Mul", [input(n, 1), g.constant("f32", [], [alpha])]), result = scaledProduct(g, whole, [scale, input(n, 4)]);
    return [n.has(7) ? g.node("QuantizeLinear", [result, input(n, 7), ...zeros(n, 8)]) : result];
  },
};

/** The element at `i` of a row of `bits`-bit numbers packed into bytes, the first in the lowest bits. */
const packed = (row: ArrayLike<number>, from: number, i: number, bits: number): number => (row[from + ((i * bits) >> 3)]! >> ((i * bits) & 7)) & (2 ** bits - 1);
/** Weights of 2, 4 or 8 bits, in blocks along the sum that have a scale each. They become floats when compiled. */
const matMulNBits: Op = {
  name: ms("MatMulNBits"), since: 1, sizes: true, inputs: [3, 6], parameters: [1, 2, 3, 4], accuracy: { relative: 1e-4, reason: "sums of float products are taken in another order; ONNX Runtime may quantise the other operand" },
  attributes: {
    K: { kind: "int" }, N: { kind: "int" }, bits: { kind: "int", default: 4 }, block_size: { kind: "int" },
    // How exactly the products may be computed, and how a device has laid out the weights.
    accuracy_level: { kind: "int", default: 0 }, weight_prepacked: { kind: "int", default: 0 },
  },
  infer: (n) => {
    const { dtype, shape } = n.type(0), K = n.int("K"), N = n.int("N"), bits = n.int("bits"), block = n.int("block_size"), blocks = Math.ceil(K / block), each = (block * bits) / 8;
    expectType(n, 0, floats);
    expectType(n, 1, ["u8"]);
    if (n.int("weight_prepacked")) n.fail("the weights are laid out for a device", "export the model without weight_prepacked");
    if (![2, 4, 8].includes(bits) || block < 16 || !Number.isInteger(Math.log2(block))) n.fail(`${bits} bits in blocks of ${block} are not supported; there can be 2, 4 or 8 bits, and a power of 2 from 16 in a block`);
    if (shape.at(-1) !== K) n.fail(`input 0 has shape ${showShape(shape)}, but rows of ${K} are needed`);
    const count = (i: number, elements: number, what: string) => { if (n.has(i) && sizeOf(n.in(i).shape) !== elements) n.fail(`${what} (input ${i}) have shape ${showShape(n.in(i).shape)}, but must be ${elements} elements`); };
    count(1, N * blocks * each, "the weights");
    count(2, N * blocks, "the scales");
    count(3, n.has(3) && isFloat(n.in(3).dtype) ? N * blocks : N * Math.ceil((blocks * bits) / 8), "the zero points");
    expectShape(n, 5, [N], "the bias");
    [1, 2, 3, 4].forEach((i) => n.parameter(i));
    return [{ dtype, shape: [...shape.slice(0, -1), N] }];
  },
  expand: (n, g) => {
    const K = n.int("K"), N = n.int("N"), bits = n.int("bits"), block = n.int("block_size"), blocks = Math.ceil(K / block), data = (i: number) => n.constant(i)?.data as ArrayLike<number> | undefined;
    const q = data(1)!, scales = data(2)!, zeros = data(3), groups = data(4), line = Math.ceil((blocks * bits) / 8), real = n.has(3) && isFloat(n.in(3).dtype);
    const zero = (row: number, b: number): number => (!zeros ? 2 ** (bits - 1) : real ? zeros[row * blocks + b]! : packed(zeros, row * line, b, bits));
    const weights = new Float32Array(K * N), each = (block * bits) / 8;
    for (let row = 0; row < N; row++) {
      for (let k = 0; k < K; k++) {
        const b = groups ? Number(groups[k]) : Math.floor(k / block);
        weights[k * N + row] = (packed(q, row * blocks * each, k, bits) - zero(row, b)) * scales[row * blocks + b]!;
      }
    }
    const product = g.node("MatMul", [input(n, 0), g.constant(n.type(0).dtype, [K, N], weights)]);
    return [n.has(5) ? g.node("Add", [product, input(n, 5)]) : product];
  },
};
/** Rows of a table of 4 or 8 bits, in blocks along an axis that have a scale each. The table becomes floats when compiled. */
const gatherBlockQuantized: Op = {
  name: ms("GatherBlockQuantized"), since: 1, inputs: [3, 4], parameters: [0, 2, 3], accuracy: { relative: 1e-6, reason: "one product of floats" },
  attributes: { bits: { kind: "int", default: 4 }, block_size: { kind: "int", default: 128 }, gather_axis: { kind: "int", default: 0 }, quantize_axis: { kind: "int", default: 1 } },
  infer: (n) => {
    const { dtype, shape } = n.in(0), whole = tableShape(n), axis = n.axis(n.int("quantize_axis"), shape.length), gather = n.axis(n.int("gather_axis"), shape.length), block = n.int("block_size");
    expectType(n, 0, ["u8", "u4", "i4"]);
    expectType(n, 1, indices);
    expectType(n, 2, floats);
    if (dtype === "u8" && axis !== shape.length - 1) n.fail("bytes must be quantised along their last axis");
    if (axis === gather) n.fail("the axis of the rows is the quantised one");
    expectShape(n, 2, whole.map((size, d) => (d === axis ? Math.ceil(size / block) : size)), "the scales");
    [0, 2, 3].forEach((i) => n.parameter(i));
    return [{ dtype: n.in(2).dtype, shape: [...whole.slice(0, gather), ...n.in(1).shape, ...whole.slice(gather + 1)] }];
  },
  expand: (n, g) => {
    const whole = tableShape(n), axis = n.axis(n.int("quantize_axis"), whole.length), bits = n.in(0).dtype === "u8" ? n.int("bits") : 8, block = n.int("block_size");
    const q = n.constant(0)!.data as ArrayLike<number>, scales = n.constant(2)!, scale = scales.data as ArrayLike<number>, zeros = n.constant(3)?.data as ArrayLike<number> | undefined, table = new Float32Array(sizeOf(whole));
    const inner = sizeOf(whole.slice(axis + 1)), size = whole[axis]!, blocks = scales.shape[axis]!, line = Math.ceil((blocks * bits) / 8), middle = n.in(0).dtype === "u8" ? 2 ** (bits - 1) : 0;
    for (let i = 0; i < table.length; i++) {
      const outer = Math.floor(i / (inner * size)), k = Math.floor(i / inner) % size, b = Math.floor(k / block), at = (outer * blocks + b) * inner + (i % inner);
      const zero = !zeros ? middle : bits < 8 ? packed(zeros, outer * line, b, bits) : zeros[at]!;
      table[i] = ((bits < 8 ? packed(q, (outer * size * bits) / 8, k, bits) : q[i]!) - zero) * scale[at]!;
    }
    return [g.node("Gather", [g.constant(n.in(2).dtype, whole, table), input(n, 1)], { axis: n.int("gather_axis") })];
  },
};
/** The shape of a table, of which a byte may hold two elements. */
const tableShape = (n: NodeView): readonly number[] => {
  const { dtype, shape } = n.in(0), bits = n.int("bits");
  if (bits !== 4 && bits !== 8) n.fail(`${bits} bits are not supported; there can be 4 or 8`);
  return dtype === "u8" ? shape.map((size, d) => (d === shape.length - 1 ? size * (8 / bits) : size)) : shape;
};
/**
 * An LSTM whose weights are bytes. Inputs, all together, and the hidden states before each step are rounded to bytes, as ONNX Runtime does with one thread
 * (with more, each takes the states of its own sequences; going backwards over sequences of different lengths, it takes states together that are not of one
 * step here). The products are of the floats that bytes stand for: the sums differ by no more than roundings.
 */
const dynamicQuantizeLstm: Op = {
  name: ms("DynamicQuantizeLSTM"), since: 1, sizes: true, inputs: [3, 12], outputs: [0, 3], accuracy: { absolute: 2e-5, relative: 2e-5, reason: "as of LSTM; a value halfway between two of the bytes that inputs and states are rounded to may become the other one, which changes what follows by up to a byte's step" },
  attributes: {
    activation_alpha: { kind: "floats", optional: true }, activation_beta: { kind: "floats", optional: true }, activations: { kind: "strings", optional: true }, clip: { kind: "float", optional: true },
    direction: { kind: "string", default: "forward" }, hidden_size: { kind: "int", optional: true }, input_forget: { kind: "int", default: 0 },
  },
  infer: (n) => {
    const X = dimsOf(n, 0, 3, 3), W = shapeOf(n, 1, 3, 3), R = shapeOf(n, 2, 3, 3), [steps, batch, inputs] = X as [Dim, Dim, Dim], directions = W[0]!, hidden = R[1]!;
    expectSteps(n, steps);
    expectType(n, 0, ["f32"]);
    [1, 2].forEach((i) => expectType(n, i, bytes));
    [8, 9, 10, 11].forEach((i) => n.in(i));
    expectShape(n, 1, [directions, fixedDim(n, inputs, "the number of features"), 4 * hidden], `W, for inputs ${showShape(X)}`);
    expectShape(n, 2, [directions, hidden, 4 * hidden], `R, for W ${showShape(W)}`);
    const state: ValueType = { dtype: "f32", shape: [directions, batch, hidden] };
    return forOutputs(n, [{ dtype: "f32", shape: [steps, directions, batch, hidden] }, state, state]);
  },
  expand: (n, g) => {
    // [directions, inputs, 4 * hidden] with one scale for each direction, or each column of one.
    const weights = (i: number, scale: number): string => {
      const along = (p: number) => g.node("Unsqueeze", [input(n, p), g.constant("i64", [n.in(p).shape.length === 1 ? 2 : 1], n.in(p).shape.length === 1 ? [1, 2] : [1])]);
      const whole = (x: string) => g.node("Cast", [x], { to: types.f32.onnx }), centred = g.node("Sub", [whole(input(n, i)), whole(along(scale + 1))]);
      return g.node("Transpose", [g.node("Mul", [centred, along(scale)])], { perm: [0, 2, 1] });
    };
    const x = g.node("DequantizeLinear", g.nodes("DynamicQuantizeLinear", [input(n, 0)], 3)), operands = [x, weights(1, 8), weights(2, 10), ...zeros(n, 3, 4, 5, 6, 7)];
    return g.nodes(roundedLstm.name, operands, n.node.outputs.length, passedOn(n, Object.keys(dynamicQuantizeLstm.attributes!)));
  },
};
/** ONNX Runtime's operators on quantised numbers. */
export const microsoftQuantized: readonly Op[] = [
  binary("QLinearAdd", "Add"), binary("QLinearMul", "Mul"), unary("QLinearSigmoid", "Sigmoid"),
  unary("QLinearLeakyRelu", "LeakyRelu", { alpha: { kind: "float", default: 0.01 } }),
  throughFloats("QLinearGlobalAveragePool", [5, 5], { channels_last: channelsLast }, {
    operands: () => [[0, 1, 2]], result: () => [3, 4],
    shape: (n) => {
      channelsFirst(n);
      return dimsOf(n, 0, 3).map((size, d) => (d < 2 ? size : 1));
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
  throughFloats("QLinearAveragePool", [4, 5], { ...poolAttributes, count_include_pad: { kind: "int", default: 0 }, channels_last: channelsLast }, {
    operands: () => [[0, 1, 2]], result: () => [3, 4], shape: (n) => { channelsFirst(n); return pooled(n) as readonly number[]; },
    apply: (n, g, operands) => g.node("AveragePool", operands, passedOn(n, [...Object.keys(poolAttributes), "count_include_pad"])),
  }),
  throughFloats("QLinearSoftmax", [4, 5], { axis: { kind: "int", default: -1 }, opset: { kind: "int" } }, {
    operands: () => [[0, 1, 2]], result: () => [3, 4], shape: (n) => n.in(0).shape, apply: (n, g, [x]) => softmax(n, g, x!),
  }),
  throughFloats("QLinearWhere", [9, 9], {}, {
    operands: () => [[1, 2, 3], [4, 5, 6]], result: () => [7, 8], shape: (n) => broadcastShapes(n, [n.in(0).shape, n.in(1).shape, n.in(4).shape]),
    apply: (n, g, operands) => g.node("Where", [input(n, 0), ...operands]),
  }),
  dynamicQuantizeMatMul, matMulIntegerToFloat, qGemm, matMulNBits, gatherBlockQuantized, dynamicQuantizeLstm,
];
