/** Convolutions of random sizes against plain loops, and the form that the passes rely on. */
import { describe, expect, it } from "vitest";
import { constantOf } from "../../compiler/ir/graph.ts";
import { ops } from "../../compiler/ops/index.ts";
import { NodeView } from "../../compiler/ops/op.ts";
import type { Compute } from "../../compiler/ir/compute.ts";
import { f32, listOf, runOp, sample, tensorOf } from "./harness.ts";
import { dice, expectClose, indicesOf, reader, tabulate } from "./reference.ts";

interface Case {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly group: number;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly bias: boolean;
}
function draw(seed: number, transposed: boolean): Case {
  const roll = dice(seed), rank = roll(1, 3), group = roll(1, 3), per = roll(1, 2), outputs = roll(1, 2), list = (low: number, high: number, n = rank) => Array.from({ length: n }, () => roll(low, high));
  const kernel = list(1, 3), dilations = list(1, 2), w = transposed ? [group * per, outputs, ...kernel] : [group * outputs, per, ...kernel];
  return { x: [roll(1, 2), group * per, ...list(5, 6)], w, group, strides: list(1, 3), dilations, pads: list(0, transposed ? 1 : 2, 2 * rank), bias: roll(0, 1) === 1 };
}
const attributes = ({ group, strides, dilations, pads }: Case) => ({ group, strides, dilations, pads });
const cases = Array.from({ length: 40 }, (_, i) => i + 1);

describe("Conv", () => {
  it.each(cases)("is a sum over taps (seed %i)", (seed) => {
    const c = draw(seed, false), rank = c.x.length - 2, X = sample(c.x), W = sample(c.w, 3), B = sample([c.w[0]!], 5), x = reader(X), w = reader(W), per = c.w[1]!, outputs = c.w[0]! / c.group;
    const out = Array.from({ length: rank }, (_, d) => Math.floor((c.x[d + 2]! + c.pads[d]! + c.pads[rank + d]! - (c.w[d + 2]! - 1) * c.dilations[d]! - 1) / c.strides[d]!) + 1);
    const want = tabulate([c.x[0]!, c.w[0]!, ...out], ([n, o, ...y]) => indicesOf([per, ...c.w.slice(2)]).reduce((sum, [i, ...k]) =>
      sum + x(n!, Math.floor(o! / outputs) * per + i!, ...y.map((v, d) => v * c.strides[d]! + k[d]! * c.dilations[d]! - c.pads[d]!)) * w(o!, i!, ...k), c.bias ? reader(B)(o!) : 0));
    const [got] = runOp("Conv", c.bias ? [X, W, B] : [X, W], attributes(c));
    expect(got!.shape).toEqual([c.x[0], c.w[0], ...out]);
    expectClose(listOf(got!), want);
  });
  it.each([["SAME_UPPER", [1, 2, 3, 4, 5, 6]], ["SAME_LOWER", [1, 2, 3, 4, 5, 6]]])("pads by itself: %s", (auto_pad, values) => {
    const got = listOf(runOp("Conv", [f32([1, 1, 6], values), f32([1, 1, 4], [1, 10, 100, 1000])], { auto_pad, strides: [1] })[0]!);
    const before = auto_pad === "SAME_UPPER" ? 1 : 2, at = (i: number) => values[i] ?? 0;
    expect(got).toEqual(values.map((_, y) => [0, 1, 2, 3].reduce((sum, k) => sum + at(y + k - before) * 10 ** k, 0)));
  });
});

describe("ConvTranspose", () => {
  it.each(cases)("scatters every tap (seed %i)", (seed) => {
    const c = draw(seed, true), rank = c.x.length - 2, roll = dice(seed + 99), X = sample(c.x), W = sample(c.w, 3), B = sample([c.w[1]! * c.group], 5);
    const output_padding = c.strides.map((s) => roll(0, s - 1)), per = c.x[1]! / c.group, channels = c.w[1]! * c.group, x = reader(X), w = reader(W);
    const out = Array.from({ length: rank }, (_, d) => (c.x[d + 2]! - 1) * c.strides[d]! + output_padding[d]! + (c.w[d + 2]! - 1) * c.dilations[d]! + 1 - c.pads[d]! - c.pads[rank + d]!);
    const shape = [c.x[0]!, channels, ...out], size = shape.reduce((a, b) => a * b), want = new Array<number>(size).fill(0);
    const add = (index: readonly number[], value: number) => { if (index.every((i, d) => i >= 0 && i < shape[d]!)) want[index.reduce((s, i, d) => s * shape[d]! + i, 0)]! += value; };
    for (const [n, i, ...at] of indicesOf(c.x)) for (const [o, ...k] of indicesOf(c.w.slice(1))) {
      add([n!, Math.floor(i! / per) * c.w[1]! + o!, ...at.map((v, d) => v * c.strides[d]! + k[d]! * c.dilations[d]! - c.pads[d]!)], x(n!, i!, ...at) * w(i!, o!, ...k));
    }
    if (c.bias) for (const index of indicesOf(shape)) add(index, reader(B)(index[1]!));
    const [got] = runOp("ConvTranspose", c.bias ? [X, W, B] : [X, W], { ...attributes(c), output_padding });
    expect(got!.shape).toEqual(shape);
    expectClose(listOf(got!), want);
  });
  it("takes the output's size, and spreads the padding", () => {
    const run = (auto_pad: string) => runOp("ConvTranspose", [f32([1, 1, 3], [1, 2, 3]), f32([1, 1, 4], [1, 1, 1, 1])], { auto_pad, output_shape: [5], strides: [2] })[0]!;
    // Whole: 1 1 3 3 5 5 3 3; three elements too many.
    expect(listOf(run("SAME_UPPER"))).toEqual([1, 3, 3, 5, 5]);
    expect(listOf(run("NOTSET"))).toEqual([3, 3, 5, 5, 3]);
  });
});

describe("quantised convolutions", () => {
  it("subtract zero points, also of the padding, and rescale", () => {
    const x = tensorOf("u8", [1, 1, 3], [10, 20, 30]), w = tensorOf("i8", [1, 1, 3], [1, -2, 3]), number = (v: number) => f32([], [v]);
    const sum = [0, 1, 2].map((y) => [0, 1, 2].reduce((s, k) => s + ((([10, 20, 30][y + k - 1] ?? 15) - 15) * (([1, -2, 3][k]!) - 1)), 0));
    expect(listOf(runOp("ConvInteger", [x, w, tensorOf("u8", [], [15]), tensorOf("i8", [], [1])], { pads: [1, 1] })[0]!)).toEqual(sum);
    const q = runOp("QLinearConv", [x, number(0.5), tensorOf("u8", [], [15]), w, f32([1], [0.25]), tensorOf("i8", [1], [1]), number(2), tensorOf("u8", [], [100]), tensorOf("i32", [1], [8])], { pads: [1, 1] })[0]!;
    expect(listOf(q)).toEqual(sum.map((s) => Math.round(((s + 8) * 0.125) / 2) + 100));
  });
});

describe("form", () => {
  const computeOf = (x: readonly number[], w: readonly number[], given: Readonly<Record<string, number | readonly number[]>>): Compute => {
    const op = ops.get("Conv")!, node = { name: "c", op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: given, origin: [] };
    const types = [{ dtype: "f32", shape: x }, { dtype: "f32", shape: w }] as const, known = (v: string) => (v === "w" ? constantOf("f32", w) : undefined);
    return op.lower!(new NodeView(node, op, types, op.infer(new NodeView(node, op, types, [], known)), known));
  };
  const axesOf = (c: Compute) => [c.stages[0]!.axes.map((a) => a.name).join(" "), c.stages[0]!.reduce!.axes.map((a) => a.name).join(" ")];
  it("has the axes that the passes match", () => {
    expect(axesOf(computeOf([1, 4, 8, 8], [6, 4, 3, 3], {}))).toEqual(["n o y x", "c ky kx"]);
    expect(axesOf(computeOf([1, 4, 8, 8], [4, 1, 3, 3], { group: 4 }))).toEqual(["n g y x", "ky kx"]);
    expect(axesOf(computeOf([1, 4, 8, 8], [8, 1, 3, 3], { group: 4 }))).toEqual(["n g o y x", "ky kx"]);
    expect(axesOf(computeOf([1, 4, 8], [6, 2, 3], { group: 2 }))).toEqual(["n g o x", "c kx"]);
  });
  it("tests only an index that can leave the input", () => {
    expect(computeOf([1, 2, 8, 8], [3, 2, 3, 3], {}).stages[0]!.value).toMatchObject({ kind: "apply", op: "mul" });
    expect(computeOf([1, 2, 8, 8], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }).stages[0]!.value).toMatchObject({ kind: "apply", op: "select" });
  });
});
