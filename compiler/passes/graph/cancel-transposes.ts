/**
 * Needs types, reshapes in one form. Ensures that no Transpose reads another, that one which moves only axes of extent 1 is a
 * Reshape, and that a Transpose read by nothing but an elementwise operator, a Concat, a Softmax or a reduction stands
 * after it, where it meets others and leaves the producers of the data side by side with what can fuse into them.
 * After the recognisers, which know patterns in the order in which exporters write them.
 */
import { sizeOf, constantOf, type Graph, type ValueName } from "../../ir/graph.ts";
import { newArray } from "../../ir/types.ts";
import type { NodeView } from "../../ops/op.ts";
import { sameShape } from "./editor.ts";
import { broadcastOps, keepsOrder, permutation, reducedAxes, reduceOps, unaryOps } from "./facts.ts";
import { reshape } from "./merge-reshapes.ts";
import { forEach, rewrite, type Editor, type Rule } from "./rewrite.ts";

export const cancelTransposes = (g: Graph): Graph => rewrite(g, {
  ...forEach(unaryOps, (n, e) => behind(e, [n.node.inputs[0]!], ([x]) => e.node(n.node.op, [x!, ...n.node.inputs.slice(1)], n.node.attributes))),
  ...forEach(broadcastOps, sinkThroughBroadcast),
  ...forEach(reduceOps, sinkThroughReduction),
  ...forEach(["Softmax", "LogSoftmax", "Hardmax"], sinkAlongAxis),
  Concat: sinkAlongAxis,
  Transpose: (n, e) => {
    const perm = permutation(n), inner = e.made(n.node.inputs[0], "Transpose");
    const source = (inner ?? n).node.inputs[0]!, first = inner && permutation(inner), whole = first ? perm.map((a) => first[a]!) : perm;
    if (keepsOrder(e.typeOf(source).shape, whole)) return reshape(e, source, n.outType().shape);
    return inner ? e.node("Transpose", [source], { perm: whole }) : undefined;
  },
});

type Make = (sources: readonly ValueName[], perm: readonly number[]) => ValueName | undefined;
/** `make` on what these values were before one and the same Transpose, which then stands behind; undefined if they are not so. */
function behind(e: Editor, values: readonly ValueName[], make: Make): ValueName | undefined {
  const found = values.map((v) => e.soleMade(v, "Transpose")), first = found[0];
  if (!first || found.some((t) => !t || !sameShape(permutation(t), permutation(first)))) return undefined;
  const perm = permutation(first), made = make(found.map((t) => t!.node.inputs[0]!), perm);
  return made === undefined ? undefined : e.node("Transpose", [made], { perm });
}
function sinkThroughBroadcast(n: NodeView, e: Editor): ValueName | undefined {
  const moved = n.node.inputs.filter((v) => e.soleMade(v, "Transpose")), rank = n.outType().shape.length;
  const full = moved.some((v) => sameShape(e.typeOf(v).shape, n.outType().shape));
  const others = n.node.inputs.filter((v) => !moved.includes(v));
  if (!full || moved.some((v) => e.typeOf(v).shape.length !== rank)) return undefined;
  if (others.some((v) => !e.constantOf(v) && e.typeOf(v).shape.length > 0)) return undefined;
  return behind(e, moved, (sources, perm) => {
    const inputs = n.node.inputs.map((v) => (moved.includes(v) ? sources[moved.indexOf(v)]! : permuteBack(e, v, perm)));
    return e.node(n.node.op, inputs, n.node.attributes);
  });
}
/** A constant that, transposed by `perm`, broadcasts as this one does. */
function permuteBack(e: Editor, v: ValueName, perm: readonly number[]): ValueName {
  const c = e.constantOf(v);
  if (!c || sizeOf(c.shape) === 1) return c && c.shape.length > 0 ? e.give({ ...c, shape: [] }) : v;
  const shape = [...new Array<number>(perm.length - c.shape.length).fill(1), ...c.shape], back = shape.map((_, d) => shape[perm.indexOf(d)]!);
  if (keepsOrder(back, perm)) return e.give(constantOf(c.dtype, back, c.data));
  const strides = shape.map((_, d) => sizeOf(shape.slice(d + 1))), data = newArray(c.dtype, c.data.length);
  const steps = back.map((_, d) => strides[perm.indexOf(d)]!), index = back.map(() => 0);
  for (let i = 0, from = 0; i < data.length; i++) {
    data[i] = c.data[from]!;
    for (let d = back.length - 1; d >= 0; d--) {
      from += steps[d]!;
      if (++index[d]! < back[d]!) break;
      from -= steps[d]! * back[d]!;
      index[d] = 0;
    }
  }
  return e.give(constantOf(c.dtype, back, data));
}
function sinkThroughReduction(n: NodeView, e: Editor): ValueName | undefined {
  const axes = reducedAxes(n);
  if (!axes || !n.int("keepdims")) return undefined;
  return behind(e, [n.node.inputs[0]!], ([x], perm) => {
    const moved = axes.map((a) => perm[a]!).sort((a, b) => a - b);
    return moved.length === 0 ? undefined : e.node(n.node.op, [x!, e.constant("i64", [moved.length], moved)], n.node.attributes);
  });
}
const sinkAlongAxis: Rule = (n, e) => behind(e, n.node.inputs, (sources, perm) =>
  e.node(n.node.op, sources, { ...n.node.attributes, axis: perm[n.axis(n.int("axis"), perm.length)]! }));
