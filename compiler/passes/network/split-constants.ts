/**
 * For devices that limit how large one argument of a kernel may be: a product with larger weights becomes several, each for some
 * of the columns.
 * Needs: fusing is done (tails come along). Ensures: no product reads more than `largestConstant` bytes of weights, as far as its
 * columns can be told apart. Stands before layouts are chosen: every part votes like the whole.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { axis, extentOf, type Compute } from "../../ir/compute.ts";
import { contractionOf } from "../../ir/contraction.ts";
import { bytesOf, sizeOf } from "../../ir/graph.ts";
import { int, plus } from "../../ir/linear.ts";
import { derivedName, relist, type NetTensor, type Network } from "../../ir/network.ts";
import { load, mentions, type Expr } from "../../ir/scalar.ts";
import { rebuildTop } from "../../ir/algebra.ts";
import { newArray, type ElementArray } from "../../ir/types.ts";

/** Parts have a multiple of so many columns, as panels of packed weights have. */
const unit = 16;

/** The same elements, from weights that kernels can be given. */
export function splitConstants(n: Network, facts: TargetFacts): Network {
  const limit = facts.largestConstant;
  if (![...n.tensors.values()].some((t) => t.kind === "constant" && bytesOf(t) > limit)) return n;
  const tensors = new Map(n.tensors);
  const computes = n.computes.flatMap((c) => parts(c, tensors, limit));
  const read = new Set(computes.flatMap((c) => c.tensors.map((t) => t.name)));
  for (const [name, t] of tensors) if (t.kind === "constant" && bytesOf(t) > limit && !read.has(name)) tensors.delete(name);
  return { ...n, tensors, computes };
}
function parts(c: Compute, tensors: Map<string, NetTensor>, limit: number): readonly Compute[] {
  const [s] = c.stages, p = c.stages.length === 1 ? contractionOf(c, s!) : null, weight = p && tensors.get(p.b.buffer), [o] = c.outputs;
  if (!p || weight?.kind !== "constant" || c.outputs.length !== 1 || bytesOf(weight) <= limit) return [c];
  // An axis that is a whole dimension of the weights: each part has its own elements of it.
  const found = [...p.columns, ...p.batch].map((a) => ({ a, d: p.b.at.indexOf(a) }))
    .find(({ a, d }) => d >= 0 && extentOf(a) === weight.shape[d] && p.b.at.every((e, i) => i === d || !mentions(e, new Set([a.name]))));
  if (!found) return [c];
  const { a, d } = found, count = extentOf(a), most = Math.floor(limit / (bytesOf(weight) / count)), whole = Math.floor(most / unit) * unit || Math.max(1, most);
  const each = whole < unit ? whole : Math.ceil(count / Math.ceil(count / whole) / unit) * unit;
  return Array.from({ length: Math.ceil(count / each) }, (_, i): Compute => {
    const start = i * each, own = axis(a.name, Math.min(each, count - start)), name = derivedName(`${start}+${extentOf(own)} of ${d}`, weight.name);
    if (!tensors.has(name)) {
      const shape = weight.shape.map((n, k) => (k === d ? extentOf(own) : n));
      tensors.set(name, { ...weight, name, shape, data: cut(weight, d, start, extentOf(own)) });
    }
    const go = (e: Expr) => rebuildTop(e, (x) => (x === p.b ? load(x.dtype, name, p.b.at.map((y, k) => (k === d ? own : y))) : x === a ? plus(own, int(start)) : null));
    const index = (o!.index ?? s!.axes).map(go);
    const stage = { ...s!, axes: s!.axes.map((x) => (x === a ? own : x)), value: go(s!.value), ...(s!.finish ? { finish: go(s!.finish) } : {}) };
    return relist({ ...c, stages: [stage], outputs: [{ ...o!, index }] }, tensors);
  });
}
/** Elements `from` to `from + count` along dimension `d`. */
function cut(t: NetTensor, d: number, from: number, count: number): ElementArray {
  const inner = sizeOf(t.shape.slice(d + 1)), outer = sizeOf(t.shape.slice(0, d)), out = newArray(t.dtype, outer * count * inner);
  for (let i = 0; i < outer; i++) {
    const start = (i * t.shape[d]! + from) * inner;
    (out as Float32Array).set(t.data!.subarray(start, start + count * inner) as Float32Array, i * count * inner);
  }
  return out;
}
