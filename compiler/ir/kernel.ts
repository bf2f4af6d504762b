/** Kernel: statements carry every effect; expressions are pure. What the printers and the interpreter see. */
import { children, load, mentions, parameter, textOps, variable, type Expr, type ScalarOp, type Var } from "./scalar.ts";
import { loadsIn, rebuildAll } from "./algebra.ts";
import { types, type DType } from "./types.ts";
import type { Place } from "./schedule.ts";

/** Where a loop's index comes from; `unroll` and `vector` loops are gone by now. */
export type LoopPlace = Exclude<Place, "unroll" | "vector" | "lanes">;
/**
 * Which iterations of a parallel loop belong to a piece of the work of the phase around it. Iteration i stands for the work from
 * `before` + i * `each` on; it belongs to the piece in which that begins, or, where loops inside share too (`whole`), to every piece it reaches into.
 */
export interface Share { readonly before: Expr; readonly each: Expr; readonly whole: boolean }
/** A statement. Indices and extents are of type index, conditions of type bool, both of one lane; no name hides another. */
export type Stmt =
  | { readonly kind: "for"; readonly name: string; readonly extent: Expr; readonly at: LoopPlace; readonly share?: Share; readonly body: readonly Stmt[] }
  | { readonly kind: "while"; readonly cond: Expr; readonly body: readonly Stmt[] }
  /** A scope, where a loop ran only once. */
  | { readonly kind: "block"; readonly body: readonly Stmt[] }
  | { readonly kind: "if"; readonly cond: Expr; readonly body: readonly Stmt[] }
  | { readonly kind: "let"; readonly name: string; readonly value: Expr; readonly mutable: boolean }
  | { readonly kind: "set"; readonly name: string; readonly value: Expr }
  /** As many contiguous elements as `value` has lanes. */
  | { readonly kind: "store"; readonly buffer: string; readonly at: Expr; readonly value: Expr }
  /** A hint that this address will be read, `soon` or a while later; it need not exist. */
  | { readonly kind: "prefetch"; readonly buffer: string; readonly at: Expr; readonly soon?: true }
  /** All work-items of the group, or all tasks, have reached this point before any goes on. */
  | { readonly kind: "barrier" }
  /**
   * Work that tasks divide among themselves: pieces of 0..`work`, no smaller than `grain` unless nothing else is left. Each is one run of the
   * body, whose shared loops do that piece's iterations. Work of the number 1 is done by the first task alone.
   */
  | { readonly kind: "phase"; readonly work: Expr; readonly grain: Expr; readonly body: readonly Stmt[] };

/** in: read only; out: a result; scratch: working memory that the caller lends, one per CPU task unless `whole`; shared: one per GPU group. */
export type Space = "in" | "out" | "scratch" | "shared";
/** `size` is in elements, the most that is needed. */
export interface Buffer {
  readonly name: string;
  readonly dtype: DType;
  readonly size: number;
  readonly space: Space;
  /** Another buffer may be the same memory. In place: an operand of which each element is read just before the result is stored there, and by nothing else. */
  readonly aliased?: "anyhow" | "inPlace";
  /** Of scratch: one for all tasks. */
  readonly whole?: true;
  /** A constant of the model: nobody ever writes it. */
  readonly constant?: true;
}
/** Bytes that an element takes in the buffer's memory. */
export const elementBytes = (b: Pick<Buffer, "dtype">): number => types[b.dtype].bytes;
/** One function of the output. Its arguments are the buffers in their order, then the params. */
export interface Kernel {
  readonly name: string;
  readonly buffers: readonly Buffer[];
  /** Whole numbers passed at run time, with their ranges. */
  readonly params?: readonly Var[];
  readonly body: readonly Stmt[];
}

/** The expressions of one statement, not of its body. */
export function expressionsOf(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case "for": return s.share ? [s.extent, s.share.before, s.share.each] : [s.extent];
    case "while": case "if": return [s.cond];
    case "let": case "set": return [s.value];
    case "store": return [s.value, s.at];
    case "prefetch": return [s.at];
    case "phase": return [s.work, s.grain];
    case "block": case "barrier": return [];
    default: return s satisfies never;
  }
}
/** The statement with other expressions, and another body if it has one. */
export function mapStmt(s: Stmt, f: (e: Expr) => Expr, body: (b: readonly Stmt[]) => readonly Stmt[]): Stmt {
  switch (s.kind) {
    case "for": return { ...s, extent: f(s.extent), ...(s.share ? { share: { ...s.share, before: f(s.share.before), each: f(s.share.each) } } : {}), body: body(s.body) };
    case "while": case "if": return { ...s, cond: f(s.cond), body: body(s.body) };
    case "block": return { ...s, body: body(s.body) };
    case "phase": return { ...s, work: f(s.work), grain: f(s.grain), body: body(s.body) };
    case "let": case "set": return { ...s, value: f(s.value) };
    case "store": return { ...s, value: f(s.value), at: f(s.at) };
    case "prefetch": return { ...s, at: f(s.at) };
    case "barrier": return s;
    default: return s satisfies never;
  }
}
/** Every statement, outer ones first. */
export function eachStmt(body: readonly Stmt[], f: (s: Stmt) => void): void {
  for (const s of body) { f(s); if ("body" in s) eachStmt(s.body, f); }
}
/** Whether there is such a statement, at any depth. */
export const someStmt = (body: readonly Stmt[], is: (s: Stmt) => boolean): boolean => body.some((s) => is(s) || ("body" in s && someStmt(s.body, is)));
/** The same kernel with other names of variables, loops, buffers and of itself; `rename` must keep them apart. */
export function renameKernel(k: Kernel, rename: (name: string) => string): Kernel {
  const seen = new Map<Expr, Expr>();
  const go = (e: Expr): Expr => rebuildAll(e, (x) => {
    if (x.kind === "var") return x.param ? parameter(rename(x.name), x.range!) : variable(x.dtype, rename(x.name), x.lanes, x.range);
    return x.kind === "load" ? load(x.dtype, rename(x.buffer), x.at, x.lanes) : x;
  }, seen);
  const body = (list: readonly Stmt[]): readonly Stmt[] => list.map((s): Stmt => {
    const next = mapStmt(s, go, body);
    if ("name" in next) return { ...next, name: rename(next.name) };
    return "buffer" in next ? { ...next, buffer: rename(next.buffer) } : next;
  });
  return {
    ...k, name: rename(k.name), buffers: k.buffers.map((b) => ({ ...b, name: rename(b.name) })),
    ...(k.params ? { params: k.params.map((p) => go(p) as Var) } : {}), body: body(k.body),
  };
}
/** Whether it is the first task's work alone. */
export const isForOne = (s: Extract<Stmt, { kind: "phase" }>): boolean => s.work.kind === "const" && Number(s.work.value) === 1;
/** Whether tasks run the kernel together: it is told which task of how many runs it. Others are for one task alone. */
export const isTeamwork = (k: Kernel): boolean => someStmt(k.body, (s) => s.kind === "phase");
/** The buffers that the caller hands in: all but those that live in a group's shared memory. */
export const argumentsOf = (k: Kernel): readonly Buffer[] => k.buffers.filter((b) => b.space !== "shared");
/** Names of the buffers that the kernel reads, writes or prefetches: one that serves several variants may leave some alone. */
export function usedBuffers(k: Kernel): ReadonlySet<string> {
  const found = new Set<string>(), all: Expr[] = [];
  eachStmt(k.body, (s) => { if (s.kind === "store" || s.kind === "prefetch") found.add(s.buffer); all.push(...expressionsOf(s)); });
  for (const l of loadsIn(all)) found.add(l.buffer);
  return found;
}
/** Whether any expression of the kernel mentions a variable of that name. */
export function usesVariable(k: Kernel, name: string): boolean {
  const names = new Set([name]);
  let found = false;
  eachStmt(k.body, (s) => { found ||= expressionsOf(s).some((e) => mentions(e, names)); });
  return found;
}
/** Whether any expression of the kernel makes or looks at text. */
export const usesText = (k: Kernel): boolean => someOperator(k, (op) => op in textOps);
/** Whether the kernel uses an operator. */
export const usesOperator = (k: Kernel, op: ScalarOp): boolean => someOperator(k, (x) => x === op);
function someOperator(k: Kernel, is: (op: ScalarOp) => boolean): boolean {
  const seen = new Set<Expr>();
  let found = false;
  const look = (e: Expr): void => {
    if (found || seen.has(e)) return;
    seen.add(e);
    found = e.kind === "apply" && is(e.op);
    if (!found) children(e).forEach(look);
  };
  eachStmt(k.body, (s) => { expressionsOf(s).forEach(look); });
  return found;
}
