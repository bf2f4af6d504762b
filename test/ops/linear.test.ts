/** Products by numpy's rules and by Einstein's notation, against plain loops. */
import { describe, expect, it } from "vitest";
import { f32, runOp, sample, tensorOf, valuesOf } from "./harness.ts";
import { expectClose, indicesOf, reader, tabulate } from "./reference.ts";
import type { Constant } from "../../compiler/ir/graph.ts";

/** What an equation without ellipsis says, summed over everything at once. */
function einsum(equation: string, operands: readonly Constant[]): readonly number[] {
  const [left, right] = equation.split("->") as [string, string], terms = left.split(","), letters = [...new Set(terms.join(""))], reads = operands.map((c) => reader(c));
  const size = (l: string) => operands.flatMap((c, i) => [...terms[i]!].flatMap((x, d) => (x === l ? [c.shape[d]!] : [])))[0]!;
  const summed = letters.filter((l) => !right.includes(l));
  return tabulate([...right].map(size), (out) => indicesOf(summed.map(size)).reduce((sum, inner) => {
    const at = (l: string) => (right.includes(l) ? out[right.indexOf(l)]! : inner[summed.indexOf(l)]!);
    return sum + operands.reduce((p, _, i) => p * reads[i]!(...[...terms[i]!].map(at)), 1);
  }, 0));
}
describe("MatMul", () => {
  it.each([
    [[4], [4], "k,k->", []], [[4], [4, 5], "k,kn->n", [5]], [[3, 4], [4], "mk,k->m", [3]], [[3, 4], [4, 5], "mk,kn->mn", [3, 5]],
    [[2, 3, 4], [2, 4, 5], "bmk,bkn->bmn", [2, 3, 5]], [[2, 3, 4], [4, 5], "bmk,kn->bmn", [2, 3, 5]], [[2, 3, 4], [4], "bmk,k->bm", [2, 3]],
  ])("%j by %j", (a, b, equation, shape) => {
    const A = sample(a), B = sample(b, 3), [got] = runOp("MatMul", [A, B]);
    expect(got!.shape).toEqual(shape);
    expectClose(valuesOf("MatMul", [A, B]), einsum(equation, [A, B]));
  });
  it("stretches batches of one", () => {
    const A = sample([3, 1, 2, 4]), B = sample([2, 4, 2], 3), a = reader(A), b = reader(B);
    expectClose(valuesOf("MatMul", [A, B]), tabulate([3, 2, 2, 2], ([i, j, m, n]) => [0, 1, 2, 3].reduce((s, k) => s + a(i!, 0, m!, k) * b(j!, k, n!), 0)));
  });
  it("subtracts zero points of rows and columns", () => {
    const A = tensorOf("u8", [2, 2], [1, 2, 3, 4]), B = tensorOf("i8", [2, 2], [5, -6, 7, -8]);
    expect(valuesOf("MatMulInteger", [A, B, tensorOf("u8", [2], [1, 2]), tensorOf("i8", [2], [3, -1])])).toEqual([4, -7, 2 + 8, -5 - 14]);
  });
});
describe("Gemm", () => {
  it.each([[[3, 5]], [[5]], [[3, 1]], [[1]], [[]]])("adds C of shape %j", (c) => {
    const A = sample([4, 3]), B = sample([5, 4], 3), C = sample(c, 7), a = reader(A), b = reader(B), full = (i: number, j: number) =>
      reader(C)(...c.map((n, d) => (n === 1 ? 0 : [i, j][d + 2 - c.length]!)));
    const want = tabulate([3, 5], ([i, j]) => 0.5 * [0, 1, 2, 3].reduce((s, k) => s + a(k, i!) * b(j!, k), 0) + 2 * full(i!, j!));
    expectClose(valuesOf("Gemm", [A, B, C], { transA: 1, transB: 1, alpha: 0.5, beta: 2 }), want);
  });
});
describe("Einsum", () => {
  it.each([
    ["ij,jk->ik", [[3, 4], [4, 5]]], ["bhid,bhjd->bhij", [[2, 2, 3, 4], [2, 2, 5, 4]]], ["ii->i", [[4, 4]]], ["ii->", [[3, 3]]], ["ij->ji", [[2, 3]]],
    ["i,j,k->kji", [[2], [3], [4]]], ["abc,cd,de->abe", [[2, 3, 4], [4, 2], [2, 3]]],
  ])("%s", (equation, shapes) => {
    const operands = (shapes as number[][]).map((s, i) => sample(s, 2 * i + 1));
    expectClose(valuesOf("Einsum", operands, { equation }), einsum(equation, operands));
  });
  it("knows ellipses and results that are not written", () => {
    const A = sample([2, 3, 4]), B = sample([4, 5], 3);
    expectClose(valuesOf("Einsum", [A, B], { equation: "...ij,...jk->...ik" }), valuesOf("MatMul", [A, B]), 0);
    expectClose(valuesOf("Einsum", [B, A], { equation: "jk, bij" }), einsum("jk,bij->bik", [B, A]));
  });
  it("refuses what makes no sense", () => {
    const x = f32([2, 3], [1, 2, 3, 4, 5, 6]);
    for (const [equation, why] of [["ijk->i", "does not name the dimensions of input 0"], ["ij->k", 'has "k", but no operand does'], ["ij->ii", "names one letter twice"], ["ij,jk->ik", "names 2 operands"]] as const) {
      expect(() => valuesOf("Einsum", [x], { equation })).toThrow(why);
    }
    expect(() => valuesOf("Einsum", [x, f32([2, 2], [1, 2, 3, 4])], { equation: "ij,jk->ik" })).toThrow('"j" of equation "ij,jk->ik" has both 3 and 2 elements');
  });
});
