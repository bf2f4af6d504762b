/**
 * Sizes that depend on data. How many results there are is counted by nodes of their own, and `mlc.Measure` makes of the count a symbol
 * between bounds: what follows has it in its types, and a run learns its value on the way. What has been counted is found by bisection.
 */
import { add, both, convert, less, make, not, select } from "../ir/algebra.ts";
import { int, minus, range } from "../ir/linear.ts";
import { constant, load, parameter, type Expr } from "../ir/scalar.ts";
import { accumulator, axis, type Axis, type Stage } from "../ir/compute.ts";
import { isSizeList, measureOp, sizeOf, type Dim, type SizeList } from "../ir/graph.ts";
import { symbolNamed } from "../ir/symbols.ts";
import { types } from "../ir/types.ts";
import { boundDim, bounded, dimOf, like, moreDim, product, showShape, unflatten } from "./helpers.ts";
import { sizeExpr, type NodeView, type Op, type Resolver } from "./op.ts";

const one = constant("i32", 1), zero = constant("i32", 0);
/** A number of i64 as a size of `least` to `most`, named after output 0 of the node and what it counts; itself where it is known. */
export function measured(n: NodeView, g: Resolver, number: string, most: number, what = "count", least = 0): string {
  if (g.known(number)) return number;
  const value: SizeList = { dtype: "i64", shape: [], dims: [dimOf(parameter(symbolNamed(`${n.node.outputs.find(Boolean)}_${what}`), [least, most]))] };
  return g.node(measureOp, [number], { value });
}
/** The places, in a list of i64, of what is not 0 among the elements of `x`: at most `size`, of which at most `most` are not. */
export function placesIn(n: NodeView, g: Resolver, x: string, size: number, most = size): string {
  if (most === 0) return g.constant("i64", [0], []);
  const counts = g.node("mlc.Counts", [x]), total = g.node("Cast", [g.node("Gather", [counts, g.constant("i64", [], [-1])])], { to: 7 });
  return g.node("mlc.Places", [counts, measured(n, g, total, most)]);
}

/**
 * Of `size` places, of which a run has `end`, how many come before the first that is not `before`: a power of 2 at a time. It is asked about
 * places only, and must hold for none behind one for which it does not.
 */
export function countOf(name: string, axes: readonly Axis[], size: number, end: Dim, before: (place: Expr) => Expr, finish: (count: Expr) => Expr): Stage {
  const turns = Math.ceil(Math.log2(size + 1)), turn = axis("turn", Math.max(1, turns)), acc = accumulator("i32");
  const known = select(make("equal", turn, int(0)), zero, acc), next = add(known, make("shr", constant("i32", 2 ** Math.max(0, turns - 1)), convert("i32", turn))), place = convert("index", next);
  const fits = both(less(place, sizeExpr(moreDim(end, 1))), before(bounded(minus(place, int(1)), size)));
  return { name, axes, value: select(fits, next, known), reduce: { op: "repeat", axes: [turn] }, finish: finish(convert("index", acc)) };
}

const listOf = (n: NodeView): SizeList => { const a = n.node.attributes.value; return a !== undefined && isSizeList(a) ? a : n.fail("attribute value must be a list of sizes"); };
/**
 * A whole number as a size of `least` to `most`. With a demand a run in which it is outside is refused: it is measured twice, with a bound more room on
 * either side and without, and the two must be equal. Without one the number is within.
 */
const boundedOp: Op = {
  name: "mlc.Bounded", since: 1, internal: true, inputs: [1, 1], attributes: { least: { kind: "int" }, most: { kind: "int" }, demand: { kind: "string", optional: true } },
  infer: (n) => [n.type(0)],
  resolve: (n, g) => {
    const [v] = n.node.inputs as [string], { dtype, shape } = n.type(0), [least, most] = [n.int("least"), n.int("most")], known = n.constant(0), demand = n.given("demand") ? n.string("demand") : undefined;
    if (types[dtype].kind !== "int" && types[dtype].kind !== "uint" || sizeOf(shape.map(boundDim)) !== 1) n.fail(`${v} is ${dtype}${showShape(shape)}, and only one whole number can have bounds`);
    if (known && demand && (Number(known.data[0]) < least || Number(known.data[0]) > most)) n.fail(`every run would be refused: it must be that ${demand}`);
    if (known || (n.value(0) && !demand)) return [v];
    const symbol = (what: string, low: number, high: number): Dim => (low === high ? low : parameter(symbolNamed(`${v}${what}`), [low, high])), measure = (x: string, d: Dim, more = {}) => g.node(measureOp, [x], { value: { dtype: "i64", shape: [], dims: [d] }, ...more });
    const whole = g.node("Cast", [g.node("Reshape", [v, g.constant("i64", [0], [])])], { to: types.i64.onnx }), within = symbol("", least, most);
    const held = demand ? measure(measure(whole, symbol(".given", least - 1, most + 1)), within, { demand }) : measure(whole, within);
    return [g.node("Cast", [g.node("Reshape", [held, g.constant("i64", [shape.length], shape.map(() => 1))])], { to: types[dtype].onnx })];
  },
};
/** Operators that no model has. */
export const counters: readonly Op[] = [
  {
    name: measureOp, since: 1, internal: true, inputs: [1, 1], attributes: { value: { kind: "sizes" }, demand: { kind: "string", optional: true } },
    infer: (n) => {
      const { dtype, shape, dims } = listOf(n), given = n.value(0);
      if (n.given("demand") && given && isSizeList(given) && !n.same(given.dims[0]!, dims[0]!, n.string("demand"))) n.fail(`every run would be refused: it must be that ${n.string("demand")}`);
      return [{ dtype, shape }];
    },
    // Not a mere copy, which passes might let others read, or leave out.
    lower: (n) => n.map(() => { const [low, high] = range(sizeExpr(listOf(n).dims[0]!)); return make("min", make("max", n.load(0, n.type(0).shape.map(() => int(0))), constant("i64", low)), constant("i64", high)); }),
  },
  boundedOp,
  {
    // For each element, how many up to it are not 0; one 0 where there is none.
    name: "mlc.Counts", since: 1, internal: true, inputs: [1, 1],
    infer: (n) => [{ dtype: "i32", shape: [Math.max(1, sizeOf(n.type(0).shape.map(boundDim)))] }],
    lower: (n) => {
      const { shape } = n.type(0), [i] = n.axes() as [ReturnType<typeof axis>], at = unflatten(i, shape), x = n.load(0, at.map((e, d) => bounded(e, n.in(0).shape[d]!)));
      const counts = select(make("and", less(i, sizeExpr(product(shape))), not(make("equal", x, like(x, 0)))), one, zero);
      return n.compute([{ name: "counts", axes: [i], value: add(select(less(i, int(1)), zero, load("i32", "counts", [minus(i, int(1))])), counts) }]);
    },
  },
  {
    name: "mlc.Places", since: 1, internal: true, inputs: [2, 2], parameters: [1],
    infer: (n) => [{ dtype: "i64", shape: [n.sizes(1)![0]!] }],
    lower: (n) => {
      const size = n.in(0).shape[0]!, [k] = n.axes() as [ReturnType<typeof axis>];
      return n.compute([countOf("places", [k], size, size, (i) => less(convert("index", n.load(0, [i])), add(k, int(1))), (acc) => convert("i64", bounded(acc, size)))]);
    },
  },
  {
    // The same along the last axis, for each index over the others: how many elements up to each are above the second input, or simply how many.
    name: "mlc.Tally", since: 1, internal: true, inputs: [1, 2],
    infer: (n) => [{ dtype: "i32", shape: n.type(0).shape }],
    lower: (n) => {
      const axes = n.axes(), rows = axes.slice(0, -1), t = axes.at(-1)!, x = n.load(0, axes), before = load("i32", "tally", [minus(t, int(1)), ...rows]);
      const stage: Stage = { name: "tally", axes: [t, ...rows], value: add(select(less(t, int(1)), zero, before), n.has(1) ? convert("i32", less(n.load(1, []), x)) : one) };
      return n.compute([stage], [n.result(stage, 0, { index: axes })]);
    },
  },
  {
    // Along the last axis, the places where counts grow; the first one behind the last.
    name: "mlc.Growth", since: 1, internal: true, inputs: [2, 2], parameters: [1],
    infer: (n) => [{ dtype: "i32", shape: [...n.type(0).shape.slice(0, -1), n.sizes(1)![0]!] }],
    lower: (n) => {
      const axes = n.axes(), rows = axes.slice(0, -1), k = axes.at(-1)!, size = n.in(0).shape.at(-1)!;
      return n.compute([countOf("growth", axes, size, n.type(0).shape.at(-1)!, (i) => less(convert("index", n.load(0, [...rows, i])), add(k, int(1))), (acc) => convert("i32", acc))]);
    },
  },
  {
    // Places as indices of the second input, a row for each of its dimensions.
    name: "mlc.Coordinates", since: 1, internal: true, inputs: [2, 2],
    infer: (n) => [{ dtype: "i64", shape: [n.type(1).shape.length, n.type(0).shape[0]!] }],
    lower: (n) => n.map(([d, k]) => {
      const at = unflatten(bounded(convert("index", n.load(0, [k!])), boundDim(product(n.type(1).shape))), n.type(1).shape);
      return at.reduceRight<Expr>((rest, x, of) => select(make("equal", d!, int(of)), convert("i64", x), rest), constant("i64", 0));
    }),
  },
];
