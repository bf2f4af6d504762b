import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { recurrencesOf } from "../../../compiler/ir/recurrence.ts";
import { splitRecurrences } from "../../../compiler/passes/network/split-recurrences.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { Builder } from "../graphs.ts";
import { names, plainNetwork, upTo } from "./build.ts";

const layer = (direction: string, steps: number): Graph => {
  const b = new Builder(), d = direction === "bidirectional" ? 2 : 1, x = b.input("x", [steps, 2, 3]);
  return b.graph(...b.ops("LSTM", [x, b.constant([d, 16, 3]), b.constant([d, 16, 4])], 3, { direction }));
};
describe("split-recurrences", () => {
  test("the product of all inputs goes before the steps, and directions part", () => {
    const before = plainNetwork(layer("bidirectional", 5)), after = splitRecurrences(before);
    expect([names(before), names(after)]).toEqual([["lstm"], ["lstm_x", "lstm_x_back", "lstm", "lstm"]]);
    expect(after.computes.map((c) => recurrencesOf(c).length)).toEqual([0, 0, 1, 1]);
    expect(after.computes[2]!.stages.map((s) => s.name)).toEqual(["p", "g", "c", "h", "h_last", "c_last"]);
    expect(verifyNetwork(after)).toEqual([]);
  });
  test.each([["forward", 4], ["reverse", 3], ["bidirectional", 5], ["bidirectional", 1]] as const)("it and all later passes keep what is computed: %s, %i steps", (direction, steps) => {
    expect(upTo("elide-copies", layer(direction, steps)).outputs).toHaveLength(3);
  });
  test("leaves alone what takes no steps", () => {
    const n = plainNetwork(layer("forward", 1));
    expect(splitRecurrences(n).computes).toEqual(n.computes);
  });
});
