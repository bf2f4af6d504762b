/**
 * Computes what is known: nodes over constants alone, and nodes that need only the types of their inputs (such as Shape).
 * Runs during type inference, where shapes are computed by nodes, and as a pass after rewrites that make new constants.
 * Ensures: results, bit by bit, are those of `evaluateNode`; the graph's outputs are still computed by nodes.
 */
import { bytesOf, isSizeList, isStatic, type Constant, type Graph, type Node, type SizeList } from "../../ir/graph.ts";
import { computeSizes, elementsOf } from "./fold-sizes.ts";
import type { NodeView } from "../../ops/op.ts";
import { evaluateNode } from "../../evaluate/index.ts";
import { rewrite } from "./rewrite.ts";

/** Bytes that folding one node during inference may add beyond what it reads. */
const growthOfOne = 1 << 20;
/** Bytes that the pass may add to a graph. */
const growthOfAll = 1 << 30;
/** Operators that read no element of their inputs. */
const typesOnly = new Set(["Shape", "Size", "EyeLike"]);
/** Nothing of this can be known before the model runs, whatever its inputs. */
const random = /^(Random|Bernoulli|Multinomial)/;
/** What repeats elements, so that an operator that broadcasts can read the few instead of the many. */
const repeats = new Set(["ConstantOfShape", "Expand", "Tile"]);
const broadcasts = new Set([
  "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum", "Mean", "Where", "PRelu", "Expand",
  "And", "Or", "Xor", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual",
]);

/** The inputs of a node, undefined where one is not given; null where one is needed and not known. */
function known(n: NodeView): readonly (Constant | undefined)[] | null {
  const { node } = n;
  if (typesOnly.has(node.op)) return node.inputs.map(() => undefined);
  const values = node.inputs.map((_, i) => n.constant(i));
  return node.inputs.every((v, i) => !v || values[i]) && !random.test(node.op) ? values : null;
}
const growthOf = (n: NodeView, inputs: readonly (Constant | undefined)[]): number =>
  n.node.outputs.reduce((sum, v, i) => sum + (v ? bytesOf(n.out(i)) : 0), 0) - inputs.reduce((sum, c) => sum + (c ? bytesOf(c) : 0), 0);

/**
 * The outputs of a node, if they are known and at most `growth` bytes larger than what they are made of; null otherwise.
 * The view must have the types of its outputs.
 */
export function fold(_: Node, view: NodeView, growth = growthOfOne): readonly Constant[] | null {
  const inputs = known(view);
  return inputs && growthOf(view, inputs) <= growth ? evaluateNode(view, inputs) : null;
}
/** `fold`; and where a node makes whole numbers of sizes known only at run time, the list of what they are. */
export function foldAll(node: Node, view: NodeView): readonly (Constant | SizeList)[] | null {
  const isOpen = view.inputs.some((t) => t && !isStatic(t)), values = node.inputs.map((v, i) => (v ? view.value(i) : undefined));
  if (!isOpen && !values.some((v) => v && isSizeList(v))) return fold(node, view);
  if (!view.op.lower || random.test(node.op) || !view.outputs.every(isStatic)) return null;
  if (!typesOnly.has(node.op) && node.inputs.some((v, i) => v && !values[i])) return null;
  const compute = view.op.lower(view), known = new Map(node.inputs.flatMap((v, i) => { const c = values[i]; return c ? [[v, elementsOf(c)] as const] : []; }));
  const made = computeSizes(compute, known, new Map(node.outputs.map((v, i) => [v, view.outputs[i]!])));
  return made && node.outputs.every((v) => !v || made.has(v)) ? node.outputs.map((v) => made.get(v) ?? { dtype: "f32", shape: [0], data: new Float32Array(0) }) : null;
}

/** Needs the types of all values. */
export function foldConstants(g: Graph): Graph {
  let left = growthOfAll;
  return rewrite(g, (n, e) => {
    const { op, outputs } = n.node;
    if (outputs.some((v) => e.isOutput(v))) return undefined;
    const isSpread = repeats.has(op) && outputs.every((v) => e.readers(v).every((r) => broadcasts.has(r.op)));
    const results = fold(n.node, n, isSpread ? 0 : left);
    if (!results) return undefined;
    left -= Math.max(0, growthOf(n, n.node.inputs.map((_, i) => n.constant(i))));
    return results.map((c, i) => (outputs[i] ? e.give(c, op.toLowerCase()) : ""));
  });
}
