/** The comparison with other engines, with ONNX Runtime alone and a network of two layers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { model, node, tensor } from "../support/onnx.ts";

const folder = mkdtempSync(join(tmpdir(), "mlc-test-"));
const root = fileURLToPath(new URL("../..", import.meta.url));
const python = (...argv: readonly string[]) => spawnSync("python3", argv, { encoding: "utf8", env: { ...process.env, MLC_BENCH_CACHE: join(folder, "cache") } });
const able = process.platform === "linux" && python("-c", "import numpy, onnxruntime").status === 0;
beforeAll(() => {
  const w = tensor("f32", [8, 3, 3, 3], Array.from({ length: 216 }, (_, i) => ((i * 7) % 11) / 8 - 0.6));
  writeFileSync(join(folder, "net.onnx"), model({
    opset: 13, inputs: { x: "f32[1, 3, 12, 12]" }, outputs: ["y"], initializers: { w }, nodes: [node("c = Conv(x, w)", { pads: [1, 1, 1, 1] }), node("y = Relu(c)")],
  }));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(!able)("both run, agree, and are in all tables", () => {
  const json = join(folder, "all.json");
  const r = python(join(root, "bench/peers.py"), join(folder, "net.onnx"), "--here", "--engines", "mlc,onnxruntime", "--mlc", `node ${join(root, "dist/mlc.mjs")}`,
    "--seconds", "0.05", "--starts", "1", "--json", json);
  expect(r.stderr).toMatch(/^net {2}\de-\d\d/m);
  const [x] = JSON.parse(readFileSync(json, "utf8"));
  expect(x.speeds["1"].mlc.difference).toBeLessThan(1e-5);
  expect(x.speeds["1"].onnxruntime.difference).toBe(0);
  for (const engine of ["mlc", "onnxruntime"]) {
    expect(x.speeds["1"][engine].min_ms).toBeLessThanOrEqual(x.speeds["1"][engine].median_ms);
    for (const what of ["first_ms", "rss_kb", "disk_bytes"]) expect(x.engines[engine][what]).toBeGreaterThan(0);
  }
  expect(x.own.weights_bytes).toBeGreaterThan(0);
  expect(r.stdout).toMatch(/^geometric mean .* of 1$/m);
  expect(r.stdout.match(/^net /gm)!.length).toBe(3);
}, 120_000);
test.skipIf(!able)("no models match: says so", () => {
  expect(python(join(root, "bench/peers.py"), join(folder, "net.onnx"), "--here", "--filter", "other*")).toMatchObject({ status: 1, stderr: expect.stringContaining("no models") });
});
