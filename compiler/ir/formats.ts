/**
 * Floating-point formats of 16 bits and fewer, as IEEE 754, OCP's "8-bit Floating Point Specification" and "Microscaling
 * Formats" define them: where their bits stand, and how a number becomes one.
 */

/**
 * What the largest codes mean. ieee: infinities and NaN; nan: NaN is all ones, there are no infinities; unsigned zero: NaN stands where
 * -0 would; finite: numbers only; scale: powers of two without a sign or 0, all ones is NaN.
 */
export type Special = "ieee" | "nan" | "unsigned zero" | "finite" | "scale";
/** The sign, `exponent` bits with this bias, and `mantissa` bits, from the highest to the lowest. */
export interface Format { readonly exponent: number; readonly mantissa: number; readonly bias: number; readonly special: Special }
/** Each format by the name of its element type. */
export const formats = {
  f16: { exponent: 5, mantissa: 10, bias: 15, special: "ieee" },
  bf16: { exponent: 8, mantissa: 7, bias: 127, special: "ieee" },
  f8e4m3fn: { exponent: 4, mantissa: 3, bias: 7, special: "nan" },
  f8e4m3fnuz: { exponent: 4, mantissa: 3, bias: 8, special: "unsigned zero" },
  f8e5m2: { exponent: 5, mantissa: 2, bias: 15, special: "ieee" },
  f8e5m2fnuz: { exponent: 5, mantissa: 2, bias: 16, special: "unsigned zero" },
  f8e8m0: { exponent: 8, mantissa: 0, bias: 127, special: "scale" },
  f4e2m1: { exponent: 2, mantissa: 1, bias: 1, special: "finite" },
} as const satisfies Record<string, Format>;
/** The element types that are stored in one of these formats and computed with as f32. */
export type SmallFloat = keyof typeof formats;
/** Whether an element type is one of them. */
export const isSmallFloat = (t: string): t is SmallFloat => Object.hasOwn(formats, t);

const view = new DataView(new ArrayBuffer(8));
/** x * 2^n of a number whose product is no smaller than a double can be. */
const scaled = (x: number, n: number): number => x * 2 ** n;
/** The code above which nothing is finite, without the sign. */
function lastFinite({ exponent, mantissa, special }: Format): number {
  const all = 2 ** (exponent + mantissa) - 1;
  return special === "ieee" ? all - 2 ** mantissa : special === "nan" || special === "scale" ? all - 1 : all;
}
/** The number that a code stands for; NaN without its payload. */
export function decode(t: SmallFloat, code: number): number {
  const f: Format = formats[t], { exponent, mantissa, bias, special } = f, sign = special === "scale" ? 0 : 2 ** (exponent + mantissa), low = code % (sign || 256);
  if (special === "scale") return low > lastFinite(f) ? Number.NaN : 2 ** (low - bias);
  const isNegative = code >= sign;
  if (special === "unsigned zero" && isNegative && low === 0) return Number.NaN;
  if (low > lastFinite(f)) return special === "ieee" && low === lastFinite(f) + 1 ? (isNegative ? -Infinity : Infinity) : Number.NaN;
  const e = Math.floor(low / 2 ** mantissa), digits = low % 2 ** mantissa;
  const size = e === 0 ? scaled(digits, 1 - bias - mantissa) : scaled(1 + digits / 2 ** mantissa, e - bias);
  return isNegative ? -size : size;
}
/** The largest finite number of a format. */
export const largest = (t: SmallFloat): number => decode(t, lastFinite(formats[t]));
/** The smallest and largest value of a format. */
export const extremes = (t: SmallFloat): readonly [low: number, high: number] => {
  const { special }: Format = formats[t];
  return special === "ieee" ? [-Infinity, Infinity] : [special === "scale" ? decode(t, 0) : -largest(t), largest(t)];
};
/**
 * The code of the number nearest to `x`, of two equally near ones the even one. What is too large becomes infinite, or NaN where there is no
 * infinity, or the largest number where there is no NaN either; NaN is -0 there. A scale rounds a middle up, and what is negative is NaN.
 */
export function encode(t: SmallFloat, x: number): number {
  const f: Format = formats[t], { exponent, mantissa, bias, special } = f, sign = 2 ** (exponent + mantissa), last = lastFinite(f);
  if (special === "scale") return Number.isNaN(x) || x < 0 || x === Infinity ? last + 1 : Math.max(0, x < 2 ** -127 ? 0 : scaleOf(x) + bias);
  const isNegative = x < 0 || Object.is(x, -0), a = Math.abs(x);
  const none = { ieee: last + 1 + 2 ** (mantissa - 1), nan: last + 1, "unsigned zero": sign, finite: sign }[special];
  if (Number.isNaN(x)) return none;
  const e = Math.max(exponentOf(a), 1 - bias), digits = roundedEven(scaled(a, mantissa - e)), code = a === Infinity ? last + 1 : digits + (e + bias - 1) * 2 ** mantissa;
  if (code > last && special === "unsigned zero") return sign;
  const kept = code > last ? (special === "finite" ? last : last + 1) : code;
  return isNegative && !(kept === 0 && special === "unsigned zero") ? kept + sign : kept;
}
/** The power of two at or below a positive number. */
function exponentOf(a: number): number {
  view.setFloat64(0, a);
  return a === 0 ? -1074 : ((view.getUint16(0) >> 4) & 0x7ff) - 1023;
}
const scaleOf = (x: number): number => { const e = exponentOf(x); return x >= 1.5 * 2 ** e ? e + 1 : e; };
function roundedEven(x: number): number {
  const low = Math.floor(x), rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
/** The number of the format that is nearest to `x`; see `encode`. */
export const roundTo = (t: SmallFloat, x: number): number => decode(t, encode(t, x));

const decoded = new Map<SmallFloat, Float32Array>();
/** The numbers of all codes of a format, by code. */
export function codebook(t: SmallFloat): Float32Array {
  let all = decoded.get(t);
  const { exponent, mantissa, special } = formats[t];
  if (!all) decoded.set(t, (all = Float32Array.from({ length: 2 ** (exponent + mantissa + (special === "scale" ? 0 : 1)) }, (_, code) => decode(t, code))));
  return all;
}
