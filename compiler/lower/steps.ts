/** Stages that run step by step: in which loop they run, how many of their steps are in memory, and what that asks of the loops. */
import { fail } from "../ir/scalar.ts";
import { extentOf, rowMajor, type Compute, type Layout, type Stage } from "../ir/compute.ts";
import { apartIn, recurrenceOf, recurrencesOf } from "../ir/recurrence.ts";
import type { Place, Schedule } from "../ir/schedule.ts";
import type { Nest } from "./loops.ts";

/** Stages of a recurrence run in the time loop of the last of them, unless the schedule has another place for them. */
export function stepByStep(compute: Compute, schedule: Schedule): Schedule {
  const stages = { ...schedule.stages };
  for (const { time, stages: steps } of recurrencesOf(compute)) for (const s of steps.slice(0, -1)) {
    const own = stages[s.name] ?? [];
    if (s.axes[0] === time && !own.some((d) => "computeAt" in d)) stages[s.name] = [...own, { computeAt: [steps.at(-1)!.name, time.name], in: "scratch" }];
  }
  return { ...schedule, stages };
}
/** The layout of a stage whose elements later steps read: only so many steps of it are in memory as are still needed. Null for other stages. */
export function ringOf(compute: Compute, stage: Stage): Layout | null {
  const steps = recurrenceOf(compute, stage), kept = steps?.kept.get(stage.name);
  if (!steps || kept === undefined) return null;
  const { parts } = rowMajor(stage.axes.length);
  return kept === null || kept + 1 >= extentOf(steps.time) ? { parts } : { parts: [{ dim: 0, rem: kept + 1 }, ...parts.slice(1)] };
}
/** Fails unless steps run one after the other, each as a whole or for elements that need no others, in the loops of a stage that no other stage computes. */
export function checkSteps(compute: Compute, nest: Nest): void {
  const steps = recurrenceOf(compute, nest.stage), at = nest.loops.findIndex((l) => l.name === steps?.time.name);
  const apart = new Set(steps ? apartIn(steps).map((a) => a.name) : []);
  if (!steps || (at >= 0 && nest.loops[at]!.place === "serial" && nest.loops.slice(0, at).every((l) => isHardware(l.place) || apart.has(l.name)))) return;
  fail(`${nest.stage.name}: the loop over the steps ${steps.time.name} must be serial, with no loops around it but lanes and those whose turns do not need each other`);
}
/** The axes whose loops are around the loop over the steps: those steps are of single elements along them. */
export function rowsAround(nest: Nest, time: string): ReadonlySet<string> {
  const at = nest.loops.findIndex((l) => l.name === time);
  return new Set(nest.loops.slice(0, Math.max(0, at)).filter((l) => !isHardware(l.place)).map((l) => l.name));
}
/** Whether a loop's iterations are groups or lanes of a device. */
export const isHardware = (place: Place): boolean => place.startsWith("group.") || place.startsWith("lane");
