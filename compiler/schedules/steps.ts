/** Recurrences: each stage is scheduled as if there were one step, and the loop over the steps is put around. */
import type { Axis, Compute, Stage } from "../ir/compute.ts";
import type { Directive } from "../ir/schedule.ts";
import { loadsIn } from "../ir/algebra.ts";
import { expressionsOfStage } from "../ir/network.ts";
import { isWeight, uses } from "./pack.ts";

/**
 * The stage in which the axes `outside`, time among them, are no axes, but variables that stand still: what schedules of single steps are asked about. The
 * Compute keeps the whole stage, which says where its elements lie.
 */
export const standing = (s: Stage, outside: readonly Axis[]): Stage => ({ ...s, axes: s.axes.filter((a) => !outside.includes(a)) });
/** Whether the stage reads a weight that moves with one of the axes: with these standing still, it could not be re-laid. */
export const movesWeights = (c: Compute, s: Stage, outside: readonly Axis[]): boolean =>
  loadsIn(expressionsOfStage(s)).some((l) => isWeight(c, l) && outside.some((a) => uses(l, a)));
/** Products of a step go through their weights backwards every other time; `directives` as `withOutside` has made them. */
export function weightsInTurn(directives: readonly Directive[], time: Axis): readonly Directive[] {
  const cut = new Set(directives.flatMap((d) => ("split" in d ? [d.into[0]] : []))), order = directives.find((d) => "order" in d);
  const panels = order && "order" in order ? order.order.find((l) => cut.has(l)) : undefined;
  return panels && !directives.some((d) => "prefetch" in d) ? [...directives, { turn: panels, each: time.name }] : directives;
}
/** Directives of a stage with loops over the axes `outside`, in this order, around all others. */
export function withOutside(s: Stage, outside: readonly Axis[], directives: readonly Directive[]): readonly Directive[] {
  const first = outside.map((a) => a.name), ordered = directives.some((d) => "order" in d) ? directives : [{ order: s.axes.map((a) => a.name).filter((a) => !first.includes(a)) }, ...directives];
  return ordered.map((d) => ("order" in d ? { order: [...first, ...d.order] } : d));
}
