/**
 * 3x3 convolution, stride 1, by Winograd's F(m x n, 3x3) (Lavin and Gray, 2015). The transforms are ordinary stages whose
 * coefficients are tables: once their loops are unrolled, zeros and ones vanish. Each matrix is written as a product
 * of two sparse ones, so that sums used twice are computed once: interning does the rest.
 */
import { fail, type Expr } from "../../ir/scalar.ts";
import { both, less, make, mul, select, term, f32 } from "../../ir/algebra.ts";
import { int, plus, times } from "../../ir/linear.ts";
import { at, axis, extentOf, tensor, type Axis, type Compute, type Stage, type Tensor } from "../../ir/compute.ts";

/** Rows or columns of outputs that one tile makes. */
export type TileSize = 2 | 4;
interface Matrices { readonly Q: number[][]; readonly P: number[][]; readonly R: number[][]; readonly S: number[][]; readonly G: number[][] }
const eye = (n: number) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
/** Input transform P Q, output transform S R, weight transform G, by the size of the tile. */
const matrices: Record<TileSize, Matrices> = {
  4: {
    Q: [[4, 0, -5, 0, 1, 0], [0, 0, -4, 0, 1, 0], [0, -4, 0, 1, 0, 0], [0, 0, -1, 0, 1, 0], [0, -2, 0, 2, 0, 0], [0, 4, 0, -5, 0, 1]],
    P: [[1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 1, -1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 1, -1, 0], [0, 0, 0, 0, 0, 1]],
    R: [[1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 1, -1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 1, -1, 0], [0, 0, 0, 0, 0, 1]],
    S: [[1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 2, 0], [0, 1, 0, 4, 0, 0], [0, 0, 1, 0, 8, 1]],
    G: [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]],
  },
  2: {
    Q: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], P: eye(4),
    R: [[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, -1, 0], [0, 0, 0, 1]], S: [[1, 1, 0, 0], [0, 0, 1, -1]],
    G: [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]],
  },
};
const table = (name: string, rows: readonly (readonly number[])[]): Tensor => tensor(name, "table", [rows.length, rows[0]!.length], { data: rows.flat() });

/** What a convolution needs to be one of these: see `asConvolution` in choose-algorithms. */
export interface Convolution3x3 {
  readonly compute: Compute;
  readonly stage: Stage;
  /** [batch, channels, height, width] and the padding before height and width. */
  readonly input: string;
  readonly shape: readonly [number, number, number, number];
  readonly pad: readonly [number, number];
  readonly inputChannels: number;
}
/** The same result by tiles of fy x fx; `weights` names the constant made by `transformWeights`. */
export function winogradCompute(o: Convolution3x3, weights: string, fy: TileSize, fx: TileSize): Compute {
  const [b, n, y, x] = o.stage.axes as readonly Axis[] as readonly [Axis, Axis, Axis, Axis];
  const [B, N, H, W] = [b, n, y, x].map(extentOf) as [number, number, number, number], ey = fy + 2, ex = fx + 2, C = o.inputChannels;
  const TH = Math.ceil(H / fy), TW = Math.ceil(W / fx), T = B * TH * TW, [, , IH, IW] = o.shape, my = matrices[fy], mx = matrices[fx];
  const tables = [table("Qy", my.Q), table("Py", my.P), table("Ry", my.R), table("Sy", my.S), table("Qx", mx.Q), table("Px", mx.P), table("Rx", mx.R), table("Sx", mx.S)];
  const [qy, py, ry, sy, qx, px, rx, sx] = tables as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const U = tensor(weights, "weight", [ey, ex, C, N]);
  const i = axis("i", ey), j = axis("j", ex), ka = axis("k", ey), kb = axis("k", ex), t = axis("t", T), c = axis("c", C), m = axis("n", N), u = axis("u", fy);
  const quo = (a: Expr, by: number) => make("quo", a, int(by)), rem = (a: Expr, by: number) => make("rem", a, int(by));
  const sum = (k: Axis) => ({ op: "add" as const, axes: [k] });
  const row = plus(plus(times(rem(quo(t, TW), TH), fy), ka), int(-o.pad[0])), column = plus(plus(times(rem(t, TW), fx), j), int(-o.pad[1]));
  const within = (e: Expr, size: number) => both(less(int(-1), e), less(e, int(size)));
  const pixel = select(both(within(row, IH), within(column, IW)), at({ name: o.input }, quo(t, TH * TW), c, row, column), f32(0));
  const tile = plus(times(b, TH * TW), plus(times(quo(y, fy), TW), quo(x, fx)));
  const stages: Stage[] = [
    { name: "q1", axes: [i, j, t, c], reduce: sum(ka), value: term(at(qy, i, ka), pixel) },
    { name: "p1", axes: [i, j, t, c], reduce: sum(ka), value: term(at(py, i, ka), at({ name: "q1" }, ka, j, t, c)) },
    { name: "q2", axes: [i, j, t, c], reduce: sum(kb), value: term(at(qx, j, kb), at({ name: "p1" }, i, kb, t, c)) },
    { name: "V", axes: [i, j, t, c], reduce: sum(kb), value: term(at(px, j, kb), at({ name: "q2" }, i, kb, t, c)) },
    { name: "M", axes: [i, j, t, m], reduce: { op: "add", axes: [c] }, value: mul(at({ name: "V" }, i, j, t, c), at(U, i, j, c, m)) },
    { name: "r1", axes: [i, j, t, m], reduce: sum(ka), value: term(at(ry, i, ka), at({ name: "M" }, ka, j, t, m)) },
    { name: "s1", axes: [u, j, t, m], reduce: sum(ka), value: term(at(sy, u, ka), at({ name: "r1" }, ka, j, t, m)) },
    { name: "r2", axes: [u, j, t, m], reduce: sum(kb), value: term(at(rx, j, kb), at({ name: "s1" }, u, kb, t, m)) },
    { ...o.stage, name: "Y", reduce: sum(kb), value: term(at(sx, rem(x, fx), kb), at({ name: "r2" }, rem(y, fy), kb, tile, n)) },
  ];
  return {
    name: "winograd", origin: o.compute.origin, stages, algorithm: { kind: "winograd", tile: [fy, fx], macs: B * N * H * W * C * 9 },
    tensors: [...o.compute.tensors, U, ...tables], outputs: o.compute.outputs.map((x2) => (x2.stage === o.stage.name ? { ...x2, stage: "Y" } : x2)),
  };
}

/** G g Gᵀ in double precision: `g` is [N][C][3][3], the result [fy + 2][fx + 2][C][N]. */
export function transformWeights(g: Float32Array, C: number, N: number, fy: TileSize, fx: TileSize): Float32Array {
  if (g.length !== C * N * 9) fail(`weights of ${g.length} elements are not ${N} x ${C} x 3 x 3`);
  const Gy = Float64Array.from(matrices[fy].G.flat()), Gx = Float64Array.from(matrices[fx].G.flat());
  const ey = fy + 2, ex = fx + 2, plane = C * N, out = new Float32Array(ey * ex * plane), half = new Float64Array(ey * 3);
  for (let c = 0; c < C; c++) for (let n = 0; n < N; n++) {
    const from = (n * C + c) * 9;
    for (let i = 0; i < ey; i++) for (let b = 0; b < 3; b++) {
      half[i * 3 + b] = Gy[i * 3]! * g[from + b]! + Gy[i * 3 + 1]! * g[from + 3 + b]! + Gy[i * 3 + 2]! * g[from + 6 + b]!;
    }
    for (let i = 0, to = c * N + n; i < ey; i++) for (let j = 0; j < ex; j++, to += plane) {
      out[to] = Gx[j * 3]! * half[i * 3]! + Gx[j * 3 + 1]! * half[i * 3 + 1]! + Gx[j * 3 + 2]! * half[i * 3 + 2]!;
    }
  }
  return out;
}
