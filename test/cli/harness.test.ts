/** The program around a package, with a package whose kernels are written by hand. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { CompileResult } from "../../compiler/api.ts";
import { type Built, benchModel, buildModel, runModel, traceModel } from "../../compiler/cli/harness.ts";
import { randomInputs } from "../../compiler/cli/inputs.ts";
import { terminalOf } from "../../compiler/cli/terminal.ts";
import { packageCpp } from "../../compiler/emit/package.ts";
import { objectFormatOf } from "../../compiler/emit/object-files.ts";
import { type WeightForm, weightForms } from "../../compiler/emit/weights.ts";
import type { Result } from "../../compiler/ir/program.ts";
import { expected, isas, sampleProgram } from "../package/sample.ts";

const compiler = vi.hoisted(() => ({
  checkFlags: (f: unknown) => f,
  targetOf: () => ({ builds: "native" }),
  compileModel: vi.fn(() => {
    throw new Error("the compiler was asked");
  }),
}));
vi.mock("../../compiler/cli/model.ts", () => compiler);

let root: string, model: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "mlc-test-"));
  writeFileSync((model = join(root, "sample.onnx")), "a model, for all that the cache knows");
});
afterAll(() => rmSync(root, { recursive: true }));
const silent = { write: () => {} };
const terminal = () => terminalOf(silent, silent, { ...process.env, XDG_CACHE_HOME: root });

const f32 = (value: string, place: Result["place"]): Result => ({ value, dtype: "f32", shape: [1, 4, 4], place, strides: [16, 4, 1] });
function compiled(weights: WeightForm): CompileResult {
  const plain = sampleProgram(3);
  const results: readonly (readonly Result[])[] = [
    [
      f32("scaled", { in: "arena", offset: 64 }),
      { ...f32("turned", { in: "arena", offset: 64 }), shape: [4, 4], strides: [1, 4] },
      { ...f32("blocked", { in: "arena", offset: 64 }), strides: null },
      f32("y1", { in: "output", port: 0, offset: 0 }),
    ],
    [f32("y1", { in: "output", port: 0, offset: 0 })],
    [{ value: "class", dtype: "i64", shape: [], place: { in: "output", port: 1, offset: 0 }, strides: [] }],
  ];
  const program = { ...plain, steps: plain.steps.map((s, i) => ({ ...s, results: results[i]! })) };
  const p = packageCpp({
    program,
    name: "sample",
    hash: "0123456789abcdef",
    version: "1",
    flags: "",
    weights,
    objectFormat: objectFormatOf(process.platform, process.arch)!,
    isas,
  });
  return {
    name: "sample",
    files: p.files,
    diagnostics: [],
    graph: { name: "", inputs: [], outputs: [], nodes: [], constants: new Map(), types: new Map() },
    program,
    hash: "",
    build: { kind: "native", ...p },
  };
}
const built = (weights: WeightForm): Promise<Built> => buildModel(model, { target: "cpp", weights }, terminal(), compiled(weights));
const inputs = randomInputs(sampleProgram(3).inputs, 5);
const truth = () => expected(3, [...(inputs[0]!.data as Float32Array)], Array.from(inputs[1]!.data as Uint8Array, Boolean));

test.each(weightForms)("runs with weights by %s", async (weights) => {
  const [y, largest] = await runModel(await built(weights), inputs);
  expect(y!.shape).toEqual([1, 4, 4]);
  expect([...(y!.data as Float32Array)].map((x) => Math.fround(x))).toEqual(truth().y.map((x) => expect.closeTo(x, 5)));
  expect(largest!.data).toEqual(BigInt64Array.of(BigInt(truth().largest)));
});
test("what was built is found again without the compiler, until the flags or the model change", async () => {
  const first = await built("incbin"),
    made = statSync(join(first.folder, "main")).mtimeMs;
  const again = await buildModel(model, { target: "cpp", weights: "incbin" }, terminal());
  expect([again.folder, statSync(join(again.folder, "main")).mtimeMs]).toEqual([first.folder, made]);
  await expect(buildModel(model, { target: "cpp", weights: "incbin", dim: [["N", 1]] }, terminal())).rejects.toThrow("the compiler was asked");
  writeFileSync(join(root, "other.onnx"), "another model");
  await expect(buildModel(join(root, "other.onnx"), { target: "cpp", weights: "incbin" }, terminal())).rejects.toThrow("the compiler was asked");
});
test("the trace shows what each step left behind, in row-major order", async () => {
  const traced = await traceModel(await built("incbin"), inputs),
    of = (v: string) => traced.find((x) => x.value === v)!.tensor;
  expect(traced.map((x) => [x.step, x.value])).toEqual([
    [0, "scaled"],
    [0, "turned"],
    [1, "y1"],
    [2, "class"],
  ]);
  const scaled = [...(of("scaled").data as Float32Array)],
    turned = [...(of("turned").data as Float32Array)];
  expect(turned).toEqual(scaled.map((_, i) => scaled[(i % 4) * 4 + Math.floor(i / 4)]));
  expect(of("y1").data).toEqual((await runModel(await built("incbin"), inputs))[0]!.data);
});
test("bench gives times and the memory of the program alone", async () => {
  const t = await benchModel(await built("incbin"), inputs, 25);
  expect(t.runs.length).toBe(25);
  expect([t.init, t.first, ...t.runs].every((x) => x >= 0 && x < 1000)).toBe(true);
  expect(t.peakKb).toBeGreaterThan(500);
  expect(t.peakKb).toBeLessThan(20_000);
});
test("another command can start the program", async () => {
  const wrapper = join(root, "wrapper");
  writeFileSync(wrapper, '#!/bin/sh\necho "$1" > "$(dirname "$0")/started"\nshift\nexec "$@"\n');
  chmodSync(wrapper, 0o755);
  await runModel({ ...(await built("incbin")), exec: [wrapper, "-x"] }, inputs);
  expect(existsSync(join(root, "started"))).toBe(true);
});
test("a build that fails leaves nothing in the cache", async () => {
  const good = compiled("source"),
    files = new Map([...good.files, ["sample_run.cpp", "#error no\n"]]);
  const bad = buildModel(model, { target: "cpp", weights: "source", name: "x" }, terminal(), { ...good, files });
  await expect(bad).rejects.toMatchObject({ message: "compiling sample_run.cpp failed", detail: expect.stringContaining("#error no") });
  expect(readdirSync(join(root, "mlc")).filter((n) => n.startsWith("."))).toEqual([]);
});
