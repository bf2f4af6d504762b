/**
 * Operators at odd sizes, for the schedules of any target: `agree` compares what is made of a graph with what the graph means,
 * up to a tolerance relative to the largest element.
 */
import { describe, test } from "vitest";
import type { Attribute, Graph } from "../../compiler/ir/graph.ts";
import { Builder } from "../support/graph-builder.ts";

/** Throws where the results differ by more; 1e-4 where nothing is said. */
export type Agree = (g: Graph, tolerance?: number) => void | Promise<void>;
type Attributes = Readonly<Record<string, Attribute>>;
type Shape = readonly number[];
/** One operator on an input; `others` are constants, by shape or values. */
function one(op: string, shape: Shape, attributes: Attributes = {}, others: readonly ((b: Builder) => string)[] = [], result?: Shape): Graph {
  const b = new Builder();
  return b.graph(b.op(op, [b.input("x", shape), ...others.map((o) => o(b))], attributes, result));
}
const weight = (...shape: Shape) => (b: Builder) => b.constant(shape);
const positive = (...shape: Shape) => (b: Builder) => b.constant(shape, "positive");
const ints = (...values: Shape) => (b: Builder) => b.ints(...values);


/** Declares the tests. */
export function operatorTests(agree: Agree): void {
  describe("convolutions", () => {
    test.each<[string, Shape, Shape, Attributes]>([
      ["3 -> 17 channels, 3x3", [1, 3, 7, 6], [17, 3, 3, 3], { pads: [1, 1, 1, 1] }],
      ["5 -> 24, batch 2, stride 2", [2, 5, 7, 8], [24, 5, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }],
      ["17 -> 5, 1x1", [1, 17, 5, 3], [5, 17, 1, 1], {}],
      ["24 -> 33, 1x1, stride 2", [1, 24, 5, 6], [33, 24, 1, 1], { strides: [2, 2] }],
      ["3 -> 33, 7x7, stride 2", [1, 3, 9, 9], [33, 3, 7, 7], { pads: [3, 3, 3, 3], strides: [2, 2] }],
      ["dilation 2 and 3", [1, 5, 9, 10], [17, 5, 3, 3], { pads: [2, 3, 2, 3], dilations: [2, 3] }],
      ["uneven padding", [1, 4, 5, 6], [16, 4, 3, 2], { pads: [0, 1, 2, 0] }],
      ["2 groups, 6 -> 10", [1, 6, 5, 5], [10, 3, 3, 3], { group: 2, pads: [1, 1, 1, 1] }],
      ["3 groups, 24 -> 48", [1, 24, 4, 5], [48, 8, 3, 3], { group: 3, pads: [1, 1, 1, 1] }],
      ["4 groups of 16", [2, 64, 3, 3], [64, 16, 1, 1], { group: 4 }],
      ["one pixel", [1, 33, 1, 1], [17, 33, 1, 1], {}],
      ["one channel", [1, 1, 6, 6], [1, 1, 3, 3], {}],
      ["1d", [2, 5, 13], [17, 5, 3], { pads: [1, 1] }],
      ["1d, dilated", [1, 24, 17], [33, 24, 5], { dilations: [2], pads: [4, 4] }],
      ["3d", [1, 3, 4, 5, 4], [17, 3, 3, 3, 3], { pads: [1, 1, 1, 1, 1, 1] }],
      ["a kernel wider than its input", [1, 4, 2, 2], [8, 4, 5, 5], { pads: [2, 2, 2, 2] }],
    ])("%s", (_, shape, w, attributes) => agree(one("Conv", shape, attributes, [weight(...w), weight(w[0]!)])));
    test.each<[number, number, number, Shape]>([[3, 1, 24, [1, 5, 7]], [3, 2, 17, [1, 7, 6]], [5, 1, 16, [2, 6, 6]], [5, 2, 33, [1, 7, 9]], [7, 1, 8, [1, 8, 7]], [7, 2, 5, [1, 9, 9]]])(
      "depthwise, %i taps a side, stride %i, %i channels", (k, s, c, [n, h, w]) => agree(one("Conv", [n!, c, h!, w!], { group: c, strides: [s, s], pads: [k >> 1, k >> 1, k >> 1, k >> 1] }, [weight(c, 1, k, k), weight(c)])));
    test("two outputs per channel", () => agree(one("Conv", [1, 12, 5, 5], { group: 12, pads: [1, 1, 1, 1] }, [weight(24, 1, 3, 3)])));
    test.each<[string, Shape, Shape, Attributes]>([
      ["2x2, stride 2", [1, 5, 3, 4], [5, 17, 2, 2], { strides: [2, 2] }],
      ["3x3, stride 2", [2, 3, 4, 3], [3, 24, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] }],
      ["stride 1, groups", [1, 6, 4, 4], [6, 4, 3, 3], { group: 2, pads: [1, 1, 1, 1] }],
      ["dilated", [1, 4, 3, 3], [4, 8, 3, 3], { dilations: [2, 2], strides: [1, 2] }],
      ["1d", [1, 4, 7], [4, 9, 4], { strides: [3] }],
    ])("transposed, %s", (_, shape, w, attributes) => agree(one("ConvTranspose", shape, attributes, [weight(...w)])));
    test.each<[string, Shape, number, number]>([
      ["many tiles of 4x4", [2, 16, 9, 11], 24, 1], ["one tile, odd channels", [1, 17, 3, 2], 33, 1], ["without padding", [1, 24, 7, 10], 16, 0], ["fewer pixels than a tile", [1, 16, 2, 2], 16, 1],
    ])("3x3 by Winograd: %s", (_, shape, out, p) => agree(one("Conv", shape, { pads: [p, p, p, p] }, [weight(out, shape[1]!, 3, 3), weight(out)]), 2e-4));
    test("with a tail: scale, residual, activation, into a box", () => {
      const b = new Builder(), x = b.input("x", [1, 16, 5, 6]), y = b.op("Conv", [x, b.constant([16, 16, 3, 3])], { pads: [1, 1, 1, 1] });
      const z = b.op("Relu", [b.op("Add", [b.op("Mul", [y, b.constant([16, 1, 1])]), x])]), one1 = b.op("Conv", [z, b.constant([24, 16, 1, 1])]);
      agree(b.graph(b.op("Concat", [one1, z], { axis: 1 })), 2e-4);
    });
  });
  describe("products", () => {
    test.each<[string, Shape, Shape, Attributes]>([
      ["one row", [1, 33], [33, 17], {}], ["one column", [7, 33], [33, 1], {}], ["nothing fits", [13, 5], [5, 19], {}], ["transposed weights", [3, 24], [50, 24], { transB: 1 }],
      ["transposed rows", [24, 3], [24, 50], { transA: 1 }], ["both transposed", [5, 7], [11, 5], { transA: 1, transB: 1, alpha: 0.5, beta: 2 }],
    ])("Gemm: %s", (_, x, w, attributes) => agree(one("Gemm", x, attributes, [weight(...w), weight(attributes.transB ? w[0]! : w[1]!)])));
    test.each<[string, Shape, Shape]>([["of two matrices", [7, 9], [9, 20]], ["of batches", [3, 5, 8], [3, 8, 17]], ["of one matrix and batches", [5, 8], [2, 8, 6]], ["of batches and one matrix", [2, 3, 5, 8], [8, 6]],
      ["of broadcast batches", [2, 1, 4, 8], [3, 8, 5]], ["of a vector and a matrix", [8], [8, 17]], ["of a matrix and a vector", [17, 8], [8]], ["of vectors", [33], [33]]])("MatMul %s, both at run time", (_, x, w) => {
      const b = new Builder();
      agree(b.graph(b.op("MatMul", [b.input("x", x), b.input("y", w)])));
    });
    test.each<[string, Shape, Shape]>([["weights", [2, 5, 33], [33, 24]], ["batches of weights", [3, 5, 8], [3, 8, 17]], ["weights on the left", [17, 8], [8, 5]]])("MatMul with %s", (_, x, w) => agree(one("MatMul", x, {}, [weight(...w)])));
    for (const [ta, tb] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      test(`transposed at run time: ${ta}, ${tb}`, () => {
        const b = new Builder(), x = b.input("x", ta ? [2, 8, 5] : [2, 5, 8]), y = b.input("y", tb ? [2, 17, 8] : [2, 8, 17]), turned = (v: string, t: number) => (t ? b.op("Transpose", [v], { perm: [0, 2, 1] }) : v);
        agree(b.graph(b.op("MatMul", [turned(x, ta!), turned(y, tb!)])));
      });
    }
    test("heads of attention", () => {
      const b = new Builder(), x = b.input("x", [1, 7, 24]), heads = (perm: Shape) => b.op("Transpose", [b.op("Reshape", [b.op("MatMul", [x, b.constant([24, 24])]), b.ints(1, 7, 3, 8)])], { perm });
      const scores = b.op("Softmax", [b.op("MatMul", [heads([0, 2, 1, 3]), heads([0, 2, 3, 1])])], { axis: -1 });
      agree(b.graph(b.op("Reshape", [b.op("Transpose", [b.op("MatMul", [scores, heads([0, 2, 1, 3])])], { perm: [0, 2, 1, 3] }), b.ints(1, 7, 24)])));
    });
  });
  describe("windows and reductions", () => {
    const window: readonly [string, Attributes][] = [
      ["2x2, stride 2", { kernel_shape: [2, 2], strides: [2, 2] }], ["3x3, stride 1, padded", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
      ["3x3, stride 2, padded", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }], ["5x3, one-sided", { kernel_shape: [5, 3], pads: [2, 0, 2, 1] }],
      ["rounded up", { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }],
    ];
    for (const op of ["MaxPool", "AveragePool"]) {
      test.each(window)(`${op} %s`, (_, attributes) => { for (const c of [17, 24]) agree(one(op, [1, c, 7, 8], attributes)); });
    }
    test("MaxPool behind a Relu", () => { const b = new Builder(); agree(b.graph(b.op("MaxPool", [b.op("Relu", [b.input("x", [2, 17, 6, 5])])], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }))); });
    test("AveragePool that counts padding", () => agree(one("AveragePool", [1, 16, 5, 5], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 })));
    test.each(["GlobalAveragePool", "GlobalMaxPool"])("%s", (op) => { for (const shape of [[2, 17, 5, 3], [1, 33, 4, 4], [1, 3, 1, 20]]) agree(one(op, shape)); });
    test.each([["ReduceMean", [1]], ["ReduceMean", [-1]], ["ReduceMean", [2, 3]], ["ReduceMax", [0]], ["ReduceSum", [0, 1, 2, 3]], ["ReduceMin", [1, 3]], ["ReduceL2", [2]], ["ReduceProd", [3]], ["ReduceLogSumExp", [1]], ["ReduceSumSquare", [-2]]] as const)(
      "%s over %j", (op, axes) => { for (const keepdims of [0, 1]) agree(one(op, [2, 5, 3, 19], { keepdims }, [ints(...axes)])); });
    test.each([0, 1, -1])("Softmax over %i", (axis) => { for (const shape of [[3, 33], [2, 5, 7], [1, 17, 4, 4]]) agree(one("Softmax", shape, { axis })); });
    test("LogSoftmax", () => agree(one("LogSoftmax", [3, 33], { axis: 1 })));
    test.each([[[3, 33], -1], [[2, 5, 24], -1], [[2, 3, 4, 5], 2], [[1, 7, 17], 1]] as const)("LayerNormalization of %j from %i on", (shape, axis) =>
      agree(one("LayerNormalization", shape, { axis }, [positive(...shape.slice(axis < 0 ? shape.length + axis : axis)), weight(...shape.slice(axis < 0 ? shape.length + axis : axis))])));
    test("InstanceNormalization", () => agree(one("InstanceNormalization", [2, 5, 4, 5], {}, [positive(5), weight(5)])));
    test("GroupNormalization", () => agree(one("GroupNormalization", [1, 12, 3, 4], { num_groups: 3 }, [positive(12), weight(12)])));
    test.each([1, 3, 5])("LRN over %i channels", (size) => agree(one("LRN", [1, 17, 3, 4], { size, alpha: 0.1, beta: 0.75, bias: 1 })));
    test.each(["ArgMax", "ArgMin"])("%s", (op) => { for (const axis of [0, 1, 2]) agree(one(op, [3, 5, 17], { axis })); });
    test("CumSum", () => agree(one("CumSum", [3, 19], {}, [(b) => b.constant([], [1], "i64")])));
  });
  describe("moving elements", () => {
    test.each<[string, Attributes, readonly [number, number]]>([["nearest", { mode: "nearest" }, [2, 3]], ["linear", { mode: "linear" }, [2, 2]], ["linear, aligned corners", { mode: "linear", coordinate_transformation_mode: "align_corners" }, [2, 3]],
      ["nearest, asymmetric", { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }, [2, 2]], ["cubic", { mode: "cubic" }, [2, 2]]])("Resize %s", (_, attributes, [h, w]) => {
      const b = new Builder(), shape = [1, 17, 4 * h, 3 * w];
      agree(b.graph(b.op("Resize", [b.input("x", [1, 17, 4, 3]), "", b.constant([4], [1, 1, h, w])], attributes, shape)));
    });
    test.each([0, 1, 2, 3])("Concat along %i, of three", (axis) => {
      const b = new Builder(), shape = [2, 5, 3, 4], x = b.input("x", shape), y = b.input("y", shape.map((d, i) => (i === axis ? d + 2 : d)));
      agree(b.graph(b.op("Concat", [b.op("Relu", [x]), y, b.op("Neg", [x])], { axis })));
    });
    test.each([0, 1, 2, 3])("Split along %i", (axis) => {
      const b = new Builder(), shape = [4, 7, 5, 6], size = shape[axis]!, [left, right] = b.ops("Split", [b.input("x", shape), b.ints(2, size - 2)], 2, { axis });
      agree(b.graph(b.op("Relu", [left!]), right!));
    });
    test.each<[string, Shape, Shape]>([["of images", [2, 5, 3, 4], [0, 2, 3, 1]], ["back", [2, 3, 4, 17], [0, 3, 1, 2]], ["of a matrix", [19, 33], [1, 0]], ["of all", [3, 4, 5, 6], [3, 2, 1, 0]]])("Transpose %s", (_, shape, perm) => agree(one("Transpose", shape, { perm })));
    test.each<[string, Attributes]>([["constant", { mode: "constant" }], ["reflect", { mode: "reflect" }], ["edge", { mode: "edge" }]])("Pad %s", (_, attributes) => agree(one("Pad", [1, 3, 5, 17], attributes, [ints(0, 0, 1, 2, 0, 0, 2, 1)])));
    test("Slice backwards and in steps", () => agree(one("Slice", [5, 33], {}, [ints(4, 1), ints(-6, 30), ints(0, 1), ints(-2, 3)])));
    test("Gather of rows, of columns, of both", () => {
      agree(one("Gather", [5, 33], { axis: 0 }, [ints(4, 0, 2, -1)]));
      agree(one("Gather", [5, 33], { axis: 1 }, [ints(32, 0, 2, -1)]));
      const b = new Builder();
      agree(b.graph(b.op("Gather", [b.constant([7, 19]), b.op("ArgMax", [b.input("x", [3, 7])], { axis: 1 })], { axis: 0 })));
    });
    test("DepthToSpace and SpaceToDepth", () => { agree(one("DepthToSpace", [1, 12, 3, 5], { blocksize: 2 })); agree(one("SpaceToDepth", [1, 3, 4, 6], { blocksize: 2 })); });
    test("broadcasts", () => {
      for (const [x, y] of [[[2, 5, 17], [5, 1]], [[2, 5, 17], [17]], [[2, 1, 1], [5, 17]], [[33], []], [[1, 16, 3, 3], [1, 16, 1, 1]]] as const) {
        const b = new Builder();
        agree(b.graph(b.op("Sub", [b.input("x", x), b.input("y", y)]), b.op("Where", [b.op("Less", ["x", "y"]), "x", b.op("Exp", ["y"])])));
      }
    });
    test("integers and truths", () => {
      const b = new Builder(), x = b.input("x", [3, 19], "i64"), y = b.input("y", [3, 19], "i32");
      agree(b.graph(b.op("Add", [x, b.op("Cast", [y], { to: 7 })]), b.op("And", [b.op("Less", [x, b.constant([], [5], "i64")]), b.op("Equal", [y, y])]), b.op("Cast", [b.op("Cast", [y], { to: 1 })], { to: 11 })));
    });
  });
  describe("recurrences", () => {
    const gates = { LSTM: 4, GRU: 3, RNN: 1 } as const;
    /** Two outputs of one layer; `given`: initial states and lengths of sequences at run time. */
    const layer = (kind: keyof typeof gates, [steps, batch, input, hidden]: Shape, attributes: Attributes = {}, given = false, weights = true): Graph => {
      const b = new Builder(), d = attributes.direction === "bidirectional" ? 2 : 1, g = gates[kind] * hidden!, state = attributes.layout ? [batch!, d, hidden!] : [d, batch!, hidden!];
      const w = (name: string, ...shape: Shape) => (weights ? b.constant(shape) : b.input(name, shape));
      const x = b.input("x", attributes.layout ? [batch!, steps!, input!] : [steps!, batch!, input!]), all = [x, w("w", d, g, input!), w("r", d, g, hidden!), w("b", d, 2 * g)];
      const lengths = given ? b.constant([batch!], Array.from({ length: batch! }, (_, i) => Math.max(0, steps! - i)), "i32") : "", h = given ? b.input("h", state) : "";
      const more = kind === "LSTM" && given ? [b.input("c", state), b.constant([d, 3 * hidden!])] : [];
      return b.graph(...b.ops(kind, [...all, ...(given ? [lengths, h, ...more] : [])], kind === "LSTM" ? 3 : 2, attributes));
    };
    test.each<[keyof typeof gates, string, Shape, Attributes, boolean]>([
      ["LSTM", "forward", [5, 1, 7, 33], {}, false], ["LSTM", "bidirectional, states and lengths", [4, 3, 5, 19], { direction: "bidirectional" }, true], ["LSTM", "of one step", [1, 2, 9, 16], {}, true],
      ["LSTM", "coupled, clipped, batch first", [3, 2, 6, 8], { direction: "reverse", clip: 0.5, input_forget: 1, layout: 1 }, false], ["GRU", "bidirectional", [5, 2, 5, 17], { direction: "bidirectional" }, true],
      ["GRU", "reset after the product", [6, 1, 8, 40], { linear_before_reset: 1 }, false], ["GRU", "of one step, without a state", [1, 2, 3, 5], {}, false],
      ["RNN", "backwards", [7, 3, 4, 21], { direction: "reverse", activations: ["Relu"] }, true], ["RNN", "batch first", [3, 2, 4, 6], { layout: 1 }, true],
    ])("%s %s", (kind, _, shape, attributes, given) => agree(layer(kind, shape, attributes, given), 2e-4));
    test.each<keyof typeof gates>(["LSTM", "GRU", "RNN"])("%s with weights of run time", (kind) => agree(layer(kind, [3, 2, 5, 9], {}, true, false), 2e-4));
    test("two layers, both directions beside each other", () => {
      const b = new Builder(), at = (x: string, input: number) => {
        const [y, h] = b.ops("LSTM", [x, b.constant([2, 32, input]), b.constant([2, 32, 8]), b.constant([2, 64])], 3, { direction: "bidirectional" }) as [string, string];
        return [b.op("Reshape", [b.op("Transpose", [y], { perm: [0, 2, 1, 3] }), b.ints(4, 3, 16)]), h] as const;
      };
      const [x1, h1] = at(b.input("x", [4, 3, 5]), 5), [x2, h2] = at(x1, 16);
      agree(b.graph(x2, b.op("Concat", [h1, h2], { axis: 0 })), 2e-4);
    });
  });
}
