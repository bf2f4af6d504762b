/** Reductions against plain loops: axes, types, no elements, axes that only run time knows. */
import { describe, expect, it } from "vitest";
import { f32, i64, listOf, runOp, sample, scalarOf, tensorOf, valuesOf } from "./harness.ts";
import { sizeOf, type Constant } from "../../compiler/ir/graph.ts";

const forms: Readonly<Record<string, (list: readonly number[]) => number>> = {
  ReduceSum: (l) => l.reduce((a, b) => a + b, 0), ReduceMean: (l) => l.reduce((a, b) => a + b, 0) / l.length, ReduceMax: (l) => Math.max(...l),
  ReduceMin: (l) => Math.min(...l), ReduceProd: (l) => l.reduce((a, b) => a * b, 1), ReduceL1: (l) => l.reduce((a, b) => a + Math.abs(b), 0),
  ReduceL2: (l) => Math.hypot(...l), ReduceSumSquare: (l) => l.reduce((a, b) => a + b * b, 0), ReduceLogSum: (l) => Math.log(l.reduce((a, b) => a + b, 0)),
  ReduceLogSumExp: (l) => Math.log(l.reduce((a, b) => a + Math.exp(b), 0)),
};
/** The elements of each result, in order. */
function groups(x: Constant, axes: readonly number[]): readonly (readonly number[])[] {
  const found = new Map<string, number[]>();
  for (let flat = 0; flat < x.data.length; flat++) {
    const index = x.shape.map((n, d) => Math.floor(flat / sizeOf(x.shape.slice(d + 1))) % n), key = index.filter((_, d) => !axes.includes(d)).join();
    found.set(key, [...(found.get(key) ?? []), Number(x.data[flat])]);
  }
  return [...found.values()];
}
const close = (got: readonly number[], want: readonly number[]) => {
  expect(got.length).toBe(want.length);
  got.forEach((g, i) => expect(Math.abs(g - want[i]!), `${g} for ${want[i]}`).toBeLessThan(1e-5 * Math.max(1, Math.abs(want[i]!))));
};

describe.each(Object.entries(forms))("%s", (op, f) => {
  const x = runOp("Abs", [sample([2, 3, 2, 2])])[0]!;
  it.each([[[0]], [[1]], [[-1]], [[0, 2]], [[1, 2, 3]], [[0, 1, 2, 3]]])("over %j", (given) => {
    const axes = given.map((a) => (a + 4) % 4), want = groups(x, axes).map(f);
    for (const keepdims of [0, 1]) {
      const [y] = runOp(op, [x, i64(...given)], { keepdims });
      expect([...y!.shape]).toEqual(x.shape.flatMap((n, d) => (axes.includes(d) ? (keepdims ? [1] : []) : [n])));
      close(listOf(y!), want);
      close(valuesOf(op, [x, i64(...given)], { keepdims }, { runtime: [1], declared: y!.shape }), want);
    }
  });
  it("over all or none without axes", () => {
    close(valuesOf(op, [x]), [f(listOf(x))]);
    close(valuesOf(op, [x], { noop_with_empty_axes: 1 }), listOf(x).map((v) => f([v])));
  });
});
it("of no elements is what a reduction starts from", () => {
  const empty = f32([2, 0], []), over = (op: string) => valuesOf(op, [empty, i64(1)], { keepdims: 0 }).map((v) => v + 0);
  expect(over("ReduceSum")).toEqual([0, 0]);
  expect(over("ReduceProd")).toEqual([1, 1]);
  expect(over("ReduceMax")).toEqual([-Infinity, -Infinity]);
  expect(over("ReduceMin")).toEqual([Infinity, Infinity]);
  expect(over("ReduceLogSumExp")).toEqual([-Infinity, -Infinity]);
  expect(valuesOf("ReduceMax", [tensorOf("u8", [0], [])])).toEqual([0]);
  expect(runOp("ReduceSum", [empty, i64(0)])[0]!.shape).toEqual([1, 0]);
});
it("of integers and truths", () => {
  expect(valuesOf("ReduceSum", [tensorOf("i64", [3], [2n ** 40n, 1n, -3n])])).toEqual([2 ** 40 - 2]);
  expect(valuesOf("ReduceMean", [tensorOf("i32", [4], [1, 2, 3, 5])])).toEqual([2]);
  expect(valuesOf("ReduceL2", [tensorOf("i32", [2], [3, 4])])).toEqual([5]);
  expect(valuesOf("ReduceL1", [tensorOf("u8", [2], [3, 4])])).toEqual([7]);
  expect(valuesOf("ReduceMax", [tensorOf("bool", [2, 2], [0, 1, 0, 0]), i64(1)], { keepdims: 0 })).toEqual([1, 0]);
  expect(valuesOf("ReduceMin", [tensorOf("i8", [3], [-128, 127, 5])])).toEqual([-128]);
});
it("LogSumExp of large and infinite values is finite where it can be", () => {
  expect(valuesOf("ReduceLogSumExp", [f32([2], [500, 500])])[0]).toBeCloseTo(500 + Math.log(2), 3);
  expect(valuesOf("ReduceLogSumExp", [f32([2], [-Infinity, -Infinity])])).toEqual([-Infinity]);
  expect(valuesOf("ReduceLogSumExp", [f32([2], [Infinity, 0])])).toEqual([Infinity]);
});
it("ArgMax finds the first or the last", () => {
  const x = f32([2, 3], [1, 5, 5, 7, 7, 0]);
  expect(valuesOf("ArgMax", [x], { axis: 1 })).toEqual([1, 0]);
  expect(valuesOf("ArgMax", [x], { axis: -1, select_last_index: 1, keepdims: 0 })).toEqual([2, 1]);
  expect(valuesOf("ArgMin", [x])).toEqual([0, 0, 1]);
  expect(valuesOf("Hardmax", [x])).toEqual([0, 1, 0, 1, 0, 0]);
});
it("running sums go either way, with or without the element itself", () => {
  const x = tensorOf("i32", [4], [1, 2, 3, 4]), sum = (attributes: Record<string, number>) => valuesOf("CumSum", [x, scalarOf("i64", 0)], attributes);
  expect(sum({})).toEqual([1, 3, 6, 10]);
  expect(sum({ exclusive: 1 })).toEqual([0, 1, 3, 6]);
  expect(sum({ reverse: 1 })).toEqual([10, 9, 7, 4]);
  expect(sum({ reverse: 1, exclusive: 1 })).toEqual([9, 7, 4, 0]);
  expect(valuesOf("CumProd", [x, scalarOf("i32", -1)], { reverse: 1 })).toEqual([24, 24, 12, 4]);
});
