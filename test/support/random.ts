/** Random numbers that a seed repeats, and random expressions made with them. */
import { apply, cast, constant, load, variable, type Expr, type ScalarOp } from "../../compiler/ir/scalar.ts";
import { signatures } from "../../compiler/ir/typing.ts";
import { limits, types, type DType, type Num } from "../../compiler/ir/types.ts";

/** Uniform in 0..1, by a multiplicative generator (Park and Miller). */
export function generator(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}
export type Random = () => number;
export const below = (random: Random, n: number): number => Math.min(n - 1, Math.floor(random() * n));
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!;

const awkwardFloats = [0, -0, 1, -1, 0.5, -1.5, NaN, Infinity, -Infinity, 1e-45, 3.4e38, 2 ** 24];
/** A value of a type, often an awkward one: limits, NaN, infinities, both zeros. */
export function valueOf(random: Random, t: DType): Num {
  const { wrap, kind } = types[t];
  if (kind === "float") return wrap(random() < 0.3 ? pick(random, awkwardFloats) : random() * 40 - 20);
  return random() < 0.3 ? pick(random, [...limits(t), wrap(0), wrap(1), wrap(-1)]) : wrap(Math.floor(random() * 200 - 100));
}
const operators = Object.keys(signatures) as ScalarOp[];
/** Operators whose every argument has the type of the result. */
const uniform = operators.filter((op) => !signatures[op].args && op !== "less" && op !== "lessEqual" && op !== "equal");
const elements: readonly DType[] = ["f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool"];

/**
 * An expression of a type over loads from buffers named like their types, at `at`. `math` lets in functions whose last
 * bits differ between libraries.
 */
export function expression(random: Random, dtype: DType, depth: number, at: Expr, math = true): Expr {
  const sub = (t: DType) => expression(random, t, depth - 1, at, math), { kind, bytes } = types[dtype];
  if (depth === 0 || random() < 0.1) return random() < 0.3 ? constant(dtype, valueOf(random, dtype)) : load(dtype, dtype, [at]);
  const dice = random();
  if (dice < 0.15) {
    // From floats, only values that the type holds are the same everywhere.
    const from = pick(random, elements.filter((t) => t !== dtype && (kind === "float" || kind === "bool" || types[t].kind !== "float")));
    return cast(dtype, sub(from));
  }
  if (dice < 0.25) return apply("select", sub("bool"), sub(dtype), sub(dtype));
  if (dtype === "bool" && dice < 0.6) {
    const t = pick(random, elements), op = pick(random, (["less", "lessEqual", "equal"] as const).filter((o) => signatures[o].kinds.includes(types[t].kind)));
    return op ? apply(op, sub(t), sub(t)) : load("bool", "bool", [at]);
  }
  if (dtype === "f32" && dice < 0.3) return apply("bits", sub("i32"));
  if (dtype === "i32" && dice < 0.3) return apply("toBits", sub("f32"));
  const exact = ["add", "sub", "mul", "div", "fmod", "min", "max", "neg", "abs", "sqrt", "floor", "ceil", "trunc", "round"];
  const op = pick(random, uniform.filter((o) => signatures[o].kinds.includes(kind) && (math || kind !== "float" || exact.includes(o))));
  if (op === "shl" || op === "shr") return apply(op, sub(dtype), constant(dtype, below(random, bytes * 8)));
  return apply(op, ...Array.from({ length: signatures[op].arity }, () => sub(dtype)));
}
/** An index expression over variables `v0`.. of these ranges, non-negative where it is divided. */
export function indexExpression(random: Random, ranges: readonly (readonly [number, number])[], depth: number, make: (op: ScalarOp, ...args: Expr[]) => Expr): Expr {
  const sub = () => indexExpression(random, ranges, depth - 1, make), whole = (n: number) => constant("index", n);
  if (depth === 0) {
    const i = below(random, ranges.length);
    return random() < 0.2 ? whole(below(random, 9) - 3) : variable("index", `v${i}`, 1, ranges[i]!);
  }
  const positive = () => make("max", sub(), whole(0)), divisor = () => whole(1 + below(random, 6));
  switch (below(random, 8)) {
    case 0: case 1: return make("add", sub(), sub());
    case 2: return make("sub", sub(), sub());
    case 3: return make("mul", sub(), whole(below(random, 9) - 2));
    case 4: return make("quo", positive(), divisor());
    case 5: return make("rem", positive(), divisor());
    case 6: return make("min", sub(), sub());
    default: { const n = divisor(), x = positive(); return make("add", make("mul", make("quo", x, n), n), make("rem", x, n)); }
  }
}
