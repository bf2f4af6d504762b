/** Hints that memory will be read: what the schedule's directives `prefetch` mean at one update of a reduction. */
import { fail, type Expr, type Load } from "../ir/scalar.ts";
import { fromLinear, int, linear, plus, times } from "../ir/linear.ts";
import { loadsIn, substitute } from "../ir/algebra.ts";
import type { Directive } from "../ir/schedule.ts";
import type { Buffer, Stmt } from "../ir/kernel.ts";
import { bytesFor } from "../ir/types.ts";
import { extentOfLoop, valueOf, type Env, type Nest } from "./loops.ts";

type Shared = Extract<Directive, { prefetch: string; next: string }>;
/** Bytes that a hint brings. */
const lineBytes = 64;

/** Hints for an update whose value is `e`, at `env`; none where the loop a directive looks ahead in has no other iteration. */
export function prefetches(nest: Nest, env: Env, directives: readonly Directive[], e: Expr): Stmt[] {
  return directives.flatMap((d): Stmt[] => {
    if (!("prefetch" in d)) return [];
    const name = "next" in d ? d.next : d.ahead, loop = env.bound.get(name) ?? fail(`${nest.stage.name}: no loop ${name} around this prefetch`);
    if (loop.kind !== "var") return [];
    const later = new Map<string, Expr>([[loop.name, plus(loop, int("next" in d ? 1 : d.turns))]]);
    const ask = (at: Expr): Stmt => ({ kind: "prefetch", buffer: d.prefetch, at, ...("next" in d ? {} : { soon: true }) });
    if ("next" in d && d.share) return isFirst(nest, env) ? loadsIn([e], d.prefetch).slice(0, 1).flatMap((l) => shares(nest, env, d, l, later).map(ask)) : [];
    return loadsIn([e], d.prefetch).map((l) => ask(substitute(l.at[0]!, later)));
  });
}
/** Whether this is the first element of the register tile. */
function isFirst(nest: Nest, env: Env): boolean {
  return nest.loops.every((l) => {
    if (l.reduce || (l.place !== "unroll" && l.place !== "vector")) return true;
    const value = env.bound.get(l.name), s = nest.splits.find((x) => x.inner === l.name);
    if (l.place === "unroll") return value?.kind === "const" && value.value === 0;
    return !s || (env.blocks.get(s.axis)?.start ?? 0) === 0;
  });
}
/**
 * The part of the next run that this turn of the reduction asks for, at these rows of the tile: the run lies behind the address of the first
 * element in the first turn, and the rows divide it among themselves.
 */
function shares(nest: Nest, env: Env, { share: axes = [], run = 0 }: Shared, l: Load, later: Map<string, Expr>): Expr[] {
  const flat = (names: readonly string[]) => names.reduce<readonly [Expr, number]>(([i, n], x) => {
    const extent = extentOfLoop(nest, env, x);
    return [plus(times(i, extent), valueOf(nest, env, x)), n * extent];
  }, [int(0), 1]);
  const reduce = nest.loops.filter((l) => l.reduce).map((l) => l.name), [row, rows] = flat(axes), [turn, turns] = flat(reduce);
  const first = new Map([...later, ...reduce.flatMap((x): [string, Expr][] => { const v = env.bound.get(x); return v?.kind === "var" ? [[v.name, int(0)]] : []; })]);
  const tile = nest.splits.find((s) => s.axis === axes.at(-1)), height = (tile && env.blocks.get(tile.axis)?.size) || 1;
  const line = lineBytes / bytesFor(l.dtype, 1), step = Math.ceil((run * height) / rows), start = plus(substitute(l.at[0]!, first), plus(times(row, Math.floor((turns * run) / rows)), times(turn, step)));
  return Array.from({ length: Math.ceil(step / line) }, (_, i) => plus(start, int(i * line)));
}
/** Without hints that follow another, in one run of statements, for an address less than a line away. */
export function oncePerLine(body: readonly Stmt[], buffers: readonly Buffer[]): Stmt[] {
  const asked = new Map<string, Map<Expr, number[]>>();
  return body.flatMap((s): Stmt[] => {
    if (s.kind !== "prefetch") return "body" in s ? [{ ...s, body: oncePerLine(s.body, buffers) }] : [s];
    const form = linear(s.at), place = fromLinear({ ...form, constant: 0 }), line = lineBytes / bytesFor(buffers.find((b) => b.name === s.buffer)!.dtype, 1);
    const of = asked.get(s.buffer) ?? new Map<Expr, number[]>(), known = of.get(place) ?? [];
    asked.set(s.buffer, of.set(place, [...known, form.constant]));
    return known.some((c) => Math.abs(c - form.constant) < line) ? [] : [s];
  });
}
