/**
 * Numbers of which each layer has its own (scales and zero points behind sums of bytes) are loaded from a constant, so that kernels that differ in nothing
 * else are one. Only behind reductions that read or make bytes: elsewhere numbers in the code are those of functions.
 * Needs: tails are fused. Stands behind the passes that look for constants.
 */
import type { TargetFacts } from "../../emit/target.ts";
import { rebuildAll } from "../../ir/algebra.ts";
import { rowMajor, type Compute, type Stage } from "../../ir/compute.ts";
import { int } from "../../ir/linear.ts";
import { derivedName, relist, type NetTensor, type Network } from "../../ir/network.ts";
import { load, type Const, type Expr } from "../../ir/scalar.ts";
import type { DType } from "../../ir/types.ts";

/** Numbers that all layers have. */
const common: ReadonlySet<number> = new Set([0, 1, -1, 127, -128, 255, Infinity, -Infinity]);
const isByte = (t: DType): boolean => t === "u8" || t === "i8";

/** The network whose layers load what only they have; itself where functions of several layers are not one. */
export function loadScales(n: Network, facts: TargetFacts): Network {
  if (!facts.shares) return n;
  const tensors = new Map(n.tensors), computes = n.computes.map((c) => loading(c, tensors));
  return tensors.size === n.tensors.size ? n : { ...n, tensors, computes };
}
function loading(c: Compute, tensors: Map<string, NetTensor>): Compute {
  const last = c.stages.at(-1)!, [out] = c.outputs.filter((o) => o.stage === last.name);
  if (!last.reduce || !last.finish || !out || ![...c.tensors, out].some((t) => isByte(t.dtype))) return c;
  const names = { f32: derivedName("scales", out.tensor), i32: derivedName("points", out.tensor) }, found: Record<keyof typeof names, number[]> = { f32: [], i32: [] };
  const isOwn = (x: Expr): x is Const & { readonly dtype: keyof typeof names } => x.kind === "const" && (x.dtype === "f32" || x.dtype === "i32") && !common.has(Number(x.value));
  const finish = rebuildAll(last.finish, (x) => (isOwn(x) ? load(x.dtype, names[x.dtype], [int(found[x.dtype].push(Number(x.value)) - 1)]) : x)), stage: Stage = { ...last, finish };
  if (found.f32.length + found.i32.length === 0) return c;
  const put = (dtype: keyof typeof names, data: Float32Array | Int32Array) => { if (data.length) tensors.set(names[dtype], { name: names[dtype], kind: "constant", dtype, shape: [data.length], layout: rowMajor(1), data }); };
  put("f32", Float32Array.from(found.f32));
  put("i32", Int32Array.from(found.i32));
  return relist({ ...c, stages: c.stages.map((s) => (s === last ? stage : s)) }, tensors);
}
