import { describe, expect, test } from "vitest";
import { widenMasks } from "../../../compiler/passes/network/widen-masks.ts";
import { attention } from "../../support/attention.ts";
import { Builder } from "../graphs.ts";
import { ahead, facts, names, upTo } from "./build.ts";

const triangle = (n: number) => Array.from({ length: n * n }, (_, i) => Number(i % n <= Math.floor(i / n)));
const causal = attention({ queries: 16 }, (b, s) => b.op("Where", [b.constant([1, 1, 16, 16], triangle(16), "bool"), s, b.scalar(-1e4)]));
describe("widen-masks", () => {
  test("a causal mask is a constant of numbers, and part of attention", () => {
    const masks = [...upTo("widen-masks", causal).tensors.values()].filter((t) => t.name.startsWith("mask:"));
    expect(masks.map((t) => [t.dtype, t.shape.join("x"), [...(t.data as Float32Array)].join()])).toEqual([["f32", "1x1x16x16", triangle(16).join()]]);
    expect(names(upTo("chain-products", causal))).toContain("attention");
  });
  test("truths that the caller gives, and those that become other types, stay", () => {
    const b = new Builder(), c = b.constant([4], [1, 0, 1, 0], "bool"), x = b.op("Where", [b.input("c", [4], "bool"), b.input("x", [4]), b.scalar(0)]);
    const g = b.graph(b.op("Add", [x, b.op("Cast", [b.op("And", [c, b.input("d", [4], "bool")])], { to: 1 })]));
    expect([...upTo("widen-masks", g).tensors.keys()].some((t) => t.startsWith("mask:"))).toBe(false);
  });
  test("does nothing for devices of groups and lanes", () => {
    const n = ahead("widen-masks", causal), grid = { lanes: 4, mostLanes: 16, mostGroups: 8, sharedBytes: 512, vector: 4, accumulators: 64, busy: 8 };
    expect(widenMasks(n, { ...facts, grid })).toBe(n);
  });
});
