/** NumPy's files, by way of npyjs, with the checks that it leaves to its caller. */
import { readFileSync } from "node:fs";
import { dump, parse } from "npyjs";
import { type Constant, constantOf, sizeOf } from "../ir/graph.ts";
import { bitsTypeOf } from "../ir/codec.ts";
import { codebook, encode, isSmallFloat } from "../ir/formats.ts";
import { type DType, type ElementArray, newArray, types, viewOf } from "../ir/types.ts";
import { Failure, orFail } from "./exit.ts";

const codes = {
  f32: "f4",
  f64: "f8",
  f16: "f2",
  i8: "i1",
  i16: "i2",
  i32: "i4",
  i64: "i8",
  u8: "u1",
  u16: "u2",
  u32: "u4",
  u64: "u8",
  bool: "b1",
} as const satisfies Partial<Record<DType, string>>;
type Stored = keyof typeof codes;
const isStored = (t: DType): t is Stored => t in codes;

/** Reads a tensor: little-endian, C order, numbers or bools. Throws a Failure that names the file otherwise. */
export function readNpy(path: string): Constant {
  const file = orFail(`cannot read ${path}`, () => readFileSync(path));
  const bytes = new ArrayBuffer(file.length);
  new Uint8Array(bytes).set(file);
  const { data, shape, dtype, fortranOrder } = orFail(`cannot read ${path} as .npy`, () => parse(bytes, { convertFloat16: false }));
  const type = (Object.keys(codes) as Stored[]).find((t) => codes[t] === dtype);
  const resave = (how: string) => ({ hint: `in Python: numpy.save("${path}", ${how})` });
  if (!type) throw new Failure(`${path} holds elements of type ${dtype}, which mlc does not read`, resave("a.astype(numpy.float32)"));
  if (fortranOrder && shape.length > 1) throw new Failure(`${path} is in Fortran order`, resave("numpy.ascontiguousarray(a)"));
  const raw = data as unknown as ArrayLike<number> & ElementArray;
  const list = type === "f16" ? (viewOf("f16", new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength)) as typeof raw) : raw;
  if (list.length !== sizeOf(shape)) throw new Failure(`${path} says shape [${shape}], ${sizeOf(shape)} elements, but holds ${list.length}`);
  return constantOf(type, shape, type === "bool" ? Uint8Array.from(list, Number) : list);
}
/** What NumPy has in the place of a type: the bits of floats that it lacks, one element of integers for each that is smaller than a byte. */
export function npyType(t: DType): DType {
  if (isStored(t)) return t;
  return isSmallFloat(t) ? bitsTypeOf(t) : types[t].kind === "int" ? "i8" : "u8";
}
/** The tensor of type `t` that a file stands for; the value itself where it is of no type that does. Throws a Failure where the type does not hold a number. */
export function fromNpyType(t: DType, value: Constant, source: string): Constant {
  if (t === value.dtype || npyType(t) !== value.dtype) return value;
  const list = value.data as Uint8Array;
  if (isSmallFloat(t)) {
    const most = codebook(t).length,
      bad = list.findIndex((x) => x >= most);
    if (bad >= 0) throw new Failure(`${source} holds ${list[bad]} at ${bad}, which is no element of type ${t}`);
    return constantOf(
      t,
      value.shape,
      Float32Array.from(list, (code) => codebook(t)[code]!),
    );
  }
  const bad = list.findIndex((x) => types[t].wrap(x) !== x);
  if (bad >= 0) throw new Failure(`${source} holds ${list[bad]} at ${bad}, which is no element of type ${t}`);
  return constantOf(t, value.shape, value.data);
}
/** The bytes of a .npy file. */
export function npyBytes(t: Constant): Uint8Array {
  const type = npyType(t.dtype) as Stored,
    small = t.dtype,
    data = isSmallFloat(small) ? Uint16Array.from(t.data as Float32Array, (x) => encode(small, x)) : t.data;
  const list = type === "u8" ? Uint8Array.from(data as Uint8Array) : data;
  return new Uint8Array(dump(list.length ? list : newArray(type, 0), [...t.shape], { dtype: codes[type] }));
}
