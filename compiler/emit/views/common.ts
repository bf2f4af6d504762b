/** What templates of several targets get of a package. Every text is ready to print; templates only repeat and leave out. */

/** An input or output. */
export interface PortView {
  /** As a parameter, and as a variable of the example. */
  readonly id: string;
  readonly local: string;
  /** INPUT0, OUTPUT0, ... */
  readonly macro: string;
  readonly literal: string;
  readonly comment: string;
  readonly ctype: string;
  readonly dtype: string;
  readonly rank: number;
  readonly dims: string;
  readonly count: number;
  readonly bytes: number;
  /** The initialiser of its <name>_tensor_info. */
  readonly info: string;
  /** At least 1: the length of an array that holds it. */
  readonly storage: number;
  /** A C expression over `i`, small and exact in every type. */
  readonly ramp: string;
  /** The last arguments of a printf that shows element `i`. */
  readonly shown: string;
  /** Whether it has sizes that only a run knows: numbers are the most then. */
  readonly open: boolean;
}
/** Sizes that only a run knows, in the main source; sizes are texts in C. */
export interface SizedView {
  readonly symbols: readonly { readonly id: string; readonly high: number }[];
  /** Which of all inputs' dimensions, one behind the other, gives a symbol its value; which have to agree with a size. */
  readonly given: readonly { readonly id: string; readonly at: number }[];
  readonly checks: readonly { readonly at: number; readonly size: string }[];
  /** As C: what must not be, since sizes would differ that the model needs equal. */
  readonly differ: readonly string[];
  /** Whether the steps learn something of sizes, or may have to stop because of them; symbols that change on the way. */
  readonly learns: boolean;
  readonly changing: readonly string[];
  /** Where each input's dimensions begin among all; the least and the most of them. */
  readonly firsts: string;
  readonly shapeLength: number;
  readonly least: string;
  readonly most: string;
  /** Inputs and outputs that need no memory where a run's shapes leave them empty, and how many elements they have, as C. */
  readonly emptiable: readonly { readonly index: number; readonly id: string; readonly elements: string }[];
  readonly copiesIn: readonly SizedCopyView[];
  readonly copiesOut: readonly SizedCopyView[];
  readonly outputs: readonly { readonly index: number; readonly dims: readonly { readonly d: number; readonly size: string }[] }[];
  /** What a context holds for them. */
  readonly bytes: number;
}
/** A copy of the caller's dense elements into their place among the most that there can be, or back. */
export interface SizedCopyView { readonly dims: string; readonly whole: string; readonly rank: number; readonly bytes: number; readonly to: string; readonly from: string; readonly inside: boolean }
/** What all templates of a package share. */
export interface CommonView {
  readonly name: string;
  readonly NAME: string;
  readonly version: string;
  readonly hash: string;
  /** Lines of the banner, without comment marks. */
  readonly banner: readonly string[];
}
/** A status of the API. */
export interface StatusView { readonly word: string; readonly code: number; readonly text: string }
/** A kernel's place in the table of an instruction set; `params` are its C types. */
export interface KernelSlot { readonly name: string; readonly params: string }
/** An instruction set: when it can be compiled (`guard`), and a C expression for whether the processor has it (`check`). */
export interface IsaView { readonly name: string; readonly guard: string; readonly check: string; readonly baseline: boolean }
