/** Kernels for languages that have no small floats: buffers and variables of these hold bits, and conversions are written out. */
import { convert, withChildren } from "../ir/algebra.ts";
import { bitsTypeOf, converted, roundedTo } from "../ir/codec.ts";
import { encode, isSmallFloat } from "../ir/formats.ts";
import { eachStmt, expressionsOf, mapStmt, type Kernel, type Stmt } from "../ir/kernel.ts";
import { children, constant, load, variable, type Expr } from "../ir/scalar.ts";
import type { DType } from "../ir/types.ts";

const bitsOf = (t: DType): DType => (isSmallFloat(t) ? bitsTypeOf(t) : t);
/** The same kernel over bits, of u8 and u16. What is converted to a small float and back at once is rounded. */
export function smallFloatsAsBits(k: Kernel): Kernel {
  const seen = new Map<Expr, Expr>();
  const of = (e: Expr): Expr => {
    let next = seen.get(e);
    if (!next) seen.set(e, (next = make(e)));
    return next;
  };
  const make = (e: Expr): Expr => {
    switch (e.kind) {
      case "const": return isSmallFloat(e.dtype) ? constant(bitsOf(e.dtype), encode(e.dtype, Number(e.value))) : e;
      case "var": return isSmallFloat(e.dtype) ? variable(bitsOf(e.dtype), e.name, e.lanes, e.range) : e;
      case "load": return load(bitsOf(e.dtype), e.buffer, e.at.map(of), e.lanes);
      case "cast": {
        const { arg, dtype } = e, x = of(arg);
        if (arg.kind === "cast" && isSmallFloat(arg.dtype) && !isSmallFloat(arg.arg.dtype) && !isSmallFloat(dtype)) return convert(dtype, roundedTo(arg.dtype, of(arg.arg)));
        return isSmallFloat(dtype) || isSmallFloat(arg.dtype) ? converted(arg.dtype, dtype, x) : withChildren(e, of);
      }
      default: return withChildren(e, of);
    }
  };
  const all = (body: readonly Stmt[]): readonly Stmt[] => body.map((s) => mapStmt(s, of, all));
  return k.buffers.some((b) => isSmallFloat(b.dtype)) || hasSmall(k) ? { ...k, buffers: k.buffers.map((b) => ({ ...b, dtype: bitsOf(b.dtype) })), body: all(k.body) } : k;
}

/** Whether any expression of a kernel is a small float. */
function hasSmall(k: Kernel): boolean {
  const seen = new Set<Expr>();
  const has = (e: Expr): boolean => {
    if (isSmallFloat(e.dtype)) return true;
    if (seen.has(e)) return false;
    seen.add(e);
    return children(e).some(has);
  };
  let found = false;
  eachStmt(k.body, (s) => { found ||= expressionsOf(s).some(has); });
  return found;
}
