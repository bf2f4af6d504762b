/**
 * Between which numbers the elements of a value surely lie, as far as the nodes that make it tell: a Clip, a class, a size. As with sizes
 * (fold-sizes.ts) there is no line about any operator: an operator's own Compute is gone through, with ranges in the place of elements. One element is
 * followed for itself as long as indices are known, so that the larger of a number and 1, as ReduceMax of a Concat, is 1 at least.
 */
import { substitute } from "../../ir/algebra.ts";
import { extentOf, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { isSizeList, type Constant, type Node, type SizeList, type ValueName } from "../../ir/graph.ts";
import { int, range as rangeOfIndex } from "../../ir/linear.ts";
import type { Expr, Range } from "../../ir/scalar.ts";
import { types, type Num } from "../../ir/types.ts";

/** What is asked of the graph: how a value is made, what is known of it, and what makes its elements. */
export interface Made {
  readonly made: (v: ValueName) => Node | undefined;
  readonly known: (v: ValueName) => Constant | SizeList | undefined;
  readonly lowered: (n: Node) => Compute | null;
}
/** Nothing is known. */
const anything: Range = [-Infinity, Infinity];
/** Which element of a tensor, by its index; null: any. */
type Element = readonly number[] | null;
type Read = (buffer: string, at: Element) => Range;
/** Nodes that are gone through for one value, elements that are looked at, and terms of a reduction that are told apart. */
const mostNodes = 4096, mostElements = 1 << 16, mostTerms = 16;
const hull = (list: readonly Range[]): Range => (list.length ? [Math.min(...list.map((r) => r[0])), Math.max(...list.map((r) => r[1]))] : anything);
const around = (list: readonly number[]): Range => (list.some(Number.isNaN) ? anything : [Math.min(...list), Math.max(...list)]);
const isWhole = (e: Expr): boolean => e.dtype === "index" || types[e.dtype].kind === "int" || types[e.dtype].kind === "uint";

/** The range of an element of a value, or of all of them. */
export function valueRange(value: ValueName, element: Element, g: Made): Range {
  const seen = new Map<string, Range>();
  let left = mostNodes;
  const of: Read = (v, at) => {
    const key = keyOf(v, at), found = seen.get(key);
    if (found) return found;
    seen.set(key, anything);
    const result = fresh(v, at);
    seen.set(key, result);
    return result;
  };
  const fresh: Read = (v, at) => {
    const known = g.known(v), node = g.made(v);
    if (known) return isSizeList(known) ? hull(known.dims.filter((_, i) => !at?.length || i === at[0]).map((d) => (typeof d === "number" ? [d, d] : rangeWithin(d, of)))) : ofData(known, at);
    const compute = node && left-- > 0 ? g.lowered(node) : null, out = compute?.outputs.find((o) => o.tensor === v);
    return compute && out ? computeRange(compute, out.stage, out.index ? null : at, of) : anything;
  };
  return of(value, element);
}
const keyOf = (name: string, at: Element): string => (at ? `${name} ${at.join()}` : name);
function ofData({ data, shape }: Constant, at: Element): Range {
  if (data.length === 0 || typeof data[0] === "string") return anything;
  const list = data as ArrayLike<Num>;
  if (at) return around([Number(list[at.reduce((sum, i, d) => sum * shape[d]! + i, 0)])]);
  return data.length > mostElements ? anything : around(Array.from(list, Number));
}
function computeRange(c: Compute, wanted: string, element: Element, tensor: Read): Range {
  const stages = new Map(c.stages.map((s) => [s.name, s])), seen = new Map<string, Range>();
  // What is read before it is known, as in a recurrence, may be anything.
  const read: Read = (buffer, at) => {
    const s = stages.get(buffer), key = keyOf(buffer, at), known = seen.get(key);
    if (!s) { const table = c.tensors.find((t) => t.name === buffer)?.data; return table ? around(Array.from(table as ArrayLike<Num>, Number)) : tensor(buffer, at); }
    if (known) return known;
    seen.set(key, anything);
    const found = stageRange(s, at, read);
    seen.set(key, found);
    return found;
  };
  return read(wanted, element);
}
function stageRange(s: Stage, element: Element, read: Read): Range {
  const at = (e: Expr, axes: readonly Axis[], index: Element): Expr => (index?.length ? substitute(e, new Map(axes.map((a, d) => [a.name, int(index[d]!)]))) : e);
  const value = at(s.value, s.axes, element), reduced = (): Range => {
    const { op, axes, ends } = s.reduce!, count = axes.reduce((n, a) => n * extentOf(a), 1);
    if (op !== "max" && op !== "min" && op !== "add") return anything;
    if (element && !ends && count <= mostTerms && count > 0) {
      const terms = places(axes).map((place) => rangeWithin(at(value, axes, place), read));
      return op === "add" ? terms.reduce(([a, b], [c, d]) => [a + c, b + d]) : [Math[op](...terms.map((r) => r[0])), Math[op](...terms.map((r) => r[1]))];
    }
    const [low, high] = rangeWithin(value, read);
    return op === "add" ? [Math.min(0, low * count), Math.max(0, high * count)] : [low, high];
  };
  const found = s.reduce ? reduced() : rangeWithin(value, read);
  return s.finish ? rangeWithin(at(s.finish, s.axes, element), read, found) : found;
}
/** All indices over some axes. */
const places = (axes: readonly Axis[]): readonly (readonly number[])[] =>
  axes.reduce<readonly (readonly number[])[]>((list, a) => list.flatMap((place) => Array.from({ length: extentOf(a) }, (_, i) => [...place, i])), [[]]);

const constants = (index: readonly Expr[]): Element => {
  const list = index.flatMap((i) => (i.kind === "const" ? [Number(i.value)] : []));
  return list.length === index.length ? list : null;
};
/** What an expression can be, where loads are from these ranges. */
export function rangeWithin(e: Expr, read: Read, acc: Range = anything): Range {
  const seen = new Map<Expr, Range>();
  const of = (x: Expr): Range => {
    let found = seen.get(x);
    if (!found) seen.set(x, (found = plain(x)));
    return found;
  };
  const plain = (x: Expr): Range => {
    switch (x.kind) {
      case "const": { const n = Number(x.value); return Number.isNaN(n) ? anything : [n, n]; }
      case "var": return x.name === "acc" && !x.param ? acc : x.range ?? anything;
      case "load": return read(x.buffer, constants(x.at));
      case "cast": { const [low, high] = of(x.arg); return x.dtype === "bool" ? [0, 1] : isWhole(x) && !isWhole(x.arg) ? [Math.floor(low), Math.ceil(high)] : [low, high]; }
      case "apply": return applied(x);
      default: return anything;
    }
  };
  const applied = (x: Expr & { readonly kind: "apply" }): Range => {
    if (x.dtype === "bool") return [0, 1];
    if (x.op === "select") return hull([of(x.args[1]!), of(x.args[2]!)]);
    const [a, b] = x.args.map(of) as [Range, Range], corners = (f: (p: number, q: number) => number) => around([f(a[0], b[0]), f(a[0], b[1]), f(a[1], b[0]), f(a[1], b[1])]);
    switch (x.op) {
      case "add": return around([a[0] + b[0], a[1] + b[1]]);
      case "sub": return around([a[0] - b[1], a[1] - b[0]]);
      case "mul": return corners((p, q) => p * q);
      case "div": return b[0] > 0 || b[1] < 0 ? isWhole(x) ? rounded(corners((p, q) => p / q)) : corners((p, q) => p / q) : anything;
      case "min": return [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
      case "max": return [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
      case "neg": return [-a[1], -a[0]];
      case "abs": return [Math.max(0, a[0], -a[1]), Math.max(-a[0], a[1])];
      case "floor": case "ceil": case "trunc": case "round": return rounded(a);
      case "exp": return [Math.exp(a[0]), Math.exp(a[1])];
      case "sqrt": return a[0] >= 0 ? [Math.sqrt(a[0]), Math.sqrt(a[1])] : anything;
      case "quo": case "rem": return x.dtype === "index" ? rangeOfIndex(x) : anything;
      default: return anything;
    }
  };
  return of(e);
}
const rounded = ([low, high]: Range): Range => [Math.floor(low), Math.ceil(high)];
