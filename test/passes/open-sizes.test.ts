/** Graph passes do with sizes that only a run knows what they do with numbers. */
import { expect, it } from "vitest";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { sizesOp } from "../../compiler/ir/graph.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { ops } from "../../compiler/ops/index.ts";
import { lowerGraph } from "../../compiler/passes/network/lower-graph.ts";
import { verifyNetwork } from "../../compiler/passes/network/verify-network.ts";

/** The operators that a graph has after all passes, with open sizes or with numbers in their place. */
function operators(body: string, open: boolean): readonly string[] {
  const text = open ? `symbol $N in 1..4\n symbol $W in 2..64\n ${body}` : body.replaceAll("$N", "3").replaceAll("$W", "24");
  const { graph, diagnostics } = inferTypes(parseGraph(`graph "g" { ${text} }`), { fold: foldWithin() });
  expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  return runPasses(graph, graphPasses).graph.nodes.map((n) => n.op).filter((op) => op !== sizesOp);
}
it.each<[string, string, readonly string[]]>([
  ["BatchNormalization into the convolution before", `input x: f32[$N, 2, 8, $W]
    const w: f32[3, 2, 1, 1] = [1, 2, 3, 4, 5, 6]
    const s: f32[3] = [2, 2, 2]
    c = Conv(x, w) @ c
    y = BatchNormalization(c, s, s, s, s) @ y
    output y`, ["Conv"]],
  ["HardSwish", `input x: f32[$N, 2, $W]
    const three: f32[] = [3]
    const zero: f32[] = [0]
    const six: f32[] = [6]
    a = Add(x, three) @ a
    b = Clip(a, zero, six) @ b
    c = Mul(x, b) @ c
    y = Div(c, six) @ y
    output y`, ["HardSwish"]],
  ["LayerNormalization, with its scale and bias", `input x: f32[$N, $W, 4]
    const axes: i64[1] = [-1]
    const e: f32[] = [0.001]
    const two: f32[] = [2]
    const s: f32[4] = [1, 2, 3, 4]
    m = ReduceMean(x, axes) @ m
    d = Sub(x, m) @ d
    q = Pow(d, two) @ q
    v = ReduceMean(q, axes) @ v
    u = Add(v, e) @ u
    r = Sqrt(u) @ r
    n = Div(d, r) @ n
    t = Mul(n, s) @ t
    y = Add(t, s) @ y
    output y`, ["LayerNormalization"]],
  ["Gelu", `input x: f32[$N, $W]
    const root: f32[] = [1.4142135]
    const one: f32[] = [1]
    const half: f32[] = [0.5]
    a = Div(x, root) @ a
    b = Erf(a) @ b
    c = Add(b, one) @ c
    d = Mul(x, c) @ d
    y = Mul(d, half) @ y
    output y`, ["Gelu"]],
  ["reshapes and transposes that cancel", `input x: f32[$N, $W, 4]
    const axes: i64[1] = [1]
    a = Unsqueeze(x, axes) @ a
    b = Transpose(a) { perm: [0, 1, 3, 2] } @ b
    c = Relu(b) @ c
    d = Transpose(c) { perm: [0, 1, 3, 2] } @ d
    e = Squeeze(d, axes) @ e
    y = Sigmoid(e) @ y
    output y`, ["Relu", "Sigmoid"]],
  ["a matrix product with its bias, of rows that a run knows", `input x: f32[$N, 1, 4]
    const w: f32[4, 2] = [1, 2, 3, 4, 5, 6, 7, 8]
    const s: f32[2] = [1, 2]
    p = MatMul(x, w) @ p
    y = Add(p, s) @ y
    output y`, ["Gemm", "Reshape"]],
  ["pools over all of an image", `input x: f32[$N, 2, 8, $W]
    a = GlobalAveragePool(x) @ a
    y = Relu(a) @ y
    output y`, ["ReduceMean", "Relu"]],
])("%s", (_, body, want) => {
  expect(operators(body, true)).toEqual(operators(body, false));
  expect(operators(body, true)).toEqual(expect.arrayContaining([...want]));
});
it("a step that speaks of a size stands behind the one that finds it", () => {
  const { graph } = inferTypes(parseGraph('graph "g" { input x: f32[6] c = NonZero(x) @ c y = Neg(c) @ y output y }'), { fold: foldWithin() });
  const n = lowerGraph(runPasses(graph, graphPasses).graph, ops), last = n.computes.at(-1)!;
  expect(verifyNetwork(n)).toEqual([]);
  expect(verifyNetwork({ ...n, computes: [last, ...n.computes.slice(0, -1)] }).join()).toMatch(/speaks of \S+ before anything has found it/);
});
