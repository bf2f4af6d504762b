/** A random graph while it grows. */
import { capturedBy, sizeOf, type Attribute, type Dim, type Graph } from "../../compiler/ir/graph.ts";
import type { DType } from "../../compiler/ir/types.ts";
import type { Builder } from "../support/graph-builder.ts";
import type { Draw } from "./draw.ts";


/** A step does not fit the value it was given, or would be too large. */
export class Misfit extends Error {}
export const misfit = (): never => { throw new Misfit(); };

type Attributes = Readonly<Record<string, Attribute>>;
export class Scene {
  readonly draw: Draw;
  /** Elements of one value, and multiply-accumulates of one node: the reference runs in JavaScript. */
  readonly most: { readonly elements: number; readonly work: number };
  readonly b: Builder;
  /** Values of f32 that a further step may read. */
  readonly floats: string[] = [];
  /** Values of any type that nobody has to read. */
  readonly others: string[] = [];
  private readonly given = new Set<Dim>();
  private count = 0;
  private readonly outer: Scene | undefined;
  /** `outer`: the scene of the graph around a sub-graph. */
  constructor(draw: Draw, b: Builder, outer?: Scene) {
    this.draw = draw; this.b = b; this.outer = outer;
    this.most = outer ? { elements: outer.most.elements / 2, work: outer.most.work / 8 } : draw.large ? { elements: 400_000, work: 80_000_000 } : { elements: 30_000, work: 6_000_000 };
  }
  /** For a sub-graph, whose steps may read some of what is here. */
  inner(): Scene {
    const s = new Scene(this.draw, this.b.inner(), this);
    s.floats.push(...this.floats.filter(() => this.draw.chance(0.3)));
    return s;
  }

  /** The largest that a run can have. */
  shape(v: string): readonly number[] { return this.b.typeOf(v).shape; }
  /** The sizes themselves, of which some may be known only to a run. */
  dims(v: string): readonly Dim[] { return this.b.dimsOf(v); }
  rank(v: string): number { return this.shape(v).length; }
  dim(v: string, i: number): number { const s = this.shape(v); return s[i < 0 ? i + s.length : i] ?? misfit(); }
  /** Weights whose products with values around 1 sum up to something around 1. */
  weights(shape: readonly number[], fanIn: number): string {
    const scale = Math.sqrt(3 / Math.max(1, fanIn));
    return this.b.constant(shape, Array.from({ length: sizeOf(shape) }, () => (this.draw.unit() * 2 - 1) * scale));
  }
  numbers(shape: readonly number[], low = -1, high = 1): string {
    return this.b.constant(shape, Array.from({ length: sizeOf(shape) }, () => low + this.draw.unit() * (high - low)));
  }
  op(op: string, inputs: readonly string[], attributes: Attributes = {}): string { return this.ops(op, inputs, 1, attributes)[0]!; }
  ops(op: string, inputs: readonly string[], outputs: number, attributes: Attributes = {}): readonly string[] {
    const made = this.b.ops(op, inputs, outputs, attributes);
    for (const v of made) {
      const size = sizeOf(this.shape(v));
      if (size === 0 || size > this.most.elements) misfit();
    }
    return made;
  }
  /** A computed value that would feed a second reader well: of a shape that broadcasts with that of `x`. */
  partner(x: string): string | undefined {
    const shape = this.dims(x), fits = (s: readonly Dim[]) => s.length <= shape.length && s.every((n, i) => n === 1 || n === shape[i + shape.length - s.length]);
    const all = this.floats.filter((v) => fits(this.dims(v)));
    return all.length ? this.draw.pick(all) : undefined;
  }
  /** A shape that broadcasts to that of `x`, of numbers. */
  broadcastable(x: string): readonly number[] { return this.among(x).map((d) => (typeof d === "number" ? d : 1)); }
  /** A shape that broadcasts to that of `x`, as an input may have it. */
  alike(x: string): readonly Dim[] { return this.among(x).map((d) => (typeof d === "number" || this.isGiven(d) ? d : 1)); }
  private isGiven(d: Dim): boolean { return this.outer ? this.outer.isGiven(d) : this.given.has(d); }
  private among(x: string): readonly Dim[] {
    const shape = this.dims(x), kept = shape.slice(this.draw.int(0, shape.length));
    return kept.map((n) => (this.draw.chance(0.5) ? n : 1));
  }
  /** Of the model, also for steps in a sub-graph. */
  input(shape: readonly Dim[], dtype: DType = "f32"): string {
    if (this.outer) return this.outer.input(shape, dtype);
    // The sizes of inputs are numbers and symbols, and none of those that data has.
    if (shape.some((d) => typeof d === "object" && (d.kind !== "var" || d.range?.[0] === 0))) misfit();
    for (const d of shape) this.given.add(d);
    const names = ["x", "input.1", "data/in:0", "mask", "image", "2", "h_in", "float", "y", "z"], base = this.draw.pick(names);
    return this.b.input(`${base}${this.count++ ? `_${this.count}` : ""}`, shape, dtype);
  }
  /** What a sub-graph is given by its node. */
  own(shape: readonly Dim[], dtype: DType = "f32"): string { return this.b.given(shape, dtype); }
  /** The graph of what was made, without nodes and constants that nobody reads. */
  finish(outputs: readonly string[]): Graph {
    const whole = this.b.graph(...outputs), wanted = new Set(outputs);
    const nodes = whole.nodes.toReversed().filter((n) => {
      if (!n.outputs.some((o) => wanted.has(o))) return false;
      for (const v of [...n.inputs, ...capturedBy(n)]) wanted.add(v);
      return true;
    }).toReversed();
    const made = new Set([...whole.inputs, ...nodes.flatMap((n) => n.outputs), ...wanted]);
    return {
      ...whole, name: "fuzz", nodes,
      constants: new Map([...whole.constants].filter(([v]) => wanted.has(v))), types: new Map([...whole.types].filter(([v]) => made.has(v))),
    };
  }
}
/** Makes nodes behind `x` and returns the values that later steps may read, the main one last. */
export type Step = (s: Scene, x: string) => string | readonly string[];
