import { describe, expect, test } from "vitest";
import { Builder } from "../graphs.ts";
import { names, upTo } from "./build.ts";

const elided = (build: (b: Builder, x: string) => readonly string[], shape: readonly number[] = [1, 8, 6, 5]) => { const b = new Builder(); return upTo("elide-copies", b.graph(...build(b, b.input("x", shape)))); };
describe("elide-copies", () => {
  test("a reshape in front of an output: the producer writes the caller's memory", () => {
    const n = elided((b, x) => [b.op("Reshape", [b.op("Exp", [x]), b.ints(8, 30)])]);
    expect(names(n)).toEqual(["exp"]);
  });
  test("a reshape of an input is the input", () => {
    const n = elided((b, x) => [b.op("Softmax", [b.op("Reshape", [x, b.ints(8, 30)])], { axis: 1 })]);
    expect(names(n)).toEqual(["softmax"]);
    expect(n.tensors.get("%v_reshape0")?.aliasOf).toBe("%x");
  });
  test("a transposition that the layouts undo", () => {
    const n = elided((b, x) => [b.op("Softmax", [b.op("Transpose", [b.op("Conv", [b.op("Sigmoid", [x]), b.constant([8, 8, 1, 1])])], { perm: [0, 2, 3, 1] })], { axis: 3 })]);
    expect(names(n)).not.toContain("transpose");
  });
  test("a real transposition stays", () => {
    const n = elided((b, x) => [b.op("Transpose", [b.op("Exp", [x])], { perm: [0, 1, 3, 2] })]);
    expect(names(n)).toEqual(["exp", "transpose"]);
  });
  test("a box is no whole: parts stay copies", () => {
    const n = elided((b, x) => { const [l, r] = b.ops("Split", [x], 2, { axis: 1 }); return [l!, r!]; });
    expect(names(n)).toEqual(["split"]);
  });
  test("an input given out is copied, and so is a value given out twice", () => {
    const b = new Builder(), x = b.input("x", [4, 5]), y = b.op("Exp", [x]), r = b.op("Reshape", [y, b.ints(20)]), n = upTo("elide-copies", { ...b.graph(y, r), outputs: [y, r, y, "x"] });
    expect(names(n)).toEqual(["exp", "reshape", "copy", "copy"]);
  });
  test("what has a margin does not stand for what has none", () => {
    const n = elided((b, x) => { const y = b.op("Exp", [x]); return [b.op("AveragePool", [y], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), b.op("Reshape", [y, b.ints(240)])]; });
    expect([...n.tensors.values()].filter((t) => t.layout.halo && t.aliasOf !== undefined)).toEqual([]);
  });
  test("a tensor of which others write a box is no other tensor", () => {
    const n = elided((b, x) => {
      const y = b.op("Exp", [x]), part = b.op("Slice", [y, b.ints(0), b.ints(2), b.ints(1)]);
      return [b.op("Softmax", [b.op("Concat", [part, b.input("z", [2, 2])], { axis: 1 })], { axis: 1 }), b.op("Neg", [y])];
    }, [2, 4]);
    expect(names(n).filter((name) => name === "concat")).toHaveLength(2);
  });
  test("chains end at one root", () => {
    const n = elided((b, x) => { const y = b.op("Reshape", [x, b.ints(8, 30)]), z = b.op("Reshape", [b.op("Softmax", [y], { axis: 1 }), b.ints(240)]); return [b.op("Reshape", [b.op("Softmax", [z], { axis: 0 }), b.ints(1, 8, 6, 5)])]; });
    expect(names(n)).toEqual(["softmax", "softmax"]);
    for (const t of n.tensors.values()) if (t.aliasOf !== undefined) expect(n.tensors.has(t.aliasOf)).toBe(true);
  });
});
