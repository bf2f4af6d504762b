/** Quotients and remainders of indices in normal form, by constants and by what is not constant. */
import { apply, fail, show, type Expr } from "./scalar.ts";
import { combine, factorsOf, fromLinear, int, isFixed, linear, multiplied, numberOf, order, productOf, range, scale, type Linear } from "./polynomial.ts";

/** Splits `x` as c * quotient + rest, with as little as possible left in the rest, and a rest that starts in 0..c-1. */
function divide(x: Expr, c: number): { quotient: Linear; rest: Linear } {
  const l = linear(x);
  const floor = (k: number) => Math.floor(k / c);
  const quotient: Linear = { terms: new Map([...l.terms].map(([a, k]) => [a, floor(k)])), constant: floor(l.constant) };
  const rest = combine(l, scale(quotient, c), -1);
  const [low, high] = range(fromLinear(rest));
  // Sizes stay as people write them where nothing is decided by that.
  if (!Number.isFinite(low) || (low >= c && high - c * floor(low) >= c && [...l.terms.keys()].every(isFixed))) return { quotient, rest };
  return { quotient: { ...quotient, constant: quotient.constant + floor(low) }, rest: { ...rest, constant: rest.constant - c * floor(low) } };
}
/** g * high + low with 0 <= low < g and g a divisor of c, if there is one: then low cannot carry into a multiple of c. */
export function carryFree(x: Expr, c: number): { g: number; high: Expr; low: Expr } | null {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  for (const g of [...linear(x).terms.values()].map((k) => gcd(c, Math.abs(k))).sort((a, b) => b - a)) {
    if (g === 1 || g === c) continue;
    const { quotient, rest } = divide(x, g), low = fromLinear(rest);
    if (inRange(low, g)) return { g, high: fromLinear(quotient), low };
  }
  return null;
}
const inRange = (x: Expr, c: number): boolean => { const [low, high] = range(x); return low >= 0 && high < c; };
const sum = (a: Expr, b: Expr): Expr => fromLinear(combine(linear(a), linear(b), 1));
const product = (a: Expr, b: Expr): Expr => fromLinear(multiplied(linear(a), linear(b)));

/** The term of a form that others are divided by: of most factors, and of those the first in order. */
function leading({ terms }: Linear): { readonly factors: readonly Expr[]; readonly k: number } {
  const [first] = [...terms].map(([atom, k]) => ({ atom, factors: factorsOf(atom), k }))
    .sort((a, b) => b.factors.length - a.factors.length || order(a.atom, b.atom));
  return first!;
}
/** The factors left when others are taken away, each once; null where one of them is missing. */
function less(factors: readonly Expr[], taken: readonly Expr[]): readonly Expr[] | null {
  const left = [...factors];
  for (const f of taken) { const i = left.indexOf(f); if (i < 0) return null; left.splice(i, 1); }
  return left;
}
const monomial = (factors: readonly Expr[], k: number): Linear =>
  (factors.length ? { terms: new Map([[productOf(factors), k]]), constant: 0 } : { terms: new Map(), constant: k });
/** Division of polynomials: a = b * quotient + rest, where no term of the rest has the leading term of `b` as often as `b` has. */
function divided(a: Linear, b: Linear): { quotient: Linear; rest: Linear } {
  const lead = leading(b);
  let quotient: Linear = { terms: new Map(), constant: 0 }, rest = a;
  for (let turns = a.terms.size * 4; turns > 0; turns--) {
    const next = [...rest.terms].flatMap(([atom, k]) => {
      const times = Math.floor(k / lead.k), left = times === 0 ? null : less(factorsOf(atom), lead.factors);
      return left ? [monomial(left, times)] : [];
    })[0];
    if (!next) break;
    quotient = combine(quotient, next, 1);
    rest = combine(rest, multiplied(next, b), -1);
  }
  return { quotient, rest };
}
/** What all terms of both have as a factor, and both without it. */
function reduced(a: Linear, b: Linear): { readonly common: Expr; readonly a: Expr; readonly b: Expr } | null {
  const terms = [...a.terms, ...b.terms].filter(([, k]) => k !== 0), constants = [a.constant, b.constant].filter((c) => c !== 0);
  const gcd = (x: number, y: number): number => (y === 0 ? Math.abs(x) : gcd(y, x % y));
  const k = [...terms.map(([, n]) => n), ...constants].reduce(gcd, 0);
  const lists = terms.map(([atom]) => factorsOf(atom));
  let shared: readonly Expr[] = [];
  if (!constants.length) for (const f of lists[0] ?? []) if (lists.every((l) => less(l, [...shared, f]))) shared = [...shared, f];
  if (k <= 1 && shared.length === 0) return null;
  const without = (l: Linear): Expr => fromLinear([...l.terms].filter(([, n]) => n !== 0)
    .reduce<Linear>((rest, [atom, n]) => combine(rest, monomial(less(factorsOf(atom), shared)!, n / k), 1), { terms: new Map(), constant: l.constant / k }));
  return { common: fromLinear(monomial(shared, k)), a: without(a), b: without(b) };
}
/** Whether 0 <= x < limit surely. */
const isBelow = (x: Expr, limit: Expr): boolean => range(x)[0] >= 0 && range(fromLinear(combine(linear(limit), linear(x), -1)))[0] > 0;
/** high * by + low with 0 <= low < by, for a factor `by` of the divisor: then low cannot carry. */
function carryFreeOf(x: Expr, b: Expr): { readonly by: Expr; readonly high: Expr; readonly low: Expr; readonly left: Expr } | null {
  const terms = [...linear(b).terms], [[atom, k]] = terms as [[Expr, number]];
  if (terms.length !== 1 || linear(b).constant !== 0) return null;
  const factors = factorsOf(atom), all = [...(k > 1 ? [int(k)] : []), ...new Set(factors)];
  for (const by of all) {
    const left = by.kind === "const" ? fromLinear(monomial(factors, 1)) : fromLinear(monomial(less(factors, [by])!, k));
    if (left === int(1)) continue;
    const { quotient, rest } = by.kind === "const" ? divide(x, numberOf(by)) : divided(linear(x), linear(by));
    const low = fromLinear(rest), high = fromLinear(quotient);
    if (high !== int(0) && isBelow(low, by)) return { by, high, low, left };
  }
  return null;
}
const positive = (b: Expr): Expr => (range(b)[0] >= 1 ? b : fail(`divisor ${show(b)} may not be positive`));

/** a quo b in normal form. */
export function quotient(a: Expr, b: Expr): Expr {
  if (b.kind !== "const") return quotientBy(a, positive(b));
  const c = numberOf(positive(b)), d = divide(a, c), r = fromLinear(d.rest);
  if (inRange(r, c)) return fromLinear(d.quotient);
  const split = carryFree(r, c);
  return sum(fromLinear(d.quotient), split ? quotient(split.high, int(c / split.g)) : nested(r, c) ?? apply("quo", r, b));
}
/** a rem b in normal form. */
export function remainder(a: Expr, b: Expr): Expr {
  if (b.kind !== "const") return remainderBy(a, positive(b));
  const c = numberOf(positive(b)), r = fromLinear(divide(a, c).rest);
  if (inRange(r, c)) return r;
  const split = carryFree(r, c);
  return split ? sum(product(remainder(split.high, int(c / split.g)), int(split.g)), split.low) : apply("rem", r, b);
}
/** (x quo c + k) quo d is (x + k c) quo (c d): sizes behind several strides have one form. */
function nested(r: Expr, d: number): Expr | null {
  if (!isFixed(r) && !(r.kind === "apply" && r.op === "add")) return null;
  const { terms, constant } = linear(r), [[inner, k]] = [...terms] as [[Expr, number]];
  if (terms.size !== 1 || k !== 1 || !isFixed(inner) || inner.kind !== "apply" || inner.op !== "quo" || inner.args[1]?.kind !== "const") return null;
  const c = numberOf(inner.args[1]);
  return quotient(sum(inner.args[0]!, int(constant * c)), int(c * d));
}
function quotientBy(a: Expr, b: Expr): Expr {
  if (isBelow(a, b)) return int(0);
  const smaller = reduced(linear(a), linear(b));
  if (smaller) return quotient(smaller.a, smaller.b);
  const d = divided(linear(a), linear(b)), rest = fromLinear(d.rest), whole = fromLinear(d.quotient);
  if (isBelow(rest, b)) return whole;
  if (whole !== int(0) && range(rest)[0] >= 0) return sum(whole, quotientBy(rest, b));
  const split = carryFreeOf(a, b);
  return split ? quotient(split.high, split.left) : apply("quo", a, b);
}
function remainderBy(a: Expr, b: Expr): Expr {
  if (isBelow(a, b)) return a;
  const smaller = reduced(linear(a), linear(b));
  if (smaller) return product(remainder(smaller.a, smaller.b), smaller.common);
  const rest = fromLinear(divided(linear(a), linear(b)).rest);
  if (rest !== a && range(rest)[0] >= 0) return remainderBy(rest, b);
  const split = carryFreeOf(a, b);
  return split ? sum(product(remainder(split.high, split.left), split.by), split.low) : apply("rem", a, b);
}
