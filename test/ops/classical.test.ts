/** ai.onnx.ml beside forests. Expected values are ONNX Runtime's, but where a comment says otherwise. */
import { describe, expect, test } from "vitest";
import type { Attribute } from "../../compiler/ir/graph.ts";
import { textId, textOf } from "../../compiler/ir/text.ts";
import { f32, listOf, runOp, tensorOf } from "./harness.ts";

const x = f32([3, 2], [1, 2, -1, 0.5, 0.3, -2]);
const run = (op: string, attributes: Record<string, Attribute>, of = x, outputs = 1) => runOp(`ai.onnx.ml.${op}`, [of], attributes, { outputs }).map(listOf);
const textsOf = (ids: readonly number[] | undefined): readonly string[] => ids!.map(textOf);
const near = (got: readonly number[] | undefined, want: readonly number[]) => { expect(got).toHaveLength(want.length); got!.forEach((g, i) => expect(g).toBeCloseTo(want[i]!, 5)); };

describe("linear models", () => {
  const one = { coefficients: [0.5, 0.25], intercepts: [0.1], classlabels_ints: [5, 6] }, three = { coefficients: [0.5, 0.25, -0.1, 0.2, 0.3, 0.3], intercepts: [0.1, 0.2, 0.3] };
  test.each([
    ["NONE", [-0.1, 1.1, 1.275, -0.275, 1.25, -0.25]], ["LOGISTIC", [0.24974, 0.75026, 0.56832, 0.43168, 0.562177, 0.437823]], ["SOFTMAX", [-0.1, 1.1, 1.275, -0.275, 1.25, -0.25]],
  ])("of two classes with one score, and %s", (post_transform, want) => {
    const [label, scores] = run("LinearClassifier", { ...one, post_transform }, x, 2);
    expect(label).toEqual([6, 5, 5]);
    near(scores, want);
  });
  test.each([
    ["NONE", [1.1, 0.5, 1.2, -0.275, 0.4, 0.15, -0.25, -0.23, -0.21]],
    ["SOFTMAX", [0.376792, 0.206788, 0.41642, 0.222538, 0.437071, 0.340391, 0.326689, 0.333289, 0.340022]],
    ["SOFTMAX_ZERO", [0.376792, 0.206788, 0.41642, 0.222538, 0.437071, 0.340391, 0.326689, 0.333289, 0.340022]],
  ])("of three classes, and %s", (post_transform, want) => {
    const [label, scores] = run("LinearClassifier", { ...three, classlabels_ints: [5, 6, 7], post_transform }, x, 2);
    expect(label).toEqual([7, 6, 7]);
    near(scores, want);
  });
  test("name classes by strings", () => {
    expect(textsOf(run("LinearClassifier", { ...one, classlabels_ints: [], classlabels_strings: ["no", "yes"] }, x, 2)[0])).toEqual(["yes", "no", "no"]);
    expect(textsOf(run("LinearClassifier", { ...three, classlabels_strings: ["a", "b", "c"] })[0])).toEqual(["c", "b", "c"]);
  });
  test("for several targets, of a row, and PROBIT", () => {
    near(run("LinearRegressor", { ...three, targets: 3 })[0], [1.1, 0.5, 1.2, -0.275, 0.4, 0.15, -0.25, -0.23, -0.21]);
    near(run("LinearRegressor", { coefficients: [0.5, 0.25], intercepts: [0.1] }, tensorOf("i64", [2], [1, 2]))[0], [1.1]);
    near(run("LinearRegressor", { coefficients: [0.25, 0], intercepts: [0.4], post_transform: "PROBIT" }, f32([2, 2], [-1, 0, 0, 0]))[0], [-1.036613, -0.253354]);
  });
  test("give probabilities as a tensor where a model asks for a map of them", () => {
    expect(run("ZipMap", { classlabels_int64s: [0, 1] })[0]).toEqual(listOf(x));
    expect(() => run("ZipMap", { classlabels_strings: ["a"] })).toThrow("2 columns for 1 labels");
  });
  test("say what does not fit", () => {
    expect(() => run("LinearRegressor", { coefficients: [1] })).toThrow("coefficients has 1 numbers, but 2 are needed");
    expect(() => run("LinearClassifier", { coefficients: [1, 2] }, x, 2)).toThrow("there are no labels: classlabels_ints and classlabels_strings are empty");
  });
});

describe("support vectors", () => {
  const vectors = { support_vectors: [1, 2, -1, 0.5, 0.3, 0.3], rho: [-0.1] }, two = { ...vectors, vectors_per_class: [1, 2], kernel_type: "RBF", kernel_params: [0.5, 0, 3], classlabels_ints: [5, 6] };
  test.each([
    [1, "NONE", [5, 5, 6], [-0.46634, 0.46634, -0.298284, 0.298284, 0.073849, -0.073849]], [-1, "LOGISTIC", [5, 6, 6], [0.41735, 0.58265, 0.611672, 0.388328, 0.531431, 0.468569]],
    [1, "SOFTMAX", [5, 5, 6], [0.53366, 0.46634, 0.701716, 0.298284, 1.073849, -0.073849]],
  ])("of two classes (weights times %d, %s)", (sign, post_transform, labels, want) => {
    const [label, scores] = run("SVMClassifier", { ...two, coefficients: [0.5, 0.25 * sign, 0.3 * sign], post_transform }, x, 2);
    expect(label).toEqual(labels);
    near(scores, want);
  });
  test("of three classes vote in pairs; without vectors a class has a row", () => {
    const three = { coefficients: [0.5, 0.25, 0.3, -0.1, -0.2, 0.4], classlabels_ints: [5, 6, 7], rho: [-0.1, 0.1, 0.2] };
    const [label, scores] = run("SVMClassifier", { ...vectors, ...three, vectors_per_class: [1, 1, 1], kernel_type: "POLY", kernel_params: [0.5, 1, 3] }, x, 2);
    expect(label).toEqual([5, 5, 6]);
    const named = { ...vectors, ...three, classlabels_ints: [], classlabels_strings: ["a", "b", "c"] };
    expect(textsOf(run("SVMClassifier", { ...named, vectors_per_class: [1, 1, 1], kernel_type: "POLY", kernel_params: [0.5, 1, 3] })[0])).toEqual(["a", "a", "b"]);
    near(scores, [21.5875, -3.272912, 1.21945, 1.472754, 0.237436, -0.341622, -0.396344, 0.285461, 0.356823]);
    const [plain, linear] = run("SVMClassifier", three, x, 2);
    expect(plain).toEqual([5, 7, 6]);
    near(linear, [0.9, 0, 0.5, -0.475, -0.45, 0.3, -0.45, 0.19, -0.96]);
    expect(run("SVMClassifier", { coefficients: [0.5, 0.25, 0.3, -0.1], classlabels_ints: [5, 6], rho: [-0.1] }, x, 2)[0]).toEqual([6, 6, 6]);
  });
  test("of regression, and of one class", () => {
    near(run("SVMRegressor", { ...vectors, coefficients: [0.5, 0.25, 0.3], n_supports: 3, kernel_type: "SIGMOID", kernel_params: [0.5, 1, 3] })[0], [0.858195, 0.73061, -0.171794]);
    expect(run("SVMRegressor", { coefficients: [0.5, 0.25], rho: [-0.1], one_class: 1 })[0]).toEqual([1, -1, -1]);
    expect(() => run("SVMClassifier", { ...two, coefficients: [1, 1, 1], prob_a: [1], prob_b: [0] }, x, 2)).toThrow("an iteration that is not supported");
  });
});

describe("features", () => {
  const rows = f32([4, 2], [1, 2, -1, 0.5, 0, 0, -3, -4]);
  test.each([
    // As ONNX's text says: the largest element, not the largest magnitude.
    ["MAX", [0.5, 1, -2, 1, 0, 0, 1, 4 / 3]], ["L1", [1 / 3, 2 / 3, -2 / 3, 1 / 3, 0, 0, -3 / 7, -4 / 7]], ["L2", [0.447214, 0.894427, -0.894427, 0.447214, 0, 0, -0.6, -0.8]],
  ])("are normalised by %s", (norm, want) => near(run("Normalizer", { norm }, rows)[0], want));
  test("that are missing are replaced", () => {
    expect(run("Imputer", { imputed_value_floats: [7, 8], replaced_value_float: NaN }, f32([2, 2], [1, NaN, NaN, 0.5]))[0]).toEqual([1, 8, 7, 0.5]);
    expect(run("Imputer", { imputed_value_int64s: [7], replaced_value_int64: 0 }, tensorOf("i64", [2, 2], [1, 0, 0, 5]))[0]).toEqual([1, 7, 7, 5]);
    expect(() => run("Imputer", { imputed_value_floats: [1, 2, 3] })).toThrow("has 3 numbers for 2 features");
  });
  test("are scaled, compared, put beside each other and taken out", () => {
    expect(run("Scaler", { offset: [1], scale: [2, 3] }, tensorOf("i64", [2, 2], [1, 2, 3, 4]))[0]).toEqual([0, 3, 4, 9]);
    expect(run("Binarizer", { threshold: 1.5 }, tensorOf("i32", [3], [1, 2, -2]))[0]).toEqual([0, 1, 0]);
    expect(listOf(runOp("ai.onnx.ml.FeatureVectorizer", [f32([2, 2], [1, 2, 3, 4]), tensorOf("i64", [2, 2], [1, 9, 2, 9])], { inputdimensions: [3, 1] })[0]!)).toEqual([1, 2, 0, 1, 3, 4, 0, 2]);
    const [taken] = runOp("ai.onnx.ml.ArrayFeatureExtractor", [f32([6], [0, 1, 2, 3, 4, 5]), tensorOf("i64", [1, 2], [1, 3])]);
    expect([taken!.shape, listOf(taken!)]).toEqual([[1, 2], [1, 3]]);
  });
  test("are categories", () => {
    expect(run("OneHotEncoder", { cats_int64s: [1, 5] }, f32([2, 2], [1.7, 3, 0, 5]))[0]).toEqual([1, 0, 0, 0, 0, 0, 0, 1]);
    const words = tensorOf("string", [2, 1], ["red", "blue"].map(textId)), [encoded] = runOp("ai.onnx.ml.OneHotEncoder", [words], { cats_strings: ["green", "red"] });
    expect([encoded!.shape, listOf(encoded!)]).toEqual([[2, 1, 2], [0, 1, 0, 0]]);
    expect(() => run("OneHotEncoder", { cats_int64s: [1] }, words)).toThrow("attribute cats_strings is empty");
    expect(() => run("OneHotEncoder", { cats_strings: ["1"] })).toThrow("attribute cats_int64s is empty");
    expect(run("LabelEncoder", { keys_int64s: [1, 2, 1], values_floats: [10, 20, 30] }, tensorOf("i64", [3], [1, 2, 3]))[0]).toEqual([10, 20, -0]);
    expect(run("LabelEncoder", { keys_floats: [1, NaN], values_int64s: [10, 20] }, f32([3], [1, NaN, 3]))[0]).toEqual([10, 20, -1]);
    const tensors = { keys_tensor: tensorOf("i16", [2], [3, 4]), values_tensor: tensorOf("f64", [2], [0.5, 0.25]), default_tensor: tensorOf("f64", [1], [9]) };
    expect(run("LabelEncoder", tensors, tensorOf("i16", [3], [4, 3, 2]))[0]).toEqual([0.25, 0.5, 9]);
    expect(() => run("LabelEncoder", { keys_strings: ["a"], values_int64s: [1] })).toThrow("the keys have type string");
  });
});
