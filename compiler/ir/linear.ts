/** Index arithmetic that keeps the normal form of polynomial.ts, and decides what ranges decide. */
import { apply, constant, type Expr, type Range } from "./scalar.ts";
import { combine, fromLinear, int, isFixed, linear, multiplied, numberOf, order, range, scale } from "./polynomial.ts";
import { carryFree, quotient, remainder } from "./division.ts";

export { fromLinear, highOfProducts, highOfShares, int, isFixed, linear, numberOf, range, type Linear } from "./polynomial.ts";

/** What a - b can be. */
const difference = (a: Expr, b: Expr): Range =>
  (a.kind === "const" || b.kind === "const" ? [range(a)[0] - range(b)[1], range(a)[1] - range(b)[0]] : range(indexOps.sub(a, b)));
/** Sizes have one form, whichever was named first. */
const symmetric = (op: "min" | "max", a: Expr, b: Expr): Expr => (isFixed(a) && isFixed(b) && order(a, b) > 0 ? apply(op, b, a) : apply(op, a, b));

/** Index operators, normalising. */
export const indexOps: Record<"add" | "sub" | "mul" | "quo" | "rem" | "min" | "max" | "less" | "lessEqual" | "equal" | "neg", (a: Expr, b: Expr) => Expr> = {
  add: (a, b) => fromLinear(combine(linear(a), linear(b), 1)),
  sub: (a, b) => fromLinear(combine(linear(a), linear(b), -1)),
  mul: (a, b) => fromLinear(b.kind === "const" ? scale(linear(a), numberOf(b)) : a.kind === "const" ? scale(linear(b), numberOf(a)) : multiplied(linear(a), linear(b))),
  quo: quotient,
  rem: remainder,
  min: (a, b) => { const [low, high] = difference(a, b); return high <= 0 ? a : low >= 0 ? b : symmetric("min", a, b); },
  max: (a, b) => { const [low, high] = difference(a, b); return low >= 0 ? a : high <= 0 ? b : symmetric("max", a, b); },
  less: (a, b) => {
    const [low, high] = range(indexOps.sub(a, b));
    if (high < 0 || low >= 0) return constant("bool", high < 0 ? 1 : 0);
    // g * high + low < g * limit exactly when high < limit: a whole vector is inside or outside.
    const split = b.kind === "const" && b.value > 0 ? carryFree(a, numberOf(b)) : null;
    return split ? indexOps.less(split.high, int(numberOf(b) / split.g)) : apply("less", a, b);
  },
  lessEqual: (a, b) => indexOps.less(a, indexOps.add(b, int(1))),
  equal: (a, b) => {
    const [low, high] = range(indexOps.sub(a, b));
    if (low > 0 || high < 0) return constant("bool", 0);
    return low === 0 && high === 0 ? constant("bool", 1) : apply("equal", a, b);
  },
  neg: (a) => fromLinear(scale(linear(a), -1)),
};
/** Remembers results by the ids of both operands. */
function remembered(f: (a: Expr, b: Expr) => Expr): (a: Expr, b: Expr) => Expr {
  const known = new Map<number, Expr>();
  return (a, b) => {
    if (a.id >= idLimit || b.id >= idLimit) return f(a, b);
    const key = a.id * idLimit + b.id;
    let e = known.get(key);
    if (!e) known.set(key, (e = f(a, b)));
    return e;
  };
}
/** Two ids below this make one exact number. */
export const idLimit = 2 ** 26;
/** Sum and difference of two indices, in normal form. */
export const plus = remembered(indexOps.add), minus = remembered(indexOps.sub);
const product = remembered(indexOps.mul);
/** A multiple of an index, in normal form. */
export const times = (a: Expr, c: number): Expr => product(a, int(c));
