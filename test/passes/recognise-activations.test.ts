import { describe, expect, test } from "vitest";
import { recogniseActivations } from "../../compiler/passes/graph/recognise-activations.ts";
import { Builder, check, only, operators } from "./graphs.ts";

type Form = (b: Builder, x: string) => string;
const erfOf: Form = (b, x) => b.op("Add", [b.op("Erf", [b.op("Div", [x, b.scalar(Math.SQRT2)])]), b.scalar(1)]);
const cubic: Form = (b, x) => b.op("Mul", [b.scalar(0.7978845608), b.op("Add", [x, b.op("Mul", [b.scalar(0.044715), b.op("Pow", [x, b.scalar(3)])])])]);
const factored: Form = (b, x) => b.op("Mul", [b.op("Mul", [x, b.scalar(0.79788456)]), b.op("Add", [b.op("Mul", [b.op("Mul", [x, x]), b.scalar(0.044715)]), b.scalar(1)])]);
const tanhOf = (inner: Form): Form => (b, x) => b.op("Add", [b.scalar(1), b.op("Tanh", [inner(b, x)])]);
const half = (f: Form): readonly Form[] => [
  (b, x) => b.op("Mul", [b.op("Mul", [x, f(b, x)]), b.scalar(0.5)]),
  (b, x) => b.op("Mul", [b.op("Mul", [x, b.scalar(0.5)]), f(b, x)]),
  (b, x) => b.op("Mul", [x, b.op("Mul", [b.scalar(0.5), f(b, x)])]),
  (b, x) => b.op("Div", [b.op("Mul", [f(b, x), x]), b.scalar(2)]),
];
const clip6 = (b: Builder, u: string) => b.op("Clip", [u, b.scalar(0), b.scalar(6)]);
const plus3: Form = (b, x) => b.op("Add", [x, b.scalar(3)]);
const softplus: Form = (b, x) => b.op("Log", [b.op("Add", [b.op("Exp", [x]), b.scalar(1)])]);

const forms: Readonly<Record<string, readonly Form[]>> = {
  Gelu: [...half(erfOf), ...half(tanhOf(cubic)), ...half(tanhOf(factored)),
    (b, x) => b.op("Mul", [b.op("Mul", [x, b.scalar(0.5)]), b.op("Add", [b.op("Erf", [b.op("Mul", [x, b.scalar(Math.SQRT1_2)])]), b.scalar(1)])])],
  Swish: [(b, x) => b.op("Mul", [x, b.op("Sigmoid", [x])]), (b, x) => b.op("Mul", [b.op("Sigmoid", [b.op("Mul", [x, b.scalar(1.702)])]), x])],
  HardSwish: [
    (b, x) => b.op("Div", [b.op("Mul", [x, clip6(b, plus3(b, x))]), b.scalar(6)]), (b, x) => b.op("Mul", [x, b.op("Div", [clip6(b, plus3(b, x)), b.scalar(6)])]),
    (b, x) => b.op("Mul", [x, b.op("HardSigmoid", [x], { alpha: 1 / 6 })]),
  ],
  HardSigmoid: [
    (b, x) => b.op("Div", [clip6(b, plus3(b, x)), b.scalar(6)]), (b, x) => b.op("Mul", [b.scalar(1 / 6), clip6(b, plus3(b, x))]),
    (b, x) => b.op("Clip", [b.op("Add", [b.op("Mul", [x, b.scalar(0.25)]), b.scalar(0.5)]), b.scalar(0), b.scalar(1)]),
  ],
  Sigmoid: [
    (b, x) => b.op("Div", [b.scalar(1), b.op("Add", [b.scalar(1), b.op("Exp", [b.op("Neg", [x])])])]),
    (b, x) => b.op("Reciprocal", [b.op("Add", [b.op("Exp", [b.op("Neg", [x])]), b.scalar(1)])]),
  ],
  Softplus: [softplus],
  Mish: [(b, x) => b.op("Mul", [x, b.op("Tanh", [b.op("Softplus", [x])])])],
};

describe.each(Object.keys(forms))("%s", (op) => {
  test.each(forms[op]!.map((f, i) => [i, f] as const))("form %i", (_, form) => {
    const b = new Builder(), x = b.op("Mul", [b.input("x", [40]), b.input("y", [40])]), after = check(b.graph(form(b, x)), recogniseActivations);
    expect(operators(after)).toEqual(["Mul", op]);
  });
});
test("attributes", () => {
  const b = new Builder(), x = b.input("x", [8]), after = (y: string, op: string) => only(recogniseActivations(b.graph(y)), op).attributes;
  expect(after(half(tanhOf(cubic))[0]!(b, x), "Gelu")).toEqual({ approximate: "tanh" });
  expect(after(half(erfOf)[0]!(b, x), "Gelu")).toEqual({});
  expect(after(forms.Swish![1]!(b, x), "Swish").alpha).toBeCloseTo(1.702, 5);
});
test("near misses stay", () => {
  const b = new Builder(), x = b.input("x", [8]), y = b.input("y", [8]);
  const wrong = [
    b.op("Mul", [b.op("Mul", [x, b.scalar(0.4)]), erfOf(b, x)]), b.op("Mul", [b.op("Mul", [y, b.scalar(0.5)]), erfOf(b, x)]),
    b.op("Mul", [x, b.op("Sigmoid", [y])]), b.op("Mul", [x, b.op("Sigmoid", [plus3(b, x)])]),
    b.op("Div", [b.op("Mul", [x, clip6(b, b.op("Add", [x, b.scalar(2)]))]), b.scalar(6)]), clip6(b, plus3(b, x)), b.op("Log", [b.op("Add", [b.op("Exp", [x]), b.scalar(2)])]),
  ];
  const g = b.graph(...wrong);
  expect(operators(check(g, recogniseActivations))).toEqual(operators(g));
});
