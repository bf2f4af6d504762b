/**
 * Functions of angles and of hyperbolas of f32, for languages that lack them or promise too little. Errors as in
 * vector-math.ts: in units of the last place (ulp), where the language's exp, if it has one, is exact to 1 ulp. All
 * coefficients are minimax fits of our own, by reweighted least squares, rounded to f32 one after the other.
 */
import { constant, type Expr, type ScalarOp } from "../ir/scalar.ts";
import { add, convert, div, f32, less, make, mul, select, sub } from "../ir/algebra.ts";
import { bitsOf, expInside, horner, logOf, magnitude, nearest, signOf, withSign, type Has } from "./vector-math.ts";

/** x + x z P(z) with z = x^2. */
const odd = (x: Expr, z: Expr, coefficients: readonly number[]): Expr => add(x, mul(mul(x, z), horner(z, coefficients)));
const whole = (x: number): Expr => constant("i32", x);

const word = (x: number): Expr => constant("u32", x);
/** The bits of 2 / pi behind 32 zeros. */
const inversePi = [0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041];
/**
 * a = n pi/2 + r for 2^13 <= a, exact up to the rounding of r: only those bits of 2 / pi count that are multiplied into the
 * last two bits of n and into its fraction (Payne and Hanek).
 */
function farQuarters(a: Expr): { readonly r: Expr; readonly n: Expr } {
  const op = (name: ScalarOp, x: Expr, y: Expr | number): Expr => make(name, x, typeof y === "number" ? word(y) : y);
  const bits = convert("u32", bitsOf(a)), m = op("or", op("and", bits, 0x7fffff), 0x800000);
  const from = op("sub", op("shr", bits, 23), 120), by = op("and", from, 31), index = op("shr", from, 5);
  const wordAt = (i: number): Expr =>
    [3, 2, 1, 0].reduce((rest, k) => select(op("equal", index, k), word(inversePi[k + i]!), rest), word(inversePi[4 + i]!));
  const shifted = (i: number): Expr => op("or", op("shl", wordAt(i), by), op("shr", op("shr", wordAt(i + 1), 1), make("sub", word(31), by)));
  const halves = (x: Expr) => [op("and", x, 0xffff), op("shr", x, 16)] as const, high = shifted(0), [m0, m1] = halves(m), [l0, l1] = halves(shifted(1));
  const q = op("mul", m0, l1), carry = op("shr", op("add", op("add", op("shr", op("mul", m0, l0), 16), op("and", q, 0xffff)), op("mul", m1, l0)), 16);
  const top = op("add", op("mul", m, high), op("add", op("add", op("mul", m1, l1), op("shr", q, 16)), carry));
  const fraction = convert("f32", convert("i32", op("shl", top, 2)));
  return { r: mul(fraction, f32((Math.PI / 2) * 2 ** -32)), n: convert("i32", op("shr", op("add", top, 2 ** 29), 30)) };
}
/** Sine and cosine of x less the nearest multiple n of pi / 2, which stands in three parts where x is small (Cody and Waite). */
function quarters(has: Has, x: Expr): { readonly sine: Expr; readonly cosine: Expr; readonly n: Expr } {
  const a = magnitude(x), isFar = less(f32(2 ** 13), a), far = farQuarters(a), isNegative = less(x, f32(0));
  const signed = (v: Expr) => select(isNegative, make("neg", v), v);
  const near = nearest(mul(select(isFar, f32(0), x), f32(0.6366197723675814)), has), n = select(isFar, signed(far.n), convert("i32", near));
  const close = sub(sub(sub(x, mul(near, f32(1.5703125))), mul(near, f32(4.837512969970703e-4))), mul(near, f32(7.549789954891882e-8)));
  const r = select(isFar, select(less(a, f32(Infinity)), signed(far.r), f32(NaN)), close), z = mul(r, r);
  const even = horner(z, [2.4431425117654726e-5, -0.0013887304812669754, 0.04166664555668831]);
  return {
    sine: odd(r, z, [-1.950788137037307e-4, 0.008332106284797192, -0.16666653752326965]),
    cosine: add(sub(f32(1), mul(z, f32(0.5))), mul(mul(z, z), even)), n,
  };
}
const bit = (n: Expr, mask: number): Expr => make("not", make("equal", make("and", n, whole(mask)), whole(0)));
/** |error| at most 2^-23 for all x. NaN of infinities. */
export function sinOf(has: Has, x: Expr): Expr {
  const { sine, cosine, n } = quarters(has, x), value = select(bit(n, 1), cosine, sine);
  return select(bit(n, 2), make("neg", value), value);
}
/** As the sine. */
export function cosOf(has: Has, x: Expr): Expr {
  const { sine, cosine, n } = quarters(has, x), value = select(bit(n, 1), sine, cosine);
  return select(bit(make("add", n, whole(1)), 2), make("neg", value), value);
}
/** Relative error below 2^-21, but that near poles and zeros the angle is exact to 2^-25 only where |x| is above 2^13. */
export function tanOf(has: Has, x: Expr): Expr {
  const { sine, cosine, n } = quarters(has, x), isOdd = bit(n, 1);
  return div(select(isOdd, make("neg", cosine), sine), select(isOdd, sine, cosine));
}

const arc = [0.042158305644989014, 0.024184778332710266, 0.04546914994716644, 0.074953094124794, 0.16666752099990845];
/** For |x| > 1/2, by the half angle: asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)). */
function arcParts(x: Expr): { readonly a: Expr; readonly isSmall: Expr; readonly arc: Expr } {
  const a = magnitude(x), isSmall = less(a, f32(0.5)), half = mul(sub(f32(1), a), f32(0.5)), z = select(isSmall, mul(x, x), half);
  return { a, isSmall, arc: odd(select(isSmall, a, make("sqrt", half)), z, arc) };
}
/** Error at most 3 ulp. NaN beyond 1. */
export function asinOf(_has: Has, x: Expr): Expr {
  const { a, isSmall, arc: p } = arcParts(x), value = select(isSmall, p, sub(f32(Math.PI / 2), add(p, p)));
  return select(make("lessEqual", a, f32(1)), withSign(value, signOf(x)), f32(NaN));
}
/** Error at most 3 ulp. NaN beyond 1. */
export function acosOf(_has: Has, x: Expr): Expr {
  const { a, isSmall, arc: p } = arcParts(x), isNegative = less(x, f32(0)), twice = add(p, p);
  const near = select(isNegative, add(f32(Math.PI / 2), p), sub(f32(Math.PI / 2), p)), far = select(isNegative, sub(f32(Math.PI), twice), twice);
  return select(make("lessEqual", a, f32(1)), select(isSmall, near, far), f32(NaN));
}
/** Error at most 3 ulp; beyond 1, pi/2 less that of the inverse. */
export function atanOf(_has: Has, x: Expr): Expr {
  const a = magnitude(x), isFar = less(f32(1), a), t = select(isFar, div(f32(1), a), a);
  const p = odd(t, mul(t, t), [
    -0.0017875476041808724, 0.010887361131608486, -0.031127002090215683, 0.05790654569864273, -0.08400475233793259, 0.10951174795627594, -0.14264051616191864,
    0.1999853104352951, -0.33333298563957214,
  ]);
  return select(make("equal", x, x), withSign(select(isFar, sub(f32(Math.PI / 2), p), p), signOf(x)), x);
}

/** e^(|x|/2), which is finite wherever the function is. */
const halfway = (has: Has, a: Expr): Expr => expInside(make("min", mul(a, f32(0.5)), f32(64)), has);
/** Error at most 5 ulp. */
export function sinhOf(has: Has, x: Expr): Expr {
  const a = magnitude(x), h = halfway(has, a), big = sub(mul(mul(h, f32(0.5)), h), div(f32(0.5), mul(h, h)));
  const near = odd(x, mul(x, x), [2.7822131869470468e-6, 1.9842895562760532e-4, 0.00833331048488617, 0.1666666716337204]);
  return select(less(a, f32(1)), near, select(make("equal", x, x), withSign(big, signOf(x)), x));
}
/** Error at most 5 ulp. */
export function coshOf(has: Has, x: Expr): Expr {
  const h = halfway(has, magnitude(x));
  return select(make("equal", x, x), add(mul(mul(h, f32(0.5)), h), div(f32(0.5), mul(h, h))), x);
}
/** Of a number that is not negative: a series below 1/2, log(a + sqrt(a^2 + 1)) above, log 2a where the square would overflow. */
function arcSinh(has: Has, a: Expr): Expr {
  const isHuge = less(f32(2 ** 30), a), near = odd(a, mul(a, a), [
    0.009256630204617977, -0.02004958502948284, 0.030033569782972336, -0.04461609572172165, 0.07499907165765762, -0.1666666567325592,
  ]);
  const far = logOf(has, select(isHuge, a, add(a, make("sqrt", add(mul(a, a), f32(1))))));
  return select(less(a, f32(0.5)), near, add(far, select(isHuge, f32(Math.LN2), f32(0))));
}
/** Error at most 4 ulp. */
export const asinhOf = (has: Has, x: Expr): Expr => select(make("equal", x, x), withSign(arcSinh(has, magnitude(x)), signOf(x)), x);
/** asinh(sqrt(x^2 - 1)), the difference by factors. Error at most 4 ulp. NaN below 1. */
export function acoshOf(has: Has, x: Expr): Expr {
  const t = sub(x, f32(1)), isHuge = less(f32(2 ** 30), x), root = make("sqrt", mul(t, add(t, f32(2))));
  return select(make("lessEqual", f32(1), x), arcSinh(has, select(isHuge, x, root)), f32(NaN));
}
/** A series below 1/2, log((1 + a) / (1 - a)) / 2 above. Error at most 3 ulp. NaN beyond 1. */
export function atanhOf(has: Has, x: Expr): Expr {
  const a = magnitude(x), near = odd(a, mul(a, a), [
    0.17639920115470886, 0.05158964917063713, 0.11816761642694473, 0.14223745465278625, 0.2000245451927185, 0.33333301544189453,
  ]);
  const far = mul(f32(0.5), logOf(has, div(add(f32(1), a), sub(f32(1), a))));
  return select(make("lessEqual", a, f32(1)), withSign(select(less(a, f32(0.5)), near, far), signOf(x)), f32(NaN));
}
