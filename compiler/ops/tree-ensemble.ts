/** TreeEnsemble and its older forms: scores of a forest, and what follows them. */
import type { Constant } from "../ir/graph.ts";
import { isConstant } from "../ir/graph.ts";
import { isFloat, type DType } from "../ir/types.ts";
import type { AttributeSpec, Expander, NodeView, Op } from "./op.ts";
import { depthOf, bits, modes, rowsOf, treesOf, type Branch, type Leaf, type Listed, type Next, type Rows } from "./forest.ts";
import { choice } from "./checks.ts";
import { classOutputs, featuresOf, labelled, postTransform, postTransforms, samplesOf, type Labels, type PostTransform } from "./classes.ts";
import { expectType, forOutputs } from "./helpers.ts";
import { tablesOf, type Aggregate } from "./tree-walk.ts";

const accuracy = { absolute: 1e-6, relative: 2e-6, reason: "the weights of trees are added in another order" } as const;
/** Up to so many rows and levels, comparisons inside each other are faster than tables, and no larger. */
const nestedRows = 6000, nestedDepth = 8;

/** The elements of an attribute that is a list or a tensor. */
const numbersIn = (n: NodeView, name: string): readonly number[] => n.intsOr(name) ?? [];
function tensorIn(n: NodeView, name: string): Constant | undefined {
  const a = n.node.attributes[name];
  return a === undefined || (typeof a === "object" && !Array.isArray(a) && isConstant(a as Constant)) ? (a as Constant | undefined) : n.fail(`attribute ${name} must be a tensor`);
}
/** What stands as floats, or as a tensor of doubles. */
const floatsOf = (n: NodeView, name: string): readonly number[] => {
  const t = tensorIn(n, `${name}_as_tensor`);
  return t ? Array.from(t.data as ArrayLike<number>) : numbersIn(n, name);
};

interface Forest { readonly roots: readonly Next[]; readonly targets: number; readonly aggregate: "AVERAGE" | "SUM" | "MIN" | "MAX"; readonly base: readonly number[] }
const combined: Readonly<Record<Forest["aggregate"], Aggregate>> = { AVERAGE: "add", SUM: "add", MIN: "min", MAX: "max" };
const neutral: Readonly<Record<Aggregate, number>> = { add: 0, min: Infinity, max: -Infinity };

function leavesOf(roots: readonly Next[]): readonly Leaf[] {
  const found = new Set<Leaf>(), seen = new Set<Next>(), stack = [...roots];
  for (let x = stack.pop(); x; x = stack.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    if ("weights" in x) found.add(x); else stack.push(x.yes, x.no);
  }
  return [...found];
}
/** The only target that each tree adds to, if it is one; null where a tree has several. */
function soleTargets(roots: readonly Next[]): readonly number[] | null {
  const sole = roots.map((r) => new Set(leavesOf([r]).flatMap((l) => l.weights.map(([t]) => t))));
  return sole.every((s) => s.size <= 1) ? sole.map((s) => [...s][0] ?? 0) : null;
}
function checkForest(n: NodeView, f: Forest): void {
  const [, F] = samplesOf(n), seen = new Set<Next>(), stack = [...f.roots];
  for (let x = stack.pop(); x; x = stack.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    if ("weights" in x) {
      for (const [t] of x.weights) if (!(t >= 0 && t < f.targets)) n.fail(`a leaf adds to target ${t}, but there are ${f.targets}`);
    } else {
      if (!(x.feature >= 0 && x.feature < F)) n.fail(`a branch asks for feature ${x.feature}, but rows have ${F}`);
      stack.push(x.yes, x.no);
    }
  }
  if (f.base.length > 1 && f.base.length !== f.targets) n.fail(`there are ${f.base.length} base values for ${f.targets} targets`);
}

/** The scores [N, targets] without base values. */
function scores(n: NodeView, g: Expander, x: string, f: Forest): string {
  const { dtype } = g.typeOf(x) as { readonly dtype: "f32" | "f64" }, features = featuresOf(n), op = combined[f.aggregate], sole = soleTargets(f.roots);
  const weightOf = (leaf: Leaf | undefined, target: number) => {
    const found = (leaf?.weights ?? []).filter(([t]) => t === target).map(([, w]) => w);
    return found.length ? found.reduce((a, b) => a + b) : neutral[op];
  };
  const node = (rows: Rows, weights: string, trees: number, targets: number, nested: boolean): string => {
    const t = tablesOf(rows, features, dtype), of = (c: Constant) => g.constant(c.dtype, c.shape, c.data as Iterable<number>);
    return g.node("mlc.WalkTrees", [x, of(t.branches), weights, ...(t.values ? [of(t.values)] : [])], { ...t.attributes, trees, targets, aggregate: op, nested: Number(nested) });
  };
  const whole = rowsOf(n, f.roots), count = whole.next.length, all = Array.from({ length: f.targets }, (_, t) => t);
  const one = (rows: Rows, target: number) => g.constant(dtype, [rows.next.length], Array.from({ length: rows.next.length }, (_, r) => weightOf(rows.leaves.get(r), target)));
  const of = (target: number) => (sole ? f.roots.filter((_, i) => sole[i] === target) : f.roots);
  if (count * (sole ? 1 : f.targets) <= nestedRows && whole.depth <= nestedDepth) {
    const columns = all.map((target) => {
      const roots = of(target), rows = rowsOf(n, roots.length ? roots : [{ weights: [] }]);
      return node(rows, one(rows, target), Math.max(1, roots.length), 1, true);
    });
    return columns.length === 1 ? columns[0]! : g.node("Concat", columns, { axis: 1 });
  }
  if (!sole) {
    const table = Array.from({ length: count }, (_, r) => all.map((t) => weightOf(whole.leaves.get(r), t))).flat();
    return node(whole, g.constant(dtype, [count, f.targets], table), f.roots.length, f.targets, false);
  }
  // As many trees for each target: what is missing are leaves that add nothing.
  const most = Math.max(...all.map((t) => of(t).length), 1), none: Leaf = { weights: [] };
  const rows = rowsOf(n, all.flatMap((t) => [...of(t), ...Array.from({ length: most - of(t).length }, () => none)]));
  const target = new Map(f.roots.flatMap((r, i) => leavesOf([r]).map((l) => [l, sole[i]!] as const)));
  const weights = Array.from({ length: rows.next.length }, (_, r) => { const l = rows.leaves.get(r); return l && l !== none ? weightOf(l, target.get(l)!) : neutral[op]; });
  return node(rows, g.constant(dtype, [weights.length], weights), most, f.targets, false);
}
/** X as floats, in rows. */
function rowsIn(n: NodeView, g: Expander): string {
  const { dtype, shape } = n.type(0), x = n.node.inputs[0]!, rows = shape.length === 1 ? g.node("Reshape", [x, g.constant("i64", [2], [1, featuresOf(n)])]) : x;
  return isFloat(dtype) ? rows : g.node("Cast", [rows], { to: 1 });
}
/** Scores with the base values, in the type of the computation. */
function whole(n: NodeView, g: Expander, f: Forest): string {
  const x = rowsIn(n, g), { dtype } = g.typeOf(x), number = (v: number) => g.constant(dtype, [], [v]);
  let s = scores(n, g, x, f);
  if (f.aggregate === "AVERAGE") s = g.node("Div", [s, number(f.roots.length)]);
  // No tree has said anything about such a target.
  if (f.aggregate === "MIN" || f.aggregate === "MAX") s = g.node("Where", [g.node("Equal", [s, number(neutral[combined[f.aggregate]])]), number(0), s]);
  return f.base.some((b) => b !== 0) ? g.node("Add", [s, g.constant(dtype, [f.base.length], f.base)]) : s;
}

const listed: Readonly<Record<string, AttributeSpec>> = {
  ...Object.fromEntries(["falsenodeids", "featureids", "missing_value_tracks_true", "nodeids", "treeids", "truenodeids"].map((a) => [`nodes_${a}`, { kind: "ints", optional: true } as const])),
  ...Object.fromEntries(["hitrates", "values"].flatMap((a) => [[`nodes_${a}`, { kind: "floats", optional: true } as const], [`nodes_${a}_as_tensor`, { kind: "tensor", optional: true } as const]])),
  nodes_modes: { kind: "strings", optional: true }, base_values: { kind: "floats", optional: true }, base_values_as_tensor: { kind: "tensor", optional: true },
  post_transform: { kind: "string", default: "NONE" },
};
const votes = (p: "class" | "target"): Readonly<Record<string, AttributeSpec>> => ({
  ...Object.fromEntries(["ids", "nodeids", "treeids"].map((a) => [`${p}_${a}`, { kind: "ints", optional: true } as const])),
  [`${p}_weights`]: { kind: "floats", optional: true }, [`${p}_weights_as_tensor`]: { kind: "tensor", optional: true },
});
const read = new WeakMap<object, Forest>();
/** What `make` reads of a node's attributes, once. */
function once(n: NodeView, make: () => Forest): Forest {
  const known = read.get(n.node.attributes) ?? make();
  read.set(n.node.attributes, known);
  checkForest(n, known);
  return known;
}
const listedForest = (n: NodeView, p: "class" | "target", targets: number, aggregate: Forest["aggregate"]): Forest => once(n, () => {
  const ids = numbersIn(n, `${p}_ids`), trees = numbersIn(n, `${p}_treeids`), nodes = numbersIn(n, `${p}_nodeids`), weights = floatsOf(n, `${p}_weights`);
  if ([trees, nodes, weights].some((l) => l.length !== ids.length)) n.fail(`the lists ${p}_ids, ${p}_treeids, ${p}_nodeids and ${p}_weights differ in length`);
  const l: Listed = {
    trees: numbersIn(n, "nodes_treeids"), ids: numbersIn(n, "nodes_nodeids"), features: numbersIn(n, "nodes_featureids"), values: floatsOf(n, "nodes_values"),
    modes: n.stringsOr("nodes_modes") ?? [], yes: numbersIn(n, "nodes_truenodeids"), no: numbersIn(n, "nodes_falsenodeids"), missing: numbersIn(n, "nodes_missing_value_tracks_true"),
    weights: ids.map((target, i) => ({ tree: trees[i]!, id: nodes[i]!, target, weight: weights[i]! })),
  };
  return ending(n, { roots: treesOf(n, l), targets, aggregate, base: floatsOf(n, "base_values") });
});
/** Fails where a walk may go on without end. */
const ending = (n: NodeView, f: Forest): Forest => { depthOf(n, f.roots); return f; };
const inputTypes: readonly DType[] = ["f32", "f64", "i64", "i32"];

const regressor: Op = {
  name: "ai.onnx.ml.TreeEnsembleRegressor", since: 3, inputs: [1, 1], sizes: true, accuracy,
  attributes: { ...listed, ...votes("target"), n_targets: { kind: "int" }, aggregate_function: { kind: "string", default: "SUM" } },
  infer: (n) => {
    expectType(n, 0, inputTypes);
    choice(n, "post_transform", postTransforms);
    listedForest(n, "target", n.int("n_targets"), choice(n, "aggregate_function", ["AVERAGE", "SUM", "MIN", "MAX"]));
    return [{ dtype: "f32", shape: [samplesOf(n)[0], n.int("n_targets")] }];
  },
  expand: (n, g) => {
    const f = listedForest(n, "target", n.int("n_targets"), choice(n, "aggregate_function", ["AVERAGE", "SUM", "MIN", "MAX"]));
    return [postTransform(g, asFloat(g, whole(n, g, f)), choice(n, "post_transform", postTransforms))];
  },
};
const asFloat = (g: Expander, x: string): string => (g.typeOf(x).dtype === "f32" ? x : g.node("Cast", [x], { to: 1 }));
const labelsOf = (n: NodeView): Labels => labelled(n, "classlabels_int64s");
const classifier: Op = {
  name: "ai.onnx.ml.TreeEnsembleClassifier", since: 3, inputs: [1, 1], outputs: [1, 2], sizes: true, accuracy,
  attributes: { ...listed, ...votes("class"), classlabels_int64s: { kind: "ints", optional: true }, classlabels_strings: { kind: "strings", optional: true } },
  infer: (n) => {
    expectType(n, 0, inputTypes);
    choice(n, "post_transform", postTransforms);
    const { dtype, values } = labelsOf(n), count = values.length;
    listedForest(n, "class", count, "SUM");
    return forOutputs(n, [{ dtype, shape: [samplesOf(n)[0]] }, { dtype: "f32", shape: [samplesOf(n)[0], Math.max(2, count)] }]);
  },
  expand: (n, g) => {
    const labels = labelsOf(n), f = listedForest(n, "class", labels.values.length, "SUM"), ids = new Set(numbersIn(n, "class_ids")), [only] = ids;
    const binary = labels.values.length <= 2 && ids.size === 1, weights = floatsOf(n, "class_weights");
    const s = whole(n, g, binary && only === 0 && f.base.length < 2 ? { ...f, targets: 1 } : f);
    return classOutputs(n, g, asFloat(g, s), labels, { post: choice(n, "post_transform", postTransforms), decides: binary ? (weights.every((w) => w >= 0) ? 0.5 : 0) : null });
  },
};

const modeNames = Object.keys(modes), member = 6, posts: readonly PostTransform[] = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"];
const aggregateNames: readonly Forest["aggregate"][] = ["AVERAGE", "SUM", "MIN", "MAX"];
/** The forest of the newest form: branches and leaves in lists of their own. */
const forestOf = (n: NodeView): Forest => once(n, () => {
  const tensor = (name: string) => tensorIn(n, name) ?? n.fail(`attribute ${name} is missing`), list = (name: string) => numbersIn(n, name);
  const kinds = Array.from(tensor("nodes_modes").data as ArrayLike<number>), splits = tensor("nodes_splits").data as ArrayLike<number>, features = list("nodes_featureids");
  const weights = tensor("leaf_weights").data as ArrayLike<number>, targets = list("leaf_targetids"), missing = list("nodes_missing_value_tracks_true");
  const [yes, no] = (["true", "false"] as const).map((p) => ({ ids: list(`nodes_${p}nodeids`), leaves: list(`nodes_${p}leafs`) })) as [Ends, Ends];
  for (const [name, l] of Object.entries({ featureids: features, splits, truenodeids: yes.ids, trueleafs: yes.leaves, falsenodeids: no.ids, falseleafs: no.leaves })) {
    if (l.length !== kinds.length) n.fail(`nodes_${name} has ${l.length} entries, but there are ${kinds.length} nodes`);
  }
  if (weights.length !== targets.length) n.fail(`there are ${weights.length} weights for ${targets.length} targets of leaves`);
  const leaves: readonly Leaf[] = targets.map((t, i) => ({ weights: [[t, weights[i]!]] })), none: Leaf = { weights: [] };
  const sets = setsOf(n), chains = kinds.map((kind, i): readonly Branch[] => {
    const of = (value: number, test: number): Branch => ({ feature: features[i]!, value, test: missing[i] ? test | bits.nan : test, yes: none, no: none });
    if (kind !== member) return [of(splits[i]!, modes[modeNames[kind] ?? ""] ?? n.fail(`a node has mode ${kind}; it can be 0 to ${member}`))];
    const values = sets.shift() ?? n.fail("there are fewer sets of membership_values than nodes that ask for one");
    return (values.length ? values : [NaN]).map((v) => of(v, bits.equal));
  });
  const firsts = chains.map((c) => c[0]!), to = (e: Ends, i: number): Next => (e.leaves[i] ? leaves : firsts)[e.ids[i]!] ?? n.fail(`a node leads to ${e.leaves[i] ? "leaf" : "node"} ${e.ids[i]}, which does not exist`);
  chains.forEach((chain, i) => chain.forEach((b, k) => { b.yes = to(yes, i); b.no = chain[k + 1] ?? to(no, i); }));
  const roots = list("tree_roots").map((r): Next => {
    const [first] = chains[r] ?? n.fail(`tree_roots names node ${r}, which does not exist`);
    return yes.leaves[r] && no.leaves[r] && yes.ids[r] === no.ids[r] ? first!.yes : first!;
  });
  if (roots.length === 0) n.fail("tree_roots names no tree");
  return ending(n, { roots, targets: n.int("n_targets"), aggregate: aggregateNames[n.int("aggregate_function")] ?? n.fail(`attribute aggregate_function is ${n.int("aggregate_function")}; it can be 0 to 3`), base: [] });
});
interface Ends { readonly ids: readonly number[]; readonly leaves: readonly number[] }
/** The sets of membership_values, each ended by NaN. */
function setsOf(n: NodeView): number[][] {
  const sets: number[][] = [];
  let open: number[] = [];
  for (const v of (tensorIn(n, "membership_values")?.data ?? []) as Iterable<number>) {
    if (Number.isNaN(v)) { sets.push(open); open = []; } else open.push(v);
  }
  return open.length ? [...sets, open] : sets;
}
const tensors = ["nodes_splits", "nodes_modes", "leaf_weights"], lists = ["tree_roots", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids", "nodes_trueleafs", "nodes_falseleafs", "leaf_targetids"];
const ensemble: Op = {
  name: "ai.onnx.ml.TreeEnsemble", since: 5, inputs: [1, 1], sizes: true, accuracy,
  attributes: {
    ...Object.fromEntries(tensors.map((a) => [a, { kind: "tensor" } as const])), ...Object.fromEntries(lists.map((a) => [a, { kind: "ints" } as const])),
    nodes_hitrates: { kind: "tensor", optional: true }, membership_values: { kind: "tensor", optional: true }, nodes_missing_value_tracks_true: { kind: "ints", optional: true },
    n_targets: { kind: "int" }, aggregate_function: { kind: "int", default: 1 }, post_transform: { kind: "int", default: 0 },
  },
  infer: (n) => {
    expectType(n, 0, ["f32", "f64"]);
    forestOf(n);
    if (!posts[n.int("post_transform")]) n.fail(`attribute post_transform is ${n.int("post_transform")}; it can be 0 to ${posts.length - 1}`);
    return [{ dtype: n.type(0).dtype, shape: [samplesOf(n)[0], n.int("n_targets")] }];
  },
  expand: (n, g) => [postTransform(g, whole(n, g, forestOf(n)), posts[n.int("post_transform")]!)],
};
/** TreeEnsemble, TreeEnsembleClassifier, TreeEnsembleRegressor. */
export const treeEnsembles: readonly Op[] = [ensemble, classifier, regressor];
