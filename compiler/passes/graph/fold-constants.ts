/**
 * Computes what is known: nodes over constants alone, and nodes that need only the types of their inputs (such as Shape).
 * Runs during type inference, where shapes are computed by nodes, and as a pass after rewrites that make new constants.
 * Ensures: results, bit by bit, are those of `evaluateNode`; the graph's outputs are still computed by nodes. What would take much
 * time or memory stays a node, so that a small file cannot make a large or a slow compilation.
 */
import { bytesOf, isSizeList, isStatic, type Constant, type Graph, type Node, type SizeList } from "../../ir/graph.ts";
import { computeSizes, elementsOf } from "./fold-sizes.ts";
import type { ElementArray } from "../../ir/types.ts";
import type { NodeView } from "../../ops/op.ts";
import { evaluateNode, OverBudget } from "../../evaluate/index.ts";
import { rewrite } from "./rewrite.ts";

/** What folding may still cost: bytes beyond those that it reads, and terms added up or made into elements. Counted down as it goes on. */
export interface Allowance { bytes: number; work: number }
/** For one node during inference: shapes and what they are made of are small. */
const ofOne: Readonly<Allowance> = { bytes: 1 << 20, work: 1 << 28 };
/** For a whole model during inference, and for one run of the pass: some seconds, and more where the file holds much. */
const workOfAll = 2 ** 31, workPerByte = 16;
/** Bytes that are computed rather than read from the file: so many in a graph, and so many more for each byte of the file. */
const bytesOfAll = 1 << 26, bytesPerByte = 8;
/** Operators that read no element of their inputs. */
const typesOnly = new Set(["Shape", "Size", "EyeLike"]);
/** Nothing of this can be known before the model runs, whatever its inputs. */
const random = /^(Random|Bernoulli|Multinomial|mlc\.(Sizes|Measure)$)/;
/** What repeats elements, so that an operator that broadcasts can read the few instead of the many. */
const repeats = new Set(["ConstantOfShape", "Expand", "Tile"]);
const broadcasts = new Set([
  "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum", "Mean", "Where", "PRelu", "Expand",
  "And", "Or", "Xor", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual",
]);

/** The inputs of a node, undefined where one is not given; null where one is needed and not known. */
function known(n: NodeView): readonly (Constant | undefined)[] | null {
  const { node } = n;
  if (n.op.control) return null;
  if (typesOnly.has(node.op)) return node.inputs.map(() => undefined);
  const values = node.inputs.map((_, i) => n.constant(i));
  return node.inputs.every((v, i) => !v || values[i]) && !random.test(node.op) ? values : null;
}
const growthOf = (n: NodeView, inputs: readonly (Constant | undefined)[]): number =>
  n.node.outputs.reduce((sum, v, i) => sum + (v ? bytesOf(n.out(i)) : 0), 0) - inputs.reduce((sum, c) => sum + (c ? bytesOf(c) : 0), 0);

/** Elements that folding has made. */
const made = new WeakSet<ElementArray>();

/**
 * The outputs of a node, if they are known and cost no more than is allowed; null otherwise. The view must have the types of
 * its outputs. `bytes`: the most that this node may add.
 */
export function fold(_: Node, view: NodeView, left: Allowance = { ...ofOne }, bytes = left.bytes): Constant[] | null {
  const inputs = known(view);
  if (!inputs) return null;
  const growth = growthOf(view, inputs);
  if (growth > Math.min(bytes, left.bytes)) return null;
  try {
    const results = evaluateNode(view, inputs, left);
    left.bytes -= Math.max(0, growth);
    for (const c of results) if (!inputs.some((i) => i?.data === c.data)) made.add(c.data);
    return results;
  } catch (e) {
    if (e instanceof OverBudget) return null;
    throw e;
  }
}
/** For the inference of one model: `fold`; and where a node makes whole numbers of sizes known only at run time, the list of what they are. */
export function foldWithin(): (n: Node, view: NodeView) => readonly (Constant | SizeList)[] | null {
  const all: Allowance = { bytes: bytesOfAll, work: workOfAll };
  return (node, view) => {
    const isOpen = view.inputs.some((t) => t && !isStatic(t)), values = node.inputs.map((v, i) => (v ? view.value(i) : undefined));
    if (isOpen || values.some((v) => v && isSizeList(v))) return foldSizes(node, view, values);
    if (view.op.foldsLate && view.type(0).shape.length > 0) return null;
    const left = { bytes: Math.min(ofOne.bytes, all.bytes), work: Math.min(ofOne.work, all.work) }, before = { ...left }, results = fold(node, view, left);
    all.bytes -= before.bytes - left.bytes;
    all.work -= before.work - left.work;
    return results;
  };
}
function foldSizes(node: Node, view: NodeView, values: readonly (Constant | SizeList | undefined)[]): readonly (Constant | SizeList)[] | null {
  if (!view.op.lower || random.test(node.op) || !view.outputs.every(isStatic)) return null;
  if (!typesOnly.has(node.op) && node.inputs.some((v, i) => v && !values[i])) return null;
  const compute = view.op.lower(view), known = new Map(node.inputs.flatMap((v, i) => { const c = values[i]; return c ? [[v, elementsOf(c)] as const] : []; }));
  const made = computeSizes(compute, known, new Map(node.outputs.map((v, i) => [v, view.outputs[i]!])));
  return made && node.outputs.every((v) => !v || made.has(v)) ? node.outputs.map((v) => made.get(v) ?? { dtype: "f32", shape: [0], data: new Float32Array(0) }) : null;
}

/** Needs the types of all values. */
export function foldConstants(g: Graph): Graph {
  const left: Allowance = { bytes: bytesOfAll, work: workOfAll };
  for (const c of g.constants.values()) {
    left.bytes += made.has(c.data) ? -bytesOf(c) : bytesPerByte * bytesOf(c);
    left.work += workPerByte * bytesOf(c);
  }
  return rewrite(g, (n, e) => {
    const { op, outputs } = n.node;
    if (outputs.some((v) => e.isOutput(v))) return undefined;
    const isSpread = repeats.has(op) && outputs.every((v) => e.readers(v).every((r) => broadcasts.has(r.op)));
    const results = fold(n.node, n, left, isSpread ? 0 : left.bytes);
    if (!results) return undefined;
    return results.map((c, i) => (outputs[i] ? e.give(c, op.toLowerCase()) : ""));
  });
}
