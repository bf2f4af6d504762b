/** Functions that JavaScript's operators and Math lack. Floats are computed in double precision. */
import type { Num } from "./types.ts";

const isExact = (x: number) => Number.isInteger(x) && Math.abs(x) <= Number.MAX_SAFE_INTEGER;
/** Products of whole numbers are exact, so that they wrap around rightly; a float rounds the same from either form. */
export function multiply(a: Num, b: Num): Num {
  if (typeof a === "bigint") return a * (b as bigint);
  const product = a * (b as number);
  return Math.abs(product) > Number.MAX_SAFE_INTEGER && isExact(a) && isExact(b as number) ? BigInt(a) * BigInt(b) : product;
}
/** As in C: 1 to any power is 1. A 64-bit integer is right modulo 2^64; a negative power of an integer rounds towards zero. */
export function power(a: Num, b: Num): Num {
  if (typeof a === "bigint") {
    if ((b as bigint) < 0n) return a === 1n ? 1n : a === -1n ? (BigInt(b) % 2n === 0n ? 1n : -1n) : 0n;
    let result = 1n;
    for (let base = a, n = b as bigint; n > 0n; n >>= 1n, base = BigInt.asUintN(64, base * base)) {
      if (n & 1n) result = BigInt.asUintN(64, result * base);
    }
    return result;
  }
  if (a === 1 || (a === -1 && Math.abs(b as number) === Infinity)) return 1;
  const result = Math.pow(a, b as number);
  const big = Number.isFinite(result) && Math.abs(result) > Number.MAX_SAFE_INTEGER;
  return big && isExact(a) && isExact(b as number) ? BigInt(a) ** BigInt(b) : result;
}

/** To the nearest whole number, halves to the even one; the sign stays, also of zero. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x), rest = x - low;
  if (rest !== 0.5) return Object.is(x, -0) || (x < 0 && x >= -0.5) ? -0 : Math.round(x);
  return low % 2 === 0 ? (low === 0 && x < 0 ? -0 : low) : low + 1 || (x < 0 ? -0 : 0);
}

/**
 * The error function: its Taylor series up to 3, then the continued fraction of erfc (Abramowitz and Stegun 7.1.5, 7.1.14).
 * Error below 1e-15.
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 3) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = a;
  for (let n = 60; n > 0; n--) fraction = a + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (fraction * Math.sqrt(Math.PI)));
}
