/** Sizes that each run chooses, in JavaScript: the shapes of outputs, and the numbers that kernels and dispatches are given. */
import { indexText, sizedView, symbolNames, type IndexWords } from "../../compiler/emit/sizes.ts";
import type { ModuleSizesView } from "../../compiler/emit/shell-views.ts";
import type { Program } from "../../compiler/ir/program.ts";
import type { Expr } from "../../compiler/ir/scalar.ts";
import type { Plan } from "./plan.ts";

/** The numbers of a program, in the order in which they are first asked for; the view holds all that were. */
export interface ModuleSizes { readonly numberOf: (e: number | Expr) => number; readonly view: () => ModuleSizesView }
const words: IndexWords = { min: "Math.min", max: "Math.max", quotient: (a, b) => `Math.floor(${a} / ${b})` };

/** Null where all sizes are known. */
export function moduleSizes(p: Program, plan: Plan): ModuleSizes | null {
  if (!p.symbols?.length) return null;
  const names = symbolNames(p, new Set(["dims", "Math"])), texts: string[] = [], known = new Map<string, number>();
  const numberOf = (e: number | Expr): number => {
    const text = indexText(e, names, words), n = known.get(text) ?? texts.push(text) - 1;
    known.set(text, n);
    return n;
  };
  const rows = plan.rows.map((row) => row.map(numberOf));
  for (const s of plan.steps) for (const g of s.groups) if (typeof g !== "number") numberOf(g);
  const dims = p.inputs.flatMap((x, i) => x.shape.map((_, d) => `dims[${i}][${d}]`)), { given, checks, outputs } = sizedView(p, names, [], words);
  return {
    numberOf,
    view: () => ({
      given: given.map(({ id, at }) => ({ id, from: dims[at]! })), checks: checks.map(({ at, size }) => ({ from: dims[at]!, size })), numbers: texts, rows: JSON.stringify(rows),
      outputs: outputs.map((x) => `[${x.dims.map((d) => d.size).join(", ")}]`),
    }),
  };
}
