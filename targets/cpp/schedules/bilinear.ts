/**
 * What Winograd's convolution and Strassen's product have in common: the operand is combined into planes, each plane is multiplied with one
 * of the weights, and the results are put together from the products; a block of rows at a time, so that it stays in the second cache.
 */
import { loadsIn } from "../../../compiler/ir/algebra.ts";
import type { Compute, Stage } from "../../../compiler/ir/compute.ts";
import type { Directive } from "../../../compiler/ir/schedule.ts";
import type { InstructionSet } from "../isa.ts";
import { mapPlan } from "./maps.ts";
import { panelHints } from "./product.ts";
import { panelWidth } from "../../../compiler/schedules/pack.ts";

/** Floats between planes: without them all planes fall into one set of the first cache. */
export const planeGap = 16;

/** Loops of a stage that combines: lanes along `inner`, the loops in `unrolled` and the sum over "k" in straight code. */
export const transform = (lanes: number, inner: string, order: readonly string[], unrolled: readonly string[], where: Directive): readonly Directive[] => [
  { split: inner, by: lanes, into: [`${inner}o`, "lane"], edge: "peel" },
  { order: [...order, "lane"] }, { place: [...unrolled, "k"], as: "unroll" }, { place: ["lane"], as: "vector" }, where,
];
/** The register tile of the stage that multiplies, over axes t and n and the sum over c. */
export interface PlaneProduct {
  /** Loops over planes, outermost first. */
  readonly planes: readonly string[];
  readonly rows: number;
  readonly vectors: number;
  /** Columns whose products lie in memory at a time. */
  readonly block: number;
  readonly weight: string;
  /** After which dimension of the stage the gap between planes lies. */
  readonly gap: readonly number[];
}
/** Its loops, inside the last stage's loop over blocks of columns. The weights are read once per block of rows: the next panel is asked for while one is at work. */
export const multiply = ({ planes, rows, vectors, block, weight, gap }: PlaneProduct, lanes: number): readonly Directive[] => [
  { split: "t", by: rows, into: ["to", "tr"], edge: "balance" },
  { split: "n", by: vectors * lanes, into: ["no", "ni"], edge: "peel" }, { split: "ni", by: lanes, into: ["nj", "nv"], edge: "peel" },
  { order: [...planes, "no", "to", "c", "tr", "nj", "nv"] },
  { place: ["tr", "nj"], as: "unroll" }, { place: ["nv"], as: "vector" },
  { computeAt: ["Y", "nb"], in: "scratch", pad: gap },
  ...panelHints(weight, block > vectors * lanes ? "no" : planes.at(-1)!, ["t"], Math.max(panelWidth, vectors * lanes), "c"),
];
/** The tensor that the planes are multiplied with. */
export const weightOf = (M: Stage): string => loadsIn([M.value]).find((l) => l.buffer !== "V")!.buffer;
/** Stages that clear the margin of the result. */
export const clearing = (c: Compute, set: InstructionSet): Readonly<Record<string, readonly Directive[]>> =>
  Object.fromEntries(c.stages.filter((s) => !s.reduce && c.outputs.some((o) => o.stage === s.name)).map((s) => [s.name, mapPlan(c, s, set).directives]));
