/** Recurrences: each stage is scheduled as if there were one step, and the loop over the steps is put around. */
import type { Axis, Compute, Stage } from "../ir/compute.ts";
import type { Directive } from "../ir/schedule.ts";
import { loadsIn } from "../ir/algebra.ts";
import { expressionsOfStage } from "../ir/network.ts";
import { isWeight, uses } from "./pack.ts";

/** The Compute in which `time` is no axis of the stage, but a variable that stands still; null where weights that move with it may be re-laid. */
export function withoutTime(c: Compute, s: Stage, time: Axis): { readonly compute: Compute; readonly stage: Stage } | null {
  if (loadsIn(expressionsOfStage(s)).some((l) => isWeight(c, l) && uses(l, time))) return null;
  const stage: Stage = { ...s, axes: s.axes.slice(1) };
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
/** The stage `name` in all its axes again, and its loops inside the loop over the steps, but for those that are `outside`. */
export function withTime(c: Compute, name: string, time: Axis, directives: readonly Directive[], outside: readonly Axis[] = []): { readonly compute: Compute; readonly directives: readonly Directive[] } {
  const first = [...outside, time].map((a) => a.name);
  return {
    compute: { ...c, stages: c.stages.map((x) => (x.name === name ? { ...x, axes: [time, ...x.axes] } : x)) },
    directives: directives.map((d) => ("order" in d ? { order: [...first, ...d.order.filter((l) => !first.includes(l))] } : d)),
  };
}
