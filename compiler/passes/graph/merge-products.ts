/**
 * Needs types, constants folded. Ensures one form of matrix product with constant weights: alpha and beta are 1, constant
 * matrices are not transposed (B is [K, N]), a constant addend that is one row is [N]; MatMul of matrices and the constant
 * row added to it are one Gemm; a batch of single rows is one matrix. Before fold-scales, which scales such weights, and
 * layouts, which pack them.
 */
import { constantOf, sizeOf, type Constant, type Dim, type Graph, type ValueName } from "../../ir/graph.ts";
import { isFloat, newArray } from "../../ir/types.ts";
import type { NodeView } from "../../ops/op.ts";
import { sameShape } from "./editor.ts";
import { numbersOf } from "./facts.ts";
import { reshape } from "./merge-reshapes.ts";
import { rewrite, type Editor } from "./rewrite.ts";
import { scaleAlong } from "./scale-weights.ts";

export const mergeProducts = (g: Graph): Graph => rewrite(g, { Gemm: plainGemm, Add: biasedMatMul, MatMul: rowsOfBatch });

/** [B, 1, K] times constant [K, N]. */
function rowsOfBatch(n: NodeView, e: Editor): ValueName | undefined {
  const [a, b] = n.node.inputs as [ValueName, ValueName], { shape } = n.type(0), one = shape.at(-2) === 1;
  if (shape.length < 3 || !one || n.constant(1)?.shape.length !== 2) return undefined;
  const long = shape.slice(0, -1).filter((d) => d !== 1), rows = long.length === 1 ? long[0]! : sizeOf(numbersOf(long));
  if (rows === 1) return undefined;
  return reshape(e, e.node("MatMul", [reshape(e, a, [rows, shape.at(-1)!]), b]), n.outType().shape);
}

function biasedMatMul(n: NodeView, e: Editor): ValueName | undefined {
  const [a, b] = n.node.inputs as [ValueName, ValueName], bias = e.constantOf(b) ? b : a, c = e.constantOf(bias);
  const product = e.soleMade(bias === b ? a : b, "MatMul"), N = n.outType().shape[1];
  if (!c || !isFloat(c.dtype) || !isRow(c, N) || !product?.constant(1) || [0, 1].some((i) => product.type(i).shape.length !== 2)) return undefined;
  return sameShape(n.outType().shape, product.outType().shape) ? e.node("Gemm", [...product.node.inputs, row(e, bias, c, N)]) : undefined;
}
const isRow = (c: Constant, N: Dim | undefined): N is number =>
  typeof N === "number" && (c.data.length === 1 || (c.data.length === N && c.shape.at(-1) === N));
/** The constant with shape [N]. */
function row(e: Editor, name: ValueName, c: Constant, N: number): ValueName {
  if (c.shape.length === 1 && c.shape[0] === N) return name;
  const data = c.data.length === N ? c.data : (newArray(c.dtype, N) as Float32Array).fill(c.data[0] as number);
  return e.give(constantOf(c.dtype, [N], data), "bias");
}

function plainGemm(n: NodeView, e: Editor): ValueName | undefined {
  const [a, b, c] = n.node.inputs as [ValueName, ValueName, ValueName | undefined], A = n.constant(0), B = n.constant(1), C = n.constant(2);
  const alpha = n.float("alpha"), beta = n.float("beta"), N = n.outType().shape[1];
  if (!isFloat(n.outType().dtype)) return undefined;
  const turnA = A !== undefined && n.int("transA") !== 0, turnB = B !== undefined && n.int("transB") !== 0;
  const scalesA = alpha !== 1 && !B && A !== undefined, scalesB = alpha !== 1 && B !== undefined, scalesC = beta !== 1 && C !== undefined;
  const useless = n.has(2) && (beta === 0 || e.uniform(c) === 0), widens = C && isRow(C, N) && !sameShape(C.shape, [N]);
  if (!turnA && !turnB && !scalesA && !scalesB && !scalesC && !useless && !widens) return undefined;
  const matrix = (v: ValueName, m: Constant | undefined, turn: boolean, scale: boolean) => {
    const turned = turn ? transposed(m!) : m, scaled = scale ? scaleAlong(turned!, Float64Array.of(alpha), 1, turned!.data.length) : turned;
    return scaled === m ? v : e.give(scaled!, "weight");
  };
  const addend = () => {
    if (!c || !C) return c;
    const scaled = scalesC ? scaleAlong(C, Float64Array.of(beta), 1, C.data.length) : C, name = scaled === C ? c : e.give(scaled, "bias");
    return isRow(scaled, N) ? row(e, name, scaled, N) : name;
  };
  return e.node("Gemm", [matrix(a, A, turnA, scalesA), matrix(b, B, turnB, scalesB), (useless ? "" : addend()) ?? ""], {
    alpha: scalesA || scalesB ? 1 : alpha, beta: scalesC || useless ? 1 : beta,
    transA: turnA ? 0 : n.int("transA"), transB: turnB ? 0 : n.int("transB"),
  });
}
/** Rows for columns, in blocks small enough for a cache in which the rows of a large matrix collide. */
function transposed(c: Constant): Constant {
  const [rows, columns] = c.shape as [number, number], high = 16, wide = 8;
  const from = c.data as Float32Array, to = newArray(c.dtype, from.length) as Float32Array;
  for (let i0 = 0; i0 < rows; i0 += high) {
    for (let j0 = 0; j0 < columns; j0 += wide) {
      const i1 = Math.min(rows, i0 + high), j1 = Math.min(columns, j0 + wide);
      for (let j = j0; j < j1; j++) for (let i = i0; i < i1; i++) to[j * rows + i] = from[i * columns + j]!;
    }
  }
  return constantOf(c.dtype, [columns, rows], to);
}
