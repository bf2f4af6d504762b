import { describe, expect, test } from "vitest";
import { extentOf } from "../../../compiler/ir/compute.ts";
import { movementOf } from "../../../compiler/ir/contraction.ts";
import { Builder } from "../graphs.ts";
import { names, of, upTo } from "./build.ts";

const inlined = (build: (b: Builder, x: string) => readonly string[], shape: readonly number[] = [2, 3, 4]) => { const b = new Builder(); return upTo("inline-movement", b.graph(...build(b, b.input("x", shape)))); };
describe("inline-movement", () => {
  test.each<[string, (b: Builder, x: string) => string]>([
    ["Transpose", (b, x) => b.op("Transpose", [x], { perm: [2, 0, 1] })], ["Slice", (b, x) => b.op("Slice", [x, b.ints(1), b.ints(4), b.ints(2), b.ints(2)])],
    ["Reshape", (b, x) => b.op("Reshape", [x, b.ints(4, 6)])], ["Expand", (b, x) => b.op("Expand", [b.op("ReduceMax", [x, b.ints(1)]), b.ints(2, 3, 4)])], ["Squeeze", (b, x) => b.op("Unsqueeze", [x, b.ints(0)])],
  ])("%s vanishes into the map that reads it", (_, move) => {
    const n = inlined((b, x) => [b.op("Exp", [move(b, x)])]);
    expect(n.computes.filter((c) => movementOf(c))).toEqual([]);
  });
  test("several of them, and several readers", () => {
    const n = inlined((b, x) => { const t = b.op("Transpose", [b.op("Reshape", [b.op("Transpose", [x], { perm: [1, 0, 2] }), b.ints(3, 8)])], { perm: [1, 0] }); return [b.op("Exp", [t]), b.op("Neg", [t])]; });
    expect(names(n)).toEqual(["exp", "neg"]);
  });
  test("both parts of a Split", () => {
    const n = inlined((b, x) => { const [l, r] = b.ops("Split", [x], 2, { axis: 2 }); return [b.op("Mul", [l!, r!])]; });
    // The Split has two outputs: it is one kernel of its own until its readers are.
    expect(names(n).at(-1)).toBe("mul");
  });
  test.each<[string, number, number]>([["few zeros", 2, 0], ["as many zeros as elements", 4, 1]])("a Pad with %s, and the sum that it is an operand of", (_, zeros, left) => {
    const n = inlined((b, x) => [b.op("Add", [b.op("Pad", [b.op("Exp", [x]), b.ints(0, 0, 0, 0, 0, zeros, 0, 0)]), b.input("y", [1, 4 + zeros, 6, 5])])], [1, 4, 6, 5]);
    expect(names(n).filter((x) => x === "pad")).toHaveLength(left);
  });
  test("into a product, where every index stays a sum of axes", () => {
    const n = inlined((b, x) => [b.op("MatMul", [b.op("Transpose", [x], { perm: [0, 2, 1] }), b.constant([3, 5])])]);
    expect(names(n)).toEqual(["matmul"]);
  });
  test("not into a product whose rows would be read at quotients", () => {
    const n = inlined((b, x) => [b.op("MatMul", [b.op("Reshape", [b.op("Transpose", [b.op("Relu", [x])], { perm: [0, 2, 1] }), b.ints(6, 4)]), b.constant([4, 5])])]);
    expect(names(n)).toEqual(["relu", "reshape", "matmul"]);
  });
  test("a channel shuffle into a product: its reduction becomes two loops", () => {
    const n = inlined((b, x) => {
      const pairs = b.op("Transpose", [b.op("Reshape", [b.op("Relu", [x]), b.ints(1, 2, 6, 4, 5)])], { perm: [0, 2, 1, 3, 4] });
      return [b.op("Conv", [b.op("Slice", [b.op("Reshape", [pairs, b.ints(1, 12, 4, 5)]), b.ints(6), b.ints(12), b.ints(1)]), b.constant([3, 6, 1, 1])])];
    }, [1, 12, 4, 5]);
    expect(names(n)).toEqual(["relu", "conv"]);
    expect(n.computes.at(-1)!.stages[0]!.reduce!.axes.map(extentOf)).toContain(2);
  });
  test("not into a window, unless it only shifts", () => {
    const moved = inlined((b, x) => [b.op("MaxPool", [b.op("Transpose", [b.op("Relu", [x])], { perm: [0, 1, 3, 2] })], { kernel_shape: [2, 2] })], [1, 3, 5, 6]);
    expect(names(moved)).toEqual(["relu", "transpose", "maxpool"]);
    const shifted = inlined((b, x) => [b.op("MaxPool", [b.op("Slice", [b.op("Relu", [x]), b.ints(1), b.ints(5), b.ints(3)])], { kernel_shape: [2, 2] })], [1, 3, 5, 6]);
    expect(names(shifted)).toEqual(["relu", "maxpool"]);
  });
  test("what leaves the network stays", () => {
    const n = inlined((b, x) => [b.op("Transpose", [b.op("Relu", [x])], { perm: [2, 1, 0] })]);
    expect(names(n)).toEqual(["relu", "transpose"]);
    expect(of(n, "transpose1").outputs[0]!.tensor).toBe("%v_transpose1");
  });
  test("a tensor that repeats a box of another is that box", () => {
    const n = inlined((b, x) => {
      const y = b.op("Relu", [x]), one = b.op("Concat", [x, y], { axis: 1 }), two = b.op("Concat", [x, y, b.op("Neg", [one])], { axis: 1 });
      return [b.op("Exp", [two])];
    });
    expect(n.computes.filter((c) => movementOf(c)).length).toBeLessThanOrEqual(5);
  });
  test("but not for a window that writes beside it", () => {
    const n = inlined((b, x) => {
      const y = b.op("Relu", [x]), z = b.op("Neg", [x]), pooled = b.op("MaxPool", [b.op("Concat", [y, z], { axis: 3 })], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
      return [b.op("Cast", [b.op("Concat", [y, z, pooled], { axis: 3 })], { to: 11 })];
    }, [1, 3, 5, 6]);
    expect(names(n)).toEqual(["relu", "neg", "concat", "concat", "maxpool", "cast"]);
  });
});
