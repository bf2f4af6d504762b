/** The smallest part of a graph that fails in the same way. */
import { isStatic, producers, type Constant, type Graph, type Node } from "../../compiler/ir/graph.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import type { Failure, Sample } from "./check.ts";

/** The same with these nodes only: what they read from others becomes an input with the value it had, what others read an output. */
function part(s: Sample, nodes: readonly Node[], wanted: readonly string[], values: readonly ReadonlyMap<string, Constant>[]): Sample | null {
  const g = s.graph, made = new Set(nodes.flatMap((n) => n.outputs)),
    read = [...new Set(nodes.flatMap((n) => n.inputs))].filter((v) => v && !made.has(v));
  const inputs = read.filter((v) => !g.constants.has(v)), outputs = wanted.filter((v) => made.has(v)), there = new Set([...inputs, ...made]);
  if (nodes.length === 0 || outputs.length === 0) return null;
  const graph: Graph = {
    ...g, inputs, outputs, nodes, constants: new Map([...g.constants].filter(([v]) => read.includes(v))),
      types: new Map([...g.types].filter(([v]) => there.has(v))),
  };
  if ([...inputs, ...outputs].some((v) => !isStatic(graph.types.get(v)!))) return null;
  return { graph, sets: values.map((known) => new Map(inputs.map((v) => [v, known.get(v)!]))) };
}
/** Without nodes that no output needs. */
function trimmed(s: Sample, outputs: readonly string[], values: readonly ReadonlyMap<string, Constant>[], without?: Node): Sample | null {
  const wanted = new Set(outputs), kept: Node[] = [];
  for (const n of s.graph.nodes.toReversed()) {
    if (n === without || !n.outputs.some((o) => wanted.has(o))) continue;
    kept.unshift(n);
    for (const v of n.inputs) wanted.add(v);
  }
  return part(s, kept, outputs, values);
}
/** All that read the node's only output read its input of the same type. */
function bypassed(s: Sample, n: Node, values: readonly ReadonlyMap<string, Constant>[]): Sample | null {
  const type = (v: string) => JSON.stringify(s.graph.types.get(v) ?? null), [out] = n.outputs,
    by = n.inputs.find((v) => v && !s.graph.constants.has(v) && type(v) === type(out!));
  if (!by || n.outputs.length > 1) return null;
  const graph = { ...s.graph, nodes: s.graph.nodes.filter((x) => x !== n).map((x) => ({ ...x, inputs: x.inputs.map((v) => (v === out ? by : v)) })) };
  const outputs = graph.outputs.map((v) => (v === out ? by : v)).filter((v, i, all) => all.indexOf(v) === i && producers(graph).has(v));
  return trimmed({ ...s, graph }, outputs, values);
}

/** `fails` tells which of some samples fail like the first one did, by index. It runs often, on many samples at once. */
export async function shrink(first: Sample, fails: (list: readonly Sample[]) => Promise<ReadonlySet<number>>): Promise<Sample> {
  const size = (s: Sample) => s.graph.nodes.length * 100 + s.graph.outputs.length * 10 + s.graph.inputs.length;
  let best = first;
  const improve = async (list: readonly (Sample | null)[]): Promise<boolean> => {
    const smaller = list.filter((s): s is Sample => s !== null && size(s) < size(best)).sort((a, b) => size(a) - size(b));
    for (let from = 0; from < smaller.length; from += 24) {
      const some = smaller.slice(from, from + 24), bad = await fails(some), found = some.findIndex((_, i) => bad.has(i));
      if (found >= 0) { best = some[found]!; return true; }
    }
    return false;
  };
  const valuesOf = (s: Sample) => s.sets.map((feeds) => {
    const values = new Map(feeds);
    evaluateGraph({ ...s.graph, outputs: [...new Set([...s.graph.outputs, ...s.graph.nodes.flatMap((n) => n.outputs)])] },
      feeds).forEach((v, k) => { values.set(k, v); });
    return values;
  });
  for (let length = 1; length < first.graph.nodes.length; length *= 2) {
    const { nodes, outputs } = first.graph, values = valuesOf(first);
    const windows = Array.from({ length: nodes.length - length + 1 }, (_, i) => nodes.slice(i, i + length)).map((some) => {
      const outside = new Set([...outputs, ...nodes.filter((n) => !some.includes(n)).flatMap((n) => n.inputs)]);
      return part(first, some, some.flatMap((n) => n.outputs).filter((o) => outside.has(o)), values);
    });
    if (await improve(windows)) break;
  }
  for (let goes = true; goes;) {
    const values = valuesOf(best), { outputs, nodes } = best.graph, now = best;
    goes = await improve([
      ...(outputs.length > 1 ? outputs.map((v) => trimmed(now, outputs.filter((x) => x !== v), values)) : []),
      ...nodes.map((n) => trimmed(now, outputs.filter((v) => !n.outputs.includes(v)), values, n)),
      ...nodes.map((n) => bypassed(now, n, values)),
      ...nodes.map((n) => trimmed(now, [...new Set([...outputs.filter((v) => !n.outputs.includes(v)),
        ...n.inputs.filter((v) => v && producers(now.graph).has(v))])], values, n)),
    ]);
  }
  return best;
}
/** Whether two failures are of one kind. */
export const alike = (a: Failure, b: Failure): boolean => a.kind === b.kind && (a.kind !== "compiler" || shape(a.reason) === shape(b.reason));
const shape = (reason: string): string => (reason.split("\n")[0] ?? "").replace(/\d+/g, "0").slice(0, 40);
