/** Divisions of integers that processors trap on mean 0, and wrap around. */
import { describe, expect, test } from "vitest";
import type { Stmt } from "../../compiler/ir/kernel.ts";
import { evaluate } from "../../compiler/ir/interpret.ts";
import { apply, children, constant, load, show, splat, variable, type Expr, type ScalarOp } from "../../compiler/ir/scalar.ts";
import { int } from "../../compiler/ir/linear.ts";
import { arrayOf, limits, types, type DType } from "../../compiler/ir/types.ts";
import { legalize, mayTrap } from "../../compiler/lower/legalize.ts";

const wholes: readonly DType[] = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"];
const written = (e: Expr): Expr => { const [s] = legalize([{ kind: "let", name: "r", value: e, mutable: false }], mayTrap) as [Stmt & { kind: "let" }]; return s.value; };
/** Divisors of all divisions in an expression. */
const divisors = (e: Expr): readonly Expr[] => [...(e.kind === "apply" && (e.op === "div" || e.op === "fmod") ? [e.args[1]!] : []), ...children(e).flatMap(divisors)];

describe.each(wholes)("%s", (t) => {
  const [least, most] = limits(t), values = [...new Set([least, most, 0, 1, 7, ...(types[t].kind === "int" ? [-1, -7] : [])].map(types[t].wrap))];
  test.each(["div", "fmod"] as const)("%s", (op: ScalarOp) => {
    for (const lanes of [1, 4]) {
      const read = (name: string) => load(t, name, [int(0)], lanes), plain = apply(op, read("a"), read("b")), safe = written(plain);
      expect(safe).not.toBe(plain);
      for (const a of values) for (const b of values) {
        const memory = { a: arrayOf(t, Array(4).fill(a)), b: arrayOf(t, Array(4).fill(b)) };
        expect(evaluate(safe, new Map(), memory), `${op}(${a}, ${b})`).toEqual(evaluate(plain, new Map(), memory));
        for (const d of divisors(safe)) for (const x of evaluate(d, new Map(), memory)) expect([0, 0n, -1, -1n].includes(x), `${show(safe)} divides ${a} by ${x}`).toBe(false);
      }
    }
  });
});
test("a constant that cannot trap stays, and so do floats and indices", () => {
  const a = load("i32", "a", [int(0)]), v = load("i32", "a", [int(0)], 4);
  for (const by of [3, -2]) for (const e of [apply("div", a, constant("i32", by)), apply("fmod", v, splat(constant("i32", by), 4))]) expect(written(e)).toBe(e);
  for (const by of [0, -1]) expect(written(apply("div", a, constant("i32", by)))).not.toBe(apply("div", a, constant("i32", by)));
  const f = variable("f32", "f"), i = variable("index", "i", 1, [0, 9]);
  for (const e of [apply("div", f, f), apply("quo", i, int(3))]) expect(written(e)).toBe(e);
});
