/**
 * Cuts a graph at its nodes with sub-graphs: what is left are plain graphs, which every other pass takes as they are, in an order with
 * branches and loops. Values get names that are unique in all sub-graphs. Counting turns, testing a limit, and what a loop begins with
 * become plain nodes, so that a loop only has to look at one bool. Needs: all types known. Stands before all other passes: patterns
 * across a cut are rare, and constants are shared by all pieces.
 */
import {
  boundOf, capturedBy, constantOf, makesDemand, measureOp, namesIn, sizesMadeBy, sizesOp, unusedIn, type Attribute, type Constant, type Dim, type Graph, type Node, type SizeList, type ValueName, type ValueType,
} from "../../ir/graph.ts";
import { flowsIn, mapFlow, piecesOf, type Branching, type Flow, type Item, type Leave, type Looping, type Regions, type SliceOf } from "../../ir/control.ts";
import type { Equality } from "../../ir/symbols.ts";
import { variables } from "../../ir/scalar.ts";
import { arrayOf, type DType } from "../../ir/types.ts";
import { ops } from "../../ops/index.ts";
import { NodeView } from "../../ops/op.ts";
import { renameInputs } from "./editor.ts";
import { removeIdentities } from "./remove-identities.ts";
import { symbolsIn } from "./value-table.ts";

/** A graph of one piece: as it is. */
export const whole = (g: Graph): Regions<Graph> =>
  ({ name: g.name, inputs: g.inputs, outputs: g.outputs, outputNames: g.outputs, flow: [{ kind: "piece", piece: g }], slices: new Map(), types: g.types });
/** The pieces of a graph. */
export const cutRegions = (g: Graph): Regions<Graph> => (g.nodes.some((n) => ops.get(n.op)?.control) ? new Cutter(removeIdentities(g)).regions() : whole(g));

const int64s = (list: readonly number[]): Constant => constantOf("i64", [list.length], arrayOf("i64", list));
type Draft = Flow<readonly Node[], ValueName>;
type Move = Leave<ValueName>["moves"][number];
/** The sizes that the flow itself asks for: numbers of turns, what symbols become, what must be equal. */
const asked = (flow: Draft): readonly Dim[] => flow.flatMap((item) => [
  ...(item.kind === "loop" && item.most !== undefined ? [item.most] : item.kind === "leave" ? [...item.sizes.map((s) => s.value), ...item.equalities.flatMap((e) => e.sizes)] : []), ...flowsIn(item).flatMap(asked),
]);
/** Whether two types are one, in bounds too. */
const same = (a: ValueType, b: ValueType): boolean => a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i]);
/** Of a graph's nodes in order, those that what is wanted depends on, and by which runs are refused. */
function needed(nodes: readonly Node[], wanted: Iterable<ValueName>): readonly Node[] {
  const read = new Set(wanted);
  return nodes.toReversed().filter((n) => {
    const is = makesDemand(n) || n.outputs.some((v) => read.has(v));
    if (is) for (const v of [...n.inputs, ...capturedBy(n)]) read.add(v);
    return is;
  }).reverse();
}
/** Nodes of one scope, as early as what they read allows: level by level, with the control flow of each level before its plain nodes. */
class Levels {
  private readonly of = new Map<ValueName, number>();
  private readonly plain: Node[][] = [];
  private readonly control: Item<readonly Node[], ValueName>[][] = [];
  levelOf(reads: Iterable<ValueName>): number { return Math.max(0, ...[...reads].map((v) => this.of.get(v) ?? 0)); }
  put(n: Node, level = this.levelOf([...n.inputs, ...capturedBy(n)])): void {
    (this.plain[level] ??= []).push(n);
    for (const v of n.outputs) this.of.set(v, level);
  }
  decide(item: Item<readonly Node[], ValueName>, level: number, outputs: readonly ValueName[]): void {
    (this.control[level] ??= []).push(item);
    for (const v of outputs) this.of.set(v, level);
  }
  flow(): Draft {
    return Array.from({ length: Math.max(this.plain.length, this.control.length) }, (_, level): Draft => {
      const nodes = this.plain[level] ?? [];
      return [...(this.control[level] ?? []), ...(nodes.length ? [{ kind: "piece", piece: nodes } as const] : [])];
    }).flat();
  }
}

class Cutter {
  private readonly graph: Graph;
  private readonly names: Set<string>;
  private readonly types: Map<ValueName, ValueType>;
  private readonly constants: Map<ValueName, Constant>;
  private readonly slices = new Map<ValueName, SliceOf>();
  /** What is known of values: sizes, which every piece that reads them has for itself. */
  private readonly sizes = new Map<ValueName, SizeList>();
  /** What measures a symbol. */
  private readonly measures = new Map<string, ValueName>();

  constructor(g: Graph) { this.graph = g; this.names = new Set(namesIn(g)); this.types = new Map(g.types); this.constants = new Map(g.constants); }

  regions(): Regions<Graph> {
    const { graph } = this, made = new Set(graph.nodes.flatMap((n) => n.outputs)), copies: Node[] = [];
    const outputs = graph.outputs.map((v, i) => {
      if (made.has(v) && graph.outputs.indexOf(v) === i) return v;
      const copy = this.identity(v, this.unused(`${v}.output`));
      copies.push(copy);
      return copy.outputs[0]!;
    });
    // What inputs alone tell is known before anything runs.
    const given = new Set(graph.inputs.flatMap((v) => this.typeOf(v).shape).map((d) => (typeof d === "object" && d.kind === "var" ? d.name : ""))), told = (e: Equality): boolean => e.sizes.every((d) => [...variables(d)].every((x) => given.has(x))), { equalities = [] } = graph, early = equalities.filter(told);
    const draft = mapFlow([...this.scope([...graph.nodes, ...copies], outputs), ...this.leave([], [], equalities.filter((e) => !told(e)), [])], (nodes) => this.withSizes(nodes), (v) => v), wanted = this.wanted(draft, outputs);
    const flow = mapFlow(draft, (nodes) => this.piece(nodes, wanted), (v) => v);
    return { name: graph.name, inputs: graph.inputs, outputs, outputNames: graph.outputs, flow, slices: this.slices, types: this.types, ...(early.length ? { equalities: early } : {}) };
  }
  /** What lives on at the end of a flow; nothing where nothing does. */
  private leave(moves: readonly Move[], sizes: Leave<ValueName>["sizes"], equalities: readonly Equality[] = [], origin: readonly string[] = []): Draft {
    return moves.length || sizes.length || equalities.length ? [{ kind: "leave", moves, sizes, equalities, origin }] : [];
  }
  /** With lists of sizes that other pieces make made here too, as constants are: what is known of them must be known. */
  private withSizes(nodes: readonly Node[]): readonly Node[] {
    const made = new Set(nodes.flatMap((n) => n.outputs)), foreign = [...new Set(nodes.flatMap((n) => n.inputs))].filter((v) => !made.has(v) && this.sizes.has(v));
    if (foreign.length === 0) return nodes;
    const names = new Map(foreign.map((v) => [v, this.unused(v)]));
    const lists = foreign.map((v): Node => this.node(sizesOp, [], this.typeOf(v), { value: this.sizes.get(v)! }, names.get(v)!));
    return [...lists, ...nodes.map((n) => renameInputs(n, (v) => names.get(v) ?? v))];
  }
  /** How many pieces read each value, and what else asks for it. */
  private wanted(draft: Draft, outputs: readonly ValueName[]): ReadonlySet<ValueName> {
    const wanted = new Set(outputs);
    for (const nodes of piecesOf(draft)) {
      const made = new Set(nodes.flatMap((n) => n.outputs));
      for (const v of nodes.flatMap((n) => n.inputs)) if (!made.has(v)) wanted.add(v);
    }
    mapFlow(draft, () => null, (v) => { wanted.add(v); });
    for (const [v, { of }] of this.slices) wanted.add(v).add(of);
    for (const s of symbolsIn(asked(draft))) { const v = this.measures.get(s); if (v !== undefined) wanted.add(v); }
    return wanted;
  }
  private piece(nodes: readonly Node[], wanted: ReadonlySet<ValueName>): Graph {
    const made = new Set(nodes.flatMap((n) => n.outputs).filter(Boolean)), read = new Set(nodes.flatMap((n) => n.inputs).filter((v) => v && !made.has(v)));
    const outputs = [...made].filter((v) => wanted.has(v)), live = new Set([...made, ...read]);
    return {
      name: this.graph.name, inputs: [...read].filter((v) => !this.constants.has(v)), outputs, nodes,
      constants: new Map([...read].flatMap((v) => { const c = this.constants.get(v); return c ? [[v, c] as const] : []; })),
      types: new Map([...live].flatMap((v) => { const t = this.types.get(v); return t ? [[v, t] as const] : []; })),
    };
  }

  /** The flow of nodes whose values have their final names. */
  private scope(nodes: readonly Node[], wanted: Iterable<ValueName>): Draft {
    const levels = new Levels();
    for (const n of needed(nodes, wanted)) {
      const list = sizesMadeBy(n);
      if (list) this.sizes.set(n.outputs[0]!, list);
      if (n.op === measureOp) for (const s of symbolsIn(list?.dims ?? [])) this.measures.set(s, n.outputs[0]!);
      const control = ops.get(n.op)?.control?.(this.view(n));
      if (!control) { levels.put(n); continue; }
      const level = 1 + levels.levelOf([...n.inputs, ...capturedBy(n)]);
      if (control.kind === "branch") levels.decide(this.branch(n, control), level, n.outputs);
      else this.loop(n, control, levels, level);
    }
    return levels.flow();
  }
  private branch(n: Node, c: Branching): Item<readonly Node[], ValueName> {
    const side = (g: Graph, what: "ifTrue" | "ifFalse"): Draft => {
      const made = new Set(g.nodes.flatMap((x) => x.outputs)), known = new Map<ValueName, ValueName>(), moves: Move[] = [];
      const fits = (v: ValueName, o: ValueName) => { const t = g.types.get(v); return t !== undefined && same(t, this.typeOf(o)); };
      g.outputs.forEach((v, i) => { const o = n.outputs[i]; if (o && made.has(v) && !known.has(v) && fits(v, o)) known.set(v, o); });
      const { nodes, rename } = this.enter(g, `${n.name}/${what === "ifTrue" ? "then" : "else"}`, known);
      // Outputs that are constants, values of the graph around, or the same value a second time, and those whose size the other branch makes another.
      const copies = g.outputs.flatMap((v, i) => {
        const o = n.outputs[i], from = rename(v);
        if (!o || from === o) return [];
        if (same(this.typeOf(from), this.typeOf(o))) return [this.identity(from, o, n.origin)];
        const copy = made.has(v) ? null : this.identity(from);
        moves.push({ from: copy?.outputs[0] ?? from, to: o });
        return copy ? [copy] : [];
      });
      const wanted = [...n.outputs.filter((o) => o && !moves.some((m) => m.to === o)), ...moves.map((m) => m.from)];
      return [...this.scope([...nodes, ...copies], wanted), ...this.leave(moves, c.sizes.map((s) => ({ symbol: s.symbol, value: s[what] })), g.equalities, n.origin)];
    };
    return { kind: "branch", condition: c.condition, ifTrue: side(c.ifTrue, "ifTrue"), ifFalse: side(c.ifFalse, "ifFalse"), origin: n.origin };
  }
  /** The nodes of a sub-graph under names that are unique; `known` are those of some. */
  private enter(g: Graph, prefix: string, known: ReadonlyMap<ValueName, ValueName>): { readonly nodes: readonly Node[]; readonly rename: (v: ValueName) => ValueName } {
    const names = new Map(known), own = [...g.inputs, ...g.constants.keys(), ...g.nodes.flatMap((x) => x.outputs)];
    for (const v of own) if (v && !names.has(v)) names.set(v, this.unused(`${prefix}/${v}`));
    for (const [v, c] of g.constants) this.constants.set(names.get(v)!, c);
    for (const v of own) { const t = g.types.get(v); if (t && !this.types.has(names.get(v)!)) this.types.set(names.get(v)!, t); }
    const rename = (v: ValueName) => names.get(v) ?? v;
    return { rename, nodes: g.nodes.map((x) => ({ ...renameInputs(x, rename), outputs: x.outputs.map(rename), name: this.unused(`${prefix}/${x.name}`) })) };
  }

  private loop(n: Node, l: Looping, levels: Levels, level: number): void {
    const name = this.unused(n.name), before = (node: Node): ValueName => { levels.put(node, level - 1); return node.outputs[0]!; };
    const carries: Move[] = [], known = new Map<ValueName, ValueName>(), ahead: Node[] = [], inside: Node[] = [], after: Node[] = [];
    const add = (node: Node): ValueName => { inside.push(node); return node.outputs[0]!; };
    const used = new Set<ValueName>(), places: ValueName[] = [], begins: Move[] = [];
    /** A value that begins with `first` and lives through all turns. */
    const place = (first: ValueName, type: ValueType, wish = ""): ValueName => {
      const v = wish || this.unused(`${n.name}/carried`);
      this.types.set(v, type);
      if (same(this.typeOf(first), type)) return before(this.identity(first, v, n.origin));
      // What changes its size in the loop has a place for all that it becomes.
      begins.push({ from: this.constants.has(first) ? before(this.identity(first)) : first, to: v });
      return v;
    };
    const asks = l.limit !== undefined || l.condition !== undefined, counts = l.limit !== undefined || l.given.some((x) => x.is === "turn");
    const turn = counts ? place(this.scalar("i64", 0), { dtype: "i64", shape: [] }) : "";
    l.given.forEach((x, i) => {
      const v = l.body.inputs[i]!;
      switch (x.is) {
        case "turn": {
          if (this.rankOf(l.body, v) > 0) ahead.push(this.reshape(turn, [1]));
          known.set(v, ahead[0]?.outputs[0] ?? turn);
          break;
        }
        case "condition": known.set(v, this.give(constantOf("bool", this.rankOf(l.body, v) ? [1] : [], Uint8Array.of(1)))); break;
        case "carried": known.set(v, place(x.first, l.body.types.get(v)!, n.outputs[places.length])); places.push(known.get(v)!); break;
        case "slice": {
          const { shape, dtype } = this.typeOf(x.of), order = [x.axis, ...shape.keys()].filter((d, k) => k === 0 || d !== x.axis);
          const of = x.axis !== 0 ? before(this.node("Transpose", [x.of], { dtype, shape: order.map((d) => shape[d]!) }, { perm: order })) : this.constants.has(x.of) ? before(this.identity(x.of)) : x.of;
          const turned = x.reverse && typeof shape[x.axis] !== "number";
          known.set(v, this.unused(`${n.name}/${v}`));
          this.slices.set(known.get(v)!, { of: turned ? before(this.turned(of)) : of, loop: name, reverse: x.reverse && !turned });
          break;
        }
        default: x satisfies never;
      }
    });
    const { nodes, rename } = this.enter(l.body, n.name, known);
    /** What the turn leaves in a place of its own: where the body does not make it, or it is left twice, a copy. */
    const left = (v: ValueName): ValueName => {
      const own = [...nodes, ...inside].some((x) => x.outputs.includes(v)) && !used.has(v);
      used.add(v);
      return own ? v : add(this.identity(v));
    };
    let next = 0, stack = places.length, goes: ValueName = "";
    l.left.forEach((x, i) => {
      const v = l.body.outputs[i]!;
      if (x.is === "condition") { goes = rename(v); return; }
      if (x.is === "carried") { carries.push({ from: left(rename(v)), to: places[next++]! }); return; }
      const o = n.outputs[stack++];
      if (!o) return;
      const { dtype, shape } = this.typeOf(o), order = [x.axis, ...shape.keys()].filter((d, k) => k === 0 || d !== x.axis), turned = x.reverse && typeof shape[x.axis] !== "number";
      const type = { dtype, shape: order.map((d) => shape[d]!) }, inOrder = x.axis === 0 ? o : this.unused(`${o}.slices`), of = turned ? this.unused(`${o}.turned`) : inOrder;
      this.types.set(of, type);
      if (turned) after.push(this.turned(of, inOrder));
      if (inOrder !== o) after.push(this.node("Transpose", [inOrder], { dtype, shape }, { perm: shape.map((_, d) => order.indexOf(d)) }, o));
      // Where there is room for more turns than are taken, what is behind the last one is 0.
      if (l.room !== undefined) before(this.node("Expand", [this.scalar(dtype, 0), this.give(int64s(boundOf(type).shape))], type, {}, of));
      this.slices.set(left(rename(v)), { of, loop: name, reverse: x.reverse && !turned });
    });
    if (counts) carries.push({ from: add(this.node("Add", [turn, this.scalar("i64", 1)], { dtype: "i64", shape: [] })), to: turn });
    let condition: ValueName | undefined;
    if (asks) {
      const bool = { dtype: "bool", shape: [] } as const, plain = (v: ValueName, put: (node: Node) => ValueName) => (this.typeOf(v).shape.length ? put(this.reshape(v, [])) : v);
      const limit = l.limit === undefined ? "" : plain(l.limit, before), counted = carries.at(-1)?.from ?? "";
      const both = (count: ValueName, goesOn: ValueName, put: (node: Node) => ValueName): ValueName => {
        const less = limit && put(this.node("Less", [count, this.cast(limit, put)], bool)), goes = goesOn && plain(goesOn, put);
        return less && goes ? put(this.node("And", [less, goes], bool)) : less || goes;
      };
      condition = place(both(this.scalar("i64", 0), l.condition ?? "", before), bool);
      carries.push({ from: left(both(counted, l.condition === undefined ? "" : goes, add)), to: condition });
    }
    const inner = this.scope([...ahead, ...nodes, ...inside], [...carries.map((c) => c.from), ...[...this.slices].flatMap(([v, s]) => (s.loop === name ? [v] : []))]);
    const body = [...inner, ...this.leave(carries, l.sizes.map((s) => ({ symbol: s.symbol, value: s.next })), l.body.equalities, n.origin)];
    for (const item of this.leave(begins, l.sizes.map((s) => ({ symbol: s.symbol, value: s.first })), [], n.origin)) levels.decide(item, level, []);
    const item = { kind: "loop", name, ...(l.most === undefined ? {} : { most: l.most }), ...(condition === undefined ? {} : { condition }), body, origin: n.origin } as const;
    levels.decide(item, level, [...n.outputs, ...places, ...[...this.slices.values()].flatMap((s) => (s.loop === name ? [s.of] : []))]);
    for (const node of after) levels.put(node, level);
  }

  private view(n: Node): NodeView {
    const type = (v: ValueName) => (v ? this.types.get(v) ?? this.constants.get(v) : undefined);
    return new NodeView(n, ops.get(n.op)!, n.inputs.map(type), n.outputs.map(type) as readonly ValueType[], (v) => this.constants.get(v) ?? this.sizes.get(v));
  }
  private typeOf(v: ValueName): ValueType {
    const t = this.types.get(v) ?? this.constants.get(v);
    if (!t) throw new Error(`${v} has no type`);
    return { dtype: t.dtype, shape: t.shape };
  }
  private rankOf(g: Graph, v: ValueName): number { return g.types.get(v)?.shape.length ?? 0; }
  private unused(wanted: string): string { return unusedIn(this.names, wanted); }
  private node(op: string, inputs: readonly ValueName[], type: ValueType, attributes: Readonly<Record<string, Attribute>> = {}, output = this.unused(`${inputs[0]}.${op.toLowerCase()}`), origin: readonly string[] = []): Node {
    this.types.set(output, type);
    return { name: this.unused(`${output}.${op.toLowerCase()}`), op, inputs, outputs: [output], attributes, origin };
  }
  private identity(v: ValueName, output?: ValueName, origin: readonly string[] = []): Node { return this.node("Identity", [v], this.typeOf(v), {}, output ?? this.unused(`${v}.copy`), origin); }
  /** The last element along the first axis first. */
  private turned(v: ValueName, output?: ValueName): Node {
    const [end, far, axis] = [-1, Number.MIN_SAFE_INTEGER, 0].map((x) => this.give(int64s([x]))) as [ValueName, ValueName, ValueName];
    return this.node("Slice", [v, end, far, axis, end], this.typeOf(v), {}, output);
  }
  private reshape(v: ValueName, shape: readonly number[]): Node { return this.node("Reshape", [v, this.give(int64s(shape))], { dtype: this.typeOf(v).dtype, shape }); }
  private cast(v: ValueName, put: (node: Node) => ValueName): ValueName { return this.typeOf(v).dtype === "i64" ? v : put(this.node("Cast", [v], { dtype: "i64", shape: [] }, { to: 7 })); }
  private scalar(dtype: DType, x: number): ValueName { return this.give(constantOf(dtype, [], arrayOf(dtype, [x]))); }
  private give(c: Constant): ValueName {
    const name = this.unused("constant");
    this.constants.set(name, c);
    this.types.set(name, { dtype: c.dtype, shape: c.shape });
    return name;
  }
}
