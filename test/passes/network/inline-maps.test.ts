import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { Builder } from "../graphs.ts";
import { names, upTo } from "./build.ts";

/** A scale and a Relu before a large 1x1 convolution; `more` says what else reads them. */
function behind(more: (b: Builder, y: string) => readonly string[] = () => []): Graph {
  const b = new Builder(), x = b.op("Exp", [b.input("x", [1, 256, 8, 9])]), pooled = b.op("MaxPool", [x], { kernel_shape: [2, 2], pads: [0, 0, 1, 1] });
  const y = b.op("Relu", [b.op("Add", [b.op("Mul", [pooled, b.constant([256, 1, 1])]), b.constant([256, 1, 1])])]);
  // What two read is no tail of the pool.
  return b.graph(b.op("Conv", [y, b.constant([256, 256, 1, 1])]), b.op("ReduceMax", [pooled, b.ints(1)]), ...more(b, y));
}
describe("inline-maps", () => {
  test("a scale and an activation before a large product vanish into its loads, with the same results", () => {
    const shared = behind((b, y) => [b.op("ReduceMax", [y, b.ints(1)])]), n = upTo("inline-maps", behind()), kept = upTo("inline-maps", shared);
    expect(names(n)).toContain("strassen");
    expect(n.computes.length).toBe(kept.computes.length - 2);
    expect(n.computes.find((c) => c.algorithm)!.origin.length).toBeGreaterThan(2);
  });
  test("not before other products", () => {
    const b = new Builder(), x = b.input("x", [1, 16, 8, 9]), both = b.op("Conv", [b.op("Relu", [x]), b.constant([16, 16, 1, 1])]);
    expect(names(upTo("inline-maps", b.graph(both))).filter((c) => c !== "copy")).toEqual(["relu", "conv"]);
  });
});
