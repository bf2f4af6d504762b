/** Grid schedules: operators and random networks, with lanes in both orders, through the interpreter. */
import { describe, expect, test } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import type { TargetFacts, Variant } from "../../compiler/emit/target.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import type { GridFacts } from "../../compiler/ir/grid.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { compileNetwork } from "../../compiler/passes/network/pipeline.ts";
import { scheduleGrid } from "../../compiler/schedules/grid/index.ts";
import { cppVariants } from "../../targets/cpp/index.ts";
import { feedsOf, ready } from "../passes/network/build.ts";
import { randomNetwork } from "../passes/network/random.ts";
import { evaluateProgram } from "../support/evaluate-program.ts";
import { difference } from "../support/run-compute.ts";
import { operatorTests } from "../targets/operators.ts";

/** Small groups, so that small problems have several. */
const small: GridFacts = { lanes: 4, mostLanes: 16, mostGroups: 8, sharedBytes: 512, vector: 4, accumulators: 64, busy: 8 };
const plain: GridFacts = { ...small, lanes: 8, vector: 1, accumulators: 16, busy: 64 };
const machine = (grid: GridFacts): { facts: TargetFacts; variants: readonly Variant[] } => ({
  facts: { machines: [{ macsPerSecond: 1e12, bytesPerSecond: 1e11, exposed: 0 }], grid, winograd: false, strassen: false, alignment: 256, types: {}, largestConstant: 2 ** 27 },
  variants: [{ name: "grid", description: "", schedule: (c) => scheduleGrid(c, grid), lacks: (e) => e.lanes > 1 && e.kind === "apply" && e.op === "erf" }],
});
function agree(g: Graph, tolerance = 2e-4): void {
  const feeds = feedsOf(g, 1), want = evaluateGraph(g, feeds);
  for (const grid of [small, plain]) {
    const program = compileNetwork(g, machine(grid));
    for (const backwards of [false, true]) {
      const got = evaluateProgram(program, "grid", g.inputs.map((v) => feeds.get(v)!.data), { backwards, quick: true });
      g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), `${v}${backwards ? ", backwards" : ""}`).toBeLessThanOrEqual(tolerance));
    }
  }
}
operatorTests((g, tolerance) => agree(ready(g), tolerance));
describe("random networks", () => {
  test.each([1, 2, 3, 4, 5, 6])("seed %i, beside kernels for the processor", (seed) => {
    const g = runPasses(randomNetwork(seed, seed % 2 === 0), graphPasses).graph, feeds = feedsOf(g, seed), want = evaluateGraph(g, feeds), { facts, variants } = machine(small);
    const program = compileNetwork(g, { facts, variants: [...variants, ...cppVariants(["avx2"])] });
    for (const name of ["grid", "avx2"]) {
      const got = evaluateProgram(program, name, g.inputs.map((v) => feeds.get(v)!.data), { quick: true });
      g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), `${v}, ${name}`).toBeLessThanOrEqual(2e-4));
    }
  });
  test.each(Array.from({ length: 12 + Number(process.env.MLC_FUZZ ?? 0) }, (_, i) => i + 1))("seed %i", (seed) =>
    agree(runPasses(randomNetwork(seed, seed % 2 === 0), graphPasses).graph));
});
