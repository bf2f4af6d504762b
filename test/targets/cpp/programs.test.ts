/** Random networks as whole programs: every instruction set's kernels, on the planned arena, through the interpreter. MLC_FUZZ=N runs N seeds more. */
import { expect, test } from "vitest";
import { compileNetwork } from "../../../compiler/passes/network/pipeline.ts";
import { evaluateGraph } from "../../../compiler/evaluate/index.ts";
import { graphPasses } from "../../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../../compiler/passes/graph/run.ts";
import { cppTarget, cppVariants } from "../../../targets/cpp/index.ts";
import { facts, feedsOf } from "../../passes/network/build.ts";
import { randomNetwork } from "../../passes/network/random.ts";
import { evaluateProgram } from "../../support/evaluate-program.ts";
import { difference } from "../../support/run-compute.ts";

const sets = Object.keys(cppTarget.instructionSets), seeds = Array.from({ length: 12 + Number(process.env.MLC_FUZZ ?? 0) }, (_, i) => i + 1);
test.each(seeds)("seed %i", (seed) => {
  const g = runPasses(randomNetwork(seed, seed % 2 === 0), graphPasses).graph, feeds = feedsOf(g, seed), want = evaluateGraph(g, feeds);
  const program = compileNetwork(g, { facts, variants: cppVariants(Object.keys(cppTarget.instructionSets)) });
  for (const set of sets) {
    const got = evaluateProgram(program, set, g.inputs.map((v) => feeds.get(v)!.data));
    g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), `${v} with ${set}`).toBeLessThanOrEqual(2e-4));
  }
});
