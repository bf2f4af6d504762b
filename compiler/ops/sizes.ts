/**
 * Values that depend on sizes known only at run time and on nothing else: what graph passes leave of a model's computation of shapes. The inputs
 * are what the symbols are measured by. */
import { convert, make, select } from "../ir/algebra.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { isSizeList, sizesOp, type Dim, type SizeList } from "../ir/graph.ts";
import { int } from "../ir/linear.ts";
import { flatten, moreDim } from "./helpers.ts";
import type { Expander, NodeView, Op } from "./op.ts";

const listOf = (n: NodeView): SizeList => { const a = n.node.attributes.value; return a !== undefined && isSizeList(a) ? a : n.fail("attribute value must be a list of sizes"); };
/** A value of these sizes: a constant where all are numbers. */
export const sizesValue = (g: Expander, dims: readonly Dim[], shape: readonly number[] = [dims.length]): string =>
  (dims.every((d) => typeof d === "number") ? g.constant("i64", shape, dims) : g.node(sizesOp, [], { value: { dtype: "i64", shape, dims } }));
/** `from`, `from` + 1 ...: so many whole numbers, in one row or, if `column`, one column. */
export function counted(g: Expander, count: Dim, from: Dim, column: boolean): string {
  if (typeof count === "number" && typeof from === "number") return g.constant("i64", column ? [count, 1] : [1, count], Array.from({ length: count }, (_, i) => i + from));
  const scalar = (d: Dim) => sizesValue(g, [d], []), end = moreDim(from, count);
  return g.node("Unsqueeze", [g.node("Range", [scalar(from), scalar(end), scalar(1)]), g.constant("i64", [1], [column ? 1 : 0])]);
}
/** mlc.Sizes. */
export const sizeLists: readonly Op[] = [{
  name: sizesOp, since: 1, internal: true, inputs: [0, Infinity], attributes: { value: { kind: "sizes" } },
  infer: (n) => { const { dtype, shape } = listOf(n); return [{ dtype, shape }]; },
  lower: (n) => n.map((index) => {
    const { dtype, shape, dims } = listOf(n), at = flatten(index, shape);
    const elements = dims.map((d): Expr => (typeof d === "number" ? constant(dtype, d) : convert(dtype, d)));
    return elements.reduceRight<Expr>((rest, e, k) => select(make("equal", at, int(k)), e, rest), elements.at(-1) ?? constant(dtype, 0));
  }),
}];
