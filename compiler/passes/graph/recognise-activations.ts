/**
 * Needs types, constants folded, equal nodes merged (merge-duplicates): the x in x * f(x) must be one value. Ensures that
 * activations which an exporter took apart are one operator: Gelu (both forms), Swish, HardSwish, HardSigmoid, Mish, Softplus,
 * Sigmoid. Results differ by rounding only. Before fold-scales, which would move the constants of a pattern elsewhere.
 */
import type { Attribute, Graph, ValueName } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { isFloat } from "../../ir/types.ts";
import { near } from "./facts.ts";
import { partsOf, polynomialOf, productOf, samePolynomial } from "./match.ts";
import { rewrite, type Editor } from "./rewrite.ts";

export const recogniseActivations = (g: Graph): Graph => rewrite(g, {
  Mul: (n, e) => product(n, e) ?? hardSigmoid(n, e), Div: (n, e) => sigmoid(n, e) ?? product(n, e) ?? hardSigmoid(n, e),
  Clip: hardSigmoid, Reciprocal: sigmoid, Log: softplus,
});

/** What stands for a product of these: an operator of x, with attributes. */
interface Found { readonly op: string; readonly x: ValueName; readonly attributes?: Readonly<Record<string, Attribute>> }

/** number * x * f(x), in any order. */
function product(n: NodeView, e: Editor): ValueName | undefined {
  const out = n.node.outputs[0]!, parts = isFloat(n.outType().dtype) ? [...new Set(partsOf(out, e))] : [];
  for (const f of parts) {
    const made = e.made(f), gates = made && made.node.op in gate ? gate[made.node.op]! : undefined;
    if (!made || !gates) continue;
    for (const x of parts) {
      if (x === f || x === out || e.constantOf(x)) continue;
      const { scale, factors } = productOf(out, e, x), isPair = factors.length === 2 && factors.includes(x) && factors.includes(f);
      const found = isPair ? gates(made, x, scale, e) : undefined;
      if (found) return e.node(found.op, [found.x], found.attributes ?? {});
    }
  }
  return undefined;
}
/** By the operator that makes f: what scale * x * f(x) is. */
const gate: Readonly<Record<string, (f: NodeView, x: ValueName, scale: number, e: Editor) => Found | undefined>> = {
  Sigmoid: (f, x, scale, e) => {
    const [zero, alpha, ...higher] = (near(scale, 1) && polynomialOf(f.node.inputs[0]!, x, e)) || [];
    if (zero !== 0 || alpha === undefined || higher.length > 0) return undefined;
    return { op: "Swish", x, attributes: near(alpha, 1) ? {} : { alpha } };
  },
  Tanh: (f, x, scale, e) => (near(scale, 1) && e.made(f.node.inputs[0], "Softplus")?.node.inputs[0] === x ? { op: "Mish", x } : undefined),
  HardSigmoid: (f, x, scale) =>
    (near(scale, 1) && f.node.inputs[0] === x && near(f.float("alpha"), 1 / 6) && f.float("beta") === 0.5 ? { op: "HardSwish", x } : undefined),
  Clip: (f, x, scale, e) => {
    const [u, low, high] = f.node.inputs, top = e.uniform(high);
    if (e.uniform(low) !== 0 || top === undefined || !near(scale * top, 1)) return undefined;
    return samePolynomial(polynomialOf(u!, x, e)?.map((c) => c * scale), [0.5, 1 / 6], 1e-5) ? { op: "HardSwish", x } : undefined;
  },
  Add: (f, x, scale, e) => {
    const [a, b] = f.node.inputs, inner = e.uniform(b) === 1 ? e.made(a) : e.uniform(a) === 1 ? e.made(b) : undefined;
    if (!inner || !near(scale, 0.5)) return undefined;
    const u = polynomialOf(inner.node.inputs[0]!, x, e), c = Math.sqrt(2 / Math.PI);
    if (inner.node.op === "Erf" && samePolynomial(u, [0, Math.SQRT1_2], 1e-5)) return { op: "Gelu", x };
    if (inner.node.op !== "Tanh" || !samePolynomial(u, [0, c, 0, c * 0.044715])) return undefined;
    return { op: "Gelu", x, attributes: { approximate: "tanh" } };
  },
};

/** Clip(a x + b, 0, top) / top. */
function hardSigmoid(n: NodeView, e: Editor): ValueName | undefined {
  const { scale, factors } = productOf(n.node.outputs[0]!, e), clip = factors.length === 1 ? e.made(factors[0], "Clip") : undefined;
  if (!clip || !isFloat(n.outType().dtype)) return undefined;
  const [u, low, high] = clip.node.inputs, top = e.uniform(high);
  if (e.uniform(low) !== 0 || top === undefined || !near(top * scale, 1)) return undefined;
  for (const x of e.made(u)?.node.inputs.flatMap((v) => [...partsOf(v, e)].reverse()) ?? []) {
    const p = e.constantOf(x) ? undefined : polynomialOf(u!, x, e);
    if (p && p.length === 2 && p[1]! * scale < 1) return e.node("HardSigmoid", [x], { alpha: p[1]! * scale, beta: p[0]! * scale });
  }
  return undefined;
}
/** 1 / (1 + exp(-x)). */
function sigmoid(n: NodeView, e: Editor): ValueName | undefined {
  const [a, b] = n.node.inputs, below = n.node.op === "Reciprocal" ? a : e.uniform(a) === 1 ? b : undefined;
  const negated = expPlusOne(below, e), x = negated && e.made(negated, "Neg")?.node.inputs[0];
  return x ? e.node("Sigmoid", [x]) : undefined;
}
/** log(1 + exp(x)). */
function softplus(n: NodeView, e: Editor): ValueName | undefined {
  const x = expPlusOne(n.node.inputs[0], e);
  return x ? e.node("Softplus", [x]) : undefined;
}
function expPlusOne(v: ValueName | undefined, e: Editor): ValueName | undefined {
  const [a, b] = e.made(v, "Add")?.node.inputs ?? [], exp = e.uniform(b) === 1 ? a : e.uniform(a) === 1 ? b : undefined;
  return e.made(exp, "Exp")?.node.inputs[0];
}
