/**
 * Functions of f32 in terms of arithmetic, comparisons and bits, for languages whose libraries know scalars only, or
 * promise less. What such a language has by itself (`Has`) is used. Errors are the largest seen over all floats or many
 * millions, against double precision, in units of the last place (ulp). NaN gives NaN. All coefficients are minimax fits of our own, by reweighted least squares, rounded to f32.
 */
import { constant, type Expr, type ScalarOp } from "../ir/scalar.ts";
import { add, convert, div, f32, less, make, mul, select, sub } from "../ir/algebra.ts";
import type { DType } from "../ir/types.ts";

/** Whether the language spells this operator of f32, or of another type, at the width in question. */
export type Has = (op: ScalarOp, dtype?: DType) => boolean;
const i32 = (x: number): Expr => constant("i32", x);
/** A polynomial, the highest coefficient first. */
export const horner = (x: Expr, coefficients: readonly number[], of: (c: number) => Expr = f32): Expr =>
  coefficients.map(of).reduce((sum, c) => add(mul(sum, x), c));
/** The bits of an f32, as i32. */
export const bitsOf = (x: Expr): Expr => make("toBits", x);
/** The sign bit alone. */
export const signOf = (x: Expr): Expr => make("and", bitsOf(x), i32(-(2 ** 31)));
/** |x|. */
export const magnitude = (x: Expr): Expr => make("bits", make("and", bitsOf(x), i32(2 ** 31 - 1)));
/** A float that is not negative, with a sign bit. */
export const withSign = (x: Expr, sign: Expr): Expr => make("bits", make("or", bitsOf(x), sign));
/** 2^k for whole k in -126..127. */
const power2 = (k: Expr): Expr => make("bits", make("shl", make("add", k, i32(127)), i32(23)));
/** x * 2^n for n in -252..254, in two steps because 2^128 is no float. */
export function scaled(x: Expr, n: Expr): Expr {
  const half = make("shr", n, i32(1));
  return mul(mul(x, power2(half)), power2(make("sub", n, half)));
}
/** Rounds to a whole number, |x| < 2^22, as an addition that leaves no room for a fraction does: a compiler that reorders sums would spoil it. */
export const nearest = (x: Expr, has: Has): Expr => (has("round") ? make("round", x) : sub(add(x, f32(12582912)), f32(12582912)));

/**
 * A whole number near y, |y| < 2^21, and 2^(n + bias) for -127 < n + bias < 128; 0 where n + bias is -127. The number lies in the low bits of
 * the sum that rounds it, where the exponent of a float can be had by one shift.
 */
function rounded(y: Expr, bias: number, has: Has): { readonly n: Expr; readonly power: Expr } {
  if (has("round")) {
    const n = make("round", y);
    return { n, power: make("bits", make("shl", make("add", convert("i32", n), i32(bias + 127)), i32(23))) };
  }
  const shift = f32(12582912 + 127 + bias), sum = add(y, shift);
  return { n: sub(sum, shift), power: make("bits", make("shl", bitsOf(sum), i32(23))) };
}
/** e^x for -86.9 <= x <= 88.73; results beyond the greatest float are infinite. ln2 stands in two parts (Cody and Waite), 2 e^r in place of e^r so that 2^n never overflows. */
function expWritten(x: Expr, has: Has): Expr {
  const { n, power } = rounded(mul(x, f32(1.44269504)), -1, has), r = sub(sub(x, mul(n, f32(0.693359375))), mul(n, f32(-2.1219444e-4)));
  return mul(horner(r, [0.0027627761010080576, 0.016738126054406166, 0.08333684504032135, 0.333330363035202, 0.9999998807907104, 2, 2]), power);
}
/** e^x, error at most 1.2 ulp. Overflow gives infinity; results below 2^-125.5 give 0. */
export const expOf = (has: Has, x: Expr): Expr => expWritten(make("min", make("max", x, f32(-87.33)), f32(88.73)), has);
/** The same for -86.9 <= x <= 88. */
export const expInside = (x: Expr, has: Has): Expr => (has("exp") ? make("exp", x) : expWritten(x, has));
const exp2Terms = [0.0013264043955132365, 0.009672045707702637, 0.05550740286707878, 0.24022233486175537, 0.6931469440460205, 1];
/** 2^x for x <= 127, error at most 2 ulp; below -126.5 it is 0, so that what it is multiplied with does not show. */
function exp2Inside(x: Expr, has: Has): Expr {
  if (has("exp")) return make("exp", mul(x, f32(Math.LN2)));
  const y = make("max", x, f32(-127)), { n, power } = rounded(y, 0, has);
  return mul(horner(sub(y, n), exp2Terms), power);
}

/**
 * 1 + e^x: error at most 2 ulp and 8e-8 |x| of it; infinity from 88.38 on. Powers of 2 take half the multiplications of powers of e, and what
 * x / ln2 loses by rounding is lost beside 1 where x is below 0.
 */
export function onePlusExpOf(has: Has, x: Expr): Expr {
  if (has("exp")) return add(make("exp", x), f32(1));
  const y = make("max", make("min", mul(x, f32(1.44269504)), f32(128)), f32(-127)), { n, power } = rounded(y, 0, has);
  return add(mul(horner(sub(y, n), exp2Terms), power), f32(1));
}

/** A positive float as m * 2^e with sqrt(1/2) <= m < sqrt(2), e as i32; floats below 2^-126 included. */
export function parts(x: Expr): { readonly m: Expr; readonly e: Expr } {
  const tiny = less(x, f32(2 ** -126)), normal = select(tiny, mul(x, f32(2 ** 23)), x), b = bitsOf(normal);
  const e = make("shr", make("sub", b, i32(0x3f3504f3)), i32(23));
  return { m: make("bits", make("sub", b, make("shl", e, i32(23)))), e: make("sub", e, select(tiny, i32(23), i32(0))) };
}
/** Natural logarithm, error at most 0.8 ulp: log(1 + f) + e ln2, where 1 + f is near 1. Of 0: -infinity; below 0: NaN. */
export function logOf(_has: Has, x: Expr): Expr {
  const { m, e } = parts(x), f = sub(m, f32(1)), z = mul(f, f), n = convert("f32", e);
  const p = horner(f, [
    6.746617e-2, -0.11675624, 0.11888161, -0.12405596, 0.14219554, -0.16667995, 0.20002119, -0.2500001, 0.33333313,
  ]);
  const rest = sub(add(mul(mul(p, f), z), mul(n, f32(-2.1219444e-4))), mul(f32(0.5), z));
  const value = add(add(f, rest), mul(n, f32(0.693359375)));
  const special = select(make("equal", x, f32(0)), f32(-Infinity), f32(NaN));
  return select(less(f32(0), x), select(less(x, f32(Infinity)), value, x), special);
}

/**
 * Hyperbolic tangent, error at most 2.6 ulp: h / (h + 1) for h = (e^2x - 1) / 2, which loses no digits near 0, so that there is one way for
 * all x. With 2x = n ln2 + 2s it is h = 2^n (s + s^2 P(s)) + (2^n - 1) / 2.
 */
export function tanhOf(has: Has, x: Expr): Expr {
  const y = make("min", make("max", x, f32(-9.02)), f32(9.02)), { n, power } = rounded(mul(y, f32(2 * 1.44269504)), 0, has);
  const s = sub(sub(y, mul(n, f32(0.693359375 / 2))), mul(n, f32(-2.1219444e-4 / 2)));
  const near = add(mul(mul(s, s), horner(s, [0.04437874257564545, 0.13386601209640503, 0.33333972096443176, 0.6666617393493652, 0.9999999403953552])), s);
  const h = add(mul(power, near), sub(mul(power, f32(0.5)), f32(0.5)));
  return div(h, add(h, f32(1)));
}
/** 1 + tanh(x), error at most 3 ulp and 1.6e-7 |x| of it. */
export const onePlusTanhOf = (has: Has, x: Expr): Expr => {
  const y = mul(x, f32(-2));
  return div(f32(2), onePlusExpOf(has, y));
};
/** 1 - erf(a) for a >= 0 as 2^P(a): error at most 1.2e-7, and 1e-5 of the result up to a = 2, 5e-3 up to 4. */
const erfRest = (a: Expr, has: Has): Expr => exp2Inside(horner(a, [
  -2.4487904738634825e-5, 2.8192909667268395e-4, -9.882239392027259e-4, -0.0015436147805303335, 0.02888179011642933, -0.148749440908432,
  -0.9183622598648071, -1.6279126405715942, 5.8710643457970946e-8,
]), has);
/** Error function, error at most 2 ulp: x + x P(x^2) near 0. */
export function erfOf(has: Has, x: Expr): Expr {
  const a = magnitude(x);
  const p = horner(mul(x, x), [
    8.185092883650213e-5, -8.097703102976084e-4, 0.005196952261030674, -0.026857705786824226, 0.11283663660287857, -0.37612631916999817, 0.12837916612625122,
  ]);
  return select(less(a, f32(0.95)), add(x, mul(x, p)), withSign(sub(f32(1), erfRest(a, has)), signOf(x)));
}
/** 1 + erf(x), of which only the part that is left of 1 matters: half the work of erf, and no digits are lost below 0. Error at most 2.4e-7. */
export function onePlusErfOf(has: Has, x: Expr): Expr {
  const rest = erfRest(magnitude(x), has);
  return select(less(x, f32(0)), rest, sub(f32(2), rest));
}

/** Beyond 2^23 every float is whole. */
const wholeOf = (x: Expr, f: (magnitude: Expr, sign: Expr) => Expr): Expr => {
  const a = magnitude(x);
  return select(less(a, f32(2 ** 23)), f(a, signOf(x)), x);
};
const roundMagnitude = (a: Expr): Expr => sub(add(a, f32(2 ** 23)), f32(2 ** 23));
/** To the nearest whole number, halves to the even one. Exact. */
export const roundOf = (_has: Has, x: Expr): Expr => wholeOf(x, (a, sign) => withSign(roundMagnitude(a), sign));
/** Towards zero. Exact. */
export const truncOf = (_has: Has, x: Expr): Expr => wholeOf(x, (a, sign) => {
  const r = roundMagnitude(a);
  return withSign(select(less(a, r), sub(r, f32(1)), r), sign);
});
/** Downwards. Exact. */
export const floorOf = (_has: Has, x: Expr): Expr => {
  const r = roundOf(_has, x);
  return select(less(x, r), sub(r, f32(1)), r);
};
/** Upwards; -0 for x in -1..-0, as in C. Exact. */
export const ceilOf = (_has: Has, x: Expr): Expr => {
  const r = roundOf(_has, x);
  return select(less(r, x), withSign(add(r, f32(1)), signOf(x)), r);
};
