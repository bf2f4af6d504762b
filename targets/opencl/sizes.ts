/** Numbers that only a run knows, in C: sizes that it chooses or finds, turns of loops, and what of the steps depends on them. */
import { elementsBefore, turnsOf } from "../../compiler/emit/flow.ts";
import { groupsOf, indexText, isSized, sizedView } from "../../compiler/emit/sizes.ts";
import type { OpenSizesView } from "../../compiler/emit/views/opencl.ts";
import type { NativeParts } from "../../compiler/emit/native.ts";
import { elementBytes, type Kernel } from "../../compiler/ir/kernel.ts";
import type { Program } from "../../compiler/ir/program.ts";
import { types } from "../../compiler/ir/types.ts";
import type { Expr } from "../../compiler/ir/scalar.ts";
import { usedArguments } from "./dialect.ts";

/** Names in C of the program's symbols, and of what counts the turns of its loops. */
export const numberNames = (program: Program, p: NativeParts): ReadonlyMap<string, string> => new Map([...p.symbols, ...turnsOf(program).map((t) => [t.variable.name, t.id] as const)]);
/** `kernels` of the steps, null where the processor carries one out; null where all is known before a run. */
export function openSizes(program: Program, p: NativeParts, kernels: readonly (Kernel | null)[]): OpenSizesView | null {
  const turns = turnsOf(program), names = numberNames(program, p);
  if (names.size === 0) return null;
  const texts: string[] = [], known = new Map<string, number>(), rows: string[] = [];
  const numberOf = (e: number | Expr): number => {
    const text = indexText(e, names), n = known.get(text) ?? texts.push(text) - 1;
    known.set(text, n);
    return n;
  };
  program.steps.forEach((s, step) => {
    const k = kernels[step];
    if (!k) return;
    const used = usedArguments(k), first = 2 * used.length;
    used.forEach((b, i) => {
      const place = s.args[k.buffers.indexOf(b)]!;
      if (place.turns) rows.push(`{${step}, ${2 * i + 1}, ${numberOf(elementsBefore(place.offset, place, elementBytes(b), turns))}}`);
    });
    (k.params ?? []).forEach((_, i) => rows.push(`{${step}, ${first + i}, ${numberOf(s.params![i]!)}}`));
    groupsOf(k, s).forEach((g, d) => { if (typeof g !== "number") rows.push(`{${step}, ${-1 - d}, ${numberOf(g)}}`); });
  });
  const ports = [...program.inputs, ...program.outputs], view = sizedView(program, p.symbols, p.ports.map((x) => x.id));
  return {
    ...view, bytes: view.bytes + 8 * turns.length, open: isSized(program), turns: turns.map(({ id }, index) => ({ id, index })), turnCount: turns.length,
    numbers: texts.map((text, index) => ({ index, text })), rows, count: Math.max(1, texts.length),
    portBytes: ports.map((port, index) => ({ index, text: [`(size_t)${types[port.dtype].bytes}`, ...port.shape.map((n, d) => (port.sizes?.[d] ? `(size_t)${indexText(port.sizes[d], p.symbols)}` : `${n}`))].join(" * ") })),
    boxes: ports.flatMap((port, index) => (port.sizes ? [{ index, bytes: p.ports[index]!.bytes, input: index < program.inputs.length }] : [])),
  };
}
