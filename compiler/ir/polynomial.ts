/**
 * The normal form of index arithmetic: sum(coefficient * atom) + constant, largest coefficient first, then parameters, constant last.
 * Two equal addresses are one object, and addresses that differ by a constant share all but their last addition:
 * that is what lets `share` find one base for a whole unrolled tile. Products of what is not constant are multiplied out, so
 * that an atom may be a product of others, in their order.
 */
import { apply, children, constant, type Const, type Expr, type Range } from "./scalar.ts";

/** sum(coefficient * atom) + constant; an atom is any index expression that is no sum and no multiple itself, or a product of such. */
export interface Linear { readonly terms: ReadonlyMap<Expr, number>; readonly constant: number }

/** The value of an index constant. */
export const numberOf = (c: Expr): number => (c as Const).value as number;
/** A constant index. */
export const int = (n: number): Expr => constant("index", n);

const forms = new WeakMap<Expr, Linear>();
/** The linear form of an index expression; whatever is not linear is an atom. */
export function linear(e: Expr): Linear {
  let known = forms.get(e);
  if (!known) forms.set(e, (known = linearOf(e)));
  return known;
}
function linearOf(e: Expr): Linear {
  if (e.kind === "const") return { terms: new Map(), constant: numberOf(e) };
  if (e.kind === "apply") {
    const [a, b] = e.args as [Expr, Expr];
    if (e.op === "add") return combine(linear(a), linear(b), 1);
    if (e.op === "mul" && b.kind === "const") return scale(linear(a), numberOf(b));
  }
  return { terms: new Map([[e, 1]]), constant: 0 };
}
/** All of it times a number. */
export const scale = (l: Linear, by: number): Linear =>
  ({ terms: new Map([...l.terms].map(([atom, c]) => [atom, c * by])), constant: l.constant * by });
/** a + times * b. */
export function combine(a: Linear, b: Linear, times: number): Linear {
  const terms = new Map(a.terms);
  for (const [atom, c] of b.terms) terms.set(atom, (terms.get(atom) ?? 0) + c * times);
  return { terms, constant: a.constant + b.constant * times };
}

/** What an atom is a product of; itself where it is none. */
export const factorsOf = (atom: Expr): readonly Expr[] =>
  atom.kind === "apply" && atom.op === "mul" ? [...factorsOf(atom.args[0]!), ...factorsOf(atom.args[1]!)] : [atom];
/** The atom that is the product of some; at least one. */
export const productOf = (factors: readonly Expr[]): Expr => [...factors].sort(order).reduce((a, b) => apply("mul", a, b));
/** The product of two forms, multiplied out. */
export function multiplied(a: Linear, b: Linear): Linear {
  const none: Linear = { terms: new Map(), constant: 0 };
  let sum = combine(b.constant ? scale(a, b.constant) : none, a.constant ? scale({ ...b, constant: 0 }, a.constant) : none, 1);
  for (const [x, k] of a.terms) for (const [y, m] of b.terms) {
    sum = combine(sum, { terms: new Map([[productOf([...factorsOf(x), ...factorsOf(y)]), k * m]]), constant: 0 }, 1);
  }
  return sum;
}

const kinds: Readonly<Record<Expr["kind"], number>> = { var: 0, apply: 1, cast: 2, load: 3, lanes: 4, build: 5, const: 6 };
/** What tells an expression from others of its kind, its parts aside. */
function label(e: Expr): string {
  switch (e.kind) {
    case "const": return Object.is(e.value, -0) ? "-0" : `${e.value}`;
    case "var": return e.name;
    case "load": return e.buffer;
    case "apply": case "lanes": return e.op;
    case "cast": case "build": return "";
    default: return e satisfies never;
  }
}
/**
 * An order of atoms that their structure alone decides, whatever else was made before: equal models give equal files.
 * Variables of long ranges come first: output axes, which run outside, before the taps of a window.
 */
export function order(a: Expr, b: Expr): number {
  if (a === b) return 0;
  if (a.kind !== b.kind) return kinds[a.kind] - kinds[b.kind];
  if (a.kind === "var" && b.kind === "var" && a.range?.[1] !== b.range?.[1]) return (b.range?.[1] ?? Infinity) - (a.range?.[1] ?? Infinity);
  const x = `${label(a)} ${a.dtype} ${a.lanes}`, y = `${label(b)} ${b.dtype} ${b.lanes}`;
  if (x !== y) return x < y ? -1 : 1;
  const p = children(a), q = children(b);
  if (p.length !== q.length) return p.length - q.length;
  for (const [i, e] of p.entries()) { const o = order(e, q[i]!); if (o !== 0) return o; }
  return 0;
}

/** Whether an atom is the same in the whole kernel. */
export const isFixed = (e: Expr): boolean => (e.kind === "var" ? e.param === true : e.kind === "apply" && e.args.every((a) => a.kind === "const" || isFixed(a)));
/** Rebuilds the expression. A pair k*c*(x quo c) + k*(x rem c) becomes k*x on the way. */
export function fromLinear(l: Linear): Expr {
  for (const [atom, k] of l.terms) {
    if (k === 0 || atom.kind !== "apply" || atom.op !== "rem") continue;
    const [x, c] = atom.args as [Expr, Expr], pair = apply("quo", x, c);
    const parts = c.kind === "const" ? new Map([[pair, k * numberOf(c)]]) : scale(multiplied(linear(c), linear(pair)), k).terms;
    if (![...parts].every(([part, n]) => l.terms.get(part) === n)) continue;
    const rest = new Map(l.terms);
    rest.delete(atom);
    for (const part of parts.keys()) rest.delete(part);
    return fromLinear(combine({ terms: rest, constant: l.constant }, linear(x), k));
  }
  const terms = [...l.terms].filter(([, c]) => c !== 0)
    .sort(([a, c], [b, d]) => Number(isFixed(a)) - Number(isFixed(b)) || Math.abs(d) - Math.abs(c) || order(a, b))
    .map(([atom, c]) => (c === 1 ? atom : apply("mul", atom, int(c))));
  if (l.constant !== 0 || terms.length === 0) terms.push(int(l.constant));
  return terms.reduce((sum, t) => apply("add", sum, t));
}

const ranges = new WeakMap<Expr, Range>();
/** The values an index expression can take, from the ranges of its variables. */
export function range(e: Expr): Range {
  let known = ranges.get(e);
  if (!known) ranges.set(e, (known = rangeOf(e)));
  return known;
}
function rangeOf(e: Expr): Range {
  if (e.kind === "const") return [numberOf(e), numberOf(e)];
  if (e.kind === "var") return e.range ?? [-Infinity, Infinity];
  if (e.kind !== "apply") return [-Infinity, Infinity];
  if (e.op === "add") {
    const form = linear(e), [least, most] = jointly(form) ?? plainRange(e);
    return [Math.max(least, Math.ceil(-highOfShares(scale(form, -1)))), Math.min(most, Math.floor(highOfShares(form)))];
  }
  return plainRange(e);
}
/** What products of two ranges can be. */
function spread([a, b]: Range, [c, d]: Range): Range {
  const all = [a * c, a * d, b * c, b * d].map((n) => (Number.isNaN(n) ? 0 : n));
  return [Math.min(...all), Math.max(...all)];
}
const plainRange = (e: Expr): Range => {
  if (e.kind !== "apply") return range(e);
  const [[a, b], [c, d]] = e.args.slice(-2).map(range) as [Range, Range];
  switch (e.op) {
    case "add": return [a + c, b + d];
    case "sub": return [a - d, b - c];
    case "mul": return spread([a, b], [c, d]);
    case "quo": return [Math.floor(a / d), Math.floor(b / c)];
    case "rem": return [0, Math.min(b, d - 1)];
    case "min": return [Math.min(a, c), Math.min(b, d)];
    case "max": return [Math.max(a, c), Math.max(b, d)];
    case "less": return [b < c ? 1 : 0, a >= d ? 0 : 1];
    case "equal": return [a === b && c === d && a === c ? 1 : 0, b < c || d < a ? 0 : 1];
    case "select": return [Math.min(a, c), Math.max(b, d)];
    default: return [-Infinity, Infinity];
  }
};
/** A quotient of sizes by a number. */
const isShare = (e: Expr): boolean => e.kind === "apply" && e.op === "quo" && e.args[1]!.kind === "const" && isFixed(e);
const slack = 1e-6;
/** An upper bound where quotients of sizes are taken for fractions, so that a size and its quotients tell of each other: W quo 2 is at most W. Infinite where there are none. */
export const highOfShares = (form: Linear): number => ([...form.terms.keys()].some(isShare) ? smoothHigh(form) + slack : Infinity);
function smoothHigh(form: Linear): number {
  let smooth: Linear = { terms: new Map(), constant: form.constant };
  for (const [atom, k] of form.terms) {
    if (!isShare(atom)) { smooth = combine(smooth, { terms: new Map([[atom, 1]]), constant: 0 }, k); continue; }
    const [x, c] = (atom as { args: readonly Expr[] }).args as [Expr, Expr], by = numberOf(c);
    smooth = combine(combine(smooth, linear(x), k / by), { terms: new Map(), constant: k < 0 ? by - 1 : 0 }, -k / by);
  }
  if ([...smooth.terms].some(([a, k]) => k !== 0 && isShare(a))) return smoothHigh(smooth);
  return [...smooth.terms].reduce((sum, [atom, k]) => (k === 0 ? sum : sum + k * range(atom)[k > 0 ? 1 : 0]), smooth.constant);
}
/** What a sum can be of which products have atoms in common; null where nothing is known but of each part. */
const jointly = (form: Linear): Range | null => corners(form) ?? grouped(form);
/** An upper bound that takes products with common atoms together; infinite where there are none. */
export const highOfProducts = (form: Linear): number => jointly(form)?.[1] ?? Infinity;
/** Atoms whose ends are all tried. */
const mostCorners = 6;
/** A sum of products that have atoms in common is largest and smallest where each atom is at an end, if no product has one twice. Null for plain sums. */
function corners({ terms, constant }: Linear): Range | null {
  const products: { k: number; factors: readonly Expr[] }[] = [];
  let hasProduct = false;
  for (const [atom, k] of terms) {
    const factors = factorsOf(atom);
    if (factors.length > 1) hasProduct = true;
    products.push({ k, factors });
  }
  if (!hasProduct) return null;
  const atoms = [...new Set(products.flatMap((p) => p.factors))], ends = atoms.map(range);
  if (atoms.length > mostCorners || products.some((p) => new Set(p.factors).size < p.factors.length) || ends.flat().some((x) => !Number.isFinite(x))) return null;
  let low = Infinity, high = -Infinity;
  for (let corner = 0; corner < 2 ** atoms.length; corner++) {
    const at = new Map(atoms.map((a, i) => [a, ends[i]![(corner >> i) & 1]!]));
    const sum = products.reduce((s, { k, factors }) => s + factors.reduce((p, f) => p * at.get(f)!, k), constant);
    low = Math.min(low, sum), high = Math.max(high, sum);
  }
  return [low, high];
}
/** A sum with powers of an atom, by Horner's rule: x (x - 2) + 1 tells more than its three parts do. Null where no product has an atom twice. */
function grouped(form: Linear): Range | null {
  const products = [...form.terms].map(([atom, k]) => ({ atom, k, factors: factorsOf(atom) }));
  const power = products.flatMap((p) => p.factors.filter((f, i) => p.factors.indexOf(f) < i))[0];
  if (!power) return null;
  const inner = products.filter((p) => p.factors.includes(power)), outer: Linear = { terms: new Map(products.flatMap((p) => (inner.includes(p) ? [] : [[p.atom, p.k]]))), constant: form.constant };
  const less = (factors: readonly Expr[]): Linear => { const at = factors.indexOf(power), rest = factors.filter((_, i) => i !== at); return rest.length ? { terms: new Map([[productOf(rest), 1]]), constant: 0 } : { terms: new Map(), constant: 1 }; };
  const by = inner.reduce<Linear>((sum, p) => combine(sum, less(p.factors), p.k), { terms: new Map(), constant: 0 });
  const [low, high] = spread(range(power), range(fromLinear(by))), [least, most] = range(fromLinear(outer));
  return [low + least, high + most];
}
