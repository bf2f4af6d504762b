import { describe, expect, it } from "vitest";
import { compile } from "../../compiler/index.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { model as encodeModel, node } from "../support/onnx.ts";
import { pinValues, type InputValues } from "../../compiler/passes/graph/pin-values.ts";

const g = parseGraph('graph "g" { input x: f32[2, 2] input k: i64[] input b: bool[3] input s: string[1] y = Cast(k) { to: 1 } @ c z = Add(x, y) @ z output z }');
const brief = (values: InputValues) => pinValues(g, values).diagnostics.map((d) => [d.code, d.message, d.hint ?? ""].join(" | "));

describe("pin-values", () => {
  it("inputs become constants", () => {
    const pinned = pinValues(g, { k: [-3], x: [0.5], b: [1, 0, 1] });
    expect([pinned.diagnostics, pinned.graph.inputs]).toEqual([[], ["s"]]);
    expect(["k", "x", "b"].map((v) => [...pinned.graph.constants.get(v)!.data])).toEqual([[-3n], [0.5, 0.5, 0.5, 0.5], [1, 0, 1]]);
    expect(pinValues(g, {}).graph).toBe(g);
  });
  it("a branch that is not taken goes, with its problems, on targets without branches too", async () => {
    const branch = (text: string) => ({ outputs: { r: "f32[2, 3]" }, nodes: [text] });
    const bytes = encodeModel({
      inputs: { x: "f32[2, 3]", fast: "bool[]" }, outputs: ["y"],
      nodes: [node("y = If(fast)", { then_branch: branch("r = Relu(x)"), else_branch: branch("r = MatMul(x, x)") }, "If_0")],
    });
    await expect(compile(bytes, { target: "opencl" })).rejects.toThrow(/MatMul/);
    const made = await compile(bytes, { target: "opencl", values: { fast: [1] } });
    expect(made.graph.inputs).toEqual(["x"]);
  });
  it.each<[string, InputValues, string]>([
    ["there is no such input", { n: [1] }, "unknown-input | --value n=1: the model has no input n | those it has: x, k, b, s"],
    ["other numbers than elements", { x: [1, 2, 3, 4, 5] }, "bad-value | --value x=1,2,3,4,...: 5 numbers for 4 elements of shape [2, 2] | give one for each, or one for all"],
    ["a fraction", { k: [1.5] }, "bad-value | --value k=1.5: 1.5 is no i64 | give numbers of the input's type"],
    ["no truth", { b: [2] }, "bad-value | --value b=2: 2 is no bool | give numbers of the input's type"],
    ["a string", { s: [1] }, "bad-value | --value s=1: the input is of strings | only numbers can be given"],
  ])("%s", (_, values, message) => { expect(brief(values)).toEqual([message]); });
});
