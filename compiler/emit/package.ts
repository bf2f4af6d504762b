/** The C++ package: from a program and its kernels' texts to the files that a stranger builds. */
import type { Buffer, Kernel } from "../ir/kernel.ts";
import { bytesOf, sizeOf } from "../ir/graph.ts";
import type { KernelVariants, Place, Port, Program } from "../ir/program.ts";
import { elementTypes, types, type DType } from "../ir/types.ts";
import { checkName, commentText, identifier, stringLiteral, wrapList } from "./names.ts";
import type { ObjectFormat } from "./object-files.ts";
import { renderShell } from "./shell.ts";
import type { CommonView, IsaView, PortView } from "./shell-views.ts";
import { checksum, weightContents, weightFiles, type WeightForm } from "./weights.ts";

/** A kernel as C++. */
export interface KernelText {
  /** As in `Program.kernels`. */
  readonly name: string;
  /**
   * A static function of that name that returns nothing. Its parameters are a pointer for each buffer of the kernel, in its order:
   * `const T* __restrict` where the buffer's space is "in", `T* __restrict` elsewhere, T being `types[dtype].c`; then a
   * `ptrdiff_t` for each of its params.
   */
  readonly text: string;
  /** More lines for the comment above it; the layers that it serves stand there already. */
  readonly comment?: string;
}
/** All kernels of a program for one instruction set: one source file of the package. */
export interface InstructionSetText {
  /** A C identifier: "avx2". */
  readonly name: string;
  /** Preprocessor condition under which the compiler can make code for it: "defined(__x86_64__)". */
  readonly guard: string;
  /** C expression that is true where the processor has it; null for what all processors of the guard have. */
  readonly cpuCheck: string | null;
  /** Types, macros and helpers for the kernels; all static. <stddef.h>, <stdint.h> are there already. */
  readonly preamble: string;
  /** One for each kernel of the program. */
  readonly kernels: readonly KernelText[];
}
/** What a package is made of. */
export interface PackageInput {
  readonly program: Program;
  /** Prefix of every symbol, macro and file. */
  readonly name: string;
  /** SHA-256 of the model, in hex. */
  readonly hash: string;
  /** mlc's. */
  readonly version: string;
  /** The flags that matter to the output, as on the command line, without paths. */
  readonly flags: string;
  readonly weights: WeightForm;
  /** For weights: "object". */
  readonly objectFormat?: ObjectFormat;
  /** Best first: the first that the processor has is used. */
  readonly isas: readonly InstructionSetText[];
  /** Whether a new context's working memory must be zeros (margins that no kernel writes). True without it. */
  readonly clearArena?: boolean;
  /** Compiler flags beyond -std=c++17 -O2 -fno-exceptions -fno-rtti. */
  readonly compileFlags?: readonly string[];
}
/** What to build, for a tool that knows nothing of the names. Paths are relative to the output folder. */
export interface PackageFiles {
  /** For the compiler, in that folder: C++ and assembler. */
  readonly sources: readonly string[];
  /** Object files to put into the library beside those. */
  readonly objects: readonly string[];
  /** What a user includes. */
  readonly headers: readonly string[];
  /** All files, these included. */
  readonly all: readonly string[];
}
/** A package: its files, by their paths in the output folder, and how to build and link them. */
export interface Package extends PackageFiles {
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** For each source in C++, beyond optimisation and warnings. */
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
  /** The symbols of the API, in order. */
  readonly api: readonly string[];
}

/** With what the text files of a package begin, after the comment's own sign; then come the version and more. */
export const bannerStart = (name: string): string => `${name}: a model as code, made by mlc`;

/** The files of a package, known before anything is compiled. */
export function packageFiles(name: string, isas: readonly string[], weights: WeightForm): PackageFiles {
  const { compile, link, data } = weightFiles[weights](name), headers = [`${name}.h`];
  const sources = [`${name}.cpp`, `${name}_run.cpp`, ...isas.map((isa) => `${name}_kernels_${isa}.cpp`), ...compile];
  const build = ["CMakeLists.txt", `${name}Config.cmake`, `${name}.pc.in`, `${name}_example.c`];
  return { sources, objects: link, headers, all: [...headers, `${name}_internal.h`, ...sources, ...link, ...data, ...build] };
}

/** Statuses of the generated API: the index is the code. */
const statuses = [
  { word: "OK", text: "no error" },
  { word: "ERROR_NULL", text: "a pointer is NULL" },
  { word: "ERROR_TOO_SMALL", text: "the memory for the context is too small" },
  { word: "ERROR_BAD_CONTEXT", text: "the context was not made by this library's init" },
  { word: "ERROR_PROCESSOR", text: "the processor lacks the instructions that the library needs" },
  { word: "ERROR_NO_WEIGHTS", text: "the weights have not been loaded" },
  { word: "ERROR_BAD_WEIGHTS", text: "these are not the weights of this model" },
  { word: "ERROR_ALIGNMENT", text: "the address of the weights is not a multiple of 64" },
].map((s, code) => ({ ...s, code }));
const dtypeWord: Readonly<Record<Exclude<DType, "index">, string>> = {
  f32: "FLOAT32", f64: "FLOAT64", i8: "INT8", i16: "INT16", i32: "INT32", i64: "INT64", u8: "UINT8", u16: "UINT16", u32: "UINT32", u64: "UINT64", bool: "BOOL",
};
const wordOf = (t: DType): string => (t === "index" ? "INT64" : dtypeWord[t]);
const align64 = (n: number): number => Math.max(64, Math.ceil(n / 64) * 64);

/** What the output prints of an input or output. `taken` holds the parameters' names so far. */
function portView(NAME: string, port: Port, side: "input" | "output", i: number, maxRank: number, taken: Set<string>): PortView {
  const { shape, dtype } = port, count = sizeOf(shape), bytes = bytesOf(port);
  const dims = [...shape, ...Array(maxRank - shape.length).fill(1)];
  return {
    id: identifier(port.name, taken), local: `${side}${i}`, macro: `${side.toUpperCase()}${i}`, literal: stringLiteral(port.name),
    comment: commentText(`${port.name}: ${types[dtype].c}[${shape.join("][")}]`), ctype: types[dtype].c, dtype: wordOf(dtype),
    rank: shape.length, dims: `{${shape.length ? shape.join(", ") : "1"}}`, count, bytes, storage: Math.max(1, count),
    ramp: dtype === "bool" ? "i % 2" : types[dtype].kind === "float" ? "i % 13 / 8.0" : "i % 13",
    info: `{${stringLiteral(port.name)}, ${NAME}_${wordOf(dtype)}, ${shape.length}, {${dims.join(", ")}}, ${count}, ${bytes}}`,
  };
}
const bufferType = (b: Buffer): string => `${b.space === "in" ? "const " : ""}${types[b.dtype].c}*`;
/** Names that the generated functions use themselves beside the parameters. */
const ownNames = ["run", "arena", "weights", "context", "memory", "bytes", "magic", "chosen", "inputs", "outputs", "steps", "choose", "loaded", "checksum"];

/** Throws a `CompileError` where the name will not do, and an `Error` where the parts do not fit together. */
export function packageCpp(input: PackageInput): Package {
  const { program, name, version, hash, weights } = input, NAME = name.toUpperCase(), fileWeights = weights === "file";
  checkName(name);
  checkKernels(input);
  const known = packageFiles(name, input.isas.map((s) => s.name), weights);
  const taken = new Set(ownNames), maxRank = Math.max(1, ...[...program.inputs, ...program.outputs].map((p) => p.shape.length));
  const inputs = program.inputs.map((p, i) => portView(NAME, p, "input", i, maxRank, taken));
  const outputs = program.outputs.map((p, i) => portView(NAME, p, "output", i, maxRank, taken));
  const ports = [...inputs, ...outputs], ids = ports.map((p) => p.id), passed = ids.join(", ");
  const params = [...inputs.map((p) => `const ${p.ctype}* ${p.id}`), ...outputs.map((p) => `${p.ctype}* ${p.id}`)].join(", ");
  const blob = new Uint8Array(align64(program.constants.length));
  const constants = blob.length === program.constants.length ? program.constants : (blob.set(program.constants), blob);
  const arenaBytes = align64(program.arena.bytes), contextBytes = arenaBytes + 128;

  const compileFlags = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", ...(input.compileFlags ?? [])];
  const common: CommonView = {
    name, NAME, version, hash,
    banner: [`${bannerStart(name)} ${commentText(version)}. Compile the model again rather than edit this.`,
      `Model SHA-256: ${commentText(hash)}`, `Flags: ${commentText(input.flags) || "none"}`],
  };
  const isas: readonly IsaView[] = input.isas.map((s) => ({ name: s.name, guard: s.guard, check: s.cpuCheck ?? "true", baseline: s.cpuCheck === null }));
  const kernels = program.kernels.map((k) => {
    const { buffers, params = [] } = firstVariant(k);
    return { name: k.name, params: [...buffers.map(bufferType), ...params.map(() => "ptrdiff_t")].join(", ") };
  });
  const argument = (place: Place, b: Buffer): string => {
    const port = place.in === "input" ? inputs[place.port] : place.in === "output" ? outputs[place.port] : undefined;
    const base = port ? port.id : place.in === "arena" ? "arena" : "weights", type = bufferType(b);
    if (port && place.offset === 0 && port.ctype === types[b.dtype].c) return base;
    const bytes = port ? `(${place.in === "input" ? "const " : ""}char*)${base}` : base;
    return `(${type})(${bytes} + ${place.offset})`;
  };
  const steps = program.steps.map((s, index) => {
    const kernel = program.kernels[s.kernel]!, { buffers, params = [] } = firstVariant(kernel), given = s.params ?? [];
    if (buffers.length !== s.args.length) throw new Error(`step ${index}: ${s.args.length} arguments for the ${buffers.length} buffers of ${kernel.name}`);
    if (params.length !== given.length) throw new Error(`step ${index}: ${given.length} values for the ${params.length} parameters of ${kernel.name}`);
    const comment = wrapList([`${index}: ${s.origin.map(commentText).join(" + ") || "no layer of the model's own"}`], 120);
    return { index, comment, kernel: kernel.name, args: [...s.args.map((a, i) => argument(a, buffers[i]!)), ...given].join(", ") };
  });
  const build = {
    ...common, numericVersion: /^\d+(\.\d+){0,3}/.exec(version)?.[0] ?? "0", compile: known.sources.join(" "), link: known.objects.join(" "),
    flags: compileFlags.filter((f) => !f.startsWith("-std=")).join(" "), incbin: weights === "incbin", fileWeights,
  };
  const command = [
    `c++ ${compileFlags.join(" ")} -O2 -c ${name}.cpp ${known.sources.slice(1).join(" ")}`,
  ];
  const files = new Map<string, string | Uint8Array>([
    [`${name}.h`, renderShell("cpp/header.h", {
      ...common, inputs, outputs, params, maxRank, contextBytes, weightsBytes: constants.length, fileWeights, errors: statuses,
      build: [`${command.join(" ")} && ar rcs lib${name}.a ${name}*.o`],
      dtypes: elementTypes.map((t) => ({ word: wordOf(t), code: types[t].onnx, comment: types[t].c })),
    })],
    [`${name}_internal.h`, renderShell("cpp/internal.h", { ...common, kernels, isas, fileWeights })],
    [`${name}.cpp`, renderShell("cpp/core.cpp", {
      ...common, params, passed, inputs, outputs, errors: statuses, steps, isas, contextBytes, arenaBytes, fileWeights,
      noIsa: isas.map((s) => `!(${s.guard})`).join(" && "), magic: `0x${hash.slice(0, 16).padEnd(16, "0")}u`, clearArena: input.clearArena ?? true,
      nullTest: ports.filter((p) => p.count > 0).map((p) => ` || !${p.id}`).join(""), unused: ids.map((id) => `(void)${id}`).join(", "),
      checksum: fileWeights ? `0x${checksum(constants).toString(16)}u` : "0",
    })],
    [`${name}_run.cpp`, renderShell("cpp/run.cpp", { ...common, params, passed })],
    ...input.isas.map((s) => [`${name}_kernels_${s.name}.cpp`, kernelsFile(input, common, s)] as const),
    ...(weights === "incbin" ? [[`${name}_weights.S`, renderShell("cpp/weights.S", common)] as const] : []),
    ...weightContents(weights, name, constants, input.objectFormat),
    ["CMakeLists.txt", renderShell("cpp/CMakeLists.txt", build)],
    [`${name}Config.cmake`, renderShell("cpp/config.cmake", common)],
    [`${name}.pc.in`, renderShell("cpp/pkgconfig.pc.in", build)],
    [`${name}_example.c`, renderShell("cpp/example.c", { ...common, inputs, outputs, passed: ports.map((p) => p.local).join(", "), fileWeights })],
  ]);
  const api = ["run", "init", "run_in", "error", "input_info", "output_info", "context_bytes", "version", "model_sha256", "isa", ...(fileWeights ? ["load_weights"] : [])];
  return { ...known, files, compileFlags, linkFlags: ["-lm"], api: api.map((f) => `${name}_${f}`) };
}

/** All variants have the same parameters. */
function firstVariant(k: KernelVariants): Kernel {
  const [first] = Object.values(k.variants);
  if (!first) throw new Error(`kernel ${k.name} has no variant`);
  return first;
}
function checkKernels({ program, isas }: PackageInput): void {
  const names = program.kernels.map((k) => k.name);
  if (new Set(names).size !== names.length) throw new Error(`two kernels of one name among ${names.join(", ")}`);
  if (isas.length === 0) throw new Error("no instruction set");
  for (const s of isas) {
    const missing = names.filter((n) => !s.kernels.some((k) => k.name === n));
    if (missing.length) throw new Error(`no text for ${s.name} of ${missing.join(", ")}`);
  }
}
/** The kernels of one instruction set, each below the names of the layers that it carries out. */
function kernelsFile({ program }: PackageInput, common: CommonView, set: InstructionSetText): string {
  const text = new Map(set.kernels.map((k) => [k.name, k]));
  const kernels = program.kernels.map(({ name, origin }, i) => {
    const layers = program.steps.filter((s) => s.kernel === i).map((s) => commentText(s.origin.join(" + "))).filter(Boolean);
    const of = layers.length ? layers : origin.map(commentText), { text: body, comment } = text.get(name)!;
    return { name, text: body.trim(), comment: [...(comment ? comment.split("\n").map(commentText) : []), ...wrapList(of, 120)] };
  });
  return renderShell("cpp/kernels.cpp", { ...common, isa: set.name, guard: set.guard, preamble: set.preamble.trim(), kernels });
}
