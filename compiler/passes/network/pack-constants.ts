/** The constant blob: every weight once for each layout in which some kernel reads it, ready to use. */
import { fail, show, type Expr } from "../../ir/scalar.ts";
import { linear } from "../../ir/linear.ts";
import { address, axis, memoryType, physical, rowMajor, type Layout, type Tensor } from "../../ir/compute.ts";
import { bitsTypeOf } from "../../ir/codec.ts";
import { encode } from "../../ir/formats.ts";
import { types, viewOf, type ElementArray } from "../../ir/types.ts";

/** A constant of the network: its row-major elements. */
interface Given { readonly name: string; readonly shape: readonly number[]; readonly data: ElementArray }

/** Equal for weights that are packed from a tensor in the same way. */
export const keyOfPacked = (t: Tensor, from: string): string => JSON.stringify([from, t.shape, t.layout, t.source?.at.map(show), t.source?.axes.map((a) => a.name)]);
/** Constants side by side, in the order in which they are first asked for, at multiples of `alignment` bytes. */
export class ConstantBlob {
  private readonly alignment: number;
  private readonly parts: { readonly offset: number; readonly tensor: Tensor; readonly from: Given }[] = [];
  private readonly known = new Map<string, number>();
  private size = 0;

  constructor(alignment = 64) { this.alignment = alignment; }

  /** The offset in bytes of the weight `t`, which will be packed from the constant it is or comes from. */
  place(t: Tensor, from: Given): number {
    const key = keyOfPacked(t, from.name), before = this.known.get(key);
    if (before !== undefined) return before;
    const offset = this.size;
    this.parts.push({ offset, tensor: t, from });
    this.known.set(key, offset);
    this.size = Math.ceil((offset + bytesOf(t)) / this.alignment) * this.alignment;
    return offset;
  }
  /** Packs everything. Large models are mostly this: the bytes exist once. */
  bytes(): Uint8Array {
    const out = new Uint8Array(this.size);
    for (const { offset, tensor: t, from } of this.parts) {
      const place = out.subarray(offset, offset + bytesOf(t));
      const { memory } = t.layout;
      if (!memory) { relay(t, from.shape, from.data, viewOf(t.dtype, place)); continue; }
      const whole = new Float32Array(physical(t.shape, t.layout).size), codes = viewOf(bitsTypeOf(memory), place) as Uint16Array;
      relay(t, from.shape, from.data, whole);
      for (let i = 0; i < whole.length; i++) codes[i] = encode(memory, whole[i]!);
    }
    return out;
  }
}

/** Bytes of a weight in its layout. */
export const bytesOf = (t: Tensor): number => physical(t.shape, t.layout).size * types[memoryType(t)].bytes;
/** Writes the elements of a weight in its layout into `out`, which holds zeros. */
export function relay(t: Tensor, shape: readonly number[], data: ElementArray, out: ElementArray): void {
  const axes = t.source?.axes ?? t.shape.map((n, d) => axis(`d${d}`, n));
  const from = address(shape, rowMajor(shape.length), t.source?.at ?? axes), l = linear(from);
  if (from === address(t.shape, t.layout, axes) && out.length === data.length) (out as Float32Array).set(data as Float32Array);
  else if ([...l.terms.keys()].some((x) => !(axes as readonly Expr[]).includes(x))) scattered(t, from, axes.map((a) => a.name), data, out);
  else move(t.layout, t.shape, axes.map((a) => l.terms.get(a) ?? 0), l.constant, data, out);
}
/**
 * Copies along the physical dimensions; `steps`: how far the source moves with each logical dimension. The loops are made
 * as JavaScript for the very extents: weights are large.
 */
function move(layout: Layout, shape: readonly number[], steps: readonly number[], start: number, data: ElementArray, out: ElementArray): void {
  const { extents, strides } = physical(shape, layout), blocked = new Map<number, string>(), lines: string[] = [];
  let from = `${start}`, to = "0";
  layout.parts.forEach((p, i) => {
    const before = p.quo || p.rem ? 0 : layout.halo?.[p.dim]?.[0] ?? 0, size = shape[p.dim]!, block = blocked.get(p.dim);
    // A block at the end may hold fewer elements, and a margin holds none.
    const count = p.quo ? `${extents[i]}` : p.rem ? (block ? `Math.min(${p.rem}, ${size} - ${block})` : `${Math.min(p.rem, size)}`) : `${size}`;
    lines.push(`for (let i${i} = 0, n${i} = ${count}, f${i} = ${from}, o${i} = ${to} + ${before * strides[i]!}; i${i} < n${i}; i${i}++, f${i} += ${steps[p.dim]! * (p.quo ?? 1)}, o${i} += ${strides[i]}) {`);
    if (p.quo) blocked.set(p.dim, `i${i} * ${p.quo}`);
    from = `f${i}`; to = `o${i}`;
  });
  const text = `${lines.join("\n")}\nout[${to}] = data[${from}];\n${"}".repeat(lines.length)}`;
  (new Function("data", "out", text) as (data: ElementArray, out: ElementArray) => void)(data, out);
}
/** Where the source is no sum of multiples: element by element, by evaluating the index. */
function scattered(t: Tensor, from: Expr, names: readonly string[], data: ElementArray, out: ElementArray): void {
  const text = (e: Expr): string => {
    switch (e.kind) {
      case "const": return String(e.value);
      case "var": return `i[${names.indexOf(e.name)}]`;
      case "apply": {
        const [a, b] = e.args.map(text);
        switch (e.op) {
          case "add": return `(${a}+${b})`;
          case "mul": return `(${a}*${b})`;
          case "quo": return `Math.floor(${a}/${b})`;
          case "rem": return `(${a}%${b})`;
          case "min": return `Math.min(${a},${b})`;
          case "max": return `Math.max(${a},${b})`;
          default: return fail(`the index ${show(from)} of a weight holds ${e.op}`);
        }
      }
      default: return fail(`the index ${show(from)} of a weight is not one of axes`);
    }
  };
  const axes = t.shape.map((n, d) => axis(names[d]!, n));
  const source = new Function("i", `return ${text(from)}`) as (i: readonly number[]) => number;
  const target = new Function("i", `return ${text(address(t.shape, t.layout, axes))}`) as (i: readonly number[]) => number;
  const index = t.shape.map(() => 0), total = t.shape.reduce((a, b) => a * b, 1);
  for (let n = 0; n < total; n++) {
    (out as { [i: number]: unknown })[target(index)] = data[source(index)];
    for (let d = index.length - 1; d >= 0 && ++index[d]! === t.shape[d]; d--) index[d] = 0;
  }
}
