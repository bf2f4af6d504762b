/** Elementwise operators, sums over axes and products: numpy's broadcasting replaced `broadcast` and `axis` in opset 7. */
import type { ValueName } from "../../../ir/graph.ts";
import { Problem } from "../problem.ts";
import { onnxTypeNames } from "../../../ir/types.ts";
import {
  floatTypeOf, int64s, listToInput, numberIn, numbersIn, rankOf, step, withAttributes, withInput, without,
  type Rewrite, type Rewriter, type Rewrites,
} from "./rewrite.ts";

/**
 * `small` with ones behind its shape, so that its first dimension meets dimension `axis` of `large`. Where ranks are
 * not stated, the shape is computed by nodes, which folding removes.
 */
function alignedAt(axis: number, large: ValueName, small: ValueName, r: Rewriter): ValueName {
  const rank = rankOf(r, large), own = rankOf(r, small);
  if (rank !== undefined && own !== undefined) {
    const from = axis < 0 ? axis + rank : axis, missing = rank - from - own;
    if (missing < 0) throw new Problem("bad-model", `a tensor of rank ${own} at axis ${axis} does not fit into one of rank ${rank}`);
    return missing === 0 ? small : r.node("Unsqueeze", [small, int64s(r, "axes", Array.from({ length: missing }, (_, i) => own + i))]);
  }
  const rankOfShape = (v: ValueName) => r.node("Shape", [r.node("Shape", [v])]);
  const from = axis < 0 ? r.node("Add", [rankOfShape(large), int64s(r, "axis", [axis])]) : int64s(r, "axis", [axis]);
  const count = r.node("Sub", [r.node("Sub", [rankOfShape(large), from]), rankOfShape(small)]);
  const ones = r.node("Expand", [int64s(r, "one", [1]), count]);
  return r.node("Reshape", [small, r.node("Concat", [r.node("Shape", [small]), ones], { axis: 0 })]);
}
/** Without an axis the shapes were aligned at their ends, as now. */
const broadcast: Rewrite = (d, r) => {
  const rest = without(d, "broadcast", "axis"), axis = numberIn(d, "axis"), [a = "", b = ""] = d.inputs;
  return axis === undefined || numberIn(d, "broadcast") === 0 ? rest : withInput(rest, 1, alignedAt(axis, a, b, r));
};
/** A slope of rank 1 was one per channel. */
const slopePerChannel: Rewrite = (d, r) => {
  const [x = "", slope = ""] = d.inputs, known = r.typeOf(slope)?.shape;
  const shared = known !== undefined && (known.length !== 1 || known[0] === 1);
  return shared ? d : withInput(d, 1, alignedAt(1, x, slope, r));
};
const clipLimits: Rewrite = (d, r) => {
  const limit = (name: string) => {
    const x = numberIn(d, name);
    return x === undefined ? "" : r.constant(name, floatTypeOf(r, d.inputs[0]), [], [x]);
  };
  const [low, high] = [limit("min"), limit("max")];
  return { ...without(d, "min", "max"), inputs: [d.inputs[0] ?? "", low, high] };
};
/** An empty list of axes meant all of them, as does a missing input now. */
const reduceAxes: Rewrite = (d, r) => (numbersIn(d, "axes")?.length === 0 ? without(d, "axes") : listToInput("axes", 1)(d, r));
const castTo: Rewrite = (d) => {
  const { to } = d.attributes;
  if (typeof to !== "string") return d;
  const names: Readonly<Record<string, string>> = { float: "float32", double: "float64" }, wanted = to.toLowerCase();
  const code = onnxTypeNames.indexOf(names[wanted] ?? wanted);
  if (code < 1) throw new Problem("bad-model", `Cast to "${to}", which is no element type`);
  return withAttributes(d, { to: code });
};
/** The defaults were less precise before 6. */
const selu: Rewrite = (d) => withAttributes(d, { alpha: numberIn(d, "alpha") ?? 1.6732, gamma: numberIn(d, "gamma") ?? 1.0507 });

const binary = ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"];
const reductions = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare"].map((name) => `Reduce${name}`);

export const arithmeticRewrites: Rewrites = {
  ...Object.fromEntries(binary.map((op) => [op, [step(7, broadcast)]])),
  ...Object.fromEntries(reductions.map((op) => [op, [step(18, reduceAxes)]])),
  ReduceSum: [step(13, reduceAxes)],
  Gemm: [step(7, (d) => without(d, "broadcast"))],
  PRelu: [step(7, slopePerChannel)],
  Clip: [step(11, clipLimits)],
  Cast: [step(6, castTo)],
  Selu: [step(6, selu)],
};
