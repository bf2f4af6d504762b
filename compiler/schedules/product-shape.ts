/** What a sum of products is for a register tile: which axis its vectors run along, and its weights in panels for that. */
import type { Load } from "../ir/scalar.ts";
import { extentOf, type Axis, type Compute, type Stage } from "../ir/compute.ts";
import type { Contraction } from "../ir/contraction.ts";
import { accessesOf, addressOf, byStep, stepOf } from "./access.ts";
import { isWeight, packPanels, uses } from "./pack.ts";

/** The Compute may have gained packed weights. Rows move in `a` only; `n` moves in `b` only and is contiguous in the result. */
export interface ProductShape {
  readonly compute: Compute;
  readonly stage: Stage;
  readonly a: Load;
  /** As it was before packing. */
  readonly b: Load;
  readonly n: Axis;
  readonly rows: readonly Axis[];
  /** Reduction axes in the order in which `a` lies in memory, and those of them that `b` moves with. */
  readonly ks: readonly Axis[];
  readonly ownK: readonly Axis[];
  /** All output axes but `n` and the rows. */
  readonly outer: readonly Axis[];
  /** The packed weight, if `b` is one. */
  readonly packed: string | null;
}
/** Fewer columns than this leave lanes idle: lanes along the reduction do better. */
const fewestColumns = 4;

/** `hasLanes`: whether a stage can have vectors at all. Null where no axis of several columns is contiguous in the result, or something in the stage has no vectors. */
export function productShape(c: Compute, s: Stage, p: Contraction, hasLanes: (s: Stage) => boolean): ProductShape | null {
  if (!hasLanes(s)) return null;
  const store = accessesOf(c, s)[0]!.address;
  const contiguous = (axes: readonly Axis[]) => axes.find((x) => extentOf(x) >= fewestColumns && stepOf(store, x) === 1);
  let n = contiguous(p.columns), { a, b, rows, columns } = p;
  if (!n && !isWeight(c, b) && contiguous(p.rows)) { n = contiguous(p.rows); [a, b, rows, columns] = [b, a, columns, rows]; }
  if (!n) return null;
  const ks = byStep(s.reduce!.axes, addressOf(c, a)), ownK = ks.filter((k) => uses(b, k));
  const outer = [...p.batch, ...p.free, ...columns.filter((x) => x !== n)];
  if (!isWeight(c, b)) return { compute: c, stage: s, a, b, n, rows, ks, ownK, outer, packed: null };
  // Two stages may read two parts of one weight.
  const before = c.tensors.filter((t) => t.name.startsWith(`${b.buffer}_packed`)).length, packed = `${b.buffer}_packed${before || ""}`;
  return { ...packPanels(c, s, b, packed, outer.filter((x) => uses(b, x)), ownK, n), a, b, n, rows, ks, ownK, outer, packed };
}
