/**
 * Products of dequantised bytes with dequantised constants become products of the bytes, as quantisers mean them: DequantizeLinear -> Conv -> QuantizeLinear is
 * QLinearConv where the bias has the scale of the products, and any other Conv, MatMul and Gemm is ConvInteger or MatMulInteger times the scales. Sums are
 * exact then; results differ by the rounding of floats.
 * Needs types. Stands before constants are folded, which would make floats of the weights. For targets whose products of bytes are faster than those of floats.
 */
import type { Graph, ValueName } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { limits } from "../../ir/types.ts";
import { near } from "./facts.ts";
import { rewrite, type Editor, type Rule } from "./rewrite.ts";

export const recogniseQuantised = (g: Graph): Graph => rewrite(rewrite(g, { QuantizeLinear: again }), { Conv: convolution, MatMul: product, Gemm: product });

/** What DequantizeLinear reads: names of the bytes, of their scale and zero point, and the numbers of the scale, along `axis` if they are many. */
interface Bytes { readonly view: NodeView; readonly q: ValueName; readonly scale: ValueName; readonly zero: ValueName; readonly scales: readonly number[]; readonly axis: number }
function bytesOf(v: ValueName | undefined, e: Editor, stored: readonly string[] = ["u8", "i8"]): Bytes | undefined {
  const n = e.made(v, "DequantizeLinear"), scales = n?.constant(1);
  if (!n || !scales || scales.shape.length > 1 || !stored.includes(n.type(0).dtype) || n.type(1).dtype !== "f32" || n.outType().dtype !== "f32" || n.int("block_size") !== 0) return undefined;
  const [q, scale] = n.node.inputs as [ValueName, ValueName], zero = n.has(2) ? n.node.inputs[2]! : e.constant(n.type(0).dtype, [], [0]);
  return { view: n, q, scale, zero, scales: Array.from(scales.data as ArrayLike<number>, Number), axis: n.type(0).shape.length ? n.axis(n.int("axis"), n.type(0).shape.length) : 0 };
}
/** Both operands, where the first has one scale and the second is a constant with one, or one for each element along `axis`. */
function operands(n: NodeView, e: Editor, axis: number): { readonly x: Bytes; readonly w: Bytes; readonly scales: readonly number[] } | undefined {
  const x = bytesOf(n.node.inputs[0], e), w = bytesOf(n.node.inputs[1], e);
  if (!x || !w || x.scales.length !== 1 || !e.constantOf(w.q) || e.constantOf(x.q) || (w.scales.length > 1 && w.axis !== axis)) return undefined;
  return { x, w, scales: w.scales.map((s) => Math.fround(s * x.scales[0]!)) };
}
/** Quantised again behind a convolution; the limits of bytes do what a Relu would. */
const again: Rule = (n, e) => {
  const [y, scale, zero] = n.node.inputs, low = n.has(2) ? e.uniform(zero) : undefined, { dtype } = n.outType();
  if (n.type(0).dtype !== "f32" || n.type(1).dtype !== "f32" || e.uniform(scale) === undefined || low === undefined || n.int("block_size") !== 0 || (dtype !== "u8" && dtype !== "i8")) return undefined;
  const relu = low === Number(limits(dtype)[0]) ? e.soleMade(y, "Relu") : undefined, conv = e.soleMade(relu ? relu.node.inputs[0] : y, "Conv"), found = conv && operands(conv, e, 0);
  if (!conv || !found || n.type(1).shape.length > 1) return undefined;
  const { x, w, scales } = found, bias = conv.has(2) ? bytesOf(conv.node.inputs[2], e, ["i32"]) : undefined;
  if (conv.has(2) && !(bias && e.uniform(bias.zero) === 0 && bias.scales.every((s, i) => near(s, scales[scales.length === 1 ? 0 : i]!)) && (bias.scales.length > 1 || scales.length === 1))) return undefined;
  return e.node("QLinearConv", [x.q, x.scale, x.zero, w.q, w.scale, w.zero, scale!, zero!, ...(bias ? [bias.q] : [])], conv.node.attributes);
};
/** The integers as floats, times the scales, which lie along a dimension with so many behind it. */
function scaled(e: Editor, integers: ValueName, scales: readonly number[], behind: number): ValueName {
  const shape = scales.length > 1 ? [scales.length, ...Array.from({ length: behind }, () => 1)] : [];
  return e.node("Mul", [e.node("Cast", [integers], { to: 1 }), e.constant("f32", shape, scales)]);
}
const convolution: Rule = (n, e) => {
  const found = operands(n, e, 0), rank = n.type(0).shape.length;
  if (!found) return undefined;
  const { x, w, scales } = found, y = scaled(e, e.node("ConvInteger", [x.q, w.q, x.zero, w.zero], n.node.attributes), scales, rank - 2);
  return n.has(2) ? e.node("Add", [y, e.node("Reshape", [n.node.inputs[2]!, e.sizes([-1, ...Array.from({ length: rank - 2 }, () => 1)])])]) : y;
};
const product: Rule = (n, e) => {
  const isGemm = n.node.op === "Gemm", turned = isGemm && n.int("transB") !== 0;
  if (isGemm && (n.float("alpha") !== 1 || (n.has(2) && n.float("beta") !== 1) || n.int("transA") !== 0)) return undefined;
  const found = n.type(1).shape.length === 2 ? operands(n, e, turned ? 0 : 1) : undefined;
  if (!found) return undefined;
  const { x, w, scales } = found, weights = turned ? e.node("Transpose", [w.q], { perm: [1, 0] }) : w.q, y = scaled(e, e.node("MatMulInteger", [x.q, weights, x.zero, w.zero]), scales, 0);
  return isGemm && n.has(2) ? e.node("Add", [y, n.node.inputs[2]!]) : y;
};
