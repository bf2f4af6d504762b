/** The smallest part of a graph that fails in the same way. */
import { capturedBy, isGraph, producers, type Constant, type Graph, type Node, type ValueType } from "../../compiler/ir/graph.ts";
import { range } from "../../compiler/ir/linear.ts";
import { parameter } from "../../compiler/ir/scalar.ts";
import { renameInputs } from "../../compiler/passes/graph/editor.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import type { Failure } from "./check.ts";
import { instanceOf, type Sample } from "./meaning.ts";
import { isOpen, symbolsOf, typed } from "./open.ts";

type Values = readonly ReadonlyMap<string, Constant>[];
/** The same with these nodes only: what they read from others becomes an input with the value it had, what others read an output. */
function part(s: Sample, nodes: readonly Node[], wanted: readonly string[], values: Values): Sample | null {
  const g = s.graph, made = new Set(nodes.flatMap((n) => n.outputs)),
    read = [...new Set(nodes.flatMap((n) => [...n.inputs, ...capturedBy(n)]))].filter((v) => v && !made.has(v));
  const inputs = read.filter((v) => !g.constants.has(v)), outputs = wanted.filter((v) => made.has(v)), types = typesOf(s);
  if (nodes.length === 0 || outputs.length === 0 || [...inputs, ...outputs].some((v) => !types.has(v))) return null;
  const given = new Map(inputs.map((v) => [v, named(types.get(v)!)])), there = new Set([...inputs, ...made]), known = values.filter((all) => inputs.every((v) => all.has(v)));
  const graph: Graph = {
    ...g, inputs, outputs, nodes, constants: new Map([...g.constants].filter(([v]) => read.includes(v))),
      types: isOpen(g) ? given : new Map([...g.types].filter(([v]) => there.has(v))),
  };
  return known.length ? { graph, sets: known.map((all) => new Map(inputs.map((v) => [v, all.get(v)!]))) } : null;
}
/** An input has sizes of its own where it had what was computed of others. */
function named(t: ValueType): ValueType {
  return { ...t, shape: t.shape.map((d) => (typeof d === "number" || (d.kind === "var" && range(d)[0] > 0) ? d : parameter(`$d${d.id}`, [Math.max(1, range(d)[0]), range(d)[1]]))) };
}
const known = new WeakMap<Graph, ReadonlyMap<string, ValueType>>();
/** The types of all values. */
function typesOf({ graph }: Sample): ReadonlyMap<string, ValueType> {
  if (!isOpen(graph) && graph.nodes.every((n) => n.outputs.every((v) => !v || graph.types.has(v)))) return graph.types;
  let all = known.get(graph);
  if (!all) {
    try { all = typed(everything(graph)).types; } catch { all = new Map(); }
    known.set(graph, all);
  }
  return all;
}
/** With all values as outputs. */
const everything = (g: Graph): Graph => ({ ...g, outputs: [...new Set([...g.outputs, ...g.nodes.flatMap((n) => n.outputs.filter(Boolean))])] });
/** All values of each set, as far as it has some. */
const valuesOf = ({ graph, sets }: Sample): Values => sets.map((feeds) => {
  const all = everything(graph), fixed = instanceOf(all, feeds);
  try { return new Map([...feeds, ...evaluateGraph(fixed ?? all, feeds)]); } catch { return feeds; }
});
/** With a number in the place of a size, and the sets that have it. */
function closed(s: Sample): readonly Sample[] {
  return [...symbolsOf(s.graph)].flatMap(([name, symbol]) => {
    const sizeIn = (feeds: ReadonlyMap<string, Constant>) => s.graph.inputs.flatMap((v) => s.graph.types.get(v)!.shape.flatMap((d, i) => (d === symbol ? [feeds.get(v)!.shape[i]!] : [])))[0]!;
    return [...new Set(s.sets.map(sizeIn))].map((size): Sample => ({
      graph: { ...s.graph, types: new Map([...s.graph.types].map(([v, t]) => [v, { ...t, shape: t.shape.map((d) => (typeof d === "object" && d.kind === "var" && d.name === name ? size : d)) }])) },
      sets: s.sets.filter((feeds) => sizeIn(feeds) === size),
    }));
  });
}
/** Without nodes that no output needs. */
function trimmed(s: Sample, outputs: readonly string[], values: Values, without?: Node): Sample | null {
  const wanted = new Set(outputs), kept: Node[] = [];
  for (const n of s.graph.nodes.toReversed()) {
    if (n === without || !n.outputs.some((o) => wanted.has(o))) continue;
    kept.unshift(n);
    for (const v of [...n.inputs, ...capturedBy(n)]) wanted.add(v);
  }
  return part(s, kept, outputs, values);
}
/** All that read the node's only output read its input of the same type. */
function bypassed(s: Sample, n: Node, values: Values): Sample | null {
  const types = typesOf(s), same = (a?: ValueType, b?: ValueType) => a && b && a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i]), [out] = n.outputs,
    by = n.inputs.find((v) => v && !s.graph.constants.has(v) && same(types.get(v), types.get(out!)));
  if (!by || n.outputs.length > 1) return null;
  const graph = { ...s.graph, nodes: s.graph.nodes.filter((x) => x !== n).map((x) => ({ ...x, inputs: x.inputs.map((v) => (v === out ? by : v)) })) };
  const outputs = graph.outputs.map((v) => (v === out ? by : v)).filter((v, i, all) => all.indexOf(v) === i && producers(graph).has(v));
  return trimmed({ ...s, graph }, outputs, values);
}
/** One node less in a sub-graph, whose readers read what it read; what does not hold together fails in another way. */
function inside(s: Sample): readonly Sample[] {
  const changed = (g: Graph): readonly Graph[] => g.nodes.flatMap((n, i) => [
    ...(g !== s.graph ? n.inputs.filter(Boolean).map((by) => without(g, n, by)) : []),
    ...Object.entries(n.attributes).flatMap(([name, a]) => (isGraph(a) ? changed(a).map((inner) => ({ ...g, nodes: g.nodes.with(i, { ...n, attributes: { ...n.attributes, [name]: inner } }) })) : [])),
  ]);
  return changed(s.graph).map((graph) => ({ ...s, graph }));
}
/** All that read what the node makes read `by`. */
function without(g: Graph, n: Node, by: string): Graph {
  const to = (v: string) => (n.outputs.includes(v) ? by : v);
  return { ...g, nodes: g.nodes.filter((x) => x !== n).map((x) => renameInputs(x, to)), outputs: g.outputs.map(to) };
}
const nodesIn = (g: Graph): number => g.nodes.reduce((sum, n) => sum + 1 + Object.values(n.attributes).reduce<number>((inner, a) => inner + (isGraph(a) ? nodesIn(a) : 0), 0), 0);

/** `fails` tells which of some samples fail like the first one did, by index. It runs often, on many samples at once. */
export async function shrink(first: Sample, fails: (list: readonly Sample[]) => Promise<ReadonlySet<number>>): Promise<Sample> {
  const size = (s: Sample) => nodesIn(s.graph) * 100 + s.graph.outputs.length * 10 + s.graph.inputs.length + symbolsOf(s.graph).size * 5;
  let best = first;
  const improve = async (list: readonly (Sample | null)[]): Promise<boolean> => {
    const smaller = list.filter((s): s is Sample => s !== null && size(s) < size(best)).sort((a, b) => size(a) - size(b));
    for (let from = 0; from < smaller.length; from += 24) {
      const some = smaller.slice(from, from + 24), bad = await fails(some), found = some.findIndex((_, i) => bad.has(i));
      if (found >= 0) { best = some[found]!; return true; }
    }
    return false;
  };
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
      ...closed(now), ...inside(now),
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
