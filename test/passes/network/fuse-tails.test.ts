import { describe, expect, test } from "vitest";
import { Builder } from "../graphs.ts";
import { names, of, upTo } from "./build.ts";

const conv = (b: Builder, x: string, from = 4, to = 4) => b.op("Conv", [x, b.constant([to, from, 1, 1])]);
const fused = (build: (b: Builder, x: string) => readonly string[], shape: readonly number[] = [1, 4, 5, 5]) => { const b = new Builder(); return upTo("fuse-tails", b.graph(...build(b, b.input("x", shape)))); };
describe("fuse-tails", () => {
  test("activations and scales become the tail of a product", () => {
    const n = fused((b, x) => [b.op("Relu", [b.op("Mul", [conv(b, x), b.constant([4, 1, 1])])])]);
    expect(names(n)).toEqual(["conv"]);
    expect(of(n, "relu2").stages[0]!.finish).toBeDefined();
    expect(n.computes[0]!.origin).toEqual(["conv0", "mul1", "relu2"]);
  });
  test("a residual goes into the product, not into the map beside it", () => {
    const n = fused((b, x) => { const y = b.op("Relu", [x]); return [b.op("Relu", [b.op("Add", [conv(b, y), y])])]; });
    expect(names(n)).toEqual(["relu", "conv"]);
  });
  test("a sum of two products goes into the later one", () => {
    const n = fused((b, x) => { const y = conv(b, x), z = conv(b, b.op("Sigmoid", [y])); return [b.op("Add", [y, z])]; });
    expect(names(n)).toEqual(["conv", "sigmoid", "conv"]);
    expect(of(n, "add3").origin).toEqual(["conv2", "add3"]);
  });
  test("maps become one map, whatever their number", () => expect(names(fused((b, x) => [b.op("Exp", [b.op("Neg", [b.op("Sqrt", [b.op("Abs", [x])])])])]))).toEqual(["abs"]));
  test("a tail that two read stays by itself", () => {
    const n = fused((b, x) => { const y = conv(b, x); return [b.op("Relu", [y]), b.op("Neg", [y])]; });
    expect(names(n)).toEqual(["conv", "relu", "neg"]);
  });
  test("what the caller sees stays", () => expect(names(fused((b, x) => { const y = conv(b, x); return [y, b.op("Relu", [y])]; }))).toEqual(["conv", "relu"]));
  test("broadcasting the producer is no tail", () => {
    const n = fused((b, x) => { const m = b.op("ReduceMean", [x, b.ints(2, 3)]); return [b.op("Mul", [x, m])]; });
    expect(names(n)).toEqual(["reducemean", "mul"]);
  });
  test("elements at other positions are no tail", () => {
    const n = fused((b, x) => { const y = conv(b, x); return [b.op("Add", [y, b.op("Transpose", [y], { perm: [0, 1, 3, 2] })])]; });
    expect(names(n)).toEqual(["conv", "add"]);
  });
  test("products write their boxes of a Concat", () => {
    const n = fused((b, x) => [b.op("Sigmoid", [conv(b, b.op("Concat", [conv(b, x), conv(b, x, 4, 8)], { axis: 1 }), 12)])]);
    expect(names(n)).toEqual(["conv", "conv", "conv"]);
    expect(n.computes[1]!.outputs[0]!.index).toBeDefined();
    expect(n.computes[0]!.outputs[0]!.tensor).toBe(n.computes[1]!.outputs[0]!.tensor);
  });
  test("readers of a part that is copied into a Concat read the box", () => {
    const n = fused((b, x) => { const y = conv(b, x), z = b.op("Sigmoid", [conv(b, y)]); return [conv(b, b.op("Concat", [y, z], { axis: 1 }), 8)]; });
    expect(names(n)).toEqual(["conv", "conv", "conv"]);
    expect(n.computes[1]!.tensors.some((t) => t.name === n.computes[0]!.outputs[0]!.tensor)).toBe(true);
  });
  test("a window does not write beside what it reads of a tensor, where it may reach into that", () => {
    const pooled = (axis: number) => names(fused((b, x) => {
      const y = b.op("Relu", [x]), z = b.op("MaxPool", [y], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
      return [b.op("Cast", [b.op("Concat", [z, y], { axis })], { to: 11 })];
    }));
    expect(pooled(3)).toEqual(["relu", "maxpool", "concat", "cast"]);
    expect(pooled(1)).toEqual(["relu", "maxpool", "cast"]);
  });
  test("a product does not write pieces of the caller's memory", () => {
    const n = fused((b, x) => [b.op("Concat", [conv(b, x), conv(b, x)], { axis: 1 })]);
    expect(names(n)).toEqual(["conv", "conv", "concat", "concat"]);
  });
  test("a transposed copy becomes where the product stores", () => {
    const n = fused((b, x) => [b.op("Exp", [b.op("MatMul", [b.op("Transpose", [b.op("MatMul", [x, b.constant([5, 6])])], { perm: [0, 1, 3, 2] }), b.constant([5, 7])])])]);
    expect(names(n)).toEqual(["matmul", "matmul"]);
  });
  test("a product is quantised where it is made, and what reads it takes it in floats", () => {
    const n = fused((b, x) => { const s = b.constant([], [0.1]), z = b.constant([], [3], "u8"); return [conv(b, b.op("DequantizeLinear", [b.op("QuantizeLinear", [b.op("Relu", [conv(b, x)]), s, z]), s, z]))]; });
    expect(names(n)).toEqual(["conv", "conv"]);
  });
});
