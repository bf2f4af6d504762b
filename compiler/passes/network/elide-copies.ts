/**
 * A copy that leaves every element where it was is no copy: its two tensors become one piece of memory.
 * Needs: layouts and margins are final. Ensures: no movement is left between two tensors whose addresses agree (a
 * reshape, a transpose that the layouts undo), unless one of them cannot stand for the other.
 * Stands last before scheduling, because any other pass may change an address.
 */
import { address, physical, settled, type Compute } from "../../ir/compute.ts";
import type { Expr } from "../../ir/scalar.ts";
import { movementOf } from "../../ir/contraction.ts";
import { usesOf, type NetTensor, type Network } from "../../ir/network.ts";

export function elideCopies(n: Network): Network {
  const tensors = new Map(n.tensors), gone = new Set<Compute>(), { writers } = usesOf(n.computes);
  /** The tensor whose memory another one is. */
  const root = (name: string): NetTensor => { const t = tensors.get(name)!; return t.aliasOf === undefined ? t : root(t.aliasOf); };
  for (const c of n.computes) {
    const m = movementOf(c), o = c.outputs[0]!;
    if (!m || c.outputs.length !== 1) continue;
    const from = tensors.get(m.load.buffer)!, to = tensors.get(o.tensor)!, a = root(from.name), b = root(to.name);
    if (a === b || (writers.get(to.name) ?? []).length !== 1 || from.dtype !== to.dtype || from.layout.memory !== to.layout.memory) continue;
    const size = physical(to.shape, to.layout).size;
    const place = (t: NetTensor, index: readonly Expr[]) => settled(address(t.shape, t.layout, index), m.stage.axes);
    if (size !== physical(from.shape, from.layout).size || place(from, m.load.at) !== place(to, o.index ?? m.stage.axes)) continue;
    if (b.kind === "temporary" && a.kind !== "constant") tensors.set(b.name, { ...b, aliasOf: a.name });
    else if (b.kind === "output" && a.kind === "temporary") tensors.set(a.name, { ...a, aliasOf: b.name });
    else continue;
    gone.add(c);
  }
  return { ...n, tensors, computes: n.computes.filter((c) => !gone.has(c)) };
}
