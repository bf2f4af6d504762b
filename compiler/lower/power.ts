/** x^y of f32, as in C. */
import { constant, type Expr } from "../ir/scalar.ts";
import { add, convert, div, f32, less, make, mul, select, sub } from "../ir/algebra.ts";
import { bitsOf, horner, magnitude, nearest, parts, scaled, truncOf, type Has } from "./vector-math.ts";

/**
 * Error at most 0.8 ulp where the language has doubles, else 2 ulp. Results below 2^-126 may round twice, or are 0 where
 * the device has no such numbers.
 */
export function powOf(has: Has, x: Expr, y: Expr): Expr {
  const one = f32(1), zero = f32(0), a = magnitude(x);
  const finite = has("mul", "f64") ? byDoubles(has, a, y) : byHalves(has, a, y);
  const grows = make("equal", less(one, a), less(zero, y)), ends = (v: Expr) => make("equal", magnitude(v), f32(Infinity));
  const extreme = make("or", make("or", ends(x), make("equal", a, zero)), ends(y));
  const size = select(make("equal", a, one), one, select(extreme, select(grows, f32(Infinity), zero), finite));
  const whole = (v: Expr) => (has("trunc") ? make("trunc", v) : truncOf(has, v));
  const isWhole = (v: Expr) => make("equal", whole(v), v), negative = less(bitsOf(x), constant("i32", 0));
  const signed = select(make("and", negative, make("not", isWhole(mul(y, f32(0.5))))), make("neg", size), size);
  const root = select(make("and", negative, make("and", make("not", isWhole(y)), make("not", extreme))), f32(NaN), select(isWhole(y), signed, size));
  const unknown = make("or", make("not", make("equal", x, x)), make("not", make("equal", y, y)));
  return select(make("or", make("equal", y, zero), make("equal", x, one)), one, select(unknown, f32(NaN), root));
}
const clipped = (x: Expr): Expr => make("max", make("min", x, f32(200)), f32(-200));
/**
 * 2^(y log2 a). log(m) = 2 atanh(s) with s = (m - 1) / (m + 1); both series are the plain Taylor series, cut off where
 * their error is below 2^-37.
 */
function byDoubles(has: Has, a: Expr, y: Expr): Expr {
  const f64 = (c: number) => constant("f64", c), double = (v: Expr) => convert("f64", v);
  const { m, e } = parts(a), s = div(sub(double(m), f64(1)), add(double(m), f64(1)));
  const odd = [15, 13, 11, 9, 7, 5, 3, 1].map((k) => 2 / Math.LN2 / k);
  const log = add(double(e), mul(s, horner(mul(s, s), odd, f64)));
  const exponent = clipped(convert("f32", mul(double(y), log))), n = nearest(exponent, has);
  const r = mul(sub(make("max", make("min", mul(double(y), log), f64(200)), f64(-200)), double(n)), f64(Math.LN2));
  const factorials = [3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1].map((k) => 1 / k);
  return scaled(convert("f32", horner(r, factorials, f64)), convert("i32", n));
}
/** The upper half of a float's digits: products of two such are exact, and no compiler sees through it. */
const upper = (x: Expr): Expr => make("bits", make("and", bitsOf(x), constant("i32", -4096)));
/**
 * The same without doubles: s, the logarithm and y are each a float of 12 digits and a rest, so that what is large is
 * exact, and what is rounded is small (Dekker's products without his additions, which compilers may undo).
 */
function byHalves(has: Has, a: Expr, y: Expr): Expr {
  const { m, e } = parts(a), f = sub(m, f32(1)), d = add(f, f32(2)), dh = upper(d), dl = add(sub(f32(2), dh), f), power = convert("f32", e);
  const sh = upper(div(f, d)), sl = div(sub(sub(f, mul(sh, dh)), mul(sh, dl)), d), s = add(sh, sl), z = mul(s, s);
  const t = mul(mul(z, s), horner(z, [0.12134157866239548, 0.14249584078788757, 0.20000484585762024, 0.3333333134651184]));
  // 2 / ln 2 in two parts.
  const rest = add(mul(f32(2.8853900817779268 - 2.884765625), sh), mul(f32(2.8853900817779268), add(sl, t))), main = mul(f32(2.884765625), sh);
  const lh = upper(add(power, add(main, rest))), ll = add(add(sub(power, lh), main), rest), yh = upper(y), yl = sub(y, yh);
  const whole = mul(y, add(lh, ll)), bounded = clipped(whole), n = nearest(bounded, has);
  const r = add(sub(mul(yh, lh), n), add(mul(yh, ll), mul(yl, add(lh, ll)))), small = select(make("equal", whole, bounded), r, f32(0));
  const p = horner(small, [
    1.4427530913962983e-5, 1.545188424643129e-4, 0.0013337560230866075, 0.00961808767169714, 0.055504053831100464, 0.24022650718688965, 0.6931471824645996,
  ]);
  return scaled(add(mul(p, small), f32(1)), convert("i32", n));
}
