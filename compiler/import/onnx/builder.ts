/** What import writes into: one graph in the making, with names that stay unique. */
import { capturedBy, constantOf, type Attribute, type Constant, type Graph, type Node, type ValueName, type ValueType } from "../../ir/graph.ts";
import { arrayOf, type DType, type Num } from "../../ir/types.ts";

/** Hands out names that nothing else has. */
export class Names {
  private readonly taken: Set<string>;
  /** The next number to try behind a name. */
  private readonly next = new Map<string, number>();
  constructor(taken: Iterable<string> = []) { this.taken = new Set(taken); }
  /** The name itself where it is free, else with a number behind it. */
  fresh(wanted: string): string {
    let name = wanted;
    for (let i = this.next.get(wanted) ?? 2; this.taken.has(name); i++) {
      name = `${wanted}_${i}`;
      this.next.set(wanted, i + 1);
    }
    this.taken.add(name);
    return name;
  }
}

/** A node before it has a name of its own. */
export interface Draft {
  readonly op: string;
  readonly inputs: readonly ValueName[];
  readonly outputs: readonly ValueName[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}
const trimmed = (list: readonly string[]): readonly string[] => list.slice(0, list.findLastIndex(Boolean) + 1);

/** A graph in the making. `values` are the names of values in the whole model, sub-graphs included. */
export class Builder {
  readonly values: Names;
  readonly constants = new Map<ValueName, Constant>();
  readonly types = new Map<ValueName, ValueType>();
  private readonly parent: Builder | undefined;
  private readonly nodes: Node[] = [];
  private readonly nodeNames = new Names();
  /** Values of this graph that the model names. */
  private readonly made = new Set<ValueName>();

  constructor(values: Names, parent?: Builder) { this.values = values; this.parent = parent; }
  /** Whether a value of the model is the first of its name in this graph. */
  claim(v: ValueName): boolean { return this.made.size < this.made.add(v).size; }
  /** Reserves a node's name; made from the operator and the first output where the model gives none. */
  nodeName(stated: string, op: string, outputs: readonly ValueName[]): string {
    return this.nodeNames.fresh(stated || `${op.replace(/^.*\./, "")}_${outputs.find(Boolean) ?? "none"}`);
  }
  push(d: Draft, name: string, origin: readonly string[]): void {
    this.nodes.push({ name, op: d.op, inputs: trimmed(d.inputs), outputs: trimmed(d.outputs), attributes: d.attributes, origin });
  }
  constant(wanted: string, dtype: DType, shape: readonly number[], values: Iterable<Num>): ValueName {
    const name = this.values.fresh(wanted);
    this.constants.set(name, constantOf(dtype, shape, arrayOf(dtype, values)));
    return name;
  }
  /** Of this graph or of one around it. */
  constantOf(v: ValueName): Constant | undefined { return this.constants.get(v) ?? this.parent?.constantOf(v); }
  typeOf(v: ValueName): ValueType | undefined { return this.types.get(v) ?? this.constants.get(v) ?? this.parent?.typeOf(v); }
  finish(name: string, inputs: readonly ValueName[], outputs: readonly ValueName[]): Graph {
    return { name, inputs, outputs, nodes: inOrder(this.nodes), constants: this.constants, types: this.types };
  }
}
/** Nodes so that each stands behind those it reads, else in the order given. A cycle stays one: its first node reads what comes later. */
export function inOrder(nodes: readonly Node[]): readonly Node[] {
  const maker = new Map(nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const open = new Set<Node>(), done = new Set<Node>();
  for (const root of nodes) {
    for (let stack = [root], n = stack.at(-1); n; n = stack.at(-1)) {
      open.add(n);
      const before = done.has(n) ? [] : [...n.inputs, ...capturedBy(n)].flatMap((v) => maker.get(v) ?? []).filter((m) => !open.has(m));
      if (before.length > 0) { stack.push(...before.reverse()); continue; }
      stack.pop();
      done.add(n);
    }
  }
  return [...done];
}
