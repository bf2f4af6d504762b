/** The text of a program for the device: only what its kernels need, readable. */
import { printKernel } from "../../compiler/emit/print.ts";
import { eachStmt, expressionsOf, type Kernel } from "../../compiler/ir/kernel.ts";
import { children, type Expr } from "../../compiler/ir/scalar.ts";
import { helpers, opencl } from "./dialect.ts";

/** Whether a kernel holds or computes numbers of double precision, which a device need not have. */
export function usesDoubles(k: Kernel): boolean {
  const seen = new Set<Expr>();
  const has = (e: Expr): boolean => {
    if (seen.has(e)) return false;
    seen.add(e);
    return e.dtype === "f64" || children(e).some(has);
  };
  let found = false;
  eachStmt(k.body, (s) => { found ||= expressionsOf(s).some(has); });
  return found;
}
/** Kernels as OpenCL C 1.2: what they ask of the language, the functions that they call, then each below its comment. */
export function programText(kernels: readonly Kernel[], commentOf: (k: Kernel) => readonly string[] = () => []): string {
  const texts = kernels.map((k) => `${commentOf(k).map((line) => `// ${line}\n`).join("")}${printKernel(k, opencl)}`), all = texts.join("\n");
  const called = new Set(Object.keys(helpers).filter((name) => all.includes(`${name}(`)));
  if (called.has("signed_power")) called.add("whole_power");
  return [
    ...(kernels.some(usesDoubles) ? ["#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n"] : []),
    ...Object.entries(helpers).flatMap(([name, text]) => (called.has(name) ? [text] : [])), ...texts,
  ].join("\n");
}
