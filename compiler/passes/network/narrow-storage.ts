/**
 * f32 tensors lie in memory as smaller floats: those whose elements are such in the model, and, where the facts ask for it, large ones of
 * the network itself as f16. Kernels compute in single precision, loads widen and stores round. Of the latter, the caller's tensors
 * keep their type, and so do small ones (statistics, biases), where precision costs nothing.
 * Needs: all tensors of the network exist, and their layouts are final but for this. Ensures: tensors that share memory agree. Stands
 * before copies are elided, which must know that a rounding copy is none.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { sizeOf } from "../../ir/graph.ts";
import { withLayouts, type NetTensor, type Network } from "../../ir/network.ts";

/** Smaller tensors are not worth their error. */
const smallest = 1024;

/** The same network with smaller floats in memory. */
export function narrowStorage(n: Network, facts: TargetFacts): Network {
  const halved = (t: NetTensor) => facts.halves && t.dtype === "f32" && (t.kind === "temporary" || t.kind === "constant") && t.aliasOf === undefined && sizeOf(t.shape) >= smallest;
  const narrowed = [...n.tensors].map(([name, t]): [string, NetTensor] => {
    const memory = t.memory ?? (halved(t) ? "f16" : undefined);
    return [name, memory ? { ...t, layout: { ...t.layout, memory } } : t];
  });
  return narrowed.some(([, t]) => t.layout.memory) ? withLayouts({ ...n, tensors: new Map(narrowed) }) : n;
}
