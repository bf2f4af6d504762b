/** What several passes ask of a node. */
import { elementwise } from "../../ops/elementwise.ts";
import { arithmetic } from "../../ops/arithmetic.ts";
import type { Dim } from "../../ir/graph.ts";
import { OpenSize, type NodeView } from "../../ops/op.ts";

/** One value in, one out, element by element; further inputs hold one number each. */
export const unaryOps: ReadonlySet<string> = new Set([...elementwise.map((o) => o.name), "Cast"]);
/** Several values that broadcast, element by element. */
export const broadcastOps: ReadonlySet<string> = new Set(arithmetic.map((o) => o.name));
/** Reductions over the axes that their second input names. */
export const reduceOps: ReadonlySet<string> = new Set(
  ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"]);

/** Which axes of its input a reduction goes over, ascending; undefined where only run time knows. */
export function reducedAxes(n: NodeView): readonly number[] | undefined {
  const { shape } = n.type(0), all = shape.map((_, d) => d);
  if (n.has(1) && !n.constant(1)) return undefined;
  const given = n.parameter(1) ?? [];
  if (given.length === 0) return n.int("noop_with_empty_axes") ? [] : all;
  return given.map((a) => n.axis(a, shape.length)).sort((a, b) => a - b);
}
/** The axis of the input that each axis of a Transpose's output is. */
export function permutation(n: NodeView): readonly number[] {
  const rank = n.type(0).shape.length;
  return (n.intsOr("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)).map((a) => n.axis(a, rank));
}
/** Whether a permutation moves only axes of extent 1 past the others. */
export function keepsOrder(shape: readonly Dim[], perm: readonly number[]): boolean {
  const long = perm.filter((a) => shape[a] !== 1);
  return long.every((a, i) => i === 0 || a > long[i - 1]!);
}
/** A size that a rule needs as a number: where only a run knows it, the rule does not apply. */
export function numberOf(d: Dim | undefined): number {
  if (typeof d !== "number") throw new OpenSize("a size is known only at run time");
  return d;
}
/** The sizes of a shape, all of which a rule needs as numbers. */
export const numbersOf = (shape: readonly Dim[]): readonly number[] => shape.map(numberOf);
/** Whether two numbers differ by no more than the rounding of a constant that a model stores in single precision. */
export const near = (a: number | undefined, b: number, tolerance = 1e-5): boolean =>
  a !== undefined && Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
