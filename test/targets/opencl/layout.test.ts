/** Where weights lie on the device: cut where a weight begins, none twice, none that only other kernels read; and that such packages run. */
import { describe, expect, test } from "vitest";
import type { Buffer, Kernel } from "../../../compiler/ir/kernel.ts";
import type { Program } from "../../../compiler/ir/program.ts";
import { int } from "../../../compiler/ir/linear.ts";
import { load } from "../../../compiler/ir/scalar.ts";
import { layOutWeights } from "../../../targets/opencl/layout.ts";
import { openclFor, openclTarget } from "../../../targets/opencl/index.ts";
import { settingsOf } from "../../../compiler/emit/target.ts";
import { feedsOf } from "../../passes/network/build.ts";
import { networks } from "../../passes/networks.ts";
import { faults, packageOf, runOn } from "../../support/on-target.ts";
import { difference } from "../../support/run-compute.ts";
import { because, skipped } from "../../support/tools.ts";

/** A kernel that reads one element of some of its weights. */
function reader(sizes: readonly number[], used = sizes.map(() => true)): Kernel {
  const weights = sizes.map((size, i): Buffer => ({ name: `w${i}`, dtype: "f32", size, space: "in", constant: true }));
  const reads = weights.filter((_, i) => used[i]).map((w) => load("f32", w.name, [int(0)]));
  return { name: "k", buffers: [...weights, { name: "y", dtype: "f32", size: 16, space: "out" }], body: reads.map((value, i) => ({ kind: "store", buffer: "y", at: int(i), value })) };
}
/** A program of one step for each kernel, whose weights lie at these offsets. */
function programOf(kernels: readonly Kernel[], offsets: readonly (readonly number[])[]): Program {
  const steps = kernels.map((_, i) => ({ kernel: i, origin: [], macs: 0, kind: "", traffic: { read: 0, weights: 0, written: 0 }, results: [], args: [...offsets[i]!.map((offset) => ({ in: "constants", offset }) as const), { in: "arena", offset: 0 } as const] }));
  return { name: "p", inputs: [], outputs: [], kernels: kernels.map((k) => ({ name: k.name, origin: [], variants: { opencl: k } })), steps, arena: { bytes: 64, blocks: [], naive: 64, lowerBound: 64 }, constants: new Uint8Array(4096), dtypes: ["f32"] };
}
const lay = (kernels: readonly Kernel[], offsets: readonly (readonly number[])[], most: number) => layOutWeights(programOf(kernels, offsets), kernels, most);

describe("weights on the device", () => {
  test("one buffer where all fit, what lies side by side is copied at once", () => {
    const l = lay([reader([16, 32, 16])], [[0, 64, 192]], 1 << 20);
    expect([l.buffers, l.ranges]).toEqual([[256], [{ buffer: 0, at: 0, from: 0, bytes: 256 }]]);
    expect(l.find(64)).toEqual({ buffer: 0, at: 64 });
  });
  test("more where they do not, cut between weights; a larger one has a buffer of its own", () => {
    const l = lay([reader([16, 32, 100, 16])], [[0, 64, 192, 640]], 192);
    expect(l.buffers).toEqual([192, 448, 64]);
    expect([0, 64, 192, 640].map(l.find)).toEqual([{ buffer: 0, at: 0 }, { buffer: 0, at: 64 }, { buffer: 1, at: 0 }, { buffer: 2, at: 0 }]);
  });
  test("what two steps read lies there once; what overlaps stays together", () => {
    const l = lay([reader([32]), reader([32]), reader([32])], [[0], [64], [0]], 64);
    expect([l.buffers, l.find(64)]).toEqual([[192], { buffer: 0, at: 64 }]);
  });
  test("what no kernel of the device reads stays where it is", () => {
    const k = reader([16, 16, 16], [true, false, true]), l = lay([k], [[0, 64, 128]], 1 << 20);
    expect(l.ranges).toEqual([{ buffer: 0, at: 0, from: 0, bytes: 64 }, { buffer: 0, at: 64, from: 128, bytes: 64 }]);
    expect(() => l.find(64)).toThrow("no kernel of the device reads the constant at 64");
    expect(layOutWeights(programOf([k], [[0, 64, 128]]), [null], 64).buffers).toEqual([]);
  });
});
/** Devices that take a quarter of a kilobyte in one piece. */
const small = openclFor({ name: "opencl", description: "small", doubles: true, facts: { ...(openclTarget.facts(settingsOf(openclTarget, {})) as Parameters<typeof openclFor>[0]["facts"]), largestConstant: 256 } });
test.skipIf(skipped("opencl"))(`networks whose weights lie in several buffers${because("opencl")}`, { timeout: 120_000 }, async () => {
  const samples = (["residual", "dense", "transformer-mlp"] as const).map((name) => { const graph = networks[name]!(); return { name, graph, feeds: feedsOf(graph, 1) }; });
  const buffers = samples.map(({ graph }) => Number(/WEIGHT_BUFFERS (\d+)/.exec(String(packageOf(graph, small, "net").files.get("net_device.h")))![1]));
  expect(buffers.every((n) => n > 1), `${buffers}`).toBe(true);
  expect(faults(samples, await runOn(small, samples), difference)).toEqual([]);
});
