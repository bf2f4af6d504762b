/** What `share` names: what is used twice and means the same both times. */
import { expect, it } from "vitest";
import { constant, load, variable, type Expr } from "../../compiler/ir/scalar.ts";
import { int } from "../../compiler/ir/linear.ts";
import { make } from "../../compiler/ir/algebra.ts";
import type { Stmt } from "../../compiler/ir/kernel.ts";
import { share } from "../../compiler/lower/share.ts";

const total = variable("f32", "total"), x = load("f32", "x", [int(0)]), y = load("f32", "y", [int(0)]), tanh = (e: Expr) => make("tanh", e);
const store = (at: number, value: Expr, buffer = "out"): Stmt => ({ kind: "store", buffer, at: int(at), value });
const declare: Stmt = { kind: "let", name: "total", value: constant("f32", 0), mutable: true }, update = (value: Expr): Stmt => ({ kind: "set", name: "total", value });
const twice = (e: Expr) => make("mul", e, e);
const named = (body: readonly Stmt[]): readonly string[] => share(body).flatMap((s) => (s.kind === "let" && !s.mutable ? [s.name] : []));

it("a function of a finished sum", () => {
  expect(named([declare, update(make("add", total, x)), store(0, twice(tanh(total)))])).toEqual(["t0"]);
});
it("nothing of a sum that goes on", () => {
  expect(named([declare, store(0, tanh(total)), update(make("add", total, x)), store(1, tanh(total))])).toEqual([]);
  expect(named([declare, update(make("add", tanh(total), x)), store(1, tanh(total))])).toEqual([]);
});
it("an element that is loaded twice, unless the run stores to its buffer", () => {
  expect(named([store(0, x), store(1, make("add", x, y))])).toEqual(["x_0"]);
  expect(named([store(0, x, "x"), store(1, make("add", x, y))])).toEqual([]);
});
