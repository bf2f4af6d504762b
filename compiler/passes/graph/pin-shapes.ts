/**
 * Gives every input a shape of numbers and of symbols with bounds: by the options, and 1 for a batch dimension left open. Stands
 * before type inference, which needs it. Ensures: each dimension of an input is a number or a bounded symbol, and no type speaks
 * of another symbol that an input has.
 */
import type { Diagnostic } from "../../diagnostics.ts";
import { substitute } from "../../ir/algebra.ts";
import { isGraph, type Dim, type Graph, type Node, type ValueName, type ValueType } from "../../ir/graph.ts";
import { int } from "../../ir/linear.ts";
import { parameter, show, variable, variables, type Expr } from "../../ir/scalar.ts";
import { symbolNamed } from "../../ir/symbols.ts";
import type { DType } from "../../ir/types.ts";

/** A size that the caller chooses in each run, between two bounds. Dimensions of one name have one size. */
export type OpenSize = readonly [low: number, high: number, name?: string];
/** A size as it is chosen: a number, or two bounds. */
export type Size = number | OpenSize;
/** A size as the flags say it: 320, 32..1280, W:32..1280. */
export const showSize = (s: Size): string => (typeof s === "number" ? `${s}` : `${s[2] === undefined ? "" : `${s[2]}:`}${s[0]}..${s[1]}`);

/** What is chosen for the model's open dimensions. */
export interface PinOptions {
  /** Shapes by input. */
  readonly shapes?: Readonly<Record<string, readonly Size[]>>;
  /** Sizes by symbol. */
  readonly dims?: Readonly<Record<string, Size>>;
  /** Inputs whose rank is not known, which the graph's types lack. */
  readonly unranked?: ReadonlyMap<ValueName, DType>;
}
/** `graph` is as good as pinned only where no diagnostic is an error. */
export interface Pinned { readonly graph: Graph; readonly diagnostics: readonly Diagnostic[] }

type Shape = readonly Dim[];
const showDim = (d: Dim): string => (typeof d === "number" ? `${d}` : show(d));
const showShape = (shape: Shape): string => `[${shape.map(showDim).join(", ")}]`;
const symbolsIn = (d: Dim): Iterable<string> => (typeof d === "number" ? [] : variables(d));
/** The name of a dimension that is one symbol. */
const symbolOf = (d: Dim | undefined): string | undefined => (typeof d === "object" && d.kind === "var" ? d.name : undefined);
/** The size that hints show for an open dimension. */
const example = 64;
const isWhole = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
/** What is wrong with a size. */
const sizeProblem = (s: Size): string | null => {
  if (typeof s === "number") return isWhole(s) ? null : "sizes must be whole numbers from 0";
  return !s.slice(0, 2).every((n) => isWhole(n as number)) ? "bounds must be whole numbers from 0" : s[0] > s[1] ? `${s[0]} is more than ${s[1]}` : null;
};
/** Whether two sizes are chosen to be the same. */
const isSame = (a: Size, b: Size): boolean => showSize(a) === showSize(b);

class Pinner {
  readonly diagnostics: Diagnostic[] = [];
  private readonly graph: Graph;
  private readonly options: PinOptions;
  /** Inputs and their shapes as the model states them, or as given where it does not. */
  private readonly shapes = new Map<ValueName, Shape>();
  private readonly sizes = new Map<string, { readonly size: Size; readonly from: string }>();
  /** Inputs with an error about their shape: nothing more is said of them. */
  private readonly wrong = new Set<ValueName>();

  constructor(g: Graph, options: PinOptions) {
    this.graph = g; this.options = options;
    for (const v of g.inputs) { const t = g.types.get(v); if (t) this.shapes.set(v, t.shape); }
  }
  run(): Pinned {
    const unranked = this.options.unranked ?? new Map<ValueName, DType>();
    for (const [name, size] of Object.entries(this.options.dims ?? {})) this.dim(name, size);
    for (const [name, shape] of Object.entries(this.options.shapes ?? {})) this.shape(name, shape);
    for (const name of unranked.keys()) {
      if (this.shapes.has(name)) continue;
      this.error("open-shape", `input ${name} has no shape in the model`, `give all its dimensions: --shape ${name}=1,...`);
    }
    this.batches();
    this.openDimensions();
    const sizes = new Map([...this.sizes].map(([symbol, { size }]) => [symbol, this.chosen(symbol, size)]));
    return { graph: pinned(this.graph, this.shapes, unranked, sizes), diagnostics: this.diagnostics };
  }
  private error(code: string, message: string, hint?: string): void {
    this.diagnostics.push({ severity: "error", code, message, ...(hint ? { hint } : {}) });
  }
  private bind(symbol: string, size: Size, from: string): void {
    const known = this.sizes.get(symbol);
    if (!known) this.sizes.set(symbol, { size, from });
    else if (!isSame(known.size, size)) this.conflict(symbol, known, { size, from });
  }
  private conflict(what: string, a: { readonly size: Size; readonly from: string }, b: { readonly size: Size; readonly from: string }): void {
    this.error("shape-conflict", `dimension ${what} is ${showSize(a.size)} by ${a.from}, but ${showSize(b.size)} by ${b.from}`, "give both the same size");
  }
  /** A symbol as what it becomes: a number, or a symbol with bounds, which may have been given a name in a flag. */
  private chosen(symbol: string, size: Size): Expr {
    if (typeof size === "number") return int(size);
    const [low, high, name = symbol] = size;
    const [first, known] = [...this.sizes].find(([other, { size: s }]) => typeof s === "object" && (s[2] ?? other) === name) ?? [symbol, this.sizes.get(symbol)!];
    if (first !== symbol && typeof known.size === "object" && (known.size[0] !== low || known.size[1] !== high)) this.conflict(name, known, this.sizes.get(symbol)!);
    return low === high ? int(low) : parameter(symbolNamed(name), [low, high]);
  }
  private dim(name: string, size: Size): void {
    const from = `--dim ${name}=${showSize(size)}`, problem = sizeProblem(size), dims = [...this.shapes.values()].flat(), symbols = new Set(dims.flatMap((d) => [...symbolsIn(d)]));
    if (!symbols.has(name)) {
      const there = symbols.size > 0 ? `it has ${[...symbols].join(", ")}` : "none of its inputs has an open dimension";
      this.error("unknown-dimension", `the model has no dimension named ${name}: ${there}`);
    } else if (problem) this.error("bad-shape", `${from}: ${problem.replace(/^sizes must be whole numbers/, "a size must be a whole number")}`);
    else this.bind(name, size, from);
  }
  private shape(name: string, shape: readonly Size[]): void {
    const from = `--shape ${name}=${shape.map(showSize).join(",")}`, stated = this.shapes.get(name);
    const problem = this.shapeProblem(name, shape, stated);
    if (problem) {
      this.wrong.add(name);
      this.error(problem.code, `${from}${problem.why}`, problem.hint);
    } else if (stated) {
      stated.forEach((d, i) => { const symbol = symbolOf(d); if (symbol !== undefined) this.bind(symbol, shape[i]!, from); });
      this.shapes.set(name, stated.map((d, i) => (d === 0 ? this.own(name, i, shape[i]!, from) : d)));
    } else if (this.options.unranked?.has(name)) this.shapes.set(name, shape.map((s, i) => this.own(name, i, s, from)));
  }
  /** A dimension of which the model says nothing. */
  private own(input: string, i: number, size: Size, from: string): Dim {
    if (typeof size === "number") return size;
    const symbol = `${input}.${i}`;
    this.bind(symbol, size, from);
    return variable("index", symbol);
  }
  private shapeProblem(name: string, shape: readonly Size[], stated: Shape | undefined): { code: string; why: string; hint?: string } | null {
    if (!this.graph.inputs.includes(name)) {
      if (this.graph.constants.has(name)) return { code: "unknown-input", why: `: ${name} is a constant of the model, not an input` };
      const there = this.graph.inputs.map((v) => `${v} ${showShape(this.shapes.get(v) ?? [])}`).join("; ");
      return { code: "unknown-input", why: `: the model has no input named ${name}`, hint: `its inputs: ${there}` };
    }
    const wrong = shape.map((s) => sizeProblem(s)).find((p) => p !== null);
    if (wrong) return { code: "bad-shape", why: `: ${wrong}` };
    if (!stated) return null;
    if (stated.length !== shape.length) {
      return { code: "bad-shape", why: ` has ${shape.length} dimensions, but input ${name} has ${stated.length}: ${showShape(stated)}` };
    }
    // Some exporters write 0 where a size is open.
    const i = stated.findIndex((d, k) => typeof d === "number" && d !== 0 && !isSame(d, shape[k]!));
    return i < 0 ? null : {
      code: "shape-conflict", why: `: dimension ${i} of input ${name} is ${showDim(stated[i]!)} in the model, not ${showSize(shape[i]!)}`,
      hint: "only open dimensions can be chosen; export the model with this one open",
    };
  }
  /** An open dimension at the front of an input is a batch: 1 unless something else is said. */
  private batches(): void {
    for (const [name, shape] of this.shapes) {
      const symbol = symbolOf(shape[0]);
      if (symbol === undefined || this.sizes.has(symbol) || this.wrong.has(name)) continue;
      this.bind(symbol, 1, "default");
      const flag = symbol === `${name}.0` ? `--shape ${name}=${this.wanted(shape, 8)}` : `--dim ${symbol}=8`;
      const message = `dimension 0 (${symbol}) of input ${name} is open and becomes 1`;
      this.diagnostics.push({ severity: "note", code: "batch-is-1", message, hint: `for a batch of 8: ${flag}` });
    }
  }
  private openDimensions(): void {
    const said = new Set<string>();
    for (const [name, shape] of this.shapes) {
      if (this.wrong.has(name)) continue;
      for (const [i, d] of shape.entries()) {
        for (const symbol of symbolsIn(d)) {
          if (this.sizes.has(symbol) || said.has(symbol)) continue;
          said.add(symbol);
          const isNamed = symbol !== `${name}.${i}`, which = `${i}${isNamed ? ` (${symbol})` : ""}`;
          const flags = `--shape ${name}=${this.wanted(shape)}${isNamed ? `, or --dim ${symbol}=${example}` : ""}`;
          this.error("open-dimension", `dimension ${which} of input ${name} ${showShape(shape)} is open`, `give it a size, for example ${flags}`);
        }
      }
    }
  }
  /** The shape as a flag would give it, of numbers: known sizes, and where one is open, an example. */
  private wanted(shape: Shape, batch?: number): string {
    return shape.map((d, i) => {
      if (i === 0 && batch !== undefined) return batch;
      const symbol = symbolOf(d);
      return typeof d === "number" ? d : showSize((symbol === undefined ? undefined : this.sizes.get(symbol)?.size) ?? example);
    }).join(",");
  }
}

type Sizes = ReadonlyMap<string, Expr>;
function pinned(g: Graph, shapes: ReadonlyMap<ValueName, Shape>, unranked: ReadonlyMap<ValueName, DType>, sizes: Sizes): Graph {
  const types = new Map<ValueName, ValueType>();
  for (const [v, t] of g.types) types.set(v, withSizes({ ...t, shape: shapes.get(v) ?? t.shape }, sizes));
  for (const [v, dtype] of unranked) { const shape = shapes.get(v); if (shape) types.set(v, { dtype, shape }); }
  return { ...g, types, nodes: g.nodes.map((n) => inside(n, sizes)) };
}
function withSizes(t: ValueType, sizes: Sizes): ValueType {
  return { ...t, shape: t.shape.map((d) => {
    const now = typeof d === "number" ? d : substitute(d, sizes);
    return typeof now === "object" && now.kind === "const" ? Number(now.value) : now;
  }) };
}
function inside(n: Node, sizes: Sizes): Node {
  const list = Object.entries(n.attributes);
  if (!list.some(([, a]) => isGraph(a))) return n;
  return { ...n, attributes: Object.fromEntries(list.map(([k, a]) => [k, isGraph(a) ? pinned(a, new Map(), new Map(), sizes) : a])) };
}

/** Pins the shapes of a graph's inputs. All that is wrong with the options or missing in them is among the diagnostics. */
export const pinShapes = (g: Graph, options: PinOptions): Pinned => new Pinner(g, options).run();
