/** A sample of ONNX's cases under the sanitizers, without a warning; `npm run conformance -- --target cpp --sanitize` runs all. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { listCases } from "./cases.ts";
import { compileWith } from "./compile.ts";
import { runGroup } from "./group.ts";
import { machineFor, runOptions } from "./machine.ts";

const data = join(import.meta.dirname, "../../.cache/onnx-data"), work = mkdtempSync(join(tmpdir(), "mlc-sanitized-"));
afterAll(() => { rmSync(work, { recursive: true, force: true }); });
/** Each so many-th case. */
const every = 37;
test.skipIf(!existsSync(join(data, "node")))("no undefined behaviour, no access outside of memory, no warning", { timeout: 600_000 }, async () => {
  const machine = machineFor("cpp"), some = listCases(data).filter((c, i) => c.name.startsWith("node/") && i % every === 0);
  const { results } = await runGroup(some, { compile: compileWith(compile, { ...machine.options, target: "cpp" }), ...runOptions(machine, work, true), keep: false });
  expect(results.filter((r) => r.outcome === "failed")).toEqual([]);
  expect(results.filter((r) => r.outcome === "passed").length).toBeGreaterThan(some.length / 2);
});
