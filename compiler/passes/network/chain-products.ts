/**
 * A product, maps and reductions of its rows, and a product of what they make, such as attention's softmax(Q K) V, become one
 * Compute, so that a schedule can keep some rows at a time near the processor: the matrix between the products is never whole.
 * Needs: fusing is done, so that scales and masks stand in the first product's tail. Ensures: the first product's stage, and those
 * of the rows, have the second one's summed axis and its rows as their last axes; a factor that is the same for a whole row,
 * such as one over softmax's sum, stands behind the second product. Does nothing for grids, where a group has no room for rows.
 * Stands before layouts, which ask both products at once.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { loadsIn, mul, rebuild, substitute } from "../../ir/algebra.ts";
import { acc, axis, extentOf, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { contractionOf, isFloat32 } from "../../ir/contraction.ts";
import { int } from "../../ir/linear.ts";
import { expressionsOfStage, relist, usesOf, type Network } from "../../ir/network.ts";
import { recurrencesOf } from "../../ir/recurrence.ts";
import { load, mentions, type Expr, type Load } from "../../ir/scalar.ts";

/** With fewer rows, most lanes along them would be idle. */
const fewestRows = 8;

/** The same results, with every such pair of products one Compute. */
export function chainProducts(n: Network, facts: TargetFacts): Network {
  if (facts.grid) return n;
  const { readers, writers } = usesOf(n.computes), gone = new Set<string>(), replaced = new Map<Compute, Compute | null>();
  /** Who makes a temporary whole, for one reader only. */
  const soleMaker = (name: string): Compute | null => {
    const [made, ...more] = writers.get(name) ?? [], o = made?.outputs[0];
    return made && !more.length && n.tensors.get(name)!.kind === "temporary" && readers.get(name)!.length === 1 && made.outputs.length === 1 && !o!.index && !replaced.has(made) ? made : null;
  };
  for (const c of n.computes) {
    const p = c.stages.length === 1 ? contractionOf(c, c.stages[0]!) : null;
    for (const through of p && !p.guards.length ? [p.a, p.b] : []) {
      const rows = soleMaker(through.buffer), scores = rows && scoresOf(rows), first = scores && soleMaker(scores), chain = first && !replaced.has(c) && chained(first, rows, c, through);
      if (!chain) continue;
      for (const x of [first, rows]) replaced.set(x, null);
      replaced.set(c, relist(chain, n.tensors));
      for (const t of [scores, through.buffer]) gone.add(t);
    }
  }
  if (gone.size === 0) return n;
  const tensors = new Map([...n.tensors].filter(([name]) => !gone.has(name)));
  return { ...n, tensors, computes: n.computes.flatMap((c) => { const r = replaced.get(c); return r === undefined ? [c] : r ? [r] : []; }) };
}
const isSame = (a: readonly unknown[], b: readonly unknown[]) => a.length === b.length && a.every((x, i) => x === b[i]);
/** What `c` reads element by element, if it works along the rows of its result: maps, and reductions along the last axis. */
function scoresOf(c: Compute): string | null {
  const all = c.stages.at(-1)!.axes, k = all.at(-1), outer = all.slice(0, -1);
  if (c.stages.length < 2 || all.length < 2 || recurrencesOf(c).length) return null;
  const along = (s: Stage) => (s.reduce ? isSame(s.reduce.axes, [k]) && isSame(s.axes, outer) : isSame(s.axes, all) || isSame(s.axes, outer));
  const read = c.tensors.filter((t) => loadsIn(c.stages.flatMap(expressionsOfStage), t.name).some((l) => isSame(l.at, all)));
  const [whole] = read.filter((t) => t.role === "input" && isSame(t.shape, all.map(extentOf)));
  return whole && c.stages.every(along) && loadsIn(c.stages.flatMap(expressionsOfStage), whole.name).every((l) => isSame(l.at, all)) ? whole.name : null;
}

/** The three as one, where `through` is what `last` reads of `rows`; null where their axes do not go together. */
function chained(first: Compute, rows: Compute, last: Compute, through: Load): Compute | null {
  const out = last.stages[0]!, s = first.stages[0]!, p = contractionOf(first, s), all = rows.stages.at(-1)!.axes;
  if (first.stages.length !== 1 || !p || p.guards.length || ![...first.stages, ...rows.stages, out].every(isFloat32)) return null;
  const [summed, ...others] = out.reduce!.axes, row = through.at.at(-2);
  const isOwn = (e: Expr) => out.axes.some((a) => a === e), fits = (e: Expr, i: number) => isOwn(e) || (e === int(0) && extentOf(all[i]!) === 1);
  if (others.length || through.at.at(-1) !== summed || !through.at.slice(0, -1).every(fits) || new Set(through.at.filter(isOwn)).size !== through.at.filter(isOwn).length) return null;
  const inner = contractionOf(last, out)!, other = inner.a === through ? inner.b : inner.a, moves = (l: Load, a: Expr) => l.at.some((e) => mentions(e, new Set([(a as Axis).name])));
  const [from, to] = s.axes.slice(-2) as [Axis, Axis], [q, k] = moves(p.a, to) ? [p.b, p.a] : [p.a, p.b];
  if (!row || !isOwn(row) || extentOf(row as Axis) < fewestRows || moves(other, row) || moves(q, to) || moves(k, from)) return null;

  const lead = through.at.slice(0, -2).filter(isOwn) as Axis[], taken = new Set<string>();
  const named = (name: string, i = 0): string => { const x = i ? `${name}${i}` : name; if (taken.has(x)) return named(name, i + 1); taken.add(x); return x; };
  /** Stages of the rows have axes [lead, summed, row] or [lead, row]: of which of their old axes. */
  const order = (old: readonly Axis[]) => {
    const own = old.map((_, i) => (i === all.length - 1 ? summed! : through.at[i]!)), axes = [...lead, ...(old.length === all.length ? [summed!] : []), row as Axis];
    return { axes, of: axes.map((a) => own.indexOf(a)) };
  };
  const names = new Map<string, string>([[out.name, named(out.name)]]), scores = named("scores"), made = rows.outputs[0]!.stage, sums = out.reduce!.axes.map((a) => a.name);
  for (const x of rows.stages) names.set(x.name, x.name === out.name ? named(`${x.name}_rows`) : named(x.name));
  const move = (e: Expr, axes: readonly Axis[], images: readonly Expr[]): Expr => {
    const by = new Map(axes.map((a, i) => [a.name, images[i]!]));
    return rebuild(e, (x) => {
      if (x.kind === "var") return by.get(x.name) ?? x;
      const stage = rows.stages.find((r) => r.name === x.buffer), isScore = x.buffer === first.outputs[0]!.tensor;
      if (!stage && !isScore) return x;
      return load(x.dtype, isScore ? scores : names.get(x.buffer)!, order(stage?.axes ?? all).of.map((i) => x.at[i]!));
    });
  };
  const deep = s.reduce!.axes.map((a) => axis(uniqueName(`${a.name}s`, [...out.axes.map((x) => x.name), ...sums]), extentOf(a)));
  const images = [...through.at.slice(0, -1), summed!];
  const product: Stage = {
    name: scores, axes: order(all).axes, value: move(s.value, [...s.axes, ...s.reduce!.axes], [...images, ...deep]), reduce: { op: "add", axes: deep },
    ...(s.finish ? { finish: move(s.finish, s.axes, images) } : {}),
  };
  const between = rows.stages.map((x): Stage => ({
    name: names.get(x.name)!, axes: order(x.axes).axes, value: move(x.value, all, images),
    ...(x.reduce ? { reduce: { op: x.reduce.op, axes: [summed!] } } : {}), ...(x.finish ? { finish: move(x.finish, all, images) } : {}),
  }));
  const result = between.find((x) => x.name === names.get(made))!, { element, factor } = apart(result, summed!, between);
  const value = rebuild(out.value, (x) => (x === through ? element ?? load(x.dtype, result.name, result.axes) : x));
  const scaled = factor ? substitute(out.finish ?? acc, new Map([["acc", mul(acc, factor)]])) : out.finish;
  return {
    name: "attention", origin: [...new Set([...first.origin, ...rows.origin, ...last.origin])], tensors: [...first.tensors, ...rows.tensors, ...last.tensors],
    stages: [product, ...between.filter((x) => !element || x !== result), { ...out, value, ...(scaled ? { finish: scaled } : {}) }], outputs: last.outputs,
  };
}
const uniqueName = (name: string, taken: readonly string[]): string => (taken.includes(name) ? uniqueName(`${name}s`, taken) : name);
/** An element that is a product of one of an earlier stage and a factor that is the same for all of `along`. */
function apart(s: Stage, along: Axis, stages: readonly Stage[]): { readonly element?: Load; readonly factor?: Load } {
  const { value } = s, parts = value.kind === "apply" && value.op === "mul" && !s.reduce && !s.finish ? value.args : [];
  const loads = parts.filter((x): x is Load => x.kind === "load" && stages.some((y) => y.name === x.buffer)), turns = (l: Load) => l.at.some((e) => mentions(e, new Set([along.name])));
  const element = loads.find((l) => isSame(l.at, s.axes)), factor = loads.find((l) => !turns(l));
  return element && factor && loads.length === 2 ? { element, factor } : {};
}
