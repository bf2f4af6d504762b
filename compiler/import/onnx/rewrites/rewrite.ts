/** What a rewrite of one node into a newer form of its operator works with. */
import type { Attribute, Constant, ValueName, ValueType } from "../../../ir/graph.ts";
import type { DType, Num } from "../../../ir/types.ts";
import type { Draft } from "../builder.ts";
import { Problem } from "../problem.ts";

/** How a rewrite makes what stands before the node, and what it knows of values. */
export interface Rewriter {
  /** A new constant, named after the node. */
  constant(suffix: string, dtype: DType, shape: readonly number[], values: Iterable<Num>): ValueName;
  /** A new node before this one; returns its output. */
  node(op: string, inputs: readonly ValueName[], attributes?: Readonly<Record<string, Attribute>>): ValueName;
  /** A name that no value of the model has. */
  name(suffix: string): ValueName;
  constantOf(value: ValueName): Constant | undefined;
  /** The type that the model states, if it does. */
  typeOf(value: ValueName): ValueType | undefined;
}
/** Returns the node that makes the same outputs. Throws Problem where a form is not supported. */
export type Rewrite = (d: Draft, r: Rewriter) => Draft;
/** Applies to nodes of opsets below `below`. */
export interface Step { readonly below: number; readonly rewrite: Rewrite }
/** By operator, oldest step first: a node goes through every step that its opset is below. */
export type Rewrites = Readonly<Record<string, readonly Step[]>>;
/** For nodes of opsets below `below`. */
export const step = (below: number, rewrite: Rewrite): Step => ({ below, rewrite });
/** For forms that writers use in any opset. */
export const always = (rewrite: Rewrite): Step => ({ below: Infinity, rewrite });

/** The node without some attributes. */
export const without = (d: Draft, ...names: readonly string[]): Draft =>
  ({ ...d, attributes: Object.fromEntries(Object.entries(d.attributes).filter(([name]) => !names.includes(name))) });
/** The node with other attributes on top of its own. */
export const withAttributes = (d: Draft, more: Readonly<Record<string, Attribute>>): Draft =>
  ({ ...d, attributes: { ...d.attributes, ...more } });
/** The node with input `i` set; inputs before it that it does not have are not given. */
export const withInput = (d: Draft, i: number, value: ValueName): Draft =>
  ({ ...d, inputs: Array.from({ length: Math.max(d.inputs.length, i + 1) }, (_, k) => (k === i ? value : d.inputs[k] ?? "")) });

const unreadable = (d: Draft, name: string, wanted: string): never => {
  throw new Problem("bad-model", `attribute ${name} of ${d.op} must be ${wanted}`);
};
/** A number among the attributes, or undefined. */
export const numberIn = (d: Draft, name: string): number | undefined => {
  const a = d.attributes[name];
  return a === undefined || typeof a === "number" ? a : unreadable(d, name, "a number");
};
/** A list of numbers among the attributes, or undefined; a single number counts as a list of one. */
export const numbersIn = (d: Draft, name: string): readonly number[] | undefined => {
  const a = d.attributes[name];
  if (typeof a === "number") return [a];
  if (a === undefined || (Array.isArray(a) && a.every((x) => typeof x === "number"))) return a as readonly number[] | undefined;
  return unreadable(d, name, "a list of numbers");
};
/** Attributes are rounded to numbers, so that the largest 64-bit integer, "to the end" in a slice, comes as 2^63. */
const inRange = (x: number): bigint => {
  const limit = 2n ** 63n, whole = BigInt(Math.trunc(x));
  return whole >= limit ? limit - 1n : whole < -limit ? -limit : whole;
};
/** A constant list of 64-bit integers. */
export const int64s = (r: Rewriter, suffix: string, values: readonly number[]): ValueName =>
  r.constant(suffix, "i64", [values.length], values.map(inRange));
/** Moves a list of integers from attribute `name` to input `i`, where it is given. */
export const listToInput = (name: string, i: number): Rewrite => (d, r) => {
  const values = numbersIn(d, name);
  return values === undefined ? d : withInput(without(d, name), i, int64s(r, name, values));
};
/** The float type of a value, f32 where the model does not state it. */
export const floatTypeOf = (r: Rewriter, value: ValueName | undefined): DType => (value && r.typeOf(value)?.dtype) || "f32";
/** Where a value is stated: how many dimensions it has. */
export const rankOf = (r: Rewriter, value: ValueName): number | undefined => r.typeOf(value)?.shape.length;
