/** Graphs as networks, and the check that passes over networks keep what they compute. */
import { expect } from "vitest";
import { constantOf, isStatic, sizeOf, type Constant, type Graph } from "../../../compiler/ir/graph.ts";
import type { Compute } from "../../../compiler/ir/compute.ts";
import { printNetwork, type Network } from "../../../compiler/ir/network.ts";
import { arrayOf, isFloat } from "../../../compiler/ir/types.ts";
import { verifyCompute } from "../../../compiler/ir/verify.ts";
import { ops } from "../../../compiler/ops/index.ts";
import { evaluateGraph } from "../../../compiler/evaluate/index.ts";
import { expandOperators } from "../../../compiler/passes/graph/expand-operators.ts";
import { foldConstants } from "../../../compiler/passes/graph/fold-constants.ts";
import { nameOutputs } from "../../../compiler/passes/graph/name-outputs.ts";
import { removeDead } from "../../../compiler/passes/graph/remove-dead.ts";
import { resolvePadding } from "../../../compiler/passes/graph/resolve-padding.ts";
import { lowerGraph, tensorOf } from "../../../compiler/passes/network/lower-graph.ts";
import { networkPasses, type NetworkPass } from "../../../compiler/passes/network/pipeline.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import type { TargetFacts } from "../../../compiler/emit/target.ts";
import { evaluateNetwork } from "../../support/evaluate-network.ts";
import { difference } from "../../support/run-compute.ts";
import { cppTarget } from "../../../targets/cpp/index.ts";
import { numbers } from "../../support/graph-builder.ts";

/** A machine on which Winograd pays from sixteen channels on. */
export const facts: TargetFacts = cppTarget.facts({ cpu: "znver4" });
/** What lowering needs and no more: operators expanded, constants known, outputs named. */
export const ready = (g: Graph): Graph => nameOutputs(removeDead(foldConstants(expandOperators(resolvePadding(removeDead(g))))));
/** Nothing fused, everything row-major. */
export const plainNetwork = (g: Graph): Network => lowerGraph(ready(g), ops);

/** The passes up to and including one, by name; the last of that name. */
export function passesTo(name: string): readonly NetworkPass[] {
  const last = networkPasses.map((p) => p.name).lastIndexOf(name);
  expect(last, `there is no pass ${name}`).toBeGreaterThanOrEqual(0);
  return networkPasses.slice(0, last + 1);
}
/** A graph as the network that a pass leaves, all earlier ones run before it; values kept and rules obeyed after each. */
export const upTo = (pass: string, g: Graph, tolerance = 1e-5): Network => run(g, passesTo(pass), tolerance);
/** The network that a pass sees. */
export const ahead = (pass: string, g: Graph): Network => {
  const first = networkPasses.findIndex((p) => p.name === pass);
  return networkPasses.slice(0, first).reduce((n, p) => p.run(n, facts), plainNetwork(g));
};

export function feedsOf(g: Graph, seed: number): Map<string, Constant> {
  const next = numbers(seed);
  return new Map(g.inputs.map((v) => {
    const t = g.types.get(v)!;
    if (!isStatic(t)) throw new Error(`${v} has no static type`);
    return [v, constantOf(t.dtype, t.shape, arrayOf(t.dtype, Array.from({ length: sizeOf(t.shape) }, () => next() * (isFloat(t.dtype) ? 3 : 100))))] as const;
  }));
}
/** Runs passes; after lowering and after each, the network is sound and computes what the graph does. */
export function run(g: Graph, passes: readonly NetworkPass[], tolerance = 1e-5, seed = 1): Network {
  const graph = ready(g), feeds = feedsOf(graph, seed), want = evaluateGraph(graph, feeds);
  const inputs = new Map([...feeds].map(([v, c]) => [tensorOf(v), c.data]));
  let n = lowerGraph(graph, ops);
  const check = (pass: string) => {
    const text = printNetwork(n);
    expect(verifyNetwork(n), `${pass}\n${text}`).toEqual([]);
    for (const c of n.computes) expect(() => verifyCompute(c), `${pass}\n${text}`).not.toThrow();
    const got = evaluateNetwork(n, inputs);
    graph.outputs.forEach((v, i) => expect(difference(got.get(n.outputs[i]!)!, want.get(v)!.data), `${v} after ${pass}\n${text}`).toBeLessThanOrEqual(tolerance));
  };
  check("lower-graph");
  for (const pass of passes) {
    const text = printNetwork(n), next = pass.run(n, facts);
    expect(printNetwork(n), `${pass.name} changed its argument`).toBe(text);
    n = next;
    check(pass.name);
  }
  return n;
}

/** The Computes by name, in order. */
export const names = (n: Network): readonly string[] => n.computes.map((c) => c.name);
/** The only Compute that stands for this node of the model. */
export function of(n: Network, origin: string): Compute {
  const found = n.computes.filter((c) => c.origin.includes(origin));
  expect(found, `${origin}\n${printNetwork(n)}`).toHaveLength(1);
  return found[0]!;
}
/** Temporaries that are memory of their own. */
export const temporaries = (n: Network): readonly string[] => [...n.tensors.values()].filter((t) => t.kind === "temporary" && t.aliasOf === undefined && n.computes.some((c) => c.outputs.some((o) => o.tensor === t.name))).map((t) => t.name);
/** The dimension that lies innermost. */
export const inner = (n: Network, tensor: string): number => n.tensors.get(tensor)!.layout.parts.at(-1)!.dim;
