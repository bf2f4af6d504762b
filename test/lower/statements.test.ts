/** Naming what is used twice, and dropping what nobody reads: neither changes what a kernel does, whatever statements it holds. */
import { describe, expect, test } from "vitest";
import { apply, variable, type Expr } from "../../compiler/ir/scalar.ts";
import { interpret } from "../../compiler/ir/interpret.ts";
import { eachStmt, type Kernel, type Stmt } from "../../compiler/ir/kernel.ts";
import { verify } from "../../compiler/ir/verify.ts";
import { dropUnused } from "../../compiler/lower/drop-unused.ts";
import { share } from "../../compiler/lower/share.ts";
import { below, expression, generator, pick, type Random } from "../support/random.ts";
import { buffer, f, idx, int, kernel, let_, loop, ranged, read, set, store, when } from "../ir/kernels.ts";

const lets = (body: readonly Stmt[]): number => { let n = 0; eachStmt(body, (s) => { n += Number(s.kind === "let"); }); return n; };
const N = 8;
function resultOf(k: Kernel): readonly number[] {
  verify(k);
  const memory = { x: Float32Array.from({ length: N }, (_, i) => i * 1.25 - 3), out: new Float32Array(N).fill(NaN) };
  interpret(k, memory);
  return [...memory.out];
}
const buffers = [buffer("x", N, "in"), buffer("out", N, "out")];
const same = (body: readonly Stmt[]): readonly Stmt[] => {
  const shared = share(body), less = dropUnused(shared), want = resultOf(kernel(buffers, body));
  expect(resultOf(kernel(buffers, shared))).toEqual(want);
  expect(resultOf(kernel(buffers, less))).toEqual(want);
  return less;
};

describe("share", () => {
  const i = idx("i", N), twice = apply("mul", read("x", i), read("x", i));
  test("names what is used twice, once", () => {
    const body = same([loop("i", N, [store("out", i, apply("add", twice, apply("exp", twice)))])]);
    expect(lets(body)).toBe(2);
  });
  test("names nothing that is used once", () => expect(lets(same([loop("i", N, [store("out", i, apply("exp", read("x", i)))])]))).toBe(0));
  test("reads again what a store may have changed", () => {
    const a = read("out", int(0)), sum = apply("add", a, a);
    same([store("out", int(0), f(1)), store("out", int(1), sum), store("out", int(0), sum), store("out", int(2), apply("mul", sum, sum)), ...[3, 4, 5, 6, 7].map((n) => store("out", int(n), f(0)))]);
  });
  test("reads again what was set", () => {
    const m = variable("f32", "m"), e = apply("mul", m, f(3));
    same([let_("m", f(1), true), store("out", int(0), apply("add", e, e)), set("m", f(2)), store("out", int(1), apply("add", e, e)), ...[2, 3, 4, 5, 6, 7].map((n) => store("out", int(n), f(0)))]);
  });
  test("a while stops when its variable says so", () => {
    const n = ranged("n", [0, N]), clamped = apply("min", n, int(N - 1));
    const body = [let_("n", int(0), true), { kind: "while", cond: apply("less", n, int(N)), body: [store("out", clamped, apply("add", read("x", clamped), read("x", clamped))), set("n", apply("min", apply("add", n, int(1)), int(N)))] }] as const;
    // What hangs on a variable that is set stays where it is.
    expect(lets(same(body))).toBe(1);
  });
  test("names nothing outside the test that guards it", () => {
    const e = apply("div", f(1), read("x", i));
    same([loop("i", N, [store("out", i, f(0)), when(apply("less", f(0), read("x", i)), [store("out", i, apply("add", e, e))])])]);
  });
  test("gives names that nobody has", () => {
    const body = same([loop("i", N, [let_("x_0", f(5)), let_("t0", f(7)), store("out", i, apply("add", apply("mul", twice, twice), apply("mul", variable("f32", "x_0"), variable("f32", "t0"))))])]);
    expect(lets(body)).toBeGreaterThan(2);
  });
});
describe("dropUnused", () => {
  test("drops chains of what nobody reads, keeps what conditions and bounds read", () => {
    const a = variable("f32", "a"), n = ranged("n", [3, 3]);
    const body = same([let_("a", f(1)), let_("b", apply("add", a, f(1))), let_("n", int(3)), loop("i", N, [store("out", idx("i", N), f(0))]), loop("j", n, [store("out", idx("j", 3), f(2))])]);
    expect(lets(body)).toBe(1);
  });
  test("keeps what changes", () => expect(lets(dropUnused([let_("m", f(1), true), set("m", f(2))]))).toBe(1));
});
test.each(Array.from({ length: 60 }, (_, i) => i + 1))("random statements, seed %i", (seed) => {
  const random: Random = generator(seed), names: string[] = [];
  const at = () => int(below(random, N));
  const value = (): Expr => {
    const e = expression(random, "f32", 2, int(0)), first = names.length ? variable("f32", pick(random, names)) : f(2);
    return apply(pick(random, ["add", "mul", "max"] as const), apply("add", read("x", at()), read("out", at())), apply("select", apply("less", first, read("x", at())), first, e.kind === "const" ? e : f(0.5)));
  };
  const statements = (count: number, depth: number): Stmt[] => Array.from({ length: count }, (): Stmt => {
    switch (below(random, depth > 0 ? 6 : 4)) {
      case 0: case 1: return store("out", at(), value());
      case 2: return names.length ? set(pick(random, names), value()) : store("out", at(), value());
      case 3: return store("out", at(), apply("add", value(), value()));
      case 4: return when(apply("less", value(), value()), statements(3, depth - 1));
      default: return loop(`l${below(random, 1e9)}`, 1 + below(random, 3), statements(3, depth - 1));
    }
  });
  const start = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => store("out", int(n), read("x", int(n))));
  names.push("m");
  const second = value();
  names.push("k");
  same([...start, let_("m", f(1), true), let_("k", second, true), ...statements(8, 2)]);
});
