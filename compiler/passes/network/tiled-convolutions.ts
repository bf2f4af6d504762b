/** Which Computes are convolutions that Winograd's tiles can do, told from their structure: in two dimensions, in three, with dilations. */
import { both, less, make, substitute } from "../../ir/algebra.ts";
import { address, axis, extentOf, type Axis, type Compute, type Output, type Stage } from "../../ir/compute.ts";
import { contractionOf } from "../../ir/contraction.ts";
import { int, linear, plus, times } from "../../ir/linear.ts";
import type { NetTensor, Network } from "../../ir/network.ts";
import type { Expr } from "../../ir/scalar.ts";
import type { Stride } from "./toom-cook.ts";
import { withinSize, type Convolution } from "./winograd.ts";

/** Fewer channels than this do not pay for the transforms. */
const fewestChannels = 16;

/** A product of weights in the model's order, whose result's channels lie beside each other, with f32 of so many dimensions. */
interface Filtered { readonly s: Stage; readonly out: Output; readonly input: NetTensor; readonly at: readonly Expr[]; readonly guards: readonly Expr[] }
/** The one that `c` is; null where its weights are not all of a constant of this shape, read at these indices. `o` are the output's channels. */
function filtered(n: Network, c: Compute, rank: number, o: Axis, shape: readonly number[], indices: readonly Expr[]): Filtered | null {
  const [s] = c.stages as [Stage], p = contractionOf(c, s), [out] = c.outputs, weight = p && n.tensors.get(p.b.buffer)!, input = p && n.tensors.get(p.a.buffer);
  if (!p || !out || c.outputs.length !== 1 || weight?.kind !== "constant" || weight.whole || input?.dtype !== "f32" || input.shape.length !== rank || p.a.at.length !== rank) return null;
  if (String(weight.shape) !== String(shape) || p.b.at.length !== rank || p.b.at.some((e, i) => e !== indices[i])) return null;
  if (linear(address(out.shape, out.layout, out.index ?? s.axes)).terms.get(o) !== 1) return null;
  return p.a.at[0] === s.axes[0] || extentOf(s.axes[0]!) === 1 ? { s, out, input, at: p.a.at, guards: p.guards } : null;
}
/**
 * A convolution [batch, (groups,) channels out, y, x] over [channels in, rows, columns] of stride 1 or 2, or of stride 1 with dilations; or, without groups, one in three
 * dimensions [batch, channels out, z, y, x]. Whole weights in the model's order.
 */
export function asConvolution(n: Network, c: Compute): Convolution | null {
  const [s] = c.stages, rank = s?.axes.length ?? 0, sums = s?.reduce?.axes.length;
  if (c.stages.length !== 1 || rank < 4 || rank > 5 || !s!.reduce) return null;
  return sums === 3 ? asImages(n, c) : sums === 4 && rank === 5 ? asVolume(n, c) : null;
}
function asImages(n: Network, c: Compute): Convolution | null {
  const s = c.stages[0]!, b = s.axes[0]!, [o, y, x] = s.axes.slice(-3) as [Axis, Axis, Axis], g = s.axes.slice(1, -3)[0], [k, ky, kx] = s.reduce!.axes as readonly [Axis, Axis, Axis];
  const groups = g ? extentOf(g) : 1, C = extentOf(k), N = extentOf(o), kernel = [extentOf(ky), extentOf(kx)] as const, channel = (of: Expr, per: number) => (g ? plus(times(g, per), of) : of);
  const f = C < fewestChannels || N < fewestChannels ? null : filtered(n, c, 4, o, [groups * N, C, ...kernel], [channel(o, N), k, ky, kx]);
  if (!f || f.at[1] !== channel(k, C)) return null;
  const { input, at } = f, apart = [dilationOf(at[2]!, ky), dilationOf(at[3]!, kx)] as const, common = { input: input.name, kernel, groups, inputChannels: C };
  if (apart.some((d) => d > 1)) return input.sizes ? null : asGrids(c, f, { b, y, x, ky, kx }, apart, common);
  const [py, px] = [slide(at[2]!, y, ky), slide(at[3]!, x, kx)];
  if (!py || !px || py.pad < 0 || px.pad < 0) return null;
  const size = [2, 3].map((d) => input.sizes?.[d] ?? int(input.shape[d]!)) as [Expr, Expr], sides = size.flatMap((end, d) => [less(int(-1), at[2 + d]!), less(at[2 + d]!, end)]);
  if (input.sizes && !f.guards.every((e) => sides.includes(e))) return null;
  return { ...common, compute: c, stage: s, shape: input.shape as [number, number, number, number], size, pad: [py.pad, px.pad], strides: [py.stride, px.stride] };
}
/** The same with other images in place of the first axis, and what becomes of its axes. */
function overImages(c: Compute, axes: readonly Axis[], places: ReadonlyMap<string, Expr>): { readonly compute: Compute; readonly stage: Stage } {
  const [s] = c.stages as [Stage], [out] = c.outputs as [Output], move = (e: Expr) => substitute(e, places);
  const stage: Stage = { ...s, axes, ...(s.finish ? { finish: move(s.finish) } : {}) };
  return { compute: { ...c, stages: [stage], outputs: [{ ...out, index: (out.index ?? s.axes).map(move) }] }, stage };
}
const quo = (e: Expr, n: number): Expr => make("quo", e, int(n)), rem = (e: Expr, n: number): Expr => make("rem", e, int(n));
/** Of any stride along z: planes are images, and each of the filter's planes has channels of its own. */
function asVolume(n: Network, c: Compute): Convolution | null {
  const s = c.stages[0]!, [b, o, z, y, x] = s.axes as readonly [Axis, Axis, Axis, Axis, Axis], [k, kz, ky, kx] = s.reduce!.axes as readonly [Axis, Axis, Axis, Axis];
  const C = extentOf(k), N = extentOf(o), Z = extentOf(z), kernel = [extentOf(ky), extentOf(kx)] as const;
  // Terms of a plane begin at whole vectors.
  const f = C % fewestChannels || N < fewestChannels ? null : filtered(n, c, 5, o, [N, C, extentOf(kz), ...kernel], [o, k, kz, ky, kx]);
  if (!f || f.input.sizes || f.at[1] !== k) return null;
  const { input, at } = f, [batch, , D, H, W] = input.shape as readonly [number, number, number, number, number], deep = at[2]!, own = new Set([z.name, kz.name]);
  const [py, px] = [slide(at[3]!, y, ky), slide(at[4]!, x, kx)];
  if (!py || !px || py.pad < 0 || px.pad < 0 || [...linear(deep).terms.keys()].some((e) => e.kind !== "var" || !own.has(e.name))) return null;
  const images = axis(`${b.name}${z.name}`, extentOf(b) * Z);
  return {
    ...overImages(c, [images, o, y, x], new Map([[b.name, quo(images, Z)], [z.name, rem(images, Z)]])), input: input.name, shape: [batch * D, C, H, W], size: [int(H), int(W)],
    pad: [py.pad, px.pad], strides: [py.stride, px.stride], kernel, groups: 1, inputChannels: C * extentOf(kz),
    placement: {
      pixel: (image, term, row, column) => {
        const plane = substitute(deep, new Map([[z.name, rem(image, Z)], [kz.name, quo(term, C)]]));
        return { at: [quo(image, Z), rem(term, C), plane, row, column], inside: both(withinSize(plane, int(D)), both(withinSize(row, int(H)), withinSize(column, int(W)))) };
      },
      weight: (term) => [rem(term, C), quo(term, C)],
    },
  };
}
/** How far apart the taps along `k` lie. */
const dilationOf = (e: Expr, k: Axis): number => (extentOf(k) === 1 ? 1 : linear(e).terms.get(k) ?? 1);
interface Spatial { readonly b: Axis; readonly y: Axis; readonly x: Axis; readonly ky: Axis; readonly kx: Axis }
/** Outputs as far apart as taps read grids of inputs that have nothing in common with others', and each of these grids is an image. Null where grids differ in size. */
function asGrids(c: Compute, { s, input, at }: Filtered, { b, y, x, ky, kx }: Spatial, [dy, dx]: readonly [number, number], common: Pick<Convolution, "input" | "kernel" | "groups" | "inputChannels">): Convolution | null {
  const [B, H, W] = [b, y, x].map(extentOf) as [number, number, number], [batch, channels, IH, IW] = input.shape as readonly [number, number, number, number];
  const [py, px] = [slide(at[2]!, y, ky, dy), slide(at[3]!, x, kx, dx)];
  if (py?.stride !== 1 || px?.stride !== 1 || py.pad < 0 || px.pad < 0 || [py.pad, H, IH].some((n) => n % dy) || [px.pad, W, IW].some((n) => n % dx)) return null;
  const images = axis(b.name, B * dy * dx), [rows, columns] = [axis(y.name, H / dy), axis(x.name, W / dx)];
  const own = (image: Expr) => quo(image, dy * dx), row = (image: Expr, e: Expr) => plus(times(e, dy), rem(quo(image, dx), dy)), column = (image: Expr, e: Expr) => plus(times(e, dx), rem(image, dx));
  return {
    ...overImages(c, [images, ...s.axes.slice(1, -2), rows, columns], new Map([[b.name, own(images)], [y.name, row(images, rows)], [x.name, column(images, columns)]])),
    ...common, shape: [batch * dy * dx, channels, IH / dy, IW / dx], size: [int(IH / dy), int(IW / dx)], pad: [py.pad / dy, px.pad / dx], strides: [1, 1],
    placement: {
      pixel: (image, term, gridRow, gridColumn) => {
        const [r, q] = [row(image, gridRow), column(image, gridColumn)];
        return { at: [own(image), term, r, q], inside: both(withinSize(r, int(IH)), withinSize(q, int(IW))) };
      },
      weight: (term) => [term],
    },
  };
}
/** Stride and padding where `e` is stride * a + dilation * k - pad. */
function slide(e: Expr, a: Axis, k: Axis, dilation = 1): { readonly stride: Stride; readonly pad: number } | null {
  const l = linear(e), step = l.terms.get(a) ?? 1, moved = (v: Axis) => l.terms.has(v) || extentOf(v) === 1;
  const fits = [...l.terms].every(([atom, s]) => atom === a || (atom === k && s === dilation)) && moved(a) && moved(k);
  return fits && (step === 1 || step === 2) ? { stride: step, pad: -l.constant } : null;
}
