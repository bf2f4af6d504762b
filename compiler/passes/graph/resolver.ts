/** What operators on sequences and optional values are resolved with, while types are inferred: see `Op.resolve`. */
import { constantOf, isStatic, type Node, type ValueName, type ValueType } from "../../ir/graph.ts";
import { arrayOf } from "../../ir/types.ts";
import { Unsupported, type Parts, type Resolver } from "../../ops/op.ts";
import type { Around } from "./walk.ts";

/** Something that a node needs could not be typed: that has been said where it happened. */
export class Unclear extends Error {}
function unclear(): never { throw new Unclear(); }
/** Makes what stands for the outputs of `root`. Its methods throw Unclear, and what `afford` throws. */
export function resolverFor(root: Node, g: Around): Resolver {
  const first = root.outputs.find(Boolean) ?? root.name;
  const parts = (v: ValueName): Parts => {
    const found = g.values.partsOf(v);
    if (found !== undefined) return found;
    if (!g.values.typeOf(v)) throw new Unclear();
    return v;
  };
  const typeOf = (v: ValueName): ValueType => g.values.typeOf(v) ?? unclear();
  const nodes: Resolver["nodes"] = (op, inputs, count, attributes = {}) => {
    const outputs = Array.from({ length: count }, () => g.unused(`${first}.${op.toLowerCase()}`));
    g.node({ name: g.unused(`${root.name}/${op}`), op, inputs, outputs, attributes, origin: root.origin });
    return outputs;
  };
  return {
    parts, nodes,
    node: (op, inputs, attributes) => nodes(op, inputs, 1, attributes)[0]!,
    constant: (dtype, shape, values) => g.give(constantOf(dtype, shape, arrayOf(dtype, values)), `${first}.const`),
    typeOf,
    type: (v) => {
      const t = typeOf(v);
      if (!isStatic(t)) throw new Unsupported(`${v} has sizes that are known only at run time, which ${root.op} does not support`, "give them one size instead of bounds");
      return t;
    },
    known: (v) => g.values.constantOf(v),
    made: g.made,
    inline: (body, inputs) => {
      g.afford(body.nodes.length);
      const outputs = body.outputs.map((v) => g.unused(`${root.name}/${v}`)), before = g.diagnostics.length;
      const names = new Map(body.inputs.map((v, i): [ValueName, ValueName] => {
        const given = inputs[i]!;
        if (typeof given === "string") return [v, given];
        const name = g.unused(`${root.name}/${v}`);
        g.define(name, given, root);
        return [v, name];
      }));
      g.branch({ ...root, outputs }, body, names);
      if (g.diagnostics.slice(before).some((d) => d.severity === "error")) throw new Unclear();
      return outputs.map(parts);
    },
  };
}
