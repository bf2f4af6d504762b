/**
 * The tables of F(m, r): m outputs of a filter of r taps from m + r - 1 products (Winograd, 1980; Toom and Cook's method
 * at the points below). Each transform is a product of two sparse matrices, so that what a point and its negative share
 * is computed once. Powers of two in a row change no rounding.
 */
import { fail } from "../../ir/scalar.ts";

/** input: P Q; output: S R; weights: G, in double precision. */
export interface Tables { readonly Q: readonly number[][]; readonly P: readonly number[][]; readonly R: readonly number[][]; readonly S: readonly number[][]; readonly G: readonly number[][] }

/** The points, those first that round least; the last product belongs to the point at infinity. */
const points = [0, 1, -1, 2, -2, 0.5, -0.5, 1.5, -1.5];
/** The most products along a dimension. */
export const mostProducts = points.length + 1;
/** Steps between outputs for which there are tables. */
export type Stride = 1 | 2;
/** Filters of every second tap: a step of 2 is the sum of two convolutions of step 1, of the even inputs and of the odd ones. */
const halves = (r: number): readonly number[] => [Math.ceil(r / 2), Math.floor(r / 2)].filter((taps) => taps > 0);
/** Products along a dimension for m outputs of r taps. */
export const products = (m: number, r: number, stride: Stride = 1): number =>
  stride === 1 ? m + r - 1 : halves(r).reduce((sum, taps) => sum + products(m, taps), 0);
/** Whether there are points for so many outputs. */
export const hasTables = (m: number, r: number, stride: Stride = 1): boolean => products(m, stride === 1 ? r : halves(r)[0]!) <= mostProducts;
/** The largest error of an output, relative to the largest, that so many products along one dimension cause; those of two dimensions multiply. */
export const roundingOf = (m: number, r: number, stride: Stride = 1): number => rounding[products(m, stride === 1 ? r : halves(r)[0]!)]!;
const rounding: readonly number[] = [0, 1e-3, 1e-3, 1e-3, 1e-3, 6e-3, 6e-3, 6e-3, 6e-3, 1.5e-2, 1.5e-2];

/** Coefficients of the product of (x - root), lowest first. */
const polynomial = (roots: readonly number[]): number[] =>
  roots.reduce<number[]>((p, root) => [...p, 0].map((_, i) => (p[i - 1] ?? 0) - root * (p[i] ?? 0)), [1]);
const row = (n: number, entries: readonly (readonly [number, number])[]): number[] => { const r = new Array<number>(n).fill(0); for (const [i, v] of entries) r[i] = v; return r; };
/** Without -0, which would be another constant in the code. */
const spread = (coefficients: readonly number[], n: number): number[] => row(n, coefficients.map((v, i) => [i, v + 0] as const));

const known = new Map<string, Tables>();
/** F(m, r) for outputs `stride` apart. With n products, Q, P and R have n rows; S has m; G is n x r. */
export function tablesOf(m: number, r: number, stride: Stride = 1): Tables {
  const key = `${m},${r},${stride}`;
  let t = known.get(key);
  if (!t) known.set(key, (t = stride === 1 ? (r === 1 ? single(m) : make(m, r)) : together(halves(r).map((taps) => tablesOf(m, taps)))));
  return t;
}
/** One tap: a product for each output. */
function single(m: number): Tables {
  const eye = Array.from({ length: m }, (_, i) => row(m, [[i, 1]]));
  return { Q: eye, P: eye, R: eye, S: eye, G: eye.map(() => [1]) };
}
/** Tables of the even and of the odd inputs and taps as tables of all of them. */
function together(parts: readonly Tables[]): Tables {
  const n = parts.reduce((sum, t) => sum + t.Q.length, 0), from = (i: number) => parts.slice(0, i).reduce((sum, t) => sum + t.Q.length, 0);
  const blocks = (of: (t: Tables) => readonly number[][]) => parts.flatMap((t, i) => of(t).map((line) => row(n, line.map((v, j) => [from(i) + j, v] as const))));
  const apart = (of: (t: Tables) => readonly number[][], width: number) => parts.flatMap((t, i) => of(t).map((line) => row(width, line.map((v, j) => [2 * j + i, v] as const))));
  return {
    Q: apart((t) => t.Q, n), P: blocks((t) => t.P), R: blocks((t) => t.R), G: apart((t) => t.G, parts.reduce((sum, t) => sum + t.G[0]!.length, 0)),
    S: parts[0]!.S.map((_, i) => parts.flatMap((t) => t.S[i]!)),
  };
}
function make(m: number, r: number): Tables {
  const n = m + r - 1, finite = points.slice(0, n - 1), infinity = n - 1;
  if (n > mostProducts) fail(`F(${m}, ${r}) needs ${n} products: there are points for ${mostProducts}`);
  const Q: number[][] = [], P: number[][] = [], R: number[][] = [], G: number[][] = [], S = Array.from({ length: m }, () => new Array<number>(n).fill(0));
  const alone = (i: number, coefficients: readonly number[]) => { Q[i] = spread(coefficients, n); P[i] = row(n, [[i, 1]]); R[i] = row(n, [[i, 1]]); };
  finite.forEach((p, i) => {
    const scale = finite.reduce((x, q) => (q === p ? x : x * (p - q)), 1), twin = p > 0 && finite[i + 1] === -p;
    G[i] = Array.from({ length: r }, (_, j) => p ** j / scale);
    if (p < 0) return;
    if (!twin) { alone(i, polynomial(finite.filter((q) => q !== p))); S.forEach((s, j) => { s[i] = p ** j; }); return; }
    // x (x + p) rest(x): the even part, and the odd part without p; the rest is even but for a point without a twin.
    const rest = polynomial(finite.filter((q) => q !== p && q !== -p));
    Q[i] = spread([0, ...rest], n); Q[i + 1] = spread(rest, n);
    P[i] = row(n, [[i, 1], [i + 1, p]]); P[i + 1] = row(n, [[i, 1], [i + 1, -p]]);
    R[i] = row(n, [[i, 1], [i + 1, 1]]); R[i + 1] = row(n, [[i, 1], [i + 1, -1]]);
    S.forEach((s, j) => { s[i + (j % 2)] = p ** j; });
  });
  alone(infinity, polynomial(finite));
  S[m - 1]![infinity] = 1;
  G[infinity] = row(r, [[r - 1, 1]]);
  return { Q, P, R, S, G };
}
/** Additions and multiplications, done as one where they can be, of one line through the transforms. */
export function operationsOf(m: number, r: number, stride: Stride = 1): { readonly input: number; readonly output: number } {
  const t = tablesOf(m, r, stride), count = (rows: readonly (readonly number[])[]) => rows.reduce((sum, r) => sum + Math.max(0, r.filter(Boolean).length - 1), 0);
  return { input: count(t.Q) + count(t.P), output: count(t.R) + count(t.S) };
}
