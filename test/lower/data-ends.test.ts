/** Reductions that data ends: loops stop where it says, if a schedule lets them, and the result is the same if it does not. */
import { describe, expect, it } from "vitest";
import { convert, less, select } from "../../compiler/ir/algebra.ts";
import { at, axis, neutral, output, tensor, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { dataEndsOf } from "../../compiler/ir/extents.ts";
import { eachStmt, type Kernel } from "../../compiler/ir/kernel.ts";
import { constant, load } from "../../compiler/ir/scalar.ts";
import type { Directive } from "../../compiler/ir/schedule.ts";
import { interpretCompute } from "../support/interpret-compute.ts";
import { runCompute } from "../support/run-compute.ts";

const rows = 6, columns = 5, terms = 9;
const i = axis("i", rows), j = axis("j", columns), k = axis("k", terms);
const x = tensor("x", "input", [rows, terms, columns]), count = tensor("count", "input", [rows], { dtype: "i32" }), each = tensor("each", "input", [rows, columns], { dtype: "i32" });
/** Sums or maxima of the first so many of nine terms. */
function problem(op: "add" | "max", isEach: boolean): Compute {
  const end = convert("index", isEach ? load("i32", "each", [i, j]) : load("i32", "count", [i]));
  const stage: Stage = { name: "s", axes: [i, j], reduce: { op, axes: [k] }, value: select(less(k, end), at(x, i, k, j), constant("f32", neutral(op, "f32"))) };
  return { name: "ended", tensors: [x, isEach ? each : count], stages: [stage], outputs: [output(stage)], origin: [] };
}
const data = {
  x: Float32Array.from({ length: rows * terms * columns }, (_, n) => Math.sin(n * 1.7)), count: Int32Array.from([0, 9, 3, -4, 100, 1]),
  each: Int32Array.from({ length: rows * columns }, (_, n) => (n * 7) % 12 - 1),
};
const namesOf = (kernel: Kernel): readonly string[] => { const found: string[] = []; eachStmt(kernel.body, (s) => { if (s.kind === "let") found.push(s.name); }); return found; };
const vectors: readonly Directive[] = [{ split: "j", by: 4, into: ["jo", "ji"], edge: "peel" }, { order: ["i", "jo", "k", "ji"] }, { place: ["ji"], as: "vector" }];
const split: readonly Directive[] = [{ split: "k", by: 4, into: ["ko", "ki"], edge: "peel" }, { order: ["i", "j", "ko", "ki"] }, { place: ["ki"], as: "unroll" }];
const tile: readonly Directive[] = [{ order: ["i", "k", "j"] }, { place: ["j"], as: "unroll" }];
const outside: readonly Directive[] = [{ order: ["k", "i", "j"] }, { place: ["i", "j"], as: "unroll" }];
const unrolled: readonly Directive[] = [{ order: ["i", "j", "k"] }, { place: ["k"], as: "unroll" }];

describe.each(["add", "max"] as const)("%s", (op) => {
  it.each<[string, readonly Directive[], boolean, boolean]>([
    ["plain loops", [], false, true], ["plain loops, each element by itself", [], true, true], ["lanes along the result", vectors, false, true],
    ["lanes that end differently", vectors, true, false], ["a tile", tile, false, true], ["a tile whose elements end differently", tile, true, false],
    ["blocks of terms", split, false, true], ["a loop outside of what tells the end", outside, false, false], ["no loop", unrolled, false, false],
  ])("%s", (_, directives, isEach, ends) => {
    const c = problem(op, isEach), known = new Map(c.tensors.map((t) => [t.name, { dtype: t.dtype, shape: t.shape, data: data[t.name as keyof typeof data] }]));
    const { kernel, results } = runCompute(c, { stages: { s: directives } }, data), want = interpretCompute(c, known).get("out")!.data;
    expect([...results.out!].map(Number)).toEqual([...want].map((v) => expect.closeTo(Number(v), 5)));
    expect(namesOf(kernel).some((name) => name.startsWith("s_k_end"))).toBe(ends);
  });
});
it("what depends on the term itself, or adds something, ends nothing", () => {
  const [s] = problem("add", false).stages as [Stage], own = convert("index", load("i32", "t", [k]));
  expect(dataEndsOf({ ...s, value: select(less(k, own), at(x, i, k, j), constant("f32", 0)) })).toBeNull();
  expect(dataEndsOf({ ...s, value: select(less(k, convert("index", load("i32", "count", [i]))), at(x, i, k, j), constant("f32", 1)) })).toBeNull();
  expect(dataEndsOf({ ...s, value: at(x, i, k, j) })).toBeNull();
});
