/** TensorProto -> Constant, by whichever of its fields holds the elements. */
import { constantOf, sizeOf, type Constant } from "../../ir/graph.ts";
import { textId } from "../../ir/text.ts";
import { arrayOf, bytesFor, newArray, onnxTypeName, typeOfOnnx, types, viewOf, type DType, type ElementArray, type Num } from "../../ir/types.ts";
import { Problem, UnsupportedType } from "./problem.ts";
import { externalLocation, toBigInt, toNumber, type Int64, type SparseTensor, type Tensor } from "./proto.ts";

const decoder = new TextDecoder();
/** The bytes of an external data file, by the location that the model states; throws Problem where it may not be read. */
export type ReadExternal = (location: string) => Uint8Array;
/** How the elements of tensors are reached. */
export interface Access {
  readonly readExternal?: ReadExternal | undefined;
  /** Whether tensors may be moved within the file's bytes. */
  readonly mayMove?: boolean | undefined;
  /** Bytes that sparse tensors of the model may still take in their dense form; counted down. */
  readonly spare?: { bytes: number } | undefined;
}
/** The most that all sparse tensors of a model may take when they are made dense: a few bytes in a file can state any shape. */
export const mostDense = 2 ** 29;

/** The element type of a code in the file; throws UnsupportedType. */
export function dtypeOf(code: number): DType {
  const dtype = typeOfOnnx(code);
  if (!dtype) throw new UnsupportedType(onnxTypeName(code));
  return dtype;
}

function shapeOf(t: { readonly dims?: readonly Int64[] | null }, what: string): readonly number[] {
  const shape = (t.dims ?? []).map(toNumber);
  if (shape.every((n) => Number.isSafeInteger(n) && n >= 0) && Number.isSafeInteger(sizeOf(shape))) return shape;
  throw new Problem("bad-tensor", `${what} has the shape [${shape}], which no tensor can have`);
}
function external(t: Tensor, bytes: number, what: string, read: ReadExternal | undefined): Uint8Array {
  const fields = new Map((t.externalData ?? []).map((e) => [e.key, e.value ?? ""]));
  const location = fields.get("location");
  if (!location) throw new Problem("external-data", `${what} lies in another file, but the model does not say which`);
  if (!read) {
    throw new Problem("external-data", `${what} lies in another file, ${location}, and the model was given without its folder`,
      "give the path of the model file, or the option readExternal");
  }
  const file = read(location), offset = Number(fields.get("offset") || 0), length = Number(fields.get("length") || bytes);
  if (length !== bytes) throw new Problem("external-data", `${what} has ${length} bytes in ${location}, but its type and shape need ${bytes}`);
  if (!(Number.isSafeInteger(offset) && offset >= 0 && offset + bytes <= file.length)) {
    throw new Problem("external-data", `${what} is said to lie at bytes ${offset} to ${offset + bytes} of ${location}, which has ${file.length}`,
      "the data file is truncated, or belongs to another version of the model");
  }
  return file.subarray(offset, offset + bytes);
}
/** The field with the elements of a type, where they are not bytes. */
function entriesOf(t: Tensor, dtype: DType): ElementArray | null {
  const from = (list: readonly unknown[] | Uint8Array | null | undefined, number: (x: unknown) => Num) =>
    list && list.length > 0 && !(list instanceof Uint8Array) ? arrayOf(dtype, Array.from(list, number)) : null;
  const big = (x: unknown) => toBigInt(x as Int64), plain = (x: unknown) => x as number;
  switch (dtype) {
    case "f32": return from(t.floatData, plain);
    case "f64": return from(t.doubleData, plain);
    case "i64": return from(t.int64Data, big);
    case "u64": case "u32": return from(t.uint64Data, big);
    case "i8": case "i16": case "i32": case "u8": case "u16": case "bool": return from(t.int32Data, plain);
    case "string": return from(t.stringData, (x) => textId(decoder.decode(x as Uint8Array)));
    case "index": case "chars": return null;
    // The bits of an element, or of two or four that share a byte.
    default: {
      const { int32Data: list } = t, { bits } = types[dtype];
      if (!list || list.length === 0 || list instanceof Uint8Array) return null;
      return viewOf(dtype, new Uint8Array((bits > 8 ? Uint16Array : Uint8Array).from(list as number[]).buffer), bits < 8 ? sizeOf(shapeOf(t, "the tensor")) : list.length);
    }
  }
}

/** The bytes in the file that are the elements of a type. */
function bytesIn(t: Tensor, dtype: DType): Uint8Array | null {
  const packed = dtype === "f32" ? t.floatData : dtype === "f64" ? t.doubleData : null;
  return t.rawData?.length ? t.rawData : packed instanceof Uint8Array ? packed : null;
}
/**
 * Elements at an address they can be read at. Four bytes or more of tags and lengths stand before the data of every
 * tensor in a file, and nobody reads these again, so that moving it by up to three bytes is safe.
 */
function aligned(dtype: DType, bytes: Uint8Array, count: number, mayMove: boolean): ElementArray {
  const size = types[dtype].bytes, by = bytes.byteOffset % size, to = bytes.byteOffset - by;
  if (by === 0 || by > 3 || !mayMove) return viewOf(dtype, bytes, count);
  new Uint8Array(bytes.buffer).copyWithin(to, bytes.byteOffset, bytes.byteOffset + bytes.length);
  return viewOf(dtype, new Uint8Array(bytes.buffer, to, bytes.length), count);
}

/**
 * The constant in a tensor. Raw, external and packed float elements stay views of the file they are in, unless they lie
 * there unaligned and may not be moved. `what` names the tensor in messages. Throws Problem and UnsupportedType.
 */
export function tensorConstant(t: Tensor, what: string, access: Access = {}): Constant {
  const dtype = dtypeOf(t.dataType ?? 0), shape = shapeOf(t, what), size = sizeOf(shape), bytes = bytesFor(dtype, size);
  const shown = `${onnxTypeName(types[dtype].onnx)}[${shape.join(", ")}]`, outside = t.dataLocation === externalLocation;
  const raw = outside ? external(t, bytes, what, access.readExternal) : bytesIn(t, dtype);
  if (raw && dtype === "string") throw new Problem("bad-tensor", `${what} holds strings as raw data, which ONNX does not have`);
  if (raw && raw.length !== bytes) throw new Problem("bad-tensor", `${what} has ${raw.length} bytes of data, but ${shown} needs ${bytes}`);
  const data = raw ? aligned(dtype, raw, size, !outside && access.mayMove === true) : entriesOf(t, dtype) ?? newArray(dtype, 0);
  if (data.length !== size) throw new Problem("bad-tensor", `${what} has ${data.length} elements, but ${shown} needs ${size}`);
  return constantOf(dtype, shape, data);
}
/** The dense form of a sparse tensor, whose indices are linear ([n]) or one per dimension ([n, rank]). */
export function sparseConstant(t: SparseTensor, what: string, access: Access = {}): Constant {
  if (!t.values || !t.indices) throw new Problem("bad-tensor", `${what} is sparse, but has no values or no indices`);
  const values = tensorConstant(t.values, what, access), indices = tensorConstant(t.indices, `the indices of ${what}`, access);
  const shape = shapeOf(t, what), size = sizeOf(shape), count = values.data.length, spare = access.spare ?? { bytes: mostDense };
  if ((spare.bytes -= size * types[values.dtype].bytes) < 0) {
    throw new Problem("too-large", `${what} is sparse; in their dense form, this one and the sparse tensors before it need more than ${mostDense / 2 ** 20} MB`,
      "store it as a dense tensor");
  }
  const data = newArray(values.dtype, size);
  const rank = indices.shape.length === 2 ? shape.length : 1;
  if (indices.data.length !== count * rank) {
    throw new Problem("bad-tensor", `${what} has ${count} values, but ${indices.data.length} numbers in its indices`);
  }
  for (let i = 0; i < count; i++) {
    let at = rank === 1 && indices.shape.length !== 2 ? Number(indices.data[i]) : 0;
    if (indices.shape.length === 2) for (const [d, n] of shape.entries()) at = at * n + Number(indices.data[i * rank + d]);
    if (!(at >= 0 && at < size)) throw new Problem("bad-tensor", `${what} has the index ${at}, but ${size} elements`);
    (data as { [i: number]: Num })[at] = values.data[i]!;
  }
  return constantOf(values.dtype, shape, data);
}
