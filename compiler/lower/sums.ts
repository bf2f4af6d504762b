/** Accumulators of a reduction and the order in which they are added to. */
import { fail, type Expr } from "../ir/scalar.ts";
import { linear } from "../ir/linear.ts";
import { loadsIn } from "../ir/algebra.ts";
import type { Stmt } from "../ir/kernel.ts";

/** One sum for each number of lanes. */
export function byLanes(parts: readonly Expr[], combine: (a: Expr, b: Expr) => Expr): readonly Expr[] {
  const found = new Map<number, Expr>();
  for (const x of parts) { const sum = found.get(x.lanes); found.set(x.lanes, sum ? combine(sum, x) : x); }
  return [...found.values()];
}
/** Sorts updates by the address of what they read of `buffer`; updates of one accumulator may change places, as in any reduction. */
export function inOrderOf(buffer: string, updates: readonly Stmt[]): Stmt[] {
  const place = (s: Stmt) => {
    const read = s.kind === "set" ? loadsIn([s.value], buffer) : [];
    return read.length === 1 ? linear(read[0]!.at[0]!).constant : fail(`stream needs unrolled updates that read one element of ${buffer} each`);
  };
  // A prefetch stays behind its update.
  const groups: { at: number; list: Stmt[] }[] = [];
  for (const s of updates) { if (s.kind === "prefetch") groups.at(-1)!.list.push(s); else groups.push({ at: place(s), list: [s] }); }
  return groups.sort((a, b) => a.at - b.at).flatMap((g) => g.list);
}
