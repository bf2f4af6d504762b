/** Lanes: contiguous loads, loads that are spread or gathered, tests on lanes, indices that are clamped; and what never is a vector. */
import { describe, expect, test } from "vitest";
import { acc, at, axis, extentOf, output, tensor, type Axis, type Compute, type Layout, type Stage, type Tensor } from "../../compiler/ir/compute.ts";
import { add, both, convert, f32, less, make, mul, select } from "../../compiler/ir/algebra.ts";
import { int, minus, plus, times } from "../../compiler/ir/linear.ts";
import { children, type Expr } from "../../compiler/ir/scalar.ts";
import { eachStmt, expressionsOf, type Kernel } from "../../compiler/ir/kernel.ts";
import type { Directive } from "../../compiler/ir/schedule.ts";
import { arrayOf, type ElementArray } from "../../compiler/ir/types.ts";
import { evaluateCompute } from "../../compiler/evaluate/index.ts";
import { difference, noise, runCompute, type Data } from "../support/run-compute.ts";

const lanesOver = (a: Axis, by: number, edge: "peel" | "overlap" = "peel"): Directive[] =>
  [{ split: a.name, by, into: [`${a.name}_o`, `${a.name}_v`], edge }, { place: [`${a.name}_v`], as: "vector" }];
function check(tensors: readonly Tensor[], stage: Stage, lane: Axis, data: Data, more: { readonly layout?: Layout; readonly index?: readonly Expr[]; readonly shape?: readonly number[] } = {}): Kernel[] {
  const c: Compute = { name: "c", origin: [], tensors, stages: [stage], outputs: [output(stage, "out", more)] };
  const want = evaluateCompute(c, new Map(Object.entries(data))).get("out")!;
  const order = [...stage.axes.filter((a) => a !== lane).map((a) => a.name), `${lane.name}_o`, ...(stage.reduce?.axes ?? []).map((a) => a.name), `${lane.name}_v`];
  return [4, 8, 16].flatMap((lanes) => (["peel", "overlap"] as const).filter((edge) => edge === "peel" || extentOf(lane) >= lanes).map((edge) => {
    const split = lanesOver(lane, lanes, edge), { kernel, results } = runCompute(c, { stages: { s: [split[0]!, { order }, split[1]!] } }, data);
    expect(difference(results.out!, want), `${lanes} lanes, ${edge}`).toBeLessThanOrEqual(1e-5);
    return kernel;
  }));
}
/** The widths of all loads, and whether vectors are put together from scalars. */
function loadsOf(k: Kernel): { readonly widths: ReadonlySet<number>; readonly builds: boolean } {
  const widths = new Set<number>(), seen = new Set<Expr>();
  let builds = false;
  const walk = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === "load") widths.add(e.lanes);
    builds ||= e.kind === "build";
    children(e).forEach(walk);
  };
  eachStmt(k.body, (s) => expressionsOf(s).forEach(walk));
  return { widths, builds };
}
const y = axis("y", 5), x = axis("x", 21), k = axis("k", 3), X = tensor("X", "input", [5, 21]), data: Data = { X: noise(105) };
const map = (value: Expr, axes: readonly Axis[] = [y, x]): Stage => ({ name: "s", axes, value });

describe("loads", () => {
  test("side by side are vectors", () => { for (const kernel of check([X], map(mul(at(X, y, x), f32(2))), x, data)) expect(loadsOf(kernel).builds).toBe(false); });
  test("the same for all lanes are splats", () => { check([X], map(add(at(X, y, int(3)), at(X, y, x))), x, data); });
  test("two apart are built", () => {
    const half = axis("h", 10), kernels = check([X], map(at(X, y, plus(times(half, 2), int(1))), [y, half]), half, data);
    expect(kernels.some((kernel) => loadsOf(kernel).builds)).toBe(true);
  });
  test("backwards are built", () => { check([X], map(at(X, y, minus(int(20), x))), x, data); });
  test("across rows are built", () => { check([tensor("T", "input", [21, 5])], map(at({ name: "T" }, x, y)), x, { T: noise(105) }); });
  test("through quotients and remainders", () => {
    const flat = axis("f", 105);
    check([X], map(at(X, make("quo", flat, int(21)), make("rem", flat, int(21))), [flat]), flat, data);
    check([X], map(at(X, make("rem", flat, int(5)), make("quo", flat, int(5))), [flat]), flat, data);
    check([X], map(at(X, make("quo", x, int(5)), x)), x, data);
  });
  test("at indices that other loads find", () => {
    const I = tensor("I", "input", [21], { dtype: "i64" }), found = convert("index", at(I, x)), bounded = make("max", int(0), make("min", found, int(20)));
    check([X, I], map(at(X, y, bounded)), x, { ...data, I: arrayOf("i64", Array.from({ length: 21 }, (_, i) => (i * 8) % 23 - 1)) });
  });
  test("of weights in panels", () => {
    const kk = axis("k", 7), W: Tensor = tensor("W", "weight", [7, 21], { layout: { parts: [{ dim: 1, quo: 16 }, { dim: 0 }, { dim: 1, rem: 16 }] } }), A = tensor("A", "input", [5, 7]);
    const stage: Stage = { name: "s", axes: [y, x], reduce: { op: "add", axes: [kk] }, value: mul(at(A, y, kk), at(W, kk, x)), finish: acc };
    const kernels = check([A, W], stage, x, { A: noise(35), W: noise(147, 9) });
    // A vector that starts early crosses from one panel to the next.
    expect(kernels.map((kernel) => loadsOf(kernel).builds)).toEqual([false, true, false, true, false, true]);
  });
});
describe("tests on lanes", () => {
  const shifted = (d: number) => plus(x, int(d)), within = (i: Expr, n: number) => both(less(int(-1), i), less(i, int(n)));
  test.each([-1, 1, -3, 5, 21])("a row moved by %i", (d) => { check([X], map(select(within(shifted(d), 21), at(X, y, shifted(d)), f32(0.5))), x, data); });
  test("a window over a row", () => {
    const i = plus(plus(x, k), int(-1)), stage: Stage = { name: "s", axes: [y, x], reduce: { op: "add", axes: [k] }, value: select(within(i, 21), at(X, y, i), f32(-0)) };
    check([X], stage, x, data);
    check([X], { ...stage, reduce: { op: "max", axes: [k] }, value: select(within(i, 21), at(X, y, i), f32(-Infinity)) }, x, data);
  });
  test("every other element", () => { check([X], map(select(make("equal", make("rem", x, int(2)), int(0)), at(X, y, x), f32(0))), x, data); });
  test("on a row, where lanes are gathered: each lane is moved inside by itself", () => {
    const r = axis("r", 4), i = plus(plus(r, x), int(-1)), T = tensor("T", "input", [3, 7]);
    const value = select(less(r, int(1)), select(less(int(0), x), at(T, make("quo", i, int(7)), make("rem", i, int(7))), f32(0)), f32(0));
    check([T], map(value, [r, x]), x, { T: noise(21) });
    const j = plus(r, x), inner = select(less(r, int(1)), at(T, make("quo", j, int(7)), make("rem", j, int(7))), f32(9));
    check([T], map(inner, [r, x]), x, { T: noise(21) });
    const wide = axis("w", 10), far = plus(times(wide, 2), r), even = select(less(r, int(2)), at({ name: "V" }, far), f32(9));
    check([tensor("V", "input", [20])], map(even, [r, wide]), wide, { V: noise(20) });
  });
  test("on floats are masks", () => { check([X], map(select(less(at(X, y, x), f32(0)), make("neg", at(X, y, x)), mul(at(X, y, x), f32(3)))), x, data); });
});
describe("results", () => {
  test("in channels-last order", () => {
    const [c, h, w] = [axis("c", 21), axis("h", 2), axis("w", 3)], layout: Layout = { parts: [{ dim: 1 }, { dim: 2 }, { dim: 0 }] };
    check([tensor("I", "input", [21, 2, 3], { layout })], map(mul(at({ name: "I" }, c, h, w), f32(3)), [h, w, c]), c, { I: noise(126) }, { layout, shape: [21, 2, 3], index: [c, h, w] });
  });
  test("across lanes: sums, products, greatest and least", () => {
    const kk = axis("k", 21), R = tensor("X", "input", [5, 21]);
    for (const op of ["add", "mul", "max", "min"] as const) for (const lanes of [4, 8, 16]) {
      const stage: Stage = { name: "s", axes: [y], reduce: { op, axes: [kk] }, value: at(R, y, kk), finish: add(acc, f32(1)) };
      const c: Compute = { name: "c", origin: [], tensors: [R], stages: [stage], outputs: [output(stage)] };
      const { results } = runCompute(c, { stages: { s: lanesOver(kk, lanes) } }, data), want = evaluateCompute(c, new Map<string, ElementArray>([["X", data.X!]])).get("out")!;
      expect(difference(results.out!, want), `${op}, ${lanes} lanes`).toBeLessThanOrEqual(1e-5);
    }
  });
});
