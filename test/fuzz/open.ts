/** Graphs with sizes that only a run knows: how they grow, what their inputs look like, and which sizes are tried. */
import { capturedBy, isGraph, isStatic, type Dim, type Graph, type Node, type ValueType } from "../../compiler/ir/graph.ts";
import { range } from "../../compiler/ir/linear.ts";
import { parameter, type Var } from "../../compiler/ir/scalar.ts";
import { symbolNamed } from "../../compiler/ir/symbols.ts";
import { Unsupported } from "../../compiler/ops/op.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { Builder } from "../support/graph-builder.ts";
import type { Draw } from "./draw.ts";

/** The nodes, in their order, that some values depend on. */
export function behind(nodes: readonly Node[], values: Iterable<string>): readonly Node[] {
  const wanted = new Set(values);
  return nodes.toReversed().filter((n) => {
    if (!n.outputs.some((o) => wanted.has(o))) return false;
    for (const v of [...n.inputs, ...capturedBy(n)]) wanted.add(v);
    return true;
  }).toReversed();
}
/** The graph with types throughout, and what a model computes of sizes known. Throws Unsupported where it does not hold together. */
export function typed(g: Graph): Graph {
  const { graph, diagnostics } = inferTypes(g, { fold: foldWithin() }), errors = diagnostics.filter((d) => d.severity === "error");
  if (errors.length) throw new Unsupported(errors.map((d) => `${d.node ?? ""}: ${d.message}`).join("; "));
  return graph;
}
/** Whether a graph, or one inside it, needs sizes to be equal that may differ. */
const asksForEqual = (g: Graph): boolean => g.equalities !== undefined || g.nodes.some((n) => Object.values(n.attributes).some((a) => isGraph(a) && asksForEqual(a)));
/** Of each value that it makes, the whole graph decides the type: shapes may be computed by nodes. */
export class OpenBuilder extends Builder {
  private readonly mayDiffer: boolean;
  /** `mayDiffer`: whether nodes may need sizes to be equal that a run could choose otherwise. */
  constructor(seed: number, mayDiffer = false, outer?: OpenBuilder) { super(seed, outer); this.mayDiffer = mayDiffer; }
  protected override infer(node: Node): readonly ValueType[] {
    const whole = this.graph(...node.outputs), found = typed(this.alone({ ...whole, nodes: behind([...whole.nodes, node], node.outputs) }));
    if (!this.mayDiffer && asksForEqual(found)) throw new Unsupported("sizes may differ");
    return node.outputs.map((v) => found.types.get(v)!);
  }
  /** With what it reads of graphs around as inputs and constants. */
  private alone(g: Graph): Graph {
    if (!this.outer) return g;
    const own = new Set([...g.inputs, ...g.constants.keys(), ...g.nodes.flatMap((n) => n.outputs)]), read = [...new Set(g.nodes.flatMap((n) => [...n.inputs, ...capturedBy(n)]))].filter((v) => v && !own.has(v));
    const known = read.flatMap((v) => { const c = this.constantHere(v); return c ? [[v, c] as const] : []; }), others = read.filter((v) => !this.constantHere(v));
    return { ...g, inputs: [...g.inputs, ...others], constants: new Map([...g.constants, ...known]), types: new Map([...g.types, ...others.map((v) => [v, this.typeHere(v)!] as const)]) };
  }
  override inner(): OpenBuilder { return new OpenBuilder(0, this.mayDiffer, this); }
  override graph(...outputs: readonly string[]): Graph {
    const whole = super.graph(...outputs);
    return { ...whole, types: new Map(whole.inputs.map((v) => [v, whole.types.get(v)!])) };
  }
}

/** Shapes of inputs, most of them with sizes between bounds. Sizes of one name are one. */
export class OpenShapes {
  private readonly draw: Draw;
  private readonly known = new Map<string, Dim>();
  constructor(draw: Draw) { this.draw = draw; }
  private size(name: string, most: number, often: number): Dim {
    const { draw } = this, known = this.known.get(name);
    if (known !== undefined) return known;
    const low = draw.pick([1, 1, 1, 2, 3, 4, 5]), high = low + draw.pick([1, 2, 3, 4, 5, 7, 8, 11, 12, 15, 19, 23, 31]), fixed = Math.min(most, high);
    const d = draw.chance(often) && low < fixed ? parameter(symbolNamed(name), [low, fixed]) : fixed;
    this.known.set(name, d);
    return d;
  }
  /** Images most often, tokens, rows, sequences. */
  next(): readonly Dim[] {
    const { draw } = this, batch = (often: number) => (draw.chance(0.5) ? 1 : this.size("N", 4, often)), channels = draw.size(33);
    switch (draw.int(0, 9)) {
      case 0: return [this.size("N", 40, 0.8), draw.size(40)];
      case 1: return [batch(0.5), channels, this.size("T", 40, 0.9)];
      case 2: return [this.size("T", 24, 0.9), batch(0.5), draw.size(20)];
      case 3: case 4: case 5: return [batch(0.6), this.size("T", 30, 0.95), draw.pick([1, 3, 4, 8, 12, 16, 17, 24])];
      default: return [batch(0.4), channels, this.size("H", 20, 0.75), this.size(draw.chance(0.15) ? "H" : "W", 20, 0.85)];
    }
  }
}

/** The symbols of a graph's inputs, by name. */
export const symbolsOf = (g: Graph): ReadonlyMap<string, Var> => new Map(g.inputs.flatMap((v) => (g.types.get(v)?.shape ?? []).flatMap((d) => (typeof d === "object" && d.kind === "var" ? [[d.name, d] as const] : []))));
/** Whether runs choose sizes, or find them. */
export const isOpen = (g: Graph): boolean => g.inputs.some((v) => !isStatic(g.types.get(v)!));
/** The shape that a run has in the place of one with symbols. */
export const shapeAt = (shape: readonly Dim[], sizes: ReadonlyMap<string, number>): readonly number[] =>
  shape.map((d) => (typeof d === "number" ? d : sizes.get((d as Var).name)!));
/** Sizes of runs that follow each other: the largest, the smallest after some between, so that what one leaves behind would be seen; now and then a run that has to be refused. */
export function sizesOfRuns(g: Graph, draw: Draw, count: number): readonly ReadonlyMap<string, number>[] {
  const symbols = [...symbolsOf(g).values()], all = (f: (low: number, high: number) => number) => new Map(symbols.map((s) => [s.name, f(...range(s) as [number, number])]));
  const some = () => (draw.chance(0.2) ? all((low, high) => Math.min(high, low + 4)) : all((low, high) => draw.int(low, high)));
  const runs = [all((_, high) => high), some(), all((low) => low), some(), some()].slice(0, count);
  if (symbols.length === 0 || !draw.chance(0.2)) return runs;
  const wrong = draw.pick(symbols), [low, high] = range(wrong) as [number, number];
  return [...runs, new Map([...some(), [wrong.name, low > 1 && draw.chance(0.5) ? low - 1 : high + 1]])];
}
