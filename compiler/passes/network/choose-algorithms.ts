/**
 * Replaces 3x3 convolutions of stride 1 by Winograd's where a cost model says it is faster.
 * Needs: fusing is done (the tail comes along); layouts, because tiles are written channel by channel.
 * Ensures: the same results within the error that F(4,3) has (3e-5 of the largest output). Stands before margins are
 * chosen, because tiles reach further than the convolution did.
 */
import type { Axis, Compute, Stage } from "../../ir/compute.ts";
import { extentOf } from "../../ir/compute.ts";
import { linear } from "../../ir/linear.ts";
import type { Expr } from "../../ir/scalar.ts";
import { contractionOf } from "../../ir/contraction.ts";
import { derivedName, relist, type NetTensor, type Network } from "../../ir/network.ts";
import { address, rowMajor } from "../../ir/compute.ts";
import { transformWeights, winogradCompute, type Convolution3x3, type TileSize } from "./winograd.ts";

/** What a cost model has to know of a machine. */
export interface MachineFacts {
  /** Whether the schedules know Winograd's stages. */
  readonly winograd: boolean;
  /** Whether they know Strassen's. */
  readonly strassen: boolean;
  /** Multiply-accumulates per second at the peak, and bytes per second from main memory, of one core. */
  readonly macsPerSecond: number;
  readonly bytesPerSecond: number;
}
/** Fewer channels than this do not pay for the transforms. */
const fewestChannels = 16;

/** The network with Winograd's algorithm where it is the cheaper one; the tensors gain the transformed weights. */
export function chooseAlgorithms(n: Network, facts: MachineFacts): Network {
  if (!facts.winograd) return n;
  const tensors = new Map(n.tensors), made = new Map<string, NetTensor>();
  const computes = n.computes.map((c) => {
    const o = asConvolution(n, c), tile = o && cheapest(o, facts);
    if (!o || !tile) return c;
    const [fy, fx] = tile, weight = weightOf(c, o.stage), [, N] = o.stage.axes.map(extentOf) as [number, number];
    const name = derivedName(`winograd${fy}x${fx}`, weight);
    if (!made.has(name)) {
      const data = transformWeights(n.tensors.get(weight)!.data as Float32Array, o.inputChannels, N, fy, fx), shape = [fy + 2, fx + 2, o.inputChannels, N];
      const t: NetTensor = { name, kind: "constant", dtype: "f32", shape, layout: rowMajor(4), data };
      made.set(name, t);
      tensors.set(name, t);
    }
    return relist(winogradCompute(o, name, fy, fx), tensors);
  });
  return { ...n, tensors, computes };
}
/** The cheaper of multiplying at the peak and reading the weights once, for each size of tile; null where direct is cheaper. */
function cheapest(o: Convolution3x3, f: MachineFacts): readonly [TileSize, TileSize] | null {
  const [B, N, H, W] = o.stage.axes.map(extentOf) as [number, number, number, number], C = o.inputChannels;
  const cost = (macs: number, weights: number) => Math.max(macs / f.macsPerSecond, (weights * 4) / f.bytesPerSecond);
  const tiles: readonly (readonly [TileSize, TileSize])[] = [[4, 4], [4, 2], [2, 2]];
  const of = ([fy, fx]: readonly [TileSize, TileSize]) => { const w = (fy + 2) * (fx + 2) * C * N; return cost(w * B * Math.ceil(H / fy) * Math.ceil(W / fx), w); };
  const best = [...tiles].sort((a, b) => of(a) - of(b))[0]!;
  return of(best) < cost(9 * C * N * B * H * W, 9 * C * N) ? best : null;
}
const weightOf = (c: Compute, s: Stage) => contractionOf(c, s)!.b.buffer;

/** A convolution [batch, channels out, y, x] over [channels in, 3, 3] of stride 1, whole weights in the model's order. */
function asConvolution(n: Network, c: Compute): Convolution3x3 | null {
  const s = c.stages.at(-1)!, p = contractionOf(c, s);
  if (c.stages.length !== 1 || !p || s.axes.length !== 4 || s.reduce!.axes.length !== 3 || p.batch.length) return null;
  const [b, o, y, x] = s.axes as readonly Axis[] as readonly [Axis, Axis, Axis, Axis], [k, ky, kx] = s.reduce!.axes as readonly [Axis, Axis, Axis];
  const weight = n.tensors.get(p.b.buffer)!, input = n.tensors.get(p.a.buffer);
  if (weight.kind !== "constant" || !input || input.dtype !== "f32" || input.shape.length !== 4 || p.a.at.length !== 4) return null;
  if (extentOf(ky) !== 3 || extentOf(kx) !== 3 || extentOf(k) < fewestChannels || extentOf(o) < fewestChannels) return null;
  const shape = [extentOf(o), extentOf(k), 3, 3];
  if (weight.shape.length !== 4 || weight.shape.some((d, i) => d !== shape[i]) || p.b.at.some((e, i) => e !== [o, k, ky, kx][i])) return null;
  const out = c.outputs.find((q) => q.stage === s.name);
  if (!out || c.outputs.length !== 1 || linear(address(out.shape, out.layout, out.index ?? s.axes)).terms.get(o) !== 1) return null;
  if (p.a.at[0] !== b && extentOf(b) > 1) return null;
  const pads = [slide(p.a.at[2]!, y, ky), slide(p.a.at[3]!, x, kx)];
  if (p.a.at[1] !== k || pads.some((q) => q === null || q < 0)) return null;
  return { compute: c, stage: s, input: p.a.buffer, shape: input.shape as [number, number, number, number], pad: pads as [number, number], inputChannels: extentOf(k) };
}
/** p where `e` is a + k - p. */
function slide(e: Expr, a: Axis, k: Axis): number | null {
  const l = linear(e), ones = [...l.terms];
  const fits = ones.every(([atom, step]) => step === 1 && (atom === a || atom === k)) && (l.terms.has(a) || extentOf(a) === 1) && l.terms.has(k);
  return fits ? -l.constant : null;
}
