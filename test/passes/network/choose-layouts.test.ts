import { describe, expect, test } from "vitest";
import { rowMajor } from "../../../compiler/ir/compute.ts";
import { Builder } from "../graphs.ts";
import { inner, names, upTo } from "./build.ts";

const laid = (build: (b: Builder, x: string) => readonly string[], shape: readonly number[] = [1, 8, 6, 5]) => { const b = new Builder(); return upTo("choose-layouts", b.graph(...build(b, b.input("x", shape)))); };
const conv = (b: Builder, x: string, from = 8, to = 8) => b.op("Conv", [x, b.constant([to, from, 3, 3])], { pads: [1, 1, 1, 1] });
describe("choose-layouts", () => {
  test("channels lie innermost between convolutions; the caller's memory is copied", () => {
    const n = laid((b, x) => [conv(b, b.op("Sigmoid", [conv(b, x)]))]);
    expect(names(n)).toEqual(["copy", "conv", "conv", "copy"]);
    for (const t of ["inner:%x", "%v_sigmoid1", "inner:%v_conv2"]) expect(inner(n, t)).toBe(1);
    for (const t of ["%x", "%v_conv2"]) expect(n.tensors.get(t)!.layout).toEqual(rowMajor(4));
  });
  test("few channels are read where the caller has them", () => {
    const n = laid((b, x) => [b.op("Sigmoid", [b.op("GlobalAveragePool", [conv(b, x, 3)])])], [1, 3, 6, 5]);
    expect(names(n)[0]).toBe("conv");
    expect(inner(n, "%v_conv0")).toBe(1);
  });
  test("windows without products: channels too", () => {
    const n = laid((b, x) => [b.op("AveragePool", [b.op("MaxPool", [b.op("Exp", [x])], { kernel_shape: [2, 2] })], { kernel_shape: [2, 2] })]);
    expect(inner(n, "%v_exp0")).toBe(1);
    expect(inner(n, "%v_maxpool1")).toBe(1);
  });
  test("products keep their columns innermost", () => {
    const n = laid((b, x) => [b.op("Exp", [b.op("MatMul", [b.op("Sqrt", [b.op("MatMul", [x, b.constant([5, 16])])]), b.constant([16, 7])])])]);
    expect(inner(n, "%v_sqrt1")).toBe(3);
    expect(names(n)).toEqual(["matmul", "matmul"]);
  });
  test("maps hand it on, broadcasts and boxes included", () => {
    const n = laid((b, x) => {
      const y = conv(b, x), gate = b.op("Sigmoid", [b.op("GlobalAveragePool", [y])]), z = b.op("Mul", [y, gate]);
      return [conv(b, b.op("Concat", [z, b.op("Tanh", [z])], { axis: 1 }), 16)];
    });
    for (const [name, t] of n.tensors) if (t.kind === "temporary") expect(inner(n, name), name).toBe(1);
  });
  test("constants that maps read follow", () => {
    const n = laid((b, x) => [conv(b, b.op("Mul", [b.op("Tanh", [x]), b.constant([8, 6, 5])]))]);
    const c = [...n.tensors.values()].find((t) => t.kind === "constant" && t.shape.length === 3)!;
    expect(c.layout.parts.at(-1)!.dim).toBe(0);
  });
  test("nothing votes: everything stays row-major", () => {
    const n = laid((b, x) => [b.op("Softmax", [b.op("Exp", [x])], { axis: -1 })]);
    for (const t of n.tensors.values()) expect(t.layout).toEqual(rowMajor(t.shape.length));
  });
});
