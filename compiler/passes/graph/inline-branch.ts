/**
 * The branch of an If in the place of the If, where the condition is known: exporters leave many whose condition follows
 * from shapes. Part of type inference, because only that finds the condition, and needs the types of what comes out.
 */
import { isGraph, type Constant, type Graph, type Node, type ValueName, type ValueType } from "../../ir/graph.ts";
import { renameInputs } from "./editor.ts";

/** What stands for an If: names are those of the graph around it. */
export interface Branch {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<ValueName, Constant>;
  readonly types: ReadonlyMap<ValueName, ValueType>;
}
/** The sub-graph that an If of a known condition takes; undefined for every other node. */
export function takenBranch(n: Node, constantOf: (v: ValueName) => Constant | undefined): Graph | undefined {
  const condition = n.op === "If" ? constantOf(n.inputs[0] ?? "") : undefined;
  if (condition?.data.length !== 1) return undefined;
  const branch = n.attributes[Number(condition.data[0]) !== 0 ? "then_branch" : "else_branch"];
  return branch !== undefined && isGraph(branch) && branch.inputs.length === 0 && branch.outputs.length === n.outputs.length ? branch : undefined;
}
/**
 * What stands for `n` where it does what the sub-graph `branch` says: makes the outputs of `n`. `inputs`: which values the inputs
 * of a body are. `unused` gives names that the graph does not have.
 */
export function inlined(n: Node, branch: Graph, unused: (wanted: string) => string, inputs: ReadonlyMap<ValueName, ValueName> = new Map()): Branch {
  const made = new Set(branch.nodes.flatMap((x) => x.outputs).filter(Boolean)), names = new Map(inputs);
  branch.outputs.forEach((v, i) => { const o = n.outputs[i]; if (o && made.has(v) && !names.has(v)) names.set(v, o); });
  for (const v of [...made, ...branch.constants.keys()]) if (!names.has(v)) names.set(v, unused(`${n.name}/${v}`));
  const name = (v: ValueName) => names.get(v) ?? v;
  const nodes = branch.nodes.map((x): Node => ({ ...renameInputs(x, name), outputs: x.outputs.map(name), name: unused(`${n.name}/${x.name}`) }));
  // Outputs that are constants, values of the graph around, or the same value a second time.
  const copies = branch.outputs.flatMap((v, i): Node[] => {
    const o = n.outputs[i];
    if (!o || name(v) === o) return [];
    return [{ name: unused(`${n.name}/Identity`), op: "Identity", inputs: [name(v)], outputs: [o], attributes: {}, origin: n.origin }];
  });
  const renamed = <T>(of: ReadonlyMap<ValueName, T>) => new Map([...of].flatMap(([v, x]) => (inputs.has(v) ? [] : [[name(v), x] as const])));
  return { nodes: [...nodes, ...copies], constants: renamed(branch.constants), types: renamed(branch.types) };
}
