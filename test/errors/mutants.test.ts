/** Broken models: always an error that says what is wrong, or code. `npm run fuzz:models` goes on for longer. */
import { expect, test } from "vitest";
import { hunt } from "./malformed/hunt.ts";
import { parse, serialize } from "./malformed/wire.ts";
import { seeds } from "./malformed/seeds.ts";

test("hundreds of broken files", { timeout: 300_000 }, async () => {
  const { found, compiled, refused } = await hunt({ seed: 1, count: 300, targets: ["cpp", "opencl", "webgpu"], jobs: 2, source: "own" });
  expect(found).toEqual([]);
  expect(compiled).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(100);
});
test("a file that is not broken stays as it is", () => {
  for (const s of seeds(true)) expect(serialize(parse(s.bytes()))).toEqual(s.bytes());
});
