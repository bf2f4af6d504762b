/** Editing graphs: a pass gives rules, `rewrite` walks the nodes once in order and returns a new graph. */
import type { NodeView } from "../../ops/op.ts";
import type { Graph, ValueName } from "../../ir/graph.ts";
import { Editor } from "./editor.ts";

export type { Editor } from "./editor.ts";
/**
 * Looks at one node and returns the values that stand for its outputs (one name: for the first), or undefined to leave it.
 * Values may be made on the way with `e.node`; what is made and then not needed is dropped.
 */
export type Rule = (n: NodeView, e: Editor) => ValueName | readonly ValueName[] | undefined;
/** Rules by operator. */
export type Rules = Readonly<Record<string, Rule>>;

/**
 * Applies the rules to each node once, producers first; a rule sees what was rewritten before it. A new node takes over the
 * name of the value it stands for; nodes whose results nobody reads any more vanish with their constants, and their origins
 * pass to the nodes that replaced them. Returns `g` itself where no rule applied. A rule that asks for numbers where
 * sizes are known only at run time does not apply.
 */
export function rewrite(g: Graph, rules: Rules | Rule): Graph {
  const e = new Editor(g);
  for (const { name } of g.nodes) e.visit(name, (op) => (typeof rules === "function" ? rules : rules[op]));
  return e.result();
}
/** The same rule for several operators. */
export const forEach = (names: Iterable<string>, rule: Rule): Rules => Object.fromEntries(Array.from(names, (name) => [name, rule]));
