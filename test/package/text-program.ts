/** Programs of graphs as text, run over several inputs against what evaluation says. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { choicesOf } from "../../compiler/api.ts";
import { evaluateGraph, RefusedRun } from "../../compiler/evaluate/index.ts";
import { sizeOf, type Constant } from "../../compiler/ir/graph.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { bytesOfElements, types } from "../../compiler/ir/types.ts";
import { mapFlow } from "../../compiler/ir/control.ts";
import { cutRegions } from "../../compiler/passes/graph/cut-regions.ts";
import { boundTurns, type Turns } from "../../compiler/passes/graph/bound-turns.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { compileRegions } from "../../compiler/passes/network/pipeline.ts";
import { cppTarget } from "../../targets/cpp/index.ts";
import { emptyFolder, sh, write } from "./tools.ts";

/** Runs the text's program, with address and undefined behaviour watched, over these inputs; the outputs must be those that evaluation gives, or none where it refuses the run. */
export async function runs(text: string, threads: number, cases: readonly (readonly Constant[])[], turns: Turns = {}): Promise<readonly ReadonlyMap<string, Constant>[]> {
  const settings = threads > 1 ? { threads } : {}, choices = choicesOf(cppTarget, { isa: ["sse", "neon"], settings });
  const { graph, diagnostics } = inferTypes(boundTurns(parseGraph(text), turns).graph, { fold: foldWithin() });
  expect(diagnostics.filter((d) => d.severity !== "note").map((d) => d.message)).toEqual([]);
  const cut = cutRegions(graph), program = compileRegions({ ...cut, flow: mapFlow(cut.flow, (g) => runPasses(g, graphPasses).graph, (v) => v) }, { facts: cppTarget.facts(choices.settings), variants: cppTarget.variants(choices) });
  const { files, build } = cppTarget.emit(program, { ...choices, name: "net", hash: "0".repeat(64), version: "0", flags: "" });
  if (build.kind !== "native") throw new Error("no native package");
  const ports = [...program.inputs, ...program.outputs], bytes = (p: { dtype: keyof typeof types; shape: readonly number[] }) => Math.max(1, sizeOf(p.shape) * types[p.dtype].bytes);
  const wanted = cases.map((list) => {
    try { return evaluateGraph(graph, new Map(program.inputs.map((p, i) => [p.name, list[i]!]))); } catch (e) { if (e instanceof RefusedRun) return null; throw e; }
  });
  const main = `#include <stdio.h>
#include <stdlib.h>
#include "net.h"
int main(void) {
  FILE *in = fopen("inputs", "rb"), *out = fopen("outputs", "wb");
  void* p[] = {${ports.map((p) => `malloc(${bytes(p)})`).join(", ")}};
  net_context* c;
  const int refused[] = {${wanted.map((w) => (w ? 0 : 1)).join(", ")}};
  if (net_init(malloc(NET_CONTEXT_BYTES), NET_CONTEXT_BYTES, &c)) return 1;
${threads > 1 ? `  if (net_set_threads_in(c, ${threads})) return 1;\n` : ""}  for (int n = 0; n < ${cases.length}; n++) {
${program.inputs.map((p, i) => `    if (fread(p[${i}], ${bytes(p)}, 1, in) != 1) return 2;`).join("\n")}
    const int status = net_run_in(c, ${ports.map((_, i) => `p[${i}]`).join(", ")});
    if (status != (refused[n] ? NET_ERROR_SHAPE : NET_OK)) return 3;
    if (status) continue;
${program.outputs.map((p, i) => `    { int64_t dims[NET_MAX_RANK]; size_t size = ${types[p.dtype].bytes};
      if (net_output_shape_in(c, ${i}, dims)) return 4;
      for (int d = 0; d < ${p.shape.length}; d++) size *= (size_t)dims[d];
      fwrite(dims, 8, ${p.shape.length}, out), fwrite(p[${i + program.inputs.length}], 1, size, out); }`).join("\n")}
  }
  net_release(c);
  return fclose(out);
}
`;
  const folder = write(join(emptyFolder(), "net"), files), flags = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror"];
  writeFileSync(join(folder, "main.c"), main);
  writeFileSync(join(folder, "inputs"), Buffer.concat(cases.flat().map((c) => bytesOfElements(c.dtype, c.data))));
  for (const s of build.sources) await sh(folder, "g++", ...(s.endsWith(".S") ? [] : build.compileFlags), ...flags, "-c", s, "-o", `${s}.o`);
  await sh(folder, "gcc", "-std=c99", ...flags, "main.c", ...build.sources.map((s) => `${s}.o`), ...build.linkFlags, "-lm", "-o", "main");
  const { status, stderr } = spawnSync("./main", { cwd: folder, env: { ...process.env, ASAN_OPTIONS: "detect_leaks=0" } });
  expect([status, `${stderr}`]).toEqual([0, ""]);
  const written = readFileSync(join(folder, "outputs"));
  let from = 0;
  const take = (n: number) => written.subarray(from, (from += n));
  for (const [k, want] of wanted.entries()) for (const p of want ? program.outputs : []) {
    const w = want!.get(p.name)!, dims = take(8 * w.shape.length), shape = w.shape.map((_, d) => Number(dims.readBigInt64LE(8 * d)));
    expect(shape, `case ${k}: ${p.name}`).toEqual(w.shape);
    const got = take(sizeOf(shape) * types[p.dtype].bytes), data = w.data as ArrayLike<number | bigint>;
    for (let i = 0; i < data.length; i++) {
      if (p.dtype === "i64") expect(got.readBigInt64LE(8 * i), `case ${k}: ${p.name}[${i}]`).toBe(BigInt(data[i]!));
      else expect(Math.abs(got.readFloatLE(4 * i) - Number(data[i])), `case ${k}: ${p.name}[${i}]`).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(Number(data[i]))));
    }
  }
  expect(from).toBe(written.length);
  return wanted.map((w) => w ?? new Map());
}
