/** Softmax and its relatives along one axis: top, exponentials, sum, result. */
import { convert, div, make, mul, select, sub } from "../ir/algebra.ts";
import { accumulator, at, axis, type Axis, type Compute, type Stage } from "../ir/compute.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { limits } from "../ir/types.ts";
import { typeOf } from "./checks.ts";
import { like } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** The dimensions of input 0 with axis `along` named `k`; `outer` lacks it. */
function rows(n: NodeView): { readonly all: readonly Axis[]; readonly outer: readonly Axis[]; readonly k: Axis } {
  const { shape } = n.in(0), along = n.axis(n.int("axis"), shape.length);
  const all = shape.map((size, d) => axis(d === along ? "k" : `d${d}`, size));
  return { all, outer: all.filter((_, d) => d !== along), k: all[along]! };
}
type Rows = ReturnType<typeof rows>;
/** An operator over rows that keeps shape and type. */
const rowwise = (name: string, accuracy: Op["accuracy"], lower: (n: NodeView, r: Rows, x: Expr) => Compute): Op => ({
  name, since: 13, inputs: [1, 1], attributes: { axis: { kind: "int", default: -1 } }, ...(accuracy ? { accuracy } : {}),
  infer: (n) => {
    const dtype = typeOf(n), { shape } = n.type(0);
    if (shape.length > 0) n.axis(n.int("axis"), shape.length);
    else n.fail("takes no scalar: it needs an axis to work along");
    return [{ dtype, shape }];
  },
  lower: (n) => { const r = rows(n); return lower(n, r, n.load(0, r.all)); },
});
const top = (r: Rows, x: Expr): Stage => ({ name: "top", axes: r.outer, reduce: { op: "max", axes: [r.k] }, value: x });

const exponentials = { absolute: 1e-6, relative: 1e-5, reason: "exp is a polynomial of single precision" } as const;
const softmax = rowwise("Softmax", exponentials, (n, r, x) => {
  const { dtype } = x, e = at({ name: "e", dtype }, ...r.all);
  return n.compute([
    top(r, x),
    { name: "e", axes: r.all, value: make("exp", sub(x, at({ name: "top", dtype }, ...r.outer))) },
    { name: "sum", axes: r.outer, reduce: { op: "add", axes: [r.k] }, value: e, finish: div(constant(dtype, 1), accumulator(dtype)) },
    { name: "softmax", axes: r.all, value: mul(e, at({ name: "sum", dtype }, ...r.outer)) },
  ]);
});
/** The logarithm of the sum of exponentials is added to the top, and both are taken off once. */
const logSoftmax = rowwise("LogSoftmax", exponentials, (n, r, x) => {
  const { dtype } = x, highest = at({ name: "top", dtype }, ...r.outer);
  return n.compute([
    top(r, x),
    { name: "sum", axes: r.outer, reduce: { op: "add", axes: [r.k] }, value: make("exp", sub(x, highest)), finish: make("log", accumulator(dtype)) },
    { name: "logsoftmax", axes: r.all, value: sub(sub(x, highest), at({ name: "sum", dtype }, ...r.outer)) },
  ]);
});
/** 1 at the first largest element of a row, 0 elsewhere. */
const hardmax = rowwise("Hardmax", undefined, (n, r, x) => {
  const { dtype } = x, place = convert("i32", r.k), isTop = make("equal", x, at({ name: "top", dtype }, ...r.outer));
  return n.compute([
    top(r, x),
    { name: "first", axes: r.outer, reduce: { op: "min", axes: [r.k] }, value: select(isTop, place, constant("i32", limits("i32")[1])) },
    { name: "hardmax", axes: r.all, value: select(make("equal", place, at({ name: "first", dtype: "i32" }, ...r.outer)), like(x, 1), like(x, 0)) },
  ]);
});

export const softmaxes: readonly Op[] = [softmax, logSoftmax, hardmax];
