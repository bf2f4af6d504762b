/** Typedefs and helpers that kernels use. */
import { types, type DType } from "../../compiler/ir/types.ts";

/** What all files of kernels begin with. */
const base = [
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

const narrowVectors = (t: DType): readonly string[] => [2, 4, 8, 16].map((n) => `typedef ${types[t].c} ${t}x${n} __attribute__((vector_size(${n * types[t].bytes}), aligned(${types[t].bytes}), may_alias));`);
/** What kernels need that have bytes in lanes. */
const narrowLanes = [...narrowVectors("u8"), ...narrowVectors("u16"), ""].join("\n");
/** What kernels need that compute with bytes. */
const bytesAsWords = [
  ...narrowVectors("i8"), "typedef uint8_t u8x32 __attribute__((vector_size(32), aligned(1), may_alias));",
  "/* g++ converts bytes one by one. */",
  "#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)",
  '#define WIDE_u8 "vpmovzxbd"', '#define WIDE_i8 "vpmovsxbd"',
  '#define WIDEN16(T, a) (__extension__({ i32x16 r_; __asm__(WIDE_##T " %1,%0" : "=v"(r_) : "v"(a)); r_; }))',
  '#define WIDEN8(T, a) (__extension__({ i32x8 r_; __asm__(WIDE_##T " %1,%0" : "=v"(r_) : "v"(a)); r_; }))',
  "#else",
  ...[8, 16].map((n) => `#define WIDEN${n}(T, a) __builtin_convertvector(a, i32x${n})`),
  "#endif",
  ...[2, 4].map((n) => `#define WIDEN${n}(T, a) __builtin_convertvector(a, i32x${n})`),
  ...[2, 4].map((n) => `#define NARROW${n}(T, a) __builtin_convertvector(__builtin_convertvector(a, u16x${n}), T##x${n})`),
  "#ifdef HALVES",
  "#define NARROW8(T, a) (__extension__({ const u8x32 n_ = (u8x32)(a); (T##x8)__builtin_shufflevector(n_, n_, 0, 4, 8, 12, 16, 20, 24, 28); }))",
  "#else", "#define NARROW8(T, a) __builtin_convertvector(a, T##x8)", "#endif",
  "#define NARROW16(T, a) __builtin_convertvector(a, T##x16)", ""].join("\n");
/** What kernels need that read or write small floats, or see the bits of doubles. */
const smallFloats = [
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
const wholeLanes = [
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
const dotOf = (lanes: number, attribute: string, suffix: string, body: string): string =>
  `static inline __attribute__((always_inline)) ${attribute}i32x${lanes} dot_bytes${lanes}${suffix}(i32x${lanes} sum, i32x${lanes} a, i32x${lanes} b) { ${body} }`;
/** Bytes as pairs of 16 bits, the even ones and the odd ones: two products of such pairs, added up, are one instruction. */
const inPairs = (lanes: number, attribute: string, register: string, multiply: string): string => {
  const words = `i32x${lanes}`, pairs = `i16x${lanes * 2}`, madd = (x: string, y: string) => `(u32x${lanes})${multiply}((${register})(${x}), (${register})(${y}))`;
  return dotOf(lanes, attribute, "", `return (${words})((u32x${lanes})sum + ${madd("a & 0x00ff00ff", `((${pairs})b << 8) >> 8`)} + ${madd(`(${words})((u32x${lanes})a >> 8) & 0x00ff00ff`, `(${pairs})b >> 8`)});`);
};
const vnni = (lanes: number, register: string, instruction: string): string => dotOf(lanes, "AVX512VNNI ", "_vnni", `return (i32x${lanes})${instruction}((${register})sum, (${register})a, (${register})b);`);
/** What kernels need that multiply and add up bytes, four of each word at a time. Nothing saturates. */
const byteDots = [
  "typedef int32_t word __attribute__((aligned(1), may_alias));",
  "static inline int32_t word_of_bytes(uint8_t a, uint8_t b, uint8_t c, uint8_t d) { return (int32_t)(a | (uint32_t)b << 8 | (uint32_t)c << 16 | (uint32_t)d << 24); }",
  "static inline int32_t dot_bytes(int32_t sum, int32_t a, int32_t b) {",
  "  for (int i = 0; i < 32; i += 8) sum = (int32_t)((uint32_t)sum + (uint32_t)((uint8_t)(a >> i) * (int8_t)(b >> i)));",
  "  return sum;", "}",
  `static inline i32x2 dot_bytes2(i32x2 sum, i32x2 a, i32x2 b) { return i32x2{${[0, 1].map((i) => `dot_bytes(sum[${i}], a[${i}], b[${i}])`).join(", ")}}; }`,
  "#if defined(__x86_64__)", "#include <immintrin.h>",
  "#ifdef __clang__",
  '#define AVX512VNNI __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,fma"), min_vector_width(512)))',
  "#else",
  '#define AVX512VNNI __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,fma,prfchw,prefer-vector-width=512")))',
  "#endif",
  ...[8, 16, 32].map((n) => `typedef int16_t i16x${n} __attribute__((vector_size(${n * 2}), may_alias));`),
  inPairs(4, "", "__m128i", "_mm_madd_epi16"), inPairs(8, "AVX2 ", "__m256i", "_mm256_madd_epi16"), inPairs(16, "AVX512 ", "__m512i", "_mm512_madd_epi16"),
  vnni(4, "__m128i", "_mm_dpbusd_epi32"), vnni(8, "__m256i", "_mm256_dpbusd_epi32"), vnni(16, "__m512i", "_mm512_dpbusd_epi32"),
  "#elif defined(__aarch64__)", "#include <arm_neon.h>",
  "static inline i32x4 dot_bytes4(i32x4 sum, i32x4 a, i32x4 b) {",
  "  const uint8x16_t bytes = (uint8x16_t)a;", "  const int8x16_t signs = (int8x16_t)b;",
  "  const int16x8_t a0 = (int16x8_t)vmovl_u8(vget_low_u8(bytes)), a1 = (int16x8_t)vmovl_high_u8(bytes), b0 = vmovl_s8(vget_low_s8(signs)), b1 = vmovl_high_s8(signs);",
  "  const int32x4_t first = vpaddq_s32(vmull_s16(vget_low_s16(a0), vget_low_s16(b0)), vmull_high_s16(a0, b0)), second = vpaddq_s32(vmull_s16(vget_low_s16(a1), vget_low_s16(b1)), vmull_high_s16(a1, b1));",
  "  return (i32x4)((u32x4)sum + (u32x4)vpaddq_s32(first, second));", "}",
  "#else",
  "static inline i32x4 dot_bytes4(i32x4 sum, i32x4 a, i32x4 b) { for (int i = 0; i < 4; ++i) sum[i] = dot_bytes(sum[i], a[i], b[i]); return sum; }",
  "#endif", ""].join("\n");
/** Each with the words by which kernels that need it are known. */
const sections: readonly (readonly [text: string, words: RegExp])[] = [
  [narrowLanes, /\b([ui]8|u16)x\d|\b(WIDEN|NARROW)\d/],
  [smallFloats, /\b(u16x\d|from_half|to_half|FROM_HALF|TO_HALF|bits_to_double|double_to_bits)/],
  [wholeLanes, /\bWHOLE\d/],
  [byteDots, /\b(dot_bytes|word_of_bytes|word\b)/],
  [bytesAsWords, /\bi8x\d|\b(WIDEN|NARROW)\d/],
];
/** What stands once at the top of a file of these kernels. */
export const preambleOf = (kernels: readonly string[]): string => [base, ...sections.flatMap(([text, words]) => (kernels.some((k) => words.test(k)) ? [text] : []))].join("");
