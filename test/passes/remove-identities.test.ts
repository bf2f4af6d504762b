import { expect, test } from "vitest";
import { removeIdentities } from "../../compiler/passes/graph/remove-identities.ts";
import { Builder, check, operators } from "./graphs.ts";

type Case = readonly [name: string, build: (b: Builder, x: string) => string];
const gone: readonly Case[] = [
  ["Identity", (b, x) => b.op("Identity", [x])],
  ["Dropout", (b, x) => b.op("Dropout", [x])],
  ["Cast to the same type", (b, x) => b.op("Cast", [x], { to: 1 })],
  ["Reshape to the same shape", (b, x) => b.op("Reshape", [x, b.ints(0, -1, 4)])],
  ["Expand to a smaller shape", (b, x) => b.op("Expand", [x, b.ints(1, 4)])],
  ["Tile once", (b, x) => b.op("Tile", [x, b.ints(1, 1, 1)])],
  ["Transpose in order", (b, x) => b.op("Transpose", [x], { perm: [0, 1, 2] })],
  ["Slice of everything", (b, x) => b.op("Slice", [x, b.ints(0), b.ints(9), b.ints(1), b.ints(1)])],
  ["Pad by nothing", (b, x) => b.op("Pad", [x, b.ints(0, 0, 0, 0, 0, 0)])],
  ["Concat of one", (b, x) => b.op("Concat", [x], { axis: 1 })],
  ["Concat with an empty part", (b, x) => b.op("Concat", [x, b.constant([2, 0, 4])], { axis: 1 })],
  ["Split into one", (b, x) => b.op("Split", [x], { axis: 1 })],
  ["Mul by 1", (b, x) => b.op("Mul", [x, b.scalar(1)])],
  ["1 times", (b, x) => b.op("Mul", [b.constant([1, 3, 1], [1, 1, 1]), x])],
  ["Div by 1", (b, x) => b.op("Div", [x, b.scalar(1)])],
  ["Add of 0", (b, x) => b.op("Add", [b.scalar(0), x])],
  ["Sub of 0", (b, x) => b.op("Sub", [x, b.scalar(0)])],
  ["Pow by 1", (b, x) => b.op("Pow", [x, b.scalar(1)])],
  ["Sum of one", (b, x) => b.op("Sum", [x])],
  ["Max of one", (b, x) => b.op("Max", [x])],
  ["Mean of one", (b, x) => b.op("Mean", [x])],
  ["Clip at infinity", (b, x) => b.op("Clip", [x, b.scalar(-Infinity)])],
  ["MaxPool of single elements", (b, x) => b.op("MaxPool", [x], { kernel_shape: [1] })],
  ["ReduceMean over no axis", (b, x) => b.op("ReduceMean", [x, b.ints()], { noop_with_empty_axes: 1 })],
];
const stays: readonly Case[] = [
  ["1 / x", (b, x) => b.op("Div", [b.scalar(1), x])],
  ["0 - x", (b, x) => b.op("Sub", [b.scalar(0), x])],
  ["Mul by 1 that repeats", (b, x) => b.op("Mul", [x, b.constant([5, 1, 1, 1], [1, 1, 1, 1, 1])])],
  ["Reshape to another shape", (b, x) => b.op("Reshape", [x, b.ints(6, 4)])],
  ["Transpose of equal extents", (b) => b.op("Transpose", [b.op("Relu", [b.input("square", [3, 3])])], { perm: [1, 0] })],
  ["Slice backwards", (b, x) => b.op("Slice", [x, b.ints(-1), b.ints(-99), b.ints(1), b.ints(-1)])],
  ["Pad that moves", (b, x) => b.op("Pad", [x, b.ints(0, 1, 0, 0, -1, 0)])],
  ["Cast to another type", (b, x) => b.op("Cast", [x], { to: 11 })],
];

test.each(gone)("%s goes", (_, build) => {
  const b = new Builder(), x = b.op("Neg", [b.input("x", [2, 3, 4])]);
  expect(operators(check(b.graph(b.op("Sigmoid", [build(b, x)])), removeIdentities))).toEqual(["Neg", "Sigmoid"]);
});
test.each(stays)("%s stays", (_, build) => {
  const b = new Builder(), x = b.op("Neg", [b.input("x", [2, 3, 4])]), g = b.graph(build(b, x));
  expect(operators(check(g, removeIdentities))).toEqual(operators(g));
});
test("an output keeps its name: the node before takes it", () => {
  const b = new Builder(), x = b.op("Neg", [b.input("x", [2, 3])]), g = b.graph(b.op("Identity", [b.op("Mul", [x, b.scalar(1)])]));
  const after = check(g, removeIdentities);
  expect(operators(after)).toEqual(["Neg"]);
  expect(after.nodes[0]!.outputs).toEqual(g.outputs);
});
test("an output that is an input, a constant or another output needs an Identity", () => {
  const b = new Builder(), x = b.input("x", [2, 3]), y = b.op("Neg", [x]);
  const g = b.graph(b.op("Reshape", [x, b.ints(2, 3)]), b.op("Identity", [b.constant([2])]), y, b.op("Identity", [y]));
  expect(operators(check(g, removeIdentities)).toSorted()).toEqual(["Identity", "Identity", "Identity", "Neg"]);
});
test("a Relu of what is not negative", () => {
  const b = new Builder(), x = b.op("Relu", [b.op("Sigmoid", [b.input("x", [4])])]);
  expect(operators(check(b.graph(b.op("Neg", [b.op("Relu", [x])])), removeIdentities))).toEqual(["Sigmoid", "Neg"]);
});
