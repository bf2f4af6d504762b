/** If, Loop and Scan: typed, cut into pieces, and run as programs, against what the graphs mean. */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { constantOf, sizeOf, type Constant, type Graph } from "../../compiler/ir/graph.ts";
import { mapFlow, piecesOf } from "../../compiler/ir/control.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import type { Program } from "../../compiler/ir/program.ts";
import { arrayOf, type Num } from "../../compiler/ir/types.ts";
import { verifyGraph } from "../../compiler/ir/verify-graph.ts";
import { cutRegions } from "../../compiler/passes/graph/cut-regions.ts";
import { valueOfSize } from "../../compiler/ir/symbols.ts";
import { fold, foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { infer, runPasses } from "../../compiler/passes/graph/run.ts";
import { compileRegions } from "../../compiler/passes/network/pipeline.ts";
import { cppTarget, cppVariants } from "../../targets/cpp/index.ts";
import { evaluateProgram } from "../support/evaluate-program.ts";
import { difference } from "../support/run-compute.ts";

function typed(text: string): Graph {
  const { graph, diagnostics } = inferTypes(parseGraph(`graph "g" { ${text} }`), { fold });
  expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  expect(verifyGraph(graph, infer)).toEqual([]);
  return graph;
}
const errors = (text: string) => inferTypes(parseGraph(`graph "g" { ${text} }`), { fold: foldWithin() }).diagnostics.filter((d) => d.severity === "error").map((d) => `${d.op} ${d.node}: ${d.message}`);
function programOf(g: Graph): Program {
  const cut = cutRegions(g);
  for (const p of piecesOf(cut.flow)) expect(verifyGraph(p, infer)).toEqual([]);
  const ready = mapFlow(cut.flow, (p) => runPasses(p, graphPasses).graph, (v) => v);
  return compileRegions({ ...cut, flow: ready }, { facts: cppTarget.facts({}), variants: cppVariants(["avx2"]) });
}
type Feeds = Readonly<Record<string, readonly Num[]>>;
function feedsOf(g: Graph, given: Feeds, seed = 1, sizes: Sizes = {}): Map<string, Constant> {
  return new Map(g.inputs.map((v) => {
    const t = g.types.get(v)!, shape = t.shape.map((d) => valueOfSize(d, new Map(Object.entries(sizes))));
    return [v, constantOf(t.dtype, shape, arrayOf(t.dtype, given[v] ?? Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + seed * 3) % 11) / 4 - 1)))] as const;
  }));
}
/** What a model gives by definition, once its program has given the same for all of these inputs. */
function run(text: string, ...given: readonly Feeds[]): readonly Record<string, readonly number[]>[] {
  const g = typed(text), p = programOf(g);
  return given.map((f) => {
    const feeds = feedsOf(g, f), want = evaluateGraph(g, feeds), got = evaluateProgram(p, "avx2", g.inputs.map((v) => feeds.get(v)!.data));
    g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), v).toBeLessThanOrEqual(1e-5));
    return Object.fromEntries([...want].map(([v, c]) => [v, Array.from(c.data as Iterable<Num>, Number)]));
  });
}
type Sizes = Readonly<Record<string, number>>;
/** The same for a model with sizes that each run chooses: shapes and elements of its outputs. */
function runOpen(text: string, ...given: readonly (readonly [Sizes, Feeds?])[]): readonly Record<string, readonly [readonly number[], readonly number[]]>[] {
  const { graph: g, diagnostics } = inferTypes(parseGraph(`graph "g" { ${text} }`), { fold: foldWithin() });
  expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  expect(verifyGraph(g, infer)).toEqual([]);
  const p = programOf(g);
  return given.map(([sizes, f = {}]) => {
    const feeds = feedsOf(g, f, 1, sizes), want = evaluateGraph(g, feeds), got = evaluateProgram(p, "avx2", g.inputs.map((v) => feeds.get(v)!.data), { symbols: sizes });
    g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), v).toBeLessThanOrEqual(1e-5));
    return Object.fromEntries([...want].map(([v, c]) => [v, [c.shape, Array.from(c.data as Iterable<Num>, Number)]]));
  });
}
const branches = (then: string, otherwise: string) => `{ then_branch: graph "then" { ${then} }, else_branch: graph "else" { ${otherwise} } }`;

const body = (text: string) => `body: graph "body" { ${text} }`;
const c0 = "const zero: i64[] = [0] const one: i64[] = [1] const yes: bool[] = [1]";

it("steps tell no values that branches and loops go on to write", () => {
  const loop = `input x: f32[2] input n: i64[] ${c0} h = Neg(x) @ h y = Loop(n, yes, h) { ${body("input i: i64[] input go: bool[] input v: f32[2] w = Add(v, v) @ w output go output w")} } @ loop z = Exp(y) @ z output z output y`;
  expect(programOf(typed(loop)).steps.flatMap((s) => s.results.map((r) => r.value))).toEqual(["z"]);
});
describe("If", () => {
  it("takes one of two branches, which read what is around them", () => {
    expect(run(`input c: bool[] input x: f32[3] h = Add(x, x) @ h r = If(c) ${branches("a = Mul(h, x) @ a output a", "b = Sub(h, x) @ b output b")} @ if s = Neg(r) @ s output s output h`,
      { c: [1], x: [1, 2, 3] }, { c: [0], x: [1, 2, 3] })).toEqual([{ s: [-2, -8, -18], h: [2, 4, 6] }, { s: [-1, -2, -3], h: [2, 4, 6] }]);
  });
  it("gives constants, values from outside, and one value twice", () => {
    const text = `input c: bool[1] input x: f32[2] a, b, d = If(c) ${branches("const k: f32[2] = [5, 6] output x output k output x", "n = Neg(x) @ n output n output n output x")} @ if output a output b output d output x`;
    expect(run(text, { c: [1], x: [1, 2] }, { c: [0], x: [1, 2] })).toEqual([{ a: [1, 2], b: [5, 6], d: [1, 2], x: [1, 2] }, { a: [-1, -2], b: [-1, -2], d: [1, 2], x: [1, 2] }]);
  });
  it("stands in another, under equal names", () => {
    const inner = (op: string) => `t = ${op}(x) @ t r = If(d) ${branches("t2 = Add(t, x) @ u output t2", "t2 = Mul(t, x) @ u output t2")} @ if output r`;
    const text = `input c: bool[] input d: bool[] input x: f32[4] y = If(c) ${branches(inner("Neg"), inner("Exp"))} @ if z = Abs(y) @ z output z`;
    const all = run(text, { c: [1], d: [1], x: [0, 1, 2, 3] }, { c: [1], d: [0], x: [0, 1, 2, 3] }, { c: [0], d: [1], x: [0, 0, 0, 0] }, { c: [0], d: [0], x: [0, 0, 0, 0] });
    expect(all.map((r) => r.z)).toEqual([[0, 0, 0, 0], [0, 1, 4, 9], [1, 1, 1, 1], [0, 0, 0, 0]]);
  });
  it("shares kernels and constants between its branches", () => {
    const g = typed(`input c: bool[] input x: f32[1, 64] const w: f32[64, 64] = #12345678 y = If(c) ${branches("a = MatMul(x, w) @ a output a", "t = Neg(x) @ n b = MatMul(t, w) @ b output b")} @ if output y`), p = programOf(g);
    expect(p.constants.length).toBe(64 * 64 * 4);
    expect(p.steps.filter((s) => s.macs > 0).map((s) => s.kernel)).toEqual([expect.any(Number), expect.any(Number)]);
    expect(new Set(p.steps.filter((s) => s.macs > 0).map((s) => s.kernel)).size).toBe(1);
  });
  it("has branches that give different sizes", () => {
    const text = `symbol T in 1..6 input c: bool[] input x: f32[T, 2] const w: f32[2, 1] = [1, 2] r, s = If(c) ${branches("n = Neg(x) @ n output x output n", "a = Concat(x, x) { axis: 0 } @ a output a output a")} @ if y = MatMul(r, w) @ mm output y output s`;
    const all = runOpen(text, [{ T: 6 }, { c: [1] }], [{ T: 6 }, { c: [0] }], [{ T: 1 }, { c: [0], x: [1, 2] }], [{ T: 2 }, { c: [1], x: [1, 2, 3, 4] }]);
    expect(all.map((r) => r.s![0])).toEqual([[6, 2], [12, 2], [2, 2], [2, 2]]);
    expect(all[2]!.y![1]).toEqual([5, 5]);
    expect(all[3]!.s![1]).toEqual([-1, -2, -3, -4]);
  });
  it("refuses branches of different ranks", () => {
    expect(errors(`input c: bool[] input x: f32[2] r = If(c) ${branches("output x", "a = ReduceSum(x) { keepdims: 0 } @ a output a")} @ if output r`)).toEqual(["If if: output 0 is f32[2] by one branch and f32[] by the other"]);
  });
});

describe("Loop", () => {
  it("repeats its body a constant number of times, with slices of what it makes", () => {
    const text = `input x: f32[2] const n: i64[] = [4] ${c0} y, s = Loop(n, yes, x) { ${body(`input i: i64[] input go: bool[] input v: f32[2] f = Cast(i) { to: 1 } @ f w = Add(v, f) @ w d = Mul(w, v) @ d k = Identity(go) @ k output k output w output d`)} } @ loop output y output s`;
    expect(run(text, { x: [1, 2] })).toEqual([{ y: [7, 8], s: [1, 4, 2, 6, 8, 15, 28, 40] }]);
  });
  it("ends by its condition, before the first turn perhaps", () => {
    const text = `input c: bool[] input x: f32[] ${c0} const two: f32[] = [2] const most: f32[] = [100] y = Loop(none, c, x) { ${body("input i: i64[] input go: bool[] input v: f32[] w = Mul(v, two) @ w k = Less(w, most) @ k output k output w")} } @ loop output y`;
    expect(run(text, { c: [1], x: [3] }, { c: [0], x: [3] }, { c: [1], x: [1000] })).toEqual([{ y: [192] }, { y: [3] }, { y: [2000] }]);
  });
  it("takes as many turns as an input says, but no more than there is room for", () => {
    const text = `input n: i64[] input c: bool[1] input x: f32[1] type s: f32[5, 1] y, s = Loop(n, c, x) { ${body("input i: i64[1] input go: bool[] input v: f32[1] f = Cast(i) { to: 1 } @ f w = Add(v, f) @ w k = Identity(go) @ k output k output w output w")} } @ loop output y output s`;
    expect(run(text, { n: [5], c: [1], x: [0] }, { n: [9], c: [1], x: [0] })).toEqual([{ y: [10], s: [0, 1, 3, 6, 10] }, { y: [10], s: [0, 1, 3, 6, 10] }]);
    expect(run(text, { n: [0], c: [1], x: [4] }, { n: [5], c: [0], x: [4] }, { n: [-3], c: [1], x: [4] }).map((r) => r.y)).toEqual([[4], [4], [4]]);
  });
  it("changes its values all at once", () => {
    const text = `input a: f32[2] input b: f32[2] input d: f32[2] const n: i64[] = [5] ${c0} p, q, r = Loop(n, none, a, b, d) { ${body("input i: i64[] input go: bool[] input x: f32[2] input y: f32[2] input z: f32[2] output go output y output z output x")} } @ loop output p output q output r`;
    expect(run(text, { a: [1, 2], b: [3, 4], d: [5, 6] })).toEqual([{ p: [5, 6], q: [1, 2], r: [3, 4] }]);
  });
  it("reads values and weights from outside in every turn", () => {
    const text = `input x: f32[1, 32] input n: i64[] const w: f32[32, 32] = #00000000 const b: f32[32] = #00000000 h = Exp(x) @ h ${c0}
      y = Loop(n, none, x) { ${body("input i: i64[] input go: bool[] input v: f32[1, 32] m = MatMul(v, w) @ m t = Add(m, b) @ t u = Tanh(t) @ u o = Add(u, h) @ o output go output o")} } @ loop z = Sub(y, h) @ z output z output y`;
    run(text, { n: [0] }, { n: [1] }, { n: [6] });
  });
  it("stands in another, with slices of slices", () => {
    const inner = body("input j: i64[] input on: bool[] input u: f32[3] fj = Cast(j) { to: 1 } @ fj a = Add(u, fj) @ a b = Mul(a, f) @ b output on output a output b");
    const text = `input x: f32[3] input n: i64[] const two: i64[] = [2] const three: i64[] = [3] ${c0} y, s = Loop(three, none, x) { ${body(`input i: i64[] input go: bool[] input v: f32[3] f = Cast(i) { to: 1 } @ f w, t = Loop(two, none, v) { ${inner} } @ inner output go output w output t`)} } @ loop
      z = Loop(n, none, y) { ${body(`input i: i64[] input go: bool[] input v: f32[3] d = Less(i, one) @ d w = If(d) ${branches("o = Neg(v) @ o output o", "o = Add(v, x) @ o output o")} @ if output go output w`)} } @ second output y output s output z`;
    const [r] = run(text, { x: [0, 1, 2], n: [3] }, { x: [0, 1, 2], n: [0] });
    expect(r!.s).toHaveLength(18);
    expect(r!.z).toEqual([-3, -2, -1]);
  });
  it("keeps a carried value where it is made, if nothing needs the old one", () => {
    const p = programOf(typed(`input x: f32[8] const n: i64[] = [4] ${c0} y = Loop(n, none, x) { ${body("input i: i64[] input go: bool[] input v: f32[8] w = Exp(v) @ w output go output w")} } @ loop output y`));
    expect(p.steps.map((s) => s.kind)).not.toContain("copy");
    expect(p.arena.bytes).toBeLessThanOrEqual(5 * 64);
  });
  it("is written out where its turns differ and how many there are is known", () => {
    const grow = body("input i: i64[] input go: bool[] input v: f32[n] const k: i64[1] = [1] e = Add(i, one) @ e u = Unsqueeze(e, zeros) @ u s = Unsqueeze(i, zeros) @ s cut = Slice(x, s, u) @ cut w = Concat(v, cut) { axis: 0 } @ w t = Add(cut, cut) @ t output go output w output t");
    const text = (count: string) => `input x: f32[4] input y: f32[1] ${count} ${c0} const zeros: i64[1] = [0] r, t = Loop(n, none, y) { ${grow} } @ loop output r output t`;
    expect(run(text("const n: i64[] = [3]"), { x: [1, 2, 3, 4], y: [9] })).toEqual([{ r: [9, 1, 2, 3], t: [2, 4, 6] }]);
    // Else what is wrong is told as of a loop.
    expect(errors(text("input n: i64[]"))[0]).toMatch(/^Slice cut: where the slice begins or ends is computed at run time/);
    expect(errors(text("const n: i64[] = [100000]"))[0]).toMatch(/^Loop loop: a size of what it carries .* and nothing bounds it$/);
  });
  it("tells which value bounds its turns", () => {
    const grow = body("input i: i64[] input go: bool[] input v: f32[n] w = Concat(v, v) { axis: 0 } @ w s = ReduceSum(w) { keepdims: 0 } @ s less = Less(s, most) @ less output less output w");
    const hints = (count: string) => inferTypes(parseGraph(`graph "g" { input n: i64[] input x: f32[2] const most: f32[] = [9] const yes: bool[] = [1] y = Loop(${count}, yes, x) { ${grow} } @ loop output y }`), { fold: foldWithin() }).diagnostics.map((d) => d.hint);
    expect([hints("n"), hints("none")]).toEqual([["say how many there can be: --turns loop=100, or --value n=0..100"], ["say how many there can be: --turns loop=100"]]);
  });
  it("is told once what is wrong with its form", () => {
    expect(errors(`input x: f32[2] const n: i64[] = [2] y, z = Loop(n, none, x, none) { ${body("input i: i64[] input c: bool[] input v: f32[2] input w: f32[2] output c output v output w")} } @ loop output y`)).toEqual(["Loop loop: carried value 1 has nothing to begin with"]);
    expect(errors(`input x: f32[2] y = Loop(none, none, x) {} @ loop output y`)).toEqual(["Loop loop: attribute body of Loop is missing"]);
    expect(errors(`input c: bool[] input x: f32[2] y = If(c, x) ${branches("output x", "output x")} @ if output y`)).toEqual(["If if: has 2 inputs, but If takes at most 1"]);
    expect(errors(`input x: f32[2] const n: i64[] = [2] s = SequenceConstruct(x) @ s y = Loop(n, none, s) {} @ loop output y`)).toEqual(["Loop loop: attribute body of Loop is missing"]);
    const { diagnostics } = inferTypes(parseGraph(`graph "g" { input c: bool[] input x: f32[2] y = If(c) { then_branch: graph "t" { output x }, else_branch: graph "e" { output x }, speed: 3 } @ if output y }`), { fold: foldWithin() });
    expect(diagnostics.map((d) => d.message)).toEqual(["If has no attribute speed; it is ignored"]);
  });
  it("refuses values that change their shape and loops without an end", () => {
    expect(errors(`input n: i64[] input x: f32[2] ${c0} y = Loop(n, none, x) { ${body("input i: i64[] input go: bool[] input v: f32[2] w = Concat(v, v) { axis: 0 } @ w output go output w")} } @ loop output y`)).toEqual(["Loop loop: a size of what it carries from turn to turn is 2 at first and then becomes mul(y.0, 2), and nothing bounds how many turns there are"]);
    expect(errors(`input x: f32[2] y = Loop(none, none, x) { ${body("input i: i64[] input go: bool[] input v: f32[2] output go output v")} } @ loop output y`)).toEqual(["Loop loop: nothing ends the loop: it has neither a number of turns nor a condition"]);
    expect(errors(`input n: i64[] input x: f32[2] s = Loop(n, none) { ${body("input i: i64[] input go: bool[] output go output x")} } @ loop output s`)).toEqual(["Loop loop: its outputs have a slice for each turn, and nothing bounds how many turns there are"]);
  });
});

describe("Loop with sizes that change", () => {
  const grow = body("input i: i64[] input go: bool[] input v: f32[n, 2] l = Gather(v, last) { axis: 0 } @ l e = Exp(l) @ e t = Tanh(e) @ t u = Unsqueeze(t, zeros) @ u w = Concat(v, u) { axis: 0 } @ w sum = ReduceSum(w) { keepdims: 0 } @ sum output go output w output sum");
  it("carries what grows, a number of times that is a size", () => {
    const text = `symbol T in 1..5 symbol N in 1..3 input x: f32[T, 3] input y: f32[N, 2] const last: i64[] = [-1] const at: i64[] = [0] const zeros: i64[1] = [0] ${c0} sh = Shape(x) @ sh n = Gather(sh, at) @ n r, s = Loop(n, none, y) { ${grow} } @ loop z = Neg(r) @ z output z output s`;
    const all = runOpen(text, [{ T: 5, N: 3 }], [{ T: 1, N: 1 }], [{ T: 3, N: 2 }]);
    expect(all.map((r) => [r.z![0], r.s![0]])).toEqual([[[8, 2], [5]], [[2, 2], [1]], [[5, 2], [3]]]);
  });
  it("ends early, with as many slices as turns", () => {
    const text = `symbol N in 1..3 input y: f32[N, 2] input most: f32[] const last: i64[1] = [-1] const n: i64[] = [300] ${c0} r, s = Loop(n, yes, y) { ${body("input i: i64[] input go: bool[] input v: f32[n, 2] l = Gather(v, last) { axis: 0 } @ l w = Concat(v, l) { axis: 0 } @ w sum = ReduceSum(w) { keepdims: 0 } @ sum k = Less(sum, most) @ k output k output w output sum")} } @ loop output r output s`;
    const all = runOpen(text, [{ N: 1 }, { y: [1, 0], most: [5] }], [{ N: 3 }, { y: [1, 1, 1, 1, 1, 1], most: [1] }]);
    expect(all.map((r) => [r.r![0], r.s![1]])).toEqual([[[5, 2], [2, 3, 4, 5]], [[4, 2], [8]]]);
  });
  it("cuts slices by the number of the turn", () => {
    const text = `symbol T in 1..5 input x: f32[T, 2] const at: i64[] = [0] const zeros: i64[1] = [0] ${c0} sh = Shape(x) @ sh n = Gather(sh, at) @ n empty = Slice(x, zeros, zeros) @ empty
      r = Loop(n, none, empty) { ${body("input i: i64[] input go: bool[] input v: f32[n, 2] j = Add(i, one) @ j a = Unsqueeze(i, zeros) @ a b = Unsqueeze(j, zeros) @ b c = Slice(x, a, b) @ c w = Concat(c, v) { axis: 0 } @ w output go output w")} } @ loop output r`;
    const [, r] = runOpen(text, [{ T: 5 }], [{ T: 3 }, { x: [1, 2, 3, 4, 5, 6] }]);
    expect(r!.r).toEqual([[3, 2], [5, 6, 3, 4, 1, 2]]);
  });
  it("stands in others, and finds sizes that depend on data in each turn", () => {
    const inner = body("input j: i64[] input on: bool[] input u: i64[n] p = NonZero(row) @ p q = Squeeze(p, zeros) @ q w = Concat(u, q) { axis: 0 } @ w output on output w");
    const text = `symbol T in 1..4 input x: f32[T, 3] const at: i64[] = [0] const zeros: i64[1] = [0] const two: i64[] = [2] ${c0} sh = Shape(x) @ sh n = Gather(sh, at) @ n
      r, s = Loop(n, none, zeros) { ${body(`input i: i64[] input go: bool[] input v: i64[n] row = Gather(x, i) @ row w = Loop(two, none, v) { ${inner} } @ inner c = Shape(w) @ c output go output w output c`)} } @ loop output r output s`;
    const [a, b] = runOpen(text, [{ T: 4 }, { x: [1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 2, 0] }], [{ T: 1 }, { x: [0, 0, 5] }]);
    expect(a).toEqual({ r: [[13], [0, 0, 2, 0, 2, 0, 1, 2, 0, 1, 2, 1, 1]], s: [[4, 1], [5, 5, 11, 13]] });
    expect(b!.r![1]).toEqual([0, 2, 2]);
  });
});

describe("sequences of which a run knows the length", () => {
  const head = "symbol T in 1..5 symbol B in 1..3 input x: f32[T, B] const at: i64[] = [0] const zeros: i64[1] = [0] const last: i64[] = [-1]", count = `${c0} sh = Shape(x) @ sh n = Gather(sh, at) @ n`;
  const three = [[{ T: 5, B: 3 }], [{ T: 1, B: 1 }], [{ T: 3, B: 2 }, { x: [1, 2, 3, 4, 5, 6] }]] as const;
  it("are gathered in a loop, stacked and joined, looked into and counted", () => {
    const text = `${head} ${count} e = SequenceEmpty() @ e s = Loop(n, none, e) { ${body("input i: i64[] input go: bool[] input q: f32[] r = Gather(x, i) @ r p = Neg(r) @ p t = SequenceInsert(q, p) @ t output go output t")} } @ loop
      m = ReduceSum(x, zeros) { keepdims: 0 } @ m u = SequenceInsert(s, m, zero) @ u v = SequenceErase(u, last) @ v y = ConcatFromSequence(u) { axis: 1, new_axis: 1 } @ y z = ConcatFromSequence(v) { axis: 0 } @ z w = SequenceAt(u, last) @ w l = SequenceLength(v) @ l output y output z output w output l`;
    const all = runOpen(text, ...three);
    expect(all.map((r) => [r.y![0], r.z![0], r.l![1]])).toEqual([[[3, 6], [15], [5]], [[1, 2], [1], [1]], [[2, 4], [6], [3]]]);
    expect(all[2]).toMatchObject({ y: [[2, 4], [9, -1, -3, -5, 12, -2, -4, -6]], z: [[6], [9, 12, -1, -2, -3, -4]], w: [[2], [-5, -6]] });
  });
  it("grow where a branch says so, and are an output as one tensor", () => {
    const text = `${head} const three: f32[] = [3] ${count} first = Gather(x, zero) @ first e = SequenceConstruct(first) @ e s = Loop(n, none, e) { ${body(`input i: i64[] input go: bool[] input q: f32[] r = Gather(x, i) @ r m = ReduceMax(r) { keepdims: 0 } @ m c = Greater(m, three) @ c
      t = If(c) ${branches("a = SequenceInsert(q, r) @ a output a", "output q")} @ if output go output t`)} } @ loop output s`;
    const { diagnostics } = inferTypes(parseGraph(`graph "g" { ${text} }`), { fold: foldWithin() });
    expect(diagnostics.filter((d) => d.code === "stacked-output").map((d) => d.message)).toEqual(["only a run knows how long the sequence s is; the output is one tensor, its tensors behind each other"]);
    expect(runOpen(text, ...three)[2]!.s).toEqual([[3, 2], [1, 2, 3, 4, 5, 6]]);
  });
  it("are tensors where both branches give as many", () => {
    const text = `${head} input c: bool[] s = If(c) ${branches("a = Neg(x) @ a q = SequenceConstruct(x, a) @ q output q", "b = Exp(x) @ b r = SequenceConstruct(b, x) @ r output r")} @ if y = SequenceAt(s, last) @ y output y output s`;
    const [r] = runOpen(text, [{ T: 1, B: 2 }, { c: [1], x: [1, 2] }], [{ T: 5, B: 3 }, { c: [0] }]);
    expect(r).toEqual({ y: [[1, 2], [-1, -2]], s_0: [[1, 2], [1, 2]], s_1: [[1, 2], [-1, -2]] });
  });
  it("come of a tensor of so many slices", () => {
    const text = `${head} ${c0} s = SplitToSequence(x) { axis: 1, keepdims: 0 } @ s n = SequenceLength(s) @ n const ones: i64[1] = [1] k = ReduceMax(x, ones) { keepdims: 0 } @ k m = Sub(k, k) @ m t = Loop(n, none, m) { ${body("input i: i64[] input go: bool[] input v: f32[T] q = SequenceAt(s, i) @ q w = Add(v, q) @ w output go output w")} } @ loop output t`;
    expect(runOpen(text, ...three)[2]!.t).toEqual([[3], [3, 7, 11]]);
  });
  it("are pieces of more than one", () => {
    const ends = "const three: i64[] = [3] const one: i64[1] = [1]", cut = "s = SplitToSequence(x, three) { axis: 1 } @ s";
    const even = `symbol W in 4..6 input x: f32[2, W] ${ends} ${cut} y = SequenceAt(s, last) @ y const last: i64[] = [-1] n = SequenceLength(s) @ n output y output n`;
    expect(runOpen(even, [{ W: 6 }], [{ W: 4 }]).map((r) => [r.y![0], r.n![1]])).toEqual([[[2, 3], [2]], [[2, 1], [2]]]);
    const whole = `symbol W in 1..4 input z: f32[2, W, 3] const flat: i64[2] = [0, -1] x = Reshape(z, flat) @ x ${ends} ${cut} y = ConcatFromSequence(s) { axis: 0 } @ y n = SequenceLength(s) @ n output y output n`;
    expect(runOpen(whole, [{ W: 4 }], [{ W: 2 }, { z: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] }]).map((r) => [r.y![0], r.n![1]])).toEqual([[[8, 3], [4]], [[4, 3], [2]]]);
    expect(runOpen(whole, [{ W: 2 }, { z: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] }])[0]!.y![1]).toEqual([1, 2, 3, 7, 8, 9, 4, 5, 6, 10, 11, 12]);
    expect(errors(even.replace("4..6", "4..7"))[0]).toBe("SplitToSequence s: W elements are 2 to 3 pieces of 3, of which the last may be smaller");
  });
  it("hold tensors of one type", () => {
    const text = `${head} ${count} e = SequenceEmpty() @ e s = Loop(n, none, e) { ${body("input i: i64[] input go: bool[] input q: f32[] j = Add(i, one) @ j u = Unsqueeze(j, zeros) @ u r = Slice(x, zeros, u) @ r t = SequenceInsert(q, r) @ t output go output t")} } @ loop l = SequenceLength(s) @ l output l`;
    expect(errors(text)[0]).toMatch(/^Loop loop: it carries a sequence or an optional value, and its count of trips \(n\) is computed at run time/);
    const other = `${head} input n: i64[] const yes: bool[] = [1] const zero: i64[] = [0] s = SplitToSequence(x) @ s y = SequenceMap(s) { body: graph "b" { input r: f32[1, B] o = Neg(r) @ o output o } } @ map output y`;
    expect(errors(other)).toEqual(["SequenceMap map: input 0 (s) is a sequence whose length only a run knows, which SequenceMap does not take"]);
  });
});

describe("Scan", () => {
  it.each([[0, 0], [1, 1]])("goes over as many slices as a run has, directions %i and %i", (into, out) => {
    const text = `symbol T in 1..6 symbol B in 1..3 input h: f32[B] input x: f32[B, T] input y: f32[T, B] last, s, t = Scan(h, x, y) { num_scan_inputs: 2, scan_input_axes: [1, 0], scan_input_directions: [${into}, 0], scan_output_axes: [0, -1], scan_output_directions: [${out}, ${into}],
      ${body("input g: f32[B] input a: f32[B] input b: f32[B] p = Add(g, a) @ p q = Mul(p, b) @ q output p output q output p")} } @ scan output last output s output t`;
    const all = runOpen(text, [{ T: 6, B: 3 }], [{ T: 1, B: 1 }], [{ T: 4, B: 2 }]);
    expect(all.map((r) => [r.s![0], r.t![0]])).toEqual([[[6, 3], [3, 6]], [[1, 1], [1, 1]], [[4, 2], [2, 4]]]);
  });
  it.each([[0, 0], [0, 1], [1, 0], [1, 1]])("directions %i and %i, along any axis", (into, out) => {
    const text = `input h: f32[2] input x: f32[2, 4] input y: f32[4, 2] last, s, t = Scan(h, x, y) { num_scan_inputs: 2, scan_input_axes: [1, 0], scan_input_directions: [${into}, 0], scan_output_axes: [0, -1], scan_output_directions: [${out}, ${into}],
      ${body("input g: f32[2] input a: f32[2] input b: f32[2] p = Add(g, a) @ p q = Mul(p, b) @ q output p output q output p")} } @ scan output last output s output t`;
    run(text, {});
    expect(typed(text).types.get("t")!.shape).toEqual([2, 4]);
  });
  it("has several states, constants to scan, and outputs that nobody wants", () => {
    const text = `input a: f32[2] input b: f32[] const x: f32[3, 2] = [1, 2, 3, 4, 5, 6] p, q, none, s = Scan(a, b, x) { num_scan_inputs: 1,
      ${body("input u: f32[2] input v: f32[] input k: f32[2] m = Add(u, k) @ m r = ReduceMax(m) { keepdims: 0 } @ r w = Add(v, r) @ w output m output w output k output w")} } @ scan output p output q output s`;
    expect(run(text, { a: [0, 0], b: [1] })).toEqual([{ p: [9, 12], q: [21], s: [3, 9, 21] }]);
  });
  it("refuses what does not fit", () => {
    expect(errors(`input x: f32[3, 2] input y: f32[2, 3] s = Scan(x, y) { num_scan_inputs: 2, ${body("input a: f32[2] input b: f32[3] output a")} } @ scan output s`)).toEqual(["Scan scan: the inputs it scans have 3 and 2 elements along their axes"]);
  });
});
