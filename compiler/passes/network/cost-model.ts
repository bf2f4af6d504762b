/**
 * Estimated times of a convolution, direct and in Winograd's tiles of each size. The constants were fitted to profiles of
 * VGG-16, ResNet-18, SqueezeNet and Inception v3 on one core with AVX-512: docs/architecture.md says how near they come.
 */
import { extentOf, type Choice } from "../../ir/compute.ts";
import type { Core, Machine, WinogradFacts } from "../../ir/machine.ts";
import { hasTables, operationsOf, products, roundingOf, type Stride } from "./toom-cook.ts";
import type { Convolution, Tile } from "./winograd.ts";

/** A way to compute a layer: seconds, and bytes of the weights in their panels. Without a tile: direct. */
export interface Cost { readonly tile: Tile | null; readonly seconds: number; readonly bytes: number }

/** What a tile's beginning and end cost, in turns of its inner loop. */
const turns = 2;
/** Loads and stores of what does not fit registers, per operation of a transform. */
const spilled = 1.3;
/** The largest error of a layer, relative to its largest output; see test/passes/network/winograd.test.ts. */
const largestError = 4e-5;
/** Tiles that gain less than this over smaller weights are not worth these. */
const worthwhile = 0.02;

/** Seconds of multiplying while weights are read. */
export const overlapped = (a: number, b: number, { exposed }: Machine): number => Math.max(a, b) + exposed * Math.min(a, b);
/** The geometric mean over the machines: none of them counts for more because it is slower. */
export const onAll = <M extends Machine>(machines: readonly M[], seconds: (m: M) => number): number =>
  Math.exp(machines.reduce((sum, m) => sum + Math.log(seconds(m)), 0) / machines.length);
/** Of a sum of products: multiplying near the peak while the weights are read once. */
export const directSeconds = (macs: number, weightBytes: number, machines: readonly Machine[]): number =>
  onAll(machines, (m) => overlapped(macs / m.macsPerSecond, weightBytes / m.bytesPerSecond, m));

/** Direct first, then every tile whose error stays within bounds. */
export function costsOf(o: Convolution, w: WinogradFacts): readonly Cost[] {
  const [ry, rx] = o.kernel, [B, N, H, W] = sizes(o), C = o.inputChannels, G = o.groups, bytes = 4 * G * C * N * ry * rx;
  const direct: Cost = { tile: null, seconds: directSeconds(B * G * H * W * C * N * ry * rx, bytes, w.machines), bytes };
  const sizesOf = (r: number, extent: number, s: Stride) => (r === 1 ? [1] : [2, 3, 4, 5, 6].filter((m) => m <= w.largestTile && m < extent + r && hasTables(m, r, s)));
  const [sy, sx] = o.strides, tiles = sizesOf(ry, H, sy).flatMap((fy) => sizesOf(rx, W, sx).map((fx): Tile => [fy, fx]));
  return [direct, ...tiles.filter(([fy, fx]) => (ry > 1 || rx > 1) && roundingOf(fy, ry, sy) * roundingOf(fx, rx, sx) <= largestError).map((t) => ({ tile: t, bytes: tileBytes(o, t, w), seconds: onAll(w.machines, (m) => tileSeconds(o, t, m, w)) }))];
}
const sizes = (o: Convolution) => [o.stage.axes[0]!, ...o.stage.axes.slice(-3)].map(extentOf) as [number, number, number, number];

const tileBytes = (o: Convolution, [fy, fx]: Tile, w: WinogradFacts) =>
  4 * products(fy, o.kernel[0], o.strides[0]) * products(fx, o.kernel[1], o.strides[1]) * o.groups * o.inputChannels * Math.ceil(sizes(o)[1] / w.panel) * w.panel;
function tileSeconds(o: Convolution, tile: Tile, m: Core, w: WinogradFacts): number {
  const [fy, fx] = tile, [ry, rx] = o.kernel, [B, N, H, W] = sizes(o), C = o.inputChannels, G = o.groups, [, , IH, IW] = o.shape, [sy, sx] = o.strides;
  const ey = products(fy, ry, sy), ex = products(fx, rx, sx), P = ey * ex, T = B * Math.ceil(H / fy) * Math.ceil(W / fx);
  const bytes = tileBytes(o, tile, w), blocks = Math.ceil(T / w.tiles);
  const multiplied = (P * T * G * (C + turns) * N) / m.macsPerSecond, read = (bytes * (bytes > m.lastCacheBytes ? blocks : 1)) / m.bytesPerSecond;
  const y = operationsOf(fy, ry, sy), x = operationsOf(fx, rx, sx);
  const transforms = T * G * (C * (y.input * ex + x.input * ey) + N * (y.output * ex + x.output * fy));
  const transformed = (spilled * transforms) / m.macsPerSecond;
  // What a block works on leaves the second cache where weights stream through it.
  const block = 4 * Math.min(w.tiles, T) * P * (G * C + Math.min(N, w.columns)) + bytes, excess = Math.min(1, Math.max(0, (block / m.cacheBytes - 0.75) / 0.75));
  const scratch = (excess * 8 * T * P * G * (C + N)) / m.cacheBytesPerSecond;
  // Tiles are gathered: half the speed of a plain read, but for what the layer before left in the cache.
  const outside = Math.max(0, 4 * B * G * (IH * IW * C + H * W * N) - 2 * m.cacheBytes) / (m.bytesPerSecond / 2);
  return overlapped(multiplied, read, m) + transformed + scratch + outside;
}
/** The cheapest by time and, as far as the facts weigh them, bytes that direct weights would not have. */
export function cheapest(costs: readonly Cost[], w: WinogradFacts): Cost {
  const perByte = onAll(w.machines, (m) => 1 / m.bytesPerSecond), weighed = (c: Cost) => c.seconds + w.byteWeight * (c.bytes - costs[0]!.bytes) * perByte;
  const least = Math.min(...costs.map(weighed));
  return costs.filter((c) => weighed(c) <= least * (1 + worthwhile)).reduce((a, b) => (b.bytes < a.bytes ? b : a));
}
/** A way as reports and tuning files name it. */
export const nameOf = (o: Convolution, { tile }: Cost): string => (tile ? `F(${tile.join("x")}, ${o.kernel.join("x")})` : "direct");
/** Costs as reports show them. */
export const choicesOf = (o: Convolution, costs: readonly Cost[], chosen: Cost): readonly Choice[] => costs.map((c) => ({
  algorithm: nameOf(o, c), weightBytes: c.bytes, ms: c.seconds * 1e3, chosen: c === chosen,
}));
