/**
 * Replaces convolutions of stride 1 and 2, in two dimensions or three, by Winograd's where a cost model says it is faster.
 * Needs: fusing is done (the tail comes along); layouts, because tiles are written channel by channel.
 * Ensures: the same results within 4e-5 of the largest output. Stands before margins are
 * chosen, because tiles reach further than the convolution did.
 */
import type { Compute, Stage } from "../../ir/compute.ts";
import { sizeOf } from "../../ir/graph.ts";
import { types } from "../../ir/types.ts";
import { contractionOf, macsOf } from "../../ir/contraction.ts";
import type { MachineFacts } from "../../ir/machine.ts";
import { relist, type Network } from "../../ir/network.ts";
import { cheapest, choicesOf, costsOf, directSeconds, nameOf } from "./cost-model.ts";
import { withCombined } from "./combine-weights.ts";
import { algorithmFor } from "./tune-algorithms.ts";
import type { Tuner } from "./tune-schedules.ts";
import { asConvolution } from "./tiled-convolutions.ts";
import { transformedWeights, winogradCompute } from "./winograd.ts";

/** The network with Winograd's algorithm where it is the cheaper one; the setup makes the transformed weights. */
export function chooseAlgorithms(n: Network, facts: MachineFacts, tuner?: Tuner): Network {
  const w = facts.winograd;
  if (!w) return { ...n, computes: n.computes.map((c) => plainly(c, facts)) };
  const computes = n.computes.map((c) => {
    const o = asConvolution(n, c);
    if (!o) return plainly(c, facts);
    const costs = costsOf(o, w), { algorithm, ...chosen } = algorithmFor(c, choicesOf(o, costs, cheapest(costs, w)), tuner, w.byteWeight > 0);
    const { tile } = costs.find((x) => nameOf(o, x) === algorithm)!;
    if (!tile) return { ...c, ...chosen };
    const { network, name } = withCombined(n, transformedWeights(o, n.tensors.get(weightOf(c, o.stage))!, tile));
    n = network;
    return relist({ ...winogradCompute(o, name, tile), ...chosen }, n.tensors);
  });
  return { ...n, computes };
}
/** Other products with constants have no choice, but an estimate. */
function plainly(c: Compute, f: MachineFacts): Compute {
  const macs = macsOf(c), weights = c.tensors.filter((t) => t.role === "weight" && t.shape.length > 1).reduce((sum, t) => sum + sizeOf(t.shape) * types[t.dtype].bytes, 0);
  return macs && weights ? { ...c, choices: [{ algorithm: "direct", weightBytes: weights, ms: directSeconds(macs, weights, f.machines) * 1e3, chosen: true }] } : c;
}
const weightOf = (c: Compute, s: Stage) => contractionOf(c, s)!.b.buffer;
