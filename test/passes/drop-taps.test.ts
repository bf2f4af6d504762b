import { expect, test } from "vitest";
import { dropTaps } from "../../compiler/passes/graph/drop-taps.ts";
import { Builder, check, only, operators } from "./graphs.ts";

/** A convolution of a 2 x 6 x 5 image after the pass, which keeps what it computes. */
function convolution(kernel: readonly [number, number], attributes: Record<string, readonly number[]>) {
  const b = new Builder(), y = b.op("Conv", [b.input("x", [1, 2, 6, 5]), b.constant([3, 2, ...kernel]), b.constant([3])], attributes);
  const before = b.graph(y), after = check(before, dropTaps), { attributes: a } = only(after, "Conv");
  return { changed: operators(after).length > operators(before).length, kernel: a.kernel_shape, pads: a.pads };
}
test("taps that only see padding go: all around the middle, or one side's", () => {
  expect(convolution([3, 3], { dilations: [6, 7], pads: [6, 7, 6, 7] })).toEqual({ changed: true, kernel: [1, 1], pads: [0, 0, 0, 0] });
  expect(convolution([3, 3], { dilations: [6, 2], pads: [6, 2, 6, 2] })).toEqual({ changed: true, kernel: [1, 3], pads: [0, 2, 0, 2] });
  expect(convolution([5, 3], { dilations: [3, 4], pads: [6, 4, 6, 4] })).toEqual({ changed: true, kernel: [3, 3], pads: [3, 4, 3, 4] });
  expect(convolution([4, 1], { dilations: [2, 1], pads: [9, 0, 0, 0], strides: [2, 1] })).toMatchObject({ changed: true, kernel: [3, 1] });
});
test("what some output sees stays, and so does what would have to be cut off", () => {
  expect(convolution([3, 3], { dilations: [5, 4], pads: [5, 4, 5, 4] }).changed).toBe(false);
  expect(convolution([3, 1], { dilations: [4, 1], pads: [3, 0, 3, 0], strides: [9, 1] }).changed).toBe(false);
  const b = new Builder(), runtime = b.op("Conv", [b.input("x", [1, 2, 6, 5]), b.input("w", [3, 2, 3, 3])], { dilations: [6, 6], pads: [6, 6, 6, 6] });
  expect(operators(check(b.graph(runtime), dropTaps))).toEqual(["Conv"]);
});
