/** ONNX Runtime's operators of transformers, in terms of ONNX's Attention, which has four-dimensional heads and a mask of floats or truths. */
import { isSizeList, type Dim, type ValueType } from "../ir/graph.ts";
import { isFloat, types, type DType } from "../ir/types.ts";
import { dimsOf, expectShape, shapeOf, typeOf } from "./checks.ts";
import { boundDim, expectType, fixedDim, floats, forOutputs, indices, lessDim, moreDim, showShape } from "./helpers.ts";
import { input, ms } from "./microsoft.ts";
import type { AttributeSpec, Expander, NodeView, Op } from "./op.ts";
import { counted, sizesValue } from "./sizes.ts";

const accuracy = { absolute: 1e-6, relative: 2e-5, reason: "sums of float products are taken in another order; exp is of single precision" } as const;
const optional = (n: NodeView, i: number): string => (n.has(i) ? input(n, i) : "");
/** Small nodes, as functions. */
class Maker {
  readonly g: Expander;
  readonly dtype: DType;
  constructor(g: Expander, dtype: DType) { this.g = g; this.dtype = dtype; }
  list(...values: readonly Dim[]): string { return sizesValue(this.g, values); }
  scalar(value: Dim): string { return sizesValue(this.g, [value], []); }
  number(x: number): string { return this.g.constant(this.dtype, [], [x]); }
  reshape(x: string, ...shape: readonly Dim[]): string { return this.g.node("Reshape", [x, this.list(...shape)]); }
  /** [B, L, heads * size] as [B, heads, L, size]. */
  heads(x: string, batch: Dim, rows: Dim, heads: number, size: number): string {
    return this.g.node("Transpose", [this.reshape(x, batch, rows, heads, size)], { perm: [0, 2, 1, 3] });
  }
  /** And back. */
  rows(x: string, batch: Dim, rows: Dim, width: number): string { return this.reshape(this.g.node("Transpose", [x], { perm: [0, 2, 1, 3] }), batch, rows, width); }
  split(x: string, axis: number, sizes: readonly Dim[]): readonly string[] { return this.g.nodes("Split", [x, this.list(...sizes)], sizes.length, { axis }); }
  /** 0, 1, 2 ... along the last dimension, or the one before. */
  count(size: Dim, from: Dim = 0, column = false): string { return counted(this.g, size, from, column); }
  add(a: string, b: string): string { return a && b ? this.g.node("Add", [a, b]) : a || b; }
  whole(x: string): string { return this.g.node("Cast", [x], { to: types.i64.onnx }); }
}

/** Input `i` as what is added to scores [B, heads, S, T]: `least` where it says that a key is not to be seen. */
function maskOf(n: NodeView, m: Maker, i: number, [batch, rows, total]: readonly [Dim, Dim, Dim], least: number): string {
  if (!n.has(i)) return "";
  const { shape } = n.type(i), { g } = m, mask = m.whole(input(n, i)), bias = (seen: string) => g.node("Where", [seen, m.number(0), m.number(least)]), zero = g.constant("i64", [], [0]);
  const keys = m.count(total), positive = (x: string) => bias(g.node("Greater", [x, zero]));
  switch (shape.length) {
    case 1: {
      // How many keys there are; then perhaps, where they begin.
      const [ends, starts] = shape[0] === batch ? [mask] : m.split(mask, 0, [batch, batch]), line = (x: string) => m.reshape(x, batch, 1, 1, 1), seen = g.node("Less", [keys, line(ends!)]);
      return bias(starts ? g.node("And", [seen, g.node("GreaterOrEqual", [keys, line(starts)])]) : seen);
    }
    case 2: return positive(m.reshape(mask, batch, 1, 1, total));
    case 3: return positive(m.reshape(mask, batch, 1, rows, total));
    // A triangle for the longest sequence.
    default: return positive(g.node("Slice", [mask, m.list(lessDim(total, rows), 0), m.list(total, total), m.list(2, 3)]));
  }
}
function expectMask(n: NodeView, i: number, [batch, rows, total]: readonly [Dim, Dim, Dim]): void {
  if (!n.has(i)) return;
  const { shape } = n.type(i), [first] = shape, isClosed = [...shape, batch, rows, total].every((d) => typeof d === "number");
  // Sizes that only a run knows are taken to be what this rank means.
  const is = (...want: readonly Dim[]) => want.length === shape.length && want.every((d, k) => d === shape[k] || (!isClosed && shape.length > 1 && n.same(d, shape[k]!)));
  expectType(n, i, indices);
  const large = shape.length === 4 && shape[1] === 1 && (shape[0] === batch || shape[0] === 1) && shape[2] === shape[3] && typeof shape[2] === "number" && typeof total === "number" && shape[2] >= total;
  if (!(is(batch) || (typeof batch === "number" && first === 2 * batch && is(2 * batch)) || is(batch, total) || is(batch, rows, total) || large)) {
    n.fail(`the mask (input ${i}) has shape ${showShape(shape)}; it can be ${showShape([batch])}, twice that, ${showShape([batch, total])} or ${showShape([batch, rows, total])}`);
  }
}
const scaleOf = (n: NodeView): Readonly<Record<string, number>> => (n.given("scale") && n.float("scale") !== 0 ? { scale: n.float("scale") } : {});
const refuse = (n: NodeView, ...names: readonly string[]): void => names.forEach((name) => { if (n.int(name)) n.fail(`attribute ${name} is not supported`); });
const flag = { kind: "int", default: 0 } as const satisfies AttributeSpec;
const shared = {
  num_heads: { kind: "int" }, mask_filter_value: { kind: "float", default: -10000 }, scale: { kind: "float", optional: true }, unidirectional: flag,
} as const satisfies Record<string, AttributeSpec>;

/** One product makes queries, keys and values of the input. */
interface Self { readonly batch: Dim; readonly rows: Dim; readonly heads: number; readonly sizes: readonly [number, number, number]; readonly past: Dim }
function selfOf(n: NodeView, past: number): Self {
  const [batch, rows] = dimsOf(n, 0, 3, 3) as [Dim, Dim], [, width] = shapeOf(n, 1, 2, 2) as [number, number], heads = n.int("num_heads");
  const third = width / 3, sizes = (n.intsOr("qkv_hidden_sizes") ?? [third, third, third]) as [number, number, number];
  if (sizes.some((s) => s % heads !== 0) || sizes[0] + sizes[1] + sizes[2] !== width) n.fail(`${showShape(sizes)} columns of queries, keys and values do not divide into ${heads} heads`);
  return { batch, rows, heads, sizes, past: n.has(past) ? dimsOf(n, past, 5, 5)[3]! : 0 };
}
function inferSelf(n: NodeView, places: { readonly bias: number; readonly mask: number; readonly past: number }, dtype: DType): readonly ValueType[] {
  const s = selfOf(n, places.past), { batch, rows, heads, sizes: [q, k, v] } = s, total = moreDim(s.past, rows);
  expectShape(n, 1, [n.type(0).shape[2]!, q + k + v], "the weights");
  expectShape(n, places.bias, [q + k + v], "the bias");
  expectShape(n, places.past, [2, batch, heads, s.past, k / heads], "the past");
  expectMask(n, places.mask, [batch, rows, total]);
  refuse(n, "do_rotary", "past_present_share_buffer");
  return forOutputs(n, [{ dtype, shape: [batch, rows, v] }, { dtype, shape: [2, batch, heads, total, k / heads] }]);
}
/** What `made` [B, S, all] gives: attention over its thirds. */
function attendSelf(n: NodeView, g: Expander, made: string, dtype: DType, places: { readonly mask: number; readonly past: number; readonly bias?: number }): readonly string[] {
  const { batch, rows, heads, sizes, past } = selfOf(n, places.past), total = moreDim(past, rows), m = new Maker(g, dtype);
  const [q, k, v] = m.split(made, 2, sizes).map((x, i) => m.heads(x, batch, rows, heads, sizes[i]! / heads)) as [string, string, string];
  const held = n.has(places.past) ? m.split(input(n, places.past), 0, [1, 1]).map((x) => g.node("Squeeze", [x, m.list(0)])) : ["", ""];
  const bias = m.add(maskOf(n, m, places.mask, [batch, rows, total], n.float("mask_filter_value")), places.bias === undefined ? "" : optional(n, places.bias));
  const [y, key, value] = g.nodes("Attention", [q, k, v, bias, ...held], 3, { is_causal: n.int("unidirectional"), ...scaleOf(n) }) as [string, string, string];
  const present = n.node.outputs[1] ? g.node("Concat", [key, value].map((x) => g.node("Unsqueeze", [x, m.list(0)])), { axis: 0 }) : "";
  return [m.rows(y, batch, rows, sizes[2]), present].slice(0, n.node.outputs.length);
}
const attention: Op = {
  name: ms("Attention"), since: 1, sizes: true, inputs: [2, 7], outputs: [1, 2], accuracy,
  attributes: { ...shared, do_rotary: flag, past_present_share_buffer: flag, qkv_hidden_sizes: { kind: "ints", optional: true }, rotary_embedding_dim: flag },
  infer: (n) => inferSelf(n, { bias: 2, mask: 3, past: 4 }, typeOf(n, floats, 0, 1)),
  expand: (n, g) => {
    const product = g.node("MatMul", [input(n, 0), input(n, 1)]);
    return attendSelf(n, g, n.has(2) ? g.node("Add", [product, input(n, 2)]) : product, n.type(0).dtype, { mask: 3, past: 4, bias: 5 });
  },
};
const qAttention: Op = {
  name: ms("QAttention"), since: 1, sizes: true, inputs: [5, 9], outputs: [1, 2], accuracy, attributes: { ...shared, do_rotary: flag, past_present_share_buffer: flag, qkv_hidden_sizes: { kind: "ints", optional: true } },
  infer: (n) => {
    [0, 1].forEach((i) => expectType(n, i, ["u8", "i8"]));
    return inferSelf(n, { bias: 2, mask: 5, past: 8 }, n.in(2).dtype);
  },
  expand: (n, g) => attendSelf(n, g, g.node(ms("MatMulIntegerToFloat"), [input(n, 0), input(n, 1), input(n, 3), input(n, 4), optional(n, 6), optional(n, 7), input(n, 2)]), n.in(2).dtype, { mask: 5, past: 8 }),
};

/** Queries, keys and values apart, or packed: [B, L, heads, how many, size]. */
interface Multi { readonly batch: Dim; readonly rows: Dim; readonly keys: Dim; readonly heads: number; readonly size: number; readonly vSize: number; readonly past: Dim }
function multiOf(n: NodeView): Multi {
  const Q = dimsOf(n, 0, 3, 5), heads = n.int("num_heads"), [batch, rows] = Q as [Dim, Dim], packedAll = Q.length === 5, past = n.has(6) ? n.type(6).shape[2]! : 0, fixed = (d: Dim) => fixedDim(n, d, "the width");
  if (packedAll) return { batch, rows, keys: rows, heads, size: fixed(Q[4]!), vSize: fixed(Q[4]!), past };
  const K = dimsOf(n, 1, 3, 5), size = fixed(Q[2]!) / heads, V = K.length === 5 ? K : dimsOf(n, 2, 3, 4);
  if (!Number.isInteger(size)) n.fail(`queries ${showShape(Q)} do not divide into ${heads} heads`);
  return { batch, rows, keys: K.length === 4 ? K[2]! : K[1]!, heads, size, vSize: V.length === 3 ? fixed(V[2]!) / heads : fixed(V.at(-1)!), past };
}
const multiHeadAttention: Op = {
  name: ms("MultiHeadAttention"), since: 1, sizes: true, inputs: [1, 10], outputs: [1, 4], accuracy, attributes: shared,
  infer: (n) => {
    const dtype = typeOf(n, floats, 0, 0), s = multiOf(n), { batch, rows, heads } = s, total = moreDim(s.past, s.keys);
    expectShape(n, 3, [heads * (2 * s.size + s.vSize)], "the bias");
    expectShape(n, 6, [batch, heads, s.past, s.size], "past_key");
    expectShape(n, 7, [batch, heads, s.past, s.vSize], "past_value");
    expectMask(n, 4, [batch, rows, total]);
    if (n.has(8) || n.has(9)) n.fail("a buffer shared by past and present, and beams, are not supported");
    return forOutputs(n, [
      { dtype, shape: [batch, rows, heads * s.vSize] }, { dtype, shape: [batch, heads, total, s.size] }, { dtype, shape: [batch, heads, total, s.vSize] }, { dtype, shape: [batch, heads, rows, total] },
    ]);
  },
  expand: (n, g) => {
    const s = multiOf(n), { batch, rows, keys, heads, size, vSize } = s, m = new Maker(g, n.type(0).dtype), rank = n.type(0).shape.length;
    const parts = (i: number, count: number) => m.split(input(n, i), 3, new Array<number>(count).fill(1)).map((x) => m.reshape(x, batch, n.type(i).shape[1]!, heads * size));
    const [q, k, v] = rank === 5 ? parts(0, 3) : n.type(1).shape.length === 5 ? [input(n, 0), ...parts(1, 2)] : [input(n, 0), input(n, 1), input(n, 2)];
    const biases = n.has(3) ? m.split(input(n, 3), 0, [heads * size, heads * size, heads * vSize]) : ["", "", ""];
    // Keys and values of another sequence may come as heads.
    const isHeads = (i: number) => rank === 3 && n.has(i) && n.type(i).shape.length === 4;
    const side = (x: string, i: number, length: Dim, each: number) => (isHeads(i) ? x : m.heads(m.add(x, biases[i]!), batch, length, heads, each));
    const mask = m.add(maskOf(n, m, 4, [batch, rows, moreDim(s.past, keys)], n.float("mask_filter_value")), optional(n, 5));
    const operands = [side(q!, 0, rows, size), side(k!, 1, keys, size), side(v!, 2, keys, vSize), mask, optional(n, 6), optional(n, 7)];
    const [y, ...more] = g.nodes("Attention", operands, 4, { is_causal: n.int("unidirectional"), qk_matmul_output_mode: 0, ...scaleOf(n) }) as [string, ...string[]];
    return [m.rows(y, batch, rows, heads * vSize), ...more].slice(0, n.node.outputs.length);
  },
};

const rotary: Op = {
  name: ms("RotaryEmbedding"), since: 1, sizes: true, inputs: [4, 4], accuracy: { relative: 1e-6, reason: "two products of floats are added" },
  attributes: { interleaved: flag, is_packed_batching: flag, num_heads: flag, rotary_embedding_dim: flag, scale: { kind: "float", default: 1 } },
  infer: (n) => {
    const shape = dimsOf(n, 0, 3, 4), [batch] = shape as [Dim], rows = shape[shape.length === 3 ? 1 : 2]!, at = dimsOf(n, 1, 1, 2);
    expectType(n, 1, indices);
    refuse(n, "is_packed_batching");
    if (n.float("scale") !== 1) n.fail("attribute scale is not supported");
    if (at.length === 1 ? at[0] !== 1 : !n.same(at[0]!, batch) || !n.same(at[1]!, rows)) n.fail(`position_ids (input 1) has shape ${showShape(at)}; it must be [1] or ${showShape([batch, rows])}`);
    return [{ dtype: typeOf(n, floats, 0, 0), shape }];
  },
  expand: (n, g) => {
    const { shape } = n.type(0), rows = shape[shape.length === 3 ? 1 : 2]!, m = new Maker(g, n.type(0).dtype), first = n.type(1).shape.length === 1, whole = m.whole(input(n, 1));
    const positions = first ? g.node("Expand", [g.node("Add", [m.count(rows), whole]), m.list(shape[0]!, rows)]) : whole;
    const heads = n.int("num_heads") || (shape.length === 3 ? fixedDim(n, shape[2]!, "the width") / (2 * fixedDim(n, n.type(2).shape[1]!, "the width of the cache")) : 0);
    return [g.node("RotaryEmbedding", [input(n, 0), input(n, 2), input(n, 3), positions], { interleaved: n.int("interleaved"), num_heads: heads, rotary_embedding_dim: n.int("rotary_embedding_dim") })];
  },
};

/** Keys and values of fewer heads, behind a past that may be filled in part: how far, each row of the batch says. */
interface Grouped { readonly batch: Dim; readonly rows: Dim; readonly heads: number; readonly kvHeads: number; readonly size: number; readonly past: Dim; readonly total: Dim }
function groupedOf(n: NodeView): Grouped {
  const [batch, rows, all] = dimsOf(n, 0, 3, 3) as [Dim, Dim, Dim], width = fixedDim(n, all, "the width"), heads = n.int("num_heads"), kvHeads = n.int("kv_num_heads"), size = width / (n.has(1) ? heads : heads + 2 * kvHeads);
  if (!Number.isInteger(size) || heads % kvHeads !== 0) n.fail(`queries ${showShape(n.type(0).shape)} do not divide into ${heads} heads, in ${kvHeads} groups`);
  const past = n.has(3) ? dimsOf(n, 3, 4, 4)[2]! : 0, value = n.value(6), known = value && (isSizeList(value) ? value.dims[0] : Number(value.data[0]));
  const isRoom = typeof past === "number" && past > 0 && known !== undefined && boundDim(known) <= past;
  const total = isRoom ? past : typeof known === "number" && typeof past === "number" ? Math.max(past, known) : n.declared(1)?.shape[2] ?? moreDim(past, rows);
  // A past that is no room for more than it holds is full.
  if (typeof known === "object" && !isRoom) n.same(known, total);
  return { batch, rows, heads, kvHeads, size, past, total };
}
const groupQueryAttention: Op = {
  name: ms("GroupQueryAttention"), since: 1, sizes: true, inputs: [1, 17], outputs: [1, 4], accuracy,
  attributes: {
    num_heads: { kind: "int" }, kv_num_heads: { kind: "int" }, scale: { kind: "float", optional: true }, softcap: { kind: "float", default: 0 }, do_rotary: flag, rotary_interleaved: flag,
    local_window_size: { kind: "int", default: -1 }, smooth_softmax: flag, causal: { kind: "int", default: 1 }, qk_output: flag, kv_cache_bit_width: flag, sliding_window_cache: flag,
    k_quant_type: { kind: "string", default: "NONE" }, v_quant_type: { kind: "string", default: "NONE" },
    q_norm_epsilon: { kind: "float", optional: true }, k_norm_epsilon: { kind: "float", optional: true }, qk_norm_epsilon: { kind: "float", optional: true },
  },
  infer: (n) => {
    const dtype = typeOf(n, floats, 0, 0), s = groupedOf(n), cache = [s.batch, s.kvHeads, s.past, s.size], present = { dtype, shape: [s.batch, s.kvHeads, s.total, s.size] };
    [1, 2].forEach((i) => expectShape(n, i, [s.batch, s.rows, s.kvHeads * s.size], "keys and values"));
    [3, 4].forEach((i) => expectShape(n, i, cache, "the past"));
    expectShape(n, 5, [s.batch, ...(n.has(5) && n.type(5).shape.length === 2 ? [1] : [])], "seqlens_k");
    [5, 6].forEach((i) => { n.type(i); expectType(n, i, ["i32"]); });
    refuse(n, "smooth_softmax", "kv_cache_bit_width", "sliding_window_cache", "qk_output");
    if (n.inputs.slice(11).some(Boolean) || n.node.outputs[3]) n.fail("a sink of the softmax, a quantised cache, normalised heads and the scores as an output are not supported");
    if (n.int("do_rotary") && !(n.has(7) && n.has(8))) n.fail("do_rotary needs cos_cache and sin_cache");
    return forOutputs(n, [{ dtype, shape: [s.batch, s.rows, s.heads * s.size] }, present, present]);
  },
  expand: (n, g) => {
    const s = groupedOf(n), { batch, rows, heads, kvHeads, size, past } = s, total = n.outputs[1]?.shape[2] ?? s.total, more = lessDim(total, past), m = new Maker(g, n.type(0).dtype);
    const [q, k, v] = n.has(1) ? [input(n, 0), input(n, 1), input(n, 2)] : m.split(input(n, 0), 2, [heads * size, kvHeads * size, kvHeads * size]);
    // Without a past all rows of the batch begin at 0, though some may end early.
    const length = past ? g.node("Sub", [m.reshape(m.whole(input(n, 5)), batch, 1), m.scalar(lessDim(rows, 1))])
      : typeof batch === "number" ? g.constant("i64", [batch, 1], new Array<number>(batch).fill(0)) : g.node("Expand", [m.scalar(0), m.list(batch, 1)]);
    const positions = g.node("Add", [length, m.count(rows)]), at = n.has(9) ? m.whole(input(n, 9)) : positions;
    const turnedWidth = n.has(7) ? 2 * fixedDim(n, n.type(7).shape[1]!, "the width of cos_cache") : 0, turned = (x: string, count: number) => (!n.int("do_rotary") ? x : g.node("RotaryEmbedding", [x, input(n, 7), input(n, 8), at], { interleaved: n.int("rotary_interleaved"), num_heads: count, rotary_embedding_dim: turnedWidth === size ? 0 : turnedWidth }));
    // Behind what is new the cache is empty.
    const end = g.node("Add", [length, m.scalar(rows)]), keys = m.count(total), isThere = m.reshape(g.node("Less", [keys, end]), batch, 1, total, 1), inPast = m.reshape(g.node("Less", [keys, length]), batch, 1, total, 1), zero = g.constant("i64", [], [0]);
    const place = g.node("Clip", [g.node("Sub", [keys, length]), zero, m.scalar(lessDim(rows, 1))]), found = m.reshape(place, batch, total, 1);
    const pads = m.list(0, 0, 0, 0, 0, 0, more, 0);
    /** The past, and behind it what is new. */
    const cached = (x: string, i: number): string => {
      const fresh = m.reshape(x, batch, rows, kvHeads, size);
      if (!past && total === rows) return g.node("Transpose", [fresh], { perm: [0, 2, 1, 3] });
      const gathered = g.node("Where", [isThere, g.node("Transpose", [g.node("GatherND", [fresh, found], { batch_dims: 1 })], { perm: [0, 2, 1, 3] }), m.number(0)]);
      return past ? g.node("Where", [inPast, more !== 0 ? g.node("Pad", [input(n, i), pads]) : input(n, i), gathered]) : gathered;
    };
    const key = cached(turned(k!, kvHeads), 3), value = cached(v!, 4), now = m.reshape(positions, batch, 1, rows, 1), wide = m.reshape(keys, 1, 1, 1, total), window = n.int("local_window_size");
    const causal = n.int("causal") ? g.node("LessOrEqual", [wide, now]) : g.node("Less", [wide, m.reshape(end, batch, 1, 1, 1)]);
    const seen = window > 0 ? g.node("And", [causal, g.node("Greater", [wide, g.node("Sub", [now, g.constant("i64", [], [window])])])]) : causal;
    const mask = n.has(10) ? g.node("Where", [seen, input(n, 10), m.number(-Infinity)]) : seen;
    const result = g.node("Attention", [m.heads(turned(q!, heads), batch, rows, heads, size), key, value, mask], { softcap: n.float("softcap"), ...scaleOf(n) });
    return [m.rows(result, batch, rows, heads * size), key, value].slice(0, n.node.outputs.length);
  },
};

/** The sum of three embeddings, normalised; and how many positions of each row the mask leaves. */
const embedLayerNormalization: Op = {
  name: ms("EmbedLayerNormalization"), since: 1, sizes: true, inputs: [1, 9], outputs: [1, 3], accuracy, attributes: { epsilon: { kind: "float", default: 1e-12 }, mask_index_type: flag },
  infer: (n) => {
    const [batch, rows] = dimsOf(n, 0, 2, 2) as [Dim, Dim], [, width] = shapeOf(n, 2, 2, 2) as [number, number], { dtype } = n.in(2), at = n.has(8) ? n.type(8).shape : [];
    [0, 1, 7, 8].forEach((i) => expectType(n, i, indices));
    [1, 7].forEach((i) => expectShape(n, i, [batch, rows], "ids and mask"));
    [3, 5, 6].forEach((i) => n.type(i));
    [5, 6].forEach((i) => expectShape(n, i, [width], "the scale or bias"));
    if (n.has(8) && !(at.length === 2 && (at[0] === 1 || n.same(at[0]!, batch)) && n.same(at[1]!, rows))) n.fail(`position_ids (input 8) has shape ${showShape(at)}; it must be ${showShape([1, rows])} or ${showShape([batch, rows])}`);
    if (n.has(1) !== n.has(4)) n.fail("segment_ids and segment_embedding must be given together");
    if (!isFloat(dtype)) n.fail(`the embedding has type ${dtype}`);
    const sum: ValueType = { dtype, shape: [batch, rows, width] };
    return forOutputs(n, [sum, { dtype: "i32", shape: [batch] }, sum]);
  },
  expand: (n, g) => {
    const [batch, rows] = n.type(0).shape as [Dim, Dim], m = new Maker(g, n.in(2).dtype), row = (table: number, ids: string) => g.node("Gather", [input(n, table), ids], { axis: 0 });
    const words = g.node("Add", [row(2, input(n, 0)), row(3, n.has(8) ? input(n, 8) : m.count(rows))]), sum = n.has(1) ? g.node("Add", [words, row(4, input(n, 1))]) : words;
    const i32 = (x: string) => g.node("Cast", [x], { to: types.i32.onnx });
    const count = !n.node.outputs[1] ? "" : n.has(7) ? i32(g.node("ReduceSum", [m.whole(input(n, 7)), m.list(1)], { keepdims: 0 })) : typeof batch === "number" ? g.constant("i32", [batch], new Array<number>(batch).fill(0)) : i32(g.node("Expand", [m.scalar(0), m.list(batch)]));
    return [g.node("LayerNormalization", [sum, input(n, 5), input(n, 6)], { axis: -1, epsilon: n.float("epsilon") }), count && !n.has(7) ? g.node("Identity", [count]) : count, sum].slice(0, n.node.outputs.length);
  },
};
/** ONNX Runtime's operators of transformers. */
export const microsoftAttention: readonly Op[] = [attention, qAttention, multiHeadAttention, rotary, groupQueryAttention, embedLayerNormalization];
