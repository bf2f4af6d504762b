/**
 * Runs a Program as its emitted form does: kernels of one instruction set, in order, on an arena, the constants and the
 * caller's memory. A block of the arena holds NaN before its life begins and after it ends.
 */
import { fail } from "../../compiler/ir/scalar.ts";
import { sizeOf } from "../../compiler/ir/graph.ts";
import { valueOfSize } from "../../compiler/ir/symbols.ts";
import { interpret, type RunOptions } from "../../compiler/ir/interpret.ts";
import { argumentsOf, eachStmt, type Buffer, type Kernel } from "../../compiler/ir/kernel.ts";
import { piecesOf, type Flow } from "../../compiler/ir/control.ts";
import type { Arena, ArenaBlock, Decision, Place, Port, Program, Step, StepRun } from "../../compiler/ir/program.ts";
import { types, type ElementArray } from "../../compiler/ir/types.ts";
import { compileToJs } from "../../compiler/emit/js.ts";
import { verifyArena } from "../../compiler/passes/network/plan-memory.ts";
import { poison } from "./layouts.ts";
import { scalarise } from "./scalarise.ts";

/**
 * Outputs in their order, from inputs in theirs. Scratch memory is the arena's, as it is when compiled. `quick`: as JavaScript,
 * which checks no addresses, where no lane waits for another; else through the interpreter. `symbols`: those that inputs decide.
 */
export function evaluateProgram(p: Program, variant: string, inputs: readonly ElementArray[], options: Options = {}): ElementArray[] {
  const wrong = [...verifyArena(p.arena), ...(p.setup ? verifyArena(p.setup.memory) : [])];
  if (wrong.length) fail(wrong.join("\n"));
  const arena = new ArrayBuffer(p.arena.bytes), prepared = new ArrayBuffer(p.setup?.memory.bytes ?? 0), constants = p.constants.slice().buffer, bytes = new Uint8Array(arena).fill(0xff);
  const symbols = new Map(Object.entries(options.symbols ?? {})), actual = (port: Port) => port.shape.map((n, d) => valueOfSize(port.sizes?.[d] ?? n, symbols));
  const outputs: ElementArray[] = p.outputs.map((o) => poison(o.dtype, o.at ? 0 : sizeOf(o.shape)));
  const inArena = (port: Port) => new types[port.dtype].array(arena, port.at!.offset, sizeOf(port.shape));
  p.inputs.forEach((port, i) => { if (port.at) copyBox(inputs[i]!, actual(port), inArena(port), port.shape, actual(port)); });
  const turns = new Map<string, number>(), around: { readonly first: number; readonly last: number; turn: number }[] = [];
  const memoryOf = (place: Place): { buffer: ArrayBufferLike; offset: number } => {
    const offset = place.offset + (place.turns ?? []).reduce((sum, t) => sum + turns.get(t.loop)! * t.bytes, 0);
    if (!("port" in place)) return { buffer: { arena, prepared, constants }[place.in], offset };
    const data = (place.in === "input" ? inputs : outputs)[place.port]!;
    return { buffer: data.buffer, offset: data.byteOffset + offset };
  };
  const learn = (steps: number) => {
    for (const { variable, from } of p.symbols ?? []) {
      if (!("place" in from) || from.steps !== steps) continue;
      const { buffer, offset } = memoryOf(from.place);
      symbols.set(variable.name, Number(new BigInt64Array(buffer, offset, 1)[0]));
    }
  };
  const kernelOf = (step: Step) => p.kernels[step.kernel]!.variants[variant] ?? fail(`no variant ${variant}`);
  /** What lives through a loop begins before its first turn and ends behind its last. */
  const through = (b: ArenaBlock, loops: readonly { readonly first: number; readonly last: number }[]) => loops.some((l) => b.firstStep <= l.first && b.lastStep >= l.last);
  const carryOut = (steps: readonly Step[], plan: Arena, memory: Uint8Array, all: Flow<StepRun, Decision> = [{ kind: "piece", piece: { first: 0, count: steps.length } }]) => {
    const clear = (b: ArenaBlock) => memory.fill(0xff, b.offset, b.offset + b.bytes);
    const run = (i: number) => {
      for (const b of plan.blocks) if (b.firstStep === i && !through(b, around.filter((l) => l.turn > 0))) clear(b);
      runStep(kernelOf(steps[i]!), steps[i]!, memoryOf, symbols, options);
      if (memory === bytes) learn(i + 1);
      for (const b of plan.blocks) if (b.lastStep === i && i < steps.length - 1 && !through(b, around)) clear(b);
    };
    const isTrue = (d: Decision) => { const { buffer, offset } = memoryOf(d.place); return new types[d.dtype].array(buffer, offset, 1)[0] !== 0; };
    const go = (flow: Flow<StepRun, Decision>): void => flow.forEach((item) => {
      if (item.kind === "piece") { for (let i = 0; i < item.piece.count; i++) run(item.piece.first + i); return; }
      if (item.kind === "leave") {
        for (const { sizes } of item.equalities) if (valueOfSize(sizes[0], symbols) !== valueOfSize(sizes[1], symbols)) fail("sizes differ that the model needs equal");
        for (const [name, size] of item.sizes.map((s) => [s.symbol.name, valueOfSize(s.value, symbols)] as const)) symbols.set(name, size);
        return;
      }
      if (item.kind === "branch") { go(isTrue(item.condition) ? item.ifTrue : item.ifFalse); return; }
      const runs = piecesOf(item.body), loop = { first: runs[0]!.first, last: runs.at(-1)!.first + runs.at(-1)!.count - 1, turn: 0 };
      around.push(loop);
      for (; loop.turn < (item.most === undefined ? Infinity : valueOfSize(item.most, symbols)) && (!item.condition || isTrue(item.condition)); loop.turn++) {
        turns.set(item.name, loop.turn);
        go(item.body);
      }
      around.pop();
      for (const b of plan.blocks) if (b.lastStep === loop.last && b.firstStep <= loop.first && !through(b, around)) clear(b);
    });
    go(all);
  };
  // What the setup leaves stays.
  if (p.setup) carryOut(p.setup.steps, { ...p.setup.memory, blocks: p.setup.memory.blocks.map((b) => ({ ...b, lastStep: Infinity })) }, new Uint8Array(prepared));
  carryOut(p.steps, p.arena, bytes, p.flow);
  p.outputs.forEach((port, i) => { if (port.at) copyBox(inArena(port), port.shape, (outputs[i] = poison(port.dtype, sizeOf(actual(port)))), actual(port), actual(port)); });
  return outputs;
}
type Options = RunOptions & { readonly quick?: boolean; readonly symbols?: Readonly<Record<string, number>> };
/** Copies a box that begins at the first element, between row-major arrays of two shapes. */
function copyBox(from: ElementArray, fromShape: readonly number[], to: ElementArray, toShape: readonly number[], box: readonly number[]): void {
  const walk = (d: number, a: number, b: number): void => {
    if (d === box.length) { to[b] = from[a]!; return; }
    for (let i = 0; i < box[d]!; i++) walk(d + 1, a * fromShape[d]! + i, b * toShape[d]! + i);
  };
  walk(0, 0, 0);
}
function runStep(k: Kernel, step: Step, memoryOf: (p: Place) => { buffer: ArrayBufferLike; offset: number }, symbols: ReadonlyMap<string, number>, options: Options): void {
  const size = (b: Buffer, a: number) => step.sizes?.[a] ?? b.size, memory: Record<string, ElementArray> = {};
  argumentsOf(k).forEach((b, a) => {
    const { buffer, offset } = memoryOf(step.args[a]!);
    memory[b.name] = new types[b.dtype].array(buffer, offset, size(b, a));
  });
  const own: Kernel = { ...k, buffers: k.buffers.map((b, a) => ({ ...b, size: size(b, a) })) }, params = Object.fromEntries((k.params ?? []).map((x, j) => [x.name, valueOfSize(step.params![j]!, symbols)]));
  if (options.quick && !hasBarrier(k)) compileToJs(scalarise(lent(own)))(memory, params); else interpret(own, memory, { ...options, params });
}
function hasBarrier(k: Kernel): boolean {
  let found = false;
  eachStmt(k.body, (s) => { if (s.kind === "barrier") found = true; });
  return found;
}
/** Scratch as memory that is handed in, not made anew. */
const lent = (k: Kernel): Kernel => ({ ...k, buffers: k.buffers.map((b): Buffer => (b.space === "scratch" ? { ...b, space: "out" } : b)) });
