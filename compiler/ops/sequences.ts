/**
 * Sequences of tensors and optional values. How long a sequence is and whether a value is present is mostly known at compile
 * time, so these operators are resolved: what they do is done to names, and to tensors by other operators. A sequence whose length only a run knows is one tensor (stacks.ts).
 */
import { range } from "../ir/linear.ts";
import type { Expr } from "../ir/scalar.ts";
import { expectSameType, fixedDim, quoDim, showDim, showShape, timesDim } from "./helpers.ts";
import type { Op, NodeView, Parts, Resolver } from "./op.ts";
import * as stacks from "./stacks.ts";

type Sequence = readonly string[];
/** An entry that only `resolve` gives a meaning. */
const resolved = (o: Omit<Op, "infer" | "lower" | "expand"> & Pick<Required<Op>, "resolve">): Op =>
  ({ ...o, infer: (n) => n.fail("works on sequences or optional values, of which only type inference knows") });
/** Operators of nodes that make one tensor of a sequence, and a sequence of such a tensor. */
export const stackOp = "mlc.Stack", unstackOp = "mlc.Unstack";
const what = (p: Parts): string => (p === null ? "absent" : typeof p === "string" ? "a tensor" : "a sequence");

/** The tensors of input `i`, which must be a sequence. */
function sequence(n: NodeView, g: Resolver, i: number): Sequence {
  const parts = g.parts(n.node.inputs[i]!);
  if (isStack(parts)) n.fail(`input ${i} (${n.node.inputs[i]}) is a sequence whose length only a run knows, which ${n.op.name} does not take`, "make the number of its tensors a constant of the model");
  return Array.isArray(parts) ? parts as Sequence : n.fail(`input ${i} (${n.node.inputs[i]}) is ${what(parts)}; ${n.op.name} takes a sequence`);
}
const isStack = (p: Parts): p is stacks.Stack => typeof p === "object" && p !== null && "stack" in p;
/** All tensors of input `i` as one, where it is a sequence whose length only a run knows. */
const stackOf = (n: NodeView, g: Resolver, i: number): string | undefined => { const parts = g.parts(n.node.inputs[i]!); return isStack(parts) ? parts.stack : undefined; };
/** The name of input `i`, which must be a tensor. */
function tensor(n: NodeView, g: Resolver, i: number): string {
  const parts = g.parts(n.node.inputs[i]!);
  return typeof parts === "string" ? parts : n.fail(`input ${i} (${n.node.inputs[i]}) is ${what(parts)}; ${n.op.name} takes a tensor there`);
}
const scalar = (g: Resolver, x: number): string => g.constant("i64", [], [x]);
const along = (axis: number) => ({ axis });
/** All elements as one tensor with a new axis. */
const stacked = (g: Resolver, list: Sequence, axis: number): string => {
  const at = g.constant("i64", [1], [axis]);
  return g.node("Concat", list.map((x) => g.node("Unsqueeze", [x, at])), along(axis));
};

/** The position that input `i` names among `count`, counted from the front; undefined where it is computed at run time. */
function position(n: NodeView, i: number, count: number, last = count - 1): number | undefined {
  const c = n.constant(i);
  if (!c) return undefined;
  const at = Number(c.data[0]);
  return at >= -count && at <= last ? (at < 0 ? at + count : at) : n.fail(`position ${at} does not exist in a sequence of ${count}`);
}
/** The position that input `i` names at run time, counted from the front, as an i64 scalar. */
function computedPosition(n: NodeView, g: Resolver, i: number, count: number): string {
  const at = g.node("Reshape", [g.node("Cast", [tensor(n, g, i)], { to: 7 }), g.constant("i64", [0], [])]);
  return g.node("Where", [g.node("Less", [at, scalar(g, 0)]), g.node("Add", [at, scalar(g, count)]), at]);
}
/** The tensors as one, from which elements can be taken by a position that is known at run time. */
function alike(n: NodeView, g: Resolver, list: Sequence): string {
  const shapes = new Set(list.map((x) => showShape(g.typeOf(x).shape)));
  if (shapes.size > 1) {
    n.fail(`the position is computed at run time, but the tensors have different shapes: ${[...shapes].join(", ")}`,
      "make the position a constant of the model, or give all tensors one shape");
  }
  return stacked(g, list, 0);
}
/** Tensors `index` of those in `all`; `index` has `count` elements. */
function taken(g: Resolver, all: string, index: string, count: number): Sequence {
  if (count === 0) return [];
  const parts = g.nodes("Split", [g.node("Gather", [all, index], along(0))], count, { axis: 0, num_outputs: count }), at = g.constant("i64", [1], [0]);
  return parts.map((x) => g.node("Squeeze", [x, at]));
}
const counting = (g: Resolver, count: number): string => g.constant("i64", [count], Array.from({ length: count }, (_, i) => i));

function inserted(n: NodeView, g: Resolver): Sequence {
  const list = sequence(n, g, 0), x = tensor(n, g, 1), count = list.length;
  if (count > 0 && g.typeOf(list[0]!).dtype !== g.typeOf(x).dtype) n.fail(`a tensor of ${g.typeOf(x).dtype} among those of ${g.typeOf(list[0]!).dtype}`);
  const at = n.node.inputs[2] ? position(n, 2, count, count) : count;
  if (at !== undefined) return list.toSpliced(at, 0, x);
  const p = computedPosition(n, g, 2, count), k = counting(g, count + 1);
  const behind = g.node("Where", [g.node("Equal", [k, p]), scalar(g, count), g.node("Sub", [k, scalar(g, 1)])]);
  return taken(g, alike(n, g, [...list, x]), g.node("Where", [g.node("Less", [k, p]), k, behind]), count + 1);
}
function erased(n: NodeView, g: Resolver): Sequence {
  const list = sequence(n, g, 0), count = list.length;
  if (count === 0) n.fail("the sequence is empty");
  const at = n.node.inputs[1] ? position(n, 1, count) : count - 1;
  if (at !== undefined) return list.toSpliced(at, 1);
  const p = computedPosition(n, g, 1, count), k = counting(g, count - 1);
  return taken(g, alike(n, g, list), g.node("Where", [g.node("Less", [k, p]), k, g.node("Add", [k, scalar(g, 1)])]), count - 1);
}
function elementAt(n: NodeView, g: Resolver): string {
  const list = sequence(n, g, 0);
  if (list.length === 0) n.fail("the sequence is empty");
  const at = position(n, 1, list.length);
  return at !== undefined ? list[at]! : g.node("Gather", [alike(n, g, list), computedPosition(n, g, 1, list.length)], along(0));
}
/** Sizes of the pieces along the axis. */
function pieces(n: NodeView, size: number): readonly number[] {
  if (!n.has(1)) return Array.from({ length: size }, () => 1);
  const split = n.parameter(1)!, [each = 0] = split;
  if (n.in(1).shape.length > 0) {
    const sum = split.reduce((a, b) => a + b, 0);
    return sum === size && split.every((x) => x >= 0) ? split : n.fail(`pieces of ${showShape(split)} do not make up the ${size} elements of the axis`);
  }
  if (!(each > 0)) n.fail(`pieces of ${each} elements`);
  return Array.from({ length: Math.ceil(size / each) }, (_, i) => Math.min(each, size - i * each));
}
function split(n: NodeView, g: Resolver): Parts {
  const x = tensor(n, g, 0), { shape } = n.type(0), axis = n.axis(n.int("axis"), shape.length), size = shape[axis]!, single = !n.has(1) || (n.in(1).shape.length === 0 && Number(n.constant(1)?.data[0]) === 1);
  // PyTorch's unbind says pieces of 1 and no dimension, which ONNX Runtime takes for what is meant.
  const keeps = n.int("keepdims") !== 0 || !single;
  if (typeof size !== "number" && single) return { stack: stacks.split(g, x, axis, shape.length, keeps) };
  if (typeof size !== "number" && n.in(1).shape.length === 0) return chunks(n, g, x, axis, size);
  const sizes = pieces(n, fixedDim(n, size, `the axis that is split into pieces of more than one`));
  if (sizes.length === 0) return [];
  const parts = g.nodes("Split", [x, g.constant("i64", [sizes.length], sizes)], sizes.length, along(axis)), at = g.constant("i64", [1], [axis]);
  return keeps ? parts : parts.map((p) => g.node("Squeeze", [p, at]));
}
/** Pieces of so many elements each, the last one of the rest: a list where there are as many in each run, and one tensor where they are all alike. */
function chunks(n: NodeView, g: Resolver, x: string, axis: number, size: Expr): Parts {
  const [each = 0] = n.parameter(1)!, [least, most] = range(size).map((s) => Math.ceil(s / each)) as [number, number];
  if (!(each > 0)) n.fail(`pieces of ${each} elements`);
  if (timesDim(quoDim(size, each), each) === size) return { stack: stacks.chunks(g, x, axis, n.type(0).shape.length, each) };
  if (least !== most) n.fail(`${showDim(size)} elements are ${least} to ${most} pieces of ${each}, of which the last may be smaller`, "give the size bounds within which there are as many pieces");
  const at = (i: number): string => g.constant("i64", [1], [i]);
  return Array.from({ length: most }, (_, i) => g.node("Slice", [x, at(i * each), at(i + 1 < most ? (i + 1) * each : 2 ** 31 - 1), at(axis)]));
}
function joined(n: NodeView, g: Resolver): string {
  const list = sequence(n, g, 0);
  if (list.length === 0) n.fail("the sequence is empty");
  const rank = g.typeOf(list[0]!).shape.length, fresh = n.int("new_axis") !== 0, axis = n.axis(n.int("axis"), rank + (fresh ? 1 : 0));
  return fresh ? stacked(g, list, axis) : g.node("Concat", list, along(axis));
}
/** The body once for each element of the first input; other sequences give theirs at the same position. */
function mapped(n: NodeView, g: Resolver): readonly Sequence[] {
  const { length } = sequence(n, g, 0), given = n.node.inputs.map((v) => g.parts(v)), body = n.graph("body");
  if (body.inputs.length !== given.length) n.fail(`its body takes ${body.inputs.length} values, but it is given ${given.length}`);
  if (body.outputs.length !== n.node.outputs.length) n.fail(`its body gives ${body.outputs.length} values, but it has ${n.node.outputs.length} outputs`);
  given.forEach((p, i) => { if (Array.isArray(p) && p.length !== length) n.fail(`input ${i} has ${p.length} tensors, but input 0 has ${length}`); });
  const rows = Array.from({ length }, (_, k) => g.inline(body, given.map((p) => (Array.isArray(p) ? p[k] as string : p))));
  return n.node.outputs.map((_, i) => rows.map((row) => {
    const x = row[i]!;
    return typeof x === "string" ? x : n.fail(`output ${i} of its body is ${what(x)}, but must be a tensor`);
  }));
}

/** Operators on sequences and on optional values. */
export const sequenceOps: readonly Op[] = [
  // What a loop carries, or a branch gives, is one tensor outside of it and a sequence inside. Of an empty sequence, the attribute says what its tensors would be.
  resolved({ name: stackOp, since: 1, internal: true, inputs: [1, 1], attributes: { element: { kind: "sizes" } }, resolve: (n, g) => {
    const parts = g.parts(n.node.inputs[0]!);
    if (isStack(parts)) return [parts.stack];
    const list = sequence(n, g, 0), types = new Set(list.map((x) => `${g.typeOf(x).dtype}${showShape(g.typeOf(x).shape)}`));
    if (types.size > 1) n.fail(`only a run knows how long the sequence ${n.node.inputs[0]} is, and its tensors differ: ${[...types].join(", ")}`, "give all of them one shape");
    return [list.length ? stacked(g, list, 0) : stacks.empty(n, g)];
  } }),
  resolved({ name: unstackOp, since: 1, internal: true, inputs: [1, 1], resolve: (n, g) => [{ stack: tensor(n, g, 0) }] }),
  resolved({ name: "SequenceConstruct", since: 11, inputs: [1, Infinity], resolve: (n, g) => {
    n.node.inputs.forEach((_, i) => tensor(n, g, i));
    expectSameType(n);
    return [n.node.inputs];
  } }),
  resolved({ name: "SequenceEmpty", since: 11, inputs: [0, 0], attributes: { dtype: { kind: "int", optional: true } }, resolve: () => [[]] }),
  resolved({ name: "SequenceInsert", since: 11, inputs: [2, 3], parameters: [2], resolve: (n, g) => {
    const stack = stackOf(n, g, 0);
    return [stack === undefined ? inserted(n, g) : { stack: stacks.inserted(n, g, stack, tensor(n, g, 1)) }];
  } }),
  resolved({ name: "SequenceErase", since: 11, inputs: [1, 2], parameters: [1], resolve: (n, g) => {
    const stack = stackOf(n, g, 0);
    return [stack === undefined ? erased(n, g) : { stack: stacks.erased(n, g, stack) }];
  } }),
  resolved({ name: "SequenceAt", since: 11, inputs: [2, 2], parameters: [1], resolve: (n, g) => {
    const stack = stackOf(n, g, 0);
    return [stack === undefined ? elementAt(n, g) : stacks.elementAt(g, stack, tensor(n, g, 1))];
  } }),
  resolved({ name: "SequenceLength", since: 11, inputs: [1, 1], resolve: (n, g) => {
    const stack = stackOf(n, g, 0);
    return [stack === undefined ? scalar(g, sequence(n, g, 0).length) : stacks.lengthOf(g, stack)];
  } }),
  resolved({ name: "SequenceMap", since: 17, inputs: [1, Infinity], outputs: [1, Infinity], attributes: { body: { kind: "graph" } }, resolve: mapped }),
  resolved({
    name: "SplitToSequence", since: 24, inputs: [1, 2], attributes: { axis: { kind: "int", default: 0 }, keepdims: { kind: "int", default: 1 } },
    parameters: [1], resolve: (n, g) => [split(n, g)],
  }),
  resolved({
    name: "ConcatFromSequence", since: 11, inputs: [1, 1], attributes: { axis: { kind: "int" }, new_axis: { kind: "int", default: 0 } },
    resolve: (n, g) => {
      const stack = stackOf(n, g, 0);
      return [stack === undefined ? joined(n, g) : stacks.joined(n, g, stack)];
    },
  }),
  resolved({ name: "Optional", since: 15, inputs: [0, 1], resolve: (n, g) => [n.node.inputs[0] ? g.parts(n.node.inputs[0]) : null] }),
  resolved({ name: "OptionalHasElement", since: 18, inputs: [0, 1], resolve: (n, g) => {
    const present = n.node.inputs[0] !== undefined && n.node.inputs[0] !== "" && g.parts(n.node.inputs[0]) !== null;
    return [g.constant("bool", [], [present ? 1 : 0])];
  } }),
  resolved({ name: "OptionalGetElement", since: 18, inputs: [1, 1], resolve: (n, g) => {
    const parts = g.parts(n.node.inputs[0]!);
    return parts === null ? n.fail(`input 0 (${n.node.inputs[0]}) is absent`) : [parts];
  } }),
];
/** What Identity does with a value that is no tensor; of a tensor its entry says it. */
export const samePart = (n: NodeView, g: Resolver): readonly Parts[] | undefined => {
  const parts = g.parts(n.node.inputs[0]!);
  return typeof parts === "string" ? undefined : [parts];
};
