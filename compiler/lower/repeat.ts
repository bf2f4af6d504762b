/**
 * Reductions by `repeat`: each turn makes the element anew from what the turn before has made. The elements of a register tile take their
 * turns together, so that one does not wait for what another loads; they end when a turn has changed none of them, or with the last.
 */
import { constant, fail, mentions, variable, type Expr } from "../ir/scalar.ts";
import { int, plus } from "../ir/linear.ts";
import { make, not } from "../ir/algebra.ts";
import type { Stmt } from "../ir/kernel.ts";
import { bind, extentOfLoop, type Env, type Loop, type Nest } from "./loops.ts";

/** What it takes from lowering; `value` is the stage's value with `acc` put in, `name` one for the element at this point of the tile. */
export interface Tile {
  loops(loops: readonly Loop[], env: Env, leaf: (env: Env) => Stmt[]): Stmt[];
  value(env: Env, acc: Expr): Expr;
  name(env: Env): string;
  result(env: Env, element: Expr): Stmt[];
}
/** `inner`: the loops from the first reduction loop on. */
export function repeated(nest: Nest, env: Env, [over, ...tile]: readonly Loop[], t: Tile): Stmt[] {
  const { stage } = nest, { dtype } = stage.value, bad = (why: string) => fail(`${stage.name}: ${why}`);
  if (over?.place !== "serial" || tile.some((l) => l.reduce || l.place !== "unroll")) return bad("turns are one serial loop, around unrolled loops only");
  const turns = extentOfLoop(nest, env, over.name), of = (e: Env) => variable(dtype, t.name(e));
  const counter = `${stage.name}_${over.name}`, started = variable("index", counter, 1, [0, turns - 1]), more = `${stage.name}_more`;
  const first = t.loops(tile, bind(env, over.name, int(0)), (e): Stmt[] =>
    [{ kind: "let", name: t.name(e), value: t.value(e, constant(dtype, 0)), mutable: true }]);
  const next = (e: Env): string => `${t.name(e)}_next`, changes: Expr[] = [], values: Expr[] = [];
  const made = t.loops(tile, bind(env, over.name, plus(started, int(1))), (e): Stmt[] => {
    const value = t.value(e, of(e)), made = variable(dtype, next(e));
    values.push(value);
    changes.push(not(make("equal", made, of(e))));
    return [{ kind: "let", name: made.name, value, mutable: false }];
  });
  const kept = t.loops(tile, env, (e): Stmt[] => [{ kind: "set", name: t.name(e), value: variable(dtype, next(e)) }]);
  const results = t.loops(tile, env, (e) => t.result(e, of(e)));
  if (turns === 1) return [...first, ...results];
  if (values.some((v) => mentions(v, new Set([counter])))) {
    return [...first, { kind: "for", name: counter, extent: int(turns - 1), at: "serial", body: [...made, ...kept] }, ...results];
  }
  const taken = variable("index", counter), goesOn = make("and", variable("bool", more), make("less", taken, int(turns - 1)));
  return [
    ...first, { kind: "let", name: counter, value: int(0), mutable: true }, { kind: "let", name: more, value: constant("bool", 1), mutable: true },
    {
      kind: "while", cond: goesOn,
      body: [...made, { kind: "set", name: more, value: changes.reduce((a, b) => make("or", a, b)) }, ...kept, { kind: "set", name: counter, value: plus(taken, int(1)) }],
    },
    ...results,
  ];
}
