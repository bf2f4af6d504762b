/** Schedules by hand, one for each way of saying something. */
import type { Layout } from "../../compiler/ir/compute.ts";
import type { Directive, Edge, Schedule, TensorDirective } from "../../compiler/ir/schedule.ts";

/** A register tile: rows x vectors of `lanes` floats. */
export interface Tile { readonly rows: number; readonly vectors: number; readonly lanes: number; readonly edge: Edge }
export const plain: Schedule = { stages: {} };
/** Panels of 16 columns, whole rows of a panel contiguous. */
export const panel = (rank: number): Layout =>
  ({ parts: [{ dim: rank - 1, quo: 16 }, ...Array.from({ length: rank - 1 }, (_, dim) => ({ dim })), { dim: rank - 1, rem: 16 }] });
const columns = (t: Tile): Directive[] => [
  { split: "n", by: t.vectors * t.lanes, into: ["no", "ni"], edge: "peel" }, { split: "ni", by: t.lanes, into: ["nj", "nv"], edge: "peel" },
];
const vector = (...unrolled: readonly string[]): Directive[] => [{ place: unrolled, as: "unroll" }, { place: ["nv"], as: "vector" }];

export const gemmTile = (t: Tile): Schedule => ({
  stages: { gemm: [{ split: "m", by: t.rows, into: ["mo", "mi"], edge: t.edge }, ...columns(t), { order: ["no", "mo", "k", "mi", "nj", "nv"] }, ...vector("mi", "nj")] },
  tensors: [{ pack: "W", layout: panel(2) }],
});
/** The taps of one row lie beside each other: kx and c are one run. */
export const convTile = (t: Tile): Schedule => ({
  stages: {
    conv: [
      { split: "x", by: t.rows, into: ["xo", "xi"], edge: t.edge }, ...columns(t), { fuse: ["kx", "c"], into: "run" },
      { order: ["no", "y", "xo", "ky", "run", "xi", "nj", "nv"] }, ...vector("xi", "nj"),
    ],
  },
  tensors: [{ pack: "W", layout: panel(4) }],
});
/** Rows and tiles at a border have bodies of their own, in which the tests are constants. */
export const borderTile = (t: Tile): Schedule => ({
  stages: {
    conv: [
      { split: "y", by: 1, into: ["yo", "yi"], edge: "border" }, { split: "x", by: t.rows, into: ["xo", "xi"], edge: "border" }, ...columns(t),
      { order: ["no", "yo", "yi", "xo", "ky", "kx", "c", "xi", "nj", "nv"] }, ...vector("ky", "kx", "xi", "nj"),
    ],
  },
  tensors: [{ pack: "W", layout: panel(4) }],
});
/** `tall` x `wide` outputs of one vector share their loads. */
export const depthwiseTile = (lanes: number, tall: number, wide: number, edge: Edge, stream = true): Schedule => ({
  stages: {
    dw: [
      { split: "y", by: tall, into: ["yo", "yi"], edge }, { split: "x", by: wide, into: ["xo", "xi"], edge }, { split: "c", by: lanes, into: ["co", "cv"], edge: "peel" },
      { order: ["yo", "xo", "co", "ky", "kx", "yi", "xi", "cv"] }, { place: ["yi", "xi", "ky", "kx"], as: "unroll" }, { place: ["cv"], as: "vector" },
      ...(stream ? [{ stream: "X" } as const] : []),
    ],
  },
});
/** Reductions and maps over k with lanes along it; all but the last stage inside the loop over rows. */
export function rowwise(lanes: number, last: string, inRegisters: readonly string[], inScratch: readonly string[] = []): Schedule {
  const over: Directive[] = [{ split: "k", by: lanes, into: ["ko", "kv"], edge: "peel" }, { place: ["kv"], as: "vector" }];
  const where = (into: "registers" | "scratch"): Directive[] => [...over, { computeAt: [last, "r"], in: into }];
  return { stages: Object.fromEntries([...inRegisters.map((s) => [s, where("registers")] as const), ...inScratch.map((s) => [s, where("scratch")] as const), [last, over]]) };
}
export const alsoPlaced = (s: Schedule, stage: string, loop: string, as: "parallel" | "group.x"): Schedule =>
  ({ ...s, stages: { ...s.stages, [stage]: [...s.stages[stage]!, { place: [loop], as }] } });

/** Groups of lanes x lanes work-items, each with a register tile of `each` x `each`; operands may pass through shared memory. */
export interface GpuTile { readonly lanes: number; readonly each: number; readonly depth: number; readonly shared: boolean; readonly vector: boolean }
const spread = (a: string, t: GpuTile): Directive[] => [
  { split: a, by: t.lanes * t.each, into: [`${a}g`, `${a}r`], edge: "guard" }, { split: `${a}r`, by: t.each, into: [`${a}l`, `${a}i`] },
];
const caches = (t: GpuTile, tensors: readonly string[], stage: string, loop: string): TensorDirective[] =>
  t.shared ? tensors.map((cache) => ({ cache, at: [stage, loop], in: "shared", over: t.lanes * t.lanes })) : [];
const placed = (t: GpuTile, m: string, n: string): Directive[] => [
  { place: [`${m}g`], as: "group.y" }, { place: [`${n}g`], as: "group.x" }, { place: [`${m}l`], as: "lane.y" }, { place: [`${n}l`], as: "lane.x" },
  { place: [`${m}i`], as: "unroll" }, { place: [`${n}i`], as: t.vector ? "vector" : "unroll" },
];
export const gemmGpu = (t: GpuTile): Schedule => ({
  stages: {
    gemm: [
      ...spread("m", t), ...spread("n", t), { split: "k", by: t.depth, into: ["ko", "ki"], edge: "guard" },
      { order: ["mg", "ng", "ml", "nl", "ko", "ki", "mi", "ni"] }, ...placed(t, "m", "n"),
    ],
  },
  tensors: caches(t, ["A", "W"], "gemm", "ko"),
});
export const convGpu = (t: GpuTile): Schedule => ({
  stages: {
    conv: [
      ...spread("x", t), ...spread("n", t), { split: "c", by: t.depth, into: ["co", "ci"], edge: "guard" },
      { order: ["y", "xg", "ng", "xl", "nl", "co", "ky", "kx", "ci", "xi", "ni"] }, { place: ["y"], as: "group.z" }, ...placed(t, "x", "n"),
    ],
  },
  tensors: caches(t, ["X", "W"], "conv", "co"),
});
/** One row per work-item. */
export const softmaxGpu = (lanes: number): Schedule => ({
  stages: {
    top: [{ computeAt: ["softmax", "rl"], in: "registers" }], sum: [{ computeAt: ["softmax", "rl"], in: "registers" }], e: [{ computeAt: ["softmax", "rl"], in: "scratch" }],
    softmax: [{ split: "r", by: lanes, into: ["rg", "rl"], edge: "guard" }, { place: ["rg"], as: "group.x" }, { place: ["rl"], as: "lane.x" }],
  },
});
