/** Strassen's product: blocks of row pairs, so that the combined operand and the products of a block stay in the second cache. */
import { extentOf, type Compute, type Layout } from "../../../compiler/ir/compute.ts";
import type { Directive, Schedule } from "../../../compiler/ir/schedule.ts";
import type { InstructionSet } from "../isa.ts";
import { panelWidth } from "../../../compiler/schedules/pack.ts";
import { clearing, multiply, planeGap, transform, weightOf } from "./bilinear.ts";
import { tileOf } from "./product.ts";

/** Bytes of combined operand that one block of rows may take beside weights in the second cache; fewer pairs than this reread weights too often. */
const mostBytes = 400_000, fewestPairs = 24;

/** Into how many blocks so many pairs of rows are cut; `terms`: of each half's sums. */
export const blocksOfPairs = (pairs: number, terms: number): number => Math.ceil(pairs / Math.max(fewestPairs, Math.floor(mostBytes / (7 * terms * 4))));

/** Needs: stages P, V, M, Q, Y as choose-products makes them. */
export function strassenSchedule(c: Compute, set: InstructionSet): { compute: Compute; schedule: Schedule } {
  const stage = (name: string) => c.stages.find((s) => s.name === name)!, M = stage("M"), lanes = set.lanes;
  const [, T, half] = M.axes.map(extentOf) as [number, number, number], K = extentOf(M.reduce!.axes[0]!);
  const tiles = Math.ceil(T / blocksOfPairs(T, K)), t = tileOf(set, half, Math.min(T, tiles), 0);
  const block = Math.min(Math.max(t.vectors * lanes, 4 * panelWidth), half);
  const combine = (inner: string, order: readonly string[], unrolled: readonly string[], where: Directive) => transform(lanes, inner, order, unrolled, where);
  const weight = weightOf(M);
  const stages: Record<string, readonly Directive[]> = {
    ...clearing(c, set),
    P: combine("c", ["t", "co", "g", "k"], ["g"], { computeAt: ["V", "co"], in: "registers" }),
    V: combine("c", ["t", "co", "p", "k"], ["p"], { computeAt: ["Y", "tb"], in: "scratch", pad: [planeGap, 0, 0] }),
    M: multiply({ planes: ["p"], rows: t.rows, vectors: t.vectors, block, weight, gap: [planeGap, 0, 0] }, lanes),
    Q: combine("n", ["t", "no", "r", "k"], ["r"], { computeAt: ["Y", "no"], in: "registers" }),
    Y: [
      { split: "row", by: 2, into: ["t", "i"], edge: "guard" }, { split: "t", by: tiles, into: ["tb", "ti"], edge: "balance" },
      { split: "column", by: half, into: ["h", "nh"], edge: "balance" },
      { split: "nh", by: block, into: ["nb", "nr"], edge: "peel" }, { split: "nr", by: lanes, into: ["no", "nv"], edge: "peel" },
      { order: ["tb", "nb", "ti", "no", "i", "h", "k", "nv"] },
      { place: ["i", "h", "k"], as: "unroll" }, { place: ["nv"], as: "vector" },
    ],
  };
  const layout: Layout = { parts: [{ dim: 0 }, { dim: 2, quo: panelWidth }, { dim: 1 }, { dim: 2, rem: panelWidth }] };
  return { compute: c, schedule: { stages, tensors: [{ pack: weight, layout }] } };
}
