/** A Compute under a schedule, from row-major data to row-major results: laid out, lowered, verified, interpreted. */
import { fail } from "../../compiler/ir/scalar.ts";
import { physical, type Compute, type Tensor } from "../../compiler/ir/compute.ts";
import { interpret } from "../../compiler/ir/interpret.ts";
import { eachStmt, type Kernel } from "../../compiler/ir/kernel.ts";
import type { Schedule } from "../../compiler/ir/schedule.ts";
import type { ElementArray } from "../../compiler/ir/types.ts";
import { verify, verifyCompute } from "../../compiler/ir/verify.ts";
import { expandTensorDirectives } from "../../compiler/lower/caches.ts";
import type { Lacks } from "../../compiler/lower/legalize.ts";
import { lower } from "../../compiler/lower/lower.ts";
import { compileToJs } from "../../compiler/emit/js.ts";
import { fromLayout, fromSource, poison, toLayout } from "./layouts.ts";
import { scalarise } from "./scalarise.ts";

export type Data = Readonly<Record<string, ElementArray>>;
export interface Ran { readonly kernel: Kernel; readonly results: Readonly<Record<string, ElementArray>> }

/** The kernel, verified. */
export function lowered(compute: Compute, schedule: Schedule, lacks?: Lacks): Kernel {
  verifyCompute(compute);
  const kernel = lower(compute, schedule, lacks);
  verify(kernel);
  return kernel;
}
/** Whether some loop's iterations run at once. */
export function isConcurrent(k: Kernel): boolean {
  let found = false;
  eachStmt(k.body, (s) => { found ||= s.kind === "for" && s.at !== "serial"; });
  return found;
}
export interface RunOptions {
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  readonly lacks?: Lacks;
  /** As JavaScript where no loops run at once: many times faster, but addresses are not checked. */
  readonly quick?: boolean;
}
/**
 * Results by tensor name. `shapes` and `data` are of the constants that packed weights come from, and of everything else
 * that is read. Where loops run at once, both orders must give the same bits.
 */
export function runCompute(compute: Compute, schedule: Schedule, data: Data, options: RunOptions = {}): Ran {
  const kernel = lowered(compute, schedule, options.lacks), { compute: packed } = expandTensorDirectives(compute, schedule);
  const elements = (t: Tensor): ElementArray => {
    const own = data[t.source?.of ?? t.name] ?? fail(`no data for ${t.source?.of ?? t.name}`);
    return t.source ? fromSource(t.dtype, t.source, options.shapes?.[t.source.of] ?? fail(`no shape of ${t.source.of}`), own) : own;
  };
  const given = Object.fromEntries(packed.tensors.filter((t) => t.role !== "table").map((t) => [t.name, toLayout(t.dtype, t.shape, t.layout, elements(t))]));
  const once = (backwards: boolean) => {
    const memory = { ...given, ...Object.fromEntries(compute.outputs.map((o) => [o.tensor, poison(o.dtype, physical(o.shape, o.layout).size)])) };
    if (options.quick && !isConcurrent(kernel)) compileToJs(scalarise(kernel))(memory); else interpret(kernel, memory, { backwards });
    return Object.fromEntries(compute.outputs.map((o) => [o.tensor, fromLayout(o.dtype, o.shape, o.layout, memory[o.tensor]!)]));
  };
  const results = once(false);
  if (isConcurrent(kernel)) {
    const again = once(true);
    for (const [name, x] of Object.entries(results)) if (!bytesOf(x).every((b, i) => b === bytesOf(again[name]!)[i])) fail(`${compute.name}: the order of the lanes matters for ${name}`);
  }
  return { kernel, results };
}
const bytesOf = (x: ElementArray): Uint8Array => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);

/** The largest difference, relative to the largest expected value; infinities and NaN must stay what they are. */
export function difference(got: ElementArray, want: ElementArray): number {
  if (got.length !== want.length) return Infinity;
  let worst = 0, scale = 1e-3;
  for (let i = 0; i < want.length; i++) {
    const a = Number(want[i]), b = Number(got[i]);
    if (Number.isFinite(a)) scale = Math.max(scale, Math.abs(a));
    if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) worst = Number.isFinite(a - b) ? Math.max(worst, Math.abs(a - b)) : Infinity;
  }
  return worst / scale;
}
/** Numbers between -1 and 1, the same each time. */
export function noise(n: number, seed = 7): Float32Array {
  let s = seed;
  return Float32Array.from({ length: n }, () => ((s = (s * 48271) % 2147483647) / 2147483647) * 2 - 1);
}
