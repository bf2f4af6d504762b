/** A graph while `rewrite` changes it. */
import { ops } from "../../ops/index.ts";
import { NodeView, OpenSize, type Expander, type Known } from "../../ops/op.ts";
import {
  capturedBy, constantOf, isGraph, isStatic, sizeOf, sizesMadeBy, sizesOp,
  type Attribute, type Constant, type Dim, type Graph, type SizeList, type Node, type TensorType, type ValueName, type ValueType,
} from "../../ir/graph.ts";
import { arrayOf, type DType, type Num } from "../../ir/types.ts";

type Attributes = Readonly<Record<string, Attribute>>;
const staticType = (t: ValueType | "" | undefined): TensorType | undefined => (t && isStatic(t) ? t : undefined);
function fail(why: string): never { throw new Error(why); }

/** Whether two lists are equal, element by element. */
export const sameShape = (a: readonly unknown[], b: readonly unknown[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);
/** Whether two types are equal. */
export const sameType = (a: ValueType, b: ValueType): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);

/**
 * The types of a node's outputs, by its operator's entry. `declared` is what the graph says of its outputs so far.
 * Throws where the operator has no entry or the entry objects.
 */
export function inferNode(n: Node, type: (v: ValueName) => ValueType | undefined, known: Known,
  declared?: (i: number) => TensorType | undefined): readonly ValueType[] {
  const op = ops.get(n.op) ?? fail(`operator ${n.op} has no entry`);
  return op.infer(new NodeView(n, op, n.inputs.map((v) => (v ? type(v) : undefined)), [], known, declared));
}

/** The node with other names for the values that it and its sub-graphs read. */
export function renameInputs(n: Node, to: (v: ValueName) => ValueName): Node {
  const inputs = n.inputs.map((v) => (v ? to(v) : v));
  if (!Object.values(n.attributes).some(isGraph)) return { ...n, inputs };
  return { ...n, inputs, attributes: Object.fromEntries(Object.entries(n.attributes).map(([k, a]) => [k, isGraph(a) ? renameCaptured(a, to) : a])) };
}
function renameCaptured(g: Graph, to: (v: ValueName) => ValueName): Graph {
  const own = new Set([...g.inputs, ...g.constants.keys(), ...g.nodes.flatMap((x) => x.outputs)]);
  const rename = (v: ValueName) => (own.has(v) ? v : to(v));
  return { ...g, nodes: g.nodes.map((n) => renameInputs(n, rename)), outputs: g.outputs.map(rename) };
}

/** What rules see and use: the graph at this moment, and the means to make new values. */
export class Editor implements Expander {
  private readonly graph: Graph;
  private readonly alive = new Map<string, Node>();
  private readonly readersOf = new Map<ValueName, Set<string>>();
  private readonly producerOf = new Map<ValueName, string>();
  private readonly types: Map<ValueName, ValueType>;
  private readonly constants: Map<ValueName, Constant>;
  private readonly outputs: ReadonlySet<ValueName>;
  /** Names of nodes in the order of the new graph; some may have died since. */
  private readonly order: string[] = [];
  /** Every name that was ever in use. */
  private readonly names: Set<string>;
  private changed = false;
  private root: Node | undefined;
  private fresh: Node[] = [];

  constructor(g: Graph) {
    this.graph = g;
    this.types = new Map([...g.constants, ...g.types]);
    this.constants = new Map(g.constants);
    this.outputs = new Set(g.outputs);
    this.names = new Set([...this.types.keys(), ...g.nodes.flatMap((n) => [n.name, ...n.outputs])]);
    for (const n of g.nodes) this.add(n);
  }

  /** Throws where the value has no type; Unsupported where a size is no number. */
  type(v: ValueName): TensorType {
    const t = this.typeOf(v);
    if (!isStatic(t)) throw new OpenSize(`${v} has sizes that are known only at run time`);
    return t;
  }
  /** Throws where the value has no type. */
  typeOf(v: ValueName): ValueType { return this.types.get(v) ?? fail(`value ${v} has no type`); }
  private known(v: ValueName): Constant | SizeList | undefined {
    return this.constants.get(v) ?? sizesMadeBy(this.alive.get(this.producerOf.get(v) ?? "") ?? this.fresh.find((n) => n.outputs.includes(v)));
  }
  constantOf(v: ValueName | undefined): Constant | undefined { return this.constants.get(v ?? ""); }
  /** The number that all elements of a constant are, if there is one. */
  uniform(v: ValueName | undefined): number | undefined {
    const c = this.constantOf(v);
    if (!c || c.data.length === 0) return undefined;
    for (let i = 1; i < c.data.length; i++) if (c.data[i] !== c.data[0]) return undefined;
    return Number(c.data[0]);
  }
  /** The node that makes a value, as its entry sees it; undefined for inputs, constants, and operators other than `op`. */
  made(v: ValueName | undefined, op?: string): NodeView | undefined {
    const n = this.alive.get(this.producerOf.get(v ?? "") ?? "");
    return n && (op === undefined || n.op === op) ? this.view(n) : undefined;
  }
  /** `made`, where nobody else reads the value. */
  soleMade(v: ValueName | undefined, op?: string): NodeView | undefined { return v && this.sole(v) ? this.made(v, op) : undefined; }
  find(name: string): Node | undefined { return this.alive.get(name); }
  readers(v: ValueName): readonly Node[] { return Array.from(this.readersOf.get(v) ?? [], (name) => this.alive.get(name)!); }
  isOutput(v: ValueName): boolean { return this.outputs.has(v); }
  /** Whether exactly one node reads the value, and nobody outside the graph does. */
  sole(v: ValueName): boolean { return !this.outputs.has(v) && this.readersOf.get(v)?.size === 1; }
  wanted(v: ValueName | undefined): boolean { return v !== undefined && (this.outputs.has(v) || (this.readersOf.get(v)?.size ?? 0) > 0); }
  /** Undefined for operators without an entry and for nodes of values without a type. Asked for a size that only a run knows, it gives up: see `visit`. */
  view(n: Node): NodeView | undefined {
    const op = ops.get(n.op), typeOf = (v: ValueName) => (v ? this.types.get(v) : undefined);
    if (!op || [...n.inputs, ...n.outputs].some((v) => v && !typeOf(v))) return undefined;
    const constant = (v: ValueName) => this.known(v), outputs = n.outputs.map(typeOf), allTyped = outputs.every((t) => t !== undefined);
    // What has no name has no type in the graph, but operators count on one.
    const types = allTyped ? outputs : inferNode(n, (v) => this.types.get(v), constant, (i) => staticType(outputs[i]));
    return new NodeView(n, op, n.inputs.map(typeOf), types, constant, undefined, false);
  }

  /** Makes a node and returns its first output; the types are inferred. */
  node(op: string, inputs: readonly ValueName[], attributes: Attributes = {}): ValueName { return this.nodes(op, inputs, 1, attributes)[0]!; }
  nodes(op: string, inputs: readonly ValueName[], outputs: number, attributes: Attributes = {}): readonly ValueName[] {
    const hint = op.replace(/^.*\./, "").toLowerCase(), { name = "", outputs: [first = ""] = [] } = this.root ?? {};
    const takesName = op === this.root?.op && this.fresh.every((f) => f.name !== name);
    const node: Node = {
      name: takesName ? name : this.unused(name, hint), op, inputs: withoutTrailing(inputs), attributes, origin: [],
      outputs: Array.from({ length: outputs }, () => this.unused(first, hint)),
    };
    const types = inferNode(node, (v) => this.types.get(v), (v) => this.known(v));
    node.outputs.forEach((v, i) => this.types.set(v, types[i] ?? fail(`${op} has no output ${i}`)));
    this.fresh.push(node);
    return node.outputs;
  }
  constant(dtype: DType, shape: readonly number[], values: Iterable<Num>): ValueName {
    return this.give(constantOf(dtype, shape, arrayOf(dtype, values)));
  }
  /** A list of sizes: a constant where all are numbers. */
  sizes(dims: readonly Dim[]): ValueName {
    return dims.every((d) => typeof d === "number") ? this.constant("i64", [dims.length], dims) : this.node(sizesOp, [], { value: { dtype: "i64", shape: [dims.length], dims } });
  }
  /** The name of a new constant with these elements, which are not copied. */
  give(c: Constant, hint = "const"): ValueName {
    if (c.data.length !== sizeOf(c.shape)) fail(`a constant of shape [${c.shape}] with ${c.data.length} elements`);
    const name = this.unused(this.root?.outputs[0] ?? "", hint);
    this.constants.set(name, c);
    this.types.set(name, { dtype: c.dtype, shape: c.shape });
    return name;
  }

  /** Looks at a node with the rule for its operator. A rule that asks for numbers where sizes are known only at run time does not apply. */
  visit(name: string, ruleFor: (op: string) => ((n: NodeView, e: Editor) => ValueName | readonly ValueName[] | undefined) | undefined): void {
    const n = this.alive.get(name), rule = n && ruleFor(n.op), view = rule && this.view(n);
    this.root = n;
    this.fresh = [];
    let answer: ValueName | readonly ValueName[] | undefined;
    try { answer = view && rule?.(view, this); } catch (e) {
      if (!(e instanceof OpenSize)) throw e;
    }
    if (n && answer !== undefined) this.replace(n, typeof answer === "string" ? [answer] : answer);
    else this.order.push(name);
  }
  /** The graph as it is now; the one it started from if nothing has changed. */
  result(): Graph {
    if (!this.changed) return this.graph;
    const nodes = this.order.flatMap((name) => this.alive.get(name) ?? []);
    const constants = new Map([...this.constants].filter(([v]) => this.wanted(v)));
    const known = new Set([...this.graph.inputs, ...constants.keys(), ...nodes.flatMap((n) => n.outputs)]);
    return { ...this.graph, nodes, constants, types: new Map([...this.types].filter(([v]) => known.has(v))) };
  }

  private replace(n: Node, values: readonly ValueName[]): void {
    this.changed = true;
    this.drop(n);
    const pairs = n.outputs.flatMap((old, i) =>
      this.wanted(old) ? [[old, values[i] ?? fail(`node ${n.name}: nothing stands for output ${old}, which is read`)] as const] : []);
    const now = new Map<ValueName, ValueName>();
    for (const node of this.needed(pairs.map(([, by]) => by))) this.add(node);
    for (const [old, by] of pairs) {
      if (!sameType(this.typeOf(old), this.typeOf(by))) fail(`node ${n.name}: ${by} has another type than ${old}, which it stands for`);
      now.set(by, this.substitute(old, now.get(by) ?? by, n));
    }
    this.credit([n, ...this.sweep(n)]);
    this.order.push(...this.fresh.map((f) => f.name));
  }
  /** Of the nodes made for this replacement, those that the values depend on. */
  private needed(values: readonly ValueName[]): readonly Node[] {
    const wanted = new Set(values);
    const list = this.fresh.toReversed().filter((n) => {
      const needed = n.outputs.some((v) => wanted.has(v));
      if (needed) for (const v of [...n.inputs, ...capturedBy(n)]) wanted.add(v);
      return needed;
    });
    return (this.fresh = list.reverse());
  }
  /**
   * All that read `old` read `by`, whose new name is returned: where `old` must stay, or `by` was made to replace it, `by`
   * takes the name `old`.
   */
  private substitute(old: ValueName, by: ValueName, root: Node): ValueName {
    const maker = this.alive.get(this.producerOf.get(by) ?? ""), isFresh = maker !== undefined && this.fresh.includes(maker);
    if (!this.outputs.has(old) && (!isFresh || this.outputs.has(by))) { this.redirect(old, by); return by; }
    if (!maker || this.outputs.has(by)) {
      const identity: Node = { name: this.unused(root.name, "identity"), op: "Identity", inputs: [by], outputs: [old], attributes: {}, origin: [] };
      this.add(identity);
      this.fresh.push(identity);
      return by;
    }
    const takesName = isFresh && this.fresh.at(-1) === maker && !this.alive.has(root.name);
    const renamed = { ...maker, name: takesName ? root.name : maker.name, outputs: maker.outputs.map((o) => (o === by ? old : o)) };
    this.drop(maker);
    this.fresh = this.fresh.map((f) => (f === maker ? renamed : f));
    this.add(renamed);
    this.redirect(by, old);
    return old;
  }
  private redirect(from: ValueName, to: ValueName): void {
    for (const n of this.readers(from)) {
      const renamed = renameInputs(n, (v) => (v === from ? to : v));
      this.drop(n);
      this.add(renamed);
      this.fresh = this.fresh.map((f) => (f === n ? renamed : f));
    }
  }
  /** Removes the producers of what `n` read, as far as nobody reads them now. */
  private sweep(n: Node): readonly Node[] {
    return [...n.inputs, ...capturedBy(n)].flatMap((v) => {
      const maker = this.alive.get(this.producerOf.get(v) ?? "");
      if (!maker || maker.outputs.some((o) => this.wanted(o))) return [];
      this.drop(maker);
      return [...this.sweep(maker), maker];
    });
  }
  /** New nodes stand for the model's nodes that dead nodes of the same operator stood for, and for those of all operators left over. */
  private credit(dead: readonly Node[]): void {
    const ops = new Set(this.fresh.map((n) => n.op)), originsOf = (list: readonly Node[]) => list.flatMap((n) => n.origin);
    const left = originsOf(dead.filter((n) => !ops.has(n.op)));
    this.fresh = this.fresh.map((n) => {
      const origin = [...new Set([...originsOf(dead.filter((d) => d.op === n.op)), ...left])];
      const named = { ...n, origin: origin.length > 0 ? origin : [...new Set(originsOf(dead))] };
      this.alive.set(n.name, named);
      return named;
    });
  }
  private add(n: Node): void {
    this.alive.set(n.name, n);
    for (const o of n.outputs) if (o) this.producerOf.set(o, n.name);
    for (const v of [...n.inputs, ...capturedBy(n)]) if (v) this.readersOf.set(v, (this.readersOf.get(v) ?? new Set()).add(n.name));
  }
  private drop(n: Node): void {
    this.alive.delete(n.name);
    for (const v of [...n.inputs, ...capturedBy(n)]) this.readersOf.get(v)?.delete(n.name);
  }
  private unused(base: string, hint: string): string {
    const stem = base ? `${base}.${hint}` : hint;
    let name = stem;
    for (let i = 2; this.names.has(name); i++) name = `${stem}.${i}`;
    this.names.add(name);
    return name;
  }
}
const withoutTrailing = (list: readonly ValueName[]): readonly ValueName[] => list.slice(0, list.findLastIndex(Boolean) + 1);
