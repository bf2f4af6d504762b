/** What values an index can take where some tests hold: intervals, sharpened by linear inequalities. */
import { children, type Expr, type Range } from "./scalar.ts";
import { highOfProducts, highOfShares, linear, minus, range, type Linear } from "./linear.ts";
import { limits, types } from "./types.ts";

/** Linear forms that are at most 0. */
export type Facts = readonly Linear[];
/** Nothing is known. */
export const noFacts: Facts = [];

function combined(a: Linear, b: Linear, times: number, plus = 0): Linear {
  const terms = new Map(a.terms);
  for (const [atom, c] of b.terms) {
    const sum = (terms.get(atom) ?? 0) + c * times;
    if (sum === 0) terms.delete(atom); else terms.set(atom, sum);
  }
  return { terms, constant: a.constant + b.constant * times + plus };
}
/** What follows for indices from a condition that holds, or that does not. */
export function factsOf(cond: Expr, holds: boolean): Facts {
  if (cond.kind !== "apply") return noFacts;
  const [a, b] = cond.args as [Expr, Expr];
  /** x - y + more <= 0 */
  const atMost = (x: Expr, y: Expr, more: number) => combined(linear(x), linear(y), -1, more);
  switch (cond.op) {
    case "less": return a.dtype !== "index" ? noFacts : [holds ? atMost(a, b, 1) : atMost(b, a, 0)];
    case "lessEqual": return a.dtype !== "index" ? noFacts : [holds ? atMost(a, b, 0) : atMost(b, a, 1)];
    case "equal": return a.dtype !== "index" || !holds ? noFacts : [atMost(a, b, 0), atMost(b, a, 0)];
    case "and": return holds ? [...factsOf(a, true), ...factsOf(b, true)] : noFacts;
    case "or": return holds ? noFacts : [...factsOf(a, false), ...factsOf(b, false)];
    case "not": return factsOf(a, !holds);
    default: return noFacts;
  }
}

/** What holds of the quotients by constants in some indices: c q <= x <= c q + c - 1. */
export function quotientFacts(list: readonly Expr[]): Facts {
  const found: Linear[] = [], seen = new Set<Expr>();
  const walk = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    children(e).forEach(walk);
    const [x, c] = children(e);
    if (e.kind !== "apply" || e.op !== "quo" || c?.kind !== "const") return;
    const whole: Linear = { terms: new Map([[e, Number(c.value)]]), constant: 0 };
    found.push(combined(whole, linear(x!), -1), combined(linear(x!), whole, -1, 1 - Number(c.value)));
  };
  list.forEach(walk);
  return found;
}
/** The least and the greatest value of an index expression under some facts; never narrower than what is possible. */
export function boundsUnder(e: Expr, facts: Facts): Range {
  const form = linear(e), [least, most] = range(e);
  return [Math.max(least, -greatest(negated(form), facts)), Math.min(most, greatest(form, facts))].map((x) => x + 0) as [number, number];
}
const negated = (l: Linear): Linear => ({ terms: new Map([...l.terms].map(([a, c]) => [a, -c])), constant: -l.constant });
/** An upper bound. As x <= x - k g for any fact g <= 0 and k > 0, facts that share a term are taken away, one or two at a time, the most helpful first, while that helps. */
function greatest(form: Linear, facts: Facts): number {
  let best = form, high = highOf(form, facts);
  const better = (from: Linear, further: boolean): Linear | null => {
    const all = without(from, facts).map((f) => ({ f, high: highOf(f, facts) })).sort((a, b) => a.high - b.high).map(({ f }) => f);
    return all.find((f) => highOf(f, facts) < high) ?? (further ? all.map((f) => better(f, false)).find((f) => f !== null) ?? null : null);
  };
  // Facts that contradict each other, as in a branch that is never taken, would help for ever.
  for (let left = 2 * facts.length; left > 0; left--) {
    const next = better(best, true);
    if (!next) break;
    best = next;
    high = highOf(best, facts);
  }
  return Math.floor(high);
}
/** The form less multiples of facts that make one of its terms vanish. */
const without = (form: Linear, facts: Facts): readonly Linear[] => facts.flatMap((g) => [...g.terms].flatMap(([atom, c]) => {
  const k = (form.terms.get(atom) ?? 0) / c;
  return k > 0 ? [combined(form, g, -k)] : [];
}));
const highOf = ({ terms, constant }: Linear, facts: Facts): number => {
  let sum = constant;
  for (const [atom, c] of terms) { const [low, high] = atomRange(atom, facts); sum += c > 0 ? c * high : c * low; }
  return Math.min(sum, highOfShares({ terms, constant }), highOfProducts({ terms, constant }));
};
/** A size less a part of it is known better by how it is made than by what it is made of. */
function divisor([low, high]: Range, e: Expr): Range { const [least, most] = range(e); return [Math.max(low, least), Math.min(high, most)]; }
const everything: Range = [-Infinity, Infinity];
/** What is known of an atom under the same facts. Both ends of what contains it ask for it, so that without this each level of an expression would double the work. */
const ranges = new WeakMap<Facts, WeakMap<Expr, Range>>(), elsewhere = new WeakMap<Facts, WeakMap<Expr, Facts>>();
function kept<T>(all: WeakMap<Facts, WeakMap<Expr, T>>, facts: Facts, e: Expr, make: () => T): T {
  const here = all.get(facts) ?? new WeakMap<Expr, T>(), known = here.get(e);
  if (known !== undefined) return known;
  const made = make();
  all.set(facts, here.set(e, made));
  return made;
}
const atomRange = (e: Expr, facts: Facts): Range => kept(ranges, facts, e, () => rangeOfAtom(e, facts));
function rangeOfAtom(e: Expr, facts: Facts): Range {
  switch (e.kind) {
    case "var": return e.range ?? everything;
    case "cast": {
      if (types[e.arg.dtype].kind === "float") return everything;
      const [low, high] = limits(e.arg.dtype);
      return [Number(low), Number(high)];
    }
    case "apply": break;
    default: return everything;
  }
  // A fact about this atom would lead back to it.
  const others = facts.some((g) => g.terms.has(e)) ? kept(elsewhere, facts, e, () => facts.filter((g) => !g.terms.has(e))) : facts;
  const under = (x: Expr | undefined, more: Facts = noFacts) => boundsUnder(x!, more.length ? [...others, ...more] : others);
  const [x, y] = e.args as [Expr, Expr];
  switch (e.op) {
    case "quo": {
      const [a, b] = under(x), [c, d] = divisor(under(y), y);
      if (c < 1) return everything;
      const least = Math.floor(a / (a < 0 ? c : d));
      // What is at least its divisor, whatever that is, has a quotient of 1.
      return [least === 0 && y.kind !== "const" && under(minus(x, y))[0] >= 0 ? 1 : least, Math.floor(b / (b < 0 ? d : c))];
    }
    case "rem": {
      const [a, b] = under(x), top = under(y)[1] - 1;
      return a >= 0 ? [0, Math.min(b, top)] : [-top, top];
    }
    case "mul": {
      const [a, b] = under(x), [c, d] = under(y), all = [a * c, a * d, b * c, b * d].map((n) => (Number.isNaN(n) ? 0 : n));
      return [Math.min(...all), Math.max(...all)];
    }
    case "min": { const [a, b] = under(x), [c, d] = under(y); return [Math.min(a, c), Math.min(b, d)]; }
    case "max": { const [a, b] = under(x), [c, d] = under(y); return [Math.max(a, c), Math.max(b, d)]; }
    case "abs": { const [a, b] = under(x); return [Math.max(0, a, -b), Math.max(-a, b)]; }
    case "select": {
      const [a, b] = under(e.args[1], factsOf(x, true)), [c, d] = under(e.args[2], factsOf(x, false));
      return [Math.min(a, c), Math.max(b, d)];
    }
    default: return everything;
  }
}
