/**
 * Loops learn where they end when a run alone knows the sizes: outputs which elements anybody wants, sums how far they go.
 * Needs: nothing changes any more. Ensures: outputs have their tensors' sizes, and a reduction whose terms stand under a test against a size
 * has an end in its place. Stands last: passes before know tests, and sizes only of tensors.
 */
import type { Compute, Stage } from "../../ir/compute.ts";
import { endsOf } from "../../ir/extents.ts";
import { withSizes, type Network } from "../../ir/network.ts";

export function endLoops(n: Network): Network {
  if (!n.symbols?.length) return n;
  const ended = (s: Stage): Stage => { const found = endsOf(s); return found && s.reduce ? { ...s, value: found.value, reduce: { ...s.reduce, ends: found.ends } } : s; };
  return { ...n, computes: n.computes.map((c): Compute => ({ ...withSizes(c, n.tensors), stages: c.stages.map(ended) })) };
}
