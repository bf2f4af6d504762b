/** The list of targets. */
import type { Target } from "../compiler/emit/target.ts";
import { cppTarget } from "./cpp/index.ts";
import { openclArmTarget } from "./opencl-arm/index.ts";
import { openclTarget } from "./opencl/index.ts";
import { webgpuTarget } from "./webgpu/index.ts";

const all: readonly Target[] = [cppTarget, openclTarget, openclArmTarget, webgpuTarget];
export const targets: ReadonlyMap<string, Target> = new Map(all.map((t) => [t.name, t]));
