/** A group of cases: compiled one by one, then built, run and compared together, as their kind of build wants it. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { Build } from "../../compiler/emit/target.ts";
import { readModel, readSet, type Case, type DataSet } from "./cases.ts";
import { difference } from "./compare.ts";
import type { CompileCase, Compiled } from "./compile.ts";
import { moduleExecutor } from "./module.ts";
import { nativeExecutor } from "./native.ts";
import { codes, tensorsOf, type ModelFacts, type Tensor } from "./proto.ts";

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
  /** Environment of what is run. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The most that a run may take. */
  readonly seconds: number;
  /** What starts a native program, before its path: empty, or a tool that watches it. */
  readonly launch?: readonly string[];
  /** See `Machine`. */
  readonly warm?: string;
  /** Null where the first stands for the second, else what differs; ONNX's own comparison without it. */
  readonly compare?: (got: Tensor, want: Tensor) => string | null;
}
/** A compiled case: `fed` are its inputs for each set, in the order of the compiled model's. */
export interface Member {
  readonly test: Case;
  readonly compiled: Compiled;
  readonly sets: readonly DataSet[];
  readonly fed: readonly (readonly Tensor[])[];
}
/** What a run of a member gave: its outputs' bytes, or what went wrong. */
export type Ran = { readonly outputs: readonly Uint8Array[]; /** Of outputs whose shape the run tells. */ readonly shapes?: ReadonlyMap<number, readonly number[]> } | { readonly problem: string };
/** How a kind of build is run. Members that do not build are reported by `fail` and left out of the result. */
export interface Executor {
  readonly build: (members: readonly Member[], o: Options, fail: (m: Member, reason: string) => void) => Promise<readonly Member[]>;
  /** For each member that was built, what each of its sets gave. */
  readonly run: (members: readonly Member[], o: Options) => Promise<readonly (readonly Ran[])[]>;
}
/** By kind of build. */
export const executors: Readonly<Record<Build["kind"], Executor>> = { native: nativeExecutor, module: moduleExecutor };

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
      const fed = sets.map((s) => kept.flatMap((k) => tensorsOf(s.inputs[k]!)));
      results.set(test.name, { ...about, outcome: "passed", reason: "", pinned: made.pinned });
      const problem = portProblem(made, fed, sets);
      if (problem) fail(results, test.name, problem);
      else members.push({ test, compiled: made, sets, fed });
    } catch (e) {
      const reason = (e as Error).message, data = /^(holds|\S+ is no tensor)/.test(reason);
      results.set(test.name, { ...about, outcome: data ? "refused" : "failed", reason: data ? `recorded data: ${reason}` : `the compiler threw: ${reason}` });
    }
  }
  for (const [kind, executor] of Object.entries(executors)) {
    const some = members.filter((m) => m.compiled.build.kind === kind);
    if (some.length === 0) continue;
    const built = await timed("build", () => executor.build(some, options, (m, reason) => fail(results, m.test.name, reason)));
    const ran = built.length ? await timed("run", () => executor.run(built, options)) : [];
    for (const [i, m] of built.entries()) judge(m, ran[i]!, options.compare ?? difference, (reason) => fail(results, m.test.name, reason));
  }
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
    for (const [list, ports, what] of [[fed[s]!, made.inputs, "input"], [set.outputs.flatMap(tensorsOf), made.outputs, "output"]] as const) {
      if (list.length !== ports.length) return `${ports.length} ${what}s, expected ${list.length}`;
      for (const [k, t] of list.entries()) {
        const p = ports[k]!, got = `${codes[p.code]?.name ?? p.code} [${p.shape.join(", ")}]`, want = `${codes[t.code]?.name ?? t.code} [${t.shape.join(", ")}]`;
        if (p.open && p.code === t.code && p.shape.length === t.shape.length) continue;
        if (got !== want) return `${what} ${k} is ${got}, expected ${want}`;
        if (p.bytes !== t.bytes.length) return `${what} ${k} has ${p.bytes} bytes, expected ${t.bytes.length}`;
      }
    }
  }
  return null;
}
function judge(m: Member, ran: readonly Ran[], compare: (got: Tensor, want: Tensor) => string | null, fail: (reason: string) => void): void {
  for (const [s, set] of m.sets.entries()) {
    const prefix = m.sets.length > 1 ? `data set ${s}: ` : "", r = ran[s]!;
    if ("problem" in r) { fail(prefix + r.problem); continue; }
    const want = set.outputs.flatMap(tensorsOf);
    for (const [k, p] of m.compiled.outputs.entries()) {
      const shape = r.shapes?.get(k) ?? p.shape, size = want[k]!.bytes.length;
      if (shape.join() !== want[k]!.shape.join()) { fail(`${prefix}output ${k} has the shape [${shape.join(", ")}], expected [${want[k]!.shape.join(", ")}]`); continue; }
      const off = compare({ code: p.code, shape, bytes: p.open ? r.outputs[k]!.subarray(0, size) : r.outputs[k]! }, want[k]!);
      if (off) fail(`${prefix}output ${k}: ${off}`);
    }
  }
}
