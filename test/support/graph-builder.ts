/** Puts small graphs together for tests. */
import { boundOf, constantOf, sizeOf, type Attribute, type Constant, type Dim, type Graph, type Node, type TensorType, type ValueType } from "../../compiler/ir/graph.ts";
import { arrayOf, type DType } from "../../compiler/ir/types.ts";
import { inferNode } from "../../compiler/passes/graph/editor.ts";

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
  private readonly types = new Map<string, ValueType>();
  private readonly constants = new Map<string, Constant>();
  private readonly inputs: string[] = [];
  private readonly next: () => number;
  /** The builder of the graph around, whose values may be read here, and what stands in front of names here. */
  protected readonly outer: Builder | undefined;
  private readonly prefix: string;
  private count = 0;
  private inners = 0;
  /** `outer`: of the graph for which this builds a sub-graph; the numbers are drawn where it draws its own. */
  constructor(seed = 1, outer?: Builder) {
    this.outer = outer;
    this.next = outer ? outer.next : numbers(seed);
    this.prefix = outer ? `${outer.prefix}s${outer.inners++}.` : "";
  }

  /** Of any value so far; of sizes that only a run knows, the largest. */
  typeOf(value: string): TensorType {
    const t = this.typeHere(value);
    if (!t) throw new Error(`there is no value ${value}`);
    return boundOf(t);
  }
  /** The shape of any value so far. */
  dimsOf(value: string): readonly Dim[] { return this.typeHere(value)?.shape ?? []; }
  protected typeHere(value: string): ValueType | undefined { return this.types.get(value) ?? this.outer?.typeHere(value); }
  protected constantHere(value: string): Constant | undefined { return this.constants.get(value) ?? this.outer?.constantHere(value); }
  input(name: string, shape: readonly Dim[], dtype: DType = "f32"): string {
    this.inputs.push(name);
    this.types.set(name, { dtype, shape });
    return name;
  }
  /** An input of a sub-graph, under a name of its own. */
  given(shape: readonly Dim[], dtype: DType = "f32"): string { return this.input(`${this.prefix}in${this.inputs.length}`, shape, dtype); }
  /** Of these values, or of random ones (`positive`: between 0.5 and 1.5). */
  constant(shape: readonly number[], values?: readonly number[] | "positive", dtype: DType = "f32"): string {
    const name = `${this.prefix}c${this.constants.size}`, size = sizeOf(shape);
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
    const name = `${this.prefix}${op.toLowerCase()}${this.count++}`;
    const node: Node = { name, op, inputs, attributes, origin: [name], outputs: Array.from({ length: outputs }, (_, i) => (i === 0 ? `v_${name}` : `v_${name}_${i}`)) };
    const types = this.infer(node, shape);
    node.outputs.forEach((v, i) => this.types.set(v, types[i]!));
    this.nodes.push(node);
    return node.outputs;
  }
  /** The types of the outputs of a node behind those that there are. Throws Unsupported where it does not fit. */
  protected infer(node: Node, shape?: readonly number[]): readonly ValueType[] {
    return inferNode(node, (v) => this.typeHere(v), (v) => this.constantHere(v), () => shape && { dtype: this.typeHere(node.inputs[0]!)!.dtype, shape }).map(boundOf);
  }
  /** For a sub-graph of a node of this graph. */
  inner(): Builder { return new Builder(0, this); }
  graph(...outputs: readonly string[]): Graph {
    return { name: "test", inputs: this.inputs, outputs, nodes: this.nodes, constants: this.constants, types: this.types };
  }
}
