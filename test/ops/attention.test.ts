/** Attention against plain loops over queries and keys. */
import { describe, expect, it } from "vitest";
import { f32, listOf, runOp, sample, tensorOf, valuesOf } from "./harness.ts";
import { expectClose, reader, tabulate } from "./reference.ts";
import type { Constant } from "../../compiler/ir/graph.ts";

type Allowed = (b: number, h: number, i: number, j: number) => number;
/** Heads of [batch, heads, rows, size]; `bias` is added to the scores. */
function attend(q: Constant, k: Constant, v: Constant, bias: Allowed = () => 0, scale = 1 / Math.sqrt(q.shape[3]!), cap = 0): readonly number[] {
  const [Q, K, V] = [reader(q), reader(k), reader(v)], [batch, heads, rows, size] = q.shape as [number, number, number, number], group = heads / k.shape[1]!, keys = k.shape[2]!;
  return tabulate([batch, heads, rows, v.shape[3]!], ([b, h, i, d]) => {
    const g = Math.floor(h! / group), scores = Array.from({ length: keys }, (_, j) => {
      const raw = scale * Array.from({ length: size }, (_, c) => Q(b!, h!, i!, c) * K(b!, g, j, c)).reduce((a, x) => a + x, 0);
      return Math.exp((cap ? cap * Math.tanh(raw / cap) : raw) + bias(b!, h!, i!, j));
    });
    return scores.reduce((s, x, j) => s + x * V(b!, g, j, d!), 0) / scores.reduce((a, x) => a + x);
  });
}
const q = sample([2, 4, 3, 8]), k = sample([2, 2, 5, 8], 3), v = sample([2, 2, 5, 6], 5), runtime = [1, 2, 3, 4, 5, 6];

describe("Attention", () => {
  it("shares keys among the heads of a group", () => expectClose(valuesOf("Attention", [q, k, v], {}, { runtime }), attend(q, k, v), 1e-5));
  it("takes a mask of one number for all scores", () =>
    expectClose(valuesOf("Attention", [q, k, v, f32([], [2.5])], {}, { runtime }), valuesOf("Attention", [q, k, v], {}, { runtime }), 1e-5));
  it("scales, caps and masks", () => {
    const mask = sample([3, 5], 7), m = reader(mask);
    expectClose(valuesOf("Attention", [q, k, v, mask], { scale: 0.3, softcap: 1.5 }, { runtime }), attend(q, k, v, (_b, _h, i, j) => m(i, j), 0.3, 1.5), 1e-5);
    const some = tensorOf("bool", [2, 1, 3, 5], tabulate([2, 1, 3, 5], ([b, , i, j]) => ((b! + i! + j!) % 3 ? 1 : 0))), s = reader(some);
    expectClose(valuesOf("Attention", [q, k, v, some], {}, { runtime }), attend(q, k, v, (b, _, i, j) => (s(b, 0, i, j) ? 0 : -Infinity)), 1e-5);
  });
  it("sees the past, and nothing later than itself", () => {
    const past = sample([2, 2, 4, 8], 11), pastV = sample([2, 2, 4, 6], 13), join = (a: Constant, b: Constant) => runOp("Concat", [a, b], { axis: 2 }, { runtime: [1] })[0]!;
    const [y, presentK, presentV] = runOp("Attention", [q, k, v, undefined, past, pastV], { is_causal: 1 }, { runtime, outputs: 3 });
    const allK = join(past, k), allV = join(pastV, v);
    expectClose(listOf(y!), attend(q, allK, allV, (_b, _h, i, j) => (j > i + 4 ? -Infinity : 0)), 1e-5);
    expect([listOf(presentK!), listOf(presentV!)]).toEqual([listOf(allK), listOf(allV)]);
  });
  it("unpacks heads from the last dimension", () => {
    const pack = (c: Constant) => {
      const [b, h, n, d] = c.shape as [number, number, number, number], read = reader(c);
      return f32([b, n, h * d], tabulate([b, n, h * d], ([i, row, x]) => read(i!, Math.floor(x! / d), row!, x! % d)));
    };
    const [got] = runOp("Attention", [pack(q), pack(k), pack(v)], { q_num_heads: 4, kv_num_heads: 2 }, { runtime });
    expectClose(listOf(got!), listOf(pack(f32([2, 4, 3, 6], attend(q, k, v)))), 1e-5);
  });
  it("stops at the length of each sample", () => {
    const lengths = tensorOf("i64", [2], [2, 4]);
    expectClose(valuesOf("Attention", [q, k, v, undefined, undefined, undefined, lengths], {}, { runtime }), attend(q, k, v, (b, _h, _i, j) => (j < [2, 4][b]! ? 0 : -Infinity)), 1e-5);
  });
});
describe("RotaryEmbedding", () => {
  const x = sample([1, 2, 3, 6]), read = reader(x), angles = tabulate([4, 2], ([p, i]) => p! * (i! + 0.5)), positions = tensorOf("i64", [1, 3], [3, 0, 2]);
  const cos = f32([4, 2], angles.map(Math.cos)), sin = f32([4, 2], angles.map(Math.sin));
  it.each([0, 1])("turns pairs of the first four numbers (interleaved: %i)", (interleaved) => {
    const want = tabulate(x.shape, ([b, h, n, d]) => {
      const pair = interleaved ? Math.floor(d! / 2) : d! % 2, second = interleaved ? d! % 2 === 1 : d! >= 2, at = (k: number) => read(b!, h!, n!, k);
      const [i, j] = interleaved ? [2 * pair, 2 * pair + 1] : [pair, pair + 2], a = angles[[3, 0, 2][n!]! * 2 + pair]!;
      return d! >= 4 ? at(d!) : second ? Math.sin(a) * at(i) + Math.cos(a) * at(j) : Math.cos(a) * at(i) - Math.sin(a) * at(j);
    });
    expectClose(valuesOf("RotaryEmbedding", [x, cos, sin, positions], { interleaved, rotary_embedding_dim: 4 }, { runtime: [3] }), want);
  });
});
