/** NumPy's files, by way of npyjs, with the checks that it leaves to its caller. */
import { readFileSync } from "node:fs";
import { dump, parse } from "npyjs";
import { type Constant, constantOf, sizeOf } from "../ir/graph.ts";
import { bitsTypeOf } from "../ir/codec.ts";
import { codebook, encode, isSmallFloat } from "../ir/formats.ts";
import { type DType, type ElementArray, newArray, types, viewOf } from "../ir/types.ts";
import { Failure, orFail } from "./exit.ts";
import { stringTensor, stringsIn } from "./strings.ts";

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

/** Where the elements begin: behind the header, whose length stands behind the magic and the version. */
const dataAt = (file: DataView): number => (file.getUint8(6) > 1 ? 12 + file.getUint32(8, true) : 10 + file.getUint16(8, true));
/** `<U`: so many code points of 32 bits for each string, filled up with NULs. npyjs is right only for few and only below 2^16. */
function unicodeStrings(bytes: ArrayBuffer, width: number): readonly string[] {
  const points = new Uint32Array(bytes, 0, Math.floor(bytes.byteLength / 4));
  return Array.from({ length: Math.floor(points.length / width) }, (_, i) => {
    const own = points.subarray(i * width, (i + 1) * width),
      end = own.findLastIndex((c) => c !== 0) + 1;
    return Array.from(own.subarray(0, end), (c) => String.fromCodePoint(c)).join("");
  });
}
/** The bytes of `<U`, and the width. */
function unicodePoints(list: readonly string[]): readonly [points: Uint32Array, width: number] {
  const all = list.map((s) => Array.from(s, (c) => c.codePointAt(0)!)),
    width = all.reduce((most, s) => Math.max(most, s.length), 1),
    points = new Uint32Array(width * list.length);
  all.forEach((s, i) => void points.set(s, i * width));
  return [points, width];
}
/** Reads a tensor: little-endian, C order, numbers, bools or strings (`<U`). Throws a Failure that names the file otherwise. */
export function readNpy(path: string): Constant {
  const file = orFail(`cannot read ${path}`, () => readFileSync(path));
  const bytes = new ArrayBuffer(file.length);
  new Uint8Array(bytes).set(file);
  const resave = (...how: readonly string[]) => ({ hint: `in Python: ${how.map((a) => `numpy.save("${path}", ${a})`).join(", or of strings ")}` }),
    asNpy = <T>(f: () => T): T => orFail(`cannot read ${path} as .npy`, f, resave("a.astype(numpy.float32)", "a.astype(numpy.str_)"));
  const begin = asNpy(() => dataAt(new DataView(bytes))),
    { shape, dtype, fortranOrder } = asNpy(() => parse(bytes.slice(0, begin))),
    count = sizeOf(shape);
  const type = (Object.keys(codes) as Stored[]).find((t) => codes[t] === dtype),
    width = Number(/^U(\d+)$/.exec(dtype)?.[1] ?? 0);
  if (!type && !width) throw new Failure(`${path} holds elements of type ${dtype}, which mlc does not read`, resave("a.astype(numpy.float32)"));
  if (fortranOrder && shape.length > 1) throw new Failure(`${path} is in Fortran order`, resave("numpy.ascontiguousarray(a)"));
  const checked = <T extends ArrayLike<unknown>>(list: T): T => {
    if (list.length !== count) throw new Failure(`${path} says shape [${shape}], ${count} elements, but holds ${list.length}`);
    return list;
  };
  if (!type) return stringTensor(shape, checked(asNpy(() => unicodeStrings(bytes.slice(begin), width))), path);
  const raw = asNpy(() => parse(bytes, { convertFloat16: false })).data as unknown as ArrayLike<number> & ElementArray;
  const list = checked(type === "f16" ? (viewOf("f16", new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength)) as typeof raw) : raw);
  return constantOf(type, shape, type === "bool" ? Uint8Array.from(list, Number) : list);
}
/** What NumPy has in the place of a type: the bits of floats that it lacks, one element of integers for each that is smaller than a byte. */
export function npyType(t: DType): DType {
  if (isStored(t) || t === "string") return t;
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
  if (t.dtype === "string") {
    const [points, width] = unicodePoints(stringsIn(t));
    return new Uint8Array(dump(points, [...t.shape], { dtype: `U${width}` }));
  }
  const type = npyType(t.dtype) as Stored,
    small = t.dtype,
    data = isSmallFloat(small) ? Uint16Array.from(t.data as Float32Array, (x) => encode(small, x)) : t.data;
  const list = type === "u8" ? Uint8Array.from(data as Uint8Array) : data;
  return new Uint8Array(dump(list.length ? list : newArray(type, 0), [...t.shape], { dtype: codes[type] }));
}
