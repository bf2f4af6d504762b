import { describe, expect, test } from "vitest";
import { compileToJs, printJs } from "../../compiler/emit/js.ts";
import { interpret } from "../../compiler/ir/interpret.ts";
import { share } from "../../compiler/lower/share.ts";
import { apply, cast, constant, load, show, variable, type Expr } from "../../compiler/ir/scalar.ts";
import { make } from "../../compiler/ir/algebra.ts";
import { computedTypes, newArray, type DType, type ElementArray, type Num } from "../../compiler/ir/types.ts";
import type { Buffer, Kernel, Stmt } from "../../compiler/ir/kernel.ts";
import { below, expression, generator, pick, valueOf, type Random } from "../support/random.ts";
import { buffer, f, idx, int, kernel, let_, loop, ranged, read, set, store, when } from "./kernels.ts";

const N = 6;
const inputs: readonly Buffer[] = computedTypes.map((t) => buffer(t, N, "in", t));
function memoryOf(k: Kernel, random: Random): Record<string, ElementArray> {
  return Object.fromEntries(k.buffers.filter((b) => b.space === "in" || b.space === "out").map((b) => {
    const data = newArray(b.dtype, b.size);
    for (let i = 0; i < b.size; i++) (data as { [i: number]: unknown })[i] = valueOf(random, b.dtype);
    return [b.name, data];
  }));
}
function same(k: Kernel, seed: number, what: string, params = {}): void {
  const memory = memoryOf(k, generator(seed)), expected = Object.fromEntries(Object.entries(memory).map(([n, d]) => [n, d.slice()]));
  interpret(k, expected, { params });
  compileToJs(k)(memory, params);
  for (const [name, data] of Object.entries(memory)) expect([...(data as Iterable<Num>)], `seed ${seed}, ${name}: ${what}\n${printJs(k)}`).toEqual([...(expected[name] as Iterable<Num>)]);
}

describe("JavaScript does what the interpreter does", () => {
  test.each(computedTypes)("random expressions of %s", (t) => {
    for (let seed = 0; seed < 150; seed++) {
      const i = idx("i", N), e = expression(generator(seed), t, 3, i), out = buffer("out", N, "out", t);
      const body = [loop("i", N, share([store("out", i, e)]))];
      same(kernel([...inputs, out], body), seed, show(e));
    }
  });
  test.each(computedTypes)("constants of %s", (t) => {
    for (let seed = 0; seed < 60; seed++) {
      const c = constant(t, valueOf(generator(seed), t)), out = buffer("out", 2, "out", t);
      same(kernel([out], [store("out", int(0), c), ...(t === "bool" ? [] : [store("out", int(1), apply("sub", c, constant(t, -1)))])]), seed, show(c));
    }
  });
  test("random loops, with sums, tests, scratch and what does not change moved out", () => {
    for (let seed = 0; seed < 200; seed++) same(randomKernel(generator(seed)), seed, "");
  });
  test("a sum that grows only where tests hold", () => {
    const x = buffer("x", 8, "in"), out = buffer("out", 8, "out"), i = idx("i", 8), j = idx("j", 8), a = variable("f32", "a"), b = variable("f32", "b");
    const tested = (c: Expr, v: Expr) => apply("select", c, v, f(-0));
    same(kernel([x, out], [loop("i", 8, [let_("a", f(-0), true), let_("b", f(-0), true), loop("j", 8, [
      set("a", apply("add", a, tested(make("less", j, i), tested(make("less", int(1), j), read("x", j))))),
      set("b", apply("add", b, tested(make("less", j, i), tested(make("less", int(1), j), read("x", i))))),
      set("b", apply("add", b, tested(make("less", i, j), read("x", j)))),
    ]), store("out", i, apply("sub", a, b))])]), 3, "");
  });
  test("a loop's extent is taken once; a variable that is set keeps no old value", () => {
    const x = buffer("x", 8, "in"), out = buffer("out", 8, "out"), n = ranged("n", [0, 8]), a = variable("f32", "a"), i = idx("i", 8);
    same(kernel([x, out], [let_("n", int(5), true), loop("i", n, [set("n", int(0)), store("out", i, read("x", i))])]), 1, "extent");
    same(kernel([x, out], [
      let_("a", f(1), true), let_("before", apply("add", a, f(1))),
      loop("i", 8, [store("out", i, apply("add", a, f(1)))]), set("a", f(5)),
      loop("i", 3, [store("out", idx("i", 3), apply("add", a, f(1)))]), store("out", int(7), variable("f32", "before")),
    ]), 2, "set");
  });
  test("while, parameters", () => {
    const n = ranged("n", [1, 6]), j = ranged("j", [0, 6]), x = buffer("x", 8, "in"), out = buffer("out", 8, "out");
    const k = kernel([x, out], [let_("j", int(0), true), { kind: "while", cond: apply("less", j, n), body: [
      store("out", j, apply("mul", read("x", j), f(2))), set("j", apply("min", apply("add", j, int(1)), int(6))),
    ] }], { params: [n as never] });
    for (const p of [1, 4, 6]) same(k, p, "", { n: p });
  });
});
/** Nests of two loops over the elements of a type, with a sum, a test and a scratch buffer. */
function randomKernel(random: Random): Kernel {
  const t: DType = pick(random, ["f32", "f64", "i32", "u8", "i64"]), out = buffer("out", N * N, "out", t), s = buffer("s", N, "scratch", t);
  const i = idx("i", N), j = idx("j", N), sum = variable(t, "sum"), e = (at: Expr) => expression(random, t, 2, at, false);
  const where = make("add", make("mul", i, int(N)), j), bool = () => expression(random, "bool", 2, pick(random, [i, j]), false);
  const inner: Stmt[] = [
    set("sum", apply("add", sum, apply("select", bool(), e(pick(random, [i, j])), constant(t, -0)))),
    let_("t", apply("sub", load(t, "s", [j]), e(pick(random, [i, int(below(random, N))])))),
    when(bool(), [store("out", where, apply("max", variable(t, "t"), sum))]),
  ];
  return kernel([...inputs, out, s], [
    loop("k", N, [store("s", idx("k", N), e(idx("k", N)))]),
    loop("i", N, [let_("sum", constant(t, 0), true), ...share([loop("j", N, inner)]), store("out", make("mul", i, int(N)), cast(t, sum))]),
  ]);
}

describe("what cannot be printed fails clearly", () => {
  const out = buffer("out", 4, "out");
  test("vectors", () => expect(() => compileToJs(kernel([out], [store("out", int(0), read("out", int(0), "f32", 4))]))).toThrow("but out[0] has 4 lanes"));
  test("barriers", () => expect(() => compileToJs(kernel([out], [{ kind: "barrier" }]))).toThrow("cannot wait at a barrier"));
  test("missing memory", () => expect(() => compileToJs(kernel([out], []))({})).toThrow("k: no memory for out"));
  test("names out of scope", () => expect(() => printJs(kernel([out], [store("out", int(0), variable("f32", "a"))]))).toThrow("k: a is not in scope"));
});
test("kernels of the same text share one function; index arithmetic moves out of loops", () => {
  const make2 = (a: string, b: string) => kernel([buffer(a, 64, "in"), buffer(b, 64, "out")], [loop("i", 8, [loop("j", 8, [
    store(b, make("add", make("mul", idx("i", 8), int(8)), idx("j", 8)), read(a, make("add", make("mul", idx("j", 8), int(8)), idx("i", 8)))),
  ])])]);
  const text = printJs(make2("x", "y"));
  expect(printJs(make2("u", "v"))).toBe(text);
  expect(text).toMatch(/for \(let i0 = 0; i0 < 8; \+\+i0\) \{\n {2}const t\d+ = Math.imul\(i0, 8\);\n {2}for/);
});
