/**
 * Sorting and selecting along the last axis, by keys: whole numbers in the order of the elements, NaN above all. The k largest are found by
 * bisection of their least key; sorting merges, the first of equals first. Of many elements those parts are looked at that have one of the k
 * largest maxima: no other holds any.
 */
import { add, both, convert, less, make, not, select, sub } from "../ir/algebra.ts";
import { at, axis, type Axis, type Compute, type Output, type Stage } from "../ir/compute.ts";
import type { Dim } from "../ir/graph.ts";
import { int, minus, plus, times } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { isFloat, limits, types, type DType } from "../ir/types.ts";
import { boundDim, bounded, clamp, forOutputs, like, moreDim, quoDim, smallest, timesDim } from "./helpers.ts";
import { from, reduceStage } from "./reduce.ts";
import { sizeExpr, type NodeView, type Op, type Resolver } from "./op.ts";

const i32 = (x: number): Expr => constant("i32", x), index = (e: Expr): Expr => convert("index", e);
/** Which type the keys of elements of a type have. */
const keyType = (t: DType): "i32" | "i64" => (types[t].bytes > 4 ? "i64" : "i32");
/** The key of an element: -0 is 0, and what is no number is above all numbers. */
function keyOf(x: Expr, largest: boolean): Expr {
  const to = keyType(x.dtype), [low, high] = limits(to), { kind } = types[x.dtype];
  const ofFloat = (): Expr => {
    const sum = add(x, like(x, 0)), bits = make(to === "i64" ? "toBits64" : "toBits", sum);
    return select(make("equal", x, x), select(less(bits, constant(to, 0)), make("xor", bits, constant(to, high)), bits), constant(to, high));
  };
  const key = isFloat(x.dtype) ? ofFloat() : kind === "uint" && types[x.dtype].bytes >= 4 ? make("xor", convert(to, x), constant(to, low)) : convert(to, x);
  return largest ? key : make("bitNot", key);
}
const isLargest = (n: NodeView): boolean => n.int("largest") !== 0;
const lastOf = <T>(list: readonly T[]): T => list.at(-1)!;
const withLast = <T>(list: readonly T[], last: T): readonly T[] => [...list.slice(0, -1), last];

/** Sorted blocks of at most this many elements are the first rows that are merged. */
const block = 32;
/** Of blocks of equal size the largest, unless they are small. */
function widthOf(size: number): number {
  if (size <= block) return Math.max(1, size);
  for (let w = block; w >= block / 2; w--) if (size % w === 0) return w;
  return block;
}
/** Along the last axis, which place each of the elements has that comes there when they are sorted from the largest key to the smallest, as i32. */
export function sorted(g: Resolver, keys: string, size: Dim): string {
  let width = widthOf(boundDim(size));
  const isLast = (w: number): boolean => w >= boundDim(size);
  let [order, values] = g.nodes("mlc.Blocks", [keys], isLast(width) ? 1 : 2, { width }) as [string, string];
  for (; !isLast(width); width *= 2) [order, values] = g.nodes("mlc.Merge", [order, values, keys], isLast(2 * width) ? 1 : 2, { width }) as [string, string];
  return g.node("mlc.Sorted", [order, keys]);
}
/** How many elements make a part, so that the parts and what is looked at of them are both few; null where looking at all is as well. */
function partOf(size: Dim, k: Dim): number | null {
  if (typeof size !== "number" || typeof k !== "number" || k < 1 || size < 8 * k || size < 512) return null;
  const ideal = Math.sqrt(size / k), fits = Array.from({ length: Math.floor(2 * ideal) }, (_, i) => i + 1).filter((c) => c >= ideal / 2 && size % c === 0 && c > 1);
  const cost = (c: number) => size / c + k * c + (c % 16 === 0 ? 0 : size / 16 / Math.max(1, c / 16));
  return fits.length ? fits.reduce((a, b) => (cost(b) < cost(a) ? b : a)) : null;
}
/** The places of the `k` largest along the last axis, in their order there; `list` is that of k. */
function places(g: Resolver, keys: string, size: Dim, k: Dim, list: string): string {
  const part = partOf(size, k);
  if (part) return inParts(g, keys, size as number, k as number, list, part, 1);
  return g.node("mlc.Growth", [g.node("mlc.Chosen", [keys, g.node("mlc.Least", [keys, list]), list]), list]);
}
function inParts(g: Resolver, x: string, size: number, k: number, list: string, part: number, largest: number): string {
  const parts = places(g, g.node("mlc.Tops", [x], { part, largest }), size / part, k, list), near = g.node("mlc.Parts", [x, parts], { part, largest });
  return g.node("mlc.Within", [parts, places(g, near, k * part, k, list)], { part });
}
/** The places of the `k` largest (or smallest) elements of `x` along the last axis, from the first to the last; `list` is a list of k alone. */
export function leading(g: Resolver, x: string, size: Dim, k: Dim, list: string, largest: number): string {
  const part = partOf(size, k);
  if (!part && size === k) return sorted(g, g.node("mlc.Keys", [x], { largest }), size);
  const all = part ? x : g.node("mlc.Keys", [x], { largest });
  const chosen = part ? inParts(g, x, size as number, k as number, list, part, largest) : places(g, all, size, k, list);
  const own = part ? g.node("mlc.Keys", [g.node("GatherElements", [x, chosen], { axis: -1 })], { largest }) : g.node("GatherElements", [all, chosen], { axis: -1 });
  return g.node("GatherElements", [chosen, sorted(g, own, k)], { axis: -1 });
}

const largest = { largest: { kind: "int", default: 1 } } as const, part = { part: { kind: "int" } } as const, width = { width: { kind: "int" } } as const;
/** Order and keys, or the order alone where nobody asks for the keys any more. */
const sortedRows = (n: NodeView, stages: readonly Stage[], order: Stage, values: Stage, to: Partial<Output> = {}): Compute =>
  (n.node.outputs.length > 1 ? n.compute([...stages, values, order], [n.result(order, 0, to), n.result(values, 1, to)]) : n.compute([...stages, order], [n.result(order, 0, to)]));
/** Inputs that say a size only. */
const sizeIn = (n: NodeView, i: number): Dim => lastOf(n.type(i).shape);
/** What sorting and selecting is made of. */
export const keyed: readonly Op[] = [
  {
    name: "mlc.Keys", since: 1, internal: true, inputs: [1, 1], attributes: largest,
    infer: (n) => [{ dtype: keyType(n.type(0).dtype), shape: n.type(0).shape }],
    lower: (n) => n.map((at) => keyOf(n.load(0, at), isLargest(n))),
  },
  {
    // The largest key of each part.
    name: "mlc.Tops", since: 1, internal: true, inputs: [1, 1], attributes: { ...largest, ...part },
    infer: (n) => [{ dtype: keyType(n.type(0).dtype), shape: withLast(n.type(0).shape, quoDim(sizeIn(n, 0), n.int("part"))) }],
    lower: (n) => {
      const axes = n.axes(), i = axis("i", n.int("part"));
      return n.compute([reduceStage("tops", { axes, over: [i], index: [] }, "max", keyOf(n.load(0, withLast(axes, plus(times(lastOf(axes), n.int("part")), i))), isLargest(n)))]);
    },
  },
  {
    // The keys of some parts, one after the other.
    name: "mlc.Parts", since: 1, internal: true, inputs: [2, 2], attributes: { ...largest, ...part },
    infer: (n) => [{ dtype: keyType(n.type(0).dtype), shape: withLast(n.type(0).shape, timesDim(sizeIn(n, 1), n.int("part"))) }],
    lower: (n) => {
      const each = n.int("part"), count = lastOf(n.in(0).shape) / each;
      return n.map((at) => {
        const of = bounded(index(n.load(1, withLast(at, make("quo", lastOf(at), int(each))))), count);
        return keyOf(n.load(0, withLast(at, plus(times(of, each), make("rem", lastOf(at), int(each))))), isLargest(n));
      });
    },
  },
  {
    // Places in parts as places in all.
    name: "mlc.Within", since: 1, internal: true, inputs: [2, 2], attributes: part,
    infer: (n) => [n.type(1)],
    lower: (n) => n.map((at) => {
      const place = index(n.load(1, at)), each = n.int("part"), of = n.load(0, withLast(at, bounded(make("quo", make("max", place, int(0)), int(each)), lastOf(n.in(0).shape))));
      return add(make("mul", of, i32(each)), convert("i32", make("rem", make("max", place, int(0)), int(each))));
    }),
  },
  {
    // The k-th largest key: the greatest that as many reach, found bit by bit.
    name: "mlc.Least", since: 1, internal: true, inputs: [2, 2], parameters: [1],
    infer: (n) => [{ dtype: n.type(0).dtype, shape: n.type(0).shape.slice(0, -1) }],
    lower: (n) => {
      const rows = n.axes(), { dtype, shape } = n.in(0), bits = types[dtype].bits, bit = axis("bit", bits), j = axis("j", lastOf(shape)), k = sizeExpr(n.sizes(1)![0]!);
      const before = select(less(bit, int(1)), constant(dtype, limits(dtype)[0]), at({ name: "found", dtype }, minus(bit, int(1)), ...rows));
      const next = add(before, make("shl", constant(dtype, 1), convert(dtype, minus(int(bits - 1), bit))));
      const reached: Stage = { name: "reached", axes: [bit, ...rows], value: convert("i32", make("lessEqual", next, n.load(0, [...rows, j]))), reduce: { op: "add", axes: [j] } };
      const found: Stage = { name: "found", axes: [bit, ...rows], value: select(less(from(reached, [bit, ...rows]), convert("i32", k)), before, next) };
      return n.compute([reached, found, { name: "least", axes: rows, value: from(found, [int(bits - 1), ...rows]) }]);
    },
  },
  {
    // How many of the k largest stand up to each place: those above the least of them, and the first of those equal to it.
    name: "mlc.Chosen", since: 1, internal: true, inputs: [3, 3], parameters: [2],
    infer: (n) => [{ dtype: "i32", shape: n.type(0).shape }],
    lower: (n) => {
      const axes = n.axes(), rows = axes.slice(0, -1), t = lastOf(axes), j = axis("j", lastOf(n.in(0).shape)), least = n.load(1, rows), key = n.load(0, axes), k = convert("i32", sizeExpr(n.sizes(2)![0]!));
      const above: Stage = { name: "above", axes: rows, value: convert("i32", less(least, n.load(0, [...rows, j]))), reduce: { op: "add", axes: [j] } };
      const before = (name: string): Expr => select(less(t, int(1)), i32(0), at({ name, dtype: "i32" }, minus(t, int(1)), ...rows));
      const equals: Stage = { name: "equals", axes: [t, ...rows], value: add(before("equals"), convert("i32", make("equal", key, least))) };
      const isOne = make("or", less(least, key), both(make("equal", key, least), not(less(sub(k, from(above, rows)), from(equals, [t, ...rows])))));
      const chosen: Stage = { name: "chosen", axes: [t, ...rows], value: add(before("chosen"), convert("i32", isOne)) };
      return n.compute([above, equals, chosen], [n.result(chosen, 0, { index: axes })]);
    },
  },
  {
    // Where the elements of each block were before it was sorted, and their keys: how many come before an element is its place.
    name: "mlc.Blocks", since: 1, internal: true, inputs: [1, 1], outputs: [1, 2], attributes: width,
    infer: (n) => {
      const { dtype, shape } = n.type(0), size = lastOf(shape), w = n.int("width"), blocks = [...shape.slice(0, -1), quoDim(moreDim(size, w - 1), w), smallest(size, w)];
      return forOutputs(n, [{ dtype: "i32", shape: blocks }, { dtype, shape: blocks }]);
    },
    lower: (n) => {
      const axes = n.axes(), rows = axes.slice(0, -2), [p, a] = axes.slice(-2) as [Axis, Axis], j = axis("j", n.int("width")), size = sizeIn(n, 0), start = times(p, n.int("width"));
      const key = (i: Expr): Expr => n.load(0, [...rows, bounded(plus(start, i), boundDim(size))]), isThere = less(plus(start, j), sizeExpr(size)), own = key(a), other = key(j);
      const before = make("or", less(own, other), both(make("equal", own, other), less(convert("i32", j), convert("i32", a))));
      const rank: Stage = { name: "rank", axes, value: select(isThere, convert("i32", before), i32(0)), reduce: { op: "add", axes: [j] } };
      const whose: Stage = { name: "whose", axes, value: select(both(isThere, make("equal", from(rank, withLast(axes, j)), convert("i32", a))), convert("i32", j), i32(0)), reduce: { op: "max", axes: [j] } };
      const place = plus(start, index(from(whose, axes))), order: Stage = { name: "order", axes, value: convert("i32", bounded(place, boundDim(size))) };
      const values: Stage = { name: "values", axes, value: n.load(0, [...rows, bounded(place, boundDim(size))]) };
      return sortedRows(n, [rank, whose], order, values);
    },
  },
  {
    // Sorted rows two by two: step by step the next of either, of the first where they are equal.
    name: "mlc.Merge", since: 1, internal: true, inputs: [3, 3], outputs: [1, 2], attributes: width,
    infer: (n) => {
      const size = sizeIn(n, 2), w = 2 * n.int("width"), { dtype, shape } = n.type(1), pairs = [...shape.slice(0, -2), quoDim(moreDim(size, w - 1), w), smallest(size, w)];
      return forOutputs(n, [{ dtype: "i32", shape: pairs }, { dtype, shape: pairs }]);
    },
    lower: (n) => {
      const axes = n.axes(), rows = axes.slice(0, -2), [p, t] = axes.slice(-2) as [Axis, Axis], [blocks, w] = n.in(0).shape.slice(-2) as [number, number], size = sizeIn(n, 2), steps = [t, ...rows, p];
      const length = (start: Expr): Expr => clamp(minus(sizeExpr(size), start), 0, n.int("width")), start = times(p, 2 * n.int("width")), open = n.outType().shape.at(-2)!;
      const ended = (s: Stage): Stage => (typeof open === "number" ? s : { ...s, ends: s.axes.map((a) => (a === p ? open : undefined)) });
      const row = (input: number, second: boolean, place: Expr): Expr => n.load(input, [...rows, bounded(plus(times(p, 2), int(second ? 1 : 0)), blocks), bounded(place, w)]);
      const previous = minus(t, int(1)), taken: Stage = ended({ name: "taken", axes: steps, value: select(less(t, int(1)), i32(0), add(at({ name: "taken", dtype: "i32" }, previous, ...rows, p), at({ name: "isFirst", dtype: "i32" }, previous, ...rows, p))) });
      const i = index(from(taken, steps)), j = minus(t, i), isLess = less(row(1, false, i), row(1, true, j));
      const isFirst: Stage = ended({ name: "isFirst", axes: steps, value: convert("i32", both(less(i, length(start)), make("or", not(less(j, length(plus(start, int(n.int("width")))))), not(isLess)))) });
      const next = (input: number): Expr => select(less(i32(0), from(isFirst, steps)), row(input, false, i), row(input, true, j));
      const values: Stage = { name: "values", axes: steps, value: next(1) }, order: Stage = { name: "order", axes: steps, value: next(0) };
      return sortedRows(n, [taken, isFirst], order, values, { index: [...rows, p, t] });
    },
  },
  {
    // The one row that is left, as long as the keys are.
    name: "mlc.Sorted", since: 1, internal: true, inputs: [2, 2],
    infer: (n) => [{ dtype: "i32", shape: n.type(1).shape }],
    lower: (n) => n.map((at) => n.load(0, [...at.slice(0, -1), int(0), lastOf(at)])),
  },
];
