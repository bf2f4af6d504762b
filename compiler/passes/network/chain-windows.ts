/**
 * A window over each channel (a depthwise convolution, a pool) and the product that sums over these channels become one Compute, so that a schedule
 * can take some rows at a time through both: what lies between them stays near the processor, and is never whole in memory.
 * Needs: fusing is done; the algorithms are chosen, since Strassen's product wants all rows at once. Ensures: the window's stage has the
 * product's rows as its axes and the channels as its last one. Does nothing for grids, where a group has no room for rows, and where
 * sizes are known to a run only.
 * Stands before margins, which only the window's operand gets.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { loadsIn, rebuild, substitute } from "../../ir/algebra.ts";
import { axis, extentOf, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { contractionOf, isFloat32, windowDims, type Contraction } from "../../ir/contraction.ts";
import { sizeOf } from "../../ir/graph.ts";
import { int } from "../../ir/linear.ts";
import { relist, usesOf, type Network } from "../../ir/network.ts";
import { load, type Expr } from "../../ir/scalar.ts";

/** A quarter of a second cache: fewer bytes between the two stay there anyway, and more bytes of weights, which each block of rows reads, do not. */
const quarter = 256 * 1024;

/** The same results, with every such pair one Compute. */
export function chainWindows(n: Network, facts: TargetFacts): Network {
  if (facts.grid) return n;
  const { readers, writers } = usesOf(n.computes), gone = new Set<string>(), replaced = new Map<Compute, Compute | null>();
  for (const c of n.computes) {
    const p = c.stages.length === 1 && !c.algorithm ? contractionOf(c, c.stages[0]!) : null, t = p && n.tensors.get(p.a.buffer);
    if (t?.kind !== "temporary" || t.sizes?.some(Boolean) || 4 * sizeOf(t.shape) < quarter || 4 * sizeOf(c.tensors.find((x) => x.name === p!.b.buffer)!.shape) > quarter) continue;
    const [window, ...more] = writers.get(t.name) ?? [], chain = window && !more.length && readers.get(t.name)!.length === 1 ? chained(window, c) : null;
    if (!chain) continue;
    replaced.set(window!, null);
    replaced.set(c, relist(chain, n.tensors));
    gone.add(t.name);
  }
  if (gone.size === 0) return n;
  const tensors = new Map([...n.tensors].filter(([name]) => !gone.has(name)));
  return { ...n, tensors, computes: n.computes.flatMap((c) => { const r = replaced.get(c); return r === undefined ? [c] : r ? [r] : []; }) };
}

/** What the product reads of the window's result: `at` for each dimension, of which `k`, its only sum, is the channel and `rows` are axes of the product. */
interface Places { readonly at: readonly Expr[]; readonly k: Axis; readonly rows: readonly Axis[] }
/** Null unless every element is read once for each column, at its own place. */
function placesOf(w: Stage, out: Stage, p: Contraction): Places | null {
  const single = new Map([...out.axes, ...out.reduce!.axes].filter((a) => extentOf(a) === 1).map((a) => [a.name, int(0)])), at = p.a.at.map((e) => substitute(e, single));
  const [k, ...more] = out.reduce!.axes.filter((a) => extentOf(a) > 1), rows = out.axes.filter((a) => at.includes(a));
  const isOwn = (e: Expr, d: number) => (e === k || out.axes.some((a) => a === e) ? extentOf(e as Axis) === extentOf(w.axes[d]!) : e === int(0) && extentOf(w.axes[d]!) === 1);
  const isOnce = at.filter((e) => e !== int(0)).length === rows.length + 1 && p.rows.every((a) => extentOf(a) === 1 || rows.includes(a));
  return k && !more.length && !p.guards.length && at.includes(k) && at.every(isOwn) && isOnce ? { at, k, rows } : null;
}
/** Whether a Compute is one window over each channel, and its elements lie where its axes say. */
function isWindow(c: Compute): boolean {
  const [w, ...others] = c.stages, [made, ...more] = c.outputs;
  if (!w?.reduce || others.length || more.length || c.algorithm || !isFloat32(w) || made!.index?.some((e, d) => e !== w.axes[d])) return false;
  return loadsIn([w.value]).filter((l) => windowDims(c, w, l).length > 0).length === 1 && !contractionOf(c, w)?.columns.some((a) => extentOf(a) > 1);
}
/** The two as one; null where the first is no window over each channel, or the second sums over anything else. */
function chained(window: Compute, c: Compute): Compute | null {
  const [w] = window.stages as [Stage], out = c.stages[0]!, p = contractionOf(c, out)!, places = isWindow(window) && isFloat32(out) && placesOf(w, out, p);
  if (!places || loadsIn(out.finish ? [out.finish] : [], p.a.buffer).length) return null;
  const { at, k, rows } = places, taken = new Set([...out.axes, ...out.reduce!.axes].map((a) => a.name)), free = (name: string): string => (taken.has(name) ? free(`${name}w`) : name);
  const taps = w.reduce!.axes.map((a) => axis(free(a.name), extentOf(a))), images = new Map<string, Expr>([...w.axes.map((a, d) => [a.name, at[d]!] as const), ...w.reduce!.axes.map((a, i) => [a.name, taps[i]!] as const)]);
  const move = (e: Expr) => rebuild(e, (x) => (x.kind === "var" ? images.get(x.name) ?? x : x)), axes = [...rows, k], name = w.name === out.name ? `${w.name}_window` : w.name;
  const first: Stage = { name, axes, value: move(w.value), reduce: { ...w.reduce!, axes: taps }, ...(w.finish ? { finish: move(w.finish) } : {}) };
  const last: Stage = { ...out, value: rebuild(out.value, (x) => (x === p.a ? load(x.dtype, name, axes) : x)) };
  return { ...c, name: `${window.name}_${c.name}`, origin: [...new Set([...window.origin, ...c.origin])], tensors: [...window.tensors, ...c.tensors], stages: [first, last] };
}
