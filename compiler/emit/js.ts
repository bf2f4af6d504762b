/**
 * JavaScript from scalar kernels, compiled at once: the executable definition that constant folding, `mlc verify` and
 * the tests run. Exact for each element type, and quick: whatever does not change in a loop is computed before it.
 */
import { apply, children, constant, fail, show, type Expr } from "../ir/scalar.ts";
import { linear, range } from "../ir/linear.ts";
import { expressionsOf, eachStmt, type Kernel, type Stmt } from "../ir/kernel.ts";
import { isBig, types } from "../ir/types.ts";
import { decode, encode } from "../ir/formats.ts";
import { erf, power, roundHalfEven } from "../ir/functions.ts";
import { textMeanings } from "../ir/text.ts";
import type { Memory } from "../ir/interpret.ts";
import { converted, helpers, literal, scalarOnly, spelling } from "./js-ops.ts";

/** Runs a kernel on its in and out buffers, given by name; scratch is its own. */
export type Run = (memory: Memory, params?: Readonly<Record<string, number>>) => void;

const compiled = new Map<string, (...args: unknown[]) => void>();
/**
 * A kernel as a JavaScript function. Kernels of the same text share one. Loops run one after another, whatever their
 * place; a kernel with vectors or barriers is an error that says so.
 */
export function compileToJs(k: Kernel): Run {
  const text = printJs(k);
  let run = compiled.get(text);
  if (!run) {
    const wrap = Object.fromEntries(Object.entries(types).map(([t, row]) => [t, row.wrap]));
    run = new Function("erf", "power", "roundHalfEven", "wrap", "text", "decode", "encode", text)(erf, power, roundHalfEven, wrap, textMeanings, decode, encode) as (...args: unknown[]) => void;
    compiled.set(text, run);
  }
  const given = k.buffers.filter((b) => b.space === "in" || b.space === "out"), numbers = k.params ?? [], call = run;
  return (memory, params = {}) => call(
    ...given.map((b) => memory[b.name] ?? fail(`${k.name}: no memory for ${b.name}`)),
    ...numbers.map((p) => params[p.name] ?? fail(`${k.name}: no value for parameter ${p.name}`)),
  );
}

/** Where an expression can be computed: in how many scopes, and whether its value stays the same there. */
interface Level { readonly depth: number; readonly steady: boolean }
/** `changes`: variables that are set and buffers that are stored to inside; only what it does not name may move out. */
interface Scope { readonly lines: string[]; readonly changes: ReadonlySet<string>; readonly isIf: boolean; readonly named: Map<string, string> }
interface Known { readonly text: string; readonly depth: number; readonly steady: boolean }

/** The body of a function that returns the kernel's function of its in and out buffers and parameters, in their order. */
export function printJs(k: Kernel): string { return new Printer(k).print(); }

class Printer {
  private readonly kernel: Kernel;
  private readonly vars = new Map<string, Known>();
  private readonly buffers = new Map<string, string>();
  private readonly scopes: Scope[] = [];
  private readonly mutable = new Set<string>();
  private count = 0;

  constructor(k: Kernel) {
    this.kernel = k;
    k.buffers.forEach((b, i) => this.buffers.set(b.name, `b${i}`));
    eachStmt(k.body, (s) => {
      if (s.kind === "let" && s.mutable) this.mutable.add(s.name);
      for (const e of expressionsOf(s)) scalarOnly(e.lanes, show(e));
    });
  }
  print(): string {
    const lines: string[] = [], { buffers, params = [] } = this.kernel;
    for (const b of buffers) {
      if (b.space === "scratch" || b.space === "shared") lines.push(`const ${this.buffers.get(b.name)} = new ${types[b.dtype].array.name}(${b.size});`);
    }
    for (const p of params) this.vars.set(p.name, { text: this.fresh("p"), depth: 0, steady: true });
    this.scopes.push({ lines, changes: new Set(), isIf: false, named: new Map() });
    this.statements(this.kernel.body);
    const args = [...buffers.flatMap((b) => (b.space === "in" || b.space === "out" ? [this.buffers.get(b.name)!] : [])), ...params.map((p) => this.vars.get(p.name)!.text)];
    return `"use strict";\n${helpers}\nreturn function (${args.join(", ")}) {\n${lines.join("\n")}\n};`;
  }
  private fresh(stem: string): string { return `${stem}${this.count++}`; }
  private get top(): Scope { return this.scopes.at(-1)!; }
  private get depth(): number { return this.scopes.length - 1; }
  private emit(line: string): void { this.top.lines.push("  ".repeat(this.depth) + line); }

  private statements(body: readonly Stmt[]): void {
    for (let n = 0; n < body.length; n++) {
      const s = body[n]!, first = testedSum(s);
      if (!first) { this.statement(s); continue; }
      const sums = [first];
      for (let next; (next = body[n + 1] && testedSum(body[n + 1]!)) && next.tests.length === first.tests.length && next.tests.every((t, i) => t === first.tests[i]); n++) sums.push(next);
      this.nested(`if (${first.tests.map((t) => this.text(t)).join(" && ")}) {`, sums.map((x) => x.plain), true);
    }
  }
  private statement(s: Stmt): void {
    switch (s.kind) {
      case "for": {
        if (s.share) {
          const i = this.fresh("i"), { before, whole } = s.share, base = this.text(before), each = this.text(s.share.each), n = this.text(s.extent), end = this.fresh("n");
          const at = (x: string, round: string) => `Math.max(0, Math.min(${n}, Math.${round}((${x} - ${base}) / ${each})))`;
          this.emit(`const ${end} = ${at("piece[1]", "ceil")};`);
          this.nested(`for (let ${i} = ${at("piece[0]", whole ? "floor" : "ceil")}; ${i} < ${end}; ++${i}) {`, s.body, false, () => this.vars.set(s.name, { text: i, depth: this.depth, steady: true }));
          break;
        }
        const i = this.fresh("i"), n = this.text(s.extent), end = s.extent.kind === "const" ? n : this.fresh("n");
        if (end !== n) this.emit(`const ${end} = ${n};`);
        this.nested(`for (let ${i} = 0; ${i} < ${end}; ++${i}) {`, s.body, false, () => this.vars.set(s.name, { text: i, depth: this.depth, steady: true }));
        break;
      }
      case "while": this.nested("for (;;) {", s.body, false, () => this.emit(`if (!${this.text(s.cond)}) break;`)); break;
      case "if": this.nested(`if (${this.text(s.cond)}) {`, s.body, true); break;
      case "block": this.statements(s.body); break;
      case "let":
        if (s.mutable) {
          const name = this.fresh("m"), value = this.value(s.value);
          this.emit(`let ${name} = ${value};`);
          this.vars.set(s.name, { text: name, depth: this.depth, steady: false });
        } else {
          const { depth, steady } = this.level(s.value), value = this.value(s.value, depth);
          this.vars.set(s.name, { text: steady && isName.test(value) ? value : this.hoisted(value, depth, steady), depth, steady: true });
        }
        break;
      case "set": this.emit(`${(this.vars.get(s.name) ?? fail(`${this.kernel.name}: set of unknown ${s.name}`)).text} = ${this.value(s.value)};`); break;
      case "store": this.emit(`${this.buffer(s.buffer)}[${this.text(s.at)}] = ${this.value(s.value)};`); break;
      case "prefetch": break;
      case "barrier": fail(`${this.kernel.name}: JavaScript runs loops one after another, so it cannot wait at a barrier`); break;
      // Any division into pieces must do: here a larger and a smaller one, the last first.
      case "phase": {
        const work = this.text(s.work), grain = this.text(s.grain), cut = this.fresh("n");
        this.emit(`const ${cut} = ${work} < 2 * ${grain} ? ${work} : Math.floor(${work} * 0.6);`);
        this.nested(`for (const piece of [[${cut}, ${work}], [0, ${cut}]]) {`, s.body, false);
        break;
      }
      default: s satisfies never;
    }
  }
  private nested(open: string, body: readonly Stmt[], isIf: boolean, first?: () => void): void {
    const changes = new Set<string>();
    eachStmt(body, (s) => { if (s.kind === "set") changes.add(s.name); if (s.kind === "store") changes.add(s.buffer); });
    this.scopes.push({ lines: [], changes, isIf, named: new Map() });
    first?.();
    this.statements(body);
    const { lines } = this.scopes.pop()!;
    this.emit(open);
    this.top.lines.push(...lines);
    this.emit("}");
  }
  private buffer(name: string): string { return this.buffers.get(name) ?? fail(`${this.kernel.name}: no buffer ${name}`); }

  /** The outermost scope where all that `e` reads is there and does not change until here. */
  private level(e: Expr): Level {
    if (e.kind === "const") return { depth: 0, steady: true };
    if (e.kind === "var") {
      const { depth, steady } = this.vars.get(e.name) ?? fail(`${this.kernel.name}: ${e.name} is not in scope`);
      return steady ? { depth, steady } : { depth: Math.max(depth, this.lastChange(e.name)), steady };
    }
    const parts = children(e).map((c) => this.level(c));
    let depth = Math.max(0, ...parts.map((p) => p.depth)), steady = parts.every((p) => p.steady);
    if (e.kind === "load") {
      depth = Math.max(depth, this.lastChange(e.buffer));
      steady &&= this.kernel.buffers.some((b) => b.name === e.buffer && b.space === "in");
      // Outside its test, a load may miss the buffer. Numbers survive that, bigints do not.
      if (isBig(e.dtype)) depth = Math.max(depth, this.scopes.findLastIndex((s) => s.isIf));
    }
    return { depth, steady };
  }
  private lastChange(name: string): number { return this.scopes.findLastIndex((s) => s.changes.has(name)); }
  /** A name for a value, computed once at the current end of a scope further out. */
  private hoisted(text: string, depth: number, steady: boolean): string {
    const scope = this.scopes[depth]!, known = scope.named.get(text);
    if (known && steady) return known;
    const name = this.fresh("t");
    scope.lines.push(`${"  ".repeat(depth)}const ${name} = ${text};`);
    if (steady) scope.named.set(text, name);
    return name;
  }
  /** As a value: a bool is 0 or 1. */
  private value(e: Expr, depth = this.depth): string {
    const text = this.text(e, depth);
    return e.dtype === "bool" && (e.kind === "apply" || e.kind === "cast") && !isName.test(text) ? `(${text} ? 1 : 0)` : text;
  }
  /** Of an apply or cast of type bool: a condition. Parts that are known further out than `depth` are computed there. */
  private text(e: Expr, depth = this.depth): string {
    if (e.kind === "const") return literal(e.dtype, e.value);
    if (e.kind === "var") return (this.vars.get(e.name) ?? fail(`${this.kernel.name}: ${e.name} is not in scope`)).text;
    scalarOnly(e.lanes, show(e));
    const level = this.level(e);
    if (level.depth >= depth) return this.inner(e, depth);
    const inner = this.inner(e, level.depth);
    return this.hoisted(e.dtype === "bool" && e.kind !== "load" ? `(${inner} ? 1 : 0)` : inner, level.depth, level.steady);
  }
  private inner(e: Exclude<Expr, { kind: "const" | "var" }>, depth: number): string {
    switch (e.kind) {
      case "load": return `${this.buffer(e.buffer)}[${this.text(e.at.length === 1 ? e.at[0]! : fail(`${show(e)} is not flat`), depth)}]`;
      case "cast": return converted(e.arg.dtype, e.dtype, e.arg.dtype === "bool" ? this.value(e.arg, depth) : this.text(e.arg, depth));
      case "lanes": case "build": return fail(`JavaScript is printed from scalar kernels: ${show(e)}`);
      case "apply": {
        if (e.dtype === "index" && (e.op === "add" || e.op === "sub") && fits(e)) return this.sum(e, depth);
        const t = e.op === "select" ? e.dtype : e.args[0]!.dtype;
        const condition = e.op === "and" || e.op === "or" || e.op === "xor" || e.op === "not";
        const [a, b, c, d] = e.args.map((x, i) => (condition || (e.op === "select" && i === 0) ? this.text(x, depth) : this.value(x, depth))) as [string, string, string, string];
        if (t !== "index" || !fits(e)) return spelling[e.op](t, a, b, c, d);
        switch (e.op) {
          case "mul": return `Math.imul(${a}, ${b})`;
          case "quo": return `(${a} / ${b} | 0)`;
          case "min": case "max": return `Math.${e.op}(${a}, ${b})`;
          default: return spelling[e.op](t, a, b, c, d);
        }
      }
      default: return e satisfies never;
    }
  }
  /** A sum of index terms, those known furthest out first, so that the innermost loop adds as little as possible. */
  private sum(e: Expr, depth: number): string {
    const { terms, constant } = linear(e);
    const parts = [...terms].filter(([, c]) => c !== 0).map(([atom, c]) => ({ atom, c, depth: this.level(atom).depth, steady: this.level(atom).steady }))
      .sort((a, b) => a.depth - b.depth);
    let text = constant === 0 ? "" : literal("index", constant), at = 0, steady = true, plain = true;
    for (const p of parts) {
      if (!plain && p.depth > at && at < depth) { text = this.hoisted(text, at, steady); plain = true; }
      at = Math.max(at, p.depth);
      steady &&= p.steady;
      const atom = this.text(p.atom, Math.min(at, depth)), product = p.c === 1 ? atom : `Math.imul(${atom}, ${p.c})`;
      plain &&= !text && p.c === 1;
      text = text ? `(${text} + ${product} | 0)` : product;
    }
    return text || "0";
  }
}
/**
 * A sum that grows by a value only where tests hold, and by -0 elsewhere, which changes nothing: the tests, and the
 * statement without them.
 */
function testedSum(s: Stmt): { readonly plain: Stmt; readonly tests: readonly Expr[] } | null {
  if (s.kind !== "set" || s.value.kind !== "apply" || s.value.op !== "add") return null;
  const [total, term] = s.value.args as [Expr, Expr], tests: Expr[] = [], none = constant(term.dtype, -0);
  if (total.kind !== "var" || total.name !== s.name || term.lanes !== 1) return null;
  let value = term;
  while (value.kind === "apply" && value.op === "select" && value.args[2] === none) {
    tests.push(value.args[0]!);
    value = value.args[1]!;
  }
  return tests.length ? { tests, plain: { ...s, value: apply("add", total, value) } } : null;
}
const isName = /^\w+$/;
/** Whether an index surely fits 32 bits, where JavaScript's arithmetic is that of whole numbers. */
function fits(e: Expr): boolean {
  const [low, high] = range(e);
  return e.dtype === "index" && low >= -(2 ** 31) && high < 2 ** 31;
}
