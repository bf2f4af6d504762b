/** The instruction sets that this machine can run, with the commands that build and run programs for them. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { arch } from "node:os";

export interface Runner {
  readonly isa: string;
  readonly cxx: string;
  /** What stands in front of a program to run it. */
  readonly launch: readonly string[];
}
const has = (command: string, ...args: readonly string[]): boolean => {
  try { execFileSync(command, args, { stdio: "ignore" }); return true; } catch { return false; }
};
/** By name; NEON on x86 through an emulator, where one and a compiler for it are there. */
export function runners(cxx = "g++"): ReadonlyMap<string, Runner> {
  const found: Runner[] = [], native = (isa: string) => found.push({ isa, cxx, launch: [] });
  if (arch() === "arm64") native("neon");
  else {
    const cpu = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "",
      all = (...flags: readonly string[]) => flags.every((f) => new RegExp(`\\b${f}\\b`).test(cpu));
    native("sse");
    if (all("avx2", "fma")) native("avx2");
    if (all("avx512f", "avx512vl", "avx512bw", "avx512dq")) native("avx512");
    const sysroot = "/usr/aarch64-linux-gnu";
    if (has("aarch64-linux-gnu-g++", "--version") && has("qemu-aarch64", "--version")) found.push({ isa: "neon", cxx: "aarch64-linux-gnu-g++",
      launch: ["qemu-aarch64", "-L", sysroot] });
  }
  return new Map(found.map((r) => [r.isa, r]));
}
