/** Reads at indices that are values: Gather and its relatives, ReverseSequence, Compress. */
import { convert, less, select } from "../ir/algebra.ts";
import { int, minus, plus, times } from "../ir/linear.ts";
import type { Expr } from "../ir/scalar.ts";
import { sizeOf, type Dim } from "../ir/graph.ts";
import { expectShape } from "./checks.ts";
import { boundDim, bounded, expectRank, expectType, fixedDim, indices, leastDim, runtimeIndex, showDim, showShape, withIndex } from "./helpers.ts";
import { sizeExpr, type NodeView, type Op } from "./op.ts";

/** Constant indices as start + step * i, where they are that: a gather is then a slice. Fails where one is out of range. */
function progression(n: NodeView, i: number, size: Dim): { start: Expr; step: number } | null {
  const c = n.constant(i), least = leastDim(size);
  if (!c) return null;
  const given = Array.from(c.data as ArrayLike<number | bigint>, Number);
  for (const v of given) if (v < -least || v >= least) n.fail(`index ${v} is outside an axis of size ${showDim(size)}${typeof size === "number" ? "" : `, which can be ${least}`}`);
  const isBack = given.every((v) => v < 0);
  if (typeof size !== "number" && !isBack && given.some((v) => v < 0)) return null;
  const list = typeof size === "number" ? given.map((v) => (v < 0 ? v + size : v)) : given, first = typeof size !== "number" && isBack ? size : 0;
  const start = list[0] ?? 0, step = (list[1] ?? start) - start;
  return c.shape.length <= 1 && list.every((v, k) => v === start + k * step) ? { start: bounded(plus(sizeExpr(first), int(start)), size), step } : null;
}

/** Fails where elements are to be chosen along an axis that has none. */
function expectChoice(n: NodeView, axis: number, wanted: readonly Dim[]): void {
  const { shape } = n.type(0);
  if (shape[axis] === 0 && wanted.every((d) => d !== 0)) n.fail(`axis ${axis} of ${showShape(shape)} has no elements, of which indices of shape ${showShape(wanted)} could choose`);
}
/** Gather, GatherElements, GatherND, ReverseSequence, TensorScatter. */
export const gathers: readonly Op[] = [
  {
    name: "Gather", since: 13, inputs: [2, 2], attributes: { axis: { kind: "int", default: 0 } },
    infer: (n) => {
      const { dtype, shape } = n.type(0), axis = n.axis(n.int("axis"), shape.length);
      expectType(n, 1, indices);
      progression(n, 1, shape[axis]!);
      expectChoice(n, axis, n.type(1).shape);
      return [{ dtype, shape: [...shape.slice(0, axis), ...n.type(1).shape, ...shape.slice(axis + 1)] }];
    },
    lower: (n) => {
      const { shape } = n.type(0), axis = n.axis(n.int("axis"), shape.length), rank = n.in(1).shape.length, line = progression(n, 1, shape[axis]!);
      return n.map((index) => {
        const inner = index.slice(axis, axis + rank);
        const at = line ? plus(times(inner[0] ?? int(0), line.step), line.start) : runtimeIndex(n.load(1, inner), shape[axis]!);
        return n.load(0, [...index.slice(0, axis), at, ...index.slice(axis + rank)]);
      });
    },
  },
  {
    name: "GatherElements", since: 13, inputs: [2, 2], attributes: { axis: { kind: "int", default: 0 } },
    infer: (n) => {
      const { dtype, shape } = n.type(0), axis = n.axis(n.int("axis"), shape.length), wanted = n.type(1).shape;
      expectType(n, 1, indices);
      if (wanted.length !== shape.length || wanted.some((d, i) => i !== axis && d !== shape[i]! && boundDim(d) > leastDim(shape[i]!))) {
        n.fail(`indices of shape ${showShape(wanted)} do not fit data of shape ${showShape(shape)} along axis ${axis}`);
      }
      expectChoice(n, axis, wanted);
      return [{ dtype, shape: wanted }];
    },
    lower: (n) => {
      const { shape } = n.type(0), axis = n.axis(n.int("axis"), shape.length);
      return n.map((index) => n.load(0, withIndex(index, axis, runtimeIndex(n.load(1, index), shape[axis]!))));
    },
  },
  {
    name: "GatherND", since: 13, inputs: [2, 2], attributes: { batch_dims: { kind: "int", default: 0 } },
    infer: (n) => {
      const { dtype, shape } = n.type(0), wanted = n.type(1).shape, batch = n.int("batch_dims"), depth = fixedDim(n, wanted.at(-1) ?? 0, "the length of an index");
      expectType(n, 1, ["i64"]);
      const fits = batch >= 0 && wanted.length > batch && depth >= 1 && depth <= shape.length - batch && shape.slice(0, batch).every((d, i) => n.same(d, wanted[i]!));
      if (!fits) n.fail(`indices of shape ${showShape(wanted)} do not fit data of shape ${showShape(shape)} with batch_dims ${batch}`);
      for (let k = 0; k < Number(depth); k++) expectChoice(n, batch + k, wanted);
      return [{ dtype, shape: [...wanted.slice(0, -1), ...shape.slice(batch + depth)] }];
    },
    lower: (n) => {
      const { shape } = n.type(0), wanted = n.in(1).shape, batch = n.int("batch_dims"), outer = wanted.length - 1, depth = wanted[outer]!;
      return n.map((index) => n.load(0, [
        ...index.slice(0, batch),
        ...Array.from({ length: depth }, (_, k) => runtimeIndex(n.load(1, [...index.slice(0, outer), int(k)]), shape[batch + k]!)),
        ...index.slice(outer),
      ]));
    },
  },
  {
    name: "ReverseSequence", since: 10, inputs: [2, 2],
    attributes: { time_axis: { kind: "int", default: 0 }, batch_axis: { kind: "int", default: 1 } },
    infer: (n) => {
      const { shape } = n.type(0), batch = n.axis(n.int("batch_axis"), shape.length), time = n.axis(n.int("time_axis"), shape.length);
      expectType(n, 1, ["i64"]);
      expectRank(n, 1, 1, "sequence_lens");
      if (batch === time) n.fail(`time_axis and batch_axis are both ${batch}`);
      const lengths = n.type(1).shape[0]!;
      if (!n.same(lengths, shape[batch]!)) n.fail(`sequence_lens has ${showDim(lengths)} elements, but the batch axis ${showDim(shape[batch]!)}`);
      return [n.type(0)];
    },
    lower: (n) => {
      const { shape } = n.type(0), batch = n.axis(n.int("batch_axis"), shape.length), time = n.axis(n.int("time_axis"), shape.length);
      return n.map((index) => {
        const length = convert("index", n.load(1, [index[batch]!])), t = index[time]!;
        const back = bounded(minus(minus(length, int(1)), t), shape[time]!);
        return n.load(0, withIndex(index, time, select(less(t, length), back, t)));
      });
    },
  },
  {
    name: "TensorScatter", since: 24, inputs: [2, 3], attributes: { axis: { kind: "int", default: -2 }, mode: { kind: "string", default: "linear" } },
    infer: (n) => {
      const { shape } = n.in(0), axis = n.axis(n.int("axis"), shape.length), update = n.in(1).shape;
      const mode = n.string("mode");
      if (mode !== "linear" && mode !== "circular") n.fail(`attribute mode is ${JSON.stringify(mode)}; allowed are "linear" and "circular"`);
      if (axis === 0) n.fail("axis is the batch axis");
      expectType(n, 2, ["i64"]);
      expectShape(n, 2, shape.slice(0, 1), "write_indices");
      const fits = update.length === shape.length && update.every((d, i) => (i === axis ? d <= shape[i]! : d === shape[i]));
      if (fits && n.in(1).dtype === n.in(0).dtype) return [n.in(0)];
      const [fresh, cache] = [1, 0].map((i) => n.in(i).dtype + showShape(n.in(i).shape));
      return n.fail(`an update of ${fresh} does not fit a cache of ${cache} along axis ${axis}`);
    },
    lower: (n) => {
      const { shape } = n.in(0), axis = n.axis(n.int("axis"), shape.length), size = shape[axis]!, length = n.in(1).shape[axis]!;
      return n.map((index) => {
        const first = n.has(2) ? runtimeIndex(n.load(2, [index[0]!]), size) : int(0), from = minus(index[axis]!, first);
        const at = n.string("mode") === "circular" ? select(less(from, int(0)), plus(from, int(size)), from) : from;
        const written = less(at, int(length)), fresh = n.load(1, withIndex(index, axis, bounded(at, length)));
        return sizeOf(n.in(1).shape) === 0 ? n.load(0, index) : select(less(at, int(0)), n.load(0, index), select(written, fresh, n.load(0, index)));
      });
    },
  },
];
