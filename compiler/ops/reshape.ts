/** Operators that keep the elements and their order, and those that permute or repeat whole axes: an index map each. */
import { make, rebuild, substitute } from "../ir/algebra.ts";
import { int, range } from "../ir/linear.ts";
import { isStatic, sizeOf, type Dim, type ValueType } from "../ir/graph.ts";
import { parameter, type Expr } from "../ir/scalar.ts";
import {
  asSizes, axesOf, boundDim, bounded, broadcastShapes, declared, dimOf, expectRank, expectType, fixedDim, flatten, indices, largest, product, quoDim, showDim,
  showShape, timesDim, unflatten,
} from "./helpers.ts";
import { sizeExpr, type NodeView, type Op } from "./op.ts";

/** Element `i` of the output is element `i` of the input in row-major order. */
const sameOrder = (n: NodeView) => n.map((index) => {
  const out = n.outType().shape, from = n.type(0).shape;
  if (isStatic(n.type(0)) && isStatic(n.outType())) return n.load(0, unflatten(flatten(index, out), from));
  // Dimensions before which equally many elements lie on both sides are split and joined by themselves; those of one element vanish.
  const long = (shape: readonly Dim[]) => shape.flatMap((size, d) => (size === 1 ? [] : [d])), mine = long(from), theirs = long(out);
  const at: Expr[] = from.map(() => int(0));
  for (let i = 0, k = 0; i < mine.length;) {
    const [start, begin] = [i, k];
    let a: Dim = 1, b: Dim = 1;
    do {
      if (i < mine.length && (k === theirs.length || boundDim(a) <= boundDim(b))) a = timesDim(a, from[mine[i++]!]!);
      else b = timesDim(b, out[theirs[k++]!]!);
    } while (a !== b && (i < mine.length || k < theirs.length));
    const split = mine.slice(start, i), joined = theirs.slice(begin, k);
    const inner = unflatten(flatten(joined.map((d) => index[d]!), joined.map((d) => out[d]!)), split.map((d) => from[d]!));
    split.forEach((d, x) => { at[d] = inner[x]!; });
  }
  return n.load(0, at.map((e, d) => bounded(e, n.in(0).shape[d]!)));
});

/**
 * What a shape has to have beside `others`, to have as many elements as `shape`. Where those may be none, because a size is 0: what it is wherever there
 * are any.
 */
function remaining(shape: readonly Dim[], others: readonly Dim[]): Dim {
  const size = product(shape), known = product(others);
  if (range(sizeExpr(known))[0] >= 1) return quoDim(size, known);
  if (typeof known === "number") {
    const [all, some] = [shape, others].map((list) => product(list.filter((d) => d !== 0)));
    return typeof all === "number" && typeof some === "number" && all % some === 0 ? all / some : 0;
  }
  const own = new Map<string, Expr>();
  const some = (d: Dim): Dim => dimOf(rebuild(sizeExpr(d), (e) => {
    if (e.kind !== "var" || !e.range || e.range[0] > 0) return e;
    own.set(e.name, e);
    return parameter(e.name, [1, Math.max(1, e.range[1])]);
  }));
  const left = substitute(sizeExpr(quoDim(some(size), largest(1, some(known)))), own);
  return divides(left) ? quoDim(size, largest(1, known)) : dimOf(left);
}
/** Whether it has a quotient or remainder by what may be 0. */
const divides = (e: Expr): boolean => e.kind === "apply" && (((e.op === "quo" || e.op === "rem") && range(e.args[1]!)[0] < 1) || e.args.some(divides));
function reshaped(n: NodeView): ValueType {
  const { dtype, shape } = n.type(0), size = product(shape);
  expectType(n, 1, ["i64"]);
  expectRank(n, 1, 1, "the shape");
  if (!n.value(1)) {
    const out = declared(n, dtype, "the shape");
    return n.same(sizeOf(out.shape), size) ? out
      : n.fail(`the model states ${showShape(out.shape)} for the result, which has not the ${showDim(size)} elements of ${showShape(shape)}`);
  }
  const wanted = n.sizes(1)!;
  const given = wanted.map((d, i) => (d !== 0 || n.int("allowzero") ? d : shape[i]
    ?? n.fail(`dimension ${i} of ${showShape(wanted)} is 0 (as in the input), but the input ${showShape(shape)} has none such`)));
  const open = given.indexOf(-1), others = open === given.lastIndexOf(-1) ? asSizes(n, given.filter((d) => d !== -1)) : null;
  if (!others) return n.fail(`${showShape(wanted)} is no shape: at most one dimension may be -1`);
  const result = open < 0 ? others : [...others.slice(0, open), remaining(shape, others), ...others.slice(open)];
  if (n.same(product(result), size)) return { dtype, shape: result };
  return n.fail(`cannot reshape ${showShape(shape)} (${showDim(size)} elements) to ${showShape(wanted)}`);
}
function squeezed(n: NodeView): ValueType {
  const { dtype, shape } = n.type(0);
  expectType(n, 1, indices);
  if (n.has(1) && !n.constant(1)) {
    const out = declared(n, dtype, "the list of axes");
    return n.same(sizeOf(out.shape), product(shape)) ? out : n.fail(`the model states ${showShape(out.shape)} for ${showShape(shape)} squeezed`);
  }
  const axes = n.has(1) ? axesOf(n, n.parameter(1)!, shape.length) : shape.flatMap((d, i) => (d === 1 ? [i] : []));
  if (!n.has(1)) shape.forEach((d, a) => { if (range(sizeExpr(d))[0] === 1 && d !== 1) n.fail(`axis ${a} of ${showShape(shape)} may have size 1, so the rank of the result is known only at run time`, "name the axes to squeeze, or give it a lower bound of 2"); });
  for (const a of axes) if (!n.same(shape[a]!, 1)) n.fail(`axis ${a} of ${showShape(shape)} has size ${showDim(shape[a]!)} and cannot be squeezed`);
  return { dtype, shape: shape.filter((_, d) => !axes.includes(d)) };
}
function unsqueezed(n: NodeView): ValueType {
  const { dtype, shape } = n.type(0);
  expectType(n, 1, indices);
  if (!n.constant(1)) {
    const out = declared(n, dtype, "the list of axes");
    return n.same(sizeOf(out.shape), product(shape)) ? out : n.fail(`the model states ${showShape(out.shape)} for ${showShape(shape)} with more axes`);
  }
  const given = n.parameter(1)!, rank = shape.length + given.length, axes = axesOf(n, given, rank);
  let next = 0;
  return { dtype, shape: Array.from({ length: rank }, (_, d) => (axes.includes(d) ? 1 : shape[next++]!)) };
}
const permutation = (n: NodeView): readonly number[] => {
  const rank = n.type(0).shape.length, perm = n.intsOr("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const sorted = perm.map((a) => n.axis(a, rank));
  return sorted.length === rank && new Set(sorted).size === rank ? sorted
    : n.fail(`perm ${showShape(perm)} is no permutation of the ${rank} axes of ${showShape(n.type(0).shape)}`);
};

/** Reshape, Squeeze, Unsqueeze, Flatten, Transpose, Expand, Tile, DepthToSpace, SpaceToDepth. */
export const reshapes: readonly Op[] = [
  {
    name: "Reshape", since: 25, inputs: [2, 2], parameters: [1], sizeParameters: true, attributes: { allowzero: { kind: "int", default: 0 } },
    infer: (n) => [reshaped(n)], lower: sameOrder,
  },
  { name: "Squeeze", since: 25, inputs: [1, 2], parameters: [1], infer: (n) => [squeezed(n)], lower: sameOrder },
  { name: "Unsqueeze", since: 25, inputs: [2, 2], parameters: [1], infer: (n) => [unsqueezed(n)], lower: sameOrder },
  {
    name: "Flatten", since: 25, inputs: [1, 1], attributes: { axis: { kind: "int", default: 1 } },
    infer: (n) => {
      const { dtype, shape } = n.type(0), given = n.int("axis"), axis = given < 0 ? given + shape.length : given;
      if (axis < 0 || axis > shape.length) n.fail(`axis ${given} does not exist in a tensor of rank ${shape.length}`);
      return [{ dtype, shape: [product(shape.slice(0, axis)), product(shape.slice(axis))] }];
    },
    lower: sameOrder,
  },
  {
    name: "Transpose", since: 25, inputs: [1, 1], attributes: { perm: { kind: "ints", optional: true } },
    infer: (n) => [{ dtype: n.type(0).dtype, shape: permutation(n).map((a) => n.type(0).shape[a]!) }],
    lower: (n) => {
      const perm = permutation(n);
      return n.map((index) => n.load(0, perm.map((_, d) => index[perm.indexOf(d)]!)));
    },
  },
  {
    name: "Expand", since: 13, inputs: [2, 2], parameters: [1], sizeParameters: true,
    infer: (n) => {
      const { dtype, shape } = n.type(0);
      expectType(n, 1, ["i64"]);
      expectRank(n, 1, 1, "the shape");
      return [{ dtype, shape: broadcastShapes(n, [shape, n.value(1) ? n.sizes(1)! : declared(n, dtype, "the shape").shape]) }];
    },
    lower: (n) => n.map((index) => n.broadcast(0, index)),
  },
  {
    name: "Tile", since: 13, inputs: [2, 2], parameters: [1], sizeParameters: true,
    infer: (n) => {
      const { dtype, shape } = n.type(0);
      expectType(n, 1, indices);
      if (!n.value(1)) return [declared(n, dtype, "the list of repeats", 0, shape.length)];
      const given = n.sizes(1)!, repeats = given.length === shape.length ? asSizes(n, given) : null;
      if (!repeats) return n.fail(`repeats ${showShape(given)} do not fit shape ${showShape(shape)}: one number per axis is needed`);
      return [{ dtype, shape: shape.map((d, i) => timesDim(d, repeats[i]!)) }];
    },
    lower: (n) => n.map((index) => n.load(0, n.type(0).shape.map((size, d) => make("rem", index[d]!, sizeExpr(largest(1, size)))))),
  },
  {
    name: "DepthToSpace", since: 13, inputs: [1, 1], attributes: { blocksize: { kind: "int" }, mode: { kind: "string", default: "DCR" } },
    infer: (n) => {
      expectRank(n, 0, 4);
      const { dtype, shape } = n.type(0), b = n.int("blocksize"), [N, , H, W] = shape as [Dim, Dim, Dim, Dim], C = fixedDim(n, shape[1]!, "the number of channels");
      if (b < 1 || C % (b * b)) n.fail(`${C} channels are no multiple of blocksize ${b} squared`);
      if (!["DCR", "CRD"].includes(n.string("mode"))) n.fail(`attribute mode is ${JSON.stringify(n.string("mode"))}; allowed are "DCR" and "CRD"`);
      return [{ dtype, shape: [N, C / (b * b), timesDim(H, b), timesDim(W, b)] }];
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
      const { dtype, shape } = n.type(0), b = n.int("blocksize"), [N, C, H, W] = shape as [Dim, Dim, Dim, Dim];
      const parts = [H, W].map((d) => (b < 1 ? d : quoDim(d, b)));
      if (b < 1 || [H, W].some((d, i) => !n.same(d, timesDim(parts[i]!, b)))) n.fail(`height ${showDim(H)} and width ${showDim(W)} are no multiples of blocksize ${b}`);
      return [{ dtype, shape: [N, timesDim(C, b * b), ...parts] }];
    },
    lower: (n) => n.map(([i, channel, y, x]) => {
      const b = n.int("blocksize"), [dy, dx, c] = unflatten(channel!, [b, b, n.in(0).shape[1]!]);
      return n.load(0, [i!, c!, flatten([y!, dy!], [n.out().shape[2]!, b]), flatten([x!, dx!], [n.out().shape[3]!, b])]);
    }),
  },
];
