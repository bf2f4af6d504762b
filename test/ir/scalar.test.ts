import { describe, expect, test } from "vitest";
import { apply, constant, scalarOps, splat, type ScalarOp } from "../../compiler/ir/scalar.ts";
import { convert, make } from "../../compiler/ir/algebra.ts";
import { erf, roundHalfEven } from "../../compiler/ir/functions.ts";
import { isSmallFloat } from "../../compiler/ir/formats.ts";
import { arrayOf, bytesFor, bytesOfElements, limits, newArray, typeOfOnnx, types, viewOf, elementTypes, type DType, type Num } from "../../compiler/ir/types.ts";

const run = (op: ScalarOp, t: DType, ...xs: Num[]): Num => {
  const e = make(op, ...xs.map((x) => constant(t, x)));
  return e.kind === "const" ? e.value : NaN;
};

describe("integers wrap around", () => {
  test.each<[ScalarOp, DType, Num[], Num]>([
    ["add", "i8", [127, 1], -128], ["sub", "u8", [0, 1], 255], ["mul", "i32", [2 ** 31 - 1, 2 ** 31 - 1], 1],
    ["mul", "u32", [2 ** 32 - 1, 2 ** 32 - 1], 1], ["mul", "i64", [2n ** 62n, 4n], 0n], ["neg", "i32", [-(2 ** 31)], -(2 ** 31)],
    ["neg", "i32", [0], 0], ["abs", "i8", [-128], -128], ["shl", "i32", [1, 31], -(2 ** 31)], ["shr", "i32", [-8, 1], -4],
    ["shr", "u32", [2 ** 31, 31], 1], ["bitNot", "u16", [0], 65535], ["xor", "u32", [2 ** 31, 1], 2 ** 31 + 1],
    ["div", "i32", [-7, 2], -3], ["div", "i32", [1, 0], 0], ["div", "i64", [-7n, 2n], -3n], ["div", "i64", [1n, 0n], 0n],
    ["div", "i32", [-(2 ** 31), -1], -(2 ** 31)], ["fmod", "i32", [-7, 3], -1], ["fmod", "i64", [-7n, 3n], -1n], ["fmod", "i32", [5, 0], 0],
    ["pow", "i32", [3, 21], 1870418611], ["pow", "i64", [3n, 41n], BigInt.asIntN(64, 3n ** 41n)], ["pow", "i64", [-1n, -3n], -1n], ["pow", "i64", [2n, -1n], 0n],
  ])("%s of %s %s", (op, t, xs, want) => expect(run(op, t, ...xs)).toBe(want));
});
describe("floats round after each step", () => {
  test.each<[ScalarOp, Num[], Num]>([
    ["add", [2 ** 24, 1], 2 ** 24], ["mul", [1 + 2 ** -23, 1 + 2 ** -23], 1 + 2 ** -22], ["min", [NaN, 1], NaN], ["min", [1, NaN], 1],
    ["round", [2.5], 2], ["round", [-0.5], -0], ["ceil", [-0.5], -0], ["pow", [1, NaN], 1], ["pow", [-1, Infinity], 1], ["fmod", [-5.5, 2], -1.5],
    ["bits", [], 1], ["select", [], 2],
  ])("%s %s", (op, xs, want) => {
    if (op === "bits") expect(make("bits", constant("i32", 0x3f800000))).toBe(constant("f32", want));
    else if (op === "select") expect(make("select", constant("bool", 0), constant("f32", 1), constant("f32", 2))).toBe(constant("f32", want));
    else expect(run(op, "f32", ...xs)).toBe(want);
  });
});
test("conversions: towards zero, anything but 0 is true, NaN too", () => {
  const to = (t: DType, from: DType, x: Num) => (convert(t, constant(from, x)) as { value?: Num }).value;
  expect(to("i32", "f32", -2.75)).toBe(-2);
  expect(to("bool", "f32", NaN)).toBe(1);
  expect(to("bool", "f32", -0)).toBe(0);
  expect(to("bool", "i64", 0n)).toBe(0);
  expect(to("u8", "i32", 300)).toBe(44);
  expect(to("i64", "f64", -1e15)).toBe(-(10n ** 15n));
});
test("equal expressions are one object; a select may have one condition for all lanes", () => {
  expect(apply("add", constant("f32", 1), constant("f32", 2))).toBe(apply("add", constant("f32", 1), constant("f32", 2)));
  expect(constant("f32", 0)).not.toBe(constant("f32", -0));
  const wide = splat(constant("f32", 1), 4), s = apply("select", constant("bool", 1), wide, constant("f32", 0));
  expect(s.lanes).toBe(4);
  expect(s.args.map((a) => a.lanes)).toEqual([1, 4, 4]);
});
test("every operator's meaning gives a value of its type for 32-bit integers and floats", () => {
  for (const op of Object.keys(scalarOps) as ScalarOp[]) if (op !== "bits64" && op !== "toBits64") expect(typeof types.f32.wrap(scalarOps[op].meaning(1, 1, 1)), op).toBe("number");
});

test("half-way cases round to even", () => {
  for (const [x, want] of [[0.5, 0], [1.5, 2], [2.5, 2], [-0.5, -0], [-1.5, -2], [-2.5, -2], [-0.2, -0], [0.49999999999999994, 0], [1e300, 1e300], [-Infinity, -Infinity]] as const) {
    expect(roundHalfEven(x)).toBe(want);
  }
});
test("erf agrees with published values", () => {
  // Abramowitz and Stegun, table 7.1; the last from the asymptotic series.
  for (const [x, want] of [[0.5, 0.5204998778], [1, 0.8427007929], [1.5, 0.9661051465], [2, 0.995322265], [3, 0.9999779095]] as const) {
    expect(Math.abs(erf(x) - want)).toBeLessThan(1e-10);
    expect(erf(-x)).toBe(-erf(x));
  }
  expect(Math.abs(erf(2.9999999) - erf(3.0000001))).toBeLessThan(1e-10);
  expect(erf(7)).toBe(1);
  expect(erf(NaN)).toBeNaN();
});
describe("element types", () => {
  test.each(elementTypes)("%s: arrays hold its limits and it is found by its number in ONNX", (t) => {
    const [low, high] = limits(t), data = arrayOf(t, [low, high]);
    expect([...(data as Iterable<Num>)]).toEqual([low, high]);
    if (!isSmallFloat(t)) expect(newArray(t, 3).byteLength).toBe(3 * types[t].bytes);
    expect(typeOfOnnx(types[t].onnx)).toBe(t);
  });
  test.each(elementTypes)("%s: bytes of a model and elements lead to each other", (t) => {
    const [low, high] = limits(t), data = arrayOf(t, [low, high, 1]), bytes = bytesOfElements(t, data);
    expect(bytes.length).toBe(bytesFor(t, 3));
    expect(viewOf(t, bytes, 3)).toEqual(data);
  });
  test("elements smaller than a byte share it, the first in the lowest bits", () => {
    expect([...bytesOfElements("i4", arrayOf("i4", [-8, 7, -1]))]).toEqual([0x78, 0x0f]);
    expect([...bytesOfElements("u2", arrayOf("u2", [0, 1, 2, 3, 3]))]).toEqual([0xe4, 0x03]);
    expect([...bytesOfElements("f4e2m1", arrayOf("f4e2m1", [0.5, -6]))]).toEqual([0xf1]);
  });
  test("a view copies only where bytes are not aligned", () => {
    const bytes = new Uint8Array(12);
    expect(viewOf("f32", bytes.subarray(4)).buffer).toBe(bytes.buffer);
    bytes[1] = 0x80; bytes[2] = 0x3f;
    const moved = new Uint8Array(9);
    moved.set([0, 0, 0x80, 0x3f], 1);
    expect(viewOf("f32", moved.subarray(1, 5))[0]).toBe(1);
  });
});
