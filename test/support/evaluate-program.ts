/**
 * Runs a Program as its emitted form does: kernels of one instruction set, in order, on an arena, the constants and the
 * caller's memory. A block of the arena holds NaN before its life begins and after it ends.
 */
import { fail } from "../../compiler/ir/scalar.ts";
import { sizeOf } from "../../compiler/ir/graph.ts";
import { valueOfSize } from "../../compiler/ir/symbols.ts";
import { interpret, type RunOptions } from "../../compiler/ir/interpret.ts";
import { argumentsOf, eachStmt, type Buffer, type Kernel } from "../../compiler/ir/kernel.ts";
import type { Arena, Place, Program, Step } from "../../compiler/ir/program.ts";
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
  const wrong = [...verifyArena(p.arena), ...(p.setup ? verifyArena(p.setup.memory) : [])];
  if (wrong.length) fail(wrong.join("\n"));
  const arena = new ArrayBuffer(p.arena.bytes), prepared = new ArrayBuffer(p.setup?.memory.bytes ?? 0), constants = p.constants.slice().buffer, bytes = new Uint8Array(arena).fill(0xff);
  const outputs = p.outputs.map((o) => poison(o.dtype, sizeOf(o.shape)));
  const memoryOf = (place: Place): { buffer: ArrayBufferLike; offset: number } => {
    if (!("port" in place)) return { buffer: { arena, prepared, constants }[place.in], offset: place.offset };
    const data = (place.in === "input" ? inputs : outputs)[place.port]!;
    return { buffer: data.buffer, offset: data.byteOffset + place.offset };
  };
  const carryOut = (steps: readonly Step[], plan: Arena, memory: Uint8Array) => steps.forEach((step, i) => {
    for (const b of plan.blocks) if (b.firstStep === i) memory.fill(0xff, b.offset, b.offset + b.bytes);
    runStep(p.kernels[step.kernel]!.variants[variant] ?? fail(`no variant ${variant}`), step, memoryOf, options);
    for (const b of plan.blocks) if (b.lastStep === i) memory.fill(0xff, b.offset, b.offset + b.bytes);
  });
  // What the setup leaves stays.
  if (p.setup) carryOut(p.setup.steps, { ...p.setup.memory, blocks: p.setup.memory.blocks.map((b) => ({ ...b, lastStep: Infinity })) }, new Uint8Array(prepared));
  carryOut(p.steps, p.arena, bytes);
  return outputs;
}
function runStep(k: Kernel, step: Step, memoryOf: (p: Place) => { buffer: ArrayBufferLike; offset: number }, options: RunOptions & { readonly quick?: boolean }): void {
  const size = (b: Buffer, a: number) => step.sizes?.[a] ?? b.size, memory: Record<string, ElementArray> = {};
  argumentsOf(k).forEach((b, a) => {
    const { buffer, offset } = memoryOf(step.args[a]!);
    memory[b.name] = new types[b.dtype].array(buffer, offset, size(b, a));
  });
  const own: Kernel = { ...k, buffers: k.buffers.map((b, a) => ({ ...b, size: size(b, a) })) }, params = Object.fromEntries((k.params ?? []).map((x, j) => [x.name, valueOfSize(step.params![j]!, new Map())]));
  if (options.quick && !hasBarrier(k)) compileToJs(scalarise(lent(own)))(memory, params); else interpret(own, memory, { ...options, params });
}
function hasBarrier(k: Kernel): boolean {
  let found = false;
  eachStmt(k.body, (s) => { if (s.kind === "barrier") found = true; });
  return found;
}
/** Scratch as memory that is handed in, not made anew. */
const lent = (k: Kernel): Kernel => ({ ...k, buffers: k.buffers.map((b): Buffer => (b.space === "scratch" ? { ...b, space: "out" } : b)) });
