/** Operators of several values that broadcast: out[i] = f(a[i], b[i], ..). */
import { convert, div, less, make, select } from "../ir/algebra.ts";
import type { Expr, ScalarOp } from "../ir/scalar.ts";
import { isFloat, types, type DType } from "../ir/types.ts";
import { anyType, broadcastInputs, expectSameType, expectType, integers, like, numbers, operand, showShape, uniform, unsigned } from "./helpers.ts";
import { modulo, wholePower } from "./formulas.ts";
import type { NodeView, Op } from "./op.ts";

interface Form extends Partial<Pick<Op, "attributes" | "inputs">> {
  readonly types?: readonly DType[];
  readonly result?: DType;
  /** Checks beyond types and shapes. */
  readonly check?: (n: NodeView) => void;
}
/** All inputs have one type; `formula` gets one value of each. */
const nary = (name: string, since: number, formula: (values: readonly Expr[], n: NodeView) => Expr, form: Form = {}): Op => ({
  name, since, inputs: form.inputs ?? [2, 2], ...(form.attributes ? { attributes: form.attributes } : {}),
  infer: (n) => {
    n.inputs.forEach((_, i) => expectType(n, i, form.types ?? numbers));
    expectSameType(n);
    form.check?.(n);
    return [{ dtype: form.result ?? n.type(0).dtype, shape: broadcastInputs(n) }];
  },
  lower: (n) => n.map((index) => formula(n.inputs.map((_, i) => operand(n, i, index)), n)),
});
const binary = (name: string, since: number, formula: (a: Expr, b: Expr, n: NodeView) => Expr, form?: Form): Op =>
  nary(name, since, ([a, b], n) => formula(a!, b!, n), form);
const pair = (name: string, since: number, op: ScalarOp, form?: Form): Op => binary(name, since, (a, b) => make(op, a, b), form);
const fold = (name: string, since: number, op: ScalarOp, finish: (x: Expr, count: number) => Expr = (x) => x): Op =>
  nary(name, since, (list) => finish(list.reduce((a, b) => make(op, a, b)), list.length), { inputs: [1, Infinity] });
const logical: Form = { types: ["bool"] }, bitwise: Form = { types: integers };
const comparison: Form = { result: "bool" };

/** x^exponent by products and a root, for the exponents of real models; null for others. */
function shortPower(x: Expr, exponent: number): Expr | null {
  const size = Math.abs(exponent), short = size === 0.5 && isFloat(x.dtype) ? make("sqrt", x) : wholePower(x, size);
  return short && exponent < 0 ? (isFloat(x.dtype) ? div(like(x, 1), short) : null) : short;
}
/** By f64 unless all is float: a whole result up to 2^53 is then exact. */
function power(n: NodeView, index: readonly Expr[]): Expr {
  const x = operand(n, 0, index), exponent = uniform(n, 1), short = exponent === undefined ? null : shortPower(x, Number(exponent));
  if (short) return short;
  const y = operand(n, 1, index), within: DType = isFloat(x.dtype) ? x.dtype : "f64";
  return convert(x.dtype, make("pow", convert(within, x), convert(within, y)));
}
/** Amounts of all bits or more give 0. */
function shift(op: "shl" | "shr", a: Expr, b: Expr): Expr {
  const bits = types[a.dtype].bytes * 8;
  return select(less(b, like(b, bits)), make(op, a, make("and", b, like(b, bits - 1))), like(a, 0));
}

/** Operators of several values that broadcast. */
export const arithmetic: readonly Op[] = [
  pair("Add", 14, "add"), pair("Sub", 14, "sub"), pair("Mul", 14, "mul"), pair("Div", 14, "div"),
  fold("Max", 13, "max"), fold("Min", 13, "min"), fold("Sum", 13, "add"), fold("Mean", 13, "add", (x, count) => div(x, like(x, count))),
  pair("And", 7, "and", logical), pair("Or", 7, "or", logical), pair("Xor", 7, "xor", logical),
  pair("BitwiseAnd", 18, "and", bitwise), pair("BitwiseOr", 18, "or", bitwise), pair("BitwiseXor", 18, "xor", bitwise),
  pair("Equal", 19, "equal", { types: anyType, result: "bool" }),
  pair("Less", 13, "less", comparison), pair("LessOrEqual", 16, "lessEqual", comparison),
  binary("Greater", 13, (a, b) => make("less", b, a), comparison),
  binary("GreaterOrEqual", 16, (a, b) => make("lessEqual", b, a), comparison),
  binary("Mod", 13, (a, b, n) => (n.int("fmod") ? make("fmod", a, b) : modulo(a, b)), {
    attributes: { fmod: { kind: "int", default: 0 } },
    check: (n) => {
      if (isFloat(n.type(0).dtype) && !n.int("fmod")) n.fail(`Mod of ${n.type(0).dtype} needs fmod = 1`, "set fmod to 1, or cast to an integer type");
    },
  }),
  binary("BitShift", 11, (a, b, n) => shift(n.string("direction") === "LEFT" ? "shl" : "shr", a, b), {
    types: unsigned, attributes: { direction: { kind: "string" } },
    check: (n) => {
      const direction = n.string("direction");
      if (direction === "LEFT" || direction === "RIGHT") return;
      n.fail(`attribute direction is ${JSON.stringify(direction)}; allowed are "LEFT" and "RIGHT"`);
    },
  }),
  {
    name: "Pow", since: 15, inputs: [2, 2],
    infer: (n) => {
      expectType(n, 0, numbers);
      expectType(n, 1, numbers);
      return [{ dtype: n.type(0).dtype, shape: broadcastInputs(n) }];
    },
    lower: (n) => n.map((index) => power(n, index)),
  },
  {
    name: "PRelu", since: 16, inputs: [2, 2],
    infer: (n) => {
      n.inputs.forEach((_, i) => expectType(n, i, numbers));
      expectSameType(n);
      const shape = broadcastInputs(n), own = n.type(0).shape;
      if (shape.length !== own.length || shape.some((s, d) => !n.same(s, own[d]!))) {
        n.fail(`slope of shape ${showShape(n.type(1).shape)} does not broadcast to the input's shape ${showShape(own)}`);
      }
      return [n.type(0)];
    },
    lower: (n) => n.map((index) => {
      const x = operand(n, 0, index);
      return select(less(x, like(x, 0)), make("mul", x, operand(n, 1, index)), x);
    }),
  },
  {
    name: "Where", since: 16, inputs: [3, 3],
    infer: (n) => {
      expectType(n, 0, ["bool"]);
      expectSameType(n, 1);
      return [{ dtype: n.type(1).dtype, shape: broadcastInputs(n) }];
    },
    lower: (n) => n.map((index) => select(operand(n, 0, index), operand(n, 1, index), operand(n, 2, index))),
  },
];
