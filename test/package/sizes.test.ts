/** Packages for sizes that only a run knows: the caller's memory is dense, nothing beyond it is touched, wrong shapes are errors. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { f32, make } from "../../compiler/ir/algebra.ts";
import { sizeOf } from "../../compiler/ir/graph.ts";
import { parameter } from "../../compiler/ir/scalar.ts";
import { buildProgram } from "../../compiler/passes/network/build-program.ts";
import { networkPasses } from "../../compiler/passes/network/pipeline.ts";
import { choicesOf } from "../../compiler/api.ts";
import type { Settings, Target } from "../../compiler/emit/target.ts";
import { openclTarget } from "../../targets/opencl/index.ts";
import { cppTarget } from "../../targets/cpp/index.ts";
import { evaluateNetwork } from "../support/evaluate-network.ts";
import { numbers } from "../support/graph-builder.ts";
import { Net, fixed, type Size } from "../support/open-network.ts";
import { emptyFolder, sh, write } from "./tools.ts";

const root = emptyFolder(), bounds: Readonly<Record<string, readonly [number, number]>> = { $n: [0, 9], $h: [3, 18], $w: [3, 30] };
/** An image of any height and width, and rows as many as another input has. */
function network(size: (name: string) => Size): Net {
  const net = new Net(), h = size("$h"), w = size("$w"), n = size("$n"), image = net.put("input", "%image", [fixed(1), fixed(3), h, w]), rows = net.put("input", "%rows", [n, w]);
  const made = net.conv("%a", image, [h, w], [3, 24], 3, 1, 1), r = net.map("%r", "%a", [fixed(1), fixed(24), ...made], (e) => make("max", e, f32(0)));
  net.conv("%y", r, made, [24, 16], 3, 1, 2, "output");
  net.softmax("%z", rows, [n, w], "output");
  return net;
}
const main = `#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include "net.h"
#define CHECK(what) if (!(what)) { printf("line %d\\n", __LINE__); return 1; }
static float* floats(size_t count, FILE* f) { float* x = malloc(count * 4 + 1); if (f && fread(x, 4, count, f) != count) exit(2); return x; }
int main(int argc, char** argv) {
  FILE* f = fopen(argv[argc - 1], "rb");
  int32_t head[3];
  int64_t out[4], odd[4] = {1, 3, 18, 31};
  net_context* c;
  void* memory = malloc(NET_CONTEXT_BYTES);
  CHECK(net_init(memory, NET_CONTEXT_BYTES, &c) == 0)
#ifdef NET_MOST_THREADS
  CHECK(net_set_threads_in(c, 3) == 0)
#endif
  CHECK(net_set_input_shape_in(c, 0, odd) == NET_ERROR_SHAPE && net_set_input_shape_in(c, 2, odd) == NET_ERROR_SHAPE)
  odd[3] = 29;
  CHECK(net_set_input_shape_in(c, 0, odd) == 0 && net_run_in(c, (float*)memory, (float*)memory, (float*)memory, (float*)memory) == NET_ERROR_SHAPE)
  CHECK(net_input_info(0)->dims[3] == 30 && net_input_info(0)->least[3] == 3 && net_output_info(0)->least[2] == 2)
  while (fread(head, 4, 3, f) == 3) {
    const int64_t image[4] = {1, 3, head[0], head[1]}, rows[2] = {head[2], head[1]};
    CHECK(net_set_input_shape_in(c, 0, image) == 0 && net_set_input_shape_in(c, 1, rows) == 0)
    CHECK(net_output_shape_in(c, 0, out) == 0 && out[1] == 16 && out[2] == (head[0] + 1) / 2 && out[3] == (head[1] + 1) / 2)
    const size_t ny = 16 * out[2] * out[3], nz = head[2] * head[1];
    float *x = floats(3 * head[0] * head[1], f), *r = floats(nz, f), *wy = floats(ny, f), *wz = floats(nz, f), *y = floats(ny, 0), *z = floats(nz, 0);
    CHECK(net_run_in(c, x, nz ? r : NULL, y, nz ? z : NULL) == 0)
    CHECK(net_run_in(c, NULL, r, y, z) == NET_ERROR_NULL && (!nz || net_run_in(c, x, NULL, y, z) == NET_ERROR_NULL))
    for (size_t i = 0; i < ny; ++i) if (!(fabsf(y[i] - wy[i]) <= 1e-3f)) { printf("y[%zu] %g %g at %d %d %d\\n", i, y[i], wy[i], head[0], head[1], head[2]); return 1; }
    for (size_t i = 0; i < nz; ++i) if (!(fabsf(z[i] - wz[i]) <= 1e-5f)) { printf("z[%zu] %g %g at %d %d %d\\n", i, z[i], wz[i], head[0], head[1], head[2]); return 1; }
    free(x), free(r), free(wy), free(wz), free(y), free(z);
  }
  net_release(c);
  free(memory);
  fclose(f);
  return 0;
}
`;
const none = { OCL_ICD_VENDORS: "/nonexistent" };
test.each<[what: string, target: Target, settings: Settings, environments: readonly Readonly<Record<string, string>>[]]>([
  ["one thread", cppTarget, {}, [{}]], ["three threads", cppTarget, { threads: 3 }, [{}]], ["OpenCL, and without a device", openclTarget, {}, [{}, none]], ["OpenCL that cuts launches", openclTarget, { maxKernelUs: 1, queueWindow: 2 }, [{}]],
])("any shape within the bounds, %s", async (what, target, settings, environments) => {
  const choices = choicesOf(target, { isa: ["sse", "avx2", "neon"], settings }), facts = target.facts(choices.settings);
  const open = (name: string): Size => ({ bound: bounds[name]![1], size: parameter(name, bounds[name]!) });
  const n = network(open).network([["$h", "%image", 2], ["$w", "%image", 3], ["$n", "%rows", 0]].map(([name, input, dim]) => ({ variable: parameter(name as string, bounds[name as string]!), input: input as string, dim: dim as number })));
  const program = buildProgram(networkPasses.reduce((x, p) => p.run(x, facts), n), { alignment: 64, shares: facts.shares === true, variants: target.variants(choices) });
  const { files, build } = target.emit(program, { ...choices, name: "net", hash: "0".repeat(64), version: "0", flags: "" });
  if (build.kind !== "native") throw new Error("no native package");
  const folder = write(join(root, what), files), flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"], strict = ["-Wall", "-Wextra", "-Werror"];
  const cases: Uint8Array[] = [], next = numbers(5);
  for (const [h, w, rows] of [[3, 3, 1], [18, 30, 9], [7, 12, 4], [16, 29, 9], [18, 30, 0], [5, 30, 8]] as const) {
    const plain = network((name) => fixed({ $h: h, $w: w, $n: rows }[name]!)).network([]), inputs = plain.inputs.map((x) => Float32Array.from({ length: sizeOf(plain.tensors.get(x)!.shape) }, () => next()));
    const want = evaluateNetwork(plain, new Map(plain.inputs.map((x, i) => [x, inputs[i]!])));
    for (const a of [Int32Array.of(h, w, rows), ...inputs, ...plain.outputs.map((o) => want.get(o)!)]) cases.push(new Uint8Array(a.buffer, a.byteOffset, a.byteLength));
  }
  writeFileSync(join(folder, "cases"), Buffer.concat(cases));
  writeFileSync(join(folder, "main.c"), main);
  for (const s of build.sources) await sh(folder, "g++", ...(s.endsWith(".S") ? [] : [...build.compileFlags, ...strict]), ...flags, "-c", s, "-o", `${s}.o`);
  await sh(folder, "gcc", "-std=c99", ...strict, ...flags, "-c", "net_example.c", "-o", "example.o");
  await sh(folder, "gcc", "-std=c99", ...strict, ...flags, "main.c", ...build.sources.map((s) => `${s}.o`), ...build.linkFlags, "-lm", "-o", "main");
  for (const env of environments) {
    const { stdout, stderr, signal } = spawnSync(join(folder, "main"), [join(folder, "cases")], { env: { ...process.env, ...env, ASAN_OPTIONS: "detect_leaks=0" } });
    expect(`${stdout}${stderr}${signal ?? ""}`).toBe("");
  }
}, 300_000);
