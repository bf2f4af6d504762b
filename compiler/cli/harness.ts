/** A model as a program on this machine: compiled into the cache, built, run. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { type CompileOptions, type CompileResult, choicesOf } from "../api.ts";
import type { Build } from "../emit/target.ts";
import { RefusedRun, evaluateGraph, sizesOfFeeds } from "../evaluate/index.ts";
import { type Constant, type Graph, bytesOf, constantOf, sizeOf, type TensorType } from "../ir/graph.ts";
import { parseGraph, printGraph } from "../ir/graph-text.ts";
import { showBounds } from "../passes/graph/bound-values.ts";
import { variables } from "../ir/scalar.ts";
import type { Port } from "../ir/program.ts";
import { leastShape } from "../emit/sizes.ts";
import { bytesOfElements, viewOf } from "../ir/types.ts";
import { fingerprint, version } from "../version.ts";
import { type Built, type Facts, type Maker, type PortFacts, isOpen } from "./built.ts";
import { Failure, UsageError, orFail } from "./exit.ts";
import { checkFlags, compileModel, targetOf } from "./model.ts";
import { run, words } from "./native.ts";
import type { ModelFlags } from "./options.ts";
import { writeFiles, writeFolder } from "./output.ts";
import { moduleMaker } from "./program-module.ts";
import { nativeMaker } from "./program-native.ts";
import { formatDiagnostics } from "./report.ts";
import { type Traced, traced } from "./results.ts";
import { packStrings, unpackStrings } from "./strings.ts";
import type { Terminal } from "./terminal.ts";

export type { Built } from "./built.ts";
/** The options of commands that run what they build. */
export interface RunFlags extends ModelFlags {
  readonly exec?: string;
  readonly runThreads?: number;
}
const makers: Readonly<Record<Build["kind"], Maker>> = { native: nativeMaker, module: moduleMaker };

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

const portFacts = (p: Port): PortFacts => ({ name: p.name, dtype: p.dtype, shape: p.shape, ...(p.sizes ? { least: leastShape(p) } : {}) });
const boundsOf = (v: NonNullable<CompileOptions["values"]>[string] | undefined): Pick<PortFacts, "bounds"> =>
  v && "least" in v ? { bounds: v } : {};
/** So many of the model's strings are kept at most, to make random inputs of. */
const mostWords = 1000;
async function make(r: CompileResult, { values = {} }: CompileOptions, peak: string, folder: string, maker: Maker, t: Terminal): Promise<void> {
  const { program, build, name, diagnostics } = r,
    words = program.texts?.filter(Boolean) ?? [];
  writeFiles(folder, r.files);
  const known: Omit<Facts, "codeBytes"> = {
    name,
    inputs: program.inputs.map((p) => ({ ...portFacts(p), ...boundsOf(values[p.name]) })),
    outputs: program.outputs.map(portFacts),
    steps: program.steps.map(({ kernel, origin, results, macs, kind, traffic, work, decision }) => ({
      kernel: program.kernels[kernel]!.name,
      origin,
      results,
      macs,
      kind,
      traffic,
      ...(work ? { work } : {}),
      ...(decision ? { decision } : {}),
    })),
    ...(program.symbols ? { sizes: printGraph(inputsOf(r.graph)) } : {}),
    ...(words.length ? { words: words.filter((_, i) => i % Math.ceil(words.length / mostWords) === 0) } : {}),
    arenaBytes: program.arena.bytes,
    weightsBytes: program.constants.length,
    preparedBytes: program.setup?.memory.bytes ?? 0,
    build,
    peak,
    diagnostics,
  };
  const facts: Facts = { ...known, codeBytes: await maker.make(folder, known, r.files, t) };
  writeFileSync(join(folder, "facts.json"), JSON.stringify(facts));
}
/**
 * The model as a program: from the cache, or compiled and built into it. `compiled`, where the caller has it already, spares
 * the compiler a second run.
 */
export async function buildModel(model: string, f: RunFlags, t: Terminal, compiled?: CompileResult): Promise<Built> {
  const options = checkFlags(f),
    target = targetOf(f.target),
    most = Number(options.settings?.threads ?? 1),
    threads = f.runThreads ?? most;
  if (threads > most)
    throw new UsageError(`--run-threads ${threads} is more than the library is compiled for`, `compile it with --threads ${threads}`);
  const maker = makers[target.builds],
    parts = [modelKey(model), JSON.stringify([basename(model), options]), version, fingerprint(), await maker.tools(t.env)];
  const folder = join(cacheRoot(t.env), createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32));
  const kept = join(folder, "facts.json"),
    found = existsSync(kept);
  if (!found) {
    const r = compiled ?? (await compileModel(model, f, t)),
      peak = target.peak?.(choicesOf(target, options)) ?? "";
    await writeFolder(folder, (temporary) => make(r, options, peak, temporary, maker, t));
  }
  const facts = JSON.parse(readFileSync(kept, "utf8")) as Facts;
  if (found && !compiled) t.err.write(formatDiagnostics(facts.diagnostics, t.errColors, t.err));
  return { folder, facts, env: most > 1 ? { ...t.env, MLC_RUN_THREADS: String(threads) } : t.env, threads, exec: words(f.exec) };
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
/** The graph with nothing but its inputs, and which of their sizes must be equal. */
function inputsOf(g: Graph): Graph {
  const types = new Map(g.inputs.map((v) => [v, g.types.get(v)!])),
    symbols = new Set([...types.values()].flatMap((t) => t.shape.flatMap((d) => (typeof d === "number" ? [] : [...variables(d)]))));
  const equalities = (g.equalities ?? []).filter(({ sizes }) => sizes.every((e) => [...variables(e)].every((s) => symbols.has(s))));
  return { name: g.name, inputs: g.inputs, outputs: [], nodes: [], constants: new Map(), types, equalities };
}
const feedsOf = (b: Built, inputs: readonly Constant[]): ReadonlyMap<string, Constant> => new Map(b.facts.inputs.map((p, i) => [p.name, inputs[i]!]));
/** Says which sizes and numbers of these inputs are out of bounds, or which sizes differ though they must not. */
export function checkInputs(b: Built, inputs: readonly Constant[]): void {
  const text = b.facts.sizes;
  runnable(() => {
    if (text !== undefined) sizesOfFeeds(parseGraph(text), feedsOf(b, inputs));
    for (const [i, { name, bounds }] of b.facts.inputs.entries()) {
      const n = Number(inputs[i]!.data[0]);
      if (bounds && (n < bounds.least || n > bounds.most))
        throw new RefusedRun(`${name} is ${n}, but must be ${bounds.least} to ${bounds.most} (${showBounds(name, bounds)})`);
    }
  });
}
function runnable<T>(f: () => T): T {
  try {
    return f();
  } catch (e) {
    throw e instanceof RefusedRun ? new Failure(`these inputs cannot be run: ${e.message}`, { code: "refused" }) : e;
  }
}
/** What the graph means for these inputs, by value; `hear` gets every value on the way. */
export const meaningOf = (
  g: Graph,
  b: Built,
  inputs: readonly Constant[],
  hear?: (name: string, value: Constant) => void,
): ReadonlyMap<string, Constant> => runnable(() => evaluateGraph(g, feedsOf(b, inputs), hear));
type Mode = "run" | "trace" | "bench" | "profile" | "start";
/** Starts the program with its inputs in `folder`; what it wrote to stdout. */
async function start(
  b: Built,
  mode: Mode,
  inputs: readonly Constant[],
  folder: string,
  more: readonly string[] = [],
  env: Terminal["env"] = b.env,
): Promise<string> {
  checkInputs(b, inputs);
  inputs.forEach((c, i) => writeFileSync(join(folder, `input_${i}`), c.dtype === "string" ? packStrings(c) : bytesOfElements(c.dtype, c.data)));
  // A program asks for them where any size of its is a run's, be it none of its inputs'.
  writeFileSync(join(folder, "shapes"), inputs.map((c) => `${c.shape.join(" ")}\n`).join(""));
  const maker = makers[b.facts.build.kind],
    command = await (mode === "trace" || mode === "profile" ? maker.observer : maker.command)(b);
  const r = await run([...b.exec, ...command, mode, folder, b.folder, ...more], { env });
  if (r.code !== 0) throw new Failure(`the compiled ${b.facts.name} ended with an error`, { detail: r.stderr, code: "run" });
  return r.stdout;
}
const read = (path: string, p: TensorType): Constant => {
  const file = readFileSync(path);
  if (p.dtype === "string") return unpackStrings(p.shape, file, path);
  if (file.length !== bytesOf(p)) throw new Failure(`${path} has ${file.length} bytes instead of ${bytesOf(p)}`);
  return constantOf(p.dtype, p.shape, viewOf(p.dtype, file, sizeOf(p.shape)));
};
/** The outputs, in the model's order, for inputs in the model's order. `hear` gets what the program has to say, such as that no device did it. */
export const runModel = (b: Built, inputs: readonly Constant[], hear: (note: string) => void = () => {}): Promise<readonly Constant[]> =>
  inFolder(async (folder) => {
    const said = await start(b, "run", inputs, folder);
    for (const note of linesOf(said, "note")) hear(note);
    const shapeOf = (p: PortFacts, i: number): readonly number[] =>
      isOpen(b.facts)
        ? readFileSync(join(folder, `output_${i}.shape`), "utf8")
            .split(/\s+/)
            .filter(Boolean)
            .map(Number)
        : p.shape;
    return b.facts.outputs.map((p, i) => read(join(folder, `output_${i}`), { ...p, shape: shapeOf(p, i) }));
  });
/** As `runModel`, with the values that steps finish, in order; those in blocked layouts are left out. */
export const traceModel = (b: Built, inputs: readonly Constant[], program: Parameters<typeof traced>[0] = b.facts): Promise<readonly Traced[]> =>
  inFolder(async (folder) => {
    await start(b, "trace", inputs, folder);
    return traced(program, inputs, readFileSync(join(folder, "trace")));
  });

/** Times in milliseconds: start-up, first run, then each further run; `peakKb` is the program's largest resident size. */
export interface Timed {
  readonly init: number;
  readonly first: number;
  readonly runs: readonly number[];
  readonly peakKb: number;
  /** Where it ran, and whatever else it says of itself; empty where it says nothing. */
  readonly device: string;
  /** The instruction set that the program chose; empty where it says nothing. */
  readonly isa: string;
  readonly notes: readonly string[];
  /** The times of each step, one for each run, and into how many launches it was cut; empty unless asked for. */
  readonly steps: readonly { readonly times: readonly number[]; readonly launches: number }[];
  /** The most that multiply-adds reach on this processor, counted as two operations; NaN where it was not measured. */
  readonly peakGflops: number;
}
/** Measures `runs` runs; 0 stands for as many as fit into two seconds, 10 at least. `profile` asks for each step's time. */
export const benchModel = (b: Built, inputs: readonly Constant[], runs: number, profile = false): Promise<Timed> =>
  inFolder(async (folder) => timesIn(await start(b, profile ? "profile" : "bench", inputs, folder, [String(runs)])));
/** What a program that measures itself has written, by the first word of its lines. */
const linesOf = (text: string, what: string): readonly string[] =>
  text.split("\n").flatMap((l) => (l.startsWith(`${what} `) ? [l.slice(what.length + 1)] : []));
const numberIn = (text: string, what: string): number => Number(linesOf(text, what)[0] ?? Number.NaN);
const numbersOf = (line: string): readonly number[] => line.split(" ").filter(Boolean).map(Number);
function timesIn(text: string): Timed {
  const times = linesOf(text, "steps").map(numbersOf),
    launches = linesOf(text, "launches").flatMap(numbersOf);
  return {
    init: numberIn(text, "init"),
    first: numberIn(text, "first"),
    runs: linesOf(text, "run").map(Number),
    peakKb: numberIn(text, "peak"),
    device: linesOf(text, "device")[0] ?? "",
    isa: linesOf(text, "isa")[0] ?? "",
    notes: linesOf(text, "note"),
    steps: (times[0] ?? []).map((_, i) => ({ times: times.map((t) => t[i]!), launches: launches[i] ?? 1 })),
    peakGflops: numberIn(text, "peak_gflops"),
  };
}

/** Where drivers keep what they have compiled: a start is cold only without that. */
const driverCaches = ["POCL_CACHE_DIR", "CUDA_CACHE_PATH", "MESA_SHADER_CACHE_DIR", "NEO_CACHE_DIR", "AMD_SHADER_DISK_CACHE_PATH"];
/** A start in milliseconds without and with a cache of programs built for the device; `cache` says what the second did with it. */
export interface Starts {
  readonly cold: number;
  readonly warm: number;
  readonly cache: string;
}
/** Starts a program for a device twice, in processes of their own. */
export const startTwice = (b: Built, inputs: readonly Constant[]): Promise<Starts> =>
  inFolder(async (folder) => {
    const once = (n: number): Promise<string> =>
      start(b, "start", inputs, folder, [join(folder, "cache")], {
        ...b.env,
        ...Object.fromEntries(driverCaches.map((name) => [name, join(folder, `driver_${n}`)])),
      });
    const cold = await once(0),
      warm = await once(1);
    return { cold: numberIn(cold, "init"), warm: numberIn(warm, "init"), cache: linesOf(warm, "cache")[0] ?? "" };
  });
