/**
 * Needs nothing. Ensures that every node has an output that somebody reads, or is one by which runs are refused, that outputs nobody reads have no name, and that
 * there are no constants and types of values that do not exist. First, so that no pass works for nothing.
 */
import { capturedBy, makesDemand, type Graph, type Node } from "../../ir/graph.ts";

export function removeDead(g: Graph): Graph {
  const read = new Set(g.outputs);
  const nodes: Node[] = [];
  for (const n of g.nodes.toReversed()) {
    if (!makesDemand(n) && !n.outputs.some((v) => read.has(v))) continue;
    for (const v of [...n.inputs.filter(Boolean), ...capturedBy(n)]) read.add(v);
    const outputs = n.outputs.map((v) => (makesDemand(n) || read.has(v) ? v : ""));
    nodes.push(outputs.every((v, i) => v === n.outputs[i]) ? n : { ...n, outputs });
  }
  const constants = new Map([...g.constants].filter(([v]) => read.has(v)));
  const known = new Set([...g.inputs, ...constants.keys(), ...nodes.flatMap((n) => n.outputs)]);
  const types = new Map([...g.types].filter(([v]) => known.has(v)));
  return { ...g, nodes: nodes.reverse(), constants, types };
}
