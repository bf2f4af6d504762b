import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { chooseAlgorithms } from "../../../compiler/passes/network/choose-algorithms.ts";
import { Builder } from "../graphs.ts";
import { cppTarget } from "../../../targets/cpp/index.ts";
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
    expect([...n.tensors.values()].filter((t) => t.name.startsWith("winograd4x4of3x3:")).map((t) => t.shape)).toEqual([[6, 6, 16, 16]]);
  });
  test("the size of the tile follows the cost", () => {
    expect(tiles(conv(64, 64, [48, 48]))).toEqual(["6x6"]);
    expect(tiles(conv(64, 64, [3, 2]))).not.toEqual(["6x6"]);
    // Weights that must come from memory weigh more than the work that is saved.
    expect(tiles(conv(64, 64, [1, 1]))).toEqual([]);
  });
  test("the tile suits the processor asked for, and without that all of them", () => {
    const bytes = (cpu: string) => chooseAlgorithms(ahead("choose-algorithms", conv(256, 256, [14, 14])), cppTarget.facts({ cpu })).computes.flatMap((c) => c.choices?.find((x) => x.chosen)?.weightBytes ?? [])[0]!;
    // Where memory is far, tiles whose weights are larger do not pay.
    expect(bytes("znver4")).toBeGreaterThan(bytes("sapphirerapids"));
    const both = bytes("any");
    expect(both).toBeGreaterThanOrEqual(bytes("sapphirerapids"));
    expect(both).toBeLessThanOrEqual(bytes("znver4"));
  });
  test("filters of other sizes, and groups", () => {
    expect(tiles(conv(32, 32, [24, 24], [5, 5], { pads: [2, 2, 2, 2] }))).toEqual(["4x4"]);
    expect(tiles(conv(32, 32, [17, 17], [1, 7], { pads: [0, 3, 0, 3] }))[0]).toMatch(/^1x[2-4]$/);
    expect(tiles(conv(32, 32, [16, 16], [3, 1], { pads: [1, 0, 1, 0] }))[0]).toMatch(/^[2-6]x1$/);
    expect(tiles(conv(32, 32, [12, 12], [3, 3], { group: 2, pads: [1, 1, 1, 1] }))).toHaveLength(1);
    upTo("choose-algorithms", conv(16, 16, [6, 9], [5, 5], { pads: [2, 2, 2, 2] }), 1e-4);
    upTo("choose-algorithms", conv(32, 32, [5, 9], [3, 3], { group: 2, pads: [1, 1, 1, 1] }), 1e-4);
  });
  const volume = (batch: number, planes: number, k: readonly number[], attributes: Attributes, size = [6, 7]): Graph => {
    const b = new Builder(), y = b.op("Conv", [b.op("Exp", [b.input("x", [batch, 16, planes, ...size])]), b.constant([16, 16, ...k]), b.constant([16])], attributes);
    return b.graph(b.op("Add", [y, b.op("Tanh", [y])]));
  };
  const dilated = (size: readonly [number, number], more: Attributes) => conv(32, 32, size, [3, 3], more);
  test.each<[string, Graph]>([
    ["three dimensions", volume(1, 3, [3, 3, 3], { pads: [1, 1, 1, 1, 1, 1] })], ["strides along the planes, and batches", volume(2, 3, [3, 3, 3], { pads: [1, 1, 1, 1, 1, 1], strides: [2, 1, 1] })],
    ["planes apart", volume(1, 5, [2, 3, 3], { pads: [0, 1, 1, 0, 1, 1], dilations: [2, 1, 1] })], ["strides in each plane", volume(1, 3, [3, 3, 3], { pads: [1, 1, 1, 1, 1, 1], strides: [1, 2, 2] }, [17, 18])],
    ["rows and columns apart", dilated([12, 8], { pads: [2, 2, 2, 2], dilations: [2, 2] })], ["rows apart", dilated([12, 10], { pads: [3, 1, 3, 1], dilations: [3, 1] })],
    ["groups", dilated([8, 9], { pads: [2, 3, 2, 3], dilations: [2, 3], group: 2 })],
  ])("images that are planes, or grids of taps: %s", (_, g) => {
    expect(tiles(g)).toHaveLength(1);
    expect(upTo("add-halos", g, 1e-4).computes.some((c) => c.algorithm)).toBe(true);
  });
  test("not where grids differ in size, or planes are read by single taps", () => {
    expect(tiles(dilated([13, 8], { pads: [2, 2, 2, 2], dilations: [2, 2] }))).toEqual([]);
    expect(tiles(dilated([12, 8], { pads: [1, 2, 3, 2], dilations: [2, 2] }))).toEqual([]);
    expect(tiles(volume(1, 3, [3, 1, 1], { pads: [1, 0, 0, 1, 0, 0] }))).toEqual([]);
  });
  test("tiles as large as allowed, and no error above the bound", () => {
    const largest = (settings: Record<string, string>, g: Graph) => chooseAlgorithms(ahead("choose-algorithms", g), cppTarget.facts({ cpu: "znver4", ...settings })).computes.flatMap((c) => (c.algorithm?.kind === "winograd" ? c.algorithm.tile : []));
    const g = conv(64, 64, [48, 48]);
    for (const most of [2, 4, 6]) expect(Math.max(...largest({ winograd: String(most) }, g))).toBe(most);
    expect(largest({ winograd: "off" }, g)).toEqual([]);
    expect(largest({ optimize: "size" }, g)).toEqual([]);
    // Nine products in two dimensions would round too much.
    for (const [tile, r] of [[largest({}, conv(32, 32, [30, 30], [7, 7], { pads: [3, 3, 3, 3] })), 7]] as const) expect(Math.max(0, ...tile) + r - 1).toBeLessThanOrEqual(8);
  });
  test("balanced: bytes must be worth their time", () => {
    const size = (settings: Record<string, string>, g: Graph) => chooseAlgorithms(ahead("choose-algorithms", g), cppTarget.facts({ cpu: "znver4", ...settings })).computes.flatMap((c) => c.choices?.find((x) => x.chosen)?.weightBytes ?? []).reduce((a, b) => a + b, 0);
    const deep = conv(256, 256, [7, 7]), wide = conv(32, 32, [48, 48]);
    expect(size({ optimize: "balanced" }, deep)).toBe(size({ optimize: "size" }, deep));
    expect(size({ optimize: "speed" }, deep)).toBeGreaterThan(size({ optimize: "balanced" }, deep));
    expect(size({ optimize: "balanced" }, wide)).toBeGreaterThan(size({ optimize: "size" }, wide));
  });
  test("choices tell what was weighed; the chosen one is marked once", () => {
    const [c] = chooseAlgorithms(ahead("choose-algorithms", conv(64, 64, [48, 48])), facts).computes.flatMap((x) => (x.choices ? [x.choices] : []));
    expect(c!.filter((x) => x.chosen)).toEqual([expect.objectContaining({ algorithm: "F(6x6, 3x3)", weightBytes: 64 * 64 * 64 * 4 })]);
    expect(c![0]).toMatchObject({ algorithm: "direct", weightBytes: 64 * 64 * 9 * 4 });
    expect(c!.find((x) => x.chosen)!.ms).toBeLessThan(c![0]!.ms);
    const plain = chooseAlgorithms(ahead("choose-algorithms", conv(64, 64, [48, 48], [3, 3], { strides: [3, 3] })), facts).computes.flatMap((x) => x.choices ?? []);
    expect(plain).toEqual([expect.objectContaining({ algorithm: "direct", chosen: true })]);
  });
  test.each([[[3, 3], [2, 2]], [[5, 5], [2, 2]], [[3, 3], [1, 2]], [[1, 3], [1, 2]]] as const)("windows of %j, %j apart: the even and the odd taps are tiled on their own", (kernel, strides) => {
    const n = upTo("choose-algorithms", conv(32, 32, [17, 18], kernel, { strides }), 1e-4);
    expect(names(n)).toContain("winograd");
  });
  test.each<[string, Graph]>([
    ["stride 3", conv(16, 16, [12, 12], [3, 3], { pads: [1, 1, 1, 1], strides: [3, 3] })], ["dilation over grids that differ in size", conv(16, 16, [13, 12], [3, 3], { dilations: [2, 2] })],
    ["1x1", conv(16, 16, [12, 12], [1, 1], {})], ["few channels", conv(8, 16, [12, 12])], ["few results", conv(16, 8, [12, 12])],
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
  test("weights shared by convolutions of two strides are transformed for each", () => {
    const b = new Builder(), w = b.constant([32, 32, 3, 3]), x = b.op("Exp", [b.input("x", [1, 32, 12, 12])]), y = b.op("Conv", [x, w], { pads: [1, 1, 1, 1] });
    const n = upTo("choose-algorithms", b.graph(b.op("Conv", [y, w], { pads: [1, 1, 1, 1], strides: [2, 2] })), 1e-4);
    expect(names(n).filter((x) => x === "winograd")).toHaveLength(2);
    expect([...n.tensors.keys()].filter((x) => x.startsWith("winograd"))).toHaveLength(2);
  });
  test("a box of a larger tensor", () => {
    const b = new Builder(), x = b.op("Exp", [b.input("x", [1, 16, 8, 8])]), y = b.op("Conv", [x, b.constant([16, 16, 3, 3])], { pads: [1, 1, 1, 1] });
    const n = upTo("choose-algorithms", b.graph(b.op("GlobalAveragePool", [b.op("Concat", [x, y], { axis: 1 })])), 1e-4);
    expect(n.computes.find((c) => c.algorithm)!.outputs[0]!.index).toBeDefined();
  });
});
