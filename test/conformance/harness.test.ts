import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import onnxProto from "onnx-proto";
import type { onnx } from "onnx-proto";
import protobuf from "protobufjs/minimal.js";
import { afterAll, describe, expect, test } from "vitest";
import type { Case } from "./cases.ts";
import { choicesFor, parameterInputs, type CompileCase } from "./compile.ts";
import { difference } from "./compare.ts";
import { matches, parseExceptions } from "./exceptions.ts";
import { runGroup, type Result } from "./group.ts";
import { suggestExceptions } from "./suggest.ts";
import { pinInputs, readModel, readTensor, readValue, tensorsOf, type ModelFacts, type PortFacts, type Tensor } from "./proto.ts";

const root = mkdtempSync(join(tmpdir(), "mlc-harness-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const floats = (...values: number[]): Tensor => ({ code: 1, shape: [values.length], bytes: new Uint8Array(new Float32Array(values).buffer) });
const proto = (t: Tensor): Uint8Array => onnxProto.onnx.TensorProto.encode({ dataType: t.code, dims: [...t.shape], rawData: t.bytes }).finish();
const value = (name: string): onnx.IValueInfoProto => ({ name, type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 3 }] } } } });
const model = (op: string): Uint8Array => onnxProto.onnx.ModelProto.encode({
  irVersion: 8, opsetImport: [{ version: 13 }],
  graph: { name: "g", node: [{ opType: op, input: ["a", "b"], output: ["y"] }], input: [value("a"), value("b")], output: [value("y")] },
}).finish();

/** A case whose recorded output is a + b. */
function addition(name: string): Case {
  const set = join(root, name, "test_data_set_0");
  mkdirSync(set, { recursive: true });
  writeFileSync(join(root, name, "model.onnx"), model("Add"));
  [floats(1, 2, 3), floats(10, 20, 30)].forEach((t, i) => writeFileSync(join(set, `input_${i}.pb`), proto(t)));
  writeFileSync(join(set, "output_0.pb"), proto(floats(11, 22, 33)));
  return { name, model: join(root, name, "model.onnx"), sets: [set] };
}
const port = { name: "p", code: 1, shape: [3], bytes: 12 };
/** Stands for the compiler: the body of each case's function is given. */
const written = (bodies: Readonly<Record<string, string>>): CompileCase => async ({ path, name }) => {
  const body = bodies[path.split("/").at(-2)!]!;
  if (body === "refuse") return { refused: "no such operator" };
  const head = `#include <math.h>\nstatic float helper(float x) { return fabsf(x); }\nextern "C" int ${name}_run(const float *a, const float *b, float *y);\n`;
  return {
    name, header: `int ${name}_run(const float *, const float *, float *);`, inputs: [port, port], outputs: [port], pinned: [],
    build: { kind: "native", sources: [`${name}.cpp`], objects: [], compileFlags: [], linkFlags: [] },
    files: new Map([[`${name}.cpp`, `${head}int ${name}_run(const float *a, const float *b, float *y) { ${body} return 0; }\n`]]),
  };
};
const group = async (bodies: Readonly<Record<string, string>>) => {
  const r = await runGroup(Object.keys(bodies).map(addition), {
    compile: written(bodies), cc: ["cc", "-std=gnu99", "-Wall", "-Werror"], cxx: ["c++", "-std=c++17", "-O1"], folder: join(root, "group"), keep: false, seconds: 20, env: process.env,
  });
  return Object.fromEntries(r.results.map((x) => [x.name, `${x.outcome} ${x.reason}`.trim()]));
};
const add = "for (int i = 0; i < 3; i++) y[i] = a[i] + helper(b[i]);";

describe("a group", () => {
  test("tells what passes from what is wrong, and a crash stays in its case", async () => {
    expect(await group({
      right: add, wrong: "for (int i = 0; i < 3; i++) y[i] = a[i];", crash: "*(volatile int *)8 = 1;", error: "return 3;", refused: "refuse", again: add,
    })).toEqual({
      right: "passed", wrong: "failed output 0: 3 of 3 elements differ, element 2 is 3, expected 33",
      crash: "failed touched memory outside its buffers (signal 11)", error: "failed returned error 3", refused: "refused no such operator", again: "passed",
    });
  });
  test("finds reads and writes outside the caller's buffers", async () => {
    const r = await group({ after: `${add} *(volatile float *)(y + 3) = 1;`, before: `${add} *(volatile float *)(y - 1) = 1;`, read: `${add} y[0] += 0 * *(volatile const float *)(a + 3);` });
    expect(r).toEqual({
      after: "failed touched memory outside its buffers (signal 11)", before: "failed wrote before the start of a buffer", read: "failed touched memory outside its buffers (signal 11)",
    });
  });
  test("a case that does not compile does not take the others with it", async () => {
    const r = await group({ right: add, broken: "nonsense;" });
    expect(r.right).toBe("passed");
    expect(r.broken).toMatch(/^failed the C\+\+ compiler: .*nonsense/);
  });
});

/** Stands for a compiler to JavaScript: the body of `run`, which gets `a` and `b` and gives `y`. */
const module = (bodies: Readonly<Record<string, string>>): CompileCase => async ({ path, name }) => {
  const ports = (...names: string[]): string => JSON.stringify(names.map((n) => ({ name: n, type: "float32", shape: [3] })));
  const text = `export const inputs = ${ports("a", "b")}, outputs = ${ports("y")};
export async function createNet({ gpu }) {
  if (!gpu) throw new Error("no gpu");
  return { device: { addEventListener() {} }, dispose() {}, async run({ a, b }) { ${bodies[path.split("/").at(-2)!]!} } };
}`;
  return { name, header: "", inputs: [port, port], outputs: [port], pinned: [], files: new Map([["index.js", text], ["package.json", '{ "type": "module" }']]), build: { kind: "module", entry: "index.js" } };
};
describe("a group of modules", () => {
  test("tells what passes from what is wrong; who ends the process does not take the others along", async () => {
    const bodies = {
      right: "return { y: a.map((x, i) => x + b[i]) };", wrong: "return { y: a };", error: 'throw new Error("a reason");',
      ends: "process.exit(7);", again: "return { y: a.map((x, i) => x + b[i]) };", kind: "return { y: [11, 22, 33] };",
    };
    const r = await runGroup(Object.keys(bodies).map(addition), { compile: module(bodies), cc: [], cxx: [], folder: join(root, "modules"), keep: false, seconds: 20, env: process.env });
    expect(Object.fromEntries(r.results.map((x) => [x.name, `${x.outcome} ${x.reason}`.trim()]))).toEqual({
      right: "passed", wrong: "failed output 0: 3 of 3 elements differ, element 2 is 3, expected 33", error: "failed a reason",
      ends: "failed ended the process: exit code 7", again: "passed", kind: "failed the output y is a Array",
    });
  });
});

describe("comparison", () => {
  test("floats within 1e-3 of the expected value, NaN equal to NaN, infinities exact", () => {
    expect(difference(floats(1.0009, Number.NaN, Infinity), floats(1, Number.NaN, Infinity))).toBeNull();
    expect(difference(floats(1.0011, 0, 0), floats(1, 0, 0))).toMatch(/^1 of 3 elements differ, element 0/);
    expect(difference(floats(0, Number.NaN, 1), floats(0, 1, 1))).toMatch(/element 1 is NaN, expected 1/);
    expect(difference(floats(-Infinity), floats(Infinity))).toMatch(/differ/);
    expect(difference(floats(1e30), floats(Infinity))).toMatch(/differ/);
  });
  test("half precision is compared by value, integers exactly", () => {
    const half = (bits: number): Tensor => ({ code: 10, shape: [], bytes: new Uint8Array([bits & 255, bits >> 8]) });
    expect(difference(half(0x3c00), half(0x3c00))).toBeNull();
    expect(difference(half(0x3c01), half(0x3c00))).toBeNull();
    expect(difference(half(0x3c02), half(0x3c00))).toMatch(/differ/);
    expect(difference(half(0x8000), half(0x0000))).toBeNull();
    expect(difference({ code: 3, shape: [1], bytes: new Uint8Array([4]) }, { code: 3, shape: [1], bytes: new Uint8Array([5]) })).toMatch(/byte 0 is 4, expected 5/);
  });
  test("shape and element type count", () => {
    expect(difference({ ...floats(1), shape: [1, 1] }, floats(1))).toBe("shape [1, 1], expected [1]");
    expect(difference({ ...floats(1), code: 6 }, floats(1))).toBe("element type int32, expected float");
  });
});

describe("the list of exceptions", () => {
  const list = parseExceptions("# a comment\n\nop:Loop  a body that runs at run time\ntype:string  no strings\nnode/test_a*_x  why\n");
  const traits = (name: string, ops: string[] = [], types: string[] = []) => ({ name, ops: new Set(ops), types: new Set(types) });
  test("names cases by operator, by type and by pattern", () => {
    expect(list.map((e) => e.line)).toEqual([3, 4, 5]);
    const hit = (t: ReturnType<typeof traits>) => list.filter((e) => matches(e, t)).map((e) => e.pattern);
    expect(hit(traits("node/b", ["Add", "Loop"]))).toEqual(["op:Loop"]);
    expect(hit(traits("node/b", ["Add"], ["string"]))).toEqual(["type:string"]);
    expect(hit(traits("node/test_abs_x"))).toEqual(["node/test_a*_x"]);
    expect(hit(traits("node/test_abs_xy"))).toEqual([]);
  });
  test("a line needs a reason", () => expect(() => parseExceptions("op:Loop\n")).toThrow('line 1: expected a pattern, two spaces and a reason, found "op:Loop"'));
});

describe("recorded values", () => {
  const field = (number: number, bytes: Uint8Array): Uint8Array => protobuf.Writer.create().uint32((number << 3) | 2).bytes(bytes).finish();
  const port = (kind: PortFacts["kind"]): PortFacts => ({ name: "p", kind, code: 1, shape: [] });
  const sequence = Buffer.concat([field(3, proto(floats(1))), field(3, proto(floats(2, 3)))]);
  test("are tensors, sequences, or optional and perhaps absent", () => {
    expect(tensorsOf(readValue(sequence, port("sequence"))).map((t) => t.shape)).toEqual([[1], [2]]);
    expect(tensorsOf(readValue(field(5, sequence), port("optional"))).map((t) => t.shape)).toEqual([[1], [2]]);
    expect(readValue(field(3, proto(floats(1))), port("optional"))).toMatchObject({ code: 1, shape: [1] });
    expect(tensorsOf(readValue(new Uint8Array(), port("optional")))).toEqual([]);
    expect(() => readValue(sequence, port("map"))).toThrow("p is no tensor but map");
  });
  test("say what the compiler must know of inputs", () => {
    const facts: ModelFacts = { inputs: [port("tensor"), { ...port("sequence"), name: "s" }, { ...port("optional"), name: "o" }].map((p, i) => (i ? p : { ...p, shape: [3] })), outputs: [], nodes: [], ops: new Set() };
    expect(choicesFor(facts, { inputs: [floats(1, 2, 3), [floats(1), floats(2, 3)], null], outputs: [] })).toEqual({ shapes: { s_0: [1], s_1: [2] }, lengths: { s: 2 }, absent: ["o"] });
  });
});

describe("a suggested list", () => {
  test("covers what did not pass, by what all such cases share", () => {
    const result = (name: string, passed: boolean, op: string, type: string, reason = ""): Result =>
      ({ name, outcome: passed ? "passed" : "refused", reason, ops: [op], types: [type], pinned: [] });
    const results = [
      result("a", true, "Add", "float"), result("b", false, "Add", "string", "string"), result("c", false, "Sub", "string", "string"),
      result("d", false, "Loop", "float", "Loop: this operator is not supported"), result("e", false, "Loop", "float", "Loop: this operator is not supported"),
      result("f", false, "Add", "float", "wrong numbers"),
    ];
    const text = suggestExceptions(results);
    expect(text).toBe("op:Loop  the operator Loop has no entry yet\ntype:string  elements of type string are not supported yet\n\nf  wrong numbers\n");
    const list = parseExceptions(text);
    const known = (r: Result) => list.some((e) => matches(e, { name: r.name, ops: new Set(r.ops), types: new Set(r.types) }));
    expect(results.filter(known).map((r) => r.name)).toEqual(["b", "c", "d", "e", "f"]);
  });
});

describe("inputs that must be known", () => {
  test("are found through other nodes, but not through Shape", () => {
    const facts = {
      ...readModel(model("Reshape")),
      nodes: [{ op: "Shape", inputs: ["a"], outputs: ["s"] }, { op: "Concat", inputs: ["s", "b"], outputs: ["t"] }, { op: "Reshape", inputs: ["c", "t"], outputs: ["y"] }],
    };
    expect(parameterInputs(facts, (op) => (op === "Reshape" ? [1] : []))).toEqual(["b"]);
  });
  test("become initializers of the encoded model", () => {
    const pinned = onnxProto.onnx.ModelProto.decode(pinInputs(model("Reshape"), { b: proto(floats(1, 2)) }));
    expect(pinned.graph?.initializer?.map((t) => t.name)).toEqual(["b"]);
    expect(pinned.graph?.node).toHaveLength(1);
    expect(pinned.opsetImport).toHaveLength(1);
    expect(readTensor(onnxProto.onnx.TensorProto.encode(pinned.graph!.initializer![0]!).finish())).toMatchObject({ code: 1, shape: [2] });
  });
});
