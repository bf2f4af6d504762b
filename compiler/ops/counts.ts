/**
 * Sizes that depend on data. How many results there are is counted by nodes of their own, and `mlc.Measure` makes of the count a symbol
 * between bounds: what follows has it in its types, and a run learns its value on the way. What has been counted is found by bisection.
 */
import { add, convert, less, make, not, select } from "../ir/algebra.ts";
import { int, minus, range } from "../ir/linear.ts";
import { constant, load, parameter, type Expr } from "../ir/scalar.ts";
import { accumulator, axis } from "../ir/compute.ts";
import { isSizeList, measureOp, sizeOf, type SizeList } from "../ir/graph.ts";
import { symbolNamed } from "../ir/symbols.ts";
import { boundDim, bounded, dimOf, like, product, unflatten } from "./helpers.ts";
import { sizeExpr, type NodeView, type Op, type Resolver } from "./op.ts";

const one = constant("i32", 1), zero = constant("i32", 0);
/** A number of i64 as a size of at most `most`, named after output 0 of the node; itself where it is known. */
export function measured(n: NodeView, g: Resolver, number: string, most: number): string {
  if (g.known(number)) return number;
  const value: SizeList = { dtype: "i64", shape: [], dims: [dimOf(parameter(symbolNamed(`${n.node.outputs.find(Boolean)}_count`), [0, most]))] };
  return g.node(measureOp, [number], { value });
}
/** The places, in a list of i64, of what is not 0 among the elements of `x`: at most `size`, of which at most `most` are not. */
export function placesIn(n: NodeView, g: Resolver, x: string, size: number, most = size): string {
  if (most === 0) return g.constant("i64", [0], []);
  const counts = g.node("mlc.Counts", [x]), total = g.node("Cast", [g.node("Gather", [counts, g.constant("i64", [], [size - 1])])], { to: 7 });
  return g.node("mlc.Places", [counts, measured(n, g, total, most)]);
}

const listOf = (n: NodeView): SizeList => { const a = n.node.attributes.value; return a !== undefined && isSizeList(a) ? a : n.fail("attribute value must be a list of sizes"); };
/** Operators that no model has. */
export const counters: readonly Op[] = [
  {
    name: measureOp, since: 1, internal: true, inputs: [1, 1], attributes: { value: { kind: "sizes" } },
    infer: (n) => { const { dtype, shape } = listOf(n); return [{ dtype, shape }]; },
    // Not a mere copy, which passes might let others read, or leave out.
    lower: (n) => n.map(() => { const [low, high] = range(sizeExpr(listOf(n).dims[0]!)); return make("min", make("max", n.load(0, []), constant("i64", low)), constant("i64", high)); }),
  },
  {
    // For each element, how many up to it are not 0.
    name: "mlc.Counts", since: 1, internal: true, inputs: [1, 1],
    infer: (n) => [{ dtype: "i32", shape: [sizeOf(n.type(0).shape.map(boundDim))] }],
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
      // How many of the counts are at most k, a power of 2 at a time.
      const size = n.in(0).shape[0]!, turns = Math.ceil(Math.log2(size + 1)), [k] = n.axes() as [ReturnType<typeof axis>], turn = axis("turn", Math.max(1, turns)), acc = accumulator("i32");
      const before = select(make("equal", turn, int(0)), constant("i32", 0), acc), next = add(before, make("shr", constant("i32", 2 ** Math.max(0, turns - 1)), convert("i32", turn)));
      const last = convert("index", n.load(0, [bounded(minus(convert("index", next), int(1)), size)])), fits = make("and", less(convert("index", next), int(size + 1)), less(last, add(k, int(1))));
      return n.compute([{ name: "places", axes: [k], value: select(fits, next, before), reduce: { op: "repeat", axes: [turn] }, finish: convert("i64", bounded(convert("index", acc), size)) }]);
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
