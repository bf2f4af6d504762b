/**
 * Random numbers without a state: word i of a stream is Threefry-2x32 with 20 rounds of the counter i under the seed as key (Salmon, Moraes,
 * Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011), so every element is computed by itself, in any order and on any target.
 * Results repeat in each run; nodes without a seed are given one by import, from the names of their outputs.
 */
import { add, convert, div, less, make, mul, select, sub } from "../ir/algebra.ts";
import { sizeOf, type Dim, type ValueType } from "../ir/graph.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { types, type DType, typeOfOnnx } from "../ir/types.ts";
import { shapeOf } from "./checks.ts";
import { expectType, flatten, floats, like, numbers } from "./helpers.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const, parity = 0x1bd11bda;
const u32 = (x: number): Expr => constant("u32", x);
/** The two words of a counter under a key. */
export function threefry(counter: readonly [Expr, Expr], key: readonly [Expr, Expr]): readonly [Expr, Expr] {
  const keys = [...key, make("xor", make("xor", ...key), u32(parity))] as readonly Expr[];
  let [a, b] = [add(counter[0], keys[0]!), add(counter[1], keys[1]!)];
  for (let round = 0; round < 20; round++) {
    const by = rotations[round % 8]!;
    a = add(a, b);
    b = make("xor", make("or", make("shl", b, u32(by)), make("shr", b, u32(32 - by))), a);
    if (round % 4 === 3) {
      const turn = (round + 1) / 4;
      a = add(a, keys[turn % 3]!);
      b = add(add(b, keys[(turn + 1) % 3]!), u32(turn));
    }
  }
  return [a, b];
}
/** The words of element `index` of a tensor. The seed's bits as a double are the key. */
export function wordsAt(index: readonly Expr[], shape: readonly Dim[], seed: number): readonly [Expr, Expr] {
  const key = new Uint32Array(Float64Array.of(seed).buffer);
  return threefry([convert("u32", flatten(index, shape)), u32(0)], [u32(key[0]!), u32(key[1]!)]);
}
/** From 0 to 1, 1 excluded, with as many digits as the type has, of at most both words. */
export function unit([a, b]: readonly [Expr, Expr], dtype: DType): Expr {
  const f = (x: Expr) => convert(dtype, x), number = (x: number) => constant(dtype, x);
  if (dtype !== "f64") return convert(dtype, mul(convert("f32", make("shr", a, u32(8))), constant("f32", 2 ** -24)));
  return mul(add(mul(f(make("shr", a, u32(5))), number(2 ** 26)), f(make("shr", b, u32(6)))), number(2 ** -53));
}
/** Of mean 0 and deviation 1, by Box and Muller. */
function normal([a, b]: readonly [Expr, Expr], dtype: DType): Expr {
  const inner: DType = dtype === "f64" ? "f64" : "f32", u = (w: Expr) => unit([w, w], inner), one = constant(inner, 1);
  const radius = make("sqrt", mul(constant(inner, -2), make("log", sub(one, u(a)))));
  return convert(dtype, mul(radius, make("cos", mul(constant(inner, 2 * Math.PI), u(b)))));
}
const seedOf = (n: NodeView): number => (n.given("seed") ? n.float("seed") : 0);
const seed = { kind: "float", optional: true } as const satisfies AttributeSpec, dtype = { kind: "int", optional: true } as const satisfies AttributeSpec;
function typeOf(n: NodeView, otherwise: DType, allowed: readonly DType[]): DType {
  const code = n.given("dtype") ? n.int("dtype") : types[otherwise].onnx, found = typeOfOnnx(code);
  return found && allowed.includes(found) ? found : n.fail(`attribute dtype is ${found ?? code}; it can be ${allowed.join(", ")}`);
}
/** An element from its words. */
type Draw = (n: NodeView, words: readonly [Expr, Expr], dtype: DType) => Expr;
function generators(name: string, attributes: Readonly<Record<string, AttributeSpec>>, draw: Draw): readonly Op[] {
  const lower: Op["lower"] = (n) => n.map((index) => draw(n, wordsAt(index, n.outType().shape, seedOf(n)), n.out().dtype));
  return [
    { name, since: 22, inputs: [0, 0], attributes: { shape: { kind: "ints" }, dtype, seed, ...attributes }, lower, infer: (n): readonly ValueType[] => {
      const shape = n.ints("shape");
      return [{ dtype: typeOf(n, "f32", floats), shape: shape.every((d) => d >= 0) ? shape : n.fail(`attribute shape is [${shape}]`) }];
    } },
    { name: `${name}Like`, since: 22, inputs: [1, 1], attributes: { dtype, seed, ...attributes }, lower, infer: (n) => [{ dtype: typeOf(n, floats.includes(n.type(0).dtype) ? n.type(0).dtype : "f32", floats), shape: n.type(0).shape }] },
  ];
}
const number = (otherwise: number): AttributeSpec => ({ kind: "float", default: otherwise });
const bernoulli: Op = {
  name: "Bernoulli", since: 22, inputs: [1, 1], attributes: { dtype, seed },
  infer: (n) => { expectType(n, 0, floats); return [{ dtype: typeOf(n, n.type(0).dtype, [...numbers, "bool"]), shape: n.type(0).shape }]; },
  lower: (n) => n.map((index) => {
    const p = n.load(0, index), drawn = less(unit(wordsAt(index, n.outType().shape, seedOf(n)), p.dtype), p), { dtype: t } = n.out();
    return t === "bool" ? drawn : select(drawn, constant(t, 1), constant(t, 0));
  }),
};
/** A class for each sample: how many classes' sums of probabilities lie below a random number. */
const multinomial: Op = {
  name: "Multinomial", since: 22, inputs: [1, 1], attributes: { dtype: { kind: "int", default: 6 }, seed, sample_size: { kind: "int", default: 1 } },
  infer: (n) => {
    const [batch] = shapeOf(n, 0, 2, 2) as [number], t = typeOfOnnx(n.int("dtype"));
    expectType(n, 0, floats);
    if (n.int("sample_size") < 1) n.fail(`attribute sample_size is ${n.int("sample_size")}`);
    return [{ dtype: t === "i32" || t === "i64" ? t : n.fail(`attribute dtype is ${t ?? n.int("dtype")}; it can be i32, i64`), shape: [batch, n.int("sample_size")] }];
  },
  expand: (n, g) => {
    const [batch, classes] = n.in(0).shape as [number, number], { dtype: t } = n.in(0), samples = n.int("sample_size"), list = (...v: readonly number[]) => g.constant("i64", [v.length], v);
    const shapeTo = (x: string, ...shape: readonly number[]) => g.node("Reshape", [x, list(...shape)]);
    const sums = shapeTo(g.node("CumSum", [g.node("Softmax", [n.node.inputs[0]!], { axis: 1 }), g.constant("i64", [], [1])]), batch, 1, classes);
    const drawn = shapeTo(g.node("RandomUniform", [], { shape: [batch, samples], dtype: types[t].onnx, seed: seedOf(n) }), batch, samples, 1);
    const below = g.node("ReduceSum", [g.node("Cast", [g.node("LessOrEqual", [sums, drawn])], { to: 6 }), list(2)], { keepdims: 0 });
    return [g.node("Cast", [g.node("Min", [below, g.constant("i32", [], [classes - 1])])], { to: n.int("dtype") })];
  },
};
/** In training, elements are dropped at random and the others grow by as much; else all stay. */
const dropout: Op = {
  name: "Dropout", since: 22, inputs: [1, 3], outputs: [1, 2], attributes: { seed: { kind: "int", optional: true } },
  infer: (n) => {
    expectType(n, 0, floats);
    expectType(n, 1, floats);
    expectType(n, 2, ["bool"]);
    [1, 2].forEach((i) => { if (n.has(i) && sizeOf(n.in(i).shape) !== 1) n.fail(`input ${i} must be one number`); });
    return [n.type(0), { dtype: "bool", shape: n.type(0).shape } as const].slice(0, Math.max(1, n.node.outputs.length));
  },
  lower: (n) => {
    const axes = n.axes(), x = n.load(0, axes), one = (i: number) => { const c = n.constant(i); return c ? constant(c.dtype, c.data[0]!) : n.load(i, n.in(i).shape.map(() => constant("index", 0))); };
    const ratio = n.has(1) ? convert(x.dtype, one(1)) : like(x, 0.5), training = n.has(2) ? one(2) : constant("bool", 0);
    const kept = make("or", make("not", training), make("lessEqual", ratio, unit(wordsAt(axes, n.outType().shape, n.given("seed") ? n.int("seed") : 0), x.dtype)));
    const value = { name: "value", axes, value: select(training, select(kept, div(x, sub(like(x, 1), ratio)), like(x, 0)), x) };
    if (!n.node.outputs[1]) return n.compute([value]);
    const mask = { name: "mask", axes, value: kept };
    return n.compute([mask, value], [n.result(value), n.result(mask, 1)]);
  },
};
/** RandomUniform, RandomNormal and those like an input, Bernoulli, Multinomial, Dropout. */
export const randoms: readonly Op[] = [
  ...generators("RandomUniform", { low: number(0), high: number(1) }, (n, words, t) => {
    const [low, high] = ["low", "high"].map((a) => constant(t, n.float(a))) as [Expr, Expr];
    return add(low, mul(unit(words, t), sub(high, low)));
  }),
  ...generators("RandomNormal", { mean: number(0), scale: number(1) }, (n, words, t) => add(constant(t, n.float("mean")), mul(normal(words, t), constant(t, n.float("scale"))))),
  bernoulli, multinomial, dropout,
];
