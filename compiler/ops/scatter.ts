/**
 * Scatter. Where updates are few, each element of the output looks through all of them. Else updates are sorted by the places that they go to, and
 * each place finds its own by bisection (scatter-places.ts), so that work does not grow with places times updates.
 */
import { both, convert, less, make, select } from "../ir/algebra.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { axis, neutral, type Axis, type Stage } from "../ir/compute.ts";
import { sizeOf, type Dim } from "../ir/graph.ts";
import { boundDim, bounded, expectType, fixedDim, indices, leastDim, like, product, runtimeIndex, showShape, timesDim, unflatten, withIndex } from "./helpers.ts";
import { from } from "./reduce.ts";
import { byPlaces, combination, reduction } from "./scatter-places.ts";
import { sizeExpr, type NodeView, type Op, type Resolver } from "./op.ts";

/** Comparisons of places with updates that are all made, and updates that are compared with any number of places. */
const fewComparisons = 1 << 14, fewUpdates = 16;
const isFew = (updates: Dim, places: Dim): boolean => boundDim(updates) <= fewUpdates || boundDim(timesDim(updates, places)) <= fewComparisons;

/**
 * Of updates `j`, the last that goes to the place at `places` stays there, or all are combined at `axes`. `hits`: whether it goes there.
 */
function compared(n: NodeView, count: Dim, places: readonly Axis[], hits: (j: Expr) => Expr, update: (j: Expr) => Expr): readonly Stage[] {
  const axes = n.axes(), most = boundDim(count), j = axis("j", most), op = combination(n), old = n.load(0, axes);
  const goes = typeof count === "number" ? hits(j) : both(less(j, count), hits(j));
  if (most === 0) return [{ name: "scatter", axes, value: old }];
  if (op) {
    const value = select(goes, update(j), constant(old.dtype, neutral(op, old.dtype)));
    const start: Stage = { name: "sum", axes, value, reduce: { op, axes: [j] } };
    return [start, { name: "scatter", axes, value: make(op, old, from(start, axes)) }];
  }
  const place = convert("i32", j), value = select(goes, place, like(place, neutral("max", "i32")));
  const last: Stage = { name: "last", axes: places, value, reduce: { op: "max", axes: [j] } };
  const found = from(last, places), known = bounded(convert("index", found), most);
  return [last, { name: "scatter", axes, value: select(less(found, like(found, 0)), old, update(known)) }];
}

const alongOf = (n: NodeView): number => n.axis(n.int("axis"), n.type(0).shape.length);
/** The places of a ScatterElements along its axis, as a list, where they are the same in all columns, and those are all that there are. */
function rowsOf(n: NodeView, g: Resolver): string | null {
  const along = alongOf(n), [, list] = n.node.inputs as [string, string], { shape } = n.type(0), wanted = n.type(1).shape, rest = g.constant("i64", [1], [-1]);
  if (!wanted.every((d, i) => i === along || d === shape[i])) return null;
  const isRow = (of: readonly Dim[]): boolean => of.every((d, i) => d === 1 || i + wanted.length - of.length === along);
  const c = g.known(list), maker = g.made(list), source = maker?.op === "Expand" ? maker.inputs[0]! : list;
  if (isRow(g.typeOf(source).shape)) return g.node("Reshape", [source, rest]);
  if (!c) return null;
  const inner = sizeOf(c.shape.slice(along + 1)), size = c.shape[along]!, data = c.data as ArrayLike<unknown>;
  const first = Array.from({ length: size }, (_, k) => c.data[k * inner]!);
  for (let i = 0; i < data.length; i++) if (data[i] !== first[Math.floor(i / inner) % size]) return null;
  return g.constant(c.dtype, [size], first);
}
/** As a ScatterND of rows. */
function asRows(n: NodeView, g: Resolver, rows: string): readonly string[] {
  const along = alongOf(n), rank = n.type(0).shape.length, [data, , updates] = n.node.inputs as [string, string, string];
  const perm = [along, ...Array.from({ length: rank }, (_, d) => d).filter((d) => d !== along)], back = perm.map((_, d) => perm.indexOf(d));
  const turned = (v: string, by: readonly number[]): string => (along ? g.node("Transpose", [v], { perm: by }) : v);
  const list = g.node("Reshape", [g.node("Cast", [rows], { to: 7 }), g.constant("i64", [2], [-1, 1])]);
  return [turned(g.node("ScatterND", [turned(data, perm), list, turned(updates, perm)], { reduction: n.string("reduction") }), back)];
}

/** ScatterElements, ScatterND. */
export const scatters: readonly Op[] = [
  {
    name: "ScatterElements", since: 18, inputs: [3, 3], attributes: { axis: { kind: "int", default: 0 }, ...reduction },
    infer: (n) => {
      const { dtype, shape } = n.type(0), along = alongOf(n), wanted = n.type(1).shape, update = n.type(2).shape;
      expectType(n, 1, indices);
      if (n.type(2).dtype !== dtype) n.fail(`updates are ${n.type(2).dtype}, but the data ${dtype}`);
      const fits = wanted.length === shape.length && update.length === shape.length
        && wanted.every((d, i) => n.same(d, update[i]!) && (i === along || d === shape[i] || boundDim(d) <= leastDim(shape[i]!)));
      if (!fits) n.fail(`indices ${showShape(wanted)} and updates ${showShape(update)} do not fit data ${showShape(shape)} along axis ${along}`);
      combination(n);
      return [n.type(0)];
    },
    resolve: (n, g) => {
      const along = alongOf(n), { shape } = n.type(0), wanted = n.type(1).shape, count = wanted[along], [all] = n.op.infer(n);
      if (count === undefined || isFew(count, product(all!.shape))) return undefined;
      const rows = rowsOf(n, g);
      if (rows) return asRows(n, g, rows);
      const columns = wanted.filter((_, d) => d !== along);
      return isFew(count, product(combination(n) ? shape : [...columns, shape[along]!])) ? undefined : byPlaces(n, g, count, { axis: along });
    },
    lower: (n) => {
      const { shape } = n.type(0), along = alongOf(n), wanted = n.type(1).shape, axes = n.axes();
      const inside = axes.reduce<Expr>((all, a, d) => (d === along || wanted[d] === shape[d] ? all : both(all, less(a, sizeExpr(wanted[d]!)))), constant("bool", 1));
      const clamped = axes.map((a, d) => (d === along ? a : bounded(a, wanted[d]!)));
      const target = (j: Expr) => runtimeIndex(n.load(1, withIndex(clamped, along, j)), shape[along]!);
      const hits = (j: Expr) => both(inside, make("equal", target(j), axes[along]!)), isEmpty = n.in(1).shape.includes(0);
      return n.compute(compared(n, isEmpty ? 0 : wanted[along]!, axes, hits, (j) => n.load(2, withIndex(clamped, along, j))));
    },
  },
  {
    name: "ScatterND", since: 18, inputs: [3, 3], attributes: reduction,
    infer: (n) => {
      const { dtype, shape } = n.type(0), wanted = n.type(1).shape, depth = fixedDim(n, wanted.at(-1) ?? 0, "the length of an index"), update = [...wanted.slice(0, -1), ...shape.slice(depth)];
      expectType(n, 1, ["i64"]);
      if (n.type(2).dtype !== dtype) n.fail(`updates are ${n.type(2).dtype}, but the data ${dtype}`);
      if (wanted.length === 0 || depth > shape.length) n.fail(`indices of shape ${showShape(wanted)} do not fit data of shape ${showShape(shape)}`);
      const found = n.type(2).shape;
      if (found.length !== update.length || !found.every((d, i) => n.same(d, update[i]!))) n.fail(`updates have shape ${showShape(found)}, but must have ${showShape(update)}`);
      combination(n);
      return [n.type(0)];
    },
    resolve: (n, g) => {
      n.op.infer(n);
      const { shape } = n.type(0), wanted = n.type(1).shape, depth = wanted.at(-1) as number, count = product(wanted.slice(0, -1));
      return depth === 0 || isFew(count, product(combination(n) ? shape : shape.slice(0, depth))) ? undefined : byPlaces(n, g, count, { depth });
    },
    lower: (n) => {
      const { shape } = n.type(0), wanted = n.type(1).shape, outer = wanted.slice(0, -1), depth = n.in(1).shape.at(-1)!, axes = n.axes();
      const update = (j: Expr) => unflatten(j, outer).map((e, d) => bounded(e, boundDim(outer[d]!)));
      const hit = (j: Expr) => axes.slice(0, depth).reduce<Expr>((all, a, d) => both(all, make("equal", runtimeIndex(n.load(1, [...update(j), constant("index", d)]), shape[d]!), a)), constant("bool", 1));
      return n.compute(compared(n, product(outer), axes.slice(0, depth), hit, (j) => n.load(2, [...update(j), ...axes.slice(depth)])));
    },
  },
];
