/** Normalisations: the mean and the spread of groups of elements, then one map. */
import { add, div, make, mul, sub } from "../ir/algebra.ts";
import { accumulator, at, axis, type Axis, type Stage } from "../ir/compute.ts";
import { int, plus, times } from "../ir/linear.ts";
import type { Expr } from "../ir/scalar.ts";
import type { Dim, ValueType } from "../ir/graph.ts";
import { dimsOf, expectBroadcast, expectShape, typeOf } from "./checks.ts";
import { boundDim, computeOutputs, fixedDim, forOutputs, like, product, shared, timesDim } from "./helpers.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";
import { guarded } from "./spatial.ts";

const accuracy = {
  absolute: 1e-6, relative: 2e-5, reason: "float sums are taken in another order, and divisions are multiplications by a reciprocal",
} as const;
const epsilon = { kind: "float", default: 1e-5 } as const satisfies AttributeSpec;
const stash = { kind: "int", default: 1 } as const satisfies AttributeSpec;

const inverse = (x: Expr): Expr => div(like(x, 1), x);
const inverseRoot = (x: Expr, eps: number): Expr => inverse(make("sqrt", add(x, like(x, eps))));
/** `count`: how many elements a group has. */
interface Group { readonly outer: readonly Axis[]; readonly over: readonly Axis[]; readonly count: Dim }
const read = (s: { readonly name: string }, x: Expr, index: readonly Expr[]): Expr => at({ name: s.name, dtype: x.dtype }, ...index);
/** The mean of `x` over a group; and, from it, the mean of the squared distance, turned into what `finish` makes of it. */
function meanStage({ outer, over, count }: Group, x: Expr): Stage {
  const sum = accumulator(x.dtype);
  return { name: "mean", axes: outer, value: x, reduce: { op: "add", axes: over }, finish: shared(sum, count) };
}
function spreadStage(name: string, { outer, over, count }: Group, centred: Expr, finish: (variance: Expr) => Expr): Stage {
  const sum = accumulator(centred.dtype);
  return { name, axes: outer, value: mul(centred, centred), reduce: { op: "add", axes: over }, finish: finish(shared(sum, count)) };
}

const batchNormalization: Op = {
  name: "BatchNormalization", since: 15, inputs: [5, 5], outputs: [1, 3], accuracy,
  attributes: { epsilon, momentum: { kind: "float", default: 0.9 }, training_mode: { kind: "int", default: 0 } },
  infer: (n) => {
    const dtype = typeOf(n), shape = dimsOf(n, 0, 1), channels = shape[1] ?? 1;
    ["the scale", "the bias", "the mean", "the variance"].forEach((what, i) => expectShape(n, i + 1, [channels], what));
    if (n.node.outputs.some((o, i) => o && i > 0) && !n.int("training_mode")) {
      n.fail("running mean and variance are outputs only where training_mode is 1");
    }
    const running: ValueType = { dtype, shape: [channels] };
    return forOutputs(n, [{ dtype, shape }, running, running]);
  },
  lower: (n) => {
    const axes = n.axes(), c = axes[1] ?? axis("c", 1), index = axes.length > 1 ? c : int(0), x = n.load(0, axes), eps = n.float("epsilon");
    const factor = (variance: Expr) => mul(n.load(1, [c]), inverseRoot(variance, eps));
    const result = (mean: Expr): Stage =>
      ({ name: "norm", axes, value: add(mul(sub(x, mean), read({ name: "factor" }, x, [index])), n.load(2, [index])) });
    if (!n.int("training_mode")) return n.compute([{ name: "factor", axes: [c], value: factor(n.load(4, [c])) }, result(n.load(3, [index]))]);
    const group: Group = { outer: [c], over: axes.filter((_, d) => d !== 1), count: product(n.type(0).shape.filter((_, d) => d !== 1)) }, mean = meanStage(group, x), centre = read(mean, x, [c]);
    const spread = spreadStage("spread", group, sub(x, centre), (v) => v), momentum = n.float("momentum");
    const running = (name: string, old: Expr, fresh: Expr): Stage =>
      ({ name, axes: [c], value: add(mul(old, like(x, momentum)), mul(fresh, like(x, 1 - momentum))) });
    const stages = [
      mean, spread, { name: "factor", axes: [c], value: factor(read(spread, x, [c])) }, result(centre),
      running("runningMean", n.load(3, [c]), centre), running("runningVariance", n.load(4, [c]), read(spread, x, [c])),
    ];
    return computeOutputs(n, stages, stages.slice(3));
  },
};

/** The dimensions of input 0 from attribute `axis` on are one group. */
function trailing(n: NodeView): Group {
  const { shape } = n.type(0), axes = shape.map((size, d) => axis(`d${d}`, boundDim(size))), from = n.axis(n.int("axis"), axes.length);
  return { outer: axes.slice(0, from), over: axes.slice(from), count: product(shape.slice(from)) };
}
const trailingShape = (n: NodeView): readonly Dim[] => n.type(0).shape.slice(n.axis(n.int("axis"), n.type(0).shape.length));
const layerNormalization: Op = {
  name: "LayerNormalization", since: 17, inputs: [2, 3], outputs: [1, 3], accuracy,
  attributes: { axis: { kind: "int", default: -1 }, epsilon, stash_type: stash },
  infer: (n) => {
    const dtype = typeOf(n), shape = dimsOf(n, 0, 1), { outer } = trailing(n), inner = trailingShape(n);
    expectBroadcast(n, 1, inner, "the scale");
    expectBroadcast(n, 2, inner, "the bias");
    const row: ValueType = { dtype, shape: shape.map((size, d) => (d < outer.length ? size : 1)) };
    return forOutputs(n, [{ dtype, shape }, row, row]);
  },
  lower: (n) => {
    const group = trailing(n), { outer, over } = group, x = n.load(0, [...outer, ...over]), mean = meanStage(group, x);
    const centred = sub(x, read(mean, x, outer)), spread = spreadStage("scale", group, centred, (v) => inverseRoot(v, n.float("epsilon")));
    const scaled = mul(mul(centred, read(spread, x, outer)), n.broadcast(1, over));
    const norm: Stage = { name: "norm", axes: [...outer, ...over], value: n.has(2) ? add(scaled, n.broadcast(2, over)) : scaled };
    const row = [...outer, ...over.map(() => int(0))];
    return n.compute([mean, spread, norm], [norm, mean, spread].flatMap((s, i) =>
      (n.node.outputs[i] ? [n.result(s, i, i === 0 ? {} : { index: row })] : [])));
  },
};
/** Of the input's shape, with a scale over its last dimensions. */
export const inferScaled: Op["infer"] = (n) => {
  const dtype = typeOf(n), shape = dimsOf(n, 0, 1);
  expectBroadcast(n, 1, trailingShape(n), "the scale");
  return [{ dtype, shape }];
};
const rmsNormalization: Op = {
  name: "RMSNormalization", since: 23, inputs: [2, 2], accuracy,
  attributes: { axis: { kind: "int", default: -1 }, epsilon, stash_type: stash },
  infer: inferScaled,
  lower: (n) => {
    const group = trailing(n), { outer, over } = group, x = n.load(0, [...outer, ...over]);
    const spread = spreadStage("scale", group, x, (v) => inverseRoot(v, n.float("epsilon")));
    return n.compute([spread, { name: "norm", axes: [...outer, ...over], value: mul(mul(x, read(spread, x, outer)), n.broadcast(1, over)) }]);
  },
};

const spatial = (n: NodeView): readonly Axis[] => n.in(0).shape.slice(2).map((size, d) => axis(`d${d + 2}`, size));
const instanceNormalization: Op = {
  name: "InstanceNormalization", since: 22, inputs: [3, 3], accuracy, attributes: { epsilon },
  infer: (n) => {
    const dtype = typeOf(n), shape = dimsOf(n, 0, 3);
    expectShape(n, 1, [shape[1]!], "the scale");
    expectShape(n, 2, [shape[1]!], "the bias");
    return [{ dtype, shape }];
  },
  lower: (n) => {
    const { shape } = n.in(0), outer = [axis("n", shape[0]!), axis("c", shape[1]!)], group: Group = { outer, over: spatial(n), count: product(n.type(0).shape.slice(2)) }, c = outer[1]!;
    const axes = [...outer, ...group.over], x = n.load(0, axes), mean = meanStage(group, x), centred = sub(x, read(mean, x, outer));
    const spread = spreadStage("scale", group, centred, (v) => mul(inverseRoot(v, n.float("epsilon")), n.load(1, [c])));
    return n.compute([mean, spread, { name: "norm", axes, value: add(mul(centred, read(spread, x, outer)), n.load(2, [c])) }]);
  },
};
const groupNormalization: Op = {
  name: "GroupNormalization", since: 21, inputs: [3, 3], accuracy, attributes: { epsilon, num_groups: { kind: "int" }, stash_type: stash },
  infer: (n) => {
    const dtype = typeOf(n), shape = dimsOf(n, 0, 3), groups = n.int("num_groups"), channels = fixedDim(n, shape[1]!, "the number of channels");
    if (groups < 1 || channels % groups !== 0) n.fail(`${channels} channels do not divide into ${groups} groups`);
    expectShape(n, 1, [channels], "the scale");
    expectShape(n, 2, [channels], "the bias");
    return [{ dtype, shape }];
  },
  lower: (n) => {
    const { shape } = n.in(0), groups = n.int("num_groups"), per = shape[1]! / groups;
    const b = axis("n", shape[0]!), g = axis("g", groups), c = axis("c", per), rest = spatial(n), channel = plus(times(g, per), c);
    const group: Group = { outer: [b, g], over: [c, ...rest], count: timesDim(per, product(n.type(0).shape.slice(2))) }, axes = [b, g, c, ...rest], index = [b, channel, ...rest], x = n.load(0, index);
    const mean = meanStage(group, x), centred = sub(x, read(mean, x, [b, g]));
    const spread = spreadStage("scale", group, centred, (v) => inverseRoot(v, n.float("epsilon")));
    const norm: Stage = { name: "norm", axes, value: add(mul(mul(centred, read(spread, x, [b, g])), n.load(1, [channel])), n.load(2, [channel])) };
    return n.compute([mean, spread, norm], [n.result(norm, 0, { index })]);
  },
};
const meanVarianceNormalization: Op = {
  name: "MeanVarianceNormalization", since: 13, inputs: [1, 1], accuracy, attributes: { axes: { kind: "ints", default: [0, 2, 3] } },
  infer: (n) => {
    const { shape } = n.type(0);
    n.ints("axes").forEach((a) => n.axis(a, shape.length));
    return [{ dtype: typeOf(n), shape }];
  },
  lower: (n) => {
    const axes = n.axes(), over = new Set(n.ints("axes").map((a) => n.axis(a, axes.length))), x = n.load(0, axes);
    const group: Group = { outer: axes.filter((_, d) => !over.has(d)), over: axes.filter((_, d) => over.has(d)), count: product(n.type(0).shape.filter((_, d) => over.has(d))) };
    const mean = meanStage(group, x), centred = sub(x, read(mean, x, group.outer));
    // The epsilon that the operator's definition adds to the deviation itself.
    const spread = spreadStage("scale", group, centred, (v) => inverse(add(make("sqrt", v), like(v, 1e-9))));
    return n.compute([mean, spread, { name: "norm", axes, value: mul(centred, read(spread, x, group.outer)) }]);
  },
};
const lpNormalization: Op = {
  name: "LpNormalization", since: 22, inputs: [1, 1], accuracy, attributes: { axis: { kind: "int", default: -1 }, p: { kind: "int", default: 2 } },
  infer: (n) => {
    const { shape } = n.type(0), p = n.int("p");
    n.axis(n.int("axis"), shape.length);
    if (p !== 1 && p !== 2) n.fail(`attribute p is ${p}; it can be 1 or 2`);
    return [{ dtype: typeOf(n), shape }];
  },
  lower: (n) => {
    const axes = n.axes(), along = n.axis(n.int("axis"), axes.length);
    const outer = axes.filter((_, d) => d !== along), x = n.load(0, axes), sum = accumulator(x.dtype);
    const two = n.int("p") === 2, length = two ? make("sqrt", sum) : sum;
    // A row of zeros stays zero.
    const finish = make("select", make("equal", length, like(x, 0)), like(x, 0), inverse(length));
    return n.compute([
      { name: "scale", axes: outer, value: two ? mul(x, x) : make("abs", x), reduce: { op: "add", axes: [axes[along]!] }, finish },
      { name: "norm", axes, value: mul(x, read({ name: "scale" }, x, outer)) },
    ]);
  },
};
/** The sum of squares over a window of channels, cut off at both ends. */
const lrn: Op = {
  name: "LRN", since: 13, inputs: [1, 1], accuracy: { ...accuracy, reason: "pow is computed in single precision" },
  attributes: {
    alpha: { kind: "float", default: 0.0001 }, beta: { kind: "float", default: 0.75 }, bias: { kind: "float", default: 1 }, size: { kind: "int" },
  },
  infer: (n) => {
    const size = n.int("size");
    if (size < 1) n.fail(`attribute size is ${size}; it must be at least 1`);
    return [{ dtype: typeOf(n), shape: dimsOf(n, 0, 3) }];
  },
  lower: (n) => {
    const axes = n.axes(), size = n.int("size"), j = axis("j", size), [b, c, ...rest] = axes as [Axis, Axis, ...Axis[]];
    const from = plus(plus(c, j), int(-Math.floor((size - 1) / 2))), x = n.load(0, [b, from, ...rest]), sum = accumulator(x.dtype);
    const base = add(mul(sum, like(sum, n.float("alpha") / size)), like(sum, n.float("bias")));
    return n.compute([{
      name: "lrn", axes, value: guarded([from], [n.type(0).shape[1]!], mul(x, x), like(x, -0)), reduce: { op: "add", axes: [j] },
      finish: mul(n.load(0, axes), power(base, -n.float("beta"))),
    }]);
  },
};
/** base^exponent by square roots where they suffice: they cost a tenth of a power. */
function power(base: Expr, exponent: number): Expr {
  const root = make("sqrt", base);
  switch (exponent) {
    case -0.5: return inverse(root);
    case -0.75: return inverse(mul(root, make("sqrt", root)));
    case -1: return inverse(base);
    default: return make("pow", base, like(base, exponent));
  }
}

/** The operators of this file. */
export const normalizations: readonly Op[] = [
  batchNormalization, layerNormalization, rmsNormalization, instanceNormalization, groupNormalization,
  meanVarianceNormalization, lpNormalization, lrn,
];
