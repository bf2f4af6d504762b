/** Computes in a form in which equal work is equal: tensors named by position, boxes of larger tensors beginning at 0. */
import { idOf, load, type Const, type Expr } from "../../ir/scalar.ts";
import { int, minus, numberOf, range } from "../../ir/linear.ts";
import { loadsIn, rebuild } from "../../ir/algebra.ts";
import { address, inside, physical, type Compute, type Layout, type Output } from "../../ir/compute.ts";
import { expressionsOfStage } from "../../ir/network.ts";

/** Where the elements lie that a Compute touches of a tensor: how many elements before them its argument skips, and how many it spans. */
export interface Box { readonly skip: number; readonly size: number }
/** A Compute whose tensors are named by position; `names` leads back. `boxes`: of tensors that are touched in a box only, by their new names. */
export interface Canonical {
  readonly compute: Compute;
  readonly names: ReadonlyMap<string, string>;
  readonly aliased: readonly string[];
  readonly boxes: ReadonlyMap<string, Box>;
}

/**
 * Tensors become in0, w0, out0 ... in the order in which the Compute lists them; stages keep their names. A tensor of
 * which one box is read and another written has two names. With `boxed`, a tensor of which only a box is touched begins with that box.
 */
export function canonicalise(c: Compute, shared: ReadonlyMap<string, string>, boxed: boolean): Canonical {
  const read = new Map<string, string>(), written = new Map<string, string>(), counts = { in: 0, w: 0, t: 0 };
  for (const t of c.tensors) {
    const kind = t.role === "table" ? "t" : t.role === "weight" ? "w" : "in";
    if (!read.has(t.name)) read.set(t.name, `${kind}${counts[kind]++}`);
  }
  for (const o of c.outputs) if (!written.has(o.tensor)) written.set(o.tensor, `out${written.size}`);
  const own = new Set(c.stages.map((s) => s.name)), first = new Map<string, readonly number[]>(), boxes = new Map<string, Box>();
  if (boxed) {
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
    aliased: [...[...shared].flatMap(([operand, result]) => [read.get(operand)!, written.get(result)!]), ...both.flatMap((name) => [read.get(name)!, written.get(name)!])],
    compute: {
      ...c, tensors: c.tensors.map((t) => ({ ...t, name: read.get(t.name)! })),
      outputs: c.outputs.map(({ index, ...o }): Output => {
        const tensor = written.get(o.tensor)!;
        return first.get(tensor)?.some((n) => n > 0) ? { ...o, tensor, index: moved(tensor, indexOf(c, { ...o, ...(index ? { index } : {}) })) } : { ...o, tensor, ...(index ? { index } : {}) };
      }),
      stages: c.stages.map((s) => ({ ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) })), origin: [],
    },
  };
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
/** Equal keys mean equal kernels: expressions are interned, so their identity is their structure. */
export function keyOf(c: Compute): string {
  const layout = (l: Layout) => JSON.stringify(l);
  return [
    c.name, JSON.stringify(c.algorithm ?? null),
    ...c.tensors.map((t) => [t.name, t.dtype, t.shape.join(), layout(t.layout), t.role, t.role === "table" ? Array.from(t.data as Iterable<number>).join() : ""].join(":")),
    ...c.stages.map((s) => [s.name, ...s.axes.map(idOf), idOf(s.value), s.reduce ? [s.reduce.op, ...s.reduce.axes.map(idOf)].join() : "", s.finish ? idOf(s.finish) : ""].join(":")),
    ...c.outputs.map((o) => [o.stage, o.tensor, o.shape.join(), layout(o.layout), o.index?.map(idOf).join() ?? ""].join(":")),
  ].join("|");
}

