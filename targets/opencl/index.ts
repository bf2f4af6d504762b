/** Targets in OpenCL C: what differs between them is facts of devices. Kernels for the processor stand in where no device will do. */
import type { Diagnostic } from "../../compiler/diagnostics.ts";
import { bitsInMemory, type EmitOptions, type Emitted, type Target, type TargetFacts, type Variant } from "../../compiler/emit/target.ts";
import type { GridFacts } from "../../compiler/ir/grid.ts";
import type { Program } from "../../compiler/ir/program.ts";
import { mayTrap } from "../../compiler/lower/legalize.ts";
import { scheduleGrid } from "../../compiler/schedules/grid/index.ts";
import { cppSets, cppTexts, cppVariants } from "../cpp/index.ts";
import { openclFiles, packageOpencl } from "./package.ts";
import { usesDoubles } from "./program.ts";

/** A family of devices. */
export interface Devices {
  readonly name: string;
  readonly description: string;
  readonly facts: TargetFacts & { readonly grid: GridFacts };
  /** Whether they compute in double precision; what they cannot, the processor does. */
  readonly doubles: boolean;
}
const noStrings = "strings exist on the processor only: choose the target cpp";
const noDoubles = "these devices do not compute in double precision, and without a fallback nothing else does";
/** The kernels' name for the device, beside the instruction sets. */
const variant = "opencl";

/** The target for a family of devices. */
export function openclFor(d: Devices): Target {
  const device: Variant = { name: variant, description: d.description, schedule: (c) => scheduleGrid(c, d.facts.grid), lacks: (e) => e.kind === "apply" && (e.op === "toHalf" || (e.op === "fromHalf" && e.args[0]!.kind !== "load") || mayTrap(e)) };
  return {
    name: d.name,
    description: d.description,
    builds: "native",
    facts: (s) => ({
      ...d.facts, halves: s.fp16 === true,
      types: { ...d.facts.types, string: { refused: noStrings }, ...(d.doubles || s.fallback !== "none" ? {} : { f64: { refused: noDoubles } }) },
    }),
    instructionSets: cppSets,
    settings: {
      fp16: { kind: "flag", default: false, description: "large weights and tensors between layers lie in memory in half precision; sums stay in single precision" },
      fallback: { kind: "choice", choices: ["cpu", "none"], default: "cpu", description: "what runs the model where no device will do: kernels for the processor, or nothing" },
      maxKernelUs: { kind: "count", least: 0, default: 0, description: "launches that are estimated to take more microseconds are cut; 0: never" },
      queueWindow: { kind: "count", least: 0, most: 64, default: 0, description: "how many launches are under way at once; 0: any number" },
    },
    weights: ["incbin", "object", "source", "file"],
    variants: (c) => [device, ...(c.settings.fallback === "none" ? [] : cppVariants(c.instructionSets))],
    fileNames: (name, c) => openclFiles(name, c.settings.fallback === "none" ? [] : c.instructionSets, c.weights).all,
    emit: (program, o) => emit(d, program, o),
  };
}
function emit(d: Devices, program: Program, o: EmitOptions): Emitted {
  const fallback = o.settings.fallback !== "none", onDevice = program.kernels.map((k) => d.doubles || !usesDoubles(k.variants[variant]!));
  const diagnostics = program.steps.flatMap((s): readonly Diagnostic[] => (onDevice[s.kernel] ? [] : [{
    severity: fallback ? "note" : "error", code: "stays-on-cpu", node: s.origin.join(" + "),
    message: `${s.origin.join(" + ") || program.kernels[s.kernel]!.name} computes in double precision, which these devices lack${fallback ? ": it runs on the processor" : ""}`,
    hint: fallback ? "use float tensors to keep it on the device" : "use float tensors, or leave out --fallback none",
  }]));
  if (diagnostics.some((x) => x.severity === "error")) return { files: new Map(), build: { kind: "native", sources: [], objects: [], compileFlags: [], linkFlags: [] }, diagnostics };
  const { files, sources, objects, compileFlags, linkFlags } = packageOpencl({
    program, ...o, facts: d.facts, variant, isas: fallback ? cppTexts(program, o.instructionSets) : [], onDevice: (k) => onDevice[k]!,
    maxKernelUs: Number(o.settings.maxKernelUs), queueWindow: Number(o.settings.queueWindow),
  });
  return { files, build: { kind: "native", sources, objects, compileFlags, linkFlags }, diagnostics };
}

export const openclTarget: Target = openclFor({
  name: "opencl",
  description: "OpenCL 1.2 on any device, with kernels for the processor where there is none",
  doubles: true,
  facts: {
    // A graphics card of the middle; the ratio of the two is what decides.
    machines: [{ macsPerSecond: 1e12, bytesPerSecond: 2e11, exposed: 0 }], winograd: false, strassen: false, alignment: 64, types: bitsInMemory, largestConstant: 2 ** 27,
    grid: { lanes: 64, mostLanes: 256, mostGroups: 2 ** 31 - 1, sharedBytes: 32768, vector: 4, accumulators: 64, busy: 16384 },
  },
});
