/** Operators over sizes that only a run knows: at each size, what the graph means at it, whatever lies beyond. */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { sizeOf, type Constant, type Graph } from "../../compiler/ir/graph.ts";
import { parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import { range } from "../../compiler/ir/linear.ts";
import type { Var } from "../../compiler/ir/scalar.ts";
import { valueOfSize } from "../../compiler/ir/symbols.ts";
import { arrayOf, isFloat } from "../../compiler/ir/types.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { lowerGraph, tensorOf } from "../../compiler/passes/network/lower-graph.ts";
import { verifyNetwork } from "../../compiler/passes/network/verify-network.ts";
import { ops } from "../../compiler/ops/index.ts";
import { evaluateOpen } from "../support/run-open.ts";

const graph = (body: string): Graph => parseGraph(`graph "g" { symbol $W in 2..9\n symbol $H in 1..5\n symbol $N in 1..3\n symbol $Z in 0..4\n ${body} }`);
const symbolsOf = (g: Graph): readonly Var[] =>
  [...new Set(g.inputs.flatMap((v) => g.types.get(v)!.shape.flatMap((d) => (typeof d === "object" && d.kind === "var" ? [d] : []))))];
function feedsAt(g: Graph, sizes: ReadonlyMap<string, number>, seed: number): ReadonlyMap<string, Constant> {
  let k = seed;
  const next = () => ((k = (k * 48271 + 11) % 2147483647) / 2147483647) * 4 - 2;
  return new Map(g.inputs.map((v) => {
    const { dtype, shape } = g.types.get(v)!, dims = shape.map((d) => valueOfSize(d, sizes));
    const list = Array.from({ length: sizeOf(dims) }, () => (isFloat(dtype) ? next() : dtype === "bool" ? Number(next() > 0) : Math.floor(Math.abs(next()))));
    return [v, { dtype, shape: dims, data: arrayOf(dtype, list) }];
  }));
}
function check(text: string, shapes?: readonly string[]): void {
  const given = graph(text), { graph: typed, diagnostics } = inferTypes(given, { fold: foldWithin() });
  expect(diagnostics.filter((d) => d.severity === "error").map((d) => d.message)).toEqual([]);
  if (shapes) expect(typed.outputs.map((v) => /: (\S+\[.*?\])/.exec(printGraph({ ...typed, nodes: [], inputs: [v], outputs: [v], constants: new Map() }))![1])).toEqual(shapes);
  expect(printGraph(parseGraph(printGraph(typed)))).toBe(printGraph(typed));
  const { graph: ready } = runPasses(typed, graphPasses), network = lowerGraph(ready, ops), symbols = symbolsOf(given);
  verifyNetwork(network);
  for (let k = 0; k < 4; k++) {
    const sizes = new Map(symbols.map((s, i) => { const [low, high] = range(s); return [s.name, k === 0 ? low : k === 1 ? high : low + ((k * 3 + i * 2) % (high - low + 1))] as const; }));
    const feeds = feedsAt(given, sizes, 5 + k);
    let want: ReadonlyMap<string, Constant>;
    try { want = evaluateGraph(typed, feeds); } catch (e) { if (/must be equal|nothing to repeat|is no shape/.test(String(e))) continue; throw e; }
    const got = evaluateOpen(network, new Map([...feeds].map(([v, c]) => [tensorOf(v), c])));
    typed.outputs.forEach((v, i) => {
      const w = want.get(v)!, g = got[i]!, at = `${v} at ${[...sizes].map(([n, s]) => `${n}=${s}`)}`;
      expect(g.shape, at).toEqual(w.shape);
      for (let x = 0; x < w.data.length; x++) {
        const a = Number(g.data[x]), b = Number(w.data[x]);
        if (!(Object.is(a, b) || Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(b)))) expect.fail(`${at}: element ${x} is ${a}, not ${b}`);
      }
    });
  }
}
/** The lists of a tree in which each branch leads to a leaf or to the next branch; leaf `i` adds i + 1 to target i % targets. */
function chain(depth: number, p: "class" | "target", targets: number): string {
  const ids = Array.from({ length: 2 * depth + 1 }, (_, i) => i), leaves = ids.filter((i) => i >= depth), zeros = (l: readonly number[]) => l.map(() => 0);
  return `nodes_treeids: [${zeros(ids)}], nodes_nodeids: [${ids}], nodes_featureids: [${ids.map((i) => i % 2)}], nodes_values: [${ids.map((i) => 1 - i / 4)}], nodes_modes: [${ids.map((i) => (i < depth ? '"BRANCH_LEQ"' : '"LEAF"'))}],
    nodes_truenodeids: [${ids.map((i) => (i < depth - 1 ? i + 1 : i < depth ? 2 * depth : 0))}], nodes_falsenodeids: [${ids.map((i) => (i < depth ? depth + i : 0))}],
    ${p}_treeids: [${zeros(leaves)}], ${p}_nodeids: [${leaves}], ${p}_ids: [${leaves.map((i) => i % targets)}], ${p}_weights: [${leaves.map((i) => i + 1)}]`;
}
const one = (op: string, type: string, attributes = "", more = ""): string => `input x: ${type}\n ${more} y = ${op} ${attributes} @ y\n output y`;

describe("sizes known only at run time", () => {
  it.each<[string, string, string?]>([
    ["a map", one("Relu(x)", "f32[$N, 3, $W]"), "f32[$N, 3, $W]"],
    ["two of one size", "input a: f32[$N, $W]\n input b: f32[1, $W]\n y = Add(a, b) @ y\n output y", "f32[$N, $W]"],
    ["sizes that a run must have equal", "input a: f32[$W]\n input b: f32[$H]\n y = Add(a, b) @ y\n output y"],
    ["Transpose", one("Transpose(x)", "f32[$H, $W]"), "f32[$W, $H]"],
    ["Conv", one("Conv(x, w)", "f32[$N, 2, $H, $W]", "{ pads: [1, 1, 1, 1] }", "const w: f32[3, 2, 3, 3] = #12345678\n"), "f32[$N, 3, $H, $W]"],
    ["Conv with strides", one("Conv(x, x2)", "f32[1, 2, $W]", "{ strides: [2], pads: [1, 1] }", "input x2: f32[2, 2, 3]\n")],
    ["Conv, SAME_UPPER", one("Conv(x, w)", "f32[1, 2, $W]", `{ strides: [2], auto_pad: "SAME_UPPER" }`, "input w: f32[2, 2, 3]\n")],
    ["Conv, SAME_LOWER", one("Conv(x, w)", "f32[1, 2, $W]", `{ strides: [3], auto_pad: "SAME_LOWER" }`, "input w: f32[2, 2, 4]\n")],
    ["Conv of one tap", one("Conv(x, w)", "f32[1, 2, $H, $W]", "", "input w: f32[4, 2, 1, 1]\n"), "f32[1, 4, $H, $W]"],
    ["ConvTranspose", one("ConvTranspose(x, w)", "f32[1, 2, $H, $W]", "{ strides: [2, 2] }", "input w: f32[2, 3, 2, 2]\n")],
    ["ConvTranspose with padding", one("ConvTranspose(x, w)", "f32[1, 2, $W]", "{ strides: [2], pads: [1, 1], output_padding: [1] }", "input w: f32[2, 3, 3]\n")],
    ["ConvTranspose, SAME", one("ConvTranspose(x, w)", "f32[1, 2, $W]", `{ strides: [2], auto_pad: "SAME_UPPER" }`, "input w: f32[2, 3, 3]\n")],
    ["MaxPool", one("MaxPool(x)", "f32[1, 2, $H, $W]", "{ kernel_shape: [1, 2], strides: [1, 2], ceil_mode: 1 }")],
    ["MaxPool with places", "input x: f32[1, 2, $H, $W]\n y, z = MaxPool(x) { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } @ y\n output y\n output z"],
    ["AveragePool", one("AveragePool(x)", "f32[1, 2, $H, $W]", "{ kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 2], ceil_mode: 1 }")],
    ["AveragePool with padding", one("AveragePool(x)", "f32[1, 2, $W]", "{ kernel_shape: [3], pads: [1, 1], count_include_pad: 1 }")],
    ["GlobalAveragePool", one("GlobalAveragePool(x)", "f32[$N, 2, $H, $W]"), "f32[$N, 2, 1, 1]"],
    ["GlobalMaxPool", one("GlobalMaxPool(x)", "f32[1, 2, $W]")],
    ["MatMul over a size", "input a: f32[$N, 4, $W]\n input b: f32[$N, $W, $H]\n y = MatMul(a, b) @ y\n output y", "f32[$N, 4, $H]"],
    ["Gemm", "input a: f32[$W, $H]\n input b: f32[4, $W]\n input c: f32[1, 4]\n y = Gemm(a, b, c) { transA: 1, transB: 1 } @ y\n output y", "f32[$H, 4]"],
    ["Einsum", `input a: f32[$N, $W, 2]\n input b: f32[$N, $W, 3]\n y = Einsum(a, b) { equation: "bqi,bqj->bij" } @ y\n output y`, "f32[$N, 2, 3]"],
    ["Softmax over a size", one("Softmax(x)", "f32[$H, $W]"), "f32[$H, $W]"],
    ["LogSoftmax beside a size", one("LogSoftmax(x)", "f32[$H, 3]")],
    ["LayerNormalization", one("LayerNormalization(x, s)", "f32[$H, 4]", "", "input s: f32[4]\n")],
    ["InstanceNormalization", one("InstanceNormalization(x, s, s)", "f32[1, 3, $H, $W]", "", "input s: f32[3]\n")],
    ["GroupNormalization", one("GroupNormalization(x, s, s)", "f32[1, 4, $W]", "{ num_groups: 2 }", "input s: f32[4]\n")],
    ["LSTM of steps and a batch that a run knows, both ways", "input x: f32[$W, $N, 3]\n input w: f32[2, 16, 3]\n input r: f32[2, 16, 4]\n input b: f32[2, 32]\n y, h, c = LSTM(x, w, r, b) { direction: \"bidirectional\" } @ y\n output y\n output h\n output c"],
    ["GRU with lengths and a state before", "input x: f32[$N, $W, 3]\n input w: f32[1, 12, 3]\n input r: f32[1, 12, 4]\n input n: i32[$N]\n input s: f32[$N, 1, 4]\n y, h = GRU(x, w, r, none, n, s) { layout: 1, direction: \"reverse\" } @ y\n output y\n output h"],
    ["RNN", "input x: f32[$W, 2, 3]\n input w: f32[1, 4, 3]\n input r: f32[1, 4, 4]\n y, h = RNN(x, w, r) @ y\n output y\n output h"],
    ["SkipLayerNormalization", "input x: f32[$N, $W, 4]\n input s: f32[$N, $W, 4]\n input g: f32[4]\n y, none, none, z = com.microsoft.SkipLayerNormalization(x, s, g, g) @ y\n output y\n output z"],
    ["BiasGelu", "input x: f32[$N, $W, 4]\n input b: f32[4]\n y = com.microsoft.BiasGelu(x, b) @ y\n output y", "f32[$N, $W, 4]"],
    ["QuickGelu", one("com.microsoft.QuickGelu(x)", "f32[$N, $W]")],
    ["FusedGemm", "input x: f32[$N, 3]\n input w: f32[3, 2]\n y = com.microsoft.FusedGemm(x, w) { activation: \"Relu\" } @ y\n output y", "f32[$N, 2]"],
    ["QuantizeLinear and back", "input x: f32[$N, $W]\n const s: f32[] = [0.5]\n const z: u8[] = [3]\n q = QuantizeLinear(x, s, z) @ q\n y = DequantizeLinear(q, s, z) @ y\n output y", "f32[$N, $W]"],
    ["DynamicQuantizeLinear", "input x: f32[$N, $W]\n y, s, z = DynamicQuantizeLinear(x) @ y\n output s\n output z"],
    ["MatMulInteger", "input x: u8[$N, $W]\n input w: u8[$W, 3]\n const z: u8[] = [2]\n y = MatMulInteger(x, w, z) @ y\n output y", "i32[$N, 3]"],
    ["ConvInteger", "input x: u8[$N, 2, $H, $W]\n input w: u8[3, 2, 3, 3]\n const z: u8[] = [2]\n y = ConvInteger(x, w, z) { pads: [1, 1, 1, 1] } @ y\n output y", "i32[$N, 3, $H, $W]"],
    ["QLinearAdd", "input x: u8[$N, $W]\n input w: u8[$N, $W]\n const s: f32[] = [0.5]\n const z: u8[] = [3]\n y = com.microsoft.QLinearAdd(x, s, z, w, s, z, s, z) @ y\n output y", "u8[$N, $W]"],
    ["DynamicQuantizeMatMul", "input x: f32[$N, $W, 3]\n input w: u8[3, 2]\n const s: f32[] = [0.5]\n y = com.microsoft.DynamicQuantizeMatMul(x, w, s) @ y\n output y", "f32[$N, $W, 2]"],
    ["BatchNormalization", one("BatchNormalization(x, s, s, s, v)", "f32[$N, 3, $W]", "", "input s: f32[3]\n const v: f32[3] = [1, 2, 3]\n")],
    ["LpNormalization", one("LpNormalization(x)", "f32[3, $W]")],
    ["ReduceMean", one("ReduceMean(x, a)", "f32[$N, $W, 3]", "{ keepdims: 0 }", "const a: i64[1] = [1]\n"), "f32[$N, 3]"],
    ["ReduceMax over all", one("ReduceMax(x)", "f32[$H, $W]")],
    ["ReduceProd", one("ReduceProd(x, a)", "f32[$H, $W]", "", "const a: i64[1] = [-1]\n")],
    ["ReduceLogSumExp", one("ReduceLogSumExp(x, a)", "f32[$H, $W]", "", "const a: i64[1] = [-1]\n")],
    ["ArgMax", one("ArgMax(x)", "f32[$H, $W]", "{ axis: 1 }")],
    ["CumSum", one("CumSum(x, a)", "f32[$H, $W]", "{ reverse: 1 }", "const a: i64 [] = [1]\n".replace(" []", "[]"))],
    ["Concat along a size", "input a: f32[2, $W]\n input b: f32[2, $H]\n input c: f32[2, 3]\n y = Concat(a, b, c) { axis: 1 } @ y\n output y", "f32[2, add(add($W, $H), 3)]"],
    ["Slice from the end", one("Slice(x, s, e, a)", "f32[2, $W]", "", "const s: i64[1] = [-2]\n const e: i64[1] = [9223372036854775807]\n const a: i64[1] = [1]\n"), "f32[2, 2]"],
    ["Slice with a step", one("Slice(x, s, e, a, t)", "f32[2, $W]", "", "const s: i64[1] = [1]\n const e: i64[1] = [-1]\n const a: i64[1] = [1]\n const t: i64[1] = [2]\n")],
    ["Slice backwards", one("Slice(x, s, e, a, t)", "f32[2, $W]", "", "const s: i64[1] = [-1]\n const e: i64[1] = [-9223372036854775807]\n const a: i64[1] = [1]\n const t: i64[1] = [-1]\n"), "f32[2, $W]"],
    ["Split into halves", "input x: f32[2, $W]\n a, b = Split(x) { axis: 1, num_outputs: 2 } @ y\n output a\n output b"],
    ["Pad", one("Pad(x, p)", "f32[2, $W]", "", "const p: i64[4] = [0, 1, 1, 2]\n"), "f32[3, add($W, 3)]"],
    ["Pad, edge", one("Pad(x, p)", "f32[2, $W]", `{ mode: "edge" }`, "const p: i64[4] = [0, 1, 0, 2]\n")],
    ["Pad, reflect", one("Pad(x, p)", "f32[2, $W]", `{ mode: "reflect" }`, "const p: i64[4] = [0, 1, 0, 1]\n")],
    ["Pad, wrap", one("Pad(x, p)", "f32[2, $W]", `{ mode: "wrap" }`, "const p: i64[4] = [0, 2, 0, 1]\n")],
    ["Gather by values", one("Gather(x, i)", "f32[$W, 2]", "", "input i: i64[$H]\n"), "f32[$H, 2]"],
    ["Gather the last", one("Gather(x, i)", "f32[$W, 2]", "", "const i: i64[] = [-1]\n"), "f32[2]"],
    ["Tile", one("Tile(x, r)", "f32[$H, $W]", "", "const r: i64[2] = [2, 3]\n")],
    ["DepthToSpace", one("DepthToSpace(x)", "f32[1, 4, $H, $W]", "{ blocksize: 2 }")],
    ["SpaceToDepth", one("SpaceToDepth(x)", "f32[1, 2, 2, $W]", "{ blocksize: 2 }")],
    ["Flatten", one("Flatten(x)", "f32[$N, $H, $W]")],
    ["Unsqueeze", one("Unsqueeze(x, a)", "f32[$H, $W]", "", "const a: i64[1] = [1]\n"), "f32[$H, 1, $W]"],
    ["Squeeze", one("Squeeze(x, a)", "f32[1, $W]", "", "const a: i64[1] = [0]\n"), "f32[$W]"],
    ["Reshape that keeps a size", one("Reshape(x, s)", "f32[$N, $W, 6]", "", "const s: i64[4] = [0, -1, 2, 3]\n"), "f32[$N, $W, 2, 3]"],
    ["Reshape that joins and splits sizes", "input x: f32[2, $H, $W]\n const s: i64[2] = [2, -1]\n a = Reshape(x, s) @ a\n b = Relu(a) @ b\n t = Shape(x) @ t\n y = Reshape(b, t) @ y\n output y\n output b", "f32[2, $H, $W]"],
    ["Resize by 2", one("Resize(x, none, s)", "f32[1, 1, $H, $W]", `{ mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }`, "const s: f32[4] = [1, 1, 2, 2]\n")],
    ["Resize, linear", one("Resize(x, none, s)", "f32[1, 1, $H, $W]", `{ mode: "linear" }`, "const s: f32[4] = [1, 1, 2, 1.5]\n")],
    ["Resize, cubic", one("Resize(x, none, s)", "f32[1, 1, $H, $W]", `{ mode: "cubic", cubic_coeff_a: -0.5 }`, "const s: f32[4] = [1, 1, 2, 1.5]\n")],
    ["Resize to sizes of another input, cubic", "input x: f32[1, 2, $W, 4]\n input z: f32[1, 2, $H, 7]\n t = Shape(z) @ t\n y = Resize(x, none, none, t) { mode: \"cubic\", coordinate_transformation_mode: \"align_corners\" } @ y\n output y", "f32[1, 2, $H, 7]"],
    ["Resize, align_corners", one("Resize(x, none, s)", "f32[1, 1, $W]", `{ mode: "linear", coordinate_transformation_mode: "align_corners" }`, "const s: f32[3] = [1, 1, 2]\n")],
    ["Resize to a size of another input", "input x: f32[1, 1, $W]\n input z: f32[1, 1, $H]\n t = Shape(z) @ t\n y = Resize(x, none, none, t) { mode: \"linear\" } @ y\n output y", "f32[1, 1, $H]"],
    ["Trilu", one("Trilu(x)", "f32[$W, $W]")],
    ["GridSample", "input x: f32[$N, 2, $H, $W]\n input g: f32[$N, $W, 3, 2]\n y = GridSample(x, g) @ y\n output y", "f32[$N, 2, $W, 3]"],
    ["GridSample, aligned, at the border", "input x: f32[1, 2, $H, $W]\n input g: f32[1, 3, $W, 2]\n y = GridSample(x, g) { align_corners: 1, padding_mode: \"border\" } @ y\n output y"],
    ["GridSample, reflected", "input x: f32[1, 2, $H, $W]\n input g: f32[1, 3, $W, 2]\n y = GridSample(x, g) { padding_mode: \"reflection\", mode: \"nearest\" } @ y\n output y"],
    ["GridSample, reflected, aligned", "input x: f32[1, 2, $H, $W]\n input g: f32[1, 3, $W, 2]\n y = GridSample(x, g) { padding_mode: \"reflection\", align_corners: 1 } @ y\n output y"],
    ["RoiAlign", "input x: f32[$N, 2, $H, $W]\n input r: f32[$W, 4]\n input b: i64[$W]\n y = RoiAlign(x, r, b) { output_height: 2, output_width: 3, sampling_ratio: 2 } @ y\n output y", "f32[$W, 2, 2, 3]"],
    ...["Scaler(x) { offset: [1, 2], scale: [3, 0.5] }", "Normalizer(x) { norm: \"L2\" }", "Imputer(x) { imputed_value_floats: [1, 2] }", "Binarizer(x)", "LinearRegressor(x) { coefficients: [1, 2], intercepts: [3] }"].map((call): [string, string] =>
      [call, `input x: f32[$N, 2]\n y = ai.onnx.ml.${call} @ y\n output y`]),
    ...[
      "LinearClassifier(x) { coefficients: [1, 2], intercepts: [3], classlabels_ints: [4, 5], post_transform: \"LOGISTIC\" }", "LinearClassifier(x) { coefficients: [1, 2, 0, -1, 1, 1], classlabels_ints: [4, 5, 6], post_transform: \"SOFTMAX\" }",
      "SVMClassifier(x) { coefficients: [0.5, -0.25, 0.3], support_vectors: [1, 2, 0, 1, -1, 1], rho: [0.1], vectors_per_class: [1, 2], classlabels_ints: [4, 5], kernel_type: \"RBF\", kernel_params: [0.5, 0, 3] }",
      "SVMClassifier(x) { coefficients: [1, 2, 0, -1, 1, 1], rho: [0.1], classlabels_ints: [4, 5, 6] }",
      ...[["class", "Classifier", "classlabels_int64s: [4, 5]"], ["target", "Regressor", "n_targets: 2"]].flatMap(([p, name, more]) => [2, 9].map((depth) => `TreeEnsemble${name}(x) { ${chain(depth, p as "class", 2)}, ${more} }`)),
      `TreeEnsembleClassifier(x) { ${chain(2, "class", 1)}, classlabels_int64s: [4, 5], post_transform: "LOGISTIC" }`,
    ].map((call): [string, string] => [call.slice(0, 120), `input x: f32[$N, 2]\n y${/Classifier/.test(call) ? ", z" : ""} = ai.onnx.ml.${call} @ y\n output y${/Classifier/.test(call) ? "\n output z" : ""}`]),
    ["SVMRegressor", one("ai.onnx.ml.SVMRegressor(x)", "f64[$N, 2]", "{ coefficients: [0.5, -0.25], support_vectors: [1, 2, 0, 1], n_supports: 2, rho: [0.1], kernel_type: \"POLY\", kernel_params: [0.5, 1, 3] }"), "f32[$N, 1]"],
    ["TreeEnsemble", one("ai.onnx.ml.TreeEnsemble(x)", "f64[$N, 2]", "{ n_targets: 2, tree_roots: [0], nodes_featureids: [1], nodes_splits: f64[1] = [0.5], nodes_modes: u8[1] = [0], nodes_truenodeids: [0], nodes_trueleafs: [1], nodes_falsenodeids: [1], nodes_falseleafs: [1], leaf_targetids: [0, 1], leaf_weights: f64[2] = [10, 20] }"), "f64[$N, 2]"],
    ["FeatureVectorizer", "input x: f32[$N, 2]\n input i: i64[$H, 3]\n y = ai.onnx.ml.FeatureVectorizer(x, i) { inputdimensions: [3, 2] } @ y\n output y", "f32[$N, 5]"],
    ["CDist", "input a: f32[$W, $H]\n input b: f32[$N, $H]\n y = com.microsoft.CDist(a, b) @ y\n output y", "f32[$W, $N]"],
    ["ArrayFeatureExtractor", "input x: f32[$N, 5]\n input i: i64[$W]\n y = ai.onnx.ml.ArrayFeatureExtractor(x, i) @ y\n output y", "f32[$N, $W]"],
    ["OneHotEncoder", "input x: i64[$N, 2]\n y = ai.onnx.ml.OneHotEncoder(x) { cats_int64s: [0, 1, 2] } @ y\n output y", "f32[$N, 2, 3]"],
    ["ReverseSequence", "input x: f32[$W, $N, 2]\n input l: i64[$N]\n y = ReverseSequence(x, l) @ y\n output y", "f32[$W, $N, 2]"],
    ["RandomNormalLike", one("RandomNormalLike(x)", "f32[$N, $W]", "{ seed: 5 }"), "f32[$N, $W]"],
    ["Bernoulli", one("Bernoulli(x)", "f32[$N, $W]", "{ seed: 5 }"), "f32[$N, $W]"],
    ["RoiAlign of as many samples as regions are large", "input x: f32[$N, 2, $H, $W]\n input r: f32[$W, 4]\n input b: i64[$W]\n y = RoiAlign(x, r, b) { output_height: 2, output_width: 3 } @ y\n output y", "f32[$W, 2, 2, 3]"],
    ["MaxRoiPool", "input x: f32[$N, 2, $H, $W]\n input r: f32[$W, 5]\n y = MaxRoiPool(x, r) { pooled_shape: [2, 3], spatial_scale: 4 } @ y\n output y", "f32[$W, 2, 2, 3]"],
    ["ScatterElements", "input x: f32[$W, $H]\n input i: i64[$N, $H]\n input u: f32[$N, $H]\n y = ScatterElements(x, i, u) @ y\n output y", "f32[$W, $H]"],
    ["ScatterElements, added", "input x: f32[$W, 4]\n input i: i64[2, $H]\n input u: f32[2, $H]\n y = ScatterElements(x, i, u) { axis: 1, reduction: \"add\" } @ y\n output y"],
    ["ScatterND", "input x: f32[$W, $H]\n input i: i64[$H, $N, 1]\n input u: f32[$H, $N, $H]\n y = ScatterND(x, i, u) @ y\n output y", "f32[$W, $H]"],
    ["DynamicQuantizeLSTM", `input x: f32[$W, $N, 3]\n input w: i8[1, 3, 8]\n input r: i8[1, 2, 8]\n const s: f32[1] = [0.5]\n const z: i8[1] = [1]
      y, h = com.microsoft.DynamicQuantizeLSTM(x, w, r, none, none, none, none, none, s, z, s, z) { hidden_size: 2 } @ y\n output y\n output h`],
    ["DynamicQuantizeLSTM both ways, of lengths and states", `input x: f32[$W, $N, 3]\n input w: u8[2, 3, 8]\n input r: u8[2, 2, 8]\n input l: i32[$N]\n input a: f32[2, $N, 2]\n const s: f32[2] = [0.5, 0.25]\n const z: u8[2] = [1, 0]
      y, h, c = com.microsoft.DynamicQuantizeLSTM(x, w, r, none, l, a, a, none, s, z, s, z) { hidden_size: 2, direction: "bidirectional" } @ y\n output y\n output h\n output c`],
  ])("%s", (_, text, shape) => { check(text, shape && !text.includes("output b") ? [shape] : undefined); });
});

describe("sizes that may be 0", () => {
  const list = "const a: i64[1] = [1]\n", reduced = (op: string) => one(`${op}(x, a)`, "f32[3, $Z]", "{ keepdims: 0 }", list);
  it.each<[string, string, string?]>([
    ...["ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2", "ReduceLogSumExp"].map((op) => [op, reduced(op), "f32[3]"] as [string, string, string]),
    ["ReduceMax of all", one("ReduceMax(x)", "f32[$N, $Z]", "{ keepdims: 0 }")],
    ["Softmax", one("Softmax(x)", "f32[$Z, $Z]"), "f32[$Z, $Z]"],
    ["MatMul", "input a: f32[2, $Z]\n input b: f32[$Z, 3]\n y = MatMul(a, b) @ y\n output y", "f32[2, 3]"],
    ["Gemm beside it", "input a: f32[$Z, 2]\n input b: f32[2, 3]\n y = Gemm(a, b) @ y\n output y", "f32[$Z, 3]"],
    ["what is added to a cache", "input a: f32[2, $Z, 3]\n input b: f32[2, $N, 3]\n c = Concat(a, b) { axis: 1 } @ c\n t = Transpose(c) { perm: [0, 2, 1] } @ t\n s = MatMul(b, t) @ s\n p = Softmax(s) @ p\n y = MatMul(p, c) @ y\n output y", "f32[2, $N, 3]"],
    ...["", "q_num_heads: 4, kv_num_heads: 2, ", "softcap: 3.5, "].map((more): [string, string] => {
      const [q, k] = more.startsWith("q") ? ["[$N, $H, 16]", "[$N, $H, 8]"] : ["[$N, 4, $H, 4]", "[$N, 2, $H, 4]"];
      return [`Attention with a cache, ${more}`, `input q: f32${q}\n input k: f32${k}\n input v: f32${k}\n input p: f32[$N, 2, $Z, 4]\n input r: f32[$N, 2, $Z, 4]\n y, b, c = Attention(q, k, v, none, p, r) { ${more}is_causal: 1 } @ y\n output y\n output b\n output c`];
    }),
    ["Attention with a mask", "input q: f32[1, 2, $H, 4]\n input k: f32[1, 2, $W, 4]\n input m: bool[$H, $W]\n y = Attention(q, k, k, m) @ y\n output y", "f32[1, 2, $H, 4]"],
    ["RotaryEmbedding", "input x: f32[$N, $Z, 8]\n input c: f32[9, 2]\n input i: i64[$N, $Z]\n y = RotaryEmbedding(x, c, c, i) { num_heads: 2 } @ y\n output y", "f32[$N, $Z, 8]"],
    ["MultiHeadAttention with a cache", "input q: f32[$N, $H, 8]\n input k: f32[$N, $H, 8]\n input m: i32[$N, add($H, $Z)]\n input p: f32[$N, 2, $Z, 4]\n input r: f32[$N, 2, $Z, 4]\n y, b, c = com.microsoft.MultiHeadAttention(q, k, k, none, m, none, p, r) { num_heads: 2, unidirectional: 1 } @ y\n output y\n output b\n output c"],
    ["GroupQueryAttention with a cache", `input q: f32[1, $H, 16]\n input k: f32[1, $H, 8]\n input m: i64[1, add($H, $Z)]\n input p: f32[1, 2, $Z, 4]\n input r: f32[1, 2, $Z, 4]\n input c: f32[12, 2]\n const zero: i64[1] = [0]\n const one: i64[] = [1]
      f = Shape(m) @ f\n t = Gather(f, one) @ t\n total = Cast(t) { to: 6 } @ total\n w = Sub(t, one) @ w\n u = Unsqueeze(w, zero) @ u\n ends = Cast(u) { to: 6 } @ ends
      y, b, d = com.microsoft.GroupQueryAttention(q, k, k, p, r, ends, total, c, c) { num_heads: 4, kv_num_heads: 2, do_rotary: 1 } @ y\n output y\n output b\n output d`],
    ["Conv of a batch", one("Conv(x, w)", "f32[$Z, 2, 5]", "{ pads: [1, 1] }", "input w: f32[3, 2, 3]\n"), "f32[$Z, 3, 5]"],
    ["LayerNormalization", one("LayerNormalization(x, s)", "f32[$Z, 4]", "", "input s: f32[4]\n"), "f32[$Z, 4]"],
    ["CumSum", one("CumSum(x, a)", "f32[2, $Z]", "", list)],
    ["Pad", one("Pad(x, p)", "f32[1, $Z]", "", "const p: i64[4] = [0, 2, 0, 1]\n"), "f32[1, add($Z, 3)]"],
    ["Pad, wrap", one("Pad(x, p)", "f32[1, $Z]", `{ mode: "wrap" }`, "const p: i64[4] = [0, 2, 0, 1]\n")],
    ["Reshape", one("Reshape(x, t)", "f32[$Z, 6]", "", "const t: i64[3] = [0, -1, 2]\n"), "f32[$Z, 3, 2]"],
    ["positions behind it", "input x: f32[$Z, 2]\n const i: i64[1] = [0]\n const one: i64[] = [1]\n const three: i64[] = [3]\n const o: i64[] = [0]\n s = Shape(x) @ s\n p = Gather(s, o) @ p\n e = Add(p, three) @ e\n y = Range(p, e, one) @ y\n output y", "i64[3]"],
  ])("%s", (_, text, shape) => check(text, shape === undefined ? undefined : [shape]));
});
describe("computations of shapes", () => {
  it.each<[string, string, string?]>([
    ["Shape, Gather, Concat, Reshape", `input x: f32[$N, $W, 6]
      const zero: i64[] = [0]  const one: i64[] = [1]  const axis: i64[1] = [0]  const rest: i64[1] = [-1]
      s = Shape(x) @ s  n = Gather(s, zero) @ n  w = Gather(s, one) @ w
      nu = Unsqueeze(n, axis) @ nu  wu = Unsqueeze(w, axis) @ wu
      t = Concat(nu, rest, wu) { axis: 0 } @ t
      y = Reshape(x, t) @ y
      output y`, "f32[$N, 6, $W]"],
    ["half a size through floats", `input x: f32[1, $W]
      const half: f32[] = [0.5]  const one: i64[] = [1]  const axis: i64[1] = [0]  const start: i64[1] = [0]  const along: i64[1] = [1]
      s = Shape(x) @ s  w = Gather(s, one) @ w  f = Cast(w) { to: 1 } @ f  h = Mul(f, half) @ h  g = Floor(h) @ g  i = Cast(g) { to: 7 } @ i
      e = Unsqueeze(i, axis) @ e
      y = Slice(x, start, e, along) @ y
      output y`, "f32[1, quo($W, 2)]"],
    ["a shape that has no elements, or is none, at some sizes", `input x: f32[$W]
      const five: i64[1] = [5]
      s = Shape(x) @ s  l = Sub(s, five) @ l
      y = ConstantOfShape(l) @ y
      output y`, "f32[max(0, add($W, -5))]"],
    ["relative positions to absolute ones", `input x: f32[2, $W, $W]
      const one: i64[1] = [1]  const start: i64[1] = [0]  const nones: i64[2] = [0, 0]  const before: i64[5] = [0, 0, 0, 0, 0]  const rows: i64[2] = [2, -1]  const two: i64[1] = [2]  const rest: i64[1] = [-1]
      s = Shape(x) { start: 2 } @ s  m = Sub(s, one) @ m  d = Mul(s, two) @ d
      p = Concat(before, m) { axis: 0 } @ p  a = Pad(x, p) @ a  b = Reshape(a, rows) @ b
      q = Concat(start, s, nones) { axis: 0 } @ q  c = Pad(b, q) @ c
      t = Concat(two, s, d) { axis: 0 } @ t  y = Reshape(c, t) @ y
      output y`, "f32[2, $W, mul($W, 2)]"],
    ["positions", `input x: f32[$N, $W]
      const zero: i64[] = [0]  const zero: i64[1] = [0]\n const one: i64[] = [1]
      s = Shape(x) @ s  w = Gather(s, one) @ w  r = Range(zero, w, one) @ r  f = Cast(r) { to: 1 } @ f  y = Add(x, f) @ y
      output y`, "f32[$N, $W]"],
    ["places of pixels, as floats", `input x: f32[$N, $W]
      const one: i64[] = [1]  const from: f32[] = [-0.5]  const step: f32[] = [0.5]
      s = Shape(x) @ s  w = Gather(s, one) @ w  f = Cast(w) { to: 1 } @ f  r = Range(from, f, step) @ r  y = Exp(r) @ y
      output y`, "f32[add(mul($W, 2), 1)]"],
    ["a mask of a size's own", `input x: f32[1, $W]
      const one: i64[] = [1]  const axis: i64[1] = [0]
      s = Shape(x) @ s  w = Gather(s, one) @ w  u = Unsqueeze(w, axis) @ u  t = Concat(u, u) { axis: 0 } @ t
      c = ConstantOfShape(t) { value: f32[1] = [2] } @ c  l = Trilu(c) { upper: 0 } @ l  y = MatMul(x, l) @ y
      output y`, "f32[1, $W]"],
    ["Expand", `input x: f32[1, 2]
      input z: f32[$N, $W]
      const two: i64[1] = [2]  const axis: i64[1] = [0]  const zero: i64[1] = [0]
      s = Shape(z) { end: 1 } @ s  t = Concat(s, two) { axis: 0 } @ t  y = Expand(x, t) @ y
      output y`, "f32[$N, 2]"],
    ["a branch that sizes decide", `input x: f32[1, $W]
      const one: i64[] = [1]  const two: i64[] = [2]
      s = Shape(x) @ s  w = Gather(s, one) @ w  c = Less(w, two) @ c
      y = If(c) { then_branch: graph "a" { p = Neg(x) @ p output p }, else_branch: graph "b" { q = Relu(x) @ q output q } } @ y
      output y`, "f32[1, $W]"],
    ["a size as a result", `input x: f32[1, $W]
      y = Shape(x) @ y
      output y`, "i64[2]"],
  ])("%s", (_, text, shape) => check(text, shape === undefined ? undefined : [shape]));
});
it("indices and counts have to fit the smallest size", () => {
  const { diagnostics } = inferTypes(graph(`input x: f32[1, 3, $W]
    const three: i64[1] = [3]  const i: i64[1, 3, 3] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
    a = Gather(x, three) { axis: 2 } @ a
    b, c = TopK(x, three) @ b
    d = GatherElements(x, i) { axis: 1 } @ d
    output a\n output b\n output d`), { fold: foldWithin() });
  expect(diagnostics.map((d) => d.message)).toEqual(["index 3 is outside an axis of size W, which can be 2", "K is 3, but axis 2 of [1, 3, W] has W elements", "indices of shape [1, 3, 3] do not fit data of shape [1, 3, W] along axis 1"]);
});
it("operators that need numbers say which sizes are none", () => {
  const { diagnostics } = inferTypes(graph("input x: f32[1, 2, $W]\n a = LSTM(x, x, x) { hidden_size: 2 } @ a\n b = Det(x) @ b\n output a\n output b"), { fold: foldWithin() });
  expect(diagnostics.map((d) => d.message).join("\n")).toMatch(/known only at run time \(W\)/);
});
