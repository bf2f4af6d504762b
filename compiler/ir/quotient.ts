/** Floats that models compute of sizes known only at run time, as exact quotients of whole numbers: sizes times 0.5, rounded, limits of ranges. */
import { make } from "./algebra.ts";
import { int, range } from "./linear.ts";
import type { Expr } from "./scalar.ts";
import { isFloat } from "./types.ts";

/** An index divided by a positive whole number. */
export interface Quotient { readonly of: Expr; readonly by: number }
/** A float or an index as such a quotient; null where it is none that can be told. */
export function quotientOf(e: Expr): Quotient | null {
  if (e.dtype === "index") return { of: e, by: 1 };
  if (e.kind === "const") {
    const x = Number(e.value);
    for (let by = 1; by <= 4096; by *= 2) if (Number.isInteger(x * by)) return { of: int(x * by), by };
    return null;
  }
  if (e.kind === "cast") return e.arg.dtype === "index" || isFloat(e.arg.dtype) ? quotientOf(e.arg) : null;
  if (e.kind !== "apply") return null;
  const [a, b] = e.args.map(quotientOf);
  if (!a) return null;
  const whole = (of: Expr | null) => of && { of, by: 1 };
  switch (e.op) {
    case "floor": return whole(roundedDown(a));
    case "ceil": return whole(roundedUp(a));
    case "trunc": return range(a.of)[0] >= 0 ? whole(roundedDown(a)) : null;
    case "neg": return { of: make("sub", int(0), a.of), by: a.by };
    default: return b ? combined(e.op, a, b) : null;
  }
}
function combined(op: string, a: Quotient, b: Quotient): Quotient | null {
  switch (op) {
    case "add": case "sub": return { of: make(op, make("mul", a.of, int(b.by)), make("mul", b.of, int(a.by))), by: a.by * b.by };
    case "mul": return { of: make("mul", a.of, b.of), by: a.by * b.by };
    case "div": return b.of.kind === "const" && Number(b.of.value) > 0 ? { of: make("mul", a.of, int(b.by)), by: a.by * Number(b.of.value) } : null;
    case "min": case "max": return a.by === b.by ? { of: make(op, a.of, b.of), by: a.by } : null;
    default: return null;
  }
}
/** The largest whole number that is not above it; null where nothing bounds it from below. */
export function roundedDown({ of, by }: Quotient): Expr | null {
  // Quotients of indices want what is not negative.
  const [low] = range(of), lift = low < 0 ? Math.ceil(-low / by) : 0;
  return Number.isFinite(lift) ? make("sub", make("quo", make("add", of, int(lift * by)), int(by)), int(lift)) : null;
}
/** The smallest whole number that is not below it; null where nothing bounds it from below. */
export const roundedUp = ({ of, by }: Quotient): Expr | null => roundedDown({ of: make("add", of, int(by - 1)), by });
