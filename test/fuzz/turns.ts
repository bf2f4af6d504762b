/** Numbers of turns stated for the loops of a graph, as `--turns` does: which runs are refused is all that they change. */
import { isGraph, type Graph } from "../../compiler/ir/graph.ts";
import { boundTurns } from "../../compiler/passes/graph/bound-turns.ts";
import { Unsupported } from "../../compiler/ops/op.ts";
import { Draw } from "./draw.ts";
import { typed } from "./open.ts";

const loopsIn = (g: Graph): readonly string[] => g.nodes.flatMap((n) => [...(n.op === "Loop" ? [n.name] : []), ...Object.values(n.attributes).filter(isGraph).flatMap(loopsIn)]);
/** The graph with numbers for some of its loops. */
export function withTurns(g: Graph, seed: number): Graph {
  const draw = new Draw(seed + 555), turns = Object.fromEntries(loopsIn(g).filter(() => draw.chance(0.7)).map((name) => [name, draw.int(0, 6)]));
  const stated = boundTurns(g, turns).graph;
  // Where all is known, it is known too that a loop takes more.
  try { typed(stated); } catch (e) { if (e instanceof Unsupported) return g; throw e; }
  return stated;
}
