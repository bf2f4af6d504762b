/** Element types. Whatever depends on a type reads this table. */
import { codebook, encode, extremes, isSmallFloat, roundTo, type SmallFloat } from "./formats.ts";

/** A number of JavaScript; a bigint for 64-bit integers. */
export type Num = number | bigint;
/** float: rounded after each operation; int, uint: wrap around; index: addresses and loop counters; bool: 0 or 1; text: numbers of strings (text.ts). */
export type Kind = "float" | "int" | "uint" | "bool" | "index" | "text";
/** The elements of a tensor. bool is a Uint8Array of 0 and 1. */
export type ElementArray =
  | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array;
type ArrayConstructor = {
  new (length: number): ElementArray;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ElementArray;
};

interface TypeRow {
  readonly kind: Kind;
  /** In memory. Elements smaller than a byte take one there; `bits` is what the caller's tensors, and models, have of each. */
  readonly bytes: number;
  readonly bits: number;
  /** How a JavaScript number becomes a value of the type. */
  readonly wrap: (x: Num) => Num;
  /** Small floats are numbers in JavaScript, not the bits that they are in memory. */
  readonly array: ArrayConstructor;
  /** `TensorProto.DataType`; 0 where a model cannot hold it. */
  readonly onnx: number;
  /** The type's name in C; of small floats and packed integers, what holds their bits. */
  readonly c: string;
}
const whole = (x: Num): bigint => (typeof x === "bigint" ? x : Number.isFinite(x) ? BigInt(Math.trunc(x)) : 0n);
const signed = (bits: number) => (x: Num): Num => Number(BigInt.asIntN(bits, whole(x)));
const unsigned = (bits: number) => (x: Num): Num => Number(BigInt.asUintN(bits, whole(x)));
const row = (kind: Kind, array: unknown, bytes: number, onnx: number, c: string, wrap: (x: Num) => Num, bits = 8 * bytes): TypeRow => ({
  kind, bytes, bits, wrap, array: array as ArrayConstructor, onnx, c,
});
const small = (t: SmallFloat, bits: number, onnx: number): TypeRow =>
  row("float", Float32Array, bits > 8 ? 2 : 1, onnx, bits > 8 ? "uint16_t" : "uint8_t", (x) => roundTo(t, Number(x)), bits);

const table = {
  f32: row("float", Float32Array, 4, 1, "float", (x) => Math.fround(Number(x))),
  f64: row("float", Float64Array, 8, 11, "double", (x) => Number(x)),
  f16: small("f16", 16, 10),
  bf16: small("bf16", 16, 16),
  f8e4m3fn: small("f8e4m3fn", 8, 17),
  f8e4m3fnuz: small("f8e4m3fnuz", 8, 18),
  f8e5m2: small("f8e5m2", 8, 19),
  f8e5m2fnuz: small("f8e5m2fnuz", 8, 20),
  f8e8m0: small("f8e8m0", 8, 24),
  f4e2m1: small("f4e2m1", 4, 23),
  i8: row("int", Int8Array, 1, 3, "int8_t", signed(8)),
  i16: row("int", Int16Array, 2, 5, "int16_t", signed(16)),
  i32: row("int", Int32Array, 4, 6, "int32_t", (x) => (typeof x === "number" && Math.abs(x) < 2 ** 53 ? x | 0 : signed(32)(x))),
  i64: row("int", BigInt64Array, 8, 7, "int64_t", (x) => BigInt.asIntN(64, whole(x))),
  u8: row("uint", Uint8Array, 1, 2, "uint8_t", unsigned(8)),
  u16: row("uint", Uint16Array, 2, 4, "uint16_t", unsigned(16)),
  u32: row("uint", Uint32Array, 4, 12, "uint32_t", unsigned(32)),
  u64: row("uint", BigUint64Array, 8, 13, "uint64_t", (x) => BigInt.asUintN(64, whole(x))),
  i4: row("int", Int8Array, 1, 22, "uint8_t", signed(4), 4),
  u4: row("uint", Uint8Array, 1, 21, "uint8_t", unsigned(4), 4),
  i2: row("int", Int8Array, 1, 26, "uint8_t", signed(2), 2),
  u2: row("uint", Uint8Array, 1, 25, "uint8_t", unsigned(2), 2),
  bool: row("bool", Uint8Array, 1, 9, "bool", (x) => (Number(x) === 0 ? 0 : 1)),
  index: row("index", Int32Array, 8, 0, "ptrdiff_t", (x) => Math.trunc(Number(x)) + 0),
  string: row("text", Int32Array, 4, 8, "int32_t", (x) => Number(x) | 0),
  /** Strings in a caller's memory, as pointers to them. */
  chars: row("text", Int32Array, 8, 0, "const char*", (x) => Number(x) | 0),
};
/** The name of a type. */
export type DType = keyof typeof table;
/** What each type is. */
export const types: Readonly<Record<DType, TypeRow>> = table;
/** Types of numbers and truths. */
export const elementTypes = (Object.keys(table) as DType[]).filter((t) => t !== "index" && table[t].kind !== "text");
/** Types that expressions compute with: small floats, and integers smaller than a byte, are only converted and moved. */
export const computedTypes = elementTypes.filter((t) => table[t].bits >= 8 && !isSmallFloat(t));

/** Whether values of the type are floating-point numbers. */
export const isFloat = (t: DType): boolean => types[t].kind === "float";
/** Whether values of the type are bigints in JavaScript. */
export const isBig = (t: DType): boolean => t === "i64" || t === "u64";
/** The smallest and largest value of a type; infinities for floats that have them. */
export function limits(t: DType): readonly [low: Num, high: Num] {
  const { kind, bits } = types[t];
  switch (kind) {
    case "float": return isSmallFloat(t) ? extremes(t) : [-Infinity, Infinity];
    case "bool": return [0, 1];
    case "index": return [-(2 ** 53), 2 ** 53];
    case "text": return [0, 2 ** 31 - 1];
    case "int": return [types[t].wrap(-(2n ** BigInt(bits - 1))), types[t].wrap(2n ** BigInt(bits - 1) - 1n)];
    case "uint": return [types[t].wrap(0), types[t].wrap(2n ** BigInt(bits) - 1n)];
    default: return kind satisfies never;
  }
}
/** `TensorProto.DataType` in ONNX 1.22, by code: the names that messages use. */
export const onnxTypeNames: readonly string[] = [
  "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64", "uint32", "uint64",
  "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1",
  "float8e8m0", "uint2", "int2",
];
/** The name of an element type's code, for messages. */
export const onnxTypeName = (code: number): string => onnxTypeNames[code] ?? `number ${code}`;
/** The type with this code in `TensorProto.DataType`; undefined where mlc has none. */
export const typeOfOnnx = (code: number): DType | undefined => (code === types.string.onnx ? "string" : elementTypes.find((t) => types[t].onnx === code));
/** So many elements of the type, all 0. */
export const newArray = (t: DType, length: number): ElementArray => new types[t].array(length);
/** An array of the type from JavaScript numbers, each wrapped or rounded to it. */
export function arrayOf(t: DType, values: Iterable<Num>): ElementArray {
  const list = Array.from(values, types[t].wrap), out = newArray(t, list.length);
  list.forEach((x, i) => { (out as { [i: number]: Num })[i] = x; });
  return out;
}
/** Bytes of so many elements in a model and in the caller's memory: those smaller than a byte lie two or four in one, the first in its lowest bits. */
export const bytesFor = (t: DType, count: number): number => Math.ceil((count * types[t].bits) / 8);
/** Elements from the bytes of a model or a caller: a view, where they need no decoding and are aligned. `count`, where bytes are shared. */
export function viewOf(t: DType, bytes: Uint8Array, count = Math.floor((bytes.byteLength * 8) / types[t].bits)): ElementArray {
  const { bytes: size, bits, array } = types[t];
  if (isSmallFloat(t)) {
    const book = codebook(t);
    const codes = codesIn(bytes, bits, count), out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = book[codes[i]!]!;
    return out;
  }
  if (bits < 8) return arrayOf(t, codesIn(bytes, bits, count));
  const whole = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new array(whole.buffer, whole.byteOffset, count);
}
/** The bytes of elements in a model and in the caller's memory. */
export function bytesOfElements(t: DType, data: ElementArray): Uint8Array {
  const { bits } = types[t];
  if (isSmallFloat(t)) {
    const codes = new Uint16Array(data.length);
    for (let i = 0; i < codes.length; i++) codes[i] = encode(t, data[i] as number);
    return packed(codes, bits);
  }
  return bits < 8 ? packed(data as Uint8Array, bits) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
/** Codes of so many bits each, lowest first. */
function codesIn(bytes: Uint8Array, bits: number, count: number): Uint8Array | Uint16Array {
  if (bits === 8) return bytes.subarray(0, count);
  if (bits === 16) return new Uint16Array((bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes)).buffer, bytes.byteOffset % 2 === 0 ? bytes.byteOffset : 0, count);
  const per = 8 / bits;
  return Uint8Array.from({ length: count }, (_, i) => (bytes[Math.floor(i / per)]! >> (bits * (i % per))) & (2 ** bits - 1));
}
function packed(codes: ArrayLike<number>, bits: number): Uint8Array {
  if (bits === 16) return new Uint8Array((codes as Uint16Array).buffer);
  const per = 8 / bits, out = new Uint8Array(Math.ceil(codes.length / per));
  for (let i = 0; i < codes.length; i++) out[Math.floor(i / per)]! |= (codes[i]! & (2 ** bits - 1)) << (bits * (i % per));
  return out;
}
