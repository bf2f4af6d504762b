/** Depthwise and 1x1 convolutions as one kernel of the C++ target: every instruction set, through the interpreter, against the graph's own meaning. */
import { describe, expect, test } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { compileNetwork } from "../../compiler/passes/network/pipeline.ts";
import { cppTarget, cppVariants } from "../../targets/cpp/index.ts";
import { instructionSets, type InstructionSetName } from "../../targets/cpp/isa.ts";
import { feedsOf } from "../passes/network/build.ts";
import { evaluateProgram } from "../support/evaluate-program.ts";
import { difference } from "../support/run-compute.ts";
import { separable, type Separable } from "../support/separable.ts";

const sets = Object.keys(instructionSets) as InstructionSetName[];
describe("rows in blocks through a window and a product", () => {
  /** Pixels in the scratch between the two. */
  test.each<[string, Separable, number]>([
    ["blocks divide the rows", { channels: 24, columns: 20, size: 64 }, 16 * 64],
    ["the last block is smaller", { channels: 24, columns: 9, size: 61 }, 16 * 61],
    ["each image has its own blocks, and a residual is added", { channels: 24, columns: 24, size: 38, batch: 2, residual: true }, 19 * 38],
    ["a row alone is too long, so that its pixels are taken in blocks", { channels: 400, columns: 4, size: 128, height: 5, stride: 2 }, 32],
  ])("%s", (_, s, pixels) => {
    const g = runPasses(separable(s), graphPasses).graph, feeds = feedsOf(g, 1), want = evaluateGraph(g, feeds);
    for (const tasks of [1, 2]) {
      const program = compileNetwork(g, { facts: cppTarget.facts({}), variants: cppVariants(sets, tasks) });
      const kernel = program.kernels.find((k) => k.name.startsWith("conv_conv"))!;
      for (const set of tasks === 1 ? sets : sets.slice(0, 1)) {
        expect(kernel.variants[set]!.buffers.filter((b) => b.space === "scratch").map((b) => b.size), set).toEqual([pixels * s.channels]);
        const got = evaluateProgram(program, set, g.inputs.map((v) => feeds.get(v)!.data), { quick: true });
        g.outputs.forEach((v, i) => expect(difference(got[i]!, want.get(v)!.data), `${v}, ${set}`).toBeLessThanOrEqual(1e-4));
      }
    }
  });
});
