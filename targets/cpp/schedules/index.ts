/** Which loops the C++ target wants, told from the Compute's structure and the instruction set. Nothing here changes a result. */
import { mentions } from "../../../compiler/ir/scalar.ts";
import { extentOf, type Axis, type Compute } from "../../../compiler/ir/compute.ts";
import { contractionOf } from "../../../compiler/ir/contraction.ts";
import { loadsIn } from "../../../compiler/ir/algebra.ts";
import { expressionsOfStage } from "../../../compiler/ir/network.ts";
import { apartIn, recurrenceOf, recurrencesOf, type Recurrence } from "../../../compiler/ir/recurrence.ts";
import type { Directive, Schedule } from "../../../compiler/ir/schedule.ts";
import type { InstructionSet } from "../isa.ts";
import type { FusedLoop } from "../../../compiler/schedules/access.ts";
import { movesWeights, standing, weightsInTurn, withOutside } from "../../../compiler/schedules/steps.ts";
import { chainSchedule } from "./chain.ts";
import { mapPlan, reductionPlan } from "./maps.ts";
import { productPlan } from "./product.ts";
import { strassenSchedule } from "./strassen.ts";
import { weightsSchedule } from "./weights.ts";
import { winogradSchedule } from "./winograd.ts";

/** The schedule, and the Compute it is for: packed weights and copies of operands are new tensors and stages. */
export function scheduleCpp(c: Compute, set: InstructionSet): { compute: Compute; schedule: Schedule } {
  if (c.algorithm?.kind === "winograd") return winogradSchedule(c, c.algorithm, set);
  if (c.algorithm) return strassenSchedule(c, set);
  const whole = chainSchedule(c, set) ?? weightsSchedule(c, set);
  if (whole) return whole;
  const stages: Record<string, readonly Directive[]> = {}, loops = new Map<string, readonly FusedLoop[]>();
  let compute = c;
  for (const { name } of c.stages) {
    const whole = compute.stages.find((x) => x.name === name)!, steps = recurrenceOf(c, c.stages.find((x) => x.name === name)!), time = steps?.time;
    if (time && movesWeights(compute, whole, [time])) continue;
    const outside = steps ? [...rowsOf(c, steps), steps.time] : [], s = standing(whole, outside);
    const product = contractionOf(compute, s), plan = product && productPlan(compute, s, product, set);
    const { directives, outer, compute: packed } = plan || (s.reduce ? reductionPlan(compute, s, set) : mapPlan(compute, s, set));
    const all = time ? withOutside(whole, outside, directives) : directives;
    compute = packed;
    Object.assign(stages, plan?.more, { [name]: time && plan ? weightsInTurn(all, time) : all });
    loops.set(name, outer);
  }
  // Lowering puts the stages of a recurrence into its loop over the steps.
  if (recurrencesOf(c).length) return { compute, schedule: { stages } };
  for (const [name, where] of attachments(c, loops)) stages[name] = [...stages[name]!, where];
  return { compute, schedule: { stages } };
}

/**
 * Axes whose elements take their steps by themselves, all steps of one before the next: what a step goes through stays in the first cache.
 * Products are better off with all rows in each step, and where a step is but an element of each row, rows hide each other's latency.
 */
function rowsOf(c: Compute, r: Recurrence): readonly Axis[] {
  const rows = apartIn(r), isMore = r.stages.some((s) => s.reduce || s.axes.length > rows.length + 1);
  return isMore && !r.stages.some((s) => contractionOf(c, s) || movesWeights(c, s, rows)) ? rows : [];
}

/**
 * Inner stages run inside the loops of the last one, as deep as that repeats nothing: every loop around them must be
 * one that their element depends on. What is a single element there stays in a register.
 */
function attachments(c: Compute, loops: ReadonlyMap<string, readonly FusedLoop[]>): ReadonlyMap<string, Directive> {
  const found = new Map<string, Directive>(), last = c.stages.at(-1)!, outputs = new Set(c.outputs.map((o) => o.stage));
  const outer = loops.get(last.name)!, depth = new Map<string, number>([[last.name, outer.length]]);
  /** For each axis of a stage, the axes of the last stage it moves with. */
  const needs = new Map<string, ReadonlyMap<string, ReadonlySet<string>>>([[last.name, new Map(last.axes.map((a) => [a.name, new Set([a.name])]))]]);
  for (const s of [...c.stages].reverse()) {
    if (s === last || outputs.has(s.name)) continue;
    const own = new Map<string, Set<string>>(s.axes.map((a) => [a.name, new Set()]));
    let most = Infinity, known = true;
    const loose = new Set<string>();
    for (const user of c.stages) {
      const reads = loadsIn(expressionsOfStage(user), s.name);
      if (reads.length === 0) continue;
      const of = needs.get(user.name);
      if (!of || !depth.has(user.name)) { known = false; break; }
      most = Math.min(most, depth.get(user.name)!);
      for (const r of reads) r.at.forEach((e, d) => {
        const mine = s.axes[d]!.name;
        // Read at two places, it is no single element.
        if (reads.some((other) => other.at[d] !== e)) loose.add(mine);
        for (const a of user.axes) if (mentions(e, new Set([a.name]))) for (const x of of.get(a.name)!) own.get(mine)!.add(x);
        if ((user.reduce?.axes ?? []).some((a) => a.range[1] > 0 && mentions(e, new Set([a.name])))) loose.add(mine);
      });
    }
    if (!known) continue;
    const all = new Set([...own.values()].flatMap((x) => [...x]));
    let level = 0;
    while (level < Math.min(most, outer.length) && outer[level]!.axes.every((a) => a.range[1] === 0 || all.has(a.name))) level++;
    needs.set(s.name, own);
    depth.set(s.name, level);
    const entered = outer.slice(0, level);
    if (!entered.some((l) => l.extent > 1)) continue;
    const bound = new Set(entered.flatMap((l) => l.axes.map((a) => a.name)));
    const point = s.axes.every((a) => extentOf(a) === 1 || (!loose.has(a.name) && [...own.get(a.name)!].every((x) => bound.has(x))));
    found.set(s.name, { computeAt: [last.name, entered.at(-1)!.name], in: point ? "registers" : "scratch" });
  }
  return found;
}
