/** The C++ package: from a program and its kernels' texts to the files that a stranger builds. */
import { callArguments, chooseText, coded, infoText, nativeFiles, nativePackage, nativeParts, stepComment, type NativeInput, type Package, type PackageFiles } from "./native.ts";
import { renderShell } from "./shell.ts";
import type { WeightForm } from "./weights.ts";

export { bannerStart } from "./native.ts";
export type { InstructionSetText, KernelText, Package, PackageFiles } from "./native.ts";
/** What a C++ package is made of. */
export interface PackageInput extends NativeInput {
  /** Whether a new context's working memory must be zeros (margins that no kernel writes). True without it. */
  readonly clearArena?: boolean;
}
/** The files of a package, known before anything is compiled. */
export const packageFiles = (name: string, isas: readonly string[], weights: WeightForm): PackageFiles => nativeFiles(name, isas, weights, { sources: [], headers: [] });
/** Names that the generated functions use themselves beside the parameters. */
const ownNames = ["run", "arena", "weights", "context", "memory", "bytes", "magic", "chosen", "inputs", "outputs", "steps", "choose", "loaded", "checksum"];

/** Throws a `CompileError` where the name will not do, and an `Error` where the parts do not fit together. */
export function packageCpp(input: PackageInput): Package {
  const { program, name } = input, p = nativeParts(input, ownNames), errors = coded([]), contextBytes = p.arenaBytes + 128;
  if (input.isas.length === 0) throw new Error("no instruction set");
  const steps = program.steps.map((s, index) => ({
    index, comment: stepComment(program, index), kernel: program.kernels[s.kernel]!.name,
    args: callArguments(program, index, (place) => {
      if (!("port" in place)) return { text: place.in === "arena" ? "arena" : "weights", ctype: "unsigned char" };
      const { id, ctype } = (place.in === "input" ? p.inputs : p.outputs)[place.port]!;
      return { text: id, ctype };
    }),
  }));
  const core = renderShell("cpp/core.cpp", {
    ...p.common, params: p.params, passed: p.passed, steps, contextBytes, arenaBytes: p.arenaBytes, fileWeights: p.fileWeights, noIsa: p.noIsa, magic: p.magic,
    clearArena: input.clearArena ?? true, nullTest: p.nullTest, unused: p.unused, choose: chooseText(p), loading: p.loading, info: infoText(p, errors),
  });
  return nativePackage(input, p, {
    known: packageFiles(name, input.isas.map((s) => s.name), input.weights), errors, contextBytes, device: "", api: [],
    promise: [`Nothing here allocates memory or takes a lock, and all state is in a context (${name}_run has one of its own).`],
    held: "It holds no resources: to end it, forget it.", released: "There is nothing to free here; with devices there is.",
    libraries: { opens: false, flags: ["-lm"], words: "libc and libm" },
  }, [[`${name}.cpp`, core]]);
}
