/**
 * What an operator is: one entry says everything the compiler knows about it. Entries stand in one file per family and
 * are listed in index.ts; nothing else in the compiler names an operator, but the graph passes that rewrite it.
 */
import { load, variable, variables, type Expr } from "../ir/scalar.ts";
import { int, minus, range } from "../ir/linear.ts";
import { loadsIn, rebuild } from "../ir/algebra.ts";
import { axis, output, rowMajor, type Axis, type Compute, type Output, type Stage, type Tensor } from "../ir/compute.ts";
import type { Control } from "../ir/control.ts";
import {
  boundOf, isConstant, isGraph, isSizeList, isStatic, sizeOf, type Attribute, type Constant, type Dim, type Graph, type Node, type SizeList, type TensorType, type ValueType,
} from "../ir/graph.ts";
import { nameOfSymbol, someSizes, type Equality } from "../ir/symbols.ts";
import { withoutExcess } from "./excess.ts";
import { isSmallFloat } from "../ir/formats.ts";
import type { DType } from "../ir/types.ts";

/** What an attribute holds; whole and real numbers are both numbers here. */
export type AttributeKind = "int" | "float" | "string" | "ints" | "floats" | "strings" | "tensor" | "sizes" | "graph";
/** An attribute: one without a default must be given, unless it is optional. */
export interface AttributeSpec { readonly kind: AttributeKind; readonly default?: Attribute; readonly optional?: true }
/** How far a compiled result may be from the reference, and why. `relative` is to the largest expected magnitude. */
export interface Accuracy { readonly absolute?: number; readonly relative?: number; readonly reason: string }

/** An operator. */
export interface Op {
  /** As in ONNX; with its domain in front unless it is ai.onnx. */
  readonly name: string;
  /** The opset of the form described here; import brings older forms into it. */
  readonly since: number;
  /** Least and most inputs; `Infinity` for variadic. */
  readonly inputs: readonly [least: number, most: number];
  readonly outputs?: readonly [least: number, most: number];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  /** Inputs whose values decide types: they must be known at compile time, unless the model states the output's type and the entry can do with that. */
  readonly parameters?: readonly number[];
  /** Its parameters are sizes: those that only a run knows, but which lie between known numbers, can become sizes that the run measures. */
  readonly sizeParameters?: true;
  /**
   * Of constants, a list of its results is not computed while types are inferred, but by the pass that folds constants: no shape is made of it, and
   * passes before that one look for its operands.
   */
  readonly foldsLate?: true;
  /** Types of all outputs. Calls `n.fail` where the model is wrong or the form is not supported. */
  readonly infer: (n: NodeView) => readonly ValueType[];
  /**
   * In terms of the tensors that sequences and optional values are made of: what stands for each output, or undefined
   * where all is tensors and the rest of the entry holds. Inference asks it; no node without another meaning is left then.
   */
  readonly resolve?: (n: NodeView, g: Resolver) => readonly Parts[] | undefined;
  /** Where parameters are known to a run only: in terms of such that it measures, if the entry can do that. */
  readonly measure?: (n: NodeView, g: Resolver) => readonly string[] | undefined;
  /** As maps and reductions. One of `lower`, `expand`, `control` and `resolve` is there. */
  readonly lower?: (n: NodeView) => Compute;
  /** Of an entry without a lowering: inputs may have sizes that are known only at run time. */
  readonly sizes?: true;
  /** In terms of other operators: returns the values that stand for the outputs. */
  readonly expand?: (n: NodeView, g: Expander) => readonly string[];
  /** What it does with its sub-graphs. Asked before their types are known, too. */
  readonly control?: (n: NodeView) => Control;
  readonly accuracy?: Accuracy;
  /** Made by passes only; no model has it. */
  readonly internal?: true;
}
/** Adds a node of another operator and returns its first output (or all of them). */
export interface Expander {
  node(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>): string;
  nodes(op: string, inputs: readonly string[], outputs: number, attributes?: Readonly<Record<string, Attribute>>): readonly string[];
  constant(dtype: DType, shape: readonly number[], values: Iterable<number | bigint>): string;
  type(value: string): TensorType;
  /** As `type`, with sizes that only a run knows. */
  typeOf(value: string): ValueType;
}
/** A sequence of which only a run knows how long it is: its tensors, all of one type, lie behind each other along the first dimension of this one. */
export interface Stack { readonly stack: string }
/**
 * What a value consists of: a tensor, by its name; a sequence, by the names of its tensors, or by all of them as one; null: an optional value that is
 * absent. One that is present is what it holds. All of this is known at compile time.
 */
export type Parts = string | readonly string[] | Stack | null;
/** What stands for sequences and optional values, while types are inferred. New nodes are typed, and folded, as they are made. */
export interface Resolver extends Expander {
  parts(value: string): Parts;
  /** The value where it is known by now. */
  known(value: string): Constant | undefined;
  /** The node that makes the value, if one does. */
  made(value: string): Node | undefined;
  /** Puts a sub-graph here, its inputs worth `inputs`, and returns its outputs. */
  inline(body: Graph, inputs: readonly Parts[]): readonly Parts[];
}

/** Why a node cannot be compiled; import collects these of all nodes before it reports. */
export class Unsupported extends Error {
  /** `hint`: the nearest form that is supported, or the flag or rewrite that helps. */
  readonly hint: string | undefined;
  constructor(reason: string, hint?: string) { super(reason); this.hint = hint; }
}

/** A size was asked for as a number that only a run knows. */
export class OpenSize extends Unsupported {}

const slot = (i: number): string => `input ${i}`;
/** What is known of a value when a model is compiled. */
export type Known = (value: string) => Constant | SizeList | undefined;

/**
 * A node as its entry sees it: types, attributes with their defaults, and what is known of its inputs. Sizes may be known only at run
 * time: `type` and `dims` have them as indices over symbols. `in` and `out` have numbers, which are the largest sizes: what `lower`
 * goes over. To shape rules, expansions and graph passes, which would forget what they mean, they fail where a size is no number.
 */
export class NodeView {
  readonly node: Node;
  readonly op: Op;
  /** Types of the inputs; undefined where an optional one is not given. */
  readonly inputs: readonly (ValueType | undefined)[];
  /** Types of the outputs: empty while they are being inferred. */
  readonly outputs: readonly ValueType[];
  /** The type that the model states for output `i`, if it is fully known. */
  readonly declared: (i: number) => TensorType | undefined;
  /** Pairs of sizes that a run must have equal. */
  readonly equalities: Omit<Equality, "node">[] = [];
  /** In a lowering, where small floats seem to be f32: the node with the types that the model has. */
  readonly stored: NodeView;
  private readonly known: Known;
  /** Whether `in` and `out` give the largest sizes where they are no numbers. */
  private readonly bounds: boolean;

  constructor(node: Node, op: Op, inputs: readonly (ValueType | undefined)[], outputs: readonly ValueType[],
    known: Known, declared: (i: number) => TensorType | undefined = () => undefined, bounds = true, stored?: NodeView) {
    this.bounds = bounds && op.lower !== undefined && outputs.length > 0;
    this.node = node; this.op = op; this.inputs = inputs; this.outputs = outputs; this.known = known; this.declared = declared; this.stored = stored ?? this;
  }
  /** The same node with f32 in the place of small floats: what lowerings compute with. */
  widened(): NodeView {
    const wide = <T extends { readonly dtype: DType } | undefined>(t: T): T => (t && isSmallFloat(t.dtype) ? { ...t, dtype: "f32" } : t);
    return new NodeView(this.node, this.op, this.inputs.map(wide), this.outputs.map(wide), (v) => { const c = this.known(v); return c && isConstant(c) ? wide(c) : c; }, (i) => wide(this.declared(i)), this.bounds, this);
  }
  fail(reason: string, hint?: string): never { throw new Unsupported(reason, hint); }
  has(i: number): boolean { return this.inputs[i] !== undefined; }
  /** The type of a given input. */
  type(i: number): ValueType { return this.inputs[i] ?? this.fail(`input ${i} is missing`); }
  /** The type of an output. */
  outType(i = 0): ValueType { return this.outputs[i] ?? this.fail(`has no output ${i}`); }
  /** The type of a given input, of numbers. */
  in(i: number): TensorType { return this.numbers(this.type(i), `input ${i} (${this.node.inputs[i]})`); }
  out(i = 0): TensorType { return this.numbers(this.outType(i), `output ${i} (${this.node.outputs[i]})`); }
  private numbers(t: ValueType, what: string): TensorType {
    if (this.bounds || isStatic(t)) return boundOf(t);
    const names = new Set(t.shape.flatMap((d) => (typeof d === "number" ? [] : [...variables(d)].map(nameOfSymbol))));
    throw new OpenSize(`${what} has sizes that are known only at run time (${[...names].join(", ")}), which ${this.op.name} does not support`, "give them one size instead of bounds");
  }
  /** Whether two sizes are equal; where only a run can tell, it will have to be so. `demand`: what that means. */
  same(a: Dim, b: Dim, demand?: string): boolean {
    if (a === b) return true;
    const difference = minus(sizeExpr(a), sizeExpr(b)), [low, high] = range(difference);
    if (low > 0 || high < 0) return false;
    if (low !== 0 || high !== 0) this.equalities.push({ sizes: [sizeExpr(a), sizeExpr(b)], ...(demand === undefined ? {} : { demand }) });
    return true;
  }
  /** The value of input `i` where it is known when the model is compiled. */
  value(i: number): Constant | SizeList | undefined { const v = this.node.inputs[i]; return v ? this.known(v) : undefined; }
  /** The value of input `i` where it is a constant. */
  constant(i: number): Constant | undefined { const c = this.value(i); return c && !isSizeList(c) ? c : undefined; }
  /** The whole numbers that input `i` holds, which may be sizes; null where it is not given. Fails where they are not known. */
  sizes(i: number): readonly Dim[] | null {
    const c = this.value(i);
    return c && isSizeList(c) ? c.dims : this.parameter(i);
  }
  /** The elements of input `i`, which must be known at compile time; null where it is not given. */
  parameter(i: number): readonly number[] | null {
    if (!this.has(i)) return null;
    const value = this.value(i);
    if (value && isSizeList(value)) throw new OpenSize(`input ${i} (${this.node.inputs[i]}) depends on sizes that are known only at run time, which ${this.op.name} does not support`, "give them one size instead of bounds");
    const c = this.constant(i) ?? this.fail(`input ${i} (${this.node.inputs[i]}) is computed at run time, but must be known at compile time`,
      this.unknownHint(i));
    return Array.from(c.data as Iterable<number | bigint>, Number);
  }
  /** What to do where a value must be known; that of input `i` can be given bounds if it is one whole number. */
  unknownHint(i?: number): string {
    const t = i === undefined ? undefined : boundOf(this.type(i)), [value, what] = t && sizeOf(t.shape) === 1 && (t.dtype === "i64" || t.dtype === "i32") ? [this.node.inputs[i!]!, "it"] : ["NAME", "a number that it is computed from"];
    return `make it a constant or initializer of the model, pin the shapes it is computed from with --shape or --dim, or say what ${what} can be: --value ${value}=0..512`;
  }
  private attribute(name: string): Attribute | undefined {
    return this.node.attributes[name] ?? (this.op.attributes?.[name] ?? this.fail(`reads attribute ${name}, which its entry does not list`)).default;
  }
  given(name: string): boolean { return this.node.attributes[name] !== undefined; }
  int(name: string): number { const a = this.attribute(name); return typeof a === "number" ? a : this.fail(`attribute ${name} must be a number`); }
  float(name: string): number { return this.int(name); }
  string(name: string): string { const a = this.attribute(name); return typeof a === "string" ? a : this.fail(`attribute ${name} must be a string`); }
  graph(name: string): Graph { const a = this.attribute(name); return typeof a === "object" && isGraph(a) ? a : this.fail(`attribute ${name} must be a graph`); }
  ints(name: string): readonly number[] { return this.intsOr(name) ?? this.fail(`attribute ${name} is missing`); }
  intsOr(name: string): readonly number[] | undefined {
    const a = this.attribute(name);
    return a === undefined || (Array.isArray(a) && a.every((x) => typeof x === "number")) ? (a as readonly number[] | undefined) : this.fail(`attribute ${name} must be a list of numbers`);
  }
  stringsOr(name: string): readonly string[] | undefined {
    const a = this.attribute(name);
    return a === undefined || (Array.isArray(a) && a.every((x) => typeof x === "string")) ? (a as readonly string[] | undefined) : this.fail(`attribute ${name} must be a list of strings`);
  }
  /** An axis attribute or parameter, counted from the front. */
  axis(value: number, rank: number): number {
    return value >= -rank && value < rank ? (value + rank) % rank : this.fail(`axis ${value} does not exist in a tensor of rank ${rank}`);
  }

  /** An element of input `i`. Until `compute` names it, the input goes by its number: no stage can have the same name. */
  load(i: number, index: readonly Expr[]): Expr { return load(this.type(i).dtype, slot(this.node.inputs.indexOf(this.node.inputs[i]!)), index); }
  /** The element of input `i` that belongs to an index of a shape it broadcasts to. */
  broadcast(i: number, index: readonly Expr[]): Expr {
    const { shape } = this.type(i), skip = index.length - shape.length;
    return this.load(i, shape.map((n, d) => (n === 1 ? int(0) : index[d + skip]!)));
  }
  /** Axes over the shape of output `i`. */
  axes(i = 0, prefix = "d"): readonly Axis[] { return this.out(i).shape.map((n, d) => axis(`${prefix}${d}`, n)); }
  tensor(i: number): Tensor {
    const name = this.node.inputs[i]!, { dtype, shape } = this.in(i);
    return { name, dtype, shape, layout: rowMajor(shape.length), role: this.constant(i) ? "weight" : "input" };
  }
  /**
   * A Compute of these stages; the last one is output 0 unless `outputs` says which stage is which. What the stages load
   * is other stages, `tables`, and the node's inputs by `load`. A stage or table that is called like a value of the node
   * gets another name.
   */
  compute(given: readonly Stage[], outputs?: readonly Output[], tables: readonly Tensor[] = []): Compute {
    const stages = withoutExcess(given, new Map(this.inputs.flatMap((t, i) => (t ? [[slot(i), t] as const] : []))));
    const { node } = this, values = [...node.inputs, ...node.outputs], own = [...stages, ...tables].map((s) => s.name);
    const unused = (name: string): string => (values.includes(name) || own.includes(name) ? unused(`${name}_`) : name);
    const names = new Map(own.map((name) => [name, values.includes(name) ? unused(name) : name])), seen = new Map<Expr, Expr>();
    node.inputs.forEach((v, i) => { if (v && node.inputs.indexOf(v) === i) names.set(slot(i), v); });
    const named = (e: Expr): Expr => rebuild(e, (x) => (x.kind === "load" ? load(x.dtype, names.get(x.buffer) ?? x.buffer, x.at, x.lanes) : x), seen);
    const read = new Set(loadsIn(stages.flatMap((s) => (s.finish ? [s.value, s.finish] : [s.value]))).map((l) => l.buffer));
    const inputs = node.inputs.flatMap((_, i) => (read.has(slot(i)) ? [this.tensor(i)] : [])), last = stages.at(-1)!;
    return {
      name: this.op.name.replace(/^.*\./, "").toLowerCase(), origin: node.origin,
      stages: stages.map((s) => ({ ...s, name: names.get(s.name)!, value: named(s.value), ...(s.finish ? { finish: named(s.finish) } : {}) })),
      tensors: [...inputs, ...tables.map((t) => ({ ...t, name: names.get(t.name)! }))],
      outputs: (outputs ?? [this.result(last)]).map((o) => ({ ...o, stage: names.get(o.stage)! })),
    };
  }
  /** Output `i` as a stage for `compute(stages, outputs)`. */
  result(stage: Stage, i = 0, more: Partial<Output> = {}): Output {
    const { shape } = this.out(i);
    return output(stage, this.node.outputs[i]!, { shape, layout: rowMajor(shape.length), ...runSizes(this.outType(i)), ...more });
  }
  /** Each element of output 0 from its index. */
  map(element: (index: readonly Expr[]) => Expr): Compute {
    const axes = this.axes();
    return this.compute([{ name: "map", axes, value: element(axes) }]);
  }
}
/** How much of the largest sizes a run has. */
export const runSizes = (t: ValueType) => someSizes(t.shape.map((d) => (typeof d === "number" ? undefined : d)));
/** A size as an index. */
export const sizeExpr = (d: Dim): Expr => (typeof d === "number" ? int(d) : d);
/** An unbounded index variable: a dimension that is not known. */
export const symbol = (name: string): Expr => variable("index", name);
