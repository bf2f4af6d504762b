/**
 * Hostile models, each by what is wrong in it. `expected` is found in the errors' codes and messages; "compiled" where the model is
 * odd, but right.
 */
import { encode, float, model, modelProto, node, tensor, tensorProto, type AttributeText, type FunctionText, type GraphText, type ModelText, type NodeText, type TensorText } from "../../support/onnx.ts";

export interface Hostile { readonly bytes: () => Uint8Array; readonly expected: RegExp | "compiled" }
type Text = string | NodeText;
const hostile = (expected: Hostile["expected"], m: ModelText): Hostile => ({ expected, bytes: () => model(m) });
const x = "f32[2, 3, 4]", image = "f32[1, 4, 8, 8]";
const scalar = (v: number | bigint) => tensor("i64", [], [v]), list = (...v: readonly (number | bigint)[]) => tensor("i64", [v.length], v), reals = (...v: readonly number[]) => tensor("f32", [v.length], v);
const least = -(2n ** 63n), most = 2n ** 63n - 1n;
/** One node on x, with constants by name. */
const one = (expected: Hostile["expected"], text: string, attributes: Readonly<Record<string, AttributeText>> = {}, initializers: Readonly<Record<string, TensorText>> = {}, type = x, opset = 21): Hostile =>
  hostile(expected, { opset, inputs: { x: type }, outputs: ["y"], initializers, nodes: [node(text, attributes, "n")] });
const window = (attributes: Readonly<Record<string, AttributeText>>, expected: Hostile["expected"] = /attribute/): Hostile =>
  one(expected, "y = MaxPool(x)", { kernel_shape: [2, 2], ...attributes }, {}, image);
const convolution = (attributes: Readonly<Record<string, AttributeText>>, expected: Hostile["expected"] = /attribute|group|channels/): Hostile =>
  one(expected, "y = Conv(x, w)", attributes, { w: tensor("f32", [4, 4, 1, 1], new Array<number>(16).fill(1)) }, image);
/** Names y0, y1, ... one behind the other. */
const chain = (count: number, link: (from: string, to: string, i: number) => Text): readonly Text[] =>
  Array.from({ length: count }, (_, i) => link(i === 0 ? "x" : `y${i - 1}`, i === count - 1 ? "y" : `y${i}`, i));
const nested = (depth: number): GraphText => {
  let inner: GraphText = { nodes: ["t = Relu(x)"], outputs: ["t"] };
  for (let i = 0; i < depth; i++) inner = { nodes: [node(`t${i} = If(c)`, { then_branch: inner, else_branch: { nodes: ["e = Neg(x)"], outputs: ["e"] } })], outputs: [`t${i}`] };
  return inner;
};
/** Functions that each call the one before twice. */
const doubling = (depth: number): readonly FunctionText[] => Array.from({ length: depth }, (_, i) => ({
  name: `F${i}`, domain: "d", inputs: ["a"], outputs: ["b"], nodes: i === 0 ? ["b = Relu(a)"] : [`c = d::F${i - 1}(a)`, `b = d::F${i - 1}(c)`],
}));
const calling = (...f: readonly FunctionText[]): ModelText => ({ functions: f, domains: { d: 1 }, inputs: { x }, outputs: ["y"], nodes: [node(`y = d::${f.at(-1)!.name}(x)`, {}, "f")] });
const sparse = (...sizes: readonly bigint[]): Hostile => ({
  expected: /too-large.*is sparse/s, bytes: () => {
    const m = modelProto({ inputs: { x }, nodes: ["y = Add(x, s0)"], outputs: ["y"] }), long = (v: bigint) => ({ low: Number(BigInt.asIntN(32, v)), high: Number(v >> 32n), unsigned: false }) as unknown as number;
    m.graph!.sparseInitializer = sizes.map((n, i) => ({ dims: [long(n)], values: { name: `s${i}`, dataType: 1, dims: [1], floatData: [1] }, indices: { dataType: 7, dims: [1], int64Data: [0] } }));
    return encode(m);
  },
});

export const corpus: Readonly<Record<string, Hostile>> = {
  "an input of 2^64 elements": one(/too-large: input x: .* GB/, "y = Relu(x)", {}, {}, "f32[4294967296, 4294967296]"),
  "an input of 2^33 elements": one(/too-large: input x: f32\[65536, 65536, 2\] needs 32.0 GB/, "y = Relu(x)", {}, {}, "f32[65536, 65536, 2]"),
  "an input of a thousand dimensions": one(/too-large: input x: .* has 1000 dimensions/, "y = Relu(x)", {}, {}, `f32[${new Array(1000).fill(1).join(", ")}]`),
  "sizes of nothing that overflow": one(/too-large: input x/, "y = Relu(x)", {}, {}, "f32[0, 4294967296, 4294967296]"),
  "dimensions as many as there may be": one("compiled", "y = Relu(x)", {}, {}, `f32[${new Array(62).fill(1).join(", ")}, 3, 2]`),
  "a result of 2^45 elements": one(/too-large: output y/, "y = Expand(x, s)", {}, { s: list(2n ** 40n, 1, 1, 1) }),
  "an expansion to negative sizes": one(/Expand|no shape|no type|broadcast/, "y = Expand(x, s)", {}, { s: list(-5, 2, 3, 4) }),
  "repeats of 2^40": one(/too-large: output y/, "y = Tile(x, s)", {}, { s: list(2n ** 40n, 1, 1) }),
  "repeats of 2^63": one(/too-large: output y/, "y = Tile(x, s)", {}, { s: list(most, most, most) }),
  "a range of 2^53": hostile(/too-large: output y/, { inputs: {}, outputs: ["y"], initializers: { a: scalar(0), b: scalar(2n ** 53n), c: scalar(1) }, nodes: [node("y = Range(a, b, c)", {}, "n")] }),
  "a range without a step": hostile(/delta is 0/, { inputs: {}, outputs: ["y"], initializers: { a: scalar(0), b: scalar(5), c: scalar(0) }, nodes: [node("y = Range(a, b, c)", {}, "n")] }),
  "a range of numbers that are none": hostile(/range from 0 to NaN/, { inputs: {}, outputs: ["y"], initializers: { a: tensor("f32", [], [0]), b: tensor("f32", [], [NaN]), c: tensor("f32", [], [1]) }, nodes: [node("y = Range(a, b, c)", {}, "n")] }),
  "a range without an end": hostile(/range from 0 to Infinity/, { inputs: {}, outputs: ["y"], initializers: { a: tensor("f32", [], [0]), b: tensor("f32", [], [Infinity]), c: tensor("f32", [], [1]) }, nodes: [node("y = Range(a, b, c)", {}, "n")] }),
  "an operator of the compiler's own": one(/unsupported-op: .*one that mlc puts/, "y = mlc::Places(x, x)"),
  "samples of no numbers": hostile(/\[1, 128, 0\] has 0 numbers for each sample/, { opset: 17, inputs: { x: "f32[1, 128, 0]", w: "f32[16]" }, outputs: ["y"], initializers: { s: scalar(8) }, nodes: [node("y = STFT(x, s, w)", {}, "n")] }),
  "a loop that floats end": hostile(/input 1 \(x\) has type f32; Loop takes bool/, { inputs: { x: "f32[2]" }, outputs: ["y"], initializers: { n: scalar(4) }, nodes: [node("y = Loop(n, x, x)", { body: { inputs: { i: "i64[]", c: "bool[]", a: "f32[2]" }, outputs: ["d", "b"], nodes: ["d = Identity(c)", "b = Add(a, x)"] } }, "n")] }),
  "a branch that two truths choose": hostile(/input 0 has shape \[2\]; it must be one number/, { inputs: { x: "bool[2]" }, outputs: ["y"], nodes: [node("y = If(x)", { then_branch: { outputs: ["t"], nodes: ["t = Not(x)"] }, else_branch: { outputs: ["e"], nodes: ["e = Identity(x)"] } }, "n")] }),
  "a tree that leads back": one(/unsupported-form: the nodes of a tree form a circle/, "y = ai.onnx.ml::TreeEnsemble(x)", {
    aggregate_function: 1, leaf_targetids: [0, 1], leaf_weights: tensorProto("", tensor("f32", [2], [5, 12])), n_targets: 2, nodes_falseleafs: [0, 1], nodes_falsenodeids: [0, 1], nodes_featureids: [0, 0],
    nodes_modes: tensorProto("", tensor("u8", [2], [0, 0])), nodes_splits: tensorProto("", tensor("f32", [2], [3, 1])), nodes_trueleafs: [0, 1], nodes_truenodeids: [1, 0], post_transform: 0, tree_roots: [0],
  }, {}, "f32[3, 2]"),
  "a branch with inputs, taken where the condition is known": hostile(/its branch .* has the input d; a branch takes none/, { inputs: { x: "f32[2]" }, initializers: { c: tensor("bool", [], [1]) }, outputs: ["y"], nodes: [node("y = If(c)", { then_branch: { inputs: { d: "f32[2]" }, outputs: ["t"], nodes: ["t = Neg(d)"] }, else_branch: { outputs: ["e"], nodes: ["e = Abs(x)"] } })] }),
  "a loop that goes on by a number": hostile(/output 0 of its body tells whether the loop goes on, and is f32\[\] instead of bool/, { inputs: { n: "i64[]", c: "bool[]", x: "f32[]" }, outputs: ["y"], nodes: [node("y = Loop(n, c, x)", { body: { inputs: { i: "i64[]", k: "bool[]", v: "f32[]" }, outputs: ["o", "w"], nodes: ["o = Identity(x)", "w = Neg(v)"] } })] }),
  "a condition of no dimension": hostile(/the condition has shape \[\], but must have rank 1/, { inputs: { x: "f32[2]", c: "bool[]" }, outputs: ["y"], nodes: ["y = Compress(x, c)"] }),
  "branches of one result and none": hostile(/its branches have 1 and 0 outputs/, { inputs: { c: "bool[]", x: "f32[2]" }, outputs: ["y"], nodes: [node("y = If(c)", { then_branch: { outputs: ["t"], nodes: ["t = Neg(x)"] }, else_branch: { outputs: [], nodes: ["e = Abs(x)"] } }, "n")] }),
  "a threshold of bytes": hostile(/input 4 \(t\) has type u8; NonMaxSuppression takes f32/, { inputs: { b: "f32[1, 6, 4]", s: "f32[1, 2, 6]", k: "i64[1]", u: "f32[1]", t: "u8[1]" }, outputs: ["y"], nodes: [node("y = NonMaxSuppression(b, s, k, u, t)", {}, "n")] }),
  "a billion zeros that are added up": hostile("compiled", { inputs: { x: "f32[1]" }, outputs: ["y"], initializers: { s: list(1_000_000_000) }, nodes: ["z = ConstantOfShape(s)", node("t = ReduceSum(z)", { keepdims: 0 }), "y = Add(x, t)"] }),
  "products of constants that take days": hostile("compiled", {
    inputs: { x: "f32[1]" }, outputs: ["y"], initializers: { s: list(20000, 20000) },
    nodes: ["a = ConstantOfShape(s)", "b = MatMul(a, a)", "c = MatMul(b, b)", node("d = ReduceMax(c)", { keepdims: 0 }), "y = Add(x, d)"],
  }),
  "many constants of a megabyte": hostile("compiled", {
    inputs: { x: "f32[1]" }, outputs: ["y"], initializers: { a: scalar(0), b: scalar(100_000), c: scalar(1) },
    nodes: [...Array.from({ length: 600 }, (_, i) => `r${i} = Range(a, b, c)`), ...Array.from({ length: 600 }, (_, i) => node(`m${i} = ReduceMax(r${i})`, { keepdims: 0 })),
      node(`m = Max(${Array.from({ length: 600 }, (_, i) => `m${i}`).join(", ")})`), node("f = Cast(m)", { to: 1 }), "y = Add(x, f)"],
  }),
  "padding of 2^62": one(/too-large|pad/i, "y = Pad(x, p)", {}, { p: list(0, 0, 0, 0, 0, 2n ** 62n) }),
  "padding that leaves less than nothing": one(/Pad|pad/, "y = Pad(x, p)", {}, { p: list(-9, 0, 0, -9, 0, 0) }),
  "a depth of 2^40": one(/too-large|depth|type/, "y = OneHot(x, d, v)", { axis: -1 }, { d: scalar(2n ** 40n), v: reals(0, 1) }),
  "an axis far outside": one(/axis/, "y = Softmax(x)", { axis: most }),
  "another axis far outside": one(/axis/, "y = Flatten(x)", { axis: least }),
  "a split into negative sizes": one(/parts \[5, -3\]/, "y, z = Split(x, s)", { axis: 0 }, { s: list(5, -3) }),
  "a slice between the ends of the integers": one("compiled", "y = Slice(x, a, b, c, d)", {}, { a: list(most), b: list(least), c: list(0), d: list(-1) }),
  "a slice of steps of 0": one(/step/, "y = Slice(x, a, b, c, d)", {}, { a: list(0), b: list(2), c: list(0), d: list(0) }),
  "a reshape to 2^62": one(/reshape|no shape/, "y = Reshape(x, s)", {}, { s: list(2n ** 62n, 2n ** 62n) }),
  "a reshape with two open sizes": one(/no shape/, "y = Reshape(x, s)", {}, { s: list(-1, -1) }),
  "scales that are no numbers": one(/scale|Resize/, "y = Resize(x, _, s)", {}, { s: reals(1, 1, NaN) }),
  "endless scales": one(/scale|Resize|too-large/, "y = Resize(x, _, s)", {}, { s: reals(1, 1, Infinity) }),
  "scales below 0": one(/scale|Resize/, "y = Resize(x, _, s)", {}, { s: reals(1, 1, -2) }),
  "the 2^40 largest": one(/K is 1099511627776/, "y, i = TopK(x, k)", {}, { k: list(2n ** 40n) }),
  "a window of a billion": hostile(/table of .* is too large/, { inputs: {}, outputs: ["y"], initializers: { s: scalar(2_000_000_000) }, nodes: [node("y = HannWindow(s)", {}, "n")] }),
  "a Mel matrix of a billion": hostile(/table of .* is too large/, { inputs: {}, outputs: ["y"], initializers: { a: scalar(40_000), b: scalar(80_000), c: scalar(16_000), d: tensor("f32", [], [0]), e: tensor("f32", [], [8000]) }, nodes: [node("y = MelWeightMatrix(a, b, c, d, e)", {}, "n")] }),
  "windows of 2^31": window({ kernel_shape: [2 ** 31 - 1, 1] }, /does not fit/),
  "windows of nothing": window({ kernel_shape: [0, 1] }),
  "windows of less than nothing": window({ kernel_shape: [-3, 1] }),
  "strides of 0": window({ strides: [0, 1] }), "strides below 0": window({ strides: [-1, 1] }), "dilations of 0": window({ dilations: [0, 0] }),
  "strides of the largest integer": window({ strides: [most, most] }, "compiled"),
  "dilations of the largest integer": window({ dilations: [most, most] }, /does not fit/),
  "paddings of the largest integer": window({ pads: [most, most, most, most] }, /too-large/),
  "paddings below 0": window({ pads: [-1, 0, 0, 0] }), "too few paddings": window({ pads: [1] }),
  "no groups": convolution({ group: 0 }), "groups below 0": convolution({ group: -4 }), "groups that do not divide": convolution({ group: 3 }),
  "blocks of 0": one(/blocksize/, "y = DepthToSpace(x)", { blocksize: 0 }, {}, image),
  "blocks below 0": one(/blocksize/, "y = SpaceToDepth(x)", { blocksize: -2 }, {}, image),
  "a norm over nothing": one(/size/, "y = LRN(x)", { size: 0 }, {}, image),
  "a norm over 2^31 channels": one(/too-large: the model needs .* of working memory/, "y = LRN(x)", { size: 2 ** 31 + 1 }, {}, image),
  "no groups to normalise": one(/group/, "y = GroupNormalization(x, s, s)", { num_groups: 0 }, { s: reals(1, 1, 1, 1) }, image),
  "an epsilon that is no number": one("compiled", "y = InstanceNormalization(x, s, s)", { epsilon: float(NaN) }, { s: reals(1, 1, 1, 1) }, image),
  "a hidden size below 0": one(/hidden_size|shape/, "y = LSTM(x, w, r)", { hidden_size: -1 }, { w: tensor("f32", [1, 4, 4], new Array<number>(16).fill(1)), r: tensor("f32", [1, 4, 1], [1, 1, 1, 1]) }),
  "attention without heads": one(/heads/, "y = Attention(x, x, x)", { q_num_heads: 0, kv_num_heads: 0 }, {}, x, 23),
  "an equation with a name twice": one("compiled", "y = Einsum(x, x)", { equation: "abc,abc->" }),
  "an equation of nonsense": one(/equation/, "y = Einsum(x, x)", { equation: "->,->" }),
  "a thousand letters": one(/equation/, "y = Einsum(x)", { equation: `${"ab".repeat(500)}->a` }),
  "a slice of fewer axes than there are": one("compiled", "y = Slice(x, a, b)", {}, { a: list(1), b: list(2) }),
  "a window over other sizes than the weights'": one(/kernel_shape/, "y = ConvTranspose(x, w)", { kernel_shape: [3], output_shape: [10, 8] }, { w: tensor("f32", [4, 1, 1, 1], [1, 1, 1, 1]) }, image),
  "a sum with a hole": one(/input 1 of Sum is missing/, "y = Sum(x, _, x)"),
  "axes that are no integers": one(/takes i32, i64/, "y = Unsqueeze(x, a)", {}, { a: reals(0.01) }),
  "a sub-graph that reads what its node gives": hostile(/depend on each other in a circle: Tanh_\w+ reads s/, {
    inputs: { x: "f32[5, 2]", h: "f32[2]" }, outputs: ["y", "s"],
    nodes: [node("y, s = Scan(h, x)", { num_scan_inputs: 1, body: { inputs: { a: "f32[2]", b: "f32[2]" }, outputs: ["c", "d"], nodes: ["c = Add(a, b)", "d = Tanh(s)"] } })],
  }),
  "integers of four bits, none of them": { expected: "compiled", bytes: () => model({ opset: 25, inputs: { x: "f32[5, 5, 0]" }, outputs: ["y"], nodes: [node("y = Cast(x)", { to: 21 })] }) },
  "a sub-graph where none belongs": one("compiled", "y = Relu(x)", { body: { nodes: ["y = Neg(x)"], outputs: ["y"] } }),
  "nothing to normalise": one("compiled", "y = RMSNormalization(x, s)", { axis: -1 }, { s: reals(1, 2) }, "f32[0, 3, 2]", 23),
  "the 1 2 3 largest": one(/K has 3 elements/, "y, i = TopK(x, k)", {}, { k: list(1, 2, 3) }),
  "updates of another rank": one(/do not fit data/, "y = ScatterElements(x, i, u)", {}, { i: tensor("i64", [1, 1, 1], [0]), u: tensor("f32", [1, 1, 1, 1], [0]) }),
  "a reduction called like a method": one(/attribute reduction/, "y = ScatterElements(x, i, u)", { reduction: "constructor" }, { i: tensor("i64", [1, 1, 1], [0]), u: tensor("f32", [1, 1, 1], [0]) }),
  "sparse tensors of 2^40 elements": sparse(2n ** 40n), "sparse tensors that are much together": sparse(...new Array<bigint>(9).fill(1n << 24n)),
  "functions that call each other": { expected: /calls itself/, bytes: () => model(calling({ name: "F", domain: "d", inputs: ["a"], outputs: ["b"], nodes: ["b = d::G(a)"] }, { name: "G", domain: "d", inputs: ["a"], outputs: ["b"], nodes: ["b = d::F(a)"] })) },
  "functions that double": { expected: /too-large: functions of the model become more than/, bytes: () => model(calling(...doubling(60))) },
  "a function that calls itself in a branch": { expected: /calls itself/, bytes: () => model(calling({ name: "F", domain: "d", inputs: ["a"], outputs: ["b"], nodes: ["c = Constant()", node("b = If(a)", { then_branch: { nodes: ["t = d::F(a)"], outputs: ["t"] }, else_branch: { nodes: ["t = Relu(a)"], outputs: ["t"] } })] })) },
  "branches in branches": { expected: "compiled", bytes: () => model({ inputs: { x, c: "bool[]" }, outputs: ["t59"], nodes: nested(60).nodes! }) },
  "branches in branches in branches": { expected: /nests graphs or terms too deep|cannot be read|branch whose condition/, bytes: () => model({ inputs: { x, c: "bool[]" }, outputs: ["t999"], nodes: nested(1000).nodes! }) },
  "a node that reads itself": hostile(/circle/, { inputs: { x }, outputs: ["y"], nodes: [node("y = Add(x, y)", {}, "n")] }),
  "two inputs of one name": { expected: /input x: x is already the name/, bytes: () => { const m = modelProto({ inputs: { x }, outputs: ["y"], nodes: ["y = Relu(x)"] }); m.graph!.input = [...m.graph!.input!, ...m.graph!.input!]; return encode(m); } },
  "an input that a Constant also makes": hostile(/node x: x is already the name/, { inputs: { x }, outputs: ["y"], nodes: [node("x = Constant()", { value_float: float(1) }), "y = Relu(x)"] }),
  "an output twice": hostile("compiled", { inputs: { x }, outputs: ["y", "y"], nodes: ["y = Relu(x)"] }),
  "attributes called like parts of every object": one("compiled", "y = Relu(x)", { constructor: 1, toString: 2, hasOwnProperty: 3 }),
  "a Constant by the name of a method": hostile(/Constant without a value/, { inputs: { x }, outputs: ["y"], nodes: [node("c = Constant()", { toString: 1, constructor: 2 }, "n"), "y = Add(x, c)"] }),
  "an operator set of the year 2^63": one("compiled", "y = Relu(x)", {}, {}, x, 2 ** 62),
  "an operator set below 0": one("compiled", "y = Relu(x)", {}, {}, x, -1),
  "a chain of 5,000 nodes": { expected: "compiled", bytes: () => model({ inputs: { x: "f32[4]" }, outputs: ["y"], nodes: chain(5_000, (a, b) => `${b} = Sin(${a})`) }) },
  "a sum of 20,000 terms": { expected: /too-deep/, bytes: () => model({ inputs: { x: "f32[4]" }, outputs: ["y"], nodes: [`y = Sum(${new Array(20_000).fill("x").join(", ")})`] }) },
  "20,000 nodes of one name": { expected: "compiled", bytes: () => model({ inputs: { x: "f32[4]" }, outputs: ["y"], nodes: chain(20_000, (a, b) => node(`${b} = Identity(${a})`, {}, "same")) }) },
  "2,000 unknown operators": { expected: /unsupported-op/, bytes: () => model({ inputs: { x: "f32[4]" }, outputs: ["y"], nodes: chain(2_000, (a, b, i) => `${b} = Foo${i}(${a})`) }) },
  "a concatenation of 5,000": { expected: /5000 inputs.*at most 2048/, bytes: () => model({ inputs: { x: "f32[4]" }, outputs: ["y"], nodes: [node(`y = Concat(${new Array(5000).fill("x").join(", ")})`, { axis: 0 })] }) },
  "values that double": { expected: "compiled", bytes: () => model({ inputs: { x: "f32[4]" }, outputs: ["y"], nodes: chain(200, (a, b) => `${b} = Mul(${a}, ${a})`) }) },
  "a name of a million letters": one(/is no input/, `y = Add(x, ${"a".repeat(1_000_000)})`),
  "a loop over a sequence, 10^9 times": hostile(/./, {
    inputs: { x }, outputs: ["y"], initializers: { n: scalar(1_000_000_000), c: tensor("bool", [], [1]), zero: scalar(0) },
    nodes: ["e = SequenceConstruct(x)", node("s = Loop(n, c, e)", { body: { inputs: { i: "i64[]", g: "bool[]", q: "" }, outputs: ["h", "r"], nodes: ["h = Identity(g)", "r = SequenceInsert(q, x)"] } }), "y = SequenceAt(s, zero)"],
  }),
};
