/** Element types. Whatever depends on a type reads this table. */

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
  /** In memory. */
  readonly bytes: number;
  /** How a JavaScript number becomes a value of the type. */
  readonly wrap: (x: Num) => Num;
  readonly array: ArrayConstructor;
  /** `TensorProto.DataType`; 0 where a model cannot hold it. */
  readonly onnx: number;
  /** The type's name in C. */
  readonly c: string;
}
const whole = (x: Num): bigint => (typeof x === "bigint" ? x : Number.isFinite(x) ? BigInt(Math.trunc(x)) : 0n);
const signed = (bits: number) => (x: Num): Num => Number(BigInt.asIntN(bits, whole(x)));
const unsigned = (bits: number) => (x: Num): Num => Number(BigInt.asUintN(bits, whole(x)));
const row = (kind: Kind, array: unknown, bytes: number, onnx: number, c: string, wrap: (x: Num) => Num): TypeRow => ({
  kind, bytes, wrap, array: array as ArrayConstructor, onnx, c,
});

const table = {
  f32: row("float", Float32Array, 4, 1, "float", (x) => Math.fround(Number(x))),
  f64: row("float", Float64Array, 8, 11, "double", (x) => Number(x)),
  i8: row("int", Int8Array, 1, 3, "int8_t", signed(8)),
  i16: row("int", Int16Array, 2, 5, "int16_t", signed(16)),
  i32: row("int", Int32Array, 4, 6, "int32_t", (x) => (typeof x === "number" && Math.abs(x) < 2 ** 53 ? x | 0 : signed(32)(x))),
  i64: row("int", BigInt64Array, 8, 7, "int64_t", (x) => BigInt.asIntN(64, whole(x))),
  u8: row("uint", Uint8Array, 1, 2, "uint8_t", unsigned(8)),
  u16: row("uint", Uint16Array, 2, 4, "uint16_t", unsigned(16)),
  u32: row("uint", Uint32Array, 4, 12, "uint32_t", unsigned(32)),
  u64: row("uint", BigUint64Array, 8, 13, "uint64_t", (x) => BigInt.asUintN(64, whole(x))),
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

/** Whether values of the type are floating-point numbers. */
export const isFloat = (t: DType): boolean => types[t].kind === "float";
/** Whether values of the type are bigints in JavaScript. */
export const isBig = (t: DType): boolean => t === "i64" || t === "u64";
/** The smallest and largest value of a type; infinities for floats. */
export function limits(t: DType): readonly [low: Num, high: Num] {
  const { kind, bytes } = types[t];
  switch (kind) {
    case "float": return [-Infinity, Infinity];
    case "bool": return [0, 1];
    case "index": return [-(2 ** 53), 2 ** 53];
    case "text": return [0, 2 ** 31 - 1];
    case "int": return [types[t].wrap(-(2n ** BigInt(bytes * 8 - 1))), types[t].wrap(2n ** BigInt(bytes * 8 - 1) - 1n)];
    case "uint": return [types[t].wrap(0), types[t].wrap(2n ** BigInt(bytes * 8) - 1n)];
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
/** A view of bytes as elements; copies only when the bytes are not aligned to the element. */
export function viewOf(t: DType, bytes: Uint8Array): ElementArray {
  const size = types[t].bytes, whole = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new types[t].array(whole.buffer, whole.byteOffset, Math.floor(whole.byteLength / size));
}
