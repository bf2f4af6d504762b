/**
 * Needs nothing. Ensures that no output of the graph is a constant: an Identity of it has the output's name. Last, since folding
 * and removing identities make outputs constant.
 */
import type { Graph, Node } from "../../ir/graph.ts";
import { renameInputs } from "./editor.ts";

export function nameOutputs(g: Graph): Graph {
  const wanted = [...new Set(g.outputs.filter((v) => g.constants.has(v) && !g.inputs.includes(v)))];
  if (wanted.length === 0) return g;
  const taken = new Set([...g.types.keys(), ...g.constants.keys(), ...g.nodes.map((n) => n.name)]), to = new Map<string, string>();
  const unused = (stem: string): string => {
    let name = stem;
    for (let i = 2; taken.has(name); i++) name = `${stem}.${i}`;
    taken.add(name);
    return name;
  };
  for (const v of wanted) to.set(v, unused(`${v}.value`));
  const rename = (v: string) => to.get(v) ?? v;
  const type = (v: string) => { const { dtype, shape } = g.constants.get(v)!; return { dtype, shape }; };
  const copies = wanted.map((v): Node =>
    ({ name: unused(`${v}.identity`), op: "Identity", inputs: [rename(v)], outputs: [v], attributes: {}, origin: [] }));
  return {
    ...g, nodes: [...g.nodes.map((n) => renameInputs(n, rename)), ...copies],
    constants: new Map([...g.constants].map(([v, c]) => [rename(v), c])),
    types: new Map([...[...g.types].map(([v, t]) => [rename(v), t] as const), ...wanted.map((v) => [v, type(v)] as const)]),
  };
}
