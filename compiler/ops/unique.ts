/**
 * Unique: elements, or slices along an axis, are put in order; where one differs from the one before, a group begins. How many groups there are is
 * measured. Elements are sorted; slices are compared all with all.
 */
import { add, both, convert, less, make, not, select, sub } from "../ir/algebra.ts";
import { at, axis, type Axis, type Stage } from "../ir/compute.ts";
import { int, minus, plus } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { countOf, measured } from "./counts.ts";
import { boundDim, bounded, expectType, fixedDim, numbers, product } from "./helpers.ts";
import { sorted } from "./keys.ts";
import { from } from "./reduce.ts";
import { sizeExpr, type Op } from "./op.ts";

const zero = constant("i32", 0), one = constant("i32", 1), index = (e: Expr): Expr => convert("index", e);
/** Unique, and what it is made of. */
export const uniques: readonly Op[] = [
  {
    name: "Unique", since: 11, inputs: [1, 1], outputs: [1, 4], attributes: { axis: { kind: "int", optional: true }, sorted: { kind: "int", default: 1 } },
    infer: (n) => n.fail("it stands for other operators"),
    resolve: (n, g) => {
      expectType(n, 0, [...numbers, "bool"]);
      const { dtype, shape } = n.type(0), [x] = n.node.inputs as [string], along = n.given("axis") ? n.axis(n.int("axis"), shape.length) : null, list = (k: number) => g.constant("i64", [1], [k]);
      const size = along === null ? product(shape) : shape[along]!, width = along === null ? 1 : fixedDim(n, product(shape.filter((_, d) => d !== along)), "the size of a slice");
      if (boundDim(size) === 0) return [g.constant(dtype, along === null ? [0] : shape.map((d) => boundDim(d)), []), ...[1, 2, 3].map(() => g.constant("i64", [0], []))].slice(0, n.node.outputs.length);
      const items = along === null ? g.node("Reshape", [x, list(-1)]) : x, first = along ? g.node("Transpose", [x], { perm: [along, ...shape.keys()].filter((d, i) => i === 0 || d !== along) }) : items;
      // Descending, so that the smallest come first.
      const keys = g.node("mlc.Keys", [along === null ? items : g.node("Reshape", [first, g.constant("i64", [2], [-1, width])])], { largest: 0 });
      const [order, rank] = along === null ? [sorted(g, keys, size)].flatMap((o) => [o, g.node("mlc.Position", [keys, o])]) as [string, string] : g.nodes("mlc.Slices", [keys], 2) as [string, string];
      const gather = (from: string, of: string) => g.node("Gather", [from, of], { axis: 0 }), cast = (v: string) => g.node("Cast", [v], { to: 7 }), less1 = (v: string) => g.node("Sub", [v, g.constant("i32", [], [1])]);
      const tally = g.node("mlc.Groups", [keys, order]), count = g.node("Reshape", [measured(n, g, cast(g.node("ReduceMax", [tally], { keepdims: 0 })), boundDim(size), "groups"), list(1)]);
      const heads = g.node("mlc.Growth", [tally, count]), groups = less1(gather(tally, rank)), firsts = gather(order, heads), counts = g.node("mlc.Gaps", [heads, tally]);
      const results = (places: string, inverse: string, counted: string) => [g.node("Gather", [items, places], { axis: along ?? 0 }), cast(places), cast(inverse), cast(counted)].slice(0, n.node.outputs.length);
      if (n.int("sorted")) return results(firsts, groups, counts);
      const leaders = gather(firsts, groups), seen = g.node("mlc.Leaders", [leaders]), places = g.node("mlc.Growth", [seen, count]);
      return results(places, less1(gather(seen, leaders)), gather(counts, gather(groups, places)));
    },
  },
  {
    // The place of each element in an order of them all.
    name: "mlc.Position", since: 1, internal: true, inputs: [2, 2],
    infer: (n) => [{ dtype: "i32", shape: n.type(0).shape }],
    lower: (n) => {
      const [a] = n.axes() as [Axis], size = n.in(0).shape[0]!, own = n.load(0, [a]);
      const isBefore = (p: Expr): Expr => { const place = n.load(1, [p]), key = n.load(0, [bounded(index(place), size)]); return make("or", less(own, key), both(make("equal", own, key), less(place, convert("i32", a)))); };
      return n.compute([countOf("position", [a], size, n.type(0).shape[0]!, isBefore, (c) => convert("i32", bounded(c, size)))]);
    },
  },
  {
    // Slices in order, each a row of keys, and the place of each in it.
    name: "mlc.Slices", since: 1, internal: true, inputs: [1, 1], outputs: [2, 2],
    infer: (n) => { const t = { dtype: "i32" as const, shape: n.type(0).shape.slice(0, 1) }; return [t, t]; },
    lower: (n) => {
      const [size, width] = n.in(0).shape as [number, number], a = axis("a", size), b = axis("b", size), c = axis("c", width), key = (r: Expr, k: Expr) => n.load(0, [r, k]);
      const differ: Stage = { name: "differ", axes: [a, b], value: select(make("equal", key(a, c), key(b, c)), constant("i32", width), convert("i32", c)), reduce: { op: "min", axes: [c] } };
      const where = bounded(index(from(differ, [a, b])), width), isBefore = make("or", less(key(a, where), key(b, where)), both(make("equal", key(a, where), key(b, where)), less(b, a)));
      const rank: Stage = { name: "rank", axes: [a], value: select(less(b, sizeExpr(n.type(0).shape[0]!)), convert("i32", isBefore), zero), reduce: { op: "add", axes: [b] } };
      const order: Stage = { name: "order", axes: [a], value: select(both(less(b, sizeExpr(n.type(0).shape[0]!)), make("equal", at({ name: "rank", dtype: "i32" }, b), convert("i32", a))), convert("i32", b), zero), reduce: { op: "max", axes: [b] } };
      return n.compute([differ, rank, order], [n.result(order), n.result(rank, 1)]);
    },
  },
  {
    // In the order of input 1, how many groups of equal keys have begun.
    name: "mlc.Groups", since: 1, internal: true, inputs: [2, 2],
    infer: (n) => [{ dtype: "i32", shape: n.type(1).shape }],
    lower: (n) => {
      const [t] = n.axes() as [Axis], size = n.in(1).shape[0]!, width = n.in(0).shape[1], before = bounded(minus(t, int(1)), size), k = axis("k", width ?? 1);
      const key = (p: Expr): Expr => n.load(0, [bounded(index(n.load(1, [p])), size), ...(width === undefined ? [] : [k])]);
      const differs: Stage = { name: "differs", axes: [t], value: convert("i32", not(make("equal", key(t), key(before)))), reduce: { op: "max", axes: [k] } };
      const isFirst = less(t, int(1)), groups: Stage = { name: "groups", axes: [t], value: select(isFirst, one, add(at({ name: "groups", dtype: "i32" }, minus(t, int(1))), from(differs, [t]))) };
      return n.compute([differs, groups]);
    },
  },
  {
    // How far it is to the next place, and from the last to the end of the second input.
    name: "mlc.Gaps", since: 1, internal: true, inputs: [2, 2],
    infer: (n) => [n.type(0)],
    lower: (n) => n.map(([u]) => {
      const [size] = n.type(0).shape, next = plus(u!, int(1)), end = convert("i32", sizeExpr(n.type(1).shape[0]!));
      return sub(select(less(next, sizeExpr(size!)), n.load(0, [bounded(next, boundDim(size!))]), end), n.load(0, [u!]));
    }),
  },
  {
    // How many up to each are the first of their group, which each one names.
    name: "mlc.Leaders", since: 1, internal: true, inputs: [1, 1],
    infer: (n) => [n.type(0)],
    lower: (n) => {
      const [t] = n.axes() as [Axis], before = select(less(t, int(1)), zero, at({ name: "leaders", dtype: "i32" }, minus(t, int(1))));
      return n.compute([{ name: "leaders", axes: [t], value: add(before, convert("i32", make("equal", n.load(0, [t]), convert("i32", t)))) }]);
    },
  },
];
