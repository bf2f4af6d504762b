/**
 * Element types that the target's language does not have become others that it has: `facts.types` says which. Tensors hold
 * the other type and expressions compute with it; what a type says of its values stays true: narrow integers still wrap
 * around at their own width, truths are 0 and 1 in memory. 64-bit integers become 32 bits wide and are wrong where a value
 * does not fit, which constants and the caller's data are tested for. Doubles that only stand inside an expression, between
 * values of other types, become f32.
 * Needs: lower-graph. Ensures: no tensor and no expression of a type that `facts.types` names, but for conditions. Stands
 * first: every later pass sees the types that it will deal with.
 */
import { CompileError, type Diagnostic } from "../../diagnostics.ts";
import type { Stored, TargetFacts } from "../../emit/target.ts";
import { accumulator, resultType, type Compute, type Stage, type Tensor } from "../../ir/compute.ts";
import { convert, make, select, withChildren } from "../../ir/algebra.ts";
import { int } from "../../ir/linear.ts";
import { expressionsOfStage, type NetTensor, type Network } from "../../ir/network.ts";
import { children, constant, fail, load, variable, type Apply, type Expr } from "../../ir/scalar.ts";
import { isSmallFloat, type SmallFloat } from "../../ir/formats.ts";
import { callerBits } from "./caller-bits.ts";
import { isBig, isFloat, limits, newArray, types, type DType, type ElementArray, type Num } from "../../ir/types.ts";

/** What each element type becomes; those without an entry stay. */
export type Stores = TargetFacts["types"];
/** Hears of a number that the new type does not hold. */
type Complain = (value: Num, type: DType) => void;

/** The type that a tensor of type `t` has in memory. */
function storedAs(stores: Stores, t: DType): DType {
  const s: Stored | undefined = stores[t];
  return !s ? t : "as" in s ? s.as : t === "f64" ? "f32" : t;
}
const fits = (x: Num, t: DType): boolean => { const [low, high] = limits(t); return isFloat(t) || (x >= low && x <= high); };
const isNarrow = (t: DType, stored: DType): boolean => !isFloat(t) && t !== "bool" && types[t].bits < types[stored].bits;
/** Whether memory holds a small float as it is. */
const inMemory = (stores: Stores, t: DType): boolean => { const s = stores[t]; return s !== undefined && "memory" in s; };

/** The network with the types that the target stores. Throws a CompileError that lists all that it refuses or cannot hold. */
export function storeTypes(given: Network, { types: stores }: Pick<TargetFacts, "types">): Network {
  if (Object.keys(stores).length === 0) return given;
  const n = callerBits(given, (t) => stores[t] !== undefined && (types[t].bits < 8 || (isSmallFloat(t) && !inMemory(stores, t))));
  const problems: Diagnostic[] = [...refusals(n, stores)];
  const complain = (what: string, about: Partial<Diagnostic> = {}): Complain => (value, t) => {
    const message = `${what} ${value} of type ${t} does not fit the ${storedAs(stores, t)} that the target has in its place`;
    if (problems.some((p) => p.message === message && p.node === about.node)) return;
    const hint = "choose a target that has 64-bit integers: mlc targets lists the element types of each";
    problems.push({ severity: "error", code: "value-out-of-range", ...about, message, hint });
  };
  const tensors = new Map([...n.tensors.values()].map((t): [string, NetTensor] => {
    const dtype = storedAs(stores, t.dtype);
    if (dtype === t.dtype) return [t.name, t];
    const data = t.data ? converted(t.data, t.dtype, dtype, complain(`the constant ${t.name.slice(1)} holds`)) : undefined;
    const isPort = t.kind === "input" || t.kind === "output", declared = t.declared ?? { dtype: t.dtype, shape: t.shape };
    return [t.name, { ...t, dtype, ...(isPort ? { declared } : {}), ...(data ? { data } : {}), ...(isSmallFloat(t.dtype) && inMemory(stores, t.dtype) ? { memory: t.dtype } : {}) }];
  }));
  const computes = n.computes.map((c) => storeTypesOf(c, stores, complain("the number", { node: c.origin.join(", "), op: c.name })));
  if (problems.length) throw new CompileError(problems);
  return { ...n, tensors, computes };
}
/** Tensors of types that the target refuses, by the nodes that touch them. */
function refusals(n: Network, stores: Stores): readonly Diagnostic[] {
  const refused = (t: DType) => { const s = stores[t]; return s && "refused" in s ? s.refused : undefined; };
  const hint = "convert the model to another element type, or choose a target that has this one: mlc targets lists them";
  const ports = [...n.tensors.values()].filter((t) => t.kind === "input" || t.kind === "output").flatMap((t): Diagnostic[] => {
    const why = refused(t.dtype);
    return why === undefined ? [] : [{ severity: "error", code: "unsupported-type", message: `the ${t.kind} ${t.name.slice(1)} is ${t.dtype}: ${why}`, hint }];
  });
  const nodes = n.computes.flatMap((c): Diagnostic[] => {
    const found = [...c.tensors, ...c.outputs.map((o) => ({ name: o.tensor, dtype: o.dtype }))].filter((t) => refused(t.dtype) !== undefined);
    if (found.length === 0) return [];
    const list = [...new Set(found.map((t) => t.name.slice(1)))].join(", "), { dtype } = found[0]!;
    const message = `${list} ${found.length > 1 ? "are" : "is"} ${dtype}: ${refused(dtype)}`;
    return [{ severity: "error", code: "unsupported-type", node: c.origin.join(", "), op: c.name, message, hint }];
  });
  return [...ports, ...nodes];
}
function converted(data: ElementArray | readonly number[], from: DType, to: DType, complain: Complain): ElementArray {
  if (isSmallFloat(from) && data instanceof Float32Array) return data;
  const out = newArray(to, data.length);
  if (!isBig(from)) { (out as Float64Array).set(data as ArrayLike<number>); return out; }
  const wide = data as ArrayLike<Num>, { wrap } = types[to];
  for (let i = 0; i < wide.length; i++) {
    if (!fits(wide[i]!, to)) { complain(wide[i]!, from); break; }
    (out as { [i: number]: Num })[i] = wrap(wide[i]!);
  }
  return out;
}

/** One Compute with the types that are stored; `complain` hears of constants in expressions that do not fit. */
export function storeTypesOf(c: Compute, stores: Stores, complain: Complain = (x, t) => fail(`${x} does not fit what ${t} becomes`)): Compute {
  const isTouched = [...c.tensors, ...c.outputs].some((t) => stores[t.dtype]);
  if (!isTouched && !c.stages.some((s) => expressionsOfStage(s).some((e) => concerned(e, stores)))) return c;
  const asStored = (t: DType) => storedAs(stores, t);
  const tensors = c.tensors.map((t): Tensor => {
    const dtype = asStored(t.dtype);
    return dtype === t.dtype ? t : { ...t, dtype, ...(t.data ? { data: converted(t.data, t.dtype, dtype, complain) } : {}) };
  });
  const stages = c.stages.map((s) => new Retyping(stores, complain).stage(s));
  return { ...c, tensors, stages, outputs: c.outputs.map((o) => ({ ...o, dtype: asStored(o.dtype) })) };
}
const known = new WeakMap<Stores, WeakMap<Expr, boolean>>();
/** Whether anything in an expression changes its type. */
function concerned(e: Expr, stores: Stores): boolean {
  let mine = known.get(stores);
  if (!mine) known.set(stores, (mine = new WeakMap()));
  let is = mine.get(e);
  if (is !== undefined) return is;
  const own = stores[e.dtype] !== undefined && (e.dtype !== "bool" || e.kind === "load" || e.kind === "var");
  mine.set(e, (is = own || children(e).some((x) => concerned(x, stores))));
  return is;
}

/** Which numbers beyond the new type's limits do no harm: those that only lose against every value that fits. */
type Harmless = "low" | "high" | "none";
/** Of each operator on narrow integers, whether its result may need more bits than its operands. */
const grows: Readonly<Record<"int" | "uint", ReadonlySet<string>>> = {
  int: new Set(["add", "sub", "mul", "neg", "abs", "shl", "pow", "div"]), uint: new Set(["add", "sub", "mul", "neg", "shl", "pow", "bitNot"]),
};
/** Expressions of one stage over the new types. The value of each is that of the old one, as long as 64-bit integers fit. */
class Retyping {
  private readonly stores: Stores;
  private readonly complain: Complain;
  /** The element that the tail reads, before and after. */
  private sum: Expr | null = null;
  private readonly seen: Readonly<Record<Harmless, Map<Expr, Expr>>> = { low: new Map(), high: new Map(), none: new Map() };
  /** The value of which the tail reads one of many, unchanged. */
  private picks: Expr | false = false;
  constructor(stores: Stores, complain: Complain) { this.stores = stores; this.complain = complain; }
  private stored(t: DType): DType { return storedAs(this.stores, t); }

  /** Truths are numbers in memory, and while they are reduced. */
  stage(s: Stage): Stage {
    this.picks = (s.reduce?.op === "max" || s.reduce?.op === "min") && s.value;
    const { dtype } = s.value, stored = this.stored(dtype), op = s.reduce?.op;
    const value = convert(stored, this.of(s.value, op === "max" ? "low" : op === "min" ? "high" : "none"));
    const sum = accumulator(stored), whole = op === "add" || op === "mul" ? this.wrapped(sum, dtype) : sum;
    const element = dtype === "bool" ? convert("bool", sum) : whole;
    this.sum = accumulator(dtype);
    for (const seen of Object.values(this.seen)) seen.set(this.sum, element);
    const finish = s.finish ? convert(this.stored(resultType(s)), this.of(s.finish)) : whole === sum ? undefined : whole;
    const { finish: _, ...rest } = s;
    return { ...rest, value, ...(finish ? { finish } : {}) };
  }
  of(e: Expr, harmless: Harmless = "none"): Expr {
    if (!concerned(e, this.stores) && e !== this.sum) return e;
    const done = this.seen[harmless].get(e);
    if (done) return done;
    const next = this.make(e, harmless);
    this.seen[harmless].set(e, next);
    return next;
  }
  private make(e: Expr, harmless: Harmless): Expr {
    switch (e.kind) {
      case "const": return e.dtype === "bool" ? e : this.number(e.value, e.dtype, harmless);
      case "var": return variable(this.stored(e.dtype), e.name, e.lanes, e.range);
      case "load": {
        const found = load(this.stored(e.dtype), e.buffer, e.at.map((x) => this.of(x)), e.lanes);
        return e.dtype === "bool" ? convert("bool", found) : found;
      }
      case "cast": return this.cast(e.dtype, e.arg);
      case "apply": return this.apply(e, harmless);
      case "lanes": case "build": return withChildren(e, (x) => this.of(x));
      default: return e satisfies never;
    }
  }
  private number(x: Num, t: DType, harmless: Harmless): Expr {
    const stored = this.stored(t), [low, high] = limits(stored);
    if (fits(x, stored)) return constant(stored, x);
    if (harmless === "low" && x < low) return constant(stored, low);
    if (harmless === "high" && x > high) return constant(stored, high);
    this.complain(x, t);
    return constant(stored, 0);
  }
  /** Brings back what left the range of a narrow type. */
  private wrapped(e: Expr, t: DType): Expr {
    const stored = this.stored(t), { kind, bits } = types[t];
    if (!isNarrow(t, stored)) return e;
    if (kind === "uint") return make("and", e, constant(stored, 2 ** bits - 1));
    const spare = constant(stored, types[stored].bits - bits);
    return make("shr", make("shl", e, spare), spare);
  }
  private cast(to: DType, arg: Expr): Expr {
    const from = arg.dtype, x = this.wholePower(arg) ?? this.of(arg), [low, high] = limits(from);
    if (to === "bool") return convert("bool", x);
    // What is rounded stays so in the text: only memory can hold the small type itself.
    if (isSmallFloat(to)) return this.isExact(arg, to) ? convert(this.stored(to), x) : convert(this.stored(to), convert(to, x));
    const next = convert(this.stored(to), x);
    // The narrow type's own limits are what proves an address right.
    if (to === "index" && isNarrow(from, this.stored(from))) return make("max", make("min", next, int(Number(high))), int(Number(low)));
    const holds = !isFloat(from) && from !== "index" && !isFloat(to) && fits(low, to) && fits(high, to);
    return holds || to === "index" ? next : this.wrapped(next, to);
  }
  /** Whether the small type surely holds a value that is computed with as a wider float. */
  private isExact(e: Expr, t: SmallFloat): boolean {
    if (e === this.sum) return this.picks !== false && this.isExact(this.picks, t);
    switch (e.kind) {
      case "const": return types[t].wrap(e.value) === Number(e.value);
      case "cast": return e.arg.dtype === t;
      case "apply": return ["select", "max", "min"].includes(e.op) && e.args.every((x) => x.dtype === "bool" || this.isExact(x, t));
      default: return e.dtype === t;
    }
  }
  private apply(e: Apply, harmless: Harmless): Expr {
    const { op, dtype } = e, [a, b, c] = e.args as [Expr, Expr, Expr], { kind } = types[a.dtype];
    switch (op) {
      case "select": return select(this.of(a), this.of(b, harmless), this.of(c, harmless));
      case "max": return make(op, this.of(a, "low"), this.of(b, "low"));
      case "min": return make(op, this.of(a, "high"), this.of(b, "high"));
      case "less": case "lessEqual": case "equal": return this.decided(op, a, b) ?? make(op, this.of(a), this.of(b));
      case "shl": case "shr": return this.shifted(e);
      default: break;
    }
    const next = make(op, ...e.args.map((x) => this.of(x)));
    return (kind === "int" || kind === "uint") && grows[kind].has(op) ? this.wrapped(next, dtype) : next;
  }
  /** A comparison with a number that no value reaches. */
  private decided(op: "less" | "lessEqual" | "equal", a: Expr, b: Expr): Expr | null {
    const [low, high] = limits(this.stored(a.dtype));
    if (isFloat(a.dtype) || a.dtype === "bool") return null;
    const side = (x: Expr) => (x.kind !== "const" ? 0 : x.value > high ? 1 : x.value < low ? -1 : 0), p = side(a), q = side(b);
    return p === 0 && q === 0 ? null : constant("bool", op !== "equal" && q > p ? 1 : 0);
  }
  /** A distance that the old type allows may be all bits of the new one. */
  private shifted(e: Apply): Expr {
    const { op, dtype } = e, stored = this.stored(dtype), [a, b] = e.args.map((x) => this.of(x)) as [Expr, Expr], bits = types[stored].bits;
    if (types[dtype].bits <= types[stored].bits) return op === "shl" ? this.wrapped(make(op, a, b), dtype) : make(op, a, b);
    const last = constant(stored, bits - 1);
    if (op === "shr" && types[dtype].kind === "int") return make(op, a, make("min", b, last));
    return select(make("less", last, b), constant(stored, 0), make(op, a, make("and", b, last)));
  }
  /** The power of two whole numbers that is computed by doubles, as no other type holds it; there is one of i32 for what fits there. */
  private wholePower(e: Expr): Expr | null {
    if (e.kind !== "apply" || e.op !== "pow" || e.dtype !== "f64" || this.stored("f64") === "f64") return null;
    const whole = (t: DType) => types[t].kind === "int" || types[t].kind === "uint";
    const [a, b] = e.args.map((x) => (x.kind === "cast" && whole(x.arg.dtype) ? x.arg : null)) as [Expr | null, Expr | null];
    return a && b ? make("pow", convert("i32", this.of(a)), convert("i32", this.of(b))) : null;
  }
}
