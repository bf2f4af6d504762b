/**
 * Rows: stages that work row by row, such as softmax and normalisations. One group of lanes makes one row: what a stage reduces of
 * it is found by all lanes together, what it makes of it lies in shared memory, and the last stage writes the row out.
 */
import { loadsIn } from "../../ir/algebra.ts";
import { extentOf, reductions, resultType, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import type { GridFacts } from "../../ir/grid.ts";
import { expressionsOfStage } from "../../ir/network.ts";
import type { Directive, Schedule } from "../../ir/schedule.ts";
import { types } from "../../ir/types.ts";
import { accessesOf, byStep } from "../access.ts";
import { flatten } from "./flat.ts";
import { asTree, reducedBy, reductionOrder } from "./tree.ts";

/** Shorter rows leave most lanes of a group idle. */
const shortest = 32;
interface Rows { readonly rows: readonly Axis[]; readonly columns: readonly Axis[]; readonly length: number }

/** The rows of a Compute in which one group can make a row of every stage; null where there are none. */
function rowsOf(c: Compute, g: GridFacts): Rows | null {
  const last = c.stages.at(-1)!, inner = c.stages.slice(0, -1), reduced = inner.filter((s) => s.reduce), [o] = c.outputs;
  if (reduced.length === 0 || c.outputs.length !== 1 || o!.stage !== last.name || last.reduce || c.algorithm) return null;
  const rows = last.axes.filter((a) => reduced.every((s) => s.axes.includes(a))), columns = last.axes.filter((a) => !rows.includes(a));
  if (columns.length === 0 || reduced.some((s) => s.axes.some((a) => !rows.includes(a)) || reductions[s.reduce!.op].lanes === null)) return null;
  // Every stage speaks of its own row, in the same words.
  const own = (s: Stage) => c.stages.every((user) => loadsIn(expressionsOfStage(user), s.name).every((l) => l.at.every((e, d) => e === s.axes[d])));
  if (!inner.every(own) || inner.some((s) => s.axes.some((a) => !last.axes.includes(a)))) return null;
  const sizeOf = (axes: readonly Axis[]) => axes.reduce((n, a) => n * extentOf(a), 1), length = sizeOf(columns);
  const kept = inner.filter((s) => !s.reduce).reduce((sum, s) => sum + types[resultType(s)].bytes * sizeOf(s.axes.filter((a) => columns.includes(a))), 0);
  const found = reduced.reduce((sum, s) => sum + 2 * g.lanes * types[s.value.dtype].bytes, 0);
  if (Math.min(length, ...reduced.map(reducedBy)) < shortest || sizeOf(rows) > g.mostGroups || kept + found > g.sharedBytes) return null;
  return { rows, columns, length };
}
/** Whether one grid can compute all stages of the Compute: every stage but the last row by row. */
export const together = (c: Compute, g: GridFacts): boolean => rowsOf(c, g) !== null;

/** One group for each row; null where the Compute has no rows. */
export function rowsPlan(c: Compute, g: GridFacts): { compute: Compute; schedule: Schedule } | null {
  const found = rowsOf(c, g);
  if (!found) return null;
  const { rows, columns, length } = found, last = c.stages.at(-1)!, store = accessesOf(c, last)[0]!.address;
  let lanes = g.lanes;
  while (lanes > 1 && lanes / 2 >= length) lanes /= 2;
  const row = flatten(byStep(rows, store).map((a) => ({ name: a.name, extent: extentOf(a) })));
  const column = flatten(byStep(columns, store).map((a) => ({ name: a.name, extent: extentOf(a) })));
  const lane = `${column.name}_l`, stages: Record<string, readonly Directive[]> = {};
  const over = (s: Stage, axes: readonly Axis[]): Directive[] => {
    const flat = flatten(axes.map((a) => ({ name: a.name, extent: extentOf(a) })));
    const others = s.axes.filter((a) => !axes.includes(a)).map((a) => a.name), inner = (s.reduce?.axes ?? []).map((a) => a.name);
    if (flat.extent === lanes) return [...flat.directives, { order: [...others, flat.name, ...inner] }, { place: [flat.name], as: "lanes" }, { computeAt: [last.name, lane], in: "shared" }];
    return [
      ...flat.directives, { split: flat.name, by: lanes, into: [`${flat.name}_o`, `${flat.name}_l`], edge: "guard" },
      { order: [...others, `${flat.name}_o`, `${flat.name}_l`, ...inner] },
      { place: [`${flat.name}_l`], as: "lanes" }, { computeAt: [last.name, lane], in: "shared" },
    ];
  };
  const made = c.stages.slice(0, -1).flatMap((s): readonly Stage[] => {
    if (!s.reduce) {
      const long = s.axes.filter((a) => columns.includes(a));
      stages[s.name] = long.length ? over(s, long) : [{ computeAt: [last.name, lane], in: "registers" }];
      return [s];
    }
    const { part, mid, last: total } = asTree(s, lanes, reductionOrder(c, s));
    stages[part.name] = over(part, [part.axes.at(-1)!]);
    if (mid) stages[mid.name] = over(mid, [mid.axes.at(-1)!]);
    stages[total.name] = [{ computeAt: [last.name, lane], in: "registers" }];
    return [part, ...(mid ? [mid] : []), total];
  });
  stages[last.name] = [
    ...row.directives, ...column.directives, { split: column.name, by: lanes, into: [`${column.name}_o`, lane], edge: "guard" },
    { order: [...(row.name ? [row.name] : []), lane, `${column.name}_o`] },
    ...(row.name ? [{ place: [row.name], as: "group.x" } as const] : []), { place: [lane], as: "lane.x" },
  ];
  return { compute: { ...c, stages: [...made, last] }, schedule: { stages } };
}
