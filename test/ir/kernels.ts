/** Small kernels for tests. */
import type { Buffer, Kernel, Space, Stmt } from "../../compiler/ir/kernel.ts";
import { constant, load, variable, type Expr, type Range } from "../../compiler/ir/scalar.ts";
import type { DType, Num } from "../../compiler/ir/types.ts";

export const int = (n: number): Expr => constant("index", n);
export const f = (x: Num): Expr => constant("f32", x);
export const idx = (name: string, extent: number): Expr => variable("index", name, 1, [0, extent - 1]);
export const ranged = (name: string, range?: Range): Expr => variable("index", name, 1, range);
export const buffer = (name: string, size: number, space: Space, dtype: DType = "f32"): Buffer => ({ name, size, space, dtype });
export const kernel = (buffers: readonly Buffer[], body: readonly Stmt[], more: Partial<Kernel> = {}): Kernel => ({ name: "k", buffers, body, ...more });
export const loop = (name: string, extent: Expr | number, body: readonly Stmt[], at: Extract<Stmt, { kind: "for" }>["at"] = "serial"): Stmt =>
  ({ kind: "for", name, extent: typeof extent === "number" ? int(extent) : extent, at, body });
export const let_ = (name: string, value: Expr, mutable = false): Stmt => ({ kind: "let", name, value, mutable });
export const set = (name: string, value: Expr): Stmt => ({ kind: "set", name, value });
export const store = (b: string, at: Expr, value: Expr): Stmt => ({ kind: "store", buffer: b, at, value });
export const when = (cond: Expr, body: readonly Stmt[]): Stmt => ({ kind: "if", cond, body });
export const read = (b: string, at: Expr, dtype: DType = "f32", lanes = 1): Expr => load(dtype, b, [at], lanes);
