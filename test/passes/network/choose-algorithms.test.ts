import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { chooseAlgorithms } from "../../../compiler/passes/network/choose-algorithms.ts";
import { Builder } from "../graphs.ts";
import { ahead, facts, names, upTo } from "./build.ts";

type Attributes = Readonly<Record<string, number | readonly number[]>>;
const conv = (from: number, to: number, size: readonly [number, number], k: readonly [number, number] = [3, 3], attributes: Attributes = { pads: [1, 1, 1, 1] }): Graph => {
  const b = new Builder();
  return b.graph(b.op("Relu", [b.op("Conv", [b.op("Exp", [b.input("x", [1, from, ...size])]), b.constant([to, from / ((attributes.group as number | undefined) ?? 1), ...k]), b.constant([to])], attributes)]));
};
const tiles = (g: Graph) => chooseAlgorithms(ahead("choose-algorithms", g), facts).computes.flatMap((c) => (c.algorithm?.kind === "winograd" ? [c.algorithm.tile.join("x")] : []));
describe("choose-algorithms", () => {
  test("3x3 of stride 1 is computed in tiles; the tail comes along, and the weights are new constants", () => {
    const g = conv(16, 16, [12, 12]), n = upTo("choose-algorithms", g, 1e-4), w = n.computes.find((c) => c.algorithm)!;
    expect(w.algorithm).toMatchObject({ kind: "winograd", tile: [4, 4], macs: 16 * 16 * 144 * 9 });
    expect(w.stages.at(-1)!.finish).toBeDefined();
    expect([...n.tensors.values()].filter((t) => t.name.startsWith("winograd4x4:")).map((t) => t.shape)).toEqual([[6, 6, 16, 16]]);
  });
  test("the size of the tile follows the cost", () => {
    expect(tiles(conv(16, 16, [12, 12]))).toEqual(["4x4"]);
    expect(tiles(conv(16, 16, [3, 2]))).not.toEqual(["4x4"]);
    // Weights that must come from memory weigh more than the work that is saved.
    expect(tiles(conv(16, 16, [1, 1]))).toEqual([]);
  });
  test.each<[string, Graph]>([
    ["stride 2", conv(16, 16, [12, 12], [3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] })], ["dilation", conv(16, 16, [12, 12], [3, 3], { dilations: [2, 2] })], ["groups", conv(32, 32, [12, 12], [3, 3], { group: 2, pads: [1, 1, 1, 1] })],
    ["5x5", conv(16, 16, [12, 12], [5, 5], {})], ["1x3", conv(16, 16, [12, 12], [1, 3], {})], ["few channels", conv(8, 16, [12, 12])], ["few results", conv(16, 8, [12, 12])],
  ])("not with %s", (_, g) => expect(tiles(g)).toEqual([]));
  test("weights known at run time only are left alone", () => {
    const b = new Builder();
    expect(tiles(b.graph(b.op("Conv", [b.input("x", [1, 16, 12, 12]), b.input("w", [16, 16, 3, 3])])))).toEqual([]);
  });
  test("shared weights are transformed once", () => {
    const b = new Builder(), w = b.constant([16, 16, 3, 3]), y = b.op("Conv", [b.input("x", [1, 16, 12, 12]), w], { pads: [1, 1, 1, 1] });
    const n = upTo("choose-algorithms", b.graph(b.op("Conv", [y, w], { pads: [1, 1, 1, 1] })), 1e-4);
    expect(names(n).filter((x) => x === "winograd")).toHaveLength(2);
    expect([...n.tensors.keys()].filter((x) => x.startsWith("winograd"))).toHaveLength(1);
  });
  test("a box of a larger tensor", () => {
    const b = new Builder(), x = b.op("Exp", [b.input("x", [1, 16, 8, 8])]), y = b.op("Conv", [x, b.constant([16, 16, 3, 3])], { pads: [1, 1, 1, 1] });
    const n = upTo("choose-algorithms", b.graph(b.op("GlobalAveragePool", [b.op("Concat", [x, y], { axis: 1 })])), 1e-4);
    expect(n.computes.find((c) => c.algorithm)!.outputs[0]!.index).toBeDefined();
  });
});
