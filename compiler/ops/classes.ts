/** What the models of ai.onnx.ml have in common: samples, labels, and scores made into probabilities. */
import type { Dim } from "../ir/graph.ts";
import { textId } from "../ir/text.ts";
import { dimsOf } from "./checks.ts";
import { fixedDim } from "./helpers.ts";
import type { Expander, NodeView } from "./op.ts";

/** The number of features of input `i`: a number, since the attributes are for so many. */
export const featuresOf = (n: NodeView, i = 0): number => fixedDim(n, n.type(i).shape.at(-1) ?? 1, "the number of features");
/** [N, F] of input `i`; a list is one row. */
export const samplesOf = (n: NodeView, i = 0): readonly [Dim, number] => { const s = dimsOf(n, i, 1, 2); return [s.length === 1 ? 1 : s[0]!, featuresOf(n, i)]; };
/** What attribute post_transform can say. */
export const postTransforms = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"] as const;
/** What becomes of scores at the end. */
export type PostTransform = (typeof postTransforms)[number];
/** Scores as the transform makes them, along the last axis. */
export function postTransform(g: Expander, x: string, post: PostTransform): string {
  const number = (v: number) => g.constant(g.typeOf(x).dtype, [], [v]);
  switch (post) {
    case "NONE": return x;
    case "SOFTMAX": return g.node("Softmax", [x], { axis: -1 });
    case "LOGISTIC": return g.node("Sigmoid", [x]);
    case "SOFTMAX_ZERO": {
      // What is 0 stays 0.
      const top = g.node("ReduceMax", [x, g.constant("i64", [1], [-1])]), isZero = g.node("LessOrEqual", [g.node("Abs", [x]), number(1e-7)]);
      const e = g.node("Where", [isZero, g.node("Mul", [x, g.node("Exp", [g.node("Neg", [top])])]), g.node("Exp", [g.node("Sub", [x, top])])]);
      return g.node("Div", [e, g.node("ReduceSum", [e, g.constant("i64", [1], [-1])])]);
    }
    case "PROBIT": {
      // sqrt 2 times the inverse of erf at 2 x - 1, by Winitzki's approximation, which ONNX's reference and ONNX Runtime use.
      const y = g.node("Sub", [g.node("Mul", [x, number(2)]), number(1)]), log = g.node("Log", [g.node("Mul", [g.node("Sub", [number(1), y]), g.node("Add", [y, number(1)])])]);
      const v = g.node("Add", [g.node("Mul", [log, number(0.5)]), number(2 / (Math.PI * 0.147))]);
      const root = g.node("Sqrt", [g.node("Sub", [g.node("Sqrt", [g.node("Sub", [g.node("Mul", [v, v]), g.node("Mul", [log, number(1 / 0.147)])])]), v])]);
      return g.node("Mul", [g.node("Where", [g.node("Less", [y, number(0)]), g.node("Neg", [root]), root]), number(1.41421356)]);
    }
    default: return post satisfies never;
  }
}

/** The labels of classes; strings by their numbers. */
export interface Labels { readonly dtype: "i64" | "string"; readonly values: readonly number[] }
/** The labels of a classifier, which are integers in the attribute `numbers`, or strings in classlabels_strings. */
export function labelled(n: NodeView, numbers: "classlabels_int64s" | "classlabels_ints"): Labels {
  const values = n.intsOr(numbers) ?? [], strings = n.stringsOr("classlabels_strings") ?? [];
  if (values.length === 0 && strings.length === 0) n.fail(`there are no labels: ${numbers} and classlabels_strings are empty`);
  return values.length ? { dtype: "i64", values } : { dtype: "string", values: strings.map(textId) };
}
/** Labels by the positions of their classes. */
export const labelsAt = (g: Expander, { dtype, values }: Labels, chosen: string): string => g.node("Gather", [g.constant(dtype, [values.length], values), chosen]);
/**
 * Labels and probabilities. `scores` [N, classes]; [N, 1] of two classes: what speaks for the second. `decides`: the score above which
 * the second of two classes is chosen; null where the largest score chooses. `rest`: a score is a probability, of which the first class gets the rest.
 */
export function classOutputs(
  n: NodeView, g: Expander, scores: string, labels: Labels, { post, decides, rest = decides === 0.5 }: { readonly post: PostTransform; readonly decides: number | null; readonly rest?: boolean },
): readonly string[] {
  const number = (x: number) => g.constant("f32", [], [x]);
  const isOne = g.typeOf(scores).shape[1] === 1, both = labels.values.length > 1 ? labels : { ...labels, values: [0, ...labels.values] };
  const row = (x: string) => g.node("Reshape", [x, g.constant("i64", [1], [-1])]);
  const second = isOne ? scores : g.node("Slice", [scores, ...[[1], [2], [1]].map((v) => g.constant("i64", [1], v))]);
  const chosen = decides === null ? g.node("ArgMax", [scores], { axis: 1, keepdims: 0 }) : g.node("Cast", [row(g.node("Greater", [second, number(decides)]))], { to: 7 });
  const label = labelsAt(g, both, chosen);
  if (!n.node.outputs[1]) return [label];
  if (!isOne) return [label, postTransform(g, scores, post)];
  // The opposite, or the rest; SOFTMAX and SOFTMAX_ZERO leave both as they are.
  const isRest = post === "PROBIT" || (rest && post !== "LOGISTIC"), first = isRest ? g.node("Sub", [number(1), scores]) : g.node("Neg", [scores]);
  const pair = g.node("Concat", [first, scores], { axis: 1 });
  return [label, post === "PROBIT" || post === "LOGISTIC" ? postTransform(g, pair, post) : pair];
}
