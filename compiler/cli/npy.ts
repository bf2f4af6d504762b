/** NumPy's files, by way of npyjs, with the checks that it leaves to its caller. */
import { readFileSync } from "node:fs";
import { dump, parse } from "npyjs";
import { type Constant, constantOf, sizeOf } from "../ir/graph.ts";
import type { DType, ElementArray } from "../ir/types.ts";
import { newArray } from "../ir/types.ts";
import { Failure, orFail } from "./exit.ts";

const codes = {
  f32: "f4",
  f64: "f8",
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
  const list = data as unknown as ArrayLike<number> & ElementArray;
  if (list.length !== sizeOf(shape)) throw new Failure(`${path} says shape [${shape}], ${sizeOf(shape)} elements, but holds ${list.length}`);
  return constantOf(type, shape, type === "bool" ? Uint8Array.from(list, Number) : list);
}
/** The bytes of a .npy file. */
export function npyBytes(t: Constant): Uint8Array {
  if (!isStored(t.dtype)) throw new Failure(`a tensor of type ${t.dtype} cannot be written as .npy`);
  return new Uint8Array(dump(t.data.length ? t.data : newArray(t.dtype, 0), [...t.shape], { dtype: codes[t.dtype] }));
}
