/** Weights re-laid at compile time so that the inner loop reads them contiguously. */
import { load, variables, type Load } from "../ir/scalar.ts";
import { loadsIn, rebuild } from "../ir/algebra.ts";
import { extentOf, rowMajor, type Axis, type Compute, type Layout, type Stage, type Tensor } from "../ir/compute.ts";
import { expressionsOfStage } from "../ir/network.ts";
import { addressOf, stepOf, withStage } from "./access.ts";

/** Columns of a panel: AVX-512 takes two panels at a time, AVX2 two vectors, NEON four. */
export const panelWidth = 16;
/** Whether what a load reads, and in which order, is known at compile time, so that it can be packed. */
export function isWeight(c: Compute, l: Load): boolean {
  if (c.tensors.find((t) => t.name === l.buffer)?.role !== "weight" || loadsIn(l.at).length > 0) return false;
  // Sizes of a run are in no axis.
  const axes = new Set(c.stages.flatMap((s) => [...s.axes, ...(s.reduce?.axes ?? [])].map((a) => a.name)));
  return l.at.every((i) => [...variables(i)].every((v) => axes.has(v)));
}
/** Whether a load moves with an axis. */
export const uses = (l: Load, a: Axis): boolean => l.at.some((i) => variables(i).has(a.name));
interface Packed { readonly compute: Compute; readonly stage: Stage }

/** A new constant over `axes` in the place of the load `l` of a weight; the old one goes where nothing else reads it. */
function replaceWeight(c: Compute, s: Stage, l: Load, name: string, axes: readonly Axis[], layout: Layout): Packed {
  const { memory } = c.tensors.find((t) => t.name === l.buffer)!.layout;
  const packed: Tensor = { name, dtype: l.dtype, shape: axes.map(extentOf), layout: memory ? { ...layout, memory } : layout, role: "weight", source: { of: l.buffer, axes, at: l.at } };
  const by = load(l.dtype, name, axes), swap = (e: Stage["value"]) => rebuild(e, (x) => (x === l ? by : x));
  const stage: Stage = { ...s, value: swap(s.value), ...(s.finish ? { finish: swap(s.finish) } : {}) };
  const compute = withStage(c, stage), stillRead = loadsIn(compute.stages.flatMap(expressionsOfStage), l.buffer).length > 0;
  return { compute: { ...compute, tensors: [...c.tensors.filter((x) => x.name !== l.buffer || stillRead), packed] }, stage };
}
/** For products: outer axes, panels of the columns `n`, the reduction in loop order, the columns of a panel. */
export function packPanels(c: Compute, s: Stage, l: Load, name: string, outer: readonly Axis[], ks: readonly Axis[], n: Axis): Packed {
  const axes = [...outer, ...ks, n], last = axes.length - 1;
  const whole = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ dim: from + i }));
  return replaceWeight(c, s, l, name, axes, {
    parts: [...whole(0, outer.length), { dim: last, quo: panelWidth }, ...whole(outer.length, last), { dim: last, rem: panelWidth }],
  });
}
/** For lanes along `lane`: every weight that moves with it, but not in steps of 1, gets it as its innermost dimension. */
export function packLanes(c: Compute, s: Stage, lane: Axis): Packed {
  for (const l of loadsIn(expressionsOfStage(s))) {
    if (!isWeight(c, l) || !uses(l, lane) || stepOf(addressOf(c, l), lane) === 1) continue;
    const own = c.tensors.filter((t) => t.name.startsWith(`${l.buffer}_lanes`)).length;
    const axes = [...s.axes, ...(s.reduce?.axes ?? [])].filter((a) => a !== lane && uses(l, a));
    ({ compute: c, stage: s } = replaceWeight(c, s, l, `${l.buffer}_lanes${own || ""}`, [...axes, lane], rowMajor(axes.length + 1)));
  }
  return { compute: c, stage: s };
}
