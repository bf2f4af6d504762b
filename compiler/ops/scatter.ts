/**
 * Scatter as reductions: an element of the output looks through the updates for those that go to it. Work grows with
 * output times updates along the axis, which suits the small scatters of real models.
 */
import { convert, less, make, select } from "../ir/algebra.ts";
import { int } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { axis, neutral, type Reduction, type Stage } from "../ir/compute.ts";
import { sizeOf } from "../ir/graph.ts";
import { bounded, expectType, fromEnd, indices, like, showShape, unflatten, withIndex } from "./helpers.ts";
import { from } from "./reduce.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";

const combine: Readonly<Record<string, Reduction | null>> = { none: null, add: "add", mul: "mul", max: "max", min: "min" };
const attributes: Readonly<Record<string, AttributeSpec>> = { reduction: { kind: "string", default: "none" } };
const combination = (n: NodeView): Reduction | null => {
  const wanted = n.string("reduction");
  return Object.hasOwn(combine, wanted) ? combine[wanted] ?? null : n.fail(`attribute reduction is ${JSON.stringify(wanted)}; allowed are ${Object.keys(combine).join(", ")}`);
};
/**
 * `hits(j)`: whether update `j` of `count` goes to the element at `axes`; `update(j)`: its value. Of several updates of one
 * element the last stays, or all are combined.
 */
function scatter(n: NodeView, count: number, hits: (j: Expr) => Expr, update: (j: Expr) => Expr): readonly Stage[] {
  const axes = n.axes(), j = axis("j", count), op = combination(n), old = n.load(0, axes);
  if (count === 0) return [{ name: "scatter", axes, value: old }];
  if (op) {
    const value = select(hits(j), update(j), constant(old.dtype, neutral(op, old.dtype)));
    const start: Stage = { name: "sum", axes, value, reduce: { op, axes: [j] } };
    return [start, { name: "scatter", axes, value: make(op, old, from(start, axes)) }];
  }
  const place = convert("i32", j), value = select(hits(j), place, like(place, -1));
  const last: Stage = { name: "last", axes, value, reduce: { op: "max", axes: [j] } };
  const found = from(last, axes), known = bounded(convert("index", found), count);
  return [last, { name: "scatter", axes, value: select(less(found, like(found, 0)), old, update(known)) }];
}

/** ScatterElements, ScatterND. */
export const scatters: readonly Op[] = [
  {
    name: "ScatterElements", since: 18, inputs: [3, 3], attributes: { axis: { kind: "int", default: 0 }, ...attributes },
    infer: (n) => {
      const { shape } = n.in(0), along = n.axis(n.int("axis"), shape.length), wanted = n.in(1).shape, update = n.in(2).shape;
      expectType(n, 1, indices);
      if (n.in(2).dtype !== n.in(0).dtype) n.fail(`updates are ${n.in(2).dtype}, but the data ${n.in(0).dtype}`);
      const fits = wanted.length === shape.length && update.length === shape.length && wanted.every((d, i) => d === update[i] && (i === along || d <= shape[i]!));
      if (!fits) n.fail(`indices ${showShape(wanted)} and updates ${showShape(update)} do not fit data ${showShape(shape)} along axis ${along}`);
      combination(n);
      return [n.in(0)];
    },
    lower: (n) => {
      const { shape } = n.in(0), along = n.axis(n.int("axis"), shape.length), wanted = n.in(1).shape, axes = n.axes();
      const inside = axes.reduce<Expr>((all, a, d) => (d === along ? all : make("and", all, less(a, int(wanted[d]!)))), constant("bool", 1));
      const clamped = axes.map((a, d) => make("min", a, int(Math.max(0, wanted[d]! - 1))));
      const target = (j: Expr) => fromEnd(convert("index", n.load(1, withIndex(clamped, along, j))), shape[along]!);
      return n.compute(scatter(n, sizeOf(wanted) ? wanted[along]! : 0,
        (j) => make("and", inside, make("equal", target(j), axes[along]!)), (j) => n.load(2, withIndex(clamped, along, j))));
    },
  },
  {
    name: "ScatterND", since: 18, inputs: [3, 3], attributes,
    infer: (n) => {
      const { shape } = n.in(0), wanted = n.in(1).shape, depth = wanted.at(-1) ?? 0, update = [...wanted.slice(0, -1), ...shape.slice(depth)];
      expectType(n, 1, ["i64"]);
      if (n.in(2).dtype !== n.in(0).dtype) n.fail(`updates are ${n.in(2).dtype}, but the data ${n.in(0).dtype}`);
      if (wanted.length === 0 || depth > shape.length) n.fail(`indices of shape ${showShape(wanted)} do not fit data of shape ${showShape(shape)}`);
      if (String(update) !== String(n.in(2).shape)) n.fail(`updates have shape ${showShape(n.in(2).shape)}, but must have ${showShape(update)}`);
      combination(n);
      return [n.in(0)];
    },
    lower: (n) => {
      const { shape } = n.in(0), wanted = n.in(1).shape, outer = wanted.slice(0, -1), depth = wanted.at(-1)!, axes = n.axes();
      const hit = (j: Expr) => axes.slice(0, depth).reduce<Expr>((all, a, d) =>
        make("and", all, make("equal", fromEnd(convert("index", n.load(1, [...unflatten(j, outer), int(d)])), shape[d]!), a)), constant("bool", 1));
      return n.compute(scatter(n, sizeOf(outer), hit, (j) => n.load(2, [...unflatten(j, outer), ...axes.slice(depth)])));
    },
  },
];
