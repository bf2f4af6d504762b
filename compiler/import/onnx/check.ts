/** Whether every value of an imported graph comes from somewhere. */
import type { Diagnostic } from "../../diagnostics.ts";
import { isGraph, type Graph, type ValueName } from "../../ir/graph.ts";

/** Errors of a graph and its sub-graphs. `known`: values that need no producer here; `outer`: those that the graphs around make later. */
export function checkValues(g: Graph, known: ReadonlySet<ValueName>, outer: ReadonlySet<ValueName> = new Set()): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const error = (message: string, about = {}) => { found.push({ severity: "error", code: "bad-model", message, ...about }); };
  const have = new Set([...known, ...g.inputs, ...g.constants.keys()]);
  const later = new Set([...outer, ...g.nodes.flatMap((n) => n.outputs)]), missing = new Set<ValueName>();
  for (const n of g.nodes) {
    const about = { node: n.name, op: n.op };
    for (const v of n.inputs) {
      if (!v || have.has(v) || missing.has(v)) continue;
      missing.add(v);
      if (later.has(v)) error(`nodes depend on each other in a circle: ${n.name} reads ${v}, which is computed from it`, about);
      else error(`node ${n.name} reads ${v}, which is no input, no constant and no output of another node`, about);
    }
    for (const inner of Object.values(n.attributes).filter(isGraph)) {
      found.push(...checkValues(inner, new Set([...have, ...missing]), later));
    }
    for (const o of n.outputs.filter(Boolean)) have.add(o);
  }
  for (const [what, list] of [["input", g.inputs], ["output", g.outputs]] as const) {
    const i = list.indexOf("");
    if (i >= 0) error(`${what} ${i} has no name`);
  }
  for (const o of g.outputs) if (o && !have.has(o)) error(`the output ${o} is computed by no node`);
  return found;
}
