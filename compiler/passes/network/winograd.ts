/**
 * Convolution of stride 1 or 2 by Winograd's F(m x n, r x s) (Lavin and Gray, 2015). The transforms are ordinary stages whose
 * coefficients are tables: once their loops are unrolled, zeros and ones vanish. Each matrix is written as a product
 * of two sparse ones, so that sums used twice are computed once: interning does the rest.
 */
import type { Expr } from "../../ir/scalar.ts";
import { both, less, make, mul, select, term, f32 } from "../../ir/algebra.ts";
import { int, plus, times } from "../../ir/linear.ts";
import { at, axis, extentOf, tensor, type Axis, type Compute, type Stage, type Tensor } from "../../ir/compute.ts";
import type { NetTensor } from "../../ir/network.ts";
import type { Combination } from "./combine-weights.ts";
import { products, tablesOf, type Stride } from "./toom-cook.ts";

const table = (name: string, rows: readonly (readonly number[])[]): Tensor => tensor(name, "table", [rows.length, rows[0]!.length], { data: rows.flat() });

/** What a convolution needs to be one of these: see `asConvolution` in choose-algorithms. */
export interface Convolution {
  readonly compute: Compute;
  readonly stage: Stage;
  /** [batch, channels, height, width] and the padding before height and width. */
  readonly input: string;
  readonly shape: readonly [number, number, number, number];
  /** Height and width of the input: beyond them it counts as zeros. */
  readonly size: readonly [Expr, Expr];
  readonly pad: readonly [number, number];
  /** Rows and columns of the filter. */
  readonly kernel: readonly [number, number];
  readonly strides: readonly [Stride, Stride];
  readonly groups: number;
  /** Terms of the sum at each of the filter's places: input channels of a group, for each of its planes where it is one of three dimensions. */
  readonly inputChannels: number;
  /** Where the stage's images, and the terms, are not the tensors' images and channels. */
  readonly placement?: Placement;
}
/**
 * Where the elements lie that a tile reads: convolutions in three dimensions take each plane for an image, and the filter's planes for more channels; dilations take
 * each of the grids that their taps fall on for an image.
 */
export interface Placement {
  /** The index in the input of a term in a row and column of an image, and whether it is inside. */
  readonly pixel: (image: Expr, term: Expr, row: Expr, column: Expr) => { readonly at: readonly Expr[]; readonly inside: Expr };
  /** The indices of a term in the weights, between the output's channel and the tap. */
  readonly weight: (term: Expr) => readonly Expr[];
}
/** The test that an index lies in a dimension. */
export const withinSize = (e: Expr, size: Expr): Expr => both(less(int(-1), e), less(e, size));
/** Rows and columns of outputs that one tile makes. */
export type Tile = readonly [rows: number, columns: number];
/** The shape of transformed weights: products of a tile, [groups if several,] channels in, channels out. */
export const transformedShape = (o: Convolution, [fy, fx]: Tile): readonly number[] => {
  const N = extentOf(o.stage.axes.at(-3)!);
  return [products(fy, o.kernel[0], o.strides[0]), products(fx, o.kernel[1], o.strides[1]), ...(o.groups > 1 ? [o.groups] : []), o.inputChannels, N];
};

/** The same result by tiles of fy x fx; `weights` names what `transformedWeights` makes. */
export function winogradCompute(o: Convolution, weights: string, [fy, fx]: Tile): Compute {
  const b = o.stage.axes[0]!, [n, y, x] = o.stage.axes.slice(-3) as [Axis, Axis, Axis], gs = o.stage.axes.slice(1, -3);
  const [B, N, H, W] = [b, n, y, x].map(extentOf) as [number, number, number, number], C = o.inputChannels, G = o.groups;
  const [ry0, rx0] = o.kernel, [stepY, stepX] = o.strides, ey = products(fy, ry0, stepY), ex = products(fx, rx0, stepX);
  const TH = Math.ceil(H / fy), TW = Math.ceil(W / fx), T = B * TH * TW, [IH, IW] = o.size, my = tablesOf(fy, ry0, stepY), mx = tablesOf(fx, rx0, stepX);
  const tables = [table("Qy", my.Q), table("Py", my.P), table("Ry", my.R), table("Sy", my.S), table("Qx", mx.Q), table("Px", mx.P), table("Rx", mx.R), table("Sx", mx.S)];
  const [qy, py, ry, sy, qx, px, rx, sx] = tables as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const U = tensor(weights, "weight", transformedShape(o, [fy, fx]));
  const i = axis("i", ey), j = axis("j", ex), ka = axis("k", ey), kb = axis("k", ex), t = axis("t", T), c = axis("c", C * G), kc = axis("c", C), m = axis("n", N), u = axis("u", fy);
  const quo = (a: Expr, by: number) => make("quo", a, int(by)), rem = (a: Expr, by: number) => make("rem", a, int(by));
  const sum = (k: Axis) => ({ op: "add" as const, axes: [k] });
  const row = plus(plus(times(rem(quo(t, TW), TH), fy * stepY), ka), int(-o.pad[0])), column = plus(plus(times(rem(t, TW), fx * stepX), j), int(-o.pad[1]));
  const image = quo(t, TH * TW), { at: index, inside } = o.placement?.pixel(image, c, row, column) ?? { at: [image, c, row, column], inside: both(withinSize(row, IH), withinSize(column, IW)) };
  const pixel = select(inside, at({ name: o.input }, ...index), f32(0));
  const tile = plus(times(b, TH * TW), plus(times(quo(y, fy), TW), quo(x, fx)));
  const group = gs.reduce<Expr>((e, g) => plus(e, times(g, C)), kc);
  const stages: Stage[] = [
    { name: "q1", axes: [i, j, t, c], reduce: sum(ka), value: term(at(qy, i, ka), pixel) },
    { name: "p1", axes: [i, j, t, c], reduce: sum(ka), value: term(at(py, i, ka), at({ name: "q1" }, ka, j, t, c)) },
    { name: "q2", axes: [i, j, t, c], reduce: sum(kb), value: term(at(qx, j, kb), at({ name: "p1" }, i, kb, t, c)) },
    { name: "V", axes: [i, j, t, c], reduce: sum(kb), value: term(at(px, j, kb), at({ name: "q2" }, i, kb, t, c)) },
    { name: "M", axes: [i, j, t, ...gs, m], reduce: { op: "add", axes: [kc] }, value: mul(at({ name: "V" }, i, j, t, group), at(U, i, j, ...gs, kc, m)) },
    { name: "r1", axes: [i, j, t, ...gs, m], reduce: sum(ka), value: term(at(ry, i, ka), at({ name: "M" }, ka, j, t, ...gs, m)) },
    { name: "s1", axes: [u, j, t, ...gs, m], reduce: sum(ka), value: term(at(sy, u, ka), at({ name: "r1" }, ka, j, t, ...gs, m)) },
    { name: "r2", axes: [u, j, t, ...gs, m], reduce: sum(kb), value: term(at(rx, j, kb), at({ name: "s1" }, u, kb, t, ...gs, m)) },
    { ...o.stage, name: "Y", reduce: sum(kb), value: term(at(sx, rem(x, fx), kb), at({ name: "r2" }, rem(y, fy), kb, tile, ...gs, n)) },
  ];
  return {
    name: "winograd", origin: o.compute.origin, stages, algorithm: { kind: "winograd", tile: [fy, fx], macs: B * G * N * H * W * C * ry0 * rx0 },
    tensors: [...o.compute.tensors, U, ...tables], outputs: o.compute.outputs.map((x2) => (x2.stage === o.stage.name ? { ...x2, stage: "Y" } : x2)),
  };
}

/** G g Gᵀ for the weights `from`, [groups * N][C][rows][columns], or [N][C][planes][rows][columns]; the result has the `transformedShape`. */
export function transformedWeights(o: Convolution, from: NetTensor, [fy, fx]: Tile): Combination {
  const [ry, rx] = o.kernel, [ey, ex] = transformedShape(o, [fy, fx]) as [number, number], gs = o.stage.axes.slice(1, -3), N = extentOf(o.stage.axes.at(-3)!);
  const i = axis("i", ey), j = axis("j", ex), c = axis("c", o.inputChannels), n = axis("n", N), a = axis("a", ry), b = axis("b", rx);
  const Gy = tablesOf(fy, ry, o.strides[0]).G, Gx = tablesOf(fx, rx, o.strides[1]).G;
  return {
    what: `winograd${fy}x${fx}of${ry}x${rx}${o.strides.some((x) => x > 1) ? `by${o.strides.join("x")}` : ""}`, from, at: [gs.reduce<Expr>((e, g) => plus(e, times(g, N)), n), ...(o.placement?.weight(c) ?? [c]), a, b], planes: [i, j], axes: [...gs, c, n], terms: [a, b], origin: o.compute.origin,
    coefficients: Gy.flatMap((y) => Gx.flatMap((x) => y.flatMap((p) => x.map((q) => p * q)))),
  };
}
