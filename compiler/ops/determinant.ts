/** Det: of few rows by minors, of more by Gaussian elimination with partial pivoting (Golub and Van Loan, Matrix Computations, 3.4). */
import { add, convert, div, less, make, mul, select, sub } from "../ir/algebra.ts";
import { at, axis, type Compute, type Stage } from "../ir/compute.ts";
import { int, minus } from "../ir/linear.ts";
import { constant, load, type Expr } from "../ir/scalar.ts";
import { limits } from "../ir/types.ts";
import { shapeOf, typeOf } from "./checks.ts";
import { bounded, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** So many rows have few enough minors. */
const fewRows = 4;
/** By minors of the first row. */
function byMinors(rows: readonly number[], columns: readonly number[], element: (i: number, j: number) => Expr): Expr {
  const [first, ...rest] = rows as [number, ...number[]];
  if (rest.length === 0) return element(first, columns[0]!);
  return columns.map((c) => mul(element(first, c), byMinors(rest, columns.filter((x) => x !== c), element)))
    .reduce((sum, x, k) => (k % 2 === 0 ? add(sum, x) : sub(sum, x)));
}
/**
 * In step `t`, of the rows from `t` on, the one with the largest element in column `t` changes places with row `t`, and the column becomes 0 below it.
 * The determinant is the product of these elements, and each change turns its sign; where all of a column are 0, so is it.
 */
function byElimination(n: NodeView, size: number): Compute {
  const batch = n.axes(), { dtype } = n.in(0), c = (v: number) => constant(dtype, v);
  const t = axis("t", size), i = axis("i", size), j = axis("j", size), r = axis("r", size), before = minus(t, int(1));
  const value = (stage: string, ...index: readonly Expr[]) => at({ name: stage, dtype }, ...index);
  const rowOf = (step: Expr) => bounded(convert("index", load("i32", "row", [step, ...batch])), size);
  const old = (y: Expr, x: Expr) => value("matrix", before, ...batch, y, x), chosen = rowOf(before), moved = select(make("equal", i, chosen), before, i);
  const factor = select(make("equal", value("largest", before, ...batch), c(0)), c(0), div(old(moved, before), old(chosen, before)));
  const height = select(less(r, t), c(-1), make("abs", value("matrix", t, ...batch, r, t))), element = value("matrix", t, ...batch, rowOf(t), t);
  const isFirst = less(t, int(1)), isLeft = less(before, i);
  const stages: readonly Stage[] = [
    { name: "matrix", axes: [t, ...batch, i, j], value: select(isFirst, n.load(0, [...batch, i, j]), select(isLeft, sub(old(moved, j), mul(factor, old(chosen, j))), c(0))) },
    { name: "largest", axes: [t, ...batch], value: height, reduce: { op: "max", axes: [r] } },
    {
      name: "row", axes: [t, ...batch], reduce: { op: "min", axes: [r] },
      value: select(make("equal", height, value("largest", t, ...batch)), convert("i32", r), constant("i32", limits("i32")[1])),
    },
    {
      name: "product", axes: [t, ...batch],
      value: mul(select(isFirst, c(1), value("product", before, ...batch)), select(make("equal", rowOf(t), t), element, sub(c(-0), element))),
    },
  ];
  return n.compute([...stages, { name: "determinant", axes: batch, value: value("product", int(size - 1), ...batch) }]);
}
const det: Op = {
  name: "Det", since: 22, inputs: [1, 1], accuracy: { absolute: 1e-5, relative: 1e-5, reason: "a float sum is taken in another order" },
  infer: (n) => {
    const X = shapeOf(n, 0, 2), size = X.at(-1)!;
    if (X.at(-2) !== size) n.fail(`${showShape(X)} does not hold square matrices`);
    if (size < 1) n.fail(`${showShape(X)} holds matrices without elements`);
    return [{ dtype: typeOf(n), shape: X.slice(0, -2) }];
  },
  lower: (n) => {
    const size = n.in(0).shape.at(-1)!, all = Array.from({ length: size }, (_, i) => i);
    return size > fewRows ? byElimination(n, size) : n.map((index) => byMinors(all, all, (i, j) => n.load(0, [...index, int(i), int(j)])));
  },
};
/** Det. */
export const determinants: readonly Op[] = [det];
