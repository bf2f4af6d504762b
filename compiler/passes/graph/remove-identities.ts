/**
 * Needs types. Ensures that no node gives what it gets: its readers read the input instead. A graph output keeps its name: the
 * node before takes it over, or, where the output is an input, a constant or another output, an Identity stays.
 * Adding 0 may turn -0 into 0. Stands early and again after each group of rewrites, which leave such nodes behind.
 */
import { isFloat } from "../../ir/types.ts";
import type { Graph } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { sameType } from "./editor.ts";
import { keepsOrder, numberOf, permutation } from "./facts.ts";
import { forEach, rewrite, type Editor, type Rule, type Rules } from "./rewrite.ts";

export const removeIdentities = (g: Graph): Graph => rewrite(g, rules);

/** Reads input `i` instead, where `same` holds and only output 0 is wanted. */
const input = (same: (n: NodeView, e: Editor) => boolean, i = 0): Rule => (n, e) =>
  sameType(n.type(i), n.outType()) && n.node.outputs.slice(1).every((o) => !e.wanted(o)) && same(n, e) ? n.node.inputs[i]! : undefined;
const always = input(() => true);
const allEqual = (list: readonly number[] | null | undefined, value: number): boolean => !list || list.every((x) => x === value);
const known = (n: NodeView, i: number): boolean => !n.has(i) || n.constant(i) !== undefined;

/** The other operand of a pair is `neutral`, so that `x` (of the result's shape) stays as it is. */
const pair = (neutral: number, commutes: boolean): Rule => (n, e) => {
  const [a, b] = n.node.inputs as [string, string];
  if (e.uniform(b) === neutral && sameType(n.type(0), n.outType())) return a;
  return commutes && e.uniform(a) === neutral && sameType(n.type(1), n.outType()) ? b : undefined;
};
const sliced = (n: NodeView): boolean => {
  if (!n.has(4)) return true;
  if (!known(n, 3) || !known(n, 4)) return false;
  const { shape } = n.type(0), axes = n.parameter(3) ?? shape.map((_, d) => d);
  return n.parameter(4)!.every((step, k) => step > 0 || [0, 1].includes(numberOf(shape[n.axis(axes[k]!, shape.length)])));
};
/** The same size asked for, or every scale 1. */
const resized = (n: NodeView): boolean => {
  if (n.string("coordinate_transformation_mode") === "tf_crop_and_resize") return false;
  return n.has(3) ? known(n, 3) && n.string("keep_aspect_ratio_policy") === "stretch" : n.has(2) && known(n, 2) && allEqual(n.parameter(2), 1);
};
/** Windows of one element, one step apart. */
const pooled = (n: NodeView): boolean =>
  allEqual(n.ints("kernel_shape"), 1) && allEqual(n.intsOr("strides"), 1) && allEqual(n.intsOr("pads"), 0);
/** Clips at the ends of the type. */
const clipped = (n: NodeView, e: Editor): boolean => isFloat(n.type(0).dtype)
  && (!n.has(1) || e.uniform(n.node.inputs[1]) === -Infinity) && (!n.has(2) || e.uniform(n.node.inputs[2]) === Infinity);
/** Parts without elements do not matter; one other part is the whole. */
const concatenated: Rule = (n) => {
  const parts = n.node.inputs.filter((_, i) => !n.type(i).shape.includes(0));
  return parts.length === 1 && !n.outType().shape.includes(0) ? parts[0] : undefined;
};

const rules: Rules = {
  // An Identity stays where it gives an output its name; see `Editor`.
  Identity: (n, e) => (e.isOutput(n.node.outputs[0]!) && (!e.made(n.node.inputs[0]) || e.isOutput(n.node.inputs[0]!)) ? undefined : n.node.inputs[0]),
  ...forEach(["Cast", "CastLike", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile"], always),
  ...forEach(["Sum", "Max", "Min", "Mean"], input((n) => n.node.inputs.length === 1)),
  Dropout: input((n) => !n.has(2) || n.constant(2)?.data[0] === 0),
  Transpose: input((n) => keepsOrder(n.type(0).shape, permutation(n))),
  Slice: input(sliced),
  Pad: input((n) => known(n, 1) && allEqual(n.parameter(1), 0)),
  Concat: concatenated,
  Split: always,
  Mul: pair(1, true), Div: pair(1, false), Add: pair(0, true), Sub: pair(0, false), Pow: pair(1, false),
  Clip: input(clipped),
  Resize: input(resized), Upsample: input((n) => known(n, 1) && allEqual(n.parameter(1), 1)),
  ...forEach(["MaxPool", "AveragePool"], input(pooled)),
  // The reduced axes are 1 long, since input and output have the same shape.
  ...forEach(["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "GlobalAveragePool", "GlobalMaxPool"], always),
  ...forEach(["DepthToSpace", "SpaceToDepth"], input((n) => n.int("blocksize") === 1)),
  // Nothing below 0 comes in.
  Relu: input((n, e) => e.made(n.node.inputs[0], "Relu") !== undefined || e.made(n.node.inputs[0], "Sigmoid") !== undefined),
};
