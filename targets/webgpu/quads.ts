/** Which buffers of a kernel can be arrays of vectors: memory is then read and written four elements at a time. */
import { loadsIn, make, rebuild } from "../../compiler/ir/algebra.ts";
import { eachStmt, expressionsOf, mapStmt, type Kernel, type Stmt } from "../../compiler/ir/kernel.ts";
import { fromLinear, linear, plus, times } from "../../compiler/ir/linear.ts";
import { constant, fail, load, show, variable, type Expr } from "../../compiler/ir/scalar.ts";

/** `can`: all stores, and all loads of four, are of four elements at multiples of 4; `want`: some are of four. */
export interface Quads { readonly can: ReadonlySet<string>; readonly want: ReadonlySet<string> }

/** What the names of indices stand for. */
function indicesOf(k: Kernel): ReadonlyMap<string, Expr> {
  const values = new Map<string, Expr>();
  eachStmt(k.body, (s) => { if (s.kind === "let" && !s.mutable && s.value.dtype === "index") values.set(s.name, s.value); });
  return values;
}
/** Tells whether an index is surely a multiple of 4. */
function wholeQuads(values: ReadonlyMap<string, Expr>): (e: Expr) => boolean {
  const seen = new Map<Expr, boolean>();
  const isWhole = (e: Expr): boolean => {
    let known = seen.get(e);
    if (known === undefined) {
      const { terms, constant: rest } = linear(e);
      seen.set(e, (known = rest % 4 === 0 && [...terms].every(([atom, c]) => c % 4 === 0 || isWholeAtom(atom))));
    }
    return known;
  };
  const isWholeAtom = (e: Expr): boolean => {
    if (e.kind === "var") { const value = values.get(e.name); return value !== undefined && isWhole(value); }
    if (e.kind !== "apply") return false;
    switch (e.op) {
      case "min": case "max": case "rem": return e.args.every(isWhole);
      case "select": return e.args.slice(1).every(isWhole);
      case "mul": return e.args.some(isWhole);
      default: return false;
    }
  };
  return isWhole;
}
/** Single elements may be read anywhere; a store of one would touch its neighbours. */
export function quadBuffers(k: Kernel): Quads {
  const can = new Set(k.buffers.map((b) => b.name)), want = new Set<string>(), isWhole = wholeQuads(indicesOf(k));
  const touch = (buffer: string, at: Expr, lanes: number, isStore: boolean) => {
    if (lanes === 4) want.add(buffer);
    if (lanes === 4 ? !isWhole(at) : isStore) can.delete(buffer);
  };
  const all: Expr[] = [];
  eachStmt(k.body, (s) => {
    if (s.kind === "store") touch(s.buffer, s.at, s.value.lanes, true);
    if (s.kind !== "prefetch") all.push(...expressionsOf(s));
  });
  for (const l of loadsIn(all)) touch(l.buffer, l.at[0]!, l.lanes, false);
  return { can, want };
}

/**
 * The kernel with the addresses of four elements in these buffers counted in quads. The division is done on the addresses,
 * not when the kernel runs; indices that have a name get another one for their quarter. `fresh` makes such a name.
 */
export function inQuads(k: Kernel, buffers: ReadonlySet<string>, fresh: (name: string) => string): Kernel {
  if (buffers.size === 0) return k;
  const values = indicesOf(k), isWhole = wholeQuads(values), named = new Map<string, Expr>(), seen = new Map<Expr, Expr>();
  const quarter = (e: Expr): Expr => {
    const { terms, constant: rest } = linear(e), even = [...terms].filter(([, c]) => c % 4 === 0), odd = [...terms].filter(([, c]) => c % 4 !== 0);
    const whole = fromLinear({ terms: new Map(even.map(([atom, c]) => [atom, c / 4])), constant: rest / 4 });
    return odd.reduce((sum, [atom, c]) => plus(sum, times(quarterOfAtom(atom), c)), whole);
  };
  const quarterOfAtom = (e: Expr): Expr => {
    if (e.kind === "var") {
      const known = named.get(e.name);
      if (known) return known;
      const name = variable("index", fresh(`${e.name}_quad`));
      named.set(e.name, name);
      return name;
    }
    if (e.kind !== "apply") return fail(`${show(e)} is no multiple of 4`);
    switch (e.op) {
      case "min": case "max": return make(e.op, ...e.args.map(quarter));
      case "rem": return make("rem", quarter(e.args[0]!), constant("index", (e.args[1] as { value: number }).value / 4));
      case "select": return make("select", e.args[0]!, quarter(e.args[1]!), quarter(e.args[2]!));
      case "mul": { const [a, b] = e.args as [Expr, Expr]; return isWhole(a) ? make("mul", quarter(a), b) : make("mul", a, quarter(b)); }
      default: return fail(`${show(e)} is no multiple of 4`);
    }
  };
  const counted = (e: Expr): Expr =>
    rebuild(e, (x) => (x.kind === "load" && x.lanes === 4 && buffers.has(x.buffer) ? load(x.dtype, x.buffer, [quarter(x.at[0]!)], 4) : x), seen);
  const all = (body: readonly Stmt[]): readonly Stmt[] => body.map((s): Stmt => {
    const next = mapStmt(s, counted, all);
    return next.kind === "store" && next.value.lanes === 4 && buffers.has(next.buffer) ? { ...next, at: quarter((s as typeof next).at) } : next;
  });
  let body = all(k.body);
  // What a quarter stands for may have the quarters of other names in it.
  const quarters = new Map<string, Expr>();
  for (let done = 0; done < named.size;) for (const [name] of [...named].slice(done)) { quarters.set(name, quarter(values.get(name)!)); done++; }
  const declared = (list: readonly Stmt[]): readonly Stmt[] => list.flatMap((s): Stmt[] => {
    const inner = "body" in s ? { ...s, body: declared(s.body) } : s, mine = s.kind === "let" ? named.get(s.name) : undefined;
    return mine?.kind === "var" ? [inner, { kind: "let", name: mine.name, value: quarters.get((s as { name: string }).name)!, mutable: false }] : [inner];
  });
  body = declared(body);
  return { ...k, body };
}
