/** Construction that simplifies: every expression made here is in normal form, so no pass has to restore it. */
import { acrossLanes, apply, build, cast, constant, load, mentions, scalarOps, splat, textOps, type Expr, type Load, type ScalarOp, type Var } from "./scalar.ts";
import { isSmallFloat } from "./formats.ts";
import { idLimit, indexOps } from "./linear.ts";
import { any, is, op, rewrite, rule, type Rule } from "./rules.ts";
import { types, type DType, type Num } from "./types.ts";

/**
 * Float rules hold bit by bit, NaN and -0 included. So the identity of a sum is -0 (x + 0 turns -0 into 0), and
 * "x * 0 -> 0" is absent: a structural zero is written `term(0, x)`, which selects before it multiplies.
 */
export const algebra: readonly Rule[] = [
  rule("x + -0 -> x", op("add", any("x"), is(-0)), ({ x }) => x),
  rule("-0 + x -> x", op("add", is(-0), any("x")), ({ x }) => x),
  rule("x - 0 -> x", op("sub", any("x"), is(0)), ({ x }) => x),
  rule("x * 1 -> x", op("mul", any("x"), is(1)), ({ x }) => x),
  rule("1 * x -> x", op("mul", is(1), any("x")), ({ x }) => x),
  rule("x / 1 -> x", op("div", any("x"), is(1)), ({ x }) => x),
  rule("-1 * x -> -x", op("mul", is(-1), any("x")), ({ x }) => make("neg", x)),
  rule("x + -y -> x - y", op("add", any("x"), op("neg", any("y"))), ({ x, y }) => make("sub", x, y)),
  rule("-x + y -> y - x", op("add", op("neg", any("x")), any("y")), ({ x, y }) => make("sub", y, x)),
  rule("x - -y -> x + y", op("sub", any("x"), op("neg", any("y"))), ({ x, y }) => make("add", x, y)),
  rule("--x -> x", op("neg", op("neg", any("x"))), ({ x }) => x),
  rule("max(x, x) -> x", op("max", any("x"), any("x")), ({ x }) => x),
  rule("min(x, x) -> x", op("min", any("x"), any("x")), ({ x }) => x),
  rule("max(x, -inf) -> x", op("max", any("x"), is(-Infinity)), ({ x }) => x),
  rule("min(x, inf) -> x", op("min", any("x"), is(Infinity)), ({ x }) => x),
];
/** Rules of whole numbers, which wrap around. */
export const whole: readonly Rule[] = [
  rule("x + dotBytes(0, y, z) -> dotBytes(x, y, z)", op("add", any("x", "i32"), op("dotBytes", is(0, "i32"), any("y", "i32"), any("z", "i32"))), ({ x, y, z }) => make("dotBytes", x, y, z)),
];
/** Rules of conditions, for values of any type. */
export const truth: readonly Rule[] = [
  rule("select(true, x, y) -> x", op("select", is(1, "bool"), any("x"), any("y")), ({ x }) => x),
  rule("select(false, x, y) -> y", op("select", is(0, "bool"), any("x"), any("y")), ({ y }) => y),
  rule("select(c, x, x) -> x", op("select", any("c", "bool"), any("x"), any("x")), ({ x }) => x),
  rule("x and true -> x", op("and", any("x", "bool"), is(1, "bool")), ({ x }) => x),
  rule("true and x -> x", op("and", is(1, "bool"), any("x", "bool")), ({ x }) => x),
  rule("x and false -> false", op("and", any("x", "bool"), is(0, "bool")), () => constant("bool", 0)),
  rule("false and x -> false", op("and", is(0, "bool"), any("x", "bool")), () => constant("bool", 0)),
  rule("x or false -> x", op("or", any("x", "bool"), is(0, "bool")), ({ x }) => x),
  rule("false or x -> x", op("or", is(0, "bool"), any("x", "bool")), ({ x }) => x),
  rule("not not x -> x", op("not", op("not", any("x", "bool"))), ({ x }) => x),
];

/** Normal forms that were asked for before, by operator and the ids of two operands. */
const made = new Map<ScalarOp, Map<number, Expr>>();

/** The normal form of an operator applied to arguments in normal form. */
export function make(name: ScalarOp, ...args: readonly Expr[]): Expr {
  if (args.length !== 2 || args[0]!.id >= idLimit || args[1]!.id >= idLimit) return normal(name, args);
  let known = made.get(name);
  if (!known) made.set(name, (known = new Map()));
  const key = args[0]!.id * idLimit + args[1]!.id;
  let e = known.get(key);
  if (!e) known.set(key, (e = normal(name, args)));
  return e;
}
function normal(name: ScalarOp, args: readonly Expr[]): Expr {
  const [a, b] = args as [Expr, Expr];
  if (args.every((x) => x.kind === "const") && !(name in textOps)) {
    const { dtype } = apply(name, ...args);
    return constant(dtype, scalarOps[name].meaning(...args.map((x) => (x as { value: Num }).value)));
  }
  if (a.dtype === "index" && name in indexOps) return indexOps[name as keyof typeof indexOps](a, b);
  const plain = apply(name, ...args);
  return rewrite(plain, truth) ?? (types[plain.dtype].kind === "float" ? rewrite(plain, algebra) : plain.dtype === "i32" ? rewrite(plain, whole) : null) ?? plain;
}
/** The value of `x` in another type. */
export function convert(dtype: DType, x: Expr): Expr {
  if (x.dtype === dtype) return x;
  // Every small float is a number of each larger type.
  if (x.kind === "cast" && x.arg.dtype === dtype && isSmallFloat(dtype) && (x.dtype === "f32" || x.dtype === "f64")) return x.arg;
  return x.kind === "const" ? constant(dtype, x.value) : cast(dtype, x);
}
/** a + b in normal form. Of this and the shorthands below, types are those of `make`: both operands have one. */
export const add = (a: Expr, b: Expr) => make("add", a, b);
/** a - b in normal form. */
export const sub = (a: Expr, b: Expr) => make("sub", a, b);
/** a * b in normal form. */
export const mul = (a: Expr, b: Expr) => make("mul", a, b);
/** a / b in normal form; integers round towards zero. */
export const div = (a: Expr, b: Expr) => make("div", a, b);
/** `a` where the condition holds, else `b`; one of them alone where that is known. */
export const select = (c: Expr, a: Expr, b: Expr) => make("select", c, a, b);
/** a < b, as bool. Between indices it is decided where their ranges decide it. */
export const less = (a: Expr, b: Expr) => make("less", a, b);
/** Whether two conditions hold. */
export const both = (a: Expr, b: Expr) => make("and", a, b);
/** Whether a condition does not hold. */
export const not = (a: Expr) => make("not", a);
/** A constant of type f32, rounded to it. */
export const f32 = (x: number): Expr => constant("f32", x);
/** c * x, or a structural zero that vanishes from a sum when c is a constant 0, whatever x is. */
export const term = (c: Expr, x: Expr): Expr =>
  make("select", make("less", f32(0), make("mul", c, c)), mul(c, x), f32(-0));

/** Rebuilds `e` in normal form with other children. */
export function withChildren(e: Expr, f: (child: Expr) => Expr): Expr {
  switch (e.kind) {
    case "const": case "var": return e;
    case "load": return load(e.dtype, e.buffer, e.at.map(f), e.lanes);
    case "apply": return make(e.op, ...e.args.map(f));
    case "cast": return convert(e.dtype, f(e.arg));
    case "lanes": return e.op === "splat" ? splat(f(e.arg), e.lanes) : acrossLanes(e.op, f(e.arg));
    case "build": return build(e.elements.map(f));
    default: return e satisfies never;
  }
}
/**
 * Replaces variables and loads, bottom-up, each distinct node once; a load's index is done when `f` sees it.
 * Other nodes are not offered: simplification may return a child that `f` has already made.
 */
export function rebuild(e: Expr, f: (leaf: Var | Load) => Expr, seen = new Map<Expr, Expr>()): Expr {
  const known = seen.get(e);
  if (known) return known;
  const inner = withChildren(e, (c) => rebuild(c, f, seen));
  const next = e.kind === "var" || e.kind === "load" ? f(inner as Var | Load) : inner;
  seen.set(e, next);
  return next;
}
/** Offers every node once, its children done. `f` must leave alone what it has made itself. */
export function rebuildAll(e: Expr, f: (e: Expr) => Expr, seen = new Map<Expr, Expr>()): Expr {
  const known = seen.get(e);
  if (known) return known;
  const next = f(withChildren(e, (c) => rebuildAll(c, f, seen)));
  seen.set(e, next);
  return next;
}
/** Top-down: `f` replaces a node, children and all, or returns null to have its children visited. */
export function rebuildTop(e: Expr, f: (e: Expr) => Expr | null, seen = new Map<Expr, Expr>()): Expr {
  const known = seen.get(e);
  if (known) return known;
  const next = f(e) ?? withChildren(e, (c) => rebuildTop(c, f, seen));
  seen.set(e, next);
  return next;
}
/** `e` in normal form with other expressions in the place of some variables, by name; of their types. */
export const substitute = (e: Expr, by: ReadonlyMap<string, Expr>): Expr =>
  mentions(e, by) ? rebuild(e, (x) => (x.kind === "var" ? by.get(x.name) ?? x : x)) : e;
/** The loads in some expressions, each once, in order of first appearance; of one buffer if it is named. */
export function loadsIn(list: readonly Expr[], buffer?: string): readonly Load[] {
  const found = new Set<Load>(), seen = new Set<Expr>();
  const walk = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === "load" && (buffer === undefined || e.buffer === buffer)) found.add(e);
    switch (e.kind) {
      case "load": e.at.forEach(walk); break;
      case "apply": e.args.forEach(walk); break;
      case "cast": case "lanes": walk(e.arg); break;
      case "build": e.elements.forEach(walk); break;
      default: break;
    }
  };
  list.forEach(walk);
  return [...found];
}
