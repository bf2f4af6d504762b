/**
 * Gives every value its type, node by node, by the operators' entries. Constants are folded on the way, because shapes
 * are often computed by nodes; of sizes known only at run time, what is computed of them becomes lists of sizes. Needs inputs of
 * known or bounded shapes (pin-shapes). Ensures, where it reports no error: all values have types of numbers and of indices over
 * bounded symbols, every node has an entry and fits it, no constant and no type is left over.
 */
import type { Diagnostic } from "../../diagnostics.ts";
import {
  capturedBy, isSizeList, measureOp, sizeProblem, sizesMadeBy, sizesOp,
  type Constant, type Dim, type Graph, type Node, type SizeList, type ValueName, type ValueType,
} from "../../ir/graph.ts";
import { range } from "../../ir/linear.ts";
import type { Equality } from "../../ir/symbols.ts";
import { showDim, showShape } from "../../ops/helpers.ts";
import { ops as registry } from "../../ops/index.ts";
import { lowerNode } from "../../ops/lowering.ts";
import { NodeView, Unsupported, type Op, type Parts } from "../../ops/op.ts";
import { checkForm, plural, withoutForeignGraphs } from "./check-form.ts";
import { unknownOperator } from "./check-operators.ts";
import { inferControl, mapGraphs } from "./infer-control.ts";
import { inlined, takenBranch } from "./inline-branch.ts";
import { lacksParameters, measureParameters } from "./measure-parameters.ts";
import { resolverFor, Unclear } from "./resolver.ts";
import { stackedBranch, stackedLoop } from "./stack-sequences.ts";
import { mostWritten, mustUnroll, unrolled } from "./unroll-loop.ts";
import { valueRange } from "./value-ranges.ts";
import { symbolsIn, ValueTable } from "./value-table.ts";
import type { Composite, Inferred, Walk, Within } from "./walk.ts";

/**
 * The outputs of a node, where it is to be folded: called for every node that could be typed. An entry per output, of
 * which those that nobody wants (named "") may hold anything. Values may be known without known inputs, as in Shape.
 */
export type Fold = (node: Node, view: NodeView) => readonly (Constant | SizeList)[] | null;
/** `ops`: all entries there are, by default. */
export interface InferOptions {
  readonly ops?: ReadonlyMap<string, Op>;
  readonly fold?: Fold;
}

const isResolvedOnly = (op: Op): boolean => op.resolve !== undefined && !op.lower && !op.expand;
const showType = (t: ValueType): string => `${t.dtype}${showShape(t.shape)}`;
const cannotBe = (n: number, d: Dim): boolean => (typeof d === "number" ? d !== n : n < range(d)[0] || n > range(d)[1]);
const contradicts = (stated: ValueType, found: ValueType): boolean =>
  stated.shape.length !== found.shape.length || stated.shape.some((d, i) => typeof d === "number" && cannotBe(d, found.shape[i]!));
/** Goes over the nodes in their order. */
class Inference implements Walk {
  readonly diagnostics: Diagnostic[] = [];
  readonly values: ValueTable;
  readonly ops: ReadonlyMap<string, Op>;
  private readonly fold: Fold | undefined;
  private readonly graph: Graph;
  private readonly outer: Inference | undefined;
  private readonly outputs: Set<ValueName>;
  private readonly equalities = new Map<string, Equality>();
  private readonly contradictions: string[] = [];
  private readonly kept: Node[] = [];
  private readonly makers = new Map<ValueName, Node>();
  measuring: boolean;
  private lacked = 0;
  /** Nodes of bodies written out so far. */
  private written = 0;

  /** `given`, `composites`: as in `Walk.within`. */
  constructor(g: Graph, options: InferOptions, outer?: Inference, given?: ReadonlyMap<ValueName, ValueType | Constant>, composites?: ReadonlyMap<ValueName, Composite>) {
    this.graph = g; this.outputs = new Set(g.outputs); this.ops = options.ops ?? registry; this.fold = options.fold; this.outer = outer; this.measuring = outer?.measuring ?? true;
    this.values = new ValueTable(g, outer?.values, given, composites);
  }
  run(): Inferred {
    for (const v of this.graph.inputs) {
      const type = this.values.types.get(v), problem = type && sizeProblem(type);
      if (problem) { this.diagnostics.push({ severity: "error", code: "too-large", message: `input ${v}: ${problem}` }); this.values.doubtful.add(v); }
    }
    for (const n of this.graph.nodes) this.node(n);
    const outputs = this.spreadOutputs();
    if (this.contradictions.length > 0) {
      const [first, ...rest] = this.contradictions;
      const more = rest.length > 0 ? `, and ${plural(rest.length, "more shape")} that differ likewise` : "";
      this.diagnostics.push({ severity: "warning", code: "stated-shape", message: `the model states ${first}${more}` });
    }
    if (this.equalities.size > 0) {
      const list = [...this.equalities.values()].map(({ sizes, demand }) => demand ?? sizes.map(showDim).join(" = ")), more = list.length > 3 ? ` and ${list.length - 3} more` : "";
      this.diagnostics.push({ severity: "note", code: "equal-sizes", message: `a run is refused unless ${list.slice(0, 3).join(", ")}${more}` });
    }
    return { graph: this.result(outputs), diagnostics: this.diagnostics };
  }
  private error(n: Node, code: string, message: string, hint?: string): void {
    this.diagnostics.push({ severity: "error", code, message, op: n.op, node: n.name, ...(hint ? { hint } : {}) });
  }
  readonly unused = (wanted: string): string => this.values.unused(wanted);
  readonly made = (v: ValueName): Node | undefined => this.makers.get(v) ?? (this.values.isOwn(v) ? undefined : this.outer?.made(v));
  private stay(n: Node): void { this.kept.push(n); for (const v of n.outputs) if (v) this.makers.set(v, n); }

  /** Types a node and keeps it, or what stands for it. */
  node(given: Node): void {
    const { values } = this, op = this.ops.get(given.op), { node: raw, warnings } = withoutForeignGraphs(given, op);
    this.diagnostics.push(...warnings);
    const taken = takenBranch(raw, (v) => values.constantOf(v));
    if (taken) { this.branch(raw, taken); return; }
    const read = [...raw.inputs.filter(Boolean), ...capturedBy(raw)];
    const known = read.every((v) => values.typeOf(v) || values.partsOf(v) !== undefined), doubtful = read.some((v) => values.isDoubtful(v));
    if (known && !doubtful && this.resolved(raw, op, read)) return;
    if (!op) this.diagnostics.push(unknownOperator(raw, this.ops));
    if (op?.control && known) {
      if (!this.fits(raw, op)) this.keep(raw, op, null, doubtful);
      else if (doubtful || !stackedBranch(this, raw, op)) inferControl(this, raw, op, doubtful);
      return;
    }
    const own = op && known ? mapGraphs(raw, (g) => this.accepted(this.within(g))) : raw, n = op && known && !doubtful ? this.measuredIn(own, op) : own;
    if (!n) return;
    const unclear = !op || !known || (doubtful && isResolvedOnly(op)) || (op.parameters ?? []).some((i) => values.isDoubtful(raw.inputs[i] ?? ""));
    this.keep(n, op, unclear || !this.fits(raw, op) ? null : this.infer(n, op), doubtful);
  }
  /** The node with sizes that are measured where it wants numbers that are not known; null where other nodes stand for it then. */
  private measuredIn(n: Node, op: Op): Node | null {
    const view = this.view(n, op);
    if (!lacksParameters(view) || checkForm(n, op).length > 0) return n;
    if (!this.measuring) { this.lack(); return n; }
    const lowered = (maker: Node) => { const its = this.ops.get(maker.op); return its?.lower ? lowerNode(this.view(maker, its, maker.outputs.map((v) => this.values.typeOf(v)!))) : null; };
    // What is made of measured sizes needs no others.
    this.measuring = false;
    try {
      const resolver = resolverFor(n, this), stands = op.measure?.(view, resolver);
      if (!stands) return measureParameters(view, resolver, (v, element) => valueRange(v, element, { made: this.made, known: (x) => this.values.known(x), lowered }));
      n.outputs.forEach((v, i) => { if (v) this.define(v, stands[i]!, n); });
      return null;
    } catch (e) {
      if (e instanceof Unsupported || e instanceof Unclear) return n;
      throw e;
    } finally { this.measuring = true; }
  }
  lacking(): number { return this.outer?.lacking() ?? this.lacked; }
  private lack(): void { if (this.outer) this.outer.lack(); else this.lacked++; }
  keep(n: Node, op: Op | undefined, found: readonly ValueType[] | null, doubtful: boolean): void {
    n.outputs.forEach((v, i) => {
      const type = found?.[i] ?? this.values.statedOf(v);
      if (!v) return;
      if (type) this.values.setType(v, type);
      if (!found || doubtful) this.values.doubtful.add(v);
    });
    if (!found || !op || !this.folded(n, op, found)) this.stay(n);
  }
  private takesTensors(n: Node): boolean {
    const other = n.inputs.find((v) => this.values.partsOf(v) !== undefined);
    if (other === undefined) return true;
    this.error(n, "unsupported-form", `${other} is ${this.values.partsOf(other) ? "a sequence" : "an absent optional value"}; ${n.op} takes tensors`);
    return false;
  }
  /** Whether the node was one of sequences or optional values, and is dealt with. */
  private resolved(n: Node, op: Op | undefined, read: readonly ValueName[]): boolean {
    const loop = mustUnroll(n, read, (v) => this.values.typeOf(v) !== undefined);
    if (!loop && !op?.resolve) return false;
    let parts: readonly Parts[] | undefined;
    try {
      if (!this.fits(n, op!)) throw new Unclear();
      if (loop && stackedLoop(this, n, op!)) return true;
      const resolver = resolverFor(n, this);
      parts = loop ? unrolled(n, resolver) : op!.resolve!(this.view(n, op!), resolver);
    } catch (e) {
      if (e instanceof Unsupported) this.error(n, "unsupported-form", e.message, e.hint);
      else if (!(e instanceof Unclear)) throw e;
      this.keep(n, op, null, true);
      return true;
    }
    n.outputs.forEach((v, i) => { if (v && parts) this.define(v, parts[i]!, n); });
    return parts !== undefined;
  }
  /** In the place of an output that is no tensor: an output for each tensor in it. */
  private spreadOutputs(): readonly ValueName[] {
    return this.graph.outputs.flatMap((v) => {
      const parts = this.values.partsOf(v);
      if (parts === undefined) return [v];
      if (parts === null) this.diagnostics.push({ severity: "note", code: "absent-output", message: `the output ${v} is an optional value that is always absent; it is left out` });
      if (parts && "stack" in parts) {
        this.diagnostics.push({ severity: "note", code: "stacked-output", message: `only a run knows how long the sequence ${v} is; the output is one tensor, its tensors behind each other` });
        this.identity(parts.stack, v, this.unused(v), []);
        return [v];
      }
      return parts?.map((part, i) => {
        const name = this.unused(`${v}_${i}`);
        this.outputs.add(name);
        this.identity(part, name, this.unused(name), []);
        return name;
      }) ?? [];
    });
  }
  give(c: Constant, wanted: string): ValueName {
    const name = this.unused(wanted);
    this.values.setConstant(name, c);
    return name;
  }
  define(v: ValueName, parts: Parts, n: Node): void {
    if (typeof parts !== "string") this.values.composites.set(v, parts);
    else this.identity(parts, v, this.unused(`${n.name}/Identity`), n.origin);
  }
  private identity(from: ValueName, to: ValueName, name: string, origin: Node["origin"]): void {
    this.node({ name, op: "Identity", inputs: [from], outputs: [to], attributes: {}, origin });
  }
  afford(nodes: number): void {
    if (this.outer) { this.outer.afford(nodes); return; }
    if ((this.written += nodes) > mostWritten) throw new Unsupported(`bodies written out turn by turn are more than ${mostWritten} nodes`, "give the loop fewer turns");
  }
  branch(n: Node, taken: Graph, inputs: ReadonlyMap<ValueName, ValueName> = new Map()): void {
    const { nodes, constants, types } = inlined(n, taken, this.unused, inputs);
    for (const [v, c] of constants) this.values.setConstant(v, c);
    for (const [v, t] of types) if (!this.values.stated.has(v)) this.values.stated.set(v, t);
    for (const inner of nodes) this.node(inner);
  }
  view(n: Node, op: Op, outputs: readonly ValueType[] = []): NodeView {
    const { values } = this, inputs = n.inputs.map((v) => (v ? values.typeOf(v) : undefined));
    return new NodeView(n, op, inputs, outputs, (v) => values.known(v), (i) => values.statedOf(n.outputs[i] ?? ""));
  }
  asked<T>(n: Node, what: string, f: () => T): T | null {
    try {
      return f();
    } catch (e) {
      const why = e instanceof Error ? e.message : String(e);
      if (!(e instanceof Unsupported)) throw new Error(`${what} of ${n.op}, node ${n.name}: ${why}`, { cause: e });
      this.error(n, "unsupported-form", e.message, e.hint);
      return null;
    }
  }
  infer(n: Node, op: Op): readonly ValueType[] | null {
    if (!this.takesTensors(n)) return null;
    const view = this.view(n, op), found = this.asked(n, "shape rule", () => {
      const types = op.infer(view);
      if (!op.lower && !op.sizes) view.inputs.forEach((t, i) => { if (t) view.in(i); });
      return types;
    });
    if (!found) return null;
    if (n.outputs.length > found.length) {
      this.error(n, "bad-model", `has ${plural(n.outputs.length, "output")}, but ${n.op} makes ${found.length} here`);
      return null;
    }
    for (const e of view.equalities) { const key = e.sizes.map((size) => size.id).join(); if (!this.equalities.has(key)) this.equalities.set(key, { ...e, node: n.name }); }
    const problems = found.slice(0, n.outputs.length).flatMap((t, i) => { const p = sizeProblem(t); return p ? [`output ${n.outputs[i] || i}: ${p}`] : []; });
    if (problems.length > 0) {
      this.error(n, "too-large", problems.join("; "));
      return null;
    }
    return n.outputs.every((v, i) => this.agrees(n, v, found[i]!)) ? found : null;
  }
  /** Compares with what the model states; false where the element types differ. */
  private agrees(n: Node, v: ValueName, found: ValueType): boolean {
    const stated = this.values.stated.get(v);
    if (!stated) return true;
    if (stated.dtype !== found.dtype) {
      this.error(n, "stated-type", `the model states ${showType(stated)} for output ${v}, but it is ${showType(found)}`);
      return false;
    }
    if (contradicts(stated, found)) {
      this.contradictions.push(`${showType(stated)} for value ${v} of node ${n.name}, which is ${showType(found)}`);
    }
    return true;
  }
  private readonly judged = new WeakMap<Node, boolean>();
  /** Whether the node has the form of its operator; what is wrong is reported when it is first asked. */
  private fits(n: Node, op: Op): boolean {
    const known = this.judged.get(n);
    if (known !== undefined) return known;
    const problems = checkForm(n, op), fits = !problems.some((d) => d.severity === "error");
    this.diagnostics.push(...problems);
    this.judged.set(n, fits);
    return fits;
  }
  within(g: Graph, given?: ReadonlyMap<ValueName, ValueType | Constant>, composites?: ReadonlyMap<ValueName, Composite>): Within {
    const inner = new Inference(g, { ops: this.ops, ...(this.fold ? { fold: this.fold } : {}) }, this, given, composites);
    return { ...inner.run(), values: inner.values };
  }
  accepted({ graph, diagnostics }: Inferred): Graph { this.diagnostics.push(...diagnostics); return graph; }
  measured(symbol: string, v: ValueName): void { this.values.measures.set(symbol, v); }
  private folded(n: Node, op: Op, found: readonly ValueType[]): boolean {
    const list = sizesMadeBy(n);
    if (list) {
      const [v] = n.outputs as [ValueName], measures = n.op === measureOp;
      this.values.sizes.set(v, list);
      if (measures) for (const s of symbolsIn(list.dims)) this.measured(s, v);
      else this.stay({ ...n, inputs: this.values.measuring(list) });
      return !measures;
    }
    const worth = this.fold?.(n, this.view(n, op, found));
    if (!worth) return false;
    // An output of the model stays the output of a node, though what it is worth is known to those behind it.
    const stays = this.outer === undefined && n.outputs.some((v) => this.outputs.has(v));
    n.outputs.forEach((v, i) => {
      const value = worth[i]!;
      if (!v) return;
      if (!isSizeList(value)) { this.values.constants.set(v, value); return; }
      this.values.sizes.set(v, value);
      if (!stays) this.stay({ name: i === 0 ? n.name : this.unused(`${n.name}/sizes`), op: sizesOp, inputs: this.values.measuring(value), outputs: [v], attributes: { value }, origin: n.origin });
    });
    return !stays;
  }
  private result(ends: readonly ValueName[]): Graph {
    const outputs = this.outer ? ends.map((v) => this.own(v)) : ends, read = new Set([...outputs, ...this.kept.flatMap((n) => [...n.inputs, ...capturedBy(n)])]);
    const made = new Set([...this.graph.inputs, ...this.kept.flatMap((n) => n.outputs)]);
    const constants = new Map([...this.values.constants].filter(([v]) => read.has(v) && !made.has(v)));
    const there = new Set([...constants.keys(), ...made]);
    const types = new Map<ValueName, ValueType>([...this.values.stated, ...this.values.types].filter(([v]) => there.has(v)));
    const equalities = [...(this.graph.equalities ?? []), ...this.equalities.values()];
    return { ...this.graph, outputs, nodes: this.kept, constants, types, ...(equalities.length ? { equalities } : {}) };
  }
  /** What a sub-graph has in the place of an output: the same, unless that is known or belongs to a graph around it. */
  private own(v: ValueName): ValueName {
    if (this.kept.some((n) => n.outputs.includes(v))) return v;
    const known = this.values.constantOf(v), isInput = this.graph.inputs.includes(v), type = this.values.typeOf(v);
    if (!type || (isInput ? !known : this.values.constants.has(v))) return v;
    if (known) return this.give(known, `${v}.value`);
    const name = this.unused(`${v}.value`);
    this.values.setType(name, type);
    this.stay({ name: this.unused(`${v}.identity`), op: "Identity", inputs: [v], outputs: [name], attributes: {}, origin: [] });
    return name;
  }
}

/** Infers all types. A node that cannot be typed is one error; what is behind it is judged as far as the model states types. */
export const inferTypes = (g: Graph, options: InferOptions = {}): Inferred => new Inference(g, options).run();
