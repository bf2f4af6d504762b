/**
 * Needs types. Ensures one operator for what keeps all elements in their order: Squeeze, Unsqueeze and Flatten are Reshape, of a
 * constant shape of plain numbers (or of sizes that a run knows), and no Reshape reads another. A Reshape read by nothing but an elementwise operator, or
 * a Softmax over rows that it keeps whole, stands after it, so that such operators stand next to what computes their input.
 * After shapes are known and constants folded; before cancel-transposes and the recognisers, which meet one form only.
 */
import type { Dim, Graph, ValueName } from "../../ir/graph.ts";
import { sameShape } from "./editor.ts";
import { broadcastOps, unaryOps } from "./facts.ts";
import { forEach, rewrite, type Editor, type Rule } from "./rewrite.ts";

const merge: Rule = (n, e) => {
  const [x] = n.node.inputs as [ValueName], source = e.made(x, "Reshape")?.node.inputs[0] ?? x, { shape } = n.outType();
  const plain = n.node.op === "Reshape" && source === x && n.value(1) !== undefined && sameShape(n.sizes(1)!, shape)
    && Boolean(n.int("allowzero")) === shape.includes(0);
  return plain ? undefined : reshape(e, source, shape);
};
/** The value with another shape; itself if it has that shape. */
export function reshape(e: Editor, v: ValueName, shape: readonly Dim[]): ValueName {
  if (sameShape(e.typeOf(v).shape, shape)) return v;
  return e.node("Reshape", [v, e.sizes(shape)], shape.includes(0) ? { allowzero: 1 } : {});
}

/** `x` of a Reshape of `x` that only one node reads. */
const before = (v: ValueName | undefined, e: Editor): ValueName | undefined => e.soleMade(v, "Reshape")?.node.inputs[0];
const behindUnary: Rule = (n, e) => {
  const [x, ...rest] = n.node.inputs, source = before(x, e);
  return source === undefined ? undefined : reshape(e, e.node(n.node.op, [source, ...rest], n.node.attributes), n.outType().shape);
};
/** Operands that are reshaped from one shape to the result's, single numbers, and a constant for each place in rows that stay whole. */
const behindBroadcast: Rule = (n, e) => {
  const sources = n.node.inputs.map((v) => (sameShape(e.typeOf(v).shape, n.outType().shape) ? before(v, e) : undefined));
  const shapes = sources.flatMap((s) => (s === undefined ? [] : [e.typeOf(s).shape])), [shape] = shapes;
  if (!shape || shapes.some((s) => !sameShape(s, shape))) return undefined;
  const others = n.node.inputs.filter((_, i) => sources[i] === undefined);
  const keepsRows = shape.at(-1) === n.outType().shape.at(-1), isOne = (v: ValueName) => e.typeOf(v).shape.every((d) => d === 1);
  const isRow = (v: ValueName) => { const c = e.constantOf(v); return c !== undefined && c.data.length === shape.at(-1) && c.shape.at(-1) === c.data.length; };
  const fits = (v: ValueName) => isOne(v) || (keepsRows && isRow(v));
  if (others.some((v) => !fits(v) || e.typeOf(v).shape.length > shape.length)) return undefined;
  return reshape(e, e.node(n.node.op, n.node.inputs.map((v, i) => sources[i] ?? v), n.node.attributes), n.outType().shape);
};
const behindRows: Rule = (n, e) => {
  const source = before(n.node.inputs[0], e), { shape } = n.outType(), inner = source === undefined ? [] : e.typeOf(source).shape;
  if (source === undefined || n.axis(n.int("axis"), shape.length) !== shape.length - 1 || inner.at(-1) !== shape.at(-1)) return undefined;
  return reshape(e, e.node(n.node.op, [source], { ...n.node.attributes, axis: -1 }), shape);
};

/** The pass described at the head of this file. */
export const mergeReshapes = (g: Graph): Graph => rewrite(g, {
  ...forEach(unaryOps, behindUnary),
  ...forEach(broadcastOps, behindBroadcast),
  ...forEach(["Softmax", "LogSoftmax", "Hardmax"], behindRows),
  ...forEach(["Reshape", "Squeeze", "Unsqueeze", "Flatten"], merge),
});
