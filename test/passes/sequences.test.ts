/** Sequences and optional values during type inference: what stands for them are plain tensors. */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { constantOf, sizeOf, type Graph } from "../../compiler/ir/graph.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { verifyGraph } from "../../compiler/ir/verify-graph.ts";
import { arrayOf, type Num } from "../../compiler/ir/types.ts";
import { fold } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { infer } from "../../compiler/passes/graph/run.ts";

const inferred = (text: string) => inferTypes(parseGraph(`graph "g" { ${text} }`), { fold });
const errors = (text: string) => inferred(text).diagnostics.filter((d) => d.severity === "error").map((d) => `${d.op} ${d.node}: ${d.message}`);
/** The graph of a text without errors. */
function resolved(text: string): Graph {
  const { graph, diagnostics } = inferred(text);
  expect(diagnostics.filter((d) => d.severity !== "note")).toEqual([]);
  expect(verifyGraph(graph, infer)).toEqual([]);
  return graph;
}
/** What the outputs are worth: shape and elements. */
function run(text: string, feeds: Readonly<Record<string, readonly Num[]>> = {}): Record<string, readonly [string, readonly number[]]> {
  const g = resolved(text), given = g.inputs.map((v) => {
    const t = g.types.get(v)!, shape = t.shape as readonly number[];
    return [v, constantOf(t.dtype, shape, arrayOf(t.dtype, feeds[v] ?? Array.from({ length: sizeOf(shape) }, (_, i) => i)))] as const;
  });
  return Object.fromEntries([...evaluateGraph(g, new Map(given))].map(([v, c]) => [v, [`${c.shape}`, Array.from(c.data as Iterable<Num>, Number)]]));
}
const three = "input a: f32[1] input b: f32[1] input c: f32[1] s = SequenceConstruct(a, b, c) @ s";
const feeds = { a: [10], b: [20], c: [30] };
const constants = (values: Readonly<Record<string, number>>) => Object.entries(values).map(([name, x]) => `const ${name}: i64[] = [${x}]`).join(" ");

describe("sequences", () => {
  it("of known positions leave names only", () => {
    const g = resolved(`${three} ${constants({ p: 1, q: -1 })} t = SequenceErase(s, p) @ t u = SequenceInsert(t, b, q) @ u v = SequenceInsert(u, a) @ v
      y = SequenceAt(v, q) @ y z = SequenceAt(v, p) @ z n = SequenceLength(v) @ n output y output z output n`);
    expect(g.nodes.map((n) => `${n.outputs} = ${n.op}(${n.inputs})`)).toEqual(["y = Identity(a)", "z = Identity(b)", "n = Identity(n.const)"]);
    expect(g.constants.get("n.const")!.data).toEqual(BigInt64Array.of(4n));
  });
  it("an output is one for each tensor", () => {
    expect(run(`${three} output s`, feeds)).toEqual({ s_0: ["1", [10]], s_1: ["1", [20]], s_2: ["1", [30]] });
    expect(resolved('input x: f32[2] s = SequenceEmpty() @ s output s output x').outputs).toEqual(["x"]);
    const r = inferred("input x: f32[2] o = Optional() @ o output o output x");
    expect([r.graph.outputs, r.diagnostics.map((d) => d.message)]).toEqual([["x"], ["the output o is an optional value that is always absent; it is left out"]]);
  });
  it.each([-3, -1, 0, 2])("position %i may be computed at run time", (p) => {
    const at = (p + 3) % 3, all = [10, 20, 30], text = `${three} input p: i32[1]`;
    expect(run(`${text} y = SequenceAt(s, p) @ y output y`, { ...feeds, p: [p] })).toEqual({ y: ["1", [all[at]]] });
    expect(Object.values(run(`${text} y = SequenceErase(s, p) @ y output y`, { ...feeds, p: [p] }))).toEqual(all.toSpliced(at, 1).map((x) => ["1", [x]]));
    expect(Object.values(run(`${text} input x: f32[1] y = SequenceInsert(s, x, p) @ y output y`, { ...feeds, p: [p], x: [5] })))
      .toEqual(all.toSpliced(at, 0, 5).map((x) => ["1", [x]]));
  });
  it("are split from tensors and joined to one", () => {
    const x = "input x: f32[2, 5]";
    expect(run(`${x} ${constants({ k: 2 })} s = SplitToSequence(x, k) { axis: 1 } @ s output s`)).toEqual({
      s_0: ["2,2", [0, 1, 5, 6]], s_1: ["2,2", [2, 3, 7, 8]], s_2: ["2,1", [4, 9]],
    });
    expect(run(`${x} const k: i64[2] = [4, 1] s = SplitToSequence(x, k) { axis: -1, keepdims: 0 } @ s output s`)).toMatchObject({ s_0: ["2,4", expect.anything()], s_1: ["2,1", [4, 9]] });
    expect(run(`${x} s = SplitToSequence(x) { keepdims: 0 } @ s output s`)).toEqual({ s_0: ["5", [0, 1, 2, 3, 4]], s_1: ["5", [5, 6, 7, 8, 9]] });
    expect(run(`${x} s = SplitToSequence(x) { axis: 1 } @ s y = ConcatFromSequence(s) { axis: 0 } @ y output y`)).toEqual({ y: ["10,1", [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]] });
    expect(run(`${x} s = SplitToSequence(x) { keepdims: 0 } @ s y = ConcatFromSequence(s) { axis: -1, new_axis: 1 } @ y output y`)).toEqual({ y: ["5,2", [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]] });
  });
  it("SequenceMap writes its body for each element", () => {
    const body = 'body: graph "b" { input e: f32[N] input f: f32[N] input w: f32[1] s = Add(e, f) @ add t = Mul(s, w) @ mul output t output w }';
    expect(run(`${three} input w: f32[1] t = SequenceConstruct(c, b, a) @ t y, z = SequenceMap(s, t, w) { ${body} } @ m output y output z`, { ...feeds, w: [2] })).toEqual({
      y_0: ["1", [80]], y_1: ["1", [80]], y_2: ["1", [80]], z_0: ["1", [2]], z_1: ["1", [2]], z_2: ["1", [2]],
    });
  });
  it("what is wrong is said", () => {
    expect(errors(`${three} ${constants({ p: 3 })} y = SequenceAt(s, p) @ y output y`)).toEqual(["SequenceAt y: position 3 does not exist in a sequence of 3"]);
    expect(errors("input x: f32[2] y = SequenceLength(x) @ y output y")).toEqual(["SequenceLength y: input 0 (x) is a tensor; SequenceLength takes a sequence"]);
    expect(errors(`${three} y = Relu(s) @ y output y`)).toEqual(["Relu y: s is a sequence; Relu takes tensors"]);
    expect(errors(`${three} input p: i64[] input d: f32[2] t = SequenceInsert(s, d) @ t y = SequenceAt(t, p) @ y output y`))
      .toEqual(["SequenceAt y: the position is computed at run time, but the tensors have different shapes: [1], [2]"]);
    expect(errors("input a: f32[1] input b: i64[1] s = SequenceConstruct(a, b) @ s y = SequenceLength(s) @ y output y"))
      .toEqual(["SequenceConstruct s: inputs 0 and 1 have types f32 and i64, but must have the same"]);
    expect(errors("s = SequenceEmpty() @ s y = ConcatFromSequence(s) { axis: 0 } @ y z = SequenceErase(s) @ z output y output z"))
      .toEqual(["ConcatFromSequence y: the sequence is empty", "SequenceErase z: the sequence is empty"]);
    expect(errors("input x: f32[5] const k: i64[2] = [2, 2] s = SplitToSequence(x, k) @ s output s"))
      .toEqual(["SplitToSequence s: pieces of [2, 2] do not make up the 5 elements of the axis"]);
    expect(errors("input x: f32[2] a = Nope(x) @ a s = SequenceConstruct(a) @ s y = SequenceLength(s) @ y output y")).toEqual(["Nope a: this operator is not supported"]);
  });
});

describe("optional values", () => {
  it("that are present are what they hold", () => {
    expect(run("input x: f32[2] o = Optional(x) @ o y = OptionalGetElement(o) @ y h = OptionalHasElement(o) @ h k = OptionalHasElement(x) @ k output y output h output k"))
      .toEqual({ y: ["2", [0, 1]], h: ["", [1]], k: ["", [1]] });
    expect(run(`${three} o = Optional(s) @ o p = Identity(o) @ p t = OptionalGetElement(p) @ t n = SequenceLength(t) @ n output n`, feeds)).toEqual({ n: ["", [3]] });
  });
  it("may be absent", () => {
    expect(run("o = Optional() @ o h = OptionalHasElement(o) @ h k = OptionalHasElement() @ k l = OptionalHasElement(none) @ l output h output k output l"))
      .toEqual({ h: ["", [0]], k: ["", [0]], l: ["", [0]] });
    expect(errors("o = Optional() @ o y = OptionalGetElement(o) @ y output y")).toEqual(["OptionalGetElement y: input 0 (o) is absent"]);
    expect(errors("input x: f32[1] o = Optional() @ o y = Add(x, o) @ y output y")).toEqual(["Add y: o is an absent optional value; Add takes tensors"]);
  });
  it("decide a branch", () => {
    const branches = 'then_branch: graph "t" { u = SequenceConstruct(x, x) @ c output u }, else_branch: graph "e" { u = OptionalGetElement(o) @ g output u }';
    expect(resolved(`input x: f32[2] o = Optional() @ o h = OptionalHasElement(o) @ h k = Not(h) @ k s = If(k) { ${branches} } @ if output s`).outputs).toEqual(["s_0", "s_1"]);
  });
});

describe("a Loop over sequences", () => {
  const body = (more = "") => `body: graph "b" { input i: i64[] input going: bool[] input s: f32[] on = Identity(going) @ on
    const one: i64[] = [1] const zero: i64[1] = [0] const axes: i64[1] = [0] e = Add(i, one) @ e u = Unsqueeze(e, axes) @ u part = Slice(x, zero, u) @ cut
    t = SequenceInsert(s, part) @ t ${more} output on output t output part2 }`;
  const begin = "input x: f32[3] const yes: bool[] = [1] s = SequenceEmpty() @ s";
  it("is written out turn by turn, with shapes of their own", () => {
    const loop = `y, z = Loop(trips, yes, s) { ${body("part2 = ReduceSum(part) { keepdims: 0 } @ sum")} } @ loop`;
    expect(run(`${begin} const trips: i64[] = [3] ${loop} output y output z`)).toEqual({ y_0: ["1", [0]], y_1: ["2", [0, 1]], y_2: ["3", [0, 1, 2]], z: ["3", [0, 1, 3]] });
    expect(errors(`${begin} input trips: i64[] ${loop} output y`)).toEqual(["Loop loop: it carries a sequence or an optional value, and its count of trips (trips) is computed at run time"]);
  });
  it("gives the number of its turn one dimension where its body takes it so, as PyTorch exports split", () => {
    const text = body("part2 = ReduceSum(part) { keepdims: 0 } @ sum").replace("input i: i64[]", "input i: i64[1]").replace("u = Unsqueeze(e, axes) @ u", "u = Identity(e) @ u");
    expect(run(`${begin} const trips: i64[] = [2] y, z = Loop(trips, yes, s) { ${text} } @ loop output z`)).toEqual({ z: ["2", [0, 1]] });
  });
  it("ends by its condition", () => {
    const text = body("part2 = Identity(i) @ k").replace("on = Identity(going) @ on", "const last: i64[] = [1] on = Less(i, last) @ on");
    expect(run(`${begin} y, z = Loop(none, yes, s) { ${text} } @ loop output z`)).toEqual({ z: ["2", [0, 1]] });
    expect(errors(`${begin} const trips: i64[] = [1000000] y, z = Loop(trips, yes, s) { ${text} } @ loop output z`))
      .toEqual(["Loop loop: it carries a sequence or an optional value, and its 1000000 turns would be 6000000 nodes"]);
  });
  it("an error in its body is told once", () => {
    expect(errors(`${begin} const trips: i64[] = [3] y, z = Loop(trips, yes, s) { ${body("part2 = Nope(part) @ nope")} } @ loop output y`))
      .toEqual(["Nope loop/nope: this operator is not supported"]);
  });
});
