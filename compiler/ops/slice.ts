/** Parts of tensors, and tensors put together from parts: Slice, Split, Concat, Pad and the like. */
import { less, make, select } from "../ir/algebra.ts";
import { int, minus, plus } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import type { TensorType } from "../ir/graph.ts";
import {
  axesOf, bounded, computeOutputs, clamp, declared, expectSameType, expectType, fromEnd, indices, numbersOf, operand, perAxis, showShape,
  within, withIndex,
} from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

const FAR = 2 ** 52;
interface Cut { readonly start: readonly Expr[]; readonly step: readonly Expr[]; readonly end: readonly Expr[] }
/** Start, step and end of a Slice for each axis, clamped to the input; numbers where they are known at compile time. */
function cut(n: NodeView): Cut {
  const { shape } = n.in(0), rank = shape.length;
  const step = n.has(4) ? perAxis(n, 4, 3, rank, 1) : shape.map(() => int(1));
  const back = step.map((s) => less(s, int(0)));
  const limit = (index: Expr, d: number, low: number) => {
    const size = shape[d]!, inner = fromEnd(index, size);
    return select(back[d]!, clamp(inner, low, size - 1), clamp(inner, 0, size));
  };
  return { step, start: perAxis(n, 1, 3, rank, 0).map((s, d) => limit(s, d, 0)), end: perAxis(n, 2, 3, rank, FAR).map((e, d) => limit(e, d, -1)) };
}
function sliced(n: NodeView): TensorType {
  const { dtype, shape } = n.in(0);
  for (const i of [1, 2, 3, 4]) expectType(n, i, indices);
  const count = n.in(1).shape[0];
  for (const i of [1, 2, 3, 4]) {
    if (n.has(i) && n.in(i).shape[0] !== count) n.fail(`starts has ${count} elements, but input ${i} (${n.node.inputs[i]}) has ${n.in(i).shape[0]}`);
  }
  if (!n.has(3) && count! > shape.length) n.fail(`starts has ${count} elements, but the input only ${shape.length} axes`);
  if (n.has(3) && n.constant(3)) axesOf(n, n.parameter(3)!, shape.length);
  const { start, end, step } = cut(n), [s, e, by] = [start, end, step].map(numbersOf);
  if (by?.includes(0)) n.fail("a step is 0");
  if (!s || !e || !by) return declared(n, dtype, "where the slice begins or ends");
  return { dtype, shape: shape.map((_, d) => Math.max(0, Math.ceil((e[d]! - s[d]!) / by[d]!))) };
}

const partsOf = (n: NodeView): readonly number[] => {
  const axis = n.axis(n.int("axis"), n.in(0).shape.length), size = n.in(0).shape[axis]!, count = n.node.outputs.length;
  if (n.has(1)) {
    const list = n.constant(1) ? n.parameter(1)! : n.node.outputs.map((_, i) => declared(n, n.in(0).dtype, "the list of parts", i).shape[axis] ?? -1);
    const fits = list.length === count && list.every((x) => x >= 0) && list.reduce((a, b) => a + b, 0) === size;
    return fits ? list : n.fail(`parts ${showShape(list)} do not fit ${count} outputs and axis ${axis} of size ${size}`);
  }
  const wanted = n.given("num_outputs") ? n.int("num_outputs") : count;
  if (wanted !== count) n.fail(`attribute num_outputs is ${wanted}, but the node has ${count} outputs`);
  const part = Math.ceil(size / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, size - i * part)));
};

const modes = ["constant", "edge", "reflect", "wrap"] as const;
const padMode = (n: NodeView): (typeof modes)[number] =>
  modes.find((m) => m === n.string("mode")) ?? n.fail(`attribute mode is ${JSON.stringify(n.string("mode"))}; allowed are ${modes.join(", ")}`);
/** Where an index outside 0 .. size - 1 reads; `reach` is at least as large as any distance outside. */
const outside: Record<Exclude<(typeof modes)[number], "constant">, (index: Expr, size: number, reach: number) => Expr> = {
  edge: (i, size) => clamp(i, 0, size - 1),
  wrap: (i, size, reach) => make("rem", make("max", plus(i, int(Math.ceil(reach / size) * size)), int(0)), int(size)),
  reflect: (i, size, reach) => {
    const period = Math.max(1, 2 * (size - 1)), mirror = (x: Expr) => bounded(make("min", x, minus(int(2 * (size - 1)), x)), size);
    if (reach < size) return mirror(make("max", i, minus(int(0), i)));
    return mirror(make("rem", make("max", plus(i, int(Math.ceil(reach / period) * period)), int(0)), int(period)));
  },
};
const padding = (n: NodeView) => {
  const rank = n.in(0).shape.length;
  return { before: perAxis(n, 1, 3, rank, 0), after: perAxis(n, 1, 3, rank, 0, 1) };
};
function padded(n: NodeView): TensorType {
  const { dtype, shape } = n.in(0), mode = padMode(n);
  expectType(n, 1, ["i64"]);
  expectType(n, 3, indices);
  if (n.has(2) && n.in(2).dtype !== dtype) n.fail(`the padding value is ${n.in(2).dtype}, but the input is ${dtype}`);
  const count = n.has(3) ? n.in(3).shape[0]! : shape.length;
  if (n.in(1).shape[0] !== 2 * count) n.fail(`pads has ${n.in(1).shape[0]} elements, but two for each of ${count} axes are needed`);
  if (n.has(3) && n.constant(3)) axesOf(n, n.parameter(3)!, shape.length);
  const { before, after } = padding(n), b = numbersOf(before), a = numbersOf(after);
  const result = b && a ? shape.map((d, i) => d + b[i]! + a[i]!) : declared(n, dtype, "the padding").shape;
  if (result.some((d) => d < 0)) n.fail(`padding ${showShape([...b!, ...a!])} takes away more than shape ${showShape(shape)} has`);
  if (mode === "constant" || result.every((d, i) => d === 0 || shape[i] !== 0)) return { dtype, shape: result };
  return n.fail(`mode ${mode} has nothing to repeat in shape ${showShape(shape)}`);
}

/** For each axis of a CenterCropPad, how far input and output are shifted: out[i] = in[i + shift]. */
const centred = (n: NodeView): readonly number[] => n.in(0).shape.map((size, d) => {
  const more = n.out().shape[d]! - size;
  return more < 0 ? Math.floor(-more / 2) : -Math.floor(more / 2);
});

/** Slice, Split, Concat, Pad, CenterCropPad. */
export const slices: readonly Op[] = [
  {
    name: "Slice", since: 13, inputs: [3, 5], parameters: [1, 2, 3, 4],
    infer: (n) => [sliced(n)],
    lower: (n) => {
      const { start, step } = cut(n);
      return n.map((index) => n.load(0, index.map((i, d) => bounded(plus(make("mul", i, step[d]!), start[d]!), n.in(0).shape[d]!))));
    },
  },
  {
    name: "Split", since: 18, inputs: [1, 2], outputs: [1, Infinity], parameters: [1],
    attributes: { axis: { kind: "int", default: 0 }, num_outputs: { kind: "int", optional: true } },
    infer: (n) => {
      const { dtype, shape } = n.in(0), axis = n.axis(n.int("axis"), shape.length);
      expectType(n, 1, ["i64"]);
      return partsOf(n).map((size) => ({ dtype, shape: shape.map((d, i) => (i === axis ? size : d)) }));
    },
    lower: (n) => {
      const axis = n.axis(n.int("axis"), n.in(0).shape.length), parts = partsOf(n);
      const stages = n.node.outputs.map((_, o) => {
        const axes = n.axes(o), start = parts.slice(0, o).reduce((a, b) => a + b, 0);
        return { name: `part${o}`, axes, value: n.load(0, withIndex(axes, axis, plus(axes[axis]!, int(start)))) };
      });
      return computeOutputs(n, stages, stages);
    },
  },
  {
    name: "Concat", since: 13, inputs: [1, Infinity], attributes: { axis: { kind: "int" } },
    infer: (n) => {
      const { dtype, shape } = n.in(0), axis = n.axis(n.int("axis"), shape.length);
      expectSameType(n);
      n.inputs.forEach((_, i) => {
        const other = n.in(i).shape;
        if (other.length !== shape.length || other.some((d, a) => a !== axis && d !== shape[a])) {
          n.fail(`shapes ${showShape(shape)} and ${showShape(other)} differ in more than axis ${axis}`);
        }
      });
      return [{ dtype, shape: shape.map((d, a) => (a === axis ? n.inputs.reduce((sum, _, i) => sum + n.in(i).shape[axis]!, 0) : d)) }];
    },
    lower: (n) => {
      const axis = n.axis(n.int("axis"), n.in(0).shape.length), parts = n.inputs.map((_, i) => i).filter((i) => n.in(i).shape[axis]! > 0);
      let end = 0;
      const starts = parts.map((i) => (end += n.in(i).shape[axis]!) - n.in(i).shape[axis]!);
      return n.map((index) => {
        const at = (k: number) => n.load(parts[k]!, withIndex(index, axis, plus(index[axis]!, int(-starts[k]!))));
        const chain = (k: number): Expr => (k === parts.length - 1 ? at(k) : select(less(index[axis]!, int(starts[k + 1]!)), at(k), chain(k + 1)));
        return parts.length ? chain(0) : constant(n.out().dtype, 0);
      });
    },
  },
  {
    name: "Pad", since: 25, inputs: [2, 4], parameters: [1, 3], attributes: { mode: { kind: "string", default: "constant" } },
    infer: (n) => [padded(n)],
    lower: (n) => {
      const mode = padMode(n), { shape } = n.in(0), { before, after } = padding(n);
      return n.map((index) => {
        const from = index.map((i, d) => minus(i, before[d]!));
        if (mode !== "constant") {
          // The reach is known where the padding is; else no axis is read further outside than the output is long.
          const known = shape.map((_, d) => numbersOf([before[d]!, after[d]!])), reach = known.map((k, d) => Math.max(0, ...(k ?? [n.out().shape[d]!])));
          return n.load(0, from.map((i, d) => (known[d]?.every((p) => p <= 0) ? i : outside[mode](i, shape[d]!, reach[d]!))));
        }
        const fill = n.has(2) ? operand(n, 2, n.in(2).shape.map(() => int(0))) : constant(n.out().dtype, 0);
        return from.reduceRight<Expr>((value, i, d) => select(within(i, shape[d]!), value, fill), n.load(0, from));
      });
    },
  },
  {
    name: "CenterCropPad", since: 18, inputs: [2, 2], parameters: [1], attributes: { axes: { kind: "ints", optional: true } },
    infer: (n) => {
      const { dtype, shape } = n.in(0);
      expectType(n, 1, indices);
      if (!n.constant(1)) return [declared(n, dtype, "the shape")];
      const wanted = n.parameter(1)!, axes = (n.intsOr("axes") ?? shape.map((_, d) => d)).map((a) => n.axis(a, shape.length));
      if (wanted.length !== axes.length) n.fail(`the shape ${showShape(wanted)} has not one number for each of ${axes.length} axes`);
      return [{ dtype, shape: shape.map((d, i) => (axes.includes(i) ? wanted[axes.indexOf(i)]! : d)) }];
    },
    lower: (n) => {
      const shift = centred(n), { shape } = n.in(0);
      return n.map((index) => {
        const from = index.map((i, d) => plus(i, int(shift[d]!)));
        return from.reduceRight<Expr>((value, i, d) => select(within(i, shape[d]!), value, constant(n.out().dtype, 0)), n.load(0, from));
      });
    },
  },
];
