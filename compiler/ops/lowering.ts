/** How a node becomes a Compute: by its operator's entry, which need not know of small floats. */
import { convert, rebuild } from "../ir/algebra.ts";
import { accumulator, resultType, type Compute, type Stage } from "../ir/compute.ts";
import { isSmallFloat } from "../ir/formats.ts";
import { fail, load, type Expr } from "../ir/scalar.ts";
import type { DType } from "../ir/types.ts";
import type { NodeView } from "./op.ts";

/**
 * The Compute of a node. Its entry sees small floats as f32, so all that it computes with is f32; what it loads is widened, and each result is
 * rounded to the type of its output once, also where later steps or stages read it.
 */
export function lowerNode(n: NodeView): Compute {
  const entry = n.op.lower ?? fail(`${n.op.name} has no lowering`), small = new Map<string, DType>();
  n.node.inputs.forEach((v, i) => { const t = n.inputs[i]?.dtype; if (v && t && isSmallFloat(t)) small.set(v, t); });
  const results = new Map(n.node.outputs.flatMap((v, i): [string, DType][] => (v && n.outputs[i] && isSmallFloat(n.outputs[i].dtype) ? [[v, n.outputs[i].dtype]] : [])));
  if (small.size === 0 && results.size === 0) return entry(n);
  const c = entry(n.widened());
  for (const o of c.outputs) { const t = results.get(o.tensor); if (t) small.set(o.stage, t); }
  const seen = new Map<Expr, Expr>();
  const widened = (e: Expr): Expr => rebuild(e, (x) => {
    const t = x.kind === "load" ? small.get(x.buffer) : undefined;
    return t && x.kind === "load" && x.dtype !== t ? convert(x.dtype, load(t, x.buffer, x.at, x.lanes)) : x;
  }, seen);
  const stages = c.stages.map((s): Stage => {
    const t = small.get(s.name), value = widened(s.value), finish = s.finish && widened(s.finish);
    if (!t) return { ...s, value, ...(finish ? { finish } : {}) };
    return s.reduce || finish ? { ...s, value, finish: convert(t, finish ?? accumulator(value.dtype)) } : { ...s, value: convert(t, value) };
  });
  const typeOf = new Map(stages.map((s) => [s.name, resultType(s)]));
  return { ...c, stages, tensors: c.tensors.map((t) => { const dtype = small.get(t.name); return dtype && !t.data ? { ...t, dtype } : t; }), outputs: c.outputs.map((o) => ({ ...o, dtype: typeOf.get(o.stage)! })) };
}
