/** What reports say of a Compute: its kind, and the bytes that it has to move. */
import { expect, test } from "vitest";
import { mul, select, less } from "../../compiler/ir/algebra.ts";
import { axis, output, rowMajor, tensor, at, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { int, plus, times } from "../../compiler/ir/linear.ts";
import { kindOf, trafficOf } from "../../compiler/ir/traffic.ts";

const compute = (stage: Stage, tensors: Compute["tensors"], name = "conv"): Compute => ({ name, tensors, stages: [stage], outputs: [output(stage)], origin: [] });
const [y, x, n, c, ky, kx] = [axis("y", 4), axis("x", 5), axis("n", 8), axis("c", 3), axis("ky", 3), axis("kx", 2)] as const;

test("a convolution: each element once, though windows overlap", () => {
  const X = tensor("X", "input", [3, 10, 20]), W = tensor("W", "weight", [8, 3, 3, 2]);
  const value = mul(at(X, c, plus(times(y, 2), ky), plus(x, kx)), at(W, n, c, ky, kx));
  const conv = compute({ name: "Y", axes: [n, y, x], value, reduce: { op: "add", axes: [c, ky, kx] } }, [X, W]);
  expect(kindOf(conv)).toBe("conv 3x2");
  expect(trafficOf(conv)).toEqual({ read: 4 * 3 * 9 * 6, weights: 4 * 8 * 3 * 3 * 2, written: 4 * 8 * 4 * 5 });
});
test("a depthwise convolution is told apart; half precision counts half", () => {
  const X = { ...tensor("X", "input", [8, 6, 6]), layout: { ...rowMajor(3), memory: "f16" as const } }, W = tensor("W", "weight", [8, 3, 2]);
  const value = mul(at(X, n, plus(y, ky), plus(x, kx)), at(W, n, ky, kx));
  const conv = compute({ name: "Y", axes: [n, y, x], value, reduce: { op: "add", axes: [ky, kx] } }, [X, W]);
  expect(kindOf(conv)).toBe("depthwise conv 3x2");
  expect(trafficOf(conv)).toEqual({ read: 2 * 8 * 6 * 6, weights: 4 * 8 * 3 * 2, written: 4 * 8 * 4 * 5 });
});
test("pooling has a window, a map has none; what lies outside a tensor is not read", () => {
  const X = tensor("X", "input", [6, 6]);
  const pool = compute({ name: "Y", axes: [y, x], value: at(X, plus(y, ky), plus(x, kx)), reduce: { op: "max", axes: [ky, kx] } }, [X], "maxpool");
  expect([kindOf(pool), trafficOf(pool).read]).toEqual(["maxpool 3x2", 4 * 36]);
  const shifted = at(X, plus(y, int(4)), x);
  const map = compute({ name: "Y", axes: [y, x], value: select(less(y, int(2)), shifted, at(X, int(5), x)) }, [X], "shift");
  expect([kindOf(map), trafficOf(map)]).toEqual(["shift", { read: 4 * 2 * 5, weights: 0, written: 4 * 4 * 5 }]);
});
