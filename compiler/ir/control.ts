/**
 * What a node with sub-graphs does, in words that inference, evaluation and compilation share: its operator's entry describes it, and none
 * of those knows its name. And the order in which pieces of a model run: plain runs of work, branches, loops.
 */
import type { Graph, ValueName, ValueType } from "./graph.ts";

/** Takes one of two graphs, by a bool of one element. Both make all outputs of the node, in its order. */
export interface Branching { readonly kind: "branch"; readonly condition: ValueName; readonly ifTrue: Graph; readonly ifFalse: Graph }
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
  readonly most?: number;
  /** An integer of one element: at most so many turns. */
  readonly limit?: ValueName;
  /** A bool of one element: whether there is a first turn. Without it, only the number of turns ends the loop, whatever the body says. */
  readonly condition?: ValueName;
}
/** What a node with sub-graphs does. */
export type Control = Branching | Looping;

/** Pieces of work `P` in the order they run, where what decides is a value `V`. */
export type Flow<P, V> = readonly Item<P, V>[];
/** One after the other: a piece, the one or the other of two flows, or one again and again. */
export type Item<P, V> =
  | { readonly kind: "piece"; readonly piece: P }
  | { readonly kind: "branch"; readonly condition: V; readonly ifTrue: Flow<P, V>; readonly ifFalse: Flow<P, V>; readonly origin: readonly string[] }
  /** At most `most` turns, and none any more where `condition` is false before it. */
  | { readonly kind: "loop"; readonly name: string; readonly most?: number; readonly condition?: V; readonly body: Flow<P, V>; readonly origin: readonly string[] };

/** The same flow over other pieces and values; pieces in the order in which they stand. */
export function mapFlow<P, V, Q, W>(flow: Flow<P, V>, piece: (p: P) => Q, value: (v: V) => W): Flow<Q, W> {
  const go = (f: Flow<P, V>): Flow<Q, W> => f.map((item): Item<Q, W> => {
    switch (item.kind) {
      case "piece": return { kind: "piece", piece: piece(item.piece) };
      case "branch": return { ...item, condition: value(item.condition), ifTrue: go(item.ifTrue), ifFalse: go(item.ifFalse) };
      case "loop": { const { condition, ...rest } = item; return { ...rest, ...(condition === undefined ? {} : { condition: value(condition) }), body: go(item.body) }; }
      default: return item satisfies never;
    }
  });
  return go(flow);
}
/** All pieces, in the order in which they stand. */
export const piecesOf = <P, V>(flow: Flow<P, V>): readonly P[] => flow.flatMap((item) => (item.kind === "piece" ? [item.piece] : item.kind === "branch" ? [...piecesOf(item.ifTrue), ...piecesOf(item.ifFalse)] : piecesOf(item.body)));

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
  /** By the loop: what is copied at the end of each of its turns, from values made in the turn to values that live on. All at once. */
  readonly carries: ReadonlyMap<string, readonly { readonly from: ValueName; readonly to: ValueName }[]>;
  readonly slices: ReadonlyMap<ValueName, SliceOf>;
  /** Of inputs, outputs, and all values that a flow, a carry or a slice names. */
  readonly types: ReadonlyMap<ValueName, ValueType>;
}
