/**
 * Constants of truths become 1 and 0 in f32 where nothing else keeps a stage of f32 from having lanes, such as the triangle of a
 * causal mask: vectors have no loads of truths.
 * Needs: constants with data. Ensures: no stage that could have lanes reads a constant of truths. For processors only, as
 * lanes of grids load truths one by one anyway. Stands before fusing, which joins maps to sums only where both have lanes.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { f32, less, loadsIn, rebuild } from "../../ir/algebra.ts";
import { isFloat32 } from "../../ir/contraction.ts";
import type { Stage } from "../../ir/compute.ts";
import { derivedName, expressionsOfStage, relist, type Network } from "../../ir/network.ts";
import { load, type Expr } from "../../ir/scalar.ts";

/** The same network, with such constants as numbers beside those that others still read. */
export function widenMasks(n: Network, facts: TargetFacts): Network {
  if (facts.grid) return n;
  const tensors = new Map(n.tensors), isMask = (name: string) => n.tensors.get(name)?.kind === "constant" && n.tensors.get(name)!.dtype === "bool";
  const widened = (s: Stage): Stage => {
    const masks = [...new Set(loadsIn(expressionsOfStage(s)).map((l) => l.buffer))].filter(isMask);
    if (masks.length === 0) return s;
    const go = (e: Expr) => rebuild(e, (x) => (x.kind === "load" && masks.includes(x.buffer) ? less(f32(0), load("f32", derivedName("mask", x.buffer), x.at)) : x));
    const next: Stage = { ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) };
    if (!isFloat32(next)) return s;
    for (const m of masks) {
      const t = n.tensors.get(m)!, name = derivedName("mask", m);
      tensors.set(name, { ...t, name, dtype: "f32", data: Float32Array.from(t.data!, Number) });
    }
    return next;
  };
  const computes = n.computes.map((c) => {
    const stages = c.stages.map(widened);
    return stages.some((s, i) => s !== c.stages[i]) ? relist({ ...c, stages }, tensors) : c;
  });
  return tensors.size === n.tensors.size ? n : { ...n, tensors, computes };
}
