/**
 * Gives every value its type, node by node, by the operators' entries. Constants are folded on the way, because shapes
 * are often computed by nodes; of sizes known only at run time, what is computed of them becomes lists of sizes. Needs inputs of
 * known or bounded shapes (pin-shapes). Ensures, where it reports no error: all values have types of numbers and of indices over
 * bounded symbols, every node has an entry and fits it, no constant and no type is left over.
 */
import type { Diagnostic } from "../../diagnostics.ts";
import {
  capturedBy, isConstant, isGraph, isSizeList, isStatic, measureOp, namesIn, sizeProblem, sizesMadeBy, sizesOp,
  type Attribute, type Constant, type Dim, type Graph, type Node, type SizeList, type TensorType, type ValueName, type ValueType,
} from "../../ir/graph.ts";
import { range } from "../../ir/linear.ts";
import { parameter, variables } from "../../ir/scalar.ts";
import { symbolNamed, type Equality } from "../../ir/symbols.ts";
import { boundDim, dimOf, showDim, showShape } from "../../ops/helpers.ts";
import { sizesAttribute, type Given, type Looping } from "../../ir/control.ts";
import { ops as registry } from "../../ops/index.ts";
import { NodeView, Unsupported, type AttributeKind, type Op, type Parts } from "../../ops/op.ts";
import { unknownOperator } from "./check-operators.ts";
import { inlined, takenBranch } from "./inline-branch.ts";
import { resolverFor, Unclear, type Around } from "./resolver.ts";
import { chosen, sizesOf, turned } from "./loop-sizes.ts";
import { elementOf, isSequence, ofTensors, stack, unstack } from "./stack-sequences.ts";
import { mayUnroll, mustUnroll, unrolled } from "./unroll-loop.ts";

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
/** `graph` is typed throughout only where no diagnostic is an error. */
export interface Inferred { readonly graph: Graph; readonly diagnostics: readonly Diagnostic[] }

const whole = (x: unknown): boolean => typeof x === "number" && Number.isInteger(x);
const listOf = (test: (x: unknown) => boolean) => (a: Attribute): boolean => Array.isArray(a) && a.every(test);
const isKind: Readonly<Record<AttributeKind, (a: Attribute) => boolean>> = {
  int: whole,
  float: (a) => typeof a === "number",
  string: (a) => typeof a === "string",
  ints: listOf(whole),
  floats: listOf((x) => typeof x === "number"),
  strings: listOf((x) => typeof x === "string"),
  tensor: (a) => typeof a === "object" && isConstant(a),
  sizes: (a) => typeof a === "object" && isSizeList(a),
  graph: (a) => typeof a === "object" && isGraph(a),
};
const isResolvedOnly = (op: Op): boolean => op.resolve !== undefined && !op.lower && !op.expand;
const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
const showType = (t: ValueType): string => `${t.dtype}${showShape(t.shape)}`;
const cannotBe = (n: number, d: Dim): boolean => (typeof d === "number" ? d !== n : n < range(d)[0] || n > range(d)[1]);
const contradicts = (stated: ValueType, found: ValueType): boolean =>
  stated.shape.length !== found.shape.length || stated.shape.some((d, i) => typeof d === "number" && cannotBe(d, found.shape[i]!));
const isBounded = (t: ValueType): boolean => t.shape.every((d) => typeof d === "number" || range(d).every(Number.isFinite));

/** Nodes that all bodies written out may become; and those of a loop that could be one whose sizes change. */
const mostWritten = 1 << 15, fewNodes = 1 << 9;
/** How sizes inside a node's sub-graphs are: as what it is given; others from turn to turn, or by each branch; such, and dependent on the number of the turn. */
type InnerSizes = "fixed" | "changing" | "counted";
function outputTypes(g: Graph): readonly ValueType[] | null {
  const list = g.outputs.flatMap((v) => g.types.get(v) ?? g.constants.get(v) ?? []);
  return list.length === g.outputs.length ? list : null;
}

/** What is known while a graph is walked. */
class Inference implements Around {
  readonly diagnostics: Diagnostic[] = [];
  private readonly ops: ReadonlyMap<string, Op>;
  private readonly fold: Fold | undefined;
  private readonly graph: Graph;
  private readonly outer: Inference | undefined;
  private readonly types = new Map<ValueName, ValueType>();
  private readonly sizes = new Map<ValueName, SizeList>();
  private readonly equalities = new Map<string, Equality>();
  private readonly measures = new Map<string, ValueName>();
  private readonly constants: Map<ValueName, Constant>;
  private readonly statedTypes: Map<ValueName, ValueType>;
  /** What those values consist of that are no tensors. */
  private readonly composed = new Map<ValueName, Exclude<Parts, string>>();
  private readonly outputs: Set<ValueName>;
  /** The graph's outputs, where there is one for each tensor of a sequence. */
  private spread: readonly ValueName[] = [];
  /** All names of values and nodes, in sub-graphs too. */
  private readonly names: Set<string>;
  /** The values of the graph as it was given. */
  private readonly ownValues: ReadonlySet<ValueName>;
  /** Values of, or behind, nodes with an error: their types are at best those that the model states. */
  private readonly doubtful = new Set<ValueName>();
  private readonly contradictions: string[] = [];
  private readonly kept: Node[] = [];
  /** Nodes of bodies written out so far. */
  private written = 0;
  private readonly nextSuffix = new Map<string, number>();

  /** `given`: types of a sub-graph's inputs, and those among them that are known; `sequences`: those that are no tensors. */
  constructor(g: Graph, options: InferOptions, outer?: Inference, given: ReadonlyMap<ValueName, ValueType | Constant> = new Map(), sequences: ReadonlyMap<ValueName, Exclude<Parts, string>> = new Map()) {
    this.graph = g; this.outputs = new Set(g.outputs); this.ops = options.ops ?? registry; this.fold = options.fold; this.outer = outer;
    this.constants = new Map(g.constants);
    this.statedTypes = new Map(g.types);
    this.names = outer?.names ?? new Set(namesIn(g));
    this.ownValues = new Set([...g.inputs, ...g.constants.keys(), ...g.nodes.flatMap((n) => n.outputs)]);
    for (const [v, { dtype, shape }] of g.constants) this.types.set(v, { dtype, shape });
    for (const v of g.inputs) { const t = g.types.get(v); if (t && isBounded(t)) this.types.set(v, t); }
    for (const [v, t] of given) {
      this.types.set(v, { dtype: t.dtype, shape: t.shape });
      if ("data" in t) this.constants.set(v, t);
    }
    for (const [v, parts] of sequences) this.composed.set(v, parts);
  }
  run(): Inferred {
    for (const v of this.graph.inputs) {
      const type = this.types.get(v), problem = type && sizeProblem(type);
      if (problem) { this.diagnostics.push({ severity: "error", code: "too-large", message: `input ${v}: ${problem}` }); this.doubtful.add(v); }
    }
    for (const n of this.graph.nodes) this.node(n);
    this.spreadOutputs();
    if (this.contradictions.length > 0) {
      const [first, ...rest] = this.contradictions;
      const more = rest.length > 0 ? `, and ${plural(rest.length, "more shape")} that differ likewise` : "";
      this.diagnostics.push({ severity: "warning", code: "stated-shape", message: `the model states ${first}${more}` });
    }
    if (this.equalities.size > 0) {
      const list = [...this.equalities.values()].map(({ sizes }) => sizes.map(showDim).join(" = ")), more = list.length > 3 ? ` and ${list.length - 3} more` : "";
      this.diagnostics.push({ severity: "note", code: "equal-sizes", message: `a run is refused unless ${list.slice(0, 3).join(", ")}${more}` });
    }
    return { graph: this.result(), diagnostics: this.diagnostics };
  }
  /** Where a name means a value of the graphs around; a value of this graph may be called like one of those. */
  private around(v: ValueName): typeof this.outer { return this.ownValues.has(v) ? undefined : this.outer; }
  /** The type of a tensor, as far as it is known. */
  typeOf(v: ValueName): ValueType | undefined { return this.types.get(v) ?? this.around(v)?.typeOf(v); }
  constantOf(v: ValueName): Constant | undefined { return this.constants.get(v) ?? this.around(v)?.constantOf(v); }
  /** Undefined for tensors and what is not known. */
  partsOf(v: ValueName): Exclude<Parts, string> | undefined { return this.composed.has(v) ? this.composed.get(v) : this.around(v)?.partsOf(v); }
  known(v: ValueName): Constant | SizeList | undefined { return this.sizes.get(v) ?? this.constants.get(v) ?? this.around(v)?.known(v); }
  private isDoubtful(v: ValueName): boolean { return this.doubtful.has(v) || (this.around(v)?.isDoubtful(v) ?? false); }
  private error(n: Node, code: string, message: string, hint?: string): void {
    this.diagnostics.push({ severity: "error", code, message, op: n.op, node: n.name, ...(hint ? { hint } : {}) });
  }
  private stated(v: ValueName): TensorType | undefined { const t = this.statedTypes.get(v); return t && isStatic(t) ? t : undefined; }
  /** A name that nothing has. */
  unused(wanted: string): string {
    let name = wanted, i = this.nextSuffix.get(wanted) ?? 2;
    for (; this.names.has(name); i++) name = `${wanted}_${i}`;
    this.nextSuffix.set(wanted, i);
    this.names.add(name);
    return name;
  }

  /** Types a node and keeps it, or what stands for it. */
  node(given: Node): void {
    const raw = this.withoutForeignGraphs(given), taken = takenBranch(raw, (v) => this.constantOf(v));
    if (taken) { this.branch(raw, taken); return; }
    const op = this.ops.get(raw.op), read = [...raw.inputs.filter(Boolean), ...capturedBy(raw)];
    const known = read.every((v) => this.typeOf(v) || this.partsOf(v) !== undefined), doubtful = read.some((v) => this.isDoubtful(v));
    if (known && !doubtful && this.resolved(raw, op, read)) return;
    if (!op) this.diagnostics.push(unknownOperator(raw, this.ops));
    if (op?.control && known) {
      if (!doubtful && this.stackedBranch(raw, op)) return;
      if (!this.controlled(raw, op, doubtful)) this.keep(raw, op, null, doubtful);
      return;
    }
    const n = op && known ? this.withGraphs(raw) : raw;
    const unclear = !op || !known || (doubtful && isResolvedOnly(op)) || (op.parameters ?? []).some((i) => this.isDoubtful(raw.inputs[i] ?? ""));
    this.keep(n, op, unclear || !this.fits(n, op) || !this.takesTensors(n) ? null : this.infer(n, op), doubtful);
  }
  private keep(n: Node, op: Op | undefined, found: readonly ValueType[] | null, doubtful: boolean): void {
    this.typed(n, found, doubtful);
    if (!found || !op || !this.folded(n, op, found)) this.kept.push(n);
  }
  /**
   * Types a node with sub-graphs, and keeps it or what stands for it: as it is; its turns written out, where they differ and there are few;
   * with sizes that change on the way; with the number of the turn as a size. Where all fail, says what is wrong with the last.
   */
  private controlled(raw: Node, op: Op, doubtful: boolean): boolean {
    const before = this.diagnostics.length, hasErrors = () => this.diagnostics.slice(before).some((d) => d.severity === "error");
    const attempt = (how: InnerSizes): boolean => {
      const problems = this.diagnostics.splice(before), n = this.withInnerTypes(raw, op, how);
      if (n === raw) { this.diagnostics.push(...problems); return false; }
      const found = n && this.fits(n, op) && this.takesTensors(n) ? this.infer(n, op) : null;
      if (!n || !found || (hasErrors() && !doubtful)) return false;
      this.measuredBy(n, op, found);
      this.keep(n, op, found, doubtful);
      return true;
    };
    const writtenOut = (most: number) => mayUnroll(raw, (v) => this.constantOf(v), most) && this.unrolledInstead(raw, before);
    return attempt("fixed") || (!doubtful && (writtenOut(fewNodes) || attempt("changing") || attempt("counted") || writtenOut(mostWritten)));
  }
  /** Sub-graphs that an operator does not have are no part of what the node means. */
  private withoutForeignGraphs(n: Node): Node {
    const specs = this.ops.get(n.op)?.attributes ?? {}, list = Object.entries(n.attributes);
    const foreign = this.ops.has(n.op) ? list.filter(([name, a]) => isGraph(a) && !Object.hasOwn(specs, name)) : [];
    for (const [name] of foreign) this.ignored(n, name);
    return foreign.length ? { ...n, attributes: Object.fromEntries(list.filter((x) => !foreign.includes(x))) } : n;
  }
  private ignored(n: Node, attribute: string): void {
    const message = `${n.op} has no attribute ${attribute}; it is ignored`;
    this.diagnostics.push({ severity: "warning", code: "unknown-attribute", message, op: n.op, node: n.name });
  }
  private typed(n: Node, found: readonly ValueType[] | null, doubtful: boolean): void {
    n.outputs.forEach((v, i) => {
      const type = found?.[i] ?? this.stated(v);
      if (!v) return;
      if (type) this.types.set(v, { dtype: type.dtype, shape: type.shape });
      if (!found || doubtful) this.doubtful.add(v);
    });
  }
  private takesTensors(n: Node): boolean {
    const other = n.inputs.find((v) => this.partsOf(v) !== undefined);
    if (other === undefined) return true;
    this.error(n, "unsupported-form", `${other} is ${this.partsOf(other) ? "a sequence" : "an absent optional value"}; ${n.op} takes tensors`);
    return false;
  }
  /** Whether the node was one of sequences or optional values, and is dealt with. */
  private resolved(n: Node, op: Op | undefined, read: readonly ValueName[]): boolean {
    const loop = mustUnroll(n, read, (v) => this.typeOf(v) !== undefined);
    if (!loop && !op?.resolve) return false;
    if (loop && op && this.fits(n, op) && this.stackedLoop(n, op)) return true;
    let parts: readonly Parts[] | undefined;
    try {
      if (!loop && !this.fits(n, op!)) throw new Unclear();
      const resolver = resolverFor(n, this);
      parts = loop ? unrolled(n, resolver) : op!.resolve!(this.view(n, op!, []), resolver);
    } catch (e) {
      if (e instanceof Unsupported) this.error(n, "unsupported-form", e.message, e.hint);
      else if (!(e instanceof Unclear)) throw e;
      this.typed(n, null, true);
      this.kept.push(n);
      return true;
    }
    n.outputs.forEach((v, i) => { if (v && parts) this.define(v, parts[i]!, n); });
    return parts !== undefined;
  }
  private trial(g: Graph, given?: ReadonlyMap<ValueName, ValueType | Constant>, sequences?: ReadonlyMap<ValueName, Exclude<Parts, string>>): Inference {
    const inner = new Inference(g, { ops: this.ops, ...(this.fold ? { fold: this.fold } : {}) }, this, given, sequences);
    inner.run();
    return inner;
  }
  private mayBeSequence(g: Graph, v: ValueName): boolean {
    const maker = g.nodes.find((x) => x.outputs.includes(v));
    return maker ? this.ops.get(maker.op)?.resolve !== undefined || Object.values(maker.attributes).some((a) => isGraph(a) && a.outputs.some((o) => this.mayBeSequence(a, o))) : this.partsOf(v) !== undefined;
  }
  /** Whether a branch that gives sequences was made one of tensors. */
  private stackedBranch(n: Node, op: Op): boolean {
    const c = this.fits(n, op) ? this.asked(n, "description", () => op.control?.(this.view(n, op, []))) : null, unused = (wanted: string) => this.unused(wanted);
    if (c?.kind !== "branch" || ![c.ifTrue, c.ifFalse].some((g) => g.outputs.some((v) => this.mayBeSequence(g, v)))) return false;
    const sides = [c.ifTrue, c.ifFalse].map((g) => ({ g, inner: this.trial(g) }));
    const at = n.outputs.flatMap((o, i) => (o && sides.some(({ g, inner }) => g.outputs[i] !== undefined && isSequence(inner.partsOf(g.outputs[i]))) ? [{ i, o }] : []));
    if (at.length === 0) return false;
    const lengths = at.map(({ i }) => sides.map(({ g, inner }) => { const parts = inner.partsOf(g.outputs[i]!); return Array.isArray(parts) ? parts.length : null; }));
    if (lengths.every(([a, b]) => a !== null && a === b)) {
      // As many tensors in both branches: each is an output.
      const names = new Map(at.map(({ i, o }, k) => [i, Array.from({ length: lengths[k]![0]! }, (_, j) => this.unused(`${o}/${j}`))])), spread = { ...n, outputs: n.outputs.flatMap((o, i) => names.get(i) ?? [o]) };
      if (!this.controlled(spread, op, false)) this.keep(spread, op, null, false);
      for (const { i, o } of at) this.composed.set(o, names.get(i)!);
      return true;
    }
    const elements = this.asked(n, "sequences", () => new Map(at.map(({ i, o }) => [i, elementOf(sides.map(({ g, inner }) => [inner.partsOf(g.outputs[i]!), (v) => inner.typeOf(v)]), o)])));
    if (!elements) return false;
    const outputs = n.outputs.map((o, i) => (elements.has(i) ? this.unused(`${o}.stack`) : o)), attributes = Object.fromEntries(Object.entries(n.attributes).map(([name, a]) => [name, isGraph(a) ? ofTensors(a, new Set(), elements, n, unused) : a]));
    for (const node of [{ ...n, outputs, attributes: attributes as Node["attributes"] }, ...at.map(({ i, o }) => unstack(outputs[i]!, o, n, unused))]) this.node(node);
    return true;
  }
  /** Whether a loop over sequences was made one of tensors: where it has no known and small number of turns, and looks at no optional values. */
  private stackedLoop(n: Node, op: Op): boolean {
    const loop = this.asked(n, "description", () => op.control?.(this.view(n, op, []))), unused = (wanted: string) => this.unused(wanted);
    if (loop?.kind !== "loop" || loop.body.inputs.length !== loop.given.length || loop.body.outputs.length !== loop.left.length) return false;
    const carried = loop.given.flatMap((x, i) => (x.is === "carried" ? [{ input: i, first: x.first }] : [])), parts = (v: ValueName) => this.partsOf(v);
    const own = carried.filter(({ first }) => parts(first) !== undefined);
    if (own.some(({ first }) => !isSequence(parts(first)))) return false;
    const given = new Map(loop.body.inputs.flatMap((v, i) => this.given(loop.given[i], loop.body.types.get(v)).map((t) => [v, t] as const)));
    const trial = this.trial(loop.body, given, new Map(own.map(({ input, first }) => [loop.body.inputs[input]!, parts(first)!])));
    const goes = trial.constantOf(loop.body.outputs[loop.left.findIndex((x) => x.is === "condition")] ?? "");
    if (mayUnroll(n, (v) => this.constantOf(v), mostWritten) && (loop.condition === undefined || goes?.data[0] === 1)) return false;
    if (loop.most === undefined || boundDim(loop.most) > 2 ** 31 || trial.diagnostics.some((d) => d.severity === "error")) return false;
    if (own.length === 0) { this.controlled(n, op, false) || this.keep(n, op, null, false); return true; }
    const left = loop.left.flatMap((x, i) => (x.is === "carried" ? [i] : [])), elements = new Map<number, SizeList>();
    const found = this.asked(n, "sequences", () => {
      for (const { input, first } of own) {
        const output = left[carried.findIndex((c) => c.input === input)]!;
        elements.set(output, elementOf([[parts(first), (v) => this.typeOf(v)], [trial.partsOf(loop.body.outputs[output]!), (v) => trial.typeOf(v)]], first));
      }
      return true;
    });
    if (!found) { this.typed(n, null, true); this.kept.push(n); return true; }
    const body = ofTensors(loop.body, new Set(own.map((c) => c.input)), elements, n, unused), inputs = [...n.inputs], outputs = [...n.outputs], after: Node[] = [];
    for (const { input, first } of own) {
      const k = carried.findIndex((c) => c.input === input), element = elements.get(left[k]!)!, at = inputs.indexOf(first, inputs.length - carried.length + k);
      inputs[at] = this.unused(`${first}.stack`);
      this.node(stack(first, inputs[at], element, n, unused));
      if (!outputs[k]) continue;
      const o = outputs[k];
      outputs[k] = this.unused(`${o}.stack`);
      after.push(unstack(outputs[k], o, n, unused));
    }
    for (const node of [{ ...n, inputs, outputs, attributes: Object.fromEntries(Object.entries(n.attributes).map(([name, a]) => [name, a === loop.body ? body : a])) as Node["attributes"] }, ...after]) this.node(node);
    return true;
  }
  /** Writes a loop out whose turns cannot have one body; where that does not help, says what was said of it `since`. */
  private unrolledInstead(n: Node, since: number): boolean {
    const problems = this.diagnostics.splice(since), parts = this.unrolled(n);
    if (parts) n.outputs.forEach((v, i) => { if (v) this.define(v, parts[i]!, n); });
    else this.diagnostics.splice(since, Infinity, ...problems);
    return parts !== null;
  }
  private unrolled(n: Node): readonly Parts[] | null {
    try {
      return unrolled(n, resolverFor(n, this));
    } catch (e) {
      if (!(e instanceof Unsupported || e instanceof Unclear)) throw e;
      return null;
    }
  }
  /** In the place of an output that is no tensor: an output for each tensor in it. */
  private spreadOutputs(): void {
    this.spread = this.graph.outputs.flatMap((v) => {
      const parts = this.partsOf(v);
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
  /** A new constant. */
  give(c: Constant, wanted: string): ValueName {
    const name = this.unused(wanted);
    this.constants.set(name, c);
    this.types.set(name, { dtype: c.dtype, shape: c.shape });
    return name;
  }
  /** Lets `parts` be what `v`, a value of node `n`, consists of. */
  define(v: ValueName, parts: Parts, n: Node): void {
    if (typeof parts !== "string") this.composed.set(v, parts);
    else this.identity(parts, v, this.unused(`${n.name}/Identity`), n.origin);
  }
  private identity(from: ValueName, to: ValueName, name: string, origin: Node["origin"]): void {
    this.node({ name, op: "Identity", inputs: [from], outputs: [to], attributes: {}, origin });
  }
  afford(nodes: number): void {
    if (this.outer) { this.outer.afford(nodes); return; }
    if ((this.written += nodes) > mostWritten) throw new Unsupported(`bodies written out turn by turn are more than ${mostWritten} nodes`, "give the loop fewer turns");
  }
  /** Puts the nodes of a sub-graph here, to make the outputs of `n`. `inputs`: which values those of the sub-graph are. */
  branch(n: Node, taken: Graph, inputs: ReadonlyMap<ValueName, ValueName> = new Map()): void {
    const { nodes, constants, types } = inlined(n, taken, (wanted) => this.unused(wanted), inputs);
    for (const [v, c] of constants) { this.constants.set(v, c); this.types.set(v, { dtype: c.dtype, shape: c.shape }); }
    for (const [v, t] of types) if (!this.statedTypes.has(v)) this.statedTypes.set(v, t);
    for (const inner of nodes) this.node(inner);
  }
  private view(n: Node, op: Op, outputs: readonly ValueType[]): NodeView {
    const inputs = n.inputs.map((v) => (v ? this.typeOf(v) : undefined));
    return new NodeView(n, op, inputs, outputs, (v) => this.known(v), (i) => this.stated(n.outputs[i] ?? ""));
  }
  /** What an entry says of a node; null where it objects, which is reported. */
  private asked<T>(n: Node, what: string, f: () => T): T | null {
    try {
      return f();
    } catch (e) {
      const why = e instanceof Error ? e.message : String(e);
      if (!(e instanceof Unsupported)) throw new Error(`${what} of ${n.op}, node ${n.name}: ${why}`, { cause: e });
      this.error(n, "unsupported-form", e.message, e.hint);
      return null;
    }
  }
  private infer(n: Node, op: Op): readonly ValueType[] | null {
    const view = this.view(n, op, []), found = this.asked(n, "shape rule", () => {
      const types = op.infer(view);
      if (!op.lower && !op.sizes) view.inputs.forEach((t, i) => { if (t) view.in(i); });
      return types;
    });
    if (!found) return null;
    if (n.outputs.length > found.length) {
      this.error(n, "bad-model", `has ${plural(n.outputs.length, "output")}, but ${n.op} makes ${found.length} here`);
      return null;
    }
    for (const sizes of view.equalities) { const key = sizes.map((e) => e.id).join(); if (!this.equalities.has(key)) this.equalities.set(key, { sizes, node: n.name }); }
    const problems = found.slice(0, n.outputs.length).flatMap((t, i) => { const p = sizeProblem(t); return p ? [`output ${n.outputs[i] || i}: ${p}`] : []; });
    if (problems.length > 0) {
      this.error(n, "too-large", problems.join("; "));
      return null;
    }
    return n.outputs.every((v, i) => this.agrees(n, v, found[i]!)) ? found : null;
  }
  /** Compares with what the model states; false where the element types differ. */
  private agrees(n: Node, v: ValueName, found: ValueType): boolean {
    const stated = this.statedTypes.get(v);
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
  /** Whether the node has the inputs, outputs and attributes that its operator has. */
  private fits(n: Node, op: Op): boolean {
    const before = this.diagnostics.length, [least, most] = op.inputs, [leastOut, mostOut] = op.outputs ?? [1, 1];
    const bad = (message: string) => this.error(n, "bad-model", message);
    if (n.inputs.length > most) bad(`has ${plural(n.inputs.length, "input")}, but ${n.op} takes at most ${most}`);
    // Of an operator that takes any number of operands, each has to be there; loops are another matter.
    const needed = most === Infinity && !Object.values(op.attributes ?? {}).some((a) => a.kind === "graph") ? Math.max(least, n.inputs.length) : least;
    for (let i = 0; i < needed; i++) if (!n.inputs[i]) bad(`input ${i} of ${n.op} is missing`);
    if (n.outputs.length > mostOut) bad(`has ${plural(n.outputs.length, "output")}, but ${n.op} has at most ${mostOut}`);
    if (n.outputs.length < leastOut) bad(`has ${plural(n.outputs.length, "output")}, but ${n.op} has at least ${leastOut}`);
    const specs = op.attributes ?? {};
    for (const [name, spec] of Object.entries(specs)) {
      const a = n.attributes[name];
      if (a === undefined) { if (spec.default === undefined && !spec.optional) bad(`attribute ${name} of ${n.op} is missing`); }
      else if (!isKind[spec.kind](a)) bad(`attribute ${name} of ${n.op} must be of kind ${spec.kind}`);
    }
    const fine = this.diagnostics.length === before;
    for (const name of Object.keys(n.attributes).filter((a) => !Object.hasOwn(specs, a))) this.ignored(n, name);
    return fine;
  }
  /** The node with types inside its sub-graphs. */
  private withGraphs(n: Node): Node {
    const attributes = Object.entries(n.attributes);
    return attributes.some(([, a]) => isGraph(a)) ? { ...n, attributes: Object.fromEntries(attributes.map(([name, a]) => [name, isGraph(a) ? this.accepted(this.inner(a)) : a])) } : n;
  }
  private inner(g: Graph, given: ReadonlyMap<ValueName, ValueType | Constant> = new Map()): Inferred {
    return new Inference(g, { ops: this.ops, ...(this.fold ? { fold: this.fold } : {}) }, this, given).run();
  }
  private accepted({ graph, diagnostics }: Inferred): Graph { this.diagnostics.push(...diagnostics); return graph; }
  /** The node with types inside its sub-graphs; null where its entry objects; the node itself where sizes as this cannot be. */
  private withInnerTypes(n: Node, op: Op, how: InnerSizes): Node | null {
    const control = this.asked(n, "description", () => op.control!(this.view(n, op, [])));
    if (!control) return null;
    const graphs = (of: (g: Graph) => Graph | null) => Object.entries(n.attributes).map(([name, a]) => [name, isGraph(a) ? of(a) : a] as const);
    if (control.kind === "branch") {
      if (how === "counted") return n;
      const attributes = Object.fromEntries(graphs((g) => this.accepted(this.inner(g)))), made = { ...n, attributes } as Node, types = [control.ifTrue, control.ifFalse].map((g) => outputTypes(graphs((x) => x).flatMap(([name, x]) => (x === g ? [attributes[name] as Graph] : []))[0]!));
      const sizes = how === "changing" && types.every((t) => t !== null) ? chosen(types[0]!, types[1]!, (i, d) => this.unused(`${n.outputs[i] || n.name}.${d}`)) : [];
      return sizes.length ? { ...made, attributes: { ...attributes, [sizesAttribute]: sizesOf(sizes) } } : made;
    }
    const given = (body: Graph, carried?: readonly ValueType[]) => {
      let next = 0;
      return new Map(body.inputs.flatMap((v, i) => { const x = control.given[i], known = x?.is === "carried" ? carried?.[next++] : undefined; return (known ? [known] : this.given(x, body.types.get(v))).map((t) => [v, t] as const); }));
    };
    if (how === "fixed") return { ...n, attributes: Object.fromEntries(graphs((g) => this.accepted(this.inner(g, g === control.body ? given(g) : new Map())))) as Node["attributes"] };
    const body = how === "counted" ? this.countedBody(n, control) : control.body, first = control.given.flatMap((x) => (x.is === "carried" ? [this.typeOf(x.first)!] : []));
    if (!body || body.outputs.length !== control.left.length) return n;
    const found = this.asked(n, "sizes", () => turned({
      first, most: control.most, left: control.left.flatMap((x, i) => (x.is === "carried" ? [i] : [])), infer: (carried) => this.inner(body, given(body, carried)),
      counted: (control.limit !== undefined || control.condition !== undefined) && control.room === undefined && control.left.some((x) => x.is === "slice"),
      name: (value, d) => this.unused(value === null ? `${n.name}.turns` : `${n.outputs[value] || n.name}.${d}`),
    }));
    if (!found) return null;
    this.accepted(found.body);
    return { ...n, attributes: { ...Object.fromEntries(graphs((g) => (g === control.body ? found.body.graph : g))), ...(found.sizes.length ? { [sizesAttribute]: sizesOf(found.sizes) } : {}) } as Node["attributes"] };
  }
  /** The body in which the number of the turn is a size, so that other sizes may depend on it; null where it is not given one, or nothing bounds it. */
  private countedBody(n: Node, { body, given, most }: Looping): Graph | null {
    const i = given.findIndex((x) => x.is === "turn"), v = body.inputs[i];
    if (v === undefined || most === undefined) return null;
    const turn = this.unused(`${n.name}.${v}`), shape = body.types.get(v)?.shape.length === 1 ? [1] : [], symbol = parameter(symbolNamed(this.unused(`${n.name}.turn`)), [0, Math.max(0, boundDim(most) - 1)]);
    const measure: Node = { name: this.unused(`${n.name}.measure`), op: measureOp, inputs: [turn], outputs: [v], attributes: { value: { dtype: "i64", shape, dims: [dimOf(symbol)] } }, origin: n.origin };
    return { ...body, inputs: body.inputs.with(i, turn), nodes: [measure, ...body.nodes], types: new Map([...body.types].map(([name, t]) => [name === v ? turn : name, t])) };
  }
  /** Sizes that the node finds are known from its outputs. */
  private measuredBy(n: Node, op: Op, found: readonly ValueType[]): void {
    const own = new Set(op.control!(this.view(n, op, found)).sizes.map((s) => s.symbol.name));
    n.outputs.forEach((v, i) => { if (v) for (const d of found[i]!.shape) if (typeof d !== "number") for (const s of variables(d)) if (own.has(s)) this.measures.set(s, v); });
  }
  /** The type of an input of a loop's body; a body may take the turn's number and the condition with one dimension. A turn is only taken where the condition holds. */
  private given(x: Given | undefined, stated: ValueType | undefined): readonly (ValueType | Constant)[] {
    const one = stated?.shape.length === 1 ? [1] : [];
    switch (x?.is) {
      case "turn": return [{ dtype: "i64", shape: one }];
      case "condition": return [{ dtype: "bool", shape: one, data: Uint8Array.of(1) }];
      case "carried": { const t = this.typeOf(x.first); return t ? [t] : []; }
      case "slice": { const t = this.typeOf(x.of); return t ? [{ dtype: t.dtype, shape: t.shape.toSpliced(x.axis, 1) }] : []; }
      default: return [];
    }
  }
  private folded(n: Node, op: Op, found: readonly ValueType[]): boolean {
    if (n.op === measureOp) { this.measure(n); return false; }
    if (n.op === sizesOp) {
      const list = sizesMadeBy(n)!;
      this.sizes.set(n.outputs[0]!, list);
      this.kept.push({ ...n, inputs: this.measuring(list) });
      return true;
    }
    const values = this.fold?.(n, this.view(n, op, found));
    if (!values) return false;
    // An output of the model stays the output of a node, though what it is worth is known to those behind it.
    const stays = this.outer === undefined && n.outputs.some((v) => this.outputs.has(v));
    n.outputs.forEach((v, i) => {
      const value = values[i]!;
      if (!v) return;
      if (!isSizeList(value)) { this.constants.set(v, value); return; }
      this.sizes.set(v, value);
      if (!stays) this.kept.push({ name: i === 0 ? n.name : this.unused(`${n.name}/sizes`), op: sizesOp, inputs: this.measuring(value), outputs: [v], attributes: { value }, origin: n.origin });
    });
    return !stays;
  }
  private measure(n: Node): void {
    const list = sizesMadeBy(n)!, [v] = n.outputs as [ValueName];
    this.sizes.set(v, list);
    for (const d of list.dims) if (typeof d !== "number") for (const s of variables(d)) this.measures.set(s, v);
  }
  /** The values that give a list of sizes those of its symbols that inputs' shapes do not. */
  private measuring(list: SizeList): readonly ValueName[] {
    const symbols = new Set(list.dims.flatMap((d) => (typeof d === "number" ? [] : [...variables(d)])));
    return [...symbols].flatMap((s) => this.measureOf(s) ?? []);
  }
  private measureOf(symbol: string): ValueName | undefined { return this.measures.get(symbol) ?? this.outer?.measureOf(symbol); }
  private result(): Graph {
    const outputs = this.outer ? this.spread.map((v) => this.own(v)) : this.spread, read = new Set([...outputs, ...this.kept.flatMap((n) => [...n.inputs, ...capturedBy(n)])]);
    const made = new Set([...this.graph.inputs, ...this.kept.flatMap((n) => n.outputs)]);
    const constants = new Map([...this.constants].filter(([v]) => read.has(v) && !made.has(v)));
    const there = new Set([...constants.keys(), ...made]);
    const types = new Map<ValueName, ValueType>([...this.statedTypes, ...this.types].filter(([v]) => there.has(v)));
    const equalities = [...(this.graph.equalities ?? []), ...this.equalities.values()];
    return { ...this.graph, outputs, nodes: this.kept, constants, types, ...(equalities.length ? { equalities } : {}) };
  }
  /** What a sub-graph has in the place of an output: the same, unless that is known or belongs to a graph around it. */
  private own(v: ValueName): ValueName {
    if (this.kept.some((n) => n.outputs.includes(v))) return v;
    const known = this.constantOf(v), isInput = this.graph.inputs.includes(v), type = this.typeOf(v);
    if (!type || (isInput ? !known : this.constants.has(v))) return v;
    if (known) return this.give(known, `${v}.value`);
    const name = this.unused(`${v}.value`);
    this.types.set(name, type);
    this.kept.push({ name: this.unused(`${v}.identity`), op: "Identity", inputs: [v], outputs: [name], attributes: {}, origin: [] });
    return name;
  }
}

/** Infers all types. A node that cannot be typed is one error; what is behind it is judged as far as the model states types. */
export const inferTypes = (g: Graph, options: InferOptions = {}): Inferred => new Inference(g, options).run();
