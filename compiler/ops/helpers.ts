/** What entries share: checks with messages, broadcasting, and index arithmetic over known and run-time operands. */
import { constant, show, variable, type Const, type Expr } from "../ir/scalar.ts";
import { int, minus, plus, range, times } from "../ir/linear.ts";
import { convert, less, make, rebuild, select } from "../ir/algebra.ts";
import { elementTypes, types, type DType, type Num } from "../ir/types.ts";
import { isSizeList, sizeOf, type Dim, type TensorType, type ValueType } from "../ir/graph.ts";
import { nameOfSymbol } from "../ir/symbols.ts";
import type { Compute, Output, Stage, Tensor } from "../ir/compute.ts";
import { sizeExpr, type NodeView } from "./op.ts";

/** Types that are computed with: 8-bit floats and what is smaller than a byte are only converted and moved. */
const ofKind = (...kinds: readonly string[]): readonly DType[] => elementTypes.filter((t) => kinds.includes(types[t].kind) && types[t].bits >= (types[t].kind === "float" ? 16 : 8));
/** The float types. */
export const floats = ofKind("float");
/** The integer types, signed and unsigned. */
export const integers = ofKind("int", "uint");
/** The unsigned integer types. */
export const unsigned = ofKind("uint");
/** All types but bool. */
export const numbers = ofKind("float", "int", "uint");
/** Types that have negative values. */
export const signedNumbers = ofKind("float", "int");
/** Every type a tensor can have. */
export const anyType: readonly DType[] = [...elementTypes, "string"];
/** What ONNX allows for sizes, axes and other lists of indices. */
export const indices: readonly DType[] = ["i32", "i64"];

/** Fails unless input `i` is absent or has one of these types; returns nothing. */
export function expectType(n: NodeView, i: number, allowed: readonly DType[]): void {
  const t = n.inputs[i];
  if (t && !allowed.includes(t.dtype)) {
    n.fail(`input ${i} (${n.node.inputs[i]}) has type ${t.dtype}; ${n.op.name} takes ${allowed.join(", ")}`, "put a Cast in front of it");
  }
}
/** Fails unless all given inputs from `first` on have the type of input `first`. */
export function expectSameType(n: NodeView, first = 0, last = n.inputs.length - 1): void {
  const { dtype } = n.type(first);
  for (let i = first + 1; i <= last; i++) {
    const t = n.inputs[i];
    if (t && t.dtype !== dtype) {
      n.fail(`inputs ${first} and ${i} have types ${dtype} and ${t.dtype}, but must have the same`, "put a Cast in front of one");
    }
  }
}
/** Fails unless input `i` is absent or of this rank. */
export function expectRank(n: NodeView, i: number, rank: number, what = `input ${i}`): void {
  const t = n.inputs[i];
  if (t && t.shape.length !== rank) n.fail(`${what} has shape ${showShape(t.shape)}, but must have rank ${rank}`);
}
/** A size in messages. */
export const showDim = (d: Dim): string => (typeof d === "number" ? `${d}` : show(rebuild(d, (v) => (v.kind === "var" ? variable("index", nameOfSymbol(v.name)) : v))));
/** A shape in messages. */
export const showShape = (shape: readonly Dim[]): string => `[${shape.map(showDim).join(", ")}]`;

/**
 * The shape that these shapes broadcast to, by NumPy's rule. A size known only at run time goes with an equal one, which a run will
 * have to have, or with 1; it is not stretched itself.
 */
export function broadcastShapes<D extends Dim>(n: NodeView, shapes: readonly (readonly D[])[]): readonly D[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, d) => {
    const sizes = [...new Set(shapes.map((s) => s[d - rank + s.length] ?? (1 as D)).filter((size) => size !== 1))];
    // The one with the smallest bound, which indices of all reach.
    const size = sizes.reduce((a, b) => (boundDim(b) < boundDim(a) ? b : a), sizes[0] ?? (1 as D));
    if (!sizes.every((s) => n.same(s, size))) {
      n.fail(`shapes ${shapes.map(showShape).join(" and ")} do not broadcast: dimension ${d - rank} is ${sizes.map(showDim).join(" and ")}`);
    }
    return size;
  });
}
/** The broadcast shape of all given inputs from `first` on. */
export const broadcastInputs = (n: NodeView, first = 0): readonly Dim[] =>
  broadcastShapes(n, n.inputs.slice(first).flatMap((t) => (t ? [t.shape] : [])));

/** A constant of the type of `x`. */
export const like = (x: Expr, value: Num): Const => constant(x.dtype, value);
/** The only value of input `i`, where it is known and all its elements are equal (of at most 64). */
export function uniform(n: NodeView, i: number): Num | undefined {
  const c = n.has(i) ? n.constant(i) : undefined;
  if (!c || c.data.length === 0 || c.data.length > 64) return undefined;
  return (c.data as ArrayLike<Num> & { every(f: (x: Num) => boolean): boolean }).every((x) => Object.is(x, c.data[0])) ? c.data[0] : undefined;
}
/** The element of input `i` that belongs to an index of a shape it broadcasts to; a number where that is known. */
export function operand(n: NodeView, i: number, index: readonly Expr[]): Expr {
  const value = uniform(n, i), { dtype } = n.type(i), known = n.value(i);
  if (known && isSizeList(known) && known.dims.length === 1) return convert(dtype, sizeExpr(known.dims[0]!));
  return value === undefined ? n.broadcast(i, index) : constant(dtype, value);
}
/** Sorted axes without repetitions, counted from the front. */
export function axesOf(n: NodeView, axes: readonly number[], rank: number): readonly number[] {
  const list = axes.map((a) => n.axis(a, rank)).sort((a, b) => a - b);
  return list.every((a, i) => a !== list[i - 1]) ? list : n.fail(`axes ${showShape(axes)} name one axis twice`);
}

/** Element `k` of a list (or the only element of a scalar) as an index: a number where it is known at compile time. */
export function indexAt(n: NodeView, i: number, k = 0): Expr {
  return n.value(i) ? sizeExpr(n.sizes(i)![k]!) : convert("index", n.load(i, n.type(i).shape.map((_, d) => int(d === 0 ? k : 0))));
}
/** A negative index counts from the end of `size` elements. */
export const fromEnd = (index: Expr, size: Dim): Expr => select(less(index, int(0)), plus(index, sizeExpr(size)), index);
/** low <= result <= high; a certain index stays as it is. */
export const clamp = (index: Expr, low: Dim, high: Dim): Expr => make("min", make("max", index, sizeExpr(low)), sizeExpr(high));
/** An index of `size` elements that run time could send outside: it reads at the border then. A certain one stays as it is. */
export const bounded = (index: Expr, size: Dim): Expr => clamp(index, 0, largest(0, lessDim(size, 1)));
/** A run-time index into `size` elements: negative ones count from the end, and none leaves the tensor. */
export const runtimeIndex = (value: Expr, size: Dim): Expr => bounded(fromEnd(convert("index", value), size), size);
/**
 * What list `values` says about each axis of a tensor of this rank; `axes` is the input that names the axes it speaks of
 * (the first ones, in order, where it is not given). Both may be run-time operands.
 */
export function perAxis(n: NodeView, values: number, axes: number, rank: number, otherwise: Dim, offset = 0): readonly Expr[] {
  const count = n.has(axes) ? sizeOf(n.in(axes).shape) : Math.min(rank, sizeOf(n.in(values).shape));
  const named = Array.from({ length: count }, (_, k) => (n.has(axes) ? fromEnd(indexAt(n, axes, k), rank) : int(k)));
  return Array.from({ length: rank }, (_, d) => named.reduce<Expr>((rest, axis, k) =>
    select(make("equal", axis, int(d)), indexAt(n, values, k + offset * count), rest), sizeExpr(otherwise)));
}
/** The numbers of these expressions, or null if one is known only at run time. */
export const numbersOf = (list: readonly Expr[]): readonly number[] | null =>
  list.every((e): e is Const => e.kind === "const") ? list.map((e) => Number(e.value)) : null;
/** The type the model states for output `i`, where it depends on the value of an input (`by`) that is known only at run time; once inferred, that. */
export function declared(n: NodeView, dtype: DType, what: string, i = 0, rank?: number, by?: number): TensorType {
  const t = (n.outputs.length > i ? n.out(i) : undefined) ?? n.declared(i) ?? n.fail(`${what} is computed at run time, and the model does not state the shape of ${n.node.outputs[i]}`, n.unknownHint(by));
  if (rank !== undefined && t.shape.length !== rank) n.fail(`the model states ${showShape(t.shape)} for ${n.node.outputs[i]}, which must have rank ${rank}`);
  return { dtype, shape: t.shape };
}
/** `types` for as many outputs as the node has. */
export const forOutputs = <T extends ValueType>(n: NodeView, list: readonly T[]): readonly T[] => list.slice(0, Math.max(1, n.node.outputs.length));

/** Row-major number of an element. */
export const flatten = (index: readonly Expr[], shape: readonly Dim[]): Expr =>
  index.reduce<Expr>((sum, i, d) => plus(scaled(sum, shape[d]!), i), int(0));
const scaled = (e: Expr, by: Dim): Expr => (typeof by === "number" ? times(e, by) : make("mul", e, by));
/** The index of the element with a row-major number; the inverse of `flatten`. */
export function unflatten(flat: Expr, shape: readonly Dim[]): readonly Expr[] {
  return shape.map((size, d) => {
    const inner = make("quo", flat, sizeExpr(largest(1, product(shape.slice(d + 1)))));
    return d === 0 ? inner : make("rem", inner, sizeExpr(largest(1, size)));
  });
}
/** An index over symbols as a size: a number where it is one. */
export const dimOf = (e: Expr): Dim => (e.kind === "const" ? Number(e.value) : e);
const onSizes = (op: "add" | "mul" | "quo" | "max" | "min") => (a: Dim, b: Dim): Dim => dimOf(make(op, sizeExpr(a), sizeExpr(b)));
/** Sums, products, quotients and the larger of sizes. */
export const moreDim = onSizes("add"), timesDim = onSizes("mul"), quoDim = onSizes("quo"), largest = onSizes("max"), smallest = onSizes("min");
/** a - b. */
export const lessDim = (a: Dim, b: Dim): Dim => dimOf(minus(sizeExpr(a), sizeExpr(b)));
/** The largest that a size can be. */
export const boundDim = (d: Dim): number => (typeof d === "number" ? d : range(d)[1]);
/** What a size surely is at least: of one that may be 0, which only data tells, all that there can be, since what it lacks then is the model's affair. */
export const leastDim = (d: Dim): number => (typeof d === "number" ? d : range(d)[0] || range(d)[1]);
/** The size as a number; fails where only a run knows it. */
export const fixedDim = (n: NodeView, d: Dim, what: string): number =>
  (typeof d === "number" ? d : n.fail(`${what} is ${showDim(d)}, which is known only at run time`, "give it one size instead of bounds"));
/** Whether it is a size: whole, and surely not negative. */
export const isSize = (d: Dim): boolean => (typeof d === "number" ? Number.isInteger(d) && d >= 0 : range(d)[0] >= 0);
/** The sizes in each run that is not refused: one that might be negative is at least 0, and a run will have it so. Null where one is none. */
export function asSizes(n: NodeView, list: readonly Dim[]): readonly Dim[] | null {
  const sizes = list.map((d) => (isSize(d) || typeof d === "number" ? d : largest(0, d)));
  return sizes.every((d, i) => isSize(d) && (d === list[i] || n.same(d, list[i]!))) ? sizes : null;
}
/** How many elements a shape has. */
export const product = (shape: readonly Dim[]): Dim => shape.reduce(timesDim, 1);
/** x divided by a number of elements; by a reciprocal where it is known. */
export const shared = (x: Expr, count: Dim): Expr => (typeof count === "number" ? make("mul", x, like(x, 1 / count)) : make("div", x, convert(x.dtype, count)));
/** Index `d` replaced. */
export const withIndex = (index: readonly Expr[], d: number, by: Expr): readonly Expr[] => index.map((x, i) => (i === d ? by : x));
/** 0 <= index < size, as far as that is not certain. */
export const within = (index: Expr, size: Dim): Expr => make("and", less(int(-1), index), less(index, sizeExpr(size)));

/** Several outputs, of which only those with a name are kept. */
export function computeOutputs(
  n: NodeView, stages: readonly Stage[], results: readonly (Stage | undefined)[], tables: readonly Tensor[] = [],
): Compute {
  const outputs = results.flatMap((s, i): Output[] => (s && n.node.outputs[i] ? [n.result(s, i)] : []));
  return n.compute(stages, outputs, tables);
}
