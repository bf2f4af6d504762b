/** Operators on the numbers that go wrong first: NaN, infinities, both zeros, the largest, the smallest, halves. */
import { constantOf } from "../../compiler/ir/graph.ts";
import { Builder } from "../support/graph-builder.ts";
import type { Sample } from "./check.ts";

/** What the operators are tried on. */
export const awkward: readonly number[] = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-40, -1e-40, 3e38, -3e38, 88, -88, 89, -104, 0.5, -0.5, 1.5, 2.5, 1e-8, 20, -20, 5,
  1e10, -1e10, 8388609.5, 16777217, 2147483648];
const unary = [
  "Relu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Swish", "Mish", "Softplus", "Softsign", "Elu", "Selu", "Celu", "LeakyRelu", "Gelu",
    "Erf", "Neg", "Abs", "Exp", "Log", "Sqrt",
  "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Sin", "Cos", "Tan", "Atan", "Asin", "Acos", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh",
    "ThresholdedRelu", "Shrink",
];
const binary = ["Add", "Mul", "Sub", "Div", "Max", "Min", "Pow", "PRelu"], tests = ["Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual"];
const others: Readonly<Record<string, (b: Builder, x: string, y: string) => string>> = {
  IsNaN: (b, x, y) => b.op("Where", [b.op("IsNaN", [x]), y, b.scalar(1)]), IsInf: (b, x, y) => b.op("Where", [b.op("IsInf", [x]), y, b.scalar(1)]),
  fmod: (b, x, y) => b.op("Mod", [x, y], { fmod: 1 }), Clip: (b, x) => b.op("Clip", [x, b.scalar(0), b.scalar(6)]),
  "Softmax 1": (b, x) => b.op("Softmax", [x], { axis: 1 }), "Softmax 0": (b, x) => b.op("Softmax", [x], { axis: 0 }),
  "ReduceMax 1": (b, x) => b.op("ReduceMax", [x, b.ints(1)]), "ReduceMax 0": (b, x) => b.op("ReduceMax", [x, b.ints(0)]),
    "ReduceMin 0": (b, x) => b.op("ReduceMin", [x, b.ints(0)]),
  ReduceSum: (b, x) => b.op("ReduceSum", [x, b.ints(1)]), "ArgMax 1": (b, x) => b.op("ArgMax", [x], { axis: 1 }),
    "ArgMin 0": (b, x) => b.op("ArgMin", [x], { axis: 0 }),
  TopK: (b, x) => b.ops("TopK", [x, b.ints(5)], 2)[0]!, "to bool": (b, x) => b.op("Cast", [x], { to: 9 }),
  MaxPool: (b, x) => b.op("MaxPool", [b.op("Reshape", [x, b.ints(1, 1, ...(b.typeOf(x).shape as number[]))])], { kernel_shape: [2, 2] }),
};

/** By name: every operator on every pair of the values. */
export function awkwardSamples(values = awkward): ReadonlyMap<string, Sample> {
  const n = values.length, rows = constantOf("f32", [n, n], Float32Array.from({ length: n * n }, (_, i) => values[Math.floor(i / n)]!)),
    columns = constantOf("f32", [n, n], Float32Array.from({ length: n * n }, (_, i) => values[i % n]!));
  const sample = (f: (b: Builder, x: string, y: string) => string): Sample => {
    const b = new Builder(1), graph = b.graph(f(b, b.input("x", [n, n]), b.input("y", [n, n])));
    return { graph, sets: [new Map([["x", rows], ["y", columns]]), new Map([["x", columns], ["y", rows]])] };
  };
  return new Map([
    ...unary.map((op) => [op, sample((b, x) => b.op(op, [x]))] as const), ...binary.map((op) => [op, sample((b, x, y) => b.op(op, [x, y]))] as const),
    ...tests.map((op) => [op, sample((b, x, y) => b.op("Where", [b.op(op, [x, y]), x, y]))] as const),
      ...Object.entries(others).map(([name, f]) => [name, sample(f)] as const),
  ]);
}
