/** Where a device finds the weights that its kernels read: a few buffers, each no larger than what any device takes in one piece. */
import { elementBytes, type Kernel } from "../../compiler/ir/kernel.ts";
import type { Program } from "../../compiler/ir/program.ts";
import { usedArguments } from "./dialect.ts";

/** Bytes of the program's constants, and where they go. */
export interface WeightRange { readonly buffer: number; readonly at: number; readonly from: number; readonly bytes: number }
/** `buffers` are sizes in bytes. */
export interface WeightLayout {
  readonly buffers: readonly number[];
  readonly ranges: readonly WeightRange[];
  /** The buffer of the constant that begins at this offset, and where in it. */
  readonly find: (offset: number) => { readonly buffer: number; readonly at: number };
}
const align = (n: number): number => Math.ceil(n / 64) * 64;

/**
 * Lays out what the kernels read, by step; null where a step has no kernel on the device. A buffer has at most `most` bytes, unless one
 * weight alone has more. Weights that only other variants of the kernels read stay where they are.
 */
export function layOutWeights(program: Program, kernels: readonly (Kernel | null)[], most: number): WeightLayout {
  const read = program.steps.flatMap((s, i) => {
    const k = kernels[i];
    return !k ? [] : usedArguments(k).flatMap((b) => {
      const place = s.args[k.buffers.indexOf(b)]!;
      return place.in === "constants" ? [{ from: place.offset, end: align(place.offset + b.size * elementBytes(b)) }] : [];
    });
  }).sort((a, b) => a.from - b.from || b.end - a.end);
  // What overlaps is one piece.
  const pieces: { from: number; end: number }[] = [];
  for (const r of read) {
    const last = pieces.at(-1);
    if (last && r.from < last.end) last.end = Math.max(last.end, r.end); else pieces.push({ ...r });
  }
  const buffers: number[] = [], ranges: WeightRange[] = [];
  for (const { from, end } of pieces) {
    const bytes = end - from;
    if (!buffers.length || buffers.at(-1)! + bytes > most) buffers.push(0);
    const buffer = buffers.length - 1, at = buffers[buffer]!, last = ranges.at(-1);
    if (last?.buffer === buffer && last.from + last.bytes === from) ranges[ranges.length - 1] = { ...last, bytes: last.bytes + bytes };
    else ranges.push({ buffer, at, from, bytes });
    buffers[buffer] = at + bytes;
  }
  return {
    buffers, ranges,
    find: (offset) => {
      const r = ranges.find((x) => x.from <= offset && offset < x.from + x.bytes);
      if (!r) throw new Error(`no kernel of the device reads the constant at ${offset}`);
      return { buffer: r.buffer, at: r.at + offset - r.from };
    },
  };
}
