import { describe, expect, test } from "vitest";
import type { TargetFacts } from "../../../compiler/emit/target.ts";
import type { Network } from "../../../compiler/ir/network.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { tensorOf } from "../../../compiler/passes/network/lower-graph.ts";
import { splitStages } from "../../../compiler/passes/network/split-stages.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { evaluateNetwork } from "../../support/evaluate-network.ts";
import { difference } from "../../support/run-compute.ts";
import { Builder } from "../graphs.ts";
import { facts, feedsOf, names, plainNetwork, ready } from "./build.ts";

const grid = { lanes: 64, mostLanes: 256, mostGroups: 65535, sharedBytes: 16384, vector: 4, accumulators: 32, busy: 4096 };
const device: TargetFacts = { ...facts, winograd: false, strassen: false, grid };
const split = (build: (b: Builder) => string, f = device): Network => { const b = new Builder(); return splitStages(plainNetwork(b.graph(build(b))), f); };
/** Everything up to the last splitting, as a device wants it. */
const whole = (b: Builder, ...outputs: string[]): Network => networkPasses.slice(0, -1).reduce((n, p) => p.run(n, device), plainNetwork(b.graph(...outputs)));

describe("split-stages", () => {
  test("rows that a group can make stay together", () => {
    expect(split((b) => b.op("Softmax", [b.input("x", [4, 100])], { axis: 1 })).computes.map((c) => c.stages.length)).toEqual([4]);
    expect(split((b) => b.op("GroupNormalization", [b.input("x", [1, 12, 8, 8]), b.constant([12]), b.constant([12])], { num_groups: 3 })).computes.map((c) => c.stages.length)).toEqual([3]);
    expect(split((b) => b.op("LayerNormalization", [b.input("x", [4, 100]), b.constant([100]), b.constant([100])], { axis: 1 })).computes.map((c) => c.stages.length)).toEqual([3]);
  });
  test("short rows, rows beyond shared memory become launches of their own", () => {
    for (const length of [10, 9000]) {
      const n = split((b) => b.op("Softmax", [b.input("x", [4, length])], { axis: 1 }));
      expect(names(n)).toEqual(["softmax_top", "softmax_e", "softmax_sum", "softmax"]);
      expect(n.tensors.get("e:%v_softmax0")).toMatchObject({ kind: "temporary", shape: [4, length] });
      expect(verifyNetwork(n)).toEqual([]);
    }
  });
  test("nothing changes without a grid", () => {
    const b = new Builder(), n = plainNetwork(b.graph(b.op("Softmax", [b.input("x", [4, 10])], { axis: 1 })));
    expect(splitStages(n, facts)).toBe(n);
  });
  test("the sides of a margin are cleared in one launch, before the tensor is written", () => {
    const b = new Builder(), x = b.op("Relu", [b.input("x", [1, 8, 6, 5])]), n = whole(b, b.op("Conv", [x, b.constant([8, 8, 3, 3])], { pads: [1, 1, 1, 1] }));
    const fills = n.computes.filter((c) => c.stages[0]!.value.kind === "const");
    expect(fills).toHaveLength(1);
    // Two rows of 7 pixels above and below, two columns of 6 beside, 8 channels.
    expect(fills[0]!.stages[0]!.axes.map((a) => a.range[1] + 1)).toEqual([8 * (2 * 7 + 2 * 6)]);
    expect(n.computes.every((c) => c.stages.length === 1)).toBe(true);
  });
  test("Computes that write boxes of one tensor keep their temporaries apart", () => {
    const b = new Builder(), soft = (name: string, n: number) => b.op("Softmax", [b.input(name, [3, n])], { axis: 1 }), g = b.graph(b.op("Concat", [soft("x", 5), soft("y", 7)], { axis: 1 }));
    const plain = plainNetwork(g), n = networkPasses.slice(0, -1).reduce((x, p) => p.run(x, device), plain), feeds = new Map([...feedsOf(ready(g), 3)].map(([v, c]) => [tensorOf(v), c.data]));
    expect([...n.tensors.values()].filter((t) => /^e\d*:/.test(t.name)).map((t) => t.shape)).toEqual([[3, 5], [3, 7]]);
    expect(difference(evaluateNetwork(n, feeds).get(plain.outputs[0]!)!, evaluateNetwork(plain, feeds).get(plain.outputs[0]!)!)).toBeLessThanOrEqual(1e-5);
  });
  test("the same elements come out", () => {
    const b = new Builder(), x = b.input("x", [2, 12, 6, 5]), y = b.op("Conv", [b.op("Relu", [x]), b.constant([12, 12, 3, 3])], { pads: [1, 1, 1, 1] });
    const g = b.graph(b.op("GroupNormalization", [y, b.constant([12]), b.constant([12])], { num_groups: 3 }), b.op("Softmax", [y], { axis: 1 }));
    const feeds = new Map([...feedsOf(ready(g), 3)].map(([v, c]) => [tensorOf(v), c.data])), run = (n: Network) => evaluateNetwork(n, feeds);
    const plain = plainNetwork(g), want = run(plain), got = run(networkPasses.slice(0, -1).reduce((n, p) => p.run(n, device), plain));
    plain.outputs.forEach((v) => expect(difference(got.get(v)!, want.get(v)!), v).toBeLessThanOrEqual(1e-4));
  });
});
