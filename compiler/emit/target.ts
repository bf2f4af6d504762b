/** What a target is: facts, schedules and spelling. Passes and printers ask for these, never for a target's name. */
import type { ObjectFormat } from "./object-files.ts";
import type { Compute } from "../ir/compute.ts";
import type { Program } from "../ir/program.ts";
import type { Schedule } from "../ir/schedule.ts";
import type { Expr } from "../ir/scalar.ts";

/** One way to run a kernel on the target: an instruction set. */
export interface Variant {
  readonly name: string;
  readonly description: string;
  /** The loops for a Compute, which may have gained packed weights and copies of operands. */
  readonly schedule: (c: Compute) => { readonly compute: Compute; readonly schedule: Schedule };
  /** Whether the language has no spelling for this operator at this width. */
  readonly lacks: (e: Expr) => boolean;
}
/** Facts of a typical machine of the target that cost models and reports read. */
export interface TargetFacts {
  /** Of one core at its peak, in multiply-accumulates per second, and from main memory, in bytes per second. */
  readonly macsPerSecond: number;
  readonly bytesPerSecond: number;
}
/** How the emitted files become a library. */
export interface Build {
  /** What to compile, to put into the library as it is, and with which flags; paths among the files. */
  readonly sources: readonly string[];
  readonly objects: readonly string[];
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
}
/** What the files say of themselves, and how they hold the weights. `hash` is the model's SHA-256 in hex. */
export interface EmitOptions {
  readonly name: string;
  readonly hash: string;
  readonly version: string;
  readonly flags: string;
  readonly weights: "incbin" | "object" | "source" | "file";
  readonly objectFormat?: ObjectFormat;
}
/** A language and the machines that it is for. */
export interface Target {
  readonly name: string;
  readonly description: string;
  readonly facts: TargetFacts;
  readonly instructionSets: Readonly<Record<string, Variant>>;
  /** The names of the files that `emit` makes, known without a program. */
  readonly fileNames: (name: string, instructionSets: readonly string[], weights: EmitOptions["weights"]) => readonly string[];
  /** The files of a library for the program, whose kernels have the variants chosen. */
  readonly emit: (p: Program, o: EmitOptions) => { readonly files: ReadonlyMap<string, string | Uint8Array>; readonly build: Build };
}
