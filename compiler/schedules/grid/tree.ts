/**
 * Reductions over so many elements, for so few results, that lanes work together: each reduces every so manieth element, and
 * what they found is combined through shared memory in two steps. In terms of stages: `part` has one more axis, the lanes;
 * `mid` combines some of them; the stage itself combines what is left.
 */
import { constant, type Expr } from "../../ir/scalar.ts";
import { int, plus, times } from "../../ir/linear.ts";
import { clampSize, dataEndsOf, stepsTo } from "../../ir/extents.ts";
import { loadsIn, make, select, substitute } from "../../ir/algebra.ts";
import { at, axis, extentOf, neutral, reductions, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import type { GridFacts } from "../../ir/grid.ts";
import type { Directive, Schedule } from "../../ir/schedule.ts";
import { types } from "../../ir/types.ts";
import { contractionOf, isFloat32 } from "../../ir/contraction.ts";
import { accessesOf, addressOf, byStep, stepOf } from "../access.ts";
import { uses } from "../pack.ts";
import { productShape } from "../product-shape.ts";
import { flatten } from "./flat.ts";

/** Elements that the reduction of a stage takes together for one result. */
export const reducedBy = (s: Stage): number => (s.reduce?.axes ?? []).reduce((n, a) => n * extentOf(a), 1);
/** A lane reduces at least so many elements: fewer do not pay for a barrier. */
const fewest = 8;

/** The stages that make `s` out of what `lanes` lanes find, the last of them called like `s`. */
export function asTree(s: Stage, lanes: number, reduceInOrder: readonly Axis[]): { readonly part: Stage; readonly mid: Stage | null; readonly last: Stage } {
  const { op } = s.reduce!, total = reducedBy(s), turns = Math.ceil(total / lanes), t = s.value.dtype;
  const lane = axis(`${s.name}_lane`, lanes), turn = axis(`${s.name}_turn`, turns), flat = plus(times(turn, lanes), lane);
  let below = 1;
  const digits = new Map<string, Expr>();
  // A lane that has run out repeats nothing: beyond the end stands what changes no result.
  const index = make("min", flat, int(total - 1));
  for (const a of [...reduceInOrder].reverse()) {
    digits.set(a.name, make("rem", make("quo", index, int(below)), int(extentOf(a))));
    below *= extentOf(a);
  }
  // What lies behind an end that only a run knows takes no part; where the outermost axis has one, so do the turns.
  const { ends = [], axes } = s.reduce!, tests = axes.flatMap((a, i) => (ends[i] ? [make("less", digits.get(a.name)!, ends[i])] : []));
  if (total % lanes !== 0) tests.unshift(make("less", flat, int(total)));
  const value = tests.reduceRight((inner, test) => select(test, inner, constant(t, neutral(op, t))), substitute(s.value, digits));
  const first = reduceInOrder[0]!, end = ends[axes.indexOf(first)], ended = end && clampSize(stepsTo(times(end, total / extentOf(first)), lanes), turns);
  const part: Stage = { name: `${s.name}_part`, axes: [...s.axes, lane], reduce: { op, axes: [turn], ...(ended ? { ends: [ended] } : {}) }, value };
  const join = (from: Stage, name: string, width: number, axes: readonly Axis[], more: Pick<Stage, "finish">): Stage => {
    const i = axis(`${name}_i`, width), own = axes.at(-1);
    const place = axes.length > s.axes.length ? plus(times(own!, width), i) : i;
    return { name, axes, value: at({ name: from.name, dtype: t }, ...s.axes, place), reduce: { op, axes: [i] }, ...more };
  };
  const inner = lanes >= 32 ? 2 ** Math.ceil(Math.log2(lanes) / 2) : lanes;
  const mid = inner < lanes ? join(part, `${s.name}_mid`, lanes / inner, [...s.axes, axis(`${s.name}_j`, inner)], {}) : null;
  return { part, mid, last: join(mid ?? part, s.name, inner, s.axes, s.finish ? { finish: s.finish } : {}) };
}
/** Reduction axes as the first load that moves with them lies in memory, outermost first. */
export function reductionOrder(c: Compute, s: Stage): readonly Axis[] {
  const main = loadsIn([s.value]).find((l) => s.reduce!.axes.some((r) => uses(l, r)));
  return main ? byStep(s.reduce!.axes, addressOf(c, main)) : s.reduce!.axes;
}

/** Null where every lane can as well reduce by itself. Needs a Compute of one stage. */
export function treePlan(c: Compute, g: GridFacts): { compute: Compute; schedule: Schedule } | null {
  let [s] = c.stages as readonly [Stage];
  const o = c.outputs[0]!;
  // What data ends early is no work that many lanes could share.
  if (c.stages.length !== 1 || !s.reduce || dataEndsOf(s) || c.outputs.length !== 1 || s.axes.some((a) => extentOf(a) === 0)) return null;
  const total = reducedBy(s), results = s.axes.reduce((n, a) => n * extentOf(a), 1);
  // A product in tiles reads less for each result: it must leave many more lanes idle.
  if (results * (contractionOf(c, s) ? 8 : 2) > g.busy || total < 4 * fewest || reductions[s.reduce.op].lanes === null) return null;
  // Weights lie in the panels that all schedules of products read.
  const p = contractionOf(c, s), product = p && productShape(c, s, p, isFloat32), panels = product?.packed ? product : null;
  if (panels) ({ compute: c, stage: s } = panels);
  const store = accessesOf(c, s)[0]!.address, order = byStep(s.axes, store), reduceOrder = panels?.ks ?? reductionOrder(c, s);
  // Lanes side by side along a dimension of the result, where the loads lie so; else all along the reduction.
  const loads = loadsIn([s.value]).filter((l) => reduceOrder.some((r) => uses(l, r)));
  const along = panels?.n ?? order.filter((a) => extentOf(a) >= 4).find((a) => stepOf(store, a) === 1 && loads.every((l) => [0, 1].includes(stepOf(addressOf(c, l), a) ?? -1)) && loads.some((l) => stepOf(addressOf(c, l), a) === 1));
  const wide = along ? Math.min(16, 2 ** Math.ceil(Math.log2(extentOf(along)))) : 1;
  const most = Math.min(g.mostLanes, Math.floor(g.sharedBytes / (2 * wide * types[s.value.dtype].bytes))) / wide;
  let deep = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(most, total / fewest))));
  while (deep > 2 && results * deep > 4 * g.busy) deep /= 2;
  if (deep < 2) return null;

  const { part, mid, last } = asTree(s, deep, reduceOrder), who = axis(`${s.name}_who`, 1);
  const final: Stage = { ...last, axes: [...last.axes, who] }, stages = [part, ...(mid ? [mid] : []), final];
  const compute: Compute = { ...c, stages, outputs: [{ ...o, index: o.index ?? s.axes }] };
  const others = flatten(order.filter((a) => a !== along).map((a) => ({ name: a.name, extent: extentOf(a) })));
  if (others.extent > g.mostGroups || (along && Math.ceil(extentOf(along) / wide) > g.mostGroups)) return null;
  const x = along?.name, w = who.name, lanes = wide * deep;
  /** All lanes of the group over the last axis and the one along the result; a stage with fewer elements leaves some idle. */
  const over = (st: Stage): Directive[] => {
    const own = st.axes.at(-1)!, flat = x ? `${own.name}${x}` : own.name, all = extentOf(own) * wide, done = all === lanes ? flat : `${flat}_l`;
    return [
      ...(x ? [{ fuse: [own.name, x], into: flat } as const] : []),
      ...(all === lanes ? [] : [{ split: flat, by: lanes, into: [`${flat}_o`, done], edge: "guard" } as const]),
      { place: [done], as: "lanes" }, { computeAt: [s.name, lastLane], in: "shared" },
    ];
  };
  const lastLane = x ? `${x}_l` : `${w}_l`;
  const root: Directive[] = [
    ...others.directives,
    ...(x ? [{ split: x, by: wide, into: [`${x}_g`, `${x}_l`], edge: "guard" } as const] : []),
    { split: w, by: deep, into: [`${w}_o`, `${w}_l`], edge: "guard" },
    { order: [...(others.name ? [others.name] : []), ...(x ? [`${x}_g`] : []), `${w}_o`, `${w}_l`, ...(x ? [`${x}_l`] : []), ...final.reduce!.axes.map((a) => a.name)] },
    ...(others.name ? [{ place: [others.name], as: x ? "group.y" : "group.x" } as const] : []),
    ...(x ? [{ place: [`${x}_g`], as: "group.x" }, { place: [`${x}_l`], as: "lane.x" }, { place: [`${w}_l`], as: "lane.y" }] as const : [{ place: [`${w}_l`], as: "lane.x" } as const]),
  ];
  return { compute, schedule: { stages: { [part.name]: over(part), ...(mid ? { [mid.name]: over(mid) } : {}), [s.name]: root } } };
}
