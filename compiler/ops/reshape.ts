/** Operators that keep the elements and their order, and those that permute or repeat whole axes: an index map each. */
import { make } from "../ir/algebra.ts";
import { int } from "../ir/linear.ts";
import { sizeOf, type TensorType } from "../ir/graph.ts";
import { axesOf, broadcastShapes, declared, expectRank, expectType, flatten, indices, showShape, unflatten } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** Element `i` of the output is element `i` of the input in row-major order. */
const sameOrder = (n: NodeView) => n.map((index) => n.load(0, unflatten(flatten(index, n.out().shape), n.in(0).shape)));

function reshaped(n: NodeView): TensorType {
  const { dtype, shape } = n.in(0), size = sizeOf(shape);
  expectType(n, 1, ["i64"]);
  expectRank(n, 1, 1, "the shape");
  if (!n.constant(1)) {
    const out = declared(n, dtype, "the shape");
    return sizeOf(out.shape) === size ? out
      : n.fail(`the model states ${showShape(out.shape)} for the result, which has not the ${size} elements of ${showShape(shape)}`);
  }
  const wanted = n.parameter(1)!;
  const sizes = wanted.map((d, i) => (d !== 0 || n.int("allowzero") ? d : shape[i]
    ?? n.fail(`dimension ${i} of ${showShape(wanted)} is 0 (as in the input), but the input ${showShape(shape)} has none such`)));
  const open = sizes.indexOf(-1), known = sizeOf(sizes.filter((d) => d !== -1));
  if (open !== sizes.lastIndexOf(-1) || sizes.some((d) => d < -1)) n.fail(`${showShape(wanted)} is no shape: at most one dimension may be -1`);
  const result = sizes.map((d) => (d === -1 ? (known === 0 ? 0 : size / known) : d));
  if (sizeOf(result) === size && result.every(Number.isInteger)) return { dtype, shape: result };
  return n.fail(`cannot reshape ${showShape(shape)} (${size} elements) to ${showShape(wanted)}`);
}
function squeezed(n: NodeView): TensorType {
  const { dtype, shape } = n.in(0);
  if (n.has(1) && !n.constant(1)) {
    const out = declared(n, dtype, "the list of axes");
    return sizeOf(out.shape) === sizeOf(shape) ? out : n.fail(`the model states ${showShape(out.shape)} for ${showShape(shape)} squeezed`);
  }
  const axes = n.has(1) ? axesOf(n, n.parameter(1)!, shape.length) : shape.flatMap((d, i) => (d === 1 ? [i] : []));
  for (const a of axes) if (shape[a] !== 1) n.fail(`axis ${a} of ${showShape(shape)} has size ${shape[a]} and cannot be squeezed`);
  return { dtype, shape: shape.filter((_, d) => !axes.includes(d)) };
}
function unsqueezed(n: NodeView): TensorType {
  const { dtype, shape } = n.in(0);
  if (!n.constant(1)) return declared(n, dtype, "the list of axes");
  const given = n.parameter(1)!, rank = shape.length + given.length, axes = axesOf(n, given, rank);
  let next = 0;
  return { dtype, shape: Array.from({ length: rank }, (_, d) => (axes.includes(d) ? 1 : shape[next++]!)) };
}
const permutation = (n: NodeView): readonly number[] => {
  const rank = n.in(0).shape.length, perm = n.intsOr("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const sorted = perm.map((a) => n.axis(a, rank));
  return sorted.length === rank && new Set(sorted).size === rank ? sorted
    : n.fail(`perm ${showShape(perm)} is no permutation of the ${rank} axes of ${showShape(n.in(0).shape)}`);
};

/** Reshape, Squeeze, Unsqueeze, Flatten, Transpose, Expand, Tile, DepthToSpace, SpaceToDepth. */
export const reshapes: readonly Op[] = [
  {
    name: "Reshape", since: 25, inputs: [2, 2], parameters: [1], attributes: { allowzero: { kind: "int", default: 0 } },
    infer: (n) => [reshaped(n)], lower: sameOrder,
  },
  { name: "Squeeze", since: 25, inputs: [1, 2], parameters: [1], infer: (n) => [squeezed(n)], lower: sameOrder },
  { name: "Unsqueeze", since: 25, inputs: [2, 2], parameters: [1], infer: (n) => [unsqueezed(n)], lower: sameOrder },
  {
    name: "Flatten", since: 25, inputs: [1, 1], attributes: { axis: { kind: "int", default: 1 } },
    infer: (n) => {
      const { dtype, shape } = n.in(0), given = n.int("axis"), axis = given < 0 ? given + shape.length : given;
      if (axis < 0 || axis > shape.length) n.fail(`axis ${given} does not exist in a tensor of rank ${shape.length}`);
      return [{ dtype, shape: [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))] }];
    },
    lower: sameOrder,
  },
  {
    name: "Transpose", since: 25, inputs: [1, 1], attributes: { perm: { kind: "ints", optional: true } },
    infer: (n) => [{ dtype: n.in(0).dtype, shape: permutation(n).map((a) => n.in(0).shape[a]!) }],
    lower: (n) => {
      const perm = permutation(n);
      return n.map((index) => n.load(0, perm.map((_, d) => index[perm.indexOf(d)]!)));
    },
  },
  {
    name: "Expand", since: 13, inputs: [2, 2], parameters: [1],
    infer: (n) => {
      const { dtype, shape } = n.in(0);
      expectType(n, 1, ["i64"]);
      expectRank(n, 1, 1, "the shape");
      return [n.constant(1) ? { dtype, shape: broadcastShapes(n, [shape, n.parameter(1)!]) } : declared(n, dtype, "the shape")];
    },
    lower: (n) => n.map((index) => n.broadcast(0, index)),
  },
  {
    name: "Tile", since: 13, inputs: [2, 2], parameters: [1],
    infer: (n) => {
      const { dtype, shape } = n.in(0);
      expectType(n, 1, indices);
      if (!n.constant(1)) return [declared(n, dtype, "the list of repeats")];
      const repeats = n.parameter(1)!;
      if (repeats.length !== shape.length || repeats.some((r) => r < 0)) {
        n.fail(`repeats ${showShape(repeats)} do not fit shape ${showShape(shape)}: one number per axis is needed`);
      }
      return [{ dtype, shape: shape.map((d, i) => d * repeats[i]!) }];
    },
    lower: (n) => n.map((index) => n.load(0, n.in(0).shape.map((size, d) => make("rem", index[d]!, int(Math.max(1, size)))))),
  },
  {
    name: "DepthToSpace", since: 13, inputs: [1, 1], attributes: { blocksize: { kind: "int" }, mode: { kind: "string", default: "DCR" } },
    infer: (n) => {
      expectRank(n, 0, 4);
      const { dtype, shape } = n.in(0), b = n.int("blocksize"), [N, C, H, W] = shape as [number, number, number, number];
      if (b < 1 || C % (b * b)) n.fail(`${C} channels are no multiple of blocksize ${b} squared`);
      if (!["DCR", "CRD"].includes(n.string("mode"))) n.fail(`attribute mode is ${JSON.stringify(n.string("mode"))}; allowed are "DCR" and "CRD"`);
      return [{ dtype, shape: [N, C / (b * b), H * b, W * b] }];
    },
    lower: (n) => n.map(([i, c, y, x]) => {
      const b = n.int("blocksize"), C = n.out().shape[1]!;
      const dy = make("rem", y!, int(b)), dx = make("rem", x!, int(b));
      const channel = n.string("mode") === "DCR" ? flatten([dy, dx, c!], [b, b, C]) : flatten([c!, dy, dx], [C, b, b]);
      return n.load(0, [i!, channel, make("quo", y!, int(b)), make("quo", x!, int(b))]);
    }),
  },
  {
    name: "SpaceToDepth", since: 13, inputs: [1, 1], attributes: { blocksize: { kind: "int" } },
    infer: (n) => {
      expectRank(n, 0, 4);
      const { dtype, shape } = n.in(0), b = n.int("blocksize"), [N, C, H, W] = shape as [number, number, number, number];
      if (b < 1 || H % b || W % b) n.fail(`height ${H} and width ${W} are no multiples of blocksize ${b}`);
      return [{ dtype, shape: [N, C * b * b, H / b, W / b] }];
    },
    lower: (n) => n.map(([i, channel, y, x]) => {
      const b = n.int("blocksize"), [dy, dx, c] = unflatten(channel!, [b, b, n.in(0).shape[1]!]);
      return n.load(0, [i!, c!, flatten([y!, dy!], [n.out().shape[2]!, b]), flatten([x!, dx!], [n.out().shape[3]!, b])]);
    }),
  },
];
