/** Whether no element of a tensor is below 0, NaN aside; told from the expressions that make it. */
import type { Expr } from "../../ir/scalar.ts";
import { accumulator } from "../../ir/compute.ts";
import { usesOf, type Network } from "../../ir/network.ts";

const cache = new WeakMap<readonly unknown[], Map<string, boolean>>();
export function isNonNegative(n: Network, tensor: string): boolean {
  let known = cache.get(n.computes);
  if (!known) cache.set(n.computes, (known = new Map()));
  const before = known.get(tensor);
  if (before !== undefined) return before;
  known.set(tensor, false);
  const writers = usesOf(n.computes).writers.get(tensor) ?? [];
  const result = writers.length > 0 && writers.every((c) => c.outputs.filter((o) => o.tensor === tensor).every((o) => {
    const s = c.stages.find((x) => x.name === o.stage)!;
    const sum = s.reduce && ["add", "max", "min"].includes(s.reduce.op) ? atLeastZero(n, s.value, false) : false;
    return atLeastZero(n, s.finish ?? (s.reduce ? accumulator(s.value.dtype) : s.value), sum);
  }));
  known.set(tensor, result);
  return result;
}
function atLeastZero(n: Network, e: Expr, sum: boolean): boolean {
  const go = (x: Expr) => atLeastZero(n, x, sum);
  switch (e.kind) {
    case "const": return Number(e.value) >= 0;
    case "var": return e.name === "acc" && sum;
    case "load": return n.tensors.has(e.buffer) && isNonNegative(n, e.buffer);
    case "apply":
      switch (e.op) {
        case "max": return e.args.some((x) => x.kind === "const" ? Number(x.value) >= 0 : go(x));
        case "add": case "mul": case "div": case "min": return e.args.every(go);
        case "select": return e.args.slice(1).every(go);
        case "abs": case "exp": case "sqrt": return true;
        default: return false;
      }
    default: return false;
  }
}
