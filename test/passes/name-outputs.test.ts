import { expect, test } from "vitest";
import { nameOutputs } from "../../compiler/passes/graph/name-outputs.ts";
import { Builder, check, operators } from "./graphs.ts";

test("a constant that is an output gets an Identity, and its readers another name", () => {
  const b = new Builder(), c = b.constant([3]), y = b.op("Add", [b.input("x", [2, 3]), c]), after = check(b.graph(c, y, c), nameOutputs);
  expect(operators(after)).toEqual(["Add", "Identity"]);
  expect(after.outputs).toEqual([c, y, c]);
});
test("other graphs stay themselves", () => {
  const b = new Builder(), g = b.graph(b.op("Add", [b.input("x", [2, 3]), b.constant([3])]));
  expect(nameOutputs(g)).toBe(g);
});
