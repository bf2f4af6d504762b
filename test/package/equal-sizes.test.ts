/** Sizes that a model needs equal are checked by each run, before anything is computed with them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { choicesOf } from "../../compiler/api.ts";
import { sizesOfFeeds } from "../../compiler/evaluate/index.ts";
import { constantOf } from "../../compiler/ir/graph.ts";
import { parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import { ops } from "../../compiler/ops/index.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { buildProgram } from "../../compiler/passes/network/build-program.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { lowerGraph } from "../../compiler/passes/network/lower-graph.ts";
import { networkPasses } from "../../compiler/passes/network/pipeline.ts";
import { cppTarget } from "../../targets/cpp/index.ts";
import { emptyFolder, sh, write } from "./tools.ts";

/** Half of a row and twice that again, which is the row only where it is even; and as many as another input has. */
const { graph, diagnostics } = inferTypes(parseGraph(`graph "net" {
  symbol $W in 2..40
  symbol $H in 2..40
  const w: f32[1, 1, 2] = [1, 1]
  input x: f32[1, 1, $W]
  input b: f32[1, 1, $H]
  half = MaxPool(x) { kernel_shape: [2], strides: [2] } @ half
  up = ConvTranspose(half, w) { strides: [2] } @ up
  sum = Add(x, up) @ sum
  y = Add(sum, b) @ last
  output y
}`));
const main = `#include <stdio.h>
#include "net.h"
int main(void) {
  static float x[40], b[40], y[40];
  for (int64_t w = 1; w <= 41; ++w) for (int64_t h = 1; h <= 41; h++) {
    const int64_t first[] = {1, 1, w}, second[] = {1, 1, h};
    const bool fine = w >= 2 && h >= 2 && w <= 40 && h <= 40;
    int64_t dims[NET_MAX_RANK] = {0};
    if ((net_set_input_shape(0, first) || net_set_input_shape(1, second)) == fine) return 1;
    if (!fine) continue;
    const int want = w % 2 == 0 && w == h ? NET_OK : NET_ERROR_SHAPE;
    if (net_run(x, b, y) != want || net_output_shape(0, dims) != want || (!want && dims[2] != w)) { printf("%d %d\\n", (int)w, (int)h); return 1; }
  }
  return 0;
}
`;
test("a run whose sizes differ is an error", async () => {
  expect(diagnostics.map((d) => d.severity), diagnostics[0]?.message).toEqual(["note"]);
  expect(parseGraph(printGraph(graph)).equalities).toEqual(graph.equalities);
  const of = (n: number) => constantOf("f32", [1, 1, n]), feed = (w: number, h: number) => () => sizesOfFeeds(graph, new Map([["x", of(w)], ["b", of(h)]]));
  expect(feed(33, 33)).toThrow(/sizes .* of node sum must be equal, but are .*3\d and 3\d for W=33/);
  expect(feed(32, 31)).toThrow(/sizes .* of node last must be equal, but are 3\d and 3\d for /);
  const choices = choicesOf(cppTarget, { isa: ["sse", "neon"] }), facts = cppTarget.facts(choices.settings);
  const program = buildProgram(networkPasses.reduce((n, p) => p.run(n, facts), lowerGraph(runPasses(graph, graphPasses).graph, ops)), { alignment: 64, shares: facts.shares === true, variants: cppTarget.variants(choices) });
  const { files, build } = cppTarget.emit(program, { ...choices, name: "net", hash: "0".repeat(64), version: "0", flags: "" });
  if (build.kind !== "native") throw new Error("no native package");
  const folder = write(join(emptyFolder(), "net"), files), flags = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror"];
  writeFileSync(join(folder, "main.c"), main.replace("<stdio.h>", "<stdbool.h>\n#include <stdio.h>"));
  for (const s of build.sources) await sh(folder, "g++", ...(s.endsWith(".S") ? [] : build.compileFlags), ...flags, "-c", s, "-o", `${s}.o`);
  await sh(folder, "gcc", "-std=c99", ...flags, "main.c", ...build.sources.map((s) => `${s}.o`), ...build.linkFlags, "-lm", "-o", "main");
  expect(await sh(folder, "./main")).toBe("");
}, 120_000);
