/** The walk over a graph on which its values get their types, as those see it who type some kinds of node for it: what they may ask and say. */
import type { Diagnostic } from "../../diagnostics.ts";
import type { Constant, Graph, Node, ValueName, ValueType } from "../../ir/graph.ts";
import type { NodeView, Op, Parts } from "../../ops/op.ts";

/** `graph` is typed throughout only where no diagnostic is an error. */
export interface Inferred { readonly graph: Graph; readonly diagnostics: readonly Diagnostic[] }
/** What a value consists of that is no tensor. */
export type Composite = Exclude<Parts, string>;
/** What is known of values by now: those of a graph, and of the graphs around it where they have no others of that name. */
export interface Values {
  /** The type of a tensor, as far as it is known. */
  typeOf(v: ValueName): ValueType | undefined;
  constantOf(v: ValueName): Constant | undefined;
  /** Undefined for tensors and what is not known. */
  partsOf(v: ValueName): Composite | undefined;
}
/** A sub-graph that was typed, with what is known of its values. */
export interface Within extends Inferred { readonly values: Values }

/** The graph while its types are inferred. What is put into it is typed, and folded, at once. */
export interface Around {
  readonly values: Values;
  readonly diagnostics: readonly Diagnostic[];
  /** A name that nothing has. */
  readonly unused: (wanted: string) => string;
  node(n: Node): void;
  /** The node, typed by now, that makes a value of this graph or of those around it. */
  readonly made: (v: ValueName) => Node | undefined;
  /** A new constant. */
  give(c: Constant, wanted: string): ValueName;
  /** Lets `parts` be what `v`, a value of node `n`, consists of. */
  define(v: ValueName, parts: Parts, n: Node): void;
  /** Puts the nodes of a sub-graph here, to make the outputs of `n`. `inputs`: which values those of the sub-graph are. */
  branch(n: Node, body: Graph, inputs: ReadonlyMap<ValueName, ValueName>): void;
  /** Throws Unsupported where bodies written out have become too many nodes, these included. */
  afford(nodes: number): void;
}
/** The same for whoever types a node himself. */
export interface Walk extends Around {
  /** Whether numbers on which shapes depend may become sizes that a run measures, in sub-graphs as well. */
  measuring: boolean;
  /** How many nodes lacked such numbers so far while they might not. */
  lacking(): number;
  readonly ops: ReadonlyMap<string, Op>;
  /** What was said so far: whoever tries something else takes back what the last trial said. */
  readonly diagnostics: Diagnostic[];
  /** The node as its entry sees it; `outputs`: their types, once they are known. */
  view(n: Node, op: Op, outputs?: readonly ValueType[]): NodeView;
  /** What an entry says of a node; null where it objects, which is reported. `what`: what it is asked for. */
  asked<T>(n: Node, what: string, f: () => T): T | null;
  /** Types of the outputs of a node of the right form, by its entry; null where that objects, which is reported. */
  infer(n: Node, op: Op): readonly ValueType[] | null;
  /** Lets a node stay, or what it folds to. `found`: types of its outputs, null where they could not be told. `doubtful`: something that it reads is behind an error. */
  keep(n: Node, op: Op | undefined, found: readonly ValueType[] | null, doubtful: boolean): void;
  /** Types a sub-graph, and says nothing here. `given`: types of its inputs, and those among them that are known; `composites`: those that are no tensors. */
  within(g: Graph, given?: ReadonlyMap<ValueName, ValueType | Constant>, composites?: ReadonlyMap<ValueName, Composite>): Within;
  /** The graph, once what was said of it is said here. */
  accepted(inner: Inferred): Graph;
  /** Lets a symbol be known from a value. */
  measured(symbol: string, v: ValueName): void;
}
