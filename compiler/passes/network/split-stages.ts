/**
 * For devices that run a kernel as one grid: stages that cannot share a grid become Computes of their own, with a
 * temporary between them; those that clear the sides of one margin become one.
 * Needs: fusing is done. Ensures: every Compute has one stage, or stages that one grid can compute together,
 * or a recurrence, which is one group of lanes. Stands
 * before layouts are chosen, so that the temporaries get theirs, and again after margins, whose clearing is a stage.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { axis, extentOf, output, resultType, rowMajor, type Compute, type Stage } from "../../ir/compute.ts";
import { sizeOf } from "../../ir/graph.ts";
import { int, minus, plus } from "../../ir/linear.ts";
import { limitsOf } from "../../ir/extents.ts";
import { someSizes } from "../../ir/symbols.ts";
import { derivedName, expressionsOfStage, relist, withSizes, type NetTensor, type Network } from "../../ir/network.ts";
import { recurrencesOf } from "../../ir/recurrence.ts";
import { idOf, load, type Expr } from "../../ir/scalar.ts";
import { loadsIn, make, rebuild, select, substitute } from "../../ir/algebra.ts";
import { together } from "../../schedules/grid/index.ts";

/** The same elements, with every kernel one grid. Does nothing for targets without grids. */
export function splitStages(n: Network, facts: TargetFacts): Network {
  const { grid } = facts;
  if (!grid) return n;
  const tensors = new Map(n.tensors);
  const computes = n.computes.map(joinFills).flatMap((c): Compute[] => (
    c.stages.length === 1 || recurrencesOf(c).length || together(c, grid) ? [c] : splitInto(c, c.stages.map((s) => [s]), tensors)));
  return { ...n, tensors, computes };
}
/** Stages that fill boxes of one tensor with the same value, such as the four sides of a margin, as one stage over all their elements. */
function joinFills(c: Compute): Compute {
  const fills = new Map<string, Stage[]>();
  for (const s of c.stages) {
    const outputs = c.outputs.filter((o) => o.stage === s.name);
    if (s.reduce || s.finish || s.value.kind !== "const" || outputs.length !== 1 || loadsIn(c.stages.flatMap(expressionsOfStage), s.name).length) continue;
    const key = `${outputs[0]!.tensor} ${idOf(s.value)}`;
    fills.set(key, [...(fills.get(key) ?? []), s]);
  }
  for (const list of fills.values()) if (list.length > 1) c = joined(c, list);
  return c;
}
function joined(c: Compute, list: readonly Stage[]): Compute {
  const [first] = list as [Stage], place = c.outputs.find((o) => o.stage === first.name)!;
  const sizes = list.map((s) => sizeOf(s.axes.map(extentOf))), i = axis(`${first.name}_i`, sizes.reduce((a, b) => a + b, 0));
  let start: Expr = int(0);
  const indices = list.map((s, k) => {
    const o = c.outputs.find((x) => x.stage === s.name)!, local = make("max", int(0), make("min", minus(i, start), int(sizes[k]! - 1))), digits = new Map<string, Expr>();
    // Only as much as a run needs has a place in the row.
    const limits = limitsOf(c, s);
    let below: Expr = int(1);
    for (const [d, a] of [...s.axes.entries()].reverse()) {
      const own = limits[d] ?? int(extentOf(a));
      digits.set(a.name, make("rem", make("quo", local, make("max", int(1), below)), make("max", int(1), own)));
      below = make("mul", below, own);
    }
    start = plus(start, below);
    return { end: start, at: (o.index ?? s.axes).map((e) => substitute(e, digits)) };
  });
  const index = indices[0]!.at.map((_, d) => indices.slice(0, -1).reduceRight((rest, { end, at }) => select(make("less", i, end), at[d]!, rest), indices.at(-1)!.at[d]!));
  const others = list.slice(1).map((s) => s.name);
  return {
    ...c, stages: c.stages.filter((s) => !others.includes(s.name)).map((s) => (s === first ? { ...s, axes: [i], ...(start.kind === "const" ? {} : { ends: [start] }) } : s)),
    outputs: c.outputs.filter((o) => !others.includes(o.stage)).map((o) => (o === place ? { ...o, index } : o)),
  };
}
/** A Compute for each group of stages, with a temporary for every stage that another group reads. The groups are in an order in which they can run. */
export function splitInto(c: Compute, groups: readonly (readonly Stage[])[], tensors: Map<string, NetTensor>): Compute[] {
  /** Where a stage's elements are for the groups after it: a tensor, and its index for one over the stage's axes. */
  const homes = new Map<string, { readonly tensor: string; readonly at: (index: readonly Expr[]) => readonly Expr[] }>();
  return groups.map((group): Compute => {
    const own = new Set(group.map((s) => s.name)), outputs = c.outputs.filter((o) => own.has(o.stage));
    const go = (e: Expr) => rebuild(e, (x) => {
      const home = x.kind === "load" && !own.has(x.buffer) ? homes.get(x.buffer) : undefined;
      return home && x.kind === "load" ? load(x.dtype, home.tensor, home.at(x.at)) : x;
    });
    const stages = group.map((s): Stage => ({ ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) }));
    for (const s of stages) {
      const first = outputs.find((o) => o.stage === s.name);
      if (first) {
        const { index } = first;
        homes.set(s.name, { tensor: first.tensor, at: (at) => (index ? index.map((e) => substitute(e, new Map(s.axes.map((a, i) => [a.name, at[i]!])))) : at) });
      } else if (c.stages.some((x) => !own.has(x.name) && loadsIn(expressionsOfStage(x), s.name).length)) {
        // Several Computes may write one tensor, each a box of it, by stages of the same names.
        const free = (n: number): string => { const x = derivedName(n ? `${s.name}${n}` : s.name, c.outputs[0]!.tensor); return tensors.has(x) ? free(n + 1) : x; };
        const name = free(0), shape = s.axes.map(extentOf);
        tensors.set(name, { name, kind: "temporary", dtype: resultType(s), shape, layout: rowMajor(shape.length), ...someSizes(limitsOf(withSizes(c, tensors), c.stages.find((x) => x.name === s.name)!)) });
        homes.set(s.name, { tensor: name, at: (at) => at });
        outputs.push(output(s, name));
      }
    }
    const [only, ...more] = stages as [Stage, ...Stage[]];
    return relist({ ...c, name: more.length || only.name === c.name ? c.name : `${c.name}_${only.name}`, stages, outputs }, tensors);
  });
}
