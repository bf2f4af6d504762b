/**
 * Affine maps inside the weights of the node before or after them. Computed in double precision, rounded once. Weights are
 * copied, never changed, since other nodes may read them.
 */
import { constantOf, sizeOf, type Constant, type ValueName } from "../../ir/graph.ts";
import { newArray } from "../../ir/types.ts";
import type { NodeView } from "../../ops/op.ts";
import { numberOf } from "./facts.ts";
import { isOne, isZero, pick, spread, type Affine } from "./affine.ts";
import type { Editor } from "./rewrite.ts";

type Floats = Float32Array | Float64Array;
const floats = (c: Constant): Floats => c.data as Floats;

/** The constant with element `i` times `factor[floor(i / inner) % count]`: along an axis of `count` with `inner` elements behind it. */
export function scaleAlong(c: Constant, factor: Float64Array, count: number, inner: number): Constant {
  const from = floats(c), to = newArray(c.dtype, from.length) as Floats;
  const list = spread(factor, count);
  for (let start = 0; start < from.length;) {
    if (inner === 1) {
      for (let k = 0; k < count; k++) to[start + k] = from[start + k]! * list[k]!;
      start += count;
      continue;
    }
    for (let k = 0; k < count; k++) {
      const f = list[k]!, end = start + inner;
      for (let i = start; i < end; i++) to[i] = from[i]! * f;
      start = end;
    }
  }
  return constantOf(c.dtype, c.shape, to);
}
/** bias * scale + shift; "" where that is no bias at all. */
function moveBias(e: Editor, n: NodeView, input: number, count: number, a: Affine): ValueName | undefined {
  const bias = n.has(input) ? n.constant(input) : null;
  if (bias === undefined) return undefined;
  if (bias && ((bias.data.length !== 1 && bias.data.length !== count) || bias.shape.slice(0, -1).some((d) => d !== 1))) return undefined;
  if (!bias && isZero(a.shift)) return "";
  const out = newArray(n.outType().dtype, count) as Floats, old = bias ? Float64Array.from(floats(bias)) : new Float64Array(1);
  for (let i = 0; i < count; i++) out[i] = pick(old, i) * pick(a.scale, i) + pick(a.shift, i);
  return e.give(constantOf(n.outType().dtype, [count], out), "bias");
}
const along = (a: Affine, axis: number): boolean => a.axis === null || a.axis === axis;
const weight = (e: Editor, c: Constant): ValueName => e.give(c, "weight");

/** The node with `a` applied to its result, all inside its constants; undefined where that cannot be. */
export const foldBefore: Readonly<Record<string, (n: NodeView, a: Affine, e: Editor) => ValueName | undefined>> = {
  Conv: (n, a, e) => {
    const W = n.constant(1), bias = W && along(a, 1) ? moveBias(e, n, 2, W.shape[0]!, a) : undefined;
    if (!W || bias === undefined) return undefined;
    return e.node("Conv", [n.node.inputs[0]!, weight(e, scaleAlong(W, a.scale, W.shape[0]!, sizeOf(W.shape.slice(1)))), bias], n.node.attributes);
  },
  ConvTranspose: (n, a, e) => {
    const W = n.constant(1), group = n.int("group"), per = W?.shape[1] ?? 0, bias = W && along(a, 1) ? moveBias(e, n, 2, per * group, a) : undefined;
    if (!W || bias === undefined) return undefined;
    const inner = sizeOf(W.shape.slice(2)), part = W.data.length / group, data = newArray(W.dtype, W.data.length) as Floats;
    for (let g = 0; g < group; g++) {
      const piece = constantOf(W.dtype, [part], floats(W).subarray(g * part, (g + 1) * part));
      data.set(floats(scaleAlong(piece, a.scale.length === 1 ? a.scale : a.scale.subarray(g * per, (g + 1) * per), per, inner)), g * part);
    }
    return e.node("ConvTranspose", [n.node.inputs[0]!, weight(e, constantOf(W.dtype, W.shape, data)), bias], n.node.attributes);
  },
  Gemm: (n, a, e) => {
    const B = n.constant(1), N = numberOf(n.outType().shape[1]), beta = n.float("beta");
    const bias = B && along(a, 1) ? moveBias(e, n, 2, N, { ...a, scale: a.scale.map((s) => s * beta) }) : undefined;
    if (!B || bias === undefined) return undefined;
    const scaled = scaleAlong(B, a.scale, N, n.int("transB") ? B.shape[1]! : 1);
    return e.node("Gemm", [n.node.inputs[0]!, weight(e, scaled), bias], { ...n.node.attributes, beta: 1 });
  },
  MatMul: (n, a, e) => {
    const B = n.constant(1), N = B?.shape.at(-1) ?? 0, rank = n.outType().shape.length;
    if (!B || B.shape.length < 2 || n.type(0).shape.length < 2 || !along(a, rank - 1)) return undefined;
    const W = isOne(a.scale) ? n.node.inputs[1]! : weight(e, scaleAlong(B, a.scale, N, 1)), A = n.node.inputs[0]!;
    if (isZero(a.shift)) return e.node("MatMul", [A, W]);
    const bias = e.constant(B.dtype, [N], spread(a.shift, N));
    if (rank === 2) return e.node("Gemm", [A, W, bias]);
    return isOne(a.scale) ? undefined : e.node("Add", [e.node("MatMul", [A, W]), bias]);
  },
  LayerNormalization: (n, a, e) => {
    const { shape } = n.type(0), count = numberOf(shape.at(-1)), scale = n.constant(1), axis = n.axis(n.int("axis"), shape.length);
    if (!scale || axis !== shape.length - 1 || !along(a, axis) || n.node.outputs.slice(1).some((o) => e.wanted(o))) return undefined;
    const bias = moveBias(e, n, 2, count, a), factor = weight(e, stretched(scale, a, count));
    return bias === undefined ? undefined : e.node("LayerNormalization", [n.node.inputs[0]!, factor, bias], n.node.attributes);
  },
  RMSNormalization: (n, a, e) => {
    const { shape } = n.type(0), count = numberOf(shape.at(-1)), scale = n.constant(1), axis = n.axis(n.int("axis"), shape.length);
    if (!scale || axis !== shape.length - 1 || !along(a, axis) || !isZero(a.shift)) return undefined;
    return e.node("RMSNormalization", [n.node.inputs[0]!, weight(e, stretched(scale, a, count))], n.node.attributes);
  },
  InstanceNormalization: perChannel, GroupNormalization: perChannel,
};
function perChannel(n: NodeView, a: Affine, e: Editor): ValueName | undefined {
  const count = numberOf(n.type(0).shape[1]), scale = n.constant(1), bias = scale && along(a, 1) ? moveBias(e, n, 2, count, a) : undefined;
  if (!scale || bias === undefined) return undefined;
  return e.node(n.node.op, [n.node.inputs[0]!, weight(e, stretched(scale, a, count)), bias], n.node.attributes);
}
/** A constant of one element or `count` of them, times the scale, with `count` elements. */
function stretched(c: Constant, a: Affine, count: number): Constant {
  const whole = constantOf(c.dtype, [count], c.data.length === count ? c.data : (newArray(c.dtype, count) as Floats).fill(floats(c)[0]!));
  return scaleAlong(whole, a.scale, count, 1);
}

/**
 * The node reading `source` instead of `source * scale + shift`. A shift goes into the bias, so it needs windows without
 * padding; undefined where it cannot be.
 */
export const foldAfter: Readonly<Record<string, (n: NodeView, source: ValueName, a: Affine, e: Editor) => ValueName | undefined>> = {
  Conv: (n, source, a, e) => {
    const W = n.constant(1);
    if (!W || !along(a, 1) || (!isZero(a.shift) && hasPadding(n))) return undefined;
    const [M, per] = W.shape as [number, number], group = n.int("group"), taps = sizeOf(W.shape.slice(2));
    const from = floats(W), to = newArray(W.dtype, from.length) as Floats;
    const added = new Float64Array(M);
    for (let m = 0, i = 0; m < M; m++) {
      for (let j = 0, c = Math.floor(m / (M / group)) * per; j < per; j++, c++) {
        const s = pick(a.scale, c), end = i + taps;
        let sum = 0;
        for (; i < end; i++) { to[i] = from[i]! * s; sum += from[i]!; }
        added[m]! += sum * pick(a.shift, c);
      }
    }
    const bias = moveBias(e, n, 2, M, { axis: 1, scale: new Float64Array(1).fill(1), shift: added });
    return bias === undefined ? undefined : e.node("Conv", [source, weight(e, constantOf(W.dtype, W.shape, to)), bias], n.node.attributes);
  },
  ConvTranspose: (n, source, a, e) => {
    const W = n.constant(1);
    if (!W || !along(a, 1) || !isZero(a.shift)) return undefined;
    const scaled = scaleAlong(W, a.scale, W.shape[0]!, sizeOf(W.shape.slice(1)));
    return e.node("ConvTranspose", [source, weight(e, scaled), ...n.node.inputs.slice(2)], n.node.attributes);
  },
  Gemm: (n, source, a, e) => {
    const B = n.constant(1), N = numberOf(n.outType().shape[1]), transB = n.int("transB") !== 0;
    if (!B || !along(a, 1) || n.int("transA")) return undefined;
    const alpha = n.float("alpha"), beta = n.float("beta"), K = numberOf(n.type(0).shape[1]), added = columnSums(B, K, N, transB, a.shift).map((x) => x * alpha);
    const bias = moveBias(e, n, 2, N, { axis: 1, scale: new Float64Array(1).fill(beta), shift: added });
    if (bias === undefined) return undefined;
    return e.node("Gemm", [source, weight(e, scaleAlong(B, a.scale, K, transB ? 1 : N)), bias], { ...n.node.attributes, beta: 1 });
  },
  MatMul: (n, source, a, e) => {
    const B = n.constant(1), rank = n.type(0).shape.length;
    if (B?.shape.length !== 2 || rank < 2 || !along(a, rank - 1)) return undefined;
    const [K, N] = B.shape as [number, number], W = isOne(a.scale) ? n.node.inputs[1]! : weight(e, scaleAlong(B, a.scale, K, N));
    if (isZero(a.shift)) return e.node("MatMul", [source, W]);
    const bias = e.constant(B.dtype, [N], columnSums(B, K, N, false, a.shift));
    return rank === 2 ? e.node("Gemm", [source, W, bias]) : e.node("Add", [e.node("MatMul", [source, W]), bias]);
  },
};
/** shift times matrix: one sum per column. */
function columnSums(B: Constant, K: number, N: number, transposed: boolean, shift: Float64Array): Float64Array {
  const out = new Float64Array(N), data = floats(B);
  if (isZero(shift)) return out;
  for (let k = 0; k < K; k++) {
    const t = pick(shift, k);
    if (transposed) for (let j = 0; j < N; j++) out[j]! += data[j * K + k]! * t;
    else for (let j = 0; j < N; j++) out[j]! += data[k * N + j]! * t;
  }
  return out;
}
const hasPadding = (n: NodeView): boolean =>
  !["NOTSET", "VALID"].includes(n.string("auto_pad")) || (n.string("auto_pad") === "NOTSET" && (n.intsOr("pads") ?? []).some((p) => p !== 0));
