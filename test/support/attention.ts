/** Attention as exporters write it, small: heads cut from rows, scores, a mask or none, softmax, and heads put side by side. */
import type { Graph } from "../../compiler/ir/graph.ts";
import { Builder } from "./graph-builder.ts";

export interface AttentionSizes { readonly queries: number; readonly keys?: number; readonly heads?: number; readonly size?: number; readonly batch?: number }
/** `between`: what is made of the scores before softmax. `wide`: the heads of queries that share one head of keys. */
export function attention({ queries, keys = queries, heads = 2, size = 8, batch = 1 }: AttentionSizes, between = (b: Builder, scores: string) => b.op("Mul", [scores, b.scalar(size ** -0.5)])): Graph {
  const b = new Builder(), split = (name: string, rows: number, perm: readonly number[]) =>
    b.op("Transpose", [b.op("Reshape", [b.op("Neg", [b.input(name, [batch, rows, heads * size])]), b.ints(batch, rows, heads, size)])], { perm });
  const scores = between(b, b.op("MatMul", [split("q", queries, [0, 2, 1, 3]), split("k", keys, [0, 2, 3, 1])]));
  const mixed = b.op("MatMul", [b.op("Softmax", [scores], { axis: -1 }), split("v", keys, [0, 2, 1, 3])]);
  return b.graph(b.op("Reshape", [b.op("Transpose", [mixed], { perm: [0, 2, 1, 3] }), b.ints(batch, queries, heads * size)]));
}
