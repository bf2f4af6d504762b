/** Small graphs for tests of passes, and the check that a pass keeps what a graph computes. */
import { expect } from "vitest";
import { constantOf, isStatic, sizeOf, type Attribute, type Constant, type Graph, type Node, type TensorType } from "../../compiler/ir/graph.ts";
import { printGraph } from "../../compiler/ir/graph-text.ts";
import { verifyGraph } from "../../compiler/ir/verify-graph.ts";
import { arrayOf, type DType } from "../../compiler/ir/types.ts";
import { evaluateGraph } from "../../compiler/passes/evaluate.ts";
import { inferNode } from "../../compiler/passes/editor.ts";
import { infer } from "../../compiler/passes/run.ts";

/** Numbers from a seed, in -1 .. 1. */
export function numbers(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** Puts a graph together node by node; types are inferred. Names are short: the operator and a count. */
export class Builder {
  private readonly nodes: Node[] = [];
  private readonly types = new Map<string, TensorType>();
  private readonly constants = new Map<string, Constant>();
  private readonly inputs: string[] = [];
  private readonly next: () => number;
  private count = 0;
  constructor(seed = 1) { this.next = numbers(seed); }

  input(name: string, shape: readonly number[], dtype: DType = "f32"): string {
    this.inputs.push(name);
    this.types.set(name, { dtype, shape });
    return name;
  }
  /** Of these values, or of random ones (`positive`: between 0.5 and 1.5). */
  constant(shape: readonly number[], values?: readonly number[] | "positive", dtype: DType = "f32"): string {
    const name = `c${this.constants.size}`, size = sizeOf(shape);
    const data = Array.isArray(values) ? (values as readonly number[]) : Array.from({ length: size }, () => (values === "positive" ? 1 + this.next() / 2 : this.next()));
    this.constants.set(name, constantOf(dtype, shape, arrayOf(dtype, data)));
    this.types.set(name, { dtype, shape });
    return name;
  }
  scalar(x: number): string { return this.constant([], [x]); }
  ints(...values: readonly number[]): string { return this.constant([values.length], values, "i64"); }
  /** `shape`: of the result, where only the values of the inputs would tell. */
  op(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}, shape?: readonly number[]): string {
    return this.ops(op, inputs, 1, attributes, shape)[0]!;
  }
  ops(op: string, inputs: readonly string[], outputs: number, attributes: Readonly<Record<string, Attribute>> = {}, shape?: readonly number[]): readonly string[] {
    const name = `${op.toLowerCase()}${this.count++}`;
    const node: Node = { name, op, inputs, attributes, origin: [name], outputs: Array.from({ length: outputs }, (_, i) => (i === 0 ? `v_${name}` : `v_${name}_${i}`)) };
    const types = inferNode(node, (v) => this.types.get(v), (v) => this.constants.get(v), () => shape && { dtype: this.types.get(inputs[0]!)!.dtype, shape });
    node.outputs.forEach((v, i) => this.types.set(v, types[i]!));
    this.nodes.push(node);
    return node.outputs;
  }
  graph(...outputs: readonly string[]): Graph {
    return { name: "test", inputs: this.inputs, outputs, nodes: this.nodes, constants: this.constants, types: this.types };
  }
}

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
