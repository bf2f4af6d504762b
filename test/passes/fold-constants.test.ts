import { describe, expect, test } from "vitest";
import { fold, foldConstants } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { removeDead } from "../../compiler/passes/graph/remove-dead.ts";
import { constantOf, type Constant, type Graph, type Node } from "../../compiler/ir/graph.ts";
import { newArray } from "../../compiler/ir/types.ts";
import { NodeView } from "../../compiler/ops/op.ts";
import { ops } from "../../compiler/ops/index.ts";
import { Builder, check, operators } from "./graphs.ts";

describe("the pass", () => {
  test("nodes over constants become constants, those behind them too", () => {
    const b = new Builder(), w = b.op("Mul", [b.op("Neg", [b.constant([3])]), b.constant([3])]);
    const after = check(b.graph(b.op("Add", [b.input("x", [2, 3]), w])), foldConstants);
    expect(operators(after)).toEqual(["Add"]);
    expect(after.constants.size).toBe(1);
  });
  test("the chains that exporters leave around a reshape vanish", () => {
    const b = new Builder(), x = b.input("x", [2, 3, 4]), shape = b.op("Shape", [x]);
    const first = b.op("Unsqueeze", [b.op("Gather", [shape, b.constant([], [0], "i64")], { axis: 0 }), b.ints(0)]);
    const g = b.graph(b.op("Reshape", [x, b.op("Concat", [first, b.ints(-1)], { axis: 0 })], {}, [2, 12]));
    // The entry of Reshape needs its shape as a constant, which here only folding makes.
    const { graph, diagnostics } = inferTypes({ ...g, types: new Map([["x", g.types.get("x")!]]) }, { fold });
    expect(diagnostics).toEqual([]);
    expect(operators(graph)).toEqual(["Reshape"]);
    expect(graph.types.get(graph.outputs[0]!)).toEqual({ dtype: "f32", shape: [2, 12] });
  });
  test("what makes an output stays a node", () => {
    const b = new Builder(), x = b.input("x", [2]);
    const after = check(b.graph(b.op("Neg", [b.constant([2])]), b.op("Shape", [x])), foldConstants);
    expect(operators(after)).toEqual(["Neg", "Shape"]);
  });
  test("what repeats elements for operators that broadcast stays, what is small or read otherwise does not", () => {
    const large = [512, 1024] as const, b = new Builder(), x = b.input("x", large);
    const filled = b.op("ConstantOfShape", [b.ints(...large)]), repeated = b.op("Expand", [b.constant([1, 1024]), b.ints(...large)]);
    const after = foldConstants(b.graph(b.op("Add", [b.op("Mul", [x, filled]), repeated])));
    expect(operators(after)).toEqual(["ConstantOfShape", "Expand", "Mul", "Add"]);
    const c = new Builder(), y = c.input("y", [1, 512]);
    expect(operators(check(c.graph(c.op("MatMul", [y, c.op("Expand", [c.constant([1, 64]), c.ints(512, 64)])])), foldConstants))).toEqual(["MatMul"]);
  });
  test("a graph without anything to fold is returned as it is", () => {
    const b = new Builder(), g = b.graph(b.op("Exp", [b.input("x", [2])]));
    expect(foldConstants(g)).toBe(g);
  });
  test("several outputs, of which one is not wanted", () => {
    const b = new Builder(), [first] = b.ops("Split", [b.constant([4, 2])], 2, { axis: 0 });
    const after = check(removeDead(b.graph(b.op("Add", [b.input("x", [2, 2]), first!]))), foldConstants);
    expect(operators(after)).toEqual(["Add"]);
  });
});

const view = (n: Node, ...inputs: Constant[]): NodeView => {
  const op = ops.get(n.op)!, known = (v: string) => inputs[n.inputs.indexOf(v)];
  return new NodeView(n, op, inputs, op.infer(new NodeView(n, op, inputs, [], known)), known);
};
const node = (op: string, inputs: readonly string[], attributes: Node["attributes"] = {}): Node => ({ name: "n", op, inputs, outputs: ["y"], attributes, origin: [] });
describe("folding one node", () => {
  test("grows only as far as it may", () => {
    const shape = constantOf("i64", [2], BigInt64Array.of(1024n, 1024n)), n = node("ConstantOfShape", ["s"]);
    expect(fold(n, view(n, shape))).toBeNull();
    expect(fold(n, view(n, shape), { bytes: 8 << 20, work: 1 << 20 })![0]!.data.length).toBe(1 << 20);
  });
  test("costs no more than it may, however small its result", () => {
    const big = constantOf("f32", [1000, 1000]), n = node("MatMul", ["a", "a"]), left = { bytes: 1 << 30, work: 1e9 - 1 };
    expect(fold(n, view(n, big, big), left)).toBeNull();
    expect(left.work).toBe(1e9 - 1);
    const small = constantOf("f32", [100, 100]);
    expect(fold(n, view(n, small, small), left)).not.toBeNull();
    expect(left).toEqual({ bytes: 1 << 30, work: 1e9 - 1 - 1e6 });
  });
  test("a hundred megabytes of weights are folded, and a reshape of them is the same memory", () => {
    const weights = constantOf("f32", [5000, 5000], newArray("f32", 25e6)), n = node("Reshape", ["w", "s"]), s = constantOf("i64", [1], BigInt64Array.of(25000000n));
    (weights.data as Float32Array).fill(2);
    expect(fold(n, view(n, weights, s))![0]!.data).toBe(weights.data);
    const mul = node("Mul", ["w", "c"]);
    const [out] = fold(mul, view(mul, weights, constantOf("f32", [1], Float32Array.of(3))))!;
    expect([out!.data[0], out!.data[24999999]]).toEqual([6, 6]);
  });
});
test("a graph that is folded whole keeps its outputs", () => {
  const b = new Builder(), out = b.op("Add", [b.op("Neg", [b.constant([2])]), b.constant([2])]);
  const after: Graph = check(b.graph(out), foldConstants);
  expect(operators(after)).toEqual(["Add"]);
});
