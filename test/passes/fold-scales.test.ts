import { describe, expect, test } from "vitest";
import { constantOf } from "../../compiler/ir/graph.ts";
import { foldScales } from "../../compiler/passes/graph/fold-scales.ts";
import { Builder, check, only, operators } from "./graphs.ts";

const norm = (b: Builder, x: string, channels: number) =>
  b.op("BatchNormalization", [x, b.constant([channels]), b.constant([channels]), b.constant([channels]), b.constant([channels], "positive")]);
const channel = (b: Builder, channels: number) => b.constant([channels, 1, 1], "positive");
function image(channels = 4) {
  const b = new Builder();
  return { b, x: b.input("x", [2, channels, 5, 5]) };
}

describe("into the node before", () => {
  test("BatchNormalization into Conv, with and without bias", () => {
    const { b, x } = image(), one = norm(b, b.op("Conv", [x, b.constant([6, 4, 3, 3])], { pads: [1, 1, 1, 1] }), 6);
    const after = check(b.graph(norm(b, b.op("Conv", [one, b.constant([8, 3, 1, 1]), b.constant([8])], { group: 2 }), 8)), foldScales);
    expect(operators(after)).toEqual(["Conv", "Conv"]);
    expect(after.nodes.every((n) => n.inputs.length === 3 && n.origin.length === 2)).toBe(true);
  });
  test("a scale alone gives no bias", () => {
    const { b, x } = image(), y = b.op("Mul", [b.op("Conv", [x, b.constant([6, 4, 3, 3])]), channel(b, 6)]);
    expect(only(check(b.graph(y), foldScales), "Conv").inputs).toHaveLength(2);
  });
  test("a chain of all four operations and scalars is rounded once", () => {
    const { b, x } = image(), conv = b.op("Conv", [x, b.constant([6, 4, 1, 1])]);
    const scaled = b.op("Div", [b.op("Sub", [b.op("Mul", [b.scalar(3), conv]), channel(b, 6)]), channel(b, 6)]);
    expect(operators(check(b.graph(norm(b, b.op("Sub", [b.scalar(1), scaled]), 6)), foldScales, { tolerance: 2e-6 }))).toEqual(["Conv"]);
  });
  test("ConvTranspose in groups", () => {
    const { b, x } = image(), y = norm(b, b.op("ConvTranspose", [x, b.constant([4, 3, 3, 3])], { group: 2, strides: [2, 2] }), 6);
    expect(operators(check(b.graph(y), foldScales))).toEqual(["ConvTranspose"]);
  });
  test("Gemm with transposed weights, alpha and beta", () => {
    const b = new Builder(), x = b.input("x", [3, 5]), gemm = b.op("Gemm", [x, b.constant([7, 5]), b.constant([1, 7])], { transB: 1, alpha: 0.5, beta: 3 });
    expect(operators(check(b.graph(norm(b, gemm, 7)), foldScales))).toEqual(["Gemm"]);
  });
  test("MatMul takes a scale; with a shift it is a Gemm, or keeps one Add", () => {
    const b = new Builder(), flat = b.op("MatMul", [b.input("x", [3, 5]), b.constant([5, 7])]), deep = b.op("MatMul", [b.input("y", [2, 3, 5]), b.constant([5, 7])]);
    const affine = (v: string) => b.op("Add", [b.op("Mul", [v, b.constant([7])]), b.constant([7])]);
    expect(operators(check(b.graph(affine(flat), affine(deep)), foldScales)).toSorted()).toEqual(["Add", "Gemm", "MatMul"]);
  });
  test("the scale and bias of other normalisations", () => {
    const b = new Builder(), x = b.input("x", [2, 4, 6]);
    const affine = (v: string, shape: number[]) => b.op("Add", [b.op("Mul", [v, b.constant(shape)]), b.constant(shape)]);
    const layer = affine(b.op("LayerNormalization", [x, b.constant([6], [1, 1, 1, 1, 1, 1])]), [6]);
    const group = affine(b.op("GroupNormalization", [layer, b.constant([4]), b.constant([4])], { num_groups: 2 }), [4, 1]);
    const instance = affine(b.op("InstanceNormalization", [group, b.constant([4]), b.constant([4])]), [1, 4, 1]);
    expect(operators(check(b.graph(instance), foldScales))).toEqual(["LayerNormalization", "GroupNormalization", "InstanceNormalization"]);
  });
  test("not what others read, another axis, or what is not constant", () => {
    const { b, x } = image(), conv = b.op("Conv", [x, b.constant([6, 4, 1, 1])]);
    const shared = b.graph(b.op("Mul", [conv, channel(b, 6)]), conv);
    expect(operators(check(shared, foldScales))).toEqual(["Conv", "Mul"]);
    const rows = b.graph(b.op("Mul", [b.op("Conv", [x, b.constant([6, 4, 1, 1])]), b.constant([5])]));
    expect(operators(check(rows, foldScales)).filter((o) => o === "Mul")).toHaveLength(1);
    const open = b.graph(b.op("Mul", [b.op("Conv", [x, b.constant([6, 4, 1, 1])]), b.input("s", [1, 6, 1, 1])]));
    expect(operators(check(open, foldScales))).toContain("Mul");
  });
  test("a scale that is not finite stays", () => {
    const b = new Builder(), conv = b.op("Conv", [b.input("x", [1, 1, 2, 2]), b.constant([1, 1, 1, 1])]);
    const zero = b.op("BatchNormalization", [conv, b.constant([1]), b.constant([1]), b.constant([1]), b.constant([1], [0])], { epsilon: 0 });
    expect(operators(foldScales(b.graph(zero)))).toEqual(["Conv", "BatchNormalization"]);
  });
});

describe("into the node after", () => {
  test("a scale into a padded Conv in groups, a shift only without padding", () => {
    const { b, x } = image();
    const scaled = b.op("Conv", [b.op("Mul", [x, channel(b, 4)]), b.constant([6, 2, 3, 3])], { group: 2, pads: [1, 1, 1, 1] });
    expect(operators(check(b.graph(scaled), foldScales))).toEqual(["Conv"]);
    for (const pads of [[0, 0, 0, 0], [1, 1, 1, 1]]) {
      const after = check(b.graph(b.op("Conv", [norm(b, x, 4), b.constant([6, 2, 3, 3]), b.constant([6])], { group: 2, pads })), foldScales);
      expect(operators(after).includes("Add")).toBe(pads[0] === 1);
    }
  });
  test("only the scale at the end where the Conv is padded", () => {
    const { b, x } = image(), y = b.op("Mul", [b.op("Add", [x, channel(b, 4)]), channel(b, 4)]);
    expect(operators(check(b.graph(b.op("Conv", [y, b.constant([6, 4, 3, 3])], { pads: [1, 1, 1, 1] })), foldScales))).toEqual(["Add", "Conv"]);
  });
  test("ConvTranspose, Gemm and MatMul", () => {
    const { b, x } = image(), up = b.op("ConvTranspose", [b.op("Mul", [x, channel(b, 4)]), b.constant([4, 2, 2, 2])]);
    const rows = b.input("r", [3, 5]), affine = (v: string) => b.op("Add", [b.op("Mul", [v, b.constant([5])]), b.constant([5])]);
    const gemm = b.op("Gemm", [affine(rows), b.constant([7, 5]), b.constant([7])], { transB: 1, alpha: 2, beta: 0.5 });
    const flat = b.op("MatMul", [affine(rows), b.constant([5, 7])]), deep = b.op("MatMul", [affine(b.input("d", [2, 3, 5])), b.constant([5, 7])]);
    expect(operators(check(b.graph(up, gemm, flat, deep), foldScales)).toSorted()).toEqual(["Add", "ConvTranspose", "Gemm", "Gemm", "MatMul"]);
  });
  test("through a flattening Reshape into Gemm", () => {
    const { b, x } = image(), flat = b.op("Reshape", [norm(b, x, 4), b.ints(2, 100)]);
    expect(operators(check(b.graph(b.op("Gemm", [flat, b.constant([100, 3])])), foldScales))).toEqual(["Reshape", "Gemm"]);
  });
});

describe("alone", () => {
  test("BatchNormalization is one Mul and one Add, in any rank", () => {
    for (const shape of [[3, 4], [2, 4, 5], [1, 4, 3, 2, 2]]) {
      const b = new Builder(), after = check(b.graph(norm(b, b.input("x", shape), 4)), foldScales);
      expect(operators(after)).toEqual(["Mul", "Add"]);
      expect(after.constants.get(after.nodes[0]!.inputs[1]!)!.shape).toEqual([4, ...shape.slice(2).map(() => 1)]);
    }
  });
  test("chains are composed", () => {
    const { b, x } = image(), y = b.op("Add", [b.op("Mul", [b.op("Add", [b.op("Mul", [x, b.scalar(2)]), channel(b, 4)]), channel(b, 4)]), b.scalar(1)]);
    expect(operators(check(b.graph(y), foldScales))).toEqual(["Mul", "Add"]);
  });
  test("division is multiplication; short chains stay as they are", () => {
    const { b, x } = image();
    expect(operators(check(b.graph(b.op("Div", [x, b.scalar(3)])), foldScales))).toEqual(["Mul"]);
    expect(operators(check(b.graph(b.op("Mul", [b.op("Add", [x, b.scalar(3)]), b.scalar(2)])), foldScales))).toEqual(["Add", "Mul"]);
  });
  test("integers are not touched", () => {
    const b = new Builder(), x = b.input("x", [4], "i32"), y = b.op("Div", [b.op("Mul", [b.op("Mul", [x, b.constant([], [3], "i32")]), b.constant([], [5], "i32")]), b.constant([], [2], "i32")]);
    const g = b.graph(y);
    expect(operators(check(g, foldScales))).toEqual(operators(g));
  });
});

test("weights that two nodes share are not changed for the other", () => {
  const { b, x } = image(), w = b.constant([6, 4, 3, 3]);
  expect(operators(check(b.graph(norm(b, b.op("Conv", [x, w]), 6), b.op("Conv", [x, w])), foldScales)).toSorted()).toEqual(["Conv", "Conv"]);
});
test("50 MB of weights are scaled", () => {
  const b = new Builder(), x = b.input("x", [1, 1024, 1, 1]), w = b.constant([1], [1]), conv = b.op("Conv", [x, b.constant([1, 1024, 1, 1])]);
  const small = b.graph(norm(b, conv, 1)), big = constantOf("f32", [12800, 1024, 1, 1]);
  const types = new Map(small.types), constants = new Map(small.constants);
  for (const n of small.nodes) {
    types.set(n.outputs[0]!, { dtype: "f32", shape: [1, 12800, 1, 1] });
    n.inputs.slice(1).forEach((v) => { const c = n.op === "Conv" ? big : constantOf("f32", [12800]); constants.set(v, c); types.set(v, c); });
  }
  expect(w).toBeDefined();
  expect(operators(foldScales({ ...small, types, constants }))).toEqual(["Conv"]);
});
