import { describe, expect, test } from "vitest";
import { add, make, sub } from "../../compiler/ir/algebra.ts";
import { int, range } from "../../compiler/ir/linear.ts";
import { parameter, scalarOps, show, variable, type Expr } from "../../compiler/ir/scalar.ts";

const H = parameter("H", [32, 960]), W = parameter("W", [32, 1280]), N = parameter("N", [1, 8]);
const x = variable("index", "x", 1, [0, 31]), y = variable("index", "y", 1, [0, 6]);
const mul = (a: Expr, b: Expr) => make("mul", a, b), quo = (a: Expr, b: Expr) => make("quo", a, b), rem = (a: Expr, b: Expr) => make("rem", a, b);

describe("sizes known only at run time have one form", () => {
  test.each<[string, Expr, Expr]>([
    ["H W = W H", mul(H, W), mul(W, H)],
    ["(H + 1) W = H W + W", mul(add(H, int(1)), W), add(mul(H, W), W)],
    ["N (H W) = (N H) W", mul(N, mul(H, W)), mul(mul(N, H), W)],
    ["(H W) quo W", quo(mul(H, W), W), H],
    ["(x W + y) quo W, y below W", quo(add(mul(x, W), y), W), x],
    ["(x W + y) rem W, y below W", rem(add(mul(x, W), y), W), y],
    ["(N H W) quo (H W)", quo(mul(N, mul(H, W)), mul(W, H)), N],
    ["(2 W) quo (4 N W)", quo(mul(W, int(2)), mul(N, mul(W, int(4)))), int(0)],
    ["(x N W + y) quo (N W)", quo(add(mul(mul(x, N), W), y), mul(W, N)), x],
    ["((x H + y) W) quo (W H)", quo(mul(add(mul(x, H), y), W), mul(W, H)), x],
    ["W (x quo W) + x rem W", add(mul(W, quo(mul(x, y), W)), rem(mul(x, y), W)), mul(x, y)],
    ["two strides of 2 are one of 4", quo(add(quo(add(W, int(1)), int(2)), int(1)), int(2)), quo(add(W, int(3)), int(4))],
    ["max(H, H + 1)", make("max", H, add(H, int(1))), add(H, int(1))],
    ["min(H, W) = min(W, H)", make("min", H, W), make("min", W, H)],
    ["H W < H W + H", make("less", mul(H, W), mul(H, add(W, int(1)))), make("less", int(0), int(1))],
    ["H W - H is at least 31 * 32", make("less", int(31 * 32 - 1), sub(mul(H, W), H)), make("less", int(0), int(1))],
  ])("%s", (_, a, b) => expect(show(a)).toBe(show(b)));
  test("a divisor that may be 0 is refused", () => { expect(() => quo(H, variable("index", "n", 1, [0, 4]))).toThrow(/divisor n may not be positive/); });
});

/** What an index expression is worth, by its definition. */
function value(e: Expr, at: ReadonlyMap<string, number>): number {
  if (e.kind === "const") return Number(e.value);
  if (e.kind === "var") return at.get(e.name)!;
  return e.kind === "apply" ? Number(scalarOps[e.op].meaning(...e.args.map((a) => value(a, at)))) : NaN;
}
test("normal forms of random expressions are worth what the plain ones are, inside their ranges", () => {
  let seed = 7;
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  const leaves = [H, W, N, x, y];
  type Plain = { readonly e: Expr; readonly worth: (at: ReadonlyMap<string, number>) => number };
  const make2 = (op: "add" | "mul" | "quo" | "rem" | "min" | "max", a: Plain, b: Plain): Plain =>
    ({ e: make(op, a.e, b.e), worth: (at) => Number(scalarOps[op].meaning(a.worth(at), b.worth(at))) });
  const expr = (depth: number): Plain => {
    if (depth === 0 || random(6) === 0) {
      const leaf = leaves[random(leaves.length)]!, n = 1 + random(9);
      return random(3) === 0 ? { e: int(n), worth: () => n } : { e: leaf, worth: (at) => value(leaf, at) };
    }
    const ops = ["add", "mul", "quo", "rem", "add", "mul", "min", "max"] as const, op = ops[random(ops.length)]!, a = expr(depth - 1), b = expr(depth - 1);
    return (op === "quo" || op === "rem") && range(b.e)[0] < 1 ? a : make2(op, a, b);
  };
  for (let i = 0; i < 1000; i++) {
    const { e, worth } = expr(4), [low, high] = range(e);
    for (let k = 0; k < 4; k++) {
      const at = new Map(leaves.map((v) => { const [a, b] = range(v); return [(v as { name: string }).name, k === 0 ? a : k === 1 ? b : a + random(b - a + 1)] as const; }));
      const want = worth(at);
      if (Math.abs(want) > 2 ** 50) continue;
      expect(value(e, at), show(e)).toBe(want);
      expect(want >= low && want <= high, `${show(e)} in ${low}..${high}: ${want}`).toBe(true);
    }
  }
});
