/**
 * The pieces of a model with control flow become one Network, whose flow says how their Computes follow each other. Tensors that lead from
 * one piece to another exist once, row-major; a slice of a turn is a part of its tensor. Needs: every piece has been through all passes.
 * Ensures: what a loop carries is copied at the end of its body, or is made where it must lie. Stands before memory is planned.
 */
import type { Stored } from "../../emit/target.ts";
import { at, axis, rowMajor, type Compute } from "../../ir/compute.ts";
import { boundOf, type ValueName } from "../../ir/graph.ts";
import { flowsIn, mapFlow, piecesOf, type Flow, type Leave, type Regions } from "../../ir/control.ts";
import { derivedName, readsOf, writesOf, type NetTensor, type Network, type Run, type SymbolSource } from "../../ir/network.ts";
import { someSizes, type SymbolFrom } from "../../ir/symbols.ts";
import { runSizes } from "../../ops/op.ts";
import { fail, load } from "../../ir/scalar.ts";
import { make, rebuild } from "../../ir/algebra.ts";
import { int } from "../../ir/linear.ts";
import { types, type DType } from "../../ir/types.ts";
import { copy } from "./choose-layouts.ts";
import { tensorOf } from "./lower-graph.ts";
import { decisionsIn, overwrites, spanOf } from "./place-tensors.ts";

/** `stores`: the `types` of `TargetFacts`. */
export function joinRegions(r: Regions<Network>, stores: Readonly<Partial<Record<DType, Stored>>>): Network {
  const [only] = r.flow;
  return r.flow.length === 1 && only?.kind === "piece" ? only.piece : new Joiner(r, stores).network();
}

class Joiner {
  private readonly regions: Regions<Network>;
  private readonly stores: Readonly<Partial<Record<DType, Stored>>>;
  private readonly tensors = new Map<string, NetTensor>();
  private readonly computes: Compute[] = [];
  private readonly setup: Compute[] = [];
  /** What leads from piece to piece, as one of them has it. */
  private readonly ofPieces: ReadonlyMap<ValueName, NetTensor>;
  /** Symbols that Computes find. */
  private readonly found: SymbolFrom<SymbolSource>[] = [];
  private pieces = 0;

  constructor(r: Regions<Network>, stores: Readonly<Partial<Record<DType, Stored>>>) {
    this.regions = r; this.stores = stores;
    this.ofPieces = new Map(piecesOf(r.flow).flatMap((p) => [...p.inputs.map((t) => [t.slice(1), p.tensors.get(t)!] as const), ...p.outputs.map((t, i) => [p.outputNames[i]!, p.tensors.get(t)!] as const)]));
  }

  network(): Network {
    const r = this.regions;
    for (const v of [...r.inputs, ...r.outputs, ...r.types.keys()]) if (!this.tensors.has(tensorOf(v)) && this.crosses(v)) this.put(v);
    for (const [v, s] of r.slices) this.tensors.set(tensorOf(v), { ...this.tensors.get(tensorOf(v))!, aliasOf: tensorOf(s.of), turn: { loop: s.loop, reverse: s.reverse } });
    const flow = this.flow(r.flow);
    const { tensors, computes, setup } = this, symbols = this.symbolsOf(flow);
    return {
      name: r.name, inputs: r.inputs.map(tensorOf), outputs: r.outputs.map(tensorOf), outputNames: r.outputNames, tensors, computes, flow, ...(setup.length ? { setup } : {}),
      ...(symbols.length ? { symbols } : {}), ...(r.equalities?.length ? { equalities: r.equalities } : {}),
    };
  }
  /** The symbols of all pieces: those of the model's inputs, those that a piece finds, and those that the flow gives values. */
  private symbolsOf(flow: Flow<Run, string>): readonly SymbolFrom<SymbolSource>[] {
    const found = new Map<string, SymbolFrom<SymbolSource>>(), put = (s: SymbolFrom<SymbolSource>) => { if (!found.has(s.variable.name)) found.set(s.variable.name, s); };
    for (const v of this.regions.inputs) this.regions.types.get(v)!.shape.forEach((d, dim) => { if (typeof d === "object" && d.kind === "var") put({ variable: d, from: { input: tensorOf(v), dim } }); });
    for (const s of this.found) put(s);
    const leaves = (f: Flow<Run, string>): void => { for (const item of f) { if (item.kind === "leave") for (const { symbol } of item.sizes) put({ variable: symbol, from: { flow: true } }); for (const inner of flowsIn(item)) leaves(inner); } };
    leaves(flow);
    return [...found.values()];
  }
  private readonly crossing = new Set<ValueName>();
  /** Whether a value leads from one piece to another, or is named outside of pieces. */
  private crosses(v: ValueName): boolean {
    const { crossing, regions: r } = this;
    if (crossing.size === 0) {
      for (const p of piecesOf(r.flow)) for (const x of [...p.inputs.map((t) => t.slice(1)), ...p.outputNames]) crossing.add(x);
      for (const x of [...r.inputs, ...r.outputs]) crossing.add(x);
      mapFlow(r.flow, () => null, (x) => { crossing.add(x); });
      for (const [x, { of }] of r.slices) crossing.add(x).add(of);
    }
    return crossing.has(v);
  }
  /** As pieces have it, in the types of the target; what no piece reads or writes whole, as its slices are. */
  private put(v: ValueName): void {
    const r = this.regions, type = r.types.get(v), kind = r.inputs.includes(v) ? "input" : r.outputs.includes(v) ? "output" : "temporary";
    if (!type) return fail(`${v} leads from one piece to another, but has no type`);
    const slices = [...r.slices].filter(([, s]) => s.of === v).map(([x]) => x), known = [v, ...slices].flatMap((x) => this.ofPieces.get(x) ?? [])[0];
    const stored = this.stores[type.dtype], dtype = known?.dtype ?? (stored && "as" in stored ? stored.as : type.dtype), { shape } = this.ofPieces.get(v) ?? boundOf(type);
    if (known?.declared && types[known.declared.dtype].bits < 8 && slices.length) fail(`${v} is cut into slices, which begin inside bytes`);
    const declared = dtype !== type.dtype && kind !== "temporary" ? { declared: { dtype: type.dtype, shape: boundOf(type).shape } } : {}, memory = known?.layout.memory;
    this.tensors.set(tensorOf(v), { name: tensorOf(v), kind, dtype, shape, layout: { ...rowMajor(shape.length), ...(memory ? { memory } : {}) }, ...runSizes(type), ...declared });
  }

  private flow(flow: Flow<Network, ValueName>): Flow<Run, string> {
    return flow.flatMap((item): Flow<Run, string> => {
      switch (item.kind) {
        case "piece": return this.run(() => this.piece(item.piece));
        // Of a branch, or before a loop: what is left is needed by nobody any more. Of a turn: below.
        case "leave": return [...this.run(() => { for (const { from, to } of item.moves) this.move(tensorOf(from), tensorOf(to), item.origin); }), ...values(item)];
        case "branch": {
          const ifTrue = this.flow(item.ifTrue), ifFalse = this.flow(item.ifFalse);
          return ifTrue.length + ifFalse.length ? [{ ...item, condition: tensorOf(item.condition), ifTrue, ifFalse }] : [];
        }
        case "loop": {
          const first = this.computes.length, { condition, ...rest } = item, end = item.body.at(-1), leave = end?.kind === "leave" ? end : null, inner = this.flow(leave ? item.body.slice(0, -1) : item.body);
          const body = [...inner, ...(leave ? [...this.run(() => { for (const { from, to } of leave.moves) this.carry(tensorOf(from), tensorOf(to), first, inner, item.origin); }), ...values(leave)] : [])];
          return body.length ? [{ ...rest, ...(condition === undefined ? {} : { condition: tensorOf(condition) }), body }] : [];
        }
        default: return item satisfies never;
      }
    });
  }
  /** What `f` adds. */
  private run(f: () => void): Flow<Run, string> {
    const first = this.computes.length;
    f();
    return this.computes.length > first ? [{ kind: "piece", piece: { first, count: this.computes.length - first } }] : [];
  }
  /** Puts a piece's tensors and Computes beside those that are there. */
  private piece(n: Network): void {
    const names = new Map<string, string>(), index = this.pieces++;
    n.outputs.forEach((t, i) => names.set(t, tensorOf(n.outputNames[i]!)));
    for (const t of n.tensors.values()) {
      if (t.kind === "input" || t.kind === "output") { if (!names.has(t.name)) names.set(t.name, t.name); continue; }
      names.set(t.name, this.tensors.has(t.name) && !this.isThere(t, n, names) ? derivedName(`piece${index}`, t.name) : t.name);
    }
    const to = (name: string) => names.get(name) ?? name;
    for (const c of n.setup ?? []) if (!writesOf(c).every((w) => this.tensors.has(to(w)))) this.setup.push(withNames(c, to));
    for (const t of n.tensors.values()) if (t.kind !== "input" && t.kind !== "output") this.tensors.set(to(t.name), { ...t, name: to(t.name), ...(t.aliasOf === undefined ? {} : { aliasOf: to(t.aliasOf) }) });
    for (const c of n.computes) this.computes.push(withNames(c, to));
    for (const { variable, from } of n.symbols ?? []) if ("tensor" in from) this.found.push({ variable, from: { tensor: to(from.tensor) } });
  }
  /** Whether a tensor of a piece is the one of that name that is there already: the same constant, or prepared from the same constants. */
  private isThere(t: NetTensor, n: Network, names: ReadonlyMap<string, string>): boolean {
    const there = this.tensors.get(t.name)!, maker = n.setup?.find((c) => writesOf(c).includes(t.name));
    if (there.kind !== t.kind || JSON.stringify([there.shape, there.layout]) !== JSON.stringify([t.shape, t.layout])) return false;
    return t.kind === "constant" ? there.data === t.data : maker !== undefined && readsOf(maker).every((r) => names.get(r) === r);
  }
  /** The memory of a tensor. */
  private rootOf(name: string): string { const t = this.tensors.get(name); return t?.aliasOf === undefined ? name : this.rootOf(t.aliasOf); }
  /** What a turn leaves in `from` is in `to` for the next one: made there, if nothing of the turn needs the old value any more, or copied. */
  private carry(from: string, to: string, first: number, inner: Flow<Run, string>, origin: readonly string[]): void {
    const f = this.tensors.get(from)!, t = this.tensors.get(to)!, memory = this.rootOf(to), last = this.computes.length;
    const body = Array.from({ length: last - first }, (_, i) => first + i), olds = (i: number) => readsOf(this.computes[i]!).filter((x) => this.tensors.has(x) && this.rootOf(x) === memory);
    const made = body.find((i) => writesOf(this.computes[i]!).some((x) => this.rootOf(x) === from)), begin = made === undefined ? -1 : loopAround(inner, made)?.[0] ?? made;
    const over = (i: number) => i === made && i === begin && olds(i).join() === to && writesOf(this.computes[i]!).includes(from) && overwrites(this.computes[i]!, t, f);
    const late = body.some((i) => i >= begin && olds(i).length > 0 && !over(i)) || decisionsIn(inner).some(({ condition, at }) => at >= begin && this.rootOf(condition) === memory);
    if (made !== undefined && !late && f.aliasOf === undefined && f.kind === "temporary" && f.shape.join() === t.shape.join()) this.tensors.set(from, { ...f, aliasOf: to });
    else this.move(from, to, origin);
  }
  /** Copies as much as a run has of a tensor. Where the sizes change with it, they are not those of the place yet. */
  private move(from: string, to: string, origin: readonly string[]): void {
    const f = this.tensors.get(from)!, t = this.tensors.get(to)!, common = f.shape.map((n, d) => Math.min(n, t.shape[d]!)), whole = copy(f, t);
    if (common.join() === t.shape.join() && !f.sizes) { this.computes.push({ ...whole, origin }); return; }
    const axes = common.map((n, d) => axis(`d${d}`, n)), sizes = common.map((n, d) => { const e = f.sizes?.[d]; return e && make("min", e, int(n)); });
    const stage = { name: "copy", axes, value: at(f, ...axes) };
    this.computes.push({ ...whole, stages: [stage], outputs: whole.outputs.map((o) => ({ ...o, index: axes, ...someSizes(sizes) })), origin });
  }
}
/** What symbols become, without the values that are copied. */
const values = (item: Leave<ValueName>): Flow<Run, string> => (item.sizes.length || item.equalities.length ? [{ ...item, moves: [] }] : []);
/** The first and the last Compute of the outermost loop in a flow that holds one. */
function loopAround(flow: Flow<Run, string>, at: number): readonly [number, number] | undefined {
  for (const item of flow) {
    if (item.kind === "branch") { const found = loopAround([...item.ifTrue, ...item.ifFalse], at); if (found) return found; }
    if (item.kind !== "loop") continue;
    const span = spanOf(item.body);
    if (at >= span[0] && at <= span[1]) return span;
  }
  return undefined;
}
/** The Compute with other names for its tensors. */
function withNames(c: Compute, to: (name: string) => string): Compute {
  if ([...readsOf(c), ...writesOf(c)].every((name) => to(name) === name)) return c;
  const own = new Set(c.tensors.map((t) => t.name)), seen = new Map();
  const go = (e: Parameters<typeof rebuild>[0]) => rebuild(e, (x) => (x.kind === "load" && own.has(x.buffer) ? load(x.dtype, to(x.buffer), x.at, x.lanes) : x), seen);
  return {
    ...c, tensors: c.tensors.map((t) => ({ ...t, name: to(t.name) })), outputs: c.outputs.map((o) => ({ ...o, tensor: to(o.tensor) })),
    stages: c.stages.map((s) => ({ ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) })),
  };
}
