/**
 * A map that reads a producer's element at its own position becomes part of the producer: the residual add, activations,
 * scales, and copies into a box of a larger tensor (so a Concat costs nothing).
 * Needs: split-concats. Ensures: no map reads, at its own position only, a temporary that nobody else reads and one
 * reduction or map has made (and no size is read from), unless it would take the lanes from a reduction or the whole would be too long. A
 * copied temporary that others read too disappears: they read the box instead.
 * Stands before layouts are chosen, because it decides which tensors exist.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { children, fail, load, type Expr } from "../../ir/scalar.ts";
import { loadsIn, rebuild, substitute } from "../../ir/algebra.ts";
import { accumulator, extentOf, type Axis, type Compute, type Output, type Stage } from "../../ir/compute.ts";
import { sizeOf } from "../../ir/graph.ts";
import { contractionOf, isFloat32, isMap, isNarrow, movementOf } from "../../ir/contraction.ts";
import { expressionsOfStage, loadsOfCompute, relist, usesOf, writesOf, type Network } from "../../ir/network.ts";
import { readsWritten } from "../../ir/verify-compute.ts";

/** A kernel's expression with more parts than this gains nothing from more: what it computes costs more than memory does. */
const longest = 250;
/** Different expressions among these and their parts. */
function measure(list: readonly Expr[]): number {
  const seen = new Set<Expr>(), open = [...list];
  for (let e = open.pop(); e && seen.size <= longest; e = open.pop()) if (!seen.has(e)) { seen.add(e); open.push(...children(e)); }
  return seen.size;
}

export function fuseTails(n: Network, facts: TargetFacts): Network {
  for (;;) {
    const next = step(n, facts.grid ? isFloat32 : isNarrow);
    if (next === n) return n;
    n = next;
  }
}
/** All fusions that do not touch each other, found in one walk. */
function step(n: Network, hasLanes: (s: Stage) => boolean): Network {
  const { readers, writers } = usesOf(n.computes), touched = new Set<Compute>();
  const replaced = new Map<Compute, Compute | null>();
  const order = new Map(n.computes.map((c, i) => [c, i]));
  const gone: string[] = [], found = new Set((n.symbols ?? []).flatMap(({ from }) => ("tensor" in from ? [from.tensor] : [])));
  const copies = n.computes.filter((c) => movementOf(c)).sort((a, b) => sizeOf(b.outputs[0]!.shape) - sizeOf(a.outputs[0]!.shape));
  for (const c of [...copies, ...n.computes.filter((x) => isMap(x) && !movementOf(x))]) {
    if (touched.has(c)) continue;
    const candidates = c.tensors.flatMap((t) => {
      const own = n.tensors.get(t.name)!, [p, ...more] = writers.get(t.name) ?? [];
      if (own.kind !== "temporary" || found.has(t.name) || !p || more.length || touched.has(p) || p === c || writesOf(p).length !== 1 || p.outputs.length !== 1) return [];
      const o = p.outputs[0]!, s = p.stages.find((x) => x.name === o.stage)!;
      if (p.stages.some((x) => loadsIn(expressionsOfStage(x), s.name).length)) return [];
      const stage = c.stages[0]!;
      if (own.shape.length !== stage.axes.length || own.shape.some((size, d) => size !== extentOf(stage.axes[d]!))) return [];
      if (!loadsOfCompute(c, t.name).every((l) => l.at.every((i, d) => i === stage.axes[d] || own.shape[d] === 1))) return [];
      // A tail without lanes would take them from a sum.
      if (s.reduce && hasLanes(s) && !hasLanes(stage)) return [];
      if (measure([...expressionsOfStage(s), ...expressionsOfStage(stage)]) > longest) return [];
      const others = (readers.get(t.name) ?? []).filter((r) => r !== c);
      if (others.length && !(movementOf(c) && n.tensors.get(c.outputs[0]!.tensor)!.kind === "temporary" && others.every((r) => !touched.has(r)))) return [];
      // The caller's memory keeps the model's layout: a product or window had better not write pieces of it.
      if (movementOf(c) && n.tensors.get(c.outputs[0]!.tensor)!.kind !== "temporary" && p.stages.some((x) => x.reduce) && c.outputs[0]!.index) return [];
      // Of a tensor that is read beside what is written of it, a window may reach into that.
      const into = c.outputs[0]!.tensor;
      if (loadsOfCompute(p, into).length && clashes(merge(p, s, c, t.name))) return [];
      if (others.some((r) => writesOf(r).includes(into) && clashes(redirect(r, t.name, c)))) return [];
      return [{ p, s, tensor: t.name, others }];
    });
    const best = candidates.sort((a, b) => Number(!!contractionOf(b.p, b.s)) - Number(!!contractionOf(a.p, a.s)) || order.get(b.p)! - order.get(a.p)!)[0];
    if (!best) continue;
    const { p, s, tensor, others } = best, merged = relist(merge(p, s, c, tensor), n.tensors);
    for (const x of [p, c, ...others]) touched.add(x);
    // A copy needs nothing but its producer, and readers of the copied tensor may run before the copy did.
    const [stays, leaves] = others.length ? [p, c] : [c, p];
    replaced.set(stays, merged);
    replaced.set(leaves, null);
    for (const r of others) replaced.set(r, relist(redirect(r, tensor, c), n.tensors));
    gone.push(tensor);
  }
  if (gone.length === 0) return n;
  const tensors = new Map([...n.tensors].filter(([name]) => !gone.includes(name)));
  return { ...n, tensors, computes: n.computes.flatMap((c) => { const r = replaced.get(c); return r === undefined ? [c] : r ? [r] : []; }) };
}

const clashes = (c: Compute): boolean => c.outputs.some((o) => readsWritten(c, o));
function merge(p: Compute, s: Stage, c: Compute, tensor: string): Compute {
  const before = p.outputs[0]!, after = c.outputs[0]!, map = c.stages[0]!;
  const position = before.index ?? s.axes;
  const at = new Map(map.axes.map((a, d) => [a.name, position[d]!]));
  const element = s.finish ?? (s.reduce ? accumulator(s.value.dtype) : s.value);
  const value = rebuild(map.value, (x) => (x.kind === "var" ? at.get(x.name) ?? x : x.buffer === tensor ? element : x));
  const stage: Stage = s.reduce ? { ...s, finish: value } : { name: s.name, axes: s.axes, value };
  const index = (after.index ?? map.axes).map((e) => substitute(e, at)), { index: _, ...rest } = after;
  const output: Output = { ...rest, stage: s.name, ...(isIdentity(index, s.axes, after.shape) ? {} : { index }) };
  return {
    name: movementOf(c) ? p.name : movementOf(p) ? c.name : p.name, origin: [...new Set([...p.origin, ...c.origin])],
    tensors: [...p.tensors, ...c.tensors], stages: p.stages.map((x) => (x === s ? stage : x)), outputs: [output],
  };
}
const isIdentity = (index: readonly Expr[], axes: readonly Axis[], shape: readonly number[]) =>
  index.length === axes.length && index.every((e, i) => e === axes[i] && extentOf(axes[i]!) === shape[i]);
/** Reads of `tensor` become reads of where `copy` puts its elements. */
function redirect(r: Compute, tensor: string, copy: Compute): Compute {
  const o = copy.outputs[0]!, axes = copy.stages[0]!.axes, index = o.index ?? axes;
  const go = (e: Expr): Expr => rebuild(e, (x) => {
    if (x.kind !== "load" || x.buffer !== tensor) return x;
    if (x.lanes !== 1) return fail("a Compute has no vectors");
    const at = new Map(axes.map((a, d) => [a.name, x.at[d]!]));
    return load(x.dtype, o.tensor, index.map((e2) => substitute(e2, at)));
  });
  return { ...r, stages: r.stages.map((s) => ({ ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) })) };
}
