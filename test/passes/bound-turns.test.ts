/** Loops that a condition ends, with a number of turns that the caller states: what they mean, and runs that are refused. */
import { describe, expect, it } from "vitest";
import { evaluateGraph, RefusedRun } from "../../compiler/evaluate/index.ts";
import { compile } from "../../compiler/index.ts";
import { constantOf, type Graph } from "../../compiler/ir/graph.ts";
import { parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import { arrayOf, type DType } from "../../compiler/ir/types.ts";
import { boundTurns, type Turns } from "../../compiler/passes/graph/bound-turns.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { model, node, tensor } from "../support/onnx.ts";

const graphOf = (text: string): Graph => parseGraph(`graph "g" { ${text} }`), body = (text: string) => `{ body: graph "body" { ${text} } }`;
const branches = (then: string, otherwise: string) => `{ then_branch: graph "then" { ${then} }, else_branch: graph "else" { ${otherwise} } }`;
const infer = (text: string, turns: Turns) => inferTypes(boundTurns(graphOf(text), turns).graph, { fold: foldWithin() });
const errors = (text: string, turns: Turns = {}) => infer(text, turns).diagnostics.filter((d) => d.severity === "error").map((d) => `${d.node}: ${d.message} | ${d.hint ?? ""}`);
function typed(text: string, turns: Turns): Graph {
  const { graph, diagnostics } = infer(text, turns);
  expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  expect(parseGraph(printGraph(graph)).equalities).toEqual(graph.equalities);
  return graph;
}
type Feeds = Readonly<Record<string, readonly [DType, readonly number[], readonly number[]]>>;
/** Shape and elements of each output; why the run is refused. */
function run(g: Graph, feeds: Feeds): unknown {
  try {
    const all = evaluateGraph(g, new Map(Object.entries(feeds).map(([v, [t, shape, data]]) => [v, constantOf(t, shape, arrayOf(t, data))])));
    return g.outputs.map((v) => [all.get(v)!.shape, Array.from(all.get(v)!.data as Iterable<number | bigint>, Number)]);
  } catch (e) {
    if (!(e instanceof RefusedRun)) throw e;
    return e.message;
  }
}
const numbers = "const zero: i64[] = [0] const one: i64[] = [1] const zeros: i64[1] = [0] const yes: bool[] = [1] const last: i64[] = [-1]";
/** From a number on, one less in each turn, until there is 0; `trips`, `condition`: what ends it, `shape`: of the condition. */
const down = (trips: string, condition: string, more = "", shape = "") => `${numbers} ${more} input x: i64[1] r, s = Loop(${trips}, ${condition}, x) ${body(`input i: i64[] input c: bool[${shape}] input v: i64[n]
  l = Gather(v, last) @ l t = Sub(l, one) @ t u = Unsqueeze(t, zeros) @ u w = Concat(v, u) { axis: 0 } @ w g = Greater(${shape ? "u" : "t"}, zero) @ g output g output w output t`)} @ loop output r output s`;
const from = (n: number): Feeds => ({ x: ["i64", [1], [n]] }), beyond = (most: number) => `it must be that loop loop ends within ${most} turns (--turns loop=${most})`;

describe("bound-turns", () => {
  it("what grows until a condition ends it, up to the bound and beyond", () => {
    const g = typed(down("none", "yes"), { loop: 4 });
    expect([1, 2, 4, 5].map((n) => run(g, from(n)))).toEqual([[[[2], [1, 0]], [[1], [0]]], [[[3], [2, 1, 0]], [[2], [1, 0]]], [[[5], [4, 3, 2, 1, 0]], [[4], [3, 2, 1, 0]]], beyond(4)]);
  });
  it("no turn, and none allowed", () => {
    const text = down("none", "first", "first = Greater(x, zeros) @ first", "1"), g = typed(text, { loop: 2 }), none = typed(text, { loop: 0 });
    expect(run(g, from(-3))).toEqual([[[1], [-3]], [[0], []]]);
    expect([run(none, from(-3)), run(none, from(1))]).toEqual([[[[1], [-3]], [[0], []]], beyond(0)]);
  });
  it("a limit of the model's own: the largest there is, fewer or more than stated, or given by the run", () => {
    const limited = (n: string) => down("n", "yes", n), length = (g: Graph, feeds: Feeds) => { const r = run(g, feeds); return typeof r === "string" ? r : (r as [[number[]]])[0]![0]![0]; };
    for (const n of ["9223372036854775807", "5"]) expect([1, 3, 4].map((x) => length(typed(limited(`const n: i64[] = [${n}]`), { loop: 3 }), from(x)))).toEqual([2, 4, beyond(3)]);
    expect(length(typed(limited("const n: i64[] = [2]"), { loop: 3 }), from(9))).toBe(3);
    expect(length(typed(down("n", "none", "const n: i64[] = [4]"), { loop: 3 }), from(2))).toBe(5);
    const given = typed(limited("input n: i64[1]"), { loop: 3 }), of = (n: number, x: number) => length(given, { n: ["i64", [1], [n]], ...from(x) });
    expect([of(9, 2), of(2, 9), of(3, 9), of(4, 9), of(4, 3), of(-1, 9)]).toEqual([3, 3, 4, beyond(3), 4, 1]);
    const counting = typed(down("n", "none", "input n: i64[]"), { loop: 3 });
    expect([0, 3, 4].map((n) => length(counting, { n: ["i64", [], [n]], ...from(9) }))).toEqual([1, 4, beyond(3)]);
  });
  it("in branches and other loops, written out or not, under one name", () => {
    const inner = `q = Loop(none, yes, y) ${body("input j: i64[] input d: bool[] input v: i64[n] l = Gather(v, last) @ l t = Sub(l, one) @ t u = Unsqueeze(t, zeros) @ u w = Concat(v, u) { axis: 0 } @ w g = Greater(t, zero) @ g output g output w")} @ loop`;
    const turns = typed(`${numbers} const two: i64[] = [2] input x: i64[1] r = Loop(two, none, x) ${body(`input i: i64[] input c: bool[] input y: i64[m] ${inner} m = ReduceSum(q) { keepdims: 1 } @ m output c output m`)} @ outer output r`, { loop: 3 });
    expect([1, 2, 3, 4].map((n) => run(turns, from(n)))).toEqual([[[[1], [1]]], [[[1], [6]]], beyond(3), beyond(3)]);
    const chosen = typed(`${numbers} input p: bool[] input x: i64[1] y = Add(x, one) @ y r = If(p) ${branches(`${inner} output q`, "output x")} @ if output r`, { loop: 3 }), of = (p: number, x: number) => run(chosen, { p: ["bool", [], [p]], ...from(x) });
    expect([of(1, 1), of(1, 3), of(0, 3)]).toEqual([[[[3], [2, 1, 0]]], beyond(3), [[[1], [3]]]]);
    const known = typed(`${numbers} input x: i64[1] y = Add(x, one) @ y r = If(yes) ${branches(`${inner} output q`, "output x")} @ if output r`, { loop: 3 });
    expect([run(known, from(2)), run(known, from(3))]).toEqual([[[[4], [3, 2, 1, 0]]], beyond(3)]);
  });
  it("sequences", () => {
    const text = `${numbers} input x: f32[2] const half: f32[] = [0.5] e = SequenceEmpty() @ e s, y = Loop(none, yes, e, x) ${body("input i: i64[] input c: bool[] input s input v: f32[2] w = Mul(v, half) @ w t = SequenceInsert(s, w) @ t m = ReduceMax(w) { keepdims: 0 } @ m g = Greater(m, half) @ g output g output t output w")} @ loop
      all = ConcatFromSequence(s) { axis: 0, new_axis: 1 } @ all output all output y`, g = typed(text, { loop: 2 });
    expect([[1, 0.5], [2, 1], [4, 0]].map((x) => run(g, { x: ["f32", [2], x] }))).toEqual([[[[1, 2], [0.5, 0.25]], [[2], [0.5, 0.25]]], [[[2, 2], [1, 0.5, 0.5, 0.25]], [[2], [0.5, 0.25]]], beyond(2)]);
    expect(errors(text)).toEqual(["loop: it carries a sequence or an optional value, and whether turn 1 takes place is known at run time only | say how many turns there can be: --turns loop=100"]);
  });
  it("tells what is wrong", () => {
    const brief = (text: string, turns: Turns) => boundTurns(graphOf(text), turns).diagnostics.map((d) => [d.code, d.message, d.hint].join(" | "));
    expect(brief(down("none", "yes"), { lop: 3, loop: 1.5 })).toEqual(["unknown-loop | --turns lop=3: the model has no Loop lop | those it has: loop", "bad-value | --turns loop=1.5: this is no number of turns | give a whole number from 0 to 2147483646"]);
    expect(brief("input x: f32[1] output x", { loop: 3 })).toEqual(["unknown-loop | --turns loop=3: the model has no Loop loop | it has none"]);
    const doubling = down("none", "yes").replace("Concat(v, u)", "Concat(v, v)");
    expect(errors(doubling, { loop: 100 })).toEqual([expect.stringMatching(/^loop: a size of what it carries .* nothing bounds it \| say that there are fewer turns than 100: --turns loop=8$/)]);
    expect(run(typed(doubling, { loop: 3 }), from(1))).toEqual([[[2], [1, 1]], [[1], [0]]]);
  });
  it.each(["cpp", "opencl", "webgpu"])("compiles for %s", async (target) => {
    const bytes = model({ opset: 21, inputs: { x: "i64[1]" }, outputs: ["y"], initializers: { yes: tensor("bool", [], [1]), last: tensor("i64", [], [-1]), zeros: tensor("i64", [1], [0]) },
      nodes: [node("y = Loop(_, yes, x)", { body: { inputs: { i: "i64[]", c: "bool[]", v: "i64[n]" }, outputs: { g: "bool[]", w: "i64[m]" }, nodes: ["l = Gather(v, last)", "u = Unsqueeze(l, zeros)", node("w = Concat(v, u)", { axis: 0 }), "g = Greater(l, i)"] } })] });
    await expect(compile(bytes, { target })).rejects.toThrow(/nothing bounds how many turns there are/);
    const made = await compile(bytes, { target, turns: { Loop_y: 100 } });
    expect(made.program.outputs[0]!.shape).toEqual([101]);
    expect(made.diagnostics.map((d) => d.message)).toContain("a run is refused unless loop Loop_y ends within 100 turns (--turns Loop_y=100)");
  });
});
