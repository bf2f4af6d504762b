/**
 * The normal form of index arithmetic: sum(coefficient * atom) + constant, largest coefficient first, then parameters, constant last.
 * Two equal addresses are one object, and addresses that differ by a constant share all but their last addition:
 * that is what lets `share` find one base for a whole unrolled tile.
 */
import { apply, children, constant, fail, show, type Const, type Expr, type Range } from "./scalar.ts";

/** sum(coefficient * atom) + constant; an atom is any index expression that is no sum and no multiple itself. */
export interface Linear { readonly terms: ReadonlyMap<Expr, number>; readonly constant: number }

/** The value of an index constant. */
export const numberOf = (c: Const): number => c.value as number;
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
const scale = (l: Linear, by: number): Linear =>
  ({ terms: new Map([...l.terms].map(([atom, c]) => [atom, c * by])), constant: l.constant * by });
function combine(a: Linear, b: Linear, times: number): Linear {
  const terms = new Map(a.terms);
  for (const [atom, c] of b.terms) terms.set(atom, (terms.get(atom) ?? 0) + c * times);
  return { terms, constant: a.constant + b.constant * times };
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
function order(a: Expr, b: Expr): number {
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
    const [x, c] = atom.args as [Expr, Expr];
    const pair = apply("quo", x, c);
    if (c.kind !== "const" || l.terms.get(pair) !== k * numberOf(c)) continue;
    const rest = new Map(l.terms);
    rest.delete(atom);
    rest.delete(pair);
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
  const [[a, b], [c, d]] = e.args.slice(-2).map(range) as [Range, Range];
  switch (e.op) {
    case "add": return [a + c, b + d];
    case "sub": return [a - d, b - c];
    case "mul": { const all = [a * c, a * d, b * c, b * d].map((n) => (Number.isNaN(n) ? 0 : n)); return [Math.min(...all), Math.max(...all)]; }
    case "quo": return [Math.floor(a / d), Math.floor(b / c)];
    case "rem": return [0, Math.min(b, d - 1)];
    case "min": return [Math.min(a, c), Math.min(b, d)];
    case "max": return [Math.max(a, c), Math.max(b, d)];
    case "less": return [b < c ? 1 : 0, a >= d ? 0 : 1];
    case "equal": return [a === b && c === d && a === c ? 1 : 0, b < c || d < a ? 0 : 1];
    case "select": return [Math.min(a, c), Math.max(b, d)];
    default: return [-Infinity, Infinity];
  }
}

/** Splits `x` as c * quotient + rest, with as little as possible left in the rest, and a rest that starts in 0..c-1. */
function divide(x: Expr, c: number): { quotient: Linear; rest: Linear } {
  const l = linear(x);
  const floor = (k: number) => Math.floor(k / c);
  const quotient: Linear = { terms: new Map([...l.terms].map(([a, k]) => [a, floor(k)])), constant: floor(l.constant) };
  const rest = combine(l, scale(quotient, c), -1);
  const [low] = range(fromLinear(rest));
  if (!Number.isFinite(low)) return { quotient, rest };
  return { quotient: { ...quotient, constant: quotient.constant + floor(low) }, rest: { ...rest, constant: rest.constant - c * floor(low) } };
}
/** g * high + low with 0 <= low < g and g a divisor of c, if there is one: then low cannot carry into a multiple of c. */
function carryFree(x: Expr, c: number): { g: number; high: Expr; low: Expr } | null {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  for (const g of [...linear(x).terms.values()].map((k) => gcd(c, Math.abs(k))).sort((a, b) => b - a)) {
    if (g === 1 || g === c) continue;
    const { quotient, rest } = divide(x, g), low = fromLinear(rest);
    if (inRange(low, g)) return { g, high: fromLinear(quotient), low };
  }
  return null;
}
const inRange = (x: Expr, c: number) => { const [low, high] = range(x); return low >= 0 && high < c; };
const divisor = (e: Expr) => (e.kind === "const" && e.value > 0 ? numberOf(e) : fail(`divisor ${show(e)} is not a positive constant`));

/** Index operators, normalising. */
export const indexOps: Record<"add" | "sub" | "mul" | "quo" | "rem" | "min" | "max" | "less" | "lessEqual" | "equal" | "neg", (a: Expr, b: Expr) => Expr> = {
  add: (a, b) => fromLinear(combine(linear(a), linear(b), 1)),
  sub: (a, b) => fromLinear(combine(linear(a), linear(b), -1)),
  mul: (a, b) => (b.kind === "const" ? fromLinear(scale(linear(a), numberOf(b))) : a.kind === "const" ? indexOps.mul(b, a) : apply("mul", a, b)),
  quo: (a, b) => {
    const { quotient, rest } = divide(a, divisor(b));
    const r = fromLinear(rest), c = divisor(b);
    if (inRange(r, c)) return fromLinear(quotient);
    const split = carryFree(r, c);
    return fromLinear(combine(quotient, linear(split ? indexOps.quo(split.high, int(c / split.g)) : apply("quo", r, b)), 1));
  },
  rem: (a, b) => {
    const c = divisor(b), r = fromLinear(divide(a, c).rest);
    if (inRange(r, c)) return r;
    const split = carryFree(r, c);
    return split ? plus(times(indexOps.rem(split.high, int(c / split.g)), split.g), split.low) : apply("rem", r, b);
  },
  min: (a, b) => (range(a)[1] <= range(b)[0] ? a : range(b)[1] <= range(a)[0] ? b : apply("min", a, b)),
  max: (a, b) => (range(a)[0] >= range(b)[1] ? a : range(b)[0] >= range(a)[1] ? b : apply("max", a, b)),
  less: (a, b) => {
    const [low, high] = range(indexOps.sub(a, b));
    if (high < 0 || low >= 0) return constant("bool", high < 0 ? 1 : 0);
    // g * high + low < g * limit exactly when high < limit: a whole vector is inside or outside.
    const split = b.kind === "const" && b.value > 0 ? carryFree(a, numberOf(b)) : null;
    return split ? indexOps.less(split.high, int(divisor(b) / split.g)) : apply("less", a, b);
  },
  lessEqual: (a, b) => indexOps.less(a, indexOps.add(b, int(1))),
  equal: (a, b) => {
    const difference = indexOps.sub(a, b), [low, high] = range(difference);
    if (low > 0 || high < 0) return constant("bool", 0);
    return low === 0 && high === 0 ? constant("bool", 1) : apply("equal", a, b);
  },
  neg: (a) => fromLinear(scale(linear(a), -1)),
};
/** Remembers results by the ids of both operands. */
function remembered(f: (a: Expr, b: Expr) => Expr): (a: Expr, b: Expr) => Expr {
  const known = new Map<number, Expr>();
  return (a, b) => {
    if (a.id >= idLimit || b.id >= idLimit) return f(a, b);
    const key = a.id * idLimit + b.id;
    let e = known.get(key);
    if (!e) known.set(key, (e = f(a, b)));
    return e;
  };
}
/** Two ids below this make one exact number. */
export const idLimit = 2 ** 26;
/** Sum and difference of two indices, in normal form. */
export const plus = remembered(indexOps.add), minus = remembered(indexOps.sub);
const product = remembered(indexOps.mul);
/** A multiple of an index, in normal form. */
export const times = (a: Expr, c: number): Expr => product(a, int(c));
