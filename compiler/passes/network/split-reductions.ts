/** Reduction axes that an index takes apart by quotients and remainders become two axes, so that the index is a sum again. */
import type { Expr } from "../../ir/scalar.ts";
import { linear, numberOf, plus, times } from "../../ir/linear.ts";
import { loadsIn, substitute } from "../../ir/algebra.ts";
import { axis, extentOf, type Axis, type Compute, type Stage } from "../../ir/compute.ts";

/**
 * The Compute with reduction axes split where a load of `tensor` has them under a quotient or a remainder by a divisor of their
 * extent: what a channel shuffle leaves in the product behind it. Sums keep their elements; their order may change.
 */
export const splitReductions = (c: Compute, tensor: string): Compute => ({ ...c, stages: c.stages.map((s) => splitStage(s, tensor)) });

function splitStage(s: Stage, tensor: string): Stage {
  if (!s.reduce) return s;
  const divisors = new Map<Axis, number>();
  for (const l of loadsIn([s.value], tensor)) for (const index of l.at) for (const atom of linear(index).terms.keys()) {
    if (atom.kind !== "apply" || (atom.op !== "quo" && atom.op !== "rem")) continue;
    const [of, by] = atom.args as [Expr, Expr], n = by.kind === "const" ? numberOf(by) : Infinity;
    const a = s.reduce.axes.find((r) => linear(of).terms.get(r) === 1);
    if (a && extentOf(a) % n === 0 && extentOf(a) > n && !divisors.has(a)) divisors.set(a, n);
  }
  if (divisors.size === 0) return s;
  const parts = new Map([...divisors].map(([a, n]) => [a, [axis(`${a.name}_whole`, extentOf(a) / n), axis(`${a.name}_rest`, n)] as const]));
  const value = substitute(s.value, new Map([...parts].map(([a, [whole, rest]]) => [a.name, plus(times(whole, extentOf(rest)), rest)])));
  return { ...s, value, reduce: { ...s.reduce, axes: s.reduce.axes.flatMap((a) => parts.get(a) ?? [a]) } };
}
