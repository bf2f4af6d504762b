/**
 * Small floats as expressions: from their bits to an f32 and back, and an f32 rounded to one of them, in terms of whole numbers,
 * comparisons and selects, exactly as in formats.ts. NaN keeps its sign where the format has one.
 */
import { add, convert, f32, less, make, mul, select, sub } from "./algebra.ts";
import { formats, isSmallFloat, largest, type SmallFloat } from "./formats.ts";
import { constant, type Expr } from "./scalar.ts";
import type { DType } from "./types.ts";

const i32 = (x: number): Expr => constant("i32", x);
const both = (op: "add" | "sub" | "and" | "or" | "shl" | "shr", a: Expr, b: number): Expr => make(op, a, i32(b));
const bitsOf = (x: Expr): Expr => make("toBits", x);
const floatOf = (bits: Expr): Expr => make("bits", bits);
const sizeMask = 0x7fffffff, infinity = 0x7f800000, signMask = -(2 ** 31);

/** The bits of a small float in memory. */
export const bitsTypeOf = (t: SmallFloat): DType => (formats[t].exponent + formats[t].mantissa > 8 ? "u16" : "u8");
/** The f32 that has the value of the small float with these bits, of type u8 or u16. */
export function decoded(t: SmallFloat, bits: Expr): Expr {
  if (t === "f16") return make("fromHalf", bits);
  return decodedByBits(t, convert("i32", bits));
}
/** The same from an i32, without the operator for f16. */
export function decodedByBits(t: SmallFloat, code: Expr): Expr {
  const { exponent, mantissa: m, bias, special } = formats[t], width = 1 + exponent + m;
  if (t === "bf16") return floatOf(both("shl", code, 16));
  if (special === "scale") return select(make("equal", code, i32(255)), f32(Number.NaN), select(make("equal", code, i32(0)), f32(2 ** -127), floatOf(both("shl", code, 23))));
  const low = both("and", code, 2 ** (width - 1) - 1), sign = both("shl", both("and", code, 2 ** (width - 1)), 32 - width), wide = both("shl", low, 23 - m);
  const tiny = bitsOf(mul(convert("f32", low), f32(2 ** (1 - bias - m)))), finite = select(less(low, i32(2 ** m)), tiny, both("add", wide, (127 - bias) * 2 ** 23));
  const top = (2 ** exponent - 1) * 2 ** m, nan = i32(0x7fc00000);
  switch (special) {
    case "ieee": return floatOf(make("or", select(less(low, i32(top)), finite, both("or", wide, infinity)), sign));
    case "nan": return floatOf(make("or", select(make("equal", low, i32(top + 2 ** m - 1)), nan, finite), sign));
    case "unsigned zero": return floatOf(select(make("equal", code, i32(2 ** (width - 1))), nan, make("or", finite, sign)));
    case "finite": return floatOf(make("or", finite, sign));
    default: return special satisfies never;
  }
}
/** The bits, of type u8 or u16, of the small float nearest to an f32; see `encode` in formats.ts. */
export const encoded = (t: SmallFloat, x: Expr): Expr => (t === "f16" ? make("toHalf", x) : convert(bitsTypeOf(t), encodedByBits(t, x)));
/** The same as an i32, without the operator for f16. */
export function encodedByBits(t: SmallFloat, x: Expr): Expr {
  const { exponent, mantissa: m, bias, special } = formats[t], width = 1 + exponent + m, bits = bitsOf(x), size = both("and", bits, sizeMask);
  const isNan = less(i32(infinity), size);
  if (special === "scale") {
    // Below the normal numbers of f32, powers lie in its mantissa.
    const middle = select(less(size, i32(2 ** 23)), i32(2 ** 21), i32(2 ** 22)), isNone = make("or", less(i32(infinity - 1), size), make("and", less(bits, i32(0)), less(i32(0), size)));
    return select(isNone, i32(255), both("shr", make("add", size, middle), 23));
  }
  const sign = both("and", both("shr", bits, 32 - width), 2 ** (width - 1)), top = (2 ** exponent - 1) * 2 ** m, cut = 23 - m;
  const even = both("and", both("shr", size, cut), 1), whole = both("shr", make("add", both("add", size, 2 ** (cut - 1) - 1 - (127 - bias) * 2 ** 23), even), cut);
  const code = bias === 127 ? whole : select(less(size, i32((128 - bias) * 2 ** 23)), sub(bitsOf(add(floatOf(size), f32(tinyRound(t)))), bitsOf(f32(tinyRound(t)))), whole);
  switch (special) {
    case "ieee": return make("or", select(isNan, i32(top + 2 ** (m - 1)), make("min", code, i32(top))), sign);
    case "nan": return make("or", make("min", code, i32(top + 2 ** m - 1)), sign);
    case "unsigned zero": {
      const kept = make("min", code, i32(2 ** (width - 1)));
      return select(make("or", make("equal", kept, i32(0)), make("equal", kept, i32(2 ** (width - 1)))), kept, make("or", kept, sign));
    }
    case "finite": return select(isNan, i32(2 ** (width - 1)), make("or", make("min", code, i32(top + 2 ** m - 1)), sign));
    default: return special satisfies never;
  }
}
/** Added to a size below the smallest normal number, it leaves no digit behind the last that the format has there. */
const tinyRound = (t: SmallFloat): number => 2 ** (24 - formats[t].bias - formats[t].mantissa);
/** An f32 as the f32 nearest to it that the type holds. */
export function rounded(t: SmallFloat, x: Expr): Expr {
  const { mantissa: m, bias, special } = formats[t];
  if (special === "scale") return decodedByBits(t, encodedByBits(t, x));
  const bits = bitsOf(x), size = both("and", bits, sizeMask), sign = both("and", bits, signMask), cut = 23 - m;
  const even = both("and", both("shr", size, cut), 1), whole = both("and", make("add", both("add", size, 2 ** (cut - 1) - 1), even), -(2 ** cut));
  // No sum whose second half takes the first back: compilers of shaders leave both out.
  const unit = 2 ** (1 - bias - m), tiny = bitsOf(mul(make("round", mul(floatOf(size), f32(1 / unit))), f32(unit))), isTiny = less(size, i32((128 - bias) * 2 ** 23));
  const finite = bias === 127 ? whole : select(isTiny, tiny, whole), isNan = less(i32(infinity), size);
  const max = bitsIn(largest(t)), beyond = special === "ieee" ? infinity : special === "finite" ? max : 0x7fc00000;
  const held = bias === 127 ? finite : select(less(i32(max), finite), i32(beyond), finite), kept = select(isNan, special === "finite" ? i32(0) : i32(0x7fc00000), held);
  if (special === "finite") return floatOf(make("or", kept, select(isNan, i32(signMask), sign)));
  return floatOf(special === "unsigned zero" ? select(make("equal", kept, i32(0)), kept, make("or", kept, sign)) : make("or", kept, sign));
}
const word = new DataView(new ArrayBuffer(4));
const bitsIn = (x: number): number => (word.setFloat32(0, x), word.getInt32(0));

/** An f64 as an f32 whose last bit tells whether something was lost: rounding it further gives what rounding the f64 at once would. */
function toOdd(x: Expr): Expr {
  const near = convert("f32", x), back = convert("f64", near), bits = bitsOf(near), isOver = less(make("abs", x), make("abs", back));
  const below = sub(bits, select(isOver, i32(1), i32(0)));
  return select(make("equal", x, back), near, floatOf(both("or", below, 1)));
}
/** A value of any type as an f32 that rounds to the same small float. */
const nearly = (x: Expr): Expr => (x.dtype === "f64" ? toOdd(x) : convert("f32", x));
/** Conversions between types, of which one at least is a small float given by its bits: from `x`, which has the type `from`, bits where that is small. */
export function converted(from: DType, to: DType, x: Expr): Expr {
  const value = isSmallFloat(from) ? decoded(from, x) : x;
  return isSmallFloat(to) ? encoded(to, nearly(value)) : convert(to, value);
}
/** A value as the f32 nearest to it that the small type holds. */
export const roundedTo = (t: SmallFloat, x: Expr): Expr => rounded(t, nearly(x));
