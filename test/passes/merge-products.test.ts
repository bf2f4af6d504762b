import { expect, test } from "vitest";
import { mergeProducts } from "../../compiler/passes/graph/merge-products.ts";
import { mergeReshapes } from "../../compiler/passes/graph/merge-reshapes.ts";
import { Builder, check, only, operators } from "./graphs.ts";

test("MatMul and a constant row are a Gemm", () => {
  for (const shape of [[7], [1, 7], [1], []]) {
    const b = new Builder(), product = b.op("MatMul", [b.input("x", [3, 5]), b.constant([5, 7])]), bias = b.constant(shape), after = check(b.graph(b.op("Add", [bias, product])), mergeProducts);
    expect(operators(after)).toEqual(["Gemm"]);
    expect(after.constants.get(after.nodes[0]!.inputs[2]!)!.shape).toEqual([7]);
  }
});
test("not in three dimensions, with a column, or where others read the product", () => {
  const b = new Builder(), x = b.input("x", [7, 5]), w = b.constant([5, 7]), product = b.op("MatMul", [x, w]);
  const g = b.graph(
    b.op("Add", [b.op("MatMul", [b.input("d", [2, 7, 5]), w]), b.constant([7])]), b.op("Add", [product, b.constant([7])]), product,
    b.op("Add", [b.op("MatMul", [x, b.constant([5, 7])]), b.constant([7, 1])]), b.op("Add", [b.op("MatMul", [b.input("r", [1, 5]), w]), b.constant([4, 7])]),
  );
  expect(operators(check(g, mergeProducts))).toEqual(operators(g));
});
test("alpha, beta and transpositions go into the constants", () => {
  const b = new Builder(), x = b.input("x", [3, 45]);
  const after = check(b.graph(b.op("Gemm", [x, b.constant([70, 45]), b.constant([1, 70])], { transB: 1, alpha: 0.5, beta: 3 })), mergeProducts), gemm = only(after, "Gemm");
  expect(gemm.attributes).toEqual({ alpha: 1, beta: 1, transA: 0, transB: 0 });
  expect(gemm.inputs.slice(1).map((v) => after.constants.get(v)!.shape)).toEqual([[45, 70], [70]]);
});
test("a constant on the left, a full addend, and matrices known at run time only", () => {
  const b = new Builder(), x = b.input("x", [5, 4]);
  const left = b.op("Gemm", [b.constant([5, 3]), x, b.constant([3, 4])], { transA: 1, alpha: 2, beta: 0.25 });
  const open = b.op("Gemm", [x, b.input("y", [5, 4])], { transB: 1, alpha: 2 }), after = check(b.graph(left, open), mergeProducts);
  expect(after.nodes.map((n) => n.attributes)).toEqual([{ alpha: 1, beta: 1, transA: 0, transB: 0 }, { transB: 1, alpha: 2 }]);
});
test("an addend of zeros goes", () => {
  const b = new Builder(), after = check(b.graph(b.op("Gemm", [b.input("x", [3, 2]), b.constant([2, 2]), b.constant([2], [0, 0])])), mergeProducts);
  expect(only(after, "Gemm").inputs).toHaveLength(2);
});
test("a batch of single rows is one matrix", () => {
  const b = new Builder(), y = b.op("MatMul", [b.input("x", [7, 1, 5]), b.constant([5, 3])]);
  const after = check(b.graph(b.op("Add", [y, b.constant([3])])), (g) => mergeProducts(mergeReshapes(mergeProducts(g))), { stable: false });
  expect(operators(after)).toEqual(["Reshape", "Gemm", "Reshape"]);
});
