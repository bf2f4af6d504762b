/** What WGSL cannot do, or does too loosely. */
import type { Expr, ScalarOp } from "../../compiler/ir/scalar.ts";

/** Functions that the language lacks (erf), or whose errors it does not bound well enough; those left are exact, or as good as arithmetic. */
const loose: ReadonlySet<ScalarOp> = new Set([
  "erf", "pow", "tanh", "sinh", "cosh", "asinh", "acosh", "atanh", "sin", "cos", "tan", "asin", "acos", "atan", "log",
]);
/** Whether a kernel in WGSL must have this operator written out. */
export const lacks = (e: Expr): boolean => e.dtype === "f64" || (e.kind === "apply" && loose.has(e.op));
