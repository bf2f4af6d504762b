/** The rules that any kernel must obey, whatever made it. */
import { children, fail, show, variables, type Expr, type Range } from "./scalar.ts";
import { range } from "./linear.ts";
import { loadsIn } from "./algebra.ts";
import { eachStmt, expressionsOf, isForOne, type Buffer, type Kernel, type Stmt } from "./kernel.ts";
import { typeError } from "./typing.ts";
import type { DType } from "./types.ts";

export { verifyCompute } from "./verify-compute.ts";

/** A variable: its values, the concurrent loops around its declaration, and those that its value depends on. */
interface Known {
  readonly dtype: DType; readonly lanes: number; readonly mutable: boolean; readonly range: Range; readonly depth: number;
  /** By its own arithmetic: two iterations of such a loop may be told apart by it. */
  readonly from: ReadonlySet<string>;
  /** In any way. */
  readonly moves: ReadonlySet<string>;
}
interface Concurrent { readonly name: string; readonly kind: "task" | "group" | "lane" }
/** `tested`: under a condition. `diverged`: some lanes of a group may not come here. `alone`: only one iteration of these loops does. */
interface Scope { readonly concurrent: readonly Concurrent[]; readonly tested: boolean; readonly diverged: boolean; readonly alone: ReadonlySet<string>; readonly phase?: Phase }
/** `shared`: inside a loop whose iterations the pieces of the phase divide to the last. */
interface Phase { readonly number: number; readonly shared: boolean }
const none: ReadonlySet<string> = new Set();
const everything: Range = [-Infinity, Infinity];

/**
 * Checks names and scopes, types and lanes, spaces, ranges that variables claim, that barriers are reached by all lanes,
 * that no two work-items store to one place or set one variable, and that a barrier stands between one lane's store into shared
 * memory and another's load. Addresses outside any `if` or `while` must provably
 * lie inside their buffers, from the ranges of their variables; inside they are left to the interpreter.
 * The first broken rule is thrown, with the kernel's name.
 */
export function verify(k: Kernel): void { new Verifier(k).run(); }

class Verifier {
  private readonly kernel: Kernel;
  private readonly buffers = new Map<string, Buffer>();
  private readonly vars = new Map<string, Known>();
  /** What mutable variables may hold, all their assignments taken together. */
  private readonly hulls = new Map<string, Range>();
  /** Expressions that are right here; what a body adds is forgotten at its end, because its variables are. */
  private readonly seen = new Set<Expr>();
  /** In which phase each scratch buffer was last filled that every task has for itself. */
  private readonly own = new Map<string, number>();
  private phases = 0;
  private readonly declared: string[] = [];
  private readonly found: Expr[] = [];

  constructor(k: Kernel) { this.kernel = k; }
  private bad(why: string): never { return fail(`${this.kernel.name}: ${why}`); }

  run(): void {
    const { buffers, params = [], body } = this.kernel;
    for (const b of buffers) {
      if (this.buffers.has(b.name)) this.bad(`buffer ${b.name} is declared twice`);
      if (b.dtype === "index") this.bad(`buffer ${b.name} cannot hold elements of type index`);
      if (!Number.isInteger(b.size) || b.size < 0) this.bad(`buffer ${b.name} has size ${b.size}`);
      this.buffers.set(b.name, b);
    }
    eachStmt(body, (s) => {
      if ((s.kind !== "set" && !(s.kind === "let" && s.mutable)) || s.value.dtype !== "index") return;
      const [low, high] = range(s.value), [a, b] = this.hulls.get(s.name) ?? [Infinity, -Infinity];
      this.hulls.set(s.name, [Math.min(a, low), Math.max(b, high)]);
    });
    for (const p of params) this.declare(p.name, { dtype: p.dtype, lanes: p.lanes, mutable: false, range: p.range ?? everything, depth: 0, from: none, moves: none });
    this.body(body, { concurrent: [], tested: false, diverged: false, alone: none });
    this.order(body, new Map(), false);
  }
  /**
   * Between a lane's store into shared memory and another's load from there, and the other way round, stands a barrier. `open`: what has
   * happened to each shared buffer since the last one.
   */
  private order(list: readonly Stmt[], open: Map<string, "stored" | "loaded">, lanes: boolean): void {
    const isShared = (name: string) => this.buffers.get(name)!.space === "shared";
    for (const s of list) {
      if (lanes) for (const { buffer } of loadsIn(expressionsOf(s)).filter((l) => isShared(l.buffer))) {
        if (open.get(buffer) === "stored") this.bad(`${buffer} is read where other lanes may not have stored yet: a barrier is missing`);
        open.set(buffer, "loaded");
      }
      if (s.kind === "barrier") open.clear();
      else if (s.kind === "store" && lanes && isShared(s.buffer)) {
        if (open.get(s.buffer) === "loaded") this.bad(`${s.buffer} is overwritten where other lanes may not have read yet: a barrier is missing`);
        open.set(s.buffer, "stored");
      } else if ("body" in s) {
        const again = s.kind === "while" || (s.kind === "for" && s.at === "serial" && range(s.extent)[1] > 1);
        for (let turn = again ? 2 : 1; turn > 0; turn--) this.order(s.body, open, lanes || (s.kind === "for" && s.at.startsWith("lane.") && range(s.extent)[1] > 1));
      }
    }
  }

  private declare(name: string, known: Known): void {
    if (this.vars.has(name)) this.bad(`${name} is declared twice`);
    if (this.buffers.has(name)) this.bad(`${name} is called like a buffer`);
    this.vars.set(name, known);
    this.declared.push(name);
  }
  private body(list: readonly Stmt[], scope: Scope, loop?: readonly [name: string, known: Known]): void {
    const vars = this.declared.length, seen = this.found.length;
    if (loop) this.declare(...loop);
    for (const s of list) this.statement(s, scope);
    for (const name of this.declared.splice(vars)) this.vars.delete(name);
    for (const e of this.found.splice(seen)) this.seen.delete(e);
  }
  private statement(s: Stmt, scope: Scope): void {
    switch (s.kind) {
      case "for": return this.loop(s, scope);
      case "while":
        this.condition(s.cond, scope);
        return this.body(s.body, { ...scope, tested: true, diverged: scope.concurrent.some((c) => c.kind === "lane") });
      case "if":
        this.condition(s.cond, scope);
        return this.body(s.body, { ...scope, tested: true, diverged: scope.diverged || this.splitsLanes(s.cond, scope), alone: new Set([...scope.alone, ...singled(s.cond)]) });
      case "block": return this.body(s.body, scope);
      case "let": {
        this.check(s.value, scope);
        const { dtype, lanes } = s.value, isIndex = dtype === "index", depth = scope.concurrent.length;
        const from = isIndex && !s.mutable ? this.dependence(spread(s.value), "from") : none;
        this.declare(s.name, {
          dtype, lanes, depth, mutable: s.mutable, from, moves: this.dependence(variables(s.value), "moves"),
          range: !isIndex ? everything : s.mutable ? this.hulls.get(s.name)! : range(s.value),
        });
        return;
      }
      case "set": {
        const known = this.vars.get(s.name) ?? this.bad(`set of unknown ${s.name}`);
        this.check(s.value, scope);
        if (!known.mutable) this.bad(`${s.name} is set to ${show(s.value)}, but it is not mutable`);
        if (known.lanes !== s.value.lanes || known.dtype !== s.value.dtype) this.bad(`${s.name} is ${known.dtype}x${known.lanes}, but is set to ${show(s.value)} of type ${s.value.dtype}x${s.value.lanes}`);
        const [outer] = scope.concurrent.slice(known.depth);
        if (outer) this.bad(`${s.name} is declared outside loop ${outer.name}, whose iterations run at once, and set inside`);
        return;
      }
      case "store": return this.store(s, scope);
      case "prefetch":
        this.buffers.get(s.buffer) ?? this.bad(`no buffer ${s.buffer}`);
        return this.check(s.at, scope);
      case "phase": {
        if (scope.phase || scope.concurrent.length) this.bad("a phase inside a phase or a concurrent loop");
        for (const e of [s.work, s.grain]) {
          this.check(e, scope);
          if (e.dtype !== "index" || e.lanes !== 1 || range(e)[0] < 1) this.bad(`a phase of ${show(s.work)} units of work in pieces of ${show(s.grain)}`);
        }
        return this.body(s.body, { ...scope, phase: { number: this.phases++, shared: isForOne(s) } });
      }
      case "barrier": if (scope.phase) this.bad("a barrier that not all tasks reach"); if (scope.diverged) this.bad("a barrier that not all lanes reach"); return;
      default: s satisfies never;
    }
  }
  private loop(s: Extract<Stmt, { kind: "for" }>, scope: Scope): void {
    this.check(s.extent, scope);
    if (s.extent.dtype !== "index" || s.extent.lanes !== 1) this.bad(`loop ${s.name} has the extent ${show(s.extent)}, which is no index but ${s.extent.dtype}x${s.extent.lanes}`);
    const [least, most] = range(s.extent);
    if (least < 0) this.bad(`loop ${s.name} may have the negative extent ${least}`);
    const own = s.at === "serial" ? none : new Set([s.name]);
    const concurrent: Concurrent = { name: s.name, kind: s.at === "parallel" ? "task" : s.at.startsWith("lane.") ? "lane" : "group" };
    if (s.share && (s.at !== "parallel" || !scope.phase || scope.phase.shared || !(range(s.share.each)[0] > 0))) this.bad(`loop ${s.name} shares what is no work of several tasks`);
    if (s.share) for (const e of [s.share.before, s.share.each]) this.check(e, scope);
    const phase = scope.phase && s.share && !s.share.whole ? { ...scope.phase, shared: true } : scope.phase;
    const inner: Scope = { ...scope, ...(phase ? { phase } : {}), concurrent: s.at === "serial" || most <= 1 ? scope.concurrent : [...scope.concurrent, concurrent], diverged: scope.diverged || this.splitsLanes(s.extent, scope) };
    this.body(s.body, inner, [s.name, { dtype: "index", lanes: 1, mutable: false, range: [0, most - 1], depth: inner.concurrent.length, from: own, moves: own }]);
  }
  private store(s: Extract<Stmt, { kind: "store" }>, scope: Scope): void {
    const buffer = this.buffers.get(s.buffer) ?? this.bad(`no buffer ${s.buffer}`), { space } = buffer;
    if (space === "in") this.bad(`${s.buffer} is read only`);
    this.check(s.at, scope);
    this.check(s.value, scope);
    if (s.at.dtype !== "index" || s.at.lanes !== 1) this.bad(`${s.buffer} is stored to at ${show(s.at)}, which is no index but ${s.at.dtype}x${s.at.lanes}`);
    if (s.value.dtype !== buffer.dtype) this.bad(`${s.buffer} holds ${buffer.dtype}, but ${show(s.value)} is ${s.value.dtype}`);
    this.inBounds(s.buffer, s.at, s.value.lanes, scope);
    this.use(buffer, scope, true);
    const isOwn = space === "scratch" && !buffer.whole;
    if (!isOwn && this.phases > 0 && !scope.phase?.shared) this.bad(`every task stores to ${s.buffer}`);
    if (scope.concurrent.length === 0) return;
    const known = this.dependence(spread(s.at), "from");
    // Scratch is one per task; shared memory is one per group.
    const clash = scope.concurrent.find((c) => !known.has(c.name) && !scope.alone.has(c.name) && (space === "out" || (space === "scratch" ? buffer.whole || c.kind !== "task" : c.kind === "lane")));
    if (clash) this.bad(`every iteration of ${clash.name} stores to the same place of ${s.buffer}`);
  }
  /** Memory that every task has for itself carries nothing from one phase to the next: other tasks may do what follows. */
  private use(b: Buffer, { phase }: Scope, stored: boolean): void {
    if (b.space !== "scratch" || b.whole || !phase) return;
    if (stored) this.own.set(b.name, phase.number);
    else if (this.own.get(b.name) !== phase.number) this.bad(`${b.name} is read in a phase that has not filled it, but each task has its own`);
  }
  private condition(cond: Expr, scope: Scope): void {
    this.check(cond, scope);
    if (cond.dtype !== "bool" || cond.lanes !== 1) this.bad(`${show(cond)} is no condition but ${cond.dtype}x${cond.lanes}`);
  }
  private dependence(names: ReadonlySet<string>, how: "from" | "moves"): ReadonlySet<string> {
    const found = new Set<string>();
    for (const name of names) for (const loop of this.vars.get(name)?.[how] ?? none) found.add(loop);
    return found;
  }
  private splitsLanes(e: Expr, scope: Scope): boolean {
    const moves = this.dependence(variables(e), "moves");
    return scope.concurrent.some((c) => c.kind === "lane" && moves.has(c.name));
  }

  private check(e: Expr, scope: Scope): void {
    const wrong = typeError(e);
    if (wrong) this.bad(wrong);
    this.inScope(e, scope);
  }
  private inScope(e: Expr, scope: Scope): void {
    if (this.seen.has(e)) return;
    for (const c of children(e)) this.inScope(c, scope);
    if (e.kind === "var") {
      const known = this.vars.get(e.name) ?? this.bad(`${e.name} is not in scope`);
      if (known.lanes !== e.lanes || known.dtype !== e.dtype) this.bad(`${e.name} is ${known.dtype}x${known.lanes}, but is used as ${e.dtype}x${e.lanes}`);
      if (e.range && (e.range[0] > known.range[0] || e.range[1] < known.range[1])) this.bad(`${e.name} claims to be in ${e.range[0]}..${e.range[1]}, but may be in ${known.range[0]}..${known.range[1]}`);
    }
    if (e.kind === "load") {
      const buffer = this.buffers.get(e.buffer) ?? this.bad(`no buffer ${e.buffer}`);
      if (e.at.length !== 1) this.bad(`${show(e)} is not flat`);
      if (buffer.dtype !== e.dtype) this.bad(`${show(e)} is read as ${e.dtype}, but holds ${buffer.dtype}`);
      this.inBounds(e.buffer, e.at[0]!, e.lanes, scope);
      this.use(buffer, scope, false);
    }
    this.seen.add(e);
    this.found.push(e);
  }
  private inBounds(buffer: string, at: Expr, lanes: number, scope: Scope): void {
    if (scope.tested) return;
    const { size } = this.buffers.get(buffer)!, [low, high] = range(at);
    if (!(low >= 0 && high + lanes <= size)) this.bad(`${buffer}[${show(at)}] may reach ${low}..${high + lanes - 1}, but has ${size} elements`);
  }
}
/** The loops whose first iteration alone passes the test: i < 1. */
function singled(cond: Expr): readonly string[] {
  if (cond.kind !== "apply" || cond.op !== "less") return [];
  const [a, b] = cond.args as [Expr, Expr];
  return a.kind === "var" && b.kind === "const" && b.value === 1 ? [a.name] : [];
}
const spreads = new WeakMap<Expr, ReadonlySet<string>>();
/** The variables that `e` depends on by arithmetic, not through what a load finds. */
function spread(e: Expr): ReadonlySet<string> {
  let known = spreads.get(e);
  if (!known) spreads.set(e, (known = new Set(e.kind === "var" ? [e.name] : e.kind === "load" ? [] : children(e).flatMap((c) => [...spread(c)]))));
  return known;
}
