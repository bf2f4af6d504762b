/**
 * Recurrences: stages that run step by step along an axis, time, because some of them read what an earlier step made. Told from
 * the Compute's structure alone: a load of the stage itself, or of a later one, can only mean an earlier step.
 */
import type { Expr, Load } from "./scalar.ts";
import { minus, range } from "./linear.ts";
import { loadsIn } from "./algebra.ts";
import type { Axis, Compute, Stage } from "./compute.ts";

/** Consecutive stages of a Compute that take each step together. */
export interface Recurrence {
  /** The first axis of all its stages, but of those that are the same in every step. */
  readonly time: Axis;
  /** In the order in which a step runs them. */
  readonly stages: readonly Stage[];
  /** Stages that are read after the step that made them: for how many steps more, null where all of them may be. */
  readonly kept: ReadonlyMap<string, number | null>;
}
const expressions = (s: Stage): readonly Expr[] => (s.finish ? [s.value, s.finish] : [s.value]);
const known = new WeakMap<readonly Stage[], readonly Recurrence[]>();

/** The recurrences of a Compute, in order; they share no stage. */
export function recurrencesOf(c: Compute): readonly Recurrence[] {
  let found = known.get(c.stages);
  if (!found) known.set(c.stages, (found = find(c.stages)));
  return found;
}
/** The recurrence that a stage belongs to, if it moves with its time. */
export const recurrenceOf = (c: Compute, s: Stage): Recurrence | undefined =>
  recurrencesOf(c).find((r) => r.stages.some((x) => x.name === s.name) && s.axes[0] === r.time);

function find(stages: readonly Stage[]): readonly Recurrence[] {
  const place = new Map(stages.map((s, i) => [s.name, i])), loads = stages.map((s) => loadsIn(expressions(s)));
  const runs: { first: number; last: number }[] = [];
  stages.forEach((_, i) => {
    const last = Math.max(-1, ...loads[i]!.map((l) => place.get(l.buffer) ?? -1));
    if (last < i) return;
    const before = runs.at(-1);
    if (before && i <= before.last) before.last = Math.max(before.last, last);
    else runs.push({ first: i, last });
  });
  return runs.flatMap(({ first, last }) => {
    const time = stages[last]!.axes[0];
    if (!time) return [];
    // What only follows each step goes along with it.
    const inRun = (l: Load) => { const p = place.get(l.buffer); return p !== undefined && p >= first && p <= last; };
    const follows = (i: number) => stages[i]?.axes[0] === time && loads[i]!.some(inRun) && loads[i]!.every((l) => !inRun(l) || l.at[0] === time);
    while (follows(last + 1)) last++;
    const kept = new Map<string, number | null>();
    stages.forEach((_, i) => {
      for (const l of loads[i]!) {
        if (!inRun(l) || stages[place.get(l.buffer)!]!.axes[0] !== time) continue;
        const steps = i >= first && i <= last ? back(l.at[0]!, time) : fromEnd(l.at[0]!, time), before = kept.get(l.buffer);
        if (steps !== 0 || i > last) kept.set(l.buffer, before === null || steps === null ? null : Math.max(before ?? 0, steps));
      }
    });
    return [{ time, stages: stages.slice(first, last + 1), kept }];
  });
}
function back(at: Expr, time: Axis): number | null {
  const distance = minus(time, at);
  return distance.kind === "const" ? Number(distance.value) : null;
}
const fromEnd = (at: Expr, time: Axis): number | null => (at.kind === "const" ? time.range[1] - Number(at.value) : null);

/** Axes, of all stages of a recurrence that move with its time, along which no element needs another: the steps of each may be taken by themselves. */
export function apartIn(r: Recurrence): readonly Axis[] {
  const byName = new Map(r.stages.map((s) => [s.name, s]));
  return r.stages[0]!.axes.filter((a) => a !== r.time && r.stages.every((s) => s.axes[0] === r.time && s.axes.includes(a)
    && loadsIn(expressions(s)).every((l) => { const from = byName.get(l.buffer); return !from || l.at[from.axes.indexOf(a)] === a; })));
}
/** What is wrong with the order of a recurrence: a stage without its time that depends on it, or a load of what is not made yet. */
export function brokenOrder(r: Recurrence, show: (e: Expr) => string): string | null {
  const place = new Map(r.stages.map((s, i) => [s.name, i]));
  for (const [i, s] of r.stages.entries()) for (const l of loadsIn(expressions(s))) {
    const from = place.get(l.buffer);
    if (from === undefined || (r.stages[from]!.axes[0] !== r.time && from < i)) continue;
    if (s.axes[0] !== r.time || r.stages[from]!.axes[0] !== r.time) return `stage ${s.name} takes part in steps along ${r.time.name}, which must be the first axis of it and of ${l.buffer}`;
    const latest = range(minus(l.at[0]!, r.time))[1];
    if (latest > (from < i ? 0 : -1)) return `stage ${s.name}: ${show(l)} may read a step that is not made yet`;
  }
  return null;
}
