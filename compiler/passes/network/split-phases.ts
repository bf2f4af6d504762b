/**
 * An output axis whose position modulo a number picks the weights (as in a transposed convolution) becomes two axes: the
 * phase, which picks weights, and the turn, along which they stay the same. No zeros are stuffed and no test is left.
 * Needs: fusing is done, so that the tail comes along. Ensures: in a product, no weight is read at the remainder of an
 * axis whose extent the divisor divides. Stands before layouts, which look for rows and columns.
 */
import { children, type Expr } from "../../ir/scalar.ts";
import { linear, numberOf, plus, times } from "../../ir/linear.ts";
import { substitute } from "../../ir/algebra.ts";
import { axis, extentOf, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { contractionOf } from "../../ir/contraction.ts";
import type { Network } from "../../ir/network.ts";

export const splitPhases = (n: Network): Network => ({ ...n, computes: n.computes.map((c) => c.stages.reduce(splitStage, c)) });

function splitStage(c: Compute, { name }: Stage): Compute {
  const s = c.stages.find((x) => x.name === name)!, p = contractionOf(c, s);
  const found = p && s.axes.map((a) => ({ a, by: divisorOf(p.b.at, a) })).find(({ a, by }) => by !== null && by > 1 && extentOf(a) > by && extentOf(a) % by === 0);
  if (!found) return c;
  const { a, by } = found as { a: Axis; by: number }, turn = axis(a.name, extentOf(a) / by), phase = axis(`${a.name}p`, by);
  const at = new Map([[a.name, plus(times(turn, by), phase)]]), move = (e: Expr) => substitute(e, at);
  const stage: Stage = {
    ...s, axes: s.axes.flatMap((x) => (x === a ? [turn, phase] : [x])), value: move(s.value), ...(s.finish ? { finish: move(s.finish) } : {}),
  };
  const outputs = c.outputs.map((o) => (o.stage === name ? { ...o, index: (o.index ?? s.axes).map(move) } : o));
  return splitStage({ ...c, outputs, stages: c.stages.map((x) => (x === s ? stage : x)) }, stage);
}
/** The number by which an index takes the remainder of a sum that holds the axis once; null if there is none. */
function divisorOf(at: readonly Expr[], a: Axis): number | null {
  const look = (e: Expr): number | null => {
    if (e.kind === "apply" && e.op === "rem" && e.args[1]!.kind === "const" && linear(e.args[0]!).terms.get(a) === 1) return numberOf(e.args[1]!);
    for (const x of children(e)) { const found = look(x); if (found !== null) return found; }
    return null;
  };
  for (const e of at) { const found = look(e); if (found !== null) return found; }
  return null;
}
