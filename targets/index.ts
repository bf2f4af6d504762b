/** The list of targets. */
import type { Target } from "../compiler/emit/target.ts";
import { cppTarget } from "./cpp/index.ts";
import { webgpuTarget } from "./webgpu/index.ts";

const all: readonly Target[] = [cppTarget, webgpuTarget];
export const targets: ReadonlyMap<string, Target> = new Map(all.map((t) => [t.name, t]));
