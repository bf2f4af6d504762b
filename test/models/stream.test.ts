/**
 * Voice activity detectors whose branch is chosen by an input, compiled once for both: 100 chunks of sound at each of two rates, with the state
 * fed back, against recorded answers (record-stream.py). And for one rate, given as a value: chunks of a size that only that rate's branch takes. Skipped where scripts/fetch-vad-models.sh has not been run.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import type { Settings } from "../../compiler/emit/target.ts";
import { because, deviceOf, skipped } from "../support/tools.ts";
import { openGpu, type NetModule } from "../support/webgpu-net.ts";
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

type Made = Awaited<ReturnType<typeof compile>>;
/** As the program above does, in a library in C. */
const inProgram = (threads: number) => async (d: Detector, made: Made, folder: string): Promise<Float32Array> => {
  writeFileSync(join(folder, "main.c"), threads > 1 ? main(d).replace("float x[", `if (vad_set_threads(${threads})) return 1;\n  float x[`) : main(d));
  if (made.build.kind !== "native") throw new Error("no library");
  await sh(folder, "g++", ...made.build.compileFlags, "-O2", "-Wall", "-Wextra", "-Werror", ...made.build.sources, ...made.build.objects, "-x", "c++", "main.c", ...made.build.linkFlags, "-o", "main");
  await sh(folder, "sh", "-c", "POCL_CACHE_DIR=$PWD/pocl ./main > answers");
  return new Float32Array(new Uint8Array(readFileSync(join(folder, "answers"))).buffer);
};
/** The same with a module. */
async function inModule(d: Detector, _made: Made, folder: string): Promise<Float32Array> {
  const { inputs, outputs, createNet } = (await import(pathToFileURL(join(folder, "index.js")).href)) as NetModule, net = await createNet({ gpu: await openGpu() }), all: number[] = [], samples = sound(chunks * d.size);
  const [answer, ...next] = outputs.map((p) => p.name), [x, ...rest] = inputs.map((p) => p.name), states = rest.filter((v) => v !== "sr");
  for (let rate = 16000; rate >= (d.values ? 16000 : 8000); rate -= 8000) {
    let state: Record<string, Float32Array> = Object.fromEntries(states.map((v) => [v, new Float32Array(d.states / states.length)]));
    for (let i = 0; i < chunks; i++) {
      const out = await net.run({ [x!]: samples.slice(i * d.size, (i + 1) * d.size), ...state, ...(rest.includes("sr") ? { sr: [rate] } : {}) });
      state = Object.fromEntries(states.map((v, k) => [v, out[next[k]!]!]));
      all.push(out[answer!]![0]!);
    }
    for (const v of states) all.push(...state[v]!);
  }
  net.dispose();
  return Float32Array.from(all);
}
/** Of the target for devices no kernels for the processor, so that these do not stand in. */
const ways: readonly { readonly name: string; readonly target: string; readonly settings: Settings; readonly isa?: readonly string[]; readonly answers: (d: Detector, made: Made, folder: string) => Promise<Float32Array> }[] = [
  ...[1, 2].map((threads) => ({ name: `with ${threads} thread${threads > 1 ? "s" : ""}`, target: "cpp", settings: threads > 1 ? { threads } : {}, isa: ["avx2", "sse"], answers: inProgram(threads) })),
  { name: "on an OpenCL device", target: "opencl", settings: { fallback: "none" }, answers: inProgram(1) }, { name: "on WebGPU", target: "webgpu", settings: {}, answers: inModule },
];
// Devices that are no devices take long: one of the detectors has it all.
for (const d of detectors) for (const { name, target, settings, isa, answers } of ways.filter((w) => d === detectors[0] || !deviceOf[w.target])) {
  const path = join(models, `${d.model}.onnx`), there = existsSync(path), device = deviceOf[target], needs = device ? [device] : [];
  test.skipIf(!there || !have("g++") || skipped(...needs))(`${d.name} ${name}${there ? "" : " (scripts/fetch-vad-models.sh brings it)"}${because(...needs)}`, { timeout: 300_000 }, async () => {
    const made = await compile(path, { target, name: "vad", shapes: d.shapes, ...(d.values ? { values: d.values } : {}), ...(isa ? { isa } : {}), settings });
    const folder = write(join(root, `${d.name} ${name}`), made.files), kernels = made.program.steps.map((s) => s.kernel), wanted = readFileSync(join(here, "recorded", `${d.name}.f32`));
    if (!d.values) expect(new Set(kernels).size, "the branches share kernels").toBeLessThan(kernels.length);
    writeFileSync(join(folder, "sound"), new Uint8Array(sound(chunks * d.size).buffer));
    const got = await answers(d, made, folder), want = new Float32Array(new Uint8Array(wanted).buffer);
    expect(got).toHaveLength(want.length);
    // States grow to some 100: theirs are relative to the largest.
    const largest = want.reduce((m, y) => Math.max(m, Math.abs(y)), 0), worst = (ofAnswers: boolean, by: number) => got.reduce((m, y, i) => (i % (chunks + d.states) < chunks === ofAnswers ? Math.max(m, Math.abs(y - want[i]!) / by) : m), 0);
    expect(worst(true, 1)).toBeLessThanOrEqual(1e-4);
    expect(worst(false, largest)).toBeLessThanOrEqual(1e-5);
  });
}
