/**
 * Recurrences: one group of lanes takes all steps, since a launch knows no order of groups. Lanes share the elements of each stage;
 * what is read by other lanes, in this step or a later one, lies in shared memory. Where that is too small, one lane does it all.
 */
import { extentOf, resultType, type Axis, type Compute, type Output, type Stage } from "../../ir/compute.ts";
import { contractionOf, isFloat32 } from "../../ir/contraction.ts";
import { loadsIn, rebuild } from "../../ir/algebra.ts";
import { load, mentions, type Expr, type Load } from "../../ir/scalar.ts";
import type { GridFacts } from "../../ir/grid.ts";
import { expressionsOfStage } from "../../ir/network.ts";
import { recurrenceOf, recurrencesOf, type Recurrence } from "../../ir/recurrence.ts";
import type { Directive, Schedule } from "../../ir/schedule.ts";
import { types } from "../../ir/types.ts";
import { productShape } from "../product-shape.ts";
import { movesWeights, standing } from "../steps.ts";
import { flatten } from "./flat.ts";

/** Null where no stage of the Compute runs step by step. */
export function stepsPlan(c: Compute, g: GridFacts): { compute: Compute; schedule: Schedule } | null {
  const [r, ...more] = recurrencesOf(c);
  if (!r) return null;
  const plain = { compute: c, schedule: { stages: {} } };
  if (more.length || r.stages.some((s) => s.axes[0] !== r.time || s.axes.length === 1 || movesOwn(s)) || sharedBytes(r) > g.sharedBytes) return plain;
  let compute = apart(fetched(c, r), r);
  const driver = recurrencesOf(compute)[0]!.stages.at(-1)!, stages: Record<string, readonly Directive[]> = {}, { time } = r;
  const widest = Math.max(...compute.stages.map((s) => s.axes.reduce((n, a) => (a === time ? n : n * extentOf(a)), 1)));
  let lanes = g.mostLanes;
  while (lanes > 1 && lanes / 2 >= widest) lanes /= 2;
  for (const { name } of compute.stages) {
    const s = compute.stages.find((x) => x.name === name)!, steps = recurrenceOf(compute, s) !== undefined, made = steps ? panels(compute, s, time) : { compute, last: undefined };
    compute = made.compute;
    const inner = (s.reduce?.axes ?? []).map((a) => a.name), own = steps ? s.axes.slice(1) : s.axes, order = made.last ? [...own.filter((a) => a.name !== made.last), ...own.filter((a) => a.name === made.last)] : own;
    const flat = flatten(order.map((a) => ({ name: a.name, extent: extentOf(a) }))), turn = `${flat.name}_o`, lane = `${flat.name}_l`, step = steps ? [time.name] : [];
    const shared = steps && name !== driver.name;
    stages[name] = [
      ...flat.directives, { split: flat.name, by: lanes, into: [turn, lane], edge: "guard" },
      { order: shared ? [...step, turn, lane, ...inner] : [lane, ...step, turn, ...inner] }, { place: [lane], as: shared ? "lanes" : "lane.x" },
      ...(shared ? [{ computeAt: [driver.name, time.name], in: "shared" } as const] : []),
    ];
  }
  return { compute, schedule: { stages } };
}
/** Whether a stage reduces what it reads of itself. */
const movesOwn = (s: Stage): boolean => loadsIn(expressionsOfStage(s), s.name).some((l) => (s.reduce?.axes ?? []).some((a) => l.at.some((i) => mentions(i, new Set([a.name])))));
/** Weights in the panels that all products read, and the axis along which lanes read them side by side. */
function panels(c: Compute, s: Stage, time: Axis): { readonly compute: Compute; readonly last: string | undefined } {
  const step = standing(s, [time]), product = movesWeights(c, s, [time]) ? null : contractionOf(c, step), shape = product && productShape(c, step, product, isFloat32);
  return shape?.packed ? { compute: shape.compute, last: shape.n.name } : { compute: c, last: undefined };
}
/** What the stages of a step take, each for as many steps as are kept and once more where it is fetched. */
const sharedBytes = (r: Recurrence): number => r.stages.reduce((sum, s) => {
  const kept = r.kept.get(s.name), steps = kept === undefined ? 1 : kept === null ? extentOf(r.time) : kept + 2;
  return sum + steps * types[resultType(s)].bytes * s.axes.slice(1).reduce((n, a) => n * extentOf(a), 1);
}, 0);
/** Results that later steps read are copied out by stages of their own; the last stage of all is one that nobody reads. */
function apart(c: Compute, r: Recurrence): Compute {
  const last = r.stages.at(-1)!, outputs: Output[] = [], copies: Stage[] = [];
  for (const o of c.outputs) if (!r.kept.has(o.stage) || !r.stages.some((s) => s.name === o.stage)) outputs.push(o);
  for (const s of r.stages) {
    const own = c.outputs.filter((o) => o.stage === s.name);
    if (!r.kept.has(s.name) || (own.length === 0 && s !== last)) continue;
    const copy: Stage = { name: `${s.name}_out`, axes: s.axes, value: load(resultType(s), s.name, s.axes) };
    copies.push(copy);
    outputs.push(...own.map((o) => ({ ...o, stage: copy.name, index: o.index ?? s.axes })));
  }
  return { ...c, stages: c.stages.flatMap((s) => (s.name === last.name ? [s, ...copies] : [s])), outputs };
}
/** What a stage reads of its own last steps is fetched before: a barrier stands between what lanes read there and what they write. */
function fetched(c: Compute, r: Recurrence): Compute {
  return { ...c, stages: c.stages.flatMap((s): readonly Stage[] => {
    const own = r.stages.includes(s) ? loadsIn(expressionsOfStage(s), s.name) : [];
    const before = own.map((value, i): Stage => ({ name: `${s.name}_before${i || ""}`, axes: s.axes, value }));
    const swap = (e: Expr) => rebuild(e, (x) => (own.includes(x as Load) ? load(x.dtype, before[own.indexOf(x as Load)]!.name, s.axes) : x));
    return own.length ? [...before, { ...s, value: swap(s.value), ...(s.finish ? { finish: swap(s.finish) } : {}) }] : [s];
  }) };
}
