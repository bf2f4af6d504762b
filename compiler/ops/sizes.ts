/**
 * Values that depend on sizes known only at run time and on nothing else: what graph passes leave of a model's computation of shapes. The inputs
 * are what the symbols are measured by. */
import { convert, make, select } from "../ir/algebra.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { isSizeList, sizesOp, type SizeList } from "../ir/graph.ts";
import { int } from "../ir/linear.ts";
import { flatten } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

const listOf = (n: NodeView): SizeList => { const a = n.node.attributes.value; return a !== undefined && isSizeList(a) ? a : n.fail("attribute value must be a list of sizes"); };
export const sizeLists: readonly Op[] = [{
  name: sizesOp, since: 1, internal: true, inputs: [0, Infinity], attributes: { value: { kind: "sizes" } },
  infer: (n) => { const { dtype, shape } = listOf(n); return [{ dtype, shape }]; },
  lower: (n) => n.map((index) => {
    const { dtype, shape, dims } = listOf(n), at = flatten(index, shape);
    const elements = dims.map((d): Expr => (typeof d === "number" ? constant(dtype, d) : convert(dtype, d)));
    return elements.reduceRight<Expr>((rest, e, k) => select(make("equal", at, int(k)), e, rest), elements.at(-1) ?? constant(dtype, 0));
  }),
}];
