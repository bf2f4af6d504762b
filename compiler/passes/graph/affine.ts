/** y = x * scale + shift with constants, one pair for all elements or one for each index along one axis. */
import { isFloat } from "../../ir/types.ts";
import type { Constant, Dim, Node, ValueName } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { sameType } from "./editor.ts";
import type { Editor } from "./rewrite.ts";

/** y = x * scale + shift. */
export interface Affine {
  /** Along which axis the numbers vary; null where there is one of each. */
  readonly axis: number | null;
  /** In double precision; 1 element, or one per index along the axis. */
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}
/** What a node does to one of its inputs. */
interface Link { readonly source: ValueName; readonly affine: Affine; readonly node: Node }
/** Links from the last node up. */
export interface Chain { readonly source: ValueName; readonly affine: Affine; readonly nodes: readonly Node[] }

/** Operators that may be affine. */
export const affineOps = ["BatchNormalization", "Mul", "Div", "Add", "Sub"] as const;
/** Whether the numbers, as a scale, change nothing. */
export const isOne = (list: Float64Array): boolean => list.every((x) => x === 1);
/** Whether the numbers, as a shift, change nothing. */
export const isZero = (list: Float64Array): boolean => list.every((x) => x === 0);
const isFinite_ = (a: Affine): boolean => a.scale.every(Number.isFinite) && a.shift.every(Number.isFinite);
/** Element `i` of a list that may stand for all. */
export const pick = (list: Float64Array, i: number): number => list[list.length === 1 ? 0 : i]!;
/** The list with one number for each index, where it may stand for all by one. */
export const spread = (list: Float64Array, length: number): Float64Array => (list.length === length ? list : new Float64Array(length).fill(list[0]!));

/** `outer` after `inner`; undefined where they vary along different axes. */
export function compose(outer: Affine, inner: Affine): Affine | undefined {
  if (outer.axis !== null && inner.axis !== null && outer.axis !== inner.axis) return undefined;
  const scale = new Float64Array(Math.max(outer.scale.length, inner.scale.length)), shift = new Float64Array(scale.length);
  for (let i = 0; i < scale.length; i++) {
    const s = pick(outer.scale, i);
    scale[i] = s * pick(inner.scale, i);
    shift[i] = s * pick(inner.shift, i) + pick(outer.shift, i);
  }
  return { axis: outer.axis ?? inner.axis, scale, shift };
}

/** What a node does to its input, where that is affine with finite constants. */
export function linkOf(n: NodeView | undefined, e: Editor): Link | undefined {
  if (!n || !(affineOps as readonly string[]).includes(n.node.op) || !isFloat(n.outType().dtype)) return undefined;
  const found = n.node.op === "BatchNormalization" ? normalization(n) : withConstant(n, e);
  return found && isFinite_(found.affine) ? { ...found, node: n.node } : undefined;
}
function normalization(n: NodeView): Omit<Link, "node"> | undefined {
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => n.constant(i)?.data as Float32Array | undefined);
  if (!gamma || !beta || !mean || !variance || n.int("training_mode") || n.type(0).shape.length < 2) return undefined;
  if (n.node.outputs.slice(1).some(Boolean)) return undefined;
  const scale = new Float64Array(gamma.length), shift = new Float64Array(gamma.length), epsilon = n.float("epsilon");
  for (let i = 0; i < scale.length; i++) {
    scale[i] = gamma[i]! / Math.sqrt(variance[i]! + epsilon);
    shift[i] = beta[i]! - mean[i]! * scale[i]!;
  }
  return { source: n.node.inputs[0]!, affine: { axis: 1, scale, shift } };
}
function withConstant(n: NodeView, e: Editor): Omit<Link, "node"> | undefined {
  const [a, b] = n.node.inputs as [ValueName, ValueName], left = e.constantOf(a), right = e.constantOf(b);
  if (!left === !right) return undefined;
  const i = left ? 1 : 0, along = alongOneAxis((left ?? right)!, n.outType().shape);
  if (!along || !sameType(n.type(i), n.outType())) return undefined;
  const c = along.values, ones = new Float64Array(c.length).fill(1), source = n.node.inputs[i]!, { axis } = along;
  const affine = (scale: Float64Array, shift: Float64Array) => ({ source, affine: { axis, scale, shift } });
  switch (n.node.op) {
    case "Mul": return affine(c, new Float64Array(c.length));
    case "Add": return affine(ones, c);
    case "Sub": return left ? affine(ones.map((x) => -x), c) : affine(ones, c.map((x) => -x));
    case "Div": return left ? undefined : affine(c.map((x) => 1 / x), new Float64Array(c.length));
    default: return undefined;
  }
}
/** The elements of a constant that, broadcast to this shape, varies along at most one axis. */
function alongOneAxis(c: Constant, shape: readonly Dim[]): { readonly axis: number | null; readonly values: Float64Array } | undefined {
  const long = c.shape.flatMap((d, i) => (d === 1 ? [] : [i + shape.length - c.shape.length]));
  if (long.length > 1 || c.shape.length > shape.length || c.data.length === 0) return undefined;
  return { axis: long[0] ?? null, values: Float64Array.from(c.data as Float32Array) };
}

/**
 * The affine nodes that lead to a value, composed, as far up as each is read by the next alone and `accept` takes it;
 * undefined where there is none. The value itself may have any readers.
 */
export function chainTo(v: ValueName, e: Editor, accept: (a: Affine) => boolean = () => true): Chain | undefined {
  let chain: Chain | undefined;
  for (let link = linkOf(e.made(v), e); link && accept(link.affine); link = e.sole(link.source) ? linkOf(e.made(link.source), e) : undefined) {
    const affine: Affine | undefined = chain ? compose(chain.affine, link.affine) : link.affine;
    if (!affine) break;
    chain = { source: link.source, affine, nodes: [...(chain?.nodes ?? []), link.node] };
  }
  return chain;
}
