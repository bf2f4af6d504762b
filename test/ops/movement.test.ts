/** Data movement against plain loops, and operands known at run time against the same operands known before. */
import { describe, expect, it } from "vitest";
import { f32, i64, listOf, runNode, runOp, sample, scalarOf, tensorOf, valuesOf } from "./harness.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { sizeOf, type Attribute, type Constant } from "../../compiler/ir/graph.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { arrayOf, isFloat } from "../../compiler/ir/types.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";

/** Element by element: out[index] = in[source(index)], or `fill` where that is null. */
function moved(x: Constant, shape: readonly number[], source: (index: readonly number[]) => readonly number[] | null, fill = 0): readonly number[] {
  return Array.from({ length: sizeOf(shape) }, (_, flat) => {
    const index = shape.map((_n, d) => Math.floor(flat / sizeOf(shape.slice(d + 1))) % shape[d]!), from = source(index);
    return from ? Number(x.data[from.reduce((at, i, d) => at * x.shape[d]! + i, 0)]) : fill;
  });
}
/** A source of whole numbers that repeats from its seed. */
function drawer(seed: number): (low: number, high: number) => number {
  let state = seed;
  return (low, high) => { state = (state * 1103515245 + 12345) % 2 ** 31; return low + (Math.floor(state / 65536) % (high - low + 1)); };
}

describe("Reshape", () => {
  const x = sample([2, 3, 4]);
  it.each([[[0, -1]], [[4, 6]], [[-1]], [[0, 0, 2, -1]], [[1, 2, 12, 1]]])("to %j keeps the order", (shape) => {
    const [y] = runOp("Reshape", [x, i64(...shape)]);
    expect(sizeOf(y!.shape)).toBe(24);
    expect(listOf(y!)).toEqual(listOf(x));
  });
  it("may keep 0 as a size", () => {
    const empty = f32([0, 3], []);
    expect(runOp("Reshape", [empty, i64(3, 0)], { allowzero: 1 })[0]!.shape).toEqual([3, 0]);
    // What the other sizes leave wherever there are any elements, as with sizes that only a run knows.
    expect(runOp("Reshape", [empty, i64(0, -1)])[0]!.shape).toEqual([0, 3]);
  });
  it("takes its shape from the model's statement where only run time knows it", () =>
    expect(valuesOf("Reshape", [x, i64(6, 4)], {}, { runtime: [1], declared: [6, 4] })).toEqual(listOf(x)));
});
describe("Slice", () => {
  it("agrees with loops on random cuts, known early and late", () => {
    const draw = drawer(7);
    for (let round = 0; round < 60; round++) {
      const shape = [draw(1, 4), draw(1, 7), draw(1, 5)], x = sample(shape, round + 1), axes = [draw(0, 2) - (round % 2 ? 3 : 0), 0].slice(0, 1);
      if (round % 3 === 0) axes.splice(0, 1, 1, -1);
      const size = (a: number) => shape[(a + 3) % 3]!, steps = axes.map(() => draw(1, 3) * (draw(0, 1) ? 1 : -1));
      const starts = axes.map((a) => draw(-size(a) - 1, size(a) + 1)), ends = axes.map((a) => draw(-size(a) - 2, size(a) + 2));
      const taken = shape.map((n, d) => {
        const k = axes.findIndex((a) => (a + 3) % 3 === d), all = Array.from({ length: n }, (_, i) => i);
        if (k < 0) return all;
        const step = steps[k]!, clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v < 0 ? v + n : v));
        const start = step > 0 ? clip(starts[k]!, 0, n) : clip(starts[k]!, 0, n - 1);
        const end = step > 0 ? clip(ends[k]!, 0, n) : clip(ends[k]!, -1, n - 1);
        return Array.from({ length: Math.max(0, Math.ceil((end - start) / step)) }, (_, i) => start + i * step);
      });
      const out = taken.map((t) => t.length), want = moved(x, out, (index) => index.map((i, d) => taken[d]![i]!));
      const inputs = [x, i64(...starts), i64(...ends), i64(...axes), i64(...steps)];
      const [y] = runOp("Slice", inputs);
      expect([...y!.shape]).toEqual(out);
      expect(listOf(y!)).toEqual(want);
      expect(valuesOf("Slice", inputs, {}, { runtime: [1, 2, 3, 4], declared: out })).toEqual(want);
    }
  });
});
describe("Pad", () => {
  const source: Readonly<Record<string, (i: number, n: number) => number | null>> = {
    constant: (i, n) => (i >= 0 && i < n ? i : null), edge: (i, n) => Math.min(n - 1, Math.max(0, i)), wrap: (i, n) => ((i % n) + n) % n,
    reflect: (i, n) => { const p = Math.max(1, 2 * (n - 1)), r = ((i % p) + p) % p; return r < n ? r : p - r; },
  };
  it.each(["constant", "edge", "wrap", "reflect"])("%s agrees with loops, known early and late", (mode) => {
    for (const pads of [[1, 2, 0, 1], [0, 0, 3, 0], [-1, 0, 0, -2], [5, 0, 7, 9], [2, -1, -1, 4]]) {
      const x = sample([3, 4]), out = [3 + pads[0]! + pads[2]!, 4 + pads[1]! + pads[3]!];
      const want = moved(x, out, (index) => {
        const at = index.map((i, d) => source[mode]!(i - pads[d]!, x.shape[d]!));
        return at.includes(null) ? null : (at as number[]);
      }, 0.5), inputs = [x, i64(...pads), scalarOf("f32", 0.5)];
      expect(valuesOf("Pad", inputs, { mode })).toEqual(want);
      expect(valuesOf("Pad", inputs, { mode }, { runtime: [1, 2], declared: out })).toEqual(want);
      expect(valuesOf("Pad", [x, i64(pads[1]!, pads[0]!, pads[3]!, pads[2]!), scalarOf("f32", 0.5), i64(-1, 0)], { mode })).toEqual(want);
    }
  });
});
describe("parts", () => {
  it("split and joined again are the whole", () => {
    const x = sample([2, 7, 3]);
    for (const [axis, parts] of [[1, [2, 0, 4, 1]], [2, [1, 1, 1]], [-3, [1, 1]]] as const) {
      const pieces = runOp("Split", [x, i64(...parts)], { axis }, { outputs: parts.length });
      expect(pieces.map((p) => p.shape.at(axis < 0 ? axis : axis - 3))).toEqual([...parts]);
      expect(valuesOf("Concat", pieces, { axis })).toEqual(listOf(x));
    }
  });
  it("are equal but for the last one without a list", () =>
    expect(runOp("Split", [sample([7])], { num_outputs: 3 }, { outputs: 3 }).map((p) => p.shape[0])).toEqual([3, 3, 1]));
  it("of one operand twice", () => {
    const x = f32([2], [1, 2]);
    expect(valuesOf("Concat", [x, x], { axis: 0 })).toEqual([1, 2, 1, 2]);
  });
});
describe("Gather", () => {
  const x = sample([4, 3]);
  it("reads the same by a rule, a table and run-time indices", () => {
    for (const list of [[0, 2], [3, 1], [-1, -2], [2], [0, 3, 1], [1, 1, 1]]) {
      const want = moved(x, [list.length, 3], ([i, j]) => [(list[i!]! + 4) % 4, j!]);
      expect(valuesOf("Gather", [x, i64(...list)])).toEqual(want);
      expect(valuesOf("Gather", [x, i64(...list)], {}, { runtime: [1] })).toEqual(want);
    }
  });
  it("by a scalar drops the axis", () => expect(runOp("Gather", [x, scalarOf("i64", -1)], { axis: 1 })[0]).toMatchObject({ shape: [4] }));
});
describe("scatter", () => {
  it("keeps the last of several updates of an element", () => {
    expect(valuesOf("ScatterElements", [f32([3], [1, 2, 3]), i64(1, 1, -1), f32([3], [10, 20, 30])])).toEqual([1, 20, 30]);
    expect(valuesOf("ScatterND", [f32([3], [1, 2, 3]), tensorOf("i64", [2, 1], [0, 0]), f32([2], [10, 20])])).toEqual([20, 2, 3]);
  });
  it("with nothing to write is a copy", () =>
    expect(valuesOf("ScatterND", [f32([2], [1, 2]), tensorOf("i64", [0, 1], []), f32([0], [])])).toEqual([1, 2]));
  it("combines", () => {
    for (const [reduction, want] of [["add", [31, 2]], ["mul", [200, 2]], ["max", [20, 2]], ["min", [1, 2]]] as const) {
      expect(valuesOf("ScatterElements", [f32([2], [1, 2]), i64(0, 0), f32([2], [10, 20])], { reduction })).toEqual(want);
    }
  });
});
describe("scatter of many updates", () => {
  const attributesOf = (a: Readonly<Record<string, string | number>>) => `{ ${Object.entries(a).map(([k, v]) => `${k}: ${JSON.stringify(v)}`).join(", ")} }`;
  const combine = { none: (_: number, u: number) => u, add: (x: number, u: number) => x + u, mul: (x: number, u: number) => x * u, max: Math.max, min: Math.min };
  const drawn = (size: number, n: number) => Array.from({ length: size }, (_, i) => ((i * 7919 + (i >> 3) * 31) % (2 * n)) - n);
  it.each(Object.entries(combine))("reduction %s: in columns, in rows, by indices of two dimensions", (reduction, f) => {
    const run = (body: string, feeds: Readonly<Record<string, Constant>>) => {
      const { graph, diagnostics } = inferTypes(parseGraph(`graph "g" { ${body} output y }`), { fold: foldWithin() });
      expect(diagnostics).toEqual([]);
      expect(graph.nodes.some((n) => n.op === "ScatterElements")).toBe(false);
      return listOf(evaluateGraph(graph, new Map(Object.entries(feeds))).get("y")!);
    };
    const near = (got: readonly number[], want: readonly number[]) => got.forEach((x, i) => expect(Math.abs(x - want[i]!), `${i}`).toBeLessThan(1e-3 * Math.max(1, Math.abs(want[i]!))));
    const x = sample([40, 20]), u = sample([30, 20], 3), each = tensorOf("i64", [30, 20], drawn(600, 40)), want = [...listOf(x)];
    for (let j = 0; j < 600; j++) { const at = ((Number(each.data[j]) + 40) % 40) * 20 + (j % 20); want[at] = f(want[at]!, listOf(u)[j]!); }
    near(run(`input x: f32[40, 20] input i: i64[30, 20] input u: f32[30, 20] y = ScatterElements(x, i, u) ${attributesOf({ reduction })} @ y`, { x, i: each, u }), want);
    // Along the last axis, of fewer columns than there are.
    const turned = tensorOf("i64", [31, 30], drawn(930, 20)), other = sample([31, 30], 5), wide = [...listOf(x)];
    for (let j = 0; j < 930; j++) { const at = Math.floor(j / 30) * 20 + ((Number(turned.data[j]) + 20) % 20); wide[at] = f(wide[at]!, listOf(other)[j]!); }
    near(run(`input x: f32[40, 20] input i: i64[31, 30] input u: f32[31, 30] y = ScatterElements(x, i, u) ${attributesOf({ axis: 1, reduction })} @ y`, { x, i: turned, u: other }), wide);
    for (const axis of [0, 1]) {
      const size = [40, 20][axis]!, many = axis ? 37 : 33, rows = drawn(many, size), shape = axis ? [40, many] : [many, 20], more = sample(shape, 7), result = [...listOf(x)];
      for (let j = 0; j < sizeOf(shape); j++) {
        const [r, c] = [Math.floor(j / shape[1]!), j % shape[1]!], k = (rows[axis ? c : r]! + size) % size, at = axis ? r * 20 + k : k * 20 + c;
        result[at] = f(result[at]!, listOf(more)[j]!);
      }
      const scatter = `input u: f32[${shape}] const t: i64[2] = [${shape}] e = Expand(i, t) @ e y = ScatterElements(x, e, u) ${attributesOf({ axis, reduction })} @ y`, list = tensorOf("i64", axis ? [many] : [many, 1], rows);
      near(run(`input x: f32[40, 20] input i: i64[${list.shape}] ${scatter}`, { x, i: list, u: more }), result);
      near(run(`input x: f32[40, 20] const i: i64[${list.shape}] = [${rows}] ${scatter}`, { x, u: more }), result);
    }
    const places = tensorOf("i64", [5, 41, 2], drawn(410, 40).map((v, i) => (i % 2 ? v % 20 : v))), slices = sample([5, 41, 3], 9), deep = sample([40, 20, 3]), filled = [...listOf(deep)];
    for (let j = 0; j < 615; j++) {
      const [r, c] = [0, 1].map((k) => Number(places.data[2 * Math.floor(j / 3) + k])) as [number, number], at = (((r + 40) % 40) * 20 + ((c + 20) % 20)) * 3 + (j % 3);
      filled[at] = f(filled[at]!, listOf(slices)[j]!);
    }
    near(run(`input x: f32[40, 20, 3] input i: i64[5, 41, 2] input u: f32[5, 41, 3] y = ScatterND(x, i, u) ${attributesOf({ reduction })} @ y`, { x: deep, i: places, u: slices }), filled);
  });
});
describe("order", () => {
  it("TopK prefers the first of equals, and takes the smallest as well", () => {
    const x = f32([2, 4], [3, 1, 3, 2, 0, 0, -1, 5]);
    expect(runOp("TopK", [x, i64(2)], {}, { outputs: 2 }).map(listOf)).toEqual([[3, 3, 5, 0], [0, 2, 3, 0]]);
    expect(runOp("TopK", [x, i64(2)], { largest: 0, axis: 1 }, { outputs: 2 }).map(listOf)).toEqual([[1, 2, -1, 0], [1, 3, 2, 0]]);
    expect(runOp("TopK", [x, i64(1)], { axis: 0 }, { outputs: 2, runtime: [1], declared: [1, 4] }).map(listOf)).toEqual([[3, 1, 3, 5], [0, 0, 0, 1]]);
  });
  it.each([20, 100, 640])("TopK of %d elements has what is no number above all, and -0 beside 0, whatever the type", (size) => {
    const odd = [NaN, -Infinity, Infinity, -0, 0, 3, 3, -3], list = Array.from({ length: size }, (_, i) => (i % 7 < 3 ? odd[(i * 5) % 8]! : Math.sin(i * i) * 4));
    const above = (a: number, b: number) => (Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : Number.isNaN(b) ? 1 : b - a);
    for (const dtype of ["f32", "f64", "f16", "i64", "i8", "u32", "u64"] as const) {
      const data = arrayOf(dtype, isFloat(dtype) ? list : list.map((x) => Math.abs(Math.trunc(Number.isFinite(x) ? x : 7)) * 25)), x: Constant = { dtype, shape: [size], data };
      for (const largest of [1, 0]) {
        const want = Array.from(data as ArrayLike<number | bigint>, Number).map((v, i) => [v, i] as const).sort((p, q) => (largest ? above(p[0], q[0]) : above(q[0], p[0])) || p[1] - q[1]);
        for (const k of [1, 9, size]) {
          const { graph } = inferTypes(parseGraph(`graph "g" { const k: i64[1] = [${k}] input x: ${dtype}[${size}] v, i = TopK(x, k) { largest: ${largest} } @ t output i }`), { fold: foldWithin() });
          expect(listOf(evaluateGraph(graph, new Map([["x", x]])).get("i")!), `${dtype}, ${k}, ${largest}`).toEqual(want.slice(0, k).map(([, i]) => i));
        }
      }
    }
  });
  it("NonZero lists places, of a constant and of a run-time value", () => {
    const x = f32([2, 3], [0, 5, 0, -1, NaN, 0]), want = [0, 1, 1, 1, 0, 1], values = () => new Map([["x", x]]);
    const node = { name: "n", op: "NonZero", inputs: ["x"], outputs: ["y"], attributes: {}, origin: [] };
    expect(listOf(runNode(node, { values: values(), isKnown: () => true })[0]!)).toEqual(want);
    const declared = () => ({ dtype: "i64", shape: [2, 3] }) as const;
    expect(listOf(runNode(node, { values: values(), isKnown: () => false, declared })[0]!)).toEqual(want);
  });
  it("Compress keeps what the condition names", () => {
    const x = f32([3, 2], [1, 2, 3, 4, 5, 6]), condition = tensorOf("bool", [3], [1, 0, 1]);
    expect(valuesOf("Compress", [x, condition], { axis: 0 })).toEqual([1, 2, 5, 6]);
    expect(valuesOf("Compress", [x, condition])).toEqual([1, 3]);
    expect(valuesOf("Compress", [x, condition], { axis: 0 }, { runtime: [1], declared: [2, 2] })).toEqual([1, 2, 5, 6]);
  });
});
const lateOperands: readonly (readonly [op: string, operand: Constant, declared: readonly number[], attributes?: Record<string, Attribute>])[] = [
  ["Expand", i64(2, 3, 4), [2, 3, 4]], ["Tile", i64(2, 3), [6, 12]], ["Squeeze", i64(-3), [3, 4]], ["Unsqueeze", i64(0, -1), [1, 3, 4, 1]],
  ["CenterCropPad", i64(5, 2), [5, 2]], ["Trilu", scalarOf("i64", -1), [3, 4]], ["CumSum", scalarOf("i64", -2), [3, 4], { reverse: 1, exclusive: 1 }],
];
const late = lateOperands.map(([op, operand, stated, attributes = {}]) => ({ op, operand, stated, attributes }));
it.each(late)("$op does the same with an operand of run time", ({ op, operand, stated, attributes }) => {
  const x = op === "Squeeze" ? sample([1, 3, 4]) : sample([3, 4]), inputs = [x, operand];
  const known = runOp(op, inputs, attributes)[0]!;
  expect([...known.shape]).toEqual([...stated]);
  expect(valuesOf(op, inputs, attributes, { runtime: [1], declared: stated })).toEqual(listOf(known));
});
it("a value may be called like a stage", () => {
  const values = new Map([["map", f32([2], [1, 2])], ["best", f32([2], [3, 1])]]), isKnown = () => false;
  const node = (op: string, input: string, output: string) => ({ name: "n", op, inputs: [input], outputs: [output], attributes: {}, origin: [] });
  expect(listOf(runNode(node("Neg", "map", "reduce"), { values, isKnown })[0]!)).toEqual([-1, -2]);
  expect(listOf(runNode(node("ArgMax", "best", "place"), { values, isKnown })[0]!)).toEqual([0]);
  expect(listOf(runNode(node("ReduceLogSumExp", "reduce", "top"), { values, isKnown })[0]!)[0]).toBeCloseTo(-0.6867, 4);
});
