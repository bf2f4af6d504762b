/**
 * Program -> what the host of WebGPU sets up: buffers, and for each step a kernel and its bindings. WebGPU forbids that what is
 * bound for writing overlaps another binding, so arguments that overlap share one, and a kernel is printed once for each pattern
 * of sharing. All but constants is bound for writing: one buffer cannot be both in a dispatch, and most tensors share one.
 */
import { turnsOf } from "../../compiler/emit/flow.ts";
import { groupsOf, mostOf } from "../../compiler/emit/sizes.ts";
import { groupSize } from "../../compiler/emit/print.ts";
import type { Kernel } from "../../compiler/ir/kernel.ts";
import { callersArray, type Place, type Port, type Program } from "../../compiler/ir/program.ts";
import { idOf, type Expr } from "../../compiler/ir/scalar.ts";
import { types } from "../../compiler/ir/types.ts";
import { usesOf, type Binding, type Slot } from "./print.ts";
import { inTurns } from "./turns.ts";

/** A kernel of the program, as it is printed for one pattern of sharing. */
export interface BoundKernel {
  /** Index into the program's kernels. */
  readonly of: number;
  readonly kernel: Kernel;
  /** As `printWgsl` takes them. */
  readonly slots: readonly (Slot | null)[];
  readonly bindings: readonly (Binding & { readonly bytes: number })[];
  readonly groups: readonly (number | Expr)[];
  readonly lanes: readonly number[];
}
/** One dispatch: index into the plan's kernels, for each binding its address in the row of buffers, in bytes, and its groups, with indices over the program's symbols. */
export interface BoundStep { readonly kernel: number; readonly addresses: readonly number[]; readonly groups: readonly (number | Expr)[] }
/** The limits of WebGPU that a network can need more of than a device must offer. */
export type Needs = Readonly<Record<
  "maxBufferSize" | "maxStorageBufferBindingSize" | "maxStorageBuffersPerShaderStage" | "maxComputeWorkgroupStorageSize"
  | "maxComputeInvocationsPerWorkgroup" | "maxComputeWorkgroupSizeX" | "maxComputeWorkgroupSizeY" | "maxComputeWorkgroupsPerDimension", number>>;
/** All that the host sets up. */
export interface Plan {
  /**
   * Bytes of the buffers: working memory, `pieces` of weights, inputs, outputs, and the rows of numbers where there are any. Each begins at the next
   * multiple of 256 in the row of addresses.
   */
  readonly buffers: readonly number[];
  /** What kernels are given in numbers that only a run knows, each 256 bytes behind the one before. */
  readonly rows: readonly (readonly (number | Expr)[])[];
  readonly pieces: number;
  readonly kernels: readonly BoundKernel[];
  readonly steps: readonly BoundStep[];
  readonly needs: Needs;
  /** In which of the buffers a place is, and where in it, in bytes. */
  readonly find: (place: Place) => { readonly buffer: number; readonly offset: number };
}

/** Offsets of bindings are multiples of this. */
export const bindingAlignment = 256;
/** What every device offers of WebGPU: the largest buffer, what a kernel sees of one, and how many. */
const largestBuffer = 2 ** 28, largestBinding = 2 ** 27, mostBindings = 8;
const roundTo = (n: number, to: number): number => Math.ceil(n / to) * to;
/** Bytes of a port on the device: 32 bits for each element. */
export const portBytes = (p: Port): number => Math.max(16, roundTo(callersArray(p).count * types[p.stored ?? p.dtype].bytes, 16));

interface Range { readonly from: number; readonly to: number; readonly read: boolean; readonly buffers: readonly number[] }
const kernelOf = (p: Program, index: number, variant: string): Kernel => p.kernels[index]!.variants[variant]!;

/** Sets up the program's kernels of one variant. */
export function planBindings(p: Program, variant: string): Plan {
  const cuts = cutWeights(p, variant), pieces = cuts.length - 1;
  const buffers = [Math.max(16, roundTo(p.arena.bytes, 16)), ...cuts.slice(1).map((c, i) => c - cuts[i]!), ...p.inputs.map(portBytes), ...p.outputs.map(portBytes)];
  const rows: (readonly (number | Expr)[])[] = [], row = new Map<string, number>(), turns = turnsOf(p), settled = p.steps.map((s) => inTurns(kernelOf(p, s.kernel, variant), s, turns));
  for (const { params } of settled) if (params.length && !row.has(rowKey(params))) row.set(rowKey(params), rows.push(params) - 1);
  if (rows.length) buffers.push(bindingAlignment * rows.length);
  const starts: number[] = [];
  buffers.reduce((at, bytes) => (starts.push(at), at + roundTo(bytes, bindingAlignment)), 0);
  const addressOf = (place: Place): number => {
    switch (place.in) {
      case "arena": return place.offset;
      case "constants": { const piece = cuts.findLastIndex((c) => c <= place.offset); return starts[1 + piece]! + place.offset - cuts[piece]!; }
      case "input": return starts[1 + pieces + place.port]! + place.offset;
      case "output": return starts[1 + pieces + p.inputs.length + place.port]! + place.offset;
      case "prepared": throw new Error("there is no setup to prepare weights");
      default: return place satisfies never;
    }
  };
  const bufferAt = (address: number): number => starts.findLastIndex((s) => s <= address);
  const kernels: BoundKernel[] = [], known = new Map<string, number>();
  const steps = p.steps.map((s, step): BoundStep => {
    const { kernel, args, params, moved } = settled[step]!, used = usesOf(kernel);
    const ranges = kernel.buffers.flatMap((b, i): Range[] => {
      if (b.space === "shared" || !used.has(b.name)) return [];
      const from = addressOf(args[i]!);
      return [{ from, to: from + Math.max(16, roundTo(b.size * types[b.dtype].bytes, 16)), read: args[i]!.in === "constants", buffers: [i] }];
    });
    const bound = fewer(merged(ranges), bufferAt);
    const slots = kernel.buffers.map((b, i): Slot | null => {
      const binding = bound.findIndex((r) => r.buffers.includes(i));
      return binding < 0 ? null : { binding, offset: (addressOf(args[i]!) - bound[binding]!.from) / types[b.dtype].bytes };
    });
    const bindings = bound.map((r) => ({ access: r.read ? "read" as const : "read_write" as const, bytes: r.to - r.from }));
    const key = JSON.stringify([s.kernel, slots, bindings, moved]);
    let index = known.get(key);
    if (index === undefined) {
      index = kernels.length;
      known.set(key, index);
      const before = kernels.filter((k) => k.of === s.kernel).length;
      kernels.push({ of: s.kernel, kernel: before ? { ...kernel, name: `${kernel.name}_v${before}` } : kernel, slots, bindings, ...groupSize(kernel) });
    }
    const numbers = params.length ? [starts.at(-1)! + bindingAlignment * row.get(rowKey(params))!] : [];
    return { kernel: index, addresses: [...bound.map((r) => r.from), ...numbers], groups: groupsOf(kernel, { ...s, params }) };
  });
  const find = (place: Place) => { const address = addressOf(place), buffer = bufferAt(address); return { buffer, offset: address - starts[buffer]! }; };
  return { buffers, rows, pieces, kernels, steps, needs: needsOf(buffers, kernels), find };
}

const rowKey = (params: readonly (number | Expr)[]): string => params.map((e) => (typeof e === "number" ? e : `#${idOf(e)}`)).join();
/** Where the weights are cut into buffers: from 0 to the end, never inside an argument. */
function cutWeights(p: Program, variant: string): readonly number[] {
  // Shared buffers come last and are no arguments.
  const ranges = p.steps.flatMap((s) => kernelOf(p, s.kernel, variant).buffers.flatMap((b, i) => {
    const place = s.args[i];
    return place?.in === "constants" ? [[place.offset, place.offset + roundTo(b.size * types[b.dtype].bytes, 16)] as const] : [];
  })).sort((a, b) => a[0] - b[0]);
  const total = roundTo(p.constants.length, 32), cuts = [0];
  if (total === 0) return cuts;
  let whole = 0, end = 0;
  for (const [from, to] of ranges) {
    // What begins where all before has ended may begin a buffer.
    if (from >= end) whole = from;
    end = Math.max(end, to);
    if (end - cuts.at(-1)! > largestBuffer && whole > cuts.at(-1)!) cuts.push(whole);
  }
  return [...cuts, total];
}
/** Written ranges that overlap become one; equal ranges of weights too. */
function merged(ranges: readonly Range[]): readonly Range[] {
  let list: readonly Range[] = [];
  for (const r of ranges) {
    const meets = (x: Range): boolean => (r.read || x.read ? r.read === x.read && x.from === r.from && x.to === r.to : x.from < r.to && r.from < x.to);
    const touched = list.filter(meets);
    const joined = touched.reduce(join, r), at = touched.length ? list.indexOf(touched[0]!) : list.length;
    const rest = list.filter((x) => !touched.includes(x));
    list = [...rest.slice(0, at), joined, ...rest.slice(at)];
    // The union may reach what neither part did.
    if (touched.length > 0 && joined.to - joined.from > r.to - r.from) list = merged(list);
  }
  return list;
}
const join = (a: Range, b: Range): Range => ({ from: Math.min(a.from, b.from), to: Math.max(a.to, b.to), read: a.read, buffers: [...a.buffers, ...b.buffers].sort((x, y) => x - y) });
/** Joins neighbours in one buffer while there are more bindings than every device has; what lies between is then bound too. */
function fewer(ranges: readonly Range[], bufferAt: (address: number) => number): readonly Range[] {
  if (ranges.length <= mostBindings) return ranges;
  let best: readonly [Range, Range] | undefined, least = largestBinding + 1;
  for (const a of ranges) for (const b of ranges) {
    if (a === b || a.from > b.from || a.read !== b.read || bufferAt(a.from) !== bufferAt(b.from)) continue;
    const span = Math.max(a.to, b.to) - a.from;
    if (span < least) { least = span; best = [a, b]; }
  }
  if (!best) return ranges;
  const [a, b] = best;
  return fewer(merged(ranges.flatMap((r) => (r === a ? [join(a, b)] : r === b ? [] : [r]))), bufferAt);
}
function needsOf(buffers: readonly number[], kernels: readonly BoundKernel[]): Needs {
  const most = (f: (k: BoundKernel) => number): number => kernels.reduce((m, k) => Math.max(m, f(k)), 1);
  return {
    maxBufferSize: Math.max(...buffers),
    maxStorageBufferBindingSize: most((k) => Math.max(0, ...k.bindings.map((b) => b.bytes))),
    maxStorageBuffersPerShaderStage: most((k) => k.bindings.length),
    maxComputeWorkgroupStorageSize: most((k) => k.kernel.buffers.reduce((sum, b) => sum + (b.space === "shared" ? roundTo(b.size * types[b.dtype].bytes, 16) : 0), 0)),
    maxComputeInvocationsPerWorkgroup: most((k) => k.lanes.reduce((a, b) => a * b, 1)),
    maxComputeWorkgroupSizeX: most((k) => k.lanes[0]!),
    maxComputeWorkgroupSizeY: most((k) => k.lanes[1]!),
    maxComputeWorkgroupsPerDimension: most((k) => Math.max(...k.groups.map(mostOf))),
  };
}
