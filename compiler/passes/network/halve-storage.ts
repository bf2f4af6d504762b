/**
 * Large f32 tensors of the network itself lie in memory as half-precision numbers: kernels compute in single precision, loads widen
 * and stores round. The caller's tensors keep their type, and so do small ones (statistics, biases), where precision costs nothing.
 * Needs: all tensors of the network exist. Ensures: tensors that share memory agree. Stands before copies are elided, which
 * must know that a rounding copy is none.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { sizeOf } from "../../ir/graph.ts";
import { withLayouts, type NetTensor, type Network } from "../../ir/network.ts";

/** Smaller tensors are not worth their error. */
const smallest = 1024;

/** The same network with halves in memory, where the facts ask for it. */
export function halveStorage(n: Network, facts: TargetFacts): Network {
  if (!facts.halves) return n;
  const halved = (t: NetTensor) => t.dtype === "f32" && (t.kind === "temporary" || t.kind === "constant") && t.aliasOf === undefined && sizeOf(t.shape) >= smallest;
  return withLayouts({ ...n, tensors: new Map([...n.tensors].map(([name, t]) => [name, halved(t) ? { ...t, layout: { ...t.layout, half: true } } : t])) });
}
