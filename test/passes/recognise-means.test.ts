import { expect, test } from "vitest";
import { recogniseMeans } from "../../compiler/passes/graph/recognise-means.ts";
import { Builder, check, only, operators } from "./graphs.ts";

const axesOf = (g: ReturnType<Builder["graph"]>, op: string) => Array.from(g.constants.get(only(g, op).inputs[1]!)!.data, Number);

test("global pools and windows over the whole image", () => {
  const b = new Builder(), x = b.input("x", [2, 3, 4, 5]), whole = { kernel_shape: [4, 5], strides: [2, 3] };
  const g = b.graph(b.op("GlobalAveragePool", [x]), b.op("GlobalMaxPool", [x]), b.op("AveragePool", [x], whole), b.op("MaxPool", [x], whole));
  expect(operators(check(g, recogniseMeans))).toEqual(["ReduceMean", "ReduceMax", "ReduceMean", "ReduceMax"]);
});
test("padded windows, smaller windows and indices stay", () => {
  const b = new Builder(), x = b.input("x", [2, 3, 4, 5]);
  const [pool, places] = b.ops("MaxPool", [x], 2, { kernel_shape: [4, 5] });
  const g = b.graph(b.op("AveragePool", [x], { kernel_shape: [4, 5], pads: [1, 1, 1, 1] }), b.op("AveragePool", [x], { kernel_shape: [4, 4] }), pool!, places!);
  expect(operators(check(g, recogniseMeans))).toEqual(operators(g));
});
test("dropped axes are kept, with a Reshape behind", () => {
  const b = new Builder(), x = b.input("x", [2, 3, 4, 5]), after = check(b.graph(b.op("ReduceMean", [x, b.ints(-1, -2)], { keepdims: 0 })), recogniseMeans);
  expect(operators(after)).toEqual(["ReduceMean", "Reshape"]);
  expect(axesOf(after, "ReduceMean")).toEqual([2, 3]);
});
test("all axes, where none is named", () => {
  const b = new Builder(), after = check(b.graph(b.op("ReduceMax", [b.input("x", [2, 3])])), recogniseMeans);
  expect(axesOf(after, "ReduceMax")).toEqual([0, 1]);
});
test("one after another is one", () => {
  const b = new Builder(), x = b.input("x", [2, 3, 4, 5]), after = check(b.graph(b.op("ReduceMean", [b.op("ReduceMean", [x, b.ints(3)]), b.ints(2)])), recogniseMeans);
  expect(axesOf(after, "ReduceMean")).toEqual([2, 3]);
  const other = b.graph(b.op("ReduceL2", [b.op("ReduceL2", [x, b.ints(3)]), b.ints(2)]));
  expect(operators(check(other, recogniseMeans))).toEqual(["ReduceL2", "ReduceL2"]);
});
