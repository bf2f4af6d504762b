/**
 * Choosing elements by rank or by condition: TopK, Compress, NonZero. Each counts, for every element, those that come before it;
 * quadratic in the axis, but without any order of execution. TopK of more than a few selects and sorts instead (keys.ts). Where their number depends on data, Compress and NonZero become other nodes (counts.ts).
 */
import { convert, less, make, not, select } from "../ir/algebra.ts";
import { int } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { axis, type Axis, type Stage } from "../ir/compute.ts";
import { sizeOf, type Dim } from "../ir/graph.ts";
import { isFloat } from "../ir/types.ts";
import {
  boundDim, leastDim, bounded, computeOutputs, declared, expectRank, expectType, forOutputs, indices, like, numbers, product, showDim, showShape, unflatten, withIndex,
} from "./helpers.ts";
import { measured, placesIn } from "./counts.ts";
import { leading } from "./keys.ts";
import { from } from "./reduce.ts";
import type { NodeView, Op } from "./op.ts";

const one = constant("i32", 1), zero = constant("i32", 0);
const total = (name: string, axes: readonly Axis[], over: Axis, value: Expr): Stage => ({ name, axes, value, reduce: { op: "add", axes: [over] } });
/** The place along `over` for which `is` holds: there is one, or none is asked for. */
const placeOf = (name: string, axes: readonly Axis[], over: Axis, is: Expr): Stage =>
  ({ name, axes, value: select(is, convert("i32", over), zero), reduce: { op: "max", axes: [over] } });

/** The axis of a Compress; null where it looks at the input as a list. */
const compressed = (n: NodeView): number | null => (n.given("axis") ? n.axis(n.int("axis"), n.type(0).shape.length) : null);

/** Up to so many elements, TopK compares all with all: everything at once, with nothing that waits for anything. */
const few = 64;
/** The axis of a TopK, whose types are right. */
function alongOf(n: NodeView): number {
  expectType(n, 0, numbers);
  expectType(n, 1, indices);
  return n.axis(n.int("axis"), n.type(0).shape.length);
}
/** The K of a TopK, where it is known. */
function wanted(n: NodeView): Dim {
  const { shape } = n.type(0), along = alongOf(n), sizes = n.sizes(1)!, [k] = sizes as [Dim];
  if (sizes.length !== 1) n.fail(`K has ${sizes.length} elements, but must be one number`);
  if (typeof k === "number" && (k < 0 || k > leastDim(shape[along]!))) n.fail(`K is ${k}, but axis ${along} of ${showShape(shape)} has ${showDim(shape[along]!)} elements`);
  return k;
}

/** TopK, Compress, NonZero. */
export const orders: readonly Op[] = [
  {
    name: "TopK", since: 24, inputs: [2, 2], outputs: [1, 2], parameters: [1],
    attributes: { axis: { kind: "int", default: -1 }, largest: { kind: "int", default: 1 }, sorted: { kind: "int", default: 1 } },
    infer: (n) => {
      const { dtype, shape } = n.type(0), along = alongOf(n), k = n.value(1) ? wanted(n) : undefined;
      const out = k === undefined ? declared(n, dtype, "K", 0, shape.length, 1).shape : shape.map((d, i) => (i === along ? k : d));
      return forOutputs(n, [{ dtype, shape: out }, { dtype: "i64", shape: out }]);
    },
    resolve: (n, g) => {
      const { shape } = n.type(0), along = alongOf(n), [x, list] = n.node.inputs as [string, string], most = boundDim(shape[along]!), last = shape.length - 1;
      if (!n.value(1)) {
        if (n.declared(0) || sizeOf(n.in(1).shape) !== 1) return undefined;
        const least = g.constant("i64", [], [0]), within = g.node("Min", [g.node("Max", [g.node("Reshape", [g.node("Cast", [list], { to: 7 }), g.constant("i64", [0], [])]), least]), g.constant("i64", [], [most])]);
        return g.nodes("TopK", [x, g.node("Reshape", [measured(n, g, within, most), g.constant("i64", [1], [1])])], n.node.outputs.length, n.node.attributes);
      }
      const k = wanted(n);
      if (most <= few || boundDim(k) === 0) return undefined;
      const perm = shape.map((_, d) => (d === along ? last : d === last ? along : d)), turned = (v: string): string => (along === last ? v : g.node("Transpose", [v], { perm }));
      const rows = turned(x), places = g.node("Cast", [leading(g, rows, shape[along]!, k, list, n.int("largest"))], { to: 7 });
      return [turned(g.node("GatherElements", [rows, places], { axis: -1 })), turned(places)];
    },
    lower: (n) => {
      const { shape } = n.in(0), along = alongOf(n), all = shape.map((size, d) => axis(`d${d}`, size));
      const j = axis("j", shape[along]!), own = n.load(0, all), other = n.load(0, withIndex(all, along, j)), axes = n.axes();
      // What is no number is above all numbers.
      const isNone = (x: Expr): Expr => (isFloat(x.dtype) ? not(make("equal", x, x)) : constant("bool", 0)), below = (a: Expr, b: Expr): Expr => make("or", less(a, b), make("and", isNone(b), not(isNone(a))));
      const better = n.int("largest") ? below(own, other) : below(other, own), same = make("or", make("equal", own, other), make("and", isNone(own), isNone(other)));
      const before = make("or", better, make("and", same, less(j, all[along]!)));
      const rank = total("rank", all, j, select(before, one, zero));
      const ranked = make("equal", convert("index", from(rank, withIndex(axes, along, j))), axes[along]!);
      const place = placeOf("place", axes, j, ranked), chosen = from(place, axes);
      const values: Stage = { name: "values", axes, value: n.load(0, withIndex(axes, along, bounded(convert("index", chosen), shape[along]!))) };
      const places: Stage = { name: "indices", axes, value: convert("i64", chosen) };
      return computeOutputs(n, [rank, place, places, values], [values, places]);
    },
  },
  {
    name: "Compress", since: 11, inputs: [2, 2], parameters: [1], attributes: { axis: { kind: "int", optional: true } },
    infer: (n) => {
      const { dtype, shape } = n.in(0), along = compressed(n), size = along === null ? sizeOf(shape) : shape[along]!;
      expectType(n, 1, ["bool"]);
      expectRank(n, 1, 1, "the condition");
      if (n.in(1).shape[0]! > size) n.fail(`the condition has ${n.in(1).shape[0]} elements, but there are ${size} to choose from`);
      if (!n.constant(1)) return [declared(n, dtype, "the condition", 0, along === null ? 1 : shape.length)];
      const count = n.parameter(1)!.filter(Boolean).length;
      return [{ dtype, shape: along === null ? [count] : shape.map((d, i) => (i === along ? count : d)) }];
    },
    resolve: (n, g) => {
      if (n.constant(1) || n.declared(0) || n.type(1).shape.length !== 1) return undefined;
      const along = compressed(n), [x, condition] = n.node.inputs as [string, string], flat = along === null ? g.node("Reshape", [x, g.constant("i64", [1], [-1])]) : x;
      return [g.node("Gather", [flat, placesIn(n, g, condition, boundDim(n.type(1).shape[0]!))], { axis: along ?? 0 })];
    },
    lower: (n) => {
      const { shape } = n.in(0), along = compressed(n), axes = n.axes(), position = axes[along ?? 0]!, count = n.in(1).shape[0]!;
      const i = axis("i", count), j = axis("j", count), wanted = (k: Expr) => n.load(1, [k]);
      const before = total("before", [i], j, select(make("and", less(j, i), wanted(j)), one, zero));
      const place = placeOf("place", [position], i, make("and", wanted(i), make("equal", convert("index", from(before, [i])), position)));
      const chosen = convert("index", from(place, [position]));
      const at = along === null ? unflatten(bounded(chosen, sizeOf(shape)), shape) : withIndex(axes, along, bounded(chosen, shape[along]!));
      return n.compute([before, place, { name: "compress", axes, value: n.load(0, at) }]);
    },
  },
  {
    name: "NonZero", since: 13, inputs: [1, 1],
    infer: (n) => {
      const { shape } = n.in(0);
      if (!n.constant(0)) return [declared(n, "i64", "how many elements are not 0", 0, 2)];
      return [{ dtype: "i64", shape: [shape.length, n.parameter(0)!.filter((x) => x !== 0).length] }];
    },
    resolve: (n, g) => {
      if (n.constant(0) || n.declared(0)) return undefined;
      const [x] = n.node.inputs as [string];
      return [g.node("mlc.Coordinates", [placesIn(n, g, x, boundDim(product(n.type(0).shape))), x])];
    },
    lower: (n) => {
      const { shape } = n.in(0), axes = n.axes(), [d, k] = axes as [Axis, Axis], i = axis("i", sizeOf(shape)), j = axis("j", sizeOf(shape));
      const wanted = (at: Expr) => { const x = n.load(0, unflatten(at, shape)); return not(make("equal", x, like(x, 0))); };
      const before = total("before", [i], j, select(make("and", less(j, i), wanted(j)), one, zero));
      const place = placeOf("place", [k], i, make("and", wanted(i), make("equal", convert("index", from(before, [i])), k)));
      const at = unflatten(bounded(convert("index", from(place, [k])), sizeOf(shape)), shape);
      const value = at.reduceRight<Expr>((rest, x, axisOf) => select(make("equal", d, int(axisOf)), convert("i64", x), rest), constant("i64", 0));
      return n.compute([before, place, { name: "nonzero", axes, value }]);
    },
  },
];
