/**
 * A product that sums over very many terms becomes several, each over some of them, of which each adds what the one before has found: every tile of rows reads
 * a whole panel of weights, and what no second cache holds comes anew from the last one, many times slower (a 3x3 convolution of 960 channels ran at a quarter
 * of its speed). What is added lies where the result will.
 * On a Xeon, products over 8192 and 11008 terms take half the time, over 4096 nine tenths. Zen 4's last cache is fast enough.
 * Needs: layouts; Winograd's and Strassen's algorithms are chosen, since their sums are shorter. Ensures: the weights that a tile reads fit. Stands before margins, which
 * each part reads.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { add, substitute } from "../../ir/algebra.ts";
import { acc, axis, extentOf, type Axis, type Compute, type Layout, type Output, type Stage } from "../../ir/compute.ts";
import { contractionOf, isFloat32 } from "../../ir/contraction.ts";
import { int, linear, plus } from "../../ir/linear.ts";
import type { Core, PanelFacts } from "../../ir/machine.ts";
import { derivedName, relist, type NetTensor, type Network } from "../../ir/network.ts";
import { load, type Expr } from "../../ir/scalar.ts";

/** The same sums, in parts whose weights stay in the second cache. */
export function splitSums(n: Network, facts: TargetFacts): Network {
  const { panels } = facts;
  if (!panels) return n;
  const tensors = new Map(n.tensors), computes = n.computes.flatMap((c) => parts(c, tensors, panels));
  return computes.length === n.computes.length ? n : { ...n, tensors, computes };
}
function parts(c: Compute, tensors: Map<string, NetTensor>, f: PanelFacts): readonly Compute[] {
  const [s] = c.stages, [o] = c.outputs, p = c.stages.length === 1 && !c.algorithm && isFloat32(s!) ? contractionOf(c, s!) : null;
  if (!s || !o || c.outputs.length !== 1 || !p || p.bytesAlong !== undefined || !c.tensors.some((t) => t.name === p.b.buffer && t.role === "weight")) return [c];
  const count = (axes: readonly Axis[]) => axes.reduce((x, a) => x * extentOf(a), 1), { axes } = s.reduce!, terms = count(axes);
  const number = Math.max(1, ...f.machines.map((m) => partsOn(m, f, 4 * terms * Math.min(f.columns, count(p.columns)))));
  const place = placeOf(s, o), k = axes.reduce((a, b) => (extentOf(b) > extentOf(a) ? b : a));
  // A few tiles read the weights a few times only.
  if (number < 2 || count(p.rows) <= fewTiles * f.rows || extentOf(k) < number || !place) return [c];
  const even = Math.ceil(extentOf(k) / number), each = even < unit ? even : Math.ceil(even / unit) * unit, output = tensors.get(o.tensor)!;
  const sums: NetTensor = { name: "", kind: "temporary", dtype: "f32", shape: s.axes.map(extentOf), layout: place.layout, ...(output.sizes ? { sizes: s.axes.map((__, i) => { const d = place.dims[i]; return d === undefined ? undefined : output.sizes![d]; }) } : {}) };
  let before: Expr | null = null;
  return Array.from({ length: Math.ceil(extentOf(k) / each) }, (__, i): Compute => {
    const start = i * each, isLast = start + each >= extentOf(k), own = axis(k.name, Math.min(each, extentOf(k) - start));
    const sum = before ? add(acc, before) : acc, finish = isLast ? substitute(s.finish ?? acc, new Map([["acc", sum]])) : sum;
    const { finish: _, ...rest } = s, stage: Stage = {
      ...rest, value: substitute(s.value, new Map([[k.name, plus(own, int(start))]])), reduce: { ...s.reduce!, axes: axes.map((a) => (a === k ? own : a)) }, ...(finish === acc ? {} : { finish }),
    };
    // Several products may write parts of one tensor.
    const name = derivedName(`sum ${tensors.size}`, o.tensor);
    if (!isLast) {
      tensors.set(name, { ...sums, name });
      before = load("f32", name, s.axes);
    }
    const to: Output = isLast ? o : { stage: o.stage, tensor: name, dtype: "f32", shape: sums.shape, layout: sums.layout };
    return relist({ ...c, name: isLast ? c.name : `${c.name}_sum`, stages: [stage], outputs: [to] }, tensors);
  });
}
/** Parts of many terms have a multiple of so many: inner loops that are written out a few times have no rest then. */
const unit = 16;
/** Into how many parts a core wants sums split, of which a tile reads so many bytes of weights: where its last cache delivers them more slowly than tiles want them, half of its second one holds them. */
function partsOn(m: Core, { rows }: PanelFacts, bytes: number): number {
  return m.cacheBytesPerSecond * rows < 4 * m.macsPerSecond ? Math.floor(bytes / (m.cacheBytes / 2)) + 1 : 1;
}
/** With so many tiles, or fewer, splitting costs more than it saves. */
const fewTiles = 2;
/** How the elements of a stage lie as they will in its output: a layout over its axes, and the output's dimension of each; null where that is no matter of order. */
function placeOf(s: Stage, o: Output): { readonly layout: Layout; readonly dims: readonly (number | undefined)[] } | null {
  const index = o.index ?? s.axes, dims = s.axes.map((a) => { const found = index.flatMap((e, d) => (linear(e).terms.get(a) === 1 && linear(e).terms.size === 1 ? [d] : [])); return found.length === 1 ? found[0] : undefined; });
  if (o.layout.parts.some((part) => part.quo !== undefined || part.rem !== undefined) || s.axes.some((a, i) => dims[i] === undefined && extentOf(a) > 1)) return null;
  const outer = s.axes.flatMap((_, i) => (dims[i] === undefined ? [{ dim: i }] : []));
  return { layout: { parts: [...outer, ...o.layout.parts.flatMap(({ dim }) => { const i = dims.indexOf(dim); return i < 0 ? [] : [{ dim: i }]; })] }, dims };
}
