/** Vector functions against double precision, over floats of every size and all special values. */
import { describe, expect, test } from "vitest";
import { compileToJs } from "../../compiler/emit/js.ts";
import { evaluate } from "../../compiler/ir/interpret.ts";
import { expansions, legalize } from "../../compiler/lower/legalize.ts";
import type { Has } from "../../compiler/lower/vector-math.ts";
import { share } from "../../compiler/lower/share.ts";
import { rebuildAll, convert, make } from "../../compiler/ir/algebra.ts";
import { apply, children, load, scalarOps, show, splat, variable, type Apply, type Expr, type ScalarOp } from "../../compiler/ir/scalar.ts";
import { generator } from "../support/random.ts";
import { buffer, f, idx, int, kernel, let_, loop, read, store } from "../ir/kernels.ts";

const block = 1 << 14;
type Compiled = (x: Float32Array, y: Float32Array, out: Float32Array) => void;
/** A language with doubles but no function, and one with exp, rounding and no doubles. */
const bare: Has = (_, t) => t === "f64", some: Has = (op, t) => t !== "f64" && (op === "exp" || op === "round" || op === "trunc");
function compiled(op: ScalarOp, change: (e: Expr) => Expr = (e) => e, has = bare): Compiled {
  const i = idx("i", block), args = scalarOps[op].meaning.length === 2 ? [read("x", i), read("y", i)] : [read("x", i)];
  const e = change(expansions[op]!(has, ...args));
  const run = compileToJs(kernel([buffer("x", block, "in"), buffer("y", block, "in"), buffer("out", block, "out")], [loop("i", block, share([store("out", i, e)]))]));
  return (x, y, out) => run({ x, y, out });
}
/** As compilers do it where the processor can: a product and a sum, rounded once. */
const fused = (e: Expr): Expr => rebuildAll(e, (x) => {
  if (x.kind !== "apply" || x.dtype !== "f32" || (x.op !== "add" && x.op !== "sub")) return x;
  const isProduct = (p: Expr): p is Apply => p.kind === "apply" && p.op === "mul";
  const wide = (p: Expr) => (isProduct(p) ? make("mul", ...p.args.map((a) => convert("f64", a))) : convert("f64", p));
  return x.args.some(isProduct) ? convert("f32", make(x.op, ...x.args.map(wide))) : x;
});
/** Distance in units of the last place of the right answer; Infinity where one is a NaN, an infinity or a zero of another sign and the other is not. */
function ulps(got: number, want: number): number {
  const rounded = Math.fround(want);
  if (Object.is(got, rounded)) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(rounded)) return Infinity;
  return Math.abs(got - want) / 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(rounded) || 2 ** -149))) - 23);
}
/** Floats in even steps of their bits: all exponents, both signs, NaN and infinities. */
function* everyFloat(step: number): Generator<Float32Array> {
  const x = new Float32Array(block), bits = new Uint32Array(x.buffer);
  for (let b = 0; b < 2 ** 32;) {
    for (let i = 0; i < block; i++, b += step) bits[i] = b;
    yield x;
  }
}
const special = [0, -0, 1, -1, NaN, Infinity, -Infinity, 2 ** -149, -(2 ** -149), 2 ** -126, -(2 ** -126), 3.4028234663852886e38, 2 ** 23, 2 ** 23 - 0.5, -(2 ** 23) + 0.5, 0.5, -0.5, 1.5, 2.5, -2.5, 88.72283, 88.73, -87.34, -87.33, -104, 9.02, 0.6, 0.95, 3.95];

const most: Readonly<Record<string, number>> = {
  exp: 1.2, log: 0.8, tanh: 2.6, erf: 2, round: 0, trunc: 0, floor: 0, ceil: 0,
  asin: 3, acos: 3, atan: 3, sinh: 5, cosh: 5, asinh: 4, acosh: 4, atanh: 3,
};
describe.each([["as written", (e: Expr) => e, bare], ["with fused products and sums", fused, bare], ["without doubles, with exp and rounding", (e: Expr) => e, some]])("%s", (_, change, has) => {
  test.each(Object.entries(most))("%s stays within %s ulp", (op, limit) => {
    const run = compiled(op as ScalarOp, change, has), meaning = scalarOps[op as ScalarOp].meaning as (x: number) => number, out = new Float32Array(block);
    let worst = 0, at = NaN;
    const look = (x: Float32Array) => {
      run(x, x, out);
      for (let i = 0; i < block; i++) {
        const want = meaning(x[i]!);
        if (op === "exp" && want < 2 ** -125.5 && out[i] === 0) continue;
        const u = ulps(out[i]!, want);
        if (u > worst) { worst = u; at = x[i]!; }
      }
    };
    for (const x of everyFloat(2311)) look(x);
    look(Float32Array.from({ length: block }, (__, i) => special[i % special.length]!));
    expect(worst, `at ${at}`).toBeLessThanOrEqual(limit);
  });
  const limit = has("mul", "f64") ? 0.8 : 2;
  test(`pow stays within ${limit} ulp, and is C's for zeros, infinities and negative bases`, () => {
    const run = compiled("pow", change, has), random = generator(1), out = new Float32Array(block), x = new Float32Array(block), y = new Float32Array(block);
    const xs = new Uint32Array(x.buffer), ys = new Uint32Array(y.buffer);
    for (let k = 0; k < 40; k++) {
      for (let i = 0; i < block; i++) {
        const dice = k === 0 ? 4 : i % 4;
        if (dice === 0) { xs[i] = random() * 2 ** 32; ys[i] = random() * 2 ** 32; }
        else if (dice === 1) { x[i] = random() * 20; y[i] = random() * 60 - 30; }
        else if (dice === 2) { x[i] = 1 + (random() - 0.5) / 1000; y[i] = (random() - 0.5) * 1e5; }
        else if (dice === 3) { x[i] = random() * 30 - 15; y[i] = Math.floor(random() * 32) - 16; }
        else { x[i] = special[i % special.length]!; y[i] = special[Math.floor(i / special.length) % special.length]!; }
      }
      run(x, y, out);
      for (let i = 0; i < block; i++) {
        const u = ulps(out[i]!, Number(scalarOps.pow.meaning(x[i]!, y[i]!)));
        if (u > limit) expect.fail(`${x[i]} ^ ${y[i]} = ${out[i]}, off by ${u} ulp`);
      }
    }
  });
});
test.each([["sin", 2 ** -23], ["cos", 2 ** -23], ["tan", 2 ** -21]] as const)("%s of angles of all sizes", (op, limit) => {
  for (const [change, has] of [[(e: Expr) => e, bare], [fused, bare], [(e: Expr) => e, some]] as const) {
    const run = compiled(op, change, has), meaning = scalarOps[op].meaning as (x: number) => number, out = new Float32Array(block), x = new Float32Array(block), random = generator(3);
    for (let k = 0; k < 20; k++) {
      x.forEach((_, i) => { x[i] = k ? (random() * 2 - 1) * 10 ** (random() * (k % 2 ? 8 : 42) - 4) : special[i % special.length]!; });
      run(x, x, out);
      x.forEach((v, i) => {
        const want = meaning(v), size = op === "tan" ? Math.max(Math.abs(want), want * want * (Math.abs(v) > 2 ** 13 ? 0.1 : 1e-3)) : 1;
        if (!Number.isFinite(v)) expect(out[i]).toBeNaN();
        else if (!(Math.abs(out[i]! - want) <= limit * size + 2 ** -25)) expect.fail(`${op}(${v}) = ${out[i]}, not ${want}`);
      });
    }
  }
});
describe("legalize", () => {
  const opsIn = (e: Expr): ReadonlySet<string> => new Set([...(e.kind === "apply" ? [e.op] : []), ...children(e).flatMap((c) => [...opsIn(c)])]);
  const wide = load("f32", "x", [int(0)], 4), lacks = (e: Apply) => e.lanes > 1;
  test("rewrites what is lacking, wherever it stands, and nothing else", () => {
    const e = apply("add", apply("exp", apply("tanh", wide)), apply("sqrt", wide)), one = apply("exp", variable("f32", "a"));
    const body = [let_("a", f(1)), loop("i", 2, [{ kind: "if", cond: make("less", one, f(3)), body: [store("out", int(0), e)] }])] as const;
    const after = legalize(body, lacks), inner = (after[1] as Extract<(typeof body)[1], { kind: "for" }>).body[0] as { cond: Expr; body: readonly { value: Expr }[] };
    expect(inner.cond).toBe(make("less", one, f(3)));
    expect(opsIn(inner.body[0]!.value).has("exp")).toBe(false);
    expect(opsIn(inner.body[0]!.value).has("tanh")).toBe(false);
    expect(opsIn(inner.body[0]!.value).has("sqrt")).toBe(true);
  });
  test("1 + erf keeps what is left of 1, from the greatest to the least float", () => {
    const i = idx("i", block), e = make("add", f(1), make("erf", read("x", i))), [stored] = legalize([store("out", i, e)], (x) => x.op === "erf" || x.op === "exp");
    expect(opsIn((stored as { value: Expr }).value).has("erf")).toBe(false);
    const run = compileToJs(kernel([buffer("x", block, "in"), buffer("out", block, "out")], [loop("i", block, share([stored!]))])), out = new Float32Array(block);
    // Below 0 it is erf's complement: e^-x^2 / (x sqrt(pi)), up to a factor between 1 and 1 - 1 / 2x^2.
    for (const x of everyFloat(5003)) {
      run({ x, out });
      x.forEach((v, k) => {
        const got = out[k]!, want = 1 + Number(scalarOps.erf.meaning(v)), tail = Math.exp(-v * v) / (-v * Math.sqrt(Math.PI));
        if (Number.isNaN(v)) expect(got).toBeNaN();
        else if (!(Math.abs(got - want) <= 2.4e-7)) expect.fail(`1 + erf(${v}) is ${want}, not ${got}`);
        else if (v < -2 && v > -4 && !(got < tail * 1.01 && got > tail * (1 - 0.51 / (v * v)))) expect.fail(`1 + erf(${v}) = ${got} is far from ${tail}`);
      });
    }
  });
  test("1 + tanh is 2 / (1 + e^-2x)", () => {
    const i = idx("i", block), [stored] = legalize([store("out", i, make("add", f(1), make("tanh", read("x", i))))], (x) => x.op === "tanh" || x.op === "exp");
    expect(opsIn((stored as { value: Expr }).value).has("tanh")).toBe(false);
    const run = compileToJs(kernel([buffer("x", block, "in"), buffer("out", block, "out")], [loop("i", block, share([stored!]))])), out = new Float32Array(block);
    for (const x of everyFloat(5003)) {
      run({ x, out });
      x.forEach((v, k) => { if (v > -43 && ulps(out[k]!, 2 / (1 + Math.exp(-2 * v))) > 3 + 2.7 * Math.abs(v)) expect.fail(`1 + tanh(${v}) = ${out[k]}`); });
    }
  });
  test("1 + e^x, by which sigmoids divide", () => {
    const i = idx("i", block), [stored] = legalize([store("out", i, make("add", f(1), make("exp", read("x", i))))], (x) => x.op === "exp");
    const run = compileToJs(kernel([buffer("x", block, "in"), buffer("out", block, "out")], [loop("i", block, share([stored!]))])), out = new Float32Array(block);
    for (const x of everyFloat(5003)) {
      run({ x, out });
      x.forEach((v, k) => {
        const got = out[k]!, want = 1 + Math.exp(v), most = 2.4e-7 + 8e-8 * Math.abs(v);
        if (Number.isNaN(v)) expect(got).toBeNaN();
        else if (v > 88.37 ? got < 2 ** 127 : !(Math.abs(got / want - 1) <= (v < 0 ? 2.4e-7 : most))) expect.fail(`1 + e^${v} is ${want}, not ${got}`);
      });
    }
  });
  test("leaves other element types alone", () => {
    const e = apply("exp", splat(variable("f64", "a"), 2));
    expect(legalize([let_("b", e)], lacks)).toEqual([let_("b", e)]);
  });
  test.each(Object.keys(expansions) as ScalarOp[])("%s of a vector is that of its elements", (op) => {
    const codes = op === "fromHalf", x = codes ? Uint16Array.of(0x3c00, 0xb401, 1, 0x7e00) : Float32Array.of(-1.5, 0.25, 2, NaN);
    const args = [codes ? load("u16", "x", [int(0)], 4) : wide, splat(f(1.5), 4)].slice(0, scalarOps[op].meaning.length);
    const e = expansions[op]!(bare, ...args), got = evaluate(e, new Map(), { x });
    expect(e.lanes, show(e).slice(0, 80)).toBe(4);
    got.forEach((v, i) => expect(ulps(v as number, Number(scalarOps[op].meaning(x[i]!, 1.5)))).toBeLessThan(2));
  });
});
