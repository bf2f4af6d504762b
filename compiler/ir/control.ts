/**
 * What a node with sub-graphs does, in words that inference, evaluation and compilation share: its operator's entry describes it, and none
 * of those knows its name. And the order in which pieces of a model run: plain runs of work, branches, loops.
 */
import type { Dim, Graph, ValueName, ValueType } from "./graph.ts";
import { make } from "./algebra.ts";
import { int } from "./linear.ts";
import type { Var } from "./scalar.ts";
import type { Equality } from "./symbols.ts";

/** A symbol for a size that the branches give the node's outputs, where they differ. */
export interface BranchSize { readonly symbol: Var; readonly ifTrue: Dim; readonly ifFalse: Dim }
/** Takes one of two graphs, by a bool of one element. Both make all outputs of the node, in its order. */
export interface Branching { readonly kind: "branch"; readonly condition: ValueName; readonly ifTrue: Graph; readonly ifFalse: Graph; readonly sizes: readonly BranchSize[] }
/** A symbol whose value changes from turn to turn: `first` before the first turn, and `next` after a turn, in terms of what holds in that turn. */
export interface LoopSize { readonly symbol: Var; readonly first: Dim; readonly next: Dim }
/** How a tensor is cut along an axis, an element for each turn; the last one first where `reverse`. */
export interface Cut { readonly axis: number; readonly reverse: boolean }
/** What the body of a loop is given: the number of the turn, true, what the turn before has left (at first `first`), or a slice of a tensor. */
export type Given = { readonly is: "turn" } | { readonly is: "condition" } | { readonly is: "carried"; readonly first: ValueName } | ({ readonly is: "slice"; readonly of: ValueName } & Cut);
/** What it leaves: whether there is to be another turn, what the next one is given, or a slice of an output of the node. */
export type Left = { readonly is: "condition" } | { readonly is: "carried" } | ({ readonly is: "slice" } & Cut);
/**
 * Repeats a graph. The node's outputs are what the last turn has left of each carried value, and then the tensors that slices make. There
 * are as many values carried in as out, in one order.
 */
export interface Looping {
  readonly kind: "loop";
  readonly body: Graph;
  /** For each input and output of the body. */
  readonly given: readonly Given[];
  readonly left: readonly Left[];
  /** At most so many turns, if that is known. Slices have room for no more. */
  readonly most?: Dim;
  /** With a limit or a condition, where the model states it: how many slices outputs have; those behind the last turn are 0. Else they have one for each turn that was taken. */
  readonly room?: number;
  /** An integer of one element: at most so many turns. */
  readonly limit?: ValueName;
  /** A bool of one element: whether there is a first turn. Without it, only the number of turns ends the loop, whatever the body says. */
  readonly condition?: ValueName;
  readonly sizes: readonly LoopSize[];
}
/** Attribute of a node with sub-graphs: of each symbol in `sizes`, the symbol and what it is worth. Inference makes it; no model has it. */
export const sizesAttribute = "sizes_found";
/** Whether the symbol is the number of turns taken. */
export const countsTurns = ({ symbol, first, next }: LoopSize): boolean => first === 0 && next === make("add", symbol, int(1));
/** What a node with sub-graphs does. */
export type Control = Branching | Looping;

/** Pieces of work `P` in the order they run, where what decides is a value `V`. */
export type Flow<P, V> = readonly Item<P, V>[];
/** What lives on at the end of a branch or of a turn: values that are copied, and what symbols become, all at once. Sizes that must be equal are so from there on. */
export interface Leave<V> {
  readonly kind: "leave";
  readonly moves: readonly { readonly from: V; readonly to: V }[];
  readonly sizes: readonly { readonly symbol: Var; readonly value: Dim }[];
  readonly equalities: readonly Equality[];
  readonly origin: readonly string[];
}
/** One after the other: a piece, what lives on, the one or the other of two flows, or one again and again. */
export type Item<P, V> =
  | { readonly kind: "piece"; readonly piece: P }
  | Leave<V>
  | { readonly kind: "branch"; readonly condition: V; readonly ifTrue: Flow<P, V>; readonly ifFalse: Flow<P, V>; readonly origin: readonly string[] }
  /** At most `most` turns, and none any more where `condition` is false before it. */
  | { readonly kind: "loop"; readonly name: string; readonly most?: Dim; readonly condition?: V; readonly body: Flow<P, V>; readonly origin: readonly string[] };

/** The same flow over other pieces and values; pieces in the order in which they stand. */
export function mapFlow<P, V, Q, W>(flow: Flow<P, V>, piece: (p: P) => Q, value: (v: V) => W): Flow<Q, W> {
  const go = (f: Flow<P, V>): Flow<Q, W> => f.map((item): Item<Q, W> => {
    switch (item.kind) {
      case "piece": return { kind: "piece", piece: piece(item.piece) };
      case "leave": return { ...item, moves: item.moves.map((m) => ({ from: value(m.from), to: value(m.to) })) };
      case "branch": return { ...item, condition: value(item.condition), ifTrue: go(item.ifTrue), ifFalse: go(item.ifFalse) };
      case "loop": { const { condition, ...rest } = item; return { ...rest, ...(condition === undefined ? {} : { condition: value(condition) }), body: go(item.body) }; }
      default: return item satisfies never;
    }
  });
  return go(flow);
}
/** All pieces, in the order in which they stand. */
export const piecesOf = <P, V>(flow: Flow<P, V>): readonly P[] => flow.flatMap((item) => (item.kind === "piece" ? [item.piece] : flowsIn(item).flatMap(piecesOf)));
/** The flows inside one item. */
export const flowsIn = <P, V>(item: Item<P, V>): readonly Flow<P, V>[] => (item.kind === "branch" ? [item.ifTrue, item.ifFalse] : item.kind === "loop" ? [item.body] : []);

/** A value inside a loop that is the element of a tensor, along its first dimension, that the turn has. */
export interface SliceOf { readonly of: ValueName; readonly loop: string; readonly reverse: boolean }
/** A model cut at its control flow: plain pieces, and the values that lead from one to another. Each value has one name in all of them. */
export interface Regions<P> {
  readonly name: string;
  readonly inputs: readonly ValueName[];
  readonly outputs: readonly ValueName[];
  /** What the model calls its outputs. */
  readonly outputNames: readonly ValueName[];
  readonly flow: Flow<P, ValueName>;
  readonly slices: ReadonlyMap<ValueName, SliceOf>;
  /** Of inputs, outputs, and all values that a flow or a slice names. */
  readonly types: ReadonlyMap<ValueName, ValueType>;
  /** What each run must have, as soon as all symbols in it are known. */
  readonly equalities?: readonly Equality[];
}
