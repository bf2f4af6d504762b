/** Real models in the memory that they plan: the same results as their graphs. Those that are not there are skipped. */
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { typedGraph } from "../../../compiler/api.ts";
import { evaluateGraph } from "../../../compiler/evaluate/index.ts";
import { ops } from "../../../compiler/ops/index.ts";
import { graphPasses } from "../../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../../compiler/passes/graph/run.ts";
import { lowerGraph, tensorOf } from "../../../compiler/passes/network/lower-graph.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { placeTensors } from "../../../compiler/passes/network/place-tensors.ts";
import { planMemory, verifyArena } from "../../../compiler/passes/network/plan-memory.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { evaluateNetwork } from "../../support/evaluate-network.ts";
import { difference } from "../../support/run-compute.ts";
import { facts, feedsOf } from "./build.ts";

const models = ["mnist-pytorch", "mnist-mxnet", "pfld-lite"].map((name) => fileURLToPath(new URL(`../../../../shared/models/${name}.onnx`, import.meta.url)));
for (const path of models) {
  const missing = !existsSync(path);
  test.skipIf(missing)(`${basename(path)}${missing ? " (the model is not there)" : ""}`, () => {
    const typed = typedGraph(new Uint8Array(readFileSync(path)), basename(path), { dims: {} }).graph;
    const g = runPasses(typed, graphPasses).graph, feeds = feedsOf(g, 1), want = evaluateGraph(g, feeds);
    const n = networkPasses.reduce((x, p) => p.run(x, facts), lowerGraph(g, ops));
    expect(verifyNetwork(n)).toEqual([]);
    const arena = planMemory(placeTensors(n).blocks), got = evaluateNetwork(n, new Map([...feeds].map(([v, c]) => [tensorOf(v), c.data])));
    expect(verifyArena(arena)).toEqual([]);
    expect(arena.bytes).toBeLessThanOrEqual(1.05 * arena.lowerBound + 64);
    g.outputs.forEach((v, i) => expect(difference(got.get(n.outputs[i]!)!, want.get(v)!.data), v).toBeLessThanOrEqual(1e-4));
  });
}
