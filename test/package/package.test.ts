/** What the files say. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { CompileError } from "../../compiler/diagnostics.ts";
import { commentText, identifier, modelName, stringLiteral } from "../../compiler/emit/names.ts";
import { packageCpp, packageFiles } from "../../compiler/emit/package.ts";
import { variable } from "../../compiler/ir/scalar.ts";
import { weightForms } from "../../compiler/emit/weights.ts";
import { sampleInput, sampleProgram } from "./sample.ts";

test("golden: the header and the steps of a small model", async () => {
  const { files } = packageCpp(sampleInput("digits"));
  await expect(files.get("digits.h")).toMatchFileSnapshot("golden/digits.h");
  await expect(files.get("digits.cpp")).toMatchFileSnapshot("golden/digits.cpp");
});
test.each(weightForms)("weights %s: the files are those foretold, and the same again", (weights) => {
  const input = sampleInput("digits", { weights, objectFormat: "macho-arm64" });
  const first = packageCpp(input), again = packageCpp(input);
  expect([...first.files.keys()].sort()).toEqual([...packageFiles("digits", ["avx2", "sse", "neon"], weights).all].sort());
  expect(again.files).toEqual(first.files);
  for (const content of first.files.values()) {
    if (typeof content !== "string") continue;
    expect(content).toMatch(/\n$/);
    expect(content).not.toMatch(/undefined|\[object|[ \t]\n|\n\n\n|\{\{/);
  }
});
test("large weights are never numbers", () => {
  const program = { ...sampleProgram(1), constants: Uint8Array.from({ length: 1 << 17 }, (_, i) => (i * 131) >> 3) };
  for (const weights of weightForms) {
    for (const [path, content] of packageCpp(sampleInput("digits", { program, weights, objectFormat: "elf-x86_64" })).files) {
      const text = typeof content === "string" ? content : Buffer.from(content).toString("latin1");
      if (/\.(cpp|h|S)$/.test(path)) expect(text.match(/\b\d+, ?\d+, ?\d+, ?\d+, ?\d+, ?\d+/)).toBeNull();
    }
  }
});
test("a kernel's comment names every layer that it serves", () => {
  const program = sampleProgram(1), again = { ...program.steps[0]!, origin: ["layer9/mul"] };
  const text = packageCpp(sampleInput("digits", { program: { ...program, steps: [...program.steps, again] } })).files.get("digits_kernels_avx2.cpp");
  expect(text).toContain("// pointwise\n// layer1/mul, layer9/mul\nstatic ");
});
test("names that will not do say why, and what would", () => {
  for (const [name, why] of [["math", "hides one of the system's"], ["2d", "not a C identifier"], ["int", "word of C"], ["test", "CMake"]] as const) {
    expect(() => packageCpp(sampleInput(name))).toThrow(why);
    try { packageCpp(sampleInput(name)); } catch (e) {
      const [d] = (e as CompileError).diagnostics;
      expect(d?.code).toBe("bad-name");
      const better = /"(\w+)"/.exec(d!.hint!)![1]!;
      expect(() => packageCpp(sampleInput(better))).not.toThrow();
    }
  }
  expect(["mobilenet-v2 1.0", "test", "3d", "int", "größe", ""].map(modelName)).toEqual(["mobilenet_v2_1_0", "test_model", "x3d", "int_model", "gr_e", "x"]);
});
test("texts of a model are harmless in C", () => {
  const taken = new Set<string>();
  expect(["input.1", "input/1", "0", "float", "__x", "x"].map((n) => identifier(n, taken))).toEqual(["input_1", "input_1_2", "x0", "float_", "x", "x_2"]);
  expect(commentText("a*/b/*c\\\n??/\\")).toBe("a* /b/ *c\\? ? ?/");
  expect(stringLiteral('a"\\?é\n1')).toBe('"a\\"\\\\\\?\\303\\251\\0121"');
});
test("a kernel's parameters follow its buffers", () => {
  const program = sampleProgram(1), [first, ...others] = program.kernels;
  const variants = Object.fromEntries(Object.entries(first!.variants).map(([isa, k]) => [isa, { ...k, params: [variable("index", "n", 1, [1, 9])] }]));
  const changed = { ...program, kernels: [{ ...first!, variants }, ...others], steps: program.steps.map((s) => (s.kernel === 0 ? { ...s, params: [7] } : s)) };
  const { files } = packageCpp(sampleInput("digits", { program: changed }));
  expect(files.get("digits_internal.h")).toContain("  void (*scale)(const float*, const float*, float*, ptrdiff_t);\n");
  expect(files.get("digits.cpp")).toContain("  run->scale(x, (const float*)(weights + 0), (float*)(arena + 64), 7);\n");
  expect(() => packageCpp(sampleInput("digits", { program: { ...changed, steps: program.steps } }))).toThrow("0 values for the 1 parameters of scale");
});
test("parts that do not fit together are refused", () => {
  const input = sampleInput("digits"), [first] = input.isas;
  expect(() => packageCpp({ ...input, isas: [] })).toThrow("no instruction set");
  expect(() => packageCpp({ ...input, isas: [{ ...first!, kernels: first!.kernels.slice(1) }] })).toThrow("no text for avx2 of scale");
  const steps = [{ ...input.program.steps[0]!, args: [] }];
  expect(() => packageCpp({ ...input, program: { ...input.program, steps } })).toThrow("layer1/mul: 0 arguments for the 3 buffers of scale");
  expect(() => packageCpp({ ...input, weights: "object" })).toThrow("need its format");
});
test("the templates lie where the bundler's plugin looks for them", () => {
  expect(readFileSync(new URL("../../runtime-templates/cpp/header.h.hbs", import.meta.url), "utf8")).toContain("{{NAME}}_INPUT_COUNT");
});
