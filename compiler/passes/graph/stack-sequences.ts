/**
 * Loops that carry sequences, and branches that give them, of which only a run knows how long they are: outside of the sub-graphs they become
 * one tensor each, so that the node is one of tensors. Part of type inference, which knows what a sub-graph's outputs consist of.
 */
import type { Dim, Graph, Node, SizeList, ValueName, ValueType } from "../../ir/graph.ts";
import { showShape } from "../../ops/helpers.ts";
import { Unsupported, type Parts } from "../../ops/op.ts";
import { stackOp, unstackOp } from "../../ops/sequences.ts";

type Unused = (wanted: string) => string;
/** Whether a value is a sequence. */
export const isSequence = (p: Parts | undefined): boolean => typeof p === "object" && p !== null;
/** The type of the tensors of a sequence, from that of some sequences that stand for it in turns or branches. Throws Unsupported where they differ or none has any. */
export function elementOf(all: readonly (readonly [Exclude<Parts, string> | undefined, (v: ValueName) => ValueType | undefined])[], what: string): SizeList {
  const types = all.flatMap(([parts, typeOf]): readonly ValueType[] => {
    if (parts === null || parts === undefined) return [];
    if ("stack" in parts) { const t = typeOf(parts.stack); return t ? [{ dtype: t.dtype, shape: t.shape.slice(1) }] : []; }
    return parts.flatMap((v) => typeOf(v) ?? []);
  });
  const [first] = types, shown = new Set(types.map((t) => `${t.dtype}${showShape(t.shape)}`));
  if (!first) throw new Unsupported(`only a run knows how long the sequence ${what} is, and nothing tells of which type its tensors are`);
  if (shown.size > 1) throw new Unsupported(`only a run knows how long the sequence ${what} is, and its tensors differ: ${[...shown].slice(0, 4).join(", ")}`, "give all of them one shape, or make the number of turns a constant");
  return { dtype: first.dtype, shape: [first.shape.length], dims: first.shape as readonly Dim[] };
}
/** A node that makes one tensor of a sequence. */
export const stack = (sequence: ValueName, tensor: ValueName, element: SizeList, n: Node, unused: Unused): Node =>
  ({ name: unused(`${n.name}/stack`), op: stackOp, inputs: [sequence], outputs: [tensor], attributes: { element }, origin: n.origin });
/** A node that makes a sequence of such a tensor. */
export const unstack = (tensor: ValueName, sequence: ValueName, n: Node, unused: Unused): Node =>
  ({ name: unused(`${n.name}/unstack`), op: unstackOp, inputs: [tensor], outputs: [sequence], attributes: {}, origin: n.origin });
/** A sub-graph of the node that takes and leaves tensors where these inputs and outputs, by their numbers, are sequences. */
export function ofTensors(g: Graph, inputs: ReadonlySet<number>, outputs: ReadonlyMap<number, SizeList>, n: Node, unused: Unused): Graph {
  const given = g.inputs.map((v, i) => (inputs.has(i) ? unused(`${v}.stack`) : v)), left = g.outputs.map((v, i) => (outputs.has(i) ? unused(`${v}.stack`) : v));
  const opened = g.inputs.flatMap((v, i) => (inputs.has(i) ? [unstack(given[i]!, v, n, unused)] : [])), closed = g.outputs.flatMap((v, i) => (outputs.has(i) ? [stack(v, left[i]!, outputs.get(i)!, n, unused)] : []));
  return { ...g, inputs: given, outputs: left, nodes: [...opened, ...g.nodes, ...closed] };
}
