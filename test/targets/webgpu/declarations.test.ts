import type { DiagnosticMessageChain, Project } from "ts-morph";
import { beforeAll, expect, test } from "vitest";
import type { Port } from "../../../compiler/ir/program.ts";
import { parameter } from "../../../compiler/ir/scalar.ts";
import { declarations } from "../../../targets/webgpu/declarations.ts";

const inputs: readonly Port[] = [
  { name: "image", dtype: "f32", shape: [1, 3, 48, 320] }, { name: "row ids", dtype: "i64", shape: [2], stored: "i32" }, { name: "mask", dtype: "bool", shape: [], stored: "u32" },
];
const outputs: readonly Port[] = [{ name: "scores", dtype: "f32", shape: [1, 10] }, { name: "class", dtype: "i64", shape: [], stored: "i32" }, { name: 'a "b"\n\\', dtype: "u8", shape: [0], stored: "u32" }];
const text = declarations("digits", inputs, outputs);
let project: Project;
beforeAll(async () => {
  const { Project, ScriptTarget, ModuleKind, ModuleResolutionKind } = await import("ts-morph");
  project = new Project({
    compilerOptions: { strict: true, exactOptionalPropertyTypes: true, noEmit: true, target: ScriptTarget.ES2023, module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext, lib: ["lib.es2023.d.ts", "lib.dom.d.ts"], types: [], skipLibCheck: false },
  });
  project.createSourceFile("net/index.d.mts", text);
});
/** The messages of the compiler for a user's file. */
function problems(code: string): readonly string[] {
  const file = project.createSourceFile("net/user.mts", `import { createNet, inputs, outputs, type Net } from "./index.mjs";\nlet net!: Net;\n${code}`, { overwrite: true });
  const flat = (m: string | DiagnosticMessageChain): string => (typeof m === "string" ? m : [m.getMessageText(), ...(m.getNext() ?? []).map(flat)].join(" "));
  return [...project.getSourceFileOrThrow("net/index.d.mts").getPreEmitDiagnostics(), ...file.getPreEmitDiagnostics()].map((d) => flat(d.getMessageText()));
}
const values = `image: new Float32Array(46080), "row ids": [1, 2n], mask: [true]`;

test("what can be written", () => {
  expect(problems(`
    const shape: readonly [1, 3, 48, 320] = inputs[0].shape, name: "class" = outputs[1].name, stored: "int32" = inputs[1].stored;
    net = await createNet({ progress: (done, total) => done / total, weights: shape.length ? new URL("x:y") : new Uint8Array(3) });
    const { scores, class: c, "a \\"b\\"\\n\\\\": odd } = await net.run({ ${values} });
    const a: Float32Array = scores, b: BigInt64Array = c, d: Uint8Array = odd;
    const buffers = await net.run({ ${values} }, { outputs: "buffers" });
    const again = await net.run({ ...${`{ ${values} }`}, image: buffers.scores });
    const mixed = await net.run({ ${values} }, { outputs: { class: buffers.class } });
    const e: Float32Array = mixed.scores;
    net.dispose();
    void [a, b, d, shape, name, stored, again, e];
  `)).toEqual([]);
});
test.each([
  ["a missing input", "await net.run({ image: new Float32Array(1), mask: [true] });", "Property '\"row ids\"' is missing"],
  ["a name too many", `await net.run({ ${values}, other: [] });`, "'other' does not exist in type 'Inputs'"],
  ["an output that is not there", `const { score } = await net.run({ ${values} });`, "Property 'score' does not exist on type 'Outputs'"],
  ["another shape", "const s: readonly [1, 2] = inputs[0].shape;", "not assignable to type 'readonly [1, 2]'"],
])("%s is an error", (_, code, message) => {
  expect(problems(code).join("\n")).toContain(message);
});

test("shapes that each run chooses", () => {
  const w = parameter("$W", [32, 1280]), open = declarations("reader", [{ name: "x", dtype: "f32", shape: [1, 1280], sizes: [undefined, w] }], [{ name: "y", dtype: "f32", shape: [1280], sizes: [w] }]);
  project.createSourceFile("net/index.d.mts", open, { overwrite: true });
  expect(open).toContain("float32[1, 32..1280]");
  expect(problems('net.setInputShape("x", [1, 64]); const [n]: readonly [number] = net.outputShape("y"), s: readonly [1, 1280] = inputs[0].shape, l = inputs[0].least; void [n, s, l];')).toEqual([]);
  expect(problems('net.setInputShape("x", [2, 64]);').length).toBe(1);
  expect(problems('net.setInputShape("y", [64]);').length).toBeGreaterThan(0);
  project.createSourceFile("net/index.d.mts", text, { overwrite: true });
});
