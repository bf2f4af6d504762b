/**
 * A product with constant weights by Strassen's algorithm in Winograd's form (Winograd, 1971), one level: rows, the sum and
 * columns are cut in halves, and 7 products of halves do the work of 8. Weights are combined beforehand. Rows are
 * paired with their neighbours, so that a block of rows holds both halves.
 */
import { make, mul, substitute, term } from "../../ir/algebra.ts";
import { address, at, axis, extentOf, rowMajor, tensor, type Axis, type Compute, type Stage, type Tensor } from "../../ir/compute.ts";
import { int, linear, plus, times } from "../../ir/linear.ts";
import type { NetTensor } from "../../ir/network.ts";
import { load, type Expr, type Load } from "../../ir/scalar.ts";
import type { Combination } from "./combine-weights.ts";

/** Sums that are used twice come first: of the operand's quarters (11, 12, 21, 22), then of those and 21 + 22. */
const P = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 1]];
const V = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 1, 0, 0, -1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [-1, 0, 0, 0, 1], [1, 0, -1, 0, 0]];
/** Of the weights' quarters (11, 12, 21, 22). */
const U = [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, -1, -1, 1], [-1, 1, 0, 0], [1, -1, 0, 1], [0, -1, 0, 1]];
/** Of the seven products, and of what comes of it: the result's quarters. */
const Q = [[1, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]];
const Y = [[0, 0, 0, 0, 0, 1], [1, 0, 1, 1, 0, 0], [1, 1, 0, 0, -1, 0], [1, 1, 1, 0, 0, 0]];
const table = (name: string, rows: readonly (readonly number[])[]): Tensor => tensor(name, "table", [rows.length, rows[0]!.length], { data: rows.flat() });

/** A sum over `k` of operand times weight, one row for each index over `rows`, one column for each of `n`. */
export interface PlainProduct {
  readonly compute: Compute;
  readonly stage: Stage;
  readonly operand: Load;
  /** Outermost first in memory. */
  readonly rows: readonly Axis[];
  readonly n: Axis;
  readonly k: Axis;
}
/** Axes of one element are 0. */
const singles = (o: PlainProduct) => [...o.stage.axes, ...o.stage.reduce!.axes].filter((a) => extentOf(a) === 1).map((a) => [a.name, int(0)] as const);
/** The same result; `weights` names what `combinedWeights` makes. Needs: extents of k and n are even. */
export function strassenCompute(o: PlainProduct, weights: string): Compute {
  const K = extentOf(o.k) / 2, N = extentOf(o.n) / 2, count = o.rows.reduce((x, a) => x * extentOf(a), 1), T = Math.ceil(count / 2);
  const quo = (e: Expr, by: number) => make("quo", e, int(by)), rem = (e: Expr, by: number) => make("rem", e, int(by));
  const t = axis("t", T), c = axis("c", K), m = axis("n", N), p = axis("p", 7), q = axis("k", 4), s = axis("k", 5), v = axis("k", 7), k = axis("k", 6), r = axis("r", 6), g = axis("g", 5);
  const row = axis("row", count), column = axis("column", 2 * N), paired = plus(times(t, 2), quo(q, 2));
  const single = singles(o);
  /** Where the model's rows are for a number of a row; the last row axis moves fastest. */
  const decoded = (e: Expr): [string, Expr][] => {
    let inside = 1;
    return [...o.rows].reverse().map((a) => { const own = rem(quo(e, inside), extentOf(a)); inside *= extentOf(a); return [a.name, own]; });
  };
  const read = new Map<string, Expr>([...single, ...decoded(count % 2 ? make("min", paired, int(count - 1)) : paired), [o.k.name, plus(c, times(rem(q, 2), K))]]);
  const element = load(o.operand.dtype, o.operand.buffer, o.operand.at.map((e) => substitute(e, read)));
  const written = new Map<string, Expr>([...single, ...decoded(row), [o.n.name, column]]);
  const tables = [table("Ps", P), table("Vs", V), table("Qs", Q), table("Ys", Y)] as const, [ps, vs, rs, ys] = tables;
  const sum = (a: Axis) => ({ op: "add" as const, axes: [a] });
  const stages: Stage[] = [
    { name: "P", axes: [g, t, c], reduce: sum(q), value: term(at(ps, g, q), element) },
    { name: "V", axes: [p, t, c], reduce: sum(s), value: term(at(vs, p, s), at({ name: "P" }, s, t, c)) },
    { name: "M", axes: [p, t, m], reduce: sum(c), value: mul(at({ name: "V" }, p, t, c), at({ name: weights }, p, c, m)) },
    { name: "Q", axes: [r, t, m], reduce: sum(v), value: term(at(rs, r, v), at({ name: "M" }, v, t, m)) },
    {
      name: "Y", axes: [row, column], reduce: sum(k), value: term(at(ys, plus(times(rem(row, 2), 2), quo(column, N)), k), at({ name: "Q" }, k, quo(row, 2), rem(column, N))),
      ...(o.stage.finish ? { finish: substitute(o.stage.finish, written) } : {}),
    },
  ];
  return {
    name: "strassen", origin: o.compute.origin, stages, algorithm: { kind: "strassen", macs: 8 * K * N * count / 2 },
    tensors: [...o.compute.tensors, tensor(weights, "weight", [7, K, N]), ...tables], outputs: o.compute.outputs.map((x) => ({ ...x, stage: "Y", index: (x.index ?? o.stage.axes).map((e) => substitute(e, written)) })),
  };
}
/** The weights of the seven products, [7][K / 2][N / 2]; `at`: where in `from` the weight of the model's product lies, over its axes. */
export function combinedWeights(o: PlainProduct, from: NetTensor, at: readonly Expr[]): Combination {
  const K = extentOf(o.k) / 2, N = extentOf(o.n) / 2, p = axis("p", 7), c = axis("c", K), m = axis("n", N), lower = axis("lower", 2), right = axis("right", 2);
  const l = linear(address(from.shape, rowMajor(from.shape.length), at)), run = (a: Axis) => `${l.terms.get(a) ?? 0}x${extentOf(a)}`;
  const quarter = new Map<string, Expr>([...singles(o), [o.k.name, plus(c, times(lower, K))], [o.n.name, plus(m, times(right, N))]]);
  return {
    what: `strassen${l.constant}+${run(o.k)}+${run(o.n)}`, from, at: at.map((e) => substitute(e, quarter)), planes: [p], axes: [c, m], terms: [lower, right], coefficients: U.flat(), origin: o.compute.origin,
  };
}
