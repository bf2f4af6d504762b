/** Random graphs as ONNX files, which import reads back: what onnxruntime is asked means what the compiler is asked. */
import { expect, test } from "vitest";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { onnxOf } from "../support/to-onnx.ts";
import { sampleOf } from "./check.ts";
import { controlGraph, openGraph, randomGraph } from "./graphs.ts";
import { difference } from "./meaning.ts";
import { typed } from "./open.ts";

test.each([["fixed", randomGraph], ["open", openGraph], ["control flow", controlGraph]] as const)("%s", (_, make) => {
  for (const seed of [1, 2, 3, 4]) {
    const g = typed(make(seed, 3)), { sets: [feeds] } = sampleOf(make(seed, 3), seed, 1), { graph, diagnostics } = importOnnx(onnxOf(make(seed, 3), 24), { name: "again" });
    expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
    const want = evaluateGraph(g, feeds!), again = typed({ ...graph, types: new Map(graph.inputs.map((v) => [v, g.types.get(v)!])) }), got = evaluateGraph(again, feeds!);
    g.outputs.forEach((v, i) => expect(difference(got.get(again.outputs[i]!)!.data, want.get(v)!, 1e-6, 0)).toBeNull());
  }
});
