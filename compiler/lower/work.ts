/** How much a statement has to do, and what its loads and stores depend on: what the division of work among tasks is judged by. */
import { children, variables, type Expr, type ScalarOp } from "../ir/scalar.ts";
import { int, range } from "../ir/linear.ts";
import { loadsIn, rebuild, substitute } from "../ir/algebra.ts";
import { expressionsOf, type Stmt } from "../ir/kernel.ts";

/** Operators that take much longer than an addition, in additions. */
const slow: Readonly<Partial<Record<ScalarOp, number>>> = {
  div: 4, sqrt: 6, fmod: 20, exp: 20, log: 20, erf: 30, sin: 30, cos: 30, tan: 40, asin: 30, acos: 30, atan: 30, sinh: 40, cosh: 40, tanh: 30, asinh: 40, acosh: 40, atanh: 40, pow: 50,
};
/** A loop whose end is known only when it runs is taken to turn so often. */
const guessedTurns = 16;

/** How often a loop turns at the most. */
export const turnsOf = (s: Extract<Stmt, { kind: "for" }>): number => { const [, most] = range(s.extent); return Number.isFinite(most) ? most : guessedTurns; };
/** The work of an expression in operations; addresses count for nothing, what occurs twice counts once. */
function effort(e: Expr, seen: Set<Expr>): number {
  if (seen.has(e) || e.dtype === "index") return 0;
  seen.add(e);
  const own = e.kind === "const" || e.kind === "var" ? 0 : e.kind === "apply" ? slow[e.op] ?? 1 : e.kind === "lanes" && e.op !== "splat" ? e.arg.lanes : 1;
  return own + children(e).reduce((sum, c) => sum + effort(c, seen), 0);
}
/** The work of statements in operations. */
export function workOf(body: readonly Stmt[]): number {
  let sum = 0;
  const seen = new Set<Expr>();
  for (const s of body) {
    const own = expressionsOf(s).reduce((n, e) => n + effort(e, seen), s.kind === "store" ? 1 : 0);
    sum += own + ("body" in s ? (s.kind === "for" ? turnsOf(s) : s.kind === "while" ? guessedTurns : 1) * workOf(s.body) : 0);
  }
  return sum;
}

/** The buffers that statements load from and store to. */
export interface Touched { readonly reads: ReadonlySet<string>; readonly writes: ReadonlySet<string> }
/** What statements load from and store to, at any depth. */
export function touchedBy(body: readonly Stmt[]): Touched {
  const reads = new Set<string>(), writes = new Set<string>();
  const walk = (list: readonly Stmt[]): void => {
    for (const s of list) {
      if (s.kind === "store") writes.add(s.buffer);
      for (const l of loadsIn(expressionsOf(s))) reads.add(l.buffer);
      if ("body" in s) walk(s.body);
    }
  };
  walk(body);
  return { reads, writes };
}
/**
 * For each buffer, the loops that decide which of its elements are touched, and over how many elements each goes. Blocks of one loop, which follow each other under its name, are
 * told apart by their addresses: where all touch the same ones, the loop decides nothing.
 */
export function loopsBehind(body: readonly Stmt[]): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const found = new Map<string, Map<string, [number, number]>>(), names = new Map<string, Expr>(), loops = new Set<string>();
  const decided = (buffer: string, loop: string, from = Infinity, to = -Infinity): void => {
    const known = found.get(buffer) ?? new Map<string, [number, number]>(), [a, b] = known.get(loop) ?? [Infinity, -Infinity];
    found.set(buffer, known.set(loop, [Math.min(a, from), Math.max(b, to)]));
  };
  /** The addresses by buffer, free of names for parts of them. */
  const walk = (list: readonly Stmt[]): Map<string, Set<Expr>> => {
    const all = new Map<string, Set<Expr>>(), siblings = new Map<string, Map<string, Set<Expr>>[]>();
    const add = (buffer: string, at: Expr) => { const known = all.get(buffer) ?? new Set<Expr>(); known.add(at); all.set(buffer, known); };
    for (const s of list) {
      const touched: [string, Expr][] = [...loadsIn(expressionsOf(s)).map((l): [string, Expr] => [l.buffer, l.at[0]!]), ...(s.kind === "store" ? [[s.buffer, s.at] as [string, Expr]] : [])];
      for (const [buffer, raw] of touched) {
        const at = substitute(raw, names);
        add(buffer, at);
        for (const v of variables(at)) if (loops.has(v)) decided(buffer, v);
      }
      if (s.kind === "let" && s.value.dtype === "index" && !s.mutable) names.set(s.name, substitute(s.value, names));
      if (s.kind === "for") loops.add(s.name);
      if (!("body" in s)) continue;
      const inner = walk(s.body);
      for (const [buffer, set] of inner) for (const e of set) add(buffer, e);
      if (s.kind !== "for") continue;
      siblings.set(s.name, [...siblings.get(s.name) ?? [], inner]);
      for (const [buffer, set] of inner) if (found.get(buffer)?.has(s.name)) decided(buffer, s.name, ...reachOf([...set], s.name, turnsOf(s)));
    }
    for (const [loop, blocks] of siblings) for (const buffer of all.keys()) {
      const [first, ...more] = blocks.map((b) => b.get(buffer)).filter((x) => x !== undefined);
      if (first && more.some((m) => m.size !== first.size || [...m].some((e) => !first.has(e)))) decided(buffer, loop);
    }
    return all;
  };
  const touched = walk(body).keys();
  return new Map([...touched].map((buffer) => [buffer, new Map([...found.get(buffer) ?? []].map(([loop, [from, to]]) => [loop, Math.max(0, to - from)]))]));
}
/** The first of some addresses in a loop's first turn, and where it would be in a turn behind the last; all else is at its beginning. */
function reachOf(list: readonly Expr[], loop: string, turns: number): [number, number] {
  const where = (turn: number): number => Math.min(...list.map((at) => {
    const known = rebuild(at, (x) => (x.kind === "var" ? int(x.name === loop ? turn : Math.max(0, range(x)[0])) : x));
    return known.kind === "const" ? Number(known.value) : 0;
  }));
  const from = where(0), last = where(turns - 1);
  return turns < 2 ? [from, from] : [from, last + (last - from) / (turns - 1)];
}
