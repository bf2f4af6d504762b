/** Graphs as code against graphs as they are defined: compiles many into one program for each instruction set or target, runs it, compares. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { CompileError } from "../../compiler/diagnostics.ts";
import { bytesOf, constantOf, sizeOf, type Constant, type Graph, type TensorType } from "../../compiler/ir/graph.ts";
import { mapFlow } from "../../compiler/ir/control.ts";
import type { Program } from "../../compiler/ir/program.ts";
import { arrayOf, isFloat, viewOf, types } from "../../compiler/ir/types.ts";
import { cutRegions } from "../../compiler/passes/graph/cut-regions.ts";
import { compileRegions } from "../../compiler/passes/network/pipeline.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { cppTarget, cppVariants } from "../../targets/cpp/index.ts";
import type { Target } from "../../compiler/emit/target.ts";
import { runOn } from "../support/on-target.ts";
import { driverText, failureOf, type DriverCase, type DriverRun } from "./driver.ts";
import { Draw } from "./draw.ts";
import type { Runner } from "./machine.ts";
import { difference, expectedOf, type Expected, type Sample } from "./meaning.ts";
import { peerOutputs } from "./peer.ts";
import { isOpen, shapeAt, sizesOfRuns, typed } from "./open.ts";
export type { Sample } from "./meaning.ts";

const execute = promisify(execFile);

/** `isa` is the instruction set, the target for devices, or onnxruntime; empty where no code came to be. */
export interface Failure { readonly index: number; readonly isa: string; readonly kind: "reference" | "compiler" | "c++" | "run" | "result"; readonly reason: string }
export interface CheckOptions {
  readonly runners: readonly Runner[];
  /** Targets whose packages run on the devices that are here, each graph on one set of inputs. */
  readonly targets?: readonly Target[];
  /** Compiler flags for the kernels. */
  readonly flags: readonly string[];
  /** A folder for this check alone; emptied first. */
  readonly folder: string;
  readonly keep?: boolean;
  /** Hears of graphs that the compiler says it cannot do. */
  readonly refused?: (index: number, why: string) => void;
  /** Asks onnxruntime too what graphs mean, and hears why it gives no answer. */
  readonly peer?: (index: number, why: string) => void;
  /** Compares each float with its own size rather than with the largest of its tensor. */
  readonly each?: boolean;
}
/** Inputs around 1, with some zeros; where sizes are open, `sets` of them, and now and then a run that has to be refused. */
export function sampleOf(graph: Graph, seed: number, sets = isOpen(graph) ? 4 : 2): Sample {
  const draw = new Draw(seed + 77);
  const value = (t: TensorType): Constant => constantOf(t.dtype, t.shape, arrayOf(t.dtype, Array.from({ length: sizeOf(t.shape) }, () =>
    (isFloat(t.dtype) ? (draw.chance(0.05) ? 0 : draw.unit() * 4 - 2) : draw.int(t.dtype === "bool" ? 0 : types[t.dtype].kind === "uint" ? 0 : -5, 1)))));
  const runs = isOpen(graph) ? sizesOfRuns(graph, draw, sets) : Array.from({ length: sets }, () => new Map<string, number>());
  return { graph, sets: runs.map((sizes) => new Map(graph.inputs.map((v) => { const { dtype, shape } = graph.types.get(v)!; return [v, value({ dtype, shape: shapeAt(shape, sizes) })]; }))) };
}
/** A graph to a program for all these instruction sets, by the passes of the compiler. */
export function programOf(graph: Graph, isas: readonly string[]): Program {
  const cut = cutRegions(typed(graph)), ready = mapFlow(cut.flow, (piece) => runPasses(piece, graphPasses).graph, (v) => v), variants = cppVariants(isas);
  return compileRegions({ ...cut, flow: ready }, { facts: cppTarget.facts({}), variants });
}
/** The files for one instruction set of a program that has several. */
export function filesOf(program: Program, name: string, isa: string): ReadonlyMap<string, string | Uint8Array> {
  const kernels = program.kernels.map((k) => ({ ...k, variants: { [isa]: k.variants[isa]! } }));
  return cppTarget.emit({ ...program, kernels }, { name, hash: "0".repeat(64), version: "fuzz", flags: "", weights: "source", instructionSets: [isa], settings: {} }).files;
}

interface Told { readonly index: number; readonly sample: Sample; readonly expected: readonly NonNullable<Expected>[] }
interface Member extends Told { readonly program: Program }

/** All that goes wrong, at most one failure for each graph and instruction set. */
export async function check(samples: readonly Sample[], o: CheckOptions): Promise<readonly Failure[]> {
  const failures: Failure[] = [], members: Member[] = [], isas = o.runners.map((r) => r.isa);
  rmSync(o.folder, { recursive: true, force: true });
  const told: Told[] = [];
  for (const [index, sample] of samples.entries()) {
    let kind: Failure["kind"] = "reference";
    try {
      const expected = expectedOf(sample), clear = expected.map((e) => e !== null), meant = { ...sample, sets: sample.sets.filter((_, s) => clear[s]) };
      told.push({ index, sample: meant, expected: expected.filter((e) => e !== null) });
      kind = "compiler";
      members.push({ index, sample: meant, program: programOf(sample.graph, isas), expected: expected.filter((e) => e !== null) });
    } catch (e) {
      if (e instanceof CompileError && kind === "compiler") o.refused?.(index, e.message);
      else failures.push({ index, isa: "", kind, reason: (e as Error).stack ?? String(e) });
    }
  }
  if (o.peer) failures.push(...await checkPeer(told, o, o.peer));
  if (members.length) for (const runner of o.runners) failures.push(...await checkOn(runner, members, o));
  if (members.length) for (const target of o.targets ?? []) failures.push(...await checkDevice(target, members, o));
  if (!o.keep) rmSync(o.folder, { recursive: true, force: true });
  return failures;
}
/** Without the runs that have to be refused: it may take them. */
async function checkPeer(all: readonly Told[], o: CheckOptions, silent: (index: number, why: string) => void): Promise<readonly Failure[]> {
  const list = all.map(({ index, sample: { graph, sets }, expected }) => {
    const meant = expected.flatMap((e, s) => ("refused" in e ? [] : [{ ...e, feeds: sets[s]! }]));
    return { index, graph, meant, sets: meant.map((m) => m.feeds) };
  });
  const answers = await peerOutputs(list, join(o.folder, "peer"));
  return list.flatMap(({ index, graph, meant }, i): readonly Failure[] => {
    const answer = answers[i]!;
    if (typeof answer === "string") { silent(index, answer); return []; }
    const offs = meant.flatMap(({ values, spread }, s) => graph.outputs.flatMap((v, k) => {
      const got = answer[s]![k]!, want = values[k]!, other = got.dtype !== want.dtype || got.shape.join() !== want.shape.join();
      const off = spread[k] === Infinity ? null : other ? `${got.dtype}[${got.shape}] instead of ${want.dtype}[${want.shape}]` : difference(got.data, want, 1e-4, spread[k]!, o.each);
      return off ? [`run ${s}, output ${v}: ${off}`] : [];
    }));
    return offs.length ? [{ index, isa: "onnxruntime", kind: "result", reason: offs.join("\n") }] : [];
  });
}
/** Winograd's products are less exact. */
const toleranceOf = (p: Program): number => (p.kernels.some((k) => k.name.includes("winograd")) ? 1e-4 : 1e-5);
/** What a target refuses, with the reason, is no failure. */
async function checkDevice(target: Target, all: readonly Member[], o: CheckOptions): Promise<readonly Failure[]> {
  // Where sizes are open, the first set has the largest.
  const members = all.flatMap((m) => { const taken = m.expected.flatMap((e, s) => ("refused" in e ? [] : [s])); return taken.slice(0, isOpen(m.sample.graph) ? 2 : 1).slice(-1).map((set) => ({ ...m, set })); });
  const outcomes = await runOn(target, members.map(({ index, sample, set }) => ({ name: `g${index}`, graph: sample.graph, feeds: sample.sets[set]! })));
  return members.flatMap(({ index, sample, program, expected, set }, i): readonly Failure[] => {
    const r = outcomes[i]!, about = { index, isa: target.name };
    if ("refused" in r) return [];
    if ("problem" in r) return [{ ...about, kind: r.problem.startsWith("the compiler") ? "compiler" : "run", reason: r.problem }];
    const first = expected[set]!;
    if ("refused" in first) return [];
    const { values, spread } = first, offs = sample.graph.outputs.flatMap((v, k) => {
      const off = difference(r.outputs[k]!.data, values[k]!, toleranceOf(program), spread[k]!, o.each);
      return off ? [`output ${v}: ${off}`] : [];
    });
    return offs.length ? [{ ...about, kind: "result", reason: offs.join("\n") }] : [];
  });
}
const align = (n: number): number => Math.ceil(n / 64) * 64;
const firstLines = (text: string): string => text.split("\n").filter((l) => /error|warning/.test(l)).slice(0, 4).join("\n") || text.slice(0, 400);

/** What the sources include, before any namespace is opened around them. */
const outsideNamespaces = `#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
`;
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
    writeFileSync(join(folder, `${file}.cpp`), `${outsideNamespaces}${parts.join("")}`);
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
    const { program, sample } = m, sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
    const runs = sample.sets.map((feeds, s): DriverRun => {
      const expected = m.expected[s]!, given = program.inputs.map((p) => feeds.get(p.name)!), wanted = program.outputs.map((p, k) => ("refused" in expected || expected.spread[k] === Infinity ? p : expected.values[k]!));
      const at = { inputAt, outputAt, inputBytes: given.map(bytesOf), outputBytes: wanted.map(bytesOf), shapes: [...given, ...wanted].map((c) => c.shape), told: program.outputs.map((_, k) => !("refused" in expected) && expected.spread[k] !== Infinity), refused: "refused" in expected };
      const whole = new Uint8Array(align(sum(at.inputBytes)));
      let to = 0;
      for (const { data } of given) { whole.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to); to += data.byteLength; }
      inputs.push(whole);
      inputAt += whole.length;
      outputAt += align(sum(at.outputBytes));
      return at;
    });
    return { name: name(m), inputs: program.inputs.length, outputs: program.outputs.length, open: program.symbols !== undefined && program.symbols.length > 0, runs };
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
    for (const [s, { outputAt: start, outputBytes }] of cases[i]!.runs.entries()) {
      const expected = m.expected[s]!;
      if ("refused" in expected) continue;
      let at = start;
      const offs = m.program.outputs.flatMap((p, k) => {
        const got = viewOf(p.dtype, written.subarray(at, at + outputBytes[k]!)), { values, spread } = expected;
        at += outputBytes[k]!;
        const off = difference(got, values[k]!, tolerance, spread[k]!, o.each);
        return off && spread[k] !== Infinity ? [`run ${s}, output ${p.name}: ${off}`] : [];
      });
      if (offs.length) { fail(m, "result", offs.join("\n")); break; }
    }
  }
  return failures;
}
