/** Sizes that each run chooses: what of the steps depends on them, as C. */
import { groupsOf, indexText, sizedView } from "../../compiler/emit/sizes.ts";
import type { OpenSizesView } from "../../compiler/emit/shell-views.ts";
import type { NativeParts } from "../../compiler/emit/native.ts";
import type { Kernel } from "../../compiler/ir/kernel.ts";
import type { Program } from "../../compiler/ir/program.ts";
import { types } from "../../compiler/ir/types.ts";
import type { Expr } from "../../compiler/ir/scalar.ts";
import { usedArguments } from "./dialect.ts";

/** `kernels` of the steps, null where the processor carries one out; null where all sizes are known. */
export function openSizes(program: Program, p: NativeParts, kernels: readonly (Kernel | null)[]): OpenSizesView | null {
  if (!program.symbols?.length) return null;
  const texts: string[] = [], known = new Map<string, number>(), rows: string[] = [];
  const numberOf = (e: number | Expr): number => {
    const text = indexText(e, p.symbols), n = known.get(text) ?? texts.push(text) - 1;
    known.set(text, n);
    return n;
  };
  program.steps.forEach((s, step) => {
    const k = kernels[step];
    if (!k) return;
    const first = 2 * usedArguments(k).length;
    (k.params ?? []).forEach((_, i) => rows.push(`{${step}, ${first + i}, ${numberOf(s.params![i]!)}}`));
    groupsOf(k, s).forEach((g, d) => { if (typeof g !== "number") rows.push(`{${step}, ${-1 - d}, ${numberOf(g)}}`); });
  });
  const ports = [...program.inputs, ...program.outputs];
  return {
    ...sizedView(program, p.symbols, p.ports.map((x) => x.id)), numbers: texts.map((text, index) => ({ index, text })), rows, count: Math.max(1, texts.length),
    portBytes: ports.map((port, index) => ({ index, text: [`(size_t)${types[port.dtype].bytes}`, ...port.shape.map((n, d) => (port.sizes?.[d] ? `(size_t)${indexText(port.sizes[d], p.symbols)}` : `${n}`))].join(" * ") })),
    boxes: ports.flatMap((port, index) => (port.sizes ? [{ index, bytes: p.ports[index]!.bytes, input: index < program.inputs.length }] : [])),
  };
}
