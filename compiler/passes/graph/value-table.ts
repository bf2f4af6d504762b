/** What is known of the values of a graph while its types are inferred. */
import {
  isStatic, namesIn, type Constant, type Dim, type Graph, type SizeList, type TensorType, type ValueName, type ValueType,
} from "../../ir/graph.ts";
import { range } from "../../ir/linear.ts";
import { variables } from "../../ir/scalar.ts";
import type { Composite, Values } from "./walk.ts";

const isBounded = (t: ValueType): boolean => t.shape.every((d) => typeof d === "number" || range(d).every(Number.isFinite));
/** Symbols in sizes, each once. */
export const symbolsIn = (dims: readonly Dim[]): ReadonlySet<string> => new Set(dims.flatMap((d) => (typeof d === "number" ? [] : [...variables(d)])));

/** Asks the graphs around, too; what is set is this graph's. */
export class ValueTable implements Values {
  readonly types = new Map<ValueName, ValueType>();
  readonly constants: Map<ValueName, Constant>;
  readonly sizes = new Map<ValueName, SizeList>();
  readonly composites: Map<ValueName, Composite>;
  /** Types that the model states. */
  readonly stated: Map<ValueName, ValueType>;
  /** Values of, or behind, nodes with an error: their types are at best those that the model states. */
  readonly doubtful = new Set<ValueName>();
  /** Values from which symbols are known that inputs' shapes do not tell. */
  readonly measures = new Map<string, ValueName>();
  private readonly outer: ValueTable | undefined;
  /** The values of the graph as it was given. */
  private readonly own: ReadonlySet<ValueName>;
  /** All names of values and nodes, in sub-graphs too. */
  private readonly names: Set<string>;
  private readonly nextSuffix = new Map<string, number>();

  /** `given`, `composites`: as in `Walk.within`. */
  constructor(g: Graph, outer?: ValueTable, given: ReadonlyMap<ValueName, ValueType | Constant> = new Map(), composites: ReadonlyMap<ValueName, Composite> = new Map()) {
    this.outer = outer; this.constants = new Map(g.constants); this.stated = new Map(g.types); this.composites = new Map(composites);
    this.names = outer?.names ?? new Set(namesIn(g));
    this.own = new Set([...g.inputs, ...g.constants.keys(), ...g.nodes.flatMap((n) => n.outputs)]);
    for (const [v, c] of g.constants) this.setType(v, c);
    for (const v of g.inputs) { const t = g.types.get(v); if (t && isBounded(t)) this.types.set(v, t); }
    for (const [v, t] of given) { if ("data" in t) this.setConstant(v, t); else this.setType(v, t); }
  }
  /** Where a name means a value of the graphs around; a value of this graph may be called like one of those. */
  private around(v: ValueName): ValueTable | undefined { return this.isOwn(v) ? undefined : this.outer; }
  /** Whether a name means a value of the graph as it was given. */
  isOwn(v: ValueName): boolean { return this.own.has(v); }
  typeOf(v: ValueName): ValueType | undefined { return this.types.get(v) ?? this.around(v)?.typeOf(v); }
  constantOf(v: ValueName): Constant | undefined { return this.constants.get(v) ?? this.around(v)?.constantOf(v); }
  partsOf(v: ValueName): Composite | undefined { return this.composites.has(v) ? this.composites.get(v) : this.around(v)?.partsOf(v); }
  known(v: ValueName): Constant | SizeList | undefined { return this.sizes.get(v) ?? this.constants.get(v) ?? this.around(v)?.known(v); }
  isDoubtful(v: ValueName): boolean { return this.doubtful.has(v) || (this.around(v)?.isDoubtful(v) ?? false); }
  /** The type that the model states, if it is fully known. */
  statedOf(v: ValueName): TensorType | undefined { const t = this.stated.get(v); return t && isStatic(t) ? t : undefined; }
  private measureOf(symbol: string): ValueName | undefined { return this.measures.get(symbol) ?? this.outer?.measureOf(symbol); }
  /** The values that give a list of sizes those of its symbols that inputs' shapes do not. */
  measuring(list: SizeList): readonly ValueName[] { return [...symbolsIn(list.dims)].flatMap((s) => this.measureOf(s) ?? []); }
  setType(v: ValueName, { dtype, shape }: ValueType): void { this.types.set(v, { dtype, shape }); }
  setConstant(v: ValueName, c: Constant): void { this.constants.set(v, c); this.setType(v, c); }
  /** A name that nothing has, taken from here on. */
  unused(wanted: string): string {
    let name = wanted, i = this.nextSuffix.get(wanted) ?? 2;
    for (; this.names.has(name); i++) name = `${wanted}_${i}`;
    this.nextSuffix.set(wanted, i);
    this.names.add(name);
    return name;
  }
}
