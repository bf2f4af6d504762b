/** One broken Compute for each message of the verifier, beside sound ones. */
import { describe, expect, test } from "vitest";
import { verifyCompute } from "../../compiler/ir/verify.ts";
import { boundsUnder, factsOf, noFacts } from "../../compiler/ir/bounds.ts";
import { acc, at, axis, output, tensor, type Compute, type Stage, type Tensor } from "../../compiler/ir/compute.ts";
import { both, convert, less, make, select } from "../../compiler/ir/algebra.ts";
import { minus, plus, times } from "../../compiler/ir/linear.ts";
import { apply, constant, parameter, splat, variable, type Expr } from "../../compiler/ir/scalar.ts";
import { f, int, ranged } from "./kernels.ts";

const X = tensor("X", "input", [6, 8]), I = tensor("I", "input", [4], { dtype: "i64" }), T = tensor("T", "table", [2], { data: [1, 2] });
const y = axis("y", 6), x = axis("x", 8), k = axis("k", 3), z = axis("z", 4);
const stage = (value: Expr, more: Partial<Stage> = {}): Stage => ({ name: "s", axes: [y, x], value, ...more });
const of = (stages: readonly Stage[], tensors: readonly Tensor[] = [X, I, T], outputs = [output(stages.at(-1) ?? stage(f(0)))]): Compute =>
  ({ name: "c", origin: [], tensors, stages, outputs });
const c = (value: Expr, more: Partial<Stage> = {}): Compute => of([stage(value, more)]);
const iy = plus(plus(y, k), int(-1)), ix = plus(plus(x, k), int(-1)), reduce = { op: "add", axes: [k] } as const;
const within = (i: Expr, n: number, e: Expr) => select(less(int(-1), i), select(less(i, int(n)), e, f(-0)), f(-0));
const gathered = convert("index", at(I, z));

describe("sound computes pass", () => {
  test.each<[string, Compute]>([
    ["a copy", c(at(X, y, x))],
    ["padding by nested selects", c(within(iy, 6, within(ix, 8, at(X, iy, ix))), { reduce })],
    ["padding by a conjunction", c(select(both(both(less(int(-1), iy), less(iy, int(6))), both(less(int(-1), ix), less(ix, int(8)))), at(X, iy, ix), f(0)), { reduce })],
    ["padding by a negated disjunction", c(select(make("or", less(iy, int(0)), less(int(5), iy)), f(0), at(X, iy, x)), { reduce })],
    ["a test by not", c(select(make("not", less(iy, int(0))), select(less(iy, int(6)), at(X, iy, x), f(0)), f(0)), { reduce })],
    ["strides that a test keeps inside", c(select(less(plus(times(y, 2), k), int(6)), at(X, plus(times(y, 2), k), x), f(0)), { reduce })],
    ["a quotient under a test", c(select(less(int(-1), iy), select(less(make("quo", iy, int(2)), int(6)), at(X, make("quo", iy, int(2)), x), f(0)), f(0)), { reduce })],
    ["an equality", c(select(make("equal", ix, int(3)), at(X, y, ix), f(0)), { reduce })],
    ["a clamped index", c(at(X, y, make("max", int(0), make("min", ix, int(7)))), { reduce })],
    ["an index from a tensor, clamped", of([{ name: "s", axes: [z, x], value: at(X, make("max", int(0), make("min", gathered, int(5))), x) }])],
    ["an index from a tensor, tested", of([{ name: "s", axes: [z, x], value: select(both(less(int(-1), gathered), less(gathered, int(6))), at(X, gathered, x), f(0)) }])],
    ["a halo", of([stage(at({ name: "H" }, iy, x), { reduce })], [tensor("H", "input", [6, 8], { layout: { parts: [{ dim: 0 }, { dim: 1 }], halo: [[1, 1], [0, 0]] } })])],
    ["zeros written into a margin", of([stage(f(0))], [X], [output(stage(f(0)), "out", { shape: [6, 8], index: [plus(y, int(-1)), x], layout: { parts: [{ dim: 0 }, { dim: 1 }], halo: [[1, 0], [0, 0]] } })])],
    ["two stages", of([{ name: "sum", axes: [y], value: at(X, y, x), reduce: { op: "add", axes: [x] } }, stage(make("div", at(X, y, x), at({ name: "sum" }, y)))])],
    ["an empty tensor", of([{ name: "s", axes: [axis("e", 0)], value: at({ name: "E" }, axis("e", 0)) }], [tensor("E", "input", [0])])],
    ["boxes of one tensor, read and written", of([{ name: "s", axes: [k, x], value: at(X, k, x) }], [X], [output({ name: "s", axes: [k, x], value: f(0) }, "X", { shape: [6, 8], index: [plus(k, int(3)), x] })])],
    ["an output through an index map", of([stage(at(X, y, x))], [X], [output(stage(at(X, y, x)), "out", { shape: [12, 8], index: [plus(times(y, 2), int(1)), x] })])],
  ])("%s", (_, compute) => expect(() => verifyCompute(compute)).not.toThrow());
});
describe("messages about names, axes and types", () => {
  test.each<[string, Compute]>([
    ["c: X is declared twice", of([stage(f(0))], [X, X])],
    ["c: s is declared twice", of([stage(f(0)), stage(f(1))])],
    ["c: has no stages", of([], [X], [output(stage(f(0)))])],
    ["c: has no outputs", of([stage(f(0))], [X], [])],
    ["c: output X: is an input as well, and X[y, x] may read what is written", of([stage(at(X, y, x))], [X], [output(stage(at(X, y, x)), "X")])],
    ["c: output out is stage q, which does not exist", of([stage(f(0))], [X], [output({ ...stage(f(0)), name: "q" })])],
    ["c: table T has 2 elements, but its shape [3] has 3", of([stage(f(0))], [{ ...T, shape: [3] }])],
    ["c: table T has no elements, but its shape [2] has 2", of([stage(f(0))], [tensor("T", "table", [2])])],
    ["c: stage s: axis y stands twice", c(f(0), { reduce: { op: "add", axes: [y] } })],
    ["c: stage s: axis q must be an index that starts at 0, not index 1,3", c(f(0), { axes: [ranged("q", [1, 3]) as never] })],
    ["c: stage s: a reduction by add does not exist for bool", c(constant("bool", 1), { reduce })],
    ["c: stage s: a reduction by and does not exist for f32", c(f(0), { reduce: { op: "and", axes: [k] } })],
    ["c: stage s: value: add does not exist for bool", c(apply("add", constant("bool", 1), constant("bool", 1)))],
    ["c: stage s: value is a vector", c(splat(f(0), 4))],
    ["c: stage s: value is an index", c(y)],
    ["c: stage s: value: k is no axis here", c(at(X, plus(y, times(k, 0)), k))],
    ["c: stage s: finish: k is no axis here", c(at(X, y, x), { reduce, finish: at(X, y, k) })],
    ["c: stage s: value: acc is no axis here", c(acc)],
    ["c: stage s: value: y is used with the range 0,3, but declared with another", c(at(X, axis("y", 4), x))],
    ["c: stage s: finish: acc is used as f32, but the element is i64", c(constant("i64", 1), { reduce, finish: acc })],
  ])("%s", (why, compute) => expect(() => verifyCompute(compute)).toThrow(why));
});
describe("messages about indices", () => {
  test.each<[string, Compute]>([
    ["c: stage s: value: reads Y, which is neither a tensor nor an earlier stage", c(at({ name: "Y" }, y))],
    ["stage s: late[y] may read a step that is not made yet", of([stage(at({ name: "late" }, y)), { name: "late", axes: [y], value: f(0) }])],
    ["X[y] has 1 indices, but X has the shape [6,8]", c(at(X, y))],
    ["X[y, x] is read as i32, but holds f32", c(at({ name: "X", dtype: "i32" }, y, x))],
    ["index 0 may reach 0..7, but X has the shape [6,8]; test it in a select, or clamp it", c(at(X, x, x))],
    ["index 0 may reach -1..6, but X has the shape [6,8]", c(at(X, iy, x), { reduce })],
    ["index 0 may reach 0..6, but X", c(select(less(int(-1), iy), at(X, iy, x), f(0)), { reduce })],
    ["index 1 may reach -1..8, but X", c(within(iy, 6, at(X, iy, ix)), { reduce })],
    ["index 0 may reach -1..-1, but X", c(select(less(int(-1), iy), f(0), at(X, iy, x)), { reduce })],
    ["index 0 may reach", of([{ name: "s", axes: [z], value: at(X, gathered, int(0)) }])],
    ["may divide a negative number, where languages differ", c(at(X, make("max", int(0), apply("quo", iy, int(2))), x), { reduce })],
    ["c: output out: is f64, but stage s makes f32", of([stage(f(0))], [X], [output(stage(f(0)), "out", { dtype: "f64" })])],
    ["c: output out: has 2 indices for the shape [48]", of([stage(f(0))], [X], [output(stage(f(0)), "out", { shape: [48] })])],
    ["c: output out: index 0: is f32", of([stage(f(0))], [X], [output(stage(f(0)), "out", { index: [f(0), x] })])],
    ["c: output out: index 0, add(y, 1), may reach 1..6 in the shape [6,8]", of([stage(f(0))], [X], [output(stage(f(0)), "out", { index: [plus(y, int(1)), x] })])],
    ["c: output out: all elements along x go to one place", of([stage(f(0))], [X], [output(stage(f(0)), "out", { index: [y, int(0)] })])],
    ["c: output out: q is no axis here", of([stage(f(0))], [X], [output(stage(f(0)), "out", { index: [y, ranged("q", [0, 7])] })])],
  ])("%s", (why, compute) => expect(() => verifyCompute(compute)).toThrow(why));
});
describe("bounds under tests", () => {
  const v = variable("index", "v"), w = ranged("w", [0, 9]);
  test("a test bounds what has no range of its own", () => {
    const facts = [...factsOf(less(int(2), v), true), ...factsOf(less(v, int(7)), true)];
    expect(boundsUnder(v, noFacts)).toEqual([-Infinity, Infinity]);
    expect(boundsUnder(v, facts)).toEqual([3, 6]);
    expect(boundsUnder(plus(times(v, 10), w), facts)).toEqual([30, 69]);
    expect(boundsUnder(make("quo", plus(v, int(-3)), int(2)), facts)).toEqual([0, 1]);
  });
  test("what is never above follows from several tests", () => {
    const facts = [...factsOf(less(plus(v, w), int(5)), true), ...factsOf(less(v, int(0)), false)];
    expect(boundsUnder(plus(v, w), facts)).toEqual([0, 4]);
    expect(boundsUnder(w, facts)).toEqual([0, 4]);
  });
  test("a size less a share of it bounds what is below", () => {
    const size = parameter("$H", [1, 13]), part = make("quo", plus(size, int(1)), int(3)), rest = plus(plus(part, int(1)), times(make("quo", plus(size, int(4)), int(6)), -1)), i = plus(ranged("a", [0, 2]), ranged("b", [0, 2]));
    expect(boundsUnder(i, factsOf(less(i, rest), true))).toEqual([0, 2]);
  });
  test("products with a size in common are taken together, also less what a test tells", () => {
    const n = parameter("$N", [1, 40]), a = ranged("a", [0, 40]), square = make("mul", n, n), row = make("mul", n, a);
    expect(boundsUnder(minus(times(row, 2), a), noFacts)).toEqual([0, 3160]);
    expect(boundsUnder(minus(ranged("b", [0, 3199]), n), factsOf(less(ranged("b", [0, 3199]), times(square, 2)), true))).toEqual([-40, 3159]);
  });
  test("what is not below its divisor has a quotient of 1 or more", () => {
    const n = parameter("$N", [1, 40]), b = ranged("b", [0, 3199]), e = make("quo", plus(b, minus(n, int(1))), minus(times(n, 2), int(1)));
    expect(boundsUnder(e, noFacts)[0]).toBe(0);
    expect(boundsUnder(e, factsOf(less(b, n), false))[0]).toBe(1);
  });
  test("tests that contradict each other come to an end", () => {
    const u = variable("index", "u"), facts = [...factsOf(less(u, v), true), ...factsOf(less(v, u), true)];
    expect(boundsUnder(u, facts)).toEqual([-Infinity, Infinity]);
    expect(boundsUnder(w, [...factsOf(less(plus(w, v), u), true), ...factsOf(less(u, plus(w, v)), true)])[0]).toBeGreaterThanOrEqual(0);
  });
  test("tests of other values say nothing", () => {
    expect(factsOf(less(f(1), variable("f32", "a")), true)).toEqual([]);
    expect(factsOf(both(less(v, w), less(w, v)), false)).toEqual([]);
  });
});
test("bounds of an expression that is used again at each of many levels come to an end", () => {
  const facts = factsOf(less(variable("index", "n", 1, [0, 99]), int(50)), true);
  let e: Expr = variable("index", "n", 1, [0, 99]);
  for (let i = 0; i < 60; i++) e = make("min", make("max", plus(e, int(1)), int(i)), make("quo", plus(times(e, 3), int(7)), int(2)));
  expect(boundsUnder(e, facts)[0]).toBeGreaterThanOrEqual(0);
});
test("a load of one of many parts of sizes that only a run knows is looked at once, whatever tests are around it", () => {
  const d = axis("d", 300), sizes = Array.from({ length: 60 }, (_, i) => parameter(`$n${i}`, [0, 300]));
  let value: Expr = f(0), before: Expr = int(0);
  const parts = sizes.map((n) => { const start = before; before = plus(before, make("min", int(300), n)); return { start, end: before }; });
  for (const { start, end } of parts.reverse()) value = select(less(d, end), at(X, make("min", make("max", minus(d, start), int(0)), int(5)), int(0)), value);
  verifyCompute(of([{ name: "s", axes: [d], value }]));
});
