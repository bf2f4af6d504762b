/** Rewrite rules as data: a name, a pattern whose captures are typed, and what replaces it. */
import { apply, constant, variable, type Expr, type ScalarOp } from "./scalar.ts";
import type { DType, Num } from "./types.ts";

type Found = Map<string, Expr>;
/** A pattern that, when it matches, has captured C. It can also make an example of itself (for the rule checker). */
export interface Pattern<C> {
  match(e: Expr, found: Found): boolean;
  example(draw: (name: string, dtype: DType) => Expr): Expr;
  captures?: C;
}
type AllCaptures<Ps> = Ps extends readonly [Pattern<infer C>, ...infer Rest] ? C & AllCaptures<Rest> : unknown;

/** Anything, or anything of one type. */
export const any = <N extends string>(name: N, dtype?: DType): Pattern<Record<N, Expr>> => ({
  match(e, found) {
    const before = found.get(name);
    if (before) return before === e;
    if (dtype && e.dtype !== dtype) return false;
    found.set(name, e);
    return true;
  },
  example: (draw) => draw(name, dtype ?? "f32"),
});
/** Exactly this constant, in every lane: 0 is not -0. */
export const is = (value: number, dtype: DType = "f32"): Pattern<unknown> => ({
  match: (e): boolean => (e.kind === "lanes" && e.op === "splat" ? e.arg : e) === constant(dtype, value),
  example: () => constant(dtype, value),
});
/** This operator on arguments that match, in this order. */
export const op = <const Ps extends readonly Pattern<unknown>[]>(name: ScalarOp, ...args: Ps): Pattern<AllCaptures<Ps>> => ({
  match: (e, found) => e.kind === "apply" && e.op === name && args.every((p, i) => p.match(e.args[i]!, found)),
  example: (draw) => apply(name, ...args.map((p) => p.example(draw))),
});

/** A rewrite that holds for all values of its captures; its name is its equation. */
export interface Rule { readonly name: string; readonly lhs: Pattern<unknown>; readonly rhs: (captures: never) => Expr }
/** `rhs` gets exactly the captures of `lhs`, by name and type. */
export const rule = <C>(name: string, lhs: Pattern<C>, rhs: (captures: C) => Expr): Rule => ({ name, lhs, rhs });

/** The first rule that matches at the root decides; children are in normal form already. */
export function rewrite(e: Expr, rules: readonly Rule[]): Expr | null {
  for (const r of rules) {
    const found: Found = new Map();
    if (r.lhs.match(e, found)) return r.rhs(Object.fromEntries(found) as never);
  }
  return null;
}

const awkward = [0, -0, 1, -1, NaN, Infinity, -Infinity, 1e-45, 3.4e38];
/** Checks a rule bit by bit against the reference semantics, awkward floats included. Null when it holds. */
export function checkRule(r: Rule, evaluate: (e: Expr, vars: Record<string, number>) => Num, random: () => number): string | null {
  for (let i = 0; i < 200; i++) {
    const vars: Record<string, number> = {};
    const before = r.lhs.example((name, dtype) => {
      vars[name] ??= dtype === "bool" ? Math.round(random()) : dtype === "i32" ? Math.floor(random() * 2 ** 32) | 0 : Math.fround(random() < 0.4 ? awkward[Math.floor(random() * awkward.length)]! : random() * 16 - 8);
      return variable(dtype, name);
    });
    const found: Found = new Map();
    if (!r.lhs.match(before, found)) return `${r.name}: does not match its own example`;
    const [a, b] = [before, r.rhs(Object.fromEntries(found) as never)].map((e) => evaluate(e, vars));
    if (!Object.is(a, b)) return `${r.name}: ${a} became ${b} with ${JSON.stringify(vars)}`;
  }
  return null;
}
