/** What a target is: facts, schedules and spelling. Passes and printers ask for these, never for a target's name. */
import type { Diagnostic } from "../diagnostics.ts";
import type { ObjectFormat } from "./object-files.ts";
import type { WeightForm } from "./weights.ts";
import type { Compute } from "../ir/compute.ts";
import type { GridFacts } from "../ir/grid.ts";
import type { Machine, PanelFacts, StrassenFacts, WinogradFacts } from "../ir/machine.ts";
import type { Program } from "../ir/program.ts";
import type { Schedule } from "../ir/schedule.ts";
import type { Expr } from "../ir/scalar.ts";
import { formats } from "../ir/formats.ts";
import type { DType } from "../ir/types.ts";

/** One way to run a kernel on the target: an instruction set of a processor, or a device. */
export interface Variant {
  readonly name: string;
  readonly description: string;
  /** The loops for a Compute, which may have gained packed weights, copies of operands, and stages. */
  readonly schedule: (c: Compute) => { readonly compute: Compute; readonly schedule: Schedule };
  /** Whether the language has no spelling for this operator at this width. */
  readonly lacks: (e: Expr) => boolean;
  /**
   * How many tasks may run a kernel together, at the most: what its schedule places as parallel is divided among them. One without it.
   * `least`: the work, in operations, from which on that pays; a value that has been measured without it.
   */
  readonly tasks?: { readonly most: number; readonly least?: number };
}
/**
 * What becomes of an element type: kept in memory and computed with as another one, or refused, with the reason. `memory`, of small floats
 * as f32: memory holds the model's type all the same, and kernels convert.
 */
export type Stored = { readonly as: DType; readonly memory?: true } | { readonly refused: string };
/** What becomes of small floats and of integers smaller than a byte where a language has f32, i8, u8 and u16 in memory. */
export const bitsInMemory: Readonly<Partial<Record<DType, Stored>>> = {
  ...Object.fromEntries(Object.keys(formats).map((t) => [t, { as: "f32", memory: true }])), i4: { as: "i8" }, u4: { as: "u8" }, i2: { as: "i8" }, u2: { as: "u8" },
};
/** Facts of a typical machine of the target, and of its language, that passes, cost models and reports read. */
export interface TargetFacts {
  /** A core of each kind of processor, or a device as a whole, that the code is made for. */
  readonly machines: readonly Machine[];
  /** The first cache of a core: addresses that are equal modulo `bytes` / `ways` compete for as many lines as there are ways. */
  readonly firstCache?: { readonly bytes: number; readonly ways: number; readonly line: number };
  /** Where kernels run as groups of lanes: each kernel is one launch of such a grid. */
  readonly grid?: GridFacts;
  /** What decides about Winograd's tiles; false where schedules do not know its stages. */
  readonly winograd: false | WinogradFacts;
  /** The same for Strassen's product. */
  readonly strassen: false | StrassenFacts;
  /** What tiles of products read of weights; there where they read them one tile after the other, through a second cache. */
  readonly panels?: PanelFacts;
  /** Whether weights that these two read are made from the model's when the program starts, rather than at compile time. */
  readonly prepares?: boolean;
  /** Where an argument of a kernel may begin, in bytes: offsets of working memory and constants are multiples of it. */
  readonly alignment: number;
  /** Whether an argument may begin at any element and kernels may take numbers, so that kernels which differ in numbers only become one. */
  readonly shares?: boolean;
  /** Whether sums of products of bytes are faster over words of four bytes (`dotBytes`). */
  readonly byteDots?: boolean;
  /** Element types that the language does not have as such. */
  readonly types: Readonly<Partial<Record<DType, Stored>>>;
  /** Whether large f32 tensors lie in memory as half-precision numbers. */
  readonly halves?: boolean;
  /** The most bytes of one constant that a kernel can be given; larger ones are split. */
  readonly largestConstant: number;
}

/** A value of an option that only some targets have. */
export type SettingValue = string | number | boolean;
/** Values by the names of settings; those not given have their defaults. */
export type Settings = Readonly<Record<string, SettingValue>>;
/** An option of a target. Its name, such as maxKernelUs, is that of the programming interface; the flag is --max-kernel-us. */
export type Setting = { readonly description: string } & (
  | { readonly kind: "choice"; readonly choices: readonly string[]; readonly default: string }
  /** A whole number from `least` up, to `most` where there is one. */
  | { readonly kind: "count"; readonly least: number; readonly most?: number; readonly default: number }
  | { readonly kind: "flag"; readonly default: false });

/** How the emitted files become a library in C. */
export interface NativeBuild {
  readonly kind: "native";
  /** What to compile, to put into the library as it is, and with which flags; paths among the files. */
  readonly sources: readonly string[];
  readonly objects: readonly string[];
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
}
/** Files that are used as they are: a module of JavaScript that exports `createNet`. */
export interface ModuleBuild { readonly kind: "module"; readonly entry: string }
/** What is to be done with the emitted files. */
export type Build = NativeBuild | ModuleBuild;
/** What decides which files there are. */
export interface Choices {
  /** Instruction sets, in the target's order; all that it has without a choice. */
  readonly instructionSets: readonly string[];
  readonly weights: WeightForm;
  readonly settings: Settings;
}
/** What the files say of themselves, and how they hold the weights. `hash` is the model's SHA-256 in hex. */
export interface EmitOptions extends Choices {
  readonly name: string;
  readonly hash: string;
  readonly version: string;
  readonly flags: string;
  readonly objectFormat?: ObjectFormat;
}
/** What a target makes of a program; `diagnostics` are what the user should hear of. */
export interface Emitted {
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly build: Build;
  readonly diagnostics: readonly Diagnostic[];
}
/** A language and the machines that it is for. */
export interface Target {
  readonly name: string;
  readonly description: string;
  /** What `emit` makes, known before anything is compiled. */
  readonly builds: Build["kind"];
  readonly facts: (s: Settings) => TargetFacts;
  /** What --isa chooses from: name -> description, best first. */
  readonly instructionSets: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, Setting>>;
  /** How the files may hold the weights, the default first. */
  readonly weights: readonly WeightForm[];
  /** The ways in which each kernel is made. */
  readonly variants: (c: Choices) => readonly Variant[];
  /** The names of the files that `emit` makes, known without a program. */
  readonly fileNames: (name: string, c: Choices) => readonly string[];
  /** A C++ source that measures the processor, see runtime-templates/native/peak.cpp.hbs; absent where devices do the work. */
  readonly peak?: (c: Choices) => string;
  /** The files for the program, whose kernels have the variants of the same choices. */
  readonly emit: (p: Program, o: EmitOptions) => Emitted;
}
/** The settings of a target with the defaults filled in. Throws an `Error` for names and values that it does not have. */
export function settingsOf(t: Target, given: Settings): Settings {
  for (const [name, value] of Object.entries(given)) {
    const s = Object.hasOwn(t.settings, name) ? t.settings[name] : undefined;
    if (!s) throw new Error(`the target ${t.name} has no setting ${name}`);
    const fits = s.kind === "choice" ? s.choices.includes(String(value)) : s.kind === "count" ? Number.isInteger(value) && Number(value) >= s.least && Number(value) <= (s.most ?? Infinity) : typeof value === "boolean";
    if (!fits) throw new Error(`${name} cannot be ${value}: ${s.kind === "choice" ? `one of ${s.choices.join(", ")}` : s.kind === "count" ? `a whole number from ${s.least} ${s.most === undefined ? "up" : `to ${s.most}`}` : "true or false"}`);
  }
  return { ...Object.fromEntries(Object.entries(t.settings).map(([name, s]) => [name, s.default])), ...given };
}
