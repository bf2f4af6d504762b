import { describe, expect, it } from "vitest";
import { inferTypes, type Fold } from "../../compiler/passes/graph/infer-types.ts";
import { fold as realFold } from "../../compiler/passes/graph/fold-constants.ts";
import { isGraph, sizeOf, type Constant, type Graph } from "../../compiler/ir/graph.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { verifyGraph } from "../../compiler/ir/verify-graph.ts";
import { arrayOf } from "../../compiler/ir/types.ts";
import type { Op } from "../../compiler/ops/op.ts";

const same: Op = { name: "Same", since: 1, inputs: [1, 1], attributes: { k: { kind: "int", default: 1 }, s: { kind: "string", optional: true } }, infer: (n) => [n.in(0)] };
const fakes: readonly Op[] = [
  same,
  { name: "Two", since: 1, inputs: [1, 2], outputs: [1, 2], infer: (n) => [n.in(0), { dtype: "i64", shape: [n.in(0).shape.length] }] },
  { name: "Refuse", since: 1, inputs: [1, 1], infer: (n) => n.fail("this form is not supported", "use another") },
  { name: "SizeOf", since: 1, inputs: [1, 1], infer: (n) => [{ dtype: "i64", shape: [n.in(0).shape.length] }] },
  { name: "Into", since: 1, inputs: [2, 2], parameters: [1], infer: (n) => [{ dtype: n.in(0).dtype, shape: n.parameter(1)! }] },
  { name: "Kinds", since: 1, inputs: [0, Infinity], attributes: { f: { kind: "float" }, is: { kind: "ints", optional: true }, fs: { kind: "floats", optional: true }, ss: { kind: "strings", optional: true }, t: { kind: "tensor", optional: true }, g: { kind: "graph", optional: true } }, infer: () => [{ dtype: "f32", shape: [] }] },
  { name: "Identity", since: 1, inputs: [1, 1], infer: (n) => [n.in(0)] },
  { name: "Broken", since: 1, inputs: [1, 1], infer: () => { throw new TypeError("x is undefined"); } },
];
const ops = new Map(fakes.map((o) => [o.name, o]));
const fold: Fold = (n, view): readonly Constant[] | null =>
  n.op === "SizeOf" ? [{ ...view.out(0), data: arrayOf("i64", view.in(0).shape) }] : n.op === "Same" && view.constant(0) ? [view.constant(0)!] : null;
const infer = (text: string, more: { fold?: Fold; ops?: ReadonlyMap<string, Op> } = {}) => inferTypes(parseGraph(`graph "g" { ${text} }`), { ops, ...more });
const typesOf = (g: Graph) => Object.fromEntries([...g.types].map(([v, t]) => [v, `${t.dtype}[${t.shape}]`]));
const brief = (r: ReturnType<typeof infer>) => r.diagnostics.map((d) => [d.severity, d.code, d.op ?? "", d.node ?? "", d.message, d.hint ?? ""].join(" | "));

describe("infer-types", () => {
  it("types every value, optional and unwanted ones too", () => {
    const r = infer("input x: f32[2, 3] a, b = Two(x, none) @ n1 none, c = Two(a) @ n2 y = Same(c) @ n3 output y output b");
    expect([typesOf(r.graph), brief(r)]).toEqual([{ x: "f32[2,3]", a: "f32[2,3]", b: "i64[2]", c: "i64[2]", y: "i64[2]" }, []]);
    expect(verifyGraph(r.graph)).toEqual([]);
  });
  it("folds on the way, so that shapes computed by nodes are known", () => {
    const r = infer("input x: f32[2, 3] input z: f32[6] s = SizeOf(x) @ s t = Same(s) @ t y = Into(z, t) @ y output y", { fold });
    expect([r.graph.nodes.map((n) => n.name), [...r.graph.constants.keys()], typesOf(r.graph)["y"], brief(r)]).toEqual([["y"], ["t"], "f32[2,3]", []]);
    expect(verifyGraph(r.graph)).toEqual([]);
  });
  it("an output of the graph stays a node's, and its value is known all the same", () => {
    const r = infer("input x: f32[2, 3] s = SizeOf(x) @ s y = Into(x, s) @ y output s output y", { fold });
    expect([r.graph.nodes.map((n) => n.name), typesOf(r.graph)["y"], verifyGraph(r.graph).length]).toEqual([["s", "y"], "f32[2,3]", 0]);
  });
  it("drops constants and types that nothing needs any more", () => {
    const r = infer("input x: f32[2] const u: f32[1] = [0] type gone: f32[4] y = Same(x) @ y output y");
    expect([r.graph.constants.size, Object.keys(typesOf(r.graph))]).toEqual([0, ["x", "y"]]);
  });
  it("what is not known at compile time is an error with what helps", () => {
    const r = infer("input x: f32[2] input s: i64[1] y = Into(x, s) @ y output y", { fold });
    expect(brief(r)).toEqual(["error | unsupported-form | Into | y | input 1 (s) is computed at run time, but must be known at compile time | make it a constant or initializer of the model, pin the shapes it is computed from with --shape or --dim, or say what it can be: --value s=0..512"]);
  });
  it("unknown operators are all reported, and what lies behind them is not", () => {
    const r = infer("input x: f32[2] a = Sam(x) @ a b = Refuse(a) @ b c = Nope(b) @ c y = Same(c) @ y output y");
    expect(brief(r)).toEqual(["error | unsupported-op | Sam | a | this operator is not supported | ", "error | unsupported-op | Nope | c | this operator is not supported | "]);
  });
  it("behind an unknown operator with stated types the rest is judged", () => {
    const r = infer("input x: f32[2] a: f32[2] = Nope(x) @ a b = Refuse(a) @ b output b");
    expect(brief(r)).toEqual(["error | unsupported-op | Nope | a | this operator is not supported | ", "error | unsupported-form | Refuse | b | this form is not supported | use another"]);
  });
  it("but not for a value that the unknown operator might have made known", () => {
    const r = infer("input x: f32[2] s: i64[1] = Nope(x) @ s t = Same(s) @ t y = Into(x, t) @ y output y", { fold });
    expect(brief(r)).toEqual(["error | unsupported-op | Nope | s | this operator is not supported | "]);
  });
  it("inputs, outputs and attributes must be those of the operator", () => {
    expect(brief(infer("input x: f32[2] y = Same(x, x) @ n output y"))).toEqual(["error | bad-model | Same | n | has 2 inputs, but Same takes at most 1 | "]);
    expect(brief(infer("input x: f32[2] y = Into(none, x) @ n output y"))).toEqual(["error | bad-model | Into | n | input 0 of Into is missing | "]);
    expect(brief(infer("input x: f32[2] y, z = Same(x) @ n output y"))).toEqual(["error | bad-model | Same | n | has 2 outputs, but Same has at most 1 | "]);
    expect(brief(infer("y = Kinds() @ n output y"))).toEqual(["error | bad-model | Kinds | n | attribute f of Kinds is missing | "]);
    expect(brief(infer('input x: f32[2] y = Same(x) { k: "a" } @ n output y'))).toEqual(["error | bad-model | Same | n | attribute k of Same must be of kind int | "]);
    expect(brief(infer("input x: f32[2] y = Same(x) { k: 1.5 } @ n output y"))).toEqual(["error | bad-model | Same | n | attribute k of Same must be of kind int | "]);
    const good = 'is: [1, 2], fs: [0.5], ss: ["a"], t: f32[1] = [1], g: graph "b" { }';
    expect(brief(infer(`y = Kinds() { f: 2, ${good} } @ n output y`))).toEqual([]);
    for (const [name, wrong] of Object.entries({ is: "[0.5]", fs: '["a"]', ss: "[1]", t: "1", g: "1", f: '"a"' })) {
      const attributes = name === "f" ? `f: ${wrong}` : `f: 2, ${name}: ${wrong}`;
      expect(brief(infer(`y = Kinds() { ${attributes} } @ n output y`))[0]).toMatch(new RegExp(`attribute ${name} of Kinds must be of kind`));
    }
  });
  it("an attribute that the operator does not have is ignored with a warning", () => {
    expect(brief(infer("input x: f32[2] y = Same(x) { q: 1 } @ n output y"))).toEqual(["warning | unknown-attribute | Same | n | Same has no attribute q; it is ignored | "]);
  });
  it("another stated shape is a warning, another element type an error", () => {
    const r = infer("input x: f32[2] a: f32[3] = Same(x) @ a y: f32[1, 2] = Same(a) @ y output y");
    expect(brief(r)).toEqual(["warning | stated-shape |  |  | the model states f32[3] for value a of node a, which is f32[2], and 1 more shape that differ likewise | "]);
    expect(typesOf(r.graph)["y"]).toBe("f32[2]");
    expect(brief(infer("input x: f32[2] y: i64[2] = Same(x) @ y output y"))).toEqual(["error | stated-type | Same | y | the model states i64[2] for output y, but it is f32[2] | "]);
    expect(brief(infer("input x: f32[2] y: f32[N] = Same(x) @ y output y"))).toEqual([]);
  });
  it("types the inside of sub-graphs, which see the values around them", () => {
    const r = infer('input x: f32[2] y = Kinds(x) { f: 1, g: graph "b" { t = Same(x) @ t u = Nope(t) @ u output u } } @ n output y');
    const g = r.graph.nodes[0]!.attributes["g"]!;
    expect(typeof g === "object" && isGraph(g) && typesOf(g)).toEqual({ t: "f32[2]" });
    expect(brief(r)).toEqual(["error | unsupported-op | Nope | u | this operator is not supported | "]);
  });
  it("an If of a known condition becomes its branch", () => {
    const branches = 'then_branch: graph "t" { const k: f32[1] = [3] p = Two(x) @ n q = Same(p) @ m output q output k output x }, else_branch: graph "e" { a = Refuse(x) @ r output a output a output a }';
    const r = infer(`input x: f32[2] const c: bool[] = [1] const n: f32[1] = [0] p = Same(n) @ n q, k, z = If(c) { ${branches} } @ if y = Two(q, k) @ y output y output z output p`);
    expect(brief(r)).toEqual([]);
    expect(verifyGraph(r.graph)).toEqual([]);
    expect(r.graph.nodes.map((n) => `${n.name}: ${n.outputs} = ${n.op}(${n.inputs})`)).toEqual([
      "n: p = Same(n)", "if/n: if/p = Two(x)", "if/m: q = Same(if/p)", "if/Identity: k = Identity(if/k)", "if/Identity_2: z = Identity(x)", "y: y = Two(q,k)",
    ]);
    expect(typesOf(r.graph)).toMatchObject({ "if/p": "f32[2]", q: "f32[2]", k: "f32[1]", z: "f32[2]" });
  });
  it("a shape rule that breaks names the node", () => {
    expect(() => infer("input x: f32[2] y = Broken(x) @ n output y")).toThrow("shape rule of Broken, node n: x is undefined");
  });
  it("works with the real operators and the real folding", () => {
    const r = inferTypes(parseGraph(`graph "g" { input x: f32[2, 3, 4]
      const i: i64[] = [0] const m: i64[1] = [-1] const a: i64[1] = [0]
      s = Shape(x) @ s b = Gather(s, i) { axis: 0 } @ b u = Unsqueeze(b, a) @ u t = Concat(u, m) { axis: 0 } @ t y = Reshape(x, t) @ y output y }`), { fold: realFold });
    expect([r.diagnostics, r.graph.nodes.map((n) => n.op), typesOf(r.graph)["y"]]).toEqual([[], ["Reshape"], "f32[2,12]"]);
    expect(sizeOf(r.graph.constants.get("t")!.shape)).toBe(2);
  });
});
