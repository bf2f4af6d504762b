/**
 * Which dimension of each tensor lies innermost. Products and windows vote with their work for what makes their vector
 * loads contiguous (columns of a product, channels of a window); maps hand the decision on.
 * Needs: fusing is done. Ensures: every temporary and every constant that a map reads has a layout without blocks or halo;
 * where a vote differs from the fixed layout of the caller's memory, a copy stands between.
 * Stands before halos and schedules, which ask for strides.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { load, mentions } from "../../ir/scalar.ts";
import { at, axis, extentOf, output, rowMajor, type Axis, type Compute, type Layout, type Stage } from "../../ir/compute.ts";
import { byExtent, contractionOf, dimOf, isThin, windowDims } from "../../ir/contraction.ts";
import { derivedName, expressionsOfStage, withLayouts, workOf, type NetTensor, type Network } from "../../ir/network.ts";
import { someSizes } from "../../ir/symbols.ts";
import { loadsIn, rebuild } from "../../ir/algebra.ts";

/** Dimensions in the model's order, but `inner` last. */
export const innermost = (rank: number, inner: number): Layout =>
  ({ parts: [...Array.from({ length: rank }, (_, dim) => dim).filter((d) => d !== inner), inner].map((dim) => ({ dim })) });
/** A caller's tensor with at most this many channels is read as it is: a product broadcasts what it reads there anyway. */
const fewChannels = 4;

/** The network in which every tensor has its layout. */
export function chooseLayouts(n: Network, facts: TargetFacts): Network {
  const votes = collect(n, !facts.grid);
  n = besideCaller(n, votes);
  const chosen = new Map<string, number>();
  for (const [name, t] of n.tensors) {
    const best = [...(votes.get(name) ?? [])].sort((a, b) => b[1] - a[1])[0];
    if (t.kind === "temporary" && best) chosen.set(name, best[0]);
  }
  spread(n, chosen);
  for (const [name, t] of n.tensors) if ((t.kind === "output" || t.kind === "input") && t.shape.length) chosen.set(name, lastDim(t));
  spread(n, chosen);
  const tensors = new Map([...n.tensors].map(([name, t]) => {
    const inner = chosen.get(name);
    return [name, inner === undefined || (t.kind !== "temporary" && t.kind !== "constant") ? t : { ...t, layout: innermost(t.shape.length, inner) }];
  }));
  return withLayouts({ ...n, tensors });
}
/** The last dimension of more than one element. */
function lastDim(t: NetTensor): number {
  for (let d = t.shape.length - 1; d > 0; d--) if (t.shape[d]! > 1) return d;
  return 0;
}

type Votes = Map<string, Map<number, number>>;
function collect(n: Network, hasDots: boolean): Votes {
  const votes: Votes = new Map();
  const vote = (tensor: string, dim: number | null, weight: number) => {
    if (dim === null || (n.tensors.get(tensor)?.shape[dim] ?? 1) < 2) return;
    const own = votes.get(tensor) ?? new Map<number, number>();
    votes.set(tensor, own.set(dim, (own.get(dim) ?? 0) + weight));
  };
  for (const c of n.computes) for (const s of c.stages) {
    if (!s.reduce) continue;
    const weight = workOf(c), out = c.outputs.find((o) => o.stage === s.name), product = contractionOf(c, s);
    // Not the phase of a row: its elements do not lie side by side in any order of dimensions.
    const rows = new Set((product?.rows ?? []).map((a) => a.name));
    const column = byExtent(product?.columns ?? []).find((a) => !(out?.index ?? []).some((e) => mentions(e, new Set([a.name])) && mentions(e, rows)));
    const place = (a: Axis | undefined) => { if (out && a) vote(out.tensor, dimOf(out.index ?? s.axes, a), weight); };
    if (product && column) {
      place(column);
      const inner = byExtent(s.reduce.axes).find((r) => { if (r.range[1] === 0) return false; const d = dimOf(product.a.at, r); return d !== null && !windowDims(c, s, product.a).includes(d); });
      if (product.bytesAlong !== undefined) vote(product.a.buffer, product.bytesAlong, weight);
      else if (inner) vote(product.a.buffer, dimOf(product.a.at, inner), weight);
      // A result that stays inside the kernel is made in the order that suits what reads it, lanes along its last axis, and both operands are read along the sum.
      const turned = hasDots && isThin(c, product) ? null : dimOf(product.b.at, column);
      const deep = out ? undefined : byExtent(s.reduce.axes).find((r) => r.range[1] > 0 && dimOf(product.b.at, r) !== null);
      vote(product.b.buffer, deep ? dimOf(product.b.at, deep) : turned, weight);
      if (!out && s.finish) for (const l of loadsIn([s.finish])) vote(l.buffer, dimOf(l.at, s.axes.at(-1)!), weight);
    } else {
      // Nothing is broadcast: the lanes run along an axis in which no window slides.
      const loads = loadsIn([s.value]).filter((l) => windowDims(c, s, l).length > 0);
      const still = byExtent(s.axes).find((a) => loads.length > 0 && loads.every((l) => { const d = dimOf(l.at, a); return d !== null && !windowDims(c, s, l).includes(d); }));
      if (!still) continue;
      place(still);
      for (const l of loads) vote(l.buffer, dimOf(l.at, still), weight);
    }
  }
  return votes;
}

/** Copies between the caller's memory and what the votes want. */
function besideCaller(n: Network, votes: Votes): Network {
  const tensors = new Map(n.tensors);
  let computes = n.computes;
  for (const [name, t] of n.tensors) {
    const best = [...(votes.get(name) ?? [])].sort((a, b) => b[1] - a[1])[0];
    if (!best || (t.kind !== "input" && t.kind !== "output") || best[0] >= lastDim(t)) continue;
    if (t.kind === "input" && t.shape[best[0]]! <= fewChannels) continue;
    const inner: NetTensor = { name: derivedName("inner", name), kind: "temporary", dtype: t.dtype, shape: t.shape, layout: rowMajor(t.shape.length), ...someSizes(t.sizes) };
    tensors.set(inner.name, inner);
    votes.set(inner.name, votes.get(name)!);
    votes.delete(name);
    const rename = (c: Compute): Compute => renamed(c, name, inner.name);
    computes = t.kind === "input" ? [copy(t, inner), ...computes.map(rename)] : [...computes.map(rename), copy(inner, t)];
  }
  return { ...n, tensors, computes };
}
/** A Compute that copies one tensor to another of the same shape. */
export function copy(from: NetTensor, to: NetTensor): Compute {
  const axes = to.shape.map((n, d) => axis(`d${d}`, n));
  const role = from.kind === "constant" ? "weight" : "input";
  const stage: Stage = { name: "copy", axes, value: at(from, ...axes) };
  return {
    name: "copy", origin: [], stages: [stage], tensors: [{ name: from.name, dtype: from.dtype, shape: from.shape, layout: from.layout, role }],
    outputs: [output(stage, to.name, { dtype: to.dtype, shape: to.shape, layout: to.layout })],
  };
}
/** The Compute with another tensor in the place of `from`. */
export function renamed(c: Compute, from: string, to: string): Compute {
  const uses = c.tensors.some((t) => t.name === from), go = (s: Stage): Stage => {
    const f = (e: Stage["value"]) => rebuild(e, (x) => (x.kind === "load" && x.buffer === from ? load(x.dtype, to, x.at, x.lanes) : x));
    return { ...s, value: f(s.value), ...(s.finish ? { finish: f(s.finish) } : {}) };
  };
  return {
    ...c,
    tensors: c.tensors.map((t) => (t.name === from ? { ...t, name: to } : t)),
    outputs: c.outputs.map((o) => (o.tensor === from ? { ...o, tensor: to } : o)),
    stages: uses ? c.stages.map(go) : c.stages,
  };
}

/** Hands decisions on through what has none: along the axis that is innermost in what is decided. */
function spread(n: Network, chosen: Map<string, number>): void {
  const free = (name: string) => !chosen.has(name) && ["temporary", "constant"].includes(n.tensors.get(name)!.kind);
  for (let changed = true; changed;) {
    changed = false;
    for (const c of n.computes) for (const s of c.stages) {
      const loads = loadsIn(expressionsOfStage(s)).filter((l) => n.tensors.has(l.buffer)), out = c.outputs.find((o) => o.stage === s.name);
      const known = [
        ...(out && chosen.has(out.tensor) ? [(out.index ?? s.axes)[chosen.get(out.tensor)!]!] : []),
        ...[...loads].sort((a, b) => b.at.length - a.at.length).filter((l) => chosen.has(l.buffer)).map((l) => l.at[chosen.get(l.buffer)!]!),
      ];
      // An index that comes from the data moves with nothing.
      const lane = s.axes.find((a) => extentOf(a) > 1 && known.some((k) => mentions(k, new Set([a.name])) && loadsIn([k]).length === 0));
      if (!lane) continue;
      const decide = (name: string, dim: number | null) => { if (dim !== null && free(name) && n.tensors.get(name)!.shape[dim]! > 1) { chosen.set(name, dim); changed = true; } };
      if (out) decide(out.tensor, dimOf(out.index ?? s.axes, lane));
      if (!s.reduce) for (const l of loads) if (l.at.length > 2 || n.tensors.get(l.buffer)!.kind === "temporary") decide(l.buffer, dimOf(l.at, lane));
    }
  }
}
