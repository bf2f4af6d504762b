/**
 * Graph: what a model says. A list of nodes in topological order over typed values, never changed in place:
 * a pass returns a new one. Everything above loops: no layouts, no memory, no target.
 */
import type { Expr } from "./scalar.ts";
import { range } from "./linear.ts";
import type { Equality } from "./symbols.ts";
import { bytesFor, newArray, types, type DType, type ElementArray } from "./types.ts";

/** A number, or an index expression over named symbols (variables with a range). */
export type Dim = number | Expr;
/** What is known of a value's type. A scalar has the shape []. */
export interface ValueType { readonly dtype: DType; readonly shape: readonly Dim[] }
/** A value whose every dimension is known. */
export interface TensorType { readonly dtype: DType; readonly shape: readonly number[] }
/**
 * The type of an input that is a sequence of tensors, or an optional value, or an optional sequence, as a model states it. The
 * tensors' `shape` is missing where not even the rank is stated. No graph has values of such types once its inputs are chosen.
 */
export interface ComposedType { readonly sequence: boolean; readonly optional: boolean; readonly dtype: DType; readonly shape?: readonly Dim[] }
/** A tensor whose elements are known, in row-major order. Its data is shared, never changed. */
export interface Constant extends TensorType { readonly data: ElementArray }

/**
 * A tensor whose elements depend on nothing but sizes known only at run time: what a model's computation of shapes comes to. Elements, in
 * row-major order, are numbers and expressions over symbols: indices for whole numbers, else of the tensor's type.
 */
export interface SizeList { readonly dtype: DType; readonly shape: readonly number[]; readonly dims: readonly Dim[] }

/** The value of an attribute. Operators' entries say which kind each of theirs is, so an empty list needs no type. */
export type Attribute = number | string | readonly number[] | readonly string[] | Constant | SizeList | Graph;
/** The name of a value; "" stands for an optional input that is not given, or an output nobody wants. */
export type ValueName = string;

/** One use of an operator. */
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
/** A model, or the body of a node of control flow. Values are known by name, each made once. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueName[];
  readonly outputs: readonly ValueName[];
  readonly nodes: readonly Node[];
  /** Constants, by the name of their value. */
  readonly constants: ReadonlyMap<ValueName, Constant>;
  /** Of inputs always; of the others as far as the model says or inference has found. */
  readonly types: ReadonlyMap<ValueName, ValueType>;
  /** What each run must have: nothing else in the graph holds without. */
  readonly equalities?: readonly Equality[];
}

/** How many elements a shape has; 1 for a scalar. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
/** Whether every dimension is a number. */
export const isStatic = (t: ValueType): t is TensorType => t.shape.every((d) => typeof d === "number");
/** The type in which each dimension is the largest it can be. */
export function boundOf(t: ValueType): TensorType {
  return isStatic(t) ? t : { dtype: t.dtype, shape: t.shape.map((d) => (typeof d === "number" ? d : range(d)[1])) };
}
/** A constant of these elements, whose number must be that of the shape; of zeros without them. */
export const constantOf = (dtype: DType, shape: readonly number[], data: ElementArray = newArray(dtype, sizeOf(shape))): Constant => ({ dtype, shape, data });
/** Whether an attribute is a tensor. */
export const isConstant = (a: Attribute): a is Constant => typeof a === "object" && "data" in a;
/** Whether an attribute or a known value is a list of sizes. */
export const isSizeList = (a: Attribute): a is SizeList => typeof a === "object" && "dims" in a;
/** Whether an attribute is a sub-graph. */
export const isGraph = (a: Attribute): a is Graph => typeof a === "object" && "nodes" in a;
/** Operator of a node that makes a list of sizes, its attribute `value`. */
export const sizesOp = "mlc.Sizes";
/** Operator of a node whose input, a number, is a size that depends on data: the symbol in its attribute `value`. */
export const measureOp = "mlc.Measure";
/** Whether runs are refused by what this node measures, so that it matters though nobody may read it. */
export const makesDemand = (n: Node): boolean => n.op === measureOp && n.attributes.demand !== undefined;
/** The list of sizes that a node makes. */
export function sizesMadeBy(n: Node | undefined): SizeList | undefined {
  const a = n?.op === sizesOp || n?.op === measureOp ? n.attributes.value : undefined;
  return a !== undefined && isSizeList(a) ? a : undefined;
}
/** Bytes of the elements, packed: bool takes one each. */
export const bytesOf = (t: TensorType): number => bytesFor(t.dtype, sizeOf(t.shape));

/** The most elements of one tensor, since devices count them in 32 bits, and the most dimensions. */
export const mostElements = 2 ** 31 - 1, mostDimensions = 64;
/** Why no tensor can be of a type; null where one can. Sizes known only at run time count by their bounds. */
export function sizeProblem(t: ValueType): string | null {
  const bound = (d: Expr): number => { const [, high] = range(d); return high === Infinity ? 1 : high; };
  const shape = t.shape.map((d) => (typeof d === "number" ? d : bound(d)));
  const shown = `${t.dtype}[${shape.length > mostDimensions ? `${shape.slice(0, 8).join(", ")}, ...` : shape.join(", ")}]`;
  if (!shape.every((d) => Number.isInteger(d) && d >= 0)) return `${shown} is no type of a tensor`;
  if (shape.length > mostDimensions) return `${shown} has ${shape.length} dimensions; ${mostDimensions} are the most that are supported`;
  // Sizes of 0 hide others that overflow.
  const size = sizeOf(shape.filter((d) => d !== 0));
  if (size <= mostElements) return null;
  const gigabytes = (size * types[t.dtype].bytes) / 2 ** 30;
  return `${shown} needs ${gigabytes < 1e6 ? gigabytes.toFixed(1) : gigabytes.toExponential(1)} GB; tensors of more than 2^31 - 1 elements are not supported`;
}

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
/** All names of values and nodes, those in sub-graphs included. */
export const namesIn = (g: Graph): readonly string[] =>
  [...g.inputs, ...g.types.keys(), ...g.constants.keys(), ...g.nodes.flatMap((n) => [n.name, ...n.outputs, ...Object.values(n.attributes).filter(isGraph).flatMap(namesIn)])];
/** A name that is not among these, which it joins: the one that is wanted, or that with a number behind it. */
export function unusedIn(names: Set<string>, wanted: string): string {
  let free = wanted;
  for (let i = 2; names.has(free); i++) free = `${wanted}_${i}`;
  names.add(free);
  return free;
}
