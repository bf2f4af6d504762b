/** Single kernels in WGSL: their modules, and runs of them. */
import { groupSize } from "../../../compiler/emit/print.ts";
import type { Memory } from "../../../compiler/ir/interpret.ts";
import type { Buffer, Kernel } from "../../../compiler/ir/kernel.ts";
import { types, type ElementArray } from "../../../compiler/ir/types.ts";
import { preambleOf } from "../../../targets/webgpu/preamble.ts";
import { printWgsl, usesOf, type Binding, type Slot } from "../../../targets/webgpu/print.ts";
import type { Dawn } from "../../support/dawn.ts";

/** How the arguments lie: each in a binding of its own, or all that are read in one and all that are written in another. */
export type Lie = "apart" | "together";
/** A module and how the kernel's buffers lie in its bindings, whose sizes are in elements. */
export interface Laid {
  readonly text: string;
  /** Without what the preamble declares. */
  readonly own: string;
  readonly slots: readonly (Slot | null)[];
  readonly bindings: readonly Binding[];
  readonly sizes: readonly number[];
}
const words = (b: Buffer) => Math.ceil(b.size / 64) * 64;
/** The module of a kernel. */
export function laid(k: Kernel, lie: Lie): Laid {
  const uses = usesOf(k), bindings: Binding[] = [], sizes: number[] = [], shared = new Map<string, number>();
  const slots = k.buffers.map((b): Slot | null => {
    if (!uses.has(b.name) || b.space === "shared") return null;
    const access = uses.get(b.name)!.stores || b.space !== "in" ? "read_write" : "read", known = shared.get(access);
    if (lie === "together" && known !== undefined) { const offset = sizes[known]!; sizes[known] = offset + words(b); return { binding: known, offset }; }
    shared.set(access, bindings.length);
    bindings.push({ access });
    sizes.push(words(b));
    return { binding: bindings.length - 1, offset: 0 };
  });
  const own = printWgsl(k, slots, bindings);
  return { text: preambleOf(own) + own, own, slots, bindings, sizes };
}
/** Runs a kernel on what `given` holds; returns what it leaves in its outputs. */
export async function onDawn(dawn: Dawn, k: Kernel, lie: Lie, given: Memory): Promise<Record<string, ElementArray>> {
  const { text, slots, bindings, sizes } = laid(k, lie), bytes = sizes.map((n) => new Uint8Array(4 * n).fill(0xff));
  k.buffers.forEach((b, i) => {
    const slot = slots[i], data = given[b.name];
    if (slot && data && b.space === "in") bytes[slot.binding]!.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 4 * slot.offset);
  });
  const got = await dawn.run(text, k.name, groupSize(k).groups.map(Number), bindings.map((b, i) => ({ bytes: bytes[i]!, writable: b.access === "read_write" })));
  return Object.fromEntries(k.buffers.flatMap((b, i) => {
    const slot = slots[i];
    return slot && b.space === "out" ? [[b.name, new types[b.dtype].array(got[slot.binding]!.buffer, 4 * slot.offset, b.size)] as const] : [];
  }));
}
