/** Sequences whose length only a run knows: one tensor, in which the sequence's tensors lie behind each other along the first dimension. */
import { isSizeList, sizesOp } from "../ir/graph.ts";
import { arrayOf } from "../ir/types.ts";
import type { NodeView, Resolver } from "./op.ts";

export type { Stack } from "./op.ts";
const far = 2 ** 31 - 1;
const list = (g: Resolver, ...values: readonly number[]): string => g.constant("i64", [values.length], values);
const row = (g: Resolver, x: string): string => g.node("Unsqueeze", [x, list(g, 0)]);
const rows = (g: Resolver, stack: string, from: number, to: number): string => g.node("Slice", [stack, list(g, from), list(g, to), list(g, 0)]);
const joinedRows = (g: Resolver, ...parts: readonly string[]): string => (parts.length === 1 ? parts[0]! : g.node("Concat", parts, { axis: 0 }));
/** How many tensors there are, as a scalar of i64. */
export const lengthOf = (g: Resolver, stack: string): string => g.node("Gather", [g.node("Shape", [stack]), g.constant("i64", [], [0])], { axis: 0 });
/** The tensor at a position, which may count from the end. */
export const elementAt = (g: Resolver, stack: string, position: string): string => g.node("Gather", [stack, g.node("Reshape", [g.node("Cast", [position], { to: 7 }), g.constant("i64", [0], [])])], { axis: 0 });
const positionOf = (n: NodeView, i: number): number | undefined => {
  if (!n.has(i)) return undefined;
  const c = n.constant(i) ?? n.fail(`input ${i} (${n.node.inputs[i]}) is a position that only a run knows, in a sequence whose length only a run knows`, "make the position a constant of the model");
  return Number(c.data[0]);
};
/** With a tensor more, at the end or where input 2 says. */
export function inserted(n: NodeView, g: Resolver, stack: string, x: string): string {
  const at = positionOf(n, 2);
  if (at === undefined) return joinedRows(g, stack, row(g, x));
  return joinedRows(g, ...(at === 0 ? [] : [rows(g, stack, 0, at)]), row(g, x), ...(at === 0 ? [stack] : [rows(g, stack, at, far)]));
}
/** Without the last tensor, or that at the position that input 1 says. */
export function erased(n: NodeView, g: Resolver, stack: string): string {
  const at = positionOf(n, 1) ?? -1;
  return joinedRows(g, ...(at === 0 ? [] : [rows(g, stack, 0, at)]), ...(at === -1 ? [] : [rows(g, stack, at + 1, far)]));
}
/** All tensors along an axis of theirs, or a new one. */
export function joined(n: NodeView, g: Resolver, stack: string): string {
  const rank = g.typeOf(stack).shape.length, fresh = n.int("new_axis") !== 0, axis = n.axis(n.int("axis"), fresh ? rank : rank - 1);
  const order = Array.from({ length: rank }, (_, d) => d).slice(1).toSpliced(axis, 0, 0), moved = axis === 0 ? stack : g.node("Transpose", [stack], { perm: order });
  if (fresh) return moved;
  const shape = g.node("Shape", [moved]), dims = (from: number, to: number) => (to > from ? [g.node("Gather", [shape, list(g, ...Array.from({ length: to - from }, (_, k) => from + k))], { axis: 0 })] : []);
  const both = [axis, axis + 1].map((d) => g.node("Gather", [shape, list(g, d)], { axis: 0 })) as [string, string];
  const parts = [...dims(0, axis), g.node("Mul", both), ...dims(axis + 2, rank)];
  return g.node("Reshape", [moved, parts.length === 1 ? parts[0]! : g.node("Concat", parts, { axis: 0 })]);
}
/** The slices of a tensor along an axis, which they keep or not. */
export function split(g: Resolver, x: string, axis: number, rank: number, keeps: boolean): string {
  const order = [axis, ...Array.from({ length: rank }, (_, d) => d).filter((d) => d !== axis)], moved = axis === 0 ? x : g.node("Transpose", [x], { perm: order });
  return keeps ? g.node("Unsqueeze", [moved, list(g, axis + 1)]) : moved;
}
/** The pieces of so many elements along an axis, of which there is a whole number. */
export function chunks(g: Resolver, x: string, axis: number, rank: number, each: number): string {
  const shape = g.node("Shape", [x]), all = Array.from({ length: rank + 1 }, (_, d) => d), sizes = (from: number, to: number) => all.slice(from, to).map((d) => g.node("Gather", [shape, list(g, d)], { axis: 0 }));
  const parts = [...sizes(0, axis), g.node("Div", [...sizes(axis, axis + 1), list(g, each)]), list(g, each), ...sizes(axis + 1, rank)];
  const cut = g.node("Reshape", [x, g.node("Concat", parts, { axis: 0 })]);
  return axis === 0 ? cut : g.node("Transpose", [cut], { perm: [axis, ...all.filter((d) => d !== axis)] });
}
/** No tensors, of the type that attribute `element` says. */
export function empty(n: NodeView, g: Resolver): string {
  const element = n.node.attributes.element;
  if (element === undefined || !isSizeList(element)) return n.fail("the sequence is empty");
  const { dtype, dims } = element, size = dims.length + 1;
  return g.node("Expand", [g.constant(dtype, [], arrayOf(dtype, [0])), g.node(sizesOp, [], { value: { dtype: "i64", shape: [size], dims: [0, ...dims] } })]);
}
