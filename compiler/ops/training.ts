/** ai.onnx.preview.training: one step of an optimiser, by the formulas of ONNX's text. */
import type { TensorType } from "../ir/graph.ts";
import { choice, expectOne, expectShape } from "./checks.ts";
import { expectType, floats, forOutputs } from "./helpers.ts";
import type { AttributeSpec, Expander, NodeView, Op } from "./op.ts";

const accuracy = { relative: 1e-5, absolute: 1e-7, reason: "a few operations on floats" } as const;
const float = (otherwise?: number): AttributeSpec => ({ kind: "float", ...(otherwise === undefined ? {} : { default: otherwise }) });
/** Arithmetic on values by name, in the type of the variables. */
function calculator(g: Expander, like: string) {
  const { dtype } = g.type(like), of = (x: string | number): string => (typeof x === "number" ? g.constant(dtype, [], [x]) : g.type(x).dtype === dtype ? x : g.node("Cast", [x], { to: dtype === "f64" ? 11 : 1 }));
  const op = (name: string) => (a: string | number, b: string | number): string => g.node(name, [of(a), of(b)]);
  return { add: op("Add"), sub: op("Sub"), mul: op("Mul"), div: op("Div"), pow: op("Pow"), isMore: op("Greater"), sqrt: (x: string) => g.node("Sqrt", [x]), where: (c: string, a: string | number, b: string | number) => g.node("Where", [c, of(a), of(b)]) };
}
type Calculator = ReturnType<typeof calculator>;
interface Step { readonly name: string; readonly states: number; readonly attributes: Readonly<Record<string, AttributeSpec>>; readonly check?: (n: NodeView) => unknown; readonly step: (n: NodeView, c: Calculator, rate: string, count: string, values: readonly string[]) => readonly string[] }
/** R, T, then variables, their gradients and each of their states -> the variables and states after the step. */
const optimiser = ({ name, states, attributes, check, step }: Step): Op => ({
  name: `ai.onnx.preview.training.${name}`, since: 1, inputs: [4 + states, Infinity], outputs: [1 + states, Infinity], accuracy, attributes,
  infer: (n): readonly TensorType[] => {
    const kinds = states + 2, count = (n.inputs.length - 2) / kinds;
    check?.(n);
    expectType(n, 0, floats);
    expectType(n, 1, ["i64"]);
    for (const i of [0, 1]) expectOne(n, i);
    if (!Number.isInteger(count)) n.fail(`${n.inputs.length - 2} tensors are not ${kinds} for each variable`);
    for (let i = 2; i < n.inputs.length; i++) {
      expectType(n, i, floats);
      expectShape(n, i, n.in(2 + ((i - 2) % count)).shape, "a gradient or state");
    }
    return forOutputs(n, Array.from({ length: 1 + states }, (_, k) => Array.from({ length: count }, (_, v) => n.in(2 + (k === 0 ? 0 : k + 1) * count + v))).flat());
  },
  expand: (n, g) => {
    const count = (n.inputs.length - 2) / (states + 2), scalar = (i: number): string => (n.in(i).shape.length ? g.node("Reshape", [n.node.inputs[i]!, g.constant("i64", [0], [])]) : n.node.inputs[i]!);
    const rate = scalar(0), turns = scalar(1);
    const made = Array.from({ length: count }, (_, v) => {
      const values = Array.from({ length: states + 2 }, (_, k) => n.node.inputs[2 + k * count + v]!);
      return step(n, calculator(g, values[0]!), rate, turns, values);
    });
    return Array.from({ length: 1 + states }, (_, k) => made.map((m) => m[k]!)).flat().slice(0, n.node.outputs.length);
  },
});
/** The gradient of norm / 2 |x|^2 added. */
const regularised = (n: NodeView, c: Calculator, x: string, gradient: string): string => (n.float("norm_coefficient") === 0 ? gradient : c.add(c.mul(x, n.float("norm_coefficient")), gradient));

const momentum = (n: NodeView) => choice(n, "mode", ["standard", "nesterov"]);

/** Adagrad, Adam, Momentum. */
export const optimisers: readonly Op[] = [
  optimiser({
    name: "Adagrad", states: 1, attributes: { decay_factor: float(0), epsilon: float(1e-6), norm_coefficient: float(0) },
    step: (n, c, rate, count, [x, gradient, h]) => {
      const r = c.div(rate, c.add(c.mul(count, n.float("decay_factor")), 1)), whole = regularised(n, c, x!, gradient!), next = c.add(h!, c.mul(whole, whole));
      return [c.sub(x!, c.div(c.mul(r, whole), c.add(c.sqrt(next), n.float("epsilon")))), next];
    },
  }),
  optimiser({
    name: "Adam", states: 2, attributes: { alpha: float(0.9), beta: float(0.999), epsilon: float(1e-6), norm_coefficient: float(0), norm_coefficient_post: float(0) },
    step: (n, c, rate, count, [x, gradient, v, h]) => {
      const alpha = n.float("alpha"), beta = n.float("beta"), whole = regularised(n, c, x!, gradient!);
      const mean = c.add(c.mul(v!, alpha), c.mul(whole, 1 - alpha)), square = c.add(c.mul(h!, beta), c.mul(c.mul(whole, whole), 1 - beta));
      const corrected = c.div(c.mul(rate, c.sqrt(c.sub(1, c.pow(beta, count)))), c.sub(1, c.pow(alpha, count))), r = c.where(c.isMore(count, 0), corrected, rate);
      const moved = c.sub(x!, c.mul(r, c.div(mean, c.add(c.sqrt(square), n.float("epsilon"))))), post = n.float("norm_coefficient_post");
      return [post === 0 ? moved : c.mul(moved, 1 - post), mean, square];
    },
  }),
  optimiser({
    name: "Momentum", states: 1, attributes: { alpha: float(), beta: float(), mode: { kind: "string" }, norm_coefficient: float() }, check: momentum,
    step: (n, c, rate, count, [x, gradient, v]) => {
      const whole = regularised(n, c, x!, gradient!), beta = c.where(c.isMore(count, 0), n.float("beta"), 1), next = c.add(c.mul(v!, n.float("alpha")), c.mul(beta, whole));
      const direction = momentum(n) === "standard" ? next : c.add(whole, c.mul(next, n.float("alpha")));
      return [c.sub(x!, c.mul(rate, direction)), next];
    },
  }),
];
