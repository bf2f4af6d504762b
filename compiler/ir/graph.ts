/**
 * Graph: what a model says. A list of nodes in topological order over typed values, never changed in place:
 * a pass returns a new one. Everything above loops: no layouts, no memory, no target.
 */
import type { Expr } from "./scalar.ts";
import { newArray, types, type DType, type ElementArray } from "./types.ts";

/** A number, or an index expression over named symbols (variables with a range). */
export type Dim = number | Expr;
export interface ValueType { readonly dtype: DType; readonly shape: readonly Dim[] }
/** A value whose every dimension is known. */
export interface TensorType { readonly dtype: DType; readonly shape: readonly number[] }
export interface Constant extends TensorType { readonly data: ElementArray }

export type Attribute = number | string | readonly number[] | readonly string[] | Constant | Graph;
/** The name of a value; "" stands for an optional input that is not given, or an output nobody wants. */
export type ValueName = string;

export interface Node {
  /** Unique in its graph. */
  readonly name: string;
  /** The operator's name in the core set (see ops/), with a domain in front ("com.microsoft.Gelu") unless it is ai.onnx. */
  readonly op: string;
  readonly inputs: readonly ValueName[];
  readonly outputs: readonly ValueName[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Names of the model's own nodes that this one stands for: errors, comments and reports speak of them. */
  readonly origin: readonly string[];
}
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueName[];
  readonly outputs: readonly ValueName[];
  readonly nodes: readonly Node[];
  /** Constants, by the name of their value. */
  readonly constants: ReadonlyMap<ValueName, Constant>;
  /** Of inputs always; of the others as far as the model says or inference has found. */
  readonly types: ReadonlyMap<ValueName, ValueType>;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
export const isStatic = (t: ValueType): t is TensorType => t.shape.every((d) => typeof d === "number");
export const constantOf = (dtype: DType, shape: readonly number[], data: ElementArray = newArray(dtype, sizeOf(shape))): Constant => ({ dtype, shape, data });
export const isConstant = (a: Attribute): a is Constant => typeof a === "object" && "data" in a;
export const isGraph = (a: Attribute): a is Graph => typeof a === "object" && "nodes" in a;
export const bytesOf = (t: TensorType): number => sizeOf(t.shape) * types[t.dtype].bytes;

/** The node that produces each value. */
export function producers(g: Graph): ReadonlyMap<ValueName, Node> {
  return new Map(g.nodes.flatMap((n) => n.outputs.filter(Boolean).map((o) => [o, n] as const)));
}
/** The nodes that read each value, sub-graphs included; a node that reads it twice stands once. */
export function consumers(g: Graph): ReadonlyMap<ValueName, readonly Node[]> {
  const found = new Map<ValueName, Node[]>();
  for (const n of g.nodes) {
    for (const v of new Set([...n.inputs.filter(Boolean), ...capturedBy(n)])) found.set(v, [...(found.get(v) ?? []), n]);
  }
  return found;
}
/** Values of the outer graph that the node's sub-graphs read. */
export function capturedBy(n: Node): readonly ValueName[] {
  return Object.values(n.attributes).filter(isGraph).flatMap((g) => {
    const own = new Set<string>([...g.inputs, ...g.constants.keys(), ...g.nodes.flatMap((x) => x.outputs)]);
    return [...g.nodes.flatMap((x) => [...x.inputs, ...capturedBy(x)]), ...g.outputs].filter((v) => v && !own.has(v));
  });
}
