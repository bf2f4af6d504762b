/**
 * Graph -> Network: every node becomes the Compute that its operator's entry gives.
 * A tensor is called as its value, behind a % that keeps it apart from the names of stages.
 * Shapes are of the largest sizes; how much of them a run has stands beside them. Needs: all types bounded, every operator in the registry with a `lower` (expand-operators has run). Ensures: one Compute
 * per node in the graph's order, row-major tensors, nothing fused. Stands between the passes that know operators and
 * those that only see maps and reductions.
 */
import { boundOf, isStatic, measureOp, producers, sizesMadeBy, type Graph, type TensorType, type ValueType } from "../../ir/graph.ts";
import { extentOf, neutral, rowMajor, type Compute, type Stage } from "../../ir/compute.ts";
import { derivedName, expressionsOfStage, type NetTensor, type Network, type SymbolSource } from "../../ir/network.ts";
import { copy } from "./choose-layouts.ts";
import { arrayOf, type ElementArray } from "../../ir/types.ts";
import { children, constant, fail, load, type Expr, type Var } from "../../ir/scalar.ts";
import type { SymbolFrom } from "../../ir/symbols.ts";
import { loadsIn, rebuild, substitute } from "../../ir/algebra.ts";
import { lowerNode } from "../../ops/lowering.ts";
import { NodeView, runSizes, type Op } from "../../ops/op.ts";

/** The tensor that holds a value; "" for one that is not given. */
export const tensorOf = (value: string): string => (value ? `%${value}` : "");
/** The value that a tensor holds, as the model calls it; null for one that a pass has made for itself. */
export const valueOfTensor = (tensor: string): string | null => (tensor.startsWith("%") ? tensor.slice(1) : null);

/** The network that the graph says. Throws where a type is open or a node has no lowering. */
export function lowerGraph(g: Graph, ops: ReadonlyMap<string, Op>): Network {
  const tensors = new Map<string, NetTensor>(), computes: Compute[] = [];
  const typeOf = (v: string): ValueType => g.constants.get(v) ?? g.types.get(v) ?? fail(`${v} has no type`), made = producers(g);
  const put = (name: string, kind: NetTensor["kind"], t: ValueType, data?: ElementArray) => {
    const { dtype, shape } = boundOf(t);
    tensors.set(name, { name, kind, dtype, shape, layout: rowMajor(shape.length), ...(data ? { data } : {}), ...runSizes(t) });
  };
  for (const v of g.inputs) put(tensorOf(v), "input", typeOf(v));
  const results = new Map<string, string>(), again: { readonly value: string; readonly tensor: string }[] = [];
  const outputs = g.outputs.map((v, i) => {
    // What no node makes, or what is wanted twice, needs a copy of its own.
    const plain = !g.inputs.includes(v) && !g.constants.has(v) && !results.has(v), tensor = plain ? tensorOf(v) : derivedName(`output${i}`, tensorOf(v));
    if (plain) results.set(v, tensor); else again.push({ value: v, tensor });
    put(tensor, "output", typeOf(v));
    return tensor;
  });
  const constantOf = (t: string) => {
    const value = g.constants.get(valueOfTensor(t) ?? "");
    if (value && !tensors.has(t)) put(t, "constant", value, value.data);
  };
  for (const n of g.nodes) {
    const op = ops.get(n.op) ?? fail(`no operator ${n.op}`);
    const node = { ...n, inputs: n.inputs.map(tensorOf), outputs: n.outputs.map(tensorOf) };
    const view = (types: readonly ValueType[]) =>
      new NodeView(node, op, n.inputs.map((v) => (v ? typeOf(v) : undefined)), types,
        (t) => g.constants.get(valueOfTensor(t) ?? "") ?? sizesMadeBy(made.get(valueOfTensor(t) ?? "")),
        (i) => { const t = n.outputs[i] ? typeOf(n.outputs[i]) : undefined; return t && isStatic(t) ? t : undefined; });
    // An output that nobody wants has no type in the graph.
    const inferred = n.outputs.includes("") ? op.infer(view([])) : [];
    const outputTypes = n.outputs.map((o, i) => (o ? typeOf(o) : inferred[i] ?? fail(`${n.name} has no output ${i}`)));
    const lowered = lowerNode(view(outputTypes));
    const c = withOwnTables(wanted(emptied(lowered)), n.name, put);
    for (const t of c.tensors) constantOf(t.name);
    for (const o of c.outputs) if (!tensors.has(o.tensor)) put(o.tensor, "temporary", typeOf(valueOfTensor(o.tensor)!));
    computes.push(c);
  }
  for (const { value, tensor } of again) {
    constantOf(tensorOf(value));
    computes.push(copy(tensors.get(tensorOf(value))!, tensors.get(tensor)!));
  }
  const symbols = symbolsOf(g);
  return { name: g.name, inputs: g.inputs.map(tensorOf), outputs, outputNames: g.outputs, tensors, computes: read(computes, tensors, symbols), ...(symbols.length ? { symbols } : {}), ...(g.equalities ? { equalities: g.equalities } : {}) };
}
/** Without what no Compute reads, though nodes do: lists of sizes, which operators know as they are lowered. */
function read(computes: readonly Compute[], tensors: Map<string, NetTensor>, symbols: readonly SymbolFrom<SymbolSource>[]): readonly Compute[] {
  const used = new Set(symbols.flatMap(({ from }) => ("tensor" in from ? [from.tensor] : [])));
  return computes.toReversed().filter((c) => {
    const wanted = c.outputs.some((o) => used.has(o.tensor) || tensors.get(o.tensor)!.kind === "output");
    for (const t of wanted ? c.tensors : []) used.add(t.name);
    if (!wanted) for (const o of c.outputs) tensors.delete(o.tensor);
    return wanted;
  }).reverse();
}
/** Each symbol, and the first dimension of an input that it is, or what measures it; of a piece of a model, others come from around it. */
function symbolsOf(g: Graph): NonNullable<Network["symbols"]> {
  const found = new Map<Expr, SymbolFrom<SymbolSource>>();
  for (const v of g.inputs) {
    (g.types.get(v)?.shape ?? []).forEach((d, dim) => {
      if (typeof d === "object" && d.kind === "var" && !found.has(d)) found.set(d, { variable: d, from: { input: tensorOf(v), dim } });
    });
  }
  for (const n of g.nodes) {
    const [d] = n.op === measureOp ? sizesMadeBy(n)!.dims : [];
    if (typeof d === "object" && d.kind === "var") found.set(d, { variable: d, from: { tensor: tensorOf(n.outputs[0]!) } });
  }
  for (const t of g.types.values()) for (const d of t.shape) if (typeof d === "object") for (const v of varsIn(d)) if (!found.has(v)) found.set(v, { variable: v, from: { flow: true } });
  return [...found.values()];
}
const varsIn = (e: Expr): readonly Var[] => (e.kind === "var" ? [e] : children(e).flatMap(varsIn));
/** What is reduced over nothing is what the reduction starts from. */
function emptied(c: Compute): Compute {
  const isEmpty = (s: Stage) => s.reduce?.axes.some((a) => extentOf(a) === 0);
  if (!c.stages.some(isEmpty)) return c;
  const stages = c.stages.map((s): Stage => {
    if (!isEmpty(s)) return s;
    const { dtype } = s.value, none = constant(dtype, s.reduce!.op === "add" ? 0 : neutral(s.reduce!.op, dtype));
    return { name: s.name, axes: s.axes, value: s.finish ? substitute(s.finish, new Map([["acc", none]])) : none };
  });
  const read = new Set(loadsIn(stages.flatMap(expressionsOfStage)).map((l) => l.buffer));
  return { ...c, stages, tensors: c.tensors.filter((t) => read.has(t.name)) };
}
/** Without outputs that nobody wants, and stages and tensors that only they need. */
function wanted(c: Compute): Compute {
  const outputs = c.outputs.filter((o) => o.tensor !== ""), needed = new Set(outputs.map((o) => o.stage));
  // Steps of a recurrence need stages that come later.
  for (let before = -1; before < needed.size;) {
    before = needed.size;
    for (const s of [...c.stages].reverse()) if (needed.has(s.name)) for (const l of loadsIn(expressionsOfStage(s))) needed.add(l.buffer);
  }
  const stages = c.stages.filter((s) => needed.has(s.name));
  if (stages.length === c.stages.length && outputs.length === c.outputs.length) return c;
  return { ...c, outputs, stages, tensors: c.tensors.filter((t) => needed.has(t.name)) };
}

/** Constants that an entry makes for itself get names that are unique in the network. */
function withOwnTables(c: Compute, node: string, put: (name: string, kind: "constant", t: TensorType, data: ElementArray) => void): Compute {
  const own = new Map<string, string>();
  const tensors = c.tensors.map((t) => {
    if (t.role !== "weight" || !t.data) return t;
    const name = derivedName(t.name, tensorOf(node));
    own.set(t.name, name);
    put(name, "constant", t, ArrayBuffer.isView(t.data) ? (t.data as ElementArray) : arrayOf(t.dtype, t.data));
    const { data: _, ...rest } = t;
    return { ...rest, name };
  });
  if (own.size === 0) return c;
  const rename = (e: Parameters<typeof rebuild>[0]) => rebuild(e,
    (x) => (x.kind === "load" && own.has(x.buffer) ? load(x.dtype, own.get(x.buffer)!, x.at, x.lanes) : x));
  return { ...c, tensors, stages: c.stages.map((s) => ({ ...s, value: rename(s.value), ...(s.finish ? { finish: rename(s.finish) } : {}) })) };
}
