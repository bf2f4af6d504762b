/** Plain loops to compare operators with: written from their definitions, not from the entries. */
import { expect } from "vitest";
import type { Constant } from "../../compiler/ir/graph.ts";
import { listOf } from "./harness.ts";

/** Every index of a shape, the last dimension fastest. */
export function indicesOf(shape: readonly number[]): readonly (readonly number[])[] {
  return shape.reduce<number[][]>((list, n) => list.flatMap((i) => Array.from({ length: n }, (_, k) => [...i, k])), [[]]);
}
export const flat = (shape: readonly number[], index: readonly number[]): number => index.reduce((sum, i, d) => sum * shape[d]! + i, 0);
/** A tensor as a function of its index; 0 (or `outside`) beyond its edges. */
export function reader(c: Constant, outside = 0): (...index: readonly number[]) => number {
  const list = listOf(c);
  return (...index) => (index.every((i, d) => i >= 0 && i < c.shape[d]!) ? list[flat(c.shape, index)]! : outside);
}
export const tabulate = (shape: readonly number[], f: (index: readonly number[]) => number): readonly number[] => indicesOf(shape).map(f);
/** Equal up to rounding, relative to the largest expected value. */
export function expectClose(got: readonly number[], want: readonly number[], relative = 2e-6): void {
  expect(got.length).toBe(want.length);
  const largest = Math.max(1e-6, ...want.map(Math.abs).filter(Number.isFinite));
  const worst = got.findIndex((x, i) => !(x === want[i] || Object.is(x, want[i]) || Math.abs(x - want[i]!) <= relative * largest));
  expect(worst < 0 ? null : `element ${worst}: ${got[worst]} instead of ${want[worst]}`).toBeNull();
}
/** Whole numbers from `low` to `high`, the same sequence for the same seed. */
export function dice(seed: number): (low: number, high: number) => number {
  let state = seed >>> 0;
  return (low, high) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((state / 2 ** 32) * (high - low + 1));
  };
}
