/** A group of cases: compiled one by one, built into one program, run, compared. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { promisify } from "node:util";
import { readModel, readSet, type Case, type DataSet } from "./cases.ts";
import { difference } from "./compare.ts";
import { driverText, failureOf, type DriverCase, type DriverRun } from "./driver.ts";
import type { CompileCase, Compiled } from "./compile.ts";
import { codes, type ModelFacts, type Tensor } from "./proto.ts";

const execute = promisify(execFile);

/** "refused": the compiler says that it does not support the case. */
export interface Result {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "refused";
  /** Empty where it passed. */
  readonly reason: string;
  /** Inputs that were given to the compiler as constants, because the operator needs their values. */
  readonly pinned: readonly string[];
  readonly ops: readonly string[];
  readonly types: readonly string[];
}
export interface GroupTimes { compile: number; build: number; run: number }
export interface Options {
  readonly compile: CompileCase;
  readonly cc: readonly string[];
  readonly cxx: readonly string[];
  /** A folder for this group alone; emptied first. */
  readonly folder: string;
  readonly keep: boolean;
  /** Null where the first stands for the second, else what differs; ONNX's own comparison without it. */
  readonly compare?: (got: Tensor, want: Tensor) => string | null;
}
interface Member { readonly test: Case; readonly compiled: Compiled; readonly sets: readonly DataSet[]; readonly fed: readonly (readonly Tensor[])[] }

const align = (n: number): number => Math.ceil(n / 64) * 64;
const total = (tensors: readonly { readonly bytes: number }[]): number => tensors.reduce((s, t) => s + t.bytes, 0);
const firstLines = (text: string, n = 3): string => text.split("\n").filter((l) => /error/.test(l)).slice(0, n).join("; ") || text.slice(0, 300);

export async function runGroup(cases: readonly Case[], options: Options): Promise<{ readonly results: readonly Result[]; readonly times: GroupTimes }> {
  const times = { compile: 0, build: 0, run: 0 }, results = new Map<string, Result>(), members: Member[] = [];
  const timed = async <T>(what: keyof GroupTimes, f: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    try { return await f(); } finally { times[what] += performance.now() - start; }
  };
  const { folder } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });

  for (const [i, test] of cases.entries()) {
    const bytes = readFileSync(test.model), facts = readModel(bytes);
    const about = aboutCase(test, facts);
    try {
      const sets = test.sets.map((s) => readSet(s, facts));
      const made = await timed("compile", () => options.compile({ bytes, facts, path: test.model, name: `case${i}`, sets: test.sets, data: sets }));
      if ("refused" in made) {
        results.set(test.name, { ...about, outcome: "refused", reason: made.refused });
        continue;
      }
      const kept = facts.inputs.flatMap((p, k) => (made.pinned.includes(p.name) ? [] : [k]));
      const fed = sets.map((s) => kept.map((k) => s.inputs[k]!));
      results.set(test.name, { ...about, outcome: "passed", reason: "", pinned: made.pinned });
      const problem = portProblem(made, fed, sets);
      if (problem) fail(results, test.name, problem);
      else members.push({ test, compiled: made, sets, fed });
    } catch (e) {
      const reason = (e as Error).message, data = /^(holds|\S+ is no tensor)/.test(reason);
      results.set(test.name, { ...about, outcome: data ? "refused" : "failed", reason: data ? `recorded data: ${reason}` : `the compiler threw: ${reason}` });
    }
  }
  const built = await timed("build", () => build(members, options, (name, reason) => fail(results, name, reason)));
  if (built) await timed("run", () => execution(built, options, (name, reason) => fail(results, name, reason)));
  if (!options.keep) rmSync(folder, { recursive: true, force: true });
  return { results: cases.map((c) => results.get(c.name)!), times };
}
/** What the list of exceptions may ask about a case. */
export const aboutCase = (test: Case, facts: ModelFacts): Pick<Result, "name" | "pinned" | "ops" | "types"> => ({
  name: test.name, pinned: [], ops: [...facts.ops],
  types: [...new Set([...facts.inputs, ...facts.outputs].map((p) => (p.kind === "tensor" ? codes[p.code]?.name ?? `${p.code}` : p.kind)))],
});
function fail(results: Map<string, Result>, name: string, reason: string): void {
  const before = results.get(name)!;
  if (before.outcome === "passed") results.set(name, { ...before, outcome: "failed", reason });
}
/** What stands between a compiled case and its recorded tensors before anything runs. */
function portProblem(made: Compiled, fed: readonly (readonly Tensor[])[], sets: readonly DataSet[]): string | null {
  for (const [s, set] of sets.entries()) {
    for (const [list, ports, what] of [[fed[s]!, made.inputs, "input"], [set.outputs, made.outputs, "output"]] as const) {
      if (list.length !== ports.length) return `${ports.length} ${what}s, expected ${list.length}`;
      for (const [k, t] of list.entries()) {
        const p = ports[k]!, got = `${codes[p.code]?.name ?? p.code} [${p.shape.join(", ")}]`, want = `${codes[t.code]?.name ?? t.code} [${t.shape.join(", ")}]`;
        if (got !== want) return `${what} ${k} is ${got}, expected ${want}`;
        if (p.bytes !== t.bytes.length) return `${what} ${k} has ${p.bytes} bytes, expected ${t.bytes.length}`;
      }
    }
  }
  return null;
}

const program = (folder: string): string => join(folder, "group");
/** Builds the program of all members that compile; null where there is none. */
async function build(members: readonly Member[], o: Options, fail: (name: string, reason: string) => void): Promise<readonly Member[] | null> {
  for (const { compiled } of members) {
    for (const [path, content] of compiled.files) {
      const at = join(o.folder, compiled.name, path);
      mkdirSync(dirname(at), { recursive: true });
      writeFileSync(path.endsWith(".bin") ? join(o.folder, path) : at, content);
    }
  }
  const unit = async (some: readonly Member[], file: string): Promise<string> => {
    writeFileSync(join(o.folder, `${file}.cpp`), unitText(some.map((m) => m.compiled)));
    await execute(o.cxx[0]!, [...o.cxx.slice(1), "-c", `${file}.cpp`, "-o", `${file}.o`], { cwd: o.folder, maxBuffer: 1 << 26 });
    return `${file}.o`;
  };
  const assembler = (some: readonly Member[]): string =>
    some.flatMap(({ compiled: c }) => [...c.files.keys()].filter((f) => f.endsWith(".S")).map((f) => `#undef JOIN_\n#undef JOIN\n#undef WEIGHTS\n#include "${c.name}/${f}"\n`)).join("");
  let objects: string[] = [], good = members;
  if (members.length === 0) return null;
  try {
    objects = [await unit(members, "unit")];
  } catch {
    const alone: Member[] = [];
    for (const m of members) {
      try {
        objects.push(await unit([m], m.compiled.name));
        alone.push(m);
      } catch (e) {
        fail(m.test.name, `the C++ compiler: ${firstLines((e as { stderr?: string }).stderr ?? String(e))}`);
      }
    }
    good = alone;
  }
  if (good.length === 0) return null;
  let inputAt = 0, outputAt = 0;
  const runs: DriverRun[] = [], inputs: Uint8Array[] = [];
  good.forEach((m, c) => m.fed.forEach((fed) => {
    runs.push({ case: c, inputAt, outputAt });
    const size = total(m.compiled.inputs), whole = new Uint8Array(align(size));
    fed.reduce((at, t) => (whole.set(t.bytes, at), at + t.bytes.length), 0);
    inputs.push(whole);
    inputAt += whole.length;
    outputAt += align(total(m.compiled.outputs));
  }));
  const tests: DriverCase[] = good.map(({ compiled: k }) => ({
    name: k.name, include: k.header, inputBytes: k.inputs.map((p) => p.bytes), outputBytes: k.outputs.map((p) => p.bytes),
  }));
  writeFileSync(join(o.folder, "driver.c"), driverText(tests, runs));
  writeFileSync(join(o.folder, "weights.S"), assembler(good));
  writeFileSync(join(o.folder, "inputs"), Buffer.concat([...inputs, new Uint8Array(64)]));
  writeFileSync(join(o.folder, "outputs"), new Uint8Array(outputAt + 64));
  await execute(o.cc[0]!, [...o.cc.slice(1), "driver.c", "weights.S", ...objects, "-o", program(o.folder), "-lm"], { cwd: o.folder, maxBuffer: 1 << 26 });
  return good;
}
/** One translation unit with the sources of many cases, each in a namespace: the system's headers are read once. */
function unitText(cases: readonly Compiled[]): string {
  const sources = cases.map((c) => [...c.files].filter(([path]) => path.endsWith(".cpp")));
  const system = new Set(cases.flatMap((c) => [...c.files].flatMap(([path, text]) =>
    (/\.(cpp|h)$/.test(path) ? Buffer.from(text as string).toString().match(/^#include <.*>/gm) ?? [] : []))));
  const bodies = cases.map((c, i) => `namespace unit_${c.name} {\n${sources[i]!.map(([path]) => `#include "${c.name}/${path}"\n`).join("")}}\n`);
  return `${[...system].join("\n")}\n${bodies.join("")}`;
}

async function execution(members: readonly Member[], o: Options, fail: (name: string, reason: string) => void): Promise<void> {
  const { stdout } = await execute(program(o.folder), ["inputs", "outputs"], { cwd: o.folder, maxBuffer: 1 << 26 });
  const lines = stdout.trim().split("\n").map((l) => l.split(" ")), written = readFileSync(join(o.folder, "outputs"));
  let run = 0, at = 0;
  for (const { test, compiled, sets } of members) {
    for (const [s, set] of sets.entries()) {
      const [, what = "signal", value = "0"] = lines[run++] ?? [], bad = failureOf(what, Number(value));
      const prefix = sets.length > 1 ? `data set ${s}: ` : "";
      let from = at;
      at += align(total(compiled.outputs));
      if (bad) { fail(test.name, prefix + bad); continue; }
      for (const [k, p] of compiled.outputs.entries()) {
        const off = (o.compare ?? difference)({ code: p.code, shape: p.shape, bytes: written.subarray(from, from + p.bytes) }, set.outputs[k]!);
        if (off) fail(test.name, `${prefix}output ${k}: ${off}`);
        from += p.bytes;
      }
    }
  }
}
