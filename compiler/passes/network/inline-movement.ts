/**
 * What only moves elements (Transpose, Slice, Split, Reshape, Expand) becomes an index map in the loads of its readers, and so does a Pad with
 * zeros that maps read, element by element: they test where they are, until margins make the tests vanish.
 * Needs: split-concats. Ensures: a movement is left only where a reader could not take it well: a reduction whose index
 * would no longer be a sum of multiples of axes, even of those that split-reductions makes, or an output of the model.
 * Also removes tensors that repeat a box of another one, as the shorter Concats of a dense block do.
 * Stands after fuse-tails has had the copies it can use (they write boxes), and runs before it a second time.
 */
import { constant, load, type Expr, type Load } from "../../ir/scalar.ts";
import { int, minus, numberOf, plus } from "../../ir/linear.ts";
import { both, loadsIn, rebuild, select, substitute } from "../../ir/algebra.ts";
import { axis, extentOf, type Axis, type Compute } from "../../ir/compute.ts";
import { sizeOf } from "../../ir/graph.ts";
import { contractionOf, isAffine, isMap, movementOf, unguarded } from "../../ir/contraction.ts";
import { loadsOfCompute, relist, usesOf, type Network } from "../../ir/network.ts";
import { readsWritten } from "../../ir/verify-compute.ts";
import { splitReductions } from "./split-reductions.ts";

/** Element `at(axes)` of `of`, zero where one of `guards` fails. */
interface Source { readonly of: string; readonly axes: readonly Axis[]; readonly at: readonly Expr[]; readonly guards?: readonly Expr[] }

export function inlineMovement(n: Network): Network {
  for (;;) {
    const next = step(n);
    if (next === n) return n;
    n = next;
  }
}
function step(n: Network): Network {
  const { readers, writers } = usesOf(n.computes);
  for (const [name, t] of n.tensors) {
    if (t.kind !== "temporary") continue;
    const made = writers.get(name) ?? [], read = readers.get(name) ?? [];
    const source = made.length ? sourceOf(made, t.shape) ?? paddedOf(n, made) : null;
    if (!source || read.length === 0 || n.tensors.get(source.of)!.kind === "output") continue;
    // A tensor written piece by piece is complete only after its last writer; a reader's place in the order must stay valid.
    const taken = new Map(read.map((r) => [r, take(r, name, source)]));
    if ([...taken.values()].includes(null)) continue;
    const tensors = new Map([...n.tensors].filter(([x]) => x !== name));
    return {
      ...n, tensors,
      computes: n.computes.filter((c) => !made.includes(c)).map((c) => { const r = taken.get(c); return r ? relist(r, n.tensors) : c; }),
    };
  }
  return n;
}
/** What the writers copy from, if it is one tensor by one index map. */
function sourceOf(made: readonly Compute[], shape: readonly number[]): Source | null {
  const all = made.map((c) => ({ m: movementOf(c), o: c.outputs[0]! }));
  const [first] = all;
  if (!first?.m) return null;
  if (all.length === 1 && !first.o.index) return { of: first.m.load.buffer, axes: first.m.stage.axes, at: first.m.load.at };
  // Several boxes: each must lie at the same distance from where it comes from.
  const axes = shape.map((n, d) => axis(`d${d}`, n));
  let shifts: readonly number[] | null = null;
  for (const { m, o } of all) {
    if (!m || m.load.buffer !== first.m.load.buffer || m.load.at.length !== axes.length) return null;
    const index = o.index ?? m.stage.axes, own: number[] = [];
    for (const [d, e] of m.load.at.entries()) {
      const shift = minus(e, index[d]!);
      if (shift.kind !== "const") return null;
      own.push(numberOf(shift));
    }
    if (shifts && own.some((x, d) => x !== shifts![d])) return null;
    shifts = own;
  }
  return { of: first.m.load.buffer, axes, at: axes.map((a, d) => plus(a, int(shifts![d]!))) };
}
/** Zeros become a margin, and more of them than this for each element would keep other readers of the elements from using whole lines of the cache. */
const mostZeros = 0.5;
/** What a map copies into the middle of a few zeros. */
function paddedOf(n: Network, [c, ...more]: readonly Compute[]): Source | null {
  const [s] = c!.stages;
  if (more.length || !isMap(c!) || s!.finish || s!.value.dtype !== "f32" || c!.outputs[0]!.index) return null;
  const { inner, guards, otherwise } = unguarded(s!.value);
  if (!guards.length || inner.kind !== "load" || otherwise?.kind !== "const" || otherwise.value !== 0 || loadsIn([...inner.at, ...guards]).length > 0) return null;
  const padded = sizeOf(s!.axes.map(extentOf)), own = sizeOf(n.tensors.get(inner.buffer)!.shape);
  return padded <= own * (1 + mostZeros) ? { of: inner.buffer, axes: s!.axes, at: inner.at, guards } : null;
}
function moved(l: Load, s: Source): Expr {
  const at = new Map(s.axes.map((a, d) => [a.name, l.at[d]!])), go = (e: Expr) => substitute(e, at), from = load(l.dtype, s.of, s.at.map(go));
  return s.guards ? select(s.guards.map(go).reduce(both), from, constant(l.dtype, 0)) : from;
}

/** The reader with the movement in its loads; null where it could not take it well. */
function take(r: Compute, name: string, s: Source): Compute | null {
  const next = redirect(r, name, s);
  if (next.outputs.some((o) => o.tensor === s.of && readsWritten(next, o))) return null;
  const offsets = s.at.length === s.axes.length && s.at.every((e, d) => minus(e, s.axes[d]!).kind === "const");
  if (s.guards) return isMap(r) && offsets && loadsOfCompute(r, name).every((l) => l.at.every((e, d) => e === r.stages[0]!.axes[d] || s.axes[d]!.range[1] === 0)) ? next : null;
  if (offsets || isMap(r)) return next;
  if (!r.stages.some((x) => contractionOf(r, x))) return null;
  const whole = splitReductions(next, s.of);
  return loadsOfCompute(whole, s.of).every((l) => isAffine(l.at)) ? whole : null;
}
function redirect(r: Compute, name: string, s: Source): Compute {
  const go = (e: Expr): Expr => rebuild(e, (x) => (x.kind === "load" && x.buffer === name ? moved(x, s) : x));
  return { ...r, stages: r.stages.map((x) => ({ ...x, value: go(x.value), ...(x.finish ? { finish: go(x.finish) } : {}) })) };
}
