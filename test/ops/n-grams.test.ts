/** TfIdfVectorizer against what ONNX Runtime gives. */
import { describe, expect, it } from "vitest";
import type { Unsupported } from "../../compiler/ops/op.ts";
import { tensorOf, valuesOf } from "./harness.ts";

const x = tensorOf("i64", [2, 7], [5, 7, 6, 5, 5, 7, 6, 7, 7, 5, 6, 7, 6, 5].map(BigInt)), row = tensorOf("i32", [7], [5, 7, 6, 5, 5, 7, 6]);
const base = { ngram_counts: [0, 2], ngram_indexes: [3, 0, 1, 2], pool_int64s: [5, 7, 5, 7, 7, 6], min_gram_length: 1, max_gram_length: 2, max_skip_count: 1, weights: [2, 3, 0.5, 0.25], mode: "TF" };
const run = (more: object, of = x) => valuesOf("TfIdfVectorizer", [of], { ...base, ...more });

describe("TfIdfVectorizer", () => {
  it.each<[string, readonly number[]]>([
    ["TF", [2, 3, 2, 3, 3, 1, 2, 2]], ["IDF", [3, 0.5, 0.25, 2, 3, 0.5, 0.25, 2]], ["TFIDF", [6, 1.5, 0.5, 6, 9, 0.5, 0.5, 4]],
  ])("mode %s", (mode, want) => { expect(run({ mode })).toEqual(want); });
  it("n-grams may share an output, and count with their own weights", () => { expect(run({ mode: "TFIDF", ngram_indexes: [1, 0, 1, 0] })).toEqual([6.5, 7.5, 9.5, 4.5]); });
  it("shorter ones than asked for do not count, nor what the type cannot be", () => {
    expect(run({ min_gram_length: 2 }, row)).toEqual([0, 3, 2, 0]);
    expect(run({ pool_int64s: [5, 7, 5, 7, 7, 6 + 2 ** 32] }, row)).toEqual([2, 3, 0, 3]);
    expect(run({}, tensorOf("i64", [0], []))).toEqual([0, 0, 0, 0]);
  });
  it.each<[string, object, string]>([
    ["no pool", { pool_int64s: undefined }, "there is no pool: one of pool_int64s and pool_strings must be given"],
    ["strings", { pool_int64s: undefined, pool_strings: ["a"] }, "input 0 (in0) has type i64; TfIdfVectorizer takes string"],
    ["few weights", { mode: "IDF", weights: [1] }, "attribute weights has 1 elements, but the pool more n-grams"],
    ["a mode", { mode: "X" }, "attribute mode is X, but must be TF, IDF or TFIDF"],
    ["few places", { ngram_indexes: [0] }, "attribute ngram_indexes has 1 elements, but the pool more n-grams"],
  ])("refuses: %s", (_, more, message) => {
    const attributes = Object.fromEntries(Object.entries({ ...base, ...more }).filter(([, v]) => v !== undefined));
    expect(() => valuesOf("TfIdfVectorizer", [x], attributes)).toThrow(expect.objectContaining({ message: expect.stringContaining(message) }) as Unsupported);
  });
});
