/** Functions that JavaScript's Math lacks, in double precision. */

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
