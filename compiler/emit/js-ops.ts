/** The spelling of scalar operators in JavaScript, exact for each element type: f32 rounds after each step, integers wrap around. */
import { formats, type SmallFloat } from "../ir/formats.ts";
import { fail, type ScalarOp } from "../ir/scalar.ts";
import type { textMeanings } from "../ir/text.ts";
import { isBig, isFloat, types, type DType, type Num } from "../ir/types.ts";

/** A value of the type from the result of JavaScript's arithmetic on values of the type. */
export const narrow: Readonly<Record<DType, (x: string) => string>> = {
  f32: (x) => `Math.fround(${x})`, f64: (x) => `(${x})`, index: (x) => `(${x})`, bool: (x) => `(${x})`,
  i8: (x) => `((${x}) << 24 >> 24)`, i16: (x) => `((${x}) << 16 >> 16)`, i32: (x) => `((${x}) | 0)`,
  u8: (x) => `((${x}) & 255)`, u16: (x) => `((${x}) & 65535)`, u32: (x) => `((${x}) >>> 0)`,
  string: (x) => `(${x})`, chars: (x) => `(${x})`,
  i64: (x) => `BigInt.asIntN(64, ${x})`, u64: (x) => `BigInt.asUintN(64, ${x})`,
  i4: (x) => `((${x}) << 28 >> 28)`, u4: (x) => `((${x}) & 15)`, i2: (x) => `((${x}) << 30 >> 30)`, u2: (x) => `((${x}) & 3)`,
  ...(Object.fromEntries(Object.keys(formats).map((t) => [t, (x: string) => `wrap.${t}(${x})`])) as Record<SmallFloat, (x: string) => string>),
};
/** A constant; -0, NaN and infinities stay what they are. */
export function literal(dtype: DType, x: Num): string {
  if (isBig(dtype)) return x < 0 ? `(${x}n)` : `${x}n`;
  return Object.is(x, -0) ? "(-0)" : x < 0 ? `(${x})` : `${x}`;
}

/** Functions that the text may call; what they need of the compiler comes in by these names. */
export const helpers = [
  "const least = (a, b) => b < a ? b : a, most = (a, b) => a < b ? b : a, big = (x) => BigInt(Number.isFinite(x) ? Math.trunc(x) : 0);",
  "const bigQuotient = (a, b) => b === 0n ? 0n : a / b, bigRest = (a, b) => b === 0n ? 0n : a % b;",
  "const word = new Int32Array(1), real = new Float32Array(word.buffer);",
  "const words = new BigInt64Array(1), double = new Float64Array(words.buffer), bitsToDouble = (x) => (words[0] = x, double[0]), doubleToBits = (x) => (double[0] = x, words[0]);",
  "const dotBytes = (s, a, b) => { for (let up = 0; up < 32; up += 8) s = (s + (a << up >>> 24) * (b << up >> 24)) | 0; return s; };",
  "const bitsToFloat = (x) => (word[0] = x, real[0]), floatToBits = (x) => (real[0] = x, word[0]);",
].join("\n");

type Form = (t: DType, a: string, b: string, c: string, d: string) => string;
const text = (name: keyof typeof textMeanings): Form => (_, ...args) => `text.${name}(${args.filter((x) => x !== undefined).join(", ")})${name === "matches" ? " === 1" : ""}`;
const big = (t: DType) => isBig(t);
const arithmetic = (sign: string): Form => (t, a, b) => narrow[t](`${a} ${sign} ${b}`);
const math = (name: string): Form => (t, a) => narrow[t](`${name}(${a})`);
const test = (sign: string): Form => (_, a, b) => `(${a} ${sign} ${b})`;
const bitwise = (sign: string): Form => (t, a, b) =>
  (t !== "bool" ? narrow[t](`${a} ${sign} ${b}`) : sign === "^" ? `(!${a} !== !${b})` : `(${a} ${sign}${sign} ${b})`);
/** `t` is the type of the arguments; of a select, of the result. Results of type bool are conditions. */
export const spelling: Readonly<Record<ScalarOp, Form>> = {
  add: arithmetic("+"), sub: arithmetic("-"),
  mul: (t, a, b) => narrow[t](isFloat(t) || big(t) || t === "index" ? `${a} * ${b}` : `Math.imul(${a}, ${b})`),
  div: (t, a, b) => narrow[t](big(t) ? `bigQuotient(${a}, ${b})` : `${a} / ${b}`),
  quo: (_, a, b) => `Math.floor(${a} / ${b})`,
  rem: (_, a, b) => `(${a} % ${b})`,
  fmod: (t, a, b) => narrow[t](big(t) ? `bigRest(${a}, ${b})` : `${a} % ${b}`),
  min: (_, a, b) => `least(${a}, ${b})`, max: (_, a, b) => `most(${a}, ${b})`,
  neg: (t, a) => narrow[t](`-${a}`),
  abs: (t, a) => narrow[t](big(t) ? `most(${a}, -${a})` : `Math.abs(${a})`),
  exp: math("Math.exp"), log: math("Math.log"), sqrt: math("Math.sqrt"), erf: math("erf"),
  sin: math("Math.sin"), cos: math("Math.cos"), tan: math("Math.tan"), asin: math("Math.asin"), acos: math("Math.acos"), atan: math("Math.atan"),
  sinh: math("Math.sinh"), cosh: math("Math.cosh"), tanh: math("Math.tanh"),
  asinh: math("Math.asinh"), acosh: math("Math.acosh"), atanh: math("Math.atanh"),
  pow: (t, a, b) => (isFloat(t) ? narrow[t](`Number(power(${a}, ${b}))`) : `wrap.${t}(power(${a}, ${b}))`),
  floor: math("Math.floor"), ceil: math("Math.ceil"), trunc: math("Math.trunc"), round: math("roundHalfEven"),
  less: test("<"), lessEqual: test("<="), equal: test("==="),
  and: bitwise("&"), or: bitwise("|"), xor: bitwise("^"),
  not: (_, a) => `!${a}`, bitNot: (t, a) => narrow[t](`~${a}`),
  shl: (t, a, b) => narrow[t](`${a} << ${b}`),
  shr: (t, a, b) => (t === "u32" ? `(${a} >>> ${b})` : narrow[t](`${a} >> ${b}`)),
  select: (_, c, a, b) => `(${c} ? ${a} : ${b})`,
  bits: (_, a) => `bitsToFloat(${a})`, toBits: (_, a) => `floatToBits(${a})`,
  textConcat: text("concat"), textUpper: text("upper"), textLower: text("lower"), textPieces: text("pieces"), textPiece: text("piece"), textMatches: text("matches"),
  textIn: (_, a) => a, textOut: (_, a) => a,
  bits64: (_, a) => `bitsToDouble(${a})`, toBits64: (_, a) => `doubleToBits(${a})`,
  fromHalf: (_, a) => `decode("f16", ${a})`, toHalf: (_, a) => `encode("f16", ${a})`,
  word: (_, a, b, c, d) => `(${a} | ${b} << 8 | ${c} << 16 | ${d} << 24)`, dotBytes: (_, a, b, c) => `dotBytes(${a}, ${b}, ${c})`,
};

/** A value of another type. To bool, the result is a condition. */
export function converted(from: DType, to: DType, x: string): string {
  if (from === to) return x;
  const { kind } = types[to];
  if (kind === "bool") return `(${x} !== ${big(from) ? "0n" : "0"})`;
  if (big(to)) return narrow[to](big(from) ? x : isFloat(from) ? `big(${x})` : `BigInt(${x})`);
  if (big(from)) return kind === "float" || kind === "index" ? narrow[to](`Number(${x})`) : narrow[to](`Number(BigInt.asIntN(32, ${x}))`);
  return kind === "index" && isFloat(from) ? `(Math.trunc(${x}) + 0)` : kind === "index" && from === "bool" ? x : narrow[to](x);
}
/** Nothing but scalars can be spelled. */
export const scalarOnly = (lanes: number, what: string): void => { if (lanes !== 1) fail(`JavaScript is printed from scalar kernels, but ${what} has ${lanes} lanes`); };
