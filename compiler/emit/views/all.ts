/** What each template gets, by its path. */
import type { BuildViews } from "./build.ts";
import type { CppViews } from "./cpp.ts";
import type { OpenclViews } from "./opencl.ts";
import type { ProgramViews } from "./programs.ts";
import type { WebgpuViews } from "./webgpu.ts";

/** Path of each template -> its view. */
export interface ShellViews extends CppViews, BuildViews, OpenclViews, WebgpuViews, ProgramViews {}
