/** Which Computes are convolutions that Winograd's tiles can do, told from their structure: in two dimensions, in three, with dilations. */
import { both, less, make, substitute } from "../../ir/algebra.ts";
import { address, axis, extentOf, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { contractionOf } from "../../ir/contraction.ts";
import { int, linear, plus, times } from "../../ir/linear.ts";
import type { Network } from "../../ir/network.ts";
import type { Expr } from "../../ir/scalar.ts";
import type { Stride } from "./toom-cook.ts";
import { withinSize, type Convolution } from "./winograd.ts";

/** Fewer channels than this do not pay for the transforms. */
const fewestChannels = 16;

/** A convolution [batch, (groups,) channels out, y, x] over [channels in, rows, columns] of stride 1 or 2, whole weights in the model's order. */
export function asConvolution(n: Network, c: Compute): Convolution | null {
  const s = c.stages.at(-1)!, p = contractionOf(c, s), rank = s.axes.length;
  if (rank === 5 && s.reduce?.axes.length === 4) return asVolume(n, c);
  if (c.stages.length !== 1 || !p || rank < 4 || rank > 5 || s.reduce!.axes.length !== 3) return null;
  const b = s.axes[0]!, [o, y, x] = s.axes.slice(-3) as [Axis, Axis, Axis], g = s.axes.slice(1, -3)[0], [k, ky, kx] = s.reduce!.axes as readonly [Axis, Axis, Axis];
  const weight = n.tensors.get(p.b.buffer)!, input = n.tensors.get(p.a.buffer), groups = g ? extentOf(g) : 1, C = extentOf(k), N = extentOf(o);
  if (weight.kind !== "constant" || weight.whole || !input || input.dtype !== "f32" || input.shape.length !== 4 || p.a.at.length !== 4) return null;
  const kernel = [extentOf(ky), extentOf(kx)] as const, shape = [groups * N, C, ...kernel], channel = (of: Expr, per: number) => (g ? plus(times(g, per), of) : of);
  if (C < fewestChannels || N < fewestChannels) return null;
  if (weight.shape.length !== 4 || weight.shape.some((d, i) => d !== shape[i]) || p.b.at.some((e, i) => e !== [channel(o, N), k, ky, kx][i])) return null;
  const out = c.outputs.find((q) => q.stage === s.name);
  if (!out || c.outputs.length !== 1 || linear(address(out.shape, out.layout, out.index ?? s.axes)).terms.get(o) !== 1) return null;
  if (p.a.at[0] !== b && extentOf(b) > 1) return null;
  if (p.a.at[1] !== channel(k, C)) return null;
  const apart = [dilationOf(p.a.at[2]!, ky), dilationOf(p.a.at[3]!, kx)] as const;
  if (apart.some((d) => d > 1)) return input.sizes ? null : asGrids(c, { b, y, x, ky, kx }, apart, { input: p.a.buffer, shape: input.shape, at: p.a.at, groups, C, kernel });
  const [py, px] = [slide(p.a.at[2]!, y, ky), slide(p.a.at[3]!, x, kx)];
  if (!py || !px || py.pad < 0 || px.pad < 0) return null;
  const size = [2, 3].map((d) => input.sizes?.[d] ?? int(input.shape[d]!)) as [Expr, Expr], sides = size.flatMap((end, d) => [less(int(-1), p.a.at[2 + d]!), less(p.a.at[2 + d]!, end)]);
  if (input.sizes && !p.guards.every((g) => sides.includes(g))) return null;
  return { compute: c, stage: s, input: p.a.buffer, shape: input.shape as [number, number, number, number], size, pad: [py.pad, px.pad], strides: [py.stride, px.stride], kernel, groups, inputChannels: C };
}
/** The same of [batch, channels out, z, y, x] over [channels in, planes, rows, columns], of any stride along z: planes are images, and each of the filter's planes has channels of its own. */
function asVolume(n: Network, c: Compute): Convolution | null {
  const s = c.stages.at(-1)!, p = contractionOf(c, s), [b, o, z, y, x] = s.axes as readonly [Axis, Axis, Axis, Axis, Axis], [k, kz, ky, kx] = s.reduce!.axes as readonly [Axis, Axis, Axis, Axis];
  if (c.stages.length !== 1 || !p) return null;
  const weight = n.tensors.get(p.b.buffer)!, input = n.tensors.get(p.a.buffer), C = extentOf(k), N = extentOf(o), kernel = [extentOf(ky), extentOf(kx)] as const, Z = extentOf(z);
  if (weight.kind !== "constant" || weight.whole || !input || input.dtype !== "f32" || input.shape.length !== 5 || input.sizes || C % fewestChannels || N < fewestChannels) return null;
  if (String(weight.shape) !== String([N, C, extentOf(kz), ...kernel]) || p.b.at.some((e, i) => e !== [o, k, kz, ky, kx][i])) return null;
  const [out] = c.outputs, place = out && (out.index ?? s.axes), [batch, , D, H, W] = input.shape;
  if (!out || c.outputs.length !== 1 || linear(address(out.shape, out.layout, place!)).terms.get(o) !== 1) return null;
  const [py, px] = [slide(p.a.at[3]!, y, ky), slide(p.a.at[4]!, x, kx)], deep = p.a.at[2]!, own = new Set([z.name, kz.name]);
  if ((p.a.at[0] !== b && extentOf(b) > 1) || p.a.at[1] !== k || !py || !px || py.pad < 0 || px.pad < 0 || [...linear(deep).terms.keys()].some((e) => e.kind !== "var" || !own.has(e.name))) return null;
  const images = axis(`${b.name}${z.name}`, extentOf(b) * Z), move = (e: Expr) => substitute(e, new Map([[b.name, make("quo", images, int(Z))], [z.name, make("rem", images, int(Z))]]));
  const stage: Stage = { ...s, axes: [images, o, y, x], ...(s.finish ? { finish: move(s.finish) } : {}) };
  return {
    compute: { ...c, stages: [stage], outputs: [{ ...out, index: place!.map(move) }] }, stage, input: p.a.buffer, shape: [batch! * D!, C, H!, W!], size: [int(H!), int(W!)], pad: [py.pad, px.pad], strides: [py.stride, px.stride], kernel, groups: 1, inputChannels: C * extentOf(kz),
    placement: {
      pixel: (image, term, row, column) => {
        const plane = substitute(deep, new Map([[z.name, make("rem", image, int(Z))], [kz.name, make("quo", term, int(C))]]));
        return { at: [make("quo", image, int(Z)), make("rem", term, int(C)), plane, row, column], inside: [[plane, D], [row, H], [column, W]].map(([e, size]) => withinSize(e as Expr, int(size as number))).reduce(both) };
      },
      weight: (term) => [make("rem", term, int(C)), make("quo", term, int(C))],
    },
  };
}
/** How far apart the taps along `k` lie. */
const dilationOf = (e: Expr, k: Axis): number => (extentOf(k) === 1 ? 1 : linear(e).terms.get(k) ?? 1);
interface Spatial { readonly b: Axis; readonly y: Axis; readonly x: Axis; readonly ky: Axis; readonly kx: Axis }
interface Operands { readonly input: string; readonly shape: readonly number[]; readonly at: readonly Expr[]; readonly groups: number; readonly C: number; readonly kernel: readonly [number, number] }
/** Of stride 1 with dilations: outputs so far apart read grids of inputs that have nothing in common with others', and each of these grids is an image. Null where grids differ in size. */
function asGrids(c: Compute, { b, y, x, ky, kx }: Spatial, [dy, dx]: readonly [number, number], { input, shape, at, groups, C, kernel }: Operands): Convolution | null {
  const s = c.stages[0]!, [out] = c.outputs, [B, H, W] = [b, y, x].map(extentOf) as [number, number, number];
  // Row y * dy + phase + ky * dy - pad is, in its grid, row y + ky - pad / dy.
  const onGrid = (e: Expr, a: Axis, k: Axis, d: number): number | null => {
    const l = linear(e), steps = [[a, 1], [k, d]] as const;
    return [...l.terms].every(([atom, n]) => steps.some(([v, step]) => v === atom && n === step)) && steps.every(([v]) => extentOf(v) === 1 || l.terms.has(v)) && l.constant <= 0 ? -l.constant : null;
  };
  const [py, px] = [onGrid(at[2]!, y, ky, dy), onGrid(at[3]!, x, kx, dx)];
  if (py === null || px === null || py % dy || px % dx || [H, shape[2]!].some((n) => n % dy) || [W, shape[3]!].some((n) => n % dx)) return null;
  const images = axis(b.name, B * dy * dx), [rows, columns] = [axis(y.name, H / dy), axis(x.name, W / dx)], quo = (e: Expr, n: number) => make("quo", e, int(n)), rem = (e: Expr, n: number) => make("rem", e, int(n));
  const own = (image: Expr) => quo(image, dy * dx), row = (image: Expr, e: Expr) => plus(times(e, dy), rem(quo(image, dx), dy)), column = (image: Expr, e: Expr) => plus(times(e, dx), rem(image, dx));
  const move = (e: Expr) => substitute(e, new Map([[b.name, own(images)], [y.name, row(images, rows)], [x.name, column(images, columns)]]));
  const stage: Stage = { ...s, axes: [images, ...s.axes.slice(1, -2), rows, columns], ...(s.finish ? { finish: move(s.finish) } : {}) };
  return {
    compute: { ...c, stages: [stage], outputs: [{ ...out!, index: (out!.index ?? s.axes).map(move) }] }, stage, input, shape: [shape[0]! * dy * dx, shape[1]!, shape[2]! / dy, shape[3]! / dx],
    size: [int(shape[2]! / dy), int(shape[3]! / dx)], pad: [py / dy, px / dx], strides: [1, 1], kernel, groups, inputChannels: C,
    placement: {
      pixel: (image, term, y2, x2) => {
        const [r, q] = [row(image, y2), column(image, x2)];
        return { at: [own(image), term, r, q], inside: both(withinSize(r, int(shape[2]!)), withinSize(q, int(shape[3]!))) };
      },
      weight: (term) => [term],
    },
  };
}
/** Stride and padding where `e` is stride * a + k - pad. */
function slide(e: Expr, a: Axis, k: Axis): { readonly stride: Stride; readonly pad: number } | null {
  const l = linear(e), step = l.terms.get(a) ?? 1, moved = (v: Axis) => l.terms.has(v) || extentOf(v) === 1;
  const fits = [...l.terms].every(([atom, s]) => atom === a || (atom === k && s === 1)) && moved(a) && moved(k);
  return fits && (step === 1 || step === 2) ? { stride: step, pad: -l.constant } : null;
}
