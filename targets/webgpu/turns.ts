/** Slices of loops. A binding begins at fixed places, so what lies elsewhere in each turn is bound as far as all turns reach, and the kernel is told where to begin in it. */
import type { Turn } from "../../compiler/emit/flow.ts";
import { rebuild } from "../../compiler/ir/algebra.ts";
import { eachStmt, elementBytes, mapStmt, usedBuffers, type Buffer, type Kernel, type Stmt } from "../../compiler/ir/kernel.ts";
import { int, minus, plus, times } from "../../compiler/ir/linear.ts";
import type { Place, Step } from "../../compiler/ir/program.ts";
import { load, parameter, type Expr, type Var } from "../../compiler/ir/scalar.ts";

/** A step whose arguments stand still: its kernel, with a param for each that moved, its places, and values for all params. `moved` tells such kernels of one from each other. */
export interface Settled { readonly kernel: Kernel; readonly args: readonly Place[]; readonly params: readonly (number | Expr)[]; readonly moved: string }
/** Needs: a slice of every turn lies in its memory, so that the last turns do. */
export function inTurns(k: Kernel, s: Step, turns: readonly Turn[]): Settled {
  const used = usedBuffers(k), names = new Set([...k.buffers.map((b) => b.name), ...(k.params ?? []).map((p) => p.name)]), params: Var[] = [], values: Expr[] = [], shifts = new Map<string, Expr>(), sizes = new Map<string, number>(), args = [...s.args], moved: string[] = [];
  eachStmt(k.body, (x) => { if ("name" in x) names.add(x.name); });
  k.buffers.forEach((b, i) => {
    const place = s.args[i];
    if (!place?.turns || !used.has(b.name)) return;
    const steps = place.turns.map((t) => ({ variable: turns.find((x) => x.loop === t.loop)!.variable, by: t.bytes / elementBytes(b) }));
    const reach = (x: (typeof steps)[number]): number => x.by * x.variable.range![1], least = steps.reduce((sum, x) => sum + Math.min(0, reach(x)), 0), most = steps.reduce((sum, x) => sum + Math.max(0, reach(x)), 0);
    // Counted in fours where it can be, so that vectors stay whole.
    const unit = steps.every((x) => x.by % 4 === 0) ? 4 : 1, param = parameter(fresh(`${b.name}_turn`, names), [0, (most - least) / unit]);
    params.push(param);
    values.push(minus(steps.reduce<Expr>((sum, x) => plus(sum, times(x.variable, x.by / unit)), int(0)), int(least / unit)));
    shifts.set(b.name, times(param, unit));
    sizes.set(b.name, b.size + most - least);
    const { turns: _, ...rest } = place;
    args[i] = { ...rest, offset: place.offset + least * elementBytes(b) };
    moved.push(`${i}:${unit}:${most - least}`);
  });
  if (params.length === 0) return { kernel: k, args, params: s.params ?? [], moved: "" };
  return { kernel: { ...shifted(k, shifts), buffers: k.buffers.map((b): Buffer => ({ ...b, size: sizes.get(b.name) ?? b.size })), params: [...(k.params ?? []), ...params] }, args, params: [...(s.params ?? []), ...values], moved: moved.join() };
}
function fresh(name: string, taken: Set<string>): string {
  let free = name;
  while (taken.has(free)) free += "_";
  taken.add(free);
  return free;
}
/** The kernel with so much added to all addresses in these buffers. */
function shifted(k: Kernel, by: ReadonlyMap<string, Expr>): Kernel {
  const seen = new Map<Expr, Expr>(), at = (buffer: string, address: Expr): Expr => { const shift = by.get(buffer); return shift ? plus(address, shift) : address; };
  const go = (e: Expr): Expr => rebuild(e, (x) => (x.kind === "load" && by.has(x.buffer) ? load(x.dtype, x.buffer, [at(x.buffer, x.at[0]!)], x.lanes) : x), seen);
  const body = (list: readonly Stmt[]): readonly Stmt[] => list.map((s) => { const next = mapStmt(s, go, body); return next.kind === "store" || next.kind === "prefetch" ? { ...next, at: at(next.buffer, next.at) } : next; });
  return { ...k, body: body(k.body) };
}
