/** GraphProto -> Graph: constants, functions inlined, every node in the newest form of its operator. */
import type { Diagnostic } from "../../diagnostics.ts";
import type { Attribute, ComposedType, Constant, Graph, ValueName } from "../../ir/graph.ts";
import type { DType } from "../../ir/types.ts";
import { ops } from "../../ops/index.ts";
import { attributeOf } from "./attributes.ts";
import { Builder, Names } from "./builder.ts";
import { checkValues } from "./check.ts";
import { constantNode } from "./constants.ts";
import { argumentsOf, calledBy, domainOf, resolved, type Functions } from "./functions.ts";
import { normalize, type Rewriter } from "./normalize.ts";
import { diagnosticOf, fewOf, Problem, UnsupportedType } from "./problem.ts";
import { attributeTypes, type AttributeProto, type FunctionProto, type GraphProto, type NodeProto, type ValueInfo } from "./proto.ts";
import { mostDense, sparseConstant, tensorConstant, type Access } from "./tensor.ts";
import { composedType, isRanked, statedType, type StatedType } from "./value-types.ts";

/** Versions of operator sets by domain; "" is ONNX's own. */
export type Opsets = ReadonlyMap<string, number>;
/** The most nodes that calls of functions may become: functions that call others twice grow without bound. */
const mostInlined = 100_000;
/** What the names, versions and attribute references of a list of nodes mean. */
interface Scope {
  readonly into: Builder;
  readonly opsets: Opsets;
  readonly rename: (value: ValueName) => ValueName;
  readonly attributes: ReadonlyMap<string, AttributeProto>;
  /** Before the names of nodes. */
  readonly prefix: string;
  /** The node of the model that these nodes stand for, where they come from the body of a function. */
  readonly origin?: string;
  readonly inside: readonly FunctionProto[];
}

/** Reads the graphs of one model and collects what is wrong with them. */
export class GraphReader {
  readonly diagnostics: Diagnostic[] = [];
  /** Inputs of the model whose rank is not stated, by element type. */
  readonly unranked = new Map<ValueName, DType>();
  /** Inputs of the model that are sequences or optional values. */
  readonly composed = new Map<ValueName, ComposedType>();
  private readonly badTypes = new Map<string, string[]>();
  /** Values that could not be read: what is wrong with them has been said. */
  private readonly broken = new Set<ValueName>();
  private readonly functions: Functions;
  /** Nodes from the bodies of functions so far. */
  private inlined = 0;
  private readonly access: Access;

  constructor(functions: Functions, access: Access = {}) { this.functions = functions; this.access = { ...access, spare: { bytes: mostDense } }; }

  /** The main graph of a model. */
  main(g: GraphProto, opsets: Opsets): Graph {
    const into = new Builder(new Names(namesIn(g)));
    for (const v of inputsOf(g)) this.input(v);
    const graph = this.graph(g, { into, opsets, rename: (v) => v, attributes: new Map(), prefix: "", inside: [] });
    for (const [type, names] of this.badTypes) {
      const where = names.length === 1 ? names[0] : `${names.length} values: ${fewOf(names)}`;
      this.diagnostics.push({ severity: "error", code: "unsupported-type", message: `element type ${type} is not supported (${where})` });
    }
    this.diagnostics.push(...checkValues(graph, this.broken));
    return graph;
  }
  /** Runs `f`; where it fails, says so and marks the values that are then missing. */
  private attempt<T>(values: readonly ValueName[], about: { node?: string; op?: string }, f: () => T): T | undefined {
    try {
      return f();
    } catch (e) {
      if (e instanceof UnsupportedType) this.badTypes.set(e.type, [...(this.badTypes.get(e.type) ?? []), about.node ?? values[0] ?? ""]);
      else if (e instanceof Problem) this.diagnostics.push(diagnosticOf(e, about));
      else throw e;
      for (const v of values) this.broken.add(v);
      return undefined;
    }
  }
  /** What must be known of an input of the model. */
  private input(v: ValueInfo): void {
    const name = v.name ?? "";
    this.attempt([name], {}, () => {
      const composed = composedType(v);
      if (composed) { this.composed.set(name, composed); return; }
      const type = statedType(v);
      if (!type) throw new Problem("bad-model", `input ${name} has no type`);
      if (!isRanked(type)) this.unranked.set(name, type.dtype);
    });
  }
  /** Every value is made once: throws where another one has the name already. */
  private claim(into: Builder, name: ValueName, what: string): void {
    if (!into.claim(name)) throw new Problem("bad-model", `${what}: ${name} is already the name of another value`);
  }
  private graph(g: GraphProto, s: Scope): Graph {
    const { into, rename } = s;
    const inputs = inputsOf(g), take = (name: ValueName, what: string, read: () => Constant) => {
      const c = this.attempt([name], {}, () => { this.claim(into, name, what); return read(); });
      if (c) into.constants.set(name, c);
    };
    for (const v of inputs) this.attempt([], {}, () => this.claim(into, rename(v.name ?? ""), `input ${v.name}`));
    for (const t of g.initializer ?? []) take(rename(t.name ?? ""), `initializer ${t.name}`, () => tensorConstant(t, `initializer ${t.name}`, this.access));
    for (const t of g.sparseInitializer ?? []) {
      const name = rename(t.values?.name ?? "");
      take(name, `initializer ${name}`, () => sparseConstant(t, `initializer ${name}`, this.access));
    }
    stateTypes([...inputs, ...(g.output ?? []), ...(g.valueInfo ?? [])], s);
    for (const n of g.node ?? []) this.node(n, s);
    return into.finish(g.name ?? "", inputs.map((v) => rename(v.name ?? "")), (g.output ?? []).map((v) => rename(v.name ?? "")));
  }
  private node(n: NodeProto, s: Scope): void {
    const { into } = s, domain = domainOf(n.domain), type = n.opType ?? "", op = domain ? `${domain}.${type}` : type;
    const inputs = (n.input ?? []).map(s.rename), outputs = (n.output ?? []).map(s.rename), list = resolved(n.attribute ?? [], s.attributes);
    if (s.inside.length > 0 && ++this.inlined > mostInlined) {
      const tooMany = new Problem("too-large", `functions of the model become more than ${mostInlined} nodes`);
      this.attempt(outputs, {}, () => { if (this.inlined === mostInlined + 1) throw tooMany; });
      for (const v of outputs) this.broken.add(v);
      return;
    }
    if (op === "Constant") {
      const [output = ""] = outputs, name = n.name || output;
      const c = this.attempt(outputs, { op, node: name }, () => { this.claim(into, output, `node ${name}`); return constantNode(list, name, this.access); });
      if (c) into.constants.set(output, c);
      return;
    }
    const name = into.nodeName(n.name ? s.prefix + n.name : "", op, outputs), origin = s.origin ?? name, f = calledBy(n, this.functions);
    if (f) this.call(f, name, inputs, outputs, { ...s, origin, attributes: argumentsOf(f, list) });
    else this.attempt(outputs, { op, node: name }, () => {
      for (const o of outputs) if (o) this.claim(into, o, `node ${name}`);
      if (ops.get(op)?.internal) throw new Problem("unsupported-op", "this operator is not supported: it is one that mlc puts in the place of others", "give the model as it was before mlc");
      const draft = { op, inputs, outputs, attributes: this.attributes(list, name, s) };
      into.push(domain ? draft : normalize(draft, s.opsets.get("") ?? 1, rewriter(into, name, origin)), name, [origin]);
    });
  }
  private attributes(list: readonly AttributeProto[], node: string, s: Scope): Record<string, Attribute> {
    const { into } = s, graph = (g: GraphProto) => this.graph(g, { ...s, into: new Builder(into.values, into) });
    // A type attribute belongs to operators on sequences and optional values, which are reported as such.
    const values = list.filter((a) => !typeKinds.has(a.type ?? 0));
    return Object.fromEntries(values.map((a) => [a.name ?? "", attributeOf(a, node, graph, this.access)]));
  }
  /** Puts the body of a function in the place of node `node`. */
  private call(f: FunctionProto, node: string, inputs: readonly ValueName[], outputs: readonly ValueName[], s: Scope): void {
    const { into } = s;
    if (s.inside.includes(f)) {
      const itself = new Problem("bad-model", `function ${f.name} calls itself, at node ${node}`);
      this.attempt(outputs, { node, op: f.name ?? "" }, () => { throw itself; });
      return;
    }
    const names = new Map<ValueName, ValueName>([["", ""]]), copies: (readonly [from: ValueName, to: ValueName])[] = [];
    (f.input ?? []).forEach((v, i) => names.set(v, inputs[i] ?? ""));
    (f.output ?? []).forEach((v, i) => {
      const known = names.get(v);
      if (known === undefined) names.set(v, outputs[i] || into.values.fresh(`${node}/${v}`));
      else if (outputs[i]) copies.push([known, outputs[i]]);
    });
    const rename = (v: ValueName): ValueName => {
      const known = names.get(v) ?? into.values.fresh(`${node}/${v}`);
      names.set(v, known);
      return known;
    };
    const opsets = new Map([...s.opsets, ...opsetsOf(f.opsetImport ?? [])]);
    const scope: Scope = { ...s, rename, opsets, prefix: `${node}/`, inside: [...s.inside, f] };
    stateTypes(f.valueInfo ?? [], scope);
    for (const inner of f.node ?? []) this.node(inner, scope);
    for (const [from, to] of copies) {
      if (!this.attempt([to], { node }, () => { this.claim(into, to, `node ${node}`); return true; })) continue;
      const name = into.nodeName(`${node}/Identity`, "Identity", [to]);
      into.push({ op: "Identity", inputs: [from], outputs: [to], attributes: {} }, name, [s.origin ?? node]);
    }
  }
}
const typeKinds: ReadonlySet<number> = new Set([attributeTypes.TYPE_PROTO, attributeTypes.TYPE_PROTOS]);

/** Operator set imports as a map. */
export const opsetsOf = (list: readonly { domain?: string | null; version?: unknown }[]): Opsets =>
  new Map(list.map((o) => [domainOf(o.domain), Number(o.version ?? 1)]));

/** The inputs that are no constants: files before IR 4 list the initializers among them. */
function inputsOf(g: GraphProto): readonly ValueInfo[] {
  const weights = new Set([...(g.initializer ?? []), ...(g.sparseInitializer ?? []).map((t) => t.values)].map((t) => t?.name ?? ""));
  return (g.input ?? []).filter((v) => !weights.has(v.name ?? ""));
}
/** Keeps the types that the model states, the first one of each value; those that mlc does not have are found by inference. */
function stateTypes(list: readonly ValueInfo[], s: Scope): void {
  for (const v of list) {
    const name = s.rename(v.name ?? "");
    if (s.into.types.has(name)) continue;
    let type: StatedType | null = null;
    try {
      type = statedType(v);
    } catch (e) {
      if (!(e instanceof Problem || e instanceof UnsupportedType)) throw e;
    }
    if (type && isRanked(type)) s.into.types.set(name, type);
  }
}
function rewriter(into: Builder, name: string, origin: string): Rewriter {
  return {
    constant: (suffix, dtype, shape, values) => into.constant(`${name}.${suffix}`, dtype, shape, values),
    node: (op, inputs, attributes = {}) => {
      const output = into.values.fresh(`${name}.${op}`);
      into.push({ op, inputs, outputs: [output], attributes }, into.nodeName(`${name}.${op}`, op, [output]), [origin]);
      return output;
    },
    name: (suffix) => into.values.fresh(`${name}.${suffix}`),
    constantOf: (v) => into.constantOf(v),
    typeOf: (v) => into.typeOf(v),
  };
}
/** All names of values in a graph and its sub-graphs. */
function namesIn(g: GraphProto): Iterable<ValueName> {
  const sparse = (g.sparseInitializer ?? []).map((t) => t.values ?? {});
  const names = [...(g.input ?? []), ...(g.output ?? []), ...(g.initializer ?? []), ...sparse].map((v) => v.name ?? "");
  for (const n of g.node ?? []) {
    names.push(...(n.input ?? []), ...(n.output ?? []));
    for (const a of n.attribute ?? []) if (a.g) for (const v of namesIn(a.g)) names.push(v);
  }
  return names;
}
