/** The C++ package: from a program and its kernels' texts to the files that a stranger builds. */
import { align64, callArguments, decisionText, chooseText, coded, infoText, nativeFiles, nativePackage, nativeParts, pointerTo, stepComment, teamwork, type Base, type NativeInput, type Package, type PackageFiles } from "./native.ts";
import { flowLines } from "./flow.ts";
import { renderShell } from "./shell.ts";
import { textParts, textStatus } from "./text.ts";
import type { Place, Step } from "../ir/program.ts";
import { indexText, isSized, learnedLines, leaveLines, sizedView, type SizeWords } from "./sizes.ts";
import type { WeightForm } from "./weights.ts";

export { bannerStart } from "./native.ts";
export type { InstructionSetText, KernelText, Package, PackageFiles } from "./native.ts";
/** What a C++ package is made of. */
export interface PackageInput extends NativeInput {
  /** Whether a new context's working memory must be zeros (margins that no kernel writes). True without it. */
  readonly clearArena?: boolean;
  /** The most threads that a run is divided among; 1 without it. */
  readonly threads?: number;
  /** Memory for strings that are not the model's own, where it deals with strings; 1 MiB without it. */
  readonly textBytes?: number;
}
/** The files of a package, known before anything is compiled. */
export const packageFiles = (name: string, isas: readonly string[], weights: WeightForm, threads = 1): PackageFiles =>
  nativeFiles(name, isas, weights, threads > 1 ? { sources: [`${name}_threads.cpp`, `${name}_cpus.cpp`], headers: [`${name}_threads.h`] } : { sources: [], headers: [] });
const threadStatuses = [
  { word: "ERROR_THREADS", text: "the number of threads is out of range" },
  { word: "ERROR_SYSTEM", text: "the system refuses a thread or a choice of processors" },
  { word: "ERROR_CPUS", text: "there are no such processors" },
  { word: "ERROR_UNSUPPORTED", text: "on this system a library cannot choose processors" },
];
const sizeNames = ["sizes", "known", "shapes", "s", "least", "most", "copy_box", "find_sizes", "copy_in", "copy_out", "firsts", "least_shapes", "most_shapes", "inside"];
/** Where a run chooses sizes. */
export const shapeStatus = { word: "ERROR_SHAPE", text: "a shape is not among those that the model is compiled for, sizes differ that it needs equal, or a number or the turns of a loop are out of their bounds" };
const threadNames = ["team", "task", "tasks", "job", "given", "alone", "work"], threadApi = ["set_threads", "set_threads_in", "threads_in", "set_cpus", "set_cpus_in", "cpus_in", "find_cpus"];
const notPrepared = { word: "ERROR_NOT_PREPARED", text: "the weights have not been prepared" };
/** Names that the generated functions use themselves beside the parameters. */
const ownNames = ["run", "arena", "weights", "context", "memory", "bytes", "magic", "chosen", "inputs", "outputs", "steps", "choose", "loaded", "checksum", "prepared", "ready", "begin", "error", "large_pages", "text"];

/** Throws a `CompileError` where the name will not do, and an `Error` where the parts do not fit together. */
export function packageCpp(input: PackageInput): Package {
  const { program, name } = input, threads = input.threads ?? 1, team = threads > 1, open = isSized(program);
  const p = nativeParts(input, [...ownNames, ...(team ? threadNames : []), ...(open ? sizeNames : [])]), errors = coded([...(team ? threadStatuses : []), ...(program.setup ? [notPrepared] : []), ...(open ? [shapeStatus] : []), ...(program.texts ? [textStatus] : [])]);
  const text = program.texts ? textParts(program, p.common, input.textBytes ?? 2 ** 20) : null, memoryBytes = p.arenaBytes + (text?.memoryBytes ?? 0);
  const sized = open ? sizedView(program, p.symbols, p.ports.map((x) => x.id)) : null;
  // A context's own part: with threads, what they share, and a line of memory for each.
  const headBytes = (team ? align64(512 + 72 * threads) : 64) + (sized ? align64(sized.bytes) : 0) + (text ? 64 : 0), contextBytes = memoryBytes + headBytes + 64, common = { ...p.common, threads };
  if (input.isas.length === 0) throw new Error("no instruction set");
  const base = (place: Place): Base => {
    if (!("port" in place)) return { text: place.in === "constants" ? "weights" : place.in, ctype: "unsigned char" };
    const { id, ctype } = (place.in === "input" ? p.inputs : p.outputs)[place.port]!;
    return { text: id, ctype };
  };
  const call = (s: Step, index: number) => ({ comment: stepComment(s, index), kernel: program.kernels[s.kernel]!.name, args: callArguments(program, s, base, p.symbols) });
  const first = team ? "if (task == 0) " : "", meet = team ? "meet(team);" : "";
  // All tasks find the same, and none leaves before all have read what says so: the caller may begin another run.
  const words: SizeWords = { first, meet, refuse: [`${first}s->unfit = true;`, ...(meet ? [meet] : []), "return;"] };
  const around = flowLines(program, { decision: (d) => decisionText(program, d, base), size: (d) => indexText(d, p.symbols), leave: (l) => leaveLines(l, p.symbols, words), meet: words.meet });
  const learned = program.steps.map((_, index) => learnedLines(program, p.symbols, index, words));
  const steps = program.steps.map((s, index) => ({
    ...call(s, index), ...around[index]!, index, together: teamwork(program.kernels[s.kernel]!),
    // What all tasks read of a step's results must not be written over before they have.
    waits: index > 0 && (around[index]!.fresh || learned[index - 1]!.length > 0 || teamwork(program.kernels[s.kernel]!) || teamwork(program.kernels[program.steps[index - 1]!.kernel]!)),
    learned: learned[index]!,
  }));
  const preparing = program.setup ? renderShell("cpp/preparing.cpp", { ...p.common, team, fileWeights: p.fileWeights, bytes: p.preparedBytes - 64, steps: program.setup.steps.map(call) }).trimEnd() : "";
  const core = renderShell("cpp/core.cpp", {
    ...p.common, params: p.params, passed: p.passed, steps, sized, sizesText: sized ? renderShell("cpp/sizes.cpp", sized) + renderShell("cpp/copies.cpp", { ...sized, params: p.params, unused: p.unused, maxRank: p.maxRank }).trimEnd() : "", shapesText: sized ? renderShell("cpp/shapes.cpp", { ...sized, ...p.common }).trimEnd() : "", contextBytes, memoryBytes, headBytes, team, text: text?.source ?? "", ports: p.ports.map((x, i) => ({ id: x.id, pointer: pointerTo(x.ctype, i < p.inputs.length) })), arenaBytes: p.arenaBytes, fileWeights: p.fileWeights, noIsa: p.noIsa, magic: p.magic,
    clearArena: input.clearArena ?? true, nullTest: p.nullTest, unused: p.unused, choose: chooseText(p), loading: p.loading, preparing, info: infoText(p, errors),
  });
  return nativePackage(input, p, {
    known: packageFiles(name, input.isas.map((s) => s.name), input.weights, threads), errors, contextBytes, threads, ...(text ? { text: text.header } : {}),
    device: team ? renderShell("cpp/threads-api.h", common).trimEnd() : "", api: team ? threadApi : [],
    promise: team ? [
      "Nothing here allocates memory, and all state is in a context.", `A run uses one thread, the caller's, until ${name}_set_threads or ${name}_set_threads_in makes more.`,
    ] : [`Nothing here allocates memory or takes a lock, and all state is in a context (${name}_run has one of its own).`],
    held: team ? "While it has one thread it holds no resources: to end it, forget it." : "It holds no resources: to end it, forget it.",
    released: team ? "Ends the threads that it has; NULL is no error." : "There is nothing to free here; with devices there is.",
    libraries: team ? { opens: false, threads: true, flags: ["-lm", "-pthread"], words: "libc, libm and the system's threads" } : { opens: false, flags: ["-lm"], words: "libc and libm" },
  }, [[`${name}.cpp`, core], ...(team ? [
    [`${name}_threads.h`, renderShell("cpp/threads.h", common)] as const, [`${name}_threads.cpp`, renderShell("cpp/threads.cpp", common)] as const, [`${name}_cpus.cpp`, renderShell("cpp/cpus.cpp", common)] as const,
  ] : [])]);
}
