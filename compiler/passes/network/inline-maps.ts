/**
 * A map that only Strassen's product reads becomes part of its loads: the stage that combines the operand's quarters loads each element
 * once, so that nothing is computed twice and one pass over memory less is made.
 * Needs: layouts, algorithms. Ensures: the same results; the map's tensor is gone.
 * Stands after the algorithms: other products load each element of their operand once for each panel of columns.
 */
import { linear } from "../../ir/linear.ts";
import { loadsIn, rebuild, substitute } from "../../ir/algebra.ts";
import { address, type Compute } from "../../ir/compute.ts";
import { isFloat32, isMap } from "../../ir/contraction.ts";
import { relist, usesOf, type Network } from "../../ir/network.ts";

/** The network with maps in the loads of the products behind them. */
export function inlineMaps(n: Network): Network {
  const { readers, writers } = usesOf(n.computes), gone = new Map<string, Compute>();
  for (const [name, t] of n.tensors) {
    const [r, ...others] = readers.get(name) ?? [], [m, ...more] = writers.get(name) ?? [];
    if (t.kind !== "temporary" || r?.algorithm?.kind !== "strassen" || !m || others.length > 0 || more.length > 0) continue;
    if (isMap(m) && !m.outputs[0]!.index && contiguous(m)) gone.set(name, m);
  }
  if (gone.size === 0) return n;
  const maps = new Set(gone.values()), tensors = new Map([...n.tensors].filter(([name]) => !gone.has(name)));
  const taken = (c: Compute): Compute => relist({
    ...c, stages: c.stages.map((s) => ({
      ...s, value: rebuild(s.value, (x) => {
        const m = x.kind === "load" ? gone.get(x.buffer) : undefined, [stage] = m?.stages ?? [];
        return x.kind === "load" && stage ? substitute(stage.value, new Map(stage.axes.map((a, d) => [a.name, x.at[d]!]))) : x;
      }),
    })), origin: [...new Set([...c.tensors.flatMap((t) => gone.get(t.name)?.origin ?? []), ...c.origin])],
  }, n.tensors);
  return { ...n, tensors, computes: n.computes.filter((c) => !maps.has(c)).map((c) => (c.tensors.some((t) => gone.has(t.name)) ? taken(c) : c)) };
}
/** Whether all that the map loads lies side by side where its results do, or stands still: the product's loads stay vectors. */
function contiguous(m: Compute): boolean {
  const [s] = m.stages, [out] = m.outputs, inner = s!.axes[out!.layout.parts.at(-1)!.dim]!;
  const shapes = new Map(m.tensors.map((t) => [t.name, t]));
  return isFloat32(s!) && loadsIn([s!.value]).every((l) => {
    const t = shapes.get(l.buffer)!, terms = linear(address(t.shape, t.layout, l.at)).terms;
    return [...terms.keys()].every((a) => a.kind === "var") && [0, 1].includes(terms.get(inner) ?? 0);
  });
}
