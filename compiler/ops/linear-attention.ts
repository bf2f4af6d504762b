/** LinearAttention: a state for each head is updated by every token in turn, a recurrence along time. */
import { add, less, make, mul, select, sub } from "../ir/algebra.ts";
import { accumulator, at, axis, type Axis, type Compute, type Stage } from "../ir/compute.ts";
import { int, minus, plus, times } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { choice, expectShape, shapeOf, typeOf } from "./checks.ts";
import { expectType, floats, forOutputs, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

const rules = ["linear", "gated", "delta", "gated_delta"] as const;
interface Sizes { readonly batch: number; readonly steps: number; readonly heads: number; readonly kvHeads: number; readonly k: number; readonly v: number }
function sizesOf(n: NodeView): Sizes {
  const [batch, steps, width] = shapeOf(n, 0, 3, 3) as [number, number, number], heads = n.int("q_num_heads"), kvHeads = n.int("kv_num_heads");
  if (heads < 1 || kvHeads < 1 || heads % kvHeads !== 0) n.fail(`q_num_heads (${heads}) must be a multiple of kv_num_heads (${kvHeads})`);
  const split = (i: number, w: number, by: number) => (w % by === 0 ? w / by : n.fail(`input ${i} of width ${w} does not divide into ${by} heads`));
  return { batch, steps, heads, kvHeads, k: split(0, width, heads), v: split(2, shapeOf(n, 2, 3, 3)[2]!, kvHeads) };
}
/**
 * S[t] = e^decay[t] S[t - 1] + k[t] (beta[t] (v[t] - k[t] e^decay[t] S[t - 1])), of which `linear` and `gated` leave out beta and what k
 * finds in the state; output[t] = scale q[t] S[t]. Heads of one group of queries share a state.
 */
export const linearAttention: Op = {
  name: "LinearAttention", since: 27, inputs: [3, 6], outputs: [1, 2], accuracy: { absolute: 1e-5, relative: 2e-5, reason: "sums of float products are taken in another order; exp is of single precision" },
  attributes: {
    chunk_size: { kind: "int", default: 64 }, kv_num_heads: { kind: "int" }, q_num_heads: { kind: "int" }, scale: { kind: "float", default: 0 }, update_rule: { kind: "string", default: "gated_delta" },
  },
  infer: (n) => {
    const dtype = typeOf(n, floats, 0, 2), s = sizesOf(n), rule = choice(n, "update_rule", rules);
    expectShape(n, 1, [s.batch, s.steps, s.kvHeads * s.k], "the keys");
    expectShape(n, 2, [s.batch, s.steps, s.kvHeads * s.v], "the values");
    expectShape(n, 3, [s.batch, s.kvHeads, s.k, s.v], "past_state");
    [3, 4, 5].forEach((i) => expectType(n, i, [dtype]));
    if (n.has(4) !== rule.startsWith("gated") || n.has(5) !== rule.endsWith("delta")) n.fail(`update_rule "${rule}" ${rule.startsWith("gated") ? "needs" : "has no"} decay and ${rule.endsWith("delta") ? "needs" : "has no"} beta`);
    const last = (i: number, ...widths: readonly number[]) => {
      const shape = n.has(i) ? n.in(i).shape : null;
      if (shape && (shape.length !== 3 || shape[0] !== s.batch || shape[1] !== s.steps || !widths.includes(shape[2]!))) n.fail(`input ${i} has shape ${showShape(shape)}, but must have [${s.batch}, ${s.steps}, ${widths.join(" or ")}]`);
    };
    last(4, s.kvHeads, s.kvHeads * s.k);
    last(5, s.kvHeads, 1);
    return forOutputs(n, [{ dtype, shape: [s.batch, s.steps, s.heads * s.v] }, { dtype, shape: [s.batch, s.kvHeads, s.k, s.v] }]);
  },
  lower: (n): Compute => {
    const s = sizesOf(n), { dtype } = n.in(0), t = axis("t", s.steps), b = axis("b", s.batch), h = axis("h", s.kvHeads), d = axis("d", s.k), m = axis("m", s.v), zero = constant(dtype, 0);
    const load = (i: number, head: Expr, width: number, k: Expr, index: readonly [Expr, Expr] = [b, t]) => n.load(i, [...index, plus(times(head, width), k)]);
    const from = (name: string, ...index: readonly Expr[]) => at({ name, dtype }, ...index), acc = accumulator(dtype);
    const before = (k: Expr): Expr => select(less(t, int(1)), n.has(3) ? n.load(3, [b, h, k, m]) : zero, from("state", minus(t, int(1)), b, h, k, m));
    const perKey = n.has(4) && n.in(4).shape[2] !== s.kvHeads, decayed = (k: Expr): Expr => (n.has(4) ? mul(before(k), make("exp", perKey ? load(4, h, s.k, k) : n.load(4, [b, t, h]))) : before(k));
    const value = load(2, h, s.v, m), stages: Stage[] = [];
    if (n.has(5)) {
      const beta = n.load(5, [b, t, n.in(5).shape[2] === 1 ? int(0) : h]);
      stages.push({ name: "change", axes: [t, b, h, m], value: mul(decayed(d), load(1, h, s.k, d)), reduce: { op: "add", axes: [d] }, finish: mul(beta, sub(value, acc)) });
    }
    const state: Stage = { name: "state", axes: [t, b, h, d, m], value: add(decayed(d), mul(load(1, h, s.k, d), n.has(5) ? from("change", t, b, h, m) : value)) };
    const q = axis("q", s.heads), scale = n.float("scale") || 1 / Math.sqrt(s.k), head = make("quo", q, int(s.heads / s.kvHeads));
    const read: Stage = {
      name: "read", axes: [t, b, q, m], value: mul(load(0, q, s.k, d), from("state", t, b, head, d, m)), reduce: { op: "add", axes: [d] }, finish: mul(acc, constant(dtype, scale)),
    };
    const present: Stage = { name: "present", axes: [b, h, d, m] as readonly Axis[], value: from("state", int(s.steps - 1), b, h, d, m) };
    const whole = n.result(read, 0, { index: [b, t, plus(times(q, s.v), m)] });
    if (!n.node.outputs[1]) return n.compute([...stages, state, read], [whole]);
    return n.compute([...stages, state, read, present], [whole, n.result(present, 1)]);
  },
};
