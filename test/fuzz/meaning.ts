/** What a graph must give for sets of inputs, and how sensitive it is to rounding. */
import { constantOf, measureOp, type Constant, type Graph } from "../../compiler/ir/graph.ts";
import { arrayOf, isFloat } from "../../compiler/ir/types.ts";
import { evaluateGraph, RefusedRun } from "../../compiler/evaluate/index.ts";
import { Unsupported } from "../../compiler/ops/op.ts";
import { ops } from "../../compiler/ops/index.ts";
import { Draw } from "./draw.ts";
import { isOpen, typed } from "./open.ts";

/** A graph with sets of inputs to run it on; where its sizes are open, each set has its own. */
export interface Sample { readonly graph: Graph; readonly sets: readonly ReadonlyMap<string, Constant>[] }
/** The outputs, and how far each moves when all values move by a rounding error; or why a run has to be refused; or nothing, where the graph has no meaning for it. */
export type Expected = { readonly values: readonly Constant[]; readonly spread: readonly number[] } | { readonly refused: string } | null;

const largest = (c: Constant): number => { let m = 0; for (const x of c.data) if (Number.isFinite(Number(x))) m = Math.max(m,
  Math.abs(Number(x))); return m; };
/** With a rounding error in each float. */
function shaken(c: Constant, draw: Draw): Constant {
  if (!isFloat(c.dtype)) return c;
  const moved = Array.from(c.data as Iterable<number>, (x) => x * (1 + (draw.chance(0.5) ? 1.2e-7 : -1.2e-7)));
  return constantOf(c.dtype, c.shape, arrayOf(c.dtype, moved));
}
const farthest = (a: Constant, b: Constant): number => {
  if (a.shape.join() !== b.shape.join()) return Infinity;
  let most = 0;
  for (let i = 0; i < a.data.length; i++) { const off = Math.abs(Number(a.data[i]) - Number(b.data[i])); if (Number.isFinite(off)) most = Math.max(most, off); }
  return most;
};
/** Whether nodes may find sizes. */
const findsSizes = (g: Graph): boolean => g.nodes.some((n) => { const op = ops.get(n.op); return n.op === measureOp || op?.resolve || op?.control; });
/** A rounding error may decide which way a graph goes, which not every change shows. */
const shakes = (g: Graph): number => (g.nodes.some((n) => ops.get(n.op)?.control) ? 3 : 1);
/** A graph may be as sensitive as it likes. */
const spreadOf = (graph: Graph, feeds: ReadonlyMap<string, Constant>, exact: readonly Constant[], seed: number): readonly number[] =>
  Array.from({ length: shakes(graph) }, (_, i) => spreadOnce(graph, feeds, exact, seed + 100 * i)).reduce((a, b) => a.map((x, k) => Math.max(x, b[k]!)));
function spreadOnce(graph: Graph, feeds: ReadonlyMap<string, Constant>, exact: readonly Constant[], seed: number): readonly number[] {
  let rough: ReadonlyMap<string, Constant>;
  const draw = new Draw(seed), change = (c: Constant) => shaken(c, draw);
  // Where a rounding error decides how many results there are, what follows may not fit them.
  try { rough = evaluateGraph(graph, new Map([...feeds].map(([v, c]) => [v, change(c)])), undefined, change); } catch (e) { if (isOpen(graph) || findsSizes(graph)) return exact.map(() => Infinity); throw e; }
  return graph.outputs.map((v, i) => farthest(exact[i]!, rough.get(v) ?? exact[i]!));
}
const outputsOf = (g: Graph, feeds: ReadonlyMap<string, Constant>): readonly Constant[] => { const all = evaluateGraph(g, feeds); return g.outputs.map((v) => all.get(v)!); };
/** The graph with the sizes of one run in the place of its symbols; null where it does not hold together then. */
export function instanceOf(graph: Graph, feeds: ReadonlyMap<string, Constant>): Graph | null {
  const types = new Map(graph.inputs.map((v) => { const { dtype, shape } = feeds.get(v)!; return [v, { dtype, shape }]; }));
  try { return typed({ ...graph, types }); } catch (e) { if (e instanceof Unsupported) return null; throw e; }
}
function expectedAt(open: Graph, graph: Graph, feeds: ReadonlyMap<string, Constant>, seed: number): Expected {
  let values: readonly Constant[];
  const fixed = instanceOf(graph, feeds);
  try { values = outputsOf(open, feeds); } catch (e) {
    if (e instanceof RefusedRun) return { refused: e.message };
    if (!fixed) return null;
    try { outputsOf(fixed, feeds); } catch { return null; }
    throw e;
  }
  if (!fixed) return { values, spread: spreadOf(open, feeds, values, seed) };
  const wanted = outputsOf(fixed, feeds), spread = spreadOf(fixed, feeds, wanted, seed);
  for (const [i, w] of wanted.entries()) {
    const off = spread[i] === Infinity ? null : w.shape.join() !== values[i]!.shape.join() ? `[${values[i]!.shape}] instead of [${w.shape}]` : difference(values[i]!.data, w, 1e-5, spread[i]!);
    if (off) throw new Error(`output ${graph.outputs[i]} of open sizes means something else than with numbers in their place (${[...feeds].map(([v, c]) => `${v}: ${c.shape}`).join("; ")}): ${off}`);
  }
  return { values: wanted, spread };
}
/** Of each set. Open sizes must mean what numbers in their place mean. */
export function expectedOf({ graph, sets }: Sample): readonly Expected[] {
  if (!isOpen(graph) && !findsSizes(graph)) return sets.map((feeds, s) => { const values = outputsOf(graph, feeds); return { values, spread: spreadOf(graph, feeds, values, s + 5) }; });
  const open = typed(graph);
  return sets.map((feeds, s) => expectedAt(open, graph, feeds, s + 5));
}
/** Null, or how two tensors differ. Floats by the largest error, relative to the largest expected magnitude, or to `each` by itself. */
export function difference(got: Constant["data"], want: Constant, tolerance: number, spread: number, each = false): string | null {
  const scale = Math.max(largest(want), 1e-6), exact = !isFloat(want.dtype), allowed = exact ? 0 : tolerance * scale + (each ? 0 : 10 * spread);
  let worst = 0, at = -1;
  for (let i = 0; i < want.data.length; i++) {
    const a = Number(got[i]), b = Number(want.data[i]);
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const own = each ? scale / Math.max(Math.abs(b), 1e-30) : 1, off = Number.isFinite(a - b) ? Math.abs(a - b) * own : Infinity;
    if (off > worst) { worst = off; at = i; }
  }
  if (worst <= allowed || (exact && spread > 0 && !each)) return null;
  return `[${at}] of ${want.dtype}[${want.shape}] is ${got[at]}, expected ${want.data[at]}; ${(worst / scale).toExponential(1)} of the largest, allowed ${(allowed / scale).toExponential(1)}`;
}
