/** What a target does not have is one clear error before anything is written: node or value, and what to do. */
import { expect, it } from "vitest";
import { compile, CompileError, type CompileOptions } from "../../compiler/index.ts";
import { model, node } from "../support/onnx.ts";

const packed = { opset: 25, inputs: { x: "f32[1, W]" }, outputs: ["y"], nodes: [node("y = Cast(x)", { to: 22 })] };
const models = {
  strings: model({ opset: 20, inputs: { x: "string[2]", z: "string[2]" }, outputs: ["y"], nodes: ["y = StringConcat(x, z)"] }),
  doubles: model({ inputs: { x: "f64[4]" }, outputs: ["y"], nodes: ["y = Neg(x)"] }),
  packed: model(packed),
};
const open = { dims: { W: [1, 8] } } as const;
const cases: readonly (readonly [target: string, what: keyof typeof models, options: Partial<CompileOptions>, says: RegExp])[] = [
  ["opencl", "strings", {}, /the input x is string: strings exist on the processor only/], ["webgpu", "strings", {}, /the input x is string: WGSL has no strings/], ["webgpu", "doubles", {}, /f64|double/],
  ...["cpp", "opencl", "webgpu"].map((t) => [t, "packed", open, /elements of fewer than 8 bits need sizes that are known when compiling: y is i4/] as const),
];
it.each(cases)("%s: %s", async (target, what, options, says) => {
  const made = compile(models[what], { target, ...options });
  await expect(made).rejects.toBeInstanceOf(CompileError);
  await expect(made).rejects.toThrow(says);
});
it.each(Object.keys(models).filter((m) => m !== "packed") as (keyof typeof models)[])("cpp has %s", async (what) => {
  expect((await compile(models[what], { target: "cpp" })).files.size).toBeGreaterThan(3);
});
