/**
 * Padding becomes memory: a tensor that is read outside its bounds gets a margin of zeros, and the tests vanish.
 * Needs: layouts. Ensures: where each test of a padded load can be answered by a margin, none is left; a tensor with a
 * margin has it cleared by (the first of) its writers in each run, so that the arena may be shared freely; the caller's
 * memory has no margin, so a padded input is copied. Margins of equal tensors are equal: fewer kernels.
 * Stands after the choice of algorithms, whose tiles decide how wide a margin must be.
 */
import { constant, type Expr, type Load } from "../../ir/scalar.ts";
import { int, minus, plus, range } from "../../ir/linear.ts";
import { both, rebuildTop, select } from "../../ir/algebra.ts";
import { axis, rowMajor, type Compute, type Layout, type Output, type Stage } from "../../ir/compute.ts";
import { unguarded } from "../../ir/contraction.ts";
import { derivedName, usesOf, withLayouts, type NetTensor, type Network } from "../../ir/network.ts";
import { copy, renamed } from "./choose-layouts.ts";
import { isNonNegative } from "./non-negative.ts";

type Margins = readonly (readonly [before: number, after: number])[];
interface Padded { readonly load: Load; readonly margins: Margins }

export function addHalos(n: Network): Network {
  n = copyPaddedInputs(n);
  const wanted = new Map<string, Margins>();
  for (const c of n.computes) for (const s of c.stages) for (const p of paddedIn(n, s)) {
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
  const computes = n.computes.map((c) => {
    const clears = [...first].filter(([, w]) => w === c).map(([name]) => tensors.get(name)!);
    return withoutTests(clears.reduce(withMargin, c), { ...n, tensors });
  });
  return withLayouts({ ...n, tensors, computes });
}
const larger = (a: Margins, b: Margins): Margins => a.map(([x, y], i) => [Math.max(x, b[i]![0]), Math.max(y, b[i]![1])]);

/** The tests of a select, if a margin can answer all of them: the padded loads, and what is left without the tests. */
function answer(n: Network, e: Expr): { loads: readonly Padded[]; inner: Expr } | null {
  if (e.kind !== "apply" || e.op !== "select" || e.dtype !== "f32") return null;
  const { inner, guards, otherwise } = unguarded(e);
  if (otherwise?.kind !== "const") return null;
  const factors = inner.kind === "apply" && inner.op === "mul" ? inner.args : [inner];
  const zero = otherwise.value === 0;
  // A zero serves a maximum only where nothing is below it.
  if (!zero && !(otherwise.value === -Infinity && inner.kind === "load" && isNonNegative(n, inner.buffer))) return null;
  for (const load of factors) {
    const t = load.kind === "load" ? n.tensors.get(load.buffer) : undefined;
    if (load.kind !== "load" || !t || t.kind === "constant") continue;
    // Other tests stay around what is left.
    const rest = guards.filter((g) => !load.at.some((i, d) => asks(g, i, t.shape[d]!)));
    if (rest.length < guards.length) {
      const margins = load.at.map((i, d): readonly [number, number] => { const [low, high] = range(i); return [Math.max(0, -low), Math.max(0, high - t.shape[d]! + 1)]; });
      if (margins.every(([a, b]) => Number.isFinite(a + b))) return { loads: [{ load, margins }], inner: rest.length ? select(rest.reduce(both), inner, otherwise) : inner };
    }
  }
  return null;
}
/** Whether a test asks for 0 <= i or i < size. */
function asks(test: Expr, i: Expr, size: number): boolean {
  if (test.kind !== "apply" || test.op !== "less" || test.args[0]!.dtype !== "index") return false;
  const positive = minus(test.args[1]!, test.args[0]!);
  return positive === plus(i, int(1)) || positive === minus(int(size), i);
}
function paddedIn(n: Network, s: Stage): readonly Padded[] {
  const found: Padded[] = [];
  const look = (e: Expr) => rebuildTop(e, (x) => { const a = answer(n, x); if (a) found.push(...a.loads); return a ? x : null; });
  look(s.value);
  return found.filter((p) => n.tensors.get(p.load.buffer)!.kind === "temporary");
}
function withoutTests(c: Compute, n: Network): Compute {
  const covered = (p: Padded) => { const h = n.tensors.get(p.load.buffer)!.layout.halo; return p.margins.every(([a, b], d) => a <= (h?.[d]?.[0] ?? 0) && b <= (h?.[d]?.[1] ?? 0)); };
  const go = (e: Expr) => rebuildTop(e, (x) => { const a = answer(n, x); return a?.loads.every(covered) ? a.inner : null; });
  return { ...c, stages: c.stages.map((s) => ({ ...s, value: go(s.value) })) };
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

function copyPaddedInputs(n: Network): Network {
  const tensors = new Map(n.tensors);
  const extra: Compute[] = [];
  const computes = n.computes.map((c) => {
    for (const t of c.tensors) {
      const own = n.tensors.get(t.name);
      if (own?.kind !== "input") continue;
      const asked = { ...n, tensors: new Map([...n.tensors, [t.name, { ...own, kind: "temporary" as const }]]) };
      const pads = c.stages.flatMap((s) => paddedIn(asked, s)).some((p) => p.load.buffer === t.name && p.margins.some(([a, b]) => a + b > 0));
      if (!pads) continue;
      const name = derivedName("padded", t.name);
      if (!tensors.has(name)) {
        const padded: NetTensor = { name, kind: "temporary", dtype: own.dtype, shape: own.shape, layout: rowMajor(own.shape.length) };
        tensors.set(name, padded);
        extra.push(copy(own, padded));
      }
      c = renamed(c, t.name, name);
    }
    return c;
  });
  return { ...n, tensors, computes: [...extra, ...computes] };
}
