/** What the machine that runs the tests is. */
import { existsSync, readFileSync } from "node:fs";
import { arch } from "node:os";

/** An instruction set of the C++ target that this machine runs. */
export function machineIsa(): string {
  if (arch() === "arm64") return "neon";
  const cpu = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return /\bavx2\b/.test(cpu) && /\bfma\b/.test(cpu) ? "avx2" : "sse";
}
