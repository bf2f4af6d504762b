/** Algorithms that were measured: which are offered, and that one chosen by name is taken and gives the same results. */
import { describe, expect, test } from "vitest";
import type { Compute } from "../../../compiler/ir/compute.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import type { Network } from "../../../compiler/ir/network.ts";
import type { Choice, Choices } from "../../../compiler/passes/network/tune-schedules.ts";
import { cppTarget } from "../../../targets/cpp/index.ts";
import { Builder } from "../graphs.ts";
import { facts, passesTo, plainNetwork, run } from "./build.ts";

const conv = (): Graph => {
  const b = new Builder();
  return b.graph(b.op("Conv", [b.op("Exp", [b.input("x", [1, 16, 10, 10])]), b.constant([32, 16, 3, 3])], { pads: [1, 1, 1, 1] }));
};
const product = (): Graph => {
  const b = new Builder();
  return b.graph(b.op("MatMul", [b.op("Exp", [b.input("x", [66, 256])]), b.constant([256, 256])]));
};
interface Heard { readonly n: Network; readonly layer: Compute; readonly offered: ReadonlyMap<string, readonly Choice[]>; readonly problems: readonly string[] }
function tuned(g: Graph, choices: Choices = {}, f = facts): Heard {
  const offered = new Map<string, readonly Choice[]>(), problems: string[] = [];
  const tuner = { choices, problem: (why: string) => void problems.push(why), hear: (key: string, set: string, list: readonly Choice[]) => { expect(set).toBe("any"); offered.set(key, list); } };
  const n = passesTo("choose-products").reduce((x, p) => p.run(x, f, tuner), plainNetwork(g));
  return { n, layer: n.computes.find((c) => c.decision)!, offered, problems };
}
const chosenIn = (c: Compute) => c.choices!.filter((x) => x.chosen).map((x) => x.algorithm);

describe.each([["a convolution", conv, 3], ["a product", product, 1]] as const)("%s", (_, graph, least) => {
  test("all but the planned one are offered, the most promising first, and nothing changes by asking", () => {
    const { layer, offered, problems, n } = tuned(graph()), [[key, list]] = [...offered] as [[string, readonly Choice[]]], names = list.map((c) => c.algorithm);
    const plain = passesTo("choose-products").reduce((x, p) => p.run(x, facts), plainNetwork(graph()));
    expect(layer.decision).toBe(key);
    expect(names.length).toBeGreaterThanOrEqual(least);
    expect(names).not.toContain(chosenIn(layer)[0]);
    expect(list.map((c) => layer.choices!.find((x) => x.algorithm === c.algorithm)!.ms)).toEqual(layer.choices!.filter((x) => names.includes(x.algorithm)).map((x) => x.ms).sort((a, b) => a - b));
    expect(n.computes.map((c) => c.algorithm)).toEqual(plain.computes.map((c) => c.algorithm));
    expect(plain.computes.every((c) => c.decision === undefined)).toBe(true);
    expect(problems).toEqual([]);
  });
  test("one is taken if it is asked for by name, and gives the same results", () => {
    const [[key, list]] = [...tuned(graph()).offered] as [[string, readonly Choice[]]];
    for (const choice of [list[0]!, { algorithm: "direct" }]) {
      const choices = { [key]: { any: choice } }, { layer } = tuned(graph(), choices);
      expect(chosenIn(layer)).toEqual([choice.algorithm]);
      expect(layer.algorithm === undefined).toBe(choice.algorithm === "direct");
      run(graph(), passesTo("choose-products").map((p) => ({ ...p, run: (n, f) => p.run(n, f, { choices }) })), 1e-4);
    }
  });
  test("a name that there is not is a problem, and the planned one is taken", () => {
    const before = tuned(graph()), after = tuned(graph(), { [before.layer.decision!]: { any: { algorithm: "F(9x9, 3x3)" } } });
    expect(after.problems).toEqual([expect.stringMatching(/is F\(9x9, 3x3\), which this layer cannot be computed by: direct, /)]);
    expect(chosenIn(after.layer)).toEqual(chosenIn(before.layer));
  });
});
test("equal layers are one decision, others not", () => {
  const b = new Builder(), x = b.op("Exp", [b.input("x", [1, 32, 10, 10])]), layer = (v: string, size: number) => b.op("Conv", [v, b.constant([32, 32, size, size])], { pads: Array.from({ length: 4 }, () => (size - 1) / 2) });
  const { n, offered } = tuned(b.graph(layer(layer(layer(layer(x, 3), 3), 3), 5))), keys = n.computes.flatMap((c) => c.decision ?? []);
  expect(keys).toHaveLength(4);
  expect(offered.size).toBe(new Set(keys).size);
  expect(keys[1]).toBe(keys[2]);
  expect(keys[3]).not.toBe(keys[2]);
});
test("where bytes count, nothing is offered that has more of them; where only plain sums are allowed, nothing at all", () => {
  const b = new Builder(), g = b.graph(b.op("Conv", [b.op("Exp", [b.input("x", [1, 64, 14, 14])]), b.constant([64, 64, 3, 3])], { pads: [1, 1, 1, 1] }));
  const { layer, offered } = tuned(g, {}, cppTarget.facts({ optimize: "balanced" })), bytes = (name: unknown) => layer.choices!.find((x) => x.algorithm === name)!.weightBytes;
  for (const c of [...offered.values()].flat()) expect(bytes(c.algorithm)).toBeLessThanOrEqual(bytes(chosenIn(layer)[0]));
  expect(tuned(g, {}, cppTarget.facts({ winograd: "off" })).offered.size).toBe(0);
});
