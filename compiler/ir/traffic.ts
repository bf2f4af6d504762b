/** What a Compute is called in reports, and how many bytes it has to move: facts that cost models and profiles read. */
import { extentOf, memoryType, resultType, type Compute, type Tensor } from "./compute.ts";
import { contractionOf, unguarded, windowDims } from "./contraction.ts";
import { range } from "./linear.ts";
import { loadsOfCompute } from "./network.ts";
import { mentions, type Load } from "./scalar.ts";
import { loadsIn } from "./algebra.ts";
import { types } from "./types.ts";

/** Bytes that go in and out if each element is moved once: of tensors made at run time, of the model's constants, of results. */
export interface Traffic { readonly read: number; readonly weights: number; readonly written: number }

/** The elements of a tensor that some load can touch: the box around them, which counts gaps between them as touched. */
function touched(t: Tensor, loads: readonly Load[]): number {
  return t.shape.reduce((n, extent, d) => {
    const spans = loads.map((l) => range(l.at[d]!)), low = Math.max(0, Math.min(...spans.map(([a]) => a))), high = Math.min(extent - 1, Math.max(...spans.map(([, b]) => b)));
    return n * Math.max(0, high - low + 1);
  }, 1);
}
/** See `Traffic`. */
export function trafficOf(c: Compute): Traffic {
  const bytes = (keep: (t: Tensor) => boolean) => c.tensors.filter(keep).reduce((sum, t) => {
    const loads = loadsOfCompute(c, t.name);
    return sum + (loads.length ? touched(t, loads) * types[memoryType(t)].bytes : 0);
  }, 0);
  const written = c.outputs.reduce((sum, o) => {
    const s = c.stages.find((x) => x.name === o.stage)!;
    return sum + s.axes.reduce((n, a) => n * extentOf(a), 1) * types[o.layout.memory ?? resultType(s)].bytes;
  }, 0);
  return { read: bytes((t) => t.role === "input"), weights: bytes((t) => t.role !== "input"), written };
}
/**
 * The Compute's name with what a reader wants to tell apart: the size of the window that slides and its step, "depthwise"
 * where a product has neither rows nor columns of its own, the tile of Winograd's algorithm.
 */
export function kindOf(c: Compute): string {
  if (c.algorithm) return c.algorithm.kind === "winograd" ? `${c.name} ${c.algorithm.tile.join("x")}` : c.name;
  for (const s of c.stages) {
    const p = contractionOf(c, s), loads = p ? [p.a] : s.reduce ? loadsIn([unguarded(s.value).inner]) : [], moving = loads.find((l) => windowDims(c, s, l).length > 0);
    const depthwise = p && p.rows.length > 0 && p.batch.some((a) => extentOf(a) > 1) && p.columns.every((a) => extentOf(a) === 1) ? "depthwise " : "";
    if (!moving) continue;
    const dims = windowDims(c, s, moving);
    const taps = dims.map((d) => s.reduce!.axes.filter((a) => mentions(moving.at[d]!, new Set([a.name]))).reduce((n, a) => n * extentOf(a), 1));
    return `${depthwise}${c.name} ${taps.join("x")}`;
  }
  return c.name;
}
