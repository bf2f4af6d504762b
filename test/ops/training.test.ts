/** Optimisers of several variables, and their messages; the published cases check the formulas. */
import { expect, test } from "vitest";
import { f32, listOf, runOp, scalarOf } from "./harness.ts";

const rate = scalarOf("f32", 0.1), name = (op: string) => `ai.onnx.preview.training.${op}`;
test("several variables take their steps by themselves", () => {
  const attributes = { norm_coefficient: 0.001, alpha: 0.95, beta: 0.1, mode: "nesterov" }, of = (seed: number) => f32([2], [seed, -seed]);
  const both = runOp(name("Momentum"), [rate, scalarOf("i64", 3), of(1), of(2), of(3), of(4), of(5), of(6)], attributes, { outputs: 4 }).map(listOf);
  const [first, second] = [[1, 3, 5], [2, 4, 6]].map((s) => runOp(name("Momentum"), [rate, scalarOf("i64", 3), ...s.map(of)], attributes, { outputs: 2 }).map(listOf));
  expect(both).toEqual([first![0], second![0], first![1], second![1]]);
});
test("Adam corrects its means from the first update on", () => {
  const step = (t: number) => listOf(runOp(name("Adam"), [rate, scalarOf("i64", t), f32([1], [1]), f32([1], [0.5]), f32([1], [0]), f32([1], [0])], {}, { outputs: 3, runtime: [1] })[0]!)[0]!;
  expect(step(0)).toBeCloseTo(1 - (0.1 * 0.05) / (Math.sqrt(0.001 * 0.25) + 1e-6), 5);
  expect(step(1)).toBeCloseTo(1 - 0.1, 4);
});
test("a rate of one dimension is a number", () => {
  const step = (r: Parameters<typeof runOp>[1][0]) => runOp(name("Adagrad"), [r, scalarOf("i64", 0), f32([], [1]), f32([], [2]), f32([], [3])], {}, { outputs: 2 });
  expect(step(f32([1], [0.1]))).toEqual(step(rate));
});
test("tensors that do not make sets are refused", () => {
  expect(() => runOp(name("Adagrad"), [rate, scalarOf("i64", 0), f32([1], [1]), f32([1], [1]), f32([1], [1]), f32([1], [1])], {}, { outputs: 2 })).toThrow("4 tensors are not 3 for each variable");
  expect(() => runOp(name("Adagrad"), [rate, scalarOf("i64", 0), f32([1], [1]), f32([2], [1, 1]), f32([1], [1])], {}, { outputs: 2 })).toThrow("a gradient or state");
  expect(() => runOp(name("Adagrad"), [f32([2, 3], [1, 1, 1, 1, 1, 1]), scalarOf("i64", 0), f32([1], [1]), f32([1], [1]), f32([1], [1])], {}, { outputs: 2 })).toThrow("input 0 has shape [2, 3]; it must be one number");
});
test("long running sums go step by step", () => {
  const x = Array.from({ length: 200 }, (_, i) => (i % 7) - 3), of = (attributes: Record<string, number>) => listOf(runOp("CumSum", [f32([2, 100], x), scalarOf("i64", 1)], attributes)[0]!);
  const want = (exclusive: boolean, reverse: boolean) => x.map((_, i) => {
    const row = x.slice(Math.floor(i / 100) * 100, Math.floor(i / 100) * 100 + 100), k = i % 100;
    return (reverse ? row.slice(exclusive ? k + 1 : k) : row.slice(0, exclusive ? k : k + 1)).reduce((a, b) => a + b, 0);
  });
  for (const [exclusive, reverse] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) expect(of({ exclusive, reverse })).toEqual(want(exclusive === 1, reverse === 1));
});
