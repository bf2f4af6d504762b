import { describe, expect, test } from "vitest";
import { evaluate, interpret } from "../../compiler/ir/interpret.ts";
import { acrossLanes, apply, build, cast, constant, splat, variable } from "../../compiler/ir/scalar.ts";
import { make } from "../../compiler/ir/algebra.ts";
import { buffer, f, idx, int, kernel, let_, loop, ranged, read, set, store, when } from "./kernels.ts";

const x = buffer("x", 8, "in"), out = buffer("out", 8, "out");
const i8 = idx("i", 8), count = () => Float32Array.from({ length: 8 }, (_, i) => i + 1);
const run = (k: Parameters<typeof interpret>[0], options = {}) => {
  const memory = { x: count(), out: new Float32Array(8).fill(-1) };
  interpret(k, memory, options);
  return [...memory.out];
};

describe("expressions", () => {
  test("one value per lane; loads are contiguous; lanes combine", () => {
    const memory = { x: count() }, v = read("x", int(2), "f32", 4);
    expect(evaluate(v, new Map(), memory)).toEqual([3, 4, 5, 6]);
    expect(evaluate(acrossLanes("sumLanes", v), new Map(), memory)).toEqual([18]);
    expect(evaluate(acrossLanes("mulLanes", v), new Map(), memory)).toEqual([360]);
    expect(evaluate(acrossLanes("maxLanes", v), new Map(), memory)).toEqual([6]);
    expect(evaluate(acrossLanes("minLanes", v), new Map(), memory)).toEqual([3]);
    expect(evaluate(apply("add", v, splat(f(1), 4)), new Map(), memory)).toEqual([4, 5, 6, 7]);
    expect(evaluate(build([f(1), read("x", int(7))]), new Map(), memory)).toEqual([1, 8]);
    expect(evaluate(apply("select", constant("bool", 1), v, splat(f(0), 4)), new Map(), memory)).toEqual([3, 4, 5, 6]);
    expect(evaluate(cast("i64", v), new Map(), memory)).toEqual([3n, 4n, 5n, 6n]);
  });
  test("errors name the load, the variable, the buffer", () => {
    expect(() => evaluate(read("x", int(8)), new Map(), { x: count() })).toThrow("out of bounds: x[8] at 8 of 8");
    expect(() => evaluate(read("x", int(6), "f32", 4), new Map(), { x: count() })).toThrow("out of bounds");
    expect(() => evaluate(ranged("q"), new Map(), {})).toThrow("unbound q");
    expect(() => evaluate(read("y", int(0)), new Map(), {})).toThrow("no buffer y");
    expect(() => evaluate(apply("add", f(1), variable("f32", "a")), new Map(), {})).toThrow("unbound a");
  });
});

describe("statements", () => {
  test("loops with an extent that a parameter gives, conditions, mutable sums", () => {
    const n = ranged("n", [0, 8]), k = kernel([x, out], [
      let_("sum", f(0), true),
      loop("i", n, [when(make("less", int(1), i8), [set("sum", apply("add", variable("f32", "sum"), read("x", i8)))])]),
      store("out", int(0), variable("f32", "sum")),
    ], { params: [n as never] });
    expect(run(k, { params: { n: 5 } })[0]).toBe(3 + 4 + 5);
    expect(run(k, { params: { n: 0 } })[0]).toBe(0);
    expect(() => run(k)).toThrow("k: no value for parameter n");
    expect(() => run(k, { params: { n: 9 } })).toThrow("k: parameter n is 9, outside 0..8");
  });
  test("while", () => {
    const i = ranged("j", [0, 8]);
    expect(run(kernel([x, out], [
      let_("j", int(0), true),
      { kind: "while", cond: apply("less", i, int(3)), body: [store("out", i, read("x", i)), set("j", apply("min", apply("add", i, int(1)), int(8)))] },
    ])).slice(0, 4)).toEqual([1, 2, 3, -1]);
  });
  test("whole numbers of 64 bits", () => {
    const y = buffer("y", 2, "out", "i64"), memory = { y: new BigInt64Array(2) };
    interpret(kernel([y], [store("y", int(1), apply("mul", constant("i64", 2n ** 40n), constant("i64", 3n)))]), memory);
    expect(memory.y).toEqual(BigInt64Array.of(0n, 3n * 2n ** 40n));
  });
  test("scratch starts as NaN, or as bits that are no likely number", () => {
    expect(run(kernel([out, buffer("s", 1, "scratch")], [store("out", int(0), read("s", int(0)))]))[0]).toBeNaN();
    const k = kernel([out, buffer("s", 1, "scratch", "i32")], [store("out", int(0), cast("f32", read("s", int(0), "i32")))]);
    expect(run(k)[0]).toBe(Math.fround(0xa5a5a5a5 | 0));
  });
  test("memory must be there, of the right type, and large enough", () => {
    const k = kernel([x], []);
    expect(() => interpret(k, {})).toThrow("k: no memory for x");
    expect(() => interpret(k, { x: new Int32Array(8) })).toThrow("k: x holds f32, not the elements of Int32Array");
    expect(() => interpret(k, { x: new Float32Array(7) })).toThrow("k: x has 7 elements, but needs 8");
  });
  test("a store outside its buffer, a negative extent", () => {
    expect(() => run(kernel([out], [store("out", int(8), f(0))]))).toThrow("k: store out of bounds: out[8] at 8 of 8");
    expect(() => run(kernel([out], [store("out", int(-1), f(0))]))).toThrow("store out of bounds");
    expect(() => run(kernel([x], [loop("i", int(-1), [])]))).toThrow("k: loop i has extent -1");
  });
});

describe("work-items", () => {
  const s = buffer("s", 8, "shared"), other = make("sub", int(7), i8);
  const reversed = (barrier: boolean) => kernel([x, s, out], [loop("i", 8, [
    store("s", i8, read("x", i8)), ...(barrier ? [{ kind: "barrier" } as const] : []), store("out", i8, read("s", other)),
  ], "lane.x")]);
  test("a barrier makes what lanes have written visible", () => {
    for (const backwards of [false, true]) expect(run(reversed(true), { backwards })).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
  });
  test("without it the order of the lanes shows", () => {
    expect(run(reversed(false))).not.toEqual(run(reversed(false), { backwards: true }));
  });
  test("a barrier that some lanes never reach", () => {
    expect(() => run(kernel([out], [loop("i", 8, [when(make("less", i8, int(4)), [{ kind: "barrier" }])], "lane.x")])))
      .toThrow("k: some lanes wait at a barrier that others never reach");
  });
});
