/**
 * NonMaxSuppression: for each class, boxes by falling score, of which one stays unless a better one that stays overlaps it too much. Boxes
 * are sorted by merging; then steps along them walk back over those that stayed, each of which knows the one before.
 */
import { add, both, convert, div, less, make, mul, not, select, sub } from "../ir/algebra.ts";
import { accumulator, axis, type Axis, type Stage } from "../ir/compute.ts";
import { int, minus, plus } from "../ir/linear.ts";
import { constant, load, type Expr } from "../ir/scalar.ts";
import { sizeOf } from "../ir/graph.ts";
import { expectOne } from "./checks.ts";
import { placesIn } from "./counts.ts";
import { bounded, expectRank, expectType, unflatten } from "./helpers.ts";
import { from } from "./reduce.ts";
import type { NodeView, Op, Resolver } from "./op.ts";

const i32 = (x: number): Expr => constant("i32", x), f32 = (x: number): Expr => constant("f32", x), index = (e: Expr): Expr => convert("index", e);
/** One pass of merging: rows of `width` sorted elements, two by two; the first of equals stays first. `before` gives an element's place in the input. */
function merged(n: NodeView, axes: readonly Axis[], width: number, before: (place: Expr) => Expr): Stage {
  const p = axes.at(-1)!, size = p.range[1] + 1, outer = axes.slice(0, -1), score = (place: Expr) => n.load(0, [...outer, bounded(index(before(bounded(place, size))), size)]);
  const q = make("rem", p, int(2 * width)), base = minus(p, q), end = (start: Expr) => make("min", plus(start, int(width)), int(size));
  const first = minus(end(base), base), middle = plus(base, int(width)), second = minus(make("max", make("min", plus(middle, int(width)), int(size)), middle), middle);
  // Whether element i of the first row comes before element j of the second.
  const goesFirst = (i: Expr, j: Expr): Expr => make("or", not(less(j, second)), not(less(score(plus(base, i)), score(plus(middle, j)))));
  // Of the first q elements, how many are of the first row: a power of 2 at a time.
  const turns = Math.log2(width) + 1, turn = axis("turn", turns), acc = accumulator("i32"), none = constant("i32", 0);
  const sofar = select(make("equal", turn, int(0)), none, acc), next = add(sofar, make("shr", constant("i32", width), convert("i32", turn))), i = index(next);
  const fits = both(both(less(i, plus(q, int(1))), less(i, plus(first, int(1)))), goesFirst(minus(i, int(1)), minus(q, i)));
  const taken = index(acc), rest = minus(q, taken), isFirst = both(less(taken, first), goesFirst(taken, rest));
  const finish = select(isFirst, before(bounded(plus(base, taken), size)), before(bounded(plus(middle, rest), size)));
  return { name: `merged${width}`, axes, value: select(fits, next, sofar), reduce: { op: "repeat", axes: [turn] }, finish };
}
/** Corners of box `at` of batch `b`, the smaller ones first. */
function corners(n: NodeView, b: Expr, at: Expr): readonly [top: Expr, left: Expr, bottom: Expr, right: Expr] {
  const x = [0, 1, 2, 3].map((k) => n.load(0, [b, at, int(k)])) as [Expr, Expr, Expr, Expr], half = (e: Expr) => mul(e, f32(0.5));
  if (n.int("center_point_box")) return [sub(x[1], half(x[3])), sub(x[0], half(x[2])), add(x[1], half(x[3])), add(x[0], half(x[2]))];
  return [make("min", x[0], x[2]), make("min", x[1], x[3]), make("max", x[0], x[2]), make("max", x[1], x[3])];
}
/** Whether two boxes share more than `most` of what they cover together. */
function overlap(a: ReturnType<typeof corners>, b: ReturnType<typeof corners>, most: Expr): Expr {
  const side = (d: 0 | 1): Expr => make("max", sub(make("min", a[(d + 2) as 2 | 3], b[(d + 2) as 2 | 3]), make("max", a[d], b[d])), f32(0)), area = (c: typeof a): Expr => mul(sub(c[2], c[0]), sub(c[3], c[1]));
  const common = mul(side(0), side(1)), all = sub(add(area(a), area(b)), common);
  return both(both(less(f32(0), area(a)), less(f32(0), area(b))), both(less(f32(0), all), less(most, div(common, all))));
}

/** Along the last axis, of `size`, the places of the elements from the largest to the smallest. */
function sorted(g: Resolver, x: string, size: number): string {
  let order = g.node("mlc.Merge", [x], { width: 1 });
  for (let width = 2; width < size; width *= 2) order = g.node("mlc.Merge", [x, order], { width });
  return order;
}
/** NonMaxSuppression, and what it is made of. */
export const detections: readonly Op[] = [
  {
    name: "NonMaxSuppression", since: 11, inputs: [2, 5], attributes: { center_point_box: { kind: "int", default: 0 } },
    infer: (n) => n.fail("it stands for other operators"),
    resolve: (n, g) => {
      for (const i of [0, 1, 3, 4]) expectType(n, i, ["f32"]);
      expectType(n, 2, ["i64"]);
      for (const i of [2, 3, 4]) expectOne(n, i);
      expectRank(n, 0, 3, "boxes");
      expectRank(n, 1, 3, "scores");
      const [boxes, scores, most, iou, least] = n.node.inputs as [string, string, ...(string | undefined)[]], [batch, classes, count] = n.in(1).shape as [number, number, number];
      if (n.in(0).shape[0] !== batch || n.in(0).shape[1] !== count || n.in(0).shape[2] !== 4) n.fail(`boxes of shape [${n.in(0).shape}] do not fit scores of shape [${n.in(1).shape}]`);
      if (sizeOf(n.in(1).shape) === 0 || !most) return [g.constant("i64", [0, 3], [])];
      const scalar = (v: string) => g.node("Reshape", [v, g.constant("i64", [0], [])]), order = sorted(g, scores, count);
      const kept = g.node("mlc.Suppress", [boxes, scores, order, scalar(most), iou ? scalar(iou) : g.constant("f32", [], [0]), ...(least ? [scalar(least)] : [])], { center_point_box: n.int("center_point_box") });
      const known = g.known(scalar(most)), each = known ? Math.max(0, Math.min(count, Number(known.data[0]))) : count;
      return [g.node("mlc.Selected", [placesIn(n, g, kept, sizeOf(n.in(1).shape), batch * classes * each), order])];
    },
  },
  {
    // Places of the elements of input 0 along its last axis: rows of input 1 of so many, each from the largest to the smallest, become rows of twice that.
    name: "mlc.Merge", since: 1, internal: true, inputs: [1, 2], attributes: { width: { kind: "int" } },
    infer: (n) => [{ dtype: "i32", shape: n.in(0).shape }],
    lower: (n) => {
      const axes = n.axes();
      return n.compute([merged(n, axes, n.int("width"), (place) => (n.has(1) ? n.load(1, [...axes.slice(0, -1), place]) : convert("i32", place)))]);
    },
  },
  {
    // Which boxes stay, in the order of their scores.
    name: "mlc.Suppress", since: 1, internal: true, inputs: [5, 6], attributes: { center_point_box: { kind: "int", default: 0 } },
    infer: (n) => [{ dtype: "i32", shape: n.in(2).shape }],
    lower: (n) => {
      const [batch, classes, count] = n.in(1).shape as [number, number, number], t = axis("t", count), b = axis("b", batch), c = axis("c", classes), axes = [t, b, c];
      const box = (place: Expr) => bounded(index(n.load(2, [b, c, bounded(place, count)])), count), of = (name: string, at: Expr) => load("i32", name, [at, b, c]);
      const before = (name: string, none: number) => select(less(t, int(1)), i32(none), of(name, minus(t, int(1))));
      const isWanted = both(n.has(5) ? less(n.load(5, []), n.load(1, [b, c, box(t)])) : constant("bool", 1), less(convert("i64", before("count", 0)), n.load(3, [])));
      // A box that stayed, by its place; -1 behind the last, -2 where one overlaps.
      const turn = axis("turn", count + 1), acc = accumulator("i32"), place = index(acc), earlier = minus(minus(t, int(1)), make("max", minus(t, place), int(0)));
      const previous = select(less(int(-1), earlier), of("last", earlier), i32(-1));
      const next = select(less(acc, i32(0)), acc, select(overlap(corners(n, b, box(place)), corners(n, b, box(t)), n.load(4, [])), i32(-2), previous));
      const walk: Stage = { name: "walk", axes, value: select(make("equal", turn, int(0)), select(isWanted, before("last", -1), i32(-2)), next), reduce: { op: "repeat", axes: [turn] } };
      const stays = make("equal", from(walk, axes), i32(-1)), last: Stage = { name: "last", axes, value: select(stays, convert("i32", t), before("last", -1)) };
      const counted: Stage = { name: "count", axes, value: add(before("count", 0), select(stays, i32(1), i32(0))) };
      const kept: Stage = { name: "kept", axes: [b, c, t], value: select(make("equal", from(last, axes), convert("i32", t)), i32(1), i32(0)) };
      return n.compute([walk, last, counted, kept]);
    },
  },
  {
    name: "mlc.Selected", since: 1, internal: true, inputs: [2, 2],
    infer: (n) => [{ dtype: "i64", shape: [n.type(0).shape[0]!, 3] }],
    lower: (n) => {
      const { shape } = n.in(1), size = sizeOf(shape);
      return n.map(([k, d]) => {
        const [b, c, t] = unflatten(bounded(index(n.load(0, [k!])), size), shape) as [Expr, Expr, Expr];
        return select(make("equal", d!, int(0)), convert("i64", b), select(make("equal", d!, int(1)), convert("i64", c), convert("i64", n.load(1, [b, c, t]))));
      });
    },
  },
];
