/** Weights made of others, as at compile time. */
import { rowMajor } from "../../compiler/ir/compute.ts";
import type { NetTensor } from "../../compiler/ir/network.ts";
import { evaluateCompute } from "../../compiler/evaluate/index.ts";
import { combination, type Combination } from "../../compiler/passes/network/combine-weights.ts";

/** A constant without elements. */
export const weightOf = (shape: readonly number[]): NetTensor => ({ name: "W", kind: "constant", dtype: "f32", shape, layout: rowMajor(shape.length) });
/** What a combination makes of the elements of W. */
export function combined(o: Combination, W: Float32Array): Float32Array {
  const { compute, coefficients, combined: made } = combination(o);
  return evaluateCompute(compute, new Map([["W", W], [coefficients.name, coefficients.data!]])).get(made.name) as Float32Array;
}
