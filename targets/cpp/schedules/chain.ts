/**
 * Two products with work on rows between them, as chain-products makes them. A block of rows is taken through all stages at a
 * time: what lies between the products stays in the first two caches. Lanes run along rows until the second product: maxima and
 * sums over a row are then vertical, and neither the first product's second operand nor the second's is transposed.
 */
import { load, type Expr, type Load } from "../../../compiler/ir/scalar.ts";
import { make, rebuild, substitute } from "../../../compiler/ir/algebra.ts";
import { int } from "../../../compiler/ir/linear.ts";
import { axis, extentOf, type Axis, type Compute, type Stage } from "../../../compiler/ir/compute.ts";
import { contractionOf, isFloat32 } from "../../../compiler/ir/contraction.ts";
import type { Directive, Schedule } from "../../../compiler/ir/schedule.ts";
import type { InstructionSet } from "../isa.ts";
import { accessesOf, addressOf, byStep, stepOf } from "../../../compiler/schedules/access.ts";
import { packLanes, uses } from "../../../compiler/schedules/pack.ts";
import { tileOf } from "./product.ts";

/** Floats between the products for one block of rows: 128 KB, of which there are two copies. */
const blockFloats = 32 * 1024;
const mostRows = 64;

/** Null where the stages are none of that kind, or the second product has no lanes. */
export function chainSchedule(c: Compute, set: InstructionSet): { compute: Compute; schedule: Schedule } | null {
  const last = c.stages.at(-1)!, first = c.stages[0]!, inner = c.stages.slice(0, -1), p = contractionOf(c, last), q = contractionOf(c, first);
  const made = p && [p.a, p.b].find((l) => inner.some((s) => s.name === l.buffer)), [summed, ...others] = last.reduce?.axes ?? [];
  if (!p || !q || !made || !summed || others.length || inner.length < 2 || c.outputs.length !== 1 || c.outputs[0]!.stage !== last.name) return null;
  const m = made.at.at(-1) as Axis, values = made === p.a ? p.b : p.a, { lanes } = set;
  const ownRows = (s: Stage) => s.axes.at(-1) === m && (s.axes.includes(summed) || s.reduce?.axes[0] === summed);
  if (made.at.at(-2) !== summed || !inner.every(ownRows) || !c.stages.every(isFloat32)) return null;
  const store = accessesOf(c, last)[0]!.address, n = last.axes.find((x) => uses(values, x) && !uses(made, x) && extentOf(x) >= 4 && stepOf(store, x) === 1);
  const lead = byStep(last.axes.filter((x) => x !== m && x !== n), store);
  if (!n || !lead.every((x) => extentOf(x) === 1 || uses(made, x)) || !last.axes.includes(m)) return null;

  const rows = Math.max(16, 2 ** Math.floor(Math.log2(Math.min(mostRows, blockFloats / extentOf(summed))))), block = `${m.name}_b`;
  const where: Directive = { computeAt: [last.name, block], in: "scratch", whole: [m.name, lanes] };
  const stages: Record<string, readonly Directive[]> = {}, add = (s: Stage, list: readonly Directive[]) => { stages[s.name] = [...list, where]; };
  for (const s of inner) ({ compute: c } = packLanes(c, c.stages.find((x) => x.name === s.name)!, m));
  c = padded(c, m, Math.ceil(extentOf(m) / lanes) * lanes);
  const staged = stageQueries(c, c.stages[0]!, m, summed);
  ({ compute: c } = staged);
  const leads = lead.map((x) => x.name), ofLead = (s: Stage) => s.axes.map((x) => x.name).filter((x) => leads.includes(x));
  const cut = (by: number, vectors: number): Directive[] => [
    { split: m.name, by: vectors * by, into: [`${m.name}_o`, `${m.name}_c`], edge: "peel" }, { split: `${m.name}_c`, by, into: [`${m.name}_j`, `${m.name}_v`], edge: "peel" },
  ];
  const along: Directive[] = [{ place: [`${m.name}_j`], as: "unroll" }, { place: [`${m.name}_v`], as: "vector" }], inside = [`${m.name}_j`, `${m.name}_v`];
  for (const s of c.stages.slice(0, -1)) {
    const list = ofLead(s);
    if (s.name === staged.queries) {
      const depth = s.axes.map((x) => x.name).filter((x) => x !== m.name && !list.includes(x));
      add(s, [...cut(lanes, 1), { order: [...list, `${m.name}_o`, ...depth, ...inside] }, ...along]);
    } else if (s.name === first.name) {
      const keys = staged.keys, t = tileOf(set, rows, extentOf(summed), Math.abs(stepOf(addressOf(c, keys), summed) ?? 0)), k = summed.name;
      const depth = byStep(s.reduce!.axes, addressOf(c, keys)).map((x) => x.name);
      add(s, [
        { split: k, by: t.rows, into: [`${k}_o`, `${k}_i`], edge: "balance" }, ...cut(lanes, t.vectors),
        { order: [...list, `${m.name}_o`, `${k}_o`, ...depth, `${k}_i`, ...inside] }, { place: [`${k}_i`], as: "unroll" }, ...along,
      ]);
    } else if (s.reduce) add(s, [...cut(lanes, 4), { order: [...list, `${m.name}_o`, summed.name, ...inside] }, ...along]);
    else add(s, [...cut(lanes, 4), { order: [...list, ...(s.axes.some((x) => x.name === summed.name) ? [summed.name] : []), `${m.name}_o`, ...inside] }, ...along]);
  }
  const t = tileOf(set, extentOf(n), Math.min(rows, extentOf(m)), 0), wide = n.name;
  stages[last.name] = [
    { split: m.name, by: rows, into: [block, `${m.name}_r`], edge: "peel" }, { split: `${m.name}_r`, by: t.rows, into: [`${m.name}_t`, `${m.name}_i`], edge: "balance" },
    { split: wide, by: t.vectors * lanes, into: [`${wide}_o`, `${wide}_c`], edge: "peel" }, { split: `${wide}_c`, by: lanes, into: [`${wide}_j`, `${wide}_v`], edge: "peel" },
    { order: [...leads, block, `${wide}_o`, `${m.name}_t`, summed.name, `${m.name}_i`, `${wide}_j`, `${wide}_v`] },
    { place: [`${m.name}_i`, `${wide}_j`], as: "unroll" }, { place: [`${wide}_v`], as: "vector" },
  ];
  return { compute: c, schedule: { stages } };
}
const isStage = (c: Compute, name: string) => c.stages.some((s) => s.name === name);
/** The rows of all stages but the last end at a whole vector: those beyond the last one are copies of it, which nobody reads. */
function padded(c: Compute, m: Axis, extent: number): Compute {
  const wide = axis(m.name, extent), nearest = new Map([[m.name, make("min", wide, int(extentOf(m) - 1))]]), last = c.stages.at(-1)!;
  const go = (e: Expr): Expr => rebuild(e, (x) => {
    if (x.kind === "var") return x === m ? wide : x;
    return isStage(c, x.buffer) ? x : load(x.dtype, x.buffer, x.at.map((i) => substitute(i, nearest)));
  });
  const stages = c.stages.map((s): Stage => (s === last || wide === m ? s : {
    ...s, axes: s.axes.map((a) => (a === m ? wide : a)), value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}),
  }));
  return { ...c, stages };
}
/** The rows that the first product reads, with lanes along them: a stage of its own. */
function stageQueries(c: Compute, s: Stage, m: Axis, summed: Axis): { compute: Compute; queries: string; keys: Load } {
  const p = contractionOf(c, s)!, turns = (l: Load) => uses(l, summed), [queries, keys] = turns(p.a) ? [p.b, p.a] : [p.a, p.b];
  const wide = s.axes.find((a) => a.name === m.name)!, axes = [...s.axes.filter((a) => a !== wide && uses(queries, a)), ...s.reduce!.axes.filter((a) => uses(queries, a)), wide];
  const copy: Stage = { name: "queries", axes, value: queries }, stage: Stage = { ...s, value: rebuild(s.value, (x) => (x === queries ? load(x.dtype, copy.name, axes) : x)) };
  return { compute: { ...c, stages: c.stages.flatMap((x) => (x.name === s.name ? [copy, stage] : [x])) }, queries: copy.name, keys };
}
