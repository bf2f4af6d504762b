import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { windowDims } from "../../../compiler/ir/contraction.ts";
import { loadsIn } from "../../../compiler/ir/algebra.ts";
import { chainWindows } from "../../../compiler/passes/network/chain-windows.ts";
import { separable, type Separable } from "../../support/separable.ts";
import { Builder } from "../graphs.ts";
import { ahead, facts, temporaries, upTo } from "./build.ts";

const large: Separable = { channels: 24, columns: 8, size: 56 };
const chains = (g: Graph) => chainWindows(ahead("chain-windows", g), facts).computes.filter((c) => c.stages.length === 2).length;
describe("chain-windows", () => {
  test("a depthwise convolution and the 1x1 behind it are one Compute, with rows of all channels between them", () => {
    const n = upTo("chain-windows", separable(large)), [c, ...more] = n.computes.filter((x) => x.stages.length === 2), [window, product] = c!.stages;
    expect(more).toEqual([]);
    expect(window!.axes.map((a) => a.range[1] + 1)).toEqual([56, 56, 24]);
    expect(windowDims(c!, window!, loadsIn([window!.value])[0]!)).toHaveLength(2);
    expect(loadsIn([product!.value], window!.name)).toHaveLength(1);
    expect([...n.tensors.values()].filter((t) => t.kind === "temporary" && t.shape.join() === "1,24,56,56")).toHaveLength(1);
    expect(c!.origin).toEqual(expect.arrayContaining(["conv1", "conv3"]));
  });
  test("margins, and all later passes, keep what is computed: with strides, batches, activations and a residual", () => {
    for (const more of [{ stride: 2, height: 90, size: 100, channels: 32 }, { batch: 2, size: 38 }, { residual: true, columns: 24, size: 54 }]) {
      const n = upTo("elide-copies", separable({ ...large, ...more }));
      expect(n.computes.some((c) => c.stages.filter((s) => s.reduce).length === 2)).toBe(true);
      expect(temporaries(n).length).toBeLessThanOrEqual(3);
    }
  });
  test.each<[string, Graph]>([
    ["little lies between them", separable({ ...large, size: 20 })],
    ["the weights are as large", separable({ channels: 288, columns: 288, size: 16 })],
    ["others read it, too", (() => {
      const b = new Builder(), x = b.op("Relu", [b.input("x", [1, 24, 56, 56])]), deep = b.op("Conv", [x, b.constant([24, 1, 3, 3])], { group: 24, pads: [1, 1, 1, 1] });
      return b.graph(b.op("Conv", [deep, b.constant([8, 24, 1, 1])]), b.op("ReduceMax", [deep]));
    })()],
    ["the product reads every other pixel", (() => {
      const b = new Builder(), x = b.op("Relu", [b.input("x", [1, 24, 56, 56])]), deep = b.op("Conv", [x, b.constant([24, 1, 3, 3])], { group: 24, pads: [1, 1, 1, 1] });
      return b.graph(b.op("Relu", [b.op("Conv", [deep, b.constant([8, 24, 1, 1])], { strides: [2, 2] })]));
    })()],
    ["the first is no window over each channel", (() => {
      const b = new Builder(), x = b.op("Relu", [b.input("x", [1, 4, 56, 56])]);
      return b.graph(b.op("Conv", [b.op("Conv", [x, b.constant([24, 4, 3, 3])], { pads: [1, 1, 1, 1] }), b.constant([8, 24, 1, 1])]));
    })()],
  ])("leaves alone where %s", (_, g) => expect(chains(g)).toBe(0));
  test("leaves grids alone", () => {
    const n = ahead("chain-windows", separable(large)), grid = { lanes: 4, mostLanes: 16, mostGroups: 8, sharedBytes: 512, vector: 4, accumulators: 64, busy: 8 };
    expect(chainWindows(n, { ...facts, grid })).toBe(n);
  });
});
