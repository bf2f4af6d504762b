/** Activation functions and other formulas of one value, as expressions. Each works in the type of its argument. */
import { mul, add, sub, div, less, make, select, not } from "../ir/algebra.ts";
import type { Expr } from "../ir/scalar.ts";
import { types, type Num } from "../ir/types.ts";
import { like } from "./helpers.ts";

/** e^x. */
export const exp = (x: Expr): Expr => make("exp", x);
/** The natural logarithm. */
export const log = (x: Expr): Expr => make("log", x);
/** |x|. */
export const abs = (x: Expr): Expr => make("abs", x);
/** The hyperbolic tangent. */
export const tanh = (x: Expr): Expr => make("tanh", x);
/** The error function. */
export const erf = (x: Expr): Expr => make("erf", x);
/** -x. */
export const neg = (x: Expr): Expr => make("neg", x);
/** The square root; NaN of negative values. */
export const sqrt = (x: Expr): Expr => make("sqrt", x);
/** The greater one; `a` where either is NaN. */
export const max = (a: Expr, b: Expr): Expr => make("max", a, b);
/** The lesser one; `a` where either is NaN. */
export const min = (a: Expr, b: Expr): Expr => make("min", a, b);
/** low <= result <= high, and NaN for NaN. */
export const clampTo = (x: Expr, low: Num, high: Num): Expr => min(max(x, like(x, low)), like(x, high));

/** max(x, 0). */
export const relu = (x: Expr): Expr => max(x, like(x, 0));
/** 1 / (1 + e^-x). */
export const sigmoid = (x: Expr): Expr => div(like(x, 1), add(like(x, 1), exp(neg(x))));
/** log(1 + e^x), written so that e^x does not overflow. */
export const softplus = (x: Expr): Expr => add(relu(x), log(add(like(x, 1), exp(neg(abs(x))))));
/** x tanh(softplus(x)). */
export const mish = (x: Expr): Expr => mul(x, tanh(softplus(x)));
/** x sigmoid(alpha x). */
export const swish = (x: Expr, alpha = 1): Expr => div(x, add(like(x, 1), exp(neg(mul(x, like(x, alpha))))));
/** x / (1 + |x|). */
export const softsign = (x: Expr): Expr => div(x, add(like(x, 1), abs(x)));
/** alpha x + beta, kept between 0 and 1. */
export const hardSigmoid = (x: Expr, alpha = 0.2, beta = 0.5): Expr => clampTo(add(mul(x, like(x, alpha)), like(x, beta)), 0, 1);
/** x hardSigmoid(x, 1/6, 1/2). */
export const hardSwish = (x: Expr): Expr => mul(x, hardSigmoid(x, 1 / 6, 0.5));
/** x, and `slope` times x below 0. */
export const leakyRelu = (x: Expr, slope: Expr): Expr => select(less(x, like(x, 0)), mul(x, slope), x);
/** x, and alpha (e^x - 1) below 0. */
export const elu = (x: Expr, alpha = 1): Expr => select(less(x, like(x, 0)), mul(sub(exp(x), like(x, 1)), like(x, alpha)), x);
/** gamma elu(x, alpha). */
export const selu = (x: Expr, alpha: number, gamma: number): Expr => mul(elu(x, alpha), like(x, gamma));
/** x, and alpha (e^(x / alpha) - 1) below 0. */
export const celu = (x: Expr, alpha: number): Expr =>
  select(less(x, like(x, 0)), mul(sub(exp(div(x, like(x, alpha))), like(x, 1)), like(x, alpha)), x);
/** x above alpha, else 0. */
export const thresholdedRelu = (x: Expr, alpha = 1): Expr => select(less(like(x, alpha), x), x, like(x, 0));
/** x + bias below -lambda, x - bias above lambda, 0 between. */
export const shrink = (x: Expr, bias: number, lambda: number): Expr =>
  select(less(x, like(x, -lambda)), add(x, like(x, bias)), select(less(like(x, lambda), x), sub(x, like(x, bias)), like(x, 0)));
/** x (1 + erf(x / sqrt 2)) / 2. */
export const gelu = (x: Expr): Expr => mul(mul(x, like(x, 0.5)), add(like(x, 1), erf(mul(x, like(x, Math.SQRT1_2)))));
/** Hendrycks and Gimpel's approximation by tanh. */
export const geluTanh = (x: Expr): Expr => {
  const inner = mul(like(x, Math.sqrt(2 / Math.PI)), add(x, mul(like(x, 0.044715), mul(mul(x, x), x))));
  return mul(mul(x, like(x, 0.5)), add(like(x, 1), tanh(inner)));
};
/** Whether x is no number. */
export const isNaN = (x: Expr): Expr => not(make("equal", x, x));
/** -1, 0 or 1; a float that is 0 or NaN stays as it is. */
export const sign = (x: Expr): Expr => {
  const positive = less(like(x, 0), x);
  if (types[x.dtype].kind === "uint") return select(positive, like(x, 1), like(x, 0));
  return select(positive, like(x, 1), select(less(x, like(x, 0)), like(x, -1), x));
};
/** The remainder with the sign of the divisor; of integers. */
export const modulo = (a: Expr, b: Expr): Expr => {
  const rest = make("fmod", a, b);
  if (types[a.dtype].kind === "uint") return rest;
  const zero = like(a, 0), other = make("xor", less(rest, zero), less(b, zero));
  return select(make("and", not(make("equal", rest, zero)), other), add(rest, b), rest);
};
/** x * x ... for a small whole exponent; null for others. */
export function wholePower(x: Expr, exponent: number): Expr | null {
  if (!Number.isInteger(exponent) || exponent < 1 || exponent > 4) return null;
  if (exponent === 1) return x;
  const half = wholePower(x, exponent >> 1)!;
  return exponent % 2 === 0 ? mul(half, half) : mul(mul(half, half), x);
}
