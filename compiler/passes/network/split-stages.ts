/**
 * For devices that run a kernel as one grid: stages that cannot share a grid become Computes of their own, with a
 * temporary between them.
 * Needs: fusing is done. Ensures: every Compute has one stage, or stages that one grid can compute together. Stands
 * before layouts are chosen, so that the temporaries get theirs, and again after margins, whose clearing is a stage.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { extentOf, output, resultType, rowMajor, type Compute, type Stage } from "../../ir/compute.ts";
import { relist, type NetTensor, type Network } from "../../ir/network.ts";
import { load, type Expr } from "../../ir/scalar.ts";
import { rebuild, substitute } from "../../ir/algebra.ts";
import { together } from "../../schedules/grid/index.ts";

/** The same elements, with every kernel one grid. Does nothing for targets without grids. */
export function splitStages(n: Network, facts: TargetFacts): Network {
  const { grid } = facts;
  if (!grid) return n;
  const tensors = new Map(n.tensors);
  const computes = n.computes.flatMap((c): Compute[] => (c.stages.length === 1 || together(c, grid) ? [c] : split(c, tensors)));
  return { ...n, tensors, computes };
}
function split(c: Compute, tensors: Map<string, NetTensor>): Compute[] {
  /** Where a stage's elements are for the stages after it: a tensor, and its index for one over the stage's axes. */
  const homes = new Map<string, { readonly tensor: string; readonly at: (index: readonly Expr[]) => readonly Expr[] }>();
  const moved = (s: Stage): Stage => {
    const go = (e: Expr) => rebuild(e, (x) => {
      const home = x.kind === "load" ? homes.get(x.buffer) : undefined;
      return home && x.kind === "load" ? load(x.dtype, home.tensor, home.at(x.at)) : x;
    });
    return { ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) };
  };
  return c.stages.map((old): Compute => {
    const s = moved(old), outputs = c.outputs.filter((o) => o.stage === s.name), [first] = outputs;
    if (first) {
      const { index } = first;
      homes.set(s.name, { tensor: first.tensor, at: (at) => (index ? index.map((e) => substitute(e, new Map(s.axes.map((a, i) => [a.name, at[i]!])))) : at) });
    } else {
      const name = `${s.name}:${c.outputs[0]!.tensor}`, shape = s.axes.map(extentOf);
      tensors.set(name, { name, kind: "temporary", dtype: resultType(s), shape, layout: rowMajor(shape.length) });
      homes.set(s.name, { tensor: name, at: (at) => at });
      outputs.push(output(s, name));
    }
    return relist({ name: s.name === c.name ? c.name : `${c.name}_${s.name}`, origin: c.origin, tensors: c.tensors, stages: [s], outputs }, tensors);
  });
}
