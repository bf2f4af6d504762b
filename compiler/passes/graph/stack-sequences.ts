/**
 * Loops that carry sequences, and branches that give them, of which only a run knows how long they are: outside of the sub-graphs they become
 * one tensor each, so that the node is one of tensors. Part of type inference, which knows what a sub-graph's outputs consist of.
 */
import { isGraph, type Dim, type Graph, type Node, type SizeList, type ValueName, type ValueType } from "../../ir/graph.ts";
import { boundDim, showShape } from "../../ops/helpers.ts";
import { Unsupported, type Op, type Parts } from "../../ops/op.ts";
import { stackOp, unstackOp } from "../../ops/sequences.ts";
import { givenTypes, inferControl, mapGraphs } from "./infer-control.ts";
import { mayUnroll, mostWritten } from "./unroll-loop.ts";
import type { Values, Walk, Within } from "./walk.ts";

type Unused = (wanted: string) => string;
/** A sub-graph typed without sizes that it measures: a turn's own is no size of all tensors of a sequence. */
function within(w: Walk, ...given: Parameters<Walk["within"]>): Within {
  const { measuring } = w;
  w.measuring = false;
  try { return w.within(...given); } finally { w.measuring = measuring; }
}
const isSequence = (p: Parts | undefined): boolean => typeof p === "object" && p !== null;
/** The type of the tensors of a sequence, from that of some sequences that stand for it in turns or branches. Throws Unsupported where they differ or none has any. */
function elementOf(all: readonly (readonly [Values, ValueName])[], what: string): SizeList {
  const types = all.flatMap(([values, sequence]): readonly ValueType[] => {
    const parts = values.partsOf(sequence);
    if (parts === null || parts === undefined) return [];
    if ("stack" in parts) { const t = values.typeOf(parts.stack); return t ? [{ dtype: t.dtype, shape: t.shape.slice(1) }] : []; }
    return parts.flatMap((v) => values.typeOf(v) ?? []);
  });
  const [first] = types, shown = new Set(types.map((t) => `${t.dtype}${showShape(t.shape)}`));
  if (!first) throw new Unsupported(`only a run knows how long the sequence ${what} is, and nothing tells of which type its tensors are`);
  if (shown.size > 1) throw new Unsupported(`only a run knows how long the sequence ${what} is, and its tensors differ: ${[...shown].slice(0, 4).join(", ")}`, "give all of them one shape, or make the number of turns a constant");
  return { dtype: first.dtype, shape: [first.shape.length], dims: first.shape as readonly Dim[] };
}
/** A node that makes one tensor of a sequence. */
const stack = (sequence: ValueName, tensor: ValueName, element: SizeList, n: Node, unused: Unused): Node =>
  ({ name: unused(`${n.name}/stack`), op: stackOp, inputs: [sequence], outputs: [tensor], attributes: { element }, origin: n.origin });
/** A node that makes a sequence of such a tensor. */
const unstack = (tensor: ValueName, sequence: ValueName, n: Node, unused: Unused): Node =>
  ({ name: unused(`${n.name}/unstack`), op: unstackOp, inputs: [tensor], outputs: [sequence], attributes: {}, origin: n.origin });
/** A sub-graph of the node that takes and leaves tensors where these inputs and outputs, by their numbers, are sequences. */
function ofTensors(g: Graph, inputs: ReadonlySet<number>, outputs: ReadonlyMap<number, SizeList>, n: Node, unused: Unused): Graph {
  const given = g.inputs.map((v, i) => (inputs.has(i) ? unused(`${v}.stack`) : v)), left = g.outputs.map((v, i) => (outputs.has(i) ? unused(`${v}.stack`) : v));
  const opened = g.inputs.flatMap((v, i) => (inputs.has(i) ? [unstack(given[i]!, v, n, unused)] : [])), closed = g.outputs.flatMap((v, i) => (outputs.has(i) ? [stack(v, left[i]!, outputs.get(i)!, n, unused)] : []));
  return { ...g, inputs: given, outputs: left, nodes: [...opened, ...g.nodes, ...closed] };
}
/** Whether a value of a graph may be a sequence, by what makes it. */
function mayBeSequence(w: Walk, g: Graph, v: ValueName): boolean {
  const maker = g.nodes.find((x) => x.outputs.includes(v));
  if (!maker) return w.values.partsOf(v) !== undefined;
  return w.ops.get(maker.op)?.resolve !== undefined || Object.values(maker.attributes).some((a) => isGraph(a) && a.outputs.some((o) => mayBeSequence(w, a, o)));
}

/** Whether the node is a branch that gives sequences, and was made one of tensors: an output for each tensor, where both sides give as many, else one for each sequence. */
export function stackedBranch(w: Walk, n: Node, op: Op): boolean {
  const branch = w.asked(n, "description", () => op.control?.(w.view(n, op))), { unused } = w;
  if (branch?.kind !== "branch" || ![branch.ifTrue, branch.ifFalse].some((g) => g.outputs.some((v) => mayBeSequence(w, g, v)))) return false;
  const sides = [branch.ifTrue, branch.ifFalse].map((g) => ({ g, values: within(w, g).values }));
  const at = n.outputs.flatMap((o, i) => (o && sides.some(({ g, values }) => g.outputs[i] !== undefined && isSequence(values.partsOf(g.outputs[i]))) ? [{ i, o }] : []));
  if (at.length === 0) return false;
  const lengths = at.map(({ i }) => sides.map(({ g, values }) => { const parts = values.partsOf(g.outputs[i]!); return Array.isArray(parts) ? parts.length : null; }));
  if (lengths.every(([a, b]) => a !== null && a === b)) {
    const names = new Map(at.map(({ i, o }, k) => [i, Array.from({ length: lengths[k]![0]! }, (_, j) => unused(`${o}/${j}`))]));
    inferControl(w, { ...n, outputs: n.outputs.flatMap((o, i) => names.get(i) ?? [o]) }, op, false);
    for (const { i, o } of at) w.define(o, names.get(i)!, n);
    return true;
  }
  const elements = w.asked(n, "sequences", () => new Map(at.map(({ i, o }) => [i, elementOf(sides.map(({ g, values }) => [values, g.outputs[i]!]), o)])));
  if (!elements) return false;
  const outputs = n.outputs.map((o, i) => (elements.has(i) ? unused(`${o}.stack`) : o)), made = mapGraphs(n, (g) => ofTensors(g, new Set(), elements, n, unused));
  for (const node of [{ ...made, outputs }, ...at.map(({ i, o }) => unstack(outputs[i]!, o, n, unused))]) w.node(node);
  return true;
}
/** Whether a loop over sequences was made one of tensors: where it has no known and small number of turns, and looks at no optional values. */
export function stackedLoop(w: Walk, n: Node, op: Op): boolean {
  const loop = w.asked(n, "description", () => op.control?.(w.view(n, op))), { unused, values } = w;
  if (loop?.kind !== "loop" || loop.body.inputs.length !== loop.given.length || loop.body.outputs.length !== loop.left.length) return false;
  const { body, most } = loop, carriedOut = loop.left.flatMap((x, i) => (x.is === "carried" ? [i] : []));
  const carried = loop.given.flatMap((x, i) => (x.is === "carried" ? [{ input: i, first: x.first }] : [])).map((c, k) => ({ ...c, k, output: carriedOut[k]! }));
  const own = carried.filter(({ first }) => values.partsOf(first) !== undefined);
  if (own.some(({ first }) => !isSequence(values.partsOf(first)))) return false;
  const trial = within(w, body, givenTypes(body, loop, values), new Map(own.map(({ input, first }) => [body.inputs[input]!, values.partsOf(first)!])));
  const goes = trial.values.constantOf(body.outputs[loop.left.findIndex((x) => x.is === "condition")] ?? "");
  if (mayUnroll(n, (v) => values.constantOf(v), mostWritten) && (loop.condition === undefined || goes?.data[0] === 1)) return false;
  if (most === undefined || boundDim(most) > 2 ** 31 || trial.diagnostics.some((d) => d.severity === "error")) return false;
  if (own.length === 0) { inferControl(w, n, op, false); return true; }
  const elements = w.asked(n, "sequences", () => new Map(own.map(({ output, first }) => [output, elementOf([[values, first], [trial.values, body.outputs[output]!]], first)])));
  if (!elements) { w.keep(n, op, null, true); return true; }
  const ofStacks = ofTensors(body, new Set(own.map((c) => c.input)), elements, n, unused), inputs = [...n.inputs], outputs = [...n.outputs], after: Node[] = [];
  for (const { k, first, output } of own) {
    const at = inputs.indexOf(first, inputs.length - carried.length + k);
    inputs[at] = unused(`${first}.stack`);
    w.node(stack(first, inputs[at], elements.get(output)!, n, unused));
    if (!outputs[k]) continue;
    const o = outputs[k];
    outputs[k] = unused(`${o}.stack`);
    after.push(unstack(outputs[k], o, n, unused));
  }
  for (const node of [{ ...mapGraphs(n, (g) => (g === body ? ofStacks : g)), inputs, outputs }, ...after]) w.node(node);
  return true;
}
