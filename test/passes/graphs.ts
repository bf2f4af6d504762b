/** Small graphs for tests of passes, and the check that a pass keeps what a graph computes. */
import { expect } from "vitest";
import { constantOf, isStatic, sizeOf, type Graph, type Node } from "../../compiler/ir/graph.ts";
import { printGraph } from "../../compiler/ir/graph-text.ts";
import { verifyGraph } from "../../compiler/ir/verify-graph.ts";
import { arrayOf } from "../../compiler/ir/types.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { infer } from "../../compiler/passes/graph/run.ts";
import { numbers } from "../support/graph-builder.ts";

export { Builder, numbers } from "../support/graph-builder.ts";

/** The operators of a graph, in order. */
export const operators = (g: Graph): readonly string[] => g.nodes.map((n) => n.op);
/** The attributes of the only node of this operator. */
export function only(g: Graph, op: string): Node {
  const found = g.nodes.filter((n) => n.op === op);
  expect(found, printGraph(g)).toHaveLength(1);
  return found[0]!;
}

/** The pass leaves a sound graph that computes the same, up to rounding; returns it. Running it again changes nothing if `stable`. */
export function check(before: Graph, pass: (g: Graph) => Graph, { tolerance = 1e-5, stable = true, seed = 1 } = {}): Graph {
  expect(verifyGraph(before, infer).filter((p) => !p.startsWith("nobody reads"))).toEqual([]);
  const text = printGraph(before), after = pass(before);
  expect(printGraph(before), "the pass changed its argument").toBe(text);
  expect(verifyGraph(after, infer), printGraph(after)).toEqual([]);
  expect(after.inputs).toEqual(before.inputs);
  expect(after.outputs).toEqual(before.outputs);
  same(before, after, tolerance, seed);
  if (stable) expect(printGraph(pass(after))).toBe(printGraph(after));
  return after;
}
function same(before: Graph, after: Graph, tolerance: number, seed: number): void {
  const next = numbers(seed);
  const feeds = new Map(before.inputs.map((v) => {
    const t = before.types.get(v)!;
    if (!isStatic(t)) throw new Error(`${v} has no static type`);
    return [v, constantOf(t.dtype, t.shape, arrayOf(t.dtype, Array.from({ length: sizeOf(t.shape) }, () => next() * (t.dtype === "f32" ? 3 : 100))))] as const;
  }));
  const want = evaluateGraph(before, feeds), got = evaluateGraph(after, feeds);
  for (const [v, w] of want) {
    const g = got.get(v)!;
    expect(g.shape).toEqual(w.shape);
    let scale = 1e-3, worst = 0;
    for (let i = 0; i < w.data.length; i++) {
      const a = Number(w.data[i]), b = Number(g.data[i]);
      if (Number.isFinite(a)) scale = Math.max(scale, Math.abs(a));
      // Infinities and NaN must stay what they are.
      if (!Object.is(a, b) && a !== b) worst = Number.isFinite(a - b) ? Math.max(worst, Math.abs(a - b)) : Infinity;
    }
    expect(worst / scale, `${v}\n${printGraph(before)}\n${printGraph(after)}`).toBeLessThanOrEqual(tolerance);
  }
}
