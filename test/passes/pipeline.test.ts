/** Ten pieces of networks through all graph passes: goldens of their text, and results as before. `UPDATE_GOLDENS=1` rewrites the goldens. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Graph } from "../../compiler/ir/graph.ts";
import { printGraph } from "../../compiler/ir/graph-text.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { check, operators } from "./graphs.ts";
import { networks } from "./networks.ts";

const optimise = (g: Graph): Graph => runPasses(g, graphPasses).graph;
const golden = (name: string) => new URL(`../golden/${name}.txt`, import.meta.url);

test.each(Object.keys(networks))("%s", (name) => {
  const before = networks[name]!(), after = check(before, optimise, { tolerance: 2e-5 });
  const text = `before:\n${printGraph(before)}\nafter:\n${printGraph(after)}`;
  if (process.env.UPDATE_GOLDENS) writeFileSync(golden(name), text);
  expect(existsSync(golden(name)), `there is no golden for ${name}: run with UPDATE_GOLDENS=1`).toBe(true);
  expect(text).toBe(readFileSync(golden(name), "utf8"));
});
describe("what is left", () => {
  const left: Readonly<Record<string, readonly string[]>> = {
    residual: ["Conv", "Relu", "Conv", "Add", "Relu"],
    depthwise: ["Conv", "Clip", "Conv", "Clip", "Conv"],
    "squeeze-excite": ["Conv", "HardSwish", "ReduceMean", "Conv", "Relu", "Conv", "HardSigmoid", "Mul"],
    "transformer-mlp": ["LayerNormalization", "MatMul", "Add", "Gelu", "MatMul", "Add", "Add"],
    classifier: ["Conv", "Relu", "MaxPool", "Reshape", "Gemm", "Relu", "Gemm", "Softmax"],
    upsample: ["ConvTranspose", "GroupNormalization", "Swish", "Conv", "Sigmoid"],
  };
  test.each(Object.keys(left))("%s", (name) => expect(operators(optimise(networks[name]!()))).toEqual(left[name]));
});
