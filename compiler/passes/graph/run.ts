/** Runs passes over a graph: verifies after each, times it, dumps it. */
import { printGraph } from "../../ir/graph-text.ts";
import { verifyGraph } from "../../ir/verify-graph.ts";
import { isStatic, producers, sizesMadeBy, type Graph, type Node, type ValueType } from "../../ir/graph.ts";
import { inferNode } from "./editor.ts";
import type { GraphPass, PassList } from "./pipeline.ts";

/** What `runPasses` does beside running them. */
export interface RunOptions {
  /** Gets the graph's text after each pass that changed it, under a numbered name such as "03-fold-scales.txt". */
  readonly dump?: (fileName: string, text: string) => void;
  /** Whether the graph is checked after each pass; true by default. */
  readonly verify?: boolean;
}
/** What a pass did: its name, the milliseconds it took, and how many nodes it left. */
export interface PassReport { readonly pass: string; readonly ms: number; readonly nodes: number; readonly changed: boolean }

/** A pass that threw or left a graph that does not hold together. `reproducer` is the text of the graph before the pass. */
export class PassError extends Error {
  readonly pass: string;
  readonly problems: readonly string[];
  readonly reproducer: string;
  constructor(pass: string, problems: readonly string[], reproducer: string) {
    super(`pass ${pass} failed:\n${problems.map((p) => `  ${p}`).join("\n")}`);
    this.name = "PassError"; this.pass = pass; this.problems = problems; this.reproducer = reproducer;
  }
}

/** The graph after the passes, and a report on each run of each. Throws PassError; its reproducer is dumped too. */
export function runPasses(g: Graph, list: PassList, options: RunOptions = {}): { readonly graph: Graph; readonly reports: readonly PassReport[] } {
  const reports: PassReport[] = [];
  const once = (before: Graph, pass: GraphPass): Graph => {
    const start = performance.now(), number = String(reports.length + 1).padStart(2, "0");
    const broken = (problems: readonly string[]): never => {
      const error = new PassError(pass.name, problems, printGraph(before));
      options.dump?.(`${number}-${pass.name}-reproducer.txt`, error.reproducer);
      throw error;
    };
    const after = attempt(() => pass.run(before), broken), changed = !sameGraph(before, after);
    reports.push({ pass: pass.name, ms: performance.now() - start, nodes: after.nodes.length, changed });
    if (changed && options.verify !== false) {
      const problems = verifyGraph(after, infer);
      if (problems.length > 0) broken(problems);
    }
    if (changed) options.dump?.(`${number}-${pass.name}.txt`, printGraph(after));
    return changed ? after : before;
  };
  let graph = g;
  for (const entry of list) {
    if ("run" in entry) { graph = once(graph, entry); continue; }
    for (let round = 0; round < entry.most; round++) {
      const before = graph;
      graph = entry.repeat.reduce(once, graph);
      if (graph === before) break;
    }
  }
  return { graph, reports };
}
function attempt<T>(f: () => T, broken: (problems: readonly string[]) => never): T {
  try { return f(); } catch (error) { return broken([error instanceof Error ? error.message : String(error)]); }
}
const makers = new WeakMap<Graph, ReadonlyMap<string, Node>>();
function makerOf(v: string, g: Graph): Node | undefined {
  let known = makers.get(g);
  if (!known) makers.set(g, (known = producers(g)));
  return known.get(v);
}
/** Types by the operators' entries; what the graph states stands in where the entry cannot know. */
export const infer = (n: Node, g: Graph): readonly ValueType[] =>
  inferNode(n, (v) => g.types.get(v) ?? g.constants.get(v), (v) => g.constants.get(v) ?? sizesMadeBy(makerOf(v, g)), (i) => {
    const t = g.types.get(n.outputs[i] ?? "");
    return t && isStatic(t) ? t : undefined;
  });
/** Whether nothing has changed but, perhaps, the object that holds it. */
function sameGraph(a: Graph, b: Graph): boolean {
  return a === b || (a.nodes.length === b.nodes.length && a.nodes.every((n, i) => n === b.nodes[i])
    && a.outputs.length === b.outputs.length && a.outputs.every((v, i) => v === b.outputs[i])
    && a.constants.size === b.constants.size && [...a.constants].every(([v, c]) => b.constants.get(v) === c));
}
