/** Sound models to break: some written here, and ONNX's published cases where they are, with operands that must be known made constants. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { listCases } from "../../conformance/cases.ts";
import { parameterInputs } from "../../conformance/compile.ts";
import { pinInputs, readModel } from "../../conformance/proto.ts";
import { ops } from "../../../compiler/ops/index.ts";
import { float, model, node, tensor, type ModelText } from "../../support/onnx.ts";

export interface Seed { readonly name: string; readonly bytes: () => Uint8Array }
const ramp = (...shape: readonly number[]) => tensor("f32", shape, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i % 7) / 4 - 0.5));
const ints = (...list: readonly number[]) => tensor("i64", [list.length], list);
const scalar = (x: number) => tensor("f32", [], [x]);
const branch = (op: string) => ({ nodes: [`t = ${op}(x)`], outputs: { t: "f32[2, 3]" } });

const written: Readonly<Record<string, ModelText>> = {
  network: {
    inputs: { x: "f32[1, 3, 8, 8]" }, outputs: { y: "f32[1, 5]" },
    initializers: { w: ramp(4, 3, 3, 3), b: ramp(4), s: ramp(4), m: ramp(4), v: tensor("f32", [4], [1, 2, 1, 3]), g: ramp(64, 5), z: ints(0, -1) },
    nodes: [node("c = Conv(x, w, b)", { pads: [1, 1, 1, 1], strides: [1, 1], dilations: [1, 1], group: 1, kernel_shape: [3, 3] }, "conv"),
      node("n = BatchNormalization(c, s, b, m, v)", { epsilon: float(1e-5) }), "r = Relu(n)", node("p = MaxPool(r)", { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
      "f = Reshape(p, z)", node("q = Gemm(f, g)", { alpha: float(0.5), transB: 0 }), node("y = Softmax(q)", { axis: -1 })],
  },
  shapes: {
    inputs: { x: "f32[2, 3, 4]" }, outputs: ["y", "z"],
    initializers: {
      shape: ints(4, 6), starts: ints(0, 1), ends: ints(9, 4), axes: ints(0, 1), steps: ints(1, 2), pads: ints(1, 0, 0, 2), fill: scalar(3), repeats: ints(2, 1), wide: ints(2, 1, 1),
      k: ints(2), split: ints(1, 2), at: ints(0, -1, 1), last: tensor("i64", [], [1]),
    },
    nodes: ["a = Reshape(x, shape)", "b = Slice(a, starts, ends, axes, steps)", node("c = Pad(b, pads, fill)", { mode: "constant" }), "d = Tile(c, repeats)", "e = Expand(d, wide)",
      node("t, i = TopK(e, k)", { axis: -1, largest: 1 }), node("u, v = Split(x, split)", { axis: 1 }), node("w = Gather(x, at)", { axis: 0 }),
      node("y = Concat(v, x)", { axis: 1 }), node("o = CumSum(w, last)", { reverse: 1 }), node("p = Transpose(o)", { perm: [2, 0, 1] }), "z = Flatten(p)"],
  },
  makers: {
    inputs: { x: "f32[3, 4]" }, outputs: ["y", "z"],
    initializers: { from: tensor("i64", [], [0]), to: tensor("i64", [], [12]), by: tensor("i64", [], [1]), shape: ints(3, 4), depth: tensor("i64", [], [5]), values: tensor("f32", [2], [0, 1]) },
    nodes: [node("r = Range(from, to, by)"), node("c = ConstantOfShape(shape)", { value: { dataType: 1, dims: [1], floatData: [2] } }), "s = Shape(x)", "e = Expand(by, s)",
      "g = Reshape(r, s)", node("f = Cast(g)", { to: 1 }), "h = Add(f, c)", "y = Mul(h, x)", node("o = OneHot(e, depth, values)", { axis: -1 }), node("l = EyeLike(x)", { k: 1 }), node("t = Trilu(l)", { upper: 1 }),
      node("m = ReduceSum(o)", { keepdims: 0 }), "z = Add(t, m)"],
  },
  branches: {
    inputs: { x: "f32[2, 3]", c: "bool[]" }, outputs: ["y", "z"], initializers: { known: tensor("bool", [], [1]) },
    nodes: [node("y = If(known)", { then_branch: branch("Relu"), else_branch: branch("Abs") }), node("z = If(c)", { then_branch: branch("Neg"), else_branch: branch("Exp") })],
  },
  loop: {
    inputs: { x: "f32[2]" }, outputs: ["y", "s"], initializers: { n: tensor("i64", [], [4]), go: tensor("bool", [], [1]) },
    nodes: [node("y, s = Loop(n, go, x)", { body: { inputs: { i: "i64[]", c: "bool[]", a: "f32[2]" }, nodes: ["d = Identity(c)", "b = Add(a, x)", "o = Mul(b, b)"], outputs: { d: "bool[]", b: "f32[2]", o: "f32[2]" } } })],
  },
  scan: {
    inputs: { x: "f32[5, 2]", h: "f32[2]" }, outputs: ["y", "s"],
    nodes: [node("y, s = Scan(h, x)", { num_scan_inputs: 1, body: { inputs: { a: "f32[2]", b: "f32[2]" }, nodes: ["c = Add(a, b)", "d = Tanh(c)"], outputs: { c: "f32[2]", d: "f32[2]" } } })],
  },
  functions: {
    inputs: { x: "f32[2, 3]" }, outputs: ["y"], domains: { local: 1 },
    functions: [
      { name: "Inner", domain: "local", inputs: ["a"], outputs: ["b"], attributes: ["alpha"], nodes: [node("b = LeakyRelu(a)", { alpha: { ref: "alpha", type: 1 } })] },
      { name: "Outer", domain: "local", inputs: ["a", "b"], outputs: ["c"], nodes: [node("d = local::Inner(a)", { alpha: float(0.5) }), "c = Add(d, b)"] },
    ],
    nodes: ["t = local::Outer(x, x)", "y = local::Outer(t, x)"],
  },
  quantized: {
    inputs: { x: "f32[2, 4]" }, outputs: ["y"], initializers: { s: scalar(0.02), z: tensor("u8", [], [128]), w: tensor("i8", [4, 3], Array.from({ length: 12 }, (_, i) => i * 9 - 50)), t: scalar(0.01), k: tensor("i8", [], [0]) },
    nodes: ["q = QuantizeLinear(x, s, z)", "m = MatMulInteger(q, w, z, k)", node("f = Cast(m)", { to: 1 }), "y = Mul(f, t)"],
  },
  recurrent: {
    inputs: { x: "f32[4, 1, 3]" }, outputs: ["y", "h", "c"], initializers: { w: ramp(2, 8, 3), r: ramp(2, 8, 2), b: ramp(2, 16) },
    nodes: [node("y, h, c = LSTM(x, w, r, b)", { hidden_size: 2, direction: "bidirectional", clip: float(3) })],
  },
  sampled: {
    inputs: { x: "f32[1, 2, 4, 4]", g: "f32[1, 3, 3, 2]" }, outputs: ["y", "z"], initializers: { scales: tensor("f32", [4], [1, 1, 2, 1.5]) },
    nodes: [node("r = Resize(x, _, scales)", { mode: "cubic", coordinate_transformation_mode: "half_pixel", cubic_coeff_a: float(-0.5) }), node("y = AveragePool(r)", { kernel_shape: [3, 2], count_include_pad: 1, pads: [1, 1, 1, 0] }), node("z = GridSample(x, g)", { mode: "linear", padding_mode: "border" })],
  },
  attention: {
    inputs: { x: "f32[1, 5, 8]" }, outputs: ["y", "z"], initializers: { w: ramp(8, 8), s: ramp(8) },
    nodes: ["q = MatMul(x, w)", node("k = Einsum(q, x)", { equation: "bij,bkj->bik" }), node("l = LayerNormalization(q, s)", { axis: -1 }), node("y = Attention(l, x, x)", { q_num_heads: 2, kv_num_heads: 2 }), node("z = ReduceMax(k)", { keepdims: 1 })],
  },
};
/** Models in files larger than this are slow to break and hold nothing new. */
const largest = 16_384;
const data = join(import.meta.dirname, "../../../.cache/onnx-data");
function published(): readonly Seed[] {
  if (!existsSync(join(data, "node"))) return [];
  return listCases(data).filter((c) => c.name.startsWith("node/") && statSync(c.model).size <= largest).map((c) => ({
    name: c.name, bytes: () => {
      const bytes = readFileSync(c.model), facts = readModel(bytes), wanted = parameterInputs(facts, (op) => ops.get(op)?.parameters ?? []);
      const file = (p: string) => readFileSync(join(c.sets[0]!, `input_${facts.inputs.findIndex((i) => i.name === p)}.pb`));
      return new Uint8Array(wanted.length ? pinInputs(bytes, Object.fromEntries(wanted.map((p) => [p, file(p)]))) : bytes);
    },
  }));
}
/** Those written here, each as often as it takes to be a fifth of all; `own`: only those. */
export function seeds(own = false): readonly Seed[] {
  const here = Object.entries(written).map(([name, m]): Seed => ({ name, bytes: () => model(m) })), there = own ? [] : published();
  const often = Math.max(1, Math.round(there.length / 4 / here.length));
  return [...there, ...here.flatMap((s) => Array.from({ length: often }, () => s))];
}
