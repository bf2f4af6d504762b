/** Which buffers of a kernel can be arrays of vectors: memory is then read and written four elements at a time. */
import { loadsIn } from "../../compiler/ir/algebra.ts";
import { eachStmt, expressionsOf, type Kernel } from "../../compiler/ir/kernel.ts";
import { linear } from "../../compiler/ir/linear.ts";
import type { Expr } from "../../compiler/ir/scalar.ts";

/** `can`: all stores, and all loads of four, are of four elements at multiples of 4; `want`: some are of four. */
export interface Quads { readonly can: ReadonlySet<string>; readonly want: ReadonlySet<string> }

/** Single elements may be read anywhere; a store of one would touch its neighbours. */
export function quadBuffers(k: Kernel): Quads {
  const can = new Set(k.buffers.map((b) => b.name)), want = new Set<string>(), values = new Map<string, Expr>(), seen = new Map<Expr, boolean>();
  eachStmt(k.body, (s) => { if (s.kind === "let" && !s.mutable && s.value.dtype === "index") values.set(s.name, s.value); });
  const isWhole = (e: Expr): boolean => {
    let known = seen.get(e);
    if (known === undefined) {
      const { terms, constant } = linear(e);
      seen.set(e, (known = constant % 4 === 0 && [...terms].every(([atom, c]) => c % 4 === 0 || isWholeAtom(atom))));
    }
    return known;
  };
  const isWholeAtom = (e: Expr): boolean => {
    if (e.kind === "var") { const value = values.get(e.name); return value !== undefined && isWhole(value); }
    if (e.kind !== "apply") return false;
    switch (e.op) {
      case "min": case "max": case "rem": return e.args.every(isWhole);
      case "select": return e.args.slice(1).every(isWhole);
      case "mul": return e.args.some(isWhole);
      default: return false;
    }
  };
  const touch = (buffer: string, at: Expr, lanes: number, isStore: boolean) => {
    if (lanes === 4) want.add(buffer);
    if (lanes === 4 ? !isWhole(at) : isStore) can.delete(buffer);
  };
  const all: Expr[] = [];
  eachStmt(k.body, (s) => {
    if (s.kind === "store") touch(s.buffer, s.at, s.value.lanes, true);
    if (s.kind !== "prefetch") all.push(...expressionsOf(s));
  });
  for (const l of loadsIn(all)) touch(l.buffer, l.at[0]!, l.lanes, false);
  return { can, want };
}
