/** Computes of every kind with data and results by plain loops, which know nothing of Computes or schedules. */
import { acc, at, axis, output, tensor, type Axis, type Compute, type Stage, type Tensor } from "../../compiler/ir/compute.ts";
import { add, f32, less, make, mul, select, sub } from "../../compiler/ir/algebra.ts";
import { int, plus, times } from "../../compiler/ir/linear.ts";
import type { Expr, Load } from "../../compiler/ir/scalar.ts";
import { combinedWeights, strassenCompute } from "../../compiler/passes/network/strassen.ts";
import type { Stride } from "../../compiler/passes/network/toom-cook.ts";
import { transformedWeights, winogradCompute, type Convolution } from "../../compiler/passes/network/winograd.ts";
import { combined, weightOf } from "../support/combine.ts";
import { noise, type Data } from "../support/run-compute.ts";

export interface Problem { readonly compute: Compute; readonly data: Data; readonly expected: Float32Array }
type Floats = Readonly<Record<string, Float32Array>>;
const relu = (x: Expr) => make("max", x, f32(0));
const compute = (name: string, tensors: readonly Tensor[], stages: readonly Stage[]): Compute =>
  ({ name, origin: [], tensors, stages, outputs: [output(stages.at(-1)!)] });
const problem = (c: Compute, run: (d: Floats) => Float32Array): Problem => {
  const data = Object.fromEntries(c.tensors.map((t, i) => [t.name, noise(t.shape.reduce((a, b) => a * b, 1), 7 + i)]));
  return { compute: c, data, expected: run(data) };
};

/** out[m, n] = relu(sum over k of A[m, k] * W[k, n], + bias[n] + R[m, n]) */
export function gemm(M: number, K: number, N: number): Problem {
  const m = axis("m", M), n = axis("n", N), k = axis("k", K);
  const A = tensor("A", "input", [M, K]), W = tensor("W", "weight", [K, N]), bias = tensor("bias", "weight", [N]), R = tensor("R", "input", [M, N]);
  const stage: Stage = { name: "gemm", axes: [m, n], value: mul(at(A, m, k), at(W, k, n)), reduce: { op: "add", axes: [k] }, finish: relu(add(add(acc, at(bias, n)), at(R, m, n))) };
  return problem(compute("gemm", [A, W, bias, R], [stage]), (d) => Float32Array.from({ length: M * N }, (_, i) => {
    const row = Math.floor(i / N), column = i % N;
    let sum = d.bias![column]! + d.R![i]!;
    for (let j = 0; j < K; j++) sum += d.A![row * K + j]! * d.W![j * N + column]!;
    return Math.max(0, sum);
  }));
}

export interface Window { readonly H: number; readonly W: number; readonly C: number; readonly N: number; readonly stride?: 1 | 2; readonly halo?: boolean; readonly depthwise?: boolean }
/** 3x3, padding 1, channels last; `H` and `W` are the output's. Padding is a margin of the input, or tests in the value. */
export function conv({ H, W, C, N, stride = 1, halo = true, depthwise = false }: Window): Problem {
  const y = axis("y", H), x = axis("x", W), n = axis(depthwise ? "c" : "n", N), ky = axis("ky", 3), kx = axis("kx", 3), c = depthwise ? n : axis("c", C);
  const shape = [H * stride, W * stride, C], layout = { parts: [{ dim: 0 }, { dim: 1 }, { dim: 2 }], halo: [[1, 1], [1, 1], [0, 0]] as const };
  const X = tensor("X", "input", shape, halo ? { layout } : {}), w = tensor("W", "weight", depthwise ? [3, 3, C] : [3, 3, C, N]), bias = tensor("bias", "weight", [N]);
  const from = (o: Expr, k: Expr) => plus(plus(times(o, stride), k), int(-1)), iy = from(y, ky), ix = from(x, kx);
  const within = (i: Expr, size: number, e: Expr) => select(less(int(-1), i), select(less(i, int(size)), e, f32(-0)), f32(-0));
  const product = mul(at(X, iy, ix, c), depthwise ? at(w, ky, kx, c) : at(w, ky, kx, c, n));
  const name = depthwise ? "dw" : "conv", stage: Stage = {
    name, axes: [y, x, n], reduce: { op: "add", axes: depthwise ? [ky, kx] : [ky, kx, c] }, finish: relu(add(acc, at(bias, n))),
    value: halo ? product : within(iy, shape[0]!, within(ix, shape[1]!, product)),
  };
  return problem(compute(name, [X, w, bias], [stage]), (d) => plainConv(H, W, C, N, stride, depthwise, d));
}
function plainConv(H: number, W: number, C: number, N: number, stride: number, depthwise: boolean, d: Floats): Float32Array {
  const out = new Float32Array(H * W * N), IH = H * stride, IW = W * stride;
  for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) for (let n = 0; n < N; n++) {
    let sum = d.bias![n]!;
    for (let ky = 0; ky < 3; ky++) for (let kx = 0; kx < 3; kx++) {
      const iy = y * stride + ky - 1, ix = x * stride + kx - 1, tap = ky * 3 + kx;
      if (iy < 0 || ix < 0 || iy >= IH || ix >= IW) continue;
      if (depthwise) sum += d.X![(iy * IW + ix) * C + n]! * d.W![tap * C + n]!;
      else for (let c = 0; c < C; c++) sum += d.X![(iy * IW + ix) * C + c]! * d.W![(tap * C + c) * N + n]!;
    }
    out[(y * W + x) * N + n] = Math.max(0, sum);
  }
  return out;
}
/** A convolution by Winograd's tiles; the input [batch, channels, height, width] and the output lie channels last, without margins. C and N are those of a group. */
export function winograd(B: number, H: number, W: number, C: number, N: number, fy: number, fx: number, more: { readonly pad?: number; readonly kernel?: readonly [number, number]; readonly groups?: number; readonly strides?: readonly [Stride, Stride] } = {}): Problem {
  const { pad = 1, kernel: [ry, rx] = [3, 3], groups: G = 1, strides = [1, 1] } = more, [sy, sx] = strides, OH = Math.floor((H + 2 * pad - ry) / sy) + 1, OW = Math.floor((W + 2 * pad - rx) / sx) + 1, last = { parts: [{ dim: 0 }, { dim: 2 }, { dim: 3 }, { dim: 1 }] };
  const [b, g, o, y, x] = [axis("b", B), axis("g", G), axis("o", N), axis("y", OH), axis("x", OW)] as const, [c, ky, kx] = [axis("c", C), axis("ky", ry), axis("kx", rx)];
  const X = tensor("X", "input", [B, C * G, H, W], { layout: last }), w = tensor("W", "weight", [N * G, C, ry, rx]), bias = tensor("bias", "weight", [N * G]);
  const iy = plus(plus(times(y, sy), ky), int(-pad)), ix = plus(plus(times(x, sx), kx), int(-pad)), channel = (of: Expr, per: number) => (G > 1 ? plus(times(g, per), of) : of);
  const direct: Stage = {
    name: "conv", axes: [b, ...(G > 1 ? [g] : []), o, y, x], reduce: { op: "add", axes: [c, ky, kx] }, value: mul(at(X, b, channel(c, C), iy, ix), at(w, channel(o, N), c, ky, kx)), finish: relu(add(acc, at(bias, channel(o, N)))),
  };
  const plain: Compute = { name: "conv", origin: [], tensors: [X, bias], stages: [direct], outputs: [output(direct, "out", { shape: [B, N * G, OH, OW], layout: last, index: [b, channel(o, N), y, x] })] };
  const data: Floats = { X: noise(B * C * G * H * W, 3), W: noise(N * G * C * ry * rx, 5), bias: noise(N * G, 9) };
  const convolution: Convolution = { compute: plain, stage: direct, input: "X", shape: [B, C * G, H, W], size: [int(H), int(W)], pad: [pad, pad], kernel: [ry, rx], strides, groups: G, inputChannels: C };
  const made = winogradCompute(convolution, "U", [fy, fx]), expected = new Float32Array(B * N * G * OH * OW);
  for (let i = 0, n = 0; n < B; n++) for (let k = 0; k < N * G; k++) for (let r = 0; r < OH; r++) for (let s = 0; s < OW; s++, i++) {
    let sum = data.bias![k]!;
    for (let q = 0, q0 = Math.floor(k / N) * C; q < C; q++) for (let u = 0; u < ry; u++) for (let v = 0; v < rx; v++) {
      const p = r * sy + u - pad, t = s * sx + v - pad;
      if (p >= 0 && t >= 0 && p < H && t < W) sum += data.X![((n * C * G + q0 + q) * H + p) * W + t]! * data.W![((k * C + q) * ry + u) * rx + v]!;
    }
    expected[i] = Math.max(0, sum);
  }
  return { compute: made, data: { ...data, U: combined(transformedWeights(convolution, weightOf([N * G, C, ry, rx]), [fy, fx]), data.W!) }, expected };
}

/** Over the last dimension, in four stages. */
export function softmax(rows: number, columns: number): Problem {
  const r = axis("r", rows), k = axis("k", columns), X = tensor("X", "input", [rows, columns]);
  const top = { name: "top" }, e = { name: "e" }, sum = { name: "sum" };
  return problem(compute("softmax", [X], [
    { name: "top", axes: [r], reduce: { op: "max", axes: [k] }, value: at(X, r, k) },
    { name: "e", axes: [r, k], value: make("exp", sub(at(X, r, k), at(top, r))) },
    { name: "sum", axes: [r], reduce: { op: "add", axes: [k] }, value: at(e, r, k), finish: make("div", f32(1), acc) },
    { name: "softmax", axes: [r, k], value: mul(at(e, r, k), at(sum, r)) },
  ]), (d) => byRow(rows, columns, d.X!, (row) => {
    const exp = row.map((x) => Math.exp(x - Math.max(...row))), total = exp.reduce((a, b) => a + b, 0);
    return exp.map((x) => x / total);
  }));
}
/** Over the last dimension: two reductions, the second of what the first leaves. */
export function layernorm(rows: number, columns: number): Problem {
  const r = axis("r", rows), k = axis("k", columns), X = tensor("X", "input", [rows, columns]);
  const gamma = tensor("gamma", "weight", [columns]), beta = tensor("beta", "weight", [columns]);
  const centred = sub(at(X, r, k), at({ name: "mean" }, r)), share = f32(1 / columns);
  return problem(compute("layernorm", [X, gamma, beta], [
    { name: "mean", axes: [r], reduce: { op: "add", axes: [k] }, value: at(X, r, k), finish: mul(acc, share) },
    { name: "scale", axes: [r], reduce: { op: "add", axes: [k] }, value: mul(centred, centred), finish: make("div", f32(1), make("sqrt", add(mul(acc, share), f32(1e-5)))) },
    { name: "norm", axes: [r, k], value: add(mul(mul(centred, at({ name: "scale" }, r)), at(gamma, k)), at(beta, k)) },
  ]), (d) => byRow(rows, columns, d.X!, (row) => {
    const mean = row.reduce((a, b) => a + b, 0) / columns, variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / columns;
    return row.map((x, i) => ((x - mean) / Math.sqrt(variance + 1e-5)) * d.gamma![i]! + d.beta![i]!);
  }));
}
const byRow = (rows: number, columns: number, X: Float32Array, f: (row: readonly number[]) => readonly number[]): Float32Array =>
  Float32Array.from(Array.from({ length: rows }, (_, r) => f([...X.subarray(r * columns, (r + 1) * columns)])).flat());
/** The product of `gemm` by Strassen's algorithm; the weights come combined, under the name U. K and N are even. */
export function strassen(M: number, K: number, N: number): Problem {
  const { compute: plain, data, expected } = gemm(M, K, N), [stage] = plain.stages, [m, n] = stage!.axes as [Axis, Axis], [k] = stage!.reduce!.axes as [Axis];
  const product = { compute: plain, stage: stage!, operand: at(plain.tensors[0]!, m, k) as Load, rows: [m], n, k }, made = strassenCompute(product, "U");
  const U = combined(combinedWeights(product, weightOf([K, N]), [k, n]), data.W as Float32Array);
  return { compute: { ...made, tensors: made.tensors.filter((t) => t.name !== "W") }, data: { ...data, U }, expected };
}
