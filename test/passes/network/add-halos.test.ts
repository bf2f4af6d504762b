import { describe, expect, test } from "vitest";
import type { Compute } from "../../../compiler/ir/compute.ts";
import type { Expr } from "../../../compiler/ir/scalar.ts";
import { children } from "../../../compiler/ir/scalar.ts";
import { expressionsOfStage, type Network } from "../../../compiler/ir/network.ts";
import { Builder } from "../graphs.ts";
import { of, upTo } from "./build.ts";

const padded = (build: (b: Builder, x: string) => readonly string[], shape: readonly number[] = [1, 8, 6, 5]) => { const b = new Builder(); return upTo("add-halos", b.graph(...build(b, b.input("x", shape)))); };
const selects = (e: Expr): boolean => (e.kind === "apply" && e.op === "select") || children(e).some(selects);
const tested = (c: Compute): boolean => c.stages.some((s) => expressionsOfStage(s).some(selects));
const margin = (n: Network, t: string) => n.tensors.get(t)!.layout.halo;
const window = (op: string, more = {}) => (b: Builder, x: string) => b.op(op, op === "Conv" ? [x, b.constant([8, 8, 3, 3])] : [x], { ...(op === "Conv" ? {} : { kernel_shape: [3, 3] }), pads: [1, 1, 1, 1], ...more });
const none = [0, 0], one = [1, 1];

describe("add-halos", () => {
  test("a padded convolution reads a margin, which the producer clears", () => {
    const n = padded((b, x) => [window("Conv", { strides: [2, 2] })(b, b.op("Exp", [x]))]);
    expect(margin(n, "%v_exp0")).toEqual([none, none, [1, 0], [1, 1]]);
    expect(tested(of(n, "conv1"))).toBe(false);
    expect(of(n, "exp0").outputs.map((o) => o.stage)).toEqual(["margin0_0", "margin0_1", "margin0_2", "map"]);
  });
  test("channels of zeros that a residual adds are a margin of its operand, which a window reads without them", () => {
    const n = padded((b, x) => {
      const y = b.op("Relu", [x]), deep = b.op("Conv", [y, b.constant([8, 1, 3, 3])], { group: 8, pads: [1, 1, 1, 1] });
      return [b.op("Relu", [b.op("Add", [b.op("Conv", [deep, b.constant([10, 8, 1, 1])]), b.op("Pad", [y, b.ints(0, 0, 0, 0, 0, 2, 0, 0)])])])];
    });
    expect(margin(n, "%v_relu0")).toEqual([none, [0, 2], one, one]);
    expect(n.computes.some(tested)).toBe(false);
    expect(n.computes.map((c) => c.name)).not.toContain("pad");
  });
  test("a zero is the least of bytes without a sign, and a word of zeros is one", () => {
    const b = new Builder(), bytes = b.op("Cast", [b.op("Abs", [b.input("x", [1, 8, 6, 5])])], { to: 2 }), pads = { pads: [1, 1, 1, 1] };
    const pool = b.op("MaxPool", [bytes], { kernel_shape: [3, 3], ...pads }), conv = b.op("ConvInteger", [bytes, b.constant([4, 8, 3, 3], Array.from({ length: 288 }, (_, i) => (i % 19) - 9), "i8")], pads);
    const n = upTo("add-halos", b.graph(pool, conv));
    expect(n.computes.filter((c) => c.stages.some((s) => s.reduce)).map(tested)).toEqual([false, false]);
  });
  test("as wide as the reader that reaches furthest", () => {
    const n = padded((b, x) => { const y = b.op("Exp", [x]); return [window("AveragePool")(b, y), b.op("Conv", [y, b.constant([8, 8, 5, 3])], { pads: [2, 0, 2, 1], strides: [2, 2] })]; });
    expect(margin(n, "%v_exp0")).toEqual([none, none, [2, 1], [1, 1]]);
  });
  test("only as far as something is read", () => {
    const n = padded((b, x) => [b.op("Conv", [b.op("Exp", [x]), b.constant([8, 8, 3, 3])], { pads: [1, 1, 1, 1], strides: [2, 2] })], [1, 8, 6, 6]);
    expect(margin(n, "%v_exp0")).toEqual([none, none, [1, 0], [1, 0]]);
  });
  test("a zero serves a maximum behind a Relu, and nothing else", () => {
    const relu = padded((b, x) => [window("MaxPool")(b, b.op("Relu", [x]))]), exp = padded((b, x) => [window("MaxPool")(b, b.op("Mul", [b.op("Sigmoid", [x]), b.op("Exp", [x])]))]), plain = padded((b, x) => [window("MaxPool")(b, b.op("Neg", [x]))]);
    expect(tested(of(relu, "maxpool1"))).toBe(false);
    expect(margin(relu, "%v_relu0")).toEqual([none, none, one, one]);
    expect(tested(of(plain, "maxpool1"))).toBe(true);
    expect(margin(plain, "%v_neg0")).toBeUndefined();
    expect(tested(of(exp, "maxpool3"))).toBe(margin(exp, "%v_mul2") === undefined);
  });
  test("the caller's memory is copied before it gets a margin", () => {
    const n = padded((b, x) => [window("Conv", { strides: [2, 2] })(b, x)], [1, 3 + 5, 6, 5]);
    expect(margin(n, "%x")).toBeUndefined();
    expect([...n.tensors.values()].some((t) => t.layout.halo && t.name.endsWith(":%x"))).toBe(true);
    const few = padded((b, x) => [b.op("Conv", [x, b.constant([8, 3, 3, 3])], { pads: [1, 1, 1, 1] })], [1, 3, 6, 5]);
    expect(margin(few, "padded:%x")).toEqual([none, none, one, one]);
  });
  test("the writers of a Concat's boxes: the first clears the margin", () => {
    const n = padded((b, x) => { const y = b.op("Exp", [x]), z = b.op("Conv", [y, b.constant([8, 8, 1, 1])]); return [b.op("Conv", [b.op("Concat", [y, z], { axis: 1 }), b.constant([8, 16, 3, 3])], { pads: [1, 1, 1, 1], strides: [2, 2] })]; });
    const clears = n.computes.filter((c) => c.stages.some((s) => s.name.startsWith("margin")));
    expect(clears).toHaveLength(1);
    expect(n.computes.indexOf(clears[0]!)).toBe(n.computes.findIndex((c) => c.outputs.some((o) => n.tensors.get(o.tensor)!.layout.halo)));
  });
  test("equal tensors have equal margins", () => {
    const n = padded((b, x) => { const y = b.op("Exp", [x]), z = b.op("Sqrt", [b.op("Conv", [y, b.constant([8, 8, 5, 5])], { pads: [2, 2, 2, 2] })]); return [b.op("AveragePool", [z], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })]; });
    expect(margin(n, "%v_exp0")).toEqual([none, none, [2, 2], [2, 2]]);
    expect(margin(n, "%v_sqrt2")).toEqual(margin(n, "%v_exp0"));
  });
  test("nothing is padded: no margins", () => {
    const n = padded((b, x) => [b.op("Conv", [b.op("Exp", [x]), b.constant([8, 8, 3, 3])])]);
    expect([...n.tensors.values()].some((t) => t.layout.halo)).toBe(false);
  });
});
