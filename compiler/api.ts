/** The programming interface: a model goes in, files come out, all in memory. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { targets } from "../targets/index.ts";
import { version } from "./version.ts";
import { CompileError, shallow, type Diagnostic } from "./diagnostics.ts";
import type { Choices as TuningChoices, Tuner } from "./passes/network/tune-schedules.ts";
import { settingsOf, type Build, type Choices, type Settings, type SettingValue, type Target } from "./emit/target.ts";
import type { WeightForm } from "./emit/weights.ts";
import { checkName, modelName } from "./emit/names.ts";
import { externalIn, importOnnx } from "./import/onnx/index.ts";
import { checkOperators } from "./passes/graph/check-operators.ts";
import { cutRegions } from "./passes/graph/cut-regions.ts";
import { foldWithin } from "./passes/graph/fold-constants.ts";
import { inferTypes } from "./passes/graph/infer-types.ts";
import { compileRegions } from "./passes/network/pipeline.ts";
import { pinShapes, showSize, type Size } from "./passes/graph/pin-shapes.ts";
import { boundTurns, showTurns } from "./passes/graph/bound-turns.ts";
import { boundValues, showBounds, type ValueBounds } from "./passes/graph/bound-values.ts";
import { pinValues, showValues } from "./passes/graph/pin-values.ts";
import { spreadInputs } from "./passes/graph/spread-inputs.ts";
import { bytePasses, graphPasses } from "./passes/graph/pipeline.ts";
import { runPasses } from "./passes/graph/run.ts";
import type { ObjectFormat } from "./emit/object-files.ts";
import type { Program } from "./ir/program.ts";
import { mapFlow, piecesOf } from "./ir/control.ts";
import type { Graph } from "./ir/graph.ts";

/** What `compile` is asked for. Of a model file, names of inputs and dimensions are the model's own. */
export interface CompileOptions {
  /** A name from `targets`. */
  readonly target: string;
  /** Prefix of the generated API and file names, a C identifier; by default made from the model's file name. */
  readonly name?: string;
  /** Shapes of inputs: { x: [1, 3, 48, 320] }. Of a dimension that each run may choose, its bounds and perhaps a name: { x: [1, 3, 48, [32, 1280]] }. */
  readonly shapes?: Readonly<Record<string, readonly Size[]>>;
  /** Sizes of named dimensions: { N: 1, W: [32, 1280] }. */
  readonly dims?: Readonly<Record<string, Size>>;
  /** Of inputs that are sequences, how many tensors they have: { boxes: 3 } makes the inputs boxes_0, boxes_1, boxes_2. */
  readonly lengths?: Readonly<Record<string, number>>;
  /** Optional inputs that are not given; the others are. */
  readonly absent?: readonly string[];
  /**
   * Inputs that are always the same, which the library does not ask for: { sr: [16000] }. One number stands for all elements. Of one whole
   * number that each run gives, or that the model computes, what it must be: { n: { least: 0, most: 512 } }.
   */
  readonly values?: Readonly<Record<string, readonly number[] | ValueBounds>>;
  /** How many turns a loop takes at most that a condition ends, by the Loop's name; a run in which it would go on is refused: { decode: 512 }. */
  readonly turns?: Readonly<Record<string, number>>;
  /** How weights are embedded, one of the target's ways; its first without it. */
  readonly weights?: WeightForm;
  /** Of weights as an object file: the system and processor it is for. */
  readonly objectFormat?: ObjectFormat;
  /** Instruction sets to generate; all of the target's without it. */
  readonly isa?: readonly string[];
  /** Options that only some targets have (`mlc targets` lists them): { fallback: "none", maxKernelUs: 1000 }. */
  readonly settings?: Readonly<Record<string, SettingValue>>;
  /** What was measured to be faster than what schedules choose (`mlc tune`); choices that fit no kernel are reported. */
  readonly tuning?: TuningChoices;
  /** Hears of each kernel's possibilities: the key of its work, the instruction set, choices worth a measurement. */
  readonly tunable?: Tuner["hear"];
  /** Lets external data files lie outside the model's folder. */
  readonly allowExternalData?: boolean;
  /** Gets the text of the graph or program after each pass. */
  readonly dump?: (fileName: string, text: string) => void;
  readonly progress?: (done: number, total: number, what: string) => void;
}
/** All that `compile` makes, in memory. */
export interface CompileResult {
  readonly name: string;
  /** Relative path -> content. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly diagnostics: readonly Diagnostic[];
  /** The model after import and shape inference, before any optimisation. */
  readonly graph: Graph;
  readonly program: Program;
  /** SHA-256 of the model, in hex. */
  readonly hash: string;
  /** How the files become a library. */
  readonly build: Build;
}
/**
 * Compiles a model file, or the bytes of one. Throws CompileError with all that is wrong with the model, before anything
 * is made. External data is read beside the file only, unless allowed.
 */
export async function compile(model: string | Uint8Array, o: CompileOptions): Promise<CompileResult> {
  return shallow(typeof model === "string" ? basename(model) : "the model", () => compiled(model, o));
}
function compiled(model: string | Uint8Array, o: CompileOptions): CompileResult {
  const target = targets.get(o.target) ?? refuse("unknown-target", `there is no target ${o.target}`, `one of ${[...targets.keys()].join(", ")}`);
  const choices = choicesOf(target, o);
  const bytes = typeof model === "string" ? readFileSync(model) : model;
  const file = typeof model === "string" ? basename(model) : `${o.name ?? "model"}.onnx`, name = o.name ?? modelName(file.replace(/\.[^.]*$/, ""));
  checkName(name);
  o.progress?.(0, 1, "reading");
  const hash = createHash("sha256").update(bytes).digest("hex"), isFile = typeof model === "string";
  const { graph, diagnostics } = typedGraph(bytes, file, { ...o, mayMove: isFile }, isFile ? dirname(model) : undefined);
  o.progress?.(0, 1, "optimising");
  const cut = cutRegions(graph), pieces = piecesOf(cut.flow), facts = target.facts(choices.settings), passes = facts.byteDots ? bytePasses : graphPasses, { dump } = o;
  const ready = mapFlow(cut.flow, (piece) => runPasses(piece, passes, dump ? { dump: (file, text) => dump(pieces.length > 1 ? `g${pieces.indexOf(piece)}-${file}` : file, text) } : {}).graph, (v) => v);
  const misfits: Diagnostic[] = [], met = new Set<string>();
  const tuner: Tuner | undefined = o.tuning || o.tunable ? {
    choices: o.tuning ?? {}, problem: (message) => misfits.push({ severity: "warning", code: "tuning", message, hint: "mlc tune makes it anew" }),
    hear: (key, variant, candidates) => { met.add(key); o.tunable?.(key, variant, candidates); },
  } : undefined;
  const program = compileRegions({ ...cut, flow: ready }, {
    facts, variants: target.variants(choices), ...(tuner ? { tuner } : {}),
    ...(o.dump ? { dump: o.dump } : {}), ...(o.progress ? { progress: o.progress } : {}),
  });
  const emitted = target.emit(program, { ...choices, name, hash, version, flags: flagsOf(o), ...(o.objectFormat ? { objectFormat: o.objectFormat } : {}) });
  const unused = Object.keys(o.tuning ?? {}).filter((key) => !met.has(key)).length;
  if (unused) misfits.push({ severity: "note", code: "tuning", message: `${unused} of ${Object.keys(o.tuning!).length} tuned kernels are not in this model` });
  const all = [...diagnostics, ...misfits, ...emitted.diagnostics];
  if (all.some((d) => d.severity === "error")) throw new CompileError(all);
  return { name, files: emitted.files, build: emitted.build, diagnostics: all, graph, program, hash };
}
/** What the options choose of what the target has. Throws CompileError for what it has not. */
export function choicesOf(target: Target, o: Pick<CompileOptions, "isa" | "weights" | "settings">): Choices {
  const known = Object.keys(target.instructionSets), unknown = (o.isa ?? []).filter((i) => !known.includes(i));
  if (unknown.length) refuse("unknown-isa", `the target ${target.name} has no instruction set ${unknown.join(", ")}`, known.length ? `one of ${known.join(", ")}` : "leave --isa out");
  const weights = o.weights ?? target.weights[0]!;
  if (!target.weights.includes(weights)) refuse("unknown-weights", `the target ${target.name} cannot hold weights as ${weights}`, `one of ${target.weights.join(", ")}`);
  let settings: Settings = {};
  try { settings = settingsOf(target, o.settings ?? {}); } catch (e) { refuse("bad-setting", (e as Error).message, "mlc targets lists the options of each target"); }
  return { instructionSets: known.filter((i) => !o.isa || o.isa.includes(i)), weights, settings };
}
function refuse(code: string, message: string, hint: string): never { throw new CompileError([{ severity: "error", code, message, hint }]); }

/** `mayMove`: as in ImportOptions, the bytes are given away. */
export interface GraphOptions extends Pick<CompileOptions, "shapes" | "dims" | "lengths" | "absent" | "values" | "turns" | "allowExternalData"> { readonly mayMove?: boolean }
/** Imports, pins and infers: the model as it is, every type known. Throws CompileError with all problems of the model. */
export function typedGraph(bytes: Uint8Array, file: string, o: GraphOptions, folder?: string): { graph: Graph; diagnostics: readonly Diagnostic[] } {
  const read = folder === undefined ? {} : { readExternal: externalIn(folder, { anywhere: o.allowExternalData ?? false }) };
  const imported = importOnnx(bytes, { name: file, mayMove: o.mayMove ?? false, ...read });
  const spread = spreadInputs(imported.graph, { ...o, unranked: imported.unranked, composed: imported.composed });
  const pinned = pinShapes(spread.graph, { unranked: spread.unranked, shapes: spread.shapes, ...(o.dims ? { dims: o.dims } : {}) });
  const same = pinValues(pinned.graph, valuesOf(o, isList)), valued = boundValues(same.graph, valuesOf(o, isBounds)), turning = boundTurns(valued.graph, o.turns ?? {});
  const choices = [spread, pinned, same, valued, turning].flatMap((x) => x.diagnostics);
  const early = [...imported.diagnostics, ...choices], open = choices.some((d) => d.severity === "error");
  const inferred = open ? { graph: turning.graph, diagnostics: checkOperators(turning.graph) } : inferTypes(turning.graph, { fold: foldWithin() });
  const diagnostics = [...early, ...inferred.diagnostics];
  if (diagnostics.some((d) => d.severity === "error")) throw new CompileError(diagnostics);
  return { graph: inferred.graph, diagnostics };
}
type Value = NonNullable<CompileOptions["values"]>[string];
const isList = (v: Value): v is readonly number[] => Array.isArray(v), isBounds = (v: Value): v is ValueBounds => !isList(v);
const valuesOf = <T extends Value>({ values = {} }: GraphOptions, is: (v: Value) => v is T): Readonly<Record<string, T>> => Object.fromEntries(Object.entries(values).flatMap(([name, v]) => (is(v) ? [[name, v]] : [])));
/** The flags that shape the output, as on the command line. */
function flagsOf(o: CompileOptions): string {
  const list = [`--target ${o.target}`];
  for (const [k, v] of Object.entries(o.shapes ?? {})) list.push(`--shape ${k}=${v.map(showSize).join(",")}`);
  for (const [k, v] of Object.entries(o.dims ?? {})) list.push(`--dim ${k}=${showSize(v)}`);
  for (const [k, v] of Object.entries(o.lengths ?? {})) list.push(`--length ${k}=${v}`);
  for (const name of o.absent ?? []) list.push(`--absent ${name}`);
  for (const [k, v] of Object.entries(o.values ?? {})) list.push(isList(v) ? showValues(k, v) : showBounds(k, v));
  for (const [k, v] of Object.entries(o.turns ?? {})) list.push(showTurns(k, v));
  if (o.isa) list.push(`--isa ${o.isa.join(",")}`);
  if (o.weights) list.push(`--weights ${o.weights}`);
  if (o.tuning) list.push(`--tune ${createHash("sha256").update(JSON.stringify(o.tuning)).digest("hex").slice(0, 16)}`);
  for (const [k, v] of Object.entries(o.settings ?? {})) list.push(v === true ? flagName(k) : `${flagName(k)} ${v}`);
  return list.join(" ");
}
/** The flag of a setting: --max-kernel-us for maxKernelUs. */
export const flagName = (setting: string): string => `--${setting.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
