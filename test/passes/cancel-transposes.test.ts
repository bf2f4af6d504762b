import { expect, test } from "vitest";
import { cancelTransposes } from "../../compiler/passes/graph/cancel-transposes.ts";
import { Builder, check, only, operators } from "./graphs.ts";

const toLast = { perm: [0, 2, 3, 1] }, toFirst = { perm: [0, 3, 1, 2] };
function setup() {
  const b = new Builder(), x = b.input("x", [2, 3, 4, 5]);
  return { b, x, last: b.op("Transpose", [x], toLast) };
}

test("two in a row are one", () => {
  const { b, last } = setup(), after = check(b.graph(b.op("Transpose", [last], toLast)), cancelTransposes);
  expect(only(after, "Transpose").attributes).toEqual({ perm: [0, 3, 1, 2] });
});
test("there and back is nothing", () => {
  const { b, last } = setup();
  expect(operators(check(b.graph(b.op("Neg", [b.op("Transpose", [last], toFirst)])), cancelTransposes))).toEqual(["Neg"]);
});
test("what moves only axes of extent 1 is a Reshape", () => {
  const b = new Builder(), x = b.input("x", [2, 1, 1, 5]);
  expect(operators(check(b.graph(b.op("Transpose", [x], toLast)), cancelTransposes))).toEqual(["Reshape"]);
});
test("elementwise operators between two are no obstacle", () => {
  const { b, last } = setup();
  const y = b.op("Add", [b.op("Clip", [b.op("Mul", [last, b.constant([3])]), b.scalar(-1), b.scalar(1)]), b.scalar(2)]);
  expect(operators(check(b.graph(b.op("Transpose", [y], toFirst)), cancelTransposes))).toEqual(["Mul", "Clip", "Add"]);
});
test("constants of several axes are permuted", () => {
  const { b, last } = setup(), y = b.op("Sub", [b.constant([4, 5, 3]), b.op("Where", [b.constant([1, 4, 1, 3], undefined, "bool"), last, b.constant([5, 1])])]);
  expect(operators(check(b.graph(b.op("Transpose", [y], toFirst)), cancelTransposes))).toEqual(["Where", "Sub"]);
});
test("two that meet in an Add or a Concat are one behind it", () => {
  const { b, last } = setup(), other = b.op("Transpose", [b.input("y", [2, 3, 4, 5])], toLast);
  const sum = b.op("Add", [last, other]), third = b.op("Transpose", [b.input("z", [2, 7, 4, 5])], toLast);
  expect(operators(check(b.graph(b.op("Concat", [sum, third], { axis: -1 })), cancelTransposes))).toEqual(["Add", "Concat", "Transpose"]);
});
test("reductions and softmax follow their axes", () => {
  const { b, last } = setup(), y = b.op("ReduceMean", [b.op("Softmax", [last], { axis: -1 }), b.ints(1, 2)]), after = check(b.graph(y), cancelTransposes, { stable: false });
  expect(only(after, "Softmax").attributes.axis).toBe(1);
  expect(operators(after).slice(0, 2)).toEqual(["Softmax", "ReduceMean"]);
});
test("it stays before what needs it, and where others read it", () => {
  const { b, last } = setup(), y = b.input("y", [2, 4, 5, 3]);
  for (const out of [b.op("Add", [b.op("Transpose", [b.input("w", [2, 3, 4, 5])], toLast), y]), b.op("MatMul", [last, b.constant([3, 6])])]) {
    const g = b.graph(out);
    expect(operators(check(g, cancelTransposes))).toEqual(operators(g));
  }
});
