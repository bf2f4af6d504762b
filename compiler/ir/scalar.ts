/** The scalar expression language: what one element (or one vector of elements) costs. Pure, typed, interned. */
import { decode, encode } from "./formats.ts";
import { erf, multiply, power, roundHalfEven } from "./functions.ts";
import { textMeanings } from "./text.ts";
import { types, type DType, type Num } from "./types.ts";

type Result = "first" | "second" | DType;
/** On numbers and, for 64-bit integers, on bigints, never both at once; what it returns is still to be wrapped or rounded. */
type Meaning = (...xs: readonly Num[]) => Num;
/** JavaScript's operators are the same for both kinds, but its types know only one at a time. */
const operator = (meaning: (...xs: readonly number[]) => Num, result: Result = "first") => ({ meaning: meaning as Meaning, result });
const float = (f: (x: number) => number) => operator((x) => f(Number(x)));
const view = new DataView(new ArrayBuffer(8));
const bitsToFloat = (x: number): number => (view.setInt32(0, x), view.getFloat32(0));
const bitsToDouble = (x: Num): number => (view.setBigInt64(0, x as bigint), view.getFloat64(0));
const doubleToBits = (x: number): bigint => (view.setFloat64(0, x), view.getBigInt64(0));
const floatToBits = (x: number): number => (view.setFloat32(0, x), view.getInt32(0));
const remainder = (a: Num, b: Num): Num => (typeof a === "bigint" ? (b === 0n ? 0n : a % (b as bigint)) : a % (b as number));
/** Bytes of a word, the lowest first: byte `i` of `a` without a sign, of `b` with one. */
const dotOfBytes = (sum: Num, a: Num, b: Num): number => [24, 16, 8, 0].reduce((s, up) => s + ((Number(a) << up) >>> 24) * ((Number(b) << up) >> 24), Number(sum));
const wordOfBytes = (...bytes: readonly Num[]): number => bytes.reduce<number>((word, x, i) => word | (Number(x) << (8 * i)), 0);
const absolute = (a: Num): Num => (typeof a === "bigint" ? (a < 0n ? -a : a) : Math.abs(a));
const divide = (a: Num, b: Num): Num => (typeof a === "bigint" ? (b === 0n ? 0n : a / (b as bigint)) : a / (b as number));

/** Operators on strings, which are their numbers. None is folded: what they make of numbers depends on who has given them (number-strings). */
export const textOps = {
  textConcat: operator(textMeanings.concat), textUpper: operator(textMeanings.upper), textLower: operator(textMeanings.lower),
  /** Of a text, a delimiter and the most cuts: how many pieces there are, and piece `i`, "" where there is none. */
  textPieces: operator(textMeanings.pieces, "i32"), textPiece: operator(textMeanings.piece),
  /** Whether all of a text matches a pattern, which must be a constant. */
  textMatches: operator(textMeanings.matches, "bool"),
  /** From the caller's memory to numbers, and back. */
  textIn: operator((a) => a, "string"), textOut: operator((a) => a, "chars"),
};
/** The name of an operator on strings. */
export type TextOp = keyof typeof textOps;
/** Every elementwise operator with its meaning. Folding, the interpreter and the rule checker all read this one table. */
export const scalarOps = {
  add: operator((a, b) => a + b),
  sub: operator((a, b) => a - b),
  mul: operator(multiply),
  /** Integers round towards zero. */
  div: operator(divide),
  /** Of the index type, and of non-negative operands only. */
  quo: operator((a, b) => Math.floor(a / b)),
  rem: operator((a, b) => a % b),
  /** The remainder of a division that rounds towards zero, with the sign of `a`. */
  fmod: operator(remainder),
  min: operator((a, b) => (b < a ? b : a)),
  max: operator((a, b) => (a < b ? b : a)),
  neg: operator((a) => -a),
  abs: operator(absolute),
  exp: float(Math.exp), log: float(Math.log), sqrt: float(Math.sqrt), erf: float(erf),
  sin: float(Math.sin), cos: float(Math.cos), tan: float(Math.tan), asin: float(Math.asin), acos: float(Math.acos), atan: float(Math.atan),
  sinh: float(Math.sinh), cosh: float(Math.cosh), tanh: float(Math.tanh), asinh: float(Math.asinh), acosh: float(Math.acosh), atanh: float(Math.atanh),
  /** As in C: 1 to any power is 1. Integers to a negative power round towards zero. */
  pow: operator(power),
  floor: float(Math.floor), ceil: float(Math.ceil), trunc: float(Math.trunc),
  /** To the nearest whole number, halves to the even one. */
  round: float(roundHalfEven),
  less: operator((a, b) => (a < b ? 1 : 0), "bool"),
  lessEqual: operator((a, b) => (a <= b ? 1 : 0), "bool"),
  equal: operator((a, b) => (a === b ? 1 : 0), "bool"),
  /** Bit by bit for integers, logical for bool. */
  and: operator((a, b) => a & b),
  or: operator((a, b) => a | b),
  xor: operator((a, b) => a ^ b),
  not: operator((a) => (a ? 0 : 1)),
  bitNot: operator((a) => ~a),
  /** `b` is at least 0 and less than the number of bits. Right shifts of signed values keep the sign. */
  shl: operator((a, b) => (typeof a === "bigint" ? a << b : a * 2 ** b)),
  shr: operator((a, b) => (typeof a === "bigint" ? a >> b : Math.floor(a / 2 ** b))),
  select: operator((c, a, b) => (c ? a : b), "second"),
  /** The f32 with these bits, and the bits of an f32, as i32. */
  bits: operator(bitsToFloat, "f32"),
  toBits: operator(floatToBits, "i32"),
  ...textOps,
  /** The same for f64 and i64. */
  bits64: operator(bitsToDouble as (x: Num) => Num, "f64"),
  toBits64: operator(doubleToBits, "i64"),
  /** The f32 that has the value of an f16 with these bits, a u16; and the bits of the f16 nearest to an f32. */
  fromHalf: operator((x) => decode("f16", x), "f32"),
  toHalf: operator((x) => encode("f16", x), "u16"),
  /** Four bytes as a word, the first in its lowest bits. */
  word: { meaning: wordOfBytes as Meaning, result: "i32" as Result },
  /** `a` and the products of the bytes of two words, those of `b` from 0 to 255, those of `c` from -128 to 127. */
  dotBytes: { meaning: dotOfBytes as Meaning, result: "i32" as Result },
};
/** The name of an operator. */
export type ScalarOp = keyof typeof scalarOps;
/** Operators that change the number of lanes. */
export type LaneOp = "splat" | "sumLanes" | "maxLanes" | "minLanes" | "mulLanes";

interface Typed {
  readonly dtype: DType;
  readonly lanes: number;
  /** Its place in the order of creation, for keys of tables only: what was made before must not show in any result. */
  readonly id: number;
}
/** A number of its type: a bigint for 64-bit integers, else a number. */
export interface Const extends Typed { readonly kind: "const"; readonly value: Num }
/** An index variable knows its range, so that algebra needs no context. */
export interface Var extends Typed { readonly kind: "var"; readonly name: string; readonly range?: Range; readonly param?: true }
/** In a Compute, `at` has one entry per dimension; in a Kernel, one address, of the first lane. */
export interface Load extends Typed { readonly kind: "load"; readonly buffer: string; readonly at: readonly Expr[] }
/** An operator on operands of as many lanes; see `apply` for the exception. */
export interface Apply extends Typed { readonly kind: "apply"; readonly op: ScalarOp; readonly args: readonly Expr[] }
/** The value in another type, lane by lane. */
export interface Cast extends Typed { readonly kind: "cast"; readonly arg: Expr }
/** A scalar in every lane, or all lanes of a vector combined into a scalar. */
export interface Lanes extends Typed { readonly kind: "lanes"; readonly op: LaneOp; readonly arg: Expr }
/** A vector put together from scalars. */
export interface Build extends Typed { readonly kind: "build"; readonly elements: readonly Expr[] }
/** A pure expression of `lanes` values of type `dtype`. Made by the functions below only, which intern it. */
export type Expr = Const | Var | Load | Apply | Cast | Lanes | Build;
/** Inclusive at both ends. */
export type Range = readonly [low: number, high: number];

const pool = new Map<string, Expr>();
/** Equal expressions are the same object, so `===` is structural equality. */
function intern<E extends Expr>(key: string, make: (id: number) => E): E {
  const known = pool.get(key);
  if (known) return known as E;
  const fresh = make(count++);
  pool.set(key, fresh);
  return fresh;
}
let count = 0;
/** The same for what is most often made: a few children by their ids, beside a word for all else. */
const small = new Map<string, Map<number, Expr>>();
const idLimit = 2 ** 26;
function internSmall<E extends Expr>(word: string, a: Expr, b: Expr | undefined, make: (id: number) => E): E {
  if (count >= idLimit) return intern(`${word} ${a.id} ${b?.id}`, make);
  let known = small.get(word);
  if (!known) small.set(word, (known = new Map()));
  const key = b ? a.id * idLimit + b.id : a.id;
  let e = known.get(key);
  if (!e) known.set(key, (e = make(count++)));
  return e as E;
}
/** The number of an expression, unique in this process. */
export const idOf = (e: Expr): number => e.id;

/** A constant; the value is wrapped or rounded to the type. -0 and 0 are two constants. */
export const constant = (dtype: DType, value: Num): Const => {
  const v = types[dtype].wrap(value);
  return intern(`c ${dtype} ${Object.is(v, -0) ? "-0" : v}`, (id) => ({ id, kind: "const", dtype, lanes: 1, value: v }));
};
/** A variable. Two of one name with different ranges are different expressions. */
export const variable = (dtype: DType, name: string, lanes = 1, range?: Range): Var =>
  intern(`v ${dtype}x${lanes} ${name} ${range ?? ""}`, (id) => ({ id, kind: "var", dtype, lanes, name, ...(range ? { range } : {}) }));
/** A whole number that a kernel is given when it is called. Sums of indices have it behind all that changes inside the kernel. */
export const parameter = (name: string, range: Range): Var =>
  intern(`p ${name} ${range}`, (id) => ({ id, kind: "var", dtype: "index", lanes: 1, name, range, param: true }));
/** An element of a buffer, or from there on as many contiguous ones as there are lanes. */
export const load = (dtype: DType, buffer: string, at: readonly Expr[], lanes = 1): Load => {
  const make = (id: number): Load => ({ id, kind: "load", dtype, lanes, buffer, at });
  return at.length === 1 ? internSmall(`l ${dtype}x${lanes} ${buffer}`, at[0]!, undefined, make) : intern(`l ${dtype}x${lanes} ${buffer} ${at.map(idOf).join(" ")}`, make);
};
/**
 * Elementwise: scalar operands of a vector operation are splatted, except the condition of a select, which may be one
 * for all lanes. No simplification: see `make` in algebra.ts.
 */
export const apply = (op: ScalarOp, ...raw: readonly Expr[]): Apply => {
  let lanes = 1;
  for (const a of raw) if (a.lanes > lanes) lanes = a.lanes;
  const args = raw.map((a, i) => (op === "select" && i === 0 ? a : splat(a, lanes)));
  const { result } = scalarOps[op];
  const dtype = result === "first" ? args[0]!.dtype : result === "second" ? args[1]!.dtype : result;
  const make = (id: number): Apply => ({ id, kind: "apply", dtype, lanes, op, args });
  return args.length <= 2 ? internSmall(op, args[0]!, args[1], make) : intern(`a ${op} ${args.map(idOf).join(" ")}`, make);
};
/** Floats become integers towards zero; anything but 0 is true. No simplification: see `convert` in algebra.ts. */
export const cast = (dtype: DType, arg: Expr): Cast =>
  intern(`t ${dtype} ${idOf(arg)}`, (id) => ({ id, kind: "cast", dtype, lanes: arg.lanes, arg }));
/** A scalar in every lane; what has so many lanes already is left as it is. */
export const splat = (e: Expr, lanes: number): Expr =>
  e.lanes === lanes ? e : intern(`s ${lanes} ${idOf(e)}`, (id) => ({ id, kind: "lanes", dtype: e.dtype, lanes, op: "splat", arg: e }));
/** All lanes combined into one, in any order. */
export const acrossLanes = (op: Exclude<LaneOp, "splat">, e: Expr): Expr =>
  intern(`${op} ${idOf(e)}`, (id) => ({ id, kind: "lanes", dtype: e.dtype, lanes: 1, op, arg: e }));
/** A vector of scalars of one type, lane by lane. */
export const build = (elements: readonly Expr[]): Expr => {
  const [first] = elements as [Expr];
  if (elements.every((e) => e === first)) return splat(first, elements.length);
  return intern(`b ${elements.map(idOf).join(" ")}`, (id) => ({ id, kind: "build", dtype: first.dtype, lanes: elements.length, elements }));
};

/** What an expression is made of, directly. */
export const children = (e: Expr): readonly Expr[] => {
  switch (e.kind) {
    case "const": case "var": return [];
    case "load": return e.at;
    case "apply": return e.args;
    case "cast": case "lanes": return [e.arg];
    case "build": return e.elements;
    default: return e satisfies never;
  }
};
const known = new WeakMap<Expr, ReadonlySet<string>>();
/** The names of the variables in `e`; computed once per expression. */
export function variables(e: Expr): ReadonlySet<string> {
  let names = known.get(e);
  if (!names) {
    const parts = children(e).map(variables).filter((p) => p.size > 0);
    names = e.kind === "var" ? new Set([e.name]) : parts.length === 1 ? parts[0]! : new Set(parts.flatMap((p) => [...p]));
    known.set(e, names);
  }
  return names;
}
/** Whether a variable of such a name occurs in `e`, in the indices of its loads too. */
export function mentions(e: Expr, names: { has(name: string): boolean }): boolean {
  for (const name of variables(e)) if (names.has(name)) return true;
  return false;
}

/** As text, for messages and dumps. Shared parts are written out each time. */
export function show(e: Expr): string {
  switch (e.kind) {
    case "const": return Object.is(e.value, -0) ? "-0" : `${e.value}`;
    case "var": return e.name;
    case "load": return `${e.buffer}[${e.at.map(show).join(", ")}]`;
    case "apply": return `${e.op}(${e.args.map(show).join(", ")})`;
    case "cast": return `${e.dtype}(${show(e.arg)})`;
    case "lanes": return `${e.op}${e.lanes}(${show(e.arg)})`;
    case "build": return `{${e.elements.map(show).join(", ")}}`;
    default: return e satisfies never;
  }
}
/** Throws an Error that says why: something in the compiler is wrong, not the model. */
export function fail(why: string): never { throw new Error(why); }
