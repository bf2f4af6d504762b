/**
 * How much of a Compute a run needs, where its outputs have sizes that only the run knows. All is told from index maps: what a stage must
 * make reaches as far as what is read of it, and a sum ends where a test says that nothing more is added.
 */
import { mentions, variable, type Expr } from "./scalar.ts";
import { int, isFixed, linear, minus, plus, range, times } from "./linear.ts";
import { both, loadsIn, make, select, substitute } from "./algebra.ts";
import { extentOf, neutral, type Axis, type Compute, type Output, type Reduction, type Stage } from "./compute.ts";
import { unguarded } from "./contraction.ts";
import { recurrencesOf } from "./recurrence.ts";
import type { Sizes } from "./symbols.ts";
import type { DType } from "./types.ts";

/** The smaller of a size and a bound, at least 0. */
export const clampSize = (size: Expr, most: number): Expr => make("max", int(0), make("min", size, int(most)));
/** How many steps of `by` it takes to reach a size, which counts as 0 where it is less. */
export const stepsTo = (size: Expr, by: number): Expr => (by === 1 ? make("max", int(0), size) : make("quo", plus(make("max", int(0), size), int(by - 1)), int(by)));

/** One more than the greatest value of an index whose variables end at `tops`, others at their ranges; undefined where nothing better than a number is known. */
export function limitOf(e: Expr, tops: ReadonlyMap<string, Expr>): Expr | undefined {
  const most = (x: Expr): Expr | null => {
    const { terms, constant } = linear(x);
    let sum = int(constant);
    for (const [atom, c] of terms) {
      if (c < 0 && !isFixed(atom)) { const [low] = range(atom); if (!Number.isFinite(low)) return null; sum = plus(sum, int(c * low)); continue; }
      const top = isFixed(atom) ? atom : ofAtom(atom);
      if (!top) return null;
      sum = plus(sum, times(top, c));
    }
    return sum;
  };
  const ofAtom = (x: Expr): Expr | null => {
    const [, high] = range(x), known = Number.isFinite(high) ? int(high) : null;
    if (x.kind === "var") { const top = tops.get(x.name); return top ? plus(top, int(-1)) : known; }
    if (x.kind !== "apply") return known;
    const [a, b] = x.args as [Expr, Expr];
    switch (x.op) {
      // A size of 0 ends before the first element: the quotient of -1 had better not be asked for.
      case "quo": { const top = b.kind === "const" ? most(a) : null; return top ? make("quo", make("max", int(0), top), b) : known; }
      case "min": case "max": { const p = most(a), q = most(b); return p && q ? make(x.op, p, q) : known; }
      default: return known;
    }
  };
  const top = most(e);
  return top ? plus(top, int(1)) : undefined;
}
/** How far an axis of an output's stage must go. */
function topOf(a: Axis, o: Output, s: Stage): Expr | undefined {
  let least: Expr | undefined;
  (o.index ?? s.axes).forEach((e, d) => {
    const size = o.sizes?.[d];
    if (!size) return;
    // Backwards from the last, and at the first one from then on.
    if (e === make("max", int(0), minus(plus(size, int(-1)), a))) { least = least ? make("min", least, size) : size; return; }
    const { terms } = linear(e), own = new Set([a.name]), mine = [...terms].filter(([atom]) => mentions(atom, own));
    if (mine.length !== 1 || mine[0]![1] < 0) return;
    const [atom, c] = mine[0]!, low = range(minus(e, times(atom, c)))[0], steps = stepsTo(minus(size, int(low)), c);
    const by = atom.kind === "apply" && atom.op === "quo" && atom.args[0] === a && atom.args[1]!.kind === "const" ? Number(atom.args[1]!.value) : atom === a ? 1 : 0;
    if (by === 0) return;
    const top = times(steps, by);
    least = least ? make("min", least, top) : top;
  });
  return least && make("min", least, int(extentOf(a)));
}
/** One more than the greatest value that an index over a stage's axes takes for anything that a run needs; undefined where that is not known to be less than always. */
export function reachOf(c: Compute, s: Stage, index: Expr): Expr | undefined {
  const steps = recurrencesOf(c).find((r) => r.stages.includes(s));
  let most: Expr | undefined;
  const reach = (limit: Expr | undefined): boolean => { if (limit) most = most ? make("max", most, limit) : limit; return limit !== undefined; };
  for (const o of c.outputs) {
    if (o.stage !== s.name) continue;
    const tops = new Map(s.axes.flatMap((a) => { const top = topOf(a, o, s); return top ? [[a.name, top] as const] : []; }));
    if (!reach(limitOf(index, tops))) return undefined;
  }
  for (const user of c.stages) {
    if (steps?.stages.includes(user)) { if (index !== steps.time) return undefined; continue; }
    const ends = endsOf(user), inner = (user.reduce?.axes ?? []).map((k, i) => ({ from: k, to: variable("index", `${user.name}/${k.name}`, 1, k.range), end: ends?.ends[i] }));
    const fresh = new Map<string, Expr>(inner.map(({ from, to }) => [from.name, to]));
    for (const l of loadsIn(user.finish ? [user.value, user.finish] : [user.value], s.name)) {
      let there = substitute(index, new Map(s.axes.map((a, i) => [a.name, substitute(l.at[i]!, fresh)])));
      // A sum that ends early reaches no further than its end.
      for (const { to, end } of inner) if (end && mentions(there, new Set([to.name]))) { const top = limitOf(there, new Map([[to.name, end]])); if (top && !mentions(top, new Set([to.name]))) there = endingAt(there, to, end); }
      if (!reach(reachOf(c, user, there))) return undefined;
    }
  }
  return most;
}
/** The index with its variable at the end, where it grows with it. */
const endingAt = (e: Expr, v: Expr, end: Expr): Expr => ((linear(e).terms.get(v) ?? 0) > 0 ? substitute(e, new Map([[(v as Axis).name, plus(end, int(-1))]])) : e);
/** For each axis of a stage, how far a run needs it: undefined where that is all of it, for anything that is known. */
export const limitsOf = (c: Compute, s: Stage): Sizes => s.axes.map((a, i) => {
  const limit = s.ends?.[i] ?? reachOf(c, s, a);
  return limit && isLess(limit, extentOf(a)) ? clampSize(limit, extentOf(a)) : undefined;
});
const isLess = (size: Expr, extent: number): boolean => range(size)[0] < extent;

/** Where the axes of a reduction end, as tests around its value say; and the value without those tests. Null where there are none. */
export function endsOf(s: Stage): { readonly ends: Sizes; readonly value: Expr } | null {
  if (!s.reduce || s.reduce.op === "repeat") return null;
  if (s.reduce.ends) return { ends: s.reduce.ends, value: s.value };
  const { op, axes } = s.reduce, { inner, guards, otherwise } = unguarded(s.value);
  if (!isNeutral(op, s.value.dtype, otherwise)) return null;
  const ends: (Expr | undefined)[] = axes.map(() => undefined);
  const rest = guards.filter((g) => {
    const tested = endIn(g, axes);
    if (!tested || ![...linear(tested.end).terms.keys()].every(isFixed) || tested.end.kind === "const") return true;
    const i = axes.indexOf(tested.axis);
    ends[i] = ends[i] ? make("min", ends[i], tested.end) : tested.end;
    return false;
  });
  if (rest.length === guards.length) return null;
  return { ends: ends.map((e, i) => e && clampSize(e, extentOf(axes[i]!))), value: rest.length ? select(rest.reduce(both), inner, otherwise) : inner };
}
/**
 * Where axes of a reduction end for each element by itself: data says so, by a test of an axis against what is loaded for the element. The
 * stage is as it was; `without` is its value less the tests of the axes that it is given.
 */
export interface DataEnds {
  readonly ends: ReadonlyMap<Axis, Expr>;
  readonly without: (axes: ReadonlySet<Axis>) => Expr;
}
/** Null where no axis ends so. */
export function dataEndsOf(s: Stage): DataEnds | null {
  if (!s.reduce || s.reduce.op === "repeat") return null;
  const { op, axes } = s.reduce, { inner, guards, otherwise } = unguarded(s.value);
  if (!isNeutral(op, s.value.dtype, otherwise)) return null;
  const inside = new Set(axes.map((a) => a.name)), found = guards.map((g) => {
    const tested = endIn(g, axes);
    return tested && !mentions(tested.end, inside) && loadsIn([tested.end]).length > 0 ? tested : null;
  });
  const ends = new Map<Axis, Expr>();
  for (const t of found) if (t) { const known = ends.get(t.axis), end = clampSize(t.end, extentOf(t.axis)); ends.set(t.axis, known ? make("min", known, end) : end); }
  return ends.size === 0 ? null : { ends, without: (gone) => guards.reduceRight((e, g, i) => (found[i] && gone.has(found[i].axis) ? e : select(g, e, otherwise)), inner) };
}
/** The axis of a reduction that a test lets go so far and no further. */
function endIn(test: Expr, axes: readonly Axis[]): { readonly axis: Axis; readonly end: Expr } | null {
  if (test.kind !== "apply" || test.op !== "less" || test.args[0]!.dtype !== "index") return null;
  const left = minus(test.args[1]!, test.args[0]!), axis = axes.find((k) => linear(left).terms.get(k) === -1);
  return axis ? { axis, end: plus(left, axis) } : null;
}
/** Whether a value adds nothing to a reduction. */
const isNeutral = (op: Reduction, t: DType, e: Expr | null): e is Expr => e?.kind === "const" && (e.value === neutral(op, t) || (op === "add" && Number(e.value) === 0));
