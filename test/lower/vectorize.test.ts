/** Lanes side by side: what becomes a vector load, and what is built lane by lane. */
import { expect, it } from "vitest";
import { apply, cast, load, show, variable } from "../../compiler/ir/scalar.ts";
import { int, plus, times } from "../../compiler/ir/linear.ts";
import { laneVariable, vectorize } from "../../compiler/lower/vectorize.ts";

const i = laneVariable("i", 4);
it("neighbours in memory are one load", () =>
  expect(vectorize(load("f32", "x", [plus(i, int(8))]), "i", 4)).toBe(load("f32", "x", [int(8)], 4)));
it("truths are bytes in memory and masks in a vector: a comparison stands between", () => {
  const mask = vectorize(load("bool", "c", [i]), "i", 4);
  expect(show(mask)).toBe("bool({i32(c[0]), i32(c[1]), i32(c[2]), i32(c[3])})");
  expect(mask).toMatchObject({ kind: "cast", dtype: "bool", lanes: 4 });
});
it("tests of an index are masks as well", () =>
  expect(show(vectorize(apply("less", i, int(2)), "i", 4))).toBe("bool({1, 1, 0, 0})"));
it("whole numbers made of an index are the first and the steps from there", () =>
  expect(show(vectorize(cast("i32", plus(times(i, 2), variable("index", "k"))), "i", 4))).toBe("add(splat4(i32(k)), {0, 2, 4, 6})"));
