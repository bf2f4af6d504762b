/**
 * A Compute that chooses among its inputs by the position along one axis becomes one copy per input, each writing its box.
 * Needs: nothing fused yet. Ensures: no map whose value is a chain of tests on one axis against constants; the copies
 * stand where it stood. Stands before fuse-tails, which lets the producers write their boxes themselves.
 */
import { mentions, type Apply, type Expr } from "../../ir/scalar.ts";
import { int, numberOf, plus } from "../../ir/linear.ts";
import { substitute } from "../../ir/algebra.ts";
import { axis, extentOf, type Axis, type Compute } from "../../ir/compute.ts";
import { relist, type Network } from "../../ir/network.ts";

export const splitConcats = (n: Network): Network => ({ ...n, computes: n.computes.flatMap((c) => parts(c)?.map((p) => relist(p, n.tensors)) ?? [c]) });

/** `select(x < limit, below, above)` for an axis x of the stage. */
function testOf(e: Expr, axes: readonly Axis[]): { axis: Axis; limit: number; below: Expr; above: Expr } | null {
  if (e.kind !== "apply" || e.op !== "select") return null;
  const [cond, below, above] = e.args as [Apply, Expr, Expr];
  if (cond.kind !== "apply" || cond.op !== "less") return null;
  const [a, b] = cond.args as [Expr, Expr], own = axes.find((x) => x === a);
  return own && b.kind === "const" ? { axis: own, limit: numberOf(b), below, above } : null;
}

function parts(c: Compute): Compute[] | null {
  const [s] = c.stages, [o] = c.outputs;
  if (c.stages.length !== 1 || c.outputs.length !== 1 || s!.reduce || s!.finish) return null;
  const first = testOf(s!.value, s!.axes);
  if (!first) return null;
  const pieces: { from: number; to: number; value: Expr }[] = [];
  let rest: Expr = s!.value, from = 0;
  for (let t = testOf(rest, s!.axes); t && t.axis === first.axis; t = testOf(rest, s!.axes)) {
    if (t.limit <= from) return null;
    pieces.push({ from, to: t.limit, value: t.below });
    from = t.limit;
    rest = t.above;
  }
  pieces.push({ from, to: extentOf(first.axis), value: rest });
  if (pieces.some((p) => p.value.kind !== "load" || !mentions(p.value, new Set([first.axis.name])))) return null;
  return pieces.map(({ from, to, value }) => {
    const own = axis(first.axis.name, to - from), moved = plus(own, int(from));
    const axes = s!.axes.map((a) => (a === first.axis ? own : a));
    // The old axis has another range, so it is another variable: both steps are needed.
    const at = new Map([[first.axis.name, moved]]);
    const index = (o!.index ?? s!.axes).map((e) => substitute(e, at));
    return { ...c, stages: [{ ...s!, axes, value: substitute(value, at) }], outputs: [{ ...o!, index }] };
  });
}
