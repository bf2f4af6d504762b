/**
 * Sums of products: register tiles of rows x vectors, the weights packed into panels of 16 columns that every
 * instruction set shares. Matrix products, convolutions of any rank, grouped or not, are this one schedule.
 */
import { load, type Expr, type Load } from "../../../compiler/ir/scalar.ts";
import { rebuild } from "../../../compiler/ir/algebra.ts";
import { axis, extentOf, type Axis, type Compute, type Stage } from "../../../compiler/ir/compute.ts";
import { types } from "../../../compiler/ir/types.ts";
import { isNarrow, isThin, type Contraction } from "../../../compiler/ir/contraction.ts";
import type { Directive } from "../../../compiler/ir/schedule.ts";
import type { InstructionSet } from "../isa.ts";
import { accessesOf, addressOf, byStep, fuseInner, openAxes, stepOf, withStage, type FusedLoop } from "../../../compiler/schedules/access.ts";
import { panelWidth, uses } from "../../../compiler/schedules/pack.ts";
import { productShape } from "../../../compiler/schedules/product-shape.ts";

/** The Compute may have gained a packed weight or a stage that copies; `more`: directives of such stages. */
export interface ProductPlan {
  readonly compute: Compute;
  readonly directives: readonly Directive[];
  readonly more: Readonly<Record<string, readonly Directive[]>>;
  readonly outer: readonly FusedLoop[];
}

/** Null where no axis of several columns is contiguous in the result, a tail has no lanes, or the second operand serves too few rows to be turned round. */
export function productPlan(c: Compute, s: Stage, p: Contraction, set: InstructionSet): ProductPlan | null {
  const shape = productShape(c, s, p, isNarrow);
  if (!shape) return null;
  if (isThin(c, p) && stepOf(addressOf(c, p.b), shape.n) !== 1 && ownSums(c, p, s)) return null;
  const { a, b, n, rows, ks, ownK, outer, packed: operand } = shape, store = accessesOf(c, s)[0]!.address;
  let more: Record<string, readonly Directive[]> = {};
  ({ compute: c, stage: s } = shape);
  if (!operand && stepOf(addressOf(c, b), n) !== 1) ({ compute: c, stage: s, more } = stageOperand(c, s, b, ownK, n, set, `${n.name}_o`));
  const list = accessesOf(c, s), open = openAxes(c, s), ofK = (l: Load | null) => l !== null && ks.some((k) => uses(l, k));
  const blocks = rowBlocks(c, a, byStep(rows, store)), rowLoops = inBlocks(fuseInner(blocks.inner, list.filter((x) => x.load === a || !ofK(x.load)), open), blocks);
  // Packed weights follow the order of these loops, so only the first operand decides which of them are one run.
  const kLoops = fuseInner(ks, list.filter((x) => x.load === a || (ofK(x.load) && x.load!.buffer !== operand)), open);
  const m = rowLoops.loops.at(-1), around = rowLoops.loops.slice(0, -1), nn = n.name;
  const rowStep = m ? (Math.abs(stepOf(addressOf(c, a), m.axes.at(-1)!) ?? 0) * types[a.dtype].bytes) / 4 : 0;
  const t = tileOf(set, extentOf(n), m?.extent ?? 1, rowStep);
  const lastK = kLoops.loops.at(-1);
  const unrollK = lastK && kLoops.loops.length > 1 && lastK.extent <= 7 && t.rows * t.vectors * lastK.extent <= 128 ? [lastK.name] : [];
  const free = [...byStep(outer, store).map((x): FusedLoop => ({ name: x.name, extent: extentOf(x), axes: [x] })), ...blocks.outer];
  const tiles = m ? Math.ceil(m.extent / t.rows) * around.reduce((x, l) => x * l.extent, 1) : 1;
  const lastRolled = kLoops.loops.filter((l) => !unrollK.includes(l.name)).at(-1)!.name;
  const directives: Directive[] = [
    ...rowLoops.directives, ...kLoops.directives,
    ...(m ? [{ split: m.name, by: t.rows, into: [`${m.name}_o`, `${m.name}_i`], edge: "balance" } as const] : []),
    { split: nn, by: t.vectors * set.lanes, into: [`${nn}_o`, `${nn}_c`], edge: "peel" },
    { split: `${nn}_c`, by: set.lanes, into: [`${nn}_j`, `${nn}_v`], edge: "peel" },
    { order: [
      ...free.map((l) => l.name), `${nn}_o`, ...around.map((l) => l.name), ...(m ? [`${m.name}_o`] : []),
      ...kLoops.loops.map((l) => l.name), ...(m ? [`${m.name}_i`] : []), `${nn}_j`, `${nn}_v`,
    ] },
    { place: [...(m ? [`${m.name}_i`] : []), `${nn}_j`, ...unrollK], as: "unroll" }, { place: [`${nn}_v`], as: "vector" },
    ...(operand && tiles > 1 ? panelHints(operand, `${nn}_o`, [...around.map((l) => l.name), m!.name], Math.max(panelWidth, t.vectors * set.lanes), lastRolled) : []),
  ];
  return { compute: c, directives, more, outer: free };
}

/** Rows that are taken through an earlier stage and the product together: loops over blocks of them, and the axes inside a block. */
interface RowBlocks { readonly outer: readonly FusedLoop[]; readonly inner: readonly Axis[]; readonly cut?: { readonly axis: Axis; readonly by: number } }
/** Floats between the two for one block of rows: 96 KB. */
const blockFloats = 24 * 1024;
/** All rows are one block unless the product's operand is another stage's sums, and too long for that. */
function rowBlocks(c: Compute, a: Load, rows: readonly Axis[]): RowBlocks {
  const made = c.stages.find((x) => x.name === a.buffer && x.reduce);
  let floats = made ? made.axes.reduce((n, x) => n * extentOf(x), 1) : 0;
  const outer: FusedLoop[] = [];
  for (const [i, x] of rows.entries()) {
    if (floats <= blockFloats) return { outer, inner: rows.slice(i) };
    const all = extentOf(x);
    floats /= all;
    const most = Math.floor(blockFloats / floats), by = most > 1 ? evenBlock(all, most) : 1;
    outer.push({ name: by === 1 ? x.name : `${x.name}_b`, extent: Math.ceil(all / by), axes: [x] });
    if (by > 1) return { outer, inner: rows.slice(i), cut: { axis: x, by } };
  }
  return { outer, inner: [] };
}
/** The largest block of at most `most` that divides `all`, an even one if it is not much smaller: windows are computed two rows at a time. Where there is none, the last block is smaller. */
function evenBlock(all: number, most: number): number {
  const fits = Array.from({ length: Math.min(most, all) }, (_, i) => i + 1).filter((n) => all % n === 0 && 2 * n > most);
  return fits.filter((n) => n % 2 === 0).at(-1) ?? fits.at(-1) ?? (most > 2 ? most - (most % 2) : most);
}
/** Loops over rows, where those of the axis that is cut are the loops inside a block. */
function inBlocks({ loops, directives }: ReturnType<typeof fuseInner>, { cut }: RowBlocks): ReturnType<typeof fuseInner> {
  if (!cut) return { loops, directives };
  const { axis: { name }, by } = cut, all = extentOf(cut.axis), inner = `${name}_r`;
  return {
    loops: loops.map((l) => (l.axes[0] === cut.axis ? { ...l, name: l.axes.length > 1 ? l.name : inner, extent: l.extent / all * by } : l)),
    directives: [
      { split: name, by, into: [`${name}_b`, inner], edge: "peel" },
      ...directives.map((d) => ("fuse" in d && d.fuse[0] === name ? { ...d, fuse: [inner, d.fuse[1]] as const } : d)),
    ],
  };
}

/**
 * Panels of weights come from memory while the tiles before use others: all rows together ask once for each line of the next panels. While a
 * tile uses them they come from the second cache, some turns ahead. Those that the first cache keeps get the hint as well, so that kernels of
 * several depths are one.
 */
export const panelHints = (weight: string, next: string, rows: readonly string[], run: number, turn: string): readonly Directive[] =>
  [{ prefetch: weight, next, share: rows, run }, { prefetch: weight, ahead: turn, turns: 8 }];

/** Whether lanes can run along the sum in both operands. */
const ownSums = (c: Compute, { a, b }: Contraction, s: Stage): boolean => s.reduce!.axes.some((k) => extentOf(k) >= 4 && [a, b].every((l) => stepOf(addressOf(c, l), k) === 1));
/** Register tile for `columns` columns and `rows` rows; `rowStep`: floats between rows of the first operand. */
export function tileOf(set: InstructionSet, columns: number, rows: number, rowStep: number): { rows: number; vectors: number } {
  const needed = Math.ceil(columns / set.lanes), most = rows <= 1 ? Math.max(4, set.tile.vectors) : set.tile.vectors;
  let vectors = Math.min(needed, most);
  if (set.lanes === 16 && vectors === 4 && ((rows > 6 && rows <= 8) || columns === 48)) vectors = 3;
  const tall = Math.max(1, Math.floor((set.registers - 4 - vectors) / vectors));
  let height = vectors === set.tile.vectors ? set.tile.rows : Math.min(tall, set.lanes === 16 ? [14, 14, 12, 8][vectors]! : 8);
  // Rows a multiple of 4 KB apart fall into one set of the first cache, which has 8 ways.
  if (rowStep > 0 && (rowStep * 4) % 4096 === 0) height = Math.min(height, 8);
  return { rows: Math.max(1, Math.min(height, rows)), vectors };
}

const replaceLoad = (s: Stage, from: Load, to: Expr): Stage => ({ ...s, value: rebuild(s.value, (x) => (x === from ? to : x)) });

/** A copy of the columns that one tile reads, contiguous along them: a stage of its own inside the loop over panels. */
function stageOperand(c: Compute, s: Stage, b: Load, ks: readonly Axis[], n: Axis, set: InstructionSet, loop: string):
  { compute: Compute; stage: Stage; more: Record<string, readonly Directive[]> } {
  const axes = [...s.axes.filter((x) => x !== n && uses(b, x)), ...ks, n], name = `${s.name}_operand`;
  const own = axes.map((x) => axis(`b_${x.name}`, extentOf(x))), by = new Map(axes.map((x, i) => [x.name, own[i]!]));
  const copy: Stage = { name, axes: own, value: rebuild(b, (x) => (x.kind === "var" ? by.get(x.name) ?? x : x)) };
  const stage = replaceLoad(s, b, load(b.dtype, name, axes)), last = own.at(-1)!.name;
  return {
    compute: withStage(c, stage, [copy]), stage,
    more: { [name]: [
      { split: last, by: set.lanes, into: [`${last}_o`, `${last}_v`], edge: "peel" }, { place: [`${last}_v`], as: "vector" },
      { computeAt: [s.name, loop], in: "scratch" },
    ] },
  };
}
