/**
 * Weights that are sums of multiples of the model's own: what Winograd's and Strassen's products read. They are made once, before the
 * first run, by Computes like any others (`Network.setup`); where the target does not run these, `runSetup` does.
 */
import { mul } from "../../ir/algebra.ts";
import { at, extentOf, output, rowMajor, tensor, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { derivedName, usesOf, type NetTensor, type Network } from "../../ir/network.ts";
import type { Expr } from "../../ir/scalar.ts";
import { evaluateCompute } from "../../evaluate/index.ts";
import type { TargetFacts } from "../../emit/target.ts";

/** Element (planes, axes) is the sum over `terms` of coefficient (planes, terms) times element `at`, over axes and terms, of the weights `from`. */
export interface Combination {
  /** Tells coefficients and indices from others. */
  readonly what: string;
  readonly from: NetTensor;
  readonly at: readonly Expr[];
  readonly planes: readonly Axis[];
  readonly axes: readonly Axis[];
  readonly terms: readonly Axis[];
  /** Row-major. */
  readonly coefficients: readonly number[];
  readonly origin: readonly string[];
}
/** A network with weights made in this way, and a Compute in its setup that makes them; nothing new if it has them already. */
export function withCombined(n: Network, c: Combination): { readonly network: Network; readonly name: string } {
  const { coefficients, compute, combined } = combination(c), { name } = combined;
  return { name, network: n.tensors.has(name) ? n : { ...n, tensors: new Map([...n.tensors, [coefficients.name, coefficients], [name, combined]]), setup: [...(n.setup ?? []), compute] } };
}
/** The Compute that makes the weights, the constant of its coefficients, and its result. */
export function combination({ what, from, at: index, planes, axes, terms, coefficients, origin }: Combination): { coefficients: NetTensor; compute: Compute; combined: NetTensor } {
  const table = [...planes, ...terms], shape = table.map(extentOf), name = derivedName(what, from.name), known = derivedName("coefficients", what);
  const [T, W] = [tensor(known, "weight", shape), tensor(from.name, "weight", from.shape, { layout: from.layout })];
  const stage: Stage = { name: "combined", axes: [...planes, ...axes], reduce: { op: "add", axes: terms }, value: mul(at(T, ...table), at(W, ...index)) };
  const out = output(stage, name);
  return {
    coefficients: { name: known, kind: "constant", dtype: "f32", shape, layout: T.layout, data: Float32Array.from(coefficients) },
    compute: { name: "weights", origin, tensors: [T, W], stages: [stage], outputs: [out] },
    combined: { name, kind: "prepared", dtype: "f32", shape: out.shape, layout: rowMajor(out.shape.length) },
  };
}

/**
 * Carries out the setup now, unless the target does it when the program starts. Needs: the algorithms are chosen. Ensures: without a
 * setup, what it made is constant, and what only it read is gone.
 */
export function runSetup(n: Network, facts: TargetFacts): Network {
  if (!n.setup || facts.prepares) return n;
  const tensors = new Map(n.tensors), { readers } = usesOf(n.computes);
  for (const c of n.setup) {
    const made = evaluateCompute(c, new Map(c.tensors.map((t) => [t.name, tensors.get(t.name)!.data!])));
    for (const [name, data] of made) tensors.set(name, { ...tensors.get(name)!, kind: "constant", data });
  }
  for (const t of n.setup.flatMap((c) => c.tensors)) if (!readers.has(t.name)) tensors.delete(t.name);
  const { setup: _, ...rest } = n;
  return { ...rest, tensors };
}
