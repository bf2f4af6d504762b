/**
 * Types nodes with sub-graphs, by what their entries say that they do (`Op.control`): the sub-graphs first, then the node. Part of type
 * inference; what sizes do from turn to turn is told by loop-sizes, and a loop that cannot have one body is written out by unroll-loop.
 */
import { isGraph, measureOp, type Constant, type Graph, type Node, type ValueName, type ValueType } from "../../ir/graph.ts";
import { sizesAttribute, type Branching, type BranchSize, type Given, type Looping, type LoopSize } from "../../ir/control.ts";
import { parameter } from "../../ir/scalar.ts";
import { symbolNamed } from "../../ir/symbols.ts";
import { boundDim, dimOf } from "../../ops/helpers.ts";
import { Unsupported, type Op, type Parts } from "../../ops/op.ts";
import { chosen, sizesOf, turned } from "./loop-sizes.ts";
import { resolverFor, Unclear } from "./resolver.ts";
import { mayUnroll, mostWritten, unrolled } from "./unroll-loop.ts";
import { symbolsIn } from "./value-table.ts";
import type { Values, Walk } from "./walk.ts";

/** Nodes that the turns of a loop may become which could be one whose sizes change. */
const fewNodes = 1 << 9;
/** How sizes inside a node's sub-graphs are: as what it is given; others from turn to turn, or by each branch; such, and dependent on the number of the turn. */
type InnerSizes = "fixed" | "changing" | "counted";

/** The node with other sub-graphs. */
export const mapGraphs = (n: Node, to: (g: Graph) => Graph): Node =>
  ({ ...n, attributes: Object.fromEntries(Object.entries(n.attributes).map(([name, a]) => [name, isGraph(a) ? to(a) : a])) });
const withSizes = (n: Node, sizes: readonly (LoopSize | BranchSize)[]): Node => (sizes.length ? { ...n, attributes: { ...n.attributes, [sizesAttribute]: sizesOf(sizes) } } : n);

/**
 * Types a node with sub-graphs, and keeps it or what stands for it: as it is; its turns written out, where they differ and there are few;
 * with sizes that change on the way; with the number of the turn as a size; last, all of that with sizes in the sub-graphs that a run measures.
 * Where all fail, keeps it untyped and says what is wrong with the last.
 */
export function inferControl(w: Walk, raw: Node, op: Op, doubtful: boolean): void {
  const { measuring } = w, before = w.diagnostics.length, lacking = w.lacking();
  w.measuring = false;
  let isTyped = typeControl(w, raw, op, doubtful);
  w.measuring = measuring;
  if (!isTyped && measuring && !doubtful && w.lacking() > lacking) {
    const problems = w.diagnostics.splice(before);
    isTyped = typeControl(w, raw, op, doubtful);
    if (!isTyped) w.diagnostics.splice(before, Infinity, ...problems);
  }
  if (!isTyped) w.keep(raw, op, null, doubtful);
}
/** Whether the node could be typed, and is kept. */
function typeControl(w: Walk, raw: Node, op: Op, doubtful: boolean): boolean {
  const before = w.diagnostics.length, hasErrors = () => w.diagnostics.slice(before).some((d) => d.severity === "error");
  // An attempt forgets what was said in the one before, unless it is none.
  const attempt = (how: InnerSizes): boolean => {
    const problems = w.diagnostics.splice(before), n = withInnerTypes(w, raw, op, how);
    if (n === raw) { w.diagnostics.push(...problems); return false; }
    const found = n && w.infer(n, op);
    if (!n || !found || (hasErrors() && !doubtful)) return false;
    measureSizes(w, n, op, found);
    w.keep(n, op, found, doubtful);
    return true;
  };
  const writtenOut = (most: number): boolean => {
    if (!mayUnroll(raw, (v) => w.values.constantOf(v), most)) return false;
    const problems = w.diagnostics.splice(before), parts = turnByTurn(w, raw);
    if (parts) raw.outputs.forEach((v, i) => { if (v) w.define(v, parts[i]!, raw); });
    else w.diagnostics.splice(before, Infinity, ...problems);
    return parts !== null;
  };
  return attempt("fixed") || (!doubtful && (writtenOut(fewNodes) || attempt("changing") || attempt("counted") || writtenOut(mostWritten)));
}
/** What stands for a loop that is written out; null where it cannot be. */
function turnByTurn(w: Walk, n: Node): readonly Parts[] | null {
  try {
    return unrolled(n, resolverFor(n, w));
  } catch (e) {
    if (!(e instanceof Unsupported || e instanceof Unclear)) throw e;
    return null;
  }
}
/** Sizes that the node finds are known from its outputs. */
function measureSizes(w: Walk, n: Node, op: Op, found: readonly ValueType[]): void {
  const own = new Set(op.control!(w.view(n, op, found)).sizes.map((s) => s.symbol.name));
  n.outputs.forEach((v, i) => { if (v) for (const s of symbolsIn(found[i]!.shape)) if (own.has(s)) w.measured(s, v); });
}
/** The node with types inside its sub-graphs; null where its entry objects; the node itself where sizes as this cannot be. */
function withInnerTypes(w: Walk, n: Node, op: Op, how: InnerSizes): Node | null {
  const control = w.asked(n, "description", () => op.control!(w.view(n, op)));
  return control && (control.kind === "branch" ? withTypedBranches(w, n, control, how) : withTypedBody(w, n, control, how));
}
function withTypedBranches(w: Walk, n: Node, { ifTrue, ifFalse }: Branching, how: InnerSizes): Node {
  if (how === "counted") return n;
  const typed = mapGraphs(n, (g) => w.accepted(w.within(g)));
  if (how === "fixed") return typed;
  const [a, b] = [ifTrue, ifFalse].map((g) => typesLeft(typed.attributes[Object.keys(n.attributes).find((name) => n.attributes[name] === g)!] as Graph));
  return withSizes(typed, a && b ? chosen(a, b, (i, d) => w.unused(`${n.outputs[i] || n.name}.${d}`)) : []);
}
/** Types of a graph's outputs, where all are known. */
function typesLeft(g: Graph): readonly ValueType[] | null {
  const list = g.outputs.flatMap((v) => g.types.get(v) ?? g.constants.get(v) ?? []);
  return list.length === g.outputs.length ? list : null;
}
function withTypedBody(w: Walk, n: Node, loop: Looping, how: InnerSizes): Node | null {
  if (how === "fixed") return mapGraphs(n, (g) => w.accepted(w.within(g, g === loop.body ? givenTypes(g, loop, w.values) : undefined)));
  const body = how === "counted" ? countedBody(w, n, loop) : loop.body, { most, left } = loop;
  if (!body || body.outputs.length !== left.length) return n;
  const found = w.asked(n, "sizes", () => turned({
    loop: n.name, most, limit: loop.limit,
    first: loop.given.flatMap((x) => (x.is === "carried" ? [w.values.typeOf(x.first)!] : [])),
    left: left.flatMap((x, i) => (x.is === "carried" ? [i] : [])),
    infer: (carried) => w.within(body, givenTypes(body, loop, w.values, carried)),
    counted: (loop.limit !== undefined || loop.condition !== undefined) && loop.room === undefined && left.some((x) => x.is === "slice"),
    name: (value, d) => w.unused(value === null ? `${n.name}.turns` : `${n.outputs[value] || n.name}.${d}`),
  }));
  if (!found) return null;
  const typed = w.accepted(found.body);
  return withSizes(mapGraphs(n, (g) => (g === loop.body ? typed : g)), found.sizes);
}
/** The body in which the number of the turn is a size, so that other sizes may depend on it; null where it is not given one, or nothing bounds it. */
function countedBody(w: Walk, n: Node, { body, given, most }: Looping): Graph | null {
  const i = given.findIndex((x) => x.is === "turn"), v = body.inputs[i];
  if (v === undefined || most === undefined) return null;
  const turn = w.unused(`${n.name}.${v}`), shape = body.types.get(v)?.shape.length === 1 ? [1] : [], symbol = parameter(symbolNamed(w.unused(`${n.name}.turn`)), [0, Math.max(0, boundDim(most) - 1)]);
  const measure: Node = { name: w.unused(`${n.name}.measure`), op: measureOp, inputs: [turn], outputs: [v], attributes: { value: { dtype: "i64", shape, dims: [dimOf(symbol)] } }, origin: n.origin };
  return { ...body, inputs: body.inputs.with(i, turn), nodes: [measure, ...body.nodes], types: new Map([...body.types].map(([name, t]) => [name === v ? turn : name, t])) };
}
/** Types of what a loop's body is given, as far as they are known; `carried`: of the carried values, which have those of the first turn by default. */
export function givenTypes(body: Graph, loop: Looping, values: Values, carried: readonly ValueType[] = []): ReadonlyMap<ValueName, ValueType | Constant> {
  let next = 0;
  return new Map(body.inputs.flatMap((v, i) => {
    const x = loop.given[i], t = (x?.is === "carried" ? carried[next++] : undefined) ?? givenType(x, body.types.get(v), values);
    return t ? [[v, t] as const] : [];
  }));
}
/** A body may take the turn's number and the condition with one dimension. A turn is only taken where the condition holds. */
function givenType(x: Given | undefined, stated: ValueType | undefined, values: Values): ValueType | Constant | undefined {
  const one = stated?.shape.length === 1 ? [1] : [];
  switch (x?.is) {
    case "turn": return { dtype: "i64", shape: one };
    case "condition": return { dtype: "bool", shape: one, data: Uint8Array.of(1) };
    case "carried": return values.typeOf(x.first);
    case "slice": { const t = values.typeOf(x.of); return t && { dtype: t.dtype, shape: t.shape.toSpliced(x.axis, 1) }; }
    default: return undefined;
  }
}
