/**
 * Runs a Program as its emitted form does: kernels of one instruction set, in order, on an arena, the constants and the
 * caller's memory. A block of the arena holds NaN before its life begins and after it ends.
 */
import { fail } from "../../compiler/ir/scalar.ts";
import { sizeOf } from "../../compiler/ir/graph.ts";
import { valueOfSize } from "../../compiler/ir/symbols.ts";
import { interpret, type RunOptions } from "../../compiler/ir/interpret.ts";
import { argumentsOf, eachStmt, type Buffer, type Kernel } from "../../compiler/ir/kernel.ts";
import type { Place, Program } from "../../compiler/ir/program.ts";
import { types, type ElementArray } from "../../compiler/ir/types.ts";
import { compileToJs } from "../../compiler/emit/js.ts";
import { verifyArena } from "../../compiler/passes/network/plan-memory.ts";
import { poison } from "./layouts.ts";
import { scalarise } from "./scalarise.ts";

/**
 * Outputs in their order, from inputs in theirs. Scratch memory is the arena's, as it is when compiled. `quick`: as JavaScript,
 * which checks no addresses, where no lane waits for another; else through the interpreter.
 */
export function evaluateProgram(p: Program, variant: string, inputs: readonly ElementArray[], options: RunOptions & { readonly quick?: boolean } = {}): ElementArray[] {
  const wrong = verifyArena(p.arena);
  if (wrong.length) fail(wrong.join("\n"));
  const arena = new ArrayBuffer(p.arena.bytes), constants = p.constants.slice().buffer, bytes = new Uint8Array(arena).fill(0xff);
  const outputs = p.outputs.map((o) => poison(o.dtype, sizeOf(o.shape)));
  const memoryOf = (place: Place): { buffer: ArrayBufferLike; offset: number } => {
    if (!("port" in place)) return { buffer: place.in === "arena" ? arena : constants, offset: place.offset };
    const data = (place.in === "input" ? inputs : outputs)[place.port]!;
    return { buffer: data.buffer, offset: data.byteOffset + place.offset };
  };
  p.steps.forEach((step, i) => {
    for (const b of p.arena.blocks) if (b.firstStep === i) bytes.fill(0xff, b.offset, b.offset + b.bytes);
    const k = p.kernels[step.kernel]!.variants[variant] ?? fail(`no variant ${variant}`), size = (b: Buffer, a: number) => step.sizes?.[a] ?? b.size, memory: Record<string, ElementArray> = {};
    argumentsOf(k).forEach((b, a) => {
      const { buffer, offset } = memoryOf(step.args[a]!);
      memory[b.name] = new types[b.dtype].array(buffer, offset, size(b, a));
    });
    const own: Kernel = { ...k, buffers: k.buffers.map((b, a) => ({ ...b, size: size(b, a) })) }, params = Object.fromEntries((k.params ?? []).map((x, j) => [x.name, valueOfSize(step.params![j]!, new Map())]));
    if (options.quick && !hasBarrier(k)) compileToJs(scalarise(lent(own)))(memory, params); else interpret(own, memory, { ...options, params });
    for (const b of p.arena.blocks) if (b.lastStep === i) bytes.fill(0xff, b.offset, b.offset + b.bytes);
  });
  return outputs;
}
function hasBarrier(k: Kernel): boolean {
  let found = false;
  eachStmt(k.body, (s) => { if (s.kind === "barrier") found = true; });
  return found;
}
/** Scratch as memory that is handed in, not made anew. */
const lent = (k: Kernel): Kernel => ({ ...k, buffers: k.buffers.map((b): Buffer => (b.space === "scratch" ? { ...b, space: "out" } : b)) });
