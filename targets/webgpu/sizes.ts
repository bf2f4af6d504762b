/** Numbers that only a run knows, in JavaScript: the shapes of outputs, and what kernels and dispatches are given, from sizes that a run chooses or finds and the turns of loops. */
import { turnsOf } from "../../compiler/emit/flow.ts";
import { indexText, sizedView, symbolNames, type IndexWords } from "../../compiler/emit/sizes.ts";
import type { ModuleSizesView } from "../../compiler/emit/views/webgpu.ts";
import type { Program } from "../../compiler/ir/program.ts";
import type { Expr } from "../../compiler/ir/scalar.ts";
import { walkOf } from "./flow.ts";
import type { Plan } from "./plan.ts";

/** The numbers of a program, in the order in which they are first asked for; the view holds all that were. */
export interface ModuleSizes { readonly numberOf: (e: number | Expr) => number; readonly view: () => ModuleSizesView }
const words: IndexWords = { min: "Math.min", max: "Math.max", quotient: (a, b) => `Math.floor(${a} / ${b})` };

/** Null where all is known before a run. */
export function moduleSizes(p: Program, plan: Plan): ModuleSizes | null {
  if (!p.symbols?.length && !p.flow) return null;
  const turns = turnsOf(p), names = new Map([...symbolNames(p, new Set(["dims", "found", "Math", ...turns.map((t) => t.id)])), ...turns.map((t) => [t.variable.name, t.id] as const)]);
  const texts: string[] = [], known = new Map<string, number>(), textOf = (e: number | Expr) => indexText(e, names, words);
  const numberOf = (e: number | Expr): number => {
    const text = textOf(e), n = known.get(text) ?? texts.push(text) - 1;
    known.set(text, n);
    return n;
  };
  const rows = plan.rows.map((row) => row.map(numberOf));
  for (const s of plan.steps) for (const g of s.groups) if (typeof g !== "number") numberOf(g);
  const dims = p.inputs.flatMap((x, i) => x.shape.map((_, d) => `dims[${i}][${d}]`)), { given, checks, outputs } = sizedView(p, names, [], words), walk = walkOf(p, plan, textOf);
  return {
    numberOf,
    view: () => ({
      params: [given.length ? "dims" : walk?.learned.length ? "_dims" : "", walk?.learned.length ? "found" : ""].filter(Boolean).join(", "),
      given: [...given.map(({ id, at }) => ({ id, from: dims[at]! })), ...(walk?.learned ?? []).map((name, i) => ({ id: names.get(name)!, from: `found[${i}]` }))],
      checks: checks.map(({ at, size }) => ({ from: dims[at]!, size })), equal: (p.equalities ?? []).map(({ sizes: [a, b] }) => ({ one: textOf(a), other: textOf(b) })),
      numbers: texts, rows: JSON.stringify(rows), outputs: outputs.map((x) => `[${x.dims.map((d) => d.size).join(", ")}]`), walk, open: (p.symbols?.length ?? 0) > 0,
    }),
  };
}
