/** How much of a producer an iteration of its consumers needs: intervals of indices over the loops not yet entered. */
import { fail, mentions, show, type Expr } from "../ir/scalar.ts";
import { int, minus, plus, range } from "../ir/linear.ts";
import { loadsIn, make, substitute } from "../ir/algebra.ts";
import { extentOf, type Compute, type Stage } from "../ir/compute.ts";
import { limitOf } from "../ir/extents.ts";
import { recurrenceOf } from "../ir/recurrence.ts";
import { rowsAround } from "./steps.ts";
import { axisValue, isOpen, openEnds, openRange, type Env, type Nest, type Span } from "./loops.ts";

/** An index as base + [0, extent), where the variables in `moves` vary, those in `tops` up to there, and the others stand still. */
function interval(index: Expr, moves: { has(name: string): boolean }, tops: ReadonlyMap<string, Expr>): Span {
  const still: Expr[] = [], moving: Expr[] = [];
  for (const t of terms(index)) (mentions(t, moves) ? moving : still).push(t);
  const sum = moving.reduce(plus, int(0)), [low, high] = range(sum), end = mentions(sum, tops) ? limitOf(sum, tops) : undefined;
  return { base: plus(still.reduce(plus, int(0)), int(low)), extent: high - low + 1, ...(end ? { size: minus(end, int(low)) } : {}) };
}
const terms = (e: Expr): readonly Expr[] => (e.kind === "apply" && e.op === "add" ? e.args.flatMap(terms) : [e]);
const loadsOf = (s: Stage, buffer: string) => loadsIn(s.finish ? [s.value, s.finish] : [s.value], buffer);

/** What a stage's region is told besides by its readers. */
export interface Wishes {
  /** Variables that move too, for what the stage is needed for. */
  readonly lanes: (of: Stage) => ReadonlySet<string>;
  /** The axis whose interval grows to a multiple. */
  readonly whole: (of: Stage) => readonly [axis: string, by: number] | undefined;
  /** Whether loops may end where a run needs no more. */
  readonly ends: boolean;
}
/**
 * Per axis of `p`, the interval that its consumers inside `nest` read while the loops entered in `env` stand still,
 * grown as `wishes` say. Fails where two readers want intervals that do not differ by a constant.
 * Of a recurrence it is one step, of which later steps, or the caller, may read everything that belongs to the elements whose steps these are.
 */
export function regionOf(p: Stage, nest: Nest, env: Env, compute: Compute, wishes: Wishes): Span[] {
  const moving = wishes.lanes(p), { stages } = compute, steps = recurrenceOf(compute, p);
  const moves = { has: (name: string) => isOpen(name) || moving.has(name) };
  const step = steps && { base: axisValue(nest, env, steps.time.name), extent: 1 };
  if (step && (steps.kept.has(p.name) || !stages.some((c) => loadsOf(c, p.name).length))) {
    const rows = rowsAround(nest, steps.time.name);
    return p.axes.map((a, i) => (i === 0 ? step : rows.has(a.name) ? { base: axisValue(nest, env, a.name), extent: 1 } : { base: int(0), extent: extentOf(a) }));
  }
  const spans: Span[] = [], tops = new Map(wishes.ends ? openEnds(nest, env) : []);
  for (const c of stages) {
    const reads = loadsOf(c, p.name);
    if (reads.length === 0) continue;
    const own = c.name === nest.stage.name ? null : regionOf(c, nest, env, compute, wishes);
    if (own && wishes.ends) c.axes.forEach((a, i) => { const { size, extent } = own[i]!, open = openRange(c.name, a.name, { base: int(0), extent }); if (size && open.kind === "var") tops.set(open.name, size); });
    const axes = new Map<string, Expr>([
      ...c.axes.map((a, i) => [a.name, own ? openRange(c.name, a.name, own[i]!) : axisValue(nest, env, a.name)] as const),
      ...(c.reduce?.axes ?? []).map((a) => [a.name, own ? openRange(c.name, a.name, { base: int(0), extent: extentOf(a) }) : axisValue(nest, env, a.name)] as const),
    ]);
    for (const read of reads) read.at.forEach((index, i) => {
      const next: Span = step && i === 0 ? step : interval(substitute(index, axes), moves, tops), known = spans[i];
      if (!known) { spans[i] = next; return; }
      const shift = minus(next.base, known.base);
      if (shift.kind !== "const") return fail(`${c.name} reads ${p.name} at ${show(next.base)} and at ${show(known.base)}: no common region`);
      const by = shift.value as number, low = Math.min(0, by), high = Math.max(known.extent, by + next.extent);
      const size = known.size && next.size && make("max", minus(known.size, int(low)), plus(next.size, int(by - low)));
      spans[i] = { base: plus(known.base, int(low)), extent: high - low, ...(size ? { size } : {}) };
    });
  }
  if (spans.length === 0 && p.axes.length > 0) return fail(`nothing reads ${p.name}`);
  const [axis, by] = wishes.whole(p) ?? ["", 1];
  return spans.map((span, i) => (p.axes[i]!.name === axis ? grown(p, i, span, by) : span));
}
function grown(p: Stage, i: number, { base, extent }: Span, by: number): Span {
  const whole = Math.ceil(extent / by) * by, a = p.axes[i]!;
  return range(base)[1] + whole <= extentOf(a) ? { base, extent: whole } : fail(`${p.name}: ${a.name} of ${extentOf(a)} elements ends before ${show(base)} + ${whole}`);
}
