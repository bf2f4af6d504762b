/** A small program with hand-written kernels: several ports, types and instruction sets, constants and working memory. */
import type { InstructionSetText, PackageInput } from "../../compiler/emit/package.ts";
import type { Buffer, Kernel } from "../../compiler/ir/kernel.ts";
import type { Program } from "../../compiler/ir/program.ts";
import type { DType } from "../../compiler/ir/types.ts";

const buffer = (name: string, space: Buffer["space"], size: number, dtype: DType = "f32"): Buffer => ({ name, space, size, dtype });
const kernel = (name: string, buffers: readonly Buffer[]): Kernel => ({ name, buffers, body: [] });

const kernels: readonly Kernel[] = [
  kernel("scale", [buffer("x", "in", 16), buffer("w", "in", 16), buffer("out", "out", 16)]),
  kernel("keep", [buffer("t", "in", 16), buffer("mask", "in", 4, "bool"), buffer("b", "in", 16), buffer("out", "out", 16)]),
  kernel("largest", [buffer("y", "in", 16), buffer("out", "out", 1, "i64")]),
];
const set = (name: string, guard: string, cpuCheck: string | null, lanes: number, attribute: string): InstructionSetText => ({
  name, guard, cpuCheck,
  preamble: `#include <math.h>\ntypedef float vec __attribute__((vector_size(${4 * lanes}), aligned(4), may_alias));
static inline ${attribute} vec product(vec a, vec b) { return a * b; }
static inline ${attribute} vec unused(vec a) { return a; }`,
  kernels: [
    { name: "scale", comment: "pointwise", text: `static ${attribute} void scale(const float* __restrict x, const float* __restrict w, float* __restrict out) {
  for (ptrdiff_t i = 0; i < 16; i += ${lanes}) *(vec*)(out + i) = product(*(const vec*)(x + i), *(const vec*)(w + i));
}` },
    { name: "keep", text: `static ${attribute} void keep(const float* __restrict t, const bool* __restrict mask, const float* __restrict b, float* __restrict out) {
  for (ptrdiff_t i = 0; i < 16; ++i) out[i] = mask[i % 4] ? fmaxf(t[i] + b[i], sinf(0.0f)) : 0.0f;
}` },
    { name: "largest", text: `static ${attribute} void largest(const float* __restrict y, int64_t* __restrict out) {
  int64_t best = 0;
  for (ptrdiff_t i = 1; i < 16; ++i) if (y[i] > y[best]) best = i;
  *out = best;
}` },
  ],
});
/** Best first, as the C++ target has them. */
export const isas: readonly InstructionSetText[] = [
  set("avx2", "defined(__x86_64__)", '__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")', 8, '__attribute__((target("avx2,fma")))'),
  set("sse", "defined(__x86_64__)", null, 4, ""),
  set("neon", "defined(__aarch64__)", null, 4, ""),
];

/** y1 = mask ? max(x * w + b, 0) : 0 and the index of its largest element; `seed` tells one model from another. */
export function sampleProgram(seed: number): Program {
  const constants = new Uint8Array(128), numbers = new Float32Array(constants.buffer);
  for (let i = 0; i < 16; i++) { numbers[i] = ((i * 7 + seed) % 11) - 5; numbers[16 + i] = (i - seed) / 4; }
  const f32 = (name: string) => ({ name, dtype: "f32" as const, shape: [1, 4, 4] });
  return {
    name: "sample", inputs: [f32("x"), { name: "mask:0", dtype: "bool", shape: [4] }], outputs: [f32("y1"), { name: 'the "class"', dtype: "i64", shape: [] }],
    kernels: kernels.map((k) => ({ name: k.name, origin: [k.name], variants: { avx2: k, sse: k, neon: k } })),
    steps: [
      { kernel: 0, args: [{ in: "input", port: 0, offset: 0 }, { in: "constants", offset: 0 }, { in: "arena", offset: 64 }], origin: ["layer1/mul"], macs: 16, kind: "", traffic: { read: 0, weights: 0, written: 0 }, results: [] },
      { kernel: 1, args: [{ in: "arena", offset: 64 }, { in: "input", port: 1, offset: 0 }, { in: "constants", offset: 64 }, { in: "output", port: 0, offset: 0 }], origin: ["layer2/*add*/", "layer2/where\\"], macs: 0, kind: "", traffic: { read: 0, weights: 0, written: 0 }, results: [] },
      { kernel: 2, args: [{ in: "output", port: 0, offset: 0 }, { in: "output", port: 1, offset: 0 }], origin: ["arg max??/"], macs: 0, kind: "", traffic: { read: 0, weights: 0, written: 0 }, results: [] },
    ],
    arena: { bytes: 128, blocks: [], naive: 64, lowerBound: 64 },
    constants, dtypes: ["f32", "bool", "i64"],
  };
}
/** What `sampleProgram` computes, in JavaScript. */
export function expected(seed: number, x: readonly number[], mask: readonly boolean[]): { y: number[]; largest: number } {
  const numbers = new Float32Array(sampleProgram(seed).constants.buffer);
  const y = x.map((v, i) => (mask[i % 4] ? Math.max(v * numbers[i]! + numbers[16 + i]!, 0) : 0));
  return { y, largest: y.indexOf(Math.max(...y)) };
}
export const sampleInput = (name: string, more: Partial<PackageInput> = {}, seed = 3): PackageInput => ({
  program: sampleProgram(seed), name, hash: "0123456789abcdef".repeat(4).replace(/^./, seed.toString(16)), version: "0.1.0", flags: "--target cpp",
  weights: "incbin", isas, ...more,
});
