/** One element of each operator over each type, and what vectors hold: what every dialect must spell, with inputs that are awkward. */
import { output, tensor, axis, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { add, convert, f32, less, loadsIn, make, mul, select, sub } from "../../compiler/ir/algebra.ts";
import { bitsTypeOf, decoded, decodedByBits, encoded, encodedByBits, rounded } from "../../compiler/ir/codec.ts";
import { formats, type SmallFloat } from "../../compiler/ir/formats.ts";
import { renameKernel, type Kernel } from "../../compiler/ir/kernel.ts";
import { apply, cast, constant, load, type Expr, type ScalarOp } from "../../compiler/ir/scalar.ts";
import { signatures } from "../../compiler/ir/typing.ts";
import { arrayOf, computedTypes, limits, types, type DType, type ElementArray, type Num } from "../../compiler/ir/types.ts";
import { verify } from "../../compiler/ir/verify.ts";
import { lower } from "../../compiler/lower/lower.ts";
import type { Variant } from "../../compiler/emit/target.ts";
import { expression, generator, valueOf } from "../support/random.ts";

/** Ends in tails of 8, 4, 2 and 1 lanes. */
export const N = 47;
const i = axis("i", N);
/** Inputs by name: two of each type with awkward values, operands that divide, distances of shifts, and numbers that every type holds. */
function inputs(): Record<string, ElementArray> {
  const random = generator(5), list = (t: DType, f: (n: number) => Num) => arrayOf(t, Array.from({ length: N }, (_, n) => types[t].wrap(f(n))));
  return Object.fromEntries(computedTypes.flatMap((t) => {
    const { kind, bytes } = types[t], [low] = limits(t), both = () => list(t, (n) => (n % 3 === 0 && kind === "float" ? random() * 4 - 2 : valueOf(random, t)));
    return [
      [`x_${t}`, both()], [`y_${t}`, both()], [`shift_${t}`, list(t, (n) => n % (bytes * 8))], [`small_${t}`, list(t, (n) => (kind === "float" ? n * 2.61 : n * 2))],
      // Neither zero, nor -1 beside the least number: C leaves both undefined.
      [`divisor_${t}`, list(t, (n) => { const v = types[t].wrap(valueOf(random, t)); return kind === "float" ? v : Number(v) === 0 || Number(v) === -1 || v === low ? n + 3 : v; })],
    ] as const;
  }));
}
/** The inputs of all cases, and their types. */
export const memory = inputs(), typeOf = new Map(Object.entries(memory).map(([name]) => [name, name.slice(name.lastIndexOf("_") + 1) as DType]));
const of = (name: string, t: DType): Expr => load(t, `${name}_${t}`, [i]);
const far = new Set<ScalarOp>(["exp", "log", "erf", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "pow"]);
/** An expression of one element, how many lanes its kernel has, and how far, relative to the value, it may be off. */
export interface Case { readonly name: string; readonly value: Expr; readonly lanes: number; readonly tolerance: number }

/** All cases for vectors of so many lanes. */
export function cases(lanes: number): readonly Case[] {
  const found: Omit<Case, "name">[] = [], put = (value: Expr, width = 1, tolerance = 0) => found.push({ value, lanes: width, tolerance });
  for (const t of computedTypes) for (const [name, { arity, kinds, args }] of Object.entries(signatures) as [ScalarOp, (typeof signatures)[ScalarOp]][]) {
    if (!kinds.includes(types[t].kind) || args) continue;
    const second = name === "div" || name === "fmod" ? "divisor" : name === "shl" || name === "shr" ? "shift" : name === "pow" && types[t].kind !== "float" ? "shift" : "y";
    const value = apply(name, of("x", t), ...(arity === 2 ? [of(second, t)] : [])), close = far.has(name) ? (t === "f32" ? 1e-6 : 1e-13) : 0;
    put(value, 1, close);
    if (t === "f32") put(value.dtype === "bool" ? select(value, of("x", t), of("y", t)) : value, lanes, close);
  }
  for (const t of computedTypes) {
    put(select(less(of("x", "f32"), of("y", "f32")), of("x", t), of("y", t)));
    for (const from of computedTypes) if (from !== t) put(cast(t, of(types[from].kind === "float" && types[t].kind !== "float" ? "small" : "x", from)));
    for (const value of [...limits(t), types[t].wrap(0), types[t].wrap(-1), ...(types[t].kind === "float" ? [NaN, -0, 1e-30, 1e30, 0.1] : [])]) put(select(less(of("x", "i32"), constant("i32", 7)), constant(t, value), of("x", t)));
  }
  // Small floats: from bits, to bits, and rounded, at the widths that kernels have.
  for (const t of Object.keys(formats) as SmallFloat[]) {
    const bits = convert("i32", of("x", bitsTypeOf(t))), code = t === "f4e2m1" ? make("and", bits, constant("i32", 15)) : bits;
    for (const width of new Set([1, lanes])) {
      put(decodedByBits(t, code), width), put(rounded(t, of("x", "f32")), width);
      put(convert("f32", encodedByBits(t, of("y", "f32"))), width);
    }
  }
  put(apply("bits", of("x", "i32"))), put(apply("toBits", of("x", "f32")));
  // Index arithmetic, and what vectors hold beside floats.
  put(convert("i64", add(make("quo", i, constant("index", 7)), mul(make("rem", i, constant("index", 5)), constant("index", -3)))));
  const a = less(of("x", "f32"), of("y", "f32")), b = less(of("x", "f32"), f32(0)), x = of("x", "f32"), y = of("y", "f32");
  for (const mask of [make("and", a, b), make("or", a, b), make("xor", a, b), make("not", a), make("equal", x, y), make("lessEqual", x, y)]) put(select(mask, x, y), lanes);
  put(apply("bits", make("xor", apply("toBits", x), make("shl", constant("i32", 3), constant("i32", 20)))), lanes);
  put(convert("f32", convert("i32", of("small", "f32"))), lanes), put(convert("f32", a), lanes);
  put(sub(f32(1), mul(f32(-2.5), x)), lanes), put(make("min", f32(6), make("max", x, f32(0))), lanes), put(make("neg", make("abs", x)), lanes), put(mul(load("f32", "y_f32", [constant("index", 3)]), x), lanes);
  // Two runs in memory, an element of each in turn.
  put(mul(load("f32", "x_f32", [add(mul(make("rem", i, constant("index", 2)), constant("index", 23)), make("quo", i, constant("index", 2)))]), y), lanes);
  // Tests on lanes, and tests that hold for all lanes alike.
  const early = less(i, constant("index", 13)), third = make("equal", make("rem", i, constant("index", 3)), constant("index", 0)), alike = less(load("f32", "y_f32", [constant("index", 3)]), f32(1));
  for (const cond of [early, make("not", third), make("and", a, early), make("or", third, b), make("not", make("and", a, third)), alike, make("and", alike, a), make("xor", early, a)]) put(select(cond, x, y), lanes);
  put(convert("f32", early), lanes), put(convert("f32", make("not", third)), lanes), put(mul(convert("f32", i), x), lanes), put(convert("f32", make("and", a, make("not", early))), lanes);
  for (let seed = 1; seed <= 40; seed++) {
    const t = computedTypes[seed % computedTypes.length]!, random = generator(seed), renamed = (e: Expr): Expr => (e.kind === "load" ? load(e.dtype, `x_${e.dtype}`, e.at) : e);
    const e = expression(random, t, 3, i, false), safe = !/div|fmod|pow/.test(JSON.stringify([...ops(e)])) && loadsIn([e]).length > 0;
    if (safe) put(replaced(e, renamed));
  }
  return found.map((c, n) => ({ ...c, name: `k${n}` }));
}
/** What only languages with words of 16 and 64 bits spell. */
export function wordCases(lanes: number): readonly Case[] {
  const halves = [...new Set([1, 4, 8, lanes].filter((n) => n <= lanes))].flatMap((n) => [[convert("f32", convert("i32", encoded("f16", of("x", "f32")))), n], [decoded("f16", of("y", "u16")), n]] as const);
  const bytes = (["u8", "i8"] as const).flatMap((t) => [convert("i32", of("x", t)), convert("f32", of("y", t)), convert(t, of("x", "i32")), convert(t, of("small", "f32")), convert(t === "u8" ? "i8" : "u8", of("x", t)), make("max", make("min", of("x", t), of("y", t)), of("shift", t))])
    .flatMap((value) => [...new Set([4, 8, lanes].filter((n) => n <= lanes))].map((n) => [value, n] as const));
  const word = (t: "u8" | "i8", from: Expr) => apply("word", ...[0, 1, 2, 3].map((k) => convert("u8", load(t, `x_${t}`, [add(from, constant("index", k))]))));
  const dots = [1, 2, 4, 8, lanes].filter((n, k, all) => n <= lanes && all.indexOf(n) === k).flatMap((n) => [
    [apply("dotBytes", of("x", "i32"), of("y", "i32"), of("x", "i32")), n], [apply("dotBytes", constant("i32", 0), of("x", "i32"), of("y", "i32")), n], [apply("dotBytes", of("y", "i32"), word("i8", constant("index", 5)), of("x", "i32")), n],
  ] as const);
  const words = [[word("u8", make("min", i, constant("index", N - 4))), 1], [apply("word", of("x", "u8"), of("y", "u8"), of("shift", "u8"), of("small", "u8")), 1]] as const;
  return [...halves, ...words, ...dots, ...bytes, [apply("bits64", of("x", "i64")), 1] as const, [apply("toBits64", of("x", "f64")), 1] as const].map(([value, width], n) => ({ name: `w${n}`, value, lanes: width, tolerance: 0 }));
}
function ops(e: Expr, found = new Set<string>()): ReadonlySet<string> {
  if (e.kind === "apply") { found.add(e.op); e.args.forEach((x) => ops(x, found)); }
  if (e.kind === "cast") { if (types[e.arg.dtype].kind === "float" && types[e.dtype].kind !== "float" && e.dtype !== "bool") found.add("div"); ops(e.arg, found); }
  return found;
}
function replaced(e: Expr, f: (e: Expr) => Expr): Expr {
  if (e.kind === "apply") return apply(e.op, ...e.args.map((x) => replaced(x, f)));
  return e.kind === "cast" ? cast(e.dtype, replaced(e.arg, f)) : f(e);
}
/** The kernel of a case, for a language that lacks something; `change` is a pass that comes before it. */
export function kernelOf(c: Case, lacks: Variant["lacks"], change = (compute: Compute): Compute => compute): Kernel {
  const stage: Stage = { name: "s", axes: [i], value: c.value }, tensors = [...new Set(loadsIn([c.value]).map((l) => l.buffer))].map((name) => tensor(name, "input", [N], { dtype: typeOf.get(name)! }));
  const compute: Compute = { name: c.name, origin: [], tensors, stages: [stage], outputs: [output(stage)] };
  const kernel = lower(change(compute), { stages: { s: c.lanes > 1 ? [{ split: "i", by: c.lanes, into: ["o", "v"], edge: "peel" }, { place: ["v"], as: "vector" }] : [] } }, lacks);
  verify(kernel);
  return kernel;
}
/** Several kernels in one, since a device compiles each by itself: their outputs and variables get a name of their own, that of the first ends in _0. */
export function merged(name: string, parts: readonly Kernel[]): Kernel {
  const apart = parts.map((k, n) => renameKernel(k, (x) => (Object.hasOwn(memory, x) ? x : `${x}_${n}`)));
  const buffers = [...new Map(apart.flatMap((k) => k.buffers.map((b) => [b.name, b] as const))).values()];
  return { name, buffers, body: apart.map((k) => ({ kind: "block", body: k.body })) };
}
/** Whether a compiled element is what the interpreter says, as closely as the case asks. */
export const agrees = (c: Case, got: Num, want: Num): boolean =>
  Object.is(got, want) || (c.tolerance > 0 && (got === want || Math.abs(Number(got) - Number(want)) <= c.tolerance * Math.max(Math.abs(Number(want)), 1e-30)));
