/** The C++ target: functions with vector types for each instruction set, chosen when the program starts. */
import { bitsInMemory, type Settings, type Target, type TargetFacts, type Variant } from "../../compiler/emit/target.ts";
import type { InstructionSetText } from "../../compiler/emit/native.ts";
import { packageCpp, packageFiles } from "../../compiler/emit/package.ts";
import { printKernel } from "../../compiler/emit/print.ts";
import { usesOperator } from "../../compiler/ir/kernel.ts";
import type { Program } from "../../compiler/ir/program.ts";
import type { Expr } from "../../compiler/ir/scalar.ts";
import { mayTrap } from "../../compiler/lower/legalize.ts";
import { cpp } from "./dialect.ts";
import { coresFor, cpuNames } from "./cores.ts";
import { firstCache, instructionSets, type InstructionSet } from "./isa.ts";
import { peakSource } from "./peak.ts";
import { preambleOf } from "./preamble.ts";
import { panelWidth } from "../../compiler/schedules/pack.ts";
import { mostColumns, mostTiles } from "./schedules/winograd.ts";
import { scheduleCpp } from "./schedules/index.ts";
import { blocksOfPairs } from "./schedules/strassen.ts";
import { withTasks } from "./schedules/parallel.ts";

/** Vectors of these are rewritten: the compilers have no spelling for them that does not go lane by lane. */
const scalarOnly = new Set(["exp", "log", "tanh", "erf", "pow", "floor", "ceil", "trunc", "round"]);
const lacks = (set: InstructionSet) => (e: Expr): boolean => {
  if (e.kind !== "apply") return false;
  if (e.op === "fromHalf" || e.op === "toHalf") return e.lanes > 1 && !set.halves.includes(e.lanes);
  return (e.lanes > 1 && scalarOnly.has(e.op)) || mayTrap(e);
};
const variant = (set: InstructionSet, tasks: number, least?: number): Variant => ({
  name: set.name, description: set.description, lacks: lacks(set),
  schedule: (c) => { const made = scheduleCpp(c, set); return tasks > 1 ? { ...made, schedule: withTasks(made.compute, made.schedule) } : made; },
  ...(tasks > 1 ? { tasks: { most: tasks, ...(least === undefined ? {} : { least }) } } : {}),
});

/** Best first: the first that the processor has is used. */
const order: readonly InstructionSet[] = [instructionSets.avx512, instructionSets.avx2, instructionSets.sse, instructionSets.neon];
const textsOf = (p: Program, set: InstructionSet, tasks: number): InstructionSetText => {
  const textOf = (k: Program["kernels"][number], of: InstructionSet, name: string) => printKernel({ ...k.variants[set.name]!, name }, cpp(of, tasks)), kernels = p.kernels.map((k) => ({ name: k.name, text: textOf(k, set, k.name) }));
  const { withDots } = set, dotted = withDots ? p.kernels.filter((k) => usesOperator(k.variants[set.name]!, "dotBytes")) : [];
  const refined = withDots && dotted.length ? { name: withDots.name, check: withDots.check, kernels: dotted.map((k) => { const as = `${k.name}_${withDots.name}`; return { name: k.name, as, text: textOf(k, { ...set, ...withDots }, as) }; }) } : undefined;
  return { name: set.name, guard: set.guard, cpuCheck: set.check, preamble: preambleOf(kernels.map((k) => k.text)), kernels, ...(refined ? { refined } : {}) };
};
/** The instruction sets' names and descriptions, best first: other targets that hold code for the processor have them too. */
export const cppSets: Readonly<Record<string, string>> = Object.fromEntries(order.map((s) => [s.name, s.description]));
/** The kernels' texts for each of the instruction sets named; `tasks` as their variants were made with. */
export const cppTexts = (p: Program, names: readonly string[], tasks = 1) => order.filter((s) => names.includes(s.name)).map((s) => textsOf(p, s, tasks));
/** Each kernel as C++ for each of the instruction sets named, for up to so many tasks that run it together; `least` as in `Variant`. */
export const cppVariants = (names: readonly string[], tasks = 1, least?: number): readonly Variant[] => order.filter((s) => names.includes(s.name)).map((s) => variant(s, tasks, least));

/** Whether files hold the model's own weights, and what is made of them lies in memory: then nothing grows that --optimize minds. */
const prepares = (s: Settings): boolean => s.winogradWeights === "init";
/** Of the sets on servers, that with the largest registers. */
const largestTile = { rows: instructionSets.avx512.tile.rows, columns: instructionSets.avx512.tile.vectors * instructionSets.avx512.lanes };
const coresOf = (s: Settings) => coresFor(String(s.cpu ?? "any"));
/** How often a byte that Winograd adds to the weights counts as read once more. */
const byteWeights = { speed: 0, balanced: 3, size: 0 } as const;
function winogradFacts(s: Settings): TargetFacts["winograd"] {
  const { winograd = "auto", optimize = "speed" } = s as { readonly winograd?: string; readonly optimize?: "speed" | "balanced" | "size" };
  if (winograd === "off" || (optimize === "size" && !prepares(s))) return false;
  return {
    largestTile: winograd === "auto" ? 6 : Number(winograd), tiles: mostTiles, columns: mostColumns, panel: panelWidth,
    machines: coresOf(s), byteWeight: prepares(s) ? 0 : byteWeights[optimize],
  };
}

export const cppTarget: Target = {
  name: "cpp",
  description: "C++17 without a runtime, for x86-64 and AArch64",
  builds: "native",
  facts: (s) => ({ machines: coresOf(s), firstCache, winograd: winogradFacts(s), strassen: (prepares(s) || (s.optimize ?? "speed") === "speed") && s.winograd !== "off" && { machines: coresOf(s), blocks: blocksOfPairs }, panels: { machines: coresOf(s), ...largestTile }, prepares: prepares(s), alignment: 64, shares: true, byteDots: true, types: bitsInMemory, largestConstant: Infinity }),
  instructionSets: cppSets,
  settings: {
    winograd: { kind: "choice", choices: ["auto", "off", "2", "4", "6"], default: "auto", description: "the largest tile of Winograd's convolutions; off: products as plain sums, Strassen's neither" },
    optimize: { kind: "choice", choices: ["speed", "balanced", "size"], default: "speed", description: "what counts more: time, or bytes of weights" },
    cpu: { kind: "choice", choices: cpuNames, default: "any", description: "the processor that algorithms are chosen for; any: equally good on all of them. The code runs everywhere all the same" },
    winogradWeights: { kind: "choice", choices: ["embed", "init"], default: "embed", description: "where the weights of Winograd's and Strassen's products come from: the files, or made from the model's when the program starts, in memory of the caller's; then files are as small as with --optimize size at full speed" },
    threads: { kind: "count", least: 1, most: 64, default: 1, description: "the most threads that a run can be divided among; 1 without it, and then there is nothing of threads in the library" },
    textBytes: { kind: "count", least: 1024, most: 2 ** 30, default: 2 ** 20, description: "memory in a context for the strings of a run that are not the model's own, where it deals with strings" },
  },
  weights: ["incbin", "object", "source", "file"],
  variants: (c) => cppVariants(c.instructionSets, Number(c.settings.threads)),
  peak: (c) => peakSource(order.filter((s) => c.instructionSets.includes(s.name))),
  fileNames: (name, c) => packageFiles(name, c.instructionSets, c.weights, Number(c.settings.threads)).all,
  emit: (program, o) => {
    const threads = Number(o.settings.threads), { files, sources, objects, compileFlags, linkFlags } = packageCpp({ program, isas: cppTexts(program, o.instructionSets, threads), clearArena: false, threads, textBytes: Number(o.settings.textBytes), ...o });
    return { files, build: { kind: "native", sources, objects, compileFlags, linkFlags }, diagnostics: [] };
  },
};
