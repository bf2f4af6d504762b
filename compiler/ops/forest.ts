/** Decision trees as data: what the forms of TreeEnsemble say, and the tables in which kernels walk them. */
import { arrayOf } from "../ir/types.ts";
import type { NodeView } from "./op.ts";

/** How a feature compares with a branch's value; a branch is taken where its test holds one of the bits. */
export const bits = { less: 1, equal: 2, greater: 4, nan: 8 } as const;
/** The bits of ONNX's node modes, by their names without BRANCH_. */
export const modes: Readonly<Record<string, number>> = {
  LEQ: bits.less | bits.equal, LT: bits.less, GTE: bits.greater | bits.equal, GT: bits.greater, EQ: bits.equal, NEQ: bits.less | bits.greater | bits.nan,
};
/** Where a walk goes on: to another branch, or to a leaf that adds weights to targets. */
export type Next = Branch | Leaf;
/** A comparison of a feature. */
export interface Branch { readonly feature: number; readonly value: number; readonly test: number; yes: Next; no: Next }
/** The end of a walk; no weights where it adds nothing. */
export interface Leaf { readonly weights: readonly (readonly [target: number, weight: number])[] }
const isLeaf = (x: Next): x is Leaf => "weights" in x;

/** The most branches from any root to a leaf. Fails where a walk could go round in a circle. */
export function depthOf(n: NodeView, roots: readonly Next[]): number {
  const depth = new Map<Next, number>(), open = new Set<Next>();
  for (const root of roots) {
    const stack: Next[] = [root];
    while (stack.length) {
      const x = stack.at(-1)!;
      if (isLeaf(x) || depth.has(x)) { if (isLeaf(x)) depth.set(x, 0); stack.pop(); continue; }
      const left = [x.yes, x.no].filter((y) => !depth.has(y));
      if (left.length === 0) { depth.set(x, 1 + Math.max(depth.get(x.yes)!, depth.get(x.no)!)); open.delete(x); stack.pop(); continue; }
      open.add(x);
      for (const y of left) { if (open.has(y)) n.fail("the nodes of a tree form a circle"); stack.push(y); }
    }
  }
  return roots.reduce((most, r) => Math.max(most, depth.get(r)!), 0);
}

/**
 * A forest in rows: row r < roots is where tree r begins; the two rows after a branch stand beside each other, "no" first. A leaf leads to
 * itself and passes no test, so a walk may go on there for ever.
 */
export interface Rows {
  readonly feature: Uint32Array;
  readonly test: Uint8Array;
  /** NaN at leaves. */
  readonly value: Float64Array;
  /** The row of "no". */
  readonly next: Uint32Array;
  readonly leaves: ReadonlyMap<number, Leaf>;
  /** How many steps lead from any root to its leaf. */
  readonly depth: number;
}
/** What two branches lead to stands once; the others have a step more, to the row where it stands. */
export function rowsOf(n: NodeView, roots: readonly Next[]): Rows {
  const depth = depthOf(n, roots), feature: number[] = [], test: number[] = [], value: number[] = [], next: number[] = [], leaves = new Map<number, Leaf>();
  const placed = new Map<Next, number>(), add = (count: number): number => {
    for (let i = 0; i < count; i++) { feature.push(0); test.push(0); value.push(NaN); next.push(next.length); }
    return next.length - count;
  };
  add(roots.length);
  let jumps = 0;
  for (const [r, root] of roots.entries()) {
    const stack: (readonly [number, Next])[] = [[r, root]];
    while (stack.length) {
      const [row, x] = stack.pop()!, known = placed.get(x);
      if (isLeaf(x)) { leaves.set(row, x); continue; }
      if (known !== undefined) { next[row] = known; jumps = 1; continue; }
      placed.set(x, row);
      const pair = add(2);
      feature[row] = x.feature; test[row] = x.test; value[row] = x.value; next[row] = pair;
      stack.push([pair + 1, x.yes], [pair, x.no]);
    }
  }
  return { feature: Uint32Array.from(feature), test: Uint8Array.from(test), value: arrayOf("f64", value) as Float64Array, next: Uint32Array.from(next), leaves, depth: depth * (1 + jumps) };
}

/** Arrays of one entry per node, as TreeEnsembleClassifier and TreeEnsembleRegressor have them. */
export interface Listed {
  readonly trees: readonly number[];
  readonly ids: readonly number[];
  readonly features: readonly number[];
  readonly values: ArrayLike<number>;
  readonly modes: readonly string[];
  readonly yes: readonly number[];
  readonly no: readonly number[];
  readonly missing: readonly number[];
  /** Entries of leaves: which node, which target, how much. */
  readonly weights: readonly { readonly tree: number; readonly id: number; readonly target: number; readonly weight: number }[];
}
/** The roots of the trees, in the order of their first nodes. */
export function treesOf(n: NodeView, l: Listed): readonly Next[] {
  const key = (tree: number, id: number) => `${tree}:${id}`, place = new Map<string, number>(), count = l.ids.length;
  const lists: readonly [string, ArrayLike<unknown>][] = [["treeids", l.trees], ["featureids", l.features], ["values", l.values], ["modes", l.modes], ["truenodeids", l.yes], ["falsenodeids", l.no]];
  for (const [name, list] of lists) if (list.length !== count) n.fail(`nodes_${name} has ${list.length} entries, but there are ${count} nodes`);
  l.ids.forEach((id, i) => {
    if (place.has(key(l.trees[i]!, id))) n.fail(`tree ${l.trees[i]} has two nodes ${id}`);
    place.set(key(l.trees[i]!, id), i);
  });
  const entries = new Map<number, (readonly [number, number])[]>();
  for (const { tree, id, target, weight } of l.weights) {
    const at = place.get(key(tree, id)) ?? n.fail(`a weight belongs to node ${id} of tree ${tree}, which does not exist`);
    entries.set(at, [...(entries.get(at) ?? []), [target, weight]]);
  }
  const none: Leaf = { weights: [] }, made: Next[] = l.modes.map((mode, i): Next => {
    if (mode === "LEAF") return { weights: entries.get(i) ?? [] };
    const test = modes[mode.replace(/^BRANCH_/, "")] ?? n.fail(`a node has mode ${mode}; it can be LEAF, ${Object.keys(modes).map((m) => `BRANCH_${m}`).join(", ")}`);
    return { feature: l.features[i]!, value: l.values[i]!, test: l.missing[i] ? test | bits.nan : test, yes: none, no: none };
  });
  const inner = new Set<number>();
  made.forEach((x, i) => {
    if (isLeaf(x)) return;
    const to = (id: number): Next => {
      const at = place.get(key(l.trees[i]!, id)) ?? n.fail(`node ${l.ids[i]} of tree ${l.trees[i]} leads to node ${id}, which does not exist`);
      inner.add(at);
      return made[at]!;
    };
    x.yes = to(l.yes[i]!);
    x.no = to(l.no[i]!);
  });
  const found = new Map<number, Next>();
  l.trees.forEach((tree, i) => { if (!inner.has(i) && !found.has(tree)) found.set(tree, made[i]!); });
  for (const tree of new Set(l.trees)) if (!found.has(tree)) n.fail(`tree ${tree} has no root: the nodes of a tree form a circle`);
  return [...found.values()];
}
