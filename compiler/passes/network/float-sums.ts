/**
 * Sums of products of bytes (MatMulInteger, ConvInteger, QLinearConv ...) become sums of f32, which have lanes, register tiles and packed
 * weights. They are exact: all terms are whole numbers, and no sum of them can exceed 2^24, up to which f32 holds every whole number; longer
 * sums are cut into pieces that cannot. A map behind them makes the integers again, and is fused with what follows.
 * Needs: store-types, as types are final. Ensures: constants among the operands are marked `whole`, so that no algorithm computes with fractions of
 * them. For processors only, as lanes of grids multiply integers as fast. Stands before fusing, which joins tails to sums.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { add, both, convert, loadsIn, mul, select, substitute, sub } from "../../ir/algebra.ts";
import { axis, extentOf, rowMajor, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { unguarded } from "../../ir/contraction.ts";
import { sizeOf } from "../../ir/graph.ts";
import { int, plus } from "../../ir/linear.ts";
import { derivedName, relist, withSizes, type NetTensor, type Network } from "../../ir/network.ts";
import { constant, load, mentions, type Expr, type Load } from "../../ir/scalar.ts";
import { limits } from "../../ir/types.ts";

/** f32 holds every whole number up to here. */
const mostExact = 2 ** 24;
/** A byte less its zero point. */
export interface Operand { readonly byte: Load; readonly zero: Load | number }

/** The network with such sums in f32. */
export function floatSums(n: Network, facts: TargetFacts): Network {
  if (facts.grid) return n;
  const tensors = new Map(n.tensors), known = new Map<string, string>();
  const computes = n.computes.flatMap((c) => inFloats(c, tensors, known) ?? [c]);
  return tensors.size === n.tensors.size ? n : { ...n, tensors, computes };
}
/** The byte and the zero point of a difference of i32; null where it is none. */
export function operandOf(e: Expr): Operand | null {
  const bare = (x: Expr): Load | null => (x.kind === "cast" && x.arg.kind === "load" && (x.arg.dtype === "u8" || x.arg.dtype === "i8") ? x.arg : null), byte = bare(e);
  if (byte) return { byte, zero: 0 };
  if (e.kind !== "apply" || (e.op !== "sub" && e.op !== "add")) return null;
  const [x, z] = e.args.map(bare), [, by] = e.args as [Expr, Expr];
  if (!x) return null;
  if (by.kind === "const") return { byte: x, zero: e.op === "sub" ? Number(by.value) : -Number(by.value) };
  return z && e.op === "sub" ? { byte: x, zero: z } : null;
}
/** The Computes that take its place; null where it is no such sum. Adds the tensors between them. */
function inFloats(c: Compute, tensors: Map<string, NetTensor>, known: Map<string, string>): readonly Compute[] | null {
  const found = byteProducts(c), [o] = c.outputs, own = found?.operands.map(ownIndex);
  if (!found || !own![0] || !own![1]) return null;
  const { stage: s, operands: [a, b], guards } = found;
  const before: Compute[] = [], inFloat = [a, b].map((x, i) => widened(x, own![i]!, c, tensors, known, before)) as [string, string];
  const value = mul(load("f32", inFloat[0], a.byte.at), load("f32", inFloat[1], b.byte.at));
  const guardedValue = guards.length ? select(guards.reduce(both), value, constant("f32", -0)) : value;
  const pieces = piecesOf(s, [a, b], inFloat.map((t) => tensors.get(t)!));
  if (!pieces) return null;
  const sums = pieces.map(({ axes, at }, i) => {
    const name = derivedName(pieces.length === 1 ? "sum" : `sum${i}`, o!.tensor), t = tensors.get(o!.tensor)!, { declared: _, data: __, aliasOf: ___, ...shape } = t;
    tensors.set(name, { ...shape, name, kind: "temporary", dtype: "f32" });
    const stage: Stage = { ...plainly(s), value: substitute(guardedValue, at), reduce: { ...s.reduce!, axes } };
    return { name, compute: withSizes(relist({ ...c, stages: [stage], outputs: [{ ...o!, tensor: name, dtype: "f32" }] }, tensors), tensors) };
  });
  const index = o!.index ?? s.axes, whole = sums.map(({ name }) => convert("i32", load("f32", name, index))).reduce(add);
  const result = s.finish ? substitute(s.finish, new Map([["acc", whole]])) : whole;
  const map: Stage = { name: s.name, axes: s.axes, ...(s.ends ? { ends: s.ends } : {}), value: result };
  return [...before, ...sums.map((x) => x.compute), relist({ ...c, stages: [map] }, tensors)];
}
const plainly = ({ finish: _, ...s }: Stage): Stage => s;

/** The operands of a sum of products of bytes and the tests around them; null where the Compute is no such sum. */
export function byteProducts(c: Compute): { readonly stage: Stage; readonly operands: readonly [Operand, Operand]; readonly guards: readonly Expr[] } | null {
  const [s] = c.stages as [Stage];
  if (c.stages.length !== 1 || c.outputs.length !== 1 || s.reduce?.op !== "add" || s.value.dtype !== "i32") return null;
  const { inner, guards, otherwise } = unguarded(s.value);
  if (inner.kind !== "apply" || inner.op !== "mul" || (otherwise?.kind === "const" && Number(otherwise.value) !== 0)) return null;
  const [a, b] = inner.args.map(operandOf);
  return a && b ? { stage: s, operands: [a, b], guards } : null;
}
/** The index of the zero point over axes of the byte's tensor; null where it cannot be told from the byte's. */
export function ownIndex({ byte, zero }: Operand): readonly (number | Expr)[] | null {
  if (loadsIn(byte.at).length) return null;
  if (typeof zero === "number") return [];
  const index = zero.at.map((e) => (e.kind === "const" ? e : byte.at.indexOf(e)));
  return index.some((e) => e === -1) ? null : index;
}
/** What element `i` of a constant, which is `q`, is less its zero point. */
export function centredBy(t: NetTensor, zero: NetTensor | number, index: readonly (number | Expr)[]): (q: number, i: number) => number {
  if (typeof zero === "number") return (q) => q - zero;
  const strides = t.shape.map((_, d) => sizeOf(t.shape.slice(d + 1)));
  return (q, i) => q - Number(zero.data![index.reduce<number>((sum, e, d) => sum * zero.shape[d]! + (typeof e === "number" ? Math.floor(i / strides[e]!) % t.shape[e]! : Number((e as { value: number }).value)), 0)]);
}
/** The tensor of an operand's elements less their zero points, in f32: a constant, or one that a map before makes. */
function widened({ byte, zero }: Operand, index: readonly (number | Expr)[], c: Compute, tensors: Map<string, NetTensor>, known: Map<string, string>, before: Compute[]): string {
  const t = tensors.get(byte.buffer)!, axes = t.shape.map((size, d) => axis(`d${d}`, size)), at = index.map((e) => (typeof e === "number" ? axes[e]! : e));
  const minus = typeof zero === "number" ? constant("i32", zero) : convert("i32", load(zero.dtype, zero.buffer, at));
  const value = convert("f32", sub(convert("i32", load(byte.dtype, byte.buffer, axes)), minus)), key = `${byte.buffer} ${typeof zero === "number" ? zero : `${zero.buffer} ${index.map((e) => (typeof e === "number" ? e : "0")).join()}`}`;
  const made = known.get(key);
  if (made) return made;
  const name = derivedName(`float${known.size}`, byte.buffer), zeros = typeof zero === "number" ? null : tensors.get(zero.buffer)!;
  known.set(key, name);
  const { declared: _, aliasOf: __, data, ...shape } = t;
  if (data && (!zeros || zeros.data)) {
    tensors.set(name, { ...shape, name, dtype: "f32", layout: rowMajor(t.shape.length), whole: true, data: Float32Array.from(data as ArrayLike<number>, centredBy(t, typeof zero === "number" ? zero : zeros!, index)) });
  } else {
    tensors.set(name, { ...shape, name, kind: "temporary", dtype: "f32", layout: rowMajor(t.shape.length) });
    const output = { stage: "float", tensor: name, dtype: "f32" as const, shape: t.shape, layout: rowMajor(t.shape.length) };
    before.push(withSizes(relist({ name: "float", origin: c.origin, tensors: [], stages: [{ name: "float", axes, value }], outputs: [output] }, tensors), tensors));
  }
  return name;
}

/** As few pieces of a sum as are surely exact: their axes, and what their places mean in the whole. Null where there are none. */
function piecesOf(s: Stage, operands: readonly [Operand, Operand], wide: readonly NetTensor[]): readonly { readonly axes: readonly Axis[]; readonly at: ReadonlyMap<string, Expr> }[] | null {
  const axes = s.reduce!.axes, largest = operands.map((x, i) => largestOf(x, wide[i]!)) as [number, number];
  const long = [...axes].sort((a, b) => extentOf(b) - extentOf(a))[0]!, size = extentOf(long), others = axes.reduce((x, a) => x * extentOf(a), 1) / size;
  const sums = wide.map((t, i) => (t.data ? largestSums(t, operands[i]!.byte.at, axes, long) : null));
  const largestIn = (from: number, to: number) => Math.min((to - from) * others * largest[0] * largest[1], ...sums.map((sum, i) => (sum ? sum(from, to) * largest[1 - i]! : Infinity)));
  for (let parts = 1; parts <= size;) {
    const ends = Array.from({ length: parts + 1 }, (_, i) => Math.floor((i * size) / parts)), worst = ends.slice(1).reduce((most, to, i) => Math.max(most, largestIn(ends[i]!, to)), 0);
    if (worst > mostExact) { parts = Math.max(parts + 1, Math.floor((parts * worst) / mostExact)); continue; }
    return parts === 1 ? [{ axes, at: new Map() }] : ends.slice(1).map((to, i) => {
      const from = ends[i]!, part = axis(long.name, to - from);
      return { axes: axes.map((a) => (a === long ? part : a)), at: new Map([[long.name, plus(part, int(from))]]) };
    });
  }
  return null;
}
/** The largest that an element can be, sign aside. */
function largestOf({ byte, zero }: Operand, { data }: NetTensor): number {
  if (data) return (data as Float32Array).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  const [low, high] = limits(byte.dtype).map(Number) as [number, number];
  return typeof zero === "number" ? Math.max(high - zero, zero - low) : high - low;
}
/** The largest sum of a constant's elements, signs aside, that one element of the result adds up while `along` goes from one place to another. */
function largestSums(t: NetTensor, at: readonly Expr[], summed: readonly Axis[], along: Axis): (from: number, to: number) => number {
  const names = new Set(summed.map((a) => a.name)), kept = at.map((e) => !mentions(e, names)), cut = at.indexOf(along), length = cut < 0 ? 1 : t.shape[cut]!, rows = new Map<number, Float64Array>();
  const strides = t.shape.map((_, d) => sizeOf(t.shape.slice(d + 1))), place = (i: number, d: number) => Math.floor(i / strides[d]!) % t.shape[d]!;
  (t.data as Float32Array).forEach((x, i) => {
    const group = t.shape.reduce((g, size, d) => (kept[d] ? g * size + place(i, d) : g), 0), row = rows.get(group) ?? new Float64Array(length + 1);
    row[1 + (cut < 0 ? 0 : place(i, cut))]! += Math.abs(x);
    rows.set(group, row);
  });
  for (const row of rows.values()) for (let i = 1; i <= length; i++) row[i]! += row[i - 1]!;
  return (from, to) => {
    let most = 1;
    for (const row of rows.values()) most = Math.max(most, cut < 0 ? row[1]! : row[to]! - row[from]!);
    return most;
  };
}
