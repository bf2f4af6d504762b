/** What a tuner may change: offered by every kind of schedule, told from its directives, and without influence on results. */
import { describe, expect, test } from "vitest";
import { candidatesOf, turned, type Choice } from "../../compiler/schedules/knobs.ts";
import { instructionSets } from "../../targets/cpp/isa.ts";
import { scheduleCpp } from "../../targets/cpp/schedules/index.ts";
import { conv, gemm, strassen, winograd, type Problem } from "../lower/problems.ts";
import { difference, runCompute } from "../support/run-compute.ts";

const problems: Readonly<Record<string, Problem>> = {
  product: gemm(9, 10, 40), convolution: conv({ H: 5, W: 6, C: 4, N: 32 }), depthwise: conv({ H: 5, W: 7, C: 24, N: 24, depthwise: true }),
  winograd: winograd(1, 9, 9, 8, 16, 4, 4), strassen: strassen(10, 8, 64),
};
const offers: Readonly<Record<string, RegExp>> = { product: /n$/, convolution: /x$/, depthwise: /x$/, winograd: /Y\/t$/, strassen: /Y\/t$/ };

describe.each(Object.keys(problems))("%s", (name) => {
  const { compute, data, expected } = problems[name]!;
  test.each(["avx512", "avx2"] as const)("all choices give the result, %s", (isa) => {
    const made = scheduleCpp(compute, instructionSets[isa]), candidates = candidatesOf(made.schedule);
    expect(candidates.flatMap((c) => Object.keys(c))).toContainEqual(expect.stringMatching(offers[name]!));
    expect(new Set(candidates.map((c) => JSON.stringify(c))).size).toBe(candidates.length);
    for (const choice of candidates) {
      const schedule = turned(made.schedule, choice);
      expect(schedule, JSON.stringify(choice)).not.toBeNull();
      expect(schedule).not.toEqual(made.schedule);
      expect(difference(runCompute(made.compute, schedule!, data, { quick: true, shapes: Object.fromEntries(compute.tensors.map((t) => [t.name, t.shape])) }).results.out!, expected), JSON.stringify(choice)).toBeLessThan(1e-4);
    }
  });
});
test("what the schedule does not offer is refused", () => {
  const { schedule } = scheduleCpp(gemm(9, 10, 40).compute, instructionSets.avx512), [first] = candidatesOf(schedule), name = Object.keys(first!)[0]!;
  const bad: readonly Choice[] = [{ other: 4 }, { [name]: 0 }, { [name]: 2.5 }, { [name]: false }, { ...first, "gemm/none": 1 }];
  for (const choice of bad) expect(turned(schedule, choice), JSON.stringify(choice)).toBeNull();
  expect(turned(schedule, {})).toEqual(schedule);
});
