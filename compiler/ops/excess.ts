/**
 * Reductions end where a run's sizes end. Computes go over the largest sizes; a reduction over a dimension whose size only a run knows takes
 * the neutral element beyond it. Which axis that is, is told from loads: one that is itself the index of such a dimension.
 */
import { both, less, loadsIn, select } from "../ir/algebra.ts";
import { neutral, type Axis, type Stage } from "../ir/compute.ts";
import { isStatic, type ValueType } from "../ir/graph.ts";
import { constant, type Expr } from "../ir/scalar.ts";

/** The stages, their reductions ended. `inputs` are the types of what loads name beside stages. */
export function withoutExcess(stages: readonly Stage[], inputs: ReadonlyMap<string, ValueType>): readonly Stage[] {
  if ([...inputs.values()].every(isStatic)) return stages;
  const ends = new Map<Expr, Expr>(), byName = new Map(stages.map((s) => [s.name, s]));
  const endsOf = (buffer: string): readonly (Expr | undefined)[] =>
    inputs.get(buffer)?.shape.map((d) => (typeof d === "number" ? undefined : d)) ?? byName.get(buffer)?.axes.map((a) => ends.get(a)) ?? [];
  // Twice, because steps of a recurrence read what stands behind them.
  for (const s of [...stages, ...stages]) {
    for (const l of loadsIn(s.finish ? [s.value, s.finish] : [s.value])) {
      endsOf(l.buffer).forEach((end, d) => { const at = l.at[d]!; if (end && at.kind === "var" && !ends.has(at)) ends.set(at, end); });
    }
  }
  return stages.map((s) => {
    const tests = (s.reduce?.axes ?? []).flatMap((a: Axis) => { const end = ends.get(a); return end ? [less(a, end)] : []; });
    if (tests.length === 0) return s;
    const { dtype } = s.value;
    return { ...s, value: select(tests.reduce(both), s.value, constant(dtype, neutral(s.reduce!.op, dtype))) };
  });
}
