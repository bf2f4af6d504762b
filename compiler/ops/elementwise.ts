/** Operators of one value: out[i] = f(in[i]). */
import { make, not } from "../ir/algebra.ts";
import { constant, type Expr, type ScalarOp } from "../ir/scalar.ts";
import type { DType } from "../ir/types.ts";
import { choice } from "./checks.ts";
import { anyType, expectType, floats, integers, like, numbers, operand, signedNumbers, unsigned } from "./helpers.ts";
import * as f from "./formulas.ts";
import { samePart } from "./sequences.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";

interface Form {
  readonly types?: readonly DType[];
  /** Of the output; that of the input without it. */
  readonly result?: DType;
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  /** Fails where attributes are wrong. */
  readonly check?: (n: NodeView) => void;
}
/** An entry from the formula for one element. */
const unary = (name: string, since: number, formula: (x: Expr, n: NodeView) => Expr, form: Form = {}): Op => ({
  name, since, inputs: [1, 1], ...(form.attributes ? { attributes: form.attributes } : {}),
  infer: (n) => {
    expectType(n, 0, form.types ?? floats);
    form.check?.(n);
    return [{ dtype: form.result ?? n.type(0).dtype, shape: n.type(0).shape }];
  },
  lower: (n) => n.map((index) => formula(n.load(0, index), n)),
});
const scalar = (name: string, since: number, op: ScalarOp, form?: Form): Op => unary(name, since, (x) => make(op, x), form);
const float = (value: number): AttributeSpec => ({ kind: "float", default: value });
const int = (value: number): AttributeSpec => ({ kind: "int", default: value });

/** Operators of one value. */
export const elementwise: readonly Op[] = [
  { ...unary("Identity", 25, (x) => x, { types: anyType }), resolve: samePart },
  unary("Abs", 13, (x, n) => (unsigned.includes(n.in(0).dtype) ? x : f.abs(x)), { types: numbers }),
  scalar("Neg", 13, "neg", { types: signedNumbers }),
  unary("Sign", 13, f.sign, { types: numbers }),
  scalar("Exp", 13, "exp"), scalar("Log", 13, "log"), scalar("Sqrt", 13, "sqrt"), scalar("Erf", 13, "erf"),
  unary("Reciprocal", 13, (x) => make("div", like(x, 1), x)),
  scalar("Floor", 13, "floor"), scalar("Ceil", 13, "ceil"), scalar("Round", 22, "round"),
  scalar("Sin", 22, "sin"), scalar("Cos", 22, "cos"), scalar("Tan", 22, "tan"),
  scalar("Asin", 22, "asin"), scalar("Acos", 22, "acos"), scalar("Atan", 22, "atan"),
  scalar("Sinh", 22, "sinh"), scalar("Cosh", 22, "cosh"), scalar("Tanh", 13, "tanh"),
  scalar("Asinh", 22, "asinh"), scalar("Acosh", 22, "acosh"), scalar("Atanh", 22, "atanh"),
  unary("Not", 1, not, { types: ["bool"] }),
  scalar("BitwiseNot", 18, "bitNot", { types: integers }),
  unary("IsNaN", 20, f.isNaN, { result: "bool" }),
  unary("IsInf", 20, (x, n) => {
    const is = (name: string, value: number) => (n.int(name) ? make("equal", x, like(x, value)) : constant("bool", 0));
    return make("or", is("detect_positive", Infinity), is("detect_negative", -Infinity));
  }, { result: "bool", attributes: { detect_positive: int(1), detect_negative: int(1) } }),

  unary("Relu", 14, f.relu, { types: signedNumbers }),
  unary("LeakyRelu", 16, (x, n) => f.leakyRelu(x, like(x, n.float("alpha"))), { attributes: { alpha: float(0.01) } }),
  unary("ThresholdedRelu", 22, (x, n) => f.thresholdedRelu(x, n.float("alpha")), { attributes: { alpha: float(1) } }),
  unary("Elu", 22, (x, n) => f.elu(x, n.float("alpha")), { attributes: { alpha: float(1) } }),
  unary("Selu", 22, (x, n) => f.selu(x, n.float("alpha"), n.float("gamma")),
    { attributes: { alpha: float(1.6732631921768188), gamma: float(1.0507010221481323) } }),
  unary("Celu", 12, (x, n) => f.celu(x, n.float("alpha")), { attributes: { alpha: float(1) } }),
  unary("Sigmoid", 13, f.sigmoid),
  unary("HardSigmoid", 22, (x, n) => f.hardSigmoid(x, n.float("alpha"), n.float("beta")), { attributes: { alpha: float(0.2), beta: float(0.5) } }),
  unary("HardSwish", 22, f.hardSwish),
  unary("Softplus", 22, f.softplus), unary("Softsign", 22, f.softsign), unary("Mish", 22, f.mish),
  unary("Swish", 24, (x, n) => f.swish(x, n.float("alpha")), { attributes: { alpha: float(1) } }),
  unary("Shrink", 9, (x, n) => f.shrink(x, n.float("bias"), n.float("lambd")), { types: numbers, attributes: { bias: float(0), lambd: float(0.5) } }),
  unary("Gelu", 20, (x, n) => (n.string("approximate") === "tanh" ? f.geluTanh(x) : f.gelu(x)), {
    attributes: { approximate: { kind: "string", default: "none" } }, check: (n) => { choice(n, "approximate", ["none", "tanh"]); },
  }),
  {
    name: "Clip", since: 13, inputs: [1, 3],
    infer: (n) => {
      for (const i of [0, 1, 2]) expectType(n, i, numbers);
      for (const i of [1, 2]) {
        if (!n.has(i)) continue;
        if (n.in(i).dtype !== n.type(0).dtype) n.fail(`bound ${n.node.inputs[i]} is ${n.in(i).dtype}, but the input is ${n.type(0).dtype}`);
        if (n.in(i).shape.some((d) => d !== 1)) n.fail(`bound ${n.node.inputs[i]} must be one number`);
      }
      return [n.type(0)];
    },
    lower: (n) => n.map((index) => {
      const low = n.has(1) ? f.max(n.load(0, index), operand(n, 1, n.in(1).shape.map(() => constant("index", 0)))) : n.load(0, index);
      return n.has(2) ? f.min(low, operand(n, 2, n.in(2).shape.map(() => constant("index", 0)))) : low;
    }),
  },
];
