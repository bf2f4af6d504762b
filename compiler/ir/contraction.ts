/** What kind of loop nest a stage is, told from its structure alone: sums of products, windows, plain reductions, maps. */
import { children, mentions, type Expr, type Load } from "./scalar.ts";
import { linear } from "./linear.ts";
import { loadsIn } from "./algebra.ts";
import { extentOf, resultType, type Axis, type Compute, type Stage } from "./compute.ts";
import type { DType } from "./types.ts";

/** A sum of products. `guards` are the tests around the product: where one fails, nothing is added. */
export interface Contraction {
  readonly a: Load;
  /** The operand that is a weight if one is. */
  readonly b: Load;
  readonly guards: readonly Expr[];
  /** Output axes by the operands they move in: rows in `a` only, columns in `b` only, batch in both, free in none. */
  readonly rows: readonly Axis[];
  readonly columns: readonly Axis[];
  readonly batch: readonly Axis[];
  readonly free: readonly Axis[];
  /** Of products of bytes, four at a time: the dimension of `a` along which four lie side by side. `b` holds them as words. */
  readonly bytesAlong?: number;
}
/** The value under a chain of selects whose other branch is always the same constant, and the tests of the chain. */
export function unguarded(e: Expr): { inner: Expr; guards: readonly Expr[]; otherwise: Expr | null } {
  const guards: Expr[] = [];
  let inner = e, otherwise: Expr | null = null;
  while (inner.kind === "apply" && inner.op === "select" && inner.args[2]!.kind === "const" && (otherwise === null || otherwise === inner.args[2])) {
    guards.push(...conjuncts(inner.args[0]!));
    otherwise = inner.args[2]!;
    inner = inner.args[1]!;
  }
  return { inner, guards, otherwise };
}
/** The conditions that together are `e`. */
export const conjuncts = (e: Expr): readonly Expr[] => (e.kind === "apply" && e.op === "and" ? e.args.flatMap(conjuncts) : [e]);

const bytes: readonly DType[] = ["u8", "i8"];
/** Bytes are loaded, compared and converted in lanes; all else is computed with words. */
const keepsBytes = (e: Expr): boolean => e.kind !== "apply" || ["min", "max", "xor"].includes(e.op);
/** Whether an expression has lanes where what it loads is of these types. */
function lanesOver(loaded: readonly DType[]): (e: Expr) => boolean {
  const known = new WeakMap<Expr, boolean>();
  // Masks come of tests, whole words of conversions; an index is worked out lane by lane anyway.
  const hasLanes = (e: Expr): boolean => {
    if (e.dtype === "index") return true;
    if (e.kind === "load") return loaded.includes(e.dtype);
    let found = known.get(e);
    if (found === undefined) {
      const simple = e.dtype === "f32" || e.dtype === "bool" || (e.dtype === "i32" && !(e.kind === "apply" && e.op === "pow")) || (bytes.includes(e.dtype) && loaded.includes(e.dtype) && keepsBytes(e));
      known.set(e, (found = simple && children(e).every(hasLanes)));
    }
    return found;
  };
  return hasLanes;
}
const words: readonly DType[] = ["f32", "i32"], ofFloats = lanesOver(["f32"]), ofNarrow = lanesOver([...words, ...bytes]);
/** Whether all that the stage reads and makes is f32, and nothing on the way has a type without vectors: lanes are worth it. */
export const isFloat32 = (s: Stage): boolean =>
  resultType(s) === "f32" && s.value.dtype === "f32" && ofFloats(s.value) && (s.finish === undefined || ofFloats(s.finish));
/** The same of f32, i32 and bytes: processors have lanes for these. */
export const isNarrow = (s: Stage): boolean => [s.value, s.finish ?? s.value].every((e) => (words.includes(e.dtype) || bytes.includes(e.dtype)) && ofNarrow(e));
/** Whether elements of the type fill a word. */
export const isWord = (t: DType): boolean => words.includes(t);

const moves = (l: Load, a: Axis) => a.range[1] > 0 && l.at.some((i) => mentions(i, new Set([a.name])));
/** The word of bytes under the tests and the mask of an operand of `dotBytes`, and the tests. */
function wordIn(e: Expr): { readonly bytes: readonly Load[]; readonly guards: readonly Expr[] } | null {
  if (e.kind === "apply" && e.op === "xor" && e.args[1]!.kind === "const") return wordIn(e.args[0]!);
  const { inner, guards } = unguarded(e), bytes = inner.kind === "apply" && inner.op === "word" ? inner.args.map((x) => (x.kind === "cast" ? x.arg : x)) : [];
  return bytes.length && bytes.every((x) => x.kind === "load") ? { bytes: bytes as readonly Load[], guards } : null;
}
/** The operands of a sum of products: of two f32 loads under tests, or of words of four bytes. */
function operandsOf(s: Stage): { readonly loads: readonly [Load, Load]; readonly guards: readonly Expr[]; readonly bytesAlong?: number } | null {
  if (s.reduce?.op !== "add") return null;
  if (s.value.kind === "apply" && s.value.op === "dotBytes") {
    const [none, a, b] = s.value.args as [Expr, Expr, Expr], word = wordIn(a), [first, next] = word?.bytes ?? [];
    return none.kind === "const" && word && b.kind === "load" ? { loads: [first!, b], guards: word.guards, bytesAlong: first!.at.findIndex((i, d) => i !== next!.at[d]) } : null;
  }
  if (s.value.dtype !== "f32") return null;
  const { inner, guards } = unguarded(s.value);
  if (inner.kind !== "apply" || inner.op !== "mul") return null;
  const [x, y] = inner.args as [Expr, Expr];
  return x.kind === "load" && y.kind === "load" ? { loads: [x, y], guards } : null;
}
/** Null unless the stage adds up products of two f32 loads (under guards, perhaps), or of bytes four at a time. */
export function contractionOf(c: Compute, s: Stage): Contraction | null {
  const found = operandsOf(s);
  if (!found) return null;
  const { loads: [x, y], ...more } = found, isWeight = (l: Load) => c.tensors.find((t) => t.name === l.buffer)?.role === "weight";
  const [a, b] = isWeight(x) && !isWeight(y) ? [y, x] : [x, y];
  const group = (inA: boolean, inB: boolean) => s.axes.filter((v) => moves(a, v) === inA && moves(b, v) === inB);
  return { a, b, ...more, rows: group(true, false), columns: group(false, true), batch: group(true, true), free: group(false, false) };
}
/** With fewer rows than this, a second operand computed at run time is read too few times to be worth turning round. */
const fewestRows = 8;
/** Whether a product's second operand is computed at run time and serves a few rows only: each element of the result is best a sum along it. */
export const isThin = (c: Compute, p: Contraction): boolean =>
  c.tensors.find((t) => t.name === p.b.buffer)?.role === "input" && p.columns.length > 0 && p.rows.reduce((n, a) => n * extentOf(a), 1) < fewestRows;
/**
 * Dimensions of a load along which a window slides: an output axis and a reduction axis move it together. In a product
 * only rows slide: an axis that picks a group of weights moves over whole groups.
 */
export function windowDims(c: Compute, s: Stage, l: Load): readonly number[] {
  const own = (list: readonly Axis[]) => new Set(list.filter((a) => a.range[1] > 0).map((a) => a.name));
  const out = own(contractionOf(c, s)?.rows ?? s.axes), inner = own(s.reduce?.axes ?? []);
  return l.at.flatMap((i, d) => (mentions(i, out) && mentions(i, inner) ? [d] : []));
}
/** The dimension of an index that an axis moves with step 1, if there is exactly one dimension that it moves. */
export function dimOf(at: readonly Expr[], a: Axis): number | null {
  const found = at.flatMap((i, d) => (mentions(i, new Set([a.name])) ? [d] : []));
  return found.length === 1 && linear(at[found[0]!]!).terms.get(a) === 1 ? found[0]! : null;
}
/** Whether every index is a sum of multiples of variables. */
export const isAffine = (at: readonly Expr[]): boolean => at.every((i) => [...linear(i).terms.keys()].every((t) => t.kind === "var"));
/** A map that only moves elements: its one stage is one load. */
export function movementOf(c: Compute): { load: Load; stage: Stage } | null {
  const [stage] = c.stages;
  if (c.stages.length !== 1 || stage!.reduce || stage!.finish || stage!.value.kind !== "load" || c.outputs.length !== 1) return null;
  return loadsIn(stage!.value.at).length === 0 ? { load: stage!.value, stage: stage! } : null;
}
/** One stage without a reduction, whose elements do not depend on each other, and one output. */
export const isMap = (c: Compute): boolean => c.stages.length === 1 && !c.stages[0]!.reduce && c.outputs.length === 1 && loadsIn([c.stages[0]!.value], c.stages[0]!.name).length === 0;
/** Longest first; axes of one length keep their order. */
export const byExtent = (axes: readonly Axis[]): readonly Axis[] => [...axes].sort((a, b) => extentOf(b) - extentOf(a));
/** Multiply-accumulates of the plain algorithm: those of products and of convolutions, however they are carried out. */
export const macsOf = (c: Compute): number => c.algorithm?.macs ?? c.stages.reduce((sum, s) =>
  sum + productsOf(contractionOf(c, s)) * sizeOfAxes([...s.axes, ...(s.reduce?.axes ?? [])]), 0);
const productsOf = (p: Contraction | null): number => (p ? (p.bytesAlong === undefined ? 1 : 4) : 0), sizeOfAxes = (axes: readonly Axis[]): number => axes.reduce((n, a) => n * extentOf(a), 1);
