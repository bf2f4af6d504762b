/** Whether a node has the inputs, outputs and attributes that its operator has: what type inference looks at before it asks the entry. */
import type { Diagnostic } from "../../diagnostics.ts";
import { isConstant, isGraph, isSizeList, type Attribute, type Node } from "../../ir/graph.ts";
import type { AttributeKind, Op } from "../../ops/op.ts";

const whole = (x: unknown): boolean => typeof x === "number" && Number.isInteger(x);
const listOf = (test: (x: unknown) => boolean) => (a: Attribute): boolean => Array.isArray(a) && a.every(test);
const isKind: Readonly<Record<AttributeKind, (a: Attribute) => boolean>> = {
  int: whole,
  float: (a) => typeof a === "number",
  string: (a) => typeof a === "string",
  ints: listOf(whole),
  floats: listOf((x) => typeof x === "number"),
  strings: listOf((x) => typeof x === "string"),
  tensor: (a) => typeof a === "object" && isConstant(a),
  sizes: (a) => typeof a === "object" && isSizeList(a),
  graph: (a) => typeof a === "object" && isGraph(a),
};
/** Such as "2 inputs". */
export const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
const ignored = (n: Node, attribute: string): Diagnostic =>
  ({ severity: "warning", code: "unknown-attribute", message: `${n.op} has no attribute ${attribute}; it is ignored`, op: n.op, node: n.name });

/** All that is wrong with the form of a node: errors, and warnings where something is ignored. */
export function checkForm(n: Node, op: Op): readonly Diagnostic[] {
  const errors: string[] = [], [least, most] = op.inputs, [leastOut, mostOut] = op.outputs ?? [1, 1], specs = op.attributes ?? {};
  if (n.inputs.length > most) errors.push(`has ${plural(n.inputs.length, "input")}, but ${n.op} takes at most ${most}`);
  // Of an operator that takes any number of operands, each has to be there; loops are another matter.
  const needed = most === Infinity && !Object.values(specs).some((a) => a.kind === "graph") ? Math.max(least, n.inputs.length) : least;
  for (let i = 0; i < needed; i++) if (!n.inputs[i]) errors.push(`input ${i} of ${n.op} is missing`);
  if (n.outputs.length > mostOut) errors.push(`has ${plural(n.outputs.length, "output")}, but ${n.op} has at most ${mostOut}`);
  if (n.outputs.length < leastOut) errors.push(`has ${plural(n.outputs.length, "output")}, but ${n.op} has at least ${leastOut}`);
  for (const [name, spec] of Object.entries(specs)) {
    const a = n.attributes[name];
    if (a === undefined) { if (spec.default === undefined && !spec.optional) errors.push(`attribute ${name} of ${n.op} is missing`); }
    else if (!isKind[spec.kind](a)) errors.push(`attribute ${name} of ${n.op} must be of kind ${spec.kind}`);
  }
  return [
    ...errors.map((message): Diagnostic => ({ severity: "error", code: "bad-model", message, op: n.op, node: n.name })),
    ...Object.keys(n.attributes).filter((a) => !Object.hasOwn(specs, a)).map((a) => ignored(n, a)),
  ];
}
/** The node without sub-graphs that its operator does not have: they are no part of what the node means. Warnings say which. */
export function withoutForeignGraphs(n: Node, op: Op | undefined): { readonly node: Node; readonly warnings: readonly Diagnostic[] } {
  const foreign = op ? Object.entries(n.attributes).filter(([name, a]) => isGraph(a) && !Object.hasOwn(op.attributes ?? {}, name)).map(([name]) => name) : [];
  if (foreign.length === 0) return { node: n, warnings: [] };
  const attributes = Object.fromEntries(Object.entries(n.attributes).filter(([name]) => !foreign.includes(name)));
  return { node: { ...n, attributes }, warnings: foreign.map((name) => ignored(n, name)) };
}
