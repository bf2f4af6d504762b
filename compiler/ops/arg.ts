/** Places of elements along an axis (ArgMax, ArgMin, Hardmax), and running sums and products. */
import { convert, make, select, less } from "../ir/algebra.ts";
import { int, minus, plus } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { at, axis, neutral, type Compute, type Stage } from "../ir/compute.ts";
import { sizeOf } from "../ir/graph.ts";
import { bounded, expectType, fromEnd, indexAt, indices, like, numbers, showShape } from "./helpers.ts";
import { from, reduceStage, spaceOver } from "./reduce.ts";
import { sizeExpr, type NodeView, type Op } from "./op.ts";

/** The greatest (or least) element along an axis, and as i32 the first (or last) place where it stands; the axis stays, with size 1. */
function extreme(n: NodeView, which: "max" | "min", along: number, last: boolean): readonly [best: Stage, place: Stage] {
  const s = spaceOver(n.in(0).shape, [along], true), x = n.load(0, s.index), k = convert("i32", s.over[0]!);
  const best = reduceStage("best", s, which, x), other = like(k, last ? 0 : s.over[0]!.range[1]);
  return [best, reduceStage("place", s, last ? "max" : "min", select(make("equal", x, from(best, s.axes)), k, other))];
}
const arg = (name: string, which: "max" | "min"): Op => ({
  name, since: 13, inputs: [1, 1],
  attributes: { axis: { kind: "int", default: 0 }, keepdims: { kind: "int", default: 1 }, select_last_index: { kind: "int", default: 0 } },
  infer: (n) => {
    const { shape } = n.type(0), along = n.axis(n.int("axis"), shape.length);
    expectType(n, 0, numbers);
    if (shape[along] === 0) n.fail(`axis ${along} of ${showShape(shape)} has no elements`);
    return [{ dtype: "i64", shape: shape.flatMap((d, i) => (i !== along ? [d] : n.int("keepdims") ? [1] : [])) }];
  },
  lower: (n) => {
    const along = n.axis(n.int("axis"), n.in(0).shape.length), [best, place] = extreme(n, which, along, n.int("select_last_index") !== 0);
    const axes = place.axes.filter((_, d) => d !== along || n.int("keepdims")), index = place.axes.map((a, d) => (d === along ? int(0) : a));
    return n.compute([best, place, { name: name.toLowerCase(), axes, value: convert("i64", from(place, index)) }]);
  },
});

/** Axes longer than this are gone through step by step. */
const longest = 64;
/** Each step adds an element to what the one before has found. */
function stepByStep(n: NodeView, along: number, op: "add" | "mul"): Compute {
  const axes = n.axes(), { shape, dtype } = n.in(0), size = shape[along]!, t = axis("t", size), others = axes.filter((_, d) => d !== along), none = constant(dtype, op === "add" ? 0 : 1);
  const place = (step: Expr): Expr => (n.int("reverse") ? minus(int(size - 1), step) : step), real = sizeExpr(n.type(0).shape[along]!);
  // Backwards, steps begin behind what a run has.
  const x = (step: Expr): Expr => { const value = n.load(0, axes.map((a, d) => (d === along ? place(step) : a))); return n.int("reverse") ? select(less(place(step), real), value, none) : value; };
  const isFirst = less(t, int(1)), before = at({ name: "running", dtype }, minus(t, int(1)), ...others), exclusive = n.int("exclusive") !== 0;
  const value = exclusive ? select(isFirst, none, make(op, before, x(minus(t, int(1))))) : select(isFirst, x(t), make(op, before, x(t)));
  const stage: Stage = { name: "running", axes: [t, ...others], value };
  return n.compute([stage], [n.result(stage, 0, { index: axes.map((a, d) => (d === along ? place(t) : a)) })]);
}
/** Combined over all places up to an element's own: of short axes by themselves, quadratic but free of order. */
const running = (name: string, since: number, op: "add" | "mul"): Op => ({
  name, since, inputs: [2, 2], attributes: { exclusive: { kind: "int", default: 0 }, reverse: { kind: "int", default: 0 } },
  infer: (n) => {
    const { shape } = n.type(0);
    expectType(n, 0, numbers);
    expectType(n, 1, indices);
    if (sizeOf(n.in(1).shape) !== 1) n.fail(`axis of shape ${showShape(n.in(1).shape)} must be one number`);
    if (n.constant(1)) n.axis(n.parameter(1)![0]!, shape.length);
    else if (shape.length === 0) n.fail("a scalar has no axis");
    return [n.type(0)];
  },
  lower: (n) => {
    const { shape, dtype } = n.in(0), axes = n.axes(), along = fromEnd(indexAt(n, 1), shape.length), known = n.constant(1) ? n.axis(n.parameter(1)![0]!, shape.length) : null;
    if (known !== null && shape[known]! > longest) return stepByStep(n, known, op);
    const is = shape.map((_, d) => make("equal", along, int(d))), sizes = shape.filter((_, d) => is[d] !== constant("bool", 0));
    const j = axis("j", Math.max(...sizes));
    const pick = (of: (d: number) => Expr) => shape.reduce<Expr>((rest, _, d) => select(is[d]!, of(d), rest), int(0));
    const own = pick((d) => axes[d]!), shift = int(n.int("exclusive") ? 0 : 1);
    const counts = n.int("reverse")
      ? make("and", less(own, plus(j, shift)), less(j, pick((d) => sizeExpr(n.type(0).shape[d]!))))
      : less(j, plus(own, shift));
    const x = n.load(0, shape.map((size, d) => select(is[d]!, bounded(j, size), axes[d]!)));
    return n.compute([reduceStage("running", { axes, over: [j], index: [] }, op, select(counts, x, constant(dtype, neutral(op, dtype))))]);
  },
});

/** ArgMax, ArgMin, Hardmax, CumSum, CumProd. */
export const places: readonly Op[] = [
  arg("ArgMax", "max"), arg("ArgMin", "min"),
  {
    name: "Hardmax", since: 13, inputs: [1, 1], attributes: { axis: { kind: "int", default: -1 } },
    infer: (n) => {
      expectType(n, 0, numbers);
      n.axis(n.int("axis"), n.type(0).shape.length);
      return [n.type(0)];
    },
    lower: (n) => {
      const along = n.axis(n.int("axis"), n.in(0).shape.length), [best, place] = extreme(n, "max", along, false), axes = n.axes();
      const first = convert("index", from(place, axes.map((a, d) => (d === along ? int(0) : a)))), { dtype } = n.out();
      const value = select(make("equal", first, axes[along]!), constant(dtype, 1), constant(dtype, 0));
      return n.compute([best, place, { name: "hardmax", axes, value }]);
    },
  },
  running("CumSum", 14, "add"), running("CumProd", 26, "mul"),
];
