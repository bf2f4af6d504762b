/** Losses over classes in dimension 1, and their targets. */
import { convert, div, make, mul, select, sub } from "../ir/algebra.ts";
import { accumulator, at, axis, type Axis, type Compute, type Stage } from "../ir/compute.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import type { TensorType } from "../ir/graph.ts";
import { choice, expectShape, shapeOf, typeOf } from "./checks.ts";
import { clamp, expectType, floats, forOutputs, indices, like } from "./helpers.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";

const accuracy = { absolute: 1e-6, relative: 1e-5, reason: "float sums are taken in another order; exp and log are of single precision" } as const;
const attributes = {
  ignore_index: { kind: "int", optional: true }, reduction: { kind: "string", default: "mean" },
} as const satisfies Record<string, AttributeSpec>;
const reductions = ["none", "sum", "mean"] as const;

function inferLoss(n: NodeView): readonly TensorType[] {
  const X = shapeOf(n, 0, 2), dtype = typeOf(n, floats, 0, 0), places = [X[0]!, ...X.slice(2)];
  expectType(n, 1, indices);
  expectShape(n, 1, places, "the target");
  expectType(n, 2, [dtype]);
  expectShape(n, 2, [X[1]!], "the weight");
  return [{ dtype, shape: choice(n, "reduction", reductions) === "none" ? places : [] }];
}
/** The axes of the target, and an element's class, weight and whether it counts. */
function target(n: NodeView): { readonly places: readonly Axis[]; readonly chosen: Expr; readonly weight: Expr; readonly counts: Expr } {
  const X = n.in(0).shape, places = [X[0]!, ...X.slice(2)].map((size, d) => axis(`d${d}`, size)), t = n.load(1, places);
  const chosen = clamp(convert("index", t), 0, X[1]! - 1), one = constant(n.in(0).dtype, 1);
  const counts = n.given("ignore_index") ? make("not", make("equal", t, like(t, n.int("ignore_index")))) : constant("bool", 1);
  return { places, chosen, counts, weight: n.has(2) ? n.load(2, [chosen]) : one };
}
/** The stages that make the loss of one element (`logProbability` of its class) into the result. */
function reduced(n: NodeView, logProbability: (places: readonly Axis[], chosen: Expr) => Expr): readonly Stage[] {
  const { places, chosen, counts, weight } = target(n), p = logProbability(places, chosen), zero = like(p, 0), sum = accumulator(p.dtype);
  const loss = select(counts, mul(make("neg", p), weight), zero), all = { op: "add", axes: places } as const;
  switch (choice(n, "reduction", reductions)) {
    case "none": return [{ name: "loss", axes: places, value: loss }];
    case "sum": return [{ name: "loss", axes: [], value: loss, reduce: all }];
    case "mean": return [
      { name: "weights", axes: [], value: select(counts, weight, zero), reduce: all },
      { name: "loss", axes: [], value: loss, reduce: all, finish: div(sum, at({ name: "weights", dtype: p.dtype })) },
    ];
  }
}
const withClass = (places: readonly Expr[], c: Expr): readonly Expr[] => [places[0]!, c, ...places.slice(1)];

const negativeLogLikelihood: Op = {
  name: "NegativeLogLikelihoodLoss", since: 22, inputs: [2, 3], attributes, accuracy, infer: inferLoss,
  lower: (n) => n.compute(reduced(n, (places, c) => n.load(0, withClass(places, c)))),
};
const softmaxCrossEntropy: Op = {
  name: "SoftmaxCrossEntropyLoss", since: 13, inputs: [2, 3], outputs: [1, 2], attributes, accuracy,
  infer: (n) => forOutputs(n, [...inferLoss(n), n.in(0)]),
  lower: (n): Compute => {
    const { shape, dtype } = n.in(0), { places } = target(n), c = axis("c", shape[1]!), x = n.load(0, withClass(places, c));
    const top = at({ name: "top", dtype }, ...places), log = at({ name: "log", dtype }, ...places);
    const probability = (element: Expr) => sub(sub(element, top), log);
    const stages: readonly Stage[] = [
      { name: "top", axes: places, value: x, reduce: { op: "max", axes: [c] } },
      { name: "log", axes: places, value: make("exp", sub(x, top)), reduce: { op: "add", axes: [c] }, finish: make("log", accumulator(dtype)) },
      ...(n.node.outputs[1] ? [{ name: "probability", axes: withClass(places, c) as readonly Axis[], value: probability(x) }] : []),
      ...reduced(n, (_, chosen) => probability(n.load(0, withClass(places, chosen)))),
    ];
    const found = (name: string) => stages.find((s) => s.name === name)!;
    return n.compute(stages, ["loss", "probability"].flatMap((name, i) => (n.node.outputs[i] ? [n.result(found(name), i)] : [])));
  },
};
export const losses: readonly Op[] = [negativeLogLikelihood, softmaxCrossEntropy];
