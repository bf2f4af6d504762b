/**
 * Needs types. Ensures that every node's operator has a lowering: operators that are defined by others become those.
 * Stands after the recognition of patterns, which look for whole operators, and before lowering; constants fold once more
 * after it.
 */
import type { Graph } from "../../ir/graph.ts";
import { rewrite, type Rule } from "./rewrite.ts";

/** Expansions may hold operators that expand themselves; deeper than this is a cycle among the entries. */
const deepest = 8;
const expand: Rule = (n, e) => (n.op.lower ? undefined : n.op.expand?.(n, e));

export function expandOperators(g: Graph): Graph {
  for (let depth = 0; depth < deepest; depth++) {
    const next = rewrite(g, expand);
    if (next === g) return g;
    g = next;
  }
  throw new Error(`operators still expand after ${deepest} rounds`);
}
