/** Strassen's product: blocks of row pairs, so that the combined operand and the products of a block stay in the second cache. */
import { extentOf, type Compute, type Layout } from "../../../compiler/ir/compute.ts";
import { loadsIn } from "../../../compiler/ir/algebra.ts";
import type { Directive, Schedule } from "../../../compiler/ir/schedule.ts";
import type { InstructionSet } from "../isa.ts";
import { panelWidth } from "../../../compiler/schedules/pack.ts";
import { mapPlan } from "./maps.ts";
import { tileOf } from "./product.ts";

/** Floats between planes: without them all planes fall into one set of the first cache. */
const planeGap = 16;
/** Bytes of combined operand that one block of rows may take beside weights in the second cache; fewer pairs than this reread weights too often. */
const mostBytes = 400_000, fewestPairs = 24;

/** Needs: stages P, V, M, Q, Y as choose-products makes them. */
export function strassenSchedule(c: Compute, set: InstructionSet): { compute: Compute; schedule: Schedule } {
  const stage = (name: string) => c.stages.find((s) => s.name === name)!, M = stage("M"), lanes = set.lanes;
  const [, T, half] = M.axes.map(extentOf) as [number, number, number], K = extentOf(M.reduce!.axes[0]!);
  const most = Math.max(fewestPairs, Math.floor(mostBytes / (7 * K * 4))), tiles = Math.ceil(T / Math.ceil(T / most)), t = tileOf(set, half, Math.min(T, tiles), 0);
  const block = Math.min(Math.max(t.vectors * lanes, 4 * panelWidth), half);
  const transform = (inner: string, order: readonly string[], unrolled: readonly string[], where: Directive): Directive[] => [
    { split: inner, by: lanes, into: [`${inner}o`, "lane"], edge: "peel" },
    { order: [...order, "lane"] }, { place: [...unrolled, "k"], as: "unroll" }, { place: ["lane"], as: "vector" }, where,
  ];
  const weight = loadsIn([M.value]).find((l) => l.buffer !== "V")!.buffer;
  const margins = c.stages.filter((s) => !s.reduce && c.outputs.some((o) => o.stage === s.name));
  const stages: Record<string, readonly Directive[]> = {
    ...Object.fromEntries(margins.map((s) => [s.name, mapPlan(c, s, set).directives])),
    P: transform("c", ["t", "co", "g", "k"], ["g"], { computeAt: ["V", "co"], in: "registers" }),
    V: transform("c", ["t", "co", "p", "k"], ["p"], { computeAt: ["Y", "tb"], in: "scratch", pad: [planeGap, 0, 0] }),
    M: [
      { split: "t", by: t.rows, into: ["to", "tr"], edge: "balance" },
      { split: "n", by: t.vectors * lanes, into: ["no", "ni"], edge: "peel" }, { split: "ni", by: lanes, into: ["nj", "nv"], edge: "peel" },
      { order: ["p", "no", "to", "c", "tr", "nj", "nv"] },
      { place: ["tr", "nj"], as: "unroll" }, { place: ["nv"], as: "vector" },
      { computeAt: ["Y", "nb"], in: "scratch", pad: [planeGap, 0, 0] },
      { prefetch: weight, next: block > t.vectors * lanes ? "no" : "p" },
    ],
    Q: transform("n", ["t", "no", "r", "k"], ["r"], { computeAt: ["Y", "no"], in: "registers" }),
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
