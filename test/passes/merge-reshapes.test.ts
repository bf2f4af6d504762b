import { expect, test } from "vitest";
import { mergeReshapes } from "../../compiler/passes/graph/merge-reshapes.ts";
import { Builder, check, only, operators } from "./graphs.ts";

test("Flatten, Squeeze, Unsqueeze and Reshape in a row are one Reshape to plain numbers", () => {
  const b = new Builder(), x = b.input("x", [2, 3, 1, 4]);
  const flat = b.op("Flatten", [b.op("Unsqueeze", [b.op("Squeeze", [x]), b.ints(0)])]), after = check(b.graph(b.op("Reshape", [flat, b.ints(-1, 4)])), mergeReshapes);
  expect(operators(after)).toEqual(["Reshape"]);
  expect(Array.from(after.constants.get(only(after, "Reshape").inputs[1]!)!.data, Number)).toEqual([6, 4]);
});
test("a Reshape whose input others read too still skips the one before", () => {
  const b = new Builder(), x = b.input("x", [2, 6]), y = b.op("Reshape", [x, b.ints(3, 4)]);
  const after = check(b.graph(b.op("Neg", [y]), b.op("Reshape", [y, b.ints(4, 3)])), mergeReshapes, { stable: false });
  expect(after.nodes.filter((n) => n.op === "Reshape").every((n) => n.inputs[0] === "x")).toBe(true);
});
test("back to the first shape: nothing is left", () => {
  const b = new Builder(), x = b.op("Neg", [b.input("x", [2, 6])]), back = b.op("Reshape", [b.op("Flatten", [x], { axis: 0 }), b.ints(2, 6)]);
  expect(operators(check(b.graph(b.op("Exp", [back])), mergeReshapes))).toEqual(["Neg", "Exp"]);
});
test("extents of 0 are written out", () => {
  const b = new Builder(), after = check(b.graph(b.op("Reshape", [b.input("x", [0, 3]), b.ints(3, 0)], { allowzero: 1 })), mergeReshapes);
  expect(only(after, "Reshape").attributes).toEqual({ allowzero: 1 });
});
test("elementwise operators and softmax come first", () => {
  const b = new Builder(), x = b.input("x", [6, 4]), y = b.op("Reshape", [b.op("Neg", [x]), b.ints(2, 3, 4)]);
  const z = b.op("Softmax", [b.op("Add", [b.op("Mul", [b.op("Relu", [y]), b.scalar(2)]), b.constant([4])])], { axis: -1 });
  expect(operators(check(b.graph(z), mergeReshapes))).toEqual(["Neg", "Relu", "Mul", "Add", "Softmax", "Reshape"]);
});
test("two reshaped alike are one behind their sum", () => {
  const b = new Builder(), [x, y] = ["x", "y"].map((name) => b.op("Flatten", [b.op("Neg", [b.input(name, [2, 3, 4])])]));
  expect(operators(check(b.graph(b.op("Add", [x!, y!])), mergeReshapes))).toEqual(["Neg", "Neg", "Add", "Reshape"]);
});
test("not where rows change, shapes differ, or others read it", () => {
  const b = new Builder(), x = b.input("x", [6, 4]), y = b.op("Reshape", [b.op("Neg", [x]), b.ints(3, 8)]), z = b.op("Reshape", [b.op("Exp", [x]), b.ints(12, 2)]);
  const outputs = [b.op("Softmax", [y], { axis: 1 }), b.op("Add", [b.op("Reshape", [b.op("Sin", [x]), b.ints(12, 2)]), b.constant([2])]), b.op("Relu", [z]), z];
  const g = b.graph(...outputs);
  expect(operators(check(g, mergeReshapes))).toEqual(operators(g));
});
