/**
 * Lists of whole numbers on which shapes depend, computed from data or from sizes in ways that cannot be followed: where it is known between which
 * numbers they lie, each becomes a size that a run measures. Part of type inference.
 */
import { isStatic, sizeOf, type Node, type ValueName } from "../../ir/graph.ts";
import type { Range } from "../../ir/scalar.ts";
import { measured } from "../../ops/counts.ts";
import { indices } from "../../ops/helpers.ts";
import type { NodeView, Resolver } from "../../ops/op.ts";

/** Numbers in a list. */
const mostNumbers = 16;
/** Larger numbers are no sizes of anything. */
const mostSize = 2 ** 31 - 1;

/** Whether a node has parameters that are not known. */
export const lacksParameters = (n: NodeView): boolean => (n.op.parameters ?? []).some((i) => n.has(i) && !n.value(i));
/** The node with lists that are known in its parameters' place; the node itself where that cannot be. */
export function measureParameters(n: NodeView, g: Resolver, range: (v: ValueName, element: readonly number[]) => Range): Node {
  const { node } = n;
  if (!n.op.sizeParameters || n.declared(0)) return node;
  const inputs = node.inputs.map((v, i) => (v && !n.value(i) && n.op.parameters?.includes(i) ? listOf(n, g, i, range) ?? v : v));
  return inputs.every((v, i) => v === node.inputs[i]) ? node : { ...node, inputs };
}
function listOf(n: NodeView, g: Resolver, i: number, range: (v: ValueName, element: readonly number[]) => Range): ValueName | null {
  const t = n.type(i);
  if (!indices.includes(t.dtype) || !isStatic(t) || t.shape.length > 1 || sizeOf(t.shape) > mostNumbers || sizeOf(t.shape) === 0) return null;
  const parts = partsOf(n.node.inputs[i]!, g), rangesOf = (v: ValueName) => Array.from({ length: sizeOf(g.type(v).shape) }, (_, k) => range(v, g.type(v).shape.length ? [k] : []));
  const ranges = parts.map((v) => (g.known(v) ? null : rangesOf(v)));
  if (ranges.some((list) => list?.some((r) => !(r[0] >= 0 && r[1] <= mostSize)))) return null;
  const list = (numbers: readonly number[]) => g.constant("i64", [numbers.length], numbers), whole = (v: string) => (g.typeOf(v).dtype === "i64" ? v : g.node("Cast", [v], { to: 7 }));
  const made = parts.flatMap((v, p) => {
    const known = ranges[p], { shape } = g.type(v);
    if (!known) return [g.node("Reshape", [v, list([-1])])];
    return known.map((r, k) => {
      const one = g.node("Reshape", [shape.length ? g.node("Gather", [whole(v), g.constant("i64", [], [k])]) : whole(v), g.constant("i64", [0], [])]);
      return g.node("Reshape", [measured(n, g, one, r[1], `size${p + k}`, r[0]), list([1])]);
    });
  });
  if (t.shape.length === 0) return g.node("Reshape", [made[0]!, g.constant("i64", [0], [])]);
  return made.length === 1 ? made[0]! : g.node("Concat", made, { axis: 0 });
}
/** What a list is put together of. */
function partsOf(v: ValueName, g: Resolver): readonly ValueName[] {
  const maker = g.made(v);
  return maker?.op === "Concat" ? maker.inputs.flatMap((part) => partsOf(part, g)) : [v];
}
