/**
 * Sizes that are known only when a program runs. A symbol is a parameter (scalar.ts) with a range. Shapes, layouts and memory are those of
 * the bounds, the largest sizes; what a size means stands in expressions, and `Sizes` tell beside a shape how much of it a run has.
 */
import { fail, show, type Expr, type Var } from "./scalar.ts";
import { int } from "./linear.ts";
import { substitute } from "./algebra.ts";

/** For each logical dimension of a shape, how many of its elements a run has: an index over symbols, from 0 to the shape's own number. Absent where it has all. */
export type Sizes = readonly (Expr | undefined)[];
/** A symbol, and where its value comes from. */
export interface SymbolFrom<From> { readonly variable: Var; readonly from: From }
/** Two sizes that each run must have equal, and the node that needs it; in words, what they demand of a run where the sizes do not tell. */
export interface Equality { readonly sizes: readonly [Expr, Expr]; readonly node: string; readonly demand?: string }

/** The sizes, or nothing where all of them are the shape's own numbers. */
export const someSizes = (sizes: Sizes | undefined): { readonly sizes?: Sizes } => (sizes?.some((s) => s !== undefined) ? { sizes } : {});
/** The value of an index over symbols, from theirs. Fails where one has none. */
export function valueOfSize(e: number | Expr, symbols: ReadonlyMap<string, number>): number {
  if (typeof e === "number") return e;
  const known = substitute(e, new Map([...symbols].map(([name, value]) => [name, int(value)])));
  return known.kind === "const" ? Number(known.value) : fail(`${show(e)} has no value: ${show(known)} is left`);
}
/** The name of the symbol for a dimension of this name, which no axis has. */
export const symbolNamed = (dimension: string): string => `$${dimension}`;
/** What people call a symbol. */
export const nameOfSymbol = (symbol: string): string => symbol.replace(/^\$/, "");
