/**
 * Replaces convolutions of stride 1 and 2, in two dimensions or three, by Winograd's where a cost model says it is faster.
 * Needs: fusing is done (the tail comes along); layouts, because tiles are written channel by channel.
 * Ensures: the same results within 4e-5 of the largest output. Stands before margins are
 * chosen, because tiles reach further than the convolution did.
 */
import type { Axis, Compute, Stage } from "../../ir/compute.ts";
import { axis, extentOf } from "../../ir/compute.ts";
import { int, linear, plus, times } from "../../ir/linear.ts";
import { less, make, substitute } from "../../ir/algebra.ts";
import type { Expr } from "../../ir/scalar.ts";
import { sizeOf } from "../../ir/graph.ts";
import { types } from "../../ir/types.ts";
import { contractionOf, macsOf } from "../../ir/contraction.ts";
import type { MachineFacts } from "../../ir/machine.ts";
import { relist, type Network } from "../../ir/network.ts";
import { address } from "../../ir/compute.ts";
import { cheapest, choicesOf, costsOf, directSeconds, nameOf } from "./cost-model.ts";
import type { Stride } from "./toom-cook.ts";
import { withCombined } from "./combine-weights.ts";
import { algorithmFor } from "./tune-algorithms.ts";
import type { Tuner } from "./tune-schedules.ts";
import { transformedWeights, winogradCompute, type Convolution } from "./winograd.ts";

/** Fewer channels than this do not pay for the transforms. */
const fewestChannels = 16;

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

/** A convolution [batch, (groups,) channels out, y, x] over [channels in, rows, columns] of stride 1 or 2, whole weights in the model's order. */
function asConvolution(n: Network, c: Compute): Convolution | null {
  const s = c.stages.at(-1)!, p = contractionOf(c, s), rank = s.axes.length;
  if (rank === 5 && s.reduce?.axes.length === 4) return asVolume(n, c);
  if (c.stages.length !== 1 || !p || rank < 4 || rank > 5 || s.reduce!.axes.length !== 3) return null;
  const b = s.axes[0]!, [o, y, x] = s.axes.slice(-3) as [Axis, Axis, Axis], g = s.axes.slice(1, -3)[0], [k, ky, kx] = s.reduce!.axes as readonly [Axis, Axis, Axis];
  const weight = n.tensors.get(p.b.buffer)!, input = n.tensors.get(p.a.buffer), groups = g ? extentOf(g) : 1, C = extentOf(k), N = extentOf(o);
  if (weight.kind !== "constant" || weight.whole || !input || input.dtype !== "f32" || input.shape.length !== 4 || p.a.at.length !== 4) return null;
  const kernel = [extentOf(ky), extentOf(kx)] as const, shape = [groups * N, C, ...kernel], channel = (of: Expr, per: number) => (g ? plus(times(g, per), of) : of);
  if (C < fewestChannels || N < fewestChannels) return null;
  if (weight.shape.length !== 4 || weight.shape.some((d, i) => d !== shape[i]) || p.b.at.some((e, i) => e !== [channel(o, N), k, ky, kx][i])) return null;
  const out = c.outputs.find((q) => q.stage === s.name);
  if (!out || c.outputs.length !== 1 || linear(address(out.shape, out.layout, out.index ?? s.axes)).terms.get(o) !== 1) return null;
  if (p.a.at[0] !== b && extentOf(b) > 1) return null;
  const [py, px] = [slide(p.a.at[2]!, y, ky), slide(p.a.at[3]!, x, kx)];
  if (p.a.at[1] !== channel(k, C) || !py || !px || py.pad < 0 || px.pad < 0) return null;
  const size = [2, 3].map((d) => input.sizes?.[d] ?? int(input.shape[d]!)) as [Expr, Expr], sides = size.flatMap((end, d) => [less(int(-1), p.a.at[2 + d]!), less(p.a.at[2 + d]!, end)]);
  if (input.sizes && !p.guards.every((g) => sides.includes(g))) return null;
  return { compute: c, stage: s, input: p.a.buffer, shape: input.shape as [number, number, number, number], size, pad: [py.pad, px.pad], strides: [py.stride, px.stride], kernel, groups, inputChannels: C };
}
/** The same of [batch, channels out, z, y, x] over [channels in, planes, rows, columns], of any stride along z: planes are images, and each of the filter's planes has channels of its own. */
function asVolume(n: Network, c: Compute): Convolution | null {
  const s = c.stages.at(-1)!, p = contractionOf(c, s), [b, o, z, y, x] = s.axes as readonly [Axis, Axis, Axis, Axis, Axis], [k, kz, ky, kx] = s.reduce!.axes as readonly [Axis, Axis, Axis, Axis];
  if (c.stages.length !== 1 || !p) return null;
  const weight = n.tensors.get(p.b.buffer)!, input = n.tensors.get(p.a.buffer), C = extentOf(k), N = extentOf(o), kernel = [extentOf(ky), extentOf(kx)] as const, Z = extentOf(z);
  if (weight.kind !== "constant" || weight.whole || !input || input.dtype !== "f32" || input.shape.length !== 5 || input.sizes || C % fewestChannels || N < fewestChannels) return null;
  if (String(weight.shape) !== String([N, C, extentOf(kz), ...kernel]) || p.b.at.some((e, i) => e !== [o, k, kz, ky, kx][i])) return null;
  const [out] = c.outputs, place = out && (out.index ?? s.axes);
  if (!out || c.outputs.length !== 1 || linear(address(out.shape, out.layout, place!)).terms.get(o) !== 1) return null;
  const [py, px] = [slide(p.a.at[3]!, y, ky), slide(p.a.at[4]!, x, kx)], deep = p.a.at[2]!, own = new Set([z.name, kz.name]);
  if ((p.a.at[0] !== b && extentOf(b) > 1) || p.a.at[1] !== k || !py || !px || py.pad < 0 || px.pad < 0 || [...linear(deep).terms.keys()].some((e) => e.kind !== "var" || !own.has(e.name))) return null;
  const images = axis(`${b.name}${z.name}`, extentOf(b) * Z), move = (e: Expr) => substitute(e, new Map([[b.name, make("quo", images, int(Z))], [z.name, make("rem", images, int(Z))]]));
  const stage: Stage = { ...s, axes: [images, o, y, x], ...(s.finish ? { finish: move(s.finish) } : {}) };
  return {
    compute: { ...c, stages: [stage], outputs: [{ ...out, index: place!.map(move) }] }, stage, input: p.a.buffer, shape: [input.shape[0]! * input.shape[2]!, C, input.shape[3]!, input.shape[4]!],
    size: [int(input.shape[3]!), int(input.shape[4]!)], pad: [py.pad, px.pad], strides: [py.stride, px.stride], kernel, groups: 1, inputChannels: C * extentOf(kz),
    depth: { planes: Z, size: int(input.shape[2]!), channels: C, of: (plane, tap) => substitute(deep, new Map([[z.name, plane], [kz.name, tap]])) },
  };
}
/** Stride and padding where `e` is stride * a + k - pad. */
function slide(e: Expr, a: Axis, k: Axis): { readonly stride: Stride; readonly pad: number } | null {
  const l = linear(e), step = l.terms.get(a) ?? 1, moved = (v: Axis) => l.terms.has(v) || extentOf(v) === 1;
  const fits = [...l.terms].every(([atom, s]) => atom === a || (atom === k && s === 1)) && moved(a) && moved(k);
  return fits && (step === 1 || step === 2) ? { stride: step, pad: -l.constant } : null;
}
