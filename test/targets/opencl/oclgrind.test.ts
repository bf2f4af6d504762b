/** Every kernel of small networks under oclgrind, which sees accesses out of bounds, races and reads of what nobody wrote; and that it does. */
import { describe, expect, test } from "vitest";
import { settingsOf, type Target } from "../../../compiler/emit/target.ts";
import { f32 } from "../../../compiler/ir/algebra.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { int, plus } from "../../../compiler/ir/linear.ts";
import { load, variable } from "../../../compiler/ir/scalar.ts";
import type { Kernel, Stmt } from "../../../compiler/ir/kernel.ts";
import { arrayOf, types, type ElementArray } from "../../../compiler/ir/types.ts";
import { graphPasses } from "../../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../../compiler/passes/graph/run.ts";
import { compileNetwork } from "../../../compiler/passes/network/pipeline.ts";
import { openclTarget } from "../../../targets/opencl/index.ts";
import { openclArmTarget } from "../../../targets/opencl-arm/index.ts";
import { programText } from "../../../targets/opencl/program.ts";
import { Builder } from "../../passes/graphs.ts";
import { networks } from "../../passes/networks.ts";
import { generator } from "../../support/random.ts";
import { because, skipped } from "../../support/tools.ts";
import { emptyFolder, launch } from "./device.ts";

/** What the kernel reads: numbers that any type holds, and memory of just the size that it asks for. */
function memoryOf(k: Kernel): Readonly<Record<string, ElementArray>> {
  const random = generator(k.buffers.length);
  return Object.fromEntries(k.buffers.filter((b) => b.space === "in").map((b) => [b.name, arrayOf(b.dtype, Array.from({ length: b.size }, () => types[b.dtype].wrap(Math.floor(random() * 2) + (types[b.dtype].kind === "float" ? random() : 0))))]));
}
/** What oclgrind says of the kernels, each launched once; empty where it finds nothing. */
async function complaints(kernels: readonly Kernel[]): Promise<string> {
  // The plugin for uninitialised memory does not know all that optimisers write.
  const under = ["oclgrind", "--data-races", "--uninitialized", "--check-api", "--max-errors", "10"];
  try {
    await launch(emptyFolder(), programText(kernels), "-cl-std=CL1.2 -cl-opt-disable", kernels.map((kernel) => ({ kernel, args: memoryOf(kernel) })), under);
    return "";
  } catch (e) { return (e as Error).message; }
}
/** Rows that a group of lanes shares, with scratch of the processor's kernels for the same stages. */
function rows(): Graph {
  const b = new Builder();
  return b.graph(b.op("Softmax", [b.op("Softmax", [b.input("x", [3, 1000])], { axis: -1 })], { axis: 0 }));
}
const all: typeof networks = { ...networks, rows };
/** The device's kernels, beside those for a processor, which have arguments of their own. */
function kernelsOf(t: Target, name: string): readonly Kernel[] {
  const settings = settingsOf(t, {}), { graph } = runPasses(all[name]!(), graphPasses);
  const { kernels } = compileNetwork(graph, { facts: t.facts(settings), variants: t.variants({ instructionSets: ["sse"], weights: "incbin", settings }) });
  return kernels.map((k) => { const v = k.variants.opencl!; return { ...v, name: `${name.replaceAll("-", "_")}_${v.name}` }; });
}
describe.skipIf(skipped("oclgrind"))(`oclgrind${because("oclgrind")}`, () => {
  test.each([["opencl", openclTarget], ["opencl-arm", openclArmTarget]] as const)("has nothing to say of small networks for %s", { timeout: 120_000 }, async (_, t) => {
    const kernels = Object.keys(all).flatMap((name) => kernelsOf(t, name));
    expect(kernels.length).toBeGreaterThan(30);
    expect(await complaints(kernels)).toBe("");
  });
  test("finds an access out of bounds, a race, and memory that nobody wrote", { timeout: 60_000 }, async () => {
    const lane = variable("index", "l", 1, [0, 7]), kernel = (body: readonly Stmt[]): Kernel => ({
      name: "k", buffers: [{ name: "x", dtype: "f32", size: 8, space: "in" }, { name: "y", dtype: "f32", size: 8, space: "out" }, { name: "s", dtype: "f32", size: 8, space: "shared" }],
      body: [{ kind: "for", name: "l", extent: int(8), at: "lane.x", body }],
    });
    const from = (buffer: string, at = lane as ReturnType<typeof plus>) => load("f32", buffer, [at]), store = (buffer: string, value = f32(1), at = lane as ReturnType<typeof plus>): Stmt => ({ kind: "store", buffer, at, value });
    expect(await complaints([kernel([store("y", from("x"))])])).toBe("");
    expect(await complaints([kernel([store("y", from("x", plus(lane, int(1))))])])).toContain("Invalid read");
    expect(await complaints([kernel([store("s", from("x")), store("y", from("s", plus(lane, int(0)))), store("s", from("x"), int(0))])])).toMatch(/data race/);
    expect(await complaints([kernel([store("y", from("s"))])])).toMatch(/[Uu]ninitialized/);
  });
});
