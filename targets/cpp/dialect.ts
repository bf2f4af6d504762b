/** C++ with GCC/Clang vector extensions. One dialect per instruction set: they differ in the function's target attribute. */
import type { Dialect, Form } from "../../compiler/emit/print.ts";
import { pointerTo } from "../../compiler/emit/native.ts";
import { isForOne, isTeamwork, someStmt, usesText, usesVariable, usedBuffers, type Buffer } from "../../compiler/ir/kernel.ts";
import type { Apply, TextOp } from "../../compiler/ir/scalar.ts";
import { cppWords } from "../../compiler/emit/names.ts";
import { isFloat, types, type DType, type Num } from "../../compiler/ir/types.ts";
import type { InstructionSet } from "./isa.ts";

/** Typedefs and helpers that the kernels use; stands once at the top of each file of kernels. */
export const preamble = [
  "#include <math.h>", "",
  "/* An unknown word makes clang drop the whole attribute, and with it the instruction set. */",
  '#define AVX2 __attribute__((target("avx2,fma")))',
  "#ifdef __clang__",
  '#define AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"), min_vector_width(512)))',
  '#define ROLLED _Pragma("clang loop unroll(disable)")',
  "#else",
  '#define AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma,prfchw,prefer-vector-width=512")))',
  '#define ROLLED _Pragma("GCC unroll 1")',
  "#endif",
  "/* g++ writes short loops out, whatever is around or inside, though told not to: it cannot where it does not see the number. */",
  '#define HIDDEN(n) (__extension__({ ptrdiff_t n_ = n; __asm__("" : "+r"(n_)); n_; }))',
  "/* g++ reads what a tile is added to in the end (its bias) before the loops around it, and then has not enough registers for the sums. */",
  '#define SETTLED __asm__ volatile("" ::: "memory")',
  "#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)",
  "/* g++ makes a compare and a blend of the ternary. */",
  '#define LARGER(V, a, b) (__extension__({ V r_; __asm__("vmaxps %2,%1,%0" : "=v"(r_) : "v"(b), "v"(a)); r_; }))',
  '#define SMALLER(V, a, b) (__extension__({ V r_; __asm__("vminps %2,%1,%0" : "=v"(r_) : "v"(b), "v"(a)); r_; }))',
  '#define ROOT(V, N, a) (__extension__({ V r_; __asm__("vsqrtps %1,%0" : "=v"(r_) : "v"(a)); r_; }))',
  "#else",
  "#define LARGER(V, a, b) ((a) < (b) ? (b) : (a))", "#define SMALLER(V, a, b) ((b) < (a) ? (b) : (a))",
  "#define ROOT(V, N, a) EACH(V, N, a, __builtin_sqrtf)",
  "#endif",
  "/* A function without a vector form, lane by lane. */",
  "#define EACH(V, N, a, f) (__extension__({ V a_ = (a), r_ = a_; for (int i_ = 0; i_ < N; ++i_) r_[i_] = f(a_[i_]); r_; }))",
  "#define EACH2(V, N, a, b, f) (__extension__({ V a_ = (a), b_ = (b), r_ = a_; for (int i_ = 0; i_ < N; ++i_) r_[i_] = f(a_[i_], b_[i_]); r_; }))",
  "#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)",
  ...[4, 8, 16].map((n) => `#define ZIP${n}(T, p, q) __builtin_shufflevector(*(const T##x${n / 2}*)(p), *(const T##x${n / 2}*)(q), ${Array.from({ length: n }, (_, i) => (i % 2 ? n / 2 : 0) + (i >> 1)).join(", ")})`),
  "#else",
  ...[4, 8, 16].map((n) => `#define ZIP${n}(T, p, q) (T##x${n}{${Array.from({ length: n }, (_, i) => `(${i % 2 ? "q" : "p"})[${i >> 1}]`).join(", ")}})`),
  "#endif",
  "/* Lanes become one number by halves. */",
  "#define PLUS(V, a, b) ((a) + (b))", "#define TIMES(V, a, b) ((a) * (b))",
  "#if defined(__has_builtin)", "#if __has_builtin(__builtin_shufflevector)", "#define HALVES", "#endif", "#endif",
  "#ifdef HALVES",
  "#define LOWER_HALF16(v) __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)", "#define UPPER_HALF16(v) __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)",
  "#define LOWER_HALF8(v) __builtin_shufflevector(v, v, 0, 1, 2, 3)", "#define UPPER_HALF8(v) __builtin_shufflevector(v, v, 4, 5, 6, 7)",
  "#else",
  "#define LOWER_HALF16(v) (f32x8{v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]})", "#define UPPER_HALF16(v) (f32x8{v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15]})",
  "#define LOWER_HALF8(v) (f32x4{v[0], v[1], v[2], v[3]})", "#define UPPER_HALF8(v) (f32x4{v[4], v[5], v[6], v[7]})",
  "#endif",
  "#define ACROSS16(F, f, a) (__extension__({ const f32x16 v16_ = (a); const f32x8 h16_ = F(f32x8, LOWER_HALF16(v16_), UPPER_HALF16(v16_)); ACROSS8(F, f, h16_); }))",
  "#define ACROSS8(F, f, a) (__extension__({ const f32x8 v8_ = (a); const f32x4 h8_ = F(f32x4, LOWER_HALF8(v8_), UPPER_HALF8(v8_)); f(f(h8_[0], h8_[1]), f(h8_[2], h8_[3])); }))",
  "static inline float plus(float a, float b) { return a + b; }", "static inline float times(float a, float b) { return a * b; }",
  "static inline float larger(float a, float b) { return a < b ? b : a; }",
  "static inline float smaller(float a, float b) { return b < a ? b : a; }",
  "static inline float bits_to_float(int32_t i) { float f; __builtin_memcpy(&f, &i, 4); return f; }",
  "static inline int32_t float_to_bits(float f) { int32_t i; __builtin_memcpy(&i, &f, 4); return i; }",
  "static inline uint64_t whole_power(uint64_t a, uint64_t n) { uint64_t r = 1; for (; n; n >>= 1, a *= a) { if (n & 1) r *= a; } return r; }",
  "static inline int64_t signed_power(int64_t a, int64_t n) {",
  "  if (n < 0) return a == 1 ? 1 : a == -1 ? (n % 2 ? -1 : 1) : 0;",
  "  return (int64_t)whole_power((uint64_t)a, (uint64_t)n);",
  "}",
  ...[2, 4, 8, 16].flatMap((n) => [
    `typedef float f32x${n} __attribute__((vector_size(${n * 4}), aligned(4), may_alias));`,
    `typedef int32_t i32x${n} __attribute__((vector_size(${n * 4}), aligned(4), may_alias));`,
    `typedef uint32_t u32x${n} __attribute__((vector_size(${n * 4}), aligned(4), may_alias));`,
    `typedef double f64x${n} __attribute__((vector_size(${n * 8}), aligned(8), may_alias));`,
  ]), ""].join("\n");

/** What kernels need that read or write small floats, or see the bits of doubles. */
export const smallFloats = [
  ...["u8", "u16"].flatMap((t) => [2, 4, 8, 16].map((n) => { const bytes = t === "u8" ? 1 : 2; return `typedef uint${bytes * 8}_t ${t}x${n} __attribute__((vector_size(${n * bytes}), aligned(${bytes}), may_alias));`; })),
  "static inline double bits_to_double(int64_t i) { double f; __builtin_memcpy(&f, &i, 8); return f; }",
  "static inline int64_t double_to_bits(double f) { int64_t i; __builtin_memcpy(&i, &f, 8); return i; }",
  "static inline float from_half(uint16_t h) {",
  "  const uint32_t low = h & 0x7fffu, sign = (uint32_t)(h & 0x8000u) << 16;",
  "  if (low >= 0x7c00u) return bits_to_float((int32_t)(sign | 0x7f800000u | (low & 0x3ffu) << 13));",
  "  return bits_to_float((int32_t)(sign | (uint32_t)float_to_bits(bits_to_float((int32_t)(low << 13)) * 0x1p112f)));",
  "}",
  "/* To the nearest, halves to even; adding and subtracting a power of two rounds what is below the smallest normal number. */",
  "static inline uint16_t to_half(float f) {",
  "  const uint32_t bits = (uint32_t)float_to_bits(f), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;",
  "  if (size > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);",
  "  if (size >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);",
  "  if (size < 0x38800000u) return (uint16_t)(sign | (uint32_t)(float_to_bits(bits_to_float((int32_t)size) + 0.5f) - 0x3f000000));",
  "  return (uint16_t)(sign | ((size + 0xfffu + (size >> 13 & 1u) - 0x38000000u) >> 13));",
  "}",
  "/* Every processor with AVX2 has these instructions too. */",
  "#ifdef __aarch64__",
  '#define FROM_HALF(V, a) (__extension__({ V r_; __asm__("fcvtl %0.4s, %1.4h" : "=w"(r_) : "w"(a)); r_; }))',
  '#define TO_HALF(V, a) (__extension__({ V r_; __asm__("fcvtn %0.4h, %1.4s" : "=w"(r_) : "w"(a)); r_; }))',
  "#else",
  '#define FROM_HALF(V, a) (__extension__({ V r_; __asm__("vcvtph2ps %1,%0" : "=v"(r_) : "v"(a)); r_; }))',
  '#define TO_HALF(V, a) (__extension__({ V r_; __asm__("vcvtps2ph $0,%1,%0" : "=v"(r_) : "v"(a)); r_; }))',
  "#endif",
  ""].join("\n");
/** What kernels need that combine lanes of whole numbers: by halves, too. */
export const wholeLanes = [
  "#define LARGEST(V, a, b) ((a) < (b) ? (b) : (a))", "#define SMALLEST(V, a, b) ((b) < (a) ? (b) : (a))",
  "static inline int32_t sum_of(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }", "static inline int32_t product_of(int32_t a, int32_t b) { return (int32_t)((uint32_t)a * (uint32_t)b); }",
  "static inline int32_t largest(int32_t a, int32_t b) { return a < b ? b : a; }", "static inline int32_t smallest(int32_t a, int32_t b) { return b < a ? b : a; }",
  "#ifdef HALVES",
  "#define WHOLE16(F, f, a) (__extension__({ const i32x16 v16_ = (a); const i32x8 l16_ = LOWER_HALF16(v16_), u16_ = UPPER_HALF16(v16_), h16_ = F(i32x8, l16_, u16_); WHOLE8(F, f, h16_); }))",
  "#define WHOLE8(F, f, a) (__extension__({ const i32x8 v8_ = (a); const i32x4 l8_ = LOWER_HALF8(v8_), u8_ = UPPER_HALF8(v8_), h8_ = F(i32x4, l8_, u8_); WHOLE4(F, f, h8_); }))",
  "#else",
  "#define WHOLE16(F, f, a) (__extension__({ const i32x16 v16_ = (a); int32_t r16_ = v16_[0]; for (int i_ = 1; i_ < 16; ++i_) r16_ = f(r16_, v16_[i_]); r16_; }))",
  "#define WHOLE8(F, f, a) (__extension__({ const i32x8 v8_ = (a); int32_t r8_ = v8_[0]; for (int i_ = 1; i_ < 8; ++i_) r8_ = f(r8_, v8_[i_]); r8_; }))",
  "#endif",
  "#define WHOLE4(F, f, a) (__extension__({ const i32x4 v4_ = (a); f(f(v4_[0], v4_[1]), f(v4_[2], v4_[3])); }))",
  "#define WHOLE2(F, f, a) (__extension__({ const i32x2 v2_ = (a); f(v2_[0], v2_[1]); }))", ""].join("\n");
/** Whether some text needs that. */
export const needsWholeLanes = (text: string): boolean => /\bWHOLE\d/.test(text);
/** Whether some text needs them. */
export const needsSmallFloats = (text: string): boolean => /\b(u(8|16)x\d|from_half|to_half|FROM_HALF|TO_HALF|bits_to_double|double_to_bits)/.test(text);
const unsignedOf = (t: DType): string => types[t].c.replace(/^int/, "uint");
/** Integer arithmetic wraps around: signed overflow would be undefined, and narrow types would widen. */
const wrapping = (infix: string, level: number): Form => ({ by: (e) => {
  const { kind, c } = types[e.dtype];
  if (kind === "float" || kind === "index") return { infix, level };
  if (e.lanes > 1) return (_e, type, a, b) => `(${type})((u32x${e.lanes})${a} ${infix} (u32x${e.lanes})${b})`;
  return (_e, _type, a, b) => `(${c})((${unsignedOf(e.dtype)})${a} ${infix} (${unsignedOf(e.dtype)})${b})`;
} });
const f32Vector = (e: Apply) => e.lanes > 1 && e.dtype === "f32";
/** A function of libm, by type; lane by lane where a vector has no better form. */
const libm = (name: string): Form => ({ by: (e) => {
  const f = e.dtype === "f64" ? name : `${name}f`;
  if (e.lanes === 1) return e.dtype === "f32" || e.dtype === "f64" ? { call: f } : (_e, type, ...args) => `(${type})${name}(${args.map((a) => `(double)${a}`).join(", ")})`;
  return (_e, type, a, b) => (b === undefined ? `EACH(${type}, ${e.lanes}, ${a}, ${f})` : `EACH2(${type}, ${e.lanes}, ${a}, ${b}, ${f})`);
} });
const tree = (v: string, lanes: number, f: (a: string, b: string) => string): string => {
  const go = (from: number, n: number): string => (n === 1 ? `${v}[${from}]` : f(go(from, n / 2), go(from + n / 2, n / 2)));
  return go(0, lanes);
};
/** All lanes as one: by halves where there are many, one by one where there are few. Names of what combines vectors and scalars, of f32 and of i32. */
const across = (vector: string, scalar: string, wholes: string, whole: string, f = (x: string, y: string) => `${scalar}(${x}, ${y})`) => (_type: string, a: string, lanes: number, dtype: DType): string =>
  (dtype === "i32" ? `WHOLE${lanes}(${wholes}, ${whole}, ${a})` : lanes > 4 && dtype === "f32" ? `ACROSS${lanes}(${vector}, ${scalar}, ${a})` : tree(a, lanes, f));
function literal(dtype: DType, x: Num): string {
  if (isFloat(dtype)) {
    const v = Number(x), suffix = dtype === "f32" ? "f" : "";
    if (Number.isNaN(v)) return dtype === "f32" ? '__builtin_nanf("")' : '__builtin_nan("")';
    if (!Number.isFinite(v)) return `${v < 0 ? "-" : ""}__builtin_inf${suffix}()`;
    const text = Object.is(v, -0) ? "-0.0" : /[.e]/.test(`${v}`) ? `${v}` : `${v}.0`;
    return text + suffix;
  }
  switch (dtype) {
    case "i64": return BigInt(x) === -(2n ** 63n) ? "INT64_MIN" : `INT64_C(${x})`;
    case "u64": return `UINT64_C(${x})`;
    case "u32": return `${x}u`;
    case "i32": return Number(x) === -(2 ** 31) ? "INT32_MIN" : `${x}`;
    case "bool": return Number(x) ? "true" : "false";
    default: return `${x}`;
  }
}

const onText = (name: string): Form => (_e, _type, ...args) => `${name}(${["text", ...args].join(", ")})`;
/** Functions of the package's own header: strings are their numbers in `text`. */
const texts: Readonly<Record<TextOp, Form>> = {
  textConcat: onText("text_concat"), textUpper: onText("text_upper"), textLower: onText("text_lower"), textPieces: onText("text_pieces"), textPiece: onText("text_piece"),
  textMatches: onText("text_matches"), textIn: onText("text_in"), textOut: onText("text_out"),
};
/** What the package's own header declares for kernels that several tasks run. */
const teamWords: ReadonlySet<string> = new Set([...cppWords, "team", "task", "piece", "at", "take", "meet", "first_of", "enter_at"]);

/** C++17 with GCC's vector extensions: functions that carry the target attribute of the set. With `tasks`, kernels may be told which of how many runs them. */
export const cpp = (set: InstructionSet, tasks = 1): Dialect => ({
  name: `c++ ${set.name}`,
  reserved: tasks > 1 ? teamWords : cppWords,
  type: (dtype, lanes) => (lanes > 1 ? `${isFloat(dtype) || dtype === "u8" || dtype === "u16" ? dtype : "i32"}x${lanes}` : types[dtype].c),
  ops: {
    add: wrapping("+", 4), sub: wrapping("-", 4), mul: wrapping("*", 5), div: { infix: "/", level: 5 },
    quo: { infix: "/", level: 5 }, rem: { infix: "%", level: 5 },
    fmod: { by: (e) => (isFloat(e.dtype) ? libm("fmod") : { infix: "%", level: 5 }) },
    min: (e, type, a, b) => (f32Vector(e) && set.lanes > 4 ? `SMALLER(${type}, ${a}, ${b})` : `(${b} < ${a} ? ${b} : ${a})`),
    max: (e, type, a, b) => (f32Vector(e) && set.lanes > 4 ? `LARGER(${type}, ${a}, ${b})` : `(${a} < ${b} ? ${b} : ${a})`),
    neg: (e, type, a) => (isFloat(e.dtype) || e.dtype === "index" ? `(-${a})` : `(${type})(-(${e.lanes > 1 ? `u32x${e.lanes}` : unsignedOf(e.dtype)})${a})`),
    abs: {
      by: (e) => (isFloat(e.dtype) && e.lanes === 1 ? libm("fabs") : f32Vector(e)
        ? (_e, type, a) => `((${type})((i32x${e.lanes})${a} & 0x7fffffff))` : (_e, type, a) => (types[e.dtype].kind === "uint" ? a : `(${type})(${a} < 0 ? -(${unsignedOf(e.dtype)})${a} : (${unsignedOf(e.dtype)})${a})`)),
    },
    exp: libm("exp"), log: libm("log"), erf: libm("erf"), sin: libm("sin"), cos: libm("cos"), tan: libm("tan"),
    asin: libm("asin"), acos: libm("acos"), atan: libm("atan"), sinh: libm("sinh"), cosh: libm("cosh"), tanh: libm("tanh"),
    asinh: libm("asinh"), acosh: libm("acosh"), atanh: libm("atanh"),
    pow: { by: (e) => (isFloat(e.dtype) ? libm("pow") : (_e, type, a, b) => `(${type})${types[e.dtype].kind === "uint" ? "whole" : "signed"}_power(${a}, ${b})`) },
    floor: libm("floor"), ceil: libm("ceil"), trunc: libm("trunc"), round: libm("rint"),
    sqrt: { by: (e) => (f32Vector(e) && set.lanes > 4 ? (_e, type, a) => `ROOT(${type}, ${e.lanes}, ${a})` : libm("sqrt")) },
    less: { infix: "<", level: 2 }, lessEqual: { infix: "<=", level: 2 },
    /** Compilers warn of a comparison beside == that has no parentheses. */
    equal: { by: (e) => (e.args[0]!.dtype === "bool" ? (_e, _type, a, b) => `(${a} == ${b})` : { infix: "==", level: 1 }) },
    and: (e, type, a, b) => (e.dtype === "bool" && e.lanes === 1 ? `(${a} && ${b})` : e.lanes > 1 ? `(${a} & ${b})` : `(${type})(${a} & ${b})`),
    or: (e, type, a, b) => (e.dtype === "bool" && e.lanes === 1 ? `(${a} || ${b})` : e.lanes > 1 ? `(${a} | ${b})` : `(${type})(${a} | ${b})`),
    xor: (e, type, a, b) => (e.dtype === "bool" && e.lanes === 1 ? `(${a} != ${b})` : e.lanes > 1 ? `(${a} ^ ${b})` : `(${type})(${a} ^ ${b})`),
    not: (e, _type, a) => (e.lanes > 1 ? `(~${a})` : `(!${a})`),
    bitNot: (e, type, a) => (e.lanes > 1 ? `(~${a})` : `(${type})(~${a})`),
    shl: (e, type, a, b) => `(${type})((${e.lanes > 1 ? `u32x${e.lanes}` : unsignedOf(e.dtype)})${a} << ${b})`,
    shr: (_e, type, a, b) => `(${type})(${a} >> ${b})`,
    select: (_e, _type, c, a, b) => `(${c} ? ${a} : ${b})`,
    ...texts,
    bits: (e, type, a) => (e.lanes > 1 ? `((${type})(${a}))` : `bits_to_float(${a})`),
    toBits: (e, type, a) => (e.lanes > 1 ? `((${type})(${a}))` : `float_to_bits(${a})`),
    bits64: { call: "bits_to_double" }, toBits64: { call: "double_to_bits" },
    fromHalf: (e, type, a) => (e.lanes > 1 ? `FROM_HALF(${type}, ${a})` : `from_half(${a})`), toHalf: (e, type, a) => (e.lanes > 1 ? `TO_HALF(${type}, ${a})` : `to_half(${a})`),
  },
  lanes: {
    /** x - 0 is x, bit for bit; x + 0 is not, and would cost an addition. */
    splat: (type, a, _lanes, dtype) => (dtype === "bool" ? `(${type}{} - (int32_t)(${a}))` : a === "0.0f" ? `${type}{}` : `(${a} - ${type}{})`),
    sumLanes: across("PLUS", "plus", "PLUS", "sum_of", (x, y) => `(${x} + ${y})`), mulLanes: across("TIMES", "times", "TIMES", "product_of", (x, y) => `(${x} * ${y})`),
    maxLanes: across("LARGER", "larger", "LARGEST", "largest"), minLanes: across("SMALLER", "smaller", "SMALLEST", "smallest"),
  },
  cast: (to, from, lanes, a) => {
    if (lanes > 1) return to === "bool" ? `(${a} != 0)` : from === "bool" ? `__builtin_convertvector(-(${a}), ${to}x${lanes})` : `__builtin_convertvector(${a}, ${to}x${lanes})`;
    return to === "bool" ? `((${a}) != 0)` : `(${types[to].c})(${a})`;
  },
  build: (type, elements) => `(${type}{${elements.join(", ")}})`,
  zip: (dtype, lanes, a, b) => `ZIP${lanes}(${dtype}, ${a}, ${b})`,
  literal,
  load: ({ name }, at, type, lanes) => (lanes > 1 ? `*(const ${type}*)(${name} + ${at})` : `${name}[${at}]`),
  store: ({ name }, at, value, type, lanes) => (lanes > 1 ? `*(${type}*)(${name} + ${at}) = ${value};` : `${name}[${at}] = ${value};`),
  declare: (type, name, value, mutable) => `${mutable ? "" : "const "}${type} ${name} = ${value};`,
  loop: (i, n, _parallel, few) => `ROLLED for (ptrdiff_t ${i} = 0; ${i} < ${few ? `HIDDEN(${n})` : n}; ++${i}) {`,
  tasks: {
    loop: (i, n, { before, each, whole }) => {
      const from = before === "0" ? "at.from" : `at.from - ${before}`, to = before === "0" ? "at.to" : `at.to - ${before}`;
      return `ROLLED for (ptrdiff_t ${i} = ${whole ? "enter_at" : "first_of"}(${from}, ${each}, ${n}), ${i}_end = first_of(${to}, ${each}, ${n}); ${i} < ${i}_end; ++${i}) {`;
    },
    phase: (work, grain) => `for (piece at = {0, 0}; take(team, task, ${work}, ${grain}, &at);) {`,
    alone: "if (task == 0) {",
    barrier: "meet(team);",
  },
  index: { "group.x": "0", "group.y": "0", "group.z": "0", "lane.x": "0", "lane.y": "0" },
  /** Results are asked for in the first level, what is read once per tile row in the second. */
  prefetch: (buffer, at, soon) => `__builtin_prefetch(${buffer.name} + ${at}, ${buffer.space === "out" ? "1, 3" : soon ? "0, 3" : "0, 2"});`,
  barrier: "",
  settled: "SETTLED;",
  open: (k) => {
    const used = usedBuffers(k);
    const parameter = (b: Buffer) => `${pointerTo(types[b.dtype].c, b.space === "in")}${b.aliased ? "" : " __restrict"}${used.has(b.name) ? ` ${b.name}` : ""}`;
    // One list of numbers serves all instruction sets, too.
    const numbers = (k.params ?? []).map((p) => `ptrdiff_t${usesVariable(k, p.name) ? ` ${p.name}` : ""}`);
    return `static ${set.attribute ? `${set.attribute} ` : ""}void ${k.name}(${[...k.buffers.map(parameter), ...numbers, ...(usesText(k) ? ["text_heap* text"] : []), ...(isTeamwork(k) ? [`team_of_tasks*${someStmt(k.body, (s) => s.kind === "barrier" || (s.kind === "phase" && !isForOne(s))) ? " team" : ""}`, "int task"] : [])].join(", ")}) {`;
  },
  close: "}",
});
