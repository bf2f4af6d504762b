/**
 * The file format: onnx-proto, whose schema is that of ONNX 1.10, extended in place by what newer files hold and by
 * tensors whose packed floats stay a view of the file.
 */
import onnxProto from "onnx-proto";
import type { onnx } from "onnx-proto";
import protobuf from "protobufjs/minimal.js";

type Reader = protobuf.Reader;
/** A 64-bit integer as protobufjs gives it. */
export type Int64 = NonNullable<onnx.IAttributeProto["i"]>;
/** TensorProto. */
export type Tensor = Omit<onnx.ITensorProto, "floatData" | "doubleData"> & {
  /** The bytes of the elements, in the file, where the field was written packed, as all writers do. */
  floatData?: number[] | Uint8Array | null;
  doubleData?: number[] | Uint8Array | null;
};
/** SparseTensorProto. */
export type SparseTensor = Omit<onnx.ISparseTensorProto, "values" | "indices"> & { values?: Tensor | null; indices?: Tensor | null };
/** As in ONNX. */
export type AttributeProto = Omit<onnx.IAttributeProto, "t" | "g" | "sparseTensor"> & {
  t?: Tensor | null; g?: GraphProto | null; sparseTensor?: SparseTensor | null;
};
/** `overload` picks one of several functions of a name. */
export type NodeProto = Omit<onnx.INodeProto, "attribute"> & { attribute?: AttributeProto[] | null; overload?: string };
/** ValueInfoProto. */
export type ValueInfo = onnx.IValueInfoProto;
/** As in ONNX 1.16 and later. */
export type FunctionProto = Omit<onnx.IFunctionProto, "node"> & {
  node?: NodeProto[] | null;
  /** Attributes with a default. */
  attributeProto?: AttributeProto[];
  valueInfo?: ValueInfo[];
  overload?: string;
};
/** As in ONNX. */
export type GraphProto = Omit<onnx.IGraphProto, "node" | "initializer" | "sparseInitializer"> & {
  node?: NodeProto[] | null; initializer?: Tensor[] | null; sparseInitializer?: SparseTensor[] | null;
};
/** As in ONNX. */
export type ModelProto = Omit<onnx.IModelProto, "graph" | "functions"> & { graph?: GraphProto | null; functions?: FunctionProto[] | null };

/** The codes of `AttributeProto.type` by name. */
export const attributeTypes = onnxProto.onnx.AttributeProto.AttributeType;
/** `TensorProto.data_location`: in another file. */
export const externalLocation = onnxProto.onnx.TensorProto.DataLocation.EXTERNAL;

interface Field {
  readonly name: string;
  readonly read: (r: Reader) => unknown;
  /** "each": one entry per tag. "packed": may come as one run of entries; "view": such a run stays bytes of the file. */
  readonly list?: "each" | "packed" | "view";
}
type Fields = Readonly<Record<number, Field>>;
interface MessageType { decode: (r: Reader | Uint8Array, length?: number) => object }

function entries(run: Uint8Array, read: Field["read"]): unknown[] {
  const r = new protobuf.Reader(run), list: unknown[] = [];
  while (r.pos < r.len) list.push(read(r));
  return list;
}
function readFields(r: Reader, end: number, into: Record<string, unknown>, fields: Fields): void {
  while (r.pos < end) {
    const tag = r.uint32(), wire = tag & 7, field = fields[tag >>> 3];
    if (!field) { r.skipType(wire); continue; }
    if (!field.list) { into[field.name] = field.read(r); continue; }
    const known = Object.hasOwn(into, field.name) ? into[field.name] as unknown[] | Uint8Array : [];
    if (wire === 2 && field.list === "view" && known.length === 0) { into[field.name] = r.bytes(); continue; }
    const list = known instanceof Uint8Array ? entries(known, field.read) : known;
    into[field.name] = list;
    if (wire !== 2 || field.list === "each") { list.push(field.read(r)); continue; }
    const stop = r.uint32() + r.pos;
    while (r.pos < stop) list.push(field.read(r));
  }
}
const text = (r: Reader): string => r.string();
const message = (type: MessageType) => (r: Reader): object => type.decode(r, r.uint32());

/** Reads a message of `type` by onnx-proto first, then its bytes again for the fields that onnx-proto skips. */
function extend(type: MessageType, fields: Fields): void {
  const known = type.decode;
  type.decode = (from, length) => {
    const r = from instanceof protobuf.Reader ? from : protobuf.Reader.create(from), start = r.pos;
    const m = known.call(type, r, length), end = r.pos;
    r.pos = start;
    readFields(r, end, m as Record<string, unknown>, fields);
    return m;
  };
}
/** Reads a message of `type` by these fields alone. */
function replace(type: MessageType & { create(): object }, fields: Fields): void {
  type.decode = (from, length) => {
    const r = from instanceof protobuf.Reader ? from : protobuf.Reader.create(from), m = type.create();
    readFields(r, length === undefined ? r.len : r.pos + length, m as Record<string, unknown>, fields);
    return m;
  };
}

const { AttributeProto, FunctionProto, NodeProto, StringStringEntryProto, TensorProto, ValueInfoProto } = onnxProto.onnx;
replace(TensorProto, {
  1: { name: "dims", read: (r) => r.int64(), list: "packed" },
  2: { name: "dataType", read: (r) => r.int32() },
  4: { name: "floatData", read: (r) => r.float(), list: "view" },
  5: { name: "int32Data", read: (r) => r.int32(), list: "packed" },
  6: { name: "stringData", read: (r) => r.bytes(), list: "each" },
  7: { name: "int64Data", read: (r) => r.int64(), list: "packed" },
  8: { name: "name", read: text },
  9: { name: "rawData", read: (r) => r.bytes() },
  10: { name: "doubleData", read: (r) => r.double(), list: "view" },
  11: { name: "uint64Data", read: (r) => r.uint64(), list: "packed" },
  13: { name: "externalData", read: message(StringStringEntryProto), list: "each" },
  14: { name: "dataLocation", read: (r) => r.int32() },
});
extend(NodeProto, { 8: { name: "overload", read: text } });
extend(FunctionProto, {
  11: { name: "attributeProto", read: message(AttributeProto), list: "each" },
  12: { name: "valueInfo", read: message(ValueInfoProto), list: "each" },
  13: { name: "overload", read: text },
});

/** The model in a file's bytes; `rawData` and packed floats are views of them. Throws what protobufjs throws on broken bytes. */
export const decodeModel = (bytes: Uint8Array): ModelProto =>
  onnxProto.onnx.ModelProto.decode(new protobuf.Reader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length))) as ModelProto;
/** A 64-bit integer as a number, rounded beyond 2^53. */
export const toNumber = (x: Int64 | null | undefined): number => (x === null || x === undefined ? 0 : Number(x));
/** A 64-bit integer, exactly. */
export const toBigInt = (x: Int64): bigint => BigInt(x.toString());
