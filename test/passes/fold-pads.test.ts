import { expect, test } from "vitest";
import { foldPads } from "../../compiler/passes/graph/fold-pads.ts";
import { Builder, check, only, operators } from "./graphs.ts";

const around = (b: Builder) => b.ints(0, 0, 1, 1, 0, 0, 2, 0);
function padded(value?: number, source?: (b: Builder, x: string) => string) {
  const b = new Builder(), x = b.input("x", [1, 2, 6, 6]), from = source?.(b, x) ?? x;
  return { b, y: b.op("Pad", [from, around(b), ...(value === undefined ? [] : [b.scalar(value)])]) };
}

test("zeros before Conv add to its own padding", () => {
  const { b, y } = padded(), after = check(b.graph(b.op("Conv", [y, b.constant([3, 2, 3, 3])], { pads: [1, 0, 0, 1], strides: [2, 2] })), foldPads);
  expect(only(after, "Conv").attributes.pads).toEqual([2, 1, 2, 1]);
});
test("axes named one by one", () => {
  const b = new Builder(), y = b.op("Pad", [b.input("x", [1, 2, 6, 6]), b.ints(1, 2), "", b.ints(-1)]);
  expect(only(check(b.graph(b.op("Conv", [y, b.constant([3, 2, 3, 3])])), foldPads), "Conv").attributes.pads).toEqual([0, 1, 0, 2]);
});
test("AveragePool counts what it did not pad itself", () => {
  const { b, y } = padded(), after = check(b.graph(b.op("AveragePool", [y], { kernel_shape: [3, 3] })), foldPads);
  expect(only(after, "AveragePool").attributes).toMatchObject({ count_include_pad: 1, pads: [1, 1, 2, 0] });
  const both = padded(), own = both.b.graph(both.b.op("AveragePool", [both.y], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }));
  expect(operators(check(own, foldPads))).toEqual(["Pad", "AveragePool"]);
});
test("MaxPool: the lowest value, or zeros after a Relu", () => {
  const pool = (p: ReturnType<typeof padded>, more = {}) => p.b.graph(p.b.op("MaxPool", [p.y], { kernel_shape: [3, 3], strides: [2, 2], ...more }));
  expect(operators(check(pool(padded(-Infinity)), foldPads))).toEqual(["MaxPool"]);
  const relu = (b: Builder, x: string) => b.op("Concat", [b.op("Relu", [x]), b.op("Clip", [x, b.scalar(0), b.scalar(6)])], { axis: 1 });
  expect(operators(check(pool(padded(0, relu)), foldPads))).toEqual(["Relu", "Clip", "Concat", "MaxPool"]);
  expect(operators(check(pool(padded(0)), foldPads))).toEqual(["Pad", "MaxPool"]);
  expect(operators(check(pool(padded(0, relu), { ceil_mode: 1 }), foldPads))).toContain("Pad");
});
test("other values, modes, axes and readers keep the Pad", () => {
  const conv = (b: Builder, y: string) => b.op("Conv", [y, b.constant([3, 2, 3, 3])]);
  const one = padded(1), b = new Builder(), x = b.input("x", [1, 1, 6, 6]);
  expect(operators(check(one.b.graph(conv(one.b, one.y)), foldPads))).toContain("Pad");
  const edge = b.op("Pad", [b.op("Concat", [x, x], { axis: 1 }), around(b)], { mode: "edge" }), channels = b.op("Pad", [x, b.ints(0, 1, 0, 0, 0, 0, 0, 0)]);
  expect(operators(check(b.graph(conv(b, edge), conv(b, channels)), foldPads)).filter((o) => o === "Pad")).toHaveLength(2);
  const shared = padded();
  expect(operators(check(shared.b.graph(conv(shared.b, shared.y), shared.b.op("Neg", [shared.y])), foldPads))).toContain("Pad");
});
