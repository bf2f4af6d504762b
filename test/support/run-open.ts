/**
 * A network of sizes known only at run time, carried out at given sizes: each Compute goes over the largest sizes, as kernels do, and what
 * lies beyond a run's sizes holds NaN, or numbers that no result has, so that whatever comes of it shows.
 */
import { substitute } from "../../compiler/ir/algebra.ts";
import type { Compute } from "../../compiler/ir/compute.ts";
import { sizeOf, type Constant } from "../../compiler/ir/graph.ts";
import { int } from "../../compiler/ir/linear.ts";
import type { NetTensor, Network } from "../../compiler/ir/network.ts";
import { fail, type Expr } from "../../compiler/ir/scalar.ts";
import { valueOfSize } from "../../compiler/ir/symbols.ts";
import { newArray, types, type ElementArray, type Num } from "../../compiler/ir/types.ts";
import { evaluateCompute } from "../../compiler/evaluate/index.ts";

type Elements = { [i: number]: Num };
/** For each element of a dense tensor, its place in one of larger extents. */
function* places(sizes: readonly number[], bounds: readonly number[]): Generator<number> {
  const count = sizeOf(sizes);
  for (let i = 0; i < count; i++) {
    let rest = i, at = 0, stride = 1;
    for (let d = sizes.length - 1; d >= 0; d--) { at += (rest % sizes[d]!) * stride; rest = Math.floor(rest / sizes[d]!); stride *= bounds[d]!; }
    yield at;
  }
}
const sizesOf = (t: NetTensor, symbols: ReadonlyMap<string, number>): readonly number[] => t.shape.map((n, d) => (t.sizes?.[d] ? valueOfSize(t.sizes[d], symbols) : n));
function spread(t: NetTensor, data: ElementArray, sizes: readonly number[]): ElementArray {
  const out = newArray(t.dtype, sizeOf(t.shape)), { kind } = types[t.dtype];
  (out as Float32Array).fill((kind === "float" ? NaN : kind === "bool" ? 1 : types[t.dtype].wrap(113)) as number);
  let i = 0;
  for (const at of places(sizes, t.shape)) (out as Elements)[at] = data[i++]!;
  return out;
}
function gathered(t: NetTensor, data: ElementArray, sizes: readonly number[]): Constant {
  const out = newArray(t.dtype, sizeOf(sizes));
  let i = 0;
  for (const at of places(sizes, t.shape)) (out as Elements)[i++] = data[at]!;
  return { dtype: t.dtype, shape: sizes, data: out };
}
/** The outputs of a network, in its order, from its inputs by tensor. */
export function evaluateOpen(n: Network, feeds: ReadonlyMap<string, Constant>): readonly Constant[] {
  const symbols = new Map((n.symbols ?? []).map(({ variable, from }) => ("input" in from ? [variable.name, feeds.get(from.input)!.shape[from.dim]!] : fail("a symbol that depends on data"))));
  const at = new Map([...symbols].map(([name, size]) => [name, int(size)])), bound = (e: Expr) => substitute(e, at);
  const memory = new Map<string, ElementArray>();
  for (const t of n.tensors.values()) {
    if (t.kind === "input") memory.set(t.name, spread(t, feeds.get(t.name)!.data, sizesOf(t, symbols)));
    else if (t.data) memory.set(t.name, t.data);
  }
  for (const c of n.computes) {
    const stages = c.stages.map((s) => ({ ...s, value: bound(s.value), ...(s.finish ? { finish: bound(s.finish) } : {}) }));
    const outputs = c.outputs.map(({ sizes: _, ...o }) => (o.index ? { ...o, index: o.index.map(bound) } : o));
    const results = evaluateCompute({ ...c, stages, outputs } as Compute, memory);
    for (const [name, data] of results) {
      const t = n.tensors.get(name)!, sizes = sizesOf(t, symbols);
      memory.set(name, spread(t, gathered(t, data, sizes).data, sizes));
    }
  }
  return n.outputs.map((v) => { const t = n.tensors.get(v)!; return gathered(t, memory.get(v)!, sizesOf(t, symbols)); });
}
