import { describe, expect, test } from "vitest";
import { isNonNegative } from "../../../compiler/passes/network/non-negative.ts";
import { Builder } from "../graphs.ts";
import { plainNetwork } from "./build.ts";

const is = (build: (b: Builder, x: string, y: string) => string): boolean => {
  const b = new Builder(), v = build(b, b.input("x", [1, 2, 4, 4]), b.op("Relu", ["x"]));
  return isNonNegative(plainNetwork(b.graph(b.op("Neg", [v]))), `%${v}`);
};
describe("non-negative", () => {
  test.each<[string, (b: Builder, x: string, y: string) => string]>([
    ["Relu", (b, x) => b.op("Relu", [x])], ["Clip from 0", (b, x) => b.op("Clip", [x, b.scalar(0), b.scalar(6)])], ["Exp", (b, x) => b.op("Exp", [x])], ["Abs", (b, x) => b.op("Abs", [x])],
    ["a sum", (b, x, y) => b.op("Add", [y, b.op("Abs", [x])])], ["a product", (b, x, y) => b.op("Mul", [y, b.op("Exp", [x])])], ["moved elements", (b, _, y) => b.op("Transpose", [y])], ["a Concat", (b, x, y) => b.op("Concat", [y, b.op("Exp", [x])], { axis: 1 })],
    ["a maximum over windows without padding", (b, _, y) => b.op("MaxPool", [y], { kernel_shape: [2, 2] })], ["a mean", (b, _, y) => b.op("GlobalAveragePool", [y])],
  ])("%s", (_, build) => expect(is(build)).toBe(true));
  test.each<[string, (b: Builder, x: string, y: string) => string]>([
    ["an input", (b, x) => b.op("Identity", [x])], ["a difference", (b, x, y) => b.op("Sub", [y, b.op("Abs", [x])])], ["Tanh", (b, x) => b.op("Tanh", [x])], ["Clip from -1", (b, x) => b.op("Clip", [x, b.scalar(-1), b.scalar(6)])],
    ["a convolution", (b, _, y) => b.op("Conv", [y, b.constant([2, 2, 1, 1])])], ["a Concat with one that is not", (b, x, y) => b.op("Concat", [y, x], { axis: 1 })], ["a smaller of two", (b, x, y) => b.op("Min", [y, x])],
  ])("not %s", (_, build) => expect(is(build)).toBe(false));
});
