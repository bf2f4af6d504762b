/** How this machine runs what each target makes. */
import { existsSync, readFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import type { CompileOptions } from "../../compiler/api.ts";

type Environment = Readonly<Record<string, string | undefined>>;
/** An instruction set of the C++ target that this machine runs. */
export function machineIsa(): string {
  if (arch() === "arm64") return "neon";
  const cpu = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return /\bavx2\b/.test(cpu) && /\bfma\b/.test(cpu) ? "avx2" : "sse";
}
/** What the tests say to the compiler and to the machine for a target. */
export interface Machine {
  readonly options: Partial<CompileOptions>;
  /** The most that a run may take: compilers of kernels are slow for whole networks. */
  readonly seconds: number;
  /** How hard the C++ compiler is to try. */
  readonly level: "-O0" | "-O1";
  /** Added to the environment of what runs; `folder` is for caches, and goes away with the tests. */
  readonly env: (folder: string) => Environment;
  /** A file in C with a function `warm` that the native program calls before it makes its children. */
  readonly warm?: string;
}
/** PoCL without threads of its own, which a forked child would lack, and without a cache that outlives the tests. */
const pocl: Machine = {
  // A wrong run on the device must not hide behind the processor's kernels.
  options: { settings: { fallback: "none" } },
  // The C++ only hands kernels to the device.
  level: "-O0", seconds: 300,
  env: (folder) => ({ POCL_DEVICES: "basic", POCL_CACHE_DIR: join(folder, "pocl"), POCL_MAX_PTHREAD_COUNT: "1" }),
  warm: join(import.meta.dirname, "warm-opencl.c"),
};
const swiftShader = ["/usr/lib/chromium/vk_swiftshader_icd.json", "/usr/lib64/chromium-browser/vk_swiftshader_icd.json"].find((f) => existsSync(f));
/** Dawn finds SwiftShader, which comes with Chromium, where the environment does not name another driver of Vulkan. */
const dawn: Machine = {
  options: {}, level: "-O1", seconds: 120,
  env: (folder) => ({
    ...(swiftShader && !process.env.VK_ICD_FILENAMES ? { VK_ICD_FILENAMES: swiftShader } : {}),
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? folder,
  }),
};
const machines: Readonly<Record<string, Machine>> = { opencl: pocl, "opencl-arm": pocl, webgpu: dawn };
/** The machine for a target; `isa` is the instruction set for targets that have some. */
export const machineFor = (target: string, isa = machineIsa()): Machine =>
  machines[target] ?? { options: { weights: "incbin", isa: [isa] }, level: "-O1", seconds: 60, env: () => ({}) };
/** Compilers' and sanitizers' flags: a run that touches what is not its own, or does what C++ leaves undefined, ends there. */
const watched = { flags: ["-g1", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"], env: { ASAN_OPTIONS: "detect_leaks=0" } };
/**
 * What of the options of a group's run the machine decides; `folder` is the group's. `sanitize`: native programs watch
 * themselves, and no warning is allowed.
 */
export const runOptions = (m: Machine, folder: string, sanitize = false) => {
  const words = (text: string | undefined, usual: string): readonly string[] => (text?.trim() || usual).split(/\s+/), more = sanitize ? watched.flags : [];
  return {
    cc: [...words(process.env.CC, "cc"), "-std=gnu99", "-Wall", "-Werror", ...more],
    cxx: [...words(process.env.CXX, "c++"), "-std=c++17", m.level, ...(sanitize ? ["-Wall", "-Wextra", "-Werror"] : ["-w"]), "-fno-exceptions", "-fno-rtti", ...more],
    folder, seconds: sanitize ? 5 * m.seconds : m.seconds, env: { ...process.env, ...m.env(folder), ...(sanitize ? watched.env : {}) }, ...(m.warm ? { warm: m.warm } : {}),
  };
};
