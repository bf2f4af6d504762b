/**
 * Needs types. Ensures that no two constants are equal, and no two nodes compute the same from the same. Nodes that draw random
 * numbers or hold sub-graphs are left alone. Stands after the constants are folded, which makes many equal ones.
 */
import { isConstant, isGraph, type Attribute, type Constant, type Graph, type Node, type ValueName } from "../../ir/graph.ts";
import { renameInputs } from "./editor.ts";
import { rewrite } from "./rewrite.ts";

export const mergeDuplicates = (g: Graph): Graph => mergeNodes(mergeConstants(g));

const random: ReadonlySet<string> = new Set(["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"]);
const commutes: ReadonlySet<string> = new Set(["Add", "Mul", "Max", "Min", "And", "Or", "Xor", "Equal"]);

function mergeNodes(g: Graph): Graph {
  const first = new Map<string, string>();
  return rewrite(g, (n, e) => {
    const { node } = n, key = keyOf(node);
    if (key === null) return undefined;
    const same = e.find(first.get(key) ?? "");
    if (!same || !node.outputs.every((o, i) => !e.wanted(o) || same.outputs[i])) {
      first.set(key, node.name);
      return undefined;
    }
    return same.outputs;
  });
}
function keyOf(n: Node): string | null {
  if (random.has(n.op) || n.op === "Identity") return null;
  const attributes = Object.entries(n.attributes).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, a]) => [k, textOf(a)]);
  const inputs = commutes.has(n.op) ? n.inputs.toSorted() : n.inputs;
  return attributes.some(([, text]) => text === null) ? null : JSON.stringify([n.op, inputs, attributes]);
}
/** Null where an attribute cannot be compared. */
function textOf(a: Attribute): string | null {
  if (isGraph(a)) return null;
  if (isConstant(a)) return a.data.length > 1024 ? null : JSON.stringify([a.dtype, a.shape, Array.from<unknown, unknown>(a.data, exact)]);
  return JSON.stringify(Array.isArray(a) ? a.map(exact) : exact(a));
}
const exact = (x: unknown): unknown => (typeof x === "number" || typeof x === "bigint" ? (Object.is(x, -0) ? "-0" : `${x}`) : x);

/** Compares bytes within each type and shape; most pairs differ in the first few. */
function mergeConstants(g: Graph): Graph {
  const groups = new Map<string, [ValueName, Constant][]>(), to = new Map<ValueName, ValueName>();
  const given = new Set([...g.outputs, ...g.inputs]);
  for (const [v, c] of g.constants) {
    const key = `${c.dtype}[${c.shape}]`, group = groups.get(key) ?? [];
    const same = given.has(v) ? undefined : group.find(([, other]) => equal(c, other));
    if (same) to.set(v, same[0]);
    else group.push([v, c]);
    groups.set(key, group);
  }
  if (to.size === 0) return g;
  const gone = ([v]: readonly [ValueName, unknown]) => !to.has(v);
  return {
    ...g, nodes: g.nodes.map((n) => renameInputs(n, (v) => to.get(v) ?? v)),
    constants: new Map([...g.constants].filter(gone)), types: new Map([...g.types].filter(gone)),
  };
}
function equal(a: Constant, b: Constant): boolean {
  const bytes = (c: Constant) => Buffer.from(c.data.buffer, c.data.byteOffset, c.data.byteLength);
  return a.data === b.data || Buffer.compare(bytes(a), bytes(b)) === 0;
}
