/** Forests: every mode, both forms of code, missing values, aggregates, labels and what follows scores, against walks by hand. */
import { describe, expect, test } from "vitest";
import type { Attribute } from "../../compiler/ir/graph.ts";
import { textOf } from "../../compiler/ir/text.ts";
import { f32, listOf, runOp, tensorOf } from "./harness.ts";

const numbers = (seed: number) => () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return seed / 2 ** 32; };
interface Row { tree: number; id: number; feature: number; value: number; mode: string; yes: number; no: number; missing: number; weights: [number, number][] }
interface Options { trees?: number; depth?: number; targets?: number; modes?: readonly string[]; missing?: boolean; sole?: boolean; features?: number }
/** Random trees as lists of nodes; half of the values are drawn from few numbers, so that features meet them. */
function forest({ trees = 5, depth = 3, targets = 1, modes = ["BRANCH_LEQ"], missing = false, sole = false, features = 4 }: Options, seed = 1): Row[] {
  const random = numbers(seed), rows: Row[] = [], pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!, few = () => Math.round(random() * 4 - 2);
  for (let tree = 0; tree < trees; tree++) {
    let count = 0;
    const grow = (left: number): number => {
      const id = count++, own = tree % targets;
      const row: Row = { tree, id, feature: Math.floor(random() * features), value: few(), mode: pick(modes), yes: 0, no: 0, missing: Number(missing && random() < 0.5), weights: [] };
      rows.push(row);
      if (left === 0 || random() < 0.15) {
        row.mode = "LEAF";
        row.weights = (sole ? [own] : Array.from({ length: targets }, (_, t) => t)).map((t) => [t, Math.round(random() * 64 - 32) / 16]);
      } else { row.yes = grow(left - 1); row.no = grow(left - 1); }
      return id;
    };
    grow(depth);
  }
  return rows;
}
const holds: Record<string, (x: number, v: number) => boolean> = {
  BRANCH_LEQ: (x, v) => x <= v, BRANCH_LT: (x, v) => x < v, BRANCH_GTE: (x, v) => x >= v, BRANCH_GT: (x, v) => x > v, BRANCH_EQ: (x, v) => x === v, BRANCH_NEQ: (x, v) => x !== v,
};
function leaves(rows: readonly Row[], x: readonly number[]): Row[] {
  return rows.filter((r) => r.id === 0).map((root) => {
    let r = root;
    while (r.mode !== "LEAF") {
      const isYes = holds[r.mode]!(x[r.feature]!, r.value) || (r.missing === 1 && Number.isNaN(x[r.feature]));
      r = rows.find((o) => o.tree === r.tree && o.id === (isYes ? r.yes : r.no))!;
    }
    return r;
  });
}
const lists = (rows: readonly Row[], p: string): Record<string, Attribute> => ({
  nodes_treeids: rows.map((r) => r.tree), nodes_nodeids: rows.map((r) => r.id), nodes_featureids: rows.map((r) => r.feature), nodes_values: rows.map((r) => r.value),
  nodes_modes: rows.map((r) => r.mode), nodes_truenodeids: rows.map((r) => r.yes), nodes_falsenodeids: rows.map((r) => r.no), nodes_missing_value_tracks_true: rows.map((r) => r.missing),
  [`${p}_treeids`]: rows.flatMap((r) => r.weights.map(() => r.tree)), [`${p}_nodeids`]: rows.flatMap((r) => r.weights.map(() => r.id)),
  [`${p}_ids`]: rows.flatMap((r) => r.weights.map(([t]) => t)), [`${p}_weights`]: rows.flatMap((r) => r.weights.map(([, w]) => w)),
});
const batch = 9, random = numbers(7), X = Array.from({ length: batch }, () => Array.from({ length: 4 }, () => (random() < 0.1 ? NaN : Math.round((random() * 6 - 3) * 2) / 2)));
const input = f32([batch, 4], X.flat()), reg = "ai.onnx.ml.TreeEnsembleRegressor", cls = "ai.onnx.ml.TreeEnsembleClassifier";
type Aggregate = "SUM" | "AVERAGE" | "MIN" | "MAX";
function scoresOf(rows: readonly Row[], targets: number, aggregate: Aggregate = "SUM", base: readonly number[] = []): number[] {
  return X.flatMap((x) => Array.from({ length: targets }, (_, t) => {
    const w = leaves(rows, x).flatMap((l) => l.weights.filter(([k]) => k === t).map(([, v]) => v)), sum = w.reduce((a, b) => a + b, 0);
    const all = { SUM: sum, AVERAGE: sum / new Set(rows.map((r) => r.tree)).size, MIN: w.length ? Math.min(...w) : 0, MAX: w.length ? Math.max(...w) : 0 };
    return all[aggregate] + (base[t] ?? base[0] ?? 0);
  }));
}
const regress = (rows: readonly Row[], n_targets: number, more: Record<string, Attribute> = {}, x = input) => listOf(runOp(reg, [x], { ...lists(rows, "target"), n_targets, ...more })[0]!);
const near = (got: readonly number[], want: readonly number[]) => { expect(got).toHaveLength(want.length); got.forEach((g, i) => expect(g).toBeCloseTo(want[i]!, 5)); };
const modes = Object.keys(holds);

describe("TreeEnsembleRegressor", () => {
  test.each(modes)("walks branches of %s, nested and by tables", (mode) => {
    for (const depth of [3, 10]) { const rows = forest({ depth, modes: [mode] }, depth); near(regress(rows, 1), scoresOf(rows, 1)); }
  });
  test.each([[3], [10]])("mixes modes and missing values, to a depth of %d", (depth) => {
    const rows = forest({ depth, modes, missing: true, targets: 2 }, 5);
    near(regress(rows, 2), scoresOf(rows, 2));
  });
  test.each(["SUM", "AVERAGE", "MIN", "MAX"] as const)("combines trees by %s, with base values", (aggregate) => {
    for (const depth of [2, 9]) for (const sole of [true, false]) {
      const rows = forest({ depth, targets: 3, trees: 7, sole }, depth);
      near(regress(rows, 3, { aggregate_function: aggregate, base_values: [0.5, -1, 2] }), scoresOf(rows, 3, aggregate, [0.5, -1, 2]));
    }
  });
  test("has targets that no tree speaks of, trees that are leaves, and many features", () => {
    const rows = forest({ trees: 2, depth: 9, sole: true }, 3), leaf = { ...rows[0]!, tree: 9, id: 0, mode: "LEAF", weights: [[0, 4]] as [number, number][] };
    near(regress([...rows, leaf], 2), X.flatMap((_, i) => [scoresOf([...rows, leaf], 1)[i]!, 0]));
    const wide = f32([1, 70000], Array.from({ length: 70000 }, (_, i) => (i % 7) - 3)), far = forest({ depth: 12, trees: 6, features: 70000 }, 2);
    near(regress(far, 1, {}, wide), [leaves(far, listOf(wide)).reduce((s, l) => s + l.weights[0]![1], 0)]);
  });
  test("computes in double precision where features and values are so", () => {
    const rows = forest({ depth: 9 }, 4), close = rows.map((r) => r.value + 1e-12), doubles = tensorOf("f64", [batch, 4], X.flat());
    const { nodes_values: _, ...rest } = lists(rows, "target"), moved = rows.map((r, i) => ({ ...r, value: close[i]! }));
    const got = runOp(reg, [doubles], { ...rest, n_targets: 1, nodes_values_as_tensor: tensorOf("f64", [rows.length], close) })[0]!;
    near(listOf(got), scoresOf(moved, 1));
  });
  test("takes integers", () => {
    const rows = forest({ depth: 4 }, 8), whole = X.map((x) => x.map((v) => (Number.isNaN(v) ? 0 : Math.trunc(v))));
    near(regress(rows, 1, {}, tensorOf("i64", [batch, 4], whole.flat())), whole.map((x) => leaves(rows, x).reduce((s, l) => s + l.weights[0]![1], 0)));
  });
  test.each([
    ["circle", (rows: Row[]) => { const branch = rows.find((r) => r.mode !== "LEAF" && r.id !== 0)!; branch.yes = branch.id; }],
    ["does not exist", (rows: Row[]) => { rows[0]!.no = 99; }], ["asks for feature 4", (rows: Row[]) => { rows[0]!.feature = 4; }],
    ["adds to target 1", (rows: Row[]) => { rows.find((r) => r.weights.length)!.weights[0]![0] = 1; }], ["has mode BRANCH_X", (rows: Row[]) => { rows[0]!.mode = "BRANCH_X"; }],
  ])("says what is wrong with a forest: %s", (message, spoil) => {
    const rows = forest({ depth: 3 }, 6);
    spoil(rows);
    expect(() => regress(rows, 1)).toThrow(message);
  });
});

describe("TreeEnsembleClassifier", () => {
  const classify = (rows: readonly Row[], labels: readonly number[], more: Record<string, Attribute> = {}) =>
    runOp(cls, [input], { ...lists(rows, "class"), classlabels_int64s: labels, ...more }, { outputs: 2 }).map(listOf);
  const softmax = (s: readonly number[]) => { const e = s.map((v) => Math.exp(v - Math.max(...s))), sum = e.reduce((a, b) => a + b); return e.map((v) => v / sum); };
  test.each([[2], [9]])("of three classes chooses the largest score (depth %d)", (depth) => {
    const rows = forest({ depth, targets: 3, trees: 6, sole: true }, 2), scores = scoresOf(rows, 3, "SUM", [0.1, 0.2, 0.3]), [label, probability] = classify(rows, [10, 20, 30], { post_transform: "SOFTMAX", base_values: [0.1, 0.2, 0.3] });
    const each = X.map((_, i) => scores.slice(3 * i, 3 * i + 3));
    expect(label).toEqual(each.map((s) => 10 * (1 + s.indexOf(Math.max(...s)))));
    near(probability!, each.flatMap(softmax));
  });
  test("of two classes has one score, of which the first class gets the rest or the opposite", () => {
    const rows = forest({ depth: 3 }, 3), s = scoresOf(rows, 1, "SUM", [0.25]), sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
    const [label, logistic] = classify(rows, [4, 5], { post_transform: "LOGISTIC", base_values: [0.25] }), [, plain] = classify(rows, [4, 5], { base_values: [0.25] });
    expect(label).toEqual(s.map((v) => (v > 0 ? 5 : 4)));
    near(logistic!, s.flatMap((v) => [sigmoid(-v), sigmoid(v)]));
    near(plain!, s.flatMap((v) => [-v, v]));
    const positive = rows.map((r) => ({ ...r, weights: r.weights.map(([t, w]): [number, number] => [t, Math.abs(w) / 10]) })), p = scoresOf(positive, 1), [chosen, rest] = classify(positive, [4, 5]);
    expect(chosen).toEqual(p.map((v) => (v > 0.5 ? 5 : 4)));
    near(rest!, p.flatMap((v) => [1 - v, v]));
  });
  test("names classes by strings; of one class, the other is the empty one", () => {
    const rows = forest({ depth: 3 }, 3), s = scoresOf(rows, 1, "SUM", [0.25]);
    const labels = (classlabels_strings: readonly string[]) => listOf(runOp(cls, [input], { ...lists(rows, "class"), classlabels_strings, base_values: [0.25] }, { outputs: 2 })[0]!).map(textOf);
    expect(labels(["no", "yes"])).toEqual(s.map((v) => (v > 0 ? "yes" : "no")));
    expect(labels(["yes"])).toEqual(s.map((v) => (v > 0 ? "yes" : "")));
  });
});

test("TreeEnsemble asks for members of sets, shares what two branches lead to, and takes trees of one leaf", () => {
  const attributes: Record<string, Attribute> = {
    n_targets: 2, tree_roots: [0, 2], nodes_featureids: [0, 1, 0], nodes_splits: f32([3], [0, 1, 0]), nodes_modes: tensorOf("u8", [3], [6, 0, 0]), membership_values: f32([4], [1, 2.5, -3, NaN]),
    nodes_truenodeids: [1, 0, 3], nodes_trueleafs: [0, 1, 1], nodes_falsenodeids: [2, 1, 3], nodes_falseleafs: [1, 1, 1], leaf_targetids: [0, 1, 0, 1], leaf_weights: f32([4], [10, 20, 30, 40]),
  };
  const got = listOf(runOp("ai.onnx.ml.TreeEnsemble", [input], attributes)[0]!);
  near(got, X.flatMap(([a, b]) => ([1, 2.5, -3].includes(a!) ? (b! <= 1 ? [10, 40] : [0, 60]) : [30, 40])));
  const deep = Array.from({ length: 400 }, (_, i) => i), long = listOf(runOp("ai.onnx.ml.TreeEnsemble", [input], {
    ...attributes, n_targets: 1, tree_roots: [0], nodes_featureids: deep.map(() => 0), nodes_splits: f32([400], deep.map((i) => i / 100 - 2)), nodes_modes: tensorOf("u8", [400], deep.map(() => 0)),
    nodes_truenodeids: deep, nodes_trueleafs: deep.map(() => 1), nodes_falsenodeids: deep.map((i) => (i < 399 ? i + 1 : 400)), nodes_falseleafs: deep.map((i) => Number(i === 399)),
    leaf_targetids: deep.concat(0).map(() => 0), leaf_weights: f32([401], [...deep, 400]),
  })[0]!);
  near(long, X.map(([a]) => { const i = deep.findIndex((k) => a! <= Math.fround(k / 100 - 2)); return i < 0 ? 400 : i; }));
});
