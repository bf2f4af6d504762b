import { describe, expect, test } from "vitest";
import { compileToJs } from "../../compiler/emit/js.ts";
import { at, axis, output, tensor, type Compute } from "../../compiler/ir/compute.ts";
import { bitsTypeOf, decodedByBits, encodedByBits, roundedTo } from "../../compiler/ir/codec.ts";
import { convert } from "../../compiler/ir/algebra.ts";
import { codebook, decode, encode, formats, largest, roundTo, type SmallFloat } from "../../compiler/ir/formats.ts";
import type { Expr } from "../../compiler/ir/scalar.ts";
import { arrayOf, newArray, types, type DType, type ElementArray } from "../../compiler/ir/types.ts";
import { lower } from "../../compiler/lower/lower.ts";

const all = Object.keys(formats) as SmallFloat[];
/** What there is of finite numbers, in their order, zero once. */
const numbersOf = (t: SmallFloat): readonly number[] => [...new Set(Float64Array.from(codebook(t)).filter(Number.isFinite).map((x) => x + 0))].sort((a, b) => a - b);
/** Every number of a format, the middles between two, and what is just beside these; and what is awkward everywhere. */
function awkward(t: SmallFloat): Float32Array {
  const numbers = numbersOf(t), found: number[] = [0, -0, NaN, Infinity, -Infinity, 1e-45, -1e-45, 1e-39, 3.4e38, -3.4e38];
  numbers.forEach((x, i) => {
    const next = numbers[i + 1] ?? 2 * x - numbers[i - 1]!, middle = Math.fround((x + next) / 2), near = Math.abs(middle) * 2 ** -23;
    found.push(x, middle, middle + near, middle - near);
  });
  return Float32Array.from(found);
}
/** An expression of each element of x, in JavaScript. */
function run(from: DType, x: ElementArray, e: (x: Expr) => Expr): ElementArray {
  const i = axis("i", x.length), value = e(at({ name: "x", dtype: from }, i)), stage = { name: "s", axes: [i], value };
  const c: Compute = { name: "c", origin: [], tensors: [tensor("x", "input", [x.length], { dtype: from })], stages: [stage], outputs: [output(stage)] }, out = newArray(value.dtype, x.length);
  compileToJs(lower(c, { stages: {} }))({ x, out });
  return out;
}

describe("formats", () => {
  test("known numbers", () => {
    expect([0x3c00, 0xc000, 0x7bff, 1, 0x7c00, 0x400].map((c) => decode("f16", c))).toEqual([1, -2, 65504, 2 ** -24, Infinity, 2 ** -14]);
    expect(all.map(largest)).toEqual([65504, 255 * 2 ** 120, 448, 240, 57344, 57344, 2 ** 127, 6]);
    expect([0x7f, 0xff].map((c) => decode("f8e4m3fn", c))).toEqual([NaN, NaN]);
    expect(decode("f8e5m2fnuz", 0x80)).toBeNaN();
    expect(Array.from({ length: 8 }, (_, c) => decode("f4e2m1", c))).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, 6]);
    expect([65519.99, 65520, -1e9, 2 ** -25, 2 ** -25 * 1.0001, 3 * 2 ** -25, 1 + 2 ** -11, 1 + 3 * 2 ** -11].map((x) => encode("f16", x))).toEqual([0x7bff, 0x7c00, 0xfc00, 0, 1, 2, 0x3c00, 0x3c02]);
    expect([1e9, NaN, 7].map((x) => encode("f4e2m1", x))).toEqual([7, 8, 7]);
    expect([448, 464, 465, Infinity].map((x) => encode("f8e4m3fn", x))).toEqual([0x7e, 0x7e, 0x7f, 0x7f]);
    expect([-0, 241, 248].map((x) => encode("f8e4m3fnuz", x))).toEqual([0, 0x7f, 0x80]);
    expect([0, 1, 1.5, 3, -1, 2 ** -126].map((x) => encode("f8e8m0", x))).toEqual([0, 127, 128, 129, 255, 1]);
  });
  test.each(all)("%s: each code is that of its number, and each number goes to the nearest", (t) => {
    codebook(t).forEach((x, code) => { if (!Number.isNaN(x)) expect(encode(t, x)).toBe(code); });
    const numbers = numbersOf(t), top = largest(t);
    for (const x of awkward(t)) {
      const got = roundTo(t, x);
      if (Number.isNaN(got) || !Number.isFinite(got) || Math.abs(x) > top || (t === "f8e8m0" && x <= 0)) continue;
      let low = 0, high = numbers.length - 1;
      while (high - low > 1) { const m = (low + high) >> 1; if (numbers[m]! <= x) low = m; else high = m; }
      expect(Math.abs(got - x)).toBe(Math.min(Math.abs(numbers[low]! - x), Math.abs(numbers[high]! - x)));
    }
  });
});
describe("as expressions", () => {
  test.each(all)("%s: all codes are decoded", (t) => {
    const codes = arrayOf(bitsTypeOf(t), codebook(t).keys());
    expect(run(bitsTypeOf(t), codes, (x) => decodedByBits(t, convert("i32", x)))).toEqual(codebook(t));
  });
  test.each(all)("%s: floats are encoded and rounded as by the table", (t) => {
    const x = awkward(t), nan = encode(t, NaN), sign = 2 ** (types[t].bits - 1);
    // NaN keeps its sign, which JavaScript does not show.
    const plain = (code: number) => (Number.isNaN(decode(t, code)) ? nan % sign : code);
    expect(Array.from(run("f32", x, (e) => encodedByBits(t, e)) as Int32Array, plain)).toEqual(Array.from(x, (v) => plain(encode(t, v))));
    expect(run("f32", x, (e) => roundedTo(t, e))).toEqual(x.map((v) => roundTo(t, v)));
  });
  test.each(all.filter((t) => t !== "f8e8m0"))("%s: doubles are rounded once", (t) => {
    // Just beside a middle: as f32 they would be the middle.
    const list = Float64Array.from([...awkward(t)].flatMap((v) => [v, v * (1 + 2 ** -40), v * (1 - 2 ** -40)]));
    expect(run("f64", list, (e) => roundedTo(t, e))).toEqual(Float32Array.from(list, (v) => roundTo(t, v)));
  });
});
