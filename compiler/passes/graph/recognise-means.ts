/**
 * Needs types, padding in numbers. Ensures one form for reductions over whole axes: GlobalAveragePool, GlobalMaxPool and pools
 * whose window is the whole image are ReduceMean and ReduceMax; every reduction of known axes keeps them as extents of 1,
 * with a Reshape behind where they were dropped; two reductions of one kind in a row are one. Before cancel-transposes and
 * layouts, which know this form only.
 */
import type { Graph, ValueName } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { sameShape } from "./editor.ts";
import { reducedAxes, reduceOps } from "./facts.ts";
import { reshape } from "./merge-reshapes.ts";
import { forEach, rewrite, type Editor, type Rule } from "./rewrite.ts";

export const recogniseMeans = (g: Graph): Graph => rewrite(g, {
  GlobalAveragePool: overImage("ReduceMean"), GlobalMaxPool: overImage("ReduceMax"),
  AveragePool: wholeWindow("ReduceMean"), MaxPool: wholeWindow("ReduceMax"),
  ...forEach(reduceOps, canonical),
});

const reduce = (e: Editor, op: string, v: ValueName, axes: readonly number[]): ValueName => e.node(op, [v, e.constant("i64", [axes.length], axes)]);
function overImage(op: string): Rule {
  return (n, e) => {
    const axes = n.type(0).shape.map((_, d) => d).slice(2);
    return axes.length > 0 ? reduce(e, op, n.node.inputs[0]!, axes) : undefined;
  };
}
/** A window of all elements; the step and the rounding then do not matter. */
function wholeWindow(op: string): Rule {
  const whole = overImage(op);
  return (n, e) => {
    const unpadded = n.string("auto_pad") === "NOTSET" && (n.intsOr("pads") ?? []).every((p) => p === 0);
    const isWhole = unpadded && sameShape(n.ints("kernel_shape"), n.type(0).shape.slice(2)) && (n.intsOr("dilations") ?? []).every((d) => d === 1);
    return isWhole && n.outType().shape.slice(2).every((d) => d === 1) && !e.wanted(n.node.outputs[1]) ? whole(n, e) : undefined;
  };
}
/** Applying them twice is applying them once over all axes. */
const chains: ReadonlySet<string> = new Set(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"]);
function canonical(n: NodeView, e: Editor): ValueName | undefined {
  const axes = reducedAxes(n);
  if (!axes || axes.length === 0) return undefined;
  const inner = chains.has(n.node.op) ? e.soleMade(n.node.inputs[0], n.node.op) : undefined;
  const more = inner?.int("keepdims") ? reducedAxes(inner) : undefined;
  const plain = n.int("keepdims") !== 0 && n.has(1) && sameShape(n.parameter(1)!, axes);
  if (plain && !more) return undefined;
  const all = [...new Set([...axes, ...(more ?? [])])].sort((a, b) => a - b), source = more ? inner!.node.inputs[0]! : n.node.inputs[0]!;
  return reshape(e, reduce(e, n.node.op, source, all), n.outType().shape);
}
