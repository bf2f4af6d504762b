/**
 * Pixels around depthwise layers and pools do not lie a multiple of half a way of the first cache apart: the rows and columns of a
 * window would fall into a few of its sets, and push each other out (up to 5 times slower).
 * Needs: layouts and margins are final. Ensures: of each temporary that such a window reads or writes, the stride of the second-innermost
 * dimension is no such multiple; tensors of equal shape and layout get the same one, so that neighbours agree and kernels are shared.
 * Stands before copies are elided, which compares addresses.
 */
import { loadsIn } from "../../ir/algebra.ts";
import { physical, type Layout } from "../../ir/compute.ts";
import { contractionOf, windowDims } from "../../ir/contraction.ts";
import { elementBytes } from "../../ir/kernel.ts";
import { withLayouts, type NetTensor, type Network } from "../../ir/network.ts";
import type { TargetFacts } from "../../emit/target.ts";

/** The network with strides padded by a line of the cache, where the facts tell of a first cache. */
export function padStrides(n: Network, { firstCache }: Pick<TargetFacts, "firstCache">): Network {
  if (!firstCache) return n;
  const step = firstCache.bytes / firstCache.ways / 2;
  const key = (t: NetTensor) => JSON.stringify([t.dtype, t.shape, t.layout]), wanted = new Set<string>();
  for (const c of n.computes) for (const s of c.stages) {
    if (!s.reduce || (contractionOf(c, s)?.columns ?? []).some((a) => a.range[1] > 0)) continue;
    const windows = loadsIn([s.value]).filter((l) => windowDims(c, s, l).length > 0).map((l) => l.buffer);
    if (windows.length === 0) continue;
    for (const name of [...windows, ...c.outputs.filter((o) => o.stage === s.name).map((o) => o.tensor)]) {
      const t = n.tensors.get(name);
      if (t?.kind === "temporary" && aliases(t, step)) wanted.add(key(t));
    }
  }
  if (wanted.size === 0) return n;
  const padded = (t: NetTensor): Layout => ({ ...t.layout, pad: t.layout.parts.map((_, i) => (i === t.layout.parts.length - 1 ? firstCache.line / elementBytes(t) : 0)) });
  return withLayouts({ ...n, tensors: new Map([...n.tensors].map(([name, t]) => [name, t.kind === "temporary" && wanted.has(key(t)) ? { ...t, layout: padded(t) } : t])) });
}
/** Whether neighbours along the second-innermost dimension of a plain layout are a multiple of `step` bytes apart. */
function aliases(t: NetTensor, step: number): boolean {
  if (t.layout.pad || t.layout.memory || t.layout.parts.length < 3 || t.layout.parts.some((p) => p.quo || p.rem)) return false;
  const { strides } = physical(t.shape, t.layout);
  return (strides.at(-2)! * elementBytes(t)) % step === 0;
}
