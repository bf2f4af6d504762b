/** Attention, by products and softmax over four-dimensional heads. */
import { add, convert, less, make, mul, select, sub } from "../ir/algebra.ts";
import { int, plus, times } from "../ir/linear.ts";
import type { Expr } from "../ir/scalar.ts";
import { typeOfOnnx } from "../ir/types.ts";
import type { Dim, ValueType } from "../ir/graph.ts";
import { dimsOf, expectBroadcast, expectShape, typeOf } from "./checks.ts";
import { clamp, expectType, fixedDim, floats, forOutputs, indices, lessDim, moreDim, showDim, showShape } from "./helpers.ts";
import type { Expander, NodeView, Op } from "./op.ts";
import { counted, sizesValue } from "./sizes.ts";

const accuracy = { absolute: 1e-6, relative: 2e-5, reason: "sums of float products are taken in another order; exp is of single precision" } as const;

/** Sizes by the operator's names; `q`, `k` and `v` are head sizes, `total` counts the past too. */
interface Sizes {
  readonly packed: boolean;
  readonly batch: Dim;
  readonly heads: number;
  readonly kvHeads: number;
  readonly queries: Dim;
  readonly keys: Dim;
  readonly past: Dim;
  readonly total: Dim;
  readonly size: number;
  readonly vSize: number;
}
function sizes(n: NodeView): Sizes {
  const Q = dimsOf(n, 0, 3, 4), K = dimsOf(n, 1, Q.length, Q.length), V = dimsOf(n, 2, Q.length, Q.length), packed = Q.length === 3, fixed = (d: Dim) => fixedDim(n, d, "the number of heads or their width");
  if (packed && !(n.given("q_num_heads") && n.given("kv_num_heads"))) n.fail("inputs of rank 3 need the attributes q_num_heads and kv_num_heads");
  const heads = packed ? n.int("q_num_heads") : fixed(Q[1]!), kvHeads = packed ? n.int("kv_num_heads") : fixed(K[1]!);
  const split = (i: number, width: number, by: number) =>
    (width % by === 0 ? width / by : n.fail(`input ${i} of width ${width} does not divide into ${by} heads`));
  if (heads < 1 || heads % kvHeads !== 0) n.fail(`${heads} query heads do not divide into ${kvHeads} groups, one for each head of keys and values`);
  const [size, kSize, vSize] = [[0, Q, heads], [1, K, kvHeads], [2, V, kvHeads]].map(([i, shape, h]) =>
    (packed ? split(i as number, fixed((shape as Dim[])[2]!), h as number) : fixed((shape as Dim[])[3]!))) as [number, number, number];
  if (size < 1 || vSize < 1) n.fail(`heads of queries ${showShape(Q)} and values ${showShape(V)} hold no numbers`);
  const rows = (shape: readonly Dim[]) => shape[packed ? 1 : 2]!, past = n.has(4) ? n.type(4).shape[2] ?? 0 : 0;
  if (size !== kSize) n.fail(`the heads of queries ${showShape(Q)} hold ${size} numbers, those of keys ${showShape(K)} ${kSize}`);
  if (!n.same(rows(K), rows(V)) || !n.same(K[0]!, Q[0]!) || !n.same(V[0]!, Q[0]!) || (!packed && V[1] !== kvHeads)) {
    n.fail(`queries ${showShape(Q)}, keys ${showShape(K)} and values ${showShape(V)} do not go together`);
  }
  return { packed, batch: Q[0]!, heads, kvHeads, queries: rows(Q), keys: rows(K), past, total: moreDim(past, rows(K)), size, vSize };
}
function inferAttention(n: NodeView): readonly ValueType[] {
  const dtype = typeOf(n, floats, 0, 2), s = sizes(n), scores = [s.batch, s.heads, s.queries, s.total];
  if (n.has(4) !== n.has(5)) n.fail("past_key and past_value must be given together");
  [4, 5].forEach((i) => expectType(n, i, [dtype]));
  expectShape(n, 4, [s.batch, s.kvHeads, s.past, s.size], "past_key");
  expectShape(n, 5, [s.batch, s.kvHeads, s.past, s.vSize], "past_value");
  if (n.has(3)) {
    expectType(n, 3, [dtype, "bool"]);
    const mask = n.type(3).shape, width = mask.at(-1) ?? 1, isFixed = typeof width === "number" && typeof s.total === "number";
    if (isFixed && width > s.total) n.fail(`the mask ${showShape(mask)} is wider than the ${showDim(s.total)} keys`);
    if (!isFixed && width !== 1 && !n.same(width, s.total)) n.fail(`the mask ${showShape(mask)} is not as wide as the ${showDim(s.total)} keys`);
    expectBroadcast(n, 3, [...scores.slice(0, 3), width], "the mask");
  }
  expectType(n, 6, indices);
  expectShape(n, 6, [s.batch], "nonpad_kv_seqlen");
  const mode = n.int("qk_matmul_output_mode");
  if (mode < 0 || mode > 3) n.fail(`attribute qk_matmul_output_mode is ${mode}; it can be 0 to 3`);
  precision(n);
  return forOutputs(n, [
    { dtype, shape: s.packed ? [s.batch, s.queries, s.heads * s.vSize] : [s.batch, s.heads, s.queries, s.vSize] },
    { dtype, shape: [s.batch, s.kvHeads, s.total, s.size] }, { dtype, shape: [s.batch, s.kvHeads, s.total, s.vSize] }, { dtype, shape: scores },
  ]);
}
/** The type that softmax is computed in: never a narrower one than the input's. */
const precision = (n: NodeView) => {
  const { dtype } = n.type(0), wanted = n.given("softmax_precision") ? typeOfOnnx(n.int("softmax_precision")) : dtype;
  return wanted === "f64" ? wanted : dtype;
};

function expandAttention(n: NodeView, g: Expander): readonly string[] {
  const s = sizes(n), { dtype } = n.type(0), grouped = s.heads !== s.kvHeads, group = s.heads / s.kvHeads;
  const input = (i: number) => n.node.inputs[i]!;
  const shapeTo = (x: string, ...shape: readonly Dim[]) => g.node("Reshape", [x, sizesValue(g, shape)]);
  const number = (x: number) => g.constant(dtype, [], [x]);
  /** As [batch, heads, rows, size]. */
  const split = (i: number, heads: number, rows: Dim, size: number) =>
    (s.packed ? g.node("Transpose", [shapeTo(input(i), s.batch, rows, heads, size)], { perm: [0, 2, 1, 3] }) : input(i));
  const withPast = (past: number, fresh: string) => (n.has(past) ? g.node("Concat", [input(past), fresh], { axis: 2 }) : fresh);
  const key = withPast(4, split(1, s.kvHeads, s.keys, s.size)), value = withPast(5, split(2, s.kvHeads, s.keys, s.vSize));
  // Heads of one group share keys and values: they are broadcast, not copied.
  const shared = (x: string, size: number) => (grouped ? shapeTo(x, s.batch, s.kvHeads, 1, s.total, size) : x);
  const inGroups = (x: string, ...rest: readonly Dim[]) => (grouped ? shapeTo(x, s.batch, s.kvHeads, group, ...rest) : x);
  const apart = (x: string, ...rest: readonly Dim[]) => (grouped ? shapeTo(x, s.batch, s.heads, ...rest) : x);

  const query = inGroups(split(0, s.heads, s.queries, s.size), s.queries, s.size);
  const alpha = n.given("scale") ? n.float("scale") : 1 / Math.sqrt(s.size);
  // Scores stay in groups up to the result, so that nothing stands between them and the values but what attention has there.
  const raw = g.node("com.microsoft.FusedMatMul", [query, shared(key, s.size)], { alpha, transB: 1 });
  const ofHeads = (x: string, shape: readonly Dim[]) => (!grouped || shape.length < 3 ? x
    : shapeTo(x, ...shape.slice(0, -3), ...(shape.at(-3) === 1 ? [1, 1] : [s.kvHeads, group]), ...shape.slice(-2)));
  const cap = n.float("softcap"), capped = cap > 0 ? g.node("Mul", [g.node("Tanh", [g.node("Div", [raw, number(cap)])]), number(cap)]) : raw;
  const none = number(-Infinity), where = (test: string, x: string) => g.node("Where", [test, x, none]);
  let masked = capped;
  if (n.has(3)) {
    const mask = n.type(3), bias = mask.dtype === "bool" ? where(input(3), number(0)) : input(3), width = mask.shape.at(-1) ?? 1, missing = lessDim(s.total, width), short = typeof missing === "number" ? missing : 0;
    const pads = [...mask.shape.map(() => 0), ...mask.shape.map((_, d) => (d === mask.shape.length - 1 ? short : 0))];
    const isShort = short > 0 && width !== 1;
    const whole = isShort ? g.node("Pad", [bias, g.constant("i64", [pads.length], pads), none]) : bias;
    masked = g.node("Add", [masked, ofHeads(whole, [...mask.shape.slice(0, -1), isShort ? s.total : width])]);
  }
  if (n.int("is_causal")) masked = where(g.node("LessOrEqual", [counted(g, s.total, 0, false), counted(g, s.queries, s.past, true)]), masked);
  if (n.has(6)) {
    const lengths = shapeTo(g.node("Cast", [input(6)], { to: 7 }), s.batch, 1, 1, 1, ...(grouped ? [1] : []));
    masked = where(g.node("Less", [counted(g, s.total, 0, false), lengths]), masked);
  }
  const inside = precision(n), cast = (x: string, from: string, to: string) => (from === to ? x : g.node("Cast", [x], { to: to === "f64" ? 11 : 1 }));
  const weights = cast(g.node("Softmax", [cast(masked, dtype, inside)], { axis: -1 }), inside, dtype);
  const mixed = apart(g.node("MatMul", [weights, shared(value, s.vSize)]), s.queries, s.vSize);
  const result = s.packed ? shapeTo(g.node("Transpose", [mixed], { perm: [0, 2, 1, 3] }), s.batch, s.queries, s.heads * s.vSize) : mixed;
  const own = (x: string) => (n.node.inputs.includes(x) ? g.node("Identity", [x]) : x), asked = n.node.outputs;
  const scores = asked[3] ? apart([raw, capped, masked, weights][n.int("qk_matmul_output_mode")]!, s.queries, s.total) : "";
  return [result, asked[1] ? own(key) : "", asked[2] ? own(value) : "", scores].slice(0, asked.length);
}
const attention: Op = {
  name: "Attention", since: 24, sizes: true, inputs: [3, 7], outputs: [1, 4], accuracy,
  attributes: {
    is_causal: { kind: "int", default: 0 }, kv_num_heads: { kind: "int", optional: true }, q_num_heads: { kind: "int", optional: true },
    qk_matmul_output_mode: { kind: "int", default: 0 }, scale: { kind: "float", optional: true }, softcap: { kind: "float", default: 0 },
    softmax_precision: { kind: "int", optional: true },
  },
  infer: inferAttention, expand: expandAttention,
};

/** Pairs of numbers are turned by an angle that depends on the position. */
const rotaryEmbedding: Op = {
  name: "RotaryEmbedding", since: 23, inputs: [3, 4], accuracy: { relative: 1e-6, reason: "two products of floats are added" },
  attributes: { interleaved: { kind: "int", default: 0 }, num_heads: { kind: "int", default: 0 }, rotary_embedding_dim: { kind: "int", default: 0 } },
  infer: (n) => {
    const dtype = typeOf(n, floats, 0, 2), { shape } = n.type(0), { size, turned, batch, rows } = rotary(n), half = turned / 2;
    if (turned % 2 !== 0 || turned > size) n.fail(`${turned} of ${size} numbers of a head cannot be turned in pairs`);
    if (n.has(3)) {
      expectType(n, 3, indices);
      expectShape(n, 3, [batch, rows], "position_ids");
      [1, 2].forEach((i) => expectShape(n, i, [dimsOf(n, 1, 2, 2)[0]!, half], "the cache"));
    } else [1, 2].forEach((i) => expectShape(n, i, [batch, rows, half], "the cache"));
    return [{ dtype, shape }];
  },
  lower: (n) => {
    const { size, turned, packed } = rotary(n), half = turned / 2, pairs = n.int("interleaved");
    return n.map((index) => {
      const b = index[0]!, row = index[packed ? 1 : 2]!, last = index.at(-1)!, d = packed ? make("rem", last, int(size)) : last;
      const head = packed ? times(make("quo", last, int(size)), size) : int(0), at = (k: Expr) => n.load(0, [...index.slice(0, -1), plus(head, k)]);
      const pair = pairs ? make("quo", d, int(2)) : make("rem", d, int(half));
      const isFirst = pairs ? make("equal", make("rem", d, int(2)), int(0)) : less(d, int(half));
      const angle = (i: number) => {
        const k = clamp(pair, 0, half - 1);
        return n.has(3) ? n.load(i, [clamp(convert("index", n.load(3, [b, row])), 0, n.in(i).shape[0]! - 1), k]) : n.load(i, [b, row, k]);
      };
      const [x, y] = pairs ? [times(pair, 2), plus(times(pair, 2), int(1))] : [pair, plus(pair, int(half))], cos = angle(1), sin = angle(2);
      const first = at(clamp(x!, 0, size - 1)), second = at(clamp(y!, 0, size - 1));
      const result = select(isFirst, sub(mul(cos, first), mul(sin, second)), add(mul(sin, first), mul(cos, second)));
      return turned === size ? result : select(less(d, int(turned)), result, at(d));
    });
  },
};
interface Rotary { readonly packed: boolean; readonly batch: Dim; readonly rows: Dim; readonly size: number; readonly turned: number }
function rotary(n: NodeView): Rotary {
  const X = dimsOf(n, 0, 3, 4), packed = X.length === 3, heads = n.int("num_heads"), width = fixedDim(n, X.at(-1)!, "the width");
  if (packed && (heads < 1 || width % heads !== 0)) n.fail(`an input of rank 3 needs attribute num_heads to divide its width ${width}`);
  const size = packed ? width / heads : width;
  return { packed, batch: X[0]!, rows: X[packed ? 1 : 2]!, size, turned: n.int("rotary_embedding_dim") || size };
}
export const attentions: readonly Op[] = [attention, rotaryEmbedding];
