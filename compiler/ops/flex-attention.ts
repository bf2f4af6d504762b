/** ai.onnx.preview.FlexAttention: attention whose scores and weights the model changes by graphs of its own. These are put in their places. */
import { typeOfOnnx, types, type DType } from "../ir/types.ts";
import { shapeOf, typeOf } from "./checks.ts";
import { floats, showShape } from "./helpers.ts";
import type { NodeView, Op, Parts, Resolver } from "./op.ts";

const names = ["Q", "K", "V"];
/** Sizes of four-dimensional heads; `q` and `v` are head sizes. */
function sizes(n: NodeView) {
  const [Q, K, V] = names.map((_, i) => shapeOf(n, i, 4, 4)) as [readonly number[], readonly number[], readonly number[]];
  const [batch, heads, queries, q] = Q as [number, number, number, number], [, kvHeads, keys] = K as [number, number, number, number], v = V[3]!;
  if (showShape(K) !== showShape([batch, kvHeads, keys, q]) || showShape(V) !== showShape([batch, kvHeads, keys, v])) {
    n.fail(`queries ${showShape(Q)}, keys ${showShape(K)} and values ${showShape(V)} do not go together`,
      "Q is [batch, heads, queries, size], K [batch, kv heads, keys, size], V [batch, kv heads, keys, v size]");
  }
  if (kvHeads === 0 || heads % kvHeads !== 0) n.fail(`${heads} query heads do not divide into ${kvHeads} groups, one for each head of keys and values`);
  return { batch, heads, queries, q, kvHeads, keys, v, group: heads / kvHeads };
}
/** What softmax and the graphs are computed in: f32 for the small floats. */
function precision(n: NodeView, dtype: DType): DType {
  if (!n.given("softmax_precision")) return dtype === "f64" ? "f64" : "f32";
  const asked = typeOfOnnx(n.int("softmax_precision"));
  return asked && floats.includes(asked) ? asked : n.fail(`attribute softmax_precision is ${n.int("softmax_precision")}; it can be 1 (float), 10 (float16), 11 (double) or 16 (bfloat16)`);
}
/** What the graph `attribute` makes of `x`: of the same type. */
function modified(n: NodeView, g: Resolver, attribute: string, x: string): string {
  if (!n.given(attribute)) return x;
  const body = n.graph(attribute);
  if (body.inputs.length !== 1 || body.outputs.length !== 1) n.fail(`${attribute} takes ${body.inputs.length} values and gives ${body.outputs.length}; it must be one of each`);
  const [made] = g.inline(body, [x]), before = g.type(x);
  if (typeof made !== "string") return n.fail(`${attribute} gives no tensor`);
  const { dtype, shape } = g.type(made);
  return dtype === before.dtype && shape.join() === before.shape.join() ? made
    : n.fail(`${attribute} makes ${dtype}${showShape(shape)} of ${before.dtype}${showShape(before.shape)}`, "it must keep the type and the shape");
}
function resolve(n: NodeView, g: Resolver): readonly Parts[] {
  const dtype = typeOf(n), s = sizes(n), inside = precision(n, dtype), grouped = s.group > 1, [Q, K, V] = n.node.inputs as [string, string, string];
  const shapeTo = (x: string, ...shape: readonly number[]) => g.node("Reshape", [x, g.constant("i64", [shape.length], shape)]);
  const cast = (x: string, from: DType, to: DType) => (from === to ? x : g.node("Cast", [x], { to: types[to].onnx }));
  // Heads of one group share keys and values: they are broadcast, not copied.
  const shared = (x: string, size: number) => (grouped ? shapeTo(x, s.batch, s.kvHeads, 1, s.keys, size) : x);
  const inGroups = (x: string, size: number) => (grouped ? shapeTo(x, s.batch, s.kvHeads, s.group, s.queries, size) : x);
  const apart = (x: string, size: number) => (grouped ? shapeTo(x, s.batch, s.heads, s.queries, size) : x);
  /** The graphs see the heads one by one. */
  const changed = (x: string, by: string) => (n.given(by) ? inGroups(modified(n, g, by, apart(x, s.keys)), s.keys) : x);

  const alpha = n.given("scale") ? n.float("scale") : 1 / Math.sqrt(s.q);
  const raw = g.node("com.microsoft.FusedMatMul", [inGroups(Q, s.q), shared(K, s.q)], { alpha, transB: 1 });
  const weights = g.node("Softmax", [changed(cast(raw, dtype, inside), "score_mod")], { axis: -1 });
  const mixed = g.node("MatMul", [changed(weights, "prob_mod"), shared(cast(V, dtype, inside), s.v)]);
  return [apart(cast(mixed, inside, dtype), s.v)];
}

/** Attention with graphs in it. */
export const flexAttention: Op = {
  name: "ai.onnx.preview.FlexAttention", since: 1, inputs: [3, 3],
  accuracy: { absolute: 1e-6, relative: 2e-5, reason: "sums of float products are taken in another order; exp is of single precision" },
  attributes: {
    prob_mod: { kind: "graph", optional: true }, scale: { kind: "float", optional: true }, score_mod: { kind: "graph", optional: true },
    softmax_precision: { kind: "int", optional: true },
  },
  infer: (n) => n.fail("has graphs in it, of which only type inference knows"),
  resolve,
};
