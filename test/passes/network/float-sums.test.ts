import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { isFloat32 } from "../../../compiler/ir/contraction.ts";
import type { Network } from "../../../compiler/ir/network.ts";
import { floatSums } from "../../../compiler/passes/network/float-sums.ts";
import { Builder, numbers } from "../graphs.ts";
import { ahead, facts, run, passesTo } from "./build.ts";

const bytes = (count: number, low: number, high: number) => { const next = numbers(5); return Array.from({ length: count }, () => Math.floor(low + ((next() + 1) / 2) * (high - low + 1))); };
/** What the pass leaves is what the graph says, to the last digit, and so is what all passes leave. */
const before = (name: string) => passesTo(name).filter((p) => p.name !== "byte-sums"), exactly = (g: Graph): Network => { run(g, before("end-loops"), 0); return run(g, before("float-sums"), 0); };
const sumsOf = (n: Network) => n.computes.flatMap((c) => c.stages.filter((s) => s.reduce?.op === "add" && s.value.dtype === "f32" && isFloat32(s)));
const wholes = (n: Network) => [...n.tensors.values()].filter((t) => t.whole).map((t) => [...(t.data as Float32Array)].slice(0, 3));

describe("float-sums", () => {
  test("a product with zero points of its columns; the constant is centred", () => {
    const b = new Builder(), w = b.constant([20, 4], bytes(80, -128, 127), "i8"), z = b.constant([4], [1, -2, 0, 3], "i8");
    const n = exactly(b.graph(b.op("MatMulInteger", [b.input("x", [5, 20], "u8"), w, b.constant([], [7], "u8"), z])));
    expect(sumsOf(n)).toHaveLength(1);
    const [first] = wholes(n), list = bytes(80, -128, 127);
    expect(first).toEqual([list[0]! - 1, list[1]! + 2, list[2]!]);
  });
  test("what two products read becomes floats once; zero points may come at run time", () => {
    const b = new Builder(), x = b.input("x", [3, 8], "u8"), z = b.input("z", [], "u8"), w = (at: number) => b.constant([8, 4], bytes(32, -9, at), "i8");
    const n = exactly(b.graph(b.op("MatMulInteger", [x, w(3), z]), b.op("MatMulInteger", [x, w(5), z])));
    expect(n.computes.filter((c) => c.name === "float")).toHaveLength(1);
    expect(sumsOf(n)).toHaveLength(2);
  });
  test("sums that f32 cannot hold are cut into pieces that it can", () => {
    const b = new Builder(), n = exactly(b.graph(b.op("MatMulInteger", [b.input("x", [2, 1100], "u8"), b.input("y", [1100, 4], "u8")])));
    expect(sumsOf(n).map((s) => s.reduce!.axes.map((a) => a.range[1] + 1))).toEqual([[220], [220], [220], [220], [220]]);
    const small = new Builder(), constant = small.constant([1100, 4], bytes(4400, -3, 3), "i8");
    expect(sumsOf(exactly(small.graph(small.op("MatMulInteger", [small.input("x", [2, 1100], "u8"), constant]))))).toHaveLength(1);
  });
  test("convolutions with padding, of groups, and those that quantise again, none of them by Winograd's algorithm", () => {
    const b = new Builder(), x = b.input("x", [1, 16, 9, 9], "u8"), w = b.constant([16, 16, 3, 3], bytes(2304, -128, 127), "i8"), z = b.constant([], [128], "u8"), s = b.constant([], [0.02]);
    const plain = b.op("ConvInteger", [x, w, z], { pads: [1, 1, 1, 1] }), grouped = b.op("ConvInteger", [x, b.constant([16, 1, 3, 3], bytes(144, 0, 255), "u8")], { group: 16, strides: [2, 2] });
    const again = b.op("QLinearConv", [x, s, z, w, b.constant([16], bytes(16, 1, 9)), b.constant([], [0], "i8"), b.constant([], [900]), z, b.constant([16], bytes(16, -50, 50), "i32")], { pads: [1, 1, 1, 1] });
    const g = b.graph(plain, grouped, again), n = exactly(g);
    expect(sumsOf(n)).toHaveLength(3);
    expect(run(g, before("choose-products"), 0).computes.filter((c) => c.algorithm)).toEqual([]);
  });
  test("other integers stay, and so does all on devices of groups and lanes", () => {
    const b = new Builder(), n = ahead("float-sums", b.graph(b.op("MatMul", [b.input("x", [3, 8], "i32"), b.input("y", [8, 4], "i32")])));
    expect(floatSums(n, facts)).toBe(n);
    const q = new Builder(), m = ahead("float-sums", q.graph(q.op("MatMulInteger", [q.input("x", [3, 8], "u8"), q.input("y", [8, 4], "u8")])));
    expect(floatSums(m, { ...facts, grid: { lanes: 4, mostLanes: 16, mostGroups: 8, sharedBytes: 512, vector: 4, accumulators: 64, busy: 8 } })).toBe(m);
  });
});
