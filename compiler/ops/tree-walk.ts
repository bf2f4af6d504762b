/**
 * A forest's scores, as two stages or one expression. Large forests are tables: every tree of a row is walked from its root to a leaf, several
 * trees at once, and the leaves' weights are combined. Small and shallow ones are comparisons inside each other, without any table.
 */
import { add, convert, less, make, select } from "../ir/algebra.ts";
import { accumulator, at, axis, type Compute, type Stage } from "../ir/compute.ts";
import { constantOf, type Constant } from "../ir/graph.ts";
import { int, plus, times } from "../ir/linear.ts";
import { constant, fail, show, type Expr } from "../ir/scalar.ts";
import { arrayOf, newArray } from "../ir/types.ts";
import { bits, type Rows } from "./forest.ts";
import { choice, dimsOf, expectShape, shapeOf, typeOf } from "./checks.ts";
import { clamp, expectType } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** Comparisons that one of the processor's decides; all others need the bits of each branch. */
const single: readonly (readonly [test: number, holds: (x: Expr, value: Expr) => Expr])[] = [
  [bits.less | bits.equal, (x, v) => make("lessEqual", x, v)], [bits.less, (x, v) => less(x, v)], [bits.equal, (x, v) => make("equal", x, v)],
  [bits.greater | bits.equal, (x, v) => make("lessEqual", v, x)], [bits.greater, (x, v) => less(v, x)],
];
/** Any test: which of the bits holds is asked of the branch's own. */
function anyTest(x: Expr, value: Expr, test: Expr): Expr {
  const bit = (b: number) => constant("u32", b);
  const holds = select(less(x, value), bit(bits.less), select(make("equal", x, value), bit(bits.equal), select(less(value, x), bit(bits.greater), bit(bits.nan))));
  return less(bit(0), make("and", test, holds));
}
/** The only test of all branches, if there is one. */
function commonTest(rows: Rows): number {
  const found = new Set([...rows.test].filter((t) => t !== 0));
  const [only] = found;
  return found.size === 0 ? bits.less : found.size === 1 && single.some(([t]) => t === only) ? only! : 0;
}
const bitsFor = (count: number): number => Math.ceil(Math.log2(Math.max(2, count)));

/** A forest's tables: a branch is `columns` words beside each other, so that one line of the cache holds it. */
export interface Tables {
  /** [rows, columns] of u32: of f32 the value's bits, the row of "no", the feature and the test; where they fit, the last three are one word. */
  readonly branches: Constant;
  /** [rows], where values are of f64. */
  readonly values: Constant | null;
  readonly attributes: Readonly<Record<string, number>>;
}
/** The tables of a forest over rows of so many features. */
export function tablesOf(rows: Rows, features: number, dtype: "f32" | "f64"): Tables {
  const count = rows.next.length, test = commonTest(rows), testBits = test ? 0 : 4, low = bitsFor(features) + testBits, packed = bitsFor(count) + low <= 32;
  const lead = dtype === "f32" ? 1 : 0, columns = lead + (packed ? 1 : 2), data = newArray("u32", count * columns) as Uint32Array;
  const values = arrayOf(dtype, rows.value), words = dtype === "f32" ? new Uint32Array(values.buffer, values.byteOffset, count) : null;
  for (let r = 0; r < count; r++) {
    const which = rows.feature[r]! * (testBits ? 16 : 1) + (testBits ? rows.test[r]! : 0);
    if (words) data[r * columns] = words[r]!;
    if (packed) data[r * columns + lead] = rows.next[r]! * 2 ** low + which;
    else { data[r * columns + lead] = rows.next[r]!; data[r * columns + lead + 1] = which; }
  }
  return {
    branches: constantOf("u32", [count, columns], data), values: words ? null : constantOf("f64", [count], values),
    attributes: { test, depth: rows.depth, low: packed ? low : 0 },
  };
}

/** One branch, from its row: what is compared with what, and where "no" leads. `word` and `value` read the tables. */
interface Step { readonly holds: Expr; readonly next: Expr; readonly value: Expr }
function stepAt(n: NodeView, row: Expr, features: readonly Expr[], word: (row: Expr, column: number) => Expr, value64: (row: Expr) => Expr): Step {
  const columns = n.in(1).shape[1]!, isWide = n.has(3), lead = isWide ? 0 : 1, low = n.int("low"), test = n.int("test"), number = (x: number) => constant("u32", x);
  const value = isWide ? value64(row) : make("bits", convert("i32", word(row, 0)));
  const which = low ? make("and", word(row, lead), number(2 ** low - 1)) : word(row, lead + 1), next = low ? make("shr", word(row, lead), number(low)) : word(row, columns - 2);
  const feature = test ? which : make("shr", which, number(4));
  const x = n.load(0, [...features, clamp(convert("index", feature), 0, n.in(0).shape[1]! - 1)]);
  return { holds: single.find(([t]) => t === test)?.[1](x, value) ?? anyTest(x, value, make("and", which, number(15))), next, value };
}
/** What the walk's steps make of the tree's root after so many turns: the row of its leaf. */
function walk(n: NodeView, root: Expr, features: readonly Expr[]): Pick<Stage, "value" | "reduce"> {
  const rows = n.in(1).shape[0]!, turn = axis("turn", n.int("depth") + 1), here = clamp(convert("index", accumulator("u32")), 0, rows - 1);
  const { holds, next } = stepAt(n, here, features, (row, column) => n.load(1, [row, int(column)]), (row) => n.load(3, [row]));
  return {
    value: select(make("equal", turn, int(0)), convert("u32", root), add(next, convert("u32", holds))),
    reduce: { op: "repeat", axes: [turn] },
  };
}
/** The weight of the leaf to which the comparisons lead, one inside the other. */
function compared(n: NodeView, root: number, features: readonly Expr[]): Expr {
  const [branches, weights, values] = [1, 2, 3].map((i) => n.constant(i)), columns = n.in(1).shape[1]!, seen = new Map<number, Expr>(), open = new Set<number>();
  const at = (row: number): Expr => {
    const known = seen.get(row);
    if (known) return known;
    if (open.has(row)) n.fail("the rows of a tree form a circle");
    open.add(row);
    const step = stepAt(n, int(row), features, (_, column) => constant("u32", branches!.data[row * columns + column]!), () => constant("f64", values!.data[row]!));
    const next = numberOf(step.next), isNone = Number.isNaN(numberOf(step.value));
    const found = next === row ? constant(n.in(2).dtype, weights!.data[row]!) : isNone ? at(next) : select(step.holds, at(next + 1), at(next));
    seen.set(row, found);
    return found;
  };
  return at(root);
}
const numberOf = (e: Expr): number => (e.kind === "const" ? Number(e.value) : fail(`${show(e)} is no number`));
/** Combined in pairs: no addition waits for more than a few others. */
function together(op: Aggregate, list: readonly Expr[]): Expr {
  if (list.length === 1) return list[0]!;
  const half = Math.ceil(list.length / 2);
  return make(op, together(op, list.slice(0, half)), together(op, list.slice(half)));
}

const aggregates = ["add", "min", "max"] as const;
/** How the weights of several trees become one score. */
export type Aggregate = (typeof aggregates)[number];
/**
 * X [N, F], branches, weights [rows] or, of leaves for several targets, [rows, targets], and values where they are of f64 -> scores
 * [N, targets]. Row `target * trees + tree` is the root of a tree, or row `tree` where leaves have weights for all targets.
 */
export const walkTrees: Op = {
  name: "mlc.WalkTrees", internal: true, since: 1, inputs: [3, 4], parameters: [1, 2, 3],
  accuracy: { relative: 1e-6, reason: "the weights of trees are added in another order" },
  attributes: {
    trees: { kind: "int" }, targets: { kind: "int" }, depth: { kind: "int" }, low: { kind: "int" }, test: { kind: "int" }, aggregate: { kind: "string" },
    nested: { kind: "int", default: 0 },
  },
  infer: (n) => {
    const dtype = typeOf(n, ["f32", "f64"], 0, 0), [rows] = shapeOf(n, 1, 2, 2), weights = shapeOf(n, 2, 1, 2), targets = n.int("targets"), trees = n.int("trees");
    expectType(n, 1, ["u32"]);
    expectShape(n, 2, weights.length > 1 ? [rows!, targets] : [rows!], "the weights of leaves");
    expectShape(n, 3, [rows!], "the values");
    choice(n, "aggregate", aggregates);
    if (n.has(3) !== (dtype === "f64") || trees < 1 || targets < 1 || (weights.length > 1 ? 1 : targets) * trees > rows!) n.fail("the tables do not fit the attributes");
    return [{ dtype: n.type(2).dtype, shape: [dimsOf(n, 0, 2, 2)[0]!, targets] }];
  },
  lower: (n): Compute => {
    const [batch] = n.in(0).shape as [number], weights = n.in(2).shape, shared = weights.length > 1, trees = n.int("trees");
    const op = choice(n, "aggregate", aggregates);
    if (n.int("nested")) return n.map(([row]) => together(op, Array.from({ length: trees }, (_, t) => compared(n, t, [row!]))));
    const row = axis("row", batch), target = axis("target", n.int("targets")), tree = axis("tree", trees);
    const axes = shared ? [row, tree] : [row, target, tree], root = shared ? tree : plus(times(target, trees), tree);
    const leaf: Stage = { name: "leaf", axes, ...walk(n, root, [row]) }, found = clamp(convert("index", at({ name: "leaf", dtype: "u32" }, ...axes)), 0, weights[0]! - 1);
    return n.compute([leaf, { name: "score", axes: [row, target], value: n.load(2, shared ? [found, target] : [found]), reduce: { op, axes: [tree] } }]);
  },
};
