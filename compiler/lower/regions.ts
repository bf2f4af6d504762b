/** How much of a producer an iteration of its consumers needs: intervals of indices over the loops not yet entered. */
import { fail, mentions, show, type Expr } from "../ir/scalar.ts";
import { int, minus, plus, range } from "../ir/linear.ts";
import { loadsIn, substitute } from "../ir/algebra.ts";
import { extentOf, type Stage } from "../ir/compute.ts";
import { axisValue, isOpen, openRange, type Env, type Nest, type Span } from "./loops.ts";

/** An index as base + [0, extent), where the variables in `moves` vary and the others stand still. */
function interval(index: Expr, moves: { has(name: string): boolean }): Span {
  const still: Expr[] = [], moving: Expr[] = [];
  for (const t of terms(index)) (mentions(t, moves) ? moving : still).push(t);
  const [low, high] = range(moving.reduce(plus, int(0)));
  return { base: plus(still.reduce(plus, int(0)), int(low)), extent: high - low + 1 };
}
const terms = (e: Expr): readonly Expr[] => (e.kind === "apply" && e.op === "add" ? e.args.flatMap(terms) : [e]);
const loadsOf = (s: Stage, buffer: string) => loadsIn(s.finish ? [s.value, s.finish] : [s.value], buffer);

/**
 * Per axis of `p`, the interval that its consumers inside `nest` read while the loops entered in `env` stand still.
 * The variables of `lanes(stage)` move too, for what that stage is needed for. Fails where two readers want intervals that do not differ by a constant.
 */
export function regionOf(p: Stage, nest: Nest, env: Env, stages: readonly Stage[], lanes: (of: Stage) => ReadonlySet<string>): Span[] {
  const moving = lanes(p);
  const moves = { has: (name: string) => isOpen(name) || moving.has(name) };
  const spans: Span[] = [];
  for (const c of stages) {
    const reads = loadsOf(c, p.name);
    if (reads.length === 0) continue;
    const own = c === nest.stage ? null : regionOf(c, nest, env, stages, lanes);
    const axes = new Map<string, Expr>([
      ...c.axes.map((a, i) => [a.name, own ? openRange(c.name, a.name, own[i]!) : axisValue(nest, env, a.name)] as const),
      ...(c.reduce?.axes ?? []).map((a) => [a.name, own ? openRange(c.name, a.name, { base: int(0), extent: extentOf(a) }) : axisValue(nest, env, a.name)] as const),
    ]);
    for (const read of reads) read.at.forEach((index, i) => {
      const next = interval(substitute(index, axes), moves), known = spans[i];
      if (!known) { spans[i] = next; return; }
      const shift = minus(next.base, known.base);
      if (shift.kind !== "const") return fail(`${c.name} reads ${p.name} at ${show(next.base)} and at ${show(known.base)}: no common region`);
      const by = shift.value as number, low = Math.min(0, by), high = Math.max(known.extent, by + next.extent);
      spans[i] = { base: plus(known.base, int(low)), extent: high - low };
    });
  }
  return spans.length || p.axes.length === 0 ? spans : fail(`nothing reads ${p.name}`);
}
