/**
 * Voice activity detectors whose branch is chosen by an input, compiled once for both: 100 chunks of sound at each of two rates, with the state
 * fed back, against recorded answers (record-stream.py). And for one rate, given as a value: chunks of a size that only that rate's branch takes. Skipped where scripts/fetch-vad-models.sh has not been run.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import type { Settings } from "../../compiler/emit/target.ts";
import { because, deviceOf, skipped } from "../support/tools.ts";
import { emptyFolder, have, sh, write } from "../package/tools.ts";

const here = import.meta.dirname, models = join(here, "../../.cache/models/vad"), root = emptyFolder(), chunks = 100;
/** The same as sound() in record-stream.py. */
const sound = (count: number) => Float32Array.from({ length: count }, (_, i) => (Math.floor(i / 5000) % 2 === 1 ? Math.abs((i % 72) - 36) / 36 - 0.5 : 0) + (((i * 40503) % 65536) / 32768 - 1) / 16);
interface Detector { readonly name: string; readonly model: string; readonly values?: Readonly<Record<string, readonly number[]>>; readonly size: number; readonly shapes: Readonly<Record<string, readonly number[]>>; readonly call: string; readonly states: number }
const detectors: readonly Detector[] = [
  { name: "silero_vad_v5", model: "silero_vad_v5", size: 256, shapes: { input: [1, 256], state: [2, 1, 128] }, call: "x, state, &rate, &y, next", states: 256 },
  { name: "silero_vad_v5_16000", model: "silero_vad_v5", values: { sr: [16000] }, size: 512, shapes: { input: [1, 512], state: [2, 1, 128] }, call: "x, state, &y, next", states: 256 },
  { name: "silero_vad_legacy", model: "silero_vad_legacy", size: 512, shapes: { input: [1, 512], h: [2, 1, 64], c: [2, 1, 64] }, call: "x, &rate, state, state + 128, &y, next, next + 128", states: 256 },
];
const main = (d: Detector): string => `#include <stdio.h>
#include <string.h>
#include "vad.h"
int main(void) {
  float x[${d.size}], state[${d.states}], next[${d.states}], y;
  for (int64_t rate = 16000; rate >= ${d.values ? 16000 : 8000}; rate -= 8000) {
    FILE* f = fopen("sound", "rb");
    memset(state, 0, sizeof state);
    for (int i = 0; i < ${chunks}; ++i) {
      if (fread(x, sizeof x, 1, f) != 1 || vad_run(${d.call})) return 1;
      memcpy(state, next, sizeof state);
      fwrite(&y, sizeof y, 1, stdout);
    }
    fwrite(state, sizeof state, 1, stdout);
    fclose(f);
  }
  return 0;
}
`;

/** Of the target for devices no kernels for the processor, so that these do not stand in. */
const ways: readonly { readonly name: string; readonly target: string; readonly threads: number; readonly settings: Settings; readonly isa?: readonly string[] }[] = [
  ...[1, 2].map((threads) => ({ name: `with ${threads} thread${threads > 1 ? "s" : ""}`, target: "cpp", threads, settings: threads > 1 ? { threads } : {}, isa: ["avx2", "sse"] })),
  { name: "on an OpenCL device", target: "opencl", threads: 1, settings: { fallback: "none" } },
];
for (const d of detectors) for (const { name, target, threads, settings, isa } of ways) {
  const path = join(models, `${d.model}.onnx`), there = existsSync(path), device = deviceOf[target], needs = device ? [device] : [];
  test.skipIf(!there || !have("g++") || skipped(...needs))(`${d.name} ${name}${there ? "" : " (scripts/fetch-vad-models.sh brings it)"}${because(...needs)}`, { timeout: 300_000 }, async () => {
    const made = await compile(path, { target, name: "vad", shapes: d.shapes, ...(d.values ? { values: d.values } : {}), ...(isa ? { isa } : {}), settings });
    const folder = write(join(root, `${d.name}-${target}${threads}`), made.files), kernels = made.program.steps.map((s) => s.kernel), wanted = readFileSync(join(here, "recorded", `${d.name}.f32`));
    if (!d.values) expect(new Set(kernels).size, "the branches share kernels").toBeLessThan(kernels.length);
    writeFileSync(join(folder, "main.c"), threads > 1 ? main(d).replace("float x[", `if (vad_set_threads(${threads})) return 1;\n  float x[`) : main(d));
    writeFileSync(join(folder, "sound"), new Uint8Array(sound(chunks * d.size).buffer));
    if (made.build.kind !== "native") throw new Error("no library");
    await sh(folder, "g++", ...made.build.compileFlags, "-O2", "-Wall", "-Wextra", "-Werror", ...made.build.sources, ...made.build.objects, "-x", "c++", "main.c", ...made.build.linkFlags, "-o", "main");
    await sh(folder, "sh", "-c", "POCL_CACHE_DIR=$PWD/pocl ./main > answers");
    const got = new Float32Array(new Uint8Array(readFileSync(join(folder, "answers"))).buffer), want = new Float32Array(new Uint8Array(wanted).buffer);
    expect(got).toHaveLength(want.length);
    // States grow to some 100: theirs are relative to the largest.
    const largest = want.reduce((m, y) => Math.max(m, Math.abs(y)), 0), worst = (answers: boolean, by: number) => got.reduce((m, y, i) => (i % (chunks + d.states) < chunks === answers ? Math.max(m, Math.abs(y - want[i]!) / by) : m), 0);
    expect(worst(true, 1)).toBeLessThanOrEqual(1e-4);
    expect(worst(false, largest)).toBeLessThanOrEqual(1e-5);
  });
}
