/** The WebGPU target: an ES module for browsers and Node, with its kernels in WGSL. */
import type { Target, TargetFacts, Variant } from "../../compiler/emit/target.ts";
import { formats } from "../../compiler/ir/formats.ts";
import type { GridFacts } from "../../compiler/ir/grid.ts";
import { scheduleGrid } from "../../compiler/schedules/grid/index.ts";
import { lacks } from "./lacks.ts";
import { moduleFiles, packageModule } from "./package.ts";
import { bindingAlignment } from "./plan.ts";

/** What every device offers at least, and what suits most. */
const grid: GridFacts = {
  lanes: 64, mostLanes: 256, mostGroups: 65535, sharedBytes: 16384, vector: 4, accumulators: 64, busy: 16384,
};
const facts: TargetFacts = {
  // An integrated graphics processor; the ratio of the two is what decides.
  machines: [{ macsPerSecond: 500e9, bytesPerSecond: 50e9, exposed: 0 }], grid, winograd: false, strassen: false, alignment: bindingAlignment, largestConstant: 2 ** 27,
  types: {
    i64: { as: "i32" }, i16: { as: "i32" }, i8: { as: "i32" }, u64: { as: "u32" }, u16: { as: "u32" }, u8: { as: "u32" }, bool: { as: "u32" },
    ...Object.fromEntries(Object.keys(formats).map((t) => [t, { as: "f32" }])), i4: { as: "i32" }, u4: { as: "u32" }, i2: { as: "i32" }, u2: { as: "u32" },
    f64: { refused: "WGSL has no 64-bit floating-point numbers; convert the model to float32" },
    string: { refused: "WGSL has no strings: choose the target cpp" },
  },
};
const variant: Variant = {
  name: "webgpu", description: "WGSL without optional features, for the limits that every device has",
  schedule: (c) => scheduleGrid(c, grid), lacks,
};

export const webgpuTarget: Target = {
  name: "webgpu",
  description: "JavaScript and WGSL for WebGPU, in browsers and Node",
  builds: "module",
  facts: () => facts,
  instructionSets: {},
  settings: {},
  weights: ["file"],
  variants: () => [variant],
  fileNames: (name) => moduleFiles(name),
  emit: (program, o) => ({ files: packageModule(program, variant.name, o), build: { kind: "module", entry: "index.js" }, diagnostics: [] }),
};
