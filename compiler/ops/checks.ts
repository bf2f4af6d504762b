/** What shape rules ask of their inputs, beside helpers.ts. Each fails with the shapes and types in the message. */
import type { DType } from "../ir/types.ts";
import { expectSameType, expectType, floats, showShape } from "./helpers.ts";
import type { Dim } from "../ir/graph.ts";
import type { NodeView } from "./op.ts";

/** The one type of inputs `first` to `last`, which must be of these types. */
export function typeOf(n: NodeView, allowed: readonly DType[] = floats, first = 0, last = n.inputs.length - 1): DType {
  expectType(n, first, allowed);
  expectSameType(n, first, last);
  return n.type(first).dtype;
}
/** Fails unless input `i` is absent or has exactly this shape; `what` says in the message what the input is. */
export function expectShape(n: NodeView, i: number, shape: readonly Dim[], what: string): void {
  const found = n.inputs[i]?.shape;
  if (found && (found.length !== shape.length || found.some((d, k) => !n.same(d, shape[k]!)))) {
    n.fail(`${what} (input ${i}) has shape ${showShape(found)}, but must have ${showShape(shape)}`);
  }
}
/** Fails unless input `i` is absent or has one element. */
export function expectOne(n: NodeView, i: number): void {
  if (n.has(i) && n.type(i).shape.some((d) => d !== 1)) n.fail(`input ${i} has shape ${showShape(n.type(i).shape)}; it must be one number`);
}
/** The shape of input `i`, of a rank in this range and of numbers. */
export function shapeOf(n: NodeView, i: number, least: number, most = Infinity): readonly number[] {
  dimsOf(n, i, least, most);
  return n.in(i).shape;
}
/** The shape of input `i`, of a rank in this range; its sizes may be known only at run time. */
export function dimsOf(n: NodeView, i: number, least: number, most = Infinity): readonly Dim[] {
  const { shape } = n.type(i), allowed = most === least ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  return shape.length >= least && shape.length <= most ? shape : n.fail(`input ${i} has shape ${showShape(shape)}; its rank must be ${allowed}`);
}
/** A string attribute that is one of a fixed set of words. */
export function choice<T extends string>(n: NodeView, attribute: string, allowed: readonly T[]): T {
  const word = n.string(attribute);
  return allowed.find((a) => a === word) ?? n.fail(`attribute ${attribute} is "${word}"; it can be ${allowed.map((a) => `"${a}"`).join(", ")}`);
}
/** Fails unless input `i` is absent or can be stretched to a shape. */
export function expectBroadcast(n: NodeView, i: number, to: readonly Dim[], what: string): void {
  const shape = n.inputs[i]?.shape, skip = to.length - (shape?.length ?? 0);
  if (shape && !(skip >= 0 && shape.every((d, k) => d === 1 || n.same(d, to[k + skip]!)))) {
    n.fail(`${what} (input ${i}) of shape ${showShape(shape)} does not broadcast to ${showShape(to)}`);
  }
}
