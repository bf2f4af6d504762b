/** What every package for a C compiler has, whatever runs its kernels: header, tables, weights, kernels for processors, build files. */
import { sizeOf } from "../ir/graph.ts";
import { isTeamwork, usesText, type Buffer } from "../ir/kernel.ts";
import type { Decision, KernelVariants, Place, Port, Program, Step } from "../ir/program.ts";
import type { Var } from "../ir/scalar.ts";
import { bytesFor, elementTypes, types, type DType } from "../ir/types.ts";
import { perTurn } from "./flow.ts";
import { checkName, commentText, identifier, stringLiteral, wrapList } from "./names.ts";
import type { ObjectFormat } from "./object-files.ts";
import { renderShell } from "./shell.ts";
import { indexText, isEmptiable, leastShape, symbolNames } from "./sizes.ts";
import type { CommonView, IsaView, PortView, StatusView } from "./views/common.ts";
import type { KernelsView } from "./views/cpp.ts";
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
  /** Processors of the set that some kernels have texts of their own for, functions of the name `as`. */
  readonly refined?: { readonly name: string; readonly check: string; readonly kernels: readonly { readonly name: string; readonly as: string; readonly text: string }[] };
  /** Types, macros and helpers for the kernels; all static. <stddef.h>, <stdint.h> are there already. */
  readonly preamble: string;
  /** One for each kernel of the program. */
  readonly kernels: readonly KernelText[];
}
/** What a package is made of. */
export interface NativeInput {
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
/** The files of a package, known before anything is compiled; `more` are sources and private headers of its target. */
export function nativeFiles(name: string, isas: readonly string[], weights: WeightForm, more: { readonly sources: readonly string[]; readonly headers: readonly string[] }): PackageFiles {
  const { compile, link, data } = weightFiles[weights](name), headers = [`${name}.h`];
  const sources = [`${name}.cpp`, `${name}_run.cpp`, ...more.sources, ...isas.map((isa) => `${name}_kernels_${isa}.cpp`), ...compile];
  const build = ["CMakeLists.txt", `${name}Config.cmake`, `${name}.pc.in`, `${name}_example.c`];
  return { sources, objects: link, headers, all: [...headers, `${name}_internal.h`, ...more.headers, ...sources, ...link, ...data, ...build] };
}

type Status = Omit<StatusView, "code">;
/** Statuses of every generated API, in the order of their codes; a target's own come behind them. */
export const statuses: readonly Status[] = [
  { word: "OK", text: "no error" },
  { word: "ERROR_NULL", text: "a pointer is NULL" },
  { word: "ERROR_TOO_SMALL", text: "the memory for the context is too small" },
  { word: "ERROR_BAD_CONTEXT", text: "the context was not made by this library's init" },
  { word: "ERROR_PROCESSOR", text: "the processor lacks the instructions that the library needs" },
  { word: "ERROR_NO_WEIGHTS", text: "the weights have not been loaded" },
  { word: "ERROR_BAD_WEIGHTS", text: "these are not the weights of this model" },
  { word: "ERROR_ALIGNMENT", text: "the address of the weights is not a multiple of 64" },
];
const dtypeWord: Readonly<Record<Exclude<DType, "index">, string>> = {
  f32: "FLOAT32", f64: "FLOAT64", i8: "INT8", i16: "INT16", i32: "INT32", i64: "INT64", u8: "UINT8", u16: "UINT16", u32: "UINT32", u64: "UINT64", bool: "BOOL",
  string: "STRING", chars: "STRING",
  f16: "FLOAT16", bf16: "BFLOAT16", f8e4m3fn: "FLOAT8E4M3FN", f8e4m3fnuz: "FLOAT8E4M3FNUZ", f8e5m2: "FLOAT8E5M2", f8e5m2fnuz: "FLOAT8E5M2FNUZ", f8e8m0: "FLOAT8E8M0",
  f4e2m1: "FLOAT4E2M1", i4: "INT4", u4: "UINT4", i2: "INT2", u2: "UINT2",
};
const wordOf = (t: DType): string => (t === "index" ? "INT64" : dtypeWord[t]);
/** The next multiple of 64, at least that. */
export const align64 = (n: number): number => Math.max(64, Math.ceil(n / 64) * 64);

/** The element type that the caller's memory holds for a port: that of the model, and pointers for strings. */
const callerType = (p: Port): DType => (p.stored === "chars" ? "chars" : p.dtype);
/** What the output prints of an input or output. `taken` holds the parameters' names so far. */
function portView(NAME: string, port: Port, side: "input" | "output", i: number, maxRank: number, taken: Set<string>, sized: boolean): PortView {
  const { shape, dtype } = port, c = types[callerType(port)].c, count = sizeOf(shape), bytes = bytesFor(callerType(port), count), least = leastShape(port), local = `${side}${i}`;
  const filled = (list: readonly number[]) => [...list, ...Array<number>(maxRank - list.length).fill(1)].join(", ");
  return {
    id: identifier(port.name, taken), local, macro: `${side.toUpperCase()}${i}`, literal: stringLiteral(port.name),
    comment: commentText(`${port.name}: ${c}[${shape.map((n, d) => (least[d] === n ? n : `${least[d]}..${n}`)).join("][")}]`), open: port.sizes !== undefined, ctype: c, dtype: wordOf(dtype),
    shown: dtype === "string" ? `" \\"%s\\"", ${local}[i]` : `" %g", (double)${local}[i]`, rank: shape.length, dims: `{${shape.length ? shape.join(", ") : "1"}}`, count, bytes, storage: Math.max(1, count),
    ramp: dtype === "string" ? 'i % 2 ? "text" : ""' : dtype === "bool" ? "i % 2" : types[dtype].kind === "float" ? "i % 13 / 8.0" : "i % 13",
    info: `{${stringLiteral(port.name)}, ${NAME}_${wordOf(dtype)}, ${shape.length}, {${filled(shape)}}, ${count}, ${bytes}${sized ? `, {${filled(least)}}` : ""}}`,
  };
}
const bufferType = (b: Buffer): string => pointerTo(types[b.dtype].c, b.space === "in");
/** A pointer to elements of a type, in C; what it points to may be a pointer itself. */
export const pointerTo = (type: string, readOnly: boolean): string => (!readOnly ? `${type}*` : type.endsWith("*") ? `${type} const*` : `const ${type}*`);

/** What the files of a package tell of its model. */
export interface NativeParts {
  readonly common: CommonView;
  readonly inputs: readonly PortView[];
  readonly outputs: readonly PortView[];
  readonly ports: readonly PortView[];
  /** Names in C of the program's symbols. */
  readonly symbols: ReadonlyMap<string, string>;
  readonly maxRank: number;
  /** "const float* x, float* y", "x, y", " || !x || !y" (of what has elements in every run), "(void)x, (void)y" */
  readonly params: string;
  readonly passed: string;
  readonly nullTest: string;
  readonly unused: string;
  readonly constants: Uint8Array;
  /** What weights made when the program starts need, wherever their memory begins; 0 where there are none. */
  readonly preparedBytes: number;
  readonly arenaBytes: number;
  readonly magic: string;
  readonly isas: readonly IsaView[];
  readonly noIsa: string;
  readonly fileWeights: boolean;
  /** The text of weights that are loaded; empty for others. */
  readonly loading: string;
}
/** " || !x || !y" */
export const nullTest = (ports: readonly PortView[]): string => ports.map((p) => ` || !${p.id}`).join("");
/** `ownNames` are names that functions use beside the parameters. Throws a `CompileError` where the package's name will not do. */
export function nativeParts(input: NativeInput, ownNames: readonly string[]): NativeParts {
  const { program, name, version, hash } = input, NAME = name.toUpperCase(), fileWeights = input.weights === "file";
  checkName(name);
  checkKernels(input);
  const taken = new Set(ownNames), symbols = symbolNames(program, taken), maxRank = Math.max(1, ...[...program.inputs, ...program.outputs].map((p) => p.shape.length));
  const inputs = program.inputs.map((p, i) => portView(NAME, p, "input", i, maxRank, taken, symbols.size > 0));
  const outputs = program.outputs.map((p, i) => portView(NAME, p, "output", i, maxRank, taken, symbols.size > 0)), ports = [...inputs, ...outputs], ids = ports.map((p) => p.id);
  const emptiable = isEmptiable(program), blob = new Uint8Array(align64(program.constants.length));
  const constants = blob.length === program.constants.length ? program.constants : (blob.set(program.constants), blob);
  const common: CommonView = {
    name, NAME, version, hash,
    banner: [`${bannerStart(name)} ${commentText(version)}. Compile the model again rather than edit this.`,
      `Model SHA-256: ${commentText(hash)}`, `Flags: ${commentText(input.flags) || "none"}`],
  };
  const isas = input.isas.flatMap((s): IsaView[] => [
    ...(s.refined ? [{ name: s.refined.name, guard: s.guard, check: `${s.cpuCheck ? `${s.cpuCheck} && ` : ""}${s.refined.check}`, baseline: false }] : []),
    { name: s.name, guard: s.guard, check: s.cpuCheck ?? "true", baseline: s.cpuCheck === null },
  ]);
  return {
    common, inputs, outputs, ports, symbols, maxRank, constants, fileWeights, isas, passed: ids.join(", "),
    params: [...inputs.map((p) => `${pointerTo(p.ctype, true)} ${p.id}`), ...outputs.map((p) => `${p.ctype}* ${p.id}`)].join(", "),
    nullTest: nullTest(ports.filter((p, i) => p.count > 0 && !emptiable[i])), unused: ids.map((id) => `(void)${id}`).join(", "),
    preparedBytes: program.setup ? align64(program.setup.memory.bytes) + 64 : 0, arenaBytes: align64(program.arena.bytes), magic: `0x${hash.slice(0, 16).padEnd(16, "0")}u`, noIsa: isas.map((s) => `!(${s.guard})`).join(" && "),
    loading: fileWeights ? renderShell("cpp/loading.cpp", { ...common, checksum: `0x${checksum(constants).toString(16)}u` }).trimEnd() : "",
  };
}
/** The choice of an instruction set: a part of a package's main source. */
export const chooseText = (p: NativeParts): string => renderShell("cpp/choose.cpp", { ...p.common, isas: p.isas }).trimEnd();
/** Texts of errors, and the questions about inputs and outputs: another part. */
export const infoText = (p: NativeParts, errors: readonly StatusView[]): string =>
  renderShell("cpp/info.cpp", { ...p.common, errors, prepares: p.preparedBytes > 0, inputs: p.inputs, outputs: p.outputs, isas: p.isas }).trimEnd();
/** Statuses with their codes. */
export const coded = (more: readonly Status[]): readonly StatusView[] => [...statuses, ...more].map((s, code) => ({ ...s, code }));

/** What differs between targets in the files that all have. */
export interface NativeShell {
  readonly known: PackageFiles;
  readonly errors: readonly StatusView[];
  readonly contextBytes: number;
  /** Lines of the header's first comment: what the library does not do. */
  readonly promise: readonly string[];
  /** What a context holds, and what ending it does, as sentences. */
  readonly held: string;
  readonly released: string;
  /** The part of the header that only this target has. */
  readonly device: string;
  /** Functions of the API beside those that all packages have. */
  readonly api: readonly string[];
  /** The most threads that a run is divided among; 1 without it. */
  readonly threads?: number;
  /** Declarations for kernels that deal with strings. */
  readonly text?: string;
  /** Libraries of the system: whether one is opened at run time, and whether there are threads, for the linker, and in words. */
  readonly libraries: { readonly opens: boolean; readonly threads?: true; readonly flags: readonly string[]; readonly words: string };
}
/** The files that all packages have, and all but the main source and what the target adds. */
export function nativePackage(input: NativeInput, p: NativeParts, s: NativeShell, more: Iterable<readonly [string, string]>): Package {
  const { program, name, version, weights } = input, { common } = p, { known } = s, team = (s.threads ?? 1) > 1;
  const compileFlags = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", ...(input.compileFlags ?? [])];
  const kernels = program.kernels.map((k) => {
    const { buffers, params } = signatureOf(k);
    return { name: k.name, params: [...buffers.map(bufferType), ...params.map(() => "ptrdiff_t"), ...(textual(k) ? ["text_heap*"] : []), ...(teamwork(k) ? ["team_of_tasks*", "int"] : [])].join(", ") };
  });
  const build = {
    ...common, numericVersion: /^\d+(\.\d+){0,3}/.exec(version)?.[0] ?? "0", compile: known.sources.join(" "), link: known.objects.join(" "),
    flags: compileFlags.filter((f) => !f.startsWith("-std=")).join(" "), incbin: weights === "incbin", fileWeights: p.fileWeights,
    opensLibraries: s.libraries.opens, usesThreads: s.libraries.threads === true, systemLibraries: s.libraries.flags.join(" "), needs: s.libraries.words,
  };
  const command = `c++ ${compileFlags.join(" ")} -O2 -c ${name}.cpp ${known.sources.slice(1).join(" ")} && ar rcs lib${name}.a ${name}*.o`;
  const files = new Map<string, string | Uint8Array>([
    [`${name}.h`, renderShell("cpp/header.h", {
      ...common, inputs: p.inputs, outputs: p.outputs, params: p.params, maxRank: p.maxRank, contextBytes: s.contextBytes, weightsBytes: p.constants.length, preparedBytes: p.preparedBytes,
      fileWeights: p.fileWeights, errors: s.errors, build: [command], dtypes: [...elementTypes, ...(program.texts ? ["string" as const] : [])].map((t) => ({ word: wordOf(t), code: types[t].onnx, comment: t === "string" ? types.chars.c : types[t].c })),
      promise: s.promise, held: s.held, released: s.released, device: s.device, sized: p.symbols.size > 0,
    })],
    [`${name}_internal.h`, renderShell("cpp/internal.h", { ...common, kernels, isas: p.isas, fileWeights: p.fileWeights, prepares: p.preparedBytes > 0, team, text: s.text ?? "" })],
    [`${name}_run.cpp`, renderShell("cpp/run.cpp", { ...common, params: p.params, passed: p.passed, prepares: p.preparedBytes > 0, team, sized: p.symbols.size > 0 })],
    ...input.isas.map((set) => [`${name}_kernels_${set.name}.cpp`, kernelsFile(input, common, set)] as const),
    ...(weights === "incbin" ? [[`${name}_weights.S`, renderShell("cpp/weights.S", common)] as const] : []),
    ...weightContents(weights, name, p.constants, input.objectFormat),
    ["CMakeLists.txt", renderShell("cpp/CMakeLists.txt", build)],
    [`${name}Config.cmake`, renderShell("cpp/config.cmake", { ...common, usesThreads: build.usesThreads })],
    [`${name}.pc.in`, renderShell("cpp/pkgconfig.pc.in", build)],
    [`${name}_example.c`, renderShell("cpp/example.c", { ...common, inputs: p.inputs, outputs: p.outputs, passed: p.ports.map((x) => x.local).join(", "), fileWeights: p.fileWeights })],
    ...more,
  ]);
  const api = ["run", "init", "run_in", ...(p.symbols.size ? ["set_input_shape", "set_input_shape_in", "output_shape", "output_shape_in"] : []), "release", "error", "input_info", "output_info", "context_bytes", "version", "model_sha256", "isa", ...(p.fileWeights ? ["load_weights"] : []), ...(p.preparedBytes ? ["prepare_weights", "prepared_bytes"] : []), ...s.api];
  return { ...known, files, compileFlags, linkFlags: s.libraries.flags, api: api.map((f) => `${name}_${f}`) };
}

/** What memory a place is in, as C, and the type of its elements. */
export interface Base { readonly text: string; readonly ctype: string }
/** The call of a kernel that is the step: arguments as C, symbols by their names in C, where working memory, weights, inputs and outputs are what `base` says, with offsets in bytes. */
export function callArguments(program: Program, s: Step, base: (place: Place) => Base, symbols: ReadonlyMap<string, string> = new Map()): string {
  const kernel = program.kernels[s.kernel]!, { buffers, params } = signatureOf(kernel), given = s.params ?? [];
  if (buffers.length !== s.args.length) throw new Error(`${s.origin.join(" + ")}: ${s.args.length} arguments for the ${buffers.length} buffers of ${kernel.name}`);
  if (params.length !== given.length) throw new Error(`${s.origin.join(" + ")}: ${given.length} values for the ${params.length} parameters of ${kernel.name}`);
  return [
    ...s.args.map((place, i) => pointer(program, place, bufferType(buffers[i]!), types[buffers[i]!.dtype].c, base(place))),
    ...given.map((x) => indexText(x, symbols)), ...(textual(kernel) ? ["text"] : []), ...(teamwork(kernel) ? ["team", "task"] : []),
  ].join(", ");
}
/** A place as a pointer of a type to elements of a type. */
function pointer(program: Program, place: Place, type: string, element: string, { text, ctype }: Base): string {
  const task = "perTask" in place ? ` + (size_t)task * ${place.perTask}` : "", turns = perTurn(program, place.turns);
  if (place.offset === 0 && ctype === element && !task && !turns) return text;
  const bytes = ctype === "unsigned char" ? text : `(${place.in === "input" ? "const " : ""}char*)${text}`;
  return `(${type})(${bytes} + ${place.offset}${turns}${task})`;
}
/** Whether what decides is true, as C. */
export const decisionText = (program: Program, d: Decision, base: (place: Place) => Base): string =>
  `*${pointer(program, d.place, `const ${types[d.dtype].c}*`, types[d.dtype].c, base(d.place))}`;
/** What step number `index` carries out, in lines for a comment. */
export const stepComment = (s: Step, index: number): readonly string[] =>
  wrapList([`${index}: ${s.origin.map(commentText).join(" + ") || "no layer of the model's own"}`], 120);
/** The layers that a kernel serves, in lines for a comment. */
export function kernelComment(program: Program, kernel: number): readonly string[] {
  const layers = program.steps.filter((s) => s.kernel === kernel).map((s) => commentText(s.origin.join(" + "))).filter(Boolean);
  return wrapList(layers.length ? layers : program.kernels[kernel]!.origin.map(commentText), 120);
}
/** What a kernel takes: all variants have the same parameters. */
export function signatureOf(k: KernelVariants): { readonly buffers: readonly Buffer[]; readonly params: readonly Var[] } {
  const [first] = Object.values(k.variants);
  if (!first) throw new Error(`kernel ${k.name} has no variant`);
  return { buffers: first.buffers.filter((b) => b.space !== "shared"), params: first.params ?? [] };
}
/** Whether it makes or looks at text. */
const textual = (k: KernelVariants): boolean => usesText(Object.values(k.variants)[0]!);
/** Whether several tasks run it, in some variant and therefore in each. */
export const teamwork = (k: KernelVariants): boolean => isTeamwork(Object.values(k.variants)[0]!);
function checkKernels({ program, isas }: NativeInput): void {
  const names = program.kernels.map((k) => k.name);
  if (new Set(names).size !== names.length) throw new Error(`two kernels of one name among ${names.join(", ")}`);
  for (const s of isas) {
    const missing = names.filter((n) => !s.kernels.some((k) => k.name === n));
    if (missing.length) throw new Error(`no text for ${s.name} of ${missing.join(", ")}`);
  }
}
function refinedView(program: Program, { refined }: InstructionSetText): Pick<KernelsView, "refined"> {
  if (!refined) return {};
  const own = new Map(refined.kernels.map((k) => [k.name, k]));
  return { refined: { isa: refined.name, texts: refined.kernels.map((k) => k.text.trim()), functions: program.kernels.map((k) => own.get(k.name)?.as ?? k.name) } };
}
/** The kernels of one instruction set, each below the names of the layers that it carries out. */
function kernelsFile({ program }: NativeInput, common: CommonView, set: InstructionSetText): string {
  const text = new Map(set.kernels.map((k) => [k.name, k]));
  const kernels = program.kernels.map(({ name }, i) => {
    const { text: body, comment } = text.get(name)!;
    return { name, text: body.trim(), comment: [...(comment ? comment.split("\n").map(commentText) : []), ...kernelComment(program, i)] };
  });
  return renderShell("cpp/kernels.cpp", { ...common, isa: set.name, guard: set.guard, preamble: set.preamble.trim(), kernels, ...refinedView(program, set) });
}
