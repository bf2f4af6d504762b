/** How long sums are scheduled for JavaScript: a few of them at once, so that what they share is read and tested once. */
import { children, mentions, type Expr } from "../ir/scalar.ts";
import { extentOf, type Compute, type Stage } from "../ir/compute.ts";
import { recurrenceOf } from "../ir/recurrence.ts";
import type { Directive, Schedule } from "../ir/schedule.ts";

/** Sums computed together: as many as the accumulators of current processors hold in registers beside operands. */
const together = 8;
/** Below this many terms, a kernel costs more to make than to run. */
const worthwhile = 50_000;

/** Loads and tests: what costs time in a term. */
function costs(e: Expr, found = new Set<Expr>()): ReadonlySet<Expr> {
  if (e.kind === "load") found.add(e);
  else if (e.kind === "apply" && e.op === "select") { found.add(e.args[0]!); e.args.slice(1).forEach((a) => costs(a, found)); }
  else children(e).forEach((c) => costs(c, found));
  return found;
}
function directives(c: Compute, s: Stage): readonly Directive[] {
  if (recurrenceOf(c, s)) return [];
  const inner = s.reduce?.axes ?? [], terms = [...s.axes, ...inner].reduce((n, a) => n * extentOf(a), 1);
  if (inner.length === 0 || terms < worthwhile) return [];
  const parts = [...costs(s.value)], moving = (name: string) => parts.filter((p) => mentions(p, { has: (x) => x === name })).length;
  const [best] = s.axes.filter((a) => extentOf(a) >= together / 2).map((a) => ({ a, n: moving(a.name) })).reverse().sort((x, y) => x.n - y.n);
  if (!best || best.n === 0 || best.n === parts.length) return [];
  const { name } = best.a, outer = `${name}.outer`, tile = `${name}.tile`;
  return [
    { split: name, by: together, into: [outer, tile], edge: "peel" },
    // The tile's loop comes first, so that what belongs to the tile alone stays in the cache.
    { order: [outer, ...s.axes.map((a) => a.name).filter((a) => a !== name), ...inner.map((a) => a.name), tile] },
    { place: [tile], as: "unroll" },
  ];
}
export const evaluationSchedule = (c: Compute): Schedule => ({ stages: Object.fromEntries(c.stages.map((s) => [s.name, directives(c, s)])) });
