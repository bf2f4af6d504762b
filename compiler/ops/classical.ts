/** ai.onnx.ml beside forests: linear models, support vectors, and what prepares features. Each is a few of ONNX's own operators. */
import type { ValueType } from "../ir/graph.ts";
import { textId } from "../ir/text.ts";
import { isFloat, type DType } from "../ir/types.ts";
import { choice, dimsOf } from "./checks.ts";
import { classOutputs, featuresOf, labelled, labelsAt, postTransform, postTransforms, samplesOf, type Labels } from "./classes.ts";
import { expectType, forOutputs, leastDim, product, showShape } from "./helpers.ts";
import type { AttributeSpec, Expander, NodeView, Op } from "./op.ts";

const ml = (name: string) => `ai.onnx.ml.${name}`;
const features: readonly DType[] = ["f32", "f64", "i64", "i32"], sums = { relative: 1e-5, absolute: 1e-6, reason: "sums of float products are taken in another order; exp is of single precision" } as const;
const ints = { kind: "ints", optional: true } as const, floats = { kind: "floats", optional: true } as const, strings = { kind: "strings", optional: true } as const;
const post = { kind: "string", default: "NONE" } as const satisfies AttributeSpec;
const input = (n: NodeView, i = 0): string => n.node.inputs[i]!;
const list = (n: NodeView, name: string): readonly number[] => n.intsOr(name) ?? [];
const shapeTo = (g: Expander, x: string, ...shape: readonly number[]): string => g.node("Reshape", [x, g.constant("i64", [shape.length], shape)]);
const asFloat = (n: NodeView, g: Expander, i = 0): string => (n.type(i).dtype === "f32" ? input(n, i) : g.node("Cast", [input(n, i)], { to: 1 }));
const rows = (n: NodeView, g: Expander, i = 0): string => { const x = asFloat(n, g, i); return n.type(i).shape.length === 1 ? shapeTo(g, x, 1, featuresOf(n, i)) : x; };
const f32 = (g: Expander, shape: readonly number[], values: readonly number[]): string => g.constant("f32", shape, values);
const needs = (n: NodeView, name: string, count: number): readonly number[] =>
  (list(n, name).length === count ? list(n, name) : n.fail(`attribute ${name} has ${list(n, name).length} numbers, but ${count} are needed`));
/** x · coefficients + intercepts, with a row of coefficients for each column of the result. */
const affine = (g: Expander, x: string, coefficients: readonly number[], intercepts: readonly number[], columns: number): string =>
  g.node("Gemm", [x, f32(g, [columns, coefficients.length / columns], coefficients), ...(intercepts.length ? [f32(g, [intercepts.length], intercepts)] : [])], { transB: 1 });

const labelsOf = (n: NodeView): Labels => labelled(n, "classlabels_ints");
const linearRegressor: Op = {
  name: ml("LinearRegressor"), since: 1, inputs: [1, 1], sizes: true, accuracy: sums,
  attributes: { coefficients: floats, intercepts: floats, targets: { kind: "int", default: 1 }, post_transform: post },
  infer: (n) => {
    const [N, F] = samplesOf(n), targets = n.int("targets");
    expectType(n, 0, features);
    needs(n, "coefficients", F * targets);
    if (list(n, "intercepts").length) needs(n, "intercepts", targets);
    choice(n, "post_transform", postTransforms);
    return [{ dtype: "f32", shape: [N, targets] }];
  },
  expand: (n, g) => [postTransform(g, affine(g, rows(n, g), list(n, "coefficients"), list(n, "intercepts"), n.int("targets")), choice(n, "post_transform", postTransforms))],
};
const linearClassifier: Op = {
  name: ml("LinearClassifier"), since: 1, inputs: [1, 1], outputs: [1, 2], sizes: true, accuracy: sums,
  attributes: { coefficients: { kind: "floats" }, intercepts: floats, classlabels_ints: ints, classlabels_strings: strings, multi_class: { kind: "int", default: 0 }, post_transform: post },
  infer: (n) => {
    const [N, F] = samplesOf(n), { dtype, values: labels } = labelsOf(n), count = list(n, "coefficients").length / F;
    expectType(n, 0, features);
    if (count !== labels.length && !(count === 1 && labels.length === 2)) n.fail(`there are ${list(n, "coefficients").length} coefficients for ${labels.length} classes and ${F} features`);
    if (list(n, "intercepts").length) needs(n, "intercepts", count);
    choice(n, "post_transform", postTransforms);
    return forOutputs(n, [{ dtype, shape: [N] }, { dtype: "f32", shape: [N, Math.max(count, labels.length)] }]);
  },
  expand: (n, g) => {
    const columns = list(n, "coefficients").length / samplesOf(n)[1], scores = affine(g, rows(n, g), list(n, "coefficients"), list(n, "intercepts"), columns);
    return classOutputs(n, g, scores, labelsOf(n), { post: choice(n, "post_transform", postTransforms), decides: columns === 1 ? 0 : null, rest: true });
  },
};

const kernels = ["LINEAR", "POLY", "RBF", "SIGMOID"] as const;
const svm = { coefficients: floats, kernel_params: floats, kernel_type: { kind: "string", default: "LINEAR" }, post_transform: post, rho: floats, support_vectors: floats } as const satisfies Record<string, AttributeSpec>;
/** What `count` support vectors say of each row: [N, count]. */
function kernel(n: NodeView, g: Expander, x: string, count: number): string {
  const F = samplesOf(n)[1], vectors = f32(g, [count, F], list(n, "support_vectors")), [gamma = 0, coef0 = 0, degree = 0] = list(n, "kernel_params"), number = (v: number) => f32(g, [], [v]);
  const products = () => g.node("MatMul", [x, g.node("Transpose", [vectors], { perm: [1, 0] })]), scaled = () => g.node("Add", [g.node("Mul", [products(), number(gamma)]), number(coef0)]);
  switch (choice(n, "kernel_type", kernels)) {
    case "LINEAR": return products();
    case "POLY": return g.node("Pow", [scaled(), number(degree)]);
    case "SIGMOID": return g.node("Tanh", [scaled()]);
    case "RBF": return g.node("Exp", [g.node("Mul", [g.node("com.microsoft.CDist", [x, vectors], { metric: "sqeuclidean" }), number(-gamma)])]);
  }
}
const svmRegressor: Op = {
  name: ml("SVMRegressor"), since: 1, inputs: [1, 1], sizes: true, accuracy: sums, attributes: { ...svm, n_supports: { kind: "int", default: 0 }, one_class: { kind: "int", default: 0 } },
  infer: (n) => {
    const [N, F] = samplesOf(n), count = n.int("n_supports");
    expectType(n, 0, features);
    needs(n, "coefficients", count || F);
    if (count) needs(n, "support_vectors", count * F);
    if (list(n, "rho").length < 1) n.fail("attribute rho is missing");
    choice(n, "post_transform", ["NONE"]);
    choice(n, "kernel_type", kernels);
    return [{ dtype: "f32", shape: [N, 1] }];
  },
  expand: (n, g) => {
    const count = n.int("n_supports"), x = rows(n, g), s = affine(g, count ? kernel(n, g, x, count) : x, list(n, "coefficients"), list(n, "rho").slice(0, 1), 1);
    return [n.int("one_class") ? g.node("Where", [g.node("Greater", [s, f32(g, [], [0])]), f32(g, [], [1]), f32(g, [], [-1])]) : s];
  },
};
const pairsOf = (classes: number): readonly (readonly [number, number])[] =>
  Array.from({ length: classes }, (_, i) => Array.from({ length: classes - 1 - i }, (_, k) => [i, i + 1 + k] as const)).flat();
const svmClassifier: Op = {
  name: ml("SVMClassifier"), since: 1, inputs: [1, 1], outputs: [1, 2], sizes: true, accuracy: sums,
  attributes: { ...svm, classlabels_ints: ints, classlabels_strings: strings, prob_a: floats, prob_b: floats, vectors_per_class: ints },
  infer: (n) => {
    const [N, F] = samplesOf(n), { dtype, values: labels } = labelsOf(n), classes = labels.length, count = list(n, "vectors_per_class").reduce((a, b) => a + b, 0), pairs = pairsOf(classes).length;
    expectType(n, 0, features);
    if (list(n, "prob_a").length) {
      n.fail("probabilities of support vectors (prob_a, prob_b) come from an iteration that is not supported", "train with probability=False: labels and decision values are supported");
    }
    if (count) {
      needs(n, "vectors_per_class", classes);
      needs(n, "support_vectors", count * F);
      needs(n, "coefficients", count * (classes - 1));
      needs(n, "rho", pairs);
    } else needs(n, "coefficients", classes * F);
    if (list(n, "rho").length < 1) n.fail("attribute rho is missing");
    choice(n, "post_transform", postTransforms);
    choice(n, "kernel_type", kernels);
    return forOutputs(n, [{ dtype, shape: [N] }, { dtype: "f32", shape: [N, count && classes > 2 ? pairs : Math.max(2, classes)] }]);
  },
  expand: (n, g) => {
    const labels = labelsOf(n), classes = labels.values.length, per = list(n, "vectors_per_class"), count = per.reduce((a, b) => a + b, 0), x = rows(n, g), transform = choice(n, "post_transform", postTransforms);
    const coefficients = list(n, "coefficients"), isPositive = coefficients.every((c) => c >= 0);
    if (!count) {
      const rho = list(n, "rho")[0]!, scores = affine(g, x, coefficients, labels.values.map(() => rho), classes);
      const top = g.node("ReduceMax", [scores, g.constant("i64", [1], [1])], { keepdims: 0 }), largest = g.node("ArgMax", [scores], { axis: 1, keepdims: 0 });
      const second = g.node(isPositive ? "GreaterOrEqual" : "Greater", [top, f32(g, [], [isPositive ? 0.5 : 0])]);
      const chosen = classes === 2 ? g.node("Where", [second, g.constant("i64", [], [1]), largest]) : largest;
      return [labelsAt(g, labels, chosen), postTransform(g, scores, transform)];
    }
    const pairs = pairsOf(classes), starts = per.map((_, c) => per.slice(0, c).reduce((a, b) => a + b, 0)), classOf = (v: number) => starts.findLastIndex((s) => s <= v);
    // A pair (i, j) weighs the vectors of class i by row j - 1 of the coefficients, those of class j by row i.
    const weights = pairs.flatMap(([i, j]) => Array.from({ length: count }, (_, v) => {
      const c = classOf(v);
      return c === i ? coefficients[(j - 1) * count + v]! : c === j ? coefficients[i * count + v]! : 0;
    }));
    const scores = affine(g, kernel(n, g, x, count), weights, list(n, "rho"), pairs.length), isFirst = g.node("Cast", [g.node("Greater", [scores, f32(g, [], [0])])], { to: 1 });
    const change = labels.values.flatMap((_, c) => pairs.map(([i, j]) => Number(i === c) - Number(j === c))), start = labels.values.map((_, c) => pairs.filter(([, j]) => j === c).length);
    const chosen = g.node("ArgMax", [affine(g, isFirst, change, start, classes)], { axis: 1, keepdims: 0 });
    const label = labelsAt(g, labels, chosen);
    if (classes > 2) return [label, postTransform(g, scores, transform)];
    const opposite = transform === "NONE" || transform === "LOGISTIC", first = opposite ? g.node("Neg", [scores]) : g.node("Sub", [f32(g, [], [1]), scores]);
    const pair = g.node("Concat", [first, scores], { axis: 1 });
    return [label, transform === "LOGISTIC" ? postTransform(g, pair, transform) : pair];
  },
};

/** A list of one number, or of one for each feature, as what broadcasts to rows. */
const perFeature = (n: NodeView, g: Expander, name: string, dtype: DType): string => {
  const values = list(n, name), F = featuresOf(n);
  return values.length === 1 || values.length === F ? g.constant(dtype, [values.length], values) : n.fail(`attribute ${name} has ${values.length} numbers for ${F} features`);
};
const scaler: Op = {
  name: ml("Scaler"), since: 1, inputs: [1, 1], sizes: true, attributes: { offset: { kind: "floats" }, scale: { kind: "floats" } }, accuracy: { relative: 1e-6, reason: "a sum and a product of floats" },
  infer: (n) => { expectType(n, 0, features); return [{ dtype: "f32", shape: n.type(0).shape }]; },
  expand: (n, g) => [g.node("Mul", [g.node("Sub", [asFloat(n, g), perFeature(n, g, "offset", "f32")]), perFeature(n, g, "scale", "f32")])],
};
/** Of a row whose norm is 0, all stay as they are. */
const normalizer: Op = {
  name: ml("Normalizer"), since: 1, inputs: [1, 1], sizes: true, attributes: { norm: { kind: "string", default: "MAX" } }, accuracy: sums,
  infer: (n) => { expectType(n, 0, features); samplesOf(n); choice(n, "norm", ["MAX", "L1", "L2"]); return [{ dtype: "f32", shape: n.type(0).shape }]; },
  expand: (n, g) => {
    const x = asFloat(n, g), by = { MAX: "ReduceMax", L1: "ReduceL1", L2: "ReduceL2" }[choice(n, "norm", ["MAX", "L1", "L2"])];
    const norm = g.node(by, [x, g.constant("i64", [1], [-1])]), none = g.node("Equal", [norm, f32(g, [], [0])]);
    return [g.node("Div", [x, g.node("Where", [none, f32(g, [], [1]), norm])])];
  },
};
const imputer: Op = {
  name: ml("Imputer"), since: 1, inputs: [1, 1], sizes: true,
  attributes: { imputed_value_floats: floats, imputed_value_int64s: ints, replaced_value_float: { kind: "float", default: 0 }, replaced_value_int64: { kind: "int", default: 0 } },
  infer: (n) => {
    expectType(n, 0, features);
    const name = `imputed_value_${isFloat(n.type(0).dtype) ? "floats" : "int64s"}`;
    if (list(n, name).length === 0) n.fail(`attribute ${name} is missing`);
    return [n.type(0)];
  },
  expand: (n, g) => {
    const x = input(n), { dtype } = n.type(0), real = isFloat(dtype), old = n.float(real ? "replaced_value_float" : "replaced_value_int64");
    const found = Number.isNaN(old) ? g.node("IsNaN", [x]) : g.node("Equal", [x, g.constant(dtype, [], [old])]);
    return [g.node("Where", [found, perFeature(n, g, real ? "imputed_value_floats" : "imputed_value_int64s", dtype), x])];
  },
};
/** The categories that the input's elements can be; strings by their numbers. */
const categories = (n: NodeView): { readonly name: string; readonly dtype: "string" | "i64"; readonly values: readonly number[] } =>
  (n.type(0).dtype === "string" ? { name: "cats_strings", dtype: "string", values: (n.stringsOr("cats_strings") ?? []).map(textId) } : { name: "cats_int64s", dtype: "i64", values: list(n, "cats_int64s") });
/** Categories that are none of the list are zeros, whatever attribute `zeros` says: code has nowhere to report them. */
const oneHotEncoder: Op = {
  name: ml("OneHotEncoder"), since: 1, inputs: [1, 1], sizes: true, attributes: { cats_int64s: ints, cats_strings: strings, zeros: { kind: "int", default: 1 } },
  infer: (n) => {
    expectType(n, 0, [...features, "string"]);
    const { name, values } = categories(n);
    if (values.length === 0) n.fail(`attribute ${name} is empty, which lists the categories for elements of type ${n.type(0).dtype}`);
    return [{ dtype: "f32", shape: [...n.type(0).shape, values.length] }];
  },
  expand: (n, g) => {
    const { dtype, values } = categories(n), x = n.type(0).dtype === dtype ? input(n) : g.node("Cast", [input(n)], { to: 7 });
    return [g.node("Cast", [g.node("Equal", [g.node("Unsqueeze", [x, g.constant("i64", [1], [-1])]), g.constant(dtype, [values.length], values)])], { to: 1 })];
  },
};
const arrayFeatureExtractor: Op = {
  name: ml("ArrayFeatureExtractor"), since: 1, inputs: [2, 2], sizes: true,
  infer: (n) => {
    const X = dimsOf(n, 0, 1), count = product(n.type(1).shape), least = leastDim(X.at(-1)!);
    expectType(n, 1, ["i64"]);
    for (const i of Array.from(n.constant(1)?.data ?? [], Number)) if (i < -least || i >= least) n.fail(`there is no feature ${i} in an input of shape ${showShape(X)}`);
    return [{ dtype: n.type(0).dtype, shape: [...(X.length === 1 ? [1] : X.slice(0, -1)), count] }];
  },
  expand: (n, g) => {
    const found = g.node("Gather", [input(n), shapeTo(g, input(n, 1), -1)], { axis: -1 });
    return [n.type(0).shape.length === 1 ? shapeTo(g, found, 1, -1) : found];
  },
};
const binarizer: Op = {
  name: ml("Binarizer"), since: 1, inputs: [1, 1], sizes: true, attributes: { threshold: { kind: "float", default: 0 } },
  infer: (n) => { expectType(n, 0, features); return [n.type(0)]; },
  expand: (n, g) => {
    const { dtype } = n.type(0), threshold = n.float("threshold"), number = (x: number) => g.constant(dtype, [], [x]);
    return [g.node("Where", [g.node("Greater", [input(n), number(isFloat(dtype) ? threshold : Math.floor(threshold))]), number(1), number(0)])];
  },
};
const featureVectorizer: Op = {
  name: ml("FeatureVectorizer"), since: 1, inputs: [1, Infinity], sizes: true, attributes: { inputdimensions: { kind: "ints" } },
  infer: (n): readonly ValueType[] => {
    const sizes = n.ints("inputdimensions"), batches = n.inputs.map((_, i) => { expectType(n, i, features); return samplesOf(n, i)[0]; });
    if (sizes.length !== n.inputs.length) n.fail(`attribute inputdimensions has ${sizes.length} numbers for ${n.inputs.length} inputs`);
    if (!batches.every((b) => n.same(b, batches[0]!))) n.fail(`the inputs have ${showShape(batches)} rows`);
    return [{ dtype: "f32", shape: [batches[0]!, sizes.reduce((a, b) => a + b, 0)] }];
  },
  expand: (n, g) => {
    const parts = n.ints("inputdimensions").map((size, i) => {
      const whole = rows(n, g, i), own = featuresOf(n, i);
      if (own > size) return g.node("Slice", [whole, ...[[0], [size], [1]].map((v) => g.constant("i64", [1], v))]);
      return own < size ? g.node("Pad", [whole, g.constant("i64", [4], [0, 0, 0, size - own])]) : whole;
    });
    return [parts.length === 1 ? parts[0]! : g.node("Concat", parts, { axis: 1 })];
  },
};
/** A map from labels to probabilities for each row, as the matrix of the probabilities: its columns stand in the order of the labels. */
const zipMap: Op = {
  name: ml("ZipMap"), since: 1, inputs: [1, 1], sizes: true, attributes: { classlabels_int64s: ints, classlabels_strings: strings },
  infer: (n) => {
    const count = list(n, "classlabels_int64s").length || (n.stringsOr("classlabels_strings")?.length ?? 0), columns = featuresOf(n);
    dimsOf(n, 0, 1, 2);
    expectType(n, 0, ["f32"]);
    if (count !== columns) n.fail(`there are ${columns} columns for ${count} labels`);
    return [n.type(0)];
  },
  expand: (n, g) => [g.node("Identity", [input(n)])],
};
/** ai.onnx.ml, but for forests, labels and text. */
export const classicalOps: readonly Op[] = [
  linearRegressor, linearClassifier, svmRegressor, svmClassifier, scaler, normalizer, imputer, oneHotEncoder, arrayFeatureExtractor, binarizer, featureVectorizer, zipMap,
];
