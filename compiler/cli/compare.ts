/** How far a result is from what it should be. */
import type { Constant } from "../ir/graph.ts";
import { encode, formats, isSmallFloat } from "../ir/formats.ts";
import { textOf } from "../ir/text.ts";
import { type DType, type ElementArray, isFloat } from "../ir/types.ts";

/** Infinite where one side is infinite, not a number or a string, and the other is not the same. */
export interface Difference {
  readonly maxAbsolute: number;
  /** The same over the largest finite expected magnitude. */
  readonly maxRelative: number;
  /** In units in the last place; between whole numbers, the absolute difference. */
  readonly maxUlp: number;
  /** Where the largest absolute difference lies, row-major; -1 where all is equal. */
  readonly index: number;
  readonly expected: number | string;
  readonly actual: number | string;
}
/** How many floats of the type lie between two; 0 and -0 are one. Between whole numbers, their difference. */
function distanceIn(t: DType): (x: number, y: number) => number {
  if (t === "f32") {
    const f = new Float32Array(1),
      i = new Int32Array(f.buffer);
    const position = (x: number): number => ((f[0] = x), i[0]! < 0 ? -(i[0]! & 0x7fffffff) : i[0]!);
    return (x, y) => Math.abs(position(x) - position(y));
  }
  if (t === "f64") {
    const f = new Float64Array(1),
      i = new BigInt64Array(f.buffer);
    const position = (x: number): bigint => ((f[0] = x), i[0]! < 0n ? -BigInt.asUintN(63, i[0]!) : i[0]!);
    return (x, y) => Math.abs(Number(position(x) - position(y)));
  }
  if (isSmallFloat(t)) {
    const { exponent, mantissa } = formats[t],
      sign = 2 ** (exponent + mantissa);
    const position = (x: number): number => (x < 0 ? sign - encode(t, x) : encode(t, x));
    return (x, y) => Math.abs(position(x) - position(y));
  }
  return (x, y) => Math.abs(x - y);
}
function compareStrings(a: Int32Array, b: Int32Array): Difference {
  const index = a.findIndex((x, i) => x !== b[i]),
    off = index < 0 ? 0 : Number.POSITIVE_INFINITY;
  return { maxAbsolute: off, maxRelative: off, maxUlp: off, index, expected: textOf(a[index] ?? 0), actual: textOf(b[index] ?? 0) };
}
/** Both of the same type and size. */
export function compare(expected: Constant, actual: { readonly data: ElementArray }): Difference {
  if (expected.dtype === "string") return compareStrings(expected.data as Int32Array, actual.data as Int32Array);
  const { data: a } = expected,
    b = actual.data,
    ulps = distanceIn(expected.dtype);
  let maxAbsolute = 0,
    magnitude = 0,
    maxUlp = 0,
    index = -1;
  for (let i = 0; i < a.length; i++) {
    const x = Number(a[i]),
      y = Number(b[i]);
    if (Number.isFinite(x)) magnitude = Math.max(magnitude, Math.abs(x));
    if (a[i] === b[i] || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const both = Number.isFinite(x) && Number.isFinite(y);
    const off = typeof a[i] === "bigint" ? Number(BigInt(a[i]!) - BigInt(b[i]!)) : x - y;
    const distance = both ? Math.abs(off) : Number.POSITIVE_INFINITY;
    maxUlp = Math.max(maxUlp, both ? (isFloat(expected.dtype) ? ulps(x, y) : distance) : distance);
    if (distance > maxAbsolute) (maxAbsolute = distance), (index = i);
  }
  const maxRelative = maxAbsolute === 0 ? 0 : maxAbsolute / magnitude;
  return { maxAbsolute, maxRelative, maxUlp, index, expected: index < 0 ? 0 : Number(a[index]), actual: index < 0 ? 0 : Number(b[index]) };
}
