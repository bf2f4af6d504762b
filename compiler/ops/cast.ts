/** Changes of element type. */
import { convert, less, make, select } from "../ir/algebra.ts";
import { bitsTypeOf, decoded, decodedByBits, encoded } from "../ir/codec.ts";
import type { Compute } from "../ir/compute.ts";
import { isSmallFloat, largest } from "../ir/formats.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { elementTypes, isFloat, onnxTypeName, typeOfOnnx, types, type DType } from "../ir/types.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";

const saturation: Readonly<Record<string, AttributeSpec>> = { saturate: { kind: "int", default: 1 }, round_mode: { kind: "string", default: "up" } };
const supported = elementTypes.map((t) => onnxTypeName(types[t].onnx)).join(", ");
const number = (t: DType | undefined): DType | undefined => (t === "string" ? undefined : t);
const target = (n: NodeView): DType => number(typeOfOnnx(n.int("to")))
  ?? n.fail(`attribute to is ${n.int("to")}: the element type ${onnxTypeName(n.int("to"))} is not supported`, `supported are ${supported}`);

/** The bits of a value whose type in the model is `from`, as an integer of its size. */
function bitsOf(from: DType, x: Expr): Expr {
  if (isSmallFloat(from)) return encoded(from, x);
  return from === "f32" ? make("toBits", x) : from === "f64" ? make("toBits64", x) : x;
}
/** The value of type `to` with these bits; of a small float as f32. */
function ofBits(to: DType, bits: Expr): Expr {
  if (isSmallFloat(to)) return decoded(to, convert(bitsTypeOf(to), bits));
  return to === "f32" ? make("bits", convert("i32", bits)) : to === "f64" ? make("bits64", convert("i64", bits)) : convert(to, bits);
}

/**
 * The value in another type. What an 8-bit float cannot hold becomes its largest number where it shall saturate, or else infinity or NaN.
 * Integers of a few bits are cut from wider ones.
 */
export function castTo(to: DType, x: Expr, saturate: boolean, roundMode = "nearest"): Expr {
  if (to === "f8e8m0") return toScale(convert("f32", x), saturate, roundMode);
  if (isSmallFloat(to) && types[to].bits === 8 && saturate) {
    const wide = x.dtype === "f64" ? x : convert("f32", x), most = (sign: number) => constant(wide.dtype, sign * largest(to));
    return convert(to, make("max", make("min", wide, most(1)), most(-1)));
  }
  return convert(to, isFloat(x.dtype) && types[to].bits < 8 && !isFloat(to) ? convert("i32", x) : x);
}
/** The power of two that stands for an f32, whose sign does not count; NaN of what is none, and of infinity. */
function toScale(x: Expr, saturate: boolean, roundMode: string): Expr {
  const i32 = (v: number) => constant("i32", v), bits = make("and", make("toBits", x), i32(0x7fffffff)), power = make("shr", bits, i32(23)), rest = make("and", bits, i32(0x7fffff));
  const middle = i32(0x400000), isOver = roundMode === "up" ? less(i32(0), rest) : make("or", less(middle, rest), make("and", make("equal", rest, middle), less(i32(0), power)));
  const up = roundMode === "down" ? constant("bool", 0) : make("and", isOver, less(power, i32(saturate ? 254 : 255)));
  return convert("f8e8m0", decodedByBits("f8e8m0", make("add", power, select(up, i32(1), i32(0)))));
}
const cast = (n: NodeView): Compute => n.map((index) => castTo(n.stored.out().dtype, n.load(0, index), n.int("saturate") !== 0, n.string("round_mode")));

/** Cast, CastLike, BitCast. */
export const casts: readonly Op[] = [
  {
    name: "Cast", since: 25, inputs: [1, 1], attributes: { to: { kind: "int" }, ...saturation },
    infer: (n) => [{ dtype: target(n), shape: n.type(0).shape }],
    lower: cast,
  },
  {
    name: "CastLike", since: 25, inputs: [2, 2], attributes: saturation,
    infer: (n) => [{ dtype: n.type(1).dtype, shape: n.type(0).shape }],
    lower: cast,
  },
  {
    name: "BitCast", since: 26, inputs: [1, 1], attributes: { to: { kind: "int" } },
    infer: (n) => {
      const to = target(n), { dtype, shape } = n.type(0), [from, into] = [dtype, to].map((t) => types[t].bits);
      if (from !== into) n.fail(`cannot see the bits of ${dtype} as ${to}: ${from} bits are not ${into}`);
      return [{ dtype: to, shape }];
    },
    lower: (n) => n.map((index) => {
      const [from, to] = [n.stored.in(0).dtype, n.stored.out().dtype], x = n.load(0, index);
      return from === to ? x : ofBits(to, bitsOf(from, x));
    }),
  },
];
