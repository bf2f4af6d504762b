/** Names in a kernel: what stands for one thing stands for no other. */
import { expect, it } from "vitest";
import { accumulator, at, axis, output, tensor, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { add, f32, mul } from "../../compiler/ir/algebra.ts";
import { eachStmt } from "../../compiler/ir/kernel.ts";
import { verify } from "../../compiler/ir/verify.ts";
import { lower } from "../../compiler/lower/lower.ts";

it("an accumulator is not called like the memory its stage is kept in", () => {
  const i = axis("i", 3), j = axis("j", 4), X = tensor("x", "input", [3, 4]);
  const sum: Stage = { name: "sum", axes: [i], value: at(X, i, j), reduce: { op: "add", axes: [j] } };
  const out: Stage = { name: "out", axes: [i, j], value: add(at(X, i, j), at({ name: "sum" }, i)) };
  const c: Compute = { name: "k", tensors: [X], stages: [sum, out], outputs: [output(out, "y")], origin: [] };
  const kernel = lower(c, { stages: {} }), variables: string[] = [];
  verify(kernel);
  eachStmt(kernel.body, (s) => { if (s.kind === "let") variables.push(s.name); });
  expect(kernel.buffers.map((b) => b.name)).toContain("sum");
  expect(variables.length).toBeGreaterThan(0);
  expect(variables.filter((v) => kernel.buffers.some((b) => b.name === v))).toEqual([]);
});
it("a stage without elements stores nothing", () => {
  const i = axis("i", 0), X = tensor("x", "input", [0]), out: Stage = { name: "out", axes: [i], value: at(X, i) };
  const kernel = lower({ name: "k", tensors: [X], stages: [out], outputs: [output(out, "y")], origin: [] }, { stages: {} });
  verify(kernel);
  expect(kernel.body).toEqual([]);
});
it("nor like the register that the one element of its stage is kept in", () => {
  const i = axis("i", 3), j = axis("j", 4), X = tensor("x", "input", [4]), total: Stage = { name: "total", axes: [], value: at(X, j), reduce: { op: "add", axes: [j] }, finish: mul(accumulator("f32"), f32(2)) };
  const out: Stage = { name: "out", axes: [i], value: add(at(X, i), at({ name: "total" })) };
  const c: Compute = { name: "k", tensors: [X], stages: [total, out], outputs: [output(out, "y")], origin: [] };
  const kernel = lower(c, { stages: { total: [{ computeAt: ["out", "i"], in: "registers" }] } }), variables: string[] = [];
  verify(kernel);
  eachStmt(kernel.body, (s) => { if (s.kind === "let") variables.push(s.name); });
  expect(new Set(variables).size).toBe(variables.length);
});
