import { describe, expect, it } from "vitest";
import { checkOperators, unsupportedRows } from "../../compiler/passes/graph/check-operators.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";

const check = (text: string) => checkOperators(parseGraph(`graph "g" { ${text} }`));
const hintOf = (op: string) => check(`y = "${op}"() @ n output y`)[0]!.hint;

describe("check-operators", () => {
  it("names every node of an operator without an entry, in sub-graphs too, and needs no types", () => {
    const found = check('input x: f32[N] a = Nonsense(x) @ n1 b = Relu(a) @ n2 c = Foo(b) { g: graph "b" { t = Nonsense(x) @ n4 output t } } @ n3 output c');
    expect(found.map((d) => [d.severity, d.code, d.op, d.node, d.message])).toEqual([
      ["error", "unsupported-op", "Nonsense", "n1", "this operator is not supported"],
      ["error", "unsupported-op", "Foo", "n3", "this operator is not supported"],
      ["error", "unsupported-op", "Nonsense", "n4", "this operator is not supported"],
    ]);
  });
  it("guesses what was meant", () => {
    expect(hintOf("Sigmoidd")).toBe("did you mean Sigmoid?");
    expect(hintOf("relu")).toBe("did you mean Relu?");
    expect(hintOf("BatchNormalisation")).toBe("did you mean BatchNormalization?");
    expect(hintOf("Quux")).toBeUndefined();
  });
  it("says what kind of operator it is, and what helps", () => {
    const about = (op: string) => { const [d] = check(`y = "${op}"() @ n output y`); return [d!.message, d!.hint]; };
    expect(about("ImageDecoder")).toEqual(["this operator is not supported: decodes image files", "decode the image before the model runs and pass the pixels in"]);
  });
  it("says what other domains mean", () => {
    expect(hintOf("com.example.Relu")).toBe("ONNX's own Relu is supported");
    expect(hintOf("com.microsoft.Nonsense")).toMatch(/an operator of ONNX Runtime/);
    expect(hintOf("org.pytorch.aten.ATen")).toMatch(/PyTorch left its own operator/);
    expect(hintOf("ai.onnx.ml.DictVectorizer")).toMatch(/classical machine learning/);
    expect(hintOf("ai.onnx.preview.training.Gradient")).toMatch(/export the model for inference/);
    expect(hintOf("com.example.Foo")).toBe("the domain com.example is not ONNX's own: put the operator into the model as a function (ModelProto.functions)");
  });
  it("groups for a table: most frequent first, by operator, reason and hint", () => {
    const form = { severity: "error", code: "unsupported-form", op: "Resize", message: "mode x", hint: "use linear" } as const;
    expect(unsupportedRows([
      ...check("a = Foo() @ n1 output a"), { ...form, node: "r1" }, { ...form, node: "r2" },
      { severity: "warning", code: "unsupported-form", op: "Resize", message: "mode x" }, { severity: "error", code: "bad-model", op: "Resize", message: "mode x" }, { severity: "error", code: "unsupported-type", message: "float16" },
    ])).toEqual([
      { op: "Resize", nodes: ["r1", "r2"], reason: "mode x", hint: "use linear" },
      { op: "Foo", nodes: ["n1"], reason: "this operator is not supported" },
    ]);
  });
});
