/** Programs and devices that tests need beside a C compiler. On a developer's machine a test is skipped where one is missing; with CI set it runs, and fails. */
import { spawnSync } from "node:child_process";
import { machineFor } from "../conformance/machine.ts";
import { tmpdir } from "node:os";

const works = (command: string, ...args: readonly string[]): boolean => {
  const r = spawnSync(command, args, { stdio: "ignore" });
  return r.error === undefined && r.status === 0;
};
const once = (f: () => string): (() => string) => {
  let known: string | undefined;
  return () => (known ??= f());
};
const adapter = 'import { create } from "webgpu"; const gpu = create([]); const a = await gpu.requestAdapter(); process.exit(a && gpu ? 0 : 1);';
/** Why each cannot be used here; empty where it can. */
export const missing = {
  opencl: once(() => {
    const r = spawnSync("clinfo", ["-l"], { env: { ...process.env, ...machineFor("opencl").env(tmpdir()) } });
    return r.error ? "clinfo is not installed" : /Device #0/.test(String(r.stdout)) ? "" : "there is no OpenCL device (Debian: pocl-opencl-icd)";
  }),
  dawn: once(() => {
    const r = spawnSync(process.execPath, ["--input-type=module", "--eval", adapter], { env: { ...process.env, ...machineFor("webgpu").env(tmpdir()) }, cwd: import.meta.dirname });
    return r.status === 0 ? "" : "Dawn finds no device (Debian: chromium brings SwiftShader, libvulkan1 the loader)";
  }),
  oclgrind: once(() => (works("oclgrind", "--version") ? "" : "oclgrind is not installed")),
  naga: once(() => (works("naga", "--version") ? "" : "naga is not installed (cargo install naga-cli)")),
  chromium: once(() => (works("chromium", "--version") ? "" : "chromium is not installed")),
} as const satisfies Record<string, () => string>;
/** What a target's packages need to run. */
export const deviceOf: Readonly<Record<string, keyof typeof missing>> = { opencl: "opencl", "opencl-arm": "opencl", webgpu: "dawn" };
/** Whether to skip a test that needs all of these. */
export const skipped = (...needs: readonly (keyof typeof missing)[]): boolean => !process.env.CI && needs.some((n) => missing[n]() !== "");
/** For a test's name: why it is skipped, if it is. */
export const because = (...needs: readonly (keyof typeof missing)[]): string => {
  const why = skipped(...needs) ? needs.map((n) => missing[n]()).filter(Boolean) : [];
  return why.length ? ` (skipped: ${why.join("; ")})` : "";
};
