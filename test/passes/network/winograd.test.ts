import { describe, expect, test } from "vitest";
import { axis, tensor, type Stage } from "../../../compiler/ir/compute.ts";
import { f32 } from "../../../compiler/ir/algebra.ts";
import { products, roundingOf, tablesOf } from "../../../compiler/passes/network/toom-cook.ts";
import { int } from "../../../compiler/ir/linear.ts";
import { transformedWeights, type Convolution } from "../../../compiler/passes/network/winograd.ts";
import { combined, weightOf } from "../../support/combine.ts";
import { noise } from "../../support/run-compute.ts";

const sizes = [[2, 3], [3, 3], [4, 3], [5, 3], [6, 3], [2, 5], [3, 5], [4, 5], [2, 7], [3, 7], [4, 7], [1, 1], [2, 2], [4, 2]] as const;
type Matrix = readonly (readonly number[])[];
const times = (a: Matrix, x: readonly number[], round: (v: number) => number): number[] => a.map((r) => r.reduce((sum, v, i) => (v ? round(sum + v * x[i]!) : sum), 0));
const exact = (v: number) => v;

describe("tables", () => {
  test.each(sizes)("F(%i, %i) convolves", (m, r) => {
    const t = tablesOf(m, r), d = [...noise(m + r - 1, 3)], g = [...noise(r, 5)];
    const U = times(t.G, g, exact), V = times(t.P, times(t.Q, d, exact), exact), y = times(t.S, times(t.R, V.map((v, i) => v * U[i]!), exact), exact);
    y.forEach((v, i) => expect(v).toBeCloseTo(g.reduce((sum, w, j) => sum + w * d[i + j]!, 0), 12));
  });
  test.each([[2, 3], [3, 3], [4, 3], [2, 5], [3, 7], [2, 2], [1, 1], [1, 3]] as const)("F(%i, %i) with outputs 2 apart", (m, r) => {
    const t = tablesOf(m, r, 2), d = [...noise(2 * (m - 1) + r, 3)], g = [...noise(r, 5)];
    expect(t.Q).toHaveLength(products(m, r, 2));
    const U = times(t.G, g, exact), V = times(t.P, times(t.Q, d, exact), exact), y = times(t.S, times(t.R, V.map((v, i) => v * U[i]!), exact), exact);
    y.forEach((v, i) => expect(v).toBeCloseTo(g.reduce((sum, w, j) => sum + w * d[2 * i + j]!, 0), 12));
  });
  test("too many products are refused", () => expect(() => tablesOf(8, 5)).toThrow("F(8, 5) needs 12 products: there are points for 10"));
});

const turned = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((r) => r[j]!));
/** Tables applied one after another to the columns, then to the rows. */
const through = (x: Matrix, columns: readonly Matrix[], rows: readonly Matrix[], round: (v: number) => number): Matrix => {
  const all = (m: Matrix, tables: readonly Matrix[]): Matrix => m.map((line) => tables.reduce<readonly number[]>((v, t) => times(t, v, round), line));
  return all(turned(all(turned(x), columns)), rows);
};
/** Tiles in f32 as kernels compute them, against double precision: the largest error relative to the largest output. */
function errorOf([fy, fx]: readonly [number, number], [ry, rx]: readonly [number, number], C: number, input: (v: number) => number): number {
  const ty = tablesOf(fy, ry), tx = tablesOf(fx, rx), ey = fy + ry - 1, ex = fx + rx - 1, tiles = 8, round = Math.fround;
  const d = noise(tiles * C * ey * ex, 11).map(input), g = noise(C * ry * rx, 13);
  const square = (of: Float32Array, at: number, h: number, w: number): Matrix => Array.from({ length: h }, (_, i) => Array.from({ length: w }, (_, j) => of[at + i * w + j]!));
  const filters = Array.from({ length: C }, (_, c) => square(g, c * ry * rx, ry, rx)), U = filters.map((x) => through(x, [ty.G], [tx.G], exact).map((r) => r.map(round)));
  let worst = 0, top = 0;
  for (let t = 0; t < tiles; t++) {
    const M = Array.from({ length: ey }, () => new Array<number>(ex).fill(0)), want = Array.from({ length: fy }, () => new Array<number>(fx).fill(0));
    filters.forEach((filter, c) => {
      const tile = square(d, (t * C + c) * ey * ex, ey, ex), V = through(tile, [ty.Q, ty.P], [tx.Q, tx.P], round);
      V.forEach((r, i) => r.forEach((v, j) => { M[i]![j] = round(M[i]![j]! + v * U[c]![i]![j]!); }));
      want.forEach((r, i) => r.forEach((_, j) => filter.forEach((taps, a) => taps.forEach((w, b) => { r[j]! += tile[i + a]![j + b]! * w; }))));
    });
    through(M, [ty.R, ty.S], [tx.R, tx.S], round).forEach((r, i) => r.forEach((v, j) => { worst = Math.max(worst, Math.abs(v - want[i]![j]!)); top = Math.max(top, Math.abs(want[i]![j]!)); }));
  }
  return worst / top;
}
describe("errors", () => {
  const layers = [
    [[2, 2], [3, 3]], [[3, 3], [3, 3]], [[4, 2], [3, 3]], [[4, 4], [3, 3]], [[5, 5], [3, 3]], [[6, 6], [3, 3]], [[2, 2], [5, 5]], [[4, 4], [5, 5]],
    [[1, 2], [1, 7]], [[1, 3], [1, 7]], [[4, 1], [7, 1]], [[1, 6], [1, 5]], [[1, 4], [1, 3]],
  ] as const;
  test.each(layers)("tiles of %j, taps of %j", (tile, taps) => {
    const bound = roundingOf(tile[0], taps[0]) * roundingOf(tile[1], taps[1]), found: number[] = [];
    for (const C of [16, 128]) for (const input of [(v: number) => v, (v: number) => Math.max(0, v), (v: number) => v + 1]) found.push(errorOf(tile, taps, C, input));
    expect(Math.max(...found)).toBeLessThanOrEqual(bound);
    // A bound is worth something only if it is near.
    expect(Math.max(...found)).toBeGreaterThan(bound / 50);
  });
});

/** The inverse, for one tile and one channel: a transformed weight is the filter's polynomial at two points, scaled. */
const points = [0, 1, -1, 2, -2, 0.5, -0.5, 1.5, -1.5];
describe("weights", () => {
  const convolution = (C: number, N: number, kernel: readonly [number, number], groups = 1): Convolution => {
    const stage: Stage = { name: "conv", axes: [axis("b", 1), ...(groups > 1 ? [axis("g", groups)] : []), axis("o", N), axis("y", 8), axis("x", 8)], value: f32(0) };
    return { compute: { name: "conv", tensors: [tensor("x", "input", [1, C * groups, 8, 8])], stages: [stage], outputs: [], origin: [] }, stage, input: "x", shape: [1, C * groups, 8, 8], size: [int(8), int(8)], pad: [0, 0], kernel, strides: [1, 1], groups, inputChannels: C };
  };
  test.each([[2, 2, 3, 3, 1], [4, 2, 3, 3, 1], [2, 4, 3, 3, 2], [6, 4, 3, 3, 1], [4, 2, 5, 5, 1], [1, 4, 1, 7, 1]] as const)("%i x %i of %i x %i, groups: %i", (fy, fx, ry, rx, G) => {
    const C = 2, N = 3, taps = ry * rx, g = noise(G * C * N * taps), out = combined(transformedWeights(convolution(C, N, [ry, rx], G), weightOf([G * N, C, ry, rx]), [fy, fx]), g), ey = fy + ry - 1, ex = fx + rx - 1;
    const value = (q: number, c: number, n: number, p: number | null, r: number | null) => {
      let sum = 0;
      for (let a = 0; a < ry; a++) for (let b = 0; b < rx; b++) sum += g[(((q * N + n) * C + c) * ry + a) * rx + b]! * (p === null ? Number(a === ry - 1) : p ** a) * (r === null ? Number(b === rx - 1) : r ** b);
      return sum;
    };
    for (let i = 0; i < ey; i++) for (let j = 0; j < ex; j++) {
      const p = i === ey - 1 ? null : points[i]!, r = j === ex - 1 ? null : points[j]!;
      const ratios = Array.from({ length: G * C * N }, (_, k) => { const q = Math.floor(k / (C * N)), c = Math.floor(k / N) % C, n = k % N; return out[((i * ex + j) * G * C + q * C + c) * N + n]! / value(q, c, n, p, r); });
      for (const x of ratios) expect(x).toBeCloseTo(ratios[0]!, 4);
      expect(Math.abs(ratios[0]!)).toBeGreaterThan(1e-4);
    }
  });
});
