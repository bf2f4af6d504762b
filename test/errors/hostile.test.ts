/** Models that are made to break a compiler: each gives one clear error, or code, in little time and memory. */
import { beforeAll, describe, expect, test } from "vitest";
import { corpus } from "./malformed/hostile.ts";
import { hunt } from "./malformed/hunt.ts";
import type { Verdict } from "./malformed/judge.ts";

const list = Object.entries(corpus), verdicts = new Map<number, Verdict>();
beforeAll(async () => {
  const { found } = await hunt({ seed: 0, count: list.length, targets: ["cpp"], jobs: 2, source: "corpus", onVerdict: (i, v) => verdicts.set(i, v) });
  for (const { number, reason } of found) verdicts.set(number, { outcome: "bad", reason });
}, 900_000);
describe("hostile models", () => {
  test.each(list.map(([name, { expected }], i) => [name, expected, i] as const))("%s", (_, expected, i) => {
    const { outcome, reason } = verdicts.get(i)!;
    if (expected === "compiled") expect({ outcome, reason }).toEqual({ outcome: "compiled", reason: "" });
    else { expect(outcome, reason).toBe("refused"); expect(reason).toMatch(expected); }
  });
});
