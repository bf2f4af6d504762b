/** Tensors that lie in memory as halves: kernels for devices and for processors, compiled and run. */
import { expect, test } from "vitest";
import type { Target } from "../../compiler/emit/target.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { cppTarget } from "../../targets/cpp/index.ts";
import { openclTarget } from "../../targets/opencl/index.ts";
import { feedsOf } from "../passes/network/build.ts";
import { faults, runOn, type Sample } from "../support/on-target.ts";
import { difference } from "../support/run-compute.ts";
import { Builder } from "../support/graph-builder.ts";
import { because, skipped } from "../support/tools.ts";

/** Tensors large enough to be halved, under vectors, scalars, margins, tails, reductions and copies. */
const graphs: Readonly<Record<string, (b: Builder) => string>> = {
  convolutions: (b) => {
    const y = b.op("Relu", [b.op("Conv", [b.input("x", [1, 8, 14, 14]), b.constant([24, 8, 3, 3]), b.constant([24])], { pads: [1, 1, 1, 1] })]);
    return b.op("Add", [y, b.op("Conv", [b.op("Conv", [y, b.constant([24, 1, 3, 3])], { group: 24, pads: [1, 1, 1, 1] }), b.constant([24, 24, 1, 1])])]);
  },
  "odd sizes": (b) => b.op("MaxPool", [b.op("Tanh", [b.op("Conv", [b.input("x", [1, 3, 19, 19]), b.constant([7, 3, 3, 3])])])], { kernel_shape: [3, 3], strides: [2, 2] }),
  products: (b) => b.op("Softmax", [b.op("MatMul", [b.op("Gemm", [b.input("x", [33, 40]), b.constant([40, 48])]), b.constant([48, 64])])], { axis: 1 }),
  moves: (b) => {
    const y = b.op("Transpose", [b.op("Sigmoid", [b.input("x", [4, 24, 20])])], { perm: [2, 0, 1] });
    return b.op("ReduceMean", [b.op("Concat", [y, b.op("Neg", [y])], { axis: 1 }), b.ints(0)], { keepdims: 0 });
  },
};
const graphOf = (make: (b: Builder) => string): Graph => { const b = new Builder(); return b.graph(make(b)); };
const samples: readonly (Sample & { readonly tolerance: number })[] = Object.entries(graphs).map(([name, make]) => {
  const graph = graphOf(make);
  return { name, graph, feeds: feedsOf(graph, 1), tolerance: name === "products" ? 2e-2 : 4e-3 };
});
const halved = (t: Target): Target => ({ ...t, facts: (s) => ({ ...t.facts(s), halves: true, winograd: false, strassen: false }) });
const check = async (t: Target) => {
  const outcomes = await runOn(halved(t), samples);
  expect(faults(samples, outcomes, difference)).toEqual([]);
  // Exact to single precision would mean that nothing was halved.
  expect(faults(samples.map((s) => ({ ...s, tolerance: 1e-5 })), outcomes, difference)).toHaveLength(samples.length);
};
test("kernels for the processor", { timeout: 120_000 }, () => check(cppTarget));
test.skipIf(skipped("opencl"))(`OpenCL${because("opencl")}`, { timeout: 240_000 }, () => check(openclTarget));
