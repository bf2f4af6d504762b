/**
 * The caller's tensors of element types that kernels cannot read as such: a Compute in front makes numbers of their bits, and one at the end
 * makes bits of numbers. Those of few bits share bytes, the first in the lowest bits, as in ONNX's files.
 */
import { convert, make, select } from "../../ir/algebra.ts";
import { bitsTypeOf, decodedByBits, encodedByBits } from "../../ir/codec.ts";
import { address, at, axis, output, rowMajor, tensor, type Compute, type Stage } from "../../ir/compute.ts";
import { isSmallFloat } from "../../ir/formats.ts";
import { sizeOf } from "../../ir/graph.ts";
import { int, plus, times } from "../../ir/linear.ts";
import { derivedName, type NetTensor, type Network } from "../../ir/network.ts";
import { constant, type Expr } from "../../ir/scalar.ts";
import { bytesFor, types, type DType } from "../../ir/types.ts";
import { renamed } from "./choose-layouts.ts";

const i32 = (x: number): Expr => constant("i32", x);
/** A number of type `t`, small floats as f32, from its bits, an i32. */
function fromBits(t: DType, bits: Expr): Expr {
  if (isSmallFloat(t)) return decodedByBits(t, bits);
  const sign = i32(2 ** (types[t].bits - 1));
  return convert(t, types[t].kind === "int" ? make("sub", make("xor", bits, sign), sign) : bits);
}
/** How many elements share a byte. */
const perByte = (t: DType): number => Math.max(1, 8 / types[t].bits);
/** Bits in the place of elements: what the caller has. */
function bitsOf(t: NetTensor): NetTensor {
  const shared = perByte(t.dtype) > 1, shape = shared ? [bytesFor(t.dtype, sizeOf(t.shape))] : t.shape, dtype = isSmallFloat(t.dtype) && !shared ? bitsTypeOf(t.dtype) : "u8";
  return { ...t, dtype, shape, layout: rowMajor(shape.length), declared: { dtype: t.dtype, shape: t.shape, ...(t.sizes ? { sizes: t.sizes } : {}) } };
}
function decoding(t: NetTensor, bits: NetTensor, to: string): Compute {
  const axes = t.shape.map((n, d) => axis(`d${d}`, n)), per = perByte(t.dtype), flat = address(t.shape, rowMajor(t.shape.length), axes);
  const code = convert("i32", at(bits, ...(per > 1 ? [make("quo", flat, int(per))] : axes))), width = types[t.dtype].bits;
  const own = per > 1 ? make("and", make("shr", code, convert("i32", times(make("rem", flat, int(per)), width))), i32(2 ** width - 1)) : code;
  const stage: Stage = { name: "decode", axes, value: fromBits(t.dtype, own) };
  return { name: "decode", origin: [], stages: [stage], tensors: [tensor(bits.name, "input", bits.shape, { dtype: bits.dtype })], outputs: [output(stage, to)] };
}
function encoding(t: NetTensor, from: string, bits: NetTensor): Compute {
  const axes = bits.shape.map((n, d) => axis(`d${d}`, n)), per = perByte(t.dtype), width = types[t.dtype].bits, count = sizeOf(t.shape), dtype = isSmallFloat(t.dtype) ? "f32" : t.dtype;
  const code = (index: readonly Expr[]): Expr => { const x = at({ name: from, dtype }, ...index); return isSmallFloat(t.dtype) ? encodedByBits(t.dtype, x) : make("and", convert("i32", x), i32(2 ** width - 1)); };
  const unflat = (place: Expr): readonly Expr[] => t.shape.map((n, d) => make("rem", make("quo", place, int(Math.max(1, sizeOf(t.shape.slice(d + 1))))), int(Math.max(1, n))));
  const part = (k: number): Expr => {
    const place = plus(times(axes[0]!, per), int(k)), inside = make("less", place, int(count));
    return make("shl", select(inside, code(unflat(make("min", place, int(count - 1)))), i32(0)), i32(k * width));
  };
  const value = per > 1 ? Array.from({ length: per }, (_, k) => part(k)).reduce((a, b) => make("or", a, b)) : code(axes);
  const stage: Stage = { name: "encode", axes, value: convert(bits.dtype, value) };
  return { name: "encode", origin: [], stages: [stage], tensors: [tensor(from, "input", t.shape, { dtype })], outputs: [output(stage, bits.name)] };
}
/** The network with bits in the place of those inputs and outputs of which `isBits` says that they are; all else reads and writes temporaries. */
export function callerBits(n: Network, isBits: (t: DType) => boolean): Network {
  let { computes } = n;
  const tensors = new Map(n.tensors), first: Compute[] = [], last: Compute[] = [];
  for (const t of n.tensors.values()) {
    if ((t.kind !== "input" && t.kind !== "output") || !isBits(t.dtype)) continue;
    const name = derivedName("numbers", t.name), bits = bitsOf(t);
    computes = computes.map((c) => renamed(c, t.name, name));
    tensors.set(t.name, bits);
    tensors.set(name, { name, kind: "temporary", dtype: t.dtype, shape: t.shape, layout: t.layout, ...(t.sizes ? { sizes: t.sizes } : {}) });
    (t.kind === "input" ? first : last).push(t.kind === "input" ? decoding(t, bits, name) : encoding(t, name, bits));
  }
  return first.length + last.length === 0 ? n : { ...n, tensors, computes: [...first, ...computes, ...last] };
}
