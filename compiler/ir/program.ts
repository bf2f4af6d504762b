/** Program: what packaging sees. Kernels to call in order, where every byte lies, and what the caller passes in and out. */
import type { Flow } from "./control.ts";
import { bitsTypeOf } from "./codec.ts";
import { isSmallFloat } from "./formats.ts";
import { bytesFor, types, type DType } from "./types.ts";
import { sizeOf, type TensorType } from "./graph.ts";
import type { Kernel } from "./kernel.ts";
import type { Choice } from "./compute.ts";
import type { Traffic } from "./traffic.ts";
import type { Expr } from "./scalar.ts";
import type { Equality, Sizes, SymbolFrom } from "./symbols.ts";

/** What the caller passes or gets, in the model's own order, shape and row-major layout. */
export interface Port extends TensorType {
  readonly name: string;
  /** What the kernels see where that is not the caller's array: the shell converts. */
  readonly stored?: DType;
  /** How much of `shape` a run has; the caller's memory is dense in those sizes. */
  readonly sizes?: Sizes;
  /** With sizes, if any kernel reads it: where kernels see it, row-major in `shape`. The shell copies it, inputs before the first step, outputs after the last. */
  readonly at?: Place;
}
/** The caller's array of a port: small floats are the integers of their bits, and elements smaller than a byte share bytes. */
export function callersArray(p: TensorType): { readonly dtype: DType; readonly count: number } {
  const { bits } = types[p.dtype], count = sizeOf(p.shape);
  return bits < 8 ? { dtype: "u8", count: bytesFor(p.dtype, count) } : { dtype: isSmallFloat(p.dtype) ? bitsTypeOf(p.dtype) : p.dtype, count };
}

/** Where an argument of a kernel lies; offsets are in bytes. */
export type Place = { readonly offset: number; readonly turns?: readonly PerTurn[] } & (
  | { readonly in: "input" | "output"; readonly port: number }
  /** `perTask`: each task has its own, so many bytes apart. */
  | { readonly in: "arena" | "constants" | "prepared"; readonly perTask?: number });
/** How far a place moves from one turn of a loop to the next, in bytes; backwards below 0. */
export interface PerTurn { readonly loop: string; readonly bytes: number }
/** A run of steps, one after the other. */
export interface StepRun { readonly first: number; readonly count: number }
/** A truth in memory, as an element of this type: anything but 0. */
export interface Decision { readonly place: Place; readonly dtype: DType }
/** One call of a kernel. Steps run in their order, or as the program's flow says. */
export interface Step {
  /** Index into `kernels`. */
  readonly kernel: number;
  /** One for each argument of the kernel (all its buffers but the shared ones, which come last), in its order. */
  readonly args: readonly Place[];
  /** Values of the kernel's params, in its order: numbers, or indices over the program's symbols. */
  readonly params?: readonly (number | Expr)[];
  /** With params that are numbers: what of its arguments this step needs, in elements, where the kernel's own sizes are the most of all steps. */
  readonly sizes?: readonly number[];
  /** The model's nodes that this step carries out. */
  readonly origin: readonly string[];
  /** Multiply-accumulates of the plain algorithm. */
  readonly macs: number;
  /** What kind of work it is, for people: "conv 3x3". */
  readonly kind: string;
  readonly traffic: Traffic;
  /** Of products with constants: how else they could be computed, and at what estimated cost. */
  readonly choices?: readonly Choice[];
  /** Tells equal work in any process, for tuning; there only where asked for. */
  readonly work?: string;
  /** The same of the layer whose algorithm was chosen among several. */
  readonly decision?: string;
  /** What the step leaves behind: the values it finishes. */
  readonly results: readonly Result[];
}
/** A value that a step finishes, and how to find its elements: needed to compare layer by layer. */
export interface Result extends TensorType {
  readonly value: string;
  readonly place: Place;
  /** In elements, one per dimension; element (i, j, ..) lies at place + i * strides[0] + ... Null where the layout is blocked. */
  readonly strides: readonly number[] | null;
  /** How much of `shape` a run has. */
  readonly sizes?: Sizes;
}
/** One kernel in each of the target's variants: the same arguments in each, of which a variant may leave some unused; shared buffers of its own come after them. */
export interface KernelVariants {
  readonly name: string;
  readonly origin: readonly string[];
  /** Keyed by the name of the instruction set. */
  readonly variants: Readonly<Record<string, Kernel>>;
}
/** A piece of working memory, in bytes from the arena's start, and the first and last step that use it: -1 where it is filled before all steps, their number where it is read behind them. */
export interface ArenaBlock { readonly name: string; readonly offset: number; readonly bytes: number; readonly firstStep: number; readonly lastStep: number }
/** Working memory of one run, in bytes. Blocks that overlap are never in use at one step. */
export interface Arena {
  readonly bytes: number;
  readonly blocks: readonly ArenaBlock[];
  /** Sum of all blocks, and the largest sum of blocks alive at one step: what no plan can beat. */
  readonly naive: number;
  readonly lowerBound: number;
}
/** Where a symbol's value comes from: a dimension of an input's shape, an integer in memory once so many steps have run, or the flow, which says what it becomes. */
export type ProgramSource = { readonly input: number; readonly dim: number } | { readonly place: Place; readonly dtype: DType; readonly steps: number } | { readonly flow: true };
/** What is done once, before the first run: steps that make constants ready from other constants, in memory of their own. */
export interface Setup { readonly steps: readonly Step[]; readonly memory: Arena }
/** A model ready to print. `dtypes` are the element types that its kernels touch. */
export interface Program {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly kernels: readonly KernelVariants[];
  readonly steps: readonly Step[];
  /** With branches and loops: how the steps, all of which stand in it in their order, follow each other. */
  readonly flow?: Flow<StepRun, Decision>;
  readonly arena: Arena;
  readonly setup?: Setup;
  /** Weights as the kernels read them; offsets in it are multiples of 64. */
  readonly constants: Uint8Array;
  readonly dtypes: readonly DType[];
  /** Where the program deals with strings: those of the model, by their numbers; a run gives further numbers to others. */
  readonly texts?: readonly string[];
  /** In an order in which each is known when the next is asked for. */
  readonly symbols?: readonly SymbolFrom<ProgramSource>[];
  /** What a run refuses to go on without, once all symbols in it are known. */
  readonly equalities?: readonly Equality[];
}
