/** Reductions by `repeat`: what the verifier refuses, and how turns are taken one by one or together. */
import { describe, expect, test } from "vitest";
import { accumulator, at, axis, output, tensor, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { add, convert, less, make, mul, select } from "../../compiler/ir/algebra.ts";
import { int } from "../../compiler/ir/linear.ts";
import { constant, type Expr } from "../../compiler/ir/scalar.ts";
import { constantOf } from "../../compiler/ir/graph.ts";
import { eachStmt } from "../../compiler/ir/kernel.ts";
import type { Schedule } from "../../compiler/ir/schedule.ts";
import { verifyCompute } from "../../compiler/ir/verify.ts";
import { interpretCompute } from "../support/interpret-compute.ts";
import { runCompute } from "../support/run-compute.ts";
import { plain } from "./schedules.ts";

const n = 11, i = axis("i", n), turn = axis("turn", 30), X = tensor("X", "input", [n], { dtype: "u32" }), u = (x: number) => constant("u32", x), acc = accumulator("u32");
const isFirst = make("equal", turn, int(0)), x = at({ name: "X", dtype: "u32" }, i);
const stage = (value: Expr, finish?: Expr): Stage => ({ name: "s", axes: [i], value, reduce: { op: "repeat", axes: [turn] }, ...(finish ? { finish } : {}) });
const compute = (s: Stage): Compute => ({ name: "c", origin: [], tensors: [X], stages: [s], outputs: [output(s, "Y")] });
/** Halves even numbers, until an odd one is left. */
const halves = compute(stage(select(isFirst, x, select(make("equal", make("and", acc, u(1)), u(0)), make("shr", acc, u(1)), acc)), add(acc, u(100))));
/** x (x + 1) ... (x + 29), wrapped: each turn is another. */
const factors = compute(stage(select(isFirst, x, mul(acc, add(x, convert("u32", turn))))));
const data = { X: Uint32Array.from({ length: n }, (_, k) => (k + 1) * 2 ** (k % 5)) };
const odd = (v: number): number => (v % 2 ? v : odd(v / 2));
const product = (v: number) => Number(BigInt.asUintN(32, Array.from({ length: 30 }, (_, k) => BigInt(v + k)).reduce((a, b) => a * b)));
const together: Schedule = { stages: { s: [{ split: "i", by: 4, into: ["io", "ii"], edge: "peel" }, { order: ["io", "turn", "ii"] }, { place: ["ii"], as: "unroll" }] } };

describe("repetitions", () => {
  test.each([["halves", halves, Array.from(data.X, (v) => odd(v) + 100)], ["factors", factors, Array.from(data.X, product)]] as const)("of %s give what their last turn makes", (_, c, want) => {
    verifyCompute(c);
    expect([...interpretCompute(c, new Map([["X", constantOf("u32", [n], data.X)]])).get("Y")!.data]).toEqual(want);
    for (const schedule of [plain, together]) expect([...runCompute(c, schedule, data).results.Y!]).toEqual(want);
  });
  test("end when a turn changes nothing, where turns are alike", () => {
    const kinds = (c: Compute) => { const found = new Set<string>(); eachStmt(runCompute(c, together, data).kernel.body, (s) => found.add(s.kind)); return found; };
    expect([kinds(halves).has("while"), kinds(factors).has("while")]).toEqual([true, false]);
  });
  test("along several axes, or from nothing, are refused", () => {
    const more = axis("more", 2), s = stage(select(isFirst, x, acc));
    expect(() => verifyCompute(compute({ ...s, reduce: { op: "repeat", axes: [turn, more] } }))).toThrow("one axis");
    expect(() => verifyCompute(compute(stage(select(less(turn, int(2)), acc, x))))).toThrow("first turn");
    expect(() => runCompute(compute(s), { stages: { s: [{ place: ["turn"], as: "unroll" }] } }, data)).toThrow("one serial loop");
  });
});
