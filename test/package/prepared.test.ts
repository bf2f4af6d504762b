/** Packages whose transformed weights are made when the program starts (--winograd-weights init): small files, the same results, the API. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile, type CompileResult } from "../../compiler/api.ts";
import { evaluateProgram } from "../support/evaluate-program.ts";
import { model, node, tensor } from "../support/onnx.ts";
import { noise } from "../support/run-compute.ts";
import { emptyFolder, sh, write } from "./tools.ts";

const root = emptyFolder(), strict = ["-Wall", "-Wextra", "-Werror"];
/** Winograd with panels that are not full, in groups, of stride 2, twice with the same weights; and Strassen's product. */
function network(name: string, settings: Readonly<Record<string, string | number>>, weights?: "file"): Promise<CompileResult> {
  const constant = (...shape: number[]) => tensor("f32", shape, [...noise(shape.reduce((a, b) => a * b), shape.length + shape[0]!)]);
  const initializers = { a: constant(40, 16, 3, 3), b: constant(32, 20, 3, 3), c: constant(32, 32, 3, 3), d: constant(32, 32, 3, 3), e: constant(256, 32, 1, 1), f: constant(256, 256, 1, 1) };
  const same = { pads: [1, 1, 1, 1] }, nodes = [
    node("t1 = Conv(x, a)", same, "first"), node("t2 = Conv(t1, b)", { ...same, group: 2 }, "groups"), node("t3 = Conv(t2, c)", { ...same, strides: [2, 2] }, "stride"),
    node("t4 = Conv(t3, d)", same, "again"), node("t5 = Conv(t4, d)", same, "twice"), node("t6 = Conv(t5, e)", {}, "widen"), node("y = Conv(t6, f)", {}, "product"),
  ];
  const bytes = model({ opset: 13, inputs: { x: "f32[1, 16, 16, 18]" }, outputs: ["y"], initializers, nodes });
  return compile(bytes, { name, target: "cpp", isa: ["sse", "avx2", "neon"], settings: { cpu: "znver4", ...settings }, ...(weights ? { weights } : {}) });
}
const counts = { x: 16 * 16 * 18, y: 8 * 9 * 256 }, parameters = 40 * 16 * 9 + 32 * 20 * 9 + 2 * 32 * 32 * 9 + 256 * 256 + 32 * 256;
const [embedded, prepared, threaded] = await Promise.all([network("embedded", {}), network("prepared", { winogradWeights: "init" }), network("threaded", { winogradWeights: "init", threads: 2 })]);
const algorithms = (r: CompileResult) => r.program.steps.map((s) => s.choices?.find((c) => c.chosen)?.algorithm);

describe("programs", () => {
  const input = noise(counts.x, 3);
  test.each(["avx2", "neon"])("%s computes the same", (isa) => {
    const [want] = evaluateProgram(embedded.program, isa, [input], { quick: true }) as [Float32Array], most = want.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    const [found] = evaluateProgram(prepared.program, isa, [input], { quick: true }) as [Float32Array];
    expect(found.reduce((m, v, i) => Math.max(m, Math.abs(v - want[i]!)), 0) / most).toBeLessThan(1e-5);
  });
  test("the algorithms are the same, the setup makes each weight once, and the files hold the model's weights", () => {
    expect(algorithms(embedded)).toEqual(expect.arrayContaining(["Strassen", expect.stringMatching(/^F\(/)]));
    expect(algorithms(prepared)).toEqual(algorithms(embedded));
    expect(embedded.program.setup).toBeUndefined();
    expect(prepared.program.setup!.steps.map((s) => s.origin)).toEqual([["first"], ["groups"], ["stride"], ["again"], ["product"]]);
    expect(embedded.program.constants.length).toBeGreaterThan(1.7 * 4 * parameters);
    // Panels of 16 columns are not all full here.
    expect(prepared.program.constants.length).toBeLessThan(1.1 * 4 * parameters);
    expect(prepared.program.setup!.memory.bytes + prepared.program.constants.length).toBeGreaterThan(embedded.program.constants.length);
  });
  test("--optimize size then chooses by time, too", async () => {
    expect(algorithms(await network("small", { winogradWeights: "init", optimize: "size" }))).toEqual(algorithms(embedded));
    expect(algorithms(await network("small", { optimize: "size" })).every((a) => !a || a === "direct")).toBe(true);
  });
});

/** What both programs below do: two contexts share the prepared weights, and errors are told. */
const main = (n: string, before = "") => `#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "embedded.h"
#include "${n}.h"
#define N(name) ${n.toUpperCase()}_##name
static float x[${counts.x}], want[${counts.y}], y[${counts.y}], z[${counts.y}];
static unsigned char weights[N(PREPARED_BYTES)], memory[2][N(CONTEXT_BYTES)];
#define EXPECT(what) do { if (!(what)) { printf("line %d\\n", __LINE__); return 1; } } while (0)
int main() {
  ${n}_context *a, *b;
  for (int i = 0; i < ${counts.x}; ++i) x[i] = (float)(i * 31 % 97) / 50 - 1;
  EXPECT(embedded_run(x, want) == 0);
  EXPECT(${n}_prepared_bytes() == N(PREPARED_BYTES));
  ${before}
  EXPECT(${n}_init(memory[0], sizeof memory[0], &a) == N(ERROR_NOT_PREPARED) && strcmp(${n}_error(N(ERROR_NOT_PREPARED)), "the weights have not been prepared") == 0);
  EXPECT(${n}_prepare_weights(nullptr, sizeof weights) == N(ERROR_NULL));
  EXPECT(${n}_prepare_weights(weights, N(PREPARED_BYTES) - 65) == N(ERROR_TOO_SMALL));
  EXPECT(${n}_init(memory[0], sizeof memory[0], &a) == N(ERROR_NOT_PREPARED));
  EXPECT(${n}_prepare_weights(weights, sizeof weights) == 0);
  EXPECT(${n}_init(memory[0], sizeof memory[0], &a) == 0 && ${n}_init(memory[1], sizeof memory[1], &b) == 0);
  EXPECT(${n}_run_in(a, x, y) == 0 && ${n}_run_in(b, x, z) == 0 && memcmp(y, z, sizeof y) == 0);
  float most = 0, far = 0;
  for (int i = 0; i < ${counts.y}; ++i) most = fmaxf(most, fabsf(want[i])), far = fmaxf(far, fabsf(want[i] - y[i]));
  EXPECT(far < 1e-5f * most);
  EXPECT(${n}_run(x, z) == 0 && memcmp(y, z, sizeof y) == 0);
  ${n}_release(a), ${n}_release(b);
  return 0;
}
`;
/** `alone`: instead, all that is done is the simple call. */
const simple = (n: string) => `#include <stdio.h>
#include "${n}.h"
static float x[${counts.x}], y[${counts.y}];
int main() { return ${n}_run(x, y); }
`;
async function run(name: string, packages: readonly CompileResult[], text: string): Promise<void> {
  const folder = join(root, name), objects: string[] = [];
  for (const r of packages) {
    if (r.build.kind !== "native") throw new Error("no native package");
    write(folder, r.files);
    for (const s of r.build.sources) { await sh(folder, "g++", ...(s.endsWith(".S") ? [] : [...r.build.compileFlags, ...strict]), "-O1", "-c", s, "-o", `${s}.o`); objects.push(`${s}.o`); }
  }
  writeFileSync(join(folder, "main.cpp"), text);
  await sh(folder, "g++", "-std=c++17", "-O1", ...strict, "main.cpp", ...objects, "-lm", "-pthread", "-o", "main");
  await sh(folder, "./main");
}
describe("packages", () => {
  test("contexts share what is made once", () => run("one", [embedded, prepared], main("prepared")));
  test("with threads, too", () => run("team", [embedded, threaded], main("threaded")));
  test("the simple call prepares by itself", () => run("simple", [prepared], simple("prepared")));
  test("weights that the caller loads come first", async () => {
    const file = await network("loaded", { winogradWeights: "init" }, "file");
    await run("file", [embedded, file], main("loaded", `EXPECT(loaded_init(memory[0], sizeof memory[0], &a) == N(ERROR_NO_WEIGHTS));
  EXPECT(loaded_prepare_weights(weights, sizeof weights) == N(ERROR_NO_WEIGHTS));
  unsigned char* bytes = (unsigned char*)aligned_alloc(64, N(WEIGHTS_BYTES));
  FILE* f = fopen("loaded_weights.bin", "rb");
  EXPECT(bytes && f && fread(bytes, 1, N(WEIGHTS_BYTES), f) == N(WEIGHTS_BYTES) && loaded_load_weights(bytes, N(WEIGHTS_BYTES)) == 0);`));
  });
});
