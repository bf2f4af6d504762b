import { expect, test } from "vitest";
import { sinkScalars } from "../../compiler/passes/graph/sink-scalars.ts";
import { Builder, check, operators } from "./graphs.ts";

test("numbers on both sides, through movement, become one behind the product", () => {
  const b = new Builder(), q = b.op("Transpose", [b.op("Mul", [b.input("q", [2, 5, 3, 4]), b.scalar(0.5)])], { perm: [0, 2, 1, 3] });
  const k = b.op("Transpose", [b.op("Slice", [b.op("Mul", [b.scalar(3), b.input("k", [2, 6, 3, 4])]), b.ints(0), b.ints(5), b.ints(1)])], { perm: [0, 2, 3, 1] });
  const after = check(b.graph(b.op("MatMul", [q, k])), sinkScalars);
  expect(operators(after)).toEqual(["Transpose", "Slice", "Transpose", "MatMul", "Mul"]);
  expect(after.constants.get(after.nodes.at(-1)!.inputs[1]!)!.data[0]).toBe(1.5);
});
test("not what others read, more than one number, or constant weights", () => {
  const b = new Builder(), x = b.input("x", [4, 4]), y = b.op("Mul", [x, b.scalar(2)]), z = b.op("Mul", [x, b.constant([4])]);
  const g = b.graph(b.op("MatMul", [y, x]), y, b.op("MatMul", [z, x]), b.op("MatMul", [b.op("Mul", [x, b.scalar(3)]), b.constant([4, 4])]));
  expect(operators(check(g, sinkScalars))).toEqual(operators(g));
});
