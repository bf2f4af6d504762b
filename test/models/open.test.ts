/**
 * Models compiled once for all sizes between bounds, run at several of them, the bounds among these: text recognition and detection, transformers,
 * LSTM, GRU, convolutions for any batch, against recorded answers (record-open.py). Those that are not there are skipped.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { sizeOf } from "../../compiler/ir/graph.ts";
import { machineIsa } from "../conformance/machine.ts";
import { emptyFolder, have, sh, write } from "../package/tools.ts";

const here = import.meta.dirname, root = emptyFolder();
type Sizes = Readonly<Record<string, number>>;
interface Model {
  readonly name: string;
  readonly file: string;
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly bounds: Readonly<Record<string, readonly [number, number]>>;
  readonly sizes: readonly Sizes[];
  readonly brief: "elements" | "classes";
}
/** The same as picture() in record-open.py. */
function picture([, c, h, w]: readonly number[], count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, n) => {
    const i = n % (c! * h! * w!), x = i % w!, y = Math.floor(i / w!) % h!, noise = ((i * 40503) % 65536) / 32768 - 1;
    const dark = y >= h! >> 2 && y < h! - (h! >> 2) && x >= 8 && x < w! - 8 && (((y >> 2) * 31 + Math.floor(x / 6) * 17) * 40503) % 65536 < 30000;
    return c === 1 ? noise : (dark ? -1.5 : 1.5) + noise / 16;
  });
}
/** The same as value() in record-open.py. */
function value(name: string, shape: readonly number[]): Float32Array | BigInt64Array {
  const count = sizeOf(shape);
  if (name === "ids") return BigInt64Array.from({ length: count }, (_, i) => BigInt((i * 7919) % 50));
  return name === "mask" ? BigInt64Array.from({ length: count }, (_, i) => BigInt(i % shape[1]! === 0 || i % 3 > 0)) : picture(shape, count);
}
/** The same as brief() in record-open.py. */
function brief(y: Float32Array, classes: number): readonly number[] {
  if (!classes) return [...y.filter((_, i) => i % Math.ceil(y.length / 2000) === 0)];
  return Array.from({ length: y.length / classes }, (_, i) => y.subarray(i * classes, (i + 1) * classes)).flatMap((row) => {
    const most = row.reduce((m, x) => Math.max(m, x), 0);
    return [row.indexOf(most), most];
  });
}
/** Reads cases, each input's dimensions and elements; writes each output's count and elements. */
const main = (inputs: readonly { readonly rank: number; readonly bytes: number }[], outputs: number): string => `#include <stdio.h>
#include <stdlib.h>
#include "net.h"
int main(void) {
  int64_t dims[8];
  void *in[${inputs.length}], *out[${outputs}];
  static const int ranks[] = {${inputs.map((x) => x.rank)}}, bytes[] = {${inputs.map((x) => x.bytes)}};
  for (;;) {
    for (int i = 0; i < ${inputs.length}; ++i) {
      size_t count = 1;
      if (fread(dims, 8, ranks[i], stdin) != (size_t)ranks[i]) return i;
      for (int d = 0; d < ranks[i]; ++d) count *= dims[d];
      in[i] = malloc(count * bytes[i]);
      if (fread(in[i], bytes[i], count, stdin) != count || net_set_input_shape(i, dims)) return 2;
    }
    int64_t counts[${outputs}];
    for (int i = 0; i < ${outputs}; ++i) {
      if (net_output_shape(i, dims)) return 3;
      counts[i] = 1;
      for (int d = 0; d < net_output_info(i)->rank; ++d) counts[i] *= dims[d];
      out[i] = malloc(counts[i] * 4);
    }
    if (net_run(${[...inputs.map((x, i) => `(${x.bytes === 8 ? "int64_t" : "float"}*)in[${i}]`), ...Array.from({ length: outputs }, (_, i) => `(float*)out[${i}]`)].join(", ")})) return 4;
    for (int i = 0; i < ${outputs}; ++i) fwrite(&counts[i], 8, 1, stdout), fwrite(out[i], 4, counts[i], stdout), free(out[i]);
    for (int i = 0; i < ${inputs.length}; ++i) free(in[i]);
  }
}
`;
for (const m of JSON.parse(readFileSync(join(here, "open.json"), "utf8")) as readonly Model[]) {
  const path = join(here, "../..", m.file), there = existsSync(path);
  test.skipIf(!there || !have("g++"))(`${m.name}${there ? "" : " (the model is not installed)"}`, { timeout: 300_000 }, async () => {
    const shapes = Object.fromEntries(Object.entries(m.inputs).map(([x, shape]) => [x, shape.map((d) => (typeof d === "number" ? d : [...m.bounds[d]!, d] as const))]));
    const made = await compile(path, { target: "cpp", name: "net", shapes, isa: [machineIsa()] });
    if (made.build.kind !== "native") throw new Error("no library");
    const folder = write(join(root, m.name), made.files), cases: Uint8Array[] = [];
    for (const sizes of m.sizes) for (const [x, shape] of Object.entries(m.inputs)) {
      const dims = shape.map((d) => (typeof d === "number" ? d : sizes[d]!)), { buffer } = value(x, dims);
      cases.push(new Uint8Array(BigInt64Array.from(dims, BigInt).buffer), new Uint8Array(buffer));
    }
    writeFileSync(join(folder, "cases"), Buffer.concat(cases));
    writeFileSync(join(folder, "main.c"), main(Object.entries(m.inputs).map(([x, shape]) => ({ rank: shape.length, bytes: x === "x" ? 4 : 8 })), made.program.outputs.length));
    await sh(folder, "g++", ...made.build.compileFlags, "-O1", ...made.build.sources, ...made.build.objects, "-x", "c++", "main.c", ...made.build.linkFlags, "-o", "main");
    await sh(folder, "sh", "-c", "./main < cases > answers");
    const answers = new Uint8Array(readFileSync(join(folder, "answers"))).buffer, want = new Float32Array(new Uint8Array(readFileSync(join(here, "recorded", `open-${m.name}.f32`))).buffer), classes = m.brief === "classes" ? made.program.outputs[0]!.shape.at(-1)! : 0;
    let at = 0, place = 0;
    for (const sizes of m.sizes) for (const o of made.program.outputs) {
      const count = Number(new BigInt64Array(answers.slice(at, at + 8))[0]), got = brief(new Float32Array(answers, at + 8, count), classes), wanted = want.subarray(place, place + got.length);
      const largest = wanted.reduce((most, x, i) => (classes && i % 2 === 0 ? most : Math.max(most, Math.abs(x))), 0), worst = got.findIndex((x, i) => !(Math.abs(x - wanted[i]!) <= (classes && i % 2 === 0 ? 0 : 1e-4 * largest)));
      if (worst >= 0) expect.fail(`${o.name} at ${JSON.stringify(sizes)}: element ${worst} in brief is ${got[worst]}, not ${wanted[worst]}`);
      at += 8 + 4 * count;
      place += got.length;
    }
    expect([at, place]).toEqual([answers.byteLength, want.length]);
  });
}
