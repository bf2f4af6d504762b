import { expect, test } from "vitest";
import { foldScales } from "../../compiler/passes/graph/fold-scales.ts";
import { mergeDuplicates } from "../../compiler/passes/graph/merge-duplicates.ts";
import { recogniseNorms } from "../../compiler/passes/graph/recognise-norms.ts";
import { Builder, check, only, operators } from "./graphs.ts";

const mean = (b: Builder, x: string, ...axes: number[]) => b.op("ReduceMean", [x, b.ints(...axes)]);
const centred = (b: Builder, x: string, ...axes: number[]) => b.op("Sub", [x, mean(b, x, ...axes)]);
const square = [(b: Builder, d: string) => b.op("Pow", [d, b.scalar(2)]), (b: Builder, d: string) => b.op("Mul", [d, d])];
const variance = (b: Builder, squares: string, ...axes: number[]) => b.op("Add", [mean(b, squares, ...axes), b.scalar(1e-5)]);
const divide = [
  (b: Builder, d: string, v: string) => b.op("Div", [d, b.op("Sqrt", [v])]),
  (b: Builder, d: string, v: string) => b.op("Mul", [b.op("Reciprocal", [b.op("Sqrt", [v])]), d]),
  (b: Builder, d: string, v: string) => b.op("Mul", [d, b.op("Div", [b.scalar(1), b.op("Sqrt", [v])])]),
  (b: Builder, d: string, v: string) => b.op("Div", [d, b.op("Pow", [v, b.scalar(0.5)])]),
  (b: Builder, d: string, v: string) => b.op("Mul", [d, b.op("Pow", [v, b.scalar(-0.5)])]),
];

test.each(square.flatMap((s, i) => divide.map((d, j) => [i, j, s, d] as const)))("layer normalisation, square %i, division %i", (_, __, sq, div) => {
  const b = new Builder(), x = b.input("x", [2, 5, 8]), d = centred(b, x, -1), norm = div(b, d, variance(b, sq(b, d), 2));
  const y = b.op("Add", [b.op("Mul", [norm, b.constant([8])]), b.constant([8])]), after = check(b.graph(y), recogniseNorms);
  expect(operators(after)).toEqual(["LayerNormalization", "Mul", "Add"]);
  expect(operators(check(after, foldScales))).toEqual(["LayerNormalization"]);
});
test("the difference written twice, and several axes", () => {
  const b = new Builder(), x = b.input("x", [2, 3, 4, 5]), y = divide[0]!(b, centred(b, x, 2, 3), variance(b, square[0]!(b, centred(b, x, 2, 3)), -1, -2));
  const once = check(b.graph(y), mergeDuplicates);
  expect(only(check(once, recogniseNorms), "LayerNormalization").attributes.axis).toBe(2);
});
test("root mean square", () => {
  for (const div of divide) {
    const b = new Builder(), x = b.input("x", [2, 5, 8]), y = b.op("Mul", [b.constant([8]), div(b, x, variance(b, square[0]!(b, x), -1))]);
    expect(operators(check(check(b.graph(y), recogniseNorms), foldScales))).toEqual(["RMSNormalization"]);
  }
});
test("other axes, other squares, dropped axes: not a layer normalisation", () => {
  const b = new Builder(), x = b.input("x", [2, 5, 8]), d = centred(b, x, 1), e = centred(b, x, -1);
  const g = b.graph(divide[0]!(b, d, variance(b, square[0]!(b, d), 1)), divide[0]!(b, e, variance(b, square[0]!(b, b.op("Neg", [x])), -1)));
  expect(operators(check(g, recogniseNorms))).toEqual(operators(g));
});
test("groups, as InstanceNormalization between reshapes", () => {
  const b = new Builder(), x = b.input("x", [2, 6, 4, 4]);
  const norm = b.op("InstanceNormalization", [b.op("Reshape", [x, b.ints(0, 3, -1)]), b.constant([3], [1, 2, 3]), b.constant([3])], { epsilon: 1e-3 });
  const y = b.op("Add", [b.op("Mul", [b.op("Reshape", [norm, b.ints(2, 6, 4, 4)]), b.constant([6, 1, 1])]), b.constant([6, 1, 1])]);
  const after = check(check(b.graph(y), recogniseNorms), foldScales);
  expect(only(after, "GroupNormalization").attributes).toEqual({ num_groups: 3, epsilon: 1e-3 });
  expect(operators(after)).toEqual(["GroupNormalization"]);
});
