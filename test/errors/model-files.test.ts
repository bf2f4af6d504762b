/** What people see when a model file is wrong: one test per message. */
import { describe, expect, it } from "vitest";
import { CompileError } from "../../compiler/diagnostics.ts";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { float, model, modelProto, encode, node, tensor, type ModelText } from "../support/onnx.ts";

/** The errors of a file that cannot be read at all. */
function refused(bytes: Uint8Array): string {
  try {
    importOnnx(bytes, { name: "m.onnx" });
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    expect(e.diagnostics.length).toBe(1);
    return [e.diagnostics[0]!.code, e.diagnostics[0]!.message, e.diagnostics[0]!.hint ?? ""].join(" | ");
  }
  return "it was read";
}
const text = (s: string) => Uint8Array.from(s, (c) => c.charCodeAt(0));
const sample = (): Uint8Array => model({
  inputs: { x: "f32[2, 3]" }, initializers: { w: tensor("f32", [3, 4], Array.from({ length: 12 }, (_, i) => i)) },
  nodes: ["m = MatMul(x, w)", node("y = Softmax(m)", { axis: 1 })], outputs: { y: "f32[2, 4]" },
});

describe("files that are no models", () => {
  const files: readonly (readonly [string, Uint8Array, string])[] = [
    ["an empty file", new Uint8Array(), "m.onnx is empty | "],
    ["a Git LFS pointer", text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "m.onnx is a Git LFS pointer, not an ONNX model | fetch the file itself: git lfs pull"],
    ["a web page", text("<!DOCTYPE html>"), "m.onnx is a web page or XML, not an ONNX model | download the file itself"],
    ["JSON", text('{"a": 1}'), "m.onnx is JSON, not an ONNX model | "],
    ["a zip archive", text("PK\x03\x04...."), "m.onnx is a zip archive, as PyTorch and Keras write them, not an ONNX model | convert it to ONNX first"],
    ["gzip", text("\x1f\x8b\x08...."), "m.onnx is compressed with gzip, not an ONNX model | unpack it first: gunzip"],
    ["HDF5", text("\x89HDF\r\n"), "m.onnx is an HDF5 file, as Keras writes them, not an ONNX model | convert it to ONNX first"],
    ["TensorFlow Lite", text("\x1c\0\0\0TFL3"), "m.onnx is a TensorFlow Lite model, not an ONNX model | convert it to ONNX first"],
    ["ONNX Runtime's format", text("\x1c\0\0\0ORTM"), "m.onnx is a model in ONNX Runtime's own format, not an ONNX model | give the .onnx file it was made from"],
    ["some text", text("hello"), "m.onnx cannot be read: it is truncated, damaged or not an ONNX model (invalid wire type 4 at offset 3) | "],
    ["a model without a graph", encode({ irVersion: 8 }), "m.onnx holds no graph: it is truncated or not an ONNX model | "],
  ];
  for (const [name, bytes, message] of files) it(name, () => { expect(refused(bytes)).toBe(`bad-model | ${message}`); });
  it("a truncated file, wherever it ends, is one error", () => {
    const bytes = sample();
    expect(refused(bytes)).toBe("it was read");
    const messages = new Set(Array.from({ length: bytes.length - 12 }, (_, i) => refused(bytes.subarray(0, i + 1)).replace(/\(.*\)/, "(...)")));
    expect([...messages].sort()).toEqual([
      "bad-model | m.onnx cannot be read: it is truncated, damaged or not an ONNX model (...) | ",
      "bad-model | m.onnx holds no graph: it is truncated or not an ONNX model | ",
    ]);
  });
  it("damaged bytes give a graph, diagnostics or one error, and nothing else", () => {
    const bytes = sample();
    let seed = 7;
    const random = (n: number) => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor((seed / 2 ** 32) * n); };
    let read = 0;
    for (let round = 0; round < 3000; round++) {
      const broken = bytes.slice();
      for (let k = 1 + random(3); k > 0; k--) broken[random(broken.length)] = random(256);
      if (refused(broken) === "it was read") read++;
    }
    expect(read).toBeGreaterThan(100);
  });
  it("groups and graphs nested without end are one error", () => {
    const groups = new Uint8Array(300_000).map((_, i) => (i % 2 === 0 ? 0x9b : 0x06));
    expect(refused(groups)).toMatch(/^bad-model \| m\.onnx cannot be read: it is truncated/);
    // A graph (7) of nodes (1) with attributes (5) that are graphs (6), from the inside out.
    const field = (number: number, inner: readonly number[]) => {
      const length: number[] = [];
      for (let n = inner.length; length.length === 0 || n > 0; n >>>= 7) length.push((n & 127) | (n > 127 ? 128 : 0));
      return [(number << 3) | 2, ...length, ...inner];
    };
    for (const depth of [300, 1200]) {
      let bytes = field(2, [0x67]);
      for (let i = 0; i < depth; i++) bytes = field(1, field(5, [...field(1, [0x67]), ...field(6, bytes), 0xa0, 0x01, 0x05]));
      expect(refused(Uint8Array.from(field(7, [...bytes])))).toMatch(/^it was read$|^bad-model \| m\.onnx cannot be read|^too-deep \| /);
    }
  });
});

const problems = (m: ModelText) => importOnnx(model(m), { name: "m" }).diagnostics.map((d) => [d.severity, d.code, d.node ?? "", d.message, d.hint ?? ""].join(" | "));
const constant = (t: object): ModelText => ({ initializers: { w: t as never }, nodes: ["y = Relu(w)"], outputs: ["y"] });

describe("models with something wrong in them", () => {
  const cases: readonly (readonly [string, ModelText, string])[] = [
    ["too few bytes", constant({ dataType: 1, dims: [2, 3], rawData: new Uint8Array(12) }), "error | bad-tensor |  | initializer w has 12 bytes of data, but float32[2, 3] needs 24 | "],
    ["too few elements", constant({ dataType: 1, dims: [2, 3], floatData: [1] }), "error | bad-tensor |  | initializer w has 4 bytes of data, but float32[2, 3] needs 24 | "],
    ["too many elements", constant({ dataType: 7, dims: [1], int64Data: [1, 2] }), "error | bad-tensor |  | initializer w has 2 elements, but int64[1] needs 1 | "],
    ["no data", constant({ dataType: 6, dims: [2] }), "error | bad-tensor |  | initializer w has 0 elements, but int32[2] needs 2 | "],
    ["a negative size", constant({ dataType: 1, dims: [-2] }), "error | bad-tensor |  | initializer w has the shape [-2], which no tensor can have | "],
    ["an element type", constant({ dataType: 14, dims: [1], rawData: new Uint8Array(8) }), "error | unsupported-type |  | element type complex64 is not supported (w) | "],
    ["an unheard-of element type", constant({ dataType: 99, dims: [1] }), "error | unsupported-type |  | element type number 99 is not supported (w) | "],
    ["an input's element type", { inputs: { x: "15[1]" }, nodes: ["y = Relu(x)"], outputs: ["y"] }, "error | unsupported-type |  | element type complex128 is not supported (x) | "],
    ["an input without a type", { inputs: { x: "" }, nodes: ["y = Relu(x)"], outputs: ["y"] }, "error | bad-model |  | input x has no type | "],
    ["an empty Constant", { nodes: [node("y = Constant()", {}, "c")], outputs: ["y"] }, "error | bad-model | c | node c is a Constant without a value | "],
    ["a value from nowhere", { nodes: [node("y = Relu(z)", {}, "r")], outputs: ["y"] }, "error | bad-model | r | node r reads z, which is no input, no constant and no output of another node | "],
    ["an output from nowhere", { inputs: { x: "f32[1]" }, nodes: ["y = Relu(x)"], outputs: ["z"] }, "error | bad-model |  | the output z is computed by no node | "],
    ["a value made twice", { inputs: { x: "f32[1]" }, nodes: ["y = Relu(x)", node("y = Abs(x)", {}, "second")], outputs: ["y"] }, "error | bad-model | second | node second: y is already the name of another value | "],
    ["a circle", { nodes: [node("a = Relu(b)", {}, "p"), node("b = Relu(a)", {}, "q")], outputs: ["a"] }, "error | bad-model | q | nodes depend on each other in a circle: q reads a, which is computed from it | "],
    ["a value from nowhere in a sub-graph", { inputs: { c: "bool[]" }, nodes: [node("y = If(c)", { then_branch: { outputs: ["t"], nodes: [node("t = Relu(gone)", {}, "in")] } })], outputs: ["y"] }, "error | bad-model | in | node in reads gone, which is no input, no constant and no output of another node | "],
    ["a function that calls itself", { functions: [{ name: "F", domain: "d", inputs: ["x"], outputs: ["y"], nodes: [node("y = d::F(x)", {}, "again")] }], inputs: { x: "f32[1]" }, nodes: [node("y = d::F(x)", {}, "f")], outputs: ["y"] }, "error | bad-model | f/again | function F calls itself, at node f/again | "],
    ["an opset of the future", { opset: 99, inputs: { x: "f32[1]" }, nodes: ["y = Relu(x)"], outputs: ["y"] }, "warning | newer-opset |  | the model uses operator set 99; the newest that mlc knows is 27, and operators that changed since are read in their old meaning | "],
    ["spatial = 0", { opset: 8, inputs: { x: "f32[1, 2, 3]", s: "f32[2, 3]" }, nodes: [node("y = BatchNormalization(x, s, s, s, s)", { spatial: 0 }, "b")], outputs: ["y"] }, "error | unsupported-form | b | BatchNormalization with spatial = 0 has a scale per element instead of per channel | use spatial = 1, or Mul and Add"],
    ["Scan of opset 8", { opset: 8, inputs: { x: "f32[1]" }, nodes: [node("y = Scan(x)", {}, "s")], outputs: ["y"] }, "error | unsupported-form | s | Scan of opset 8 with lengths of sequences | convert the model to opset 9 or later"],
    ["Tile of opset 1", { opset: 1, inputs: { x: "f32[1]", t: "i64[1]" }, nodes: [node("y = Tile(x, t, t)", {}, "n")], outputs: ["y"] }, "error | unsupported-form | n | Tile of opset 1 needs constant tiles and axis and an input of stated rank | convert the model to opset 6 or later"],
    ["a mean without variance", { opset: 1, inputs: { x: "f32[1]" }, nodes: [node("y = MeanVarianceNormalization(x)", { normalize_variance: 0 }, "n")], outputs: ["y"] }, "error | unsupported-form | n | MeanVarianceNormalization without normalize_variance | subtract a ReduceMean instead"],
    ["Upsample without scales", { opset: 9, inputs: { x: "f32[1]" }, nodes: [node("y = Upsample(x)", {}, "n")], outputs: ["y"] }, "error | bad-model | n | Upsample has no scales | "],
    ["GroupNormalization without groups", { opset: 18, inputs: { x: "f32[1]" }, nodes: [node("y = GroupNormalization(x, x, x)", {}, "n")], outputs: ["y"] }, "error | bad-model | n | GroupNormalization has no num_groups | "],
    ["Crop without borders", { opset: 6, inputs: { x: "f32[1]" }, nodes: [node("y = Crop(x)", {}, "n")], outputs: ["y"] }, "error | bad-model | n | Crop has no border of four numbers | "],
    ["Cast to nothing", { opset: 5, inputs: { x: "f32[1]" }, nodes: [node("y = Cast(x)", { to: "REAL" }, "n")], outputs: ["y"] }, 'error | bad-model | n | Cast to "REAL", which is no element type | '],
    ["an old attribute of the wrong kind", { opset: 9, inputs: { x: "f32[1]" }, nodes: [node("y = Slice(x)", { starts: "a" }, "n")], outputs: ["y"] }, "error | bad-model | n | attribute starts of Slice must be a list of numbers | "],
    ["an old number of the wrong kind", { opset: 9, inputs: { x: "f32[1]" }, nodes: [node("y = Clip(x)", { min: "a" }, "n")], outputs: ["y"] }, "error | bad-model | n | attribute min of Clip must be a number | "],
    ["an axis that does not fit", { opset: 6, inputs: { x: "f32[2, 3]", b: "f32[2, 3]" }, nodes: [node("y = Add(x, b)", { broadcast: 1, axis: 1 }, "n")], outputs: ["y"] }, "error | bad-model | n | a tensor of rank 2 at axis 1 does not fit into one of rank 2 | "],
  ];
  for (const [name, m, message] of cases) it(name, () => { expect(problems(m)).toEqual([message]); });
  it("one message for all values of a type, and one for each other problem: all at once", () => {
    const odd = { dataType: 14, dims: [1], rawData: new Uint8Array(8) } as never;
    expect(problems({
      inputs: { x: "14[1]", y: "15[1]" }, initializers: { a: odd, b: odd, c: odd, d: odd, w: { dataType: 1, dims: [3] } as never },
      nodes: ["p = Sum(a, b, c, d, x, y, w)", node("q = Slice(p)", {}, "s"), "r = Relu(nowhere)"], outputs: ["q"], opset: 9,
    })).toEqual([
      "error | bad-tensor |  | initializer w has 0 elements, but float32[3] needs 3 | ",
      "error | unsupported-type |  | element type complex64 is not supported (5 values: x, a, b and 2 more) | ",
      "error | unsupported-type |  | element type complex128 is not supported (y) | ",
      "error | bad-model | Relu_r | node Relu_r reads nowhere, which is no input, no constant and no output of another node | ",
    ]);
  });
  it("inputs that are no tensors", () => {
    const only = "only tensors, and sequences and optional values of tensors, are supported";
    const input = (type: object) => {
      const m = modelProto({ nodes: ["y = Foo(x)"], outputs: ["y"] });
      m.graph!.input = [{ name: "x", type }];
      return importOnnx(encode(m), { name: "m" }).diagnostics.map((d) => `${d.code}: ${d.message}`);
    };
    const item = { tensorType: { elemType: 1 } };
    expect(input({ sequenceType: { elemType: { sequenceType: { elemType: item } } } })).toEqual([`unsupported-type: x holds a sequence; ${only}`]);
    expect(input({ optionalType: { elemType: { optionalType: { elemType: item } } } })).toEqual([`unsupported-type: x holds an optional value; ${only}`]);
    expect(input({ sequenceType: {} })).toEqual(["bad-model: x is a sequence, but the model does not say of what"]);
    expect(input({ mapType: { keyType: 7, valueType: item } })).toEqual([`unsupported-type: x is a map; ${only}`]);
    expect(input({ sparseTensorType: { elemType: 1 } })).toEqual([`unsupported-type: x is a sparse tensor; ${only}`]);
  });
  it("attributes of kinds that nothing uses", () => {
    const m = modelProto({ inputs: { x: "f32[1]" }, nodes: [node("y = Foo(x)", { a: float(1) }, "n")], outputs: ["y"] });
    m.graph!.node![0]!.attribute = [{ name: "list", type: 9, tensors: [] }];
    expect(importOnnx(encode(m), { name: "m" }).diagnostics).toEqual([{ severity: "error", code: "unsupported-attribute", message: "attribute list of node n is of kind TENSORS, which is not supported", op: "Foo", node: "n" }]);
  });
  it("sparse tensors that do not fit", () => {
    const sparse = (indices: number[], values = [1, 2]) => {
      const m = modelProto({ nodes: ["y = Relu(w)"], outputs: ["y"] });
      m.graph!.sparseInitializer = [{ dims: [3], values: { name: "w", dataType: 1, dims: [values.length], floatData: values }, indices: { dataType: 7, dims: [indices.length], int64Data: indices } }];
      return importOnnx(encode(m), { name: "m" }).diagnostics.map((d) => d.message);
    };
    expect(sparse([0, 3])).toEqual(["initializer w has the index 3, but 3 elements"]);
    expect(sparse([0])).toEqual(["initializer w has 2 values, but 1 numbers in its indices"]);
  });
});
