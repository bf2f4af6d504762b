import { expect, test } from "vitest";
import { removeDead } from "../../compiler/passes/graph/remove-dead.ts";
import { Builder, check, operators } from "./graphs.ts";

test("nodes, constants and types that no output needs go", () => {
  const b = new Builder(), x = b.input("x", [2, 3]), y = b.op("Add", [x, b.constant([3])]);
  b.op("Mul", [b.op("Neg", [y]), b.constant([2, 3])]);
  b.constant([100]);
  const after = check(b.graph(b.op("Exp", [y])), removeDead);
  expect(operators(after)).toEqual(["Add", "Exp"]);
  expect([...after.constants.keys()]).toEqual(["c0"]);
  expect(after.types.size).toBe(4);
});
test("outputs that nobody reads lose their name", () => {
  const b = new Builder(), [first] = b.ops("MaxPool", [b.input("x", [1, 1, 4, 4])], 2, { kernel_shape: [2, 2] }), [, second] = b.ops("Split", [first!], 2, { axis: 2 });
  const after = check(b.graph(second!), removeDead);
  expect(after.nodes.map((n) => n.outputs)).toEqual([[first, ""], ["", second]]);
});
test("a value that only a sub-graph reads is kept", () => {
  const b = new Builder(), x = b.op("Neg", [b.input("x", [2])]), inner = new Builder().graph();
  const g = b.graph(b.op("Exp", ["x"])), body = { ...inner, outputs: [x], types: new Map() };
  const holder = { name: "if", op: "If", inputs: ["x"], outputs: ["z"], attributes: { then_branch: body }, origin: [] };
  const after = removeDead({ ...g, nodes: [...g.nodes, holder], outputs: ["z"], types: new Map([...g.types, ["z", { dtype: "f32", shape: [2] }]]) });
  expect(operators(after)).toEqual(["Neg", "If"]);
});
