import { describe, expect, it } from "vitest";
import type { ComposedType } from "../../compiler/ir/graph.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { show, variable } from "../../compiler/ir/scalar.ts";
import { spreadInputs, type SpreadOptions } from "../../compiler/passes/graph/spread-inputs.ts";

const sequence: ComposedType = { sequence: true, optional: false, dtype: "f32", shape: [variable("index", "N"), 4] };
const spread = (composed: Record<string, ComposedType>, o: Partial<SpreadOptions> = {}, text = "input x: f32[2] input s n = SequenceLength(s) @ n output n") =>
  spreadInputs(parseGraph(`graph "g" { ${text} }`), { composed: new Map(Object.entries(composed)), ...o });
const brief = (s: ReturnType<typeof spread>) => s.diagnostics.map((d) => [d.severity, d.code, d.message, d.hint ?? ""].join(" | "));
const about = ({ graph: g }: ReturnType<typeof spread>) => ({
  inputs: g.inputs.map((v) => `${v}: ${g.types.get(v)?.dtype}[${g.types.get(v)?.shape.map((d) => (typeof d === "number" ? d : show(d)))}]`),
  nodes: g.nodes.map((n) => `${n.name}: ${n.outputs} = ${n.op}(${n.inputs})`),
});

describe("spread-inputs", () => {
  it("leaves tensors alone", () => {
    const g = parseGraph('graph "g" { input x: f32[2] y = Relu(x) @ y output y }');
    expect(spreadInputs(g, { composed: new Map() }).graph).toBe(g);
  });
  it("a sequence becomes an input for each tensor, whose open dimensions are its own", () => {
    const s = spread({ s: sequence }, { lengths: { s: 2 } });
    expect(about(s)).toEqual({ inputs: ["x: f32[2]", "s_0: f32[s_0.0,4]", "s_1: f32[s_1.0,4]"], nodes: ["SequenceConstruct_s: s = SequenceConstruct(s_0,s_1)", "n: n = SequenceLength(s)"] });
    expect(about(spread({ s: sequence }, { lengths: { s: 0 } })).nodes[0]).toBe("SequenceEmpty_s: s = SequenceEmpty()");
  });
  it("a shape of the sequence is that of all its tensors, unless they have their own", () => {
    const s = spread({ s: sequence }, { lengths: { s: 2 }, shapes: { s: [3, 4], s_1: [5, 4], x: [2] } });
    expect(s.shapes).toEqual({ s_0: [3, 4], s_1: [5, 4], x: [2] });
  });
  it("tensors without a rank are unranked inputs", () => {
    const s = spread({ s: { sequence: true, optional: false, dtype: "i64" } }, { lengths: { s: 1 } });
    expect([[...s.unranked], s.graph.types.has("s_0")]).toEqual([[["s_0", "i64"]], false]);
  });
  it("a name that is taken gets a number", () => {
    expect(spread({ s: sequence }, { lengths: { s: 1 } }, "input s_0: f32[2] input s n = SequenceLength(s) @ n output n").graph.inputs).toEqual(["s_0", "s_0_2"]);
  });
  it("an optional value is given unless it is said to be absent", () => {
    const optional: ComposedType = { sequence: false, optional: true, dtype: "f32", shape: [3] };
    const there = spread({ s: optional });
    expect([about(there).inputs, brief(there)]).toEqual([
      ["x: f32[2]", "s: f32[3]"], ["note | optional-input | input s is an optional f32[3] and becomes an input that must be given | to leave it out: --absent s"],
    ]);
    expect(about(spread({ s: optional }, { absent: ["s"] }))).toEqual({ inputs: ["x: f32[2]"], nodes: ["Optional_s: s = Optional()", "n: n = SequenceLength(s)"] });
  });
  it.each<[string, Record<string, ComposedType>, Partial<SpreadOptions>, string]>([
    ["a length is missing", { s: sequence }, {}, "error | open-length | input s is a sequence of f32[N, 4] without a length | give it one, for example --length s=3"],
    ["of an optional one", { s: { ...sequence, optional: true } }, {},
      "error | open-length | input s is an optional sequence of f32[N, 4] without a length | give it one, for example --length s=3, or leave it out: --absent s"],
    ["a length of a tensor", { s: sequence }, { lengths: { s: 1, x: 2 } }, "error | unknown-input | --length x=2: the model has no sequence x among its inputs | those it has: s"],
    ["an absent tensor", {}, { absent: ["x"] }, "error | unknown-input | --absent x: the model has no optional input x | none of its inputs is optional"],
    ["both", { s: { ...sequence, optional: true } }, { lengths: { s: 1 }, absent: ["s"] }, "error | length-conflict | --length s=1, but also --absent s | give one of the two"],
    ["too many", { s: sequence }, { lengths: { s: 1e6 } }, "error | bad-length | --length s=1000000: not a whole number from 0 to 1024 | each tensor becomes an input"],
  ])("%s", (_, composed, o, message) => { expect(brief(spread(composed, o))).toEqual([message]); });
});
