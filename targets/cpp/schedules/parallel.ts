/** Which loops of a schedule may run as several tasks. Which of them are divided, and how, is decided when their work is known. */
import type { Compute } from "../../../compiler/ir/compute.ts";
import { extentOf } from "../../../compiler/ir/compute.ts";
import { int } from "../../../compiler/ir/linear.ts";
import { recurrencesOf } from "../../../compiler/ir/recurrence.ts";
import type { Directive, Schedule } from "../../../compiler/ir/schedule.ts";
import { plan, type Span } from "../../../compiler/lower/loops.ts";

/**
 * Places the loops over a result as parallel: iterations of such loops make elements of their own. Loops inside a reduction stay as they are,
 * and so do loops whose blocks overlap, since two iterations make the same elements, and the loop over the steps of a recurrence. Loops inside
 * that one do not change direction with the steps: a task finds in its caches what it left there if it does the same part in each.
 */
export function withTasks(c: Compute, s: Schedule): Schedule {
  const stages: Record<string, readonly Directive[]> = { ...s.stages }, times = new Map(recurrencesOf(c).flatMap((r) => r.stages.map((x) => [x, r.time.name] as const)));
  for (const stage of c.stages) {
    const time = times.get(stage), directives = (s.stages[stage.name] ?? []).filter((d) => !("turn" in d && d.each === time));
    const spans = [...stage.axes, ...stage.reduce?.axes ?? []].map((a): readonly [string, Span] => [a.name, { base: int(0), extent: extentOf(a) }]);
    const nest = plan(stage, directives, new Map(spans)), first = nest.loops.findIndex((l) => l.reduce);
    const overlapping = new Set(nest.splits.flatMap((x) => (x.edge === "overlap" ? [x.outer, x.inner] : [])));
    const free = (first < 0 ? nest.loops : nest.loops.slice(0, first)).filter((l) => l.place === "serial" && l.name !== time && !overlapping.has(l.name)).map((l) => l.name);
    if (free.length) stages[stage.name] = [...directives, { place: free, as: "parallel" }];
  }
  return { ...s, stages };
}
