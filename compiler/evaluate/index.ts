/**
 * What a graph means: each node lowered without a schedule and run as JavaScript. Tests, constant folding and
 * `mlc verify` compare with this. Sums and products of f32 are accumulated in double precision and rounded once, at the
 * end, so that the reference is closer to the exact result than any schedule.
 */
import { fail, idOf, load, show, variables, type Expr } from "../ir/scalar.ts";
import { convert, make, rebuild, substitute } from "../ir/algebra.ts";
import { int, range } from "../ir/linear.ts";
import { nameOfSymbol, valueOfSize, type Equality } from "../ir/symbols.ts";
import { accumulator, address, extentOf, physical, rowMajor, type Compute, type Output, type Stage, type Tensor } from "../ir/compute.ts";
import { arrayOf, newArray, type ElementArray } from "../ir/types.ts";
import { capturedBy, isStatic, measureOp, sizeOf, sizesMadeBy, type Constant, type Graph, type Node, type SizeList, type TensorType } from "../ir/graph.ts";
import { NodeView, type Expander, type Op } from "../ops/op.ts";
import { ops } from "../ops/index.ts";
import { showDim } from "../ops/helpers.ts";
import { lowerNode } from "../ops/lowering.ts";
import { lower } from "../lower/lower.ts";
import { compileToJs, type Run } from "../emit/js.ts";
import { evaluateControl } from "./control.ts";
import { evaluationSchedule } from "./schedule.ts";

/** A term of a sum, in double precision as far as it is made of sums and products. */
function widened(e: Expr): Expr {
  if (e.kind === "apply" && (e.op === "add" || e.op === "sub" || e.op === "mul" || e.op === "neg")) return make(e.op, ...e.args.map(widened));
  if (e.kind === "apply" && e.op === "select") return make("select", e.args[0]!, widened(e.args[1]!), widened(e.args[2]!));
  return convert("f64", e);
}
function inDouble(s: Stage): Stage {
  if (s.value.dtype !== "f32" || (s.reduce?.op !== "add" && s.reduce?.op !== "mul")) return s;
  const total = convert("f32", accumulator("f64"));
  return { ...s, value: widened(s.value), finish: s.finish ? substitute(s.finish, new Map([["acc", total]])) : total };
}

const plainRuns = new Map<string, Run>();
const inputName = (i: number) => `in:${i}`, outputName = (i: number) => `out:${i}`;
/** The kernel of a Compute whose tensors lie row-major and are named by their position. Computes that differ in names only share it. */
function runOf(c: Compute): Run {
  const names = new Map(c.tensors.map((t, i) => [t.name, inputName(i)])), seen = new Map<Expr, Expr>();
  const renamed = (e: Expr) => rebuild(e, (x) => (x.kind === "load" ? load(x.dtype, names.get(x.buffer) ?? x.buffer, x.at, x.lanes) : x), seen);
  const stages = c.stages.map((s): Stage => inDouble({ ...s, value: renamed(s.value), ...(s.finish ? { finish: renamed(s.finish) } : {}) }));
  const written = [...new Set(c.outputs.map((o) => o.tensor))];
  const tensors = c.tensors.map((t, i): Tensor => ({ name: inputName(i), dtype: t.dtype, shape: t.shape, layout: rowMajor(t.shape.length), role: "input" }));
  const outputs = c.outputs.map((o): Output => ({ ...o, tensor: outputName(written.indexOf(o.tensor)), layout: rowMajor(o.shape.length) }));
  const axes = (list: readonly { name: string; range: readonly [0, number] }[] = []) => list.map((a) => `${a.name}<${a.range[1]}`).join(",");
  const key = [
    ...tensors.map((t) => `${t.dtype}[${t.shape}]`),
    ...stages.map((s) => `${s.name}(${axes(s.axes)})=${idOf(s.value)} ${s.reduce?.op}(${axes(s.reduce?.axes)}) ${s.finish && idOf(s.finish)}`),
    ...outputs.map((o) => `${o.stage}:${o.tensor}:${o.dtype}[${o.shape}]@${o.index?.map(idOf)}`),
  ].join(";");
  let run = plainRuns.get(key);
  if (!run) {
    const plain: Compute = { ...c, tensors, stages, outputs };
    plainRuns.set(key, (run = compileToJs(lower(plain, evaluationSchedule(plain)))));
  }
  return run;
}

/** What an evaluation may still cost: terms that are added up or made into elements. Counted down as it goes on. */
export interface Budget { work: number }
/** The evaluation would have cost more than its budget. */
export class OverBudget extends Error {}
const workOf = (c: Compute): number => {
  const sizes = (axes: Stage["axes"] = []) => sizeOf(axes.map(extentOf));
  return c.stages.reduce((sum, s) => sum + sizes(s.axes) * sizes(s.reduce?.axes), 0);
};
/** The outputs of a Compute by tensor name, from its inputs by tensor name; all row-major. Tables are known already. Throws OverBudget. */
export function evaluateCompute(c: Compute, inputs: ReadonlyMap<string, ElementArray>, budget?: Budget): Map<string, ElementArray> {
  if (budget) {
    const work = workOf(c);
    if (work > budget.work) throw new OverBudget(`${c.name} costs too much`);
    budget.work -= work;
  }
  const memory: Record<string, ElementArray> = {}, results = new Map<string, ElementArray>();
  c.tensors.forEach((t, i) => {
    const data = t.data ? (Array.isArray(t.data) ? arrayOf(t.dtype, t.data as readonly number[]) : (t.data as ElementArray)) : inputs.get(t.name);
    if (!data) return fail(`${c.name}: no data for ${t.name}`);
    if (data.length !== sizeOf(t.shape)) fail(`${c.name}: ${t.name} has ${data.length} elements, but its shape is [${t.shape}]`);
    memory[inputName(i)] = data;
  });
  for (const o of c.outputs) {
    if (results.has(o.tensor)) continue;
    const data = newArray(o.dtype, physical(o.shape, rowMajor(o.shape.length)).size);
    memory[outputName(results.size)] = data;
    results.set(o.tensor, data);
  }
  const isEmpty = c.outputs.every((o) => sizeOf(o.shape) === 0 || c.stages.find((s) => s.name === o.stage)!.axes.some((a) => extentOf(a) === 0));
  if (!isEmpty) runOf(c)(memory);
  return results;
}

/** The tensor whose elements, in the same order, are the result of a Compute that only names them anew; null if it does more. */
function renamedBy(c: Compute): string | null {
  const [s] = c.stages as [Stage], [o] = c.outputs as [Output];
  if (c.stages.length !== 1 || c.outputs.length !== 1 || s.reduce || s.finish || s.value.kind !== "load") return null;
  const { buffer, at } = s.value, t = c.tensors.find((x) => x.name === buffer);
  if (!t || t.data || t.dtype !== o.dtype || sizeOf(t.shape) !== sizeOf(o.shape)) return null;
  const still = new Map(s.axes.filter((a) => extentOf(a) === 1).map((a) => [a.name, int(0)]));
  const flat = (shape: readonly number[], index: readonly Expr[]) => address(shape, rowMajor(shape.length), index.map((x) => substitute(x, still)));
  return sizeOf(s.axes.map(extentOf)) === sizeOf(o.shape) && flat(t.shape, at) === flat(o.shape, o.index ?? s.axes) ? buffer : null;
}

/** A node by itself, over values that are all known. */
function viewOf(node: Node, op: Op, values: (name: string) => Constant | undefined): NodeView {
  const inputs = node.inputs.map((v) => (v ? values(v) ?? fail(`no value for ${v}`) : undefined));
  const untyped = new NodeView(node, op, inputs, [], values);
  return new NodeView(node, op, inputs, op.infer(untyped), values);
}
const sizesIn = (list: SizeList, sizes: ReadonlyMap<string, number>): Constant => {
  const at = new Map([...sizes].map(([name, n]) => [name, int(n)]));
  const values = list.dims.map((d) => { const e = typeof d === "number" ? int(d) : substitute(d, at); return e.kind === "const" ? e.value : fail(`${show(e)} has no value`); });
  return { dtype: list.dtype, shape: list.shape, data: arrayOf(list.dtype, values) };
};
const opOf = (node: Node): Op => ops.get(node.op) ?? fail(`there is no operator ${node.op}`);

/** Carries out the nodes of an expansion as they are made. */
class Evaluator implements Expander {
  private readonly values: Map<string, Constant>;
  private readonly prefix: string;
  private readonly budget: Budget | undefined;
  private count = 0;
  constructor(prefix: string, values: ReadonlyMap<string, Constant>, budget?: Budget) { this.prefix = prefix; this.values = new Map(values); this.budget = budget; }
  value(name: string): Constant { return this.values.get(name) ?? fail(`${this.prefix}: no value ${name}`); }
  type(name: string): TensorType { return this.value(name); }
  typeOf(name: string): TensorType { return this.value(name); }
  node(op: string, inputs: readonly string[], attributes: Node["attributes"] = {}): string { return this.nodes(op, inputs, 1, attributes)[0]!; }
  nodes(op: string, inputs: readonly string[], outputs: number, attributes: Node["attributes"] = {}): readonly string[] {
    const name = `${this.prefix}/${op}${this.count++}`, names = Array.from({ length: outputs }, (_, i) => `${name}:${i}`);
    const node: Node = { name, op, inputs, outputs: names, attributes, origin: [] };
    const results = evaluateNode(viewOf(node, opOf(node), (v) => this.values.get(v)), inputs.map((v) => this.values.get(v)), this.budget);
    results.forEach((r, i) => this.values.set(names[i]!, r));
    return names;
  }
  constant(...[dtype, shape, elements]: Parameters<Expander["constant"]>): string {
    const name = `${this.prefix}/constant${this.count++}`;
    this.values.set(name, { dtype, shape, data: arrayOf(dtype, elements) });
    return name;
  }
}

/**
 * The outputs of a node from its inputs, which are undefined where an optional one is not given. An output that nobody
 * wants (its name is "") has no elements. The view may lack the types of the outputs. A reshape shares the elements of its input.
 * Throws OverBudget where it would cost more than is left of a budget.
 */
export function evaluateNode(view: NodeView, inputs: readonly (Constant | undefined)[], budget?: Budget): Constant[] {
  const { node, op } = view, given = new Map(node.inputs.flatMap((v, i) => (v && inputs[i] ? [[v, inputs[i]] as const] : [])));
  // A graph says nothing of the types of outputs without a name, but lowerings may ask for them.
  const typed = view.outputs.length && node.outputs.every(Boolean) ? view : viewOf(node, op, (v) => given.get(v));
  const none = (i: number): Constant => ({ dtype: typed.out(i).dtype, shape: [0], data: newArray(typed.out(i).dtype, 0) });
  if (op.lower) {
    const compute = lowerNode(typed), same = renamedBy(compute);
    const results = same ? new Map([[compute.outputs[0]!.tensor, given.get(same)!.data]]) : evaluateCompute(compute, new Map([...given].map(([v, c]) => [v, c.data])), budget);
    return node.outputs.map((name, i) => {
      const data = name ? results.get(name) : undefined;
      if (name && !data) fail(`${node.name}: ${node.op} does not compute output ${i}`);
      return data ? { dtype: typed.out(i).dtype, shape: typed.out(i).shape, data } : none(i);
    });
  }
  const scope = new Evaluator(node.name, given, budget);
  const results = (op.expand ?? fail(`${node.name}: ${node.op} has neither a lowering nor an expansion`))(typed, scope);
  return node.outputs.map((name, i) => (name ? scope.value(results[i] ?? fail(`${node.name}: ${node.op} does not compute output ${i}`)) : none(i)));
}

/** What a run is fed is not what the graph is for: a size or a number out of its bounds, sizes that differ and must not. */
export class RefusedRun extends Error {}
function refuse(why: string): never { throw new RefusedRun(why); }
/** Refuses a run where two sizes are known, and differ, that must not. */
function checkEquality({ sizes: pair, node, demand }: Equality, known: ReadonlyMap<string, number>): void {
  const names = [...new Set(pair.flatMap((e) => [...variables(e)]))];
  if (!names.every((s) => known.has(s))) return;
  const [a, b] = pair.map((e) => valueOfSize(e, known));
  if (a !== b) refuse(demand ? `it must be that ${demand}` : `sizes ${pair.map(showDim).join(" and ")} of node ${node} must be equal, but are ${a} and ${b} for ${names.map((s) => `${nameOfSymbol(s)}=${known.get(s)}`).join(", ")}`);
}
/** The sizes that a graph's symbols have by what it is fed, and those of the graphs around it. Refuses the run where they are out of bounds or contradict each other. */
export function sizesOfFeeds(g: Graph, feeds: ReadonlyMap<string, TensorType>, outer: ReadonlyMap<string, number> = new Map()): Map<string, number> {
  const sizes = new Map(outer);
  for (const v of g.inputs) {
    const found = feeds.get(v)?.shape;
    g.types.get(v)?.shape.forEach((d, i) => {
      if (typeof d === "number" || d.kind !== "var" || found?.[i] === undefined) return;
      const size = found[i], [low, high] = range(d), what = `dimension ${i} of input ${v} (${nameOfSymbol(d.name)})`;
      if (size < low || size > high) refuse(`${what} is ${size}, but must be ${low} to ${high}`);
      if ((sizes.get(d.name) ?? size) !== size) refuse(`${what} is ${size}, but another input has ${sizes.get(d.name)} there`);
      sizes.set(d.name, size);
    });
  }
  for (const e of g.equalities ?? []) checkEquality(e, sizes);
  return sizes;
}
function named<T>(node: Node, f: () => T): T {
  try { return f(); } catch (e) { throw e instanceof RefusedRun ? e : new Error(`node ${node.name} (${node.op}): ${(e as Error).message}`, { cause: e }); }
}
/** What a sub-graph sees of the graphs around it: the values there, which of them are constants, and sizes by their symbols. */
interface Scope { readonly value: (name: string) => Constant | undefined; readonly constant: (name: string) => Constant | undefined; readonly sizes: ReadonlyMap<string, number> }
const nothing: Scope = { value: () => undefined, constant: () => undefined, sizes: new Map() };
/**
 * The outputs of a graph, by name. `onValue` sees each value of the graph itself as it is computed, in the order of the nodes; a value is
 * let go after its last reader. `change` gives what is taken in a value's place. Throws RefusedRun for what no run takes; other errors name the node.
 */
export const evaluateGraph = (g: Graph, feeds: ReadonlyMap<string, Constant>, onValue?: (name: string, value: Constant) => void, change?: (value: Constant) => Constant): Map<string, Constant> => evaluated(g, feeds, nothing, onValue, change).values;
function evaluated(g: Graph, feeds: ReadonlyMap<string, Constant>, outer: Scope, onValue?: (name: string, value: Constant) => void, change = (c: Constant) => c): { readonly values: Map<string, Constant>; readonly sizes: Map<string, number> } {
  const values = new Map(g.constants), uses = new Map<string, number>(), sizes = sizesOfFeeds(g, feeds, outer.sizes);
  for (const name of g.inputs) {
    const value = feeds.get(name) ?? values.get(name) ?? fail(`no data for input ${name}`), want = g.types.get(name);
    if (want && (want.dtype !== value.dtype || want.shape.length !== value.shape.length || (isStatic(want) && want.shape.some((n, i) => n !== value.shape[i])))) {
      fail(`input ${name} is ${want.dtype}[${want.shape.map((d) => (typeof d === "number" ? d : "?"))}], but its data is ${value.dtype}[${value.shape}]`);
    }
    values.set(name, value);
  }
  const scope: Scope = { value: (v) => values.get(v) ?? outer.value(v), constant: (v) => g.constants.get(v) ?? outer.constant(v), sizes };
  const readBy = (n: Node) => [...n.inputs, ...capturedBy(n)], type = (v: string) => { const t = v ? g.types.get(v) : undefined; return t && isStatic(t) ? t : undefined; };
  for (const v of [...g.nodes.flatMap(readBy), ...g.outputs]) uses.set(v, (uses.get(v) ?? 0) + 1);
  for (const node of g.nodes) {
    const isMeasured = node.op === measureOp, list = sizesMadeBy(node), results = list && !isMeasured ? [sizesIn(list, sizes)] : named(node, () => {
      const op = opOf(node), given = node.inputs.map(scope.value);
      return op.control
        ? evaluateControl(op.control(new NodeView(node, op, given, node.outputs.map(type) as readonly TensorType[], scope.constant)), (body, feeds, known) => evaluated(body, feeds, { ...scope, sizes: known }), scope.value, sizes)
        : evaluateNode(viewOf(node, op, scope.value), given);
    });
    if (isMeasured) {
      for (const d of list!.dims) if (typeof d === "object" && d.kind === "var") sizes.set(d.name, Number(results[0]!.data[0]));
    }
    if (isMeasured || opOf(node).control) for (const e of g.equalities ?? []) checkEquality(e, sizes);
    node.outputs.forEach((name, i) => {
      if (!name) return;
      const value = change(results[i]!);
      onValue?.(name, value);
      if (uses.has(name)) values.set(name, value);
    });
    for (const v of readBy(node)) {
      const left = uses.get(v)! - 1;
      uses.set(v, left);
      if (left === 0) values.delete(v);
    }
  }
  return { values: new Map(g.outputs.map((name) => [name, scope.value(name) ?? fail(`nothing computes output ${name}`)])), sizes };
}
