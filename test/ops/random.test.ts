/** Random numbers: the published words of the generator, distributions, and what depends on seeds. */
import { describe, expect, test } from "vitest";
import { constant } from "../../compiler/ir/scalar.ts";
import { threefry } from "../../compiler/ops/random.ts";
import type { Attribute } from "../../compiler/ir/graph.ts";
import { f32, listOf, runOp, scalarOf } from "./harness.ts";

const run = (op: string, attributes: Record<string, Attribute>, inputs: Parameters<typeof runOp>[1] = []) => listOf(runOp(op, inputs, attributes)[0]!);
const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length, moment = (x: readonly number[], k: number) => mean(x.map((v) => (v - mean(x)) ** k));
const correlation = (a: readonly number[], b: readonly number[]) => (mean(a.map((v, i) => v * b[i]!)) - mean(a) * mean(b)) / Math.sqrt(moment(a, 2) * moment(b, 2));
const many = 5000, shape = [50, many / 50];

test.each([
  // The known answers that come with Random123.
  [[0, 0], [0, 0], [0x6b200159, 0x99ba4efe]], [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
  [[0x243f6a88, 0x85a308d3], [0x13198a2e, 0x03707344], [0xc4923a9c, 0x483df7a0]],
] as const)("words of counter %j under key %j", (counter, key, want) => {
  const of = ([a, b]: readonly [number, number]) => [constant("u32", a), constant("u32", b)] as const;
  expect(threefry(of(counter), of(key)).map((e) => e.kind === "const" && e.value)).toEqual(want);
});
describe("distributions", () => {
  test.each([1, 11])("RandomUniform (dtype %d) is even, and its neighbours have nothing to do with each other", (dtype) => {
    const x = run("RandomUniform", { shape, dtype, low: -1, high: 3, seed: 7 }), bins = new Array<number>(20).fill(0);
    for (const v of x) bins[Math.floor((v + 1) * 5)]!++;
    expect(Math.min(...x)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...x)).toBeLessThan(3);
    // 19 degrees of freedom: 43.8 is exceeded once in a thousand.
    expect(bins.reduce((sum, n) => sum + (n - many / 20) ** 2 / (many / 20), 0)).toBeLessThan(43.8);
    for (const lag of [1, 2, 100]) expect(Math.abs(correlation(x.slice(0, -lag), x.slice(lag)))).toBeLessThan(0.05);
    expect(new Set(x).size).toBeGreaterThan(many * 0.99);
  });
  test("RandomNormal has the moments of a normal distribution", () => {
    const x = run("RandomNormal", { shape, mean: 2, scale: 3, seed: 1 });
    expect(mean(x)).toBeCloseTo(2, 0);
    expect(Math.sqrt(moment(x, 2))).toBeCloseTo(3, 0);
    expect(Math.abs(moment(x, 3) / 27)).toBeLessThan(0.3);
    expect(Math.abs(moment(x, 4) / 81 - 3)).toBeLessThan(0.3);
    expect(Math.abs(correlation(x.slice(1), x.slice(0, -1)))).toBeLessThan(0.05);
  });
  test("Bernoulli and Multinomial choose as often as asked", () => {
    const p = f32(shape, Array.from({ length: many }, (_, i) => (i % 2 ? 0.2 : 0.9))), x = run("Bernoulli", { seed: 3 }, [p]);
    expect([mean(x.filter((_, i) => i % 2 === 0)), mean(x.filter((_, i) => i % 2 === 1))].map((v) => Math.round(v * 20) / 20)).toEqual([0.9, 0.2]);
    const drawn = run("Multinomial", { sample_size: 1000, seed: 5, dtype: 7 }, [f32([2, 3], [Math.log(1), Math.log(2), Math.log(7), 0, -100, 0])]);
    const share = (row: number, c: number) => drawn.slice(row * 1000, row * 1000 + 1000).filter((v) => v === c).length / 1000;
    [[0, 0, 0.1], [0, 1, 0.2], [0, 2, 0.7], [1, 0, 0.5], [1, 1, 0], [1, 2, 0.5]].forEach(([row, c, want]) => expect(Math.abs(share(row!, c!) - want!)).toBeLessThan(0.06));
  });
  test("Dropout in training drops a share and scales the rest; else it changes nothing", () => {
    const x = f32(shape, Array.from({ length: many }, (_, i) => i + 1)), [y, mask] = runOp("Dropout", [x, scalarOf("f32", 0.25), scalarOf("bool", 1)], { seed: 2 }, { outputs: 2, runtime: [1, 2] }).map(listOf);
    expect(Math.abs(mean(mask!) - 0.75)).toBeLessThan(0.03);
    expect(y!.every((v, i) => Math.abs(v - (mask![i] ? (i + 1) / 0.75 : 0)) <= v * 1e-6)).toBe(true);
    expect(listOf(runOp("Dropout", [x, scalarOf("f32", 0.25), scalarOf("bool", 0)], { seed: 2 }, { runtime: [1, 2] })[0]!)).toEqual(listOf(x));
  });
  test("depend on the seed, and on nothing else", () => {
    const of = (seed: number) => run("RandomUniform", { shape: [50], seed });
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    expect(run("RandomUniformLike", { seed: 1 }, [f32([50], new Array(50).fill(0))])).toEqual(of(1));
  });
});
