/** What is known of a built model, and what a kind of build must do to become a program that runs here. */
import type { CompileResult } from "../api.ts";
import type { Diagnostic } from "../diagnostics.ts";
import type { Build } from "../emit/target.ts";
import type { TensorType } from "../ir/graph.ts";
import type { Step } from "../ir/program.ts";
import type { ValueBounds } from "../passes/graph/bound-values.ts";
import type { Terminal } from "./terminal.ts";

/** An input or output: `shape` has the most of each dimension, `least` the least, where a run chooses. */
export interface PortFacts extends TensorType {
  readonly name: string;
  readonly least?: readonly number[];
  /** What an input must be that is one whole number between bounds. */
  readonly bounds?: ValueBounds;
}
/** What a program takes or gives, in words: f32[1, 3, 48, 32..1280]. */
export const describePort = (p: TensorType & { readonly least?: readonly number[] }): string =>
  `${p.dtype}[${p.shape.map((n, d) => ((p.least?.[d] ?? n) === n ? n : `${p.least![d]}..${n}`)).join(", ")}]`;
/** Whether each run chooses some sizes. */
export const isOpen = (f: Pick<Facts, "inputs" | "outputs">): boolean => [...f.inputs, ...f.outputs].some((p) => p.least);
/** Kept beside the program in the cache. */
export interface Facts {
  readonly name: string;
  readonly inputs: readonly PortFacts[];
  readonly outputs: readonly PortFacts[];
  readonly steps: readonly (Pick<Step, "origin" | "results" | "macs" | "kind" | "traffic" | "work" | "decision"> & { readonly kernel: string })[];
  readonly arenaBytes: number;
  readonly weightsBytes: number;
  /** Of weights that are made when the program starts. */
  readonly preparedBytes: number;
  /** Of machine code, or of text where no compiler has seen it. */
  readonly codeBytes: number;
  /** Where runs choose sizes: the inputs, and which sizes must be equal, as the text of a graph. */
  readonly sizes?: string;
  /** Strings that the model knows, some of them where it knows many; none where it deals with none. */
  readonly words?: readonly string[];
  readonly build: Build;
  /** The source that measures the processor, beside the package's files; empty where there is none. */
  readonly peak: string;
  readonly diagnostics: readonly Diagnostic[];
}
/** A built model. */
export interface Built {
  readonly folder: string;
  readonly facts: Facts;
  readonly env: Terminal["env"];
  /** How many threads a run is divided among. */
  readonly threads: number;
  /** What starts the program, before its path: empty, or an emulator. */
  readonly exec: readonly string[];
}
/**
 * How a kind of build becomes a program. The program takes the arguments that stand at the head of
 * runtime-templates/native/main.c.hbs.
 */
export interface Maker {
  /** What decides, beside the model and the options, what the program is. Throws a Failure where tools are missing. */
  readonly tools: (env: Terminal["env"]) => Promise<string>;
  /** Makes the program in a folder that holds the package's files; returns how large its code is, in bytes. */
  readonly make: (folder: string, facts: Omit<Facts, "codeBytes">, files: CompileResult["files"], t: Terminal) => Promise<number>;
  /** The command that starts it. Throws a Failure where something is missing that it needs to run. */
  readonly command: (b: Built) => Promise<readonly string[]>;
  /** The command for the modes `trace` and `profile`. */
  readonly observer: (b: Built) => Promise<readonly string[]>;
}
