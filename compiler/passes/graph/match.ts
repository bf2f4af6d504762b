/** Finding arithmetic in a graph whatever way it is written: products in any order, polynomials of one value. */
import type { ValueName } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import type { Editor } from "./rewrite.ts";

const depth = 12;

/** number * product of values, sorted by name. */
export interface Product { readonly scale: number; readonly factors: readonly ValueName[] }
/** A value as a product of values that are none themselves, or that are `stop`: through Mul, Neg, and Div by a number. */
export function productOf(v: ValueName, e: Editor, stop?: ValueName, left = depth): Product {
  const leaf: Product = { scale: 1, factors: [v] }, number = e.uniform(v);
  if (v === stop) return leaf;
  if (number !== undefined) return { scale: number, factors: [] };
  const n = left > 0 ? e.made(v) : undefined, [a, b] = n?.node.inputs ?? [];
  if (n?.node.op === "Neg") return times(productOf(a!, e, stop, left - 1), { scale: -1, factors: [] });
  if (n?.node.op === "Mul") return times(productOf(a!, e, stop, left - 1), productOf(b!, e, stop, left - 1));
  const divisor = n?.node.op === "Div" ? e.uniform(b) : undefined;
  return divisor === undefined ? leaf : times(productOf(a!, e, stop, left - 1), { scale: 1 / divisor, factors: [] });
}
const times = (a: Product, b: Product): Product => ({ scale: a.scale * b.scale, factors: [...a.factors, ...b.factors].sort() });
/** All values in the tree of a product: itself, what it multiplies, and so on down. */
export function partsOf(v: ValueName, e: Editor, left = depth): readonly ValueName[] {
  const n = left > 0 ? e.made(v) : undefined;
  return n && ["Mul", "Div", "Neg"].includes(n.node.op) ? [v, ...n.node.inputs.flatMap((x) => partsOf(x, e, left - 1))] : [v];
}

/** Coefficients, the constant one first. */
export type Polynomial = readonly number[];
/** A value as a polynomial of `x` of degree 4 at most; undefined where anything else is in it. */
export function polynomialOf(v: ValueName, x: ValueName, e: Editor, left = depth): Polynomial | undefined {
  if (v === x) return [0, 1];
  const number = e.uniform(v), n = left > 0 ? e.made(v) : undefined;
  if (number !== undefined) return [number];
  const part = (i: number) => polynomialOf(n!.node.inputs[i]!, x, e, left - 1), rule = n ? polynomials[n.node.op] : undefined;
  const result = rule?.(part, n!, e);
  return result && result.length <= 5 ? result : undefined;
}
type Part = (i: number) => Polynomial | undefined;
const polynomials: Readonly<Record<string, (part: Part, n: NodeView, e: Editor) => Polynomial | undefined>> = {
  Neg: (part) => part(0)?.map((c) => -c),
  Add: (part) => sum(part(0), part(1), 1),
  Sub: (part) => sum(part(0), part(1), -1),
  Mul: (part) => multiply(part(0), part(1)),
  Div: (part, n, e) => { const by = e.uniform(n.node.inputs[1]); return by === undefined ? undefined : part(0)?.map((c) => c / by); },
  Pow: (part, n, e) => {
    const power = e.uniform(n.node.inputs[1]), base = part(0);
    if (power === 2) return multiply(base, base);
    return power === 3 ? multiply(base, multiply(base, base)) : undefined;
  },
};
const sum = (a: Polynomial | undefined, b: Polynomial | undefined, sign: number): Polynomial | undefined =>
  a && b && Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + sign * (b[i] ?? 0));
function multiply(a: Polynomial | undefined, b: Polynomial | undefined): Polynomial | undefined {
  if (!a || !b) return undefined;
  const out = new Array<number>(a.length + b.length - 1).fill(0);
  a.forEach((x, i) => b.forEach((y, j) => { out[i + j]! += x * y; }));
  return out;
}
/** Whether two polynomials agree up to the rounding of constants stored in single precision; the tanh form of GELU is known to 4 digits. */
export function samePolynomial(a: Polynomial | undefined, b: Polynomial, tolerance = 1e-4): boolean {
  const largest = Math.max(...b.map(Math.abs)), difference = sum(a, b, -1);
  return difference?.every((d) => Math.abs(d) <= tolerance * largest) ?? false;
}
