/** Tensors made from shapes and numbers: Shape, Size, Range, ConstantOfShape, EyeLike, OneHot. */
import { add, convert, less, make, mul, select } from "../ir/algebra.ts";
import { int, minus, plus, times } from "../ir/linear.ts";
import { quotientOf, type Quotient } from "../ir/quotient.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { isConstant, sizeOf, type Constant, type Dim } from "../ir/graph.ts";
import { onnxTypeName, typeOfOnnx, type DType } from "../ir/types.ts";
import { asSizes, declared, dimOf, expectRank, expectSameType, expectType, fromEnd, largest, moreDim, numbers, operand, product, quoDim, showShape } from "./helpers.ts";
import { sizeExpr, type NodeView, type Op } from "./op.ts";

/** The part of its input's shape that a Shape node asks for. */
function part(n: NodeView): readonly Dim[] {
  const { shape } = n.type(0), rank = shape.length;
  const bound = (x: number) => Math.min(rank, Math.max(0, x < 0 ? x + rank : x));
  return shape.slice(bound(n.int("start")), n.given("end") ? bound(n.int("end")) : rank);
}
/** One of some numbers, chosen by an index. */
const choose = (dtype: DType, values: readonly Dim[], index: Expr): Expr => {
  const list = values.map((v) => convert(dtype, sizeExpr(v)));
  return list.reduceRight<Expr>((rest, v, k) => select(make("equal", index, int(k)), v, rest), list.at(-1) ?? constant(dtype, 0));
};
const fill = (n: NodeView): Constant | undefined => {
  const a = n.node.attributes.value;
  if (a === undefined) return undefined;
  return isConstant(a) && a.data.length === 1 ? a : n.fail("attribute value must be a tensor of one element");
};
/** The only element of an operand of any rank. */
const only = (n: NodeView, i: number): Expr => operand(n, i, n.in(i).shape.map(() => int(0)));
const typeAttribute = (n: NodeView, otherwise: DType): DType =>
  n.given("dtype") ? typeOfOnnx(n.int("dtype")) ?? n.fail(`attribute dtype is ${n.int("dtype")}: the element type ${onnxTypeName(n.int("dtype"))} is not supported`) : otherwise;

/** How many elements a Range has between sizes, or exact quotients of them. */
function steps(n: NodeView): Dim {
  const number = (i: number): Quotient => {
    const [d] = n.sizes(i)! as [Dim], q = quotientOf(typeof d === "number" ? constant("f64", d) : d);
    return q ?? n.fail(`input ${i} (${n.node.inputs[i]}) depends on sizes that are known only at run time, and is no exact quotient of them`, "give them one size instead of bounds");
  };
  const [start, limit, delta] = [number(0), number(1), number(2)], step = numberOrNull(delta.of);
  if (!step) n.fail(`the step of a range over sizes must be a number that is known when the model is compiled${step === 0 ? ", and not 0" : ""}`);
  const way = minus(times(limit.of, start.by), times(start.of, limit.by)), by = start.by * limit.by * Math.abs(step);
  return quoDim(largest(0, moreDim(dimOf(times(way, Math.sign(step) * delta.by)), by - 1)), by);
}
const numberOrNull = (e: Expr): number | null => (e.kind === "const" ? Number(e.value) : null);
/** Shape, Size, ConstantOfShape, Range, EyeLike, OneHot, Trilu. */
export const generators: readonly Op[] = [
  {
    name: "Shape", since: 25, inputs: [1, 1], attributes: { start: { kind: "int", default: 0 }, end: { kind: "int", optional: true } },
    infer: (n) => [{ dtype: "i64", shape: [part(n).length] }],
    lower: (n) => n.map(([i]) => choose("i64", part(n), i!)),
  },
  {
    name: "Size", since: 25, inputs: [1, 1],
    infer: () => [{ dtype: "i64", shape: [] }],
    lower: (n) => n.map(() => convert("i64", sizeExpr(product(n.type(0).shape)))),
  },
  {
    name: "ConstantOfShape", since: 25, inputs: [1, 1], parameters: [0], sizeParameters: true, attributes: { value: { kind: "tensor", optional: true } },
    infer: (n) => {
      const dtype = fill(n)?.dtype ?? "f32";
      expectType(n, 0, ["i64"]);
      expectRank(n, 0, 1, "the shape");
      if (!n.value(0)) return [declared(n, dtype, "the shape")];
      const shape = n.sizes(0)!;
      return [{ dtype, shape: asSizes(n, shape) ?? n.fail(`${showShape(shape)} is no shape`) }];
    },
    lower: (n) => n.map(() => constant(n.out().dtype, fill(n)?.data[0] ?? 0)),
  },
  {
    name: "Range", since: 27, inputs: [3, 3], parameters: [0, 1, 2], sizeParameters: true, attributes: { stash_type: { kind: "int", default: 1 } },
    infer: (n) => {
      const { dtype } = n.type(0);
      for (const i of [0, 1, 2]) {
        expectType(n, i, numbers);
        if (sizeOf(n.in(i).shape) !== 1) n.fail(`input ${i} (${n.node.inputs[i]}) of shape ${showShape(n.in(i).shape)} must be one number`);
      }
      expectSameType(n);
      const unknown = [0, 1, 2].find((i) => !n.value(i));
      if (unknown !== undefined) return [declared(n, dtype, "the range", 0, 1, unknown)];
      if (![0, 1, 2].every((i) => n.constant(i))) return [{ dtype, shape: [steps(n)] }];
      const [start, limit, delta] = [0, 1, 2].map((i) => n.parameter(i)![0]!) as [number, number, number];
      if (delta === 0) n.fail("delta is 0");
      const size = Math.max(0, Math.ceil((limit - start) / delta));
      return [{ dtype, shape: [Number.isFinite(size) ? size : n.fail(`a range from ${start} to ${limit} by ${delta} does not exist`)] }];
    },
    lower: (n) => n.map(([i]) => add(only(n, 0), mul(convert(n.out().dtype, i!), only(n, 2)))),
  },
  {
    name: "EyeLike", since: 22, inputs: [1, 1], attributes: { dtype: { kind: "int", optional: true }, k: { kind: "int", default: 0 } },
    infer: (n) => {
      expectRank(n, 0, 2);
      return [{ dtype: typeAttribute(n, n.type(0).dtype), shape: n.type(0).shape }];
    },
    lower: (n) => n.map(([y, x]) => {
      const { dtype } = n.out();
      return select(make("equal", plus(y!, int(n.int("k"))), x!), constant(dtype, 1), constant(dtype, 0));
    }),
  },
  {
    name: "OneHot", since: 11, inputs: [3, 3], parameters: [1], attributes: { axis: { kind: "int", default: -1 } },
    infer: (n) => {
      const { shape } = n.type(0), rank = shape.length + 1, axis = n.axis(n.int("axis"), rank), { dtype } = n.in(2);
      expectType(n, 0, numbers);
      expectType(n, 1, numbers);
      if (n.in(2).shape.length !== 1 || n.in(2).shape[0] !== 2) n.fail(`values has shape ${showShape(n.in(2).shape)}, but must hold two: off and on`);
      if (!n.constant(1)) return [declared(n, dtype, "the depth", 0, shape.length + 1, 1)];
      const depth = n.parameter(1)![0]!;
      if (!Number.isInteger(depth) || depth < 1) n.fail(`depth is ${depth}`);
      return [{ dtype, shape: [...shape.slice(0, axis), depth, ...shape.slice(axis)] }];
    },
    lower: (n) => {
      const axis = n.axis(n.int("axis"), n.out().shape.length), depth = n.out().shape[axis]!;
      return n.map((index) => {
        const hot = fromEnd(convert("index", n.load(0, index.filter((_, d) => d !== axis))), depth);
        return select(make("equal", hot, index[axis]!), n.load(2, [int(1)]), n.load(2, [int(0)]));
      });
    },
  },
  {
    name: "Trilu", since: 14, inputs: [1, 2], attributes: { upper: { kind: "int", default: 1 } },
    infer: (n) => {
      if (n.type(0).shape.length < 2) n.fail(`input of shape ${showShape(n.type(0).shape)} must have at least two axes`);
      expectType(n, 1, ["i64"]);
      if (n.has(1) && sizeOf(n.in(1).shape) !== 1) n.fail(`k of shape ${showShape(n.in(1).shape)} must be one number`);
      return [n.type(0)];
    },
    lower: (n) => n.map((index) => {
      const [y, x] = index.slice(-2) as [Expr, Expr], k = n.has(1) ? convert("index", only(n, 1)) : int(0);
      const kept = n.int("upper") ? less(plus(y, k), plus(x, int(1))) : less(x, plus(plus(y, k), int(1)));
      return select(kept, n.load(0, index), constant(n.out().dtype, 0));
    }),
  },
];
