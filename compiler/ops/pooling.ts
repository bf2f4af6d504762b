/** Pools: a reduction over the window of each channel by itself. */
import { add, convert, div, make, mul, select } from "../ir/algebra.ts";
import { accumulator, at, axis, neutral, type Axis, type Compute, type Reduction, type Stage } from "../ir/compute.ts";
import { int, minus, plus, times } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { limits } from "../ir/types.ts";
import { boundOf, sizeOf, type Dim } from "../ir/graph.ts";
import { dimsOf, typeOf } from "./checks.ts";
import { flatten, floats, forOutputs, lessDim, like, moreDim, product, shared } from "./helpers.ts";
import { sizeExpr, type AttributeSpec, type NodeView, type Op } from "./op.ts";
import { guarded, poolKernel, slides, spatialAxes, tap, windowAttributes, type Slide } from "./spatial.ts";

const sums = { relative: 1e-5, reason: "a float sum is taken in another order" } as const;
/** The attributes of pools over windows. */
export const poolAttributes = { ...windowAttributes, ceil_mode: { kind: "int", default: 0 } } as const satisfies Record<string, AttributeSpec>;

function windows(n: NodeView): readonly Slide[] {
  const X = dimsOf(n, 0, 3);
  return slides(n, X.slice(2), poolKernel(n, X.length - 2), n.int("ceil_mode") !== 0);
}
/** The shape of a pool's result. */
export const pooled = (n: NodeView): readonly Dim[] => [...dimsOf(n, 0, 3).slice(0, 2), ...windows(n).map((w) => w.output)];

interface Pool {
  readonly axes: readonly Axis[];
  readonly taps: readonly Axis[];
  /** The element under a tap; it may lie in the padding. */
  readonly index: readonly Expr[];
  readonly spatial: readonly Expr[];
  readonly sizes: readonly Dim[];
  readonly slides: readonly Slide[];
}
function pool(n: NodeView): Pool {
  const X = n.in(0).shape, s = windows(n), outer = [axis("n", X[0]!), axis("c", X[1]!)], out = spatialAxes(s.map((w) => w.output));
  const taps = spatialAxes(s.map((w) => w.kernel), "k"), spatial = s.map((w, d) => tap(w, out[d]!, taps[d]!));
  return { axes: [...outer, ...out], taps, spatial, index: [...outer, ...spatial], sizes: n.type(0).shape.slice(2), slides: s };
}
/** A reduction over the window, with its neutral element in the padding. */
function over(n: NodeView, p: Pool, op: Reduction, element: (x: Expr) => Expr, finish?: (sum: Expr) => Expr): Stage {
  const value = element(n.load(0, p.index)), { dtype } = value, end = finish?.(accumulator(dtype));
  return {
    name: "pool", axes: p.axes, value: guarded(p.spatial, p.sizes, value, constant(dtype, neutral(op, dtype))),
    reduce: { op, axes: p.taps }, ...(end ? { finish: end } : {}),
  };
}

const maxPool: Op = {
  name: "MaxPool", since: 22, inputs: [1, 1], outputs: [1, 2],
  attributes: { ...poolAttributes, storage_order: { kind: "int", default: 0 } },
  infer: (n) => {
    const dtype = typeOf(n, [...floats, "i8", "u8"]), shape = pooled(n);
    if (sizeOf(boundOf(n.type(0)).shape) > 2 ** 31 && n.node.outputs[1]) n.fail("the output Indices needs an input of fewer than 2^31 elements");
    return forOutputs(n, [{ dtype, shape }, { dtype: "i64", shape }]);
  },
  lower: (n) => {
    const p = pool(n), top = over(n, p, "max", (x) => x);
    return n.node.outputs[1] ? withIndices(n, p, top) : n.compute([top]);
  },
};
/** The first place, in row-major order, where the maximum stands. */
function withIndices(n: NodeView, p: Pool, top: Stage): Compute {
  const none = constant("i32", limits("i32")[1]), place = convert("i32", flatten(p.index, n.type(0).shape)), found = accumulator("i32");
  const isTop = make("equal", n.load(0, p.index), at({ name: top.name, dtype: n.in(0).dtype }, ...p.axes));
  const where: Stage = {
    name: "where", axes: p.axes, reduce: { op: "min", axes: p.taps }, value: guarded(p.spatial, p.sizes, select(isTop, place, none), none),
    finish: convert("i64", n.int("storage_order") ? columnMajor(found, p.sizes) : found),
  };
  return n.compute([top, where], [...(n.node.outputs[0] ? [n.result(top)] : []), n.result(where, 1)]);
}
/** The number of a spatial place counted with the first dimension innermost, from the row-major number. */
function columnMajor(flat: Expr, sizes: readonly Dim[]): Expr {
  const i32 = (d: Dim) => convert("i32", sizeExpr(d)), all = i32(product(sizes));
  const place = sizes.map((size, d) => make("fmod", div(flat, i32(product(sizes.slice(d + 1)))), i32(size)));
  return place.reduce<Expr>((sum, x, d) => add(sum, mul(x, i32(product(sizes.slice(0, d))))), mul(div(flat, all), all));
}

/** How many taps of window `y` lie on elements from `low` on and below `high`. */
function count(s: Slide, y: Expr, low: Dim, high: Dim): Expr {
  const start = minus(times(y, s.stride), sizeExpr(s.before));
  const taps = (from: Expr) => make("quo", plus(make("max", from, int(0)), int(s.dilation - 1)), int(s.dilation));
  return minus(make("min", taps(minus(sizeExpr(high), start)), int(s.kernel)), taps(minus(sizeExpr(low), start)));
}
const averagePool: Op = {
  name: "AveragePool", since: 22, inputs: [1, 1], accuracy: sums, attributes: { ...poolAttributes, count_include_pad: { kind: "int", default: 0 } },
  infer: (n) => [{ dtype: typeOf(n), shape: pooled(n) }],
  lower: (n) => {
    const p = pool(n), padding = n.int("count_include_pad");
    const counts = p.slides.map((s, d) => count(s, p.axes[d + 2]!, padding ? lessDim(0, s.before) : 0, padding ? moreDim(s.input, s.after) : s.input));
    const all = counts.reduce((a, b) => make("mul", a, b));
    return n.compute([over(n, p, "add", (x) => x, (sum) => divided(sum, all))]);
  },
};
/** By a reciprocal where the count is one number. */
const divided = (sum: Expr, by: Expr): Expr =>
  by.kind === "const" ? mul(sum, constant(sum.dtype, 1 / Number(by.value))) : div(sum, convert(sum.dtype, by));

/** |x|^p, and the root that undoes its sum. */
function norm(p: number): { readonly power: (x: Expr) => Expr; readonly root: (x: Expr) => Expr } {
  const abs = (x: Expr) => make("abs", x);
  if (p === 1) return { power: abs, root: (x) => x };
  if (p === 2) return { power: (x) => mul(x, x), root: (x) => make("sqrt", x) };
  return { power: (x) => make("pow", abs(x), like(x, p)), root: (x) => make("pow", x, like(x, 1 / p)) };
}
const lpPool: Op = {
  name: "LpPool", since: 22, inputs: [1, 1], accuracy: sums, attributes: { ...poolAttributes, p: { kind: "int", default: 2 } },
  infer: (n) => [{ dtype: typeOf(n), shape: pooled(n) }],
  lower: (n) => { const { power, root } = norm(n.int("p")); return n.compute([over(n, pool(n), "add", power, root)]); },
};

/** A reduction over all spatial elements of each channel. */
function global(name: string, since: number, op: Reduction, form: {
  readonly accuracy?: typeof sums; readonly attributes?: Op["attributes"];
  readonly value?: (x: Expr, n: NodeView) => Expr; readonly finish?: (sum: Expr, n: NodeView, size: Dim) => Expr;
}): Op {
  return {
    name, since, inputs: [1, 1], ...(form.accuracy ? { accuracy: form.accuracy } : {}), ...(form.attributes ? { attributes: form.attributes } : {}),
    infer: (n) => { const X = dimsOf(n, 0, 2); return [{ dtype: typeOf(n), shape: X.map((size, d) => (d < 2 ? size : 1)) }]; },
    lower: (n) => {
      const { shape } = n.in(0), axes = [axis("n", shape[0]!), axis("c", shape[1]!)];
      const taps = spatialAxes(shape.slice(2)), x = n.load(0, [...axes, ...taps]);
      const value = form.value?.(x, n) ?? x, end = (sum: Expr) => form.finish?.(sum, n, product(n.type(0).shape.slice(2))) ?? sum;
      const sum = accumulator(value.dtype), finish = end(sum);
      const stage: Stage = taps.length === 0
        ? { name: "pool", axes, value: end(value) }
        : { name: "pool", axes, value, reduce: { op, axes: taps }, ...(finish === sum ? {} : { finish }) };
      return n.compute([stage], [n.result(stage, 0, { index: [...axes, ...taps.map(() => int(0))] })]);
    },
  };
}

/** Pools over windows, and over all. */
export const pools: readonly Op[] = [
  maxPool, averagePool, lpPool,
  global("GlobalMaxPool", 22, "max", {}),
  global("GlobalAveragePool", 22, "add", { accuracy: sums, finish: (sum, _, size) => shared(sum, size) }),
  global("GlobalLpPool", 22, "add", {
    accuracy: sums, attributes: { p: { kind: "int", default: 2 } },
    value: (x, n) => norm(n.int("p")).power(x), finish: (sum, n) => norm(n.int("p")).root(sum),
  }),
];
