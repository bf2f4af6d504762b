/** Reductions over axes. */
import { add, convert, div, make, mul, select, sub } from "../ir/algebra.ts";
import { int } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { accumulator, at, axis, neutral, type Axis, type Compute, type Reduction, type Stage } from "../ir/compute.ts";
import { sizeOf, type Dim, type ValueType } from "../ir/graph.ts";
import { isFloat, types, type DType } from "../ir/types.ts";
import { axesOf, declared, expectType, fromEnd, indexAt, like, numbers, product, showShape, unflatten } from "./helpers.ts";
import { abs, exp, log, sqrt } from "./formulas.ts";
import { sizeExpr, type AttributeSpec, type NodeView, type Op } from "./op.ts";

/** Which axes a node reduces; null where only run time knows. */
function reducedAxes(n: NodeView): readonly number[] | null {
  const { shape } = n.type(0), all = shape.map((_, d) => d), none = n.int("noop_with_empty_axes") ? [] : all;
  if (!n.has(1) || sizeOf(n.in(1).shape) === 0) return none;
  return n.constant(1) ? axesOf(n, n.parameter(1)!, shape.length) : null;
}
const keeps = (n: NodeView): boolean => n.int("keepdims") !== 0;
const remaining = (shape: readonly Dim[], axes: readonly number[], keep: boolean): readonly Dim[] =>
  shape.flatMap((d, i) => (axes.includes(i) ? (keep ? [1] : []) : [d]));

/** Axes of the output, axes of the reduction, and the input's index over both. */
export interface Space { readonly axes: readonly Axis[]; readonly over: readonly Axis[]; readonly index: readonly Expr[] }
/** Of a reduction of known axes. */
export function spaceOver(shape: readonly number[], reduced: readonly number[], keep: boolean): Space {
  const axes: Axis[] = [], over: Axis[] = [];
  const index = shape.map((size, d) => {
    if (!reduced.includes(d)) return axes[axes.push(axis(`d${d}`, size)) - 1]!;
    if (keep) axes.push(axis(`d${d}`, 1));
    return over[over.push(axis(`r${d}`, size)) - 1]!;
  });
  return { axes, over, index };
}
/** The sets of `count` axes that lead from one shape to another. */
function candidates(n: NodeView, count: number, out: readonly number[]): readonly (readonly number[])[] {
  const { shape } = n.in(0), sets = Array.from({ length: 2 ** shape.length }, (_, bits) => shape.flatMap((_, d) => ((bits >> d) & 1 ? [d] : [])));
  return sets.filter((set) => set.length === count && String(remaining(shape, set, keeps(n))) === String(out));
}
/**
 * Of axes that only run time knows: the stated shape of the output leaves few sets of axes, often one. Between several, of
 * equally many elements, the index is chosen at run time.
 */
function spaceAtRunTime(n: NodeView): Space {
  const { shape } = n.in(0), out = n.out().shape, count = sizeOf(n.in(1).shape), sets = candidates(n, count, out);
  const named = Array.from({ length: count }, (_, k) => fromEnd(indexAt(n, 1, k), shape.length));
  const isNamed = (a: number) => named.reduce<Expr>((any, x) => make("or", any, make("equal", x, int(a))), constant("bool", 0));
  if (sets.length === 1) return spaceOver(shape, sets[0]!, keeps(n));
  const axes = n.axes(), r = axis("r", sizeOf(sets[0]!.map((a) => shape[a]!)));
  const kept = (set: readonly number[], d: number) => axes[keeps(n) ? d : shape.slice(0, d).filter((_, i) => !set.includes(i)).length]!;
  const maps = sets.map((set) => {
    const inner = unflatten(r, set.map((a) => shape[a]!));
    const index = shape.map((_, d) => (set.includes(d) ? inner[set.indexOf(d)]! : kept(set, d)));
    return { chosen: set.map(isNamed).reduce((a, b) => make("and", a, b)), index };
  });
  return { axes, over: [r], index: shape.map((_, d) => maps.slice(1).reduce((rest, m) => select(m.chosen, m.index[d]!, rest), maps[0]!.index[d]!)) };
}
function space(n: NodeView): Space {
  const known = reducedAxes(n);
  return known ? spaceOver(n.in(0).shape, known, keeps(n)) : spaceAtRunTime(n);
}
/** How many elements are reduced to one. */
function countOf(n: NodeView, s: Space): Dim {
  const { shape } = n.type(0), axes = reducedAxes(n);
  return axes ? product(axes.map((a) => shape[a]!)) : s.over.reduce((all, a) => all * (a.range[1] + 1), 1);
}
/** A reduction; over no elements it is what it starts from. */
export function reduceStage(name: string, { axes, over }: Space, op: Reduction, value: Expr, finish: (acc: Expr) => Expr = (a) => a): Stage {
  const { dtype } = value;
  if (over.length === 0) return { name, axes, value: finish(value) };
  if (over.some((a) => a.range[1] < 0)) return { name, axes, value: finish(constant(dtype, neutral(op, dtype))) };
  const acc = accumulator(dtype), result = finish(acc);
  return { name, axes, value, reduce: { op, axes: over }, ...(result === acc ? {} : { finish: result }) };
}
/** The element of an earlier stage. */
export const from = (stage: Stage, index: readonly Expr[]): Expr => at({ name: stage.name, dtype: (stage.finish ?? stage.value).dtype }, ...index);

interface Form {
  readonly op: Reduction | ((t: DType) => Reduction);
  readonly types?: readonly DType[];
  readonly element?: (x: Expr) => Expr;
  /** `count` is the number of elements reduced. */
  readonly finish?: (acc: Expr, count: Dim) => Expr;
}
/** A float function of a number of any type. */
const viaFloat = (f: (x: Expr) => Expr) => (x: Expr): Expr => (isFloat(x.dtype) ? f(x) : convert(x.dtype, f(convert("f64", x))));
const magnitude = (x: Expr): Expr => (types[x.dtype].kind === "uint" ? x : abs(x));
const square = (x: Expr): Expr => mul(x, x);
const attributes: Readonly<Record<string, AttributeSpec>> = {
  keepdims: { kind: "int", default: 1 }, noop_with_empty_axes: { kind: "int", default: 0 },
};

function reducedType(n: NodeView, allowed: readonly DType[]): ValueType {
  const { dtype, shape } = n.type(0);
  expectType(n, 0, allowed);
  expectType(n, 1, ["i64"]);
  const axes = reducedAxes(n);
  if (axes) return { dtype, shape: remaining(shape, axes, keeps(n)) };
  const out = declared(n, dtype, "the list of axes");
  if (!candidates(n, sizeOf(n.in(1).shape), out.shape).length) {
    n.fail(`no ${sizeOf(n.in(1).shape)} axes lead from shape ${showShape(shape)} to the stated ${showShape(out.shape)}`);
  }
  return out;
}
const reduction = (name: string, since: number, form: Form): Op => ({
  name, since, inputs: [1, 2], attributes, parameters: [1],
  infer: (n) => [reducedType(n, form.types ?? numbers)],
  lower: (n) => {
    const s = space(n), x = n.load(0, s.index), op = typeof form.op === "string" ? form.op : form.op(x.dtype);
    return n.compute([reduceStage("reduce", s, op, form.element?.(x) ?? x, (acc) => form.finish?.(acc, countOf(n, s)) ?? acc)]);
  },
});
/** Shifted by the greatest element, so that exp does not overflow; not shifted where that is infinite. */
function logSumExp(n: NodeView): Compute {
  const s = space(n), x = n.load(0, s.index), inner: DType = isFloat(x.dtype) ? x.dtype : "f64";
  const top = reduceStage("top", s, "max", convert(inner, x), (a) => select(make("equal", abs(a), like(a, Infinity)), like(a, 0), a));
  const shift = from(top, s.axes);
  const sum = reduceStage("reduce", s, "add", exp(sub(convert(inner, x), shift)), (a) => convert(x.dtype, add(log(a), shift)));
  return n.compute([top, sum]);
}
const orBool = (op: "max" | "min") => (t: DType): Reduction => (t === "bool" ? (op === "max" ? "or" : "and") : op);

/** ReduceSum and its like. */
export const reducers: readonly Op[] = [
  reduction("ReduceSum", 13, { op: "add" }),
  reduction("ReduceMean", 18, { op: "add", finish: (acc, count) => div(acc, convert(acc.dtype, sizeExpr(count))) }),
  reduction("ReduceMax", 20, { op: orBool("max"), types: [...numbers, "bool"] }),
  reduction("ReduceMin", 20, { op: orBool("min"), types: [...numbers, "bool"] }),
  reduction("ReduceProd", 18, { op: "mul" }),
  reduction("ReduceL1", 18, { op: "add", element: magnitude }),
  reduction("ReduceL2", 18, { op: "add", element: square, finish: viaFloat(sqrt) }),
  reduction("ReduceSumSquare", 18, { op: "add", element: square }),
  reduction("ReduceLogSum", 18, { op: "add", finish: viaFloat(log) }),
  { name: "ReduceLogSumExp", since: 18, inputs: [1, 2], attributes, parameters: [1], infer: (n) => [reducedType(n, numbers)], lower: logSumExp },
];
