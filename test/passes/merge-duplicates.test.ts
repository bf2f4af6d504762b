import { expect, test } from "vitest";
import { mergeDuplicates } from "../../compiler/passes/graph/merge-duplicates.ts";
import { Builder, check, operators } from "./graphs.ts";

test("equal nodes are one, and so are the equal nodes that read them", () => {
  const b = new Builder(), x = b.input("x", [2, 3]), y = b.input("y", [2, 3]);
  const sides = [[x, y], [y, x]].map(([p, q]) => b.op("Sigmoid", [b.op("Add", [p!, q!])]));
  expect(operators(check(b.graph(b.op("Sub", sides)), mergeDuplicates))).toEqual(["Add", "Sigmoid", "Sub"]);
});
test("attributes, order and constants count", () => {
  const b = new Builder(), x = b.input("x", [2, 3]), y = b.input("y", [2, 3]);
  const outputs = [b.op("Sub", [x, y]), b.op("Sub", [y, x]), b.op("Elu", [x]), b.op("Elu", [x], { alpha: 2 }), b.op("Elu", [x], { alpha: -0 }), b.op("Elu", [x], { alpha: 0 })];
  const g = b.graph(...outputs);
  expect(operators(check(g, mergeDuplicates))).toEqual(operators(g));
});
test("equal constants are one, of the same type and shape only", () => {
  const b = new Builder(), x = b.input("x", [2, 2]);
  const added = [b.constant([2, 2], [1, 2, 3, 4]), b.constant([2, 2], [1, 2, 3, 4]), b.constant([4], [1, 2, 3, 4]), b.constant([2, 2], [1, 2, 3, 5])];
  const after = check(b.graph(...[0, 1, 3].map((i) => b.op("Add", [x, added[i]!])), b.op("Add", [b.op("Reshape", [x, b.ints(4)]), added[2]!])), mergeDuplicates);
  expect([...after.constants.values()].filter((c) => c.dtype === "f32")).toHaveLength(3);
});
test("two outputs that are equal keep their names", () => {
  const b = new Builder(), x = b.input("x", [2]), g = b.graph(b.op("Neg", [x]), b.op("Neg", [x]));
  expect(operators(check(g, mergeDuplicates))).toEqual(["Neg", "Identity"]);
});
test("a duplicate that is an output gives its name to the first", () => {
  const b = new Builder(), x = b.input("x", [2]), inner = b.op("Neg", [x]), again = b.op("Neg", [x]), third = b.op("Neg", [x]);
  const after = check(b.graph(b.op("Exp", [inner]), again, b.op("Sin", [third])), mergeDuplicates);
  expect(operators(after).filter((o) => o === "Neg")).toHaveLength(1);
});
test("a node with an output that the first lacks stays", () => {
  const b = new Builder(), x = b.input("x", [1, 1, 4, 4]), one = b.op("MaxPool", [x], { kernel_shape: [2, 2] }), [two, places] = b.ops("MaxPool", [x], 2, { kernel_shape: [2, 2] });
  const after = check(b.graph(b.op("Add", [one, two!]), places!), mergeDuplicates);
  expect(operators(after)).toEqual(["MaxPool", "MaxPool", "Add"]);
});
