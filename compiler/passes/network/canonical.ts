/** Computes in a form in which equal work is equal: tensors named by position, boxes of larger tensors beginning at 0. */
import { idOf, load, parameter, variables, type Const, type Expr } from "../../ir/scalar.ts";
import { int, isFixed, linear, minus, numberOf, plus, range, times } from "../../ir/linear.ts";
import { loadsIn, make, rebuild, rebuildTop } from "../../ir/algebra.ts";
import { address, inside, physical, type Compute, type Layout, type Output } from "../../ir/compute.ts";
import { expressionsOfStage } from "../../ir/network.ts";
import type { Sizes } from "../../ir/symbols.ts";
import type { Sharing } from "./place-tensors.ts";

/** Where the elements lie that a Compute touches of a tensor: how many elements before them its argument skips, and how many it spans. */
export interface Box { readonly skip: number; readonly size: number }
/** A Compute whose tensors are named by position; `names` leads back. `boxes`: of tensors that are touched in a box only, by their new names. */
export interface Canonical {
  readonly compute: Compute;
  readonly names: ReadonlyMap<string, string>;
  /** The tensors that share memory with others, and how. */
  readonly aliased: ReadonlyMap<string, "anyhow" | "inPlace">;
  readonly boxes: ReadonlyMap<string, Box>;
  /** Sizes that only a run knows, by the names of the parameters that stand for them. */
  readonly sizes: ReadonlyMap<string, Expr>;
}

/**
 * Tensors become in0, w0, out0 ... in the order in which the Compute lists them; stages keep their names. A tensor of
 * which one box is read and another written has two names. Numbers that only a run knows become size0, size1 ... With `boxed`, a tensor of which only a box is touched begins with that box.
 */
export function canonicalise(given: Compute, shared: Sharing, boxed: boolean): Canonical {
  const { compute: c, sizes } = sized(given);
  const read = new Map<string, string>(), written = new Map<string, string>(), counts = { in: 0, w: 0, t: 0 };
  for (const t of c.tensors) {
    const kind = t.role === "table" ? "t" : t.role === "weight" ? "w" : "in";
    if (!read.has(t.name)) read.set(t.name, `${kind}${counts[kind]++}`);
  }
  for (const o of c.outputs) if (!written.has(o.tensor)) written.set(o.tensor, `out${written.size}`);
  const own = new Set(c.stages.map((s) => s.name)), first = new Map<string, readonly number[]>(), boxes = new Map<string, Box>();
  // Blocks of loops that end with a size are clamped to the whole tensor.
  if (boxed && sizes.size === 0) {
    const bound = (name: string, t: { readonly shape: readonly number[]; readonly layout: Layout }, indices: readonly (readonly Expr[])[]) => {
      const b = boxOf(t.shape, t.layout, indices);
      if (b) { first.set(name, b.first); boxes.set(name, b); }
    };
    const all = c.stages.flatMap(expressionsOfStage);
    for (const t of c.tensors) if (t.role === "input") bound(read.get(t.name)!, t, loadsIn(all, t.name).map((l) => l.at));
    for (const [name, fresh] of written) {
      const list = c.outputs.filter((o) => o.tensor === name);
      bound(fresh, list[0]!, list.map((o) => indexOf(c, o)));
    }
  }
  const moved = (name: string, index: readonly Expr[]): readonly Expr[] => { const by = first.get(name); return by ? index.map((e, d) => minus(e, int(by[d]!))) : index; };
  const go = (e: Expr): Expr => rebuild(e, (x) => {
    if (x.kind !== "load" || own.has(x.buffer)) return x;
    const name = read.get(x.buffer)!;
    return load(x.dtype, name, moved(name, x.at), x.lanes);
  });
  const both = [...read.keys()].filter((name) => written.has(name));
  return {
    names: new Map([...read, ...written].map(([old, fresh]) => [fresh, old])), boxes,
    aliased: aliases([...[...shared].map(([operand, { result, how }]) => [read.get(operand)!, written.get(result)!, how] as const), ...both.map((name) => [read.get(name)!, written.get(name)!, "anyhow"] as const)]), sizes,
    compute: {
      ...c, tensors: c.tensors.map((t) => ({ ...t, name: read.get(t.name)! })),
      outputs: c.outputs.map(({ index, ...o }): Output => {
        const tensor = written.get(o.tensor)!;
        const by = first.get(tensor);
        return by?.some((n) => n > 0) ? { ...o, tensor, ...(o.sizes ? { sizes: o.sizes.map((e, d) => e && minus(e, int(by[d]!))) } : {}), index: moved(tensor, indexOf(c, { ...o, ...(index ? { index } : {}) })) } : { ...o, tensor, ...(index ? { index } : {}) };
      }),
      stages: c.stages.map((s) => ({ ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) })), origin: [],
    },
  };
}
/** What is shared in two ways counts as shared anyhow. */
function aliases(pairs: readonly (readonly [string, string, "anyhow" | "inPlace"])[]): Canonical["aliased"] {
  const found = new Map<string, "anyhow" | "inPlace">(), all = pairs.some(([, , how]) => how === "anyhow") ? "anyhow" : "inPlace";
  for (const [operand, result] of pairs) { found.set(operand, all); found.set(result, all); }
  return found;
}
/** The Compute with a parameter in the place of each index over symbols, the largest that there are, sums of them included. */
function sized(c: Compute): { readonly compute: Compute; readonly sizes: ReadonlyMap<string, Expr> } {
  const found = new Map<Expr, Expr>(), seen = new Map<Expr, Expr>();
  const nameOf = (e: Expr): Expr => { const known = found.get(e) ?? parameter(`size${found.size}`, range(e)); found.set(e, known); return known; };
  const go = (e: Expr): Expr => (variables(e).size === 0 ? e : rebuildTop(e, (x) => (x.dtype !== "index" ? null : isFixed(x) ? nameOf(x) : summed(x) ?? divided(x)), seen));
  // What a sum has of sizes is one number, whose range is narrower than those of its terms: n - n / 2.
  const summed = (x: Expr): Expr | null => {
    const { terms, constant } = linear(x), total = (list: readonly (readonly [Expr, number])[], first: Expr) => list.reduce((sum, [atom, c]) => plus(sum, times(atom, c)), first);
    const own = [...terms].filter(([atom]) => isFixed(atom)), others = [...terms].filter(([atom]) => !isFixed(atom));
    return own.length < 2 ? null : total(others.map(([atom, c]) => [go(atom), c]), plus(nameOf(total(own, int(0))), int(constant)));
  };
  // Nothing is made of elements beyond a size, so of a division by a size of 0; but it must not trap.
  const divided = (x: Expr): Expr | null => {
    if (x.kind !== "apply" || (x.op !== "quo" && x.op !== "rem") || !isFixed(x.args[1]!) || range(x.args[1]!)[0] > 0) return null;
    return make(x.op, go(x.args[0]!), go(make("max", x.args[1]!, int(1))));
  };
  const all = (list: Sizes): Sizes => list.map((e) => e && go(e));
  const outputs = c.outputs.map((o): Output => ({ ...o, ...(o.sizes ? { sizes: all(o.sizes) } : {}), ...(o.index ? { index: o.index.map(go) } : {}) }));
  const stages = c.stages.map((s) => ({
    ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}), ...(s.ends ? { ends: all(s.ends) } : {}), ...(s.reduce?.ends ? { reduce: { ...s.reduce, ends: all(s.reduce.ends) } } : {}),
  }));
  return { compute: found.size ? { ...c, outputs, stages } : c, sizes: new Map([...found].map(([e, p]) => [[...variables(p)][0]!, e])) };
}
const indexOf = (c: Compute, o: Output): readonly Expr[] => o.index ?? c.stages.find((s) => s.name === o.stage)!.axes;
/** The box that holds all elements touched; null where an index may lie outside the tensor, under a test, or it lies in blocks. */
function boxOf(shape: readonly number[], layout: Layout, indices: readonly (readonly Expr[])[]): (Box & { readonly first: readonly number[] }) | null {
  if (indices.length === 0 || layout.parts.some((p) => p.quo || p.rem)) return null;
  const ranges = shape.map((_, d) => indices.map((i) => range(i[d]!)).reduce(([a, b], [x, y]) => [Math.min(a, x), Math.max(b, y)]));
  if (ranges.some(([low, high]) => low > high) || !indices.every((i) => i.every((e, d) => inside(shape, layout, d, e)))) return null;
  const first = ranges.map(([low]) => Math.max(0, low)), { strides } = physical(shape, layout);
  const skip = first.reduce((sum, n, d) => sum + n * (strides[layout.parts.findIndex((p) => p.dim === d)] ?? 0), 0);
  return { first, skip, size: numberOf(address(shape, layout, ranges.map(([, high]) => int(high))) as Const) + 1 - skip };
}
const idsOf = (sizes: Sizes | undefined) => (sizes ?? []).map((e) => (e ? idOf(e) : ""));
/** Equal keys mean equal kernels: expressions are interned, so their identity is their structure. */
export function keyOf(c: Compute): string {
  const layout = (l: Layout) => JSON.stringify(l);
  return [
    c.name, JSON.stringify(c.algorithm ?? null),
    ...c.tensors.map((t) => [t.name, t.dtype, t.shape.join(), layout(t.layout), t.role, t.role === "table" ? Array.from(t.data as Iterable<number>).join() : ""].join(":")),
    ...c.stages.map((s) => [s.name, ...s.axes.map(idOf), ...idsOf(s.ends), idOf(s.value), s.reduce ? [s.reduce.op, ...s.reduce.axes.map(idOf), ...idsOf(s.reduce.ends)].join() : "", s.finish ? idOf(s.finish) : ""].join(":")),
    ...c.outputs.map((o) => [o.stage, o.tensor, o.shape.join(), layout(o.layout), o.index?.map(idOf).join() ?? "", ...idsOf(o.sizes)].join(":")),
  ].join("|");
}

