/**
 * The whole numbers of a kernel's body: extents of loops, and the coefficients and constants of its addresses. Bodies that are equal but
 * for these give the same words, and their numbers in the same order, whatever order a sum of indices has been written in.
 */
import { fail, load, variable, type Expr } from "./scalar.ts";
import { int, linear, numberOf, plus, range, times } from "./linear.ts";
import { make, withChildren } from "./algebra.ts";
import { isForOne, type Kernel, type Share, type Stmt } from "./kernel.ts";

/** What a number is: how often a loop runs, what an index is multiplied by, what is added to indices, or how much work there is. */
export type NumberKind = "extent" | "coefficient" | "offset" | "work";
/** Who hears of the parts of a body, in their order. */
export interface Listener {
  /** Whether an index stands for what it was said to be: what parameters hid in it is found again then. */
  readonly whole?: true;
  /** What must be equal. */
  word(text: string): void;
  /** Returns what is to stand in its place. `run` numbers the lists of statements. */
  number(value: number, kind: NumberKind, run: number): Expr;
  /** An address, with what stands in it now. */
  address?(buffer: string, at: Expr, run: number): void;
}
interface Name { readonly id: number; readonly to: Expr | null }

/** The kernel with numbers for its last parameters. */
export function instantiate(k: Kernel, values: readonly number[]): Kernel {
  const { params = [], ...rest } = k, own = params.slice(0, params.length - values.length);
  if (values.length === 0) return k;
  const body = renumber(k.body, { word: () => {}, number: int, whole: true }, new Map(params.slice(own.length).map((p, i) => [p.name, int(values[i]!)])));
  return { ...rest, ...(own.length ? { params: own } : {}), body: body ?? fail(`${k.name}: its parameters have no one place`) };
}
/** The body with other numbers, and expressions in the place of some variables. Null where an index changes while the kernel runs, other than a loop's: nothing is known of its range then. */
export function renumber(body: readonly Stmt[], on: Listener, by: ReadonlyMap<string, Expr> = new Map()): readonly Stmt[] | null {
  const walker = new Walker(on, by);
  const made = walker.list(body);
  return walker.known ? made : null;
}
class Walker {
  known = true;
  private readonly on: Listener;
  private readonly names = new Map<string, Name>();
  private count = 0;
  private runs = 0;
  private run = 0;
  private seen = new Map<Expr, { readonly to: Expr; readonly id: number }>();

  constructor(on: Listener, by: ReadonlyMap<string, Expr>) {
    this.on = on;
    for (const [name, to] of by) this.declare(name, to);
  }
  list(body: readonly Stmt[]): readonly Stmt[] {
    const { run, seen } = this;
    this.run = this.runs++;
    this.seen = new Map();
    this.on.word("{");
    const made = body.map((s) => this.statement(s));
    this.on.word("}");
    this.run = run;
    this.seen = seen;
    return made;
  }
  private declare(name: string, to: Expr | null): void { this.names.set(name, { id: this.count++, to }); }
  private statement(s: Stmt): Stmt {
    const { on } = this;
    on.word(s.kind);
    switch (s.kind) {
      case "for": {
        on.word(s.at);
        const extent = this.amount(s.extent, "extent"), share = s.share && this.share(s.share);
        this.declare(s.name, variable("index", s.name, 1, [0, range(extent)[1] - 1]));
        return { ...s, extent, ...(share ? { share } : {}), body: this.list(s.body) };
      }
      case "while": this.known = false; return s;
      case "if": { const cond = this.expression(s.cond); return { ...s, cond, body: this.list(s.body) }; }
      case "block": return { ...s, body: this.list(s.body) };
      case "let": {
        const value = this.expression(s.value), isIndex = value.dtype === "index";
        if (isIndex && s.mutable) this.known = false;
        on.word(s.mutable ? "var" : "let");
        this.declare(s.name, isIndex ? (on.whole ? value : variable("index", s.name, 1, range(value))) : null);
        return { ...s, value };
      }
      case "set": on.word(this.nameOf(s.name)); return { ...s, value: this.expression(s.value) };
      case "store": { on.word(s.buffer); const at = this.address(s.buffer, s.at); return { ...s, at, value: this.expression(s.value) }; }
      case "prefetch": on.word(s.buffer); return { ...s, at: this.address(s.buffer, s.at) };
      case "barrier": return s;
      case "phase": {
        if (isForOne(s)) { on.word("alone"); return { ...s, body: this.list(s.body) }; }
        const work = this.amount(s.work, "work"), grain = this.amount(s.grain, "work");
        return { ...s, work, grain, body: this.list(s.body) };
      }
      default: return s satisfies never;
    }
  }
  private amount(e: Expr, kind: NumberKind): Expr { return e.kind === "const" ? this.on.number(numberOf(e), kind, this.run) : this.expression(e); }
  private share({ before, each, whole }: Share): Share {
    this.on.word(whole ? "whole" : "share");
    return { before: this.index(before), each: this.amount(each, "work"), whole };
  }
  private nameOf(name: string): string { const known = this.names.get(name); return known ? `v${known.id}` : name; }
  private address(buffer: string, at: Expr): Expr {
    const made = this.index(at);
    this.on.address?.(buffer, made, this.run);
    return made;
  }
  /** Each distinct one is spoken of once in a list of statements; later it is only named. */
  private expression(e: Expr): Expr {
    if (e.dtype === "index" && e.lanes === 1) return this.index(e);
    const known = this.seen.get(e);
    if (known) { this.on.word(`#${known.id}`); return known.to; }
    const to = this.made(e);
    this.seen.set(e, { to, id: this.seen.size });
    return to;
  }
  private made(e: Expr): Expr {
    this.on.word(`${e.kind} ${e.dtype} ${e.lanes}`);
    switch (e.kind) {
      case "const": this.on.word(Object.is(e.value, -0) ? "-0" : `${e.value}`); return e;
      case "var": this.on.word(this.nameOf(e.name)); return e;
      case "load": this.on.word(e.buffer); return load(e.dtype, e.buffer, [this.address(e.buffer, e.at[0]!)], e.lanes);
      case "apply": case "lanes": this.on.word(e.op); break;
      default: break;
    }
    return withChildren(e, (c) => this.expression(c));
  }
  private index(e: Expr): Expr {
    const { terms, constant: offset } = linear(e);
    const atoms = [...terms].map(([atom, by]) => ({ atom, by, key: this.shape(atom) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    let sum: Expr = int(0);
    this.on.word(`sum ${atoms.length}`);
    for (const { atom, by } of atoms) {
      const to = this.atom(atom), factor = this.on.number(by, "coefficient", this.run);
      sum = plus(sum, factor.kind === "const" ? times(to, numberOf(factor)) : make("mul", to, factor));
    }
    return plus(sum, this.on.number(offset, "offset", this.run));
  }
  private atom(e: Expr): Expr {
    this.on.word(e.kind);
    switch (e.kind) {
      case "var": this.on.word(this.nameOf(e.name)); return this.names.get(e.name)?.to ?? e;
      case "apply": {
        const [a, b] = e.args as [Expr, Expr];
        this.on.word(e.op);
        // Divisors stay numbers: the algebra of indices divides by nothing else.
        if (e.op === "quo" || e.op === "rem") { this.on.word(`${(b as { value: unknown }).value}`); return make(e.op, this.index(a), b); }
        return make(e.op, ...e.args.map((x) => this.expression(x)));
      }
      case "cast": return withChildren(e, (c) => this.expression(c));
      case "load": this.on.word(`${e.dtype} ${e.buffer}`); return load(e.dtype, e.buffer, [this.address(e.buffer, e.at[0]!)], e.lanes);
      default: this.known = false; return e;
    }
  }
  /** What the atom is, without its numbers: the same for all bodies that give the same words. */
  private shape(e: Expr): string {
    switch (e.kind) {
      case "const": return "";
      case "var": return this.nameOf(e.name);
      case "load": return `${e.buffer}[${this.shape(e.at[0]!)}]`;
      default: {
        const parts = e.dtype === "index" ? linear(e).terms : null;
        if (parts && !parts.has(e)) return [...parts.keys()].map((a) => this.shape(a)).sort().join("+");
        return `${e.kind === "apply" ? e.op : e.kind}(${(e.kind === "apply" ? e.args : e.kind === "build" ? e.elements : [e.arg]).map((a) => this.shape(a)).join()})`;
      }
    }
  }
}
