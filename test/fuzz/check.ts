/** Graphs as code against graphs as they are defined: compiles many into one program for each instruction set or target, runs it, compares. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { bytesOf, constantOf, isStatic, sizeOf, type Constant, type Graph, type TensorType } from "../../compiler/ir/graph.ts";
import type { Program } from "../../compiler/ir/program.ts";
import { arrayOf, isFloat, viewOf, types } from "../../compiler/ir/types.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { fold } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { compileNetwork } from "../../compiler/passes/network/pipeline.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { cppTarget, cppVariants } from "../../targets/cpp/index.ts";
import type { Target } from "../../compiler/emit/target.ts";
import { runOn } from "../support/on-target.ts";
import { driverText, failureOf, type DriverCase } from "./driver.ts";
import { Draw } from "./draw.ts";
import type { Runner } from "./machine.ts";

const execute = promisify(execFile);

/** A graph with sets of inputs to run it on. */
export interface Sample { readonly graph: Graph; readonly sets: readonly ReadonlyMap<string, Constant>[] }
/** `isa` is the instruction set, or the target for devices; empty where no code came to be. */
export interface Failure { readonly index: number; readonly isa: string; readonly kind: "reference" | "compiler" | "c++" | "run" | "result"; readonly reason: string }
export interface CheckOptions {
  readonly runners: readonly Runner[];
  /** Targets whose packages run on the devices that are here, each graph on its first set of inputs. */
  readonly targets?: readonly Target[];
  /** Compiler flags for the kernels. */
  readonly flags: readonly string[];
  /** A folder for this check alone; emptied first. */
  readonly folder: string;
  readonly keep?: boolean;
  /** Compares each float with its own size rather than with the largest of its tensor. */
  readonly each?: boolean;
}
const typeOf = (g: Graph, v: string): TensorType => { const t = g.types.get(v)!; return isStatic(t) ? t : { dtype: t.dtype, shape: [] }; };
/** Inputs around 1, with some zeros. */
export function sampleOf(graph: Graph, seed: number, sets = 2): Sample {
  const draw = new Draw(seed + 77);
  const value = (t: TensorType): Constant => constantOf(t.dtype, t.shape, arrayOf(t.dtype, Array.from({ length: sizeOf(t.shape) }, () =>
    (isFloat(t.dtype) ? (draw.chance(0.05) ? 0 : draw.unit() * 4 - 2) : draw.int(t.dtype === "bool" ? 0 : types[t.dtype].kind === "uint" ? 0 : -5, 1)))));
  return { graph, sets: Array.from({ length: sets }, () => new Map(graph.inputs.map((v) => [v, value(typeOf(graph, v))]))) };
}
/** A graph to a program for all these instruction sets, by the passes of the compiler. */
export function programOf(graph: Graph, isas: readonly string[]): Program {
  const { graph: typed, diagnostics } = inferTypes(graph, { fold }), errors = diagnostics.filter((d) => d.severity === "error");
  if (errors.length) throw new Error(errors.map((d) => d.message).join("; "));
  const ready = runPasses(typed, graphPasses).graph, variants = cppVariants(isas);
  return compileNetwork(ready, { facts: cppTarget.facts({}), variants });
}
/** The files for one instruction set of a program that has several. */
export function filesOf(program: Program, name: string, isa: string): ReadonlyMap<string, string | Uint8Array> {
  const kernels = program.kernels.map((k) => ({ ...k, variants: { [isa]: k.variants[isa]! } }));
  return cppTarget.emit({ ...program, kernels }, { name, hash: "0".repeat(64), version: "fuzz", flags: "", weights: "source", instructionSets: [isa], settings: {} }).files;
}

interface Expected { readonly values: readonly Constant[]; readonly spread: readonly number[] }
interface Member { readonly index: number; readonly sample: Sample; readonly program: Program; readonly expected: readonly Expected[] }
const largest = (c: Constant): number => { let m = 0; for (const x of c.data) if (Number.isFinite(Number(x))) m = Math.max(m,
  Math.abs(Number(x))); return m; };

/** With a rounding error in each float. */
function shaken(c: Constant, draw: Draw): Constant {
  if (!isFloat(c.dtype)) return c;
  const moved = Array.from(c.data as Iterable<number>, (x) => x * (1 + (draw.chance(0.5) ? 1.2e-7 : -1.2e-7)));
  return constantOf(c.dtype, c.shape, arrayOf(c.dtype, moved));
}
/** All values of a graph where each node rounds in its own way. */
function roughly(graph: Graph, feeds: ReadonlyMap<string, Constant>, draw: Draw): ReadonlyMap<string, Constant> {
  const values = new Map([...feeds].map(([v, c]) => [v, shaken(c, draw)]));
  for (const n of graph.nodes) {
    const inputs = [...new Set(n.inputs)].filter((v) => v && !graph.constants.has(v)), outputs = n.outputs.filter(Boolean);
    const results = evaluateGraph({ ...graph, nodes: [n], inputs, outputs }, new Map(inputs.map((v) => [v, values.get(v)!])));
    for (const [v, c] of results) values.set(v, shaken(c, draw));
  }
  return values;
}
const farthest = (a: Constant, b: Constant): number => {
  let most = 0;
  for (let i = 0; i < a.data.length; i++) { const off = Math.abs(Number(a.data[i]) - Number(b.data[i])); if (Number.isFinite(off)) most = Math.max(most, off); }
  return most;
};
/**
 * What a graph must give, and how far each output moves when all values move by a rounding error: a graph may be as
 * sensitive as it likes.
 */
function expectedOf({ graph, sets }: Sample): readonly Expected[] {
  return sets.map((feeds, s) => {
    const exact = evaluateGraph(graph, feeds), rough = roughly(graph, feeds, new Draw(s + 5)), values = graph.outputs.map((v) => exact.get(v)!);
    return { values, spread: graph.outputs.map((v, i) => farthest(values[i]!, rough.get(v) ?? values[i]!)) };
  });
}
/** Null, or how two tensors differ. Floats by the largest error, relative to the largest expected magnitude, or to `each` by itself. */
export function difference(got: Constant["data"], want: Constant, tolerance: number, spread: number, each = false): string | null {
  const scale = Math.max(largest(want), 1e-6), exact = !isFloat(want.dtype), allowed = exact ? 0 : tolerance * scale + (each ? 0 : 10 * spread);
  let worst = 0, at = -1;
  for (let i = 0; i < want.data.length; i++) {
    const a = Number(got[i]), b = Number(want.data[i]);
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const own = each ? scale / Math.max(Math.abs(b), 1e-30) : 1, off = Number.isFinite(a - b) ? Math.abs(a - b) * own : Infinity;
    if (off > worst) { worst = off; at = i; }
  }
  if (worst <= allowed || (exact && spread > 0 && !each)) return null;
  return `[${at}] of ${want.dtype}[${want.shape}] is ${got[at]}, expected ${want.data[at]}; ${(worst / scale).toExponential(1)} of the largest, allowed ${(allowed / scale).toExponential(1)}`;
}

/** All that goes wrong, at most one failure for each graph and instruction set. */
export async function check(samples: readonly Sample[], o: CheckOptions): Promise<readonly Failure[]> {
  const failures: Failure[] = [], members: Member[] = [], isas = o.runners.map((r) => r.isa);
  rmSync(o.folder, { recursive: true, force: true });
  for (const [index, sample] of samples.entries()) {
    let kind: Failure["kind"] = "reference";
    try {
      const expected = expectedOf(sample);
      kind = "compiler";
      members.push({ index, sample, program: programOf(sample.graph, isas), expected });
    } catch (e) { failures.push({ index, isa: "", kind, reason: (e as Error).stack ?? String(e) }); }
  }
  if (members.length) for (const runner of o.runners) failures.push(...await checkOn(runner, members, o));
  if (members.length) for (const target of o.targets ?? []) failures.push(...await checkDevice(target, members, o));
  if (!o.keep) rmSync(o.folder, { recursive: true, force: true });
  return failures;
}
/** Winograd's products are less exact. */
const toleranceOf = (p: Program): number => (p.kernels.some((k) => k.name.includes("winograd")) ? 1e-4 : 1e-5);
/** What a target refuses, with the reason, is no failure. */
async function checkDevice(target: Target, members: readonly Member[], o: CheckOptions): Promise<readonly Failure[]> {
  const outcomes = await runOn(target, members.map(({ index, sample }) => ({ name: `g${index}`, graph: sample.graph, feeds: sample.sets[0]! })));
  return members.flatMap(({ index, sample, program, expected }, i): readonly Failure[] => {
    const r = outcomes[i]!, about = { index, isa: target.name };
    if ("refused" in r) return [];
    if ("problem" in r) return [{ ...about, kind: r.problem.startsWith("the compiler") ? "compiler" : "run", reason: r.problem }];
    const { values, spread } = expected[0]!, offs = sample.graph.outputs.flatMap((v, k) => {
      const off = difference(r.outputs[k]!.data, values[k]!, toleranceOf(program), spread[k]!, o.each);
      return off ? [`output ${v}: ${off}`] : [];
    });
    return offs.length ? [{ ...about, kind: "result", reason: offs.join("\n") }] : [];
  });
}
const align = (n: number): number => Math.ceil(n / 64) * 64;
const firstLines = (text: string): string => text.split("\n").filter((l) => /error|warning/.test(l)).slice(0, 4).join("\n") || text.slice(0, 400);

async function checkOn(runner: Runner, all: readonly Member[], o: CheckOptions): Promise<readonly Failure[]> {
  const { isa } = runner, folder = join(o.folder, isa), failures: Failure[] = [], name = (m: Member) => `g${m.index}`;
  const fail = (m: Member, kind: Failure["kind"], reason: string) => { failures.push({ index: m.index, isa, kind, reason }); };
  mkdirSync(folder, { recursive: true });
  const emitted: Member[] = [];
  for (const m of all) {
    try {
      const files = filesOf(m.program, name(m), isa);
      mkdirSync(join(folder, name(m)));
      for (const [path, content] of files) if (/\.(cpp|h)$/.test(path)) writeFileSync(join(folder, name(m), path), content);
      emitted.push(m);
    } catch (e) { fail(m, "compiler", (e as Error).stack ?? String(e)); }
  }
  const unit = async (some: readonly Member[], file: string): Promise<string> => {
    const parts = some.map((m) => `namespace unit_${name(m)} {\n${["", "_run", `_kernels_${isa}`, "_weights"].map((p) => `#include "${name(m)}/${name(m)}${p}.cpp"\n`).join("")}}\n`);
    writeFileSync(join(folder, `${file}.cpp`), `#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n${parts.join("")}`);
    await execute(runner.cxx, [...o.flags, "-std=c++17", "-fno-exceptions", "-fno-rtti", "-c", `${file}.cpp`, "-o", `${file}.o`],
      { cwd: folder, maxBuffer: 1 << 26 });
    return `${file}.o`;
  };
  let objects: string[] = [], good: readonly Member[] = emitted;
  try { objects = [await unit(emitted, "unit")]; } catch {
    const alone: Member[] = [];
    for (const m of emitted) {
      try { objects.push(await unit([m], name(m))); alone.push(m); } catch (e) { fail(m, "c++",
        firstLines((e as { stderr?: string }).stderr ?? String(e))); }
    }
    good = alone;
  }
  if (good.length === 0) return failures;
  let inputAt = 0, outputAt = 0;
  const inputs: Uint8Array[] = [];
  const cases = good.map((m): DriverCase => {
    const { program, sample } = m, inputBytes = program.inputs.map(bytesOf), outputBytes = program.outputs.map(bytesOf),
      sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
    const runs = sample.sets.map((feeds) => {
      const at = { inputAt, outputAt }, whole = new Uint8Array(align(sum(inputBytes)));
      let to = 0;
      for (const p of program.inputs) { const { data } = feeds.get(p.name)!; whole.set(new Uint8Array(data.buffer, data.byteOffset,
        data.byteLength), to); to += data.byteLength; }
      inputs.push(whole);
      inputAt += whole.length;
      outputAt += align(sum(outputBytes));
      return at;
    });
    return { name: name(m), inputBytes, outputBytes, arenaBytes: Math.max(64, align(program.arena.bytes)), runs };
  });
  const sanitized = o.flags.filter((f) => f.startsWith("-fsanitize"));
  writeFileSync(join(folder, "driver.c"), driverText(cases));
  writeFileSync(join(folder, "inputs"), Buffer.concat([...inputs, new Uint8Array(64)]));
  writeFileSync(join(folder, "outputs"), new Uint8Array(outputAt + 64));
  await execute(runner.cxx, ["-x", "c", "-std=gnu99", "-Wall", ...(sanitized.length ? ["-DSANITIZED"] : []), ...sanitized, "-c", "driver.c",
    "-o", "driver.o"], { cwd: folder, maxBuffer: 1 << 26 });
  await execute(runner.cxx, [...sanitized, "driver.o", ...objects, "-o", "program", "-lm"], { cwd: folder, maxBuffer: 1 << 26 });
  const env = { ...process.env, UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=0", ASAN_OPTIONS: "exitcode=77:detect_leaks=0" };
  const [command = "", ...args] = [...runner.launch, "./program", "inputs", "outputs"];
  const { stdout, stderr } = await execute(command, args, { cwd: folder, maxBuffer: 1 << 26, env });
  const lines = stdout.trim().split("\n").map((l) => l.split(" ")), written = new Uint8Array(readFileSync(join(folder, "outputs")));
  for (const [i, m] of good.entries()) {
    const [, what = "signal", value = "0"] = lines[i] ?? [], bad = failureOf(what, Number(value));
    if (bad) { fail(m, "run", `${bad} ${stderr.split("\n").filter((l) => /ERROR|runtime error/.test(l)).slice(0, 3).join("; ")}`); continue; }
    const tolerance = toleranceOf(m.program);
    for (const [s, { outputAt: start }] of cases[i]!.runs.entries()) {
      let at = start;
      const offs = m.program.outputs.flatMap((p, k) => {
        const got = viewOf(p.dtype, written.subarray(at, at + bytesOf(p))), { values, spread } = m.expected[s]!;
        at += bytesOf(p);
        const off = difference(got, values[k]!, tolerance, spread[k]!, o.each);
        return off ? [`run ${s}, output ${p.name}: ${off}`] : [];
      });
      if (offs.length) { fail(m, "result", offs.join("\n")); break; }
    }
  }
  return failures;
}
