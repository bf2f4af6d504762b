/**
 * Padding becomes memory: a tensor that is read outside its bounds gets a margin of zeros, and the tests vanish.
 * Needs: layouts. Ensures: where each test of a padded load can be answered by a margin, none is left; a tensor with a
 * margin has it cleared by (the first of) its writers in each run, so that the arena may be shared freely; the caller's
 * memory has no margin, so a padded input is copied. Margins of equal tensors are equal: fewer kernels. Of a tensor whose size only a run
 * knows, the margin lies behind that size, where tiles that reach beyond it may have stored: it is cleared after each writer.
 * Stands after the choice of algorithms, whose tiles decide how wide a margin must be.
 */
import { constant, mentions, type Expr, type Load } from "../../ir/scalar.ts";
import { int, minus, plus, range } from "../../ir/linear.ts";
import { both, rebuildTop, select } from "../../ir/algebra.ts";
import { axis, rowMajor, type Compute, type Layout, type Output, type Stage } from "../../ir/compute.ts";
import { unguarded } from "../../ir/contraction.ts";
import { boundsUnder, quotientFacts } from "../../ir/bounds.ts";
import { reachOf } from "../../ir/extents.ts";
import { someSizes } from "../../ir/symbols.ts";
import { derivedName, usesOf, withLayouts, withSizes, writesOf, type NetTensor, type Network } from "../../ir/network.ts";
import { copy, renamed } from "./choose-layouts.ts";
import { isNonNegative } from "./non-negative.ts";

type Margins = readonly (readonly [before: number, after: number])[];
interface Padded { readonly load: Load; readonly margins: Margins }

export function addHalos(n: Network): Network {
  n = copyPaddedInputs(n);
  const wanted = new Map<string, Margins>();
  for (const c of n.computes) for (const s of c.stages) for (const p of paddedIn(n, c, s)) {
    const before = wanted.get(p.load.buffer);
    wanted.set(p.load.buffer, before ? larger(before, p.margins) : p.margins);
  }
  const shared = new Map<string, Margins>(), key = (t: NetTensor) => JSON.stringify([t.dtype, t.shape, t.layout.parts]);
  for (const [name, m] of wanted) {
    const k = key(n.tensors.get(name)!), before = shared.get(k);
    shared.set(k, before ? larger(before, m) : m);
  }
  const tensors = new Map([...n.tensors].map(([name, t]) => {
    const layout: Layout = wanted.has(name) ? { ...t.layout, halo: shared.get(key(t))! } : t.layout;
    return [name, { ...t, layout }];
  }));
  const { writers } = usesOf(n.computes), first = new Map([...wanted.keys()].map((name) => [name, writers.get(name)![0]!]));
  const computes = n.computes.flatMap((c) => {
    const clears = [...first].filter(([, w]) => w === c).map(([name]) => tensors.get(name)!).filter((t) => !t.sizes);
    const behind = writesOf(c).filter((name) => tensors.get(name)?.sizes && tensors.get(name)!.layout.halo?.some(([a, b]) => a + b > 0)).map((name) => marginBehind(c, tensors.get(name)!));
    return [withoutTests(clears.reduce(withMargin, c), { ...n, tensors }), ...behind];
  });
  return withLayouts({ ...n, tensors, computes });
}
const larger = (a: Margins, b: Margins): Margins => a.map(([x, y], i) => [Math.max(x, b[i]![0]), Math.max(y, b[i]![1])]);

/** The tests of a select, if a margin can answer all of them: the padded loads, and what is left without the tests. */
function answer(n: Network, c: Compute, s: Stage, e: Expr): { loads: readonly Padded[]; inner: Expr } | null {
  if (e.kind !== "apply" || e.op !== "select" || !["f32", "i32", "u8"].includes(e.dtype)) return null;
  const { inner, guards, otherwise } = unguarded(e);
  if (otherwise?.kind !== "const") return null;
  if ((e.dtype === "i32" && !(inner.kind === "apply" && inner.op === "word")) || (e.dtype === "u8" && inner.kind !== "load")) return null;
  const factors = inner.kind === "apply" && inner.op === (e.dtype === "f32" ? "mul" : "word") ? inner.args.map((x) => (x.kind === "cast" ? x.arg : x)) : [inner];
  const zero = otherwise.value === 0;
  // A zero serves a maximum only where nothing is below it.
  if (!zero && !(otherwise.value === -Infinity && inner.kind === "load" && isNonNegative(n, inner.buffer))) return null;
  for (const load of factors) {
    const t = load.kind === "load" ? n.tensors.get(load.buffer) : undefined;
    if (load.kind !== "load" || !t || t.kind === "constant") continue;
    // Other tests stay around what is left.
    // Where a sum ends with a size, its loop ends there: no zeros need to be added.
    const ends = (i: Expr, d: number) => t.sizes?.[d] !== undefined && !mentions(i, new Set(s.axes.map((a) => a.name)));
    const rest = guards.filter((g) => !load.at.some((i, d) => !ends(i, d) && asks(g, i, t.sizes?.[d] ?? int(t.shape[d]!))));
    if (rest.length < guards.length) {
      const margins = load.at.map((i, d): readonly [number, number] => { const [low, high] = range(i), size = t.sizes?.[d]; return [Math.max(0, -low), Math.max(0, high - t.shape[d]! + 1, size && !ends(i, d) ? beyond(withSizes(c, n.tensors), s, i, size) : 0)]; });
      if (margins.every(([a, b]) => Number.isFinite(a + b))) return { loads: [{ load, margins }], inner: rest.length ? select(rest.reduce(both), inner, otherwise) : inner };
    }
  }
  return null;
}
/** How far behind a size an index may reach, of what a run needs. */
function beyond(c: Compute, s: Stage, i: Expr, size: Expr): number {
  const reach = reachOf(c, s, i);
  return reach ? boundsUnder(minus(reach, size), quotientFacts([reach, size]))[1] : Infinity;
}
/** Whether a test asks for 0 <= i or i < size. */
function asks(test: Expr, i: Expr, size: Expr): boolean {
  if (test.kind !== "apply" || test.op !== "less" || test.args[0]!.dtype !== "index") return false;
  const positive = minus(test.args[1]!, test.args[0]!);
  return positive === plus(i, int(1)) || positive === minus(size, i);
}
function paddedIn(n: Network, c: Compute, s: Stage): readonly Padded[] {
  const found: Padded[] = [];
  const look = (e: Expr) => rebuildTop(e, (x) => { const a = answer(n, c, s, x); if (a) found.push(...a.loads); return a ? x : null; });
  look(s.value);
  if (s.finish) look(s.finish);
  return found.filter((p) => n.tensors.get(p.load.buffer)!.kind === "temporary");
}
function withoutTests(c: Compute, n: Network): Compute {
  const covered = (p: Padded) => { const h = n.tensors.get(p.load.buffer)!.layout.halo; return p.margins.every(([a, b], d) => a <= (h?.[d]?.[0] ?? 0) && b <= (h?.[d]?.[1] ?? 0)); };
  const go = (s: Stage, e: Expr) => rebuildTop(e, (x) => { const a = answer(n, c, s, x); return a?.loads.every(covered) ? a.inner : null; });
  return { ...c, stages: c.stages.map((s) => ({ ...s, value: go(s, s.value), ...(s.finish ? { finish: go(s, s.finish) } : {}) })) };
}

/** Stages that clear the margin of an output: slabs before and after each dimension, inside the margins of the earlier ones. */
function withMargin(c: Compute, t: NetTensor): Compute {
  const halo = t.layout.halo!, stages: Stage[] = [], outputs: Output[] = [];
  const prefix = c.outputs.findIndex((o) => o.tensor === t.name);
  halo.forEach((sides, dim) => sides.forEach((width, after) => {
    if (width === 0) return;
    const name = `margin${prefix}_${stages.length}`;
    const from = t.shape.map((_, d) => (d < dim ? 0 : d === dim ? (after ? t.shape[d]! : -width) : -halo[d]![0]));
    const axes = t.shape.map((size, d) => axis(`m${d}`, d < dim ? size : d === dim ? width : size + halo[d]![0] + halo[d]![1]));
    stages.push({ name, axes, value: constant(t.dtype, 0) });
    outputs.push({ stage: name, tensor: t.name, dtype: t.dtype, shape: t.shape, layout: t.layout, index: axes.map((a, d) => plus(a, int(from[d]!))) });
  }));
  return { ...c, stages: [...stages, ...c.stages], outputs: [...outputs, ...c.outputs] };
}

/** Clears the margin of what `c` has written of a tensor whose size only a run knows: a Compute of its own, since tiles of `c` reach beyond the size. */
function marginBehind(c: Compute, t: NetTensor): Compute {
  const halo = t.layout.halo!, stages: Stage[] = [], outputs: Output[] = [], own = c.outputs.filter((o) => o.tensor === t.name);
  const box = t.shape.map((size, d): readonly [number, number] => {
    const [before, after] = halo[d]!, all = own.map((o) => range((o.index ?? c.stages.find((s) => s.name === o.stage)!.axes)[d]!));
    return before || after ? [0, size] : [Math.min(...all.map(([low]) => low)), Math.max(...all.map(([, high]) => high)) + 1];
  });
  halo.forEach((sides, dim) => sides.forEach((width, after) => {
    if (width === 0) return;
    const name = `margin${stages.length}`, whole = (d: number) => (d < dim ? box[d]! : [box[d]![0] - halo[d]![0], box[d]![1] + halo[d]![1]] as const);
    const axes = t.shape.map((_, d) => axis(`m${d}`, d === dim ? width : whole(d)[1] - whole(d)[0])), size = t.sizes?.[dim] ?? int(t.shape[dim]!);
    const index = axes.map((a, d) => plus(a, d !== dim ? int(whole(d)[0]) : after ? size : int(-width)));
    const sizes = t.shape.map((_, d) => { const open = t.sizes?.[d]; return open && d !== dim ? plus(open, int(d < dim ? 0 : halo[d]![1])) : undefined; });
    stages.push({ name, axes, value: constant(t.dtype, 0) });
    outputs.push({ stage: name, tensor: t.name, dtype: t.dtype, shape: t.shape, layout: t.layout, index, sizes });
  }));
  return { name: "margin", origin: c.origin, tensors: [], stages, outputs };
}

function copyPaddedInputs(n: Network): Network {
  const tensors = new Map(n.tensors);
  const extra: Compute[] = [];
  const computes = n.computes.map((c) => {
    for (const t of c.tensors) {
      const own = n.tensors.get(t.name);
      if (own?.kind !== "input") continue;
      const asked = { ...n, tensors: new Map([...n.tensors, [t.name, { ...own, kind: "temporary" as const }]]) };
      const pads = c.stages.flatMap((s) => paddedIn(asked, c, s)).some((p) => p.load.buffer === t.name && p.margins.some(([a, b]) => a + b > 0));
      if (!pads) continue;
      const name = derivedName("padded", t.name);
      if (!tensors.has(name)) {
        const padded: NetTensor = { name, kind: "temporary", dtype: own.dtype, shape: own.shape, layout: rowMajor(own.shape.length), ...someSizes(own.sizes) };
        tensors.set(name, padded);
        extra.push(copy(own, padded));
      }
      c = renamed(c, t.name, name);
    }
    return c;
  });
  return { ...n, tensors, computes: [...extra, ...computes] };
}
