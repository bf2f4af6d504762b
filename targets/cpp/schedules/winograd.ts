/** Winograd's convolution: `tiles` tiles at a time, so that their transformed inputs and products stay in the second cache. */
import { extentOf, type Compute, type Layout, type WinogradAlgorithm } from "../../../compiler/ir/compute.ts";
import type { Directive, Schedule } from "../../../compiler/ir/schedule.ts";
import { limitsOf } from "../../../compiler/ir/extents.ts";
import type { InstructionSet } from "../isa.ts";
import { clearing, multiply, planeGap, transform, weightOf } from "./bilinear.ts";
import { panelWidth } from "../../../compiler/schedules/pack.ts";
import { tileOf } from "./product.ts";

/** More tiles than this at a time do not fit the second cache beside the weights. */
export const mostTiles = 28;
/** Rows of fewer tiles would read the weights too often. */
const fewestInRow = 8;
/** Columns of outputs, whose products lie beside the tiles. */
export const mostColumns = 4 * panelWidth;

/** Needs: stages q1, p1, q2, V, M, r1, s1, r2, Y as choose-algorithms makes them. */
export function winogradSchedule(c: Compute, { tile: [fy, fx] }: WinogradAlgorithm, set: InstructionSet): { compute: Compute; schedule: Schedule } {
  const stage = (name: string) => c.stages.find((s) => s.name === name)!, Y = stage("Y"), M = stage("M"), lanes = set.lanes;
  const b = Y.axes[0]!.name, [n, y, x] = Y.axes.slice(-3).map((a) => a.name) as [string, string, string], gs = Y.axes.slice(1, -3).map((a) => a.name);
  const batches = extentOf(Y.axes[0]!), N = extentOf(Y.axes.at(-3)!);
  // Where only a run knows the width, blocks lie in one row of tiles, and end with it: behind it all of the largest width would be made.
  const inRows = limitsOf(c, Y).at(-1) !== undefined && Math.ceil(extentOf(Y.axes.at(-1)!) / fx) >= fewestInRow;
  const T = inRows ? Math.ceil(extentOf(Y.axes.at(-1)!) / fx) : extentOf(M.axes[2]!), tiles = Math.ceil(T / Math.ceil(T / mostTiles)), t = tileOf(set, N, Math.min(T, tiles), 0);
  const rows = T <= 8 ? Math.min(T, lanes === 16 ? 8 : t.rows) : t.rows, vectors = T <= 8 && lanes === 16 ? Math.min(3, t.vectors) : t.vectors;
  const block = Math.min(Math.max(vectors * lanes, mostColumns), N);
  const combine = (inner: string, order: readonly string[], unrolled: readonly string[], where: Directive) =>
    transform(lanes, inner, [...(inner === "n" ? gs : []), ...order], unrolled, where);
  const early: Directive = { computeAt: ["V", "co"], in: "registers" }, late: Directive = { computeAt: ["Y", "no"], in: "registers" };
  const weight = weightOf(M);
  const rowsOfTiles = batches > 1 ? "bty" : "ty";
  const stages: Record<string, readonly Directive[]> = {
    ...clearing(c, set),
    q1: combine("c", ["t", "co", "j", "i", "k"], ["i", "j"], early),
    p1: combine("c", ["t", "co", "j", "i", "k"], ["i", "j"], early),
    q2: combine("c", ["t", "co", "i", "j", "k"], ["i", "j"], early),
    V: combine("c", ["t", "co", "i", "j", "k"], ["i", "j"], { computeAt: ["Y", "tb"], in: "scratch", pad: [0, planeGap, 0, 0] }),
    M: multiply({ planes: [...gs, "i", "j"], rows, vectors, block, weight, gap: [0, planeGap, 0, 0] }, lanes),
    r1: combine("n", ["t", "no", "j", "i", "k"], ["i", "j"], late),
    s1: combine("n", ["t", "no", "j", "u", "k"], ["u", "j"], late),
    r2: combine("n", ["t", "no", "u", "j", "k"], ["u", "j"], late),
    Y: [
      { split: y, by: fy, into: ["ty", "u"], edge: "guard" }, { split: x, by: fx, into: ["tx", "v"], edge: "guard" },
      ...(batches > 1 ? [{ fuse: [b, "ty"], into: "bty" } as const] : []),
      ...(inRows ? [] : [{ fuse: [rowsOfTiles, "tx"], into: "t" } as const]), { split: inRows ? "tx" : "t", by: tiles, into: ["tb", "ti"], edge: "balance" },
      { split: n, by: block, into: ["nb", "nr"], edge: "peel" }, { split: "nr", by: lanes, into: ["no", "nv"], edge: "peel" },
      { order: [...(batches > 1 ? [] : [b]), ...(inRows ? [rowsOfTiles] : []), "tb", ...gs, "nb", "ti", "no", "u", "v", "k", "nv"] },
      { place: ["u", "v", "k"], as: "unroll" }, { place: ["nv"], as: "vector" },
    ],
  };
  const layout: Layout = { parts: [...gs.map((_, d) => ({ dim: 2 + d })), { dim: 0 }, { dim: 1 }, { dim: 3 + gs.length, quo: panelWidth }, { dim: 2 + gs.length }, { dim: 3 + gs.length, rem: panelWidth }] };
  return { compute: c, schedule: { stages, tensors: [{ pack: weight, layout }] } };
}
