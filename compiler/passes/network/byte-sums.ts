/**
 * Sums of products of bytes whose second operand is a constant become sums over words of four bytes, for which processors have instructions:
 * unsigned bytes of the activations, signed ones of the weights. Zero points are taken out of the sum, and what they add up to stands behind it:
 * sum (x - z) w = sum x w - z sum w. What lies outside a padded tensor counts as its zero point: there such a tensor holds x xor z, of which its margin is 0.
 * Needs: store-types, as types are final. Leaves to float-sums what has few columns, weights beyond a signed byte, or windows without channels (depthwise).
 */
import type { TargetFacts } from "../../emit/target.ts";
import { both, convert, less, make, mul, select, sub, substitute } from "../../ir/algebra.ts";
import { accumulator, axis, extentOf, rowMajor, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { dimOf } from "../../ir/contraction.ts";
import { sizeOf } from "../../ir/graph.ts";
import { int, plus, times } from "../../ir/linear.ts";
import { derivedName, relist, withSizes, type NetTensor, type Network } from "../../ir/network.ts";
import { constant, load, mentions, variables, type Expr } from "../../ir/scalar.ts";
import { byteProducts, centredBy, ownIndex, type Operand } from "./float-sums.ts";

/** Fewer columns leave lanes idle, fewer terms bytes of words. */
const fewestColumns = 4, fewestTerms = 3;

/** The network with such sums in words. */
export function byteSums(n: Network, facts: TargetFacts): Network {
  if (!facts.byteDots) return n;
  const tensors = new Map(n.tensors), computes = n.computes.flatMap((c) => inWords(c, tensors) ?? [c]);
  return tensors.size === n.tensors.size ? n : { ...n, tensors, computes };
}
/** The Computes that take its place; null where it is no such sum. Adds the tensors between them. */
function inWords(c: Compute, tensors: Map<string, NetTensor>): readonly Compute[] | null {
  const found = byteProducts(c);
  if (!found) return null;
  const { stage: s, guards } = found, isConstant = (x: Operand) => tensors.get(x.byte.buffer)!.data !== undefined, [a, b] = isConstant(found.operands[0]) ? [found.operands[1], found.operands[0]] : found.operands;
  if (isConstant(a) || !isConstant(b)) return null;
  const along = alongOf(s, a, b, guards), x = tensors.get(a.byte.buffer)!, zeros = typeof a.zero === "number" ? null : a.zero;
  const columns = s.axes.filter((v) => extentOf(v) >= fewestColumns && moves(b, v) && !moves(a, v));
  if (!along || columns.length === 0 || s.reduce!.ends?.some(Boolean) || x.sizes?.[along.dim] !== undefined) return null;
  if (zeros && (guards.length > 0 || zeros.at.some((e) => e.kind !== "const"))) return null;
  const weights = weightsOf(s, b, along, tensors);
  if (!weights) return null;
  const low = x.dtype === "i8" ? -128 : 0, zero = zeros ? 0 : Number(a.zero), mask = guards.length ? zero & 255 : 0, { k, dim } = along;
  const words = axis(k.name, Math.ceil(extentOf(k) / 4)), before: Compute[] = [], bytes = masked(c, x, dim, mask, tensors, before);
  const at = (i: number) => a.byte.at.map((e, d) => (d === dim ? substitute(e, new Map([[k.name, plus(times(words, 4), int(i))]])) : e));
  const plain = make("word", ...[0, 1, 2, 3].map((i) => convert("u8", load(x.dtype, bytes, at(i)))));
  const inside = guards.length ? select(guards.reduce(both), plain, constant("i32", 0)) : plain, flip = mask ^ (low ? 128 : 0);
  const operand = flip ? make("xor", inside, constant("i32", flip * 0x01010101)) : inside;
  const value = make("dotBytes", constant("i32", 0), operand, load("i32", weights.name, b.byte.at.map((e) => (e === k ? words : e))));
  // Bytes without a sign are x - low.
  const sum = accumulator("i32"), shift = zeros ? sub(convert("i32", load(zeros.dtype, zeros.buffer, zeros.at)), constant("i32", low)) : constant("i32", zero - low);
  const whole = zeros || zero !== low ? sub(sum, mul(shift, load("i32", weights.sums(), weights.at))) : sum;
  const finish = s.finish ? substitute(s.finish, new Map([["acc", whole]])) : whole;
  const { finish: _, ...rest } = s, stage: Stage = { ...rest, value, reduce: { ...s.reduce!, axes: s.reduce!.axes.map((v) => (v === k ? words : v)) }, ...(finish === sum ? {} : { finish }) };
  return [...before, relist({ ...c, stages: [stage] }, tensors)];
}
const moves = (x: Operand, v: Axis): boolean => x.byte.at.some((e) => mentions(e, new Set([v.name])));

/** An axis of the sum along which four bytes are taken at a time, and the dimension of the activations along which it runs. */
interface Along { readonly k: Axis; readonly dim: number }
/** The longest axis that moves one dimension of each operand, in which nothing slides. */
function alongOf(s: Stage, a: Operand, b: Operand, guards: readonly Expr[]): Along | null {
  const found = s.reduce!.axes.flatMap((k): Along[] => {
    const dim = dimOf(a.byte.at, k), own = new Set([k.name]);
    if (dim === null || extentOf(k) < fewestTerms || b.byte.at.filter((e) => mentions(e, own)).some((e) => e !== k) || !moves(b, k) || guards.some((g) => mentions(g, own))) return [];
    const others = [...variables(a.byte.at[dim]!)].filter((v) => v !== k.name), known = s.axes.filter((v) => others.includes(v.name));
    // Behind the last byte there are none, unless the tensor ends there.
    return others.length === known.length && known.every((v) => moves(b, v)) && (a.byte.at[dim] === k || extentOf(k) % 4 === 0) ? [{ k, dim }] : [];
  });
  return found.sort((p, q) => extentOf(q.k) - extentOf(p.k))[0] ?? null;
}
/** Weights as words, and what a column of them adds up to, with its index; null where some less its zero point is no signed byte. */
function weightsOf(s: Stage, b: Operand, { k }: Along, tensors: Map<string, NetTensor>): { readonly name: string; readonly sums: () => string; readonly at: readonly Expr[] } | null {
  const t = tensors.get(b.byte.buffer)!, zeros = typeof b.zero === "number" ? b.zero : tensors.get(b.zero.buffer)!, index = ownIndex(b), summed = new Set(s.reduce!.axes.map((v) => v.name));
  const inSum = t.shape.map((_, d) => mentions(b.byte.at[d]!, summed)), whole = b.byte.at.every((e, d) => !inSum[d] || (s.reduce!.axes as readonly Expr[]).includes(e));
  if (!index || !whole || (typeof zeros !== "number" && !zeros.data)) return null;
  const centred = Int16Array.from(t.data as ArrayLike<number>, centredBy(t, zeros, index));
  if (centred.some((w) => w < -128 || w > 127)) return null;
  const along = b.byte.at.indexOf(k), size = t.shape[along]!, length = Math.ceil(size / 4), inner = sizeOf(t.shape.slice(along + 1));
  const constantOf = (what: string, shape: readonly number[], data: Int32Array): string => {
    const name = derivedName(`${what}${tensors.size}`, t.name);
    tensors.set(name, { name, kind: "constant", dtype: "i32", shape, layout: rowMajor(shape.length), data, whole: true });
    return name;
  };
  const words = new Int32Array((centred.length / size) * length);
  centred.forEach((w, i) => { const place = Math.floor(i / inner) % size, row = Math.floor(i / (inner * size)); words[(row * length + (place >> 2)) * inner + (i % inner)]! |= (w & 255) << (8 * (place % 4)); });
  const kept = t.shape.flatMap((_, d) => (inSum[d] ? [] : [d])), shape = kept.map((d) => t.shape[d]!), strides = t.shape.map((_, d) => sizeOf(t.shape.slice(d + 1)));
  const sums = (): string => {
    const data = new Int32Array(sizeOf(shape));
    centred.forEach((w, i) => { data[kept.reduce((n, d) => n * t.shape[d]! + (Math.floor(i / strides[d]!) % t.shape[d]!), 0)]! += w; });
    return constantOf("sums", shape, data);
  };
  return { name: constantOf("words", t.shape.map((n, d) => (d === along ? length : n)), words), sums, at: kept.map((d) => b.byte.at[d]!) };
}
/** The bytes that the words are made of: the tensor itself, or one with whole words along `dim` and each byte xor `mask`. */
function masked(c: Compute, x: NetTensor, dim: number, mask: number, tensors: Map<string, NetTensor>, before: Compute[]): string {
  const size = x.shape[dim]!, shape = x.shape.map((n, d) => (d === dim ? Math.ceil(n / 4) * 4 : n)), name = derivedName(`bytes${mask}_${dim}`, x.name);
  if (mask === 0 && size % 4 === 0) return x.name;
  if (tensors.has(name)) return name;
  const axes = shape.map((n, d) => axis(`d${d}`, n)), byte = load(x.dtype, x.name, axes), flipped = mask ? make("xor", byte, constant(x.dtype, mask)) : byte;
  const value = size % 4 ? select(less(axes[dim]!, int(size)), flipped, constant(x.dtype, 0)) : flipped;
  const { declared: _, aliasOf: __, data: ___, ...same } = x, layout = rowMajor(shape.length);
  tensors.set(name, { ...same, name, kind: "temporary", shape, layout });
  before.push(withSizes(relist({ name: "bytes", origin: c.origin, tensors: [], stages: [{ name: "bytes", axes, value }], outputs: [{ stage: "bytes", tensor: name, dtype: x.dtype, shape, layout }] }, tensors), tensors));
  return name;
}
