/** Graphs at the ends of what there is: long, wide, empty, huge windows, single pixels. */
import type { Graph } from "../../compiler/ir/graph.ts";
import { Builder } from "../support/graph-builder.ts";

/** Makes the nodes and returns the outputs. */
type Make = (b: Builder) => string | readonly string[];
const repeat = (times: number, v: string, f: (v: string, i: number) => string): string => { for (let i = 0; i < times; i++) v = f(v, i); return v; };
const conv = (b: Builder, x: string, out: number, kernel: number, attributes = {}): string => b.op("Conv",
  [x, b.constant([out, b.typeOf(x).shape[1]!, kernel, kernel])], attributes);
const same = { pads: [1, 1, 1, 1] };

const makers: Readonly<Record<string, Make>> = {
  "a long chain": (b) => repeat(300, b.input("x", [1, 16]), (v) => b.op("Tanh", [b.op("Add", [v, b.constant([16])])])),
  "a value doubled again and again": (b) => repeat(60, b.input("x", [5]), (v) => b.op("Mul", [b.op("Add", [v, v]), b.scalar(0.5)])),
  "each value read twice": (b) => {
    const first = b.input("x", [5]);
    let before = first;
    return repeat(60, b.op("Relu", [first]), (v) => { const next = b.op("Mul",
      [b.op("Add", [before, v]), b.scalar(0.6)]); before = v; return next; });
  },
  "40 parts": (b) => {
    const x = b.input("x", [1, 3, 5]);
    return b.op("Concat", Array.from({ length: 40 }, (_, i) => (i % 3 ? b.op("Relu", [b.op("Add", [x, b.scalar(i)])]) : x)), { axis: 1 });
  },
  "50 parts of one value, 30 of them outputs": (b) => { const parts = b.ops("Split", [b.input("x", [2, 50, 3])], 50,
    { axis: 1 }); return [...parts.slice(0, 30), b.op("Sum", parts.slice(20))]; },
  "eight dimensions": (b) => b.op("Transpose", [b.op("Softmax", [b.input("x", [2, 1, 3, 2, 1, 2, 3, 2])], { axis: 3 })],
    { perm: [7, 3, 0, 1, 6, 5, 2, 4] }),
  "no input": (b) => b.op("Relu", [b.constant([3])]),
  "inputs as outputs": (b) => [b.input("x", [3]), b.input("y", [2])].toReversed(),
  "an input that nobody reads": (b) => { const x = b.input("x", [3]); b.input("y", [2]); return b.op("Relu", [x]); },
  scalars: (b) => { const x = b.input("x", []), y = b.input("y", []); return [b.op("Add", [x, y]), b.op("Greater", [x, y])]; },
  "an output without elements": (b) => { const x = b.input("x", [3, 4]); return [b.op("Slice", [x, b.ints(2), b.ints(2), b.ints(0)]),
    b.op("Relu", [x])]; },
  "an input without elements": (b) => b.op("Concat", [b.input("x", [3, 4]), b.op("Relu", [b.input("e", [0, 4])])], { axis: 0 }),
  "a sum of nothing": (b) => b.op("ReduceSum", [b.input("x", [3, 0]), b.ints(1)]),
  "a product over nothing": (b) => b.op("MatMul", [b.input("x", [3, 0]), b.input("y", [0, 4])]),
  "twenty layers, each reading all before": (b) =>
    repeat(20, b.input("x", [1, 4, 7, 7]), (v) => b.op("Mul",
      [b.op("Concat", [v, b.op("Relu", [conv(b, v, 3, 3, same)])], { axis: 1 }), b.scalar(0.5)])),
  "sixty residual layers": (b) => repeat(60, b.input("x", [1, 8, 9, 9]),
    (v) => b.op("Relu", [b.op("Add", [v, b.op("Mul", [conv(b, v, 8, 3, same), b.scalar(0.02)])])])),
  "thirty readers with margins of their own": (b) => {
    const x = b.input("x", [1, 4, 9, 9]);
    return Array.from({ length: 30 }, (_, i) => conv(b, x, 1 + (i % 3), 1 + (i % 4), { pads: [i % 4, i % 3, 0, 0] }));
  },
  "pools down to one pixel": (b) => repeat(6, b.input("x", [1, 3, 64, 64]), (v) =>
    b.op("AveragePool", [b.op("MaxPool", [v], { kernel_shape: [3, 3], ...same })], { kernel_shape: [2, 2], strides: [2, 2] })),
  "a kernel of 31": (b) => conv(b, b.input("x", [1, 2, 40, 40]), 3, 31, { pads: [15, 15, 15, 15] }),
  "a dilation of 18": (b) => conv(b, b.input("x", [1, 4, 40, 40]), 5, 3, { pads: [18, 18, 18, 18], dilations: [18, 18] }),
  "more padding than image": (b) => conv(b, b.input("x", [1, 4, 5, 5]), 5, 3, { pads: [40, 30, 20, 10] }),
  "patches of 16": (b) => conv(b, b.input("x", [1, 3, 65, 65]), 40, 16, { strides: [16, 16] }),
  "strides of 8, transposed": (b) => b.op("ConvTranspose", [b.input("x", [1, 3, 6, 6]), b.constant([3, 5, 16, 16])],
    { strides: [8, 8], pads: [4, 4, 4, 4] }),
  "one pixel": (b) => conv(b, b.input("x", [1, 1, 1, 1]), 1, 3, same),
  "one row of 3001": (b) => b.op("Gemm", [b.input("x", [1, 3001]), b.constant([11, 3001]), b.constant([11])], { transB: 1 }),
};
/** By what is special about them. */
export const edges: ReadonlyMap<string, Graph> = new Map(Object.entries(makers).map(([name, make]) => {
  const b = new Builder(1), made = make(b);
  return [name, b.graph(...(typeof made === "string" ? [made] : made))];
}));
