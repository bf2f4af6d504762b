/**
 * Inputs and outputs whose sizes a run chooses lie densely in those sizes in the caller's memory. On grids Computes of their own move
 * elements between there and tensors of the largest sizes; elsewhere the shell does.
 * Needs: fusing is done; with control flow, all pieces are joined. Ensures: no tensor of the caller's has sizes. Stands before layouts are chosen,
 * so that a copy may lead to whichever its readers want; where nothing but the first size is open the two addresses agree, and elide-copies drops it.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { make } from "../../ir/algebra.ts";
import { mapFlow, type Flow } from "../../ir/control.ts";
import { at, axis, output, rowMajor, type Compute, type Stage } from "../../ir/compute.ts";
import { sizeOf } from "../../ir/graph.ts";
import { int, plus } from "../../ir/linear.ts";
import { derivedName, withSizes, type NetTensor, type Network, type Run } from "../../ir/network.ts";
import type { Expr } from "../../ir/scalar.ts";
import { renamed } from "./choose-layouts.ts";

/** The same elements; the caller's memory is read and written in the sizes that a run has. Does nothing for targets without grids. */
export function densePorts(n: Network, { grid }: Pick<TargetFacts, "grid">): Network {
  if (!grid || !n.symbols?.length) return n;
  const tensors = new Map(n.tensors), before: Compute[] = [], after: Compute[] = [], outputs = [...n.outputs];
  let { computes } = n;
  const isSized = (name: string): boolean => n.tensors.get(name)!.sizes !== undefined;
  for (const name of n.inputs.filter(isSized)) {
    const port = n.tensors.get(name)!, box: NetTensor = { ...boxOf(port), name: derivedName("box", name) };
    tensors.set(name, denseOf(port)).set(box.name, box);
    computes = computes.map((c) => renamed(c, name, box.name));
    for (const t of tensors.values()) if (t.aliasOf === name) tensors.set(t.name, { ...t, aliasOf: box.name });
    before.push(withSizes(boxed(denseOf(port), box), tensors));
  }
  n.outputs.forEach((name, i) => {
    if (!isSized(name) || n.tensors.get(name)!.kind !== "output") return;
    const box = boxOf(n.tensors.get(name)!), port: NetTensor = { ...denseOf(n.tensors.get(name)!), name: derivedName("dense", name) };
    tensors.set(name, box).set(port.name, port);
    outputs[i] = port.name;
    after.push(dense(box, port));
  });
  return { ...n, tensors, outputs, computes: [...before, ...computes, ...after], ...(n.flow ? { flow: between(before.length, n.flow, computes.length, after.length) } : {}) };
}
/** The flow of so many Computes behind some, and before others. */
function between(before: number, flow: Flow<Run, string>, count: number, after: number): Flow<Run, string> {
  const run = (first: number, count: number): Flow<Run, string> => (count ? [{ kind: "piece", piece: { first, count } }] : []);
  return [...run(0, before), ...mapFlow(flow, (p) => ({ ...p, first: before + p.first }), (v) => v), ...run(before + count, after)];
}
/** What kernels see: as many elements as there may be. */
const boxOf = ({ declared: _, ...t }: NetTensor): NetTensor => ({ ...t, kind: "temporary" });
/** The caller's memory, in one row. */
const denseOf = ({ sizes, declared, ...t }: NetTensor): NetTensor =>
  ({ ...t, shape: [sizeOf(t.shape)], layout: rowMajor(1), declared: { ...(declared ?? { dtype: t.dtype, shape: t.shape }), sizes: sizes! } });
/** How many elements a run has along each dimension. */
const sizesOf = (t: NetTensor): readonly Expr[] => t.shape.map((n, d) => t.sizes?.[d] ?? int(n));
const moved = (stage: Stage, from: NetTensor, to: NetTensor): Compute => ({
  name: "copy", origin: [], stages: [stage], tensors: [{ name: from.name, dtype: from.dtype, shape: from.shape, layout: from.layout, role: "input" }],
  outputs: [output(stage, to.name, { dtype: to.dtype, shape: to.shape, layout: to.layout })],
});
function boxed(from: NetTensor, to: NetTensor): Compute {
  const axes = to.shape.map((n, d) => axis(`d${d}`, n)), sizes = sizesOf(to);
  const place = axes.reduce<Expr>((sum, a, d) => plus(make("mul", sum, sizes[d]!), a), int(0));
  return moved({ name: "copy", axes, value: at(from, place) }, from, to);
}
/** Element by element of the row, so that nothing beyond the last of a run is in the way of another. */
function dense(from: NetTensor, to: NetTensor): Compute {
  const i = axis("i", to.shape[0]!), sizes = sizesOf(from), index: Expr[] = [];
  let below: Expr = int(1);
  for (let d = from.shape.length - 1; d >= 0; d--) {
    const digit = make("quo", i, make("max", int(1), below));
    index[d] = d === 0 ? make("min", digit, int(Math.max(0, from.shape[0]! - 1))) : make("rem", digit, make("max", int(1), sizes[d]!));
    below = make("mul", below, sizes[d]!);
  }
  const stage: Stage = { name: "copy", axes: [i], value: at(from, ...index) }, c = moved(stage, from, to);
  return { ...c, outputs: c.outputs.map((o) => ({ ...o, sizes: [below] })) };
}
