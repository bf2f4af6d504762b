/** Runs a kernel by definition: every schedule of a Compute must agree with every other. Slow and plain on purpose. */
import { fail, scalarOps, show, type Expr, type LaneOp, type ScalarOp } from "./scalar.ts";
import { isFloat, newArray, types, type DType, type ElementArray, type Num } from "./types.ts";
import { isForOne, someStmt, type Kernel, type Share, type Stmt } from "./kernel.ts";

/** One entry for each lane. */
export type Value = readonly Num[];
/** The values of variables, by name. */
export type Vars = ReadonlyMap<string, Value>;
/** The elements of each buffer. */
export type Memory = Readonly<Record<string, ElementArray>>;

/** The operator that combines all lanes into one. */
export const combines: Readonly<Record<Exclude<LaneOp, "splat">, ScalarOp>> = { sumLanes: "add", maxLanes: "max", minLanes: "min", mulLanes: "mul" };

/** An operator's result in its type. */
export const applyOp = (op: ScalarOp, dtype: DType, args: readonly Num[]): Num => types[dtype].wrap(scalarOps[op].meaning(...args));

/** The value of an expression. A load outside its buffer, an unbound variable or a missing buffer is an error that names it. */
export function evaluate(e: Expr, vars: Vars, memory: Memory, seen = new Map<Expr, Value>()): Value {
  const known = seen.get(e);
  if (known) return known;
  const value = valueOf(e, vars, memory, (c) => evaluate(c, vars, memory, seen));
  seen.set(e, value);
  return value;
}
function valueOf(e: Expr, vars: Vars, memory: Memory, of: (e: Expr) => Value): Value {
  const lanes = Array.from({ length: e.lanes }, (_, i) => i);
  switch (e.kind) {
    case "const": return [e.value];
    case "var": return vars.get(e.name) ?? fail(`unbound ${e.name}`);
    case "load": {
      const data = memory[e.buffer] ?? fail(`no buffer ${e.buffer}`);
      const first = Number(of(e.at.length === 1 ? e.at[0]! : fail(`${show(e)} is not flat`))[0]);
      return lanes.map((i) => data[first + i] ?? fail(`out of bounds: ${show(e)} at ${first + i} of ${data.length}`));
    }
    case "apply": {
      const args = e.args.map(of);
      return lanes.map((i) => applyOp(e.op, e.dtype, args.map((a) => a[a.length === 1 ? 0 : i]!)));
    }
    case "cast": { const { wrap } = types[e.dtype]; return of(e.arg).map(wrap); }
    case "build": return e.elements.map((x) => of(x)[0]!);
    case "lanes": {
      const arg = of(e.arg), { op } = e;
      return op === "splat" ? lanes.map(() => arg[0]!) : [arg.reduce((a, b) => applyOp(combines[op], e.dtype, [a, b]))];
    }
    default: return e satisfies never;
  }
}

/** What stands in memory that nobody has written: NaN, or bits that are no likely result, so that a read before a write shows. */
function poison(t: DType, size: number): ElementArray {
  const data = newArray(t, size);
  if (isFloat(t)) return (data as Float32Array).fill(NaN);
  new Uint8Array(data.buffer).fill(0xa5);
  return data;
}

/** How `interpret` runs a kernel. */
export interface RunOptions {
  /** Groups, tasks and lanes in the other order: a result that changes is a race. */
  readonly backwards?: boolean;
  /** Into how many pieces the work of a phase is cut, as far as its grain allows; 3 without it. That two touch one place is an error. */
  readonly pieces?: number;
  /** Values of the kernel's parameters, by name. */
  readonly params?: Readonly<Record<string, number>>;
}
/** The iterations of a loop that belong to a piece of a phase's work. */
export function iterationsOf(extent: number, before: number, each: number, whole: Share["whole"], from: number, to: number): readonly [number, number] {
  const inside = (i: number) => Math.min(Math.max(i, 0), extent);
  return [inside(whole ? Math.floor((from - before) / each) : Math.ceil((from - before) / each)), inside(Math.ceil((to - before) / each))];
}
/** The work of a phase in `count` pieces or fewer, last first where they are `backwards`. */
function piecesOf(work: number, grain: number, count: number, backwards: boolean): readonly (readonly [number, number])[] {
  const n = Math.max(1, Math.min(count, Math.floor(work / grain))), all = Array.from({ length: n }, (_, i) => [Math.floor((work * i) / n), Math.floor((work * (i + 1)) / n)] as const);
  return backwards ? all.reverse() : all;
}
/** Which piece of a phase stored to each place of memory last, and which piece read it, to find races. */
class Watch {
  private readonly stored = new Map<string, number>();
  private readonly read = new Map<string, number>();
  piece = 0;
  store(place: string): boolean {
    const before = this.stored.get(place) ?? this.piece, reader = this.read.get(place) ?? this.piece;
    this.stored.set(place, this.piece);
    return before === this.piece && reader === this.piece;
  }
  load(place: string): boolean {
    const reader = this.read.get(place) ?? this.piece;
    this.read.set(place, reader === this.piece ? reader : -1);
    return (this.stored.get(place) ?? this.piece) === this.piece;
  }
}
/** `given` holds the in and out buffers, and scratch where the caller lends it; results are written into it. Errors name the kernel. */
export function interpret(k: Kernel, given: Memory, options: RunOptions = {}): void {
  const { backwards = false, params = {}, pieces = 3 } = options;
  const bad = (why: string): never => fail(`${k.name}: ${why}`);
  const memory: Record<string, ElementArray> = {};
  for (const b of k.buffers) {
    const data = b.space === "shared" || (b.space === "scratch" && !given[b.name]) ? poison(b.dtype, b.size) : given[b.name] ?? bad(`no memory for ${b.name}`);
    if (!(data instanceof types[b.dtype].array)) bad(`${b.name} holds ${b.dtype}, not the elements of ${data.constructor.name}`);
    if (data.length < b.size) bad(`${b.name} has ${data.length} elements, but needs ${b.size}`);
    memory[b.name] = data;
  }
  const value = (e: Expr, vars: Vars): Value => {
    try { return evaluate(e, vars, memory); } catch (error) { return bad((error as Error).message); }
  };
  let piece: readonly [number, number] = [0, Infinity], watch: Watch | null = null;
  const own = new Set(k.buffers.filter((b) => b.space === "scratch" && !b.whole).map((b) => b.name));
  /** The same place has the same name, whatever buffer it is reached through. */
  const bases = [...new Set(k.buffers.map((b) => memory[b.name]!.buffer))];
  const place = (name: string, i: number) => { const a = memory[name]!; return `${bases.indexOf(a.buffer)} ${a.byteOffset + i * a.BYTES_PER_ELEMENT}`; };
  const watched = someStmt(k.body, (s) => s.kind === "phase" && !isForOne(s));
  if (watched) for (const b of k.buffers) if (!own.has(b.name) && !b.constant) {
    const data = memory[b.name]!;
    memory[b.name] = new Proxy(data, { get: (_, key) => {
      if (watch && typeof key === "string" && /^\d+$/.test(key) && !watch.load(place(b.name, Number(key)))) bad(`${b.name}[${key}] is read by one task and written by another`);
      const x: unknown = Reflect.get(data, key, data);
      return typeof x === "function" ? x.bind(data) : x;
    }, set: (_, key, x) => Reflect.set(data, key, x, data) });
  }
  const number = (e: Expr, vars: Vars) => Number(value(e, vars)[0]);
  /** Yields at each barrier. */
  function* run(body: readonly Stmt[], vars: Map<string, Value>): Generator<void> {
    for (const s of body) switch (s.kind) {
      case "for": {
        const extent = number(s.extent, vars);
        if (extent < 0) bad(`loop ${s.name} has extent ${extent}`);
        if (s.at.startsWith("lane.")) yield* together(extent, (i) => run(s.body, new Map(vars).set(s.name, [i])));
        else if (s.share) {
          const [from, to] = iterationsOf(extent, number(s.share.before, vars), number(s.share.each, vars), s.share.whole, ...piece);
          for (let i = from; i < to; i++) yield* run(s.body, vars.set(s.name, [backwards ? to - 1 - i + from : i]));
        } else for (let i = 0; i < extent; i++) yield* run(s.body, vars.set(s.name, [s.at !== "serial" && backwards ? extent - 1 - i : i]));
        break;
      }
      case "while": while (number(s.cond, vars)) yield* run(s.body, vars); break;
      case "if": if (number(s.cond, vars)) yield* run(s.body, vars); break;
      case "block": yield* run(s.body, vars); break;
      case "let": case "set": vars.set(s.name, value(s.value, vars)); break;
      case "store": {
        const first = number(s.at, vars), data = memory[s.buffer] ?? bad(`no buffer ${s.buffer}`);
        value(s.value, vars).forEach((x, i) => {
          if (data[first + i] === undefined) bad(`store out of bounds: ${s.buffer}[${show(s.at)}] at ${first + i} of ${data.length}`);
          if (watch && !own.has(s.buffer) && !watch.store(place(s.buffer, first + i))) bad(`${s.buffer}[${first + i}] is written by one task and touched by another`);
          data[first + i] = x;
        });
        break;
      }
      case "prefetch": break;
      case "barrier": yield; break;
      case "phase":
        watch = isForOne(s) ? null : new Watch();
        for (const part of piecesOf(number(s.work, vars), number(s.grain, vars), pieces, backwards)) {
          piece = part;
          if (watch) watch.piece++;
          for (const b of k.buffers) if (own.has(b.name)) memory[b.name]!.set(poison(b.dtype, b.size) as never);
          yield* run(s.body, vars);
        }
        watch = null;
        break;
      default: s satisfies never;
    }
  }
  /** Lock step: each lane runs to the next barrier before any goes past it. */
  function* together(count: number, lane: (i: number) => Generator<void>): Generator<void> {
    const all = Array.from({ length: count }, (_, i) => lane(i));
    for (;;) {
      const done = (backwards ? [...all].reverse() : all).map((g) => g.next().done);
      if (done.every(Boolean)) return;
      if (done.some(Boolean)) bad("some lanes wait at a barrier that others never reach");
      yield;
    }
  }
  const start = new Map<string, Value>((k.params ?? []).map((p) => {
    const x = params[p.name] ?? bad(`no value for parameter ${p.name}`);
    if (p.range && (x < p.range[0] || x > p.range[1])) bad(`parameter ${p.name} is ${x}, outside ${p.range[0]}..${p.range[1]}`);
    return [p.name, [x]];
  }));
  for (const _ of run(k.body, start)) { /* a barrier outside all lane loops orders nothing */ }
}
