/** The operator tests and small networks as packages of the targets for devices, all in one program or process of each. */
import { describe, expect, test } from "vitest";
import { settingsOf, type Target } from "../../compiler/emit/target.ts";
import type { DType } from "../../compiler/ir/types.ts";
import { targets } from "../../targets/index.ts";
import { feedsOf } from "../passes/network/build.ts";
import { networks } from "../passes/networks.ts";
import { machineFor } from "../conformance/machine.ts";
import { faults, runOn, type Sample } from "../support/on-target.ts";
import { difference } from "../support/run-compute.ts";
import { because, deviceOf, skipped } from "../support/tools.ts";
import { operatorTests } from "./operators.ts";

type Tolerant = Sample & { readonly tolerance: number };
const operators: Tolerant[] = [];
describe("collected", () => operatorTests((graph, tolerance = 1e-4) => {
  operators.push({ name: `${expect.getState().currentTestName}, ${operators.length}`, graph, feeds: feedsOf(graph, 1), tolerance });
}));
const pieces: readonly Tolerant[] = Object.entries(networks).map(([name, make]) => {
  const graph = make();
  return { name, graph, feeds: feedsOf(graph, 1), tolerance: 1e-4 };
});

const cannotKeep = (t: Target, type: DType): boolean => { const s = t.facts(settingsOf(t, machineFor(t.name).options.settings ?? {})).types[type]; return s !== undefined && "refused" in s; };
describe.each([...targets.keys()].filter((name) => deviceOf[name]))("%s", (name) => {
  const target = targets.get(name)!, need = deviceOf[name]!;
  test.skipIf(skipped(need))(`operators${because(need)}`, { timeout: 600_000 }, async () => {
    const outcomes = await runOn(target, operators), refused = operators.map((_, i) => "refused" in outcomes[i]!);
    expect(operators.length).toBeGreaterThan(100);
    expect(refused).toEqual(operators.map(({ graph }) => [...graph.types.values()].some((t) => cannotKeep(target, t.dtype))));
    expect(faults(operators.filter((_, i) => !refused[i]), outcomes.filter((_, i) => !refused[i]), difference)).toEqual([]);
  });
  test.skipIf(skipped(need))(`small networks${because(need)}`, { timeout: 600_000 }, async () => {
    expect(faults(pieces, await runOn(target, pieces), difference)).toEqual([]);
  });
});
