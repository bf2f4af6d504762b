/** Recurrences: each stage is scheduled as if there were one step, and the loop over the steps is put around. */
import type { Axis, Compute, Stage } from "../ir/compute.ts";
import type { Directive } from "../ir/schedule.ts";
import { loadsIn } from "../ir/algebra.ts";
import { expressionsOfStage } from "../ir/network.ts";
import { isWeight, uses } from "./pack.ts";

/** The Compute in which the axes `outside`, time among them, are none of the stage, but variables that stand still; null where weights that move with time may be re-laid. */
export function withoutTime(c: Compute, s: Stage, time: Axis, outside: readonly Axis[] = [time]): { readonly compute: Compute; readonly stage: Stage } | null {
  if (loadsIn(expressionsOfStage(s)).some((l) => isWeight(c, l) && uses(l, time))) return null;
  const stage: Stage = { ...s, axes: s.axes.filter((a) => !outside.includes(a)) };
  return {
    stage, compute: {
      ...c, stages: c.stages.map((x) => (x === s ? stage : x)),
      outputs: c.outputs.map((o) => (o.stage === s.name && !o.index ? { ...o, index: s.axes } : o)),
    },
  };
}
/** Products of a step go through their weights backwards every other time; `directives` as `withTime` has made them. */
export function weightsInTurn(directives: readonly Directive[], time: Axis): readonly Directive[] {
  const cut = new Set(directives.flatMap((d) => ("split" in d ? [d.into[0]] : []))), order = directives.find((d) => "order" in d);
  const panels = order && "order" in order ? order.order.find((l) => cut.has(l)) : undefined;
  return panels && !directives.some((d) => "prefetch" in d) ? [...directives, { turn: panels, each: time.name }] : directives;
}
/** The stage `s` in all its axes again, those `outside` with loops around all others, in this order. */
export function withTime(c: Compute, s: Stage, outside: readonly Axis[], directives: readonly Directive[]): { readonly compute: Compute; readonly directives: readonly Directive[] } {
  const first = outside.map((a) => a.name), ordered = directives.some((d) => "order" in d) ? directives : [{ order: s.axes.map((a) => a.name).filter((a) => !first.includes(a)) }, ...directives];
  return {
    compute: { ...c, stages: c.stages.map((x) => (x.name === s.name ? { ...x, axes: s.axes } : x)) },
    directives: ordered.map((d) => ("order" in d ? { order: [...first, ...d.order] } : d)),
  };
}
