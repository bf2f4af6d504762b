/**
 * Gives every input a shape of numbers: by the options, and 1 for a batch dimension left open. Stands before type
 * inference, which needs it. Ensures: inputs are static, and no type speaks of a symbol that an input has.
 */
import type { Diagnostic } from "../diagnostics.ts";
import { substitute } from "../ir/algebra.ts";
import { isGraph, type Dim, type Graph, type Node, type ValueName, type ValueType } from "../ir/graph.ts";
import { int } from "../ir/linear.ts";
import { show, variables, type Expr } from "../ir/scalar.ts";
import type { DType } from "../ir/types.ts";

export interface PinOptions {
  /** Shapes by input. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Sizes by symbol. */
  readonly dims?: Readonly<Record<string, number>>;
  /** Inputs whose rank is not known, which the graph's types lack. */
  readonly unranked?: ReadonlyMap<ValueName, DType>;
}
/** `graph` is as good as pinned only where no diagnostic is an error. */
export interface Pinned { readonly graph: Graph; readonly diagnostics: readonly Diagnostic[] }

const showDim = (d: Dim): string => (typeof d === "number" ? `${d}` : show(d));
const showShape = (shape: readonly Dim[]): string => `[${shape.map(showDim).join(", ")}]`;
/** The name of a dimension that is one symbol. */
const symbolOf = (d: Dim | undefined): string | undefined => (typeof d === "object" && d.kind === "var" ? d.name : undefined);
const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 1;

class Pinner {
  readonly diagnostics: Diagnostic[] = [];
  private readonly graph: Graph;
  private readonly options: PinOptions;
  /** Inputs and their shapes as the model states them, or as given where it does not. */
  private readonly shapes = new Map<ValueName, readonly Dim[]>();
  private readonly sizes = new Map<string, { readonly size: number; readonly from: string }>();
  /** Inputs with an error about their shape: nothing more is said of them. */
  private readonly wrong = new Set<ValueName>();

  constructor(g: Graph, options: PinOptions) {
    this.graph = g; this.options = options;
    for (const v of g.inputs) { const t = g.types.get(v); if (t) this.shapes.set(v, t.shape); }
  }
  run(): Pinned {
    for (const [name, size] of Object.entries(this.options.dims ?? {})) this.dim(name, size);
    for (const [name, shape] of Object.entries(this.options.shapes ?? {})) this.shape(name, shape);
    for (const [name] of this.options.unranked ?? []) {
      if (!this.shapes.has(name)) this.error("open-shape", `input ${name} has no shape in the model`, `give all its dimensions: --shape ${name}=1,...`);
    }
    this.batches();
    this.openDimensions();
    return { graph: pinned(this.graph, this.shapes, this.options.unranked ?? new Map(), new Map([...this.sizes].map(([s, { size }]) => [s, int(size)]))), diagnostics: this.diagnostics };
  }
  private error(code: string, message: string, hint?: string): void {
    this.diagnostics.push({ severity: "error", code, message, ...(hint ? { hint } : {}) });
  }
  private bind(symbol: string, size: number, from: string): void {
    const known = this.sizes.get(symbol);
    if (!known) this.sizes.set(symbol, { size, from });
    else if (known.size !== size) this.error("shape-conflict", `dimension ${symbol} is ${known.size} by ${known.from}, but ${size} by ${from}`, "give both the same size");
  }
  private dim(name: string, size: number): void {
    const symbols = new Set([...this.shapes.values()].flatMap((shape) => shape.flatMap((d) => (typeof d === "number" ? [] : [...variables(d)]))));
    if (!symbols.has(name)) {
      const there = symbols.size > 0 ? `it has ${[...symbols].join(", ")}` : "none of its inputs has an open dimension";
      return this.error("unknown-dimension", `the model has no dimension named ${name}: ${there}`);
    }
    if (!isSize(size)) return this.error("bad-shape", `--dim ${name}=${size}: a size must be a whole number from 1`);
    this.bind(name, size, `--dim ${name}=${size}`);
  }
  private shape(name: string, shape: readonly number[]): void {
    const from = `--shape ${name}=${shape.join(",")}`, stated = this.shapes.get(name);
    const wrong = (code: string, message: string, hint?: string) => { this.wrong.add(name); this.error(code, message, hint); };
    if (!this.graph.inputs.includes(name)) {
      if (this.graph.constants.has(name)) return wrong("unknown-input", `${from}: ${name} is a constant of the model, not an input`);
      return wrong("unknown-input", `${from}: the model has no input named ${name}`, `its inputs: ${this.graph.inputs.map((v) => `${v} ${showShape(this.shapes.get(v) ?? [])}`).join("; ")}`);
    }
    if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0)) return wrong("bad-shape", `${from}: sizes must be whole numbers from 0`);
    if (!stated) {
      if (this.options.unranked?.has(name)) this.shapes.set(name, shape);
      return;
    }
    if (stated.length !== shape.length) {
      return wrong("bad-shape", `${from} has ${shape.length} dimensions, but input ${name} has ${stated.length}: ${showShape(stated)}`);
    }
    stated.forEach((d, i) => {
      const size = shape[i]!, symbol = symbolOf(d);
      if (symbol !== undefined) this.bind(symbol, size, from);
      // Some exporters write 0 where a size is open.
      else if (typeof d === "number" && d !== size && d !== 0) {
        wrong("shape-conflict", `${from}: dimension ${i} of input ${name} is ${d} in the model, not ${size}`, "only open dimensions can be chosen; export the model with this one open");
      }
    });
    this.shapes.set(name, stated.map((d, i) => (d === 0 ? shape[i]! : d)));
  }
  /** An open dimension at the front of an input is a batch: 1 unless something else is said. */
  private batches(): void {
    for (const [name, shape] of this.shapes) {
      const symbol = symbolOf(shape[0]);
      if (symbol === undefined || this.sizes.has(symbol) || this.wrong.has(name)) continue;
      this.bind(symbol, 1, "default");
      const flag = symbol === `${name}.0` ? `--shape ${[`${name}=N`, ...shape.slice(1).map(showDim)].join(",")}` : `--dim ${symbol}=N`;
      this.diagnostics.push({ severity: "note", code: "batch-is-1", message: `dimension 0 (${symbol}) of input ${name} is open and becomes 1`, hint: `for another batch size: ${flag}` });
    }
  }
  private openDimensions(): void {
    const said = new Set<string>();
    for (const [name, shape] of this.shapes) {
      if (this.wrong.has(name)) continue;
      shape.forEach((d, i) => {
        for (const symbol of typeof d === "number" ? [] : variables(d)) {
          if (this.sizes.has(symbol) || said.has(symbol)) continue;
          said.add(symbol);
          const wanted = shape.map((x) => { const s = symbolOf(x); return s === undefined ? showDim(x) : String(this.sizes.get(s)?.size ?? s.replace(/^.*\./, "d")); });
          const own = symbol === `${name}.${i}`, flags = `--shape ${name}=${wanted.join(",")}${own ? "" : `, or --dim ${symbol}=N`}`;
          this.error("open-dimension", `dimension ${i}${own ? "" : ` (${symbol})`} of input ${name} ${showShape(shape)} is open`, `give it a size: ${flags}`);
        }
      });
    }
  }
}

function pinned(g: Graph, shapes: ReadonlyMap<ValueName, readonly Dim[]>, unranked: ReadonlyMap<ValueName, DType>, sizes: ReadonlyMap<string, Expr>): Graph {
  const types = new Map<ValueName, ValueType>();
  for (const [v, t] of g.types) types.set(v, withSizes({ ...t, shape: shapes.get(v) ?? t.shape }, sizes));
  for (const [v, dtype] of unranked) { const shape = shapes.get(v); if (shape) types.set(v, { dtype, shape }); }
  return { ...g, types, nodes: g.nodes.map((n) => inside(n, sizes)) };
}
function withSizes(t: ValueType, sizes: ReadonlyMap<string, Expr>): ValueType {
  return { ...t, shape: t.shape.map((d) => {
    const now = typeof d === "number" ? d : substitute(d, sizes);
    return typeof now === "object" && now.kind === "const" ? Number(now.value) : now;
  }) };
}
function inside(n: Node, sizes: ReadonlyMap<string, Expr>): Node {
  if (!Object.values(n.attributes).some(isGraph)) return n;
  return { ...n, attributes: Object.fromEntries(Object.entries(n.attributes).map(([k, a]) => [k, isGraph(a) ? pinned(a, new Map(), new Map(), sizes) : a])) };
}

/** Pins the shapes of a graph's inputs. All that is wrong with the options or missing in them is among the diagnostics. */
export const pinShapes = (g: Graph, options: PinOptions): Pinned => new Pinner(g, options).run();
