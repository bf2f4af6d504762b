/** Parts of tensors, and tensors put together from parts: Slice, Split, Concat, Pad and the like. */
import { less, loadsIn, make, select } from "../ir/algebra.ts";
import { int, minus, plus, range } from "../ir/linear.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import type { Dim, ValueType } from "../ir/graph.ts";
import {
  asSizes, axesOf, boundDim, bounded, computeOutputs, clamp, declared, dimOf, expectSameType, expectRank, expectType, fromEnd, indices, largest, lessDim, moreDim,
  numbersOf, operand, perAxis, quoDim, showDim, showShape, smallest, timesDim, within, withIndex,
} from "./helpers.ts";
import { measured } from "./counts.ts";
import { sizeExpr, type NodeView, type Op, type Resolver } from "./op.ts";

const FAR = 2 ** 52;
interface Cut { readonly start: readonly Expr[]; readonly step: readonly Expr[]; readonly end: readonly Expr[] }
/** Start, step and end of a Slice for each axis, clamped to the input; numbers where they are known at compile time. */
function cut(n: NodeView): Cut {
  const { shape } = n.type(0), rank = shape.length;
  const step = n.has(4) ? perAxis(n, 4, 3, rank, 1) : shape.map(() => int(1));
  const back = step.map((s) => less(s, int(0)));
  const limit = (index: Expr, d: number, low: number) => {
    const size = shape[d]!, inner = fromEnd(index, size);
    return select(back[d]!, clamp(inner, low, lessDim(size, 1)), clamp(inner, 0, size));
  };
  return { step, start: perAxis(n, 1, 3, rank, 0).map((s, d) => limit(s, d, 0)), end: perAxis(n, 2, 3, rank, FAR).map((e, d) => limit(e, d, -1)) };
}
function sliced(n: NodeView): ValueType {
  const { dtype, shape } = n.type(0);
  for (const i of [1, 2, 3, 4]) expectType(n, i, indices);
  for (const i of [1, 2, 3, 4]) expectRank(n, i, 1);
  const count = n.in(1).shape[0];
  for (const i of [1, 2, 3, 4]) {
    if (n.has(i) && n.in(i).shape[0] !== count) n.fail(`starts has ${count} elements, but input ${i} (${n.node.inputs[i]}) has ${n.in(i).shape[0]}`);
  }
  if (!n.has(3) && count! > shape.length) n.fail(`starts has ${count} elements, but the input only ${shape.length} axes`);
  if (n.has(3) && n.constant(3)) axesOf(n, n.parameter(3)!, shape.length);
  const { start, end, step } = cut(n), by = numbersOf(step);
  if (by?.includes(0)) n.fail("a step is 0");
  if (!by || loadsIn([...start, ...end]).length) return declared(n, dtype, "where the slice begins or ends", 0, shape.length);
  const length = (from: Expr, to: Expr, per: number): Dim => dimOf(make("quo", plus(make("max", minus(to, from), int(0)), int(per - 1)), int(per)));
  return { dtype, shape: by.map((b, d) => (b > 0 ? length(start[d]!, end[d]!, b) : length(end[d]!, start[d]!, -b))) };
}

/** Where it begins or ends at places that only a run knows, and the model does not say how long the result is: measures them. */
function measuredCut(n: NodeView, g: Resolver): readonly string[] | undefined {
  const [x, ...lists] = n.node.inputs as [string, string, string, ...string[]], steps = n.has(4) ? n.constant(4) : null, { shape } = n.type(0), count = n.type(1).shape[0];
  if ((n.value(1) && n.value(2)) || n.declared(0) || typeof count !== "number" || (n.has(3) && !n.constant(3)) || steps === undefined || (steps && Array.from(steps.data as ArrayLike<number | bigint>, Number).some((s) => s < 1))) return undefined;
  const axes = n.has(3) ? n.parameter(3)!.map((a) => n.axis(a, shape.length)) : Array.from({ length: count }, (_, d) => d);
  if (axes.length !== count || count > shape.length || n.type(2).shape[0] !== count) return undefined;
  const scalar = (value: number) => g.constant("i64", [], [value]), one = g.constant("i64", [1], [1]), sizes = g.node("Shape", [x]);
  const places = (i: 1 | 2): string => {
    if (n.value(i)) return lists[i - 1]!;
    const list = g.node("Cast", [lists[i - 1]!], { to: 7 });
    const made = axes.map((axis, k) => {
      const size = g.node("Gather", [sizes, scalar(axis)]), at = g.node("Gather", [list, scalar(k)]);
      const inside = g.node("Min", [g.node("Max", [g.node("Where", [g.node("Less", [at, scalar(0)]), g.node("Add", [at, size]), at]), scalar(0)]), size]);
      return g.node("Reshape", [measured(n, g, inside, boundDim(shape[axis]!), `${i === 1 ? "start" : "end"}${k}`), one]);
    });
    return made.length === 1 ? made[0]! : g.node("Concat", made, { axis: 0 });
  };
  const [start, end] = [places(1), places(2)], list = (values: readonly number[]) => g.constant("i64", [values.length], values);
  return [g.node("Slice", [x, start, end, list(axes), ...(steps ? [list(Array.from(steps.data as ArrayLike<number | bigint>, Number))] : [])])];
}

const partsOf = (n: NodeView): readonly Dim[] => {
  const axis = n.axis(n.int("axis"), n.type(0).shape.length), size = n.type(0).shape[axis]!, count = n.node.outputs.length;
  if (n.has(1)) {
    const list = n.value(1) ? n.sizes(1)! : n.node.outputs.map((_, i) => declared(n, n.type(0).dtype, "the list of parts", i).shape[axis] ?? -1);
    const parts = list.length === count ? asSizes(n, list) : null;
    return parts && n.same(parts.reduce(moreDim, 0), size) ? parts : n.fail(`parts ${showShape(list)} do not fit ${count} outputs and axis ${axis} of size ${showDim(size)}`);
  }
  const wanted = n.given("num_outputs") ? n.int("num_outputs") : count;
  if (wanted !== count) n.fail(`attribute num_outputs is ${wanted}, but the node has ${count} outputs`);
  const part = quoDim(moreDim(size, count - 1), count);
  return Array.from({ length: count }, (_, i) => largest(0, smallest(part, lessDim(size, timesDim(part, i)))));
};

/** Operands of a Concat: terms are nested as deep as there are operands, and compiling takes time by the square of their number. */
const mostOperands = 2048;

const modes = ["constant", "edge", "reflect", "wrap"] as const;
const padMode = (n: NodeView): (typeof modes)[number] =>
  modes.find((m) => m === n.string("mode")) ?? n.fail(`attribute mode is ${JSON.stringify(n.string("mode"))}; allowed are ${modes.join(", ")}`);
/** Where an index outside 0 .. size - 1 reads; `reach` is at least as large as any distance outside. */
const outside: Record<Exclude<(typeof modes)[number], "constant">, (index: Expr, size: Dim, reach: Dim) => Expr> = {
  edge: (i, size) => clamp(i, 0, lessDim(size, 1)),
  wrap: (i, size, reach) => turned(i, largest(1, size), reach),
  reflect: (i, size, reach) => {
    const last = lessDim(size, 1), twice = sizeExpr(timesDim(last, 2)), mirror = (x: Expr) => bounded(make("min", x, minus(twice, x)), size);
    if (range(minus(sizeExpr(size), sizeExpr(reach)))[0] > 0) return mirror(make("max", i, minus(int(0), i)));
    return mirror(turned(i, largest(1, timesDim(last, 2)), reach));
  },
};
/** An index inside a period: whole ones are added first, as quotients want what is not negative. */
const turned = (i: Expr, period: Dim, reach: Dim): Expr =>
  make("rem", make("max", plus(i, sizeExpr(timesDim(quoDim(moreDim(reach, lessDim(period, 1)), period), period))), int(0)), sizeExpr(period));
const padding = (n: NodeView) => {
  const rank = n.type(0).shape.length;
  return { before: perAxis(n, 1, 3, rank, 0), after: perAxis(n, 1, 3, rank, 0, 1) };
};
function padded(n: NodeView): ValueType {
  const { dtype, shape } = n.type(0), mode = padMode(n);
  expectType(n, 1, ["i64"]);
  expectType(n, 3, indices);
  expectRank(n, 1, 1, "pads");
  expectRank(n, 3, 1, "the list of axes");
  if (n.has(2) && n.in(2).dtype !== dtype) n.fail(`the padding value is ${n.in(2).dtype}, but the input is ${dtype}`);
  const count = n.has(3) ? n.in(3).shape[0]! : shape.length;
  if (n.in(1).shape[0] !== 2 * count) n.fail(`pads has ${n.in(1).shape[0]} elements, but two for each of ${count} axes are needed`);
  if (n.has(3) && n.constant(3)) axesOf(n, n.parameter(3)!, shape.length);
  const { before, after } = padding(n);
  const result = asSizes(n, loadsIn([...before, ...after]).length === 0 ? shape.map((d, i) => dimOf(plus(sizeExpr(d), plus(before[i]!, after[i]!)))) : declared(n, dtype, "the padding", 0, shape.length).shape);
  if (!result) return n.fail(`padding ${showShape([...before, ...after].map(dimOf))} takes away more than shape ${showShape(shape)} has`);
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
    measure: measuredCut,
    lower: (n) => {
      const { start, step } = cut(n);
      return n.map((index) => n.load(0, index.map((i, d) => bounded(plus(make("mul", i, step[d]!), start[d]!), n.in(0).shape[d]!))));
    },
  },
  {
    name: "Split", since: 18, inputs: [1, 2], outputs: [1, Infinity], parameters: [1],
    attributes: { axis: { kind: "int", default: 0 }, num_outputs: { kind: "int", optional: true } },
    infer: (n) => {
      const { dtype, shape } = n.type(0), axis = n.axis(n.int("axis"), shape.length);
      expectType(n, 1, ["i64"]);
      return partsOf(n).map((size) => ({ dtype, shape: shape.map((d, i) => (i === axis ? size : d)) }));
    },
    lower: (n) => {
      const axis = n.axis(n.int("axis"), n.in(0).shape.length), parts = partsOf(n);
      const stages = n.node.outputs.map((_, o) => {
        const axes = n.axes(o), start = parts.slice(0, o).reduce(moreDim, 0), at = plus(axes[axis]!, sizeExpr(start));
        return { name: `part${o}`, axes, value: n.load(0, withIndex(axes, axis, typeof start === "number" ? at : bounded(at, n.in(0).shape[axis]!))) };
      });
      return computeOutputs(n, stages, stages);
    },
  },
  {
    name: "Concat", since: 13, inputs: [1, Infinity], attributes: { axis: { kind: "int" } },
    infer: (n) => {
      const { dtype, shape } = n.type(0), axis = n.axis(n.int("axis"), shape.length);
      expectSameType(n);
      if (n.inputs.length > mostOperands) n.fail(`has ${n.inputs.length} inputs, and each element is chosen among all of them: at most ${mostOperands} can be`, "join them in groups, and then the groups");
      n.inputs.forEach((_, i) => {
        const other = n.type(i).shape;
        if (other.length !== shape.length || other.some((d, a) => a !== axis && !n.same(d, shape[a]!))) {
          n.fail(`shapes ${showShape(shape)} and ${showShape(other)} differ in more than axis ${axis}`);
        }
      });
      const shortest = (a: number) => n.inputs.map((_, i) => n.type(i).shape[a]!).reduce((x, y) => (boundDim(y) < boundDim(x) ? y : x));
      return [{ dtype, shape: shape.map((_, a) => (a === axis ? n.inputs.reduce<Dim>((sum, _, i) => moreDim(sum, n.type(i).shape[axis]!), 0) : shortest(a))) }];
    },
    lower: (n) => {
      const axis = n.axis(n.int("axis"), n.in(0).shape.length), parts = n.inputs.map((_, i) => i).filter((i) => n.in(i).shape[axis]! > 0);
      let end: Dim = 0;
      const starts = parts.map((i) => { const start = end; end = moreDim(end, n.type(i).shape[axis]!); return start; });
      return n.map((index) => {
        const at = (k: number) => {
          const from = minus(index[axis]!, sizeExpr(starts[k]!));
          return n.load(parts[k]!, withIndex(index, axis, typeof starts[k] === "number" && typeof n.type(parts[k]!).shape[axis] === "number" ? from : bounded(from, n.in(parts[k]!).shape[axis]!)));
        };
        const chain = (k: number): Expr => (k === parts.length - 1 ? at(k) : select(less(index[axis]!, sizeExpr(starts[k + 1]!)), at(k), chain(k + 1)));
        return parts.length ? chain(0) : constant(n.out().dtype, 0);
      });
    },
  },
  {
    name: "Pad", since: 25, inputs: [2, 4], parameters: [1, 3], attributes: { mode: { kind: "string", default: "constant" } },
    infer: (n) => [padded(n)],
    lower: (n) => {
      const mode = padMode(n), { shape } = n.type(0), { before, after } = padding(n), isKnown = loadsIn([...before, ...after]).length === 0;
      return n.map((index) => {
        const from = index.map((i, d) => minus(i, before[d]!));
        if (mode !== "constant") {
          // The reach is known where the padding is; else no axis is read further outside than the output is long.
          const known = shape.map((_, d) => (isKnown ? [dimOf(before[d]!), dimOf(after[d]!)] : null)), reach = known.map((k, d) => (k ?? [n.outType().shape[d]!]).reduce(largest, 0));
          return n.load(0, from.map((i, d) => (known[d]?.every((p) => typeof p === "number" && p <= 0) && typeof shape[d] === "number" ? i : outside[mode](i, shape[d]!, reach[d]!))));
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
      if (!n.constant(1)) return [declared(n, dtype, "the shape", 0, shape.length)];
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
