/** FlexAttention during type inference: the model's graphs are put in their places, and see each head of their own. */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import type { Constant } from "../../compiler/ir/graph.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { fold } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { sample } from "../ops/harness.ts";
import { expectClose, reader, tabulate } from "../ops/reference.ts";

const inputs = "input q: f32[2,4,3,8] input k: f32[2,2,5,8] input v: f32[2,2,5,6]", op = "ai.onnx.preview.FlexAttention";
const inferred = (attributes: string, given = inputs) => inferTypes(parseGraph(`graph "g" { ${given} y = ${op}(q, k, v) { ${attributes} } @ y output y }`), { fold });
const errors = (attributes: string, given = inputs) => inferred(attributes, given).diagnostics.map((d) => d.message);
const q = sample([2, 4, 3, 8]), k = sample([2, 2, 5, 8], 3), v = sample([2, 2, 5, 6], 5);
function run(attributes: string): readonly number[] {
  const { graph, diagnostics } = inferred(attributes);
  expect(diagnostics).toEqual([]);
  const [y] = evaluateGraph(graph, new Map<string, Constant>([["q", q], ["k", k], ["v", v]])).values();
  return Array.from(y!.data as Float32Array);
}
/** By plain loops; two heads share the keys and values of one. */
function attend(score: (s: number, h: number) => number, weight: (p: number) => number): readonly number[] {
  const [Q, K, V] = [reader(q), reader(k), reader(v)], over = <T>(n: number, f: (i: number) => T) => Array.from({ length: n }, (_, i) => f(i)), sum = (list: readonly number[]) => list.reduce((a, x) => a + x, 0);
  return tabulate([2, 4, 3, 6], ([b, h, i, d]) => {
    const g = Math.floor(h! / 2), e = over(5, (j) => Math.exp(score(sum(over(8, (c) => Q(b!, h!, i!, c) * K(b!, g, j, c))) / Math.sqrt(8), h!)));
    return sum(e.map((x, j) => weight(x / sum(e)) * V(b!, g, j, d!)));
  });
}

describe("FlexAttention", () => {
  it("changes scores and weights by the model's graphs, each head by itself", () => {
    const score_mod = 'score_mod: graph "s" { input s: f32[B,H,L,S] const bias: f32[4,1,1] = [0, 0.5, 1, 1.5] const two: f32[] = [2] m = Mul(s, bias) @ m t = Mul(m, two) @ t output t }';
    const prob_mod = 'prob_mod: graph "p" { input p: f32[B,H,L,S] t = Mul(p, p) @ t output t }';
    expectClose(run(`${score_mod}, ${prob_mod}`), attend((s, h) => s * h, (p) => p * p), 1e-5);
    expectClose(run(""), attend((s) => s, (p) => p), 1e-5);
  });
  it("says what does not go together", () => {
    expect(errors('score_mod: graph "s" { input s: f32[B,H,L,S] const a: i64[1] = [3] t = ReduceSum(s, a) @ t output t }')).toEqual(["score_mod makes f32[2, 4, 3, 1] of f32[2, 4, 3, 5]"]);
    expect(errors('prob_mod: graph "p" { input p: f32[B,H,L,S] input r: f32[] output p }')).toEqual(["prob_mod takes 2 values and gives 1; it must be one of each"]);
    expect(errors("softmax_precision: 7")).toEqual(["attribute softmax_precision is 7; it can be 1 (float), 10 (float16), 11 (double) or 16 (bfloat16)"]);
    expect(errors("", inputs.replace("f32[2,2,5,8]", "f32[2,3,5,8]"))).toEqual(["queries [2, 4, 3, 8], keys [2, 3, 5, 8] and values [2, 2, 5, 6] do not go together"]);
    expect(errors("", inputs.replaceAll("[2,2,5", "[2,3,5"))).toEqual(["4 query heads do not divide into 3 groups, one for each head of keys and values"]);
  });
});
