/** Pools of random sizes against plain loops. */
import { describe, expect, it } from "vitest";
import { f32, listOf, runOp, sample, valuesOf } from "./harness.ts";
import { dice, expectClose, flat, indicesOf, reader, tabulate } from "./reference.ts";

function draw(seed: number) {
  const roll = dice(seed), rank = roll(1, 3), list = (low: number, high: number, n = rank) => Array.from({ length: n }, () => roll(low, high)), kernel_shape = list(2, 3);
  const pads = Array.from({ length: 2 * rank }, (_, i) => roll(0, kernel_shape[i % rank]! - 1));
  return { shape: [roll(1, 2), roll(1, 2), ...list(5, 7)], rank, kernel_shape, pads, strides: list(1, 3), dilations: list(1, 2), ceil_mode: roll(0, 1) };
}
type Drawn = ReturnType<typeof draw>;
/** Windows that start inside the input or its padding before; the last one may hang over where `ceil_mode` says so. */
const outputs = (c: Drawn) => c.kernel_shape.map((k, d) => {
  const size = c.shape[d + 2]!, before = c.pads[d]!, after = c.pads[c.rank + d]!, room = size + before + after - (k - 1) * c.dilations[d]! - 1;
  let n = 0;
  while (n * c.strides[d]! <= room || (c.ceil_mode && (n - 1) * c.strides[d]! < room && n * c.strides[d]! < size + before)) n++;
  return n;
});
/** The indices under a window, also those outside. */
const under = (c: Drawn, y: readonly number[]) => indicesOf(c.kernel_shape).map((k) => y.map((v, d) => v * c.strides[d]! + k[d]! * c.dilations[d]! - c.pads[d]!));
const attributes = ({ kernel_shape, pads, strides, dilations, ceil_mode }: Drawn) => ({ kernel_shape, pads, strides, dilations, ceil_mode });
const seeds = Array.from({ length: 30 }, (_, i) => i + 1);

describe.each(seeds)("seed %i", (seed) => {
  const c = draw(seed), X = sample(c.shape), out = outputs(c), shape = [...c.shape.slice(0, 2), ...out], spatial = c.shape.slice(2);
  const isIn = (at: readonly number[]) => at.every((i, d) => i >= 0 && i < spatial[d]!);
  it("MaxPool finds the maximum and where it stands", () => {
    const x = reader(X, -Infinity), [top, where] = runOp("MaxPool", [X], attributes(c), { outputs: 2 });
    expect(top!.shape).toEqual(shape);
    const best = indicesOf(shape).map(([n, ch, ...y]) => under(c, y).filter(isIn).map((at) => [n!, ch!, ...at]).reduce((a, b) => (x(...b) > x(...a) ? b : a)));
    expect(listOf(top!)).toEqual(best.map((i) => x(...i)));
    expect(listOf(where!)).toEqual(best.map((i) => flat(c.shape, i)));
  });
  it.each([0, 1])("AveragePool counts right (padding counts: %i)", (count_include_pad) => {
    const x = reader(X), counts = (at: readonly number[]) => count_include_pad
      ? at.every((i, d) => i < spatial[d]! + c.pads[c.rank + d]!) : isIn(at);
    const want = tabulate(shape, ([n, ch, ...y]) => under(c, y).reduce((s, at) => s + x(n!, ch!, ...at), 0) / under(c, y).filter(counts).length);
    expectClose(valuesOf("AveragePool", [X], { ...attributes(c), count_include_pad }), want);
  });
  it.each([1, 2, 3])("LpPool of norm %i", (p) => {
    const x = reader(X), want = tabulate(shape, ([n, ch, ...y]) => under(c, y).reduce((s, at) => s + Math.abs(x(n!, ch!, ...at)) ** p, 0) ** (1 / p));
    expectClose(valuesOf("LpPool", [X], { ...attributes(c), p }), want, 1e-5);
  });
});
describe("more", () => {
  it("counts indices by columns where the model says so", () => {
    const x = f32([1, 1, 2, 3], [0, 5, 1, 2, 3, 4]), run = (storage_order: number) => listOf(runOp("MaxPool", [x], { kernel_shape: [2, 2], storage_order }, { outputs: 2 })[1]!);
    expect(run(0)).toEqual([1, 1]);
    expect(run(1)).toEqual([2, 2]);
  });
  it("pools globally over any number of dimensions", () => {
    const x = f32([1, 2, 2, 2], [1, 2, 3, 4, -1, -2, -3, -8]);
    expect(valuesOf("GlobalAveragePool", [x])).toEqual([2.5, -3.5]);
    expect(valuesOf("GlobalMaxPool", [x])).toEqual([4, -1]);
    expectClose(valuesOf("GlobalLpPool", [x], { p: 2 }), [Math.sqrt(30), Math.sqrt(78)]);
    expect(valuesOf("GlobalLpPool", [f32([1, 2], [3, -4])], { p: 1 })).toEqual([3, 4]);
  });
  it("undoes a pool", () => {
    const x = f32([1, 1, 4, 4], Array.from({ length: 16 }, (_, i) => (i * 7) % 16)), pooled = runOp("MaxPool", [x], { kernel_shape: [2, 2], strides: [2, 2] }, { outputs: 2 });
    const back = valuesOf("MaxUnpool", [...pooled], { kernel_shape: [2, 2], strides: [2, 2] }, { runtime: [1] });
    expect(back).toEqual(listOf(x).map((v, i) => (listOf(pooled[1]!).includes(i) ? v : 0)));
  });
});
