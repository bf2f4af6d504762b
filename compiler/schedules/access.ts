/** What a stage reads and writes, as addresses over its axes: all that a schedule needs to know about layouts. */
import { mentions, type Expr, type Load } from "../ir/scalar.ts";
import { linear } from "../ir/linear.ts";
import { loadsIn } from "../ir/algebra.ts";
import { address, extentOf, rowMajor, type Axis, type Compute, type Stage } from "../ir/compute.ts";
import { limitsOf } from "../ir/extents.ts";
import { expressionsOfStage } from "../ir/network.ts";
import type { Directive } from "../ir/schedule.ts";

/** A load, or the store where `load` is null, and its address in elements. */
export interface Access { readonly load: Load | null; readonly address: Expr }
/** A stage as the Compute has it: a schedule may be asked about it with some axes standing still. */
const wholeOf = (c: Compute, name: string): Stage => c.stages.find((x) => x.name === name)!;
/** The Compute with another form of a stage, which keeps all its axes, and with `before` in front of it. */
export const withStage = (c: Compute, s: Stage, before: readonly Stage[] = []): Compute =>
  ({ ...c, stages: c.stages.flatMap((x) => (x.name === s.name ? [...before, { ...s, axes: x.axes }] : [x])) });
/** Every load of the stage, and its store (`load` null). Earlier stages count as row-major over their axes. */
export function accessesOf(c: Compute, s: Stage): readonly Access[] {
  const out = c.outputs.find((o) => o.stage === s.name), { axes } = wholeOf(c, s.name), extents = axes.map(extentOf);
  const store = out ? address(out.shape, out.layout, out.index ?? axes) : address(extents, rowMajor(extents.length), axes);
  return [{ load: null, address: store }, ...loadsIn(expressionsOfStage(s)).map((load) => ({ load, address: addressOf(c, load) }))];
}
/** The address of a load, in elements, over the axes of the stage that loads; earlier stages count as row-major. */
export function addressOf(c: Compute, l: Load): Expr {
  const t = c.tensors.find((x) => x.name === l.buffer);
  if (t) return address(t.shape, t.layout, l.at);
  const shape = wholeOf(c, l.buffer).axes.map(extentOf);
  return address(shape, rowMajor(shape.length), l.at);
}
/** How far one step of the axis moves the address; null where that is not the same everywhere. */
export function stepOf(address: Expr, a: Axis): number | null {
  const l = linear(address), own = new Set([a.name]);
  for (const atom of l.terms.keys()) if (atom !== a && mentions(atom, own)) return null;
  return l.terms.get(a) ?? 0;
}
/** Whether the loops `outer` and `inner` can become one: everywhere a step of `outer` is a whole turn of `inner`. */
export const merges = (list: readonly Access[], outer: Axis, inner: Axis): boolean => list.every(({ address }) => {
  const a = stepOf(address, outer), b = stepOf(address, inner);
  return a !== null && b !== null && a === b * extentOf(inner);
});
/** Axes by the distance their steps move an address, farthest first; axes of one element come first of all. */
export const byStep = (axes: readonly Axis[], address: Expr): readonly Axis[] =>
  [...axes].sort((a, b) => rank(b, address) - rank(a, address));
const rank = (a: Axis, address: Expr) => (a.range[1] === 0 ? Infinity : Math.abs(stepOf(address, a) ?? 0));

/** A loop made of one or more axes. */
export interface FusedLoop { readonly name: string; readonly extent: number; readonly axes: readonly Axis[] }
/** The axes of a stage that end where only a run knows. */
export const openAxes = (c: Compute, s: Stage): ReadonlySet<Axis> => new Set([
  ...(c.outputs.some((o) => o.sizes) ? limitsOf(c, wholeOf(c, s.name)) : []).flatMap((e, i) => (e ? [wholeOf(c, s.name).axes[i]!] : [])), ...(s.reduce?.ends ?? []).flatMap((e, i) => (e ? [s.reduce!.axes[i]!] : [])),
]);
/**
 * Fuses neighbours of `axes` (outermost first), from the innermost outwards, as long as all accesses allow. Inside others, loops that are `open`
 * could not end early any more.
 */
export function fuseInner(axes: readonly Axis[], list: readonly Access[], open: ReadonlySet<Axis>): { loops: readonly FusedLoop[]; directives: readonly Directive[] } {
  const loops: FusedLoop[] = [], directives: Directive[] = [];
  for (const a of [...axes].reverse()) {
    const inner = loops[0];
    if (inner && extentOf(a) > 1 && inner.extent > 1 && !inner.axes.some((x) => open.has(x)) && merges(list, a, inner.axes[0]!)) {
      const name = `${a.name}${inner.name}`;
      directives.push({ fuse: [a.name, inner.name], into: name });
      loops[0] = { name, extent: extentOf(a) * inner.extent, axes: [a, ...inner.axes] };
    } else loops.unshift({ name: a.name, extent: extentOf(a), axes: [a] });
  }
  return { loops, directives };
}
