import { describe, expect, test } from "vitest";
import { algebra, make, truth, whole, withChildren } from "../../compiler/ir/algebra.ts";
import { range } from "../../compiler/ir/linear.ts";
import { evaluate } from "../../compiler/ir/interpret.ts";
import { any, checkRule, is, op, rule, type Rule } from "../../compiler/ir/rules.ts";
import { apply, constant, show, variable, type Expr } from "../../compiler/ir/scalar.ts";
import { generator, below, expression, indexExpression } from "../support/random.ts";

const value = (e: Expr, vars: Record<string, number>) => evaluate(e, new Map(Object.entries(vars).map(([k, v]) => [k, [v]])), {})[0]!;
const why = (r: Rule) => checkRule(r, value, generator(7));

describe("each rewrite rule holds bit by bit", () => {
  for (const r of [...algebra, ...truth, ...whole]) test(r.name, () => expect(why(r)).toBeNull());
});
test("the checker refuses rules that forget -0, NaN or rounding", () => {
  const wrong = [
    rule("x + 0 -> x", op("add", any("x"), is(0)), ({ x }) => x),
    rule("x * 0 -> 0", op("mul", any("x"), is(0)), () => constant("f32", 0)),
    rule("x - x -> 0", op("sub", any("x"), any("x")), () => constant("f32", 0)),
    rule("(x + y) - y -> x", op("sub", op("add", any("x"), any("y")), any("y")), ({ x }) => x),
    rule("x and y -> x", op("and", any("x", "bool"), any("y", "bool")), ({ x }) => x),
  ];
  for (const r of wrong) expect(why(r), r.name).not.toBeNull();
});
test("a rule that does not match its own example is refused", () => {
  const never: Rule = { name: "never", lhs: { match: () => false, example: (draw) => draw("x", "f32") }, rhs: () => constant("f32", 0) };
  expect(why(never)).toContain("does not match its own example");
});

/** The expression with every node made anew by `make`. */
const simplified = (e: Expr): Expr => withChildren(e, simplified);
test("simplifying changes no value, and simplifying twice is simplifying once", () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = generator(seed), e = expression(random, seed % 2 ? "f32" : "bool", 4, constant("index", 0));
    const once = simplified(e);
    expect(simplified(once), `seed ${seed}: ${show(e)}`).toBe(once);
  }
});

describe("index expressions", () => {
  const ranges = [[0, 6], [0, 3], [2, 5], [-3, 4]] as const;
  test("in normal form they are what they were, and inside their range", () => {
    for (let seed = 0; seed < 600; seed++) {
      const plain = indexExpression(generator(seed), ranges, 4, apply), normal = indexExpression(generator(seed), ranges, 4, make);
      const random = generator(seed + 1), [low, high] = range(normal);
      for (let k = 0; k < 20; k++) {
        const vars = Object.fromEntries(ranges.map(([a, b], i) => [`v${i}`, a + below(random, b - a + 1)]));
        const x = value(normal, vars);
        expect(x, `seed ${seed}: ${show(plain)} became ${show(normal)} with ${JSON.stringify(vars)}`).toBe(value(plain, vars));
        expect(x >= low && x <= high, `seed ${seed}: ${show(normal)} is ${x}, outside ${low}..${high}`).toBe(true);
      }
    }
  });
  test("powers are taken together with what else has their atom", () => {
    const n = variable("index", "n", 1, [20, 400]), m = variable("index", "m", 1, [0, 3]), square = make("mul", n, n), minus = (e: Expr, by: number) => make("mul", e, constant("index", -by));
    expect(range(make("add", make("add", square, minus(n, 2)), constant("index", 1)))).toEqual([361, 399 * 399]);
    expect(range(make("add", make("add", make("mul", square, m), minus(make("mul", n, m), 5)), m))).toEqual([0, (400 * 395 + 1) * 3]);
  });
  test("the normal form is its own normal form", () => {
    for (let seed = 0; seed < 600; seed++) {
      const e = indexExpression(generator(seed), ranges, 4, make);
      expect(simplified(e), `seed ${seed}: ${show(e)}`).toBe(e);
    }
  });
  test("comparisons are what they were", () => {
    for (let seed = 0; seed < 600; seed++) {
      const pair = (m: typeof make) => { const r = generator(seed); return [indexExpression(r, ranges, 3, m), indexExpression(r, ranges, 3, m)] as const; };
      for (const name of ["less", "lessEqual", "equal"] as const) {
        const plain = apply(name, ...pair(apply)), normal = make(name, ...pair(make)), random = generator(seed + 1);
        for (let k = 0; k < 10; k++) {
          const vars = Object.fromEntries(ranges.map(([a, b], i) => [`v${i}`, a + below(random, b - a + 1)]));
          expect(value(normal, vars), `seed ${seed}: ${show(plain)} became ${show(normal)} with ${JSON.stringify(vars)}`).toBe(value(plain, vars));
        }
      }
    }
  });
  const x = variable("index", "x", 1, [0, 99]), int = (n: number) => constant("index", n);
  test("quotients and remainders of a layout cancel", () => {
    const q = make("quo", x, int(8)), r = make("rem", x, int(8));
    expect(make("add", make("mul", q, int(8)), r)).toBe(x);
    expect(make("quo", make("add", make("mul", q, int(8)), r), int(8))).toBe(q);
    expect(make("rem", make("mul", x, int(8)), int(8))).toBe(int(0));
    expect(make("less", make("add", make("mul", x, int(4)), make("rem", x, int(4))), int(400))).toBe(constant("bool", 1));
  });
  test("there is one zero", () => {
    expect(make("mul", int(-5), int(0))).toBe(int(0));
    expect(make("neg", int(0))).toBe(int(0));
  });
});
