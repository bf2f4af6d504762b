import { describe, expect, test } from "vitest";
import { evaluateCompute, evaluateGraph, evaluateNode } from "../../compiler/evaluate/index.ts";
import { acc, at, axis, output, tensor, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { add, less, make, mul, select } from "../../compiler/ir/algebra.ts";
import { plus, times } from "../../compiler/ir/linear.ts";
import { constant, type Expr } from "../../compiler/ir/scalar.ts";
import { arrayOf, type DType, type Num } from "../../compiler/ir/types.ts";
import { sizeOf, type Constant, type Graph, type Node } from "../../compiler/ir/graph.ts";
import { NodeView } from "../../compiler/ops/op.ts";
import { ops } from "../../compiler/ops/index.ts";
import { f, int } from "../ir/kernels.ts";
import { generator } from "../support/random.ts";

const value = (dtype: DType, shape: readonly number[], data: Iterable<Num>): Constant => ({ dtype, shape, data: arrayOf(dtype, data) });
const random = (shape: readonly number[], seed = 1): Constant => { const r = generator(seed); return value("f32", shape, Array.from({ length: sizeOf(shape) }, () => r() * 2 - 1)); };
const numbers = (c: { data: Iterable<Num> } | Iterable<Num>) => [...("data" in c ? c.data : c)];

describe("evaluateCompute", () => {
  const stage = (axes: Stage["axes"], v: Expr, more: Partial<Stage> = {}): Stage => ({ name: "s", axes, value: v, ...more });
  const of = (s: Stage, tensors: Compute["tensors"], more: Partial<Compute> = {}): Compute => ({ name: "c", origin: [], tensors, stages: [s], outputs: [output(s)], ...more });
  test("sums of f32 are exact to the last rounding, whatever their order", () => {
    const k = axis("k", 4), s = stage([axis("m", 1)], at({ name: "x" }, k), { reduce: { op: "add", axes: [k] } });
    const [sum] = evaluateCompute(of(s, [tensor("x", "input", [4])]), new Map([["x", Float32Array.of(2 ** 24, 1, 1, -(2 ** 24))]])).get("out")!;
    expect(sum).toBe(2);
  });
  test("a guarded convolution with a bias, many channels at once", () => {
    const [C, H, W, N] = [5, 7, 9, 19], n = axis("n", N), y = axis("y", H), x = axis("x", W), c = axis("c", C), ky = axis("ky", 3), kx = axis("kx", 3);
    const iy = plus(plus(y, ky), int(-1)), ix = plus(plus(times(x, 1), kx), int(-1));
    const within = (i: Expr, size: number, e: Expr) => select(less(int(-1), i), select(less(i, int(size)), e, f(-0)), f(-0));
    const s = stage([n, y, x], within(iy, H, within(ix, W, mul(at({ name: "X" }, c, iy, ix), at({ name: "K" }, n, c, ky, kx)))),
      { reduce: { op: "add", axes: [c, ky, kx] }, finish: make("max", add(acc, at({ name: "b" }, n)), f(0)) });
    const compute = of(s, [tensor("X", "input", [C, H, W]), tensor("K", "weight", [N, C, 3, 3]), tensor("b", "weight", [N])]);
    const X = random([C, H, W]), K = random([N, C, 3, 3], 2), b = random([N], 3), read = (t: Constant, ...i: number[]) => Number(t.data[i.reduce((a, v, d) => a * t.shape[d]! + v, 0)]);
    const got = evaluateCompute(compute, new Map([["X", X.data], ["K", K.data], ["b", b.data]])).get("out")!;
    for (let o = 0; o < N; o++) for (let oy = 0; oy < H; oy++) for (let ox = 0; ox < W; ox++) {
      let sum = 0;
      for (let q = 0; q < C; q++) for (let u = 0; u < 3; u++) for (let v = 0; v < 3; v++) {
        const [r, t] = [oy + u - 1, ox + v - 1];
        if (r >= 0 && r < H && t >= 0 && t < W) sum += read(X, q, r, t) * read(K, o, q, u, v);
      }
      expect(got[(o * H + oy) * W + ox]).toBe(Math.max(0, Math.fround(Math.fround(sum) + read(b, o))));
    }
  });
  test("tables are known; several outputs; tensors that share a name with nothing", () => {
    const i = axis("i", 3), a: Stage = { name: "a", axes: [i], value: mul(at({ name: "T" }, i), at({ name: "x" }, i)) }, b: Stage = { name: "b", axes: [i], value: add(at(a, i), f(1)) };
    const c: Compute = { name: "c", origin: [], tensors: [tensor("T", "table", [3], { data: [1, 2, 3] }), tensor("x", "input", [3])], stages: [a, b], outputs: [output(a, "p"), output(b, "q")] };
    const got = evaluateCompute(c, new Map([["x", Float32Array.of(1, 10, 100)]]));
    expect([numbers(got.get("p")!), numbers(got.get("q")!)]).toEqual([[1, 20, 300], [2, 21, 301]]);
  });
  test("an empty result, a missing input, a wrong size", () => {
    const s = stage([axis("e", 0)], at({ name: "x" }, axis("e", 0))), c = of(s, [tensor("x", "input", [0])]);
    expect(evaluateCompute(c, new Map([["x", new Float32Array(0)]])).get("out")!.length).toBe(0);
    expect(() => evaluateCompute(c, new Map())).toThrow("c: no data for x");
    expect(() => evaluateCompute(c, new Map([["x", new Float32Array(2)]]))).toThrow("c: x has 2 elements, but its shape is [0]");
  });
});

const node = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: Node["attributes"] = {}): Node => ({ name: `${op}:${outputs}`, op, inputs, outputs, attributes, origin: [] });
function run(n: Node, ...inputs: (Constant | undefined)[]): Constant[] {
  const known = (v: string) => inputs[n.inputs.indexOf(v)];
  return evaluateNode(new NodeView(n, ops.get(n.op)!, inputs, [], known), inputs);
}
describe("evaluateNode", () => {
  test("by its lowering, with optional inputs left out", () => {
    const [y] = run(node("Clip", ["x", "", "max"], ["y"]), value("f32", [4], [-5, 0, 3, 9]), undefined, value("f32", [], [4]));
    expect([y!.shape, numbers(y!)]).toEqual([[4], [-5, 0, 3, 4]]);
  });
  test("whole numbers of 64 bits stay exact", () => {
    expect(numbers(run(node("Add", ["a", "b"], ["y"]), value("i64", [1], [2n ** 60n]), value("i64", [1], [1n]))[0]!)).toEqual([2n ** 60n + 1n]);
  });
  test("a reshape shares the elements of its input, other operators do not", () => {
    const x = random([2, 3, 1]);
    expect(run(node("Squeeze", ["x", "axes"], ["y"]), x, value("i64", [1], [2]))[0]!.data).toBe(x.data);
    expect(run(node("Reshape", ["x", "shape"], ["y"]), x, value("i64", [2], [3, 2]))[0]!.data).toBe(x.data);
    expect(run(node("Transpose", ["x"], ["y"], { perm: [1, 0, 2] }), x)[0]!.data).not.toBe(x.data);
    expect(numbers(run(node("Relu", ["x"], ["y"]), x)[0]!)).toEqual(numbers(x).map((v) => Math.max(0, v as number)));
  });
  test("an operator by its expansion", () => {
    expect(ops.get("com.microsoft.QuickGelu")!.lower).toBeUndefined();
    const x = random([5]), [y] = run(node("com.microsoft.QuickGelu", ["x"], ["y"], { alpha: 2 }), x);
    numbers(y!).forEach((v, i) => expect(v).toBeCloseTo(Number(x.data[i]) / (1 + Math.exp(-2 * Number(x.data[i]))), 6));
  });
  test("an output nobody wants has no elements", () => {
    const [y, mask] = run(node("Dropout", ["x"], ["y", ""]), random([3]));
    expect([y!.data.length, mask?.data.length ?? 0]).toEqual([3, 0]);
  });
});

describe("evaluateGraph", () => {
  const w = value("f32", [2], [10, 20]);
  const graph: Graph = {
    name: "g", inputs: ["x"], outputs: ["y", "s"], constants: new Map([["w", w]]), types: new Map([["x", { dtype: "f32", shape: [2] }]]),
    nodes: [node("Mul", ["x", "w"], ["a"]), node("Add", ["a", "a"], ["y"]), node("Shape", ["a"], ["s"]), node("Sub", ["a", "x"], ["unused"])],
  };
  test("outputs by name; every value is seen once, in order", () => {
    const seen: string[] = [], out = evaluateGraph(graph, new Map([["x", value("f32", [2], [1, 2])]]), (name) => seen.push(name));
    expect([...out].map(([name, c]) => [name, numbers(c)])).toEqual([["y", [20, 80]], ["s", [2n]]]);
    expect(seen).toEqual(["a", "y", "s", "unused"]);
  });
  test("errors name the input or the node", () => {
    expect(() => evaluateGraph(graph, new Map())).toThrow("no data for input x");
    expect(() => evaluateGraph(graph, new Map([["x", value("f32", [3], [1, 2, 3])]]))).toThrow("input x is f32[2], but its data is f32[3]");
    expect(() => evaluateGraph(graph, new Map([["x", value("i32", [2], [1, 2])]]))).toThrow("input x is f32[2], but its data is i32[2]");
    expect(() => evaluateGraph({ ...graph, nodes: [node("Nonsense", ["x"], ["y"])] }, new Map([["x", w]]))).toThrow("node Nonsense:y (Nonsense): there is no operator Nonsense");
    expect(() => evaluateGraph({ ...graph, nodes: [] }, new Map([["x", w]]))).toThrow("nothing computes output y");
    const bad = { ...graph, nodes: [node("Add", ["x", "i"], ["y"])], constants: new Map([["i", value("i32", [2], [1, 2])]]) };
    expect(() => evaluateGraph(bad, new Map([["x", w]]))).toThrow("node Add:y (Add): inputs 0 and 1 have types f32 and i32");
  });
  test("a constant may be an output", () => {
    expect(evaluateGraph({ ...graph, nodes: [], outputs: ["w"] }, new Map([["x", w]])).get("w")).toBe(w);
  });
});
test("selects by type keep their constants", () => {
  const i = axis("i", 2), s: Stage = { name: "s", axes: [i], value: select(less(i, int(1)), constant("bool", 1), constant("bool", 0)) };
  expect(numbers(evaluateCompute({ name: "c", origin: [], tensors: [], stages: [s], outputs: [output(s)] }, new Map()).get("out")!)).toEqual([1, 0]);
});
