/** Random graphs: optimised = plain. A failure names the seed; MLC_FUZZ=N runs N seeds more. */
import { describe, test } from "vitest";
import type { Graph } from "../../compiler/ir/graph.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { Builder, check, numbers } from "./graphs.ts";

interface Value { readonly name: string; readonly shape: readonly [number, number, number, number] }
/** Grows a graph of images by one random step. */
type Step = (b: Builder, v: Value, draw: (n: number) => number, all: readonly Value[]) => Value;
const like = (v: Value, name: string): Value => ({ name, shape: v.shape });
const same = (f: (b: Builder, x: string, v: Value, draw: (n: number) => number) => string): Step => (b, v, draw) => like(v, f(b, v.name, v, draw));
const channel = (b: Builder, v: Value, draw: (n: number) => number) => (draw(3) === 0 ? b.constant([], "positive") : b.constant([[v.shape[1], 1, 1], [1, v.shape[1], 1, 1]][draw(2)]!, "positive"));
const pool = (op: string): Step => (b, v, draw) => {
  const [n, c, h, w] = v.shape, k = 2 + draw(2), pad = draw(2);
  if (h < 4 || w < 4) return v;
  const out = (size: number) => Math.floor((size + 2 * pad - k) / 2) + 1;
  return { name: b.op(op, [v.name], { kernel_shape: [k, k], strides: [2, 2], pads: [pad, pad, pad, pad] }), shape: [n, c, out(h), out(w)] };
};

const steps: readonly Step[] = [
  (b, v, draw) => {
    const [n, c, h, w] = v.shape, k = Math.min(h, w, 1 + 2 * draw(2)), pad = draw(2) * ((k - 1) >> 1), group = draw(3) === 0 ? c : 1, out = group === c ? c * (1 + draw(2)) : 2 + draw(4);
    const inputs = [v.name, b.constant([out, c / group, k, k]), ...(draw(2) ? [b.constant([out])] : [])], size = (d: number) => d + 2 * pad - k + 1;
    return { name: b.op("Conv", inputs, { group, pads: [pad, pad, pad, pad] }), shape: [n, out, size(h), size(w)] };
  },
  (b, v) => {
    const [n, c, h, w] = v.shape;
    return h * w > 64 ? v : { name: b.op("ConvTranspose", [v.name, b.constant([c, 2, 2, 2])], { strides: [2, 2] }), shape: [n, 2, h * 2, w * 2] };
  },
  same((b, x, v) => b.op("BatchNormalization", [x, ...[0, 1, 2].map(() => b.constant([v.shape[1]])), b.constant([v.shape[1]], "positive")])),
  ...["Mul", "Add", "Sub", "Div"].map((op) => same((b, x, v, draw) => b.op(op, draw(4) || op === "Div" ? [x, channel(b, v, draw)] : [channel(b, v, draw), x]))),
  ...["Relu", "Sigmoid", "Tanh", "Identity", "Neg", "HardSwish"].map((op) => same((b, x) => b.op(op, [x]))),
  same((b, x) => b.op("Clip", [x, b.scalar(0), b.scalar(6)])),
  same((b, x) => b.op("Mul", [x, b.op("Sigmoid", [x])])),
  same((b, x) => b.op("Div", [b.op("Mul", [x, b.op("Clip", [b.op("Add", [x, b.scalar(3)]), b.scalar(0), b.scalar(6)])]), b.scalar(6)])),
  same((b, x) => b.op("Mul", [b.op("Mul", [x, b.scalar(0.5)]), b.op("Add", [b.op("Erf", [b.op("Div", [x, b.scalar(Math.SQRT2)])]), b.scalar(1)])])),
  same((b, x) => b.op("Mul", [x, b.op("GlobalAveragePool", [x])])),
  same((b, x, _, draw) => b.op("Softmax", [x], { axis: 1 + draw(3) })),
  pool("MaxPool"), pool("AveragePool"),
  (b, v, draw) => {
    const [n, c, h, w] = v.shape, p = [draw(2), draw(2), draw(2), draw(2)] as const, fill = draw(3);
    const name = b.op("Pad", [v.name, b.ints(0, 0, p[0], p[1], 0, 0, p[2], p[3]), ...(fill === 0 ? [] : [b.scalar(fill - 1)])]);
    return { name, shape: [n, c, h + p[0] + p[2], w + p[1] + p[3]] };
  },
  (b, v, _, all) => {
    const other = all.find((o) => o !== v && o.shape.every((d, i) => i === 1 || d === v.shape[i])) ?? v, [n, c, h, w] = v.shape;
    return { name: b.op("Concat", [other.name, v.name], { axis: 1 }), shape: [n, c + other.shape[1], h, w] };
  },
  (b, v, draw, all) => like(v, b.op(["Add", "Mul", "Max"][draw(3)]!, [v.name, (all.find((o) => o !== v && o.shape.every((d, i) => d === v.shape[i])) ?? v).name])),
  (b, v, draw) => {
    const last = b.op("Transpose", [v.name], { perm: [0, 2, 3, 1] }), scaled = draw(2) ? b.op("Mul", [last, b.constant([v.shape[1]], "positive")]) : b.op("Relu", [last]);
    const normed = draw(2) ? scaled : b.op("LayerNormalization", [scaled, b.constant([v.shape[1]])]);
    return like(v, b.op("Transpose", [normed], { perm: [0, 3, 1, 2] }));
  },
  (b, v, draw) => {
    const [n, c, h, w] = v.shape, flat = b.op("Flatten", [v.name], { axis: 2 }), inner = draw(2) ? b.op("MatMul", [flat, b.constant([h * w, h * w])]) : b.op("Tanh", [flat]);
    return like(v, b.op("Reshape", [draw(2) ? b.op("Add", [inner, b.constant([h * w])]) : inner, b.ints(n, c, h, w)]));
  },
  (b, v, draw) => {
    const [n, c, h, w] = v.shape, [left, right] = c < 2 || c % 2 ? [v.name] : b.ops("Split", [v.name], 2, { axis: 1 });
    return right === undefined ? v : { name: draw(2) ? b.op("Sub", [left!, right]) : right, shape: [n, c / 2, h, w] };
  },
  (b, v) => {
    const [n, c, h, w] = v.shape, d = b.op("Sub", [v.name, b.op("ReduceMean", [v.name, b.ints(2, 3)])]);
    const spread = b.op("Sqrt", [b.op("Add", [b.op("ReduceMean", [b.op("Mul", [d, d]), b.ints(2, 3)]), b.scalar(0.01)])]);
    return { name: b.op("Div", [d, spread]), shape: [n, c, h, w] };
  },
];

function random(seed: number): Graph {
  const next = numbers(seed), draw = (n: number) => Math.min(n - 1, Math.floor(((next() + 1) / 2) * n)), b = new Builder(seed);
  const shape = [1 + draw(2), 4, 6, 6] as const, all: Value[] = [{ name: b.input("x", shape), shape }];
  for (let count = 8 + draw(14); count > 0; count--) {
    const from = draw(4) === 0 ? all[draw(all.length)]! : all.at(-1)!, made = steps[draw(steps.length)]!(b, from, draw, all);
    if (made !== from && made.shape.every((d) => d > 0)) all.push(made);
  }
  const last = all.at(-1)!, [n, c, h, w] = last.shape, outputs = [last.name];
  if (draw(2)) {
    const flat = b.op("Flatten", [last.name]), weights = b.constant([c * h * w, 3]);
    outputs[0] = draw(2) ? b.op("Gemm", [flat, weights, b.constant([1, 3])], { alpha: 0.5 }) : b.op("Add", [b.op("MatMul", [flat, weights]), b.constant([3])]);
  }
  if (draw(3) === 0) outputs.push(all[draw(all.length)]!.name);
  if (n > 1 && draw(4) === 0) outputs.push(b.op("ReduceMean", [last.name, b.ints(1)], { keepdims: 0 }));
  return b.graph(...new Set(outputs));
}

describe("random graphs", () => {
  const more = Number(process.env.MLC_FUZZ ?? 0), seeds = Array.from({ length: 30 + more }, (_, i) => i + 1);
  test.each(seeds)("seed %i", (seed) => { check(random(seed), (g) => runPasses(g, graphPasses).graph, { tolerance: 1e-4, stable: false, seed }); });
});
