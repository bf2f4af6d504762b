/** ONNX's own comparison: |got - want| <= 1e-7 + 1e-3 |want| for floats, NaN equal to NaN; all else exact. */
import { decode } from "../../compiler/ir/formats.ts";
import { codes, type Tensor } from "./proto.ts";

const relative = 1e-3, absolute = 1e-7;

/** How an element of a floating-point type reads, and its size; all other types are compared by their bytes. */
const floats: Readonly<Record<number, { readonly size: number; readonly read: (v: DataView, at: number) => number }>> = {
  1: { size: 4, read: (v, at) => v.getFloat32(at, true) },
  11: { size: 8, read: (v, at) => v.getFloat64(at, true) },
  10: { size: 2, read: (v, at) => decode("f16", v.getUint16(at, true)) },
  16: { size: 2, read: (v, at) => decode("bf16", v.getUint16(at, true)) },
  17: { size: 1, read: (v, at) => decode("f8e4m3fn", v.getUint8(at)) },
  18: { size: 1, read: (v, at) => decode("f8e4m3fnuz", v.getUint8(at)) },
  19: { size: 1, read: (v, at) => decode("f8e5m2", v.getUint8(at)) },
  20: { size: 1, read: (v, at) => decode("f8e5m2fnuz", v.getUint8(at)) },
};
const viewOf = (b: Uint8Array): DataView => new DataView(b.buffer, b.byteOffset, b.byteLength);
const text = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** Null where `got` stands for `want`, else what differs. */
export function difference(got: Tensor, want: Tensor): string | null {
  if (got.code !== want.code) return `element type ${codes[got.code]?.name ?? got.code}, expected ${codes[want.code]?.name ?? want.code}`;
  if (text(got.shape) !== text(want.shape)) return `shape ${text(got.shape)}, expected ${text(want.shape)}`;
  if (got.bytes.length !== want.bytes.length) return `${got.bytes.length} bytes, expected ${want.bytes.length}`;
  const kind = floats[want.code], a = viewOf(got.bytes), b = viewOf(want.bytes);
  if (!kind) {
    const at = got.bytes.findIndex((x, i) => x !== want.bytes[i]);
    return at < 0 ? null : `byte ${at} is ${got.bytes[at]}, expected ${want.bytes[at]}`;
  }
  const count = want.bytes.length / kind.size;
  let wrong = 0, worst = -1, at = 0;
  for (let i = 0; i < count; i++) {
    const x = kind.read(a, i * kind.size), y = kind.read(b, i * kind.size);
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const off = Math.abs(x - y);
    if (Number.isFinite(y) && off <= absolute + relative * Math.abs(y)) continue;
    wrong++;
    if (!(off <= worst)) { worst = off; at = i; }
  }
  if (wrong === 0) return null;
  return `${wrong} of ${count} elements differ, element ${at} is ${kind.read(a, at * kind.size)}, expected ${kind.read(b, at * kind.size)}`;
}
