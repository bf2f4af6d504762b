/**
 * Computes what a model computes of sizes known only at run time: Shape, Gather, Concat, Mul, Floor, Range ... of a few whole numbers.
 * There is no line about any operator: an operator's own Compute is carried out on indices over symbols in the place of its elements.
 * Whole numbers are taken to stay within their types, as sizes do; floats are followed where they are exact quotients of whole numbers.
 */
import { convert, make } from "../../ir/algebra.ts";
import { extentOf, neutral, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { sizeOf, type Constant, type Dim, type SizeList, type ValueType } from "../../ir/graph.ts";
import { int, range } from "../../ir/linear.ts";
import { quotientOf, roundedDown } from "../../ir/quotient.ts";
import { constant, type Expr, type ScalarOp } from "../../ir/scalar.ts";
import { arrayOf, types, type DType, type Num } from "../../ir/types.ts";
import { dimOf } from "../../ops/helpers.ts";

/** Elements, over all outputs and sums, beyond which nothing is a computation of shapes. */
const most = 4096;
/** What cannot be followed. */
class Unknown extends Error {}
const unknown = (): never => { throw new Unknown(); };

/** The elements of a tensor, row-major: indices for whole numbers, conditions for truths, and floats. */
export interface Elements { readonly shape: readonly number[]; readonly list: readonly Expr[] }
const isWhole = (t: DType): boolean => types[t].kind === "int" || types[t].kind === "uint";
/** Elements of a constant or of a list of sizes. */
export const elementsOf = (c: Constant | SizeList): Elements => ({
  shape: c.shape,
  list: "dims" in c ? c.dims.map((d) => (typeof d === "number" ? (isWhole(c.dtype) ? int(d) : constant(c.dtype, d)) : d))
    : Array.from(c.data as Iterable<Num>, (x) => (isWhole(c.dtype) ? int(Number(x)) : constant(c.dtype, x))),
});

/** An expression with known values for its loads and axes, whole numbers as indices. */
class Substitution {
  private readonly axes: ReadonlyMap<string, number>;
  private readonly acc: Expr | undefined;
  private readonly elements: (buffer: string, at: readonly number[]) => Expr;
  private readonly seen = new Map<Expr, Expr>();
  constructor(axes: ReadonlyMap<string, number>, elements: (buffer: string, at: readonly number[]) => Expr, acc?: Expr) {
    this.axes = axes; this.elements = elements; this.acc = acc;
  }
  of(e: Expr): Expr {
    let known = this.seen.get(e);
    if (!known) this.seen.set(e, (known = this.made(e)));
    return known;
  }
  private made(e: Expr): Expr {
    switch (e.kind) {
      case "const": return isWhole(e.dtype) ? int(Number(e.value)) : e;
      case "var": {
        if (e.name === "acc" && !e.param) return this.acc ?? unknown();
        const at = this.axes.get(e.name);
        return at === undefined ? e : int(at);
      }
      case "load": return this.elements(e.buffer, e.at.map((x) => { const at = this.of(x); return at.kind === "const" ? Number(at.value) : unknown(); }));
      case "cast": return this.converted(e.dtype, this.of(e.arg));
      case "apply":
        if (e.op === "select") {
          const c = this.of(e.args[0]!);
          // The other branch may read what does not exist.
          if (c.kind === "const") return this.of(e.args[Number(c.value) ? 1 : 2]!);
        }
        return this.applied(e.op, e.dtype, e.args.map((a) => this.of(a)), e.args.at(-1)!.dtype);
      default: return unknown();
    }
  }
  private converted(to: DType, x: Expr): Expr {
    const whole = isWhole(to) || to === "index";
    if (x.dtype === "index") return whole ? x : to === "bool" ? make("not", make("equal", x, int(0))) : convert(to, x);
    if (x.dtype === "bool") return whole ? make("select", x, int(1), int(0)) : convert(to, x);
    if (!whole) return convert(to, x);
    if (x.kind === "const") return int(Number(types.i64.wrap(x.value)));
    const q = quotientOf(x);
    return (q && range(q.of)[0] >= 0 && roundedDown(q)) || unknown();
  }
  private applied(op: ScalarOp, dtype: DType, args: readonly Expr[], of: DType): Expr {
    if (op === "select") {
      const [c, a, b] = args as [Expr, Expr, Expr];
      return a.dtype === b.dtype ? make("select", c, a, b) : unknown();
    }
    // Beyond the first operand's type, an operator of whole numbers means what it means for indices.
    if (!isWhole(of) || !args.every((a) => a.dtype === "index")) return args.every((a) => a.dtype === of || of === "index") || dtype === "bool" ? make(op, ...args) : unknown();
    const [a, b] = args as [Expr, Expr], natural = args.every((x) => range(x)[0] >= 0);
    switch (op) {
      case "add": case "sub": case "mul": case "min": case "max": case "less": case "lessEqual": case "equal": return make(op, a, b);
      case "neg": return make("sub", int(0), a);
      case "abs": return range(a)[0] >= 0 ? a : make("max", a, make("sub", int(0), a));
      case "div": return a.kind === "const" && b.kind === "const" && Number(b.value) !== 0 ? int(Math.trunc(Number(a.value) / Number(b.value)))
        : natural && range(b)[0] >= 1 ? make("quo", a, b) : unknown();
      case "fmod": return a.kind === "const" && b.kind === "const" && Number(b.value) !== 0 ? int((Number(a.value) % Number(b.value)) + 0)
        : natural && range(b)[0] >= 1 ? make("rem", a, b) : unknown();
      default: return unknown();
    }
  }
}

const indicesOf = (axes: readonly Axis[]): readonly (readonly number[])[] =>
  axes.reduce<readonly (readonly number[])[]>((all, a) => all.flatMap((i) => Array.from({ length: extentOf(a) }, (_, k) => [...i, k])), [[]]);
function stageElements(s: Stage, read: (buffer: string, at: readonly number[]) => Expr): Elements {
  const at = (axes: readonly Axis[], index: readonly number[]) => axes.map((a, d) => [a.name, index[d]!] as const), inner = s.reduce?.axes ?? [];
  const none = (dtype: DType, op: Parameters<typeof neutral>[0]) => (isWhole(dtype) ? int(Number(neutral(op, dtype))) : constant(dtype, neutral(op, dtype)));
  const list = indicesOf(s.axes).map((index) => {
    const outer = at(s.axes, index);
    if (!s.reduce) return new Substitution(new Map(outer), read).of(s.value);
    const { op } = s.reduce, start = none(s.value.dtype, op), turn = (acc: Expr, k: readonly number[]) => new Substitution(new Map([...outer, ...at(inner, k)]), read, acc).of(s.value);
    const sum = indicesOf(inner).reduce<Expr | null>((acc, k) => (op === "repeat" || !acc ? turn(acc ?? start, k) : make(op, acc, turn(start, k))), null) ?? start;
    return s.finish ? new Substitution(new Map(outer), read, sum).of(s.finish) : sum;
  });
  return { shape: s.axes.map(extentOf), list };
}
const flat = (shape: readonly number[], at: readonly number[]): number => at.reduce((sum, i, d) => sum * shape[d]! + i, 0);

/**
 * What a Compute makes of known elements, by output tensor; null where it is too much or cannot be followed. `results` are the types
 * of its outputs, by tensor.
 */
export function computeSizes(c: Compute, known: ReadonlyMap<string, Elements>, results: ReadonlyMap<string, ValueType>): ReadonlyMap<string, Constant | SizeList> | null {
  const work = c.stages.reduce((sum, s) => sum + sizeOf([...s.axes, ...(s.reduce?.axes ?? [])].map(extentOf)), 0);
  if (work > most || c.outputs.some((o) => o.index)) return null;
  const made = new Map<string, Elements>();
  const read = (buffer: string, at: readonly number[]): Expr => {
    const e = made.get(buffer) ?? known.get(buffer) ?? unknown();
    return e.list[flat(e.shape, at)] ?? unknown();
  };
  try {
    for (const s of c.stages) made.set(s.name, stageElements(s, read));
    return new Map(c.outputs.map((o) => [o.tensor, valueOf(results.get(o.tensor) ?? unknown(), made.get(o.stage)!)]));
  } catch (e) {
    if (e instanceof Unknown) return null;
    throw e;
  }
}
/** Known elements as a constant where all are numbers, else as a list of sizes. */
function valueOf(t: ValueType, { shape, list }: Elements): Constant | SizeList {
  if (t.shape.some((d, i) => d !== shape[i])) return unknown();
  if (list.every((e) => e.kind === "const")) return { dtype: t.dtype, shape, data: arrayOf(t.dtype, list.map((e) => (e as { value: Num }).value)) };
  const dims: readonly Dim[] = list.map((e) => (!isWhole(t.dtype) || range(e).every(Number.isFinite) ? dimOf(e) : unknown()));
  return { dtype: t.dtype, shape, dims };
}
