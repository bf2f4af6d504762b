/** TfIdfVectorizer: how often the n-grams of a pool occur in each row. */
import { both, less, make, select } from "../ir/algebra.ts";
import { axis } from "../ir/compute.ts";
import { int, plus, times } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { textId } from "../ir/text.ts";
import { limits, type Num } from "../ir/types.ts";
import { bounded, expectType, indices, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** x [B, C], grams [K, n] -> how often each occurs in each row [B, K]: with its elements one apart, two, ... up to attribute `apart`. */
const counts: Op = {
  name: "mlc.CountGrams", internal: true, since: 1, inputs: [2, 2], attributes: { apart: { kind: "int" } },
  infer: (n) => [{ dtype: "i32", shape: [n.in(0).shape[0]!, n.in(1).shape[0]!] }],
  lower: (n) => {
    const [b, k] = n.axes() as [Expr, Expr], size = n.in(0).shape[1]!, length = n.in(1).shape[1]!, start = axis("i", size), apart = axis("s", n.int("apart"));
    const place = (t: number): Expr => plus(start, t === 0 ? int(0) : times(plus(apart, int(1)), t));
    const found = Array.from({ length }, (_, t) => make("equal", n.load(0, [b, bounded(place(t), size)]), n.load(1, [k, int(t)]))).reduce(both);
    const one = constant("i32", 1), zero = constant("i32", 0), value = select(both(less(place(length - 1), int(size)), found), one, zero);
    return n.compute([{ name: "counts", axes: n.axes(), value, reduce: { op: "add", axes: [apart, start] } }]);
  },
};

/** `id`: its number in the pool. */
interface Gram { readonly id: number; readonly items: readonly Num[]; readonly index: number }
/** The n-grams that count. Of equal ones the last does. */
function gramsOf(n: NodeView): readonly Gram[] {
  const { dtype } = n.in(0), strings = n.stringsOr("pool_strings"), pool: readonly Num[] | undefined = strings?.map(textId) ?? n.intsOr("pool_int64s");
  if (!pool) return n.fail("there is no pool: one of pool_int64s and pool_strings must be given");
  if (n.given("pool_int64s") && strings) n.fail("there are two pools: only one of pool_int64s and pool_strings can be given");
  expectType(n, 0, strings ? ["string"] : indices);
  const from = n.ints("ngram_counts"), places = n.ints("ngram_indexes"), all = new Map<string, Gram>(), [low, high] = limits(dtype).map(Number) as [number, number];
  let id = 0;
  from.forEach((begin, i) => {
    const length = i + 1, end = from[i + 1] ?? pool.length;
    if (begin < 0 || end > pool.length) n.fail(`attribute ngram_counts is ${showShape(from)}, but the pool has ${pool.length} elements`);
    for (let at = begin; at + length <= end; at += length, id++) {
      const items = pool.slice(at, at + length), index = places[id] ?? n.fail(`attribute ngram_indexes has ${places.length} elements, but the pool more n-grams`);
      const counts = length >= n.int("min_gram_length") && length <= n.int("max_gram_length") && items.every((x) => Number(x) >= low && Number(x) <= high);
      if (counts) all.set(items.join(), { id, items, index });
    }
  });
  return [...all.values()];
}
/** For each output, the places of its n-grams among `grams`; `grams.length` stands for none. */
function columnsOf(grams: readonly Gram[], size: number): readonly (readonly number[])[] {
  const lists = Array.from({ length: size }, (): number[] => []);
  grams.forEach((g, k) => lists[g.index]!.push(k));
  const most = Math.max(1, ...lists.map((l) => l.length));
  return lists.map((l) => Array.from({ length: most }, (_, i) => l[i] ?? grams.length));
}
const sizeOfResult = (n: NodeView): number => n.ints("ngram_indexes").reduce((m, i) => Math.max(m, i + 1), 0);

const tfIdfVectorizer: Op = {
  name: "TfIdfVectorizer", since: 9, inputs: [1, 1], accuracy: { relative: 1e-6, reason: "one product of floats" },
  attributes: {
    max_gram_length: { kind: "int" }, max_skip_count: { kind: "int" }, min_gram_length: { kind: "int" }, mode: { kind: "string" }, ngram_counts: { kind: "ints" }, ngram_indexes: { kind: "ints" },
    pool_int64s: { kind: "ints", optional: true }, pool_strings: { kind: "strings", optional: true }, weights: { kind: "floats", optional: true },
  },
  infer: (n) => {
    const { shape } = n.in(0), size = sizeOfResult(n), weights = n.intsOr("weights"), mode = n.string("mode");
    if (shape.length > 2) n.fail(`the input has shape ${showShape(shape)}, but it must be [C] or [N, C]`);
    if (!["TF", "IDF", "TFIDF"].includes(mode)) n.fail(`attribute mode is ${mode}, but must be TF, IDF or TFIDF`);
    if (n.int("max_skip_count") < 0 || n.int("min_gram_length") < 1) n.fail("attribute max_skip_count must be at least 0, and min_gram_length at least 1");
    if (n.ints("ngram_indexes").some((i) => i < 0)) n.fail("attribute ngram_indexes has a negative element");
    const short = weights && mode !== "TF" ? gramsOf(n).filter((gram) => gram.id >= weights.length) : gramsOf(n).slice(0, 0);
    if (short.length) n.fail(`attribute weights has ${weights!.length} elements, but the pool more n-grams`);
    return [{ dtype: "f32", shape: [...(shape.length === 2 ? [shape[0]!] : []), size] }];
  },
  expand: (n, g) => {
    const { dtype, shape } = n.in(0), rows = shape.length === 2 ? shape[0]! : 1, size = sizeOfResult(n), result = [...(shape.length === 2 ? [rows] : []), size];
    const list = (values: readonly number[]) => g.constant("i64", [values.length], values);
    // In the order of their lengths, as they stand in the pool.
    const grams = gramsOf(n), lengths = [...new Set(grams.map((gram) => gram.items.length))];
    if (grams.length === 0 || shape.includes(0)) return [g.node("Expand", [g.constant("f32", [], [0]), list(result)])];
    const x = g.node("Reshape", [n.node.inputs[0]!, list([rows, shape.at(-1) ?? 1])]);
    const counted = lengths.map((length) => {
      const some = grams.filter((gram) => gram.items.length === length), pool = g.constant(dtype, [some.length, length], some.flatMap((gram) => gram.items));
      return g.node("mlc.CountGrams", [x, pool], { apart: length === 1 ? 1 : n.int("max_skip_count") + 1 });
    });
    const all = g.node("Cast", [g.node("Concat", counted, { axis: 1 })], { to: 1 }), weights = n.intsOr("weights"), mode = n.string("mode"), zero = g.constant("f32", [], [0]);
    const weight = weights ? g.constant("f32", [grams.length], grams.map((gram) => weights[gram.id]!)) : g.constant("f32", [], [1]);
    const weighted = mode === "TF" ? all : mode === "IDF" ? g.node("Where", [g.node("Greater", [all, zero]), weight, zero]) : g.node("Mul", [all, weight]);
    const none = g.constant("f32", [rows, 1], new Array<number>(rows).fill(0)), columns = columnsOf(grams, size), places = g.constant("i64", [size, columns[0]!.length], columns.flat());
    const gathered = g.node("Gather", [g.node("Concat", [weighted, none], { axis: 1 }), places], { axis: 1 });
    return [g.node("Reshape", [g.node("ReduceSum", [gathered, list([2])], { keepdims: 0 }), list(result)])];
  },
};
/** TfIdfVectorizer, and what it expands to. */
export const nGrams: readonly Op[] = [tfIdfVectorizer, counts];
