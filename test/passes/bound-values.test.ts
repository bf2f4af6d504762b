/** Whole numbers between bounds that the caller states: sizes of what is made of them, and runs that are refused. */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { compile } from "../../compiler/index.ts";
import { constantOf, type Graph } from "../../compiler/ir/graph.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { arrayOf, type DType } from "../../compiler/ir/types.ts";
import { boundValues, type ValueBounds } from "../../compiler/passes/graph/bound-values.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { model, node } from "../support/onnx.ts";

type Bounds = Readonly<Record<string, ValueBounds>>;
const graphOf = (text: string): Graph => parseGraph(`graph "g" { ${text} }`);
const brief = (text: string, bounds: Bounds) => boundValues(graphOf(text), bounds).diagnostics.map((d) => [d.code, d.message, d.hint ?? ""].join(" | "));
function typed(text: string, bounds: Bounds): Graph {
  const given = boundValues(graphOf(text), bounds), { graph, diagnostics } = inferTypes(given.graph, { fold: foldWithin() });
  expect([...given.diagnostics, ...diagnostics].filter((d) => d.severity === "error")).toEqual([]);
  return graph;
}
/** Shape and elements of the first output. */
function run(g: Graph, feeds: Readonly<Record<string, readonly [DType, readonly number[], readonly number[]]>>): readonly [readonly number[], readonly number[]] {
  const all = evaluateGraph(g, new Map(Object.entries(feeds).map(([v, [t, shape, data]]) => [v, constantOf(t, shape, arrayOf(t, data))]))), c = all.get(g.outputs[0]!)!;
  return [c.shape, Array.from(c.data as Iterable<number | bigint>, Number)];
}

describe("bound-values", () => {
  it("ranges of a number that each run gives", () => {
    const g = typed("input n: i64[] const two: i64[] = [2] y = Range(two, n, two) @ range output y", { n: { least: -3, most: 9 } });
    expect([9, 3, 2, -3].map((n) => run(g, { n: ["i64", [], [n]] }))).toEqual([[[4], [2, 4, 6, 8]], [[1], [2]], [[0], []], [[0], []]]);
    for (const n of [10, -4, 1e15]) expect(() => run(g, { n: ["i64", [], [n]] })).toThrow(/^it must be that n is /);
  });
  it("shapes of numbers of other types and ranks", () => {
    const g = typed("input n: i32[1] input x: f32[3] const three: i64[1] = [3] w = Cast(n) { to: 7 } @ cast s = Concat(w, three) { axis: 0 } @ s y = Expand(x, s) @ y output y", { n: { least: 1, most: 4 } });
    expect(run(g, { n: ["i32", [1], [2]], x: ["f32", [3], [1, 2, 3]] })).toEqual([[2, 3], [1, 2, 3, 1, 2, 3]]);
    expect(() => run(g, { n: ["i32", [1], [5]], x: ["f32", [3], [1, 2, 3]] })).toThrow(/^it must be that n is /);
  });
  it("what the model computes, and loops that take so many turns", () => {
    const g = typed(`input x: i64[3] input h: f32[1] const zero: i64[] = [0] const first: i64[1] = [0] n = ReduceMax(x) { keepdims: 0 } @ max
      y, s = Loop(n, none, h) { body: graph "b" { input i: i64[] input go: bool[] input v: f32[k] w = Concat(v, h) { axis: 0 } @ w sum = ReduceSum(w) { keepdims: 0 } @ sum output go output w output sum } } @ loop output y output s`, { n: { least: 0, most: 5 } });
    expect(run(g, { x: ["i64", [3], [1, 3, 2]], h: ["f32", [1], [7]] })).toEqual([[4], [7, 7, 7, 7]]);
    expect(() => run(g, { x: ["i64", [3], [1, 6, 2]], h: ["f32", [1], [7]] })).toThrow(/^it must be that n is /);
  });
  it.each<[string, Bounds, string]>([
    ["no such value", { q: { least: 0, most: 1 } }, "unknown-input | --value q=0..1: the model has no value q that a run gives or computes | its inputs: n, x"],
    ["bounds the wrong way", { n: { least: 2, most: 1 } }, "bad-value | --value n=2..1: these are no bounds | give two whole numbers within 2147483646, the smaller one first"],
    ["floats", { x: { least: 0, most: 1 } }, "bad-value | --value x=0..1: the value is f32[2] | only one whole number can have bounds"],
  ])("%s", (_, bounds, says) => { expect(brief("input n: i64[] input x: f32[2] y = Cast(n) { to: 1 } @ y z = Add(x, y) @ z output z", bounds)).toEqual([says]); });
  it.each(["cpp", "opencl", "webgpu"])("compiles for %s", async (target) => {
    const bytes = model({ inputs: { n: "i64[]", x: "f32[3, 1]" }, outputs: ["y"], nodes: ["r = Range(z, n, o)", node("f = Cast(r)", { to: 1 }), "y = Mul(x, f)"], initializers: { z: { dtype: "i64", shape: [], data: [0] }, o: { dtype: "i64", shape: [], data: [1] } } });
    await expect(compile(bytes, { target })).rejects.toThrow(/the range is computed at run time/);
    const made = await compile(bytes, { target, values: { n: { least: 0, most: 100 } } });
    expect(made.program.outputs[0]!.shape).toEqual([3, 100]);
  });
});
