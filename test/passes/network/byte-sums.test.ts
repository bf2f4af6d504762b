import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import type { Network } from "../../../compiler/ir/network.ts";
import { contractionOf } from "../../../compiler/ir/contraction.ts";
import { byteSums } from "../../../compiler/passes/network/byte-sums.ts";
import { Builder, numbers } from "../graphs.ts";
import { ahead, facts, run, passesTo } from "./build.ts";

const bytes = (count: number, low: number, high: number) => { const next = numbers(5); return Array.from({ length: count }, () => Math.floor(low + ((next() + 1) / 2) * (high - low + 1))); };
/** What the pass leaves is what the graph says, to the last digit, and so is what all passes leave. */
const exactly = (g: Graph): Network => { run(g, passesTo("end-loops"), 0); return run(g, passesTo("byte-sums"), 0); };
const products = (n: Network) => n.computes.filter((c) => c.stages.some((s) => contractionOf(c, s)?.bytesAlong !== undefined));

describe("byte-sums", () => {
  test("a product with zero points of its columns, of bytes of either sign, and terms that are no whole words", () => {
    const b = new Builder(), w = b.constant([22, 5], bytes(110, -120, 120), "i8"), z = b.constant([5], [1, -2, 0, 3, 7], "i8");
    const y = b.op("MatMulInteger", [b.input("x", [5, 22], "u8"), w, b.constant([], [7], "u8"), z]), v = b.op("MatMulInteger", [b.input("s", [2, 3, 20], "i8"), b.constant([20, 6], bytes(120, 0, 255), "u8"), b.constant([], [-3], "i8"), b.constant([], [128], "u8")]);
    const n = exactly(b.graph(y, v));
    expect(products(n)).toHaveLength(2);
    expect(n.computes.filter((c) => c.name === "bytes")).toHaveLength(1);
  });
  test("zero points may come at run time, and what two products read is there once", () => {
    const b = new Builder(), x = b.input("x", [3, 10], "u8"), z = b.input("z", [], "u8"), w = (to: number) => b.constant([10, 4], bytes(40, -9, to), "i8");
    const n = exactly(b.graph(b.op("MatMulInteger", [x, w(3), z]), b.op("MatMulInteger", [x, w(5), z])));
    expect(products(n)).toHaveLength(2);
    expect(n.computes.filter((c) => c.name === "bytes")).toHaveLength(1);
  });
  test("padding counts as the zero point, in convolutions of few channels, of groups, and those that quantise again", () => {
    const b = new Builder(), x = b.input("x", [1, 16, 7, 7], "u8"), s = b.constant([], [0.02]), w = b.constant([8, 16, 3, 3], bytes(1152, -128, 127), "i8");
    const plain = b.op("ConvInteger", [x, w, b.constant([], [113], "u8")], { pads: [1, 1, 1, 1] }), grouped = b.op("ConvInteger", [x, b.constant([16, 8, 3, 3], bytes(1152, -128, 127), "i8"), b.constant([], [0], "u8")], { group: 2, pads: [0, 1, 2, 0], strides: [2, 2] });
    const first = b.op("ConvInteger", [b.input("y", [2, 3, 6, 6], "i8"), b.constant([4, 3, 3, 3], bytes(108, -128, 127), "i8"), b.constant([], [-5], "i8")], { pads: [1, 1, 1, 1] });
    const again = b.op("QLinearConv", [b.op("Abs", [x]), s, b.constant([], [128], "u8"), w, b.constant([8], bytes(8, 1, 9)), b.constant([], [0], "i8"), b.constant([], [900]), b.constant([], [3], "u8"), b.constant([8], bytes(8, -50, 50), "i32")], { pads: [1, 1, 1, 1] });
    const n = exactly(b.graph(plain, grouped, first, again));
    expect(products(n)).toHaveLength(4);
    expect(run(b.graph(plain, grouped, first, again), passesTo("add-halos"), 0).computes.flatMap((c) => c.stages.filter((x) => x.name === "convinteger" && x.value.kind === "apply" && x.value.op === "select"))).toEqual([]);
  });
  test("few columns, weights that are no signed bytes, depthwise windows and weights of run time are left", () => {
    const b = new Builder(), x = b.input("x", [4, 16], "u8"), image = b.input("i", [1, 16, 5, 5], "u8");
    const g = b.graph(
      b.op("MatMulInteger", [x, b.constant([16, 3], bytes(48, -9, 9), "i8")]), b.op("MatMulInteger", [x, b.constant([16, 8], bytes(128, 0, 255), "u8")]), b.op("MatMulInteger", [x, b.input("w", [16, 8], "i8")]),
      b.op("ConvInteger", [image, b.constant([16, 1, 3, 3], bytes(144, -9, 9), "i8")], { group: 16 }),
    ), n = ahead("byte-sums", g);
    expect(products(byteSums(n, facts))).toEqual([]);
    const other = new Builder(), m = ahead("byte-sums", other.graph(other.op("MatMulInteger", [other.input("x", [4, 16], "u8"), other.constant([16, 8], bytes(128, -9, 9), "i8")])));
    expect(products(byteSums(m, facts))).toHaveLength(1);
    expect(byteSums(m, { ...facts, byteDots: false })).toBe(m);
  });
});
