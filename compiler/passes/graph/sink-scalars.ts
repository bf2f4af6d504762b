/**
 * Needs types, reshapes in one form. Ensures that a number times an operand of a matrix product stands behind the product, where
 * both operands are computed at run time: s * (A B) instead of (s A) B, also through Transpose, Reshape and Slice. There it is
 * fused into the product's own result, and attention's queries are read where they were computed. After fold-scales, which
 * takes such numbers into constant weights where it can.
 */
import type { Graph, ValueName } from "../../ir/graph.ts";
import { isFloat } from "../../ir/types.ts";
import { sameShape } from "./editor.ts";
import { rewrite, type Editor } from "./rewrite.ts";

export const sinkScalars = (g: Graph): Graph => rewrite(g, {
  MatMul: (n, e) => {
    const found = n.node.inputs.map((v) => withoutScale(v, e)), scale = found.reduce((product, f) => product * (f?.scale ?? 1), 1);
    if (!isFloat(n.outType().dtype) || n.node.inputs.some((v) => e.constantOf(v)) || !found.some(Boolean)) return undefined;
    return e.node("Mul", [e.node("MatMul", n.node.inputs.map((v, i) => found[i]?.value ?? v)), e.constant(n.outType().dtype, [], [scale])]);
  },
});

const moves: ReadonlySet<string> = new Set(["Transpose", "Reshape", "Slice"]);
/** A value that is a number times another, which is made anew without it. */
function withoutScale(v: ValueName, e: Editor): { readonly value: ValueName; readonly scale: number } | undefined {
  const n = e.soleMade(v), [a, b] = n?.node.inputs ?? [];
  if (n?.node.op === "Mul") {
    const scale = e.uniform(b) ?? e.uniform(a), value = e.uniform(b) === undefined ? b! : a!;
    return scale !== undefined && Number.isFinite(scale) && sameShape(e.typeOf(value).shape, n.outType().shape) ? { value, scale } : undefined;
  }
  const inner = n && moves.has(n.node.op) ? withoutScale(a!, e) : undefined;
  return inner && { ...inner, value: e.node(n!.node.op, [inner.value, ...n!.node.inputs.slice(1)], n!.node.attributes) };
}
