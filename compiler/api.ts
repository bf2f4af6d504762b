/** The programming interface: a model goes in, files come out, all in memory. */
import type { Diagnostic } from "./diagnostics.ts";
import type { ObjectFormat } from "./emit/object-files.ts";
import type { Program } from "./ir/program.ts";
import type { Graph } from "./ir/graph.ts";

export interface CompileOptions {
  /** A name from `targets`. */
  readonly target: string;
  /** Prefix of the generated API and file names, a C identifier; by default made from the model's file name. */
  readonly name?: string;
  /** Shapes of inputs: { x: [1, 3, 48, 320] }. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Sizes of named dimensions: { N: 1 }. */
  readonly dims?: Readonly<Record<string, number>>;
  /** How weights are embedded. */
  readonly weights?: "incbin" | "object" | "source" | "file";
  /** Of weights as an object file: the system and processor it is for. */
  readonly objectFormat?: ObjectFormat;
  /** Instruction sets to generate; all of the target's without it. */
  readonly isa?: readonly string[];
  /** Lets external data files lie outside the model's folder. */
  readonly allowExternalData?: boolean;
  /** Gets the text of the graph or program after each pass. */
  readonly dump?: (fileName: string, text: string) => void;
  readonly progress?: (done: number, total: number, what: string) => void;
}
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
  /** How the files become a library: as in emit/package.ts. */
  readonly build: Build;
}
/** Paths are in `files`; `compileFlags` are for C++, beyond optimisation and warnings. */
export interface Build {
  readonly sources: readonly string[];
  readonly objects: readonly string[];
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
}
