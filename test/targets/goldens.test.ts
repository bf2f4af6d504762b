/** The kernels of ten pieces of networks in each language, to the letter: a refactor proves itself here. `UPDATE_GOLDENS=1` rewrites the goldens. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { settingsOf, type Target } from "../../compiler/emit/target.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import type { Program } from "../../compiler/ir/program.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { compileNetwork } from "../../compiler/passes/network/pipeline.ts";
import { cppTarget, cppTexts } from "../../targets/cpp/index.ts";
import { openclTarget } from "../../targets/opencl/index.ts";
import { programText } from "../../targets/opencl/program.ts";
import { webgpuTarget } from "../../targets/webgpu/index.ts";
import { networks } from "../passes/networks.ts";
import { nagaErrors } from "../support/dawn.ts";
import { because, skipped } from "../support/tools.ts";

const choices = { instructionSets: ["avx2"], weights: "file", settings: {} } as const;
function programOf(graph: Graph, t: Target, given: Readonly<Record<string, string>> = {}): Program {
  const settings = settingsOf(t, given);
  return compileNetwork(runPasses(graph, graphPasses).graph, { facts: t.facts(settings), variants: t.variants({ ...choices, settings }) });
}
/** The text of all kernels of a graph, by language. */
const languages: Readonly<Record<string, (g: Graph) => string>> = {
  cpp: (g) => cppTexts(programOf(g, cppTarget), ["avx2"])[0]!.kernels.map((k) => k.text).join("\n"),
  opencl: (g) => programText(programOf(g, openclTarget, { fallback: "none" }).kernels.map((k) => k.variants.opencl!)),
  webgpu: (g) => {
    const { files } = webgpuTarget.emit(programOf(g, webgpuTarget), { ...choices, instructionSets: [], name: "golden", hash: "0", version: "1", flags: "" });
    return String(files.get("golden.wgsl"));
  },
};
describe.each(Object.keys(languages))("%s", (language) => {
  test.each(Object.keys(networks))("%s", (name) => {
    const folder = new URL(`../golden/kernels/${language}/`, import.meta.url), golden = new URL(`${name}.txt`, folder), text = languages[language]!(networks[name]!());
    if (process.env.UPDATE_GOLDENS) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(golden, text);
    }
    expect(existsSync(golden), `there is no golden for ${language} ${name}: run with UPDATE_GOLDENS=1`).toBe(true);
    expect(text).toBe(readFileSync(golden, "utf8"));
  });
});
test.skipIf(skipped("naga"))(`naga accepts the kernels in WGSL${because("naga")}`, async () => {
  expect(await nagaErrors(new Map(Object.entries(networks).map(([name, make]) => [name, languages.webgpu!(make())])))).toEqual([]);
});
