/** Real models through all graph passes: the results stay what they were. */
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "vitest";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { fold } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { pinShapes } from "../../compiler/passes/graph/pin-shapes.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { check } from "./graphs.ts";

const folder = new URL("../../../shared/models/", import.meta.url);
// Where the folder of models is not there, there is nothing to read.
describe.skipIf(!existsSync(folder))("models", () => {
  test.each(["mnist-mxnet", "mnist-pytorch", "pfld-lite"])("%s", (name) => {
    const { graph, unranked } = importOnnx(readFileSync(new URL(`${name}.onnx`, folder)), { name });
    check(inferTypes(pinShapes(graph, { unranked }).graph, { fold }).graph, (g) => runPasses(g, graphPasses).graph, { tolerance: 1e-5 });
  }, 30_000);
});
