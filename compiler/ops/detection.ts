/**
 * NonMaxSuppression: for each class, the best of the boxes that are left stays, and what overlaps it too much goes, until none is left or enough
 * stay. Only boxes above the threshold take part; how many there are at most in a class is measured first.
 */
import { both, convert, div, less, make, mul, select, sub, add } from "../ir/algebra.ts";
import { at, axis, type Axis, type Stage } from "../ir/compute.ts";
import type { Dim } from "../ir/graph.ts";
import { int, minus } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { limits } from "../ir/types.ts";
import { expectOne } from "./checks.ts";
import { countOf, measured } from "./counts.ts";
import { boundDim, bounded, expectRank, expectType, fixedDim, lessDim, moreDim, quoDim, showShape, smallest, timesDim, unflatten } from "./helpers.ts";
import { from } from "./reduce.ts";
import { sizeExpr, type NodeView, type Op } from "./op.ts";

const i32 = (x: number): Expr => constant("i32", x), f32 = (x: number): Expr => constant("f32", x), index = (e: Expr): Expr => convert("index", e);
/** Candidates are gone through so many at a time, whatever the instruction set. */
const vector = 16;
/** The largest finite f32. */
const maxFloat = (2 - 2 ** -23) * 2 ** 127;
type Corners = readonly [top: Expr, left: Expr, bottom: Expr, right: Expr];
/** Corners of box `at` of batch `b`, the smaller ones first. */
function corners(n: NodeView, b: Expr, at: Expr): Corners {
  const x = [0, 1, 2, 3].map((k) => n.load(0, [b, at, int(k)])) as [Expr, Expr, Expr, Expr], half = (e: Expr) => mul(e, f32(0.5));
  if (n.int("center_point_box")) return [sub(x[1], half(x[3])), sub(x[0], half(x[2])), add(x[1], half(x[3])), add(x[0], half(x[2]))];
  return [make("min", x[0], x[2]), make("min", x[1], x[3]), make("max", x[0], x[2]), make("max", x[1], x[3])];
}
/** Whether two boxes share more than `most` of what they cover together. */
function overlap(a: Corners, b: Corners, most: Expr): Expr {
  const side = (d: 0 | 1): Expr => make("max", sub(make("min", a[(d + 2) as 2 | 3], b[(d + 2) as 2 | 3]), make("max", a[d], b[d])), f32(0)), area = (c: Corners): Expr => mul(sub(c[2], c[0]), sub(c[3], c[1]));
  const common = mul(side(0), side(1)), all = sub(add(area(a), area(b)), common);
  return both(both(less(f32(0), area(a)), less(f32(0), area(b))), both(less(f32(0), all), less(most, div(common, all))));
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
      const [boxes, scores, most, iou, least] = n.node.inputs as [string, string, ...(string | undefined)[]], wanted = n.type(1).shape, count = boundDim(wanted[2]!);
      const rows = fixedDim(n, wanted[0]!, "the number of images") * fixedDim(n, wanted[1]!, "the number of classes");
      if (![wanted[0]!, wanted[2]!, 4].every((d, i) => n.same(d, n.type(0).shape[i]!))) n.fail(`boxes of shape ${showShape(n.type(0).shape)} do not fit scores of shape ${showShape(wanted)}`);
      if (rows * count === 0 || !most) return [g.constant("i64", [0, 3], [])];
      const scalar = (v: string) => g.node("Reshape", [v, g.constant("i64", [0], [])]), whole = (v: string) => g.node("Cast", [v], { to: 7 });
      const flat = g.node("Reshape", [scores, g.constant("i64", [2], [rows, -1])]), tally = g.node("mlc.Tally", [flat, ...(least ? [scalar(least)] : [])]), candidates = whole(g.node("ReduceMax", [tally], { keepdims: 0 }));
      const places = g.node("mlc.Growth", [tally, g.node("Reshape", [measured(n, g, candidates, count, "candidates"), g.constant("i64", [1], [1])])]);
      const limit = g.known(scalar(most)), each = limit ? Math.max(0, Math.min(count, Number(limit.data[0]))) : count;
      if (each === 0) return [g.constant("i64", [0, 3], [])];
      const kept = g.node("mlc.Suppress", [boxes, flat, tally, places, scalar(most), iou ? scalar(iou) : g.constant("f32", [], [0])], { center_point_box: n.int("center_point_box"), most: each });
      const sums = g.node("CumSum", [g.node("mlc.Kept", [kept]), g.constant("i64", [], [0])]);
      const total = whole(g.node("Gather", [sums, g.constant("i64", [], [rows - 1])]));
      const number = g.node("Reshape", [measured(n, g, total, rows * each), g.constant("i64", [1], [1])]);
      return [g.node("mlc.Selected", [sums, kept, number], { classes: boundDim(wanted[1]!) })];
    },
  },
  {
    // Row by row the boxes that stay, in the order of their scores: their numbers and 1, and 0 behind the last.
    name: "mlc.Suppress", since: 1, internal: true, inputs: [6, 6], attributes: { center_point_box: { kind: "int", default: 0 }, most: { kind: "int" } },
    infer: (n) => { const [rows, room] = n.type(3).shape as [Dim, Dim]; return [{ dtype: "i32", shape: [rows, smallest(room, n.int("most"))] }]; },
    lower: (n) => {
      const [r, s] = n.axes() as [Axis, Axis], [rows, most] = n.in(3).shape as [number, number], count = n.in(1).shape[1]!, image = make("quo", r, int(rows / n.in(0).shape[0]!));
      // Whole vectors: what is no candidate, or has been taken, is less than any score.
      const whole = (d: Dim): Dim => timesDim(quoDim(moreDim(d, vector - 1), vector), vector), room = boundDim(whole(most)), j = axis("j", room), all = [r, j], size = whole(n.type(3).shape[1]!), gone = f32(-Infinity);
      const end = typeof size === "number" ? undefined : size, ended = (stage: Stage): Stage => (end ? { ...stage, ends: stage.axes.map((a) => (a === j ? end : undefined)) } : stage), ends = end ? { ends: [end] } : {};
      const numbered = (place: Expr) => n.load(3, [r, bounded(place, n.type(3).shape[1]!)]), box = bounded(index(numbered(j)), count), side = (place: Expr) => sides.map((x) => from(x, [r, place])) as unknown as Corners;
      const sides = corners(n, image, box).map((value, k) => ended({ name: `side${k}`, axes: all, value })), candidates = index(n.load(2, [r, bounded(sizeExpr(lessDim(n.type(1).shape[1]!, 1)), count)]));
      const first = ended({ name: "first", axes: all, value: select(less(j, candidates), make("max", n.load(1, [r, box]), f32(-maxFloat)), gone) }), before = minus(s, int(1));
      const taken = bounded(index(at({ name: "place", dtype: "i32" }, before, r)), room), isTaken = both(less(gone, at({ name: "best" }, before, r)), make("or", make("equal", convert("i32", j), convert("i32", taken)), overlap(side(taken), side(j), n.load(5, []))));
      const left = ended({ name: "left", axes: [s, ...all], value: select(less(s, int(1)), from(first, all), select(isTaken, gone, at({ name: "left" }, before, ...all))) });
      const best: Stage = { name: "best", axes: [s, r], value: from(left, [s, ...all]), reduce: { op: "max", axes: [j], ...ends } };
      const place: Stage = { name: "place", axes: [s, r], value: select(make("equal", from(left, [s, ...all]), from(best, [s, r])), convert("i32", j), constant("i32", limits("i32")[1])), reduce: { op: "min", axes: [j], ...ends } };
      const stays = both(less(gone, from(best, [s, r])), less(convert("i64", s), n.load(4, [])));
      const kept: Stage = { name: "kept", axes: [s, r], value: select(stays, add(numbered(index(from(place, [s, r]))), i32(1)), i32(0)) };
      return n.compute([...sides, first, left, best, place, kept], [n.result(kept, 0, { index: [r, s] })]);
    },
  },
  {
    // How many stay in each row.
    name: "mlc.Kept", since: 1, internal: true, inputs: [1, 1],
    infer: (n) => [{ dtype: "i32", shape: [n.type(0).shape[0]!] }],
    lower: (n) => {
      const [r] = n.axes() as [Axis], s = axis("s", n.in(0).shape[1]!);
      return n.compute([{ name: "kept", axes: [r], value: convert("i32", less(i32(0), n.load(0, [r, s]))), reduce: { op: "add", axes: [s] } }]);
    },
  },
  {
    // From sums over the rows, image, class and box of each that stays.
    name: "mlc.Selected", since: 1, internal: true, inputs: [3, 3], parameters: [2], attributes: { classes: { kind: "int" } },
    infer: (n) => [{ dtype: "i64", shape: [n.sizes(2)![0]!, 3] }],
    lower: (n) => {
      const [rows, room] = n.in(1).shape as [number, number], [k, d] = n.axes() as [Axis, Axis];
      const row = countOf("row", [k], rows, rows, (r) => less(index(n.load(0, [r])), add(k, int(1))), (acc) => convert("i32", bounded(acc, rows))), r = bounded(index(from(row, [k])), rows);
      const sum = select(less(r, int(1)), int(0), index(n.load(0, [bounded(minus(r, int(1)), rows)]))), box = sub(n.load(1, [r, bounded(minus(k, sum), room)]), i32(1)), [b, c] = unflatten(r, [rows, n.int("classes")]) as [Expr, Expr];
      return n.compute([row, { name: "selected", axes: [k, d], value: select(make("equal", d, int(0)), convert("i64", b), select(make("equal", d, int(1)), convert("i64", c), convert("i64", box))) }]);
    },
  },
];
