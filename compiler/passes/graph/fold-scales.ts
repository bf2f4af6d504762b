/**
 * Needs types, padding in numbers (resolve-padding), Reshape as the only reshaping operator. Ensures that BatchNormalization and
 * constant Mul, Add, Sub, Div, per channel or for all elements, vanish into the weights of the node before, or of the node
 * after (exactly: a shift only where nothing is padded); what cannot is at most one Mul and one Add. Chains are composed
 * in double precision and rounded once. After the recognisers, whose patterns hold such constants; before layouts and fusing,
 * which fuse what is left as elementwise operators.
 */
import type { Graph, ValueName } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { affineOps, chainTo, compose, isOne, isZero, linkOf, pick, type Affine, type Chain } from "./affine.ts";
import { numberOf } from "./facts.ts";
import { reshape } from "./merge-reshapes.ts";
import { forEach, rewrite, type Editor } from "./rewrite.ts";
import { foldAfter, foldBefore } from "./scale-weights.ts";

export const foldScales = (g: Graph): Graph => rewrite(g, {
  ...forEach(affineOps, foldIntoProducer),
  ...forEach(Object.keys(foldAfter), (n, e) => foldInput(n, e) ?? foldFlattened(n, e)),
});

function foldIntoProducer(n: NodeView, e: Editor): ValueName | undefined {
  const out = n.node.outputs[0]!, chain = chainTo(out, e);
  if (!chain || continues(out, chain, e)) return undefined;
  const before = e.soleMade(chain.source);
  return (before && foldBefore[before.node.op]?.(before, chain.affine, e)) ?? (isShort(chain) ? undefined : asMulAdd(n, chain, e));
}
/** Whether the only reader carries the chain on: then it does the work for all. */
function continues(out: ValueName, chain: Chain, e: Editor): boolean {
  const [reader] = e.sole(out) ? e.readers(out) : [], next = reader && linkOf(e.view(reader), e);
  return next !== undefined && next.source === out && compose(next.affine, chain.affine) !== undefined;
}
/** At most one multiplication and one addition. */
function isShort({ nodes }: Chain): boolean {
  const count = (...ops: readonly string[]) => nodes.filter((n) => ops.includes(n.op)).length;
  return count("BatchNormalization", "Div") === 0 && count("Mul") <= 1 && count("Add", "Sub") <= 1;
}
function asMulAdd(n: NodeView, { source, affine }: Chain, e: Editor): ValueName {
  const { dtype, shape } = n.outType();
  const along = affine.axis === null ? [] : shape.slice(affine.axis).map((_, i) => (i === 0 ? affine.scale.length : 1));
  const constant = (list: Float64Array) => e.constant(dtype, along, list);
  const scaled = isOne(affine.scale) ? source : e.node("Mul", [source, constant(affine.scale)]);
  return isZero(affine.shift) ? scaled : e.node("Add", [scaled, constant(affine.shift)]);
}

function foldInput(n: NodeView, e: Editor): ValueName | undefined {
  const [x] = n.node.inputs as [ValueName];
  return n.constant(1) ? alternatives(x, e, (source, a) => foldAfter[n.node.op]!(n, source, a, e)) : undefined;
}
/** A matrix product that reads [N, C, H, W] flattened to [N, C * H * W]: the factors of the channels, each for H * W columns. */
function foldFlattened(n: NodeView, e: Editor): ValueName | undefined {
  const view = n.node.op === "Gemm" || n.node.op === "MatMul" ? e.soleMade(n.node.inputs[0], "Reshape") : undefined;
  const inner = view?.type(0).shape ?? [], flat = view?.outType().shape ?? [];
  if (!view || !n.constant(1) || flat.length !== 2 || inner.length < 2 || inner[0] !== flat[0]) return undefined;
  const columns = numberOf(flat[1]), per = columns / numberOf(inner[1]);
  const repeat = (list: Float64Array) => Float64Array.from({ length: columns }, (_, i) => pick(list, Math.floor(i / per)));
  return alternatives(view.node.inputs[0]!, e, (source, a) => {
    if (a.axis !== null && a.axis !== 1) return undefined;
    return foldAfter[n.node.op]!(n, reshape(e, source, flat), { ...a, scale: repeat(a.scale), shift: repeat(a.shift) }, e);
  });
}
/** Tries the whole chain that leads to a value, then the scales at its end. */
function alternatives(v: ValueName, e: Editor, fold: (source: ValueName, a: Affine) => ValueName | undefined): ValueName | undefined {
  if (!e.sole(v)) return undefined;
  const whole = chainTo(v, e), scales = chainTo(v, e, (a) => isZero(a.shift));
  return (whole && fold(whole.source, whole.affine)) ?? (scales && fold(scales.source, scales.affine));
}
