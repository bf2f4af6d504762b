/** What comes out of a file beside the rewriting of operators: constants, types, names, functions, sub-graphs, external data. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import onnxProto from "onnx-proto";
import type { onnx } from "onnx-proto";
import { externalIn, importOnnx, type ImportOptions } from "../../compiler/import/onnx/index.ts";
import { isConstant, isGraph, type Constant, type Graph } from "../../compiler/ir/graph.ts";
import { show } from "../../compiler/ir/scalar.ts";
import { elementTypes, types } from "../../compiler/ir/types.ts";
import { encode, float, model, modelProto, node, tensor, type ModelText } from "../support/onnx.ts";

const read = (m: ModelText, options: Partial<ImportOptions> = {}) => importOnnx(model(m), { name: "m", ...options });
const typeText = (g: Graph, v: string): string => { const t = g.types.get(v)!; return `${t.dtype}[${t.shape.map((d) => (typeof d === "number" ? d : show(d)))}]`; };
const elements = (c: Constant | undefined): unknown => Array.from(c!.data as Iterable<number | bigint>);
const nodeLines = (g: Graph): readonly string[] => g.nodes.map((n) => `${n.outputs.map((v) => v || "_")} = ${n.op}(${n.inputs.map((v) => v || "_")})`);
const attributeType = onnxProto.onnx.AttributeProto.AttributeType;

describe("constants", () => {
  const initializer = (t: onnx.ITensorProto) => read({ initializers: { w: t }, nodes: ["y = Relu(w)"], outputs: ["y"] });
  it("raw data of every element type", () => {
    expect(elementTypes.every((t) => types[t].onnx > 0)).toBe(true);
    for (const t of elementTypes) {
      const m = read({ initializers: { w: tensor(t, [2], [1, 0]) }, nodes: ["y = Identity(w)"], outputs: ["y"] });
      expect(m.graph.constants.get("w")).toMatchObject({ dtype: t, shape: [2] });
      expect(Array.from(m.graph.constants.get("w")!.data as Iterable<number | bigint>, Number)).toEqual([1, Number(types[t].wrap(0))]);
    }
  });
  const forms: readonly (readonly [string, onnx.ITensorProto, unknown])[] = [
    ["float_data", { dataType: 1, dims: [2], floatData: [1.5, -2] }, [1.5, -2]],
    ["double_data", { dataType: 11, dims: [2], doubleData: [0.1, -2] }, [0.1, -2]],
    ["int32_data", { dataType: 6, dims: [2], int32Data: [5, -2] }, [5, -2]],
    ["int32_data for int8", { dataType: 3, dims: [2], int32Data: [5, -2] }, [5, -2]],
    ["int32_data for uint16", { dataType: 4, dims: [1], int32Data: [65535] }, [65535]],
    ["int32_data for bool", { dataType: 9, dims: [2], int32Data: [1, 0] }, [1, 0]],
    ["int64_data", { dataType: 7, dims: [2], int64Data: [5, -2] }, [5n, -2n]],
    ["uint64_data", { dataType: 13, dims: [1], uint64Data: [7] }, [7n]],
    ["uint64_data for uint32", { dataType: 12, dims: [1], uint64Data: [4294967295] }, [4294967295]],
    ["no elements", { dataType: 1, dims: [0, 3] }, []],
  ];
  for (const [name, t, values] of forms) it(name, () => { expect(elements(initializer(t).graph.constants.get("w"))).toEqual(values); });
  it("a list written entry by entry", () => {
    const packed = model({ initializers: { w: { dataType: 1, dims: [2], floatData: [1, 2] } }, nodes: ["y = Relu(w)"], outputs: ["y"] });
    const at = packed.findIndex((_, i) => packed[i] === 0x22 && packed[i + 1] === 8 && packed[i + 4] === 0x80), tail = packed.slice(at + 2, at + 10);
    // The same two floats as two fields of four bytes, behind each other: as long as the packed form.
    const single = new Uint8Array([...packed.slice(0, at), 0x25, ...tail.slice(0, 4), 0x25, ...tail.slice(4), ...packed.slice(at + 10)]);
    expect(at).toBeGreaterThan(0);
    expect(elements(importOnnx(single, { name: "m" }).graph.constants.get("w"))).toEqual([1, 2]);
  });
  it("weights are views of the file; unaligned ones are copied, or moved if the bytes are given away", () => {
    for (const pad of [0, 1, 2, 3]) {
      const bytes = model({ name: "n".repeat(pad + 1), initializers: { w: tensor("f32", [3], [1, 2, 3]) }, nodes: ["y = Relu(w)"], outputs: ["y"] });
      const find = (b: Uint8Array) => b.findIndex((_, i) => b[i] === 0x4a && b[i + 1] === 12) + 2, isAligned = (bytes.byteOffset + find(bytes)) % 4 === 0;
      const kept = bytes.slice(), w = importOnnx(bytes, { name: "m" }).graph.constants.get("w")!;
      expect(bytes).toEqual(kept);
      expect(w.data.buffer === bytes.buffer).toBe(isAligned);
      const moved = importOnnx(bytes, { name: "m", mayMove: true }).graph.constants.get("w")!;
      expect(moved.data.buffer === bytes.buffer).toBe(true);
      expect([elements(w), elements(moved)]).toEqual([[1, 2, 3], [1, 2, 3]]);
    }
  });
  it("a Buffer is read as well as other bytes", () => {
    const bytes = Buffer.concat([Buffer.from("x"), model({ initializers: { w: tensor("f32", [1], [3]) }, nodes: ["y = Relu(w)"], outputs: ["y"] })]).subarray(1);
    expect(elements(importOnnx(bytes, { name: "m" }).graph.constants.get("w"))).toEqual([3]);
  });
  it("initializers among the inputs are constants", () => {
    const { graph } = read({ inputs: { x: "f32[1]", w: "f32[1]" }, initializers: { w: tensor("f32", [1], [2]) }, nodes: ["y = Add(x, w)"], outputs: ["y"] });
    expect([graph.inputs, [...graph.constants.keys()]]).toEqual([["x"], ["w"]]);
  });
  const constantForms: readonly (readonly [string, Parameters<typeof node>[1], string, unknown])[] = [
    ["value", { value: { dataType: 6, dims: [1, 2], int32Data: [1, 2] } }, "i32[1,2]", [1, 2]],
    ["value_float", { value_float: float(2.5) }, "f32[]", [2.5]],
    ["value_floats", { value_floats: [float(1), float(2)] }, "f32[2]", [1, 2]],
    ["value_int", { value_int: 2n ** 62n + 1n }, "i64[]", [2n ** 62n + 1n]],
    ["value_ints", { value_ints: [-1, 3] }, "i64[2]", [-1n, 3n]],
  ];
  for (const [name, attributes, type, values] of constantForms) {
    it(`Constant with ${name}`, () => {
      const { graph } = read({ nodes: [node("c = Constant()", attributes), "y = Identity(c)"], outputs: ["y"] }), c = graph.constants.get("c")!;
      expect([`${c.dtype}[${c.shape}]`, elements(c), graph.nodes.length]).toEqual([type, values, 1]);
    });
  }
  it("sparse tensors become dense, with indices linear or per dimension", () => {
    const sparse = (indices: onnx.ITensorProto): Uint8Array => {
      const m = modelProto({ nodes: ["y = Relu(w)"], outputs: ["y"] });
      m.graph!.sparseInitializer = [{ dims: [2, 3], values: { name: "w", dataType: 1, dims: [2], floatData: [7, 8] }, indices }];
      return encode(m);
    };
    for (const indices of [{ dataType: 7, dims: [2], int64Data: [1, 5] }, { dataType: 7, dims: [2, 2], int64Data: [0, 1, 1, 2] }]) {
      expect(elements(importOnnx(sparse(indices), { name: "m" }).graph.constants.get("w"))).toEqual([0, 7, 0, 0, 0, 8]);
    }
  });
});

describe("types and names", () => {
  it("named, unknown and negative dimensions become symbols", () => {
    const { graph } = read({ inputs: { x: "f32[N, 3, ?, -1]", z: "f32[?]" }, nodes: ["y = Relu(x)"], outputs: { y: "f32[N, 3, H, W]" } });
    expect([typeText(graph, "x"), typeText(graph, "z"), typeText(graph, "y")]).toEqual(["f32[N,3,x.2,x.3]", "f32[z.0]", "f32[N,3,H,W]"]);
  });
  it("an input without a rank is reported beside the graph", () => {
    const m = read({ inputs: { x: "i64" }, nodes: ["y = Identity(x)"], outputs: ["y"] });
    expect([[...m.unranked], m.graph.types.has("x"), m.diagnostics]).toEqual([[["x", "i64"]], false, []]);
  });
  it("an input that is a sequence or optional is reported beside the graph", () => {
    const m = read({ inputs: { s: "seq(f32[N, 3])", t: "seq(i64)", o: "optional(f32[2])", p: "optional(seq(f32[2]))", q: "seq(seq(f32))" }, nodes: ["y = SequenceLength(s)"], outputs: ["y"] });
    expect([...m.composed].map(([v, t]) => `${v} ${t.sequence} ${t.optional} ${t.dtype} ${t.shape?.map((d) => (typeof d === "number" ? d : show(d)))}`))
      .toEqual(["s true false f32 N,3", "t true false i64 undefined", "o false true f32 2", "p true true f32 2"]);
    expect([m.graph.types.size, m.unranked.size, m.diagnostics.map((d) => d.message)]).toEqual([0, 0, ["q holds a sequence; only tensors, and sequences and optional values of tensors, are supported"]]);
  });
  it("nodes without a name get one from the operator and the first output; doubles get a number", () => {
    const { graph } = read({ inputs: { x: "f32[1]" }, nodes: ["a = Relu(x)", node("b = Relu(a)", {}, "r"), node("c = Relu(b)", {}, "r"), "_, d = Foo(c)"], outputs: ["d"] });
    expect(graph.nodes.map((n) => n.name)).toEqual(["Relu_a", "r", "r_2", "Foo_d"]);
  });
  it("inputs and outputs not given at the end vanish, others stay", () => {
    expect(nodeLines(read({ inputs: { x: "f32[1]" }, nodes: ["y, _ = LSTM(x, _, x, _, _)"], outputs: ["y"] }).graph)).toEqual(["y = LSTM(x,_,x)"]);
  });
  it("new constants do not take names that the model has, in sub-graphs either", () => {
    const body = { outputs: ["c.max"], nodes: ["c.max = Relu(x)"].map((text) => ({ text: text.replace("c.max", "t") })), values: {} };
    const { graph } = read({ opset: 10, inputs: { x: "f32[1]", "c.min": "f32[1]" }, nodes: [node("y = Clip(x)", { min: float(0) }, "c"), node("z = If(x)", { then_branch: { ...body, outputs: ["t"] }, else_branch: { ...body, outputs: ["t"] } })], outputs: ["y"] });
    expect(graph.nodes[0]!.inputs).toEqual(["x", "c.min_2"]);
  });
  it("domains stand in front of operators; ai.onnx is the same as none", () => {
    const { graph } = read({ inputs: { x: "f32[1]" }, nodes: ["a = ai.onnx::Relu(x)", "y = com.microsoft::Gelu(a)"], outputs: ["y"] });
    expect(graph.nodes.map((n) => n.op)).toEqual(["Relu", "com.microsoft.Gelu"]);
  });
  it("nodes in any order come out in order", () => {
    const { graph } = read({ inputs: { x: "f32[1]" }, nodes: ["c = Add(a, b)", "b = Relu(a)", "a = Relu(x)"], outputs: ["c"] });
    expect(nodeLines(graph)).toEqual(["a = Relu(x)", "b = Relu(a)", "c = Add(a,b)"]);
  });
  it("attributes of every kind", () => {
    const { graph } = read({ inputs: { x: "f32[1]" }, nodes: [node("y = Foo(x)", { i: 3, f: float(0.5), s: "é", is: [1, 2], fs: [float(1)], ss: ["a", "b"], none: [], t: { dataType: 7, dims: [], int64Data: [4] }, g: { outputs: ["q"], nodes: ["q = Relu(x)"] } })], outputs: ["y"] });
    const { t, g, ...rest } = graph.nodes[0]!.attributes;
    expect(rest).toEqual({ i: 3, f: 0.5, s: "é", is: [1, 2], fs: [1], ss: ["a", "b"], none: [] });
    expect(isConstant(t!) && elements(t)).toEqual([4n]);
    expect(isGraph(g!) && nodeLines(g)).toEqual(["q = Relu(x)"]);
  });
  it("opsets, producer and metadata", () => {
    const m = modelProto({ opset: 17, domains: { custom: 2 }, inputs: { x: "f32[1]" }, nodes: ["y = Relu(x)"], outputs: ["y"] });
    const i = importOnnx(encode({ ...m, producerVersion: "1.2", metadataProps: [{ key: "author", value: "me" }] }), { name: "m" });
    expect([[...i.opsets], i.producer, i.irVersion, [...i.metadata]]).toEqual([[["", 17], ["custom", 2]], "test 1.2", 8, [["author", "me"]]]);
  });
});

describe("functions", () => {
  const leaky = {
    name: "Leaky", domain: "local", inputs: ["x", "bias"], outputs: ["y"], attributes: ["slope"],
    nodes: [node("t = LeakyRelu(x)", { alpha: { ref: "slope", type: attributeType.FLOAT } }), "y = Add(t, bias)"],
  };
  it("the body takes the place of the node, with its values and attributes", () => {
    const { graph, diagnostics } = read({ functions: [leaky], inputs: { x: "f32[1]", b: "f32[1]" }, nodes: [node("y = local::Leaky(x, b)", { slope: float(0.5) }, "call")], outputs: ["y"] });
    expect(diagnostics).toEqual([]);
    expect(nodeLines(graph)).toEqual(["call/t = LeakyRelu(x)", "y = Add(call/t,b)"]);
    expect(graph.nodes[0]!.attributes).toEqual({ alpha: 0.5 });
    expect(graph.nodes.map((n) => n.origin)).toEqual([["call"], ["call"]]);
  });
  it("an attribute not given is not there; an input not given is not given inside", () => {
    const { graph } = read({ functions: [leaky], inputs: { x: "f32[1]" }, nodes: ["y = local::Leaky(x)"], outputs: ["y"] });
    expect(nodeLines(graph)).toEqual(["Leaky_y/t = LeakyRelu(x)", "y = Add(Leaky_y/t)"]);
    expect(graph.nodes[0]!.attributes).toEqual({});
  });
  it("functions in functions, twice, keep their values apart; the origin is the model's own node", () => {
    const twice = { name: "Twice", domain: "local", inputs: ["x"], outputs: ["y"], nodes: [node("a = local::Neg2(x)", {}, "first"), node("y = local::Neg2(a)", {}, "second")] };
    const neg = { name: "Neg2", domain: "local", inputs: ["x"], outputs: ["y"], nodes: ["t = Neg(x)", "y = Relu(t)"] };
    const { graph } = read({ functions: [twice, neg], inputs: { x: "f32[1]" }, nodes: [node("y = local::Twice(x)", {}, "f")], outputs: ["y"] });
    expect(nodeLines(graph)).toEqual(["f/first/t = Neg(x)", "f/a = Relu(f/first/t)", "f/second/t = Neg(f/a)", "y = Relu(f/second/t)"]);
    expect(new Set(graph.nodes.flatMap((n) => n.origin))).toEqual(new Set(["f"]));
    expect(new Set(graph.nodes.map((n) => n.name)).size).toBe(4);
  });
  it("the body is read in the function's own opset", () => {
    const old = { name: "Cut", domain: "local", inputs: ["x"], outputs: ["y"], opset: 9, nodes: [node("y = Slice(x)", { starts: [0], ends: [1] })] };
    const { graph } = read({ opset: 21, functions: [old], inputs: { x: "f32[2]" }, nodes: ["y = local::Cut(x)"], outputs: ["y"] });
    expect(graph.nodes[0]!.inputs.map((v) => (graph.constants.has(v) ? "constant" : v))).toEqual(["x", "constant", "constant", "constant"]);
  });
  it("an output that is an input is copied", () => {
    const same = { name: "Same", domain: "local", inputs: ["x"], outputs: ["x"], nodes: [] };
    expect(nodeLines(read({ functions: [same], inputs: { x: "f32[2]" }, nodes: ["y = local::Same(x)"], outputs: ["y"] }).graph)).toEqual(["y = Identity(x)"]);
  });
  it("constants and sub-graphs inside a body", () => {
    const f = { name: "F", domain: "local", inputs: ["c", "x"], outputs: ["y"], nodes: [node("k = Constant()", { value_float: float(2) }), node("y = If(c)", { then_branch: { outputs: ["t"], nodes: ["t = Add(x, k)"] }, else_branch: { outputs: ["e"], nodes: ["e = Sub(x, k)"] } })] };
    const { graph, diagnostics } = read({ functions: [f], inputs: { b: "bool[]", v: "f32[1]" }, nodes: [node("y = local::F(b, v)", {}, "f")], outputs: ["y"] });
    expect(diagnostics).toEqual([]);
    expect(elements(graph.constants.get("f/k"))).toEqual([2]);
    const then = graph.nodes[0]!.attributes["then_branch"]!;
    expect(typeof then === "object" && isGraph(then) && nodeLines(then)).toEqual(["f/t = Add(v,f/k)"]);
  });
  it("fields newer than onnx-proto: defaults of attributes, and overloads", () => {
    const { AttributeProto, FunctionProto, NodeProto } = onnxProto.onnx;
    const field = (number: number, bytes: Uint8Array) => [(number << 3) | 2, bytes.length, ...bytes];
    const text = (s: string) => new TextEncoder().encode(s), slope = AttributeProto.encode({ name: "slope", type: attributeType.FLOAT, f: 0.25 }).finish();
    const m = modelProto({ functions: [leaky, { ...leaky, nodes: ["y = Add(x, bias)"] }], inputs: { x: "f32[1]" }, nodes: ["y = local::Leaky(x, x)"], outputs: ["y"] });
    const [first, second] = m.functions!, [call] = m.graph!.node!;
    const raw = (message: Uint8Array, ...more: number[][]) => new Uint8Array([...message, ...more.flat()]);
    const wrapped = (number: number, message: Uint8Array) => new Uint8Array([(number << 3) | 2 | 0x80 * (number > 15 ? 1 : 0), ...(number > 15 ? [(number << 3) >> 7] : []), (message.length & 127) | 0x80, message.length >> 7, ...message]);
    const graph = onnxProto.onnx.GraphProto.encode({ ...m.graph!, node: [] }).finish(), rest = onnxProto.onnx.ModelProto.encode({ ...m, graph: null, functions: [] }).finish();
    const build = (overload: string) => {
      const n = raw(NodeProto.encode(call!).finish(), field(8, text(overload)));
      const f = raw(FunctionProto.encode(first!).finish(), field(11, slope), field(13, text("a"))), g = raw(FunctionProto.encode(second!).finish(), field(13, text("b")));
      return new Uint8Array([...rest, ...wrapped(7, new Uint8Array([...graph, ...wrapped(1, n)])), ...wrapped(25, f), ...wrapped(25, g)]);
    };
    const [a, b] = [importOnnx(build("a"), { name: "m" }), importOnnx(build("b"), { name: "m" })];
    expect(nodeLines(a.graph)).toEqual(["Leaky_y/t = LeakyRelu(x)", "y = Add(Leaky_y/t,x)"]);
    expect(a.graph.nodes[0]!.attributes).toEqual({ alpha: 0.25 });
    expect(nodeLines(b.graph)).toEqual(["y = Add(x,x)"]);
  });
});

describe("external data", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "mlc-import-"));
  afterAll(() => { rmSync(folder, { recursive: true }); });
  const inside = path.join(folder, "model");
  mkdirSync(path.join(inside, "data"), { recursive: true });
  writeFileSync(path.join(inside, "data", "w.bin"), new Uint8Array(new Float32Array([9, 1, 2, 3]).buffer));
  writeFileSync(path.join(folder, "secret.bin"), new Uint8Array(16));
  symlinkSync(path.join(folder, "secret.bin"), path.join(inside, "link.bin"));
  execFileSync("mkfifo", [path.join(inside, "pipe")]);
  const external = (location: string, more: Readonly<Record<string, string>> = {}) => ({
    dataType: 1, dims: [3], dataLocation: 1, externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
  });
  const load = (t: onnx.ITensorProto, readExternal = externalIn(inside)) => read({ initializers: { w: t }, nodes: ["y = Relu(w)"], outputs: ["y"] }, { readExternal });
  it("a part of a file in the model's folder", () => {
    expect(elements(load(external("data/w.bin", { offset: "4", length: "12" })).graph.constants.get("w"))).toEqual([1, 2, 3]);
    expect(elements(load(external("./data/w.bin", { offset: "4" })).graph.constants.get("w"))).toEqual([1, 2, 3]);
  });
  it("each file is read once", () => {
    const asked: string[] = [], files = externalIn(inside), t = external("data/w.bin");
    const { graph } = read({ initializers: { v: t, w: t }, nodes: ["y = Add(v, w)"], outputs: ["y"] }, { readExternal: (l) => { asked.push(l); return files(l); } });
    expect(asked.length).toBe(2);
    expect(graph.constants.get("v")!.data.buffer).toBe(graph.constants.get("w")!.data.buffer);
  });
  const refused: readonly (readonly [string, RegExp])[] = [
    ["../secret.bin", /outside the model's folder/], ["data/../../secret.bin", /outside the model's folder/], ["..\\secret.bin", /outside the model's folder/],
    [path.join(folder, "secret.bin"), /an absolute path/], ["C:\\secret.bin", /an absolute path/], ["link.bin", /a link to outside/],
  ];
  for (const [location, why] of refused) {
    it(`${path.basename(location) === location ? location : location.replace(folder, "")} is refused unless allowed`, () => {
      const m = load(external(location));
      expect(m.diagnostics).toMatchObject([{ severity: "error", code: "external-data", hint: "if you trust the model, allow it with --allow-external-data" }]);
      expect(m.diagnostics[0]!.message).toMatch(why);
    });
  }
  it("allowed, a path may lead anywhere", () => {
    expect(elements(load(external("../secret.bin"), externalIn(inside, { anywhere: true })).graph.constants.get("w"))).toEqual([0, 0, 0]);
    expect(elements(load(external("link.bin"), externalIn(inside, { anywhere: true })).graph.constants.get("w"))).toEqual([0, 0, 0]);
  });
  const broken: readonly (readonly [string, onnx.ITensorProto, RegExp])[] = [
    ["a missing file", external("gone.bin"), /the external data gone\.bin cannot be read: ENOENT/],
    ["a folder", external("data"), /the external data data is not a file/],
    ["a pipe without a writer", external("pipe"), /the external data pipe is not a file/],
    ["a location with a zero byte", external("data/w.bin\0.txt"), /holds a zero byte/],
    ["an offset behind the end", external("data/w.bin", { offset: "8" }), /bytes 8 to 20 of data\/w\.bin, which has 16/],
    ["a length that does not fit", external("data/w.bin", { length: "8" }), /has 8 bytes in data\/w\.bin, but its type and shape need 12/],
    ["no location", { ...external("x"), externalData: [] }, /the model does not say which/],
  ];
  for (const [name, t, why] of broken) {
    it(`${name} is an error`, () => {
      expect(load(t).diagnostics).toMatchObject([{ severity: "error", code: "external-data" }]);
      expect(load(t).diagnostics[0]!.message).toMatch(why);
    });
  }
  it("without a folder external data is an error", () => {
    const m = read({ initializers: { w: external("w.bin") }, nodes: ["y = Relu(w)"], outputs: ["y"] });
    expect(m.diagnostics[0]).toMatchObject({ code: "external-data", message: "initializer w lies in another file, w.bin, and the model was given without its folder" });
  });
});
