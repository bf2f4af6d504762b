/**
 * Needs types, constants folded, equal nodes merged, reshapes in one form. Ensures that normalisations which an exporter took
 * apart are one operator: LayerNormalization and RMSNormalization over trailing axes, GroupNormalization where it was written
 * as InstanceNormalization between two reshapes. Scale and bias are left as Mul and Add, which fold-scales takes in.
 * Before the passes that move constants or transposes through such patterns.
 */
import { sizeOf, type Graph, type ValueName } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { sameShape } from "./editor.ts";
import { numberOf, numbersOf, reducedAxes } from "./facts.ts";
import { rewrite, type Editor } from "./rewrite.ts";

export const recogniseNorms = (g: Graph): Graph => rewrite(g, {
  Div: (n, e) => { const [x, root] = n.node.inputs; return normalised(x!, rootOf(root, e), e); },
  Mul: (n, e) => {
    const [a, b] = n.node.inputs;
    return normalised(a!, inverseRootOf(b, e), e) ?? normalised(b!, inverseRootOf(a, e), e);
  },
  Reshape: groups,
});

/** The value under a square root. */
function rootOf(v: ValueName | undefined, e: Editor): ValueName | undefined {
  const pow = e.made(v, "Pow");
  return e.made(v, "Sqrt")?.node.inputs[0] ?? (pow && e.uniform(pow.node.inputs[1]) === 0.5 ? pow.node.inputs[0] : undefined);
}
function inverseRootOf(v: ValueName | undefined, e: Editor): ValueName | undefined {
  const n = e.made(v), [a, b] = n?.node.inputs ?? [];
  switch (n?.node.op) {
    case "Reciprocal": return rootOf(a, e);
    case "Div": return e.uniform(a) === 1 ? rootOf(b, e) : undefined;
    case "Pow": return e.uniform(b) === -0.5 ? a : undefined;
    default: return undefined;
  }
}
/** `top` over the root of `mean of squares + epsilon`, where the squares are those of `top`. */
function normalised(top: ValueName, under: ValueName | undefined, e: Editor): ValueName | undefined {
  const [a, b] = e.made(under, "Add")?.node.inputs ?? [], epsilon = e.uniform(b) ?? e.uniform(a);
  const spread = meanOf(e.uniform(b) === undefined ? b : a, e);
  if (!spread || epsilon === undefined || epsilon < 0) return undefined;
  const squared = squareOf(spread.of, e), centred = e.made(top, "Sub"), [x, mean] = centred?.node.inputs ?? [], centre = meanOf(mean, e);
  const { shape } = e.typeOf(top), axis = spread.axes[0]!;
  if (squared !== top || axis === undefined || spread.axes.length !== shape.length - axis) return undefined;
  const inner = numbersOf(shape.slice(axis)), scale = e.constant(e.typeOf(top).dtype, inner, new Array<number>(sizeOf(inner)).fill(1));
  if (x && centre && centre.of === x && sameShape(centre.axes, spread.axes) && sameShape(e.typeOf(x).shape, shape)) {
    return e.node("LayerNormalization", [x, scale], { axis, epsilon });
  }
  return e.node("RMSNormalization", [top, scale], { axis, epsilon });
}
/** What is averaged, and over which axes; the mean keeps them. */
function meanOf(v: ValueName | undefined, e: Editor): { readonly of: ValueName; readonly axes: readonly number[] } | undefined {
  const n = e.made(v, "ReduceMean"), axes = n?.int("keepdims") ? reducedAxes(n) : undefined;
  return n && axes ? { of: n.node.inputs[0]!, axes } : undefined;
}
function squareOf(v: ValueName, e: Editor): ValueName | undefined {
  const n = e.made(v), [a, b] = n?.node.inputs ?? [];
  return (n?.node.op === "Mul" && a === b) || (n?.node.op === "Pow" && e.uniform(b) === 2) ? a : undefined;
}

/** Reshape to [N, groups, rest], InstanceNormalization, and back. */
function groups(n: NodeView, e: Editor): ValueName | undefined {
  const norm = e.made(n.node.inputs[0], "InstanceNormalization"), before = norm && e.made(norm.node.inputs[0], "Reshape"), { shape } = n.outType();
  const scale = norm?.constant(1), bias = norm?.constant(2);
  if (!norm || !before || !scale || !bias || shape.length < 3) return undefined;
  if (!sameShape(before.type(0).shape, shape) || norm.type(0).shape[0] !== shape[0]) return undefined;
  const count = numberOf(norm.type(0).shape[1]), channels = numberOf(shape[1]);
  if (channels % count !== 0) return undefined;
  const each = (c: { readonly data: ArrayLike<number | bigint> }) =>
    e.constant(n.outType().dtype, [channels], Array.from({ length: channels }, (_, i) => c.data[Math.floor((i * count) / channels)]!));
  return e.node("GroupNormalization", [before.node.inputs[0]!, each(scale), each(bias)], { num_groups: count, epsilon: norm.float("epsilon") });
}
