/**
 * Needs types. Ensures one operator for what keeps all elements in their order: Squeeze, Unsqueeze and Flatten are Reshape, of a
 * constant shape of plain numbers, and no Reshape reads another. After shapes are known and constants folded; before
 * cancel-transposes and the recognisers, which meet one form only.
 */
import type { Graph, ValueName } from "../ir/graph.ts";
import { sameShape } from "./editor.ts";
import { forEach, rewrite, type Editor } from "./rewrite.ts";

export const mergeReshapes = (g: Graph): Graph => rewrite(g, forEach(["Reshape", "Squeeze", "Unsqueeze", "Flatten"], (n, e) => {
  const [x] = n.node.inputs as [ValueName], source = e.made(x, "Reshape")?.node.inputs[0] ?? x, { shape } = n.out();
  const plain = n.node.op === "Reshape" && source === x && n.constant(1) !== undefined && sameShape(n.parameter(1)!, shape)
    && Boolean(n.int("allowzero")) === shape.includes(0);
  return plain ? undefined : reshape(e, source, shape);
}));

/** The value with another shape; itself if it has that shape. */
export function reshape(e: Editor, v: ValueName, shape: readonly number[]): ValueName {
  if (sameShape(e.type(v).shape, shape)) return v;
  return e.node("Reshape", [v, e.constant("i64", [shape.length], shape)], shape.includes(0) ? { allowzero: 1 } : {});
}
