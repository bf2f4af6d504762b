/** Tensors of strings outside of the compiler: as lists, in the files between mlc and the program, and in text files. */
import { readFileSync } from "node:fs";
import { type Constant, constantOf, sizeOf } from "../ir/graph.ts";
import { textId, textOf } from "../ir/text.ts";
import { Failure, orFail } from "./exit.ts";

/** The elements of a tensor of strings. */
export const stringsIn = ({ data }: Pick<Constant, "data">): readonly string[] => Array.from(data as Int32Array, textOf);
/** The tensor of such strings, row-major. Throws a Failure for what no C string in UTF-8 can be: one with a NUL or half a character. */
export function stringTensor(shape: readonly number[], list: readonly string[], source: string): Constant {
  const bad = list.findIndex((s) => /[\0\p{Surrogate}]/u.test(s));
  if (bad >= 0)
    throw new Failure(`${source} holds a string, number ${bad}, with a NUL or half a surrogate pair, which no string of C and UTF-8 can have`);
  return constantOf("string", shape, Int32Array.from(list, textId));
}
/** What the program around a package reads and writes: each string in UTF-8 with a NUL at its end. */
export const packStrings = (t: Constant): Uint8Array =>
  Buffer.from(
    stringsIn(t)
      .map((s) => `${s}\0`)
      .join(""),
  );
/** The tensor in such bytes, which `source` names. Throws a Failure where they hold another number of strings. */
export function unpackStrings(shape: readonly number[], bytes: Buffer, source: string): Constant {
  const list = bytes.toString("utf8").split("\0").slice(0, -1);
  if (list.length !== sizeOf(shape)) throw new Failure(`${source} has ${list.length} strings instead of ${sizeOf(shape)}`);
  return stringTensor(shape, list, source);
}
/**
 * The lines of a text file in UTF-8, as a tensor of that shape, or with another first dimension where there are more or fewer of them.
 * Throws a Failure that names the file.
 */
export function readLines(path: string, shape: readonly number[]): Constant {
  const bytes = orFail(`cannot read ${path}`, () => readFileSync(path)),
    decode = () => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const text = orFail(`${path} is no text in UTF-8, and a file of NumPy must be named .npy`, decode),
    lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const row = sizeOf(shape.slice(1)),
    isShape = lines.length === sizeOf(shape);
  return stringTensor(isShape ? shape : lines.length % row === 0 ? [lines.length / row, ...shape.slice(1)] : [lines.length], lines, path);
}
