/** Normalisations, softmax and losses against their definitions in double precision. */
import { describe, expect, it } from "vitest";
import { f32, listOf, runOp, sample, tensorOf, valuesOf } from "./harness.ts";
import { expectClose, indicesOf, reader, tabulate } from "./reference.ts";

const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
const variance = (list: readonly number[]) => mean(list.map((x) => (x - mean(list)) ** 2));

describe("normalisations", () => {
  const x = sample([2, 4, 3, 3]), read = reader(x), gamma = sample([4], 3), beta = sample([4], 5), g = reader(gamma), b = reader(beta);
  const plane = indicesOf([3, 3]), eps = 1e-5;
  it("BatchNormalization, with given statistics", () => {
    const m = sample([4], 7), v = f32([4], [0.5, 1, 2, 3]), [M, V] = [reader(m), reader(v)];
    const want = tabulate(x.shape, ([n, c, i, j]) => ((read(n!, c!, i!, j!) - M(c!)) / Math.sqrt(V(c!) + eps)) * g(c!) + b(c!));
    expectClose(valuesOf("BatchNormalization", [x, gamma, beta, m, v]), want);
  });
  it("BatchNormalization, in training", () => {
    const zero = f32([4], [0, 0, 0, 0]), of = (c: number) => [0, 1].flatMap((n) => plane.map(([i, j]) => read(n, c, i!, j!)));
    const [y, m, v] = runOp("BatchNormalization", [x, gamma, beta, zero, zero], { training_mode: 1, momentum: 0.75 }, { outputs: 3 });
    expectClose(listOf(y!), tabulate(x.shape, ([n, c, i, j]) => ((read(n!, c!, i!, j!) - mean(of(c!))) / Math.sqrt(variance(of(c!)) + eps)) * g(c!) + b(c!)), 1e-5);
    expectClose(listOf(m!), [0, 1, 2, 3].map((c) => 0.25 * mean(of(c))));
    expectClose(listOf(v!), [0, 1, 2, 3].map((c) => 0.25 * variance(of(c))));
  });
  it("InstanceNormalization and GroupNormalization", () => {
    const group = (n: number, c: number, per: number) => Array.from({ length: per }, (_, k) => plane.map(([i, j]) => read(n, Math.floor(c / per) * per + k, i!, j!))).flat();
    const want = (per: number) => tabulate(x.shape, ([n, c, i, j]) => ((read(n!, c!, i!, j!) - mean(group(n!, c!, per))) / Math.sqrt(variance(group(n!, c!, per)) + eps)) * g(c!) + b(c!));
    expectClose(valuesOf("InstanceNormalization", [x, gamma, beta]), want(1), 1e-5);
    expectClose(valuesOf("GroupNormalization", [x, gamma, beta], { num_groups: 2 }), want(2), 1e-5);
  });
  it("LayerNormalization and RMSNormalization", () => {
    const scale = sample([3, 3], 3), s = reader(scale), bias = sample([3], 5), rows = (n: number, c: number) => plane.map(([i, j]) => read(n, c, i!, j!));
    const [y, m, d] = runOp("LayerNormalization", [x, scale, bias], { axis: 2, epsilon: 1e-3 }, { outputs: 3 });
    const spread = (n: number, c: number) => 1 / Math.sqrt(variance(rows(n, c)) + 1e-3);
    expectClose(listOf(y!), tabulate(x.shape, ([n, c, i, j]) => (read(n!, c!, i!, j!) - mean(rows(n!, c!))) * spread(n!, c!) * s(i!, j!) + reader(bias)(j!)), 1e-5);
    expect([m!.shape, d!.shape]).toEqual([[2, 4, 1, 1], [2, 4, 1, 1]]);
    expectClose(listOf(m!), tabulate([2, 4], ([n, c]) => mean(rows(n!, c!))));
    expectClose(listOf(d!), tabulate([2, 4], ([n, c]) => spread(n!, c!)), 1e-5);
    const square = (n: number, c: number) => mean(rows(n, c).map((v) => v * v));
    expectClose(valuesOf("RMSNormalization", [x, scale], { axis: -2 }), tabulate(x.shape, ([n, c, i, j]) => (read(n!, c!, i!, j!) / Math.sqrt(square(n!, c!) + eps)) * s(i!, j!)), 1e-5);
  });
  it.each([1, 2])("LpNormalization of norm %i keeps a row of zeros", (p) => {
    const length = p === 1 ? 7 : 5;
    expectClose(valuesOf("LpNormalization", [f32([2, 2], [3, -4, 0, 0])], { p }), [3 / length, -4 / length, 0, 0]);
  });
  it.each([[5, 0.75], [4, 0.6]])("LRN over %i channels, beta %f", (size, beta) => {
    const sum = (n: number, c: number, i: number, j: number) => Array.from({ length: size }, (_, k) => read(n, c + k - Math.floor((size - 1) / 2), i, j) ** 2).reduce((a, v) => a + v);
    const want = tabulate(x.shape, ([n, c, i, j]) => read(n!, c!, i!, j!) * (1.5 + (0.3 / size) * sum(n!, c!, i!, j!)) ** -beta);
    expectClose(valuesOf("LRN", [x], { size, alpha: 0.3, beta, bias: 1.5 }), want, 1e-5);
  });
});
describe("softmax", () => {
  const x = sample([2, 3, 4]), read = reader(x);
  it.each([0, 1, -1])("over axis %i", (axis) => {
    const d = (axis + 3) % 3, e = (i: readonly number[]) => Math.exp(read(...i)), sum = (i: readonly number[]) => Array.from({ length: x.shape[d]! }, (_, k) => e(i.map((v, a) => (a === d ? k : v)))).reduce((a, b) => a + b);
    expectClose(valuesOf("Softmax", [x], { axis }), tabulate(x.shape, (i) => e(i) / sum(i)));
    expectClose(valuesOf("LogSoftmax", [x], { axis }), tabulate(x.shape, (i) => Math.log(e(i) / sum(i))));
  });
  it("does not overflow", () => expect(valuesOf("Softmax", [f32([1, 2], [1000, 1000])])).toEqual([0.5, 0.5]));
  it("of one: the first largest", () => expect(valuesOf("Hardmax", [f32([2, 3], [1, 3, 3, -1, -2, -3])])).toEqual([0, 1, 0, 1, 0, 0]));
});
describe("losses", () => {
  const scores = sample([3, 4]), read = reader(scores), labels = tensorOf("i64", [3], [2, -1, 0]), weights = f32([4], [1, 2, 3, 4]);
  const log = (n: number, c: number) => read(n, c) - Math.log([0, 1, 2, 3].reduce((s, k) => s + Math.exp(read(n, k)), 0));
  it("ignore a class, weigh the others, and average by the weights", () => {
    const own = [-3 * log(0, 2), 0, -log(2, 0)], given = { ignore_index: -1 };
    expectClose(valuesOf("SoftmaxCrossEntropyLoss", [scores, labels, weights], { ...given, reduction: "none" }), own);
    expectClose(valuesOf("SoftmaxCrossEntropyLoss", [scores, labels, weights], given), [(own[0]! + own[2]!) / 4]);
    const logs = f32([3, 4], tabulate([3, 4], ([n, c]) => log(n!, c!)));
    expectClose(valuesOf("NegativeLogLikelihoodLoss", [logs, labels, weights], { ...given, reduction: "sum" }, { runtime: [1] }), [own[0]! + own[2]!]);
  });
});
