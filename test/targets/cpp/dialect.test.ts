/**
 * The C++ dialect: every operator over every type, at every width, compiled without a warning by each compiler that is here,
 * does what the interpreter does, and nothing that C++ leaves undefined. Goldens of small kernels (`UPDATE_GOLDENS=1` rewrites them).
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { printKernel } from "../../../compiler/emit/print.ts";
import { accumulator, at, axis, output, tensor, type Compute, type Stage } from "../../../compiler/ir/compute.ts";
import { convert, f32, less, mul } from "../../../compiler/ir/algebra.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import type { Kernel } from "../../../compiler/ir/kernel.ts";
import { newArray, types } from "../../../compiler/ir/types.ts";
import { verify } from "../../../compiler/ir/verify.ts";
import type { Schedule } from "../../../compiler/ir/schedule.ts";
import { lower } from "../../../compiler/lower/lower.ts";
import { cppVariants } from "../../../targets/cpp/index.ts";
import { cpp } from "../../../targets/cpp/dialect.ts";
import { preambleOf } from "../../../targets/cpp/preamble.ts";
import { instructionSets, type InstructionSet, type InstructionSetName } from "../../../targets/cpp/isa.ts";
import { conv, gemm, softmax } from "../../lower/problems.ts";
import { depthwiseTile, gemmTile, rowwise } from "../../lower/schedules.ts";
import { agrees, cases, kernelOf, memory, N, typeOf, wordCases } from "../cases.ts";

const folder = mkdtempSync(join(tmpdir(), "mlc-dialect-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that reads all inputs from a file and writes the results of all kernels to another. */
function programOf(kernels: readonly Kernel[], set: InstructionSet): string {
  const dialect = cpp(set), names = Object.keys(memory);
  const calls = kernels.map((k) => {
    const out = k.buffers.at(-1)!;
    return `  { static ${types[out.dtype].c} out[${N}]; ${k.name}(${k.buffers.slice(0, -1).map((b) => b.name).join(", ")}${k.buffers.length > 1 ? ", " : ""}out); if (fwrite(out, sizeof out, 1, to) != 1) return 3; }`;
  });
  return [
    "#include <stddef.h>", "#include <stdint.h>", "#include <stdio.h>", '#include "preamble.h"', ...kernels.map((k) => printKernel(k, dialect)),
    "int main(int, char** argv) {", '  FILE* from = fopen(argv[1], "rb"); FILE* to = fopen(argv[2], "wb"); if (!from || !to) return 1;',
    ...names.map((n) => `  static ${types[typeOf.get(n)!].c} ${n}[${N}]; if (fread(${n}, sizeof ${n}, 1, from) != 1) return 2; (void)${n};`),
    ...calls, "  return fclose(to);", "}", "",
  ].join("\n");
}
const strict = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-fno-rtti", "-O1", "-ffp-contract=off"];
const execute = promisify(execFile);
const have = (command: string) => spawnSync(command, ["--version"]).error === undefined;
const cpu = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
const has: Readonly<Record<InstructionSetName | "dots", boolean>> = { dots: /\bavx512_vnni\b/.test(cpu), sse: arch() === "x64", avx2: /\bavx2\b/.test(cpu) && /\bfma\b/.test(cpu), avx512: /\bavx512dq\b/.test(cpu) && /\bavx512bw\b/.test(cpu), neon: arch() === "arm64" };
const arm: readonly string[] = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"];
const compilers: readonly { readonly set: InstructionSetName; readonly dots?: true; readonly command: string; readonly flags: readonly string[]; readonly run: readonly string[] | null }[] = [
  // What C++ leaves undefined ends the program.
  { set: "sse", command: "g++", flags: ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-fno-sanitize=alignment"], run: has.sse ? [] : null },
  { set: "sse", command: "clang++", flags: [], run: has.sse ? [] : null },
  { set: "avx2", command: "g++", flags: [], run: has.avx2 ? [] : null }, { set: "avx2", command: "clang++", flags: [], run: has.avx2 ? [] : null },
  { set: "avx512", command: "g++", flags: [], run: has.avx512 ? [] : null }, { set: "avx512", command: "clang++", flags: [], run: has.avx512 ? [] : null },
  { set: "avx512", dots: true, command: "g++", flags: [], run: has.dots ? [] : null }, { set: "avx512", dots: true, command: "clang++", flags: [], run: has.dots ? [] : null },
  { set: "neon", command: has.neon ? "g++" : "aarch64-linux-gnu-g++", flags: [], run: has.neon ? [] : have("qemu-aarch64") ? arm : null },
];
const missing = (c: (typeof compilers)[number]): string => (!have(c.command) ? `, skipped: there is no ${c.command}` : arch() !== "x64" && c.set !== "neon" ? ", skipped: not for this processor" : c.run ? "" : ", compiled only: nothing here runs it");
const setOf = ({ set, dots }: (typeof compilers)[number]): InstructionSet => ({ ...instructionSets[set], ...(dots ? instructionSets.avx512.withDots : {}) }), nameOf = (c: (typeof compilers)[number]): string => setOf(c).name;
describe("all operators, types and widths", () => {
  for (const compiler of compilers) test.skipIf(missing(compiler).startsWith(", skipped")).concurrent(`${nameOf(compiler)}, ${[compiler.command, ...compiler.flags].join(" ")}${missing(compiler)}`, async () => {
    const { command, flags, run } = compiler, name = nameOf(compiler);
    const set: InstructionSet = setOf(compiler);
    const all = compiler.dots ? wordCases(set.lanes) : [...cases(set.lanes), ...wordCases(set.lanes)], kernels = all.map((c) => kernelOf(c, cppVariants([compiler.set])[0]!.lacks)), source = join(folder, `${name}-${command}.cpp`), program = `${source}.exe`, [from, to] = [join(folder, "in"), `${program}.out`];
    // In a header, what is not used is no warning.
    const text = programOf(kernels, set);
    writeFileSync(join(folder, `${name}-${command}.h`), preambleOf([text]));
    writeFileSync(source, text.replace("preamble.h", `${name}-${command}.h`));
    writeFileSync(from, Buffer.concat(Object.values(memory).map((a) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength))));
    await execute(command, [...strict, ...flags, source, "-o", program, "-lm"]);
    if (!run) return;
    const [start = program, ...rest] = [...run, program, from, to];
    await execute(start, rest);
    const bytes = readFileSync(to);
    let offset = 0;
    all.forEach((c, n) => {
      const k = kernels[n]!, { dtype } = k.buffers.at(-1)!, want = newArray(dtype, N), size = want.byteLength, got = new types[dtype].array(new Uint8Array(bytes.subarray(offset, offset + size)).buffer, 0, N);
      interpret(k, { ...memory, out: want });
      offset += size;
      for (let e = 0; e < N; e++) {
        const [a, b] = [got[e]!, want[e]!];
        if (!agrees(c, a, b)) expect.fail(`${c.name}, element ${e}: ${a}, not ${b}\n${printKernel(k, cpp(set))}\n${k.buffers.map((x) => `${x.name} ${memory[x.name]?.[e]}`).join(", ")}`);
      }
    });
    expect(offset).toBe(bytes.length);
  });
});

describe("text", () => {
  const tile = { rows: 2, vectors: 2, edge: "balance" } as const;
  const mixed = (): Compute => {
    const n = axis("n", 6), t = axis("t", 3), X = tensor("X", "input", [6, 3], { dtype: "u8" }), scale = tensor("scale", "weight", [], { dtype: "f64" });
    const sum: Stage = { name: "sum", axes: [n], reduce: { op: "add", axes: [t] }, value: convert("i32", at(X, n, t)), finish: convert("f32", mul(convert("f64", accumulator("i32")), at(scale))) };
    const flags: Stage = { name: "flags", axes: [n], value: less(f32(0.5), at(sum, n)) };
    return { name: "mixed", origin: [], tensors: [X, scale], stages: [sum, flags], outputs: [output(sum, "a"), output(flags, "b")] };
  };
  const kernels: Readonly<Record<string, (lanes: number) => readonly [Compute, Schedule]>> = {
    product: (lanes) => { const s = gemmTile({ ...tile, lanes }); return [gemm(5, 3, 40).compute, { ...s, stages: { gemm: [...s.stages.gemm!, { prefetch: "W", next: "no" }, { early: "R" }] } }]; },
    depthwise: (lanes) => [conv({ H: 4, W: 5, C: 20, N: 20, depthwise: true }).compute, depthwiseTile(lanes, 1, 2, "balance")],
    padded: (lanes) => [conv({ H: 3, W: 3, C: 2, N: 4, halo: false }).compute, { stages: { conv: [{ split: "n", by: Math.min(4, lanes), into: ["no", "nv"], edge: "peel" }, { order: ["y", "x", "no", "ky", "kx", "c", "nv"] }, { place: ["nv"], as: "vector" }] } }],
    softmax: (lanes) => [softmax(3, 21).compute, rowwise(lanes, "softmax", ["top", "sum"], ["e"])],
    mixed: () => [mixed(), { stages: { sum: [{ split: "n", by: 4, into: ["no", "ni"], edge: "guard" }] } }],
  };
  test.each(Object.keys(kernels))("%s", (name) => {
    const text = Object.values(instructionSets).map((set) => {
      const [compute, schedule] = kernels[name]!(set.lanes), kernel = lower(compute, schedule, cppVariants([set.name])[0]!.lacks);
      verify(kernel);
      return `// ${set.name}\n${printKernel(kernel, cpp(set))}`;
    }).join("\n"), golden = new URL(`../../golden/cpp/${name}.txt`, import.meta.url);
    if (process.env.UPDATE_GOLDENS) writeFileSync(golden, text);
    expect(existsSync(golden), `there is no golden for ${name}: run with UPDATE_GOLDENS=1`).toBe(true);
    expect(text).toBe(readFileSync(golden, "utf8"));
  });
});
