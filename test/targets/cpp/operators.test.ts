/** Operators under the schedules of every instruction set: as lowered (everything row-major, nothing fused) and after all passes. */
import { expect } from "vitest";
import { buildProgram } from "../../../compiler/passes/network/build-program.ts";
import { evaluateGraph } from "../../../compiler/evaluate/index.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { cppSets, cppVariants } from "../../../targets/cpp/index.ts";
import { facts, feedsOf, plainNetwork, ready } from "../../passes/network/build.ts";
import { evaluateProgram } from "../../support/evaluate-program.ts";
import { difference } from "../../support/run-compute.ts";
import { operatorTests } from "../operators.ts";

const sets = Object.keys(cppSets);
operatorTests((g, tolerance = 1e-4) => {
  const feeds = feedsOf(g, 1), graph = ready(g), want = evaluateGraph(graph, feeds), plain = plainNetwork(g);
  for (const network of [plain, networkPasses.reduce((n, p) => p.run(n, facts), plain)]) {
    const program = buildProgram(network, { alignment: 64, variants: cppVariants(sets) });
    for (const set of sets) {
      const got = evaluateProgram(program, set, g.inputs.map((v) => feeds.get(v)!.data), { quick: true });
      g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), `${v} with ${set}, ${network === plain ? "as lowered" : "after all passes"}`).toBeLessThanOrEqual(tolerance));
    }
  }
});
