/** A model as a program on this machine: compiled into the cache, built, run. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { CompileResult } from "../api.ts";
import type { Diagnostic } from "../diagnostics.ts";
import { renderShell } from "../emit/shell.ts";
import type { NativeBuild } from "../emit/target.ts";
import { type Constant, bytesOf, constantOf, sizeOf, type TensorType } from "../ir/graph.ts";
import type { Port, Result, Step } from "../ir/program.ts";
import { types, viewOf } from "../ir/types.ts";
import { Failure, orFail } from "./exit.ts";
import { checkFlags, compileModel } from "./model.ts";
import { type Toolchain, codeBytes, compileObjects, must, run, toolchain, words } from "./native.ts";
import type { ModelFlags } from "./options.ts";
import { writeFiles, writeFolder } from "./output.ts";
import { formatDiagnostics } from "./report.ts";
import { type Terminal, progress } from "./terminal.ts";
import { fingerprint, version } from "../version.ts";

/** What is known of a built model; kept beside it in the cache. */
export interface Facts {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly steps: readonly Pick<Step, "origin" | "results">[];
  readonly arenaBytes: number;
  readonly weightsBytes: number;
  readonly codeBytes: number;
  readonly build: NativeBuild;
  readonly diagnostics: readonly Diagnostic[];
}
/** A built model. */
export interface Built {
  readonly folder: string;
  readonly facts: Facts;
  readonly tools: Toolchain;
  /** What starts the program, before its path: empty, or an emulator. */
  readonly exec: readonly string[];
}
/** The options of commands that run what they build. */
export interface RunFlags extends ModelFlags {
  readonly exec?: string;
}

const cacheRoot = (env: Terminal["env"]): string => join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "mlc");
/** The model's bytes, and whatever lies beside a model that keeps data outside itself. */
function modelKey(model: string): string {
  const bytes = orFail(`cannot read the model ${model}`, () => readFileSync(model)),
    hash = createHash("sha256").update(bytes);
  if (bytes.includes("location")) {
    const folder = dirname(resolve(model));
    for (const e of readdirSync(folder, { withFileTypes: true })
      .filter((x) => x.isFile())
      .sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const { size, mtimeMs } = statSync(join(folder, e.name));
      hash.update(`${e.name} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest("hex");
}
async function keyOf(model: string, f: RunFlags, tools: Toolchain): Promise<string> {
  const { target, name, shape, dim, weights, isa, allowExternalData } = f;
  const flags = JSON.stringify({ target, name, shape, dim, weights, isa, allowExternalData, file: basename(model) });
  const compilers = await Promise.all(
    [tools.cc, tools.cxx].map((c) => must([...c, "--version"], `asking ${c[0]} for its version`, { env: tools.env })),
  );
  const build = JSON.stringify([tools.cc, tools.cxx, tools.cflags, tools.cxxflags, compilers]);
  return createHash("sha256")
    .update([modelKey(model), flags, version, fingerprint(), build].join("\0"))
    .digest("hex")
    .slice(0, 32);
}

const local = (side: string) => (_: Port, i: number) => `${side}${i}`;
const portView = (side: "input" | "output") => (p: Port, i: number) => ({
  ctype: types[p.dtype].c,
  local: `${side}${i}`,
  macro: `${side.toUpperCase()}${i}`,
});
/** The elements that a result spans in memory, from its first to its last. */
const spanOf = (r: Result): number => (sizeOf(r.shape) === 0 ? 0 : 1 + (r.strides ?? []).reduce((sum, s, d) => sum + s * (r.shape[d]! - 1), 0));
/**
 * Results that can be looked at after their step: in plain layouts, in memory that the program writes. A value that several
 * steps write, part by part, is looked at after the last.
 */
function seen(steps: Facts["steps"]): readonly { readonly step: number; readonly r: Result; readonly bytes: number }[] {
  const last = new Map(steps.flatMap((s, step) => s.results.map((r) => [r.value, step] as const)));
  const visible = (r: Result): boolean => r.strides !== null && (r.place.in === "arena" || r.place.in === "output");
  return steps.flatMap((s, step) =>
    s.results.filter((r) => visible(r) && last.get(r.value) === step).map((r) => ({ step, r, bytes: spanOf(r) * types[r.dtype].bytes })),
  );
}

function mainSource(facts: Facts, files: CompileResult["files"]): string {
  const { name, inputs, outputs, steps } = facts;
  return renderShell("native/main.c", {
    name,
    NAME: name.toUpperCase(),
    inputs: inputs.map(portView("input")),
    outputs: outputs.map(portView("output")),
    passed: [...inputs.map(local("input")), ...outputs.map(local("output"))].join(", "),
    outputList: [...outputs.map(local("output")), "NULL"].join(", "),
    fileWeights: !facts.build.sources.some((s) => s.startsWith(`${name}_weights`)) && !facts.build.objects.length && files.has(`${name}_weights.bin`),
    results: seen(steps).map(({ step, r, bytes }) => ({
      row: `{${step}, ${r.place.in === "output" ? r.place.port : -1}, ${r.place.offset}, ${bytes}}`,
    })),
  });
}
async function make(r: CompileResult, folder: string, tools: Toolchain, t: Terminal): Promise<void> {
  const { program, build } = r,
    bar = progress(t);
  if (build.kind !== "native") throw new Failure("only native packages run here");
  const
    objects = join(folder, "objects");
  mkdirSync(objects);
  writeFiles(folder, r.files);
  try {
    const made = await compileObjects(tools, folder, build, objects, (n, total, what) => bar.step(n, total, what));
    const facts: Facts = {
      name: r.name,
      inputs: program.inputs,
      outputs: program.outputs,
      steps: program.steps.map(({ origin, results }) => ({ origin, results })),
      arenaBytes: program.arena.bytes,
      weightsBytes: program.constants.length,
      codeBytes: await codeBytes(tools, made),
      build,
      diagnostics: r.diagnostics,
    };
    writeFileSync(join(folder, "main.c"), mainSource(facts, r.files));
    writeFileSync(join(folder, "facts.json"), JSON.stringify(facts));
    await link(tools, folder, facts, made, "main", []);
  } finally {
    bar.stop();
  }
}
async function link(tools: Toolchain, folder: string, facts: Facts, objects: readonly string[], to: string, flags: readonly string[]): Promise<void> {
  await must([...tools.cc, "-std=c99", ...tools.cflags, ...flags, "-o", to, "main.c", ...objects, ...facts.build.linkFlags], "linking the program", {
    cwd: folder,
    env: tools.env,
  });
}

/**
 * The model as a program: from the cache, or compiled and built into it. `compiled`, where the caller has it already, spares
 * the compiler a second run.
 */
export async function buildModel(model: string, f: RunFlags, t: Terminal, compiled?: CompileResult): Promise<Built> {
  checkFlags(f);
  const tools = toolchain(t.env),
    folder = join(cacheRoot(t.env), await keyOf(model, f, tools)),
    exec = words(f.exec);
  const kept = join(folder, "facts.json"),
    found = existsSync(kept);
  if (!found) {
    const r = compiled ?? (await compileModel(model, f, t));
    await writeFolder(folder, (temporary) => make(r, temporary, tools, t));
  }
  const facts = JSON.parse(readFileSync(kept, "utf8")) as Facts;
  if (found && !compiled) t.err.write(formatDiagnostics(facts.diagnostics, t.errColors, t.err));
  return { folder, facts, tools, exec };
}
/** The program that also writes what each step leaves behind. */
async function tracer(b: Built): Promise<string> {
  const { name, build } = b.facts,
    path = join(b.folder, "main_trace"),
    core = `${name}.cpp`;
  if (existsSync(path)) return path;
  const work = mkdtempSync(join(b.folder, "trace-"));
  try {
    const define = `-D${name.toUpperCase()}_TRACE`;
    const traced = await compileObjects(
      b.tools,
      b.folder,
      { ...build, sources: [core], objects: [], compileFlags: [...build.compileFlags, define] },
      work,
    );
    const rest = [...build.sources.filter((s) => s !== core).map((s) => join(b.folder, "objects", `${s}.o`)), ...build.objects];
    await link(b.tools, b.folder, b.facts, [...traced, ...rest], join(work, "main"), [define]);
    renameSync(join(work, "main"), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

/** Lets `use` work in an empty folder that is gone afterwards. */
async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "mlc-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const bytes = (c: Constant): Uint8Array => new Uint8Array(c.data.buffer, c.data.byteOffset, c.data.byteLength);
async function start(
  b: Built,
  program: string,
  mode: string,
  inputs: readonly Constant[],
  folder: string,
  more: readonly string[] = [],
): Promise<string> {
  inputs.forEach((c, i) => writeFileSync(join(folder, `input_${i}`), bytes(c)));
  const r = await run([...b.exec, program, mode, folder, b.folder, ...more], { env: b.tools.env });
  if (r.code !== 0) throw new Failure(`the compiled ${b.facts.name} ended with an error`, { detail: r.stderr, code: "run" });
  return r.stdout;
}
const read = (path: string, p: TensorType): Constant => {
  const file = readFileSync(path);
  if (file.length !== bytesOf(p)) throw new Failure(`${path} has ${file.length} bytes instead of ${bytesOf(p)}`);
  return constantOf(p.dtype, p.shape, viewOf(p.dtype, file));
};
/** The outputs, in the model's order, for inputs in the model's order. */
export const runModel = (b: Built, inputs: readonly Constant[]): Promise<readonly Constant[]> =>
  inFolder(async (folder) => {
    await start(b, join(b.folder, "main"), "run", inputs, folder);
    return b.facts.outputs.map((p, i) => read(join(folder, `output_${i}`), p));
  });

/** A value that a step has finished. */
export interface Traced {
  readonly step: number;
  readonly value: string;
  readonly tensor: Constant;
}
/** As `runModel`, with the values that steps finish, in order; those in blocked layouts are left out. */
export const traceModel = (b: Built, inputs: readonly Constant[]): Promise<readonly Traced[]> =>
  inFolder(async (folder) => {
    await start(b, await tracer(b), "run", inputs, folder);
    const file = readFileSync(join(folder, "trace"));
    let offset = 0;
    return seen(b.facts.steps).map(({ step, r, bytes: size }) => {
      const raw = viewOf(r.dtype, file.subarray(offset, (offset += size)));
      return { step, value: r.value, tensor: gather(r, raw) };
    });
  });
/** A result's elements, row-major. */
function gather(r: Result, raw: Constant["data"]): Constant {
  const out = constantOf(r.dtype, r.shape),
    data = out.data as { [i: number]: number | bigint },
    index = r.shape.map(() => 0);
  for (let i = 0; i < out.data.length; i++) {
    data[i] = raw[index.reduce((sum, x, d) => sum + x * r.strides![d]!, 0)]!;
    for (let d = index.length - 1; d >= 0 && ++index[d]! === r.shape[d]; d--) index[d] = 0;
  }
  return out;
}

/** Times in milliseconds: start-up, first run, then each further run; `peakKb` is the program's largest resident size. */
export interface Timed {
  readonly init: number;
  readonly first: number;
  readonly runs: readonly number[];
  readonly peakKb: number;
}
/** Measures `runs` runs; 0 stands for as many as fit into two seconds, 10 at least. */
export const benchModel = (b: Built, inputs: readonly Constant[], runs: number): Promise<Timed> =>
  inFolder(async (folder) => {
    const numbers = (await start(b, join(b.folder, "main"), "bench", inputs, folder, [String(runs)])).trim().split("\n").map(Number);
    return { init: numbers[0]!, first: numbers[1]!, runs: numbers.slice(2, -1), peakKb: numbers.at(-1)! };
  });
