/** Every rewrite of an older form: the node or nodes that come out of it, and that a node of the newest opset stays as it is. */
import { describe, expect, it } from "vitest";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { rewrites } from "../../compiler/import/onnx/normalize.ts";
import { isConstant, type Attribute, type Graph } from "../../compiler/ir/graph.ts";
import { float, model, node, tensor, type AttributeText, type GraphText } from "../support/onnx.ts";

const shown = (a: Attribute | undefined): unknown => (typeof a === "object" && isConstant(a) ? Array.from(a.data as Iterable<number | bigint>, Number) : a);
/** Nodes as "outputs = Op(inputs) {attributes}", constants in the place of their names. */
function lines(g: Graph): readonly string[] {
  const value = (v: string): string => { const c = g.constants.get(v); return c ? `${c.dtype}[${c.shape}]:${Array.from(c.data as Iterable<number | bigint>, (x) => +Number(x).toPrecision(6))}` : v || "_"; };
  return g.nodes.map((n) => {
    const attributes = Object.entries(n.attributes).map(([k, a]) => `${k}=${JSON.stringify(shown(a))}`).sort().join(" ");
    return `${n.outputs.map((v) => v || "_")} = ${n.op}(${n.inputs.map(value).join(", ")})${attributes ? ` ${attributes}` : ""}`;
  });
}
interface Case {
  readonly opset: number;
  readonly node: string;
  readonly attributes?: Readonly<Record<string, AttributeText>>;
  readonly is: string | readonly string[];
  readonly graph?: GraphText;
}
function imported(c: Case) {
  const inputs = Object.fromEntries([...c.node.slice(c.node.indexOf("(")).matchAll(/[a-z]\w*/g)].map(([v]) => [v, "f32[2, 3, 4, 5]"]));
  const { inputs: other, ...rest } = c.graph ?? {}, constants = new Set(Object.keys(rest.initializers ?? {}));
  const all = Object.fromEntries(Object.entries({ ...inputs, ...other }).filter(([v]) => !constants.has(v)));
  const outputs = c.node.split("=")[0]!.split(",").map((v) => v.trim()).filter((v) => v && v !== "_");
  return importOnnx(model({ opset: c.opset, inputs: all, outputs: rest.outputs ?? outputs, ...rest, nodes: [node(c.node, c.attributes ?? {}, "n")] }), { name: "m" });
}
const cases: Readonly<Record<string, readonly Case[]>> = {
  Clip: [
    { opset: 6, node: "y = Clip(x)", attributes: { min: float(0), max: float(6) }, is: "y = Clip(x, f32[]:0, f32[]:6)" },
    { opset: 10, node: "y = Clip(x)", attributes: { max: float(6) }, is: "y = Clip(x, _, f32[]:6)" },
    { opset: 10, node: "y = Clip(x)", attributes: { min: float(1) }, graph: { inputs: { x: "f64[2]" } }, is: "y = Clip(x, f64[]:1)" },
    { opset: 11, node: "y = Clip(x, _, high)", is: "y = Clip(x, _, high)" },
  ],
  Pad: [
    { opset: 1, node: "y = Pad(x)", attributes: { paddings: [0, 1], mode: "edge" }, is: 'y = Pad(x, i64[2]:0,1) mode="edge"' },
    { opset: 10, node: "y = Pad(x)", attributes: { pads: [0, 1], value: float(2) }, is: "y = Pad(x, i64[2]:0,1, f32[]:2)" },
    { opset: 10, node: "y = Pad(x)", attributes: { pads: [0, 1] }, is: "y = Pad(x, i64[2]:0,1)" },
  ],
  Slice: [
    { opset: 9, node: "y = Slice(x)", attributes: { starts: [0, 1], ends: [2, 2 ** 53], axes: [0, 2] }, is: "y = Slice(x, i64[2]:0,1, i64[2]:2,9007200000000000, i64[2]:0,2)" },
    { opset: 9, node: "y = Slice(x)", attributes: { starts: [-1], ends: [3] }, is: "y = Slice(x, i64[1]:-1, i64[1]:3, i64[1]:0)" },
    { opset: 13, node: "y = Slice(x, s, e)", graph: { inputs: { s: "i64[2]", e: "i64[2]" } }, is: "y = Slice(x, s, e, i64[2]:0,1)" },
    { opset: 13, node: "y = Slice(x, s, e, a)", is: "y = Slice(x, s, e, a)" },
  ],
  DynamicSlice: [{ opset: 9, node: "y = DynamicSlice(x, s, e)", graph: { inputs: { s: "i64[?]" } }, is: "y = Slice(x, s, e)" }],
  Squeeze: [{ opset: 11, node: "y = Squeeze(x)", attributes: { axes: [0] }, is: "y = Squeeze(x, i64[1]:0)" }, { opset: 11, node: "y = Squeeze(x)", is: "y = Squeeze(x)" }],
  Unsqueeze: [{ opset: 12, node: "y = Unsqueeze(x)", attributes: { axes: [0, 4] }, is: "y = Unsqueeze(x, i64[2]:0,4)" }],
  Split: [
    { opset: 11, node: "y, z = Split(x)", attributes: { split: [1, 2], axis: 1 }, is: "y,z = Split(x, i64[2]:1,2) axis=1" },
    { opset: 13, node: "y, z = Split(x)", attributes: { axis: 2 }, is: "y,z = Split(x) axis=2 num_outputs=2" },
    { opset: 18, node: "y, z = Split(x, s)", is: "y,z = Split(x, s)" },
  ],
  Concat: [{ opset: 3, node: "y = Concat(a, b)", is: "y = Concat(a, b) axis=1" }],
  Tile: [{ opset: 5, node: "y = Tile(x, t, a)", graph: { initializers: { t: tensor("i64", [1], [3]), a: tensor("i64", [1], [2]) } }, is: "y = Tile(x, i64[4]:1,1,3,1)" }],
  TopK: [{ opset: 9, node: "y, i = TopK(x)", attributes: { k: 3, axis: 1 }, is: "y,i = TopK(x, i64[1]:3) axis=1" }],
  Reshape: [{ opset: 4, node: "y = Reshape(x)", attributes: { shape: [0, -1], consumed_inputs: [0] }, is: "y = Reshape(x, i64[2]:0,-1)" }],
  Upsample: [
    { opset: 1, node: "y = Upsample(x)", attributes: { height_scale: float(2), width_scale: float(3), mode: "bilinear" }, is: 'y = Resize(x, _, f32[4]:1,1,2,3) coordinate_transformation_mode="asymmetric" mode="linear" nearest_mode="floor"' },
    { opset: 7, node: "y = Upsample(x)", attributes: { scales: [float(1), float(1), float(2), float(2)] }, is: 'y = Resize(x, _, f32[4]:1,1,2,2) coordinate_transformation_mode="asymmetric" mode="nearest" nearest_mode="floor"' },
    { opset: 9, node: "y = Upsample(x, s)", attributes: { mode: "linear" }, is: 'y = Resize(x, _, s) coordinate_transformation_mode="asymmetric" mode="linear" nearest_mode="floor"' },
  ],
  Resize: [
    { opset: 10, node: "y = Resize(x, s)", is: 'y = Resize(x, _, s) coordinate_transformation_mode="asymmetric" mode="nearest" nearest_mode="floor"' },
    { opset: 10, node: "y = Resize(x, s)", graph: { initializers: { s: tensor("f32", [4], [1, 1, 0.5, 0.75]) } }, is: 'y = Resize(x, _, f32[4]:1,1,0.5,0.75) coordinate_transformation_mode="asymmetric" mode="nearest" nearest_mode="ceil"' },
    { opset: 10, node: "y = Resize(x, s)", attributes: { mode: "linear" }, graph: { initializers: { s: tensor("f32", [4], [1, 1, 0.5, 2]) } }, is: 'y = Resize(x, _, f32[4]:1,1,0.5,2) coordinate_transformation_mode="asymmetric" mode="linear" nearest_mode="floor"' },
    {
      opset: 10, node: "y = Resize(x, s)", graph: { initializers: { s: tensor("f32", [4], [1, 1, 0.5, 2]) } },
      is: [
        'n.Resize = Resize(x, _, f32[4]:1,1,1,2) coordinate_transformation_mode="asymmetric" mode="nearest" nearest_mode="floor"',
        'y = Resize(n.Resize, _, f32[4]:1,1,0.5,1) coordinate_transformation_mode="asymmetric" mode="nearest" nearest_mode="ceil"',
      ],
    },
    { opset: 11, node: "y = Resize(x, r, s, z)", graph: { initializers: { r: tensor("f32", [0], []), s: tensor("f32", [0], []) } }, is: "y = Resize(x, _, _, z)" },
  ],
  Scatter: [{ opset: 9, node: "y = Scatter(x, i, u)", attributes: { axis: 1 }, is: "y = ScatterElements(x, i, u) axis=1" }],
  GridSample: [{ opset: 16, node: "y = GridSample(x, g)", is: 'y = GridSample(x, g) mode="linear"' }, { opset: 16, node: "y = GridSample(x, g)", attributes: { mode: "bicubic" }, is: 'y = GridSample(x, g) mode="cubic"' }],
  RoiAlign: [{ opset: 10, node: "y = RoiAlign(x, r, b)", is: 'y = RoiAlign(x, r, b) coordinate_transformation_mode="output_half_pixel"' }],
  DFT: [{ opset: 17, node: "y = DFT(x)", is: "y = DFT(x, _, i64[]:1)" }],
  Gemm: [{ opset: 6, node: "y = Gemm(a, b, c)", attributes: { broadcast: 1, transB: 1 }, is: "y = Gemm(a, b, c) transB=1" }],
  PRelu: [
    { opset: 6, node: "y = PRelu(x, s)", graph: { initializers: { s: tensor("f32", [3], [1, 2, 3]) } }, is: ["n.Unsqueeze = Unsqueeze(f32[3]:1,2,3, i64[2]:1,2)", "y = PRelu(x, n.Unsqueeze)"] },
    { opset: 6, node: "y = PRelu(x, s)", graph: { initializers: { s: tensor("f32", [1], [1]) } }, is: "y = PRelu(x, f32[1]:1)" },
  ],
  Cast: [{ opset: 5, node: "y = Cast(x)", attributes: { to: "FLOAT" }, is: "y = Cast(x) to=1" }, { opset: 5, node: "y = Cast(x)", attributes: { to: "INT64" }, is: "y = Cast(x) to=7" }],
  Selu: [{ opset: 1, node: "y = Selu(x)", is: "y = Selu(x) alpha=1.6732 gamma=1.0507" }],
  BatchNormalization: [
    { opset: 7, node: "y, a, b = BatchNormalization(x, s, t, m, v)", attributes: { spatial: 1 }, is: "y = BatchNormalization(x, s, t, m, v)", graph: { outputs: ["y"] } },
    { opset: 8, node: "y = BatchNormalization(x, s, t, m, v)", attributes: { spatial: 0 }, graph: { inputs: { s: "f32[3]" } }, is: "y = BatchNormalization(x, s, t, m, v)" },
  ],
  Dropout: [{ opset: 7, node: "y, m = Dropout(x)", attributes: { ratio: float(0.5) }, is: "y,m = Dropout(x)" }, { opset: 1, node: "y = Dropout(x)", attributes: { is_test: 1 }, is: "y = Dropout(x)" }],
  GroupNormalization: [{
    opset: 18, node: "y = GroupNormalization(x, s, b)", attributes: { num_groups: 2 }, graph: { inputs: { x: "f32[1, 6, 2, 2]" } },
    is: [
      "n.Reshape = Reshape(s, i64[2]:2,1)", "n.Expand = Expand(n.Reshape, i64[2]:2,3)", "n.Reshape_2 = Reshape(n.Expand, i64[1]:-1)",
      "n.Reshape_3 = Reshape(b, i64[2]:2,1)", "n.Expand_2 = Expand(n.Reshape_3, i64[2]:2,3)", "n.Reshape_4 = Reshape(n.Expand_2, i64[1]:-1)",
      "y = GroupNormalization(x, n.Reshape_2, n.Reshape_4) num_groups=2",
    ],
  }],
  MeanVarianceNormalization: [{ opset: 1, node: "y = MeanVarianceNormalization(x)", attributes: { across_channels: 1, normalize_variance: 1 }, is: "y = MeanVarianceNormalization(x) axes=[1,2,3]" }],
  Affine: [{ opset: 6, node: "y = Affine(x)", attributes: { alpha: float(2), beta: float(3) }, is: ["n.Mul = Mul(x, f32[]:2)", "y = Add(n.Mul, f32[]:3)"] }],
  Scale: [{ opset: 6, node: "y = Scale(x)", attributes: { scale: float(2) }, is: "y = Mul(x, f32[]:2)" }],
  ImageScaler: [{ opset: 7, node: "y = ImageScaler(x)", attributes: { scale: float(2), bias: [float(1), float(2), float(3)] }, is: ["n.Mul = Mul(x, f32[]:2)", "y = Add(n.Mul, f32[3,1,1]:1,2,3)"] }],
  ScaledTanh: [{ opset: 6, node: "y = ScaledTanh(x)", attributes: { alpha: float(2), beta: float(3) }, is: ["n.Mul = Mul(x, f32[]:3)", "n.Tanh = Tanh(n.Mul)", "y = Mul(n.Tanh, f32[]:2)"] }],
  ParametricSoftplus: [{ opset: 6, node: "y = ParametricSoftplus(x)", attributes: { alpha: float(2), beta: float(3) }, is: ["n.Mul = Mul(x, f32[]:3)", "n.Softplus = Softplus(n.Mul)", "y = Mul(n.Softplus, f32[]:2)"] }],
  Crop: [
    { opset: 6, node: "y = Crop(x)", attributes: { border: [1, 2, 3, 0] }, is: "y = Slice(x, i64[2]:2,1, i64[2]:9223370000000000000,-3, i64[2]:2,3)" },
    { opset: 6, node: "y = Crop(x)", attributes: { border: [1, 2, 0, 0], scale: [4, 5] }, is: "y = Slice(x, i64[2]:2,1, i64[2]:6,6, i64[2]:2,3)" },
  ],
  Scan: [], RandomUniform: [], RandomNormal: [], RandomUniformLike: [], RandomNormalLike: [], Bernoulli: [], Multinomial: [],
};
for (const op of ["Softmax", "LogSoftmax", "Hardmax"]) {
  Object.assign(cases, { [op]: [
    { opset: 12, node: `y = ${op}(x)`, attributes: { axis: 3 }, is: `y = ${op}(x) axis=-1` },
    { opset: 11, node: `y = ${op}(x)`, attributes: { axis: -1 }, graph: { inputs: { x: "f32" } }, is: `y = ${op}(x) axis=-1` },
    { opset: 9, node: `y = ${op}(x)`, is: ["n.Flatten = Flatten(x) axis=1", `n.${op} = ${op}(n.Flatten) axis=-1`, "n.Shape = Shape(x)", `y = Reshape(n.${op}, n.Shape)`] },
    { opset: 13, node: `y = ${op}(x)`, attributes: { axis: 1 }, is: `y = ${op}(x) axis=1` },
  ] satisfies Case[] });
}
for (const op of ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"]) {
  Object.assign(cases, { [op]: [
    { opset: 6, node: `y = ${op}(a, b)`, attributes: { broadcast: 1 }, is: `y = ${op}(a, b)` },
    { opset: 6, node: `y = ${op}(a, b)`, attributes: { broadcast: 1, axis: 1 }, graph: { inputs: { b: "f32[3]" } }, is: ["n.Unsqueeze = Unsqueeze(b, i64[2]:1,2)", `y = ${op}(a, n.Unsqueeze)`] },
    { opset: 6, node: `y = ${op}(a, b)`, attributes: { broadcast: 1, axis: 2 }, graph: { inputs: { b: "f32[4, 5]" } }, is: `y = ${op}(a, b)` },
    { opset: 7, node: `y = ${op}(a, b)`, is: `y = ${op}(a, b)` },
  ] satisfies Case[] });
}
for (const op of ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSumSquare", "ReduceSum"]) {
  Object.assign(cases, { [op]: [
    { opset: op === "ReduceSum" ? 12 : 17, node: `y = ${op}(x)`, attributes: { axes: [1], keepdims: 0 }, is: `y = ${op}(x, i64[1]:1) keepdims=0` },
    { opset: 11, node: `y = ${op}(x)`, attributes: { axes: [] }, is: `y = ${op}(x)` },
    { opset: 18, node: `y = ${op}(x, a)`, is: `y = ${op}(x, a)` },
  ] satisfies Case[] });
}
for (const op of ["RNN", "GRU", "LSTM"]) {
  Object.assign(cases, { [op]: [{ opset: 6, node: `y = ${op}(x, w, r)`, attributes: { output_sequence: 1, hidden_size: 4 }, is: `y = ${op}(x, w, r) hidden_size=4` }] satisfies Case[] });
}

// A random operator without a seed is given one, so that its results repeat.
const drawn: Readonly<Record<string, string>> = { RandomUniform: "", RandomNormal: "", RandomUniformLike: "x", RandomNormalLike: "x", Bernoulli: "x", Multinomial: "x" };
for (const [op, x] of Object.entries(drawn)) {
  Object.assign(cases, { [op]: [
    { opset: 22, node: `y = ${op}(${x})`, attributes: { seed: float(5) }, is: `y = ${op}(${x}) seed=5` },
    { opset: 22, node: `y = ${op}(${x})`, is: `y = ${op}(${x}) seed=16518222` },
  ] satisfies Case[] });
}

describe("older forms", () => {
  it("has a case for every operator in the table", () => { expect(Object.keys(cases).sort()).toEqual(Object.keys(rewrites).sort()); });
  for (const [op, list] of Object.entries(cases)) {
    list.forEach((c) => it(`${op} of opset ${c.opset}: ${c.node} ${JSON.stringify(c.attributes ?? {})}`, () => {
      const m = imported(c);
      expect(m.diagnostics).toEqual([]);
      expect(lines(m.graph)).toEqual(typeof c.is === "string" ? [c.is] : c.is);
      expect(m.graph.nodes.at(-1)!.name).toBe("n");
      expect(m.graph.nodes.every((n) => n.origin.length === 1 && n.origin[0] === "n")).toBe(true);
    }));
  }
  it("the largest 64-bit integer stays the largest", () => {
    const { graph } = imported({ opset: 9, node: "y = Slice(x)", attributes: { starts: [0], ends: [2n ** 63n - 1n] }, is: "" });
    expect(graph.constants.get(graph.nodes[0]!.inputs[2]!)!.data[0]).toBe(2n ** 63n - 1n);
  });
  it("consumed_inputs, of any operator, is dropped", () => {
    expect(lines(imported({ opset: 1, node: "y = Relu(x)", attributes: { consumed_inputs: [0] }, is: "" }).graph)).toEqual(["y = Relu(x)"]);
  });
  it("broadcasting at an axis without stated ranks computes the shape", () => {
    const { graph } = imported({ opset: 6, node: "y = Add(a, b)", attributes: { broadcast: 1, axis: 1 }, graph: { inputs: { a: "f32", b: "f32" } }, is: "" });
    expect(graph.nodes.map((n) => n.op)).toEqual(["Shape", "Shape", "Sub", "Shape", "Shape", "Sub", "Expand", "Shape", "Concat", "Reshape", "Add"]);
  });
  it("groups of unknown size are repeated by computed shapes", () => {
    const { graph } = imported({ opset: 18, node: "y = GroupNormalization(x, s, b)", attributes: { num_groups: 2 }, graph: { inputs: { x: "f32" } }, is: "" });
    expect(graph.nodes.map((n) => n.op)).toEqual(["Shape", "Div", "Concat", "Reshape", "Expand", "Reshape", "Reshape", "Expand", "Reshape", "GroupNormalization"]);
  });
});
