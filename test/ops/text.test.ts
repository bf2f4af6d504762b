/** Operators on strings, by definition. */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { constantOf } from "../../compiler/ir/graph.ts";
import { parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import { textId, textOf } from "../../compiler/ir/text.ts";
import { fold } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";

const inferred = (text: string) => inferTypes(parseGraph(`graph "g" { ${text} }`), { fold });
const errors = (text: string) => inferred(text).diagnostics.map((d) => `${d.op} ${d.node}: ${d.message}`);
/** The outputs, strings as strings. */
function run(text: string, feeds: Readonly<Record<string, readonly string[]>>): Record<string, readonly unknown[]> {
  const { graph: g, diagnostics } = inferred(text);
  expect(diagnostics).toEqual([]);
  const given = g.inputs.map((v) => [v, constantOf("string", g.types.get(v)!.shape as readonly number[], Int32Array.from(feeds[v]!, textId))] as const);
  return Object.fromEntries([...evaluateGraph(g, new Map(given))].map(([v, c]) => [v, Array.from(c.data as Iterable<number>, (x) => (c.dtype === "string" ? textOf(x) : Number(x)))]));
}

describe("strings", () => {
  it("are moved like numbers, and compared", () => {
    expect(run('input x: string[3] const k: string[1] = ["b"] const i: i64[2] = [2, 0] e = Equal(x, k) @ e g = Gather(x, i) @ g c = Concat(g, k) { axis: 0 } @ c w = Where(e, k, x) @ w output e output c output w',
      { x: ["a", "b", "ü"] })).toEqual({ e: [0, 1, 0], c: ["ü", "a", "b"], w: ["a", "b", "ü"] });
  });
  it("constants print and parse", () => {
    const text = 'graph "g" {\n  const k: string[2] = ["a \\"b\\"", ""]\n  y: string[2] = Identity(k) @ y\n  output y\n}\n';
    expect(printGraph(parseGraph(text))).toBe(text);
  });
  it("are put together", () => {
    expect(run("input x: string[2, 1] input y: string[2] z = StringConcat(x, y) @ z output z", { x: ["a", ""], y: ["b", "日本"] })).toEqual({ z: ["ab", "a日本", "b", "日本"] });
  });
  it("are cut into pieces", () => {
    const split = (attributes: string, most: number, x: readonly string[]) => run(`input x: string[${x.length}] y: string[${x.length}, ${most}], n = StringSplit(x) ${attributes} @ s output y output n`, { x });
    expect(split('{ delimiter: "-" }', 3, ["a-b", "--", ""])).toEqual({ y: ["a", "b", "", "", "", "", "", "", ""], n: [2, 3, 1] });
    expect(split("", 2, [" a  b\t", "\u3000"])).toEqual({ y: ["a", "b", "", ""], n: [2, 0] });
    expect(split("{ maxsplit: 1 }", 2, [" a  b c ", "a "])).toEqual({ y: ["a", "b c ", "a", ""], n: [2, 1] });
    expect(split('{ delimiter: "é", maxsplit: 0 }', 1, ["aéb"])).toEqual({ y: ["aéb"], n: [1] });
    expect(errors("input x: string[2] y, n = StringSplit(x) @ s output y output n")[0]).toMatch(/^StringSplit s: the most pieces that a string has is computed at run time/);
  });
  it("are matched by patterns", () => {
    expect(run('input x: string[3] y = RegexFullMatch(x) { pattern: "[a-z]+\\\\d?" } @ y output y', { x: ["abc1", "1", "ab"] })).toEqual({ y: [1, 0, 1] });
    expect(errors('input x: string[1] y = RegexFullMatch(x) { pattern: "a(" } @ y output y')).toEqual(['RegexFullMatch y: the pattern "a(" is not supported: missing ), at character 2']);
    expect(errors('input x: f32[1] y = RegexFullMatch(x) { pattern: "a" } @ y output y')[0]).toMatch(/^RegexFullMatch y: input 0 \(x\) has type f32; RegexFullMatch takes string/);
  });
  it("are normalized", () => {
    const normal = (attributes: string, out: string, x: readonly string[]) => run(`input x: string[${x.length}] y: string[${out}] = StringNormalizer(x) { ${attributes} } @ y output y`, { x })["y"];
    expect(normal('case_change_action: "UPPER"', "2", ["straße é", "b"])).toEqual(["STRAßE É", "B"]);
    expect(normal('stopwords: ["The", "a"], case_change_action: "LOWER"', "2", ["the", "Dog", "A", "Ö"])).toEqual(["dog", "ö"]);
    expect(normal('stopwords: ["The"], is_case_sensitive: 1', "2", ["the", "The", "x"])).toEqual(["the", "x"]);
    expect(normal('stopwords: ["a"]', "1", ["a", "a"])).toEqual([""]);
    expect(errors('input x: string[2, 2] y = StringNormalizer(x) @ y output y')).toEqual(["StringNormalizer y: the strings have the shape [2, 2], but it must be [C] or [1, C]"]);
  });
  it("are labels", () => {
    const encode = (attributes: string) => run(`input x: string[3] y = ai.onnx.ml.LabelEncoder(x) { ${attributes} } @ y output y`, { x: ["b", "?", "a"] })["y"];
    expect(encode('keys_strings: ["a", "b"], values_int64s: [7, 8], default_int64: 9')).toEqual([8, 9, 7]);
    expect(encode('keys_strings: ["a", "b"], values_strings: ["A", "B"]')).toEqual(["B", "_Unused", "A"]);
  });
  it("are no numbers", () => {
    expect(errors("input x: string[2] y = Add(x, x) @ y output y")[0]).toMatch(/has type string; Add takes/);
    expect(errors("input x: f32[2] y = Cast(x) { to: 8 } @ y output y")[0]).toMatch(/^Cast y: attribute to is 8: the element type string is not supported/);
  });
});
