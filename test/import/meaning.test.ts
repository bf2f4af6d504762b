/** Old forms that become several nodes compute what they computed then: against formulas written out here. */
import { describe, expect, it } from "vitest";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { constantOf, sizeOf, type Constant } from "../../compiler/ir/graph.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { fold } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { float, model, node, tensor, type ModelText } from "../support/onnx.ts";

const x: Constant = constantOf("f32", [2, 4, 2, 3], Float32Array.from({ length: 48 }, (_, i) => Math.sin(i * 1.7)));
const typeText = (c: Constant) => `f32[${c.shape}]`;
/** The only output of a model for the input x. */
function run(m: ModelText, input = x): Constant {
  const { graph, diagnostics } = importOnnx(model({ inputs: { x: typeText(input) }, outputs: ["y"], ...m }), { name: "m" }), typed = inferTypes(graph, { fold });
  expect([...diagnostics, ...typed.diagnostics]).toEqual([]);
  return evaluateGraph(typed.graph, new Map([["x", input]])).get("y")!;
}
/** The elements that `f` gives for each index of a shape. */
function from(shape: readonly number[], f: (index: readonly number[]) => number): Constant {
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => f(shape.map((n, d) => Math.floor(i / sizeOf(shape.slice(d + 1))) % n)));
  return constantOf("f32", shape, data);
}
const at = (c: Constant, index: readonly number[]): number => Number(c.data[index.reduce((sum, i, d) => sum * c.shape[d]! + i, 0)]);
function same(got: Constant, wanted: Constant): void {
  expect(got.shape).toEqual(wanted.shape);
  Array.from(wanted.data as Float32Array).forEach((w, i) => expect(Number(got.data[i])).toBeCloseTo(w, 5));
}

describe("what old forms mean", () => {
  for (const axis of [0, 1, 2, 3]) {
    it(`Softmax of opset 11 over all axes from ${axis} on`, () => {
      const total = (index: readonly number[]) => {
        let sum = 0;
        from(x.shape, (other) => (other.slice(0, axis).every((i, d) => i === index[d]) ? (sum += Math.exp(at(x, other))) : 0));
        return sum;
      };
      same(run({ opset: 11, nodes: [node("y = Softmax(x)", { axis })] }), from(x.shape, (i) => Math.exp(at(x, i)) / total(i)));
    });
  }
  const bias = { b: tensor("f32", [4], [1, 2, 3, 4]) };
  it("Add of opset 6 at an axis, of a value whose rank the model does not state", () => {
    const nodes = ["r = Relu(x)", node("y = Add(r, b)", { broadcast: 1, axis: 1 })];
    same(run({ opset: 6, initializers: bias, nodes }), from(x.shape, (i) => Math.max(0, at(x, i)) + i[1]! + 1));
    same(run({ opset: 6, initializers: bias, nodes: [nodes[0]!, node("y = Add(r, b)", { broadcast: 1, axis: -3 })] }), from(x.shape, (i) => Math.max(0, at(x, i)) + i[1]! + 1));
  });
  it("PRelu of opset 6 with a slope per channel", () => {
    same(run({ opset: 6, initializers: bias, nodes: ["y = PRelu(x, b)"] }), from(x.shape, (i) => { const v = at(x, i); return v < 0 ? v * (i[1]! + 1) : v; }));
  });
  it("GroupNormalization of opset 18 with scale and bias per group, of a value of unknown shape", () => {
    const group = (i: readonly number[]) => {
      const list: number[] = [];
      from(x.shape, (o) => (o[0] === i[0] && Math.floor(o[1]! / 2) === Math.floor(i[1]! / 2) ? list.push(at(x, o)) : 0));
      const mean = list.reduce((a, b) => a + b, 0) / list.length;
      return { mean, deviation: Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length + 1e-5) };
    };
    const m: ModelText = {
      opset: 18, initializers: { s: tensor("f32", [2], [1, 2]), b: tensor("f32", [2], [0.5, -1]) },
      nodes: ["i = Identity(x)", node("y = GroupNormalization(i, s, b)", { num_groups: 2 })],
    };
    same(run(m), from(x.shape, (i) => {
      const g = Math.floor(i[1]! / 2), { mean, deviation } = group(i);
      return ((at(x, i) - mean) / deviation) * (g + 1) + [0.5, -1][g]!;
    }));
  });
  // The numbers of ONNX 1.5's own case resize_downsample_nearest.
  it("Resize of opset 10 takes the right neighbour where it makes smaller, the left one where it enlarges", () => {
    const small = constantOf("f32", [1, 1, 2, 4], Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]));
    const scales = (h: number, w: number) => ({ s: tensor("f32", [4], [1, 1, h, w]) });
    same(run({ opset: 10, initializers: scales(0.6, 0.6), nodes: ["y = Resize(x, s)"] }, small), constantOf("f32", [1, 1, 1, 2], Float32Array.from([1, 3])));
    const mixed = run({ opset: 10, initializers: scales(0.6, 1.5), nodes: ["y = Resize(x, s)"] }, small);
    same(mixed, from([1, 1, 1, 6], (i) => at(small, [0, 0, Math.ceil(i[2]! / 0.6), Math.floor(i[3]! / 1.5)])));
  });
  it("Upsample of opset 7", () => {
    const nodes = [node("y = Upsample(x)", { scales: [float(1), float(1), float(2), float(3)] })];
    same(run({ opset: 7, nodes }), from([2, 4, 4, 9], (i) => at(x, [i[0]!, i[1]!, Math.floor(i[2]! / 2), Math.floor(i[3]! / 3)])));
  });
  it("Slice without axes takes the first ones", () => {
    same(run({ opset: 9, nodes: [node("y = Slice(x)", { starts: [1, -3], ends: [2, 2n ** 63n - 1n] })] }), from([1, 3, 2, 3], (i) => at(x, [1, i[1]! + 1, i[2]!, i[3]!])));
  });
  it("Crop, ImageScaler, ScaledTanh and ParametricSoftplus of the trial set", () => {
    same(run({ opset: 6, nodes: [node("y = Crop(x)", { border: [1, 0, 0, 1] })] }), from([2, 4, 1, 2], (i) => at(x, [i[0]!, i[1]!, i[2]!, i[3]! + 1])));
    const biases = [float(1), float(2), float(3), float(4)];
    same(run({ opset: 6, nodes: [node("y = ImageScaler(x)", { scale: float(2), bias: biases })] }), from(x.shape, (i) => 2 * at(x, i) + i[1]! + 1));
    same(run({ opset: 6, nodes: [node("y = ScaledTanh(x)", { alpha: float(2), beta: float(3) })] }), from(x.shape, (i) => 2 * Math.tanh(3 * at(x, i))));
    same(run({ opset: 6, nodes: [node("y = ParametricSoftplus(x)", { alpha: float(2), beta: float(3) })] }), from(x.shape, (i) => 2 * Math.log(1 + Math.exp(3 * at(x, i)))));
  });
});
