/** Products of matrices, and what Einstein's notation says: one sum of products. */
import { add, mul } from "../ir/algebra.ts";
import { accumulator, axis, type Axis, type Compute, type Stage } from "../ir/compute.ts";
import { int } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { dimsOf, expectBroadcast, typeOf } from "./checks.ts";
import type { Dim } from "../ir/graph.ts";
import { boundDim, broadcastShapes, numbers, showDim, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

const accuracy = { relative: 1e-5, reason: "sums of float products are taken in another order" } as const;
const productTypes = numbers.filter((t) => !["i8", "u8", "i16", "u16"].includes(t));

interface MatrixShapes { readonly batch: readonly Dim[]; readonly m: Dim | null; readonly n: Dim | null; readonly k: Dim }
/** Numpy's rules: a vector is a row on the left and a column on the right, leading dimensions broadcast. */
function matrixShapes(n: NodeView, A: readonly Dim[], B: readonly Dim[]): MatrixShapes {
  const k = A.at(-1)!, other = B.length === 1 ? B[0]! : B.at(-2)!;
  if (!n.same(k, other)) n.fail(`the product of ${showShape(A)} and ${showShape(B)} does not exist: ${showDim(k)} columns against ${showDim(other)} rows`);
  const batch = broadcastShapes(n, [A.slice(0, -2), B.slice(0, -2)]);
  return { batch, m: A.length === 1 ? null : A.at(-2)!, n: B.length === 1 ? null : B.at(-1)!, k: boundDim(k) <= boundDim(other) ? k : other };
}
/** The shape of the product of operands of these shapes. */
export function matmulShape(view: NodeView, A: readonly Dim[], B: readonly Dim[]): readonly Dim[] {
  const { batch, m, n } = matrixShapes(view, A, B);
  return [...batch, ...(m === null ? [] : [m]), ...(n === null ? [] : [n])];
}
/** What a product of matrices multiplies, and what it makes of the sum. */
export interface MatrixProduct {
  /** The product of two elements, one of each operand. */
  readonly value: (a: readonly Expr[], b: readonly Expr[]) => Expr;
  /** The result from the sum; row and column are null where an operand is a vector, `index` is the result's. */
  readonly finish: (sum: Expr, row: Expr | null, column: Expr | null, index: readonly Expr[]) => Expr;
}
/** The product of operands of these shapes by numpy's rules, as one stage. */
export function matmul(view: NodeView, A: readonly Dim[], B: readonly Dim[], product: MatrixProduct): Compute {
  const { batch, m, n, k } = matrixShapes(view, A, B), outer = batch.map((size, d) => axis(`b${d}`, boundDim(size))), depth = axis("k", boundDim(k));
  const rows = m === null ? [] : [axis("m", boundDim(m))], columns = n === null ? [] : [axis("n", boundDim(n))], axes: readonly Axis[] = [...outer, ...rows, ...columns];
  const stretched = (shape: readonly Dim[]) => {
    const own = shape.slice(0, -2), skip = batch.length - own.length;
    return own.map((size, d) => (size === 1 ? int(0) : outer[d + skip]!));
  };
  const value = product.value([...stretched(A), ...rows, depth], [...stretched(B), depth, ...columns]), sum = accumulator(value.dtype);
  const finish = product.finish(sum, rows[0] ?? null, columns[0] ?? null, axes);
  const stage: Stage = { name: "matmul", axes, value, reduce: { op: "add", axes: [depth] }, ...(finish === sum ? {} : { finish }) };
  return view.compute([stage]);
}
const scaled = (x: Expr, by: number): Expr => (by === 1 ? x : mul(x, constant(x.dtype, by)));

const matMul: Op = {
  name: "MatMul", since: 13, inputs: [2, 2], accuracy,
  infer: (n) => [{ dtype: typeOf(n, productTypes), shape: matmulShape(n, dimsOf(n, 0, 1), dimsOf(n, 1, 1)) }],
  lower: (n) => matmul(n, n.type(0).shape, n.type(1).shape, { value: (a, b) => mul(n.load(0, a), n.load(1, b)), finish: (sum) => sum }),
};

const gemmSizes = (n: NodeView): readonly [m: Dim, n: Dim, k: Dim] => {
  const A = dimsOf(n, 0, 2, 2), B = dimsOf(n, 1, 2, 2), tA = n.int("transA"), tB = n.int("transB");
  const [m, k, k2, w] = [A[tA ? 1 : 0]!, A[tA ? 0 : 1]!, B[tB ? 1 : 0]!, B[tB ? 0 : 1]!];
  const named = (shape: readonly Dim[], turn: number) => showShape(shape) + (turn ? " transposed" : "");
  if (!n.same(k, k2)) n.fail(`the product of ${named(A, tA)} and ${named(B, tB)} does not exist: ${showDim(k)} columns against ${showDim(k2)} rows`);
  return [m, w, boundDim(k) <= boundDim(k2) ? k : k2];
};
const gemm: Op = {
  name: "Gemm", since: 13, inputs: [2, 3], accuracy,
  attributes: {
    alpha: { kind: "float", default: 1 }, beta: { kind: "float", default: 1 },
    transA: { kind: "int", default: 0 }, transB: { kind: "int", default: 0 },
  },
  infer: (n) => {
    const dtype = typeOf(n, productTypes), shape = gemmSizes(n).slice(0, 2);
    expectBroadcast(n, 2, shape, "the addend C");
    return [{ dtype, shape }];
  },
  lower: (v) => {
    const [M, N, K] = gemmSizes(v).map(boundDim) as [number, number, number], tA = v.int("transA"), m = axis("m", M), n = axis("n", N), k = axis("k", K);
    const value = mul(v.load(0, tA ? [k, m] : [m, k]), v.load(1, v.int("transB") ? [n, k] : [k, n])), sum = accumulator(value.dtype);
    const product = scaled(sum, v.float("alpha")), beta = v.float("beta");
    const finish = v.has(2) && beta !== 0 ? add(product, scaled(v.broadcast(2, [m, n]), beta)) : product;
    return v.compute([{ name: "gemm", axes: [m, n], value, reduce: { op: "add", axes: [k] }, ...(finish === sum ? {} : { finish }) }]);
  },
};

/** An operand's dimensions as the product has them: the first goes behind the batch, and then the last two change places. */
function turned<T>(list: readonly T[], batch: number, yes: number): readonly T[] {
  const whole = batch && list.length > 2 ? [...list.slice(1, -1), list[0]!, list.at(-1)!] : list;
  return yes && whole.length > 1 ? [...whole.slice(0, -2), whole.at(-1)!, whole.at(-2)!] : whole;
}
/** An index of the product as one of the operand. */
function turnedBack<T>(index: readonly T[], batch: number, yes: number): readonly T[] {
  const whole = yes && index.length > 1 ? [...index.slice(0, -2), index.at(-1)!, index.at(-2)!] : index;
  return batch && whole.length > 2 ? [whole.at(-2)!, ...whole.slice(0, -2), whole.at(-1)!] : whole;
}
/** Microsoft's product of optionally transposed matrices, times alpha. */
const fusedMatMul = (name: string): Op => ({
  name, since: 1, inputs: [2, 2], accuracy,
  attributes: {
    alpha: { kind: "float", default: 1 }, transA: { kind: "int", default: 0 }, transB: { kind: "int", default: 0 },
    transBatchA: { kind: "int", default: 0 }, transBatchB: { kind: "int", default: 0 },
  },
  infer: (n) => {
    const dtype = typeOf(n);
    return [{ dtype, shape: matmulShape(n, turned(dimsOf(n, 0, 1), n.int("transBatchA"), n.int("transA")), turned(dimsOf(n, 1, 1), n.int("transBatchB"), n.int("transB"))) }];
  },
  lower: (n) => {
    const a = [n.int("transBatchA"), n.int("transA")] as const, b = [n.int("transBatchB"), n.int("transB")] as const;
    return matmul(n, turned(n.type(0).shape, ...a), turned(n.type(1).shape, ...b), {
      value: (i, j) => mul(n.load(0, turnedBack(i, ...a)), n.load(1, turnedBack(j, ...b))), finish: (sum) => scaled(sum, n.float("alpha")),
    });
  },
});

/** MatMul, Gemm and Microsoft's FusedMatMul. */
export const linearOps: readonly Op[] = [matMul, gemm, fusedMatMul("com.microsoft.FusedMatMul"), fusedMatMul("com.microsoft.TransposeMatMul")];
