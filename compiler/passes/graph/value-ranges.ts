/**
 * Between which numbers the elements of a value surely lie, as far as the nodes that make it tell: a Clip, a class, a size. As with sizes
 * (fold-sizes.ts) there is no line about any operator: an operator's own Compute is gone through, with ranges in the place of elements.
 */
import { extentOf, type Compute, type Stage } from "../../ir/compute.ts";
import { isSizeList, type Constant, type Node, type SizeList, type ValueName } from "../../ir/graph.ts";
import { range as rangeOfIndex } from "../../ir/linear.ts";
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
/** Nodes that are gone through for one value, and elements that are looked at. */
const mostNodes = 256, mostElements = 1 << 16;
const hull = (list: readonly Range[]): Range => (list.length ? [Math.min(...list.map((r) => r[0])), Math.max(...list.map((r) => r[1]))] : anything);
const around = (list: readonly number[]): Range => (list.some(Number.isNaN) ? anything : [Math.min(...list), Math.max(...list)]);
const isWhole = (e: Expr): boolean => e.dtype === "index" || types[e.dtype].kind === "int" || types[e.dtype].kind === "uint";

/** The range of all elements of a value. */
export function valueRange(value: ValueName, g: Made): Range {
  const seen = new Map<ValueName, Range>();
  let left = mostNodes;
  const of = (v: ValueName): Range => {
    const found = seen.get(v);
    if (found) return found;
    seen.set(v, anything);
    const result = fresh(v);
    seen.set(v, result);
    return result;
  };
  const fresh = (v: ValueName): Range => {
    const known = g.known(v), node = g.made(v);
    if (known) return isSizeList(known) ? hull(known.dims.map((d) => (typeof d === "number" ? [d, d] : rangeWithin(d, of)))) : ofData(known);
    const compute = node && left-- > 0 ? g.lowered(node) : null, out = compute?.outputs.find((o) => o.tensor === v);
    return compute && out ? computeRange(compute, out.stage, of) : anything;
  };
  return of(value);
}
function ofData(c: Constant): Range {
  if (c.data.length === 0 || c.data.length > mostElements || typeof c.data[0] === "string") return anything;
  return around(Array.from(c.data as ArrayLike<Num>, Number));
}
function computeRange(c: Compute, wanted: string, tensor: (v: ValueName) => Range): Range {
  const stages = new Map(c.stages.map((s) => [s.name, s])), seen = new Map<string, Range>();
  // What is read before it is known, as in a recurrence, may be anything.
  const read = (buffer: string): Range => {
    const s = stages.get(buffer), known = seen.get(buffer);
    if (!s) { const table = c.tensors.find((t) => t.name === buffer)?.data; return table ? around(Array.from(table as ArrayLike<Num>, Number)) : tensor(buffer); }
    if (known) return known;
    seen.set(buffer, anything);
    const found = stageRange(s, read);
    seen.set(buffer, found);
    return found;
  };
  return read(wanted);
}
function stageRange(s: Stage, read: (buffer: string) => Range): Range {
  const value = (acc: Range): Range => {
    if (!s.reduce) return rangeWithin(s.value, read);
    if (s.reduce.op !== "max" && s.reduce.op !== "min" && s.reduce.op !== "add") return anything;
    const [low, high] = rangeWithin(s.value, read, acc), count = s.reduce.axes.reduce((n, a) => n * extentOf(a), 1);
    return s.reduce.op === "add" ? [Math.min(0, low * count), Math.max(0, high * count)] : [low, high];
  };
  const found = value(anything);
  return s.finish ? rangeWithin(s.finish, read, found) : found;
}

/** What an expression can be, where loads are from these ranges. */
export function rangeWithin(e: Expr, read: (buffer: string) => Range, acc: Range = anything): Range {
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
      case "load": return read(x.buffer);
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
