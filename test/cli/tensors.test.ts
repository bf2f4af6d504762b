import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compare } from "../../compiler/cli/compare.ts";
import { checkInput, fromFiles, randomInputs } from "../../compiler/cli/inputs.ts";
import { fromNpyType, npyBytes, readNpy } from "../../compiler/cli/npy.ts";
import { packStrings, stringTensor, stringsIn, unpackStrings } from "../../compiler/cli/strings.ts";
import type { Failure } from "../../compiler/cli/exit.ts";
import { type Constant, constantOf } from "../../compiler/ir/graph.ts";
import { arrayOf, type DType, elementTypes, types } from "../../compiler/ir/types.ts";

const folder = mkdtempSync(join(tmpdir(), "mlc-test-"));
afterAll(() => rmSync(folder, { recursive: true }));
const strings = (shape: readonly number[], list: readonly string[]): Constant => stringTensor(shape, list, "a test");
const words = ["", "a", "größer", "東京 🗼", "\u{1F600}\u{1F600}", "two\nlines"];
const tensor = (t: DType, shape: readonly number[], values: readonly number[]): Constant => constantOf(t, shape, arrayOf(t, values));
/** A .npy file with a header of our own. */
function file(name: string, header: string, data: Uint8Array): string {
  const text = `${header.padEnd(64 - 10 - 1 + Math.ceil(Math.max(0, header.length - 53) / 64) * 64, " ")}\n`;
  const path = join(folder, name),
    head = Buffer.from(`\x93NUMPY\x01\0\0\0${text}`, "latin1");
  head.writeUInt16LE(text.length, 8);
  writeFileSync(path, Buffer.concat([head, data]));
  return path;
}

describe("npy", () => {
  test.each(elementTypes)("%s survives writing and reading", (t) => {
    const path = join(folder, `${t}.npy`),
      before = tensor(t, [2, 3], [0, 1, 1, 0, 1, 0]);
    writeFileSync(path, npyBytes(before));
    expect(fromNpyType(t, readNpy(path), path)).toEqual(before);
  });
  test("a scalar and an empty tensor keep their shapes", () => {
    for (const t of [tensor("f32", [], [2.5]), tensor("i64", [0, 4], [])]) {
      const path = join(folder, "edge.npy");
      writeFileSync(path, npyBytes(t));
      expect(readNpy(path)).toEqual(t);
    }
  });
  test("a header as NumPy writes it", () => {
    const path = file("numpy.npy", "{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }", new Uint8Array(Int16Array.of(1, -2, 300).buffer));
    expect(readNpy(path)).toEqual(tensor("i16", [3], [1, -2, 300]));
    expect(readFileSync(path).subarray(0, 6).toString("latin1")).toBe("\x93NUMPY");
  });
  test("strings as NumPy has them, of any characters and any number", () => {
    const path = join(folder, "strings.npy");
    for (const t of [
      strings([2, 3], words),
      strings([], ["one"]),
      strings([0, 2], []),
      strings([1], [""]),
      strings([80_000], Array(80_000).fill("🗼é")),
    ]) {
      writeFileSync(path, npyBytes(t));
      expect(fromNpyType("string", readNpy(path), path)).toEqual(t);
    }
    writeFileSync(path, npyBytes(strings([2], ["abc", "🗼"])));
    expect(readFileSync(path).toString("latin1")).toContain("'descr':'<U3'");
    const numpy = file(
      "numpy.npy",
      "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }",
      new Uint8Array(Uint32Array.of(0x1f5fc, 0, 0x61, 0x62).buffer),
    );
    expect(stringsIn(readNpy(numpy))).toEqual(["🗼", "ab"]);
    expect(stringsIn(unpackStrings([2, 3], Buffer.from(packStrings(strings([2, 3], words))), "bytes"))).toEqual(words);
  });
  test("what cannot be read says why and what helps", () => {
    const bytes = new Uint8Array(24);
    const failure = (path: string): Failure => {
      try {
        readNpy(path);
      } catch (e) {
        return e as Failure;
      }
      throw new Error("no error");
    };
    const message = (path: string): string => failure(path).message;
    expect(message(file("fortran.npy", "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", bytes))).toMatch(
      /fortran\.npy is in Fortran order/,
    );
    expect(message(file("complex.npy", "{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", bytes))).toMatch(/holds elements of type c8/);
    expect(message(file("big.npy", "{'descr': '>f4', 'fortran_order': False, 'shape': (6,), }", bytes))).toMatch(/>f4/);
    expect(message(file("short.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }", bytes))).toMatch(/8 elements, but holds 6/);
    const unicode = (points: readonly number[], shape = "(2,)") =>
      file("unicode.npy", `{'descr': '<U2', 'fortran_order': False, 'shape': ${shape}, }`, new Uint8Array(Uint32Array.from(points).buffer));
    expect(message(unicode([0x61, 0, 0x62, 0], "(3,)"))).toMatch(/3 elements, but holds 2/);
    expect(message(unicode([0x61, 0, 0, 0x62]))).toMatch(/holds a string, number 1, with a NUL/);
    expect(message(unicode([0xd800, 0, 0x61, 0]))).toMatch(/number 0, with a NUL or half a surrogate pair/);
    expect(message(unicode([0x110000, 0, 0x61, 0]))).toMatch(/cannot read .*unicode\.npy as \.npy: Invalid code point/);
    expect(message(file("empty.npy", "{'descr': '<U0', 'fortran_order': False, 'shape': (2,), }", bytes))).toMatch(/elements of type U0/);
    expect(failure(file("objects.npy", "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", bytes)).diagnostics).toMatchObject([
      { message: expect.stringMatching(/Unsupported dtype: \|O/), hint: expect.stringContaining("a.astype(numpy.str_)") },
    ]);
    expect(message(join(folder, "absent.npy"))).toMatch(/cannot read .*absent\.npy: no such file or folder/);
    writeFileSync(join(folder, "text.npy"), "hello, this is no tensor");
    expect(message(join(folder, "text.npy"))).toMatch(/Not an \.npy file/);
  });
});

describe("differences", () => {
  test("equal tensors have none, NaN and infinities included", () => {
    const t = tensor("f32", [4], [1, Number.NaN, Number.POSITIVE_INFINITY, -0]);
    expect(compare(t, tensor("f32", [4], [1, Number.NaN, Number.POSITIVE_INFINITY, 0]))).toMatchObject({
      maxAbsolute: 0,
      maxRelative: 0,
      maxUlp: 0,
      index: -1,
    });
  });
  test("absolute, relative to the largest magnitude, and in units in the last place", () => {
    const d = compare(tensor("f32", [3], [1, 8, -1]), tensor("f32", [3], [1 + 2 ** -23, 8, -1.5]));
    expect(d).toMatchObject({ maxAbsolute: 0.5, maxRelative: 0.0625, maxUlp: 2 ** 22, index: 2, expected: -1, actual: -1.5 });
    expect(compare(tensor("f64", [1], [1]), tensor("f64", [1], [1 + 2 ** -52])).maxUlp).toBe(1);
    expect(compare(tensor("f32", [1], [2 ** -149]), tensor("f32", [1], [-(2 ** -149)])).maxUlp).toBe(2);
  });
  test("a missing infinity or NaN is infinitely far", () => {
    expect(compare(tensor("f32", [2], [1, Number.NaN]), tensor("f32", [2], [1, 2])).maxAbsolute).toBe(Number.POSITIVE_INFINITY);
    expect(compare(tensor("f32", [1], [Number.POSITIVE_INFINITY]), tensor("f32", [1], [1])).maxRelative).toBe(Number.POSITIVE_INFINITY);
  });
  test("strings are equal or infinitely far, and shown", () => {
    expect(compare(strings([2], ["a", "b"]), strings([2], ["a", "b"]))).toMatchObject({ maxAbsolute: 0, maxRelative: 0, maxUlp: 0, index: -1 });
    expect(compare(strings([3], ["a", "b", "c"]), strings([3], ["a", "B", "C"]))).toMatchObject({
      maxAbsolute: Number.POSITIVE_INFINITY,
      index: 1,
      expected: "b",
      actual: "B",
    });
  });
  test("64-bit integers are compared exactly", () => {
    const a = constantOf("i64", [1], BigInt64Array.of(2n ** 60n)),
      b = constantOf("i64", [1], BigInt64Array.of(2n ** 60n + 1n));
    expect(compare(a, b)).toMatchObject({ maxAbsolute: 1, index: 0 });
  });
});

describe("inputs", () => {
  const ports = elementTypes.map((dtype) => ({ name: dtype, dtype, shape: [50] }));
  test("random inputs depend on the seed alone and stay in range", () => {
    expect(randomInputs(ports, 3)).toEqual(randomInputs(ports, 3));
    expect(randomInputs(ports, 3)).not.toEqual(randomInputs(ports, 4));
    for (const c of randomInputs(ports, 1)) {
      expect(new Set(c.data as Iterable<unknown>).size).toBeGreaterThan(1);
      for (const x of c.data) expect(types[c.dtype].kind === "float" ? Math.abs(x as number) <= 1 : types[c.dtype].wrap(x) === x).toBe(true);
    }
  });
  test("a value of another type or shape is refused with what to do", () => {
    const port = { name: "x", dtype: "f32" as const, shape: [1, 2] };
    expect(() => checkInput(port, tensor("f64", [1, 2], [1, 2]), "a.npy")).toThrow("input x is f32[1, 2], but a.npy holds f64[1, 2]");
    expect(() => checkInput(port, tensor("f32", [2], [1, 2]), "a.npy")).toThrow("input x is f32[1, 2], but a.npy holds f32[2]");
  });
  test("random strings depend on the seed alone, and are also made of given words", () => {
    const port = { name: "s", dtype: "string" as const, shape: [40, 2] },
      draw = (seed: number, known?: readonly string[]) => stringsIn(randomInputs([port], seed, known)[0]!);
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
    expect(new Set(draw(1)).size).toBeGreaterThan(50);
    const drawn = draw(1, ["one", "two"]);
    expect(drawn).toEqual(expect.arrayContaining(["one", "two"]));
    expect(drawn.some((s) => s.includes(" one"))).toBe(true);
  });
  test("strings from the lines of a text file, rows of the port's shape", () => {
    const path = join(folder, "lines.txt"),
      read = (shape: readonly number[], text: string | Uint8Array) => {
        writeFileSync(path, text);
        return fromFiles([{ name: "s", dtype: "string", shape }], { s: path }).get("s")!;
      };
    expect(read([2, 2], "a\nb c\r\n\n東京\n")).toEqual(strings([2, 2], ["a", "b c", "", "東京"]));
    expect(read([1], "\ufeffone")).toEqual(strings([1], ["one"]));
    expect(read([], "one\n")).toEqual(strings([], ["one"]));
    expect(() => read([1, 2], "a\nb\nc\nd\n")).toThrow(`input s is string[1, 2], but ${path} holds string[2, 2]`);
    expect(() => read([1, 2], "a\nb\nc\n")).toThrow("holds string[3]");
    expect(() => read([1], "a\0b\n")).toThrow("holds a string, number 0, with a NUL");
    expect(() => read([1], Uint8Array.of(0x93, 0x4e))).toThrow("lines.txt is no text in UTF-8, and a file of NumPy must be named .npy");
  });
});
