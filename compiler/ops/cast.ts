/** Changes of element type. */
import { convert, make } from "../ir/algebra.ts";
import { variable, type Expr } from "../ir/scalar.ts";
import { elementTypes, onnxTypeName, typeOfOnnx, types, type DType } from "../ir/types.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";

const saturation: Readonly<Record<string, AttributeSpec>> = { saturate: { kind: "int", default: 1 }, round_mode: { kind: "string", default: "up" } };
const supported = elementTypes.map((t) => onnxTypeName(types[t].onnx)).join(", ");
const number = (t: DType | undefined): DType | undefined => (t === "string" ? undefined : t);
const target = (n: NodeView): DType => number(typeOfOnnx(n.int("to")))
  ?? n.fail(`attribute to is ${n.int("to")}: the element type ${onnxTypeName(n.int("to"))} is not supported`, `supported are ${supported}`);

/** The same bits in another type of the same size; null where no scalar operator says it. */
function bitcast(dtype: DType, x: Expr): Expr | null {
  const [from, to] = [types[x.dtype], types[dtype]];
  if (x.dtype === dtype) return x;
  if (from.bytes !== to.bytes || dtype === "bool") return null;
  if (from.kind === "float") return x.dtype === "f32" ? convert(dtype, make("toBits", x)) : null;
  if (to.kind === "float") return dtype === "f32" ? make("bits", convert("i32", x)) : null;
  return convert(dtype, x);
}

/** Cast, CastLike, BitCast. */
export const casts: readonly Op[] = [
  {
    name: "Cast", since: 25, inputs: [1, 1], attributes: { to: { kind: "int" }, ...saturation },
    infer: (n) => [{ dtype: target(n), shape: n.type(0).shape }],
    lower: (n) => n.map((index) => convert(n.out().dtype, n.load(0, index))),
  },
  {
    name: "CastLike", since: 25, inputs: [2, 2], attributes: saturation,
    infer: (n) => [{ dtype: n.type(1).dtype, shape: n.type(0).shape }],
    lower: (n) => n.map((index) => convert(n.out().dtype, n.load(0, index))),
  },
  {
    name: "BitCast", since: 26, inputs: [1, 1], attributes: { to: { kind: "int" } },
    infer: (n) => {
      const to = target(n), { dtype, shape } = n.type(0);
      const [from, into] = [dtype, to].map((t) => types[t].bytes);
      if (from !== into) n.fail(`cannot see the bits of ${dtype} as ${to}: ${from} bytes are not ${into}`);
      if (!bitcast(to, variable(dtype, "x"))) {
        n.fail(`the bits of ${dtype} as ${to} cannot be had`, "supported are integers of one size, and f32 with 32-bit integers");
      }
      return [{ dtype: to, shape }];
    },
    lower: (n) => n.map((index) => bitcast(n.out().dtype, n.load(0, index))!),
  },
];
