/** What holds of every graph, whatever made it. Knows no operator and no pass. */
import { capturedBy, isGraph, isStatic, sizeOf, type Graph, type Node, type ValueName, type ValueType } from "./graph.ts";
import { types } from "./types.ts";

/** The types that a node's outputs must have; throws where the node is wrong. */
export type InferNode = (n: Node, g: Graph) => readonly ValueType[];

/**
 * All that is wrong with a graph whose types are known: names used twice, nodes before their inputs, values that nobody
 * defines, constants that nobody reads or whose elements do not fit their shape, values without a type, types that differ
 * from what `infer` says. Empty for a sound graph. `outer`: values of the graphs around a sub-graph.
 */
export function verifyGraph(g: Graph, infer?: InferNode, outer: ReadonlySet<ValueName> = new Set()): readonly string[] {
  const problems: string[] = [], defined = new Set<ValueName>(outer), names = new Set<string>();
  const define = (v: ValueName, what: string) => {
    if (defined.has(v)) problems.push(`value ${v} is defined twice, the second time as ${what}`);
    defined.add(v);
    if (!g.types.has(v) && !g.constants.has(v)) problems.push(`value ${v}, ${what}, has no type`);
  };
  for (const v of g.inputs) define(v, "an input");
  for (const v of g.constants.keys()) define(v, "a constant");
  for (const n of g.nodes) {
    if (names.has(n.name)) problems.push(`two nodes have the name ${n.name}`);
    names.add(n.name);
    for (const v of [...n.inputs.filter(Boolean), ...capturedBy(n)]) {
      if (!defined.has(v)) problems.push(`node ${n.name} (${n.op}) reads ${v}, which nothing before it defines`);
    }
    for (const v of n.outputs) if (v) define(v, `output of node ${n.name}`);
    for (const [key, a] of Object.entries(n.attributes)) {
      if (isGraph(a)) problems.push(...verifyGraph(a, infer && ((x, inner) => infer(x, within(inner, g))), defined).map((p) => `in ${key} of node ${n.name}: ${p}`));
    }
    if (infer) problems.push(...compareTypes(n, g, infer));
  }
  for (const v of g.outputs) if (!defined.has(v)) problems.push(`output ${v} is not defined`);
  problems.push(...checkConstants(g));
  for (const v of g.types.keys()) if (!defined.has(v)) problems.push(`type of ${v}, which does not exist`);
  return problems;
}

/** A sub-graph that knows the types and constants around it. */
const within = (inner: Graph, g: Graph): Graph => ({ ...inner, types: new Map([...g.types, ...inner.types]), constants: new Map([...g.constants, ...inner.constants]) });
function compareTypes(n: Node, g: Graph, infer: InferNode): readonly string[] {
  try {
    const found = infer(n, g);
    return n.outputs.flatMap((v, i) => {
      const stated = v ? g.types.get(v) : undefined, right = found[i];
      if (!stated || !right || equal(stated, right)) return [];
      return [`value ${v} of node ${n.name} (${n.op}) is ${showType(stated)}, but must be ${showType(right)}`];
    });
  } catch (error) {
    return [`node ${n.name} (${n.op}): ${error instanceof Error ? error.message : String(error)}`];
  }
}
function checkConstants(g: Graph): readonly string[] {
  const read = new Set([...g.outputs, ...g.nodes.flatMap((n) => [...n.inputs, ...capturedBy(n)])]);
  return [...g.constants].flatMap(([v, c]) => {
    const size = sizeOf(c.shape), stated = g.types.get(v);
    return [
      ...(read.has(v) ? [] : [`nobody reads constant ${v}`]),
      ...(c.data.length === size ? [] : [`constant ${v} of shape [${c.shape.join(", ")}] has ${c.data.length} elements instead of ${size}`]),
      ...(c.data instanceof types[c.dtype].array ? [] : [`constant ${v} is ${c.dtype}, but its elements are a ${c.data.constructor.name}`]),
      ...(!stated || equal(stated, c) ? [] : [`constant ${v} is ${showType(c)}, but its type is stated as ${showType(stated)}`]),
    ];
  });
}
const equal = (a: ValueType, b: ValueType): boolean =>
  a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i]);
const showType = (t: ValueType): string => (isStatic(t) ? `${t.dtype}[${t.shape.join(", ")}]` : `${t.dtype} of ${t.shape.length} dimensions`);
