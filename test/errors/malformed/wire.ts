/**
 * ONNX files as trees of fields: a view of protobuf's wire format that keeps whatever stands there, sense or nonsense.
 * Which fields hold messages, texts or packed numbers is told by a table of ONNX's messages; bytes that do not parse as what
 * the table says stay bytes.
 */
import protobuf from "protobufjs/minimal.js";

/** How the payload of a field of length-delimited wire type is read. */
export type Payload = "text" | "bytes" | "varints" | "words" | "doubles" | MessageName;
export interface Field { readonly number: number; readonly value: Value }
export type Value =
  | { readonly kind: "varint"; readonly x: bigint }
  | { readonly kind: "word"; readonly x: number }
  | { readonly kind: "double"; readonly x: number }
  | { readonly kind: "text" | "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "numbers"; readonly of: "varints" | "words" | "doubles"; readonly list: readonly bigint[] | readonly number[] }
  | { readonly kind: "message"; readonly message: Message };
export interface Message { readonly name: MessageName; readonly fields: readonly Field[] }

const schema = {
  Model: { 2: "text", 3: "text", 4: "text", 6: "text", 7: "Graph", 8: "OperatorSet", 14: "Entry", 20: "Training", 25: "Function" },
  Training: { 1: "Graph", 2: "Graph", 3: "Entry", 4: "Entry" },
  Graph: { 1: "Node", 2: "text", 5: "Tensor", 10: "text", 11: "Info", 12: "Info", 13: "Info", 14: "bytes", 15: "Sparse", 16: "Entry" },
  Node: { 1: "text", 2: "text", 3: "text", 4: "text", 5: "Attribute", 6: "text", 7: "text", 8: "text", 9: "Entry" },
  Attribute: {
    1: "text", 4: "bytes", 5: "Tensor", 6: "Graph", 7: "words", 8: "varints", 9: "bytes", 10: "Tensor", 11: "Graph", 13: "text", 14: "Type", 15: "Type",
    21: "text", 22: "Sparse", 23: "Sparse",
  },
  Tensor: { 1: "varints", 4: "words", 5: "varints", 6: "bytes", 7: "varints", 8: "text", 9: "bytes", 10: "doubles", 11: "varints", 12: "text", 13: "Entry" },
  Sparse: { 1: "Tensor", 2: "Tensor", 3: "varints" },
  Info: { 1: "text", 2: "Type", 3: "text" },
  Type: { 1: "TensorType", 4: "SequenceType", 5: "MapType", 6: "text", 8: "TensorType", 9: "SequenceType" },
  TensorType: { 2: "Shape" },
  SequenceType: { 1: "Type" },
  MapType: { 2: "Type" },
  Shape: { 1: "Dimension" },
  Dimension: { 2: "text", 3: "text" },
  Function: { 1: "text", 4: "text", 5: "text", 6: "text", 7: "Node", 8: "text", 9: "OperatorSet", 10: "text", 11: "Attribute", 12: "Info", 13: "text" },
  OperatorSet: { 1: "text" },
  Entry: { 1: "text", 2: "text" },
} as const;
export type MessageName = keyof typeof schema;
const isMessage = (p: Payload): p is MessageName => Object.hasOwn(schema, p);
/** The field numbers of a message that hold something of a length. */
export const numbersOf = (name: MessageName): readonly number[] => Object.keys(schema[name]).map(Number);

const view = (b: Uint8Array): DataView => new DataView(b.buffer, b.byteOffset, b.length);
const varint = (r: protobuf.Reader): bigint => {
  const x = r.uint64() as number | { low: number; high: number };
  return typeof x === "number" ? BigInt(x) : (BigInt(x.high >>> 0) << 32n) | BigInt(x.low >>> 0);
};
function packed(bytes: Uint8Array, of: "varints" | "words" | "doubles"): Value {
  if (of !== "varints") {
    const size = of === "words" ? 4 : 8, v = view(bytes);
    if (bytes.length % size) return { kind: "bytes", bytes };
    return { kind: "numbers", of, list: Array.from({ length: bytes.length / size }, (_, i) => (size === 4 ? v.getFloat32(i * 4, true) : v.getFloat64(i * 8, true))) };
  }
  const r = new protobuf.Reader(bytes), list: bigint[] = [];
  while (r.pos < r.len) list.push(varint(r));
  return { kind: "numbers", of, list };
}
function payload(bytes: Uint8Array, as: Payload | undefined): Value {
  try {
    if (as === "text") return { kind: "text", bytes };
    if (as === "varints" || as === "words" || as === "doubles") return packed(bytes, as);
    if (as && isMessage(as)) return { kind: "message", message: parse(bytes, as) };
  } catch { /* It stays bytes. */ }
  return { kind: "bytes", bytes };
}
/** The tree of a message's bytes; throws what protobufjs throws. */
export function parse(bytes: Uint8Array, name: MessageName = "Model"): Message {
  const r = new protobuf.Reader(bytes), fields: Field[] = [], known: Readonly<Record<number, Payload>> = schema[name];
  while (r.pos < r.len) {
    const tag = r.uint32(), number = tag >>> 3, wire = tag & 7;
    if (wire === 0) fields.push({ number, value: { kind: "varint", x: varint(r) } });
    else if (wire === 5) fields.push({ number, value: { kind: "word", x: r.float() } });
    else if (wire === 1) fields.push({ number, value: { kind: "double", x: r.double() } });
    else if (wire === 2) fields.push({ number, value: payload(r.bytes(), known[number]) });
    else throw new Error(`wire type ${wire}`);
  }
  return { name, fields };
}
const putVarint = (out: number[], x: bigint): void => {
  let rest = BigInt.asUintN(64, x);
  do { out.push(Number(rest & 127n) | (rest > 127n ? 128 : 0)); rest >>= 7n; } while (rest > 0n);
};
const put = (out: number[], bytes: Uint8Array): void => { for (const b of bytes) out.push(b); };
function putFloat(out: number[], x: number, size: 4 | 8): void {
  const b = new Uint8Array(size);
  if (size === 4) view(b).setFloat32(0, x, true); else view(b).setFloat64(0, x, true);
  put(out, b);
}
function bytesOf(v: Value): Uint8Array {
  if (v.kind === "message") return serialize(v.message);
  if (v.kind === "text" || v.kind === "bytes") return v.bytes;
  const out: number[] = [];
  if (v.kind === "numbers") for (const x of v.list) if (v.of === "varints") putVarint(out, x as bigint); else putFloat(out, x as number, v.of === "words" ? 4 : 8);
  return Uint8Array.from(out);
}
/** The bytes of a tree; those of an unchanged file are the file's again, but for the length of varints. */
export function serialize(m: Message): Uint8Array {
  const out: number[] = [];
  for (const { number, value: v } of m.fields) {
    const tag = (wire: number) => putVarint(out, (BigInt(number) << 3n) | BigInt(wire));
    if (v.kind === "varint") { tag(0); putVarint(out, v.x); }
    else if (v.kind === "word") { tag(5); putFloat(out, v.x, 4); }
    else if (v.kind === "double") { tag(1); putFloat(out, v.x, 8); }
    else { const b = bytesOf(v); tag(2); putVarint(out, BigInt(b.length)); put(out, b); }
  }
  return Uint8Array.from(out);
}
/** A place of a field: the positions of the fields on the way to it. */
export type Path = readonly number[];
/** All fields of a tree with their places and the messages they stand in. */
export function* walk(m: Message, at: Path = []): Iterable<{ readonly path: Path; readonly field: Field; readonly inside: Message }> {
  for (const [i, field] of m.fields.entries()) {
    yield { path: [...at, i], field, inside: m };
    if (field.value.kind === "message") yield* walk(field.value.message, [...at, i]);
  }
}
/** The tree with the fields of the message that holds the place `path` replaced. */
export function edit(m: Message, path: Path, change: (fields: readonly Field[], i: number) => readonly Field[]): Message {
  const [i = 0, ...rest] = path, f = m.fields[i]!;
  if (rest.length === 0) return { ...m, fields: change(m.fields, i) };
  if (f.value.kind !== "message") return m;
  const value: Value = { kind: "message", message: edit(f.value.message, rest, change) };
  return { ...m, fields: m.fields.map((x, k) => (k === i ? { ...x, value } : x)) };
}
