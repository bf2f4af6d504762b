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
import { add, convert, f32, less, loadsIn, make, mul, select, sub } from "../../../compiler/ir/algebra.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import type { Kernel } from "../../../compiler/ir/kernel.ts";
import { apply, cast, constant, load, type Expr, type ScalarOp } from "../../../compiler/ir/scalar.ts";
import { signatures } from "../../../compiler/ir/typing.ts";
import { arrayOf, elementTypes, limits, newArray, types, type DType, type ElementArray, type Num } from "../../../compiler/ir/types.ts";
import { verify } from "../../../compiler/ir/verify.ts";
import type { Schedule } from "../../../compiler/ir/schedule.ts";
import { lower } from "../../../compiler/lower/lower.ts";
import { cppVariants } from "../../../targets/cpp/index.ts";
import { cpp, preamble } from "../../../targets/cpp/dialect.ts";
import { instructionSets, type InstructionSet, type InstructionSetName } from "../../../targets/cpp/isa.ts";
import { conv, gemm, softmax } from "../../lower/problems.ts";
import { depthwiseTile, gemmTile, rowwise } from "../../lower/schedules.ts";
import { expression, generator, valueOf } from "../../support/random.ts";

/** Ends in tails of 8, 4, 2 and 1 lanes. */
const N = 47, i = axis("i", N);
const folder = mkdtempSync(join(tmpdir(), "mlc-dialect-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Inputs by name: two of each type with awkward values, operands that divide, distances of shifts, and numbers that every type holds. */
function inputs(): Record<string, ElementArray> {
  const random = generator(5), list = (t: DType, f: (n: number) => Num) => arrayOf(t, Array.from({ length: N }, (_, n) => types[t].wrap(f(n))));
  return Object.fromEntries(elementTypes.flatMap((t) => {
    const { kind, bytes } = types[t], [low] = limits(t), both = () => list(t, (n) => (n % 3 === 0 && kind === "float" ? random() * 4 - 2 : valueOf(random, t)));
    return [
      [`x_${t}`, both()], [`y_${t}`, both()], [`shift_${t}`, list(t, (n) => n % (bytes * 8))], [`small_${t}`, list(t, (n) => (kind === "float" ? n * 2.61 : n * 2))],
      // Neither zero, nor -1 beside the least number: C++ leaves both undefined.
      [`divisor_${t}`, list(t, (n) => { const v = types[t].wrap(valueOf(random, t)); return kind === "float" ? v : Number(v) === 0 || Number(v) === -1 || v === low ? n + 3 : v; })],
    ] as const;
  }));
}
const memory = inputs(), typeOf = new Map(Object.entries(memory).map(([name]) => [name, name.slice(name.lastIndexOf("_") + 1) as DType]));
const of = (name: string, t: DType): Expr => load(t, `${name}_${t}`, [i]);
const far = new Set<ScalarOp>(["exp", "log", "erf", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "pow"]);
interface Case { readonly name: string; readonly value: Expr; readonly lanes: number; readonly tolerance: number }

function cases(lanes: number): readonly Case[] {
  const found: Omit<Case, "name">[] = [], put = (value: Expr, width = 1, tolerance = 0) => found.push({ value, lanes: width, tolerance });
  for (const t of elementTypes) for (const [name, { arity, kinds, args }] of Object.entries(signatures) as [ScalarOp, (typeof signatures)[ScalarOp]][]) {
    if (!kinds.includes(types[t].kind) || args) continue;
    const second = name === "div" || name === "fmod" ? "divisor" : name === "shl" || name === "shr" ? "shift" : name === "pow" && types[t].kind !== "float" ? "shift" : "y";
    const value = apply(name, of("x", t), ...(arity === 2 ? [of(second, t)] : [])), close = far.has(name) ? (t === "f32" ? 1e-6 : 1e-13) : 0;
    put(value, 1, close);
    if (t === "f32") put(value.dtype === "bool" ? select(value, of("x", t), of("y", t)) : value, lanes, close);
  }
  for (const t of elementTypes) {
    put(select(less(of("x", "f32"), of("y", "f32")), of("x", t), of("y", t)));
    for (const from of elementTypes) if (from !== t) put(cast(t, of(types[from].kind === "float" && types[t].kind !== "float" ? "small" : "x", from)));
    for (const value of [...limits(t), types[t].wrap(0), types[t].wrap(-1), ...(types[t].kind === "float" ? [NaN, -0, 1e-30, 1e30, 0.1] : [])]) put(select(less(of("x", "i32"), constant("i32", 7)), constant(t, value), of("x", t)));
  }
  put(apply("bits", of("x", "i32"))), put(apply("toBits", of("x", "f32")));
  // Index arithmetic, and what vectors hold beside floats.
  put(convert("i64", add(make("quo", i, constant("index", 7)), mul(make("rem", i, constant("index", 5)), constant("index", -3)))));
  const a = less(of("x", "f32"), of("y", "f32")), b = less(of("x", "f32"), f32(0)), x = of("x", "f32"), y = of("y", "f32");
  for (const mask of [make("and", a, b), make("or", a, b), make("xor", a, b), make("not", a), make("equal", x, y), make("lessEqual", x, y)]) put(select(mask, x, y), lanes);
  put(apply("bits", make("xor", apply("toBits", x), make("shl", constant("i32", 3), constant("i32", 20)))), lanes);
  put(convert("f32", convert("i32", of("small", "f32"))), lanes), put(convert("f32", a), lanes);
  put(sub(f32(1), mul(f32(-2.5), x)), lanes), put(make("min", f32(6), make("max", x, f32(0))), lanes), put(make("neg", make("abs", x)), lanes), put(mul(load("f32", "y_f32", [constant("index", 3)]), x), lanes);
  // Tests on lanes, and tests that hold for all lanes alike.
  const early = less(i, constant("index", 13)), third = make("equal", make("rem", i, constant("index", 3)), constant("index", 0)), alike = less(load("f32", "y_f32", [constant("index", 3)]), f32(1));
  for (const cond of [early, make("not", third), make("and", a, early), make("or", third, b), make("not", make("and", a, third)), alike, make("and", alike, a), make("xor", early, a)]) put(select(cond, x, y), lanes);
  put(convert("f32", early), lanes), put(convert("f32", make("not", third)), lanes), put(mul(convert("f32", i), x), lanes), put(convert("f32", make("and", a, make("not", early))), lanes);
  for (let seed = 1; seed <= 40; seed++) {
    const t = elementTypes[seed % elementTypes.length]!, random = generator(seed), renamed = (e: Expr): Expr => (e.kind === "load" ? load(e.dtype, `x_${e.dtype}`, e.at) : e);
    const e = expression(random, t, 3, i, false), safe = !/div|fmod|pow/.test(JSON.stringify([...ops(e)])) && loadsIn([e]).length > 0;
    if (safe) put(replaced(e, renamed));
  }
  return found.map((c, n) => ({ ...c, name: `k${n}` }));
}
function ops(e: Expr, found = new Set<string>()): ReadonlySet<string> {
  if (e.kind === "apply") { found.add(e.op); e.args.forEach((x) => ops(x, found)); }
  if (e.kind === "cast") { if (types[e.arg.dtype].kind === "float" && types[e.dtype].kind !== "float" && e.dtype !== "bool") found.add("div"); ops(e.arg, found); }
  return found;
}
function replaced(e: Expr, f: (e: Expr) => Expr): Expr {
  if (e.kind === "apply") return apply(e.op, ...e.args.map((x) => replaced(x, f)));
  return e.kind === "cast" ? cast(e.dtype, replaced(e.arg, f)) : f(e);
}
function kernelOf(c: Case, set: InstructionSet): Kernel {
  const stage: Stage = { name: "s", axes: [i], value: c.value }, tensors = [...new Set(loadsIn([c.value]).map((l) => l.buffer))].map((name) => tensor(name, "input", [N], { dtype: typeOf.get(name)! }));
  const compute: Compute = { name: c.name, origin: [], tensors, stages: [stage], outputs: [output(stage)] };
  const kernel = lower(compute, { stages: { s: c.lanes > 1 ? [{ split: "i", by: c.lanes, into: ["o", "v"], edge: "peel" }, { place: ["v"], as: "vector" }] : [] } }, cppVariants([set.name])[0]!.lacks);
  verify(kernel);
  return kernel;
}
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
const has: Readonly<Record<InstructionSetName, boolean>> = { sse: arch() === "x64", avx2: /\bavx2\b/.test(cpu) && /\bfma\b/.test(cpu), avx512: /\bavx512dq\b/.test(cpu) && /\bavx512bw\b/.test(cpu), neon: arch() === "arm64" };
const arm: readonly string[] = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"];
const compilers: readonly { readonly set: InstructionSetName; readonly command: string; readonly flags: readonly string[]; readonly run: readonly string[] | null }[] = [
  // What C++ leaves undefined ends the program.
  { set: "sse", command: "g++", flags: ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-fno-sanitize=alignment"], run: has.sse ? [] : null },
  { set: "sse", command: "clang++", flags: [], run: has.sse ? [] : null },
  { set: "avx2", command: "g++", flags: [], run: has.avx2 ? [] : null }, { set: "avx2", command: "clang++", flags: [], run: has.avx2 ? [] : null },
  { set: "avx512", command: "g++", flags: [], run: has.avx512 ? [] : null }, { set: "avx512", command: "clang++", flags: [], run: has.avx512 ? [] : null },
  { set: "neon", command: has.neon ? "g++" : "aarch64-linux-gnu-g++", flags: [], run: has.neon ? [] : have("qemu-aarch64") ? arm : null },
];
const missing = (c: (typeof compilers)[number]): string => (!have(c.command) ? `, skipped: there is no ${c.command}` : arch() !== "x64" && c.set !== "neon" ? ", skipped: not for this processor" : c.run ? "" : ", compiled only: nothing here runs it");
describe("all operators, types and widths", () => {
  for (const compiler of compilers) test.skipIf(missing(compiler).startsWith(", skipped")).concurrent(`${compiler.set}, ${[compiler.command, ...compiler.flags].join(" ")}${missing(compiler)}`, async () => {
    const { set: name, command, flags, run } = compiler;
    const set = instructionSets[name];
    const all = cases(set.lanes), kernels = all.map((c) => kernelOf(c, set)), source = join(folder, `${name}-${command}.cpp`), program = `${source}.exe`, [from, to] = [join(folder, "in"), `${program}.out`];
    // In a header, what is not used is no warning.
    writeFileSync(join(folder, "preamble.h"), preamble);
    writeFileSync(source, programOf(kernels, set));
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
        const [a, b] = [got[e]!, want[e]!], close = Object.is(a, b) || (c.tolerance > 0 && (a === b || Math.abs(Number(a) - Number(b)) <= c.tolerance * Math.max(Math.abs(Number(b)), 1e-30)));
        if (!close) expect.fail(`${c.name}, element ${e}: ${a}, not ${b}\n${printKernel(k, cpp(set))}\n${k.buffers.map((x) => `${x.name} ${memory[x.name]?.[e]}`).join(", ")}`);
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
