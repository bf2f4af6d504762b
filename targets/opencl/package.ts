/** The package of a model for OpenCL: the C++ package's shell, the kernels' text, and the host's part. */
import { createHash } from "node:crypto";
import { groupSize } from "../../compiler/emit/print.ts";
import {
  align64, callArguments, chooseText, coded, infoText, kernelComment, nativeFiles, nativePackage, nativeParts, nullTest, signatureOf, stepComment, type NativeInput, type NativeParts, type Package,
  type PackageFiles,
} from "../../compiler/emit/native.ts";
import { shapeStatus } from "../../compiler/emit/package.ts";
import { renderShell } from "../../compiler/emit/shell.ts";
import { groupsOf, isSized, mostOf } from "../../compiler/emit/sizes.ts";
import type { TargetFacts } from "../../compiler/emit/target.ts";
import type { WeightForm } from "../../compiler/emit/weights.ts";
import { elementBytes, type Kernel } from "../../compiler/ir/kernel.ts";
import type { Place, Program, Step } from "../../compiler/ir/program.ts";
import { types } from "../../compiler/ir/types.ts";
import { usedArguments } from "./dialect.ts";
import { walkOf } from "./flow.ts";
import { openSizes } from "./sizes.ts";
import { layOutWeights, type WeightLayout } from "./layout.ts";
import { programText, usesDoubles } from "./program.ts";

/** What a package is made of; without instruction sets it has no kernels for the processor. */
export interface OpenclInput extends NativeInput {
  readonly facts: TargetFacts;
  /** The name of the variant that is for the device. */
  readonly variant: string;
  /** Whether a kernel runs on the device; the processor runs the others. */
  readonly onDevice: (kernel: number) => boolean;
  /** What options of the generated API are by default; 0 for none. */
  readonly maxKernelUs: number;
  readonly queueWindow: number;
}
const more = (name: string) => ({ sources: [`${name}_device.cpp`, `${name}_build.cpp`, `${name}_source.cpp`], headers: [`${name}_device.h`] });
/** The files of a package, known before anything is compiled. */
export const openclFiles = (name: string, isas: readonly string[], weights: WeightForm): PackageFiles => nativeFiles(name, isas, weights, more(name));

const statuses = [
  { word: "ERROR_NO_DEVICE", text: "there is no OpenCL library or device that was asked for" },
  { word: "ERROR_DEVICE_LACKS", text: "the device lacks what the model needs" },
  { word: "ERROR_BUILD", text: "the device's compiler does not take the kernels" },
  { word: "ERROR_DEVICE_MEMORY", text: "the device has not enough memory" },
  { word: "ERROR_DEVICE", text: "the device reports an error" },
  { word: "ERROR_OPTIONS", text: "the options do not go together" },
];
/** Functions of the API that only this target has. */
const api = ["init_with", "run_cl", "backend", "device", "message", "cache", "step_count", "step_name", "step_us", "step_launches", "calibration"];
/** Names that the generated functions use themselves beside the parameters. */
const ownNames = [
  "c", "context", "event", "ports", "start", "i", "bytes", "error", "status", "magic", "arguments", "weight_ranges", "mappings", "port_bytes", "weight_buffer_bytes", "on_cpu", "on_device",
  "launch", "run_steps", "run_device", "set_arguments", "look", "traced", "chosen", "choose", "loaded", "checksum", "inputs", "outputs", "now_us", "memory",
];
const sizeNames = ["sizes", "s", "least", "most", "find_sizes", "firsts", "least_shapes", "most_shapes", "numbers", "uses", "find_numbers", "tell_steps", "choose_sizes", "estimate", "own", "box"];
const walkNames = ["one_run", "r", "read_back", "learn", "leave", "limit", "which", "turn", "turns", "found", "one_step", "rows", "decide", "go", "walk", "ended"];
/** Contraction of a * b + c is allowed; what changes infinities, NaN or the order of sums is not. */
const buildOptions = "-cl-std=CL1.2 -cl-mad-enable";

/** Throws a `CompileError` where the name will not do, and an `Error` where the parts do not fit together. */
export function packageOpencl(input: OpenclInput): Package {
  const { program, name } = input, open = isSized(program), p = nativeParts(input, [...ownNames, ...(open ? sizeNames : []), ...(program.flow || open ? walkNames : [])]), errors = coded([...statuses, ...(open ? [shapeStatus] : [])]), { common } = p;
  const onDevice = program.steps.map((s): Kernel | null => (input.onDevice(s.kernel) ? program.kernels[s.kernel]!.variants[input.variant]! : null));
  if (!input.isas.length && onDevice.includes(null)) throw new Error("there are kernels for neither the device nor the processor");
  const weights = layOutWeights(program, onDevice, input.facts.largestConstant), launches = launchesOf(input, p, onDevice, weights);
  const device = [...new Set(onDevice.filter((k) => k !== null))], kernelIndex = new Map(program.kernels.map((k, i) => [k.name, i]));
  const text = programText(device, (k) => kernelComment(program, kernelIndex.get(k.name)!));
  const sized = openSizes(program, p, onDevice), sizedBytes = sized ? sized.bytes + 4 * sized.count + 12 * program.steps.length + 8 * p.ports.length + 64 : 0;
  const headBytes = align64(5120 + 48 * program.steps.length + 16 * (p.ports.length + weights.buffers.length) + sizedBytes), cpu = input.isas.length > 0;
  const boxBytes = (sized?.boxes ?? []).reduce((sum, b) => sum + align64(b.bytes), 0), contextBytes = headBytes + (cpu ? p.arenaBytes + boxBytes : 0) + 64, portBytes = p.ports.map((x) => x.bytes), buffers = [p.arenaBytes, ...portBytes, ...weights.buffers];
  const deviceParams = p.ports.map((x) => `void* ${x.id}`).join(", "), mapped = mappedOf(program, p, onDevice);
  const { maxKernelUs, queueWindow } = input, lanes = device.map((k) => groupSize(k).lanes.reduce((a, b) => a * b)), sharedBytes = device.map(sharedBytesOf);
  const walk = walkOf(program, p, (place) => memoryText(place, p, 0)), walkText = walk ? renderShell("opencl/walk.cpp", { ...common, isas: p.isas, mapped, walk, sized }).trimEnd() : "";
  const running = renderShell("opencl/running.cpp", {
    ...common, isas: p.isas, mapped, walk, walkText, sized, arenaBytes: p.arenaBytes, params: p.params, nullTest: p.nullTest, deviceNullTest: nullTest(p.ports.filter((x) => x.count > 0)), deviceParams,
    portList: [...p.ports.map((x) => `(unsigned char*)${x.id}`), "nullptr"].join(", "), devicePortList: [...p.ports.map((x) => x.id), "nullptr"].join(", "),
  }).trimEnd();
  const core = renderShell("opencl/core.cpp", {
    ...common, isas: p.isas, noIsa: p.noIsa, headBytes, contextBytes, arenaBytes: p.arenaBytes, magic: p.magic, choose: cpu ? chooseText(p) : "", loading: p.loading, running, info: infoText(p, errors),
    fileWeights: p.fileWeights, sized, sizesText: sized ? (open ? renderShell("cpp/sizes.cpp", sized) : "") + renderShell("opencl/sizes.cpp", { ...sized, ...common }).trimEnd() : "",
    shapesText: sized && open ? renderShell("cpp/shapes.cpp", { ...sized, ...common }).trimEnd() : "", portBytes: [...portBytes, 0].join(", "), arguments: launches.arguments, steps: launches.steps, mapped,
    weightRanges: weights.ranges.map((r) => `{${r.buffer}, ${r.at}u, ${r.from}u, ${r.bytes}u}`), weightRangeCount: weights.ranges.length, weightBufferBytes: [...weights.buffers, 0].join(", "),
    cpuSteps: cpu ? program.steps.map((s, index) => ({ index, kernel: program.kernels[s.kernel]!.name, args: cpuArguments(program, p, s) })) : [],
    maxKernelUs, queueWindow,
  });
  return nativePackage(input, p, {
    known: openclFiles(name, input.isas.map((s) => s.name), input.weights), errors, contextBytes, api,
    device: renderShell("opencl/api.h", { ...common, deviceParams, maxKernelUs: maxKernelUs || "never", queueWindow: queueWindow || "any number" }).trimEnd(),
    promise: [
      `On a device, ${name}_init compiles the kernels (or takes them from a cache: ${name}_init_with) and allocates memory there.`,
      `Nothing takes a lock, and all state is in a context (${name}_run has one of its own, which stays).`,
    ],
    held: `End it with ${name}_release.`, released: "Frees what it holds on the device; NULL is no error.",
    libraries: { opens: true, flags: ["-lm", "-ldl"], words: "libc, libm and what opens a library at run time" },
  }, [
    [`${name}.cpp`, core],
    [`${name}_device.h`, renderShell("opencl/device.h", { ...common, steps: program.steps.length, chunks: weights.buffers.length, sized })],
    [`${name}_device.cpp`, renderShell("opencl/device.cpp", {
      ...common, doubles: device.some(usesDoubles), mostLanes: Math.max(1, ...lanes), sharedBytes: Math.max(0, ...sharedBytes), largestBuffer: Math.max(...buffers), allBuffers: buffers.reduce((a, b) => a + b, 0),
    })],
    [`${name}_build.cpp`, renderShell("opencl/build.cpp", { ...common, buildOptions })],
    [`${name}_source.cpp`, renderShell("opencl/source.cpp", { ...common, pieces: piecesOf(text), sourceHash: createHash("sha256").update(text).digest("hex").slice(0, 32) })],
  ]);
}
const sharedBytesOf = (k: Kernel): number => k.buffers.filter((b) => b.space === "shared").reduce((sum, b) => sum + b.size * types[b.dtype].bytes, 0);

/** Rows of the tables of steps and of their arguments. */
function launchesOf({ program, facts }: OpenclInput, p: NativeParts, onDevice: readonly (Kernel | null)[], weights: WeightLayout) {
  const rows: string[] = [];
  const argument = (place: Place, bytes: number): string => {
    const there = place.in === "constants" ? weights.find(place.offset) : { buffer: 0, at: place.offset };
    const elements = there.at / bytes;
    if (!Number.isInteger(elements) || elements > 2 ** 31 - 1) throw new Error(`an argument begins ${there.at} bytes into its memory: no place for elements of ${bytes} bytes`);
    // Where it moves, its number is told with those that only a run knows.
    return `{${memoryText(place, p, there.buffer)}, ${place.turns ? -1 : elements}}`;
  };
  const steps = program.steps.map((s, i) => {
    const k = onDevice[i], { name } = program.kernels[s.kernel]!, comment = stepComment(s, i), first = rows.length;
    if (!k) return { comment, row: `{"${name}", nullptr, {0, 0, 0}, {0, 0}, 0, 0, 0}` };
    const groups = groupsOf(k, s).map(mostOf), { lanes } = groupSize(k), args = usedArguments(k);
    for (const b of args) rows.push(argument(s.args[k.buffers.indexOf(b)]!, elementBytes(b)));
    const moved = args.reduce((sum, b) => sum + b.size * elementBytes(b), 0), [device] = facts.machines, us = (s.macs / device!.macsPerSecond + moved / device!.bytesPerSecond) * 1e6;
    return { comment, row: `{"${name}", "${name}", {${groups.join(", ")}}, {${lanes.slice(0, 2).join(", ")}}, ${first}, ${args.length}, ${us.toPrecision(6)}}` };
  });
  return { steps, arguments: rows };
}
/** In which memory a place is: of the arena and of weights, which buffer. */
const memoryText = (place: Place, p: NativeParts, buffer: number): string =>
  `${p.common.NAME}_IN_${place.in === "arena" ? "ARENA" : place.in === "constants" ? "WEIGHTS" : "PORT"}, ${"port" in place ? portIndex(place, p) : buffer}`;
/** Outputs stand behind inputs. */
const portIndex = (place: Extract<Place, { port: number }>, p: NativeParts): number => (place.in === "input" ? place.port : p.inputs.length + place.port);
function cpuArguments(program: Program, p: NativeParts, step: Step): string {
  const text = (place: Place): string => ("port" in place ? `ports[${portIndex(place, p)}]` : place.in === "arena" ? "arena" : "weights");
  return callArguments(program, step, (place) => ({ text: text(place), ctype: "unsigned char" }), p.symbols);
}
/** What a step on the processor must see: of each memory, from the first byte of an argument to the last. */
function mappedOf(program: Program, p: NativeParts, onDevice: readonly (Kernel | null)[]): readonly string[] {
  return program.steps.flatMap((s, step) => {
    if (onDevice[step]) return [];
    const spans = new Map<number, readonly [number, number]>();
    signatureOf(program.kernels[s.kernel]!).buffers.forEach((b, i) => {
      // What moves with the turns of a loop may be anywhere in its memory.
      const place = s.args[i]!, all = "port" in place ? p.ports[portIndex(place, p)]!.bytes : p.arenaBytes, begin = place.turns ? 0 : place.offset, end = place.turns ? all : begin + b.size * elementBytes(b);
      if (place.in === "constants" || end === begin) return;
      const which = "port" in place ? portIndex(place, p) : -1, [low, high] = spans.get(which) ?? [begin, end];
      spans.set(which, [Math.min(low, begin), Math.max(high, end)]);
    });
    return [...spans].map(([which, [low, high]]) => `{${step}, ${which}, ${low}u, ${high - low}u}`);
  });
}
/** The text as string literals, line by line, in pieces of a few kilobytes: compilers need not take longer ones. */
function piecesOf(text: string): readonly (readonly string[])[] {
  const pieces: string[][] = [[]];
  let length = 0;
  for (const line of text.trimEnd().split("\n")) {
    if (length > 4000 && (line === "" || length > 16000)) { pieces.push([]); length = 0; }
    pieces.at(-1)!.push(`"${line.replace(/[\\"]/g, "\\$&").replace(/\?(?=\?)/g, "?\\")}\\n"`);
    length += line.length + 1;
  }
  return pieces;
}
