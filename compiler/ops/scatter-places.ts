/**
 * What a Scatter of many updates is made of: a number for the place of each update, those sorted, the first of equals first; for each place, where its
 * updates begin and end in that order. Where several are combined, how many there are at most is measured, and so many are gone through.
 */
import { add, both, convert, less, make, select } from "../ir/algebra.ts";
import { axis, neutral, type Axis, type Reduction, type Stage } from "../ir/compute.ts";
import type { Dim } from "../ir/graph.ts";
import { int, minus } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { countOf, measured } from "./counts.ts";
import { boundDim, bounded, computeOutputs, flatten, product, runtimeIndex, unflatten } from "./helpers.ts";
import { sorted } from "./keys.ts";
import { from } from "./reduce.ts";
import { sizeExpr, type AttributeSpec, type NodeView, type Op, type Resolver } from "./op.ts";

/** Attributes of what scatters: how updates of one place are combined. */
export const reduction: Readonly<Record<string, AttributeSpec>> = { reduction: { kind: "string", default: "none" } };
const combine: Readonly<Record<string, Reduction | null>> = { none: null, add: "add", mul: "mul", max: "max", min: "min" };
/** How updates of one place are combined; null where the last stays. */
export function combination(n: NodeView): Reduction | null {
  const wanted = n.string("reduction");
  return Object.hasOwn(combine, wanted) ? combine[wanted] ?? null : n.fail(`attribute reduction is ${JSON.stringify(wanted)}; allowed are ${Object.keys(combine).join(", ")}`);
}
/** A Scatter of `count` updates: of slices at indices of so many dimensions, or along an axis, in each column by itself. */
export function byPlaces(n: NodeView, g: Resolver, count: Dim, how: { readonly depth: number } | { readonly axis: number }): readonly string[] {
  const [data, list, updates] = n.node.inputs as [string, string, string], attributes = { ...how };
  const numbers = g.node("mlc.Slots", [list, data], attributes), order = sorted(g, g.node("mlc.Keys", [numbers], { largest: 0 }), count);
  if (!combination(n)) return [g.node("mlc.Written", [data, g.node("mlc.Writers", [numbers, order, data], attributes), updates], attributes)];
  const [first, behind] = g.nodes("mlc.Runs", [numbers, order, data], 2, attributes) as [string, string];
  const longest = g.node("Cast", [g.node("ReduceMax", [g.node("Sub", [behind, first])], { keepdims: 0 })], { to: 7 });
  const most = g.node("Reshape", [measured(n, g, longest, boundDim(count), "run"), g.constant("i64", [1], [1])]);
  return [g.node("mlc.Combined", [data, order, first, behind, updates, most], { ...attributes, reduction: n.string("reduction") })];
}

const index = (e: Expr): Expr => convert("index", e), i32 = (x: number): Expr => constant("i32", x);
const places: Readonly<Record<string, AttributeSpec>> = { axis: { kind: "int", optional: true }, depth: { kind: "int", optional: true } };
/** The axis along which places lie; null where they are indices of the first dimensions. */
const alongOf = (n: NodeView): number | null => (n.given("axis") ? n.int("axis") : null);
/** Dimensions of data, input `i`, in which places lie. */
const slotsOf = (n: NodeView, i: number): readonly Dim[] => { const { shape } = n.type(i), along = alongOf(n); return along === null ? shape.slice(0, n.int("depth")) : [shape[along]!]; };
const inserted = <T>(list: readonly T[], at: number, x: T): readonly T[] => [...list.slice(0, at), x, ...list.slice(at)];
/** Of inputs numbers, order and data: for each place, how many updates come before it, or not behind it. */
function counted(n: NodeView, name: string, axes: readonly Axis[], op: "less" | "lessEqual"): Stage {
  const rows = axes.slice(0, n.type(0).shape.length - 1), size = n.type(0).shape.at(-1)!, most = boundDim(size), slot = slotNumber(n, axes);
  const isBefore = (p: Expr): Expr => make(op, n.load(0, [...rows, bounded(index(n.load(1, [...rows, p])), most)]), slot);
  return countOf(name, axes, most, size, isBefore, (c) => convert("i32", bounded(c, most + 1)));
}
const slotNumber = (n: NodeView, axes: readonly Axis[]): Expr => convert("i32", flatten(axes.slice(n.type(0).shape.length - 1), slotsOf(n, 2)));
const placeShape = (n: NodeView): readonly Dim[] => [...n.type(0).shape.slice(0, -1), ...slotsOf(n, 2)];
/** An element of the result: where its place stands among places, whether updates reach there, and element of update `w`. `i`: the input that holds updates. */
function placed(n: NodeView, i: number): { readonly axes: readonly Axis[]; readonly rows: readonly Expr[]; readonly slot: readonly Expr[]; readonly inside: Expr; readonly update: (w: Expr) => Expr } {
  const axes = n.axes(), along = alongOf(n), shape = n.type(0).shape, updates = n.type(i).shape;
  if (along === null) {
    const depth = n.int("depth"), outer = updates.slice(0, updates.length - (shape.length - depth));
    return { axes, rows: [], slot: axes.slice(0, depth), inside: constant("bool", 1), update: (w) => n.load(i, [...unflatten(w, outer).map((e, d) => bounded(e, boundDim(outer[d]!))), ...axes.slice(depth)]) };
  }
  const others = axes.flatMap((a, d) => (d === along ? [] : [{ a, d }])), inside = others.filter(({ d }) => updates[d] !== shape[d]).map(({ a, d }) => less(a, sizeExpr(updates[d]!)));
  const rows = others.map(({ a, d }) => bounded(a, updates[d]!));
  return { axes, rows, slot: [axes[along]!], inside: inside.reduce(both, constant("bool", 1)), update: (w) => n.load(i, inserted(rows, along, w)) };
}

/** Operators that no model has. */
export const scatterPlaces: readonly Op[] = [
  {
    // The row-major number of the place that each update goes to.
    name: "mlc.Slots", since: 1, internal: true, inputs: [2, 2], attributes: places,
    infer: (n) => {
      const { shape } = n.type(0), along = alongOf(n);
      return [{ dtype: "i32", shape: along === null ? [product(shape.slice(0, -1))] : [...shape.filter((_, d) => d !== along), shape[along]!] }];
    },
    lower: (n) => n.map((at) => {
      const wanted = n.type(0).shape, along = alongOf(n), slots = slotsOf(n, 1);
      if (along !== null) return convert("i32", runtimeIndex(n.load(0, inserted(at.slice(0, -1), along, at.at(-1)!)), slots[0]!));
      const outer = unflatten(at[0]!, wanted.slice(0, -1)).map((e, d) => bounded(e, boundDim(wanted[d]!)));
      return convert("i32", flatten(slots.map((size, d) => runtimeIndex(n.load(0, [...outer, int(d)]), size)), slots));
    }),
  },
  {
    // For each place the last update that goes there; -1 where there is none.
    name: "mlc.Writers", since: 1, internal: true, inputs: [3, 3], attributes: places,
    infer: (n) => [{ dtype: "i32", shape: placeShape(n) }],
    lower: (n) => {
      const axes = n.axes(), behind = counted(n, "behind", axes, "lessEqual"), count = from(behind, axes), most = boundDim(n.type(0).shape.at(-1)!);
      const rows = axes.slice(0, n.type(0).shape.length - 1), last = n.load(1, [...rows, bounded(minus(index(count), int(1)), most)]);
      const isThere = both(less(i32(0), count), make("equal", n.load(0, [...rows, bounded(index(last), most)]), slotNumber(n, axes)));
      return n.compute([behind, { name: "writers", axes, value: select(isThere, last, i32(-1)) }]);
    },
  },
  {
    // For each place where its updates begin and end in their order.
    name: "mlc.Runs", since: 1, internal: true, inputs: [3, 3], outputs: [2, 2], attributes: places,
    infer: (n) => { const t = { dtype: "i32" as const, shape: placeShape(n) }; return [t, t]; },
    lower: (n) => { const axes = n.axes(), both = [counted(n, "first", axes, "less"), counted(n, "behind", axes, "lessEqual")]; return computeOutputs(n, both, both); },
  },
  {
    // Data with the updates that writers name.
    name: "mlc.Written", since: 1, internal: true, inputs: [3, 3], attributes: places,
    infer: (n) => [n.type(0)],
    lower: (n) => {
      const { axes, rows, slot, inside, update } = placed(n, 2), w = n.load(1, [...rows, ...slot]), most = boundDim(updatesOf(n, 2));
      return n.compute([{ name: "written", axes, value: select(both(inside, less(i32(-1), w)), update(bounded(index(w), most)), n.load(0, axes)) }]);
    },
  },
  {
    // Data, combined with all updates between the beginning and the end of each place, of which there are at most so many.
    name: "mlc.Combined", since: 1, internal: true, inputs: [6, 6], parameters: [5], attributes: { ...places, ...reduction },
    infer: (n) => [n.type(0)],
    lower: (n) => {
      const { axes, rows, slot, inside, update } = placed(n, 4), op = combination(n)!, { dtype } = n.type(0), longest = n.sizes(5)![0]!, k = axis("k", boundDim(longest));
      const most = boundDim(updatesOf(n, 4)), [first, behind] = [2, 3].map((i) => n.load(i, [...rows, ...slot])) as [Expr, Expr], at = add(first, convert("i32", k));
      const which = bounded(index(n.load(1, [...rows, bounded(index(at), most)])), most), value = select(both(less(k, sizeExpr(longest)), both(inside, less(at, behind))), update(which), constant(dtype, neutral(op, dtype)));
      const sum: Stage = { name: "sum", axes, value, reduce: { op, axes: [k] } };
      return n.compute([sum, { name: "combined", axes, value: make(op, n.load(0, axes), from(sum, axes)) }]);
    },
  },
];
/** How many updates there are, in a column where those are apart; `i`: the input that holds them. */
function updatesOf(n: NodeView, i: number): Dim {
  const { shape } = n.type(i), along = alongOf(n);
  return along === null ? product(shape.slice(0, shape.length - (n.type(0).shape.length - n.int("depth")))) : shape[along]!;
}
