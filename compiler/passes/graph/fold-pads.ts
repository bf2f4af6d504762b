/**
 * Needs types, padding in numbers (resolve-padding), constants folded. Ensures that a Pad read by one window operator only
 * becomes that operator's own padding where this is exact: zeros before Conv; zeros before an AveragePool that counts padding;
 * before MaxPool, the lowest value, or zeros where nothing is negative and each window holds an element. Before layouts,
 * which give padding that belongs to an operator no memory.
 */
import type { Attribute, Graph, ValueName } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { forEach, rewrite, type Editor } from "./rewrite.ts";

export const foldPads = (g: Graph): Graph => rewrite(g, forEach(Object.keys(takes), (n, e) => {
  const pad = e.soleMade(n.node.inputs[0], "Pad"), more = pad && n.string("auto_pad") === "NOTSET" ? spatialPads(pad) : undefined;
  if (!pad || !more) return undefined;
  const own = n.intsOr("pads") ?? more.map(() => 0), pads = own.map((p, i) => p + more[i]!), value = pad.has(2) ? e.uniform(pad.node.inputs[2]) : 0;
  const added = value === undefined ? undefined : takes[n.node.op]!(n, pad, value, pads, e);
  const inputs = [pad.node.inputs[0]!, ...n.node.inputs.slice(1)];
  return added && e.nodes(n.node.op, inputs, n.node.outputs.length, { ...n.node.attributes, ...added, pads });
}));

type Attributes = Readonly<Record<string, Attribute>>;
/** Attributes to set where the operator can take padding by this value, to these pads in all; else undefined. */
const takes: Readonly<Record<string, (n: NodeView, pad: NodeView, value: number, pads: readonly number[], e: Editor) => Attributes | undefined>> = {
  Conv: (_, __, value) => (value === 0 ? {} : undefined),
  AveragePool: (n, _, value, pads) => {
    const counts = n.int("count_include_pad") !== 0 || (n.intsOr("pads") ?? []).every((p) => p === 0);
    return value === 0 && counts && windowsHoldElements(n, pads) ? { count_include_pad: 1 } : undefined;
  },
  MaxPool: (n, pad, value, pads, e) => {
    const neutral = value === -Infinity || value < -3.4e38 || (value === 0 && isNonNegative(pad.node.inputs[0]!, e));
    return neutral && windowsHoldElements(n, pads) && !e.wanted(n.node.outputs[1]) ? {} : undefined;
  },
};
/** The padding before and after each spatial dimension, of a Pad that adds a constant there and nowhere else. */
function spatialPads(pad: NodeView): readonly number[] | undefined {
  const rank = pad.type(0).shape.length;
  if (pad.string("mode") !== "constant" || !pad.constant(1) || (pad.has(3) && !pad.constant(3))) return undefined;
  const list = pad.parameter(1)!, axes = (pad.parameter(3) ?? pad.type(0).shape.map((_, d) => d)).map((a) => pad.axis(a, rank));
  const before = new Array<number>(rank).fill(0), after = [...before];
  axes.forEach((a, k) => { before[a] = list[k]!; after[a] = list[k + axes.length]!; });
  const all = [...before.slice(2), ...after.slice(2)];
  return all.every((p) => p >= 0) && [0, 1].every((d) => before[d] === 0 && after[d] === 0) ? all : undefined;
}
/** No window lies in the padding alone. */
function windowsHoldElements(n: NodeView, pads: readonly number[]): boolean {
  const kernel = n.ints("kernel_shape");
  return n.int("ceil_mode") === 0 && (n.intsOr("dilations") ?? []).every((d) => d === 1) && pads.every((p, i) => p < kernel[i % kernel.length]!);
}

/** Never below 0; not below 0 where their first input is not; not where no input is. */
const never: ReadonlySet<string> = new Set([
  "Relu", "Sigmoid", "HardSigmoid", "Softplus", "Softmax", "Abs", "Exp", "Sqrt", "ReduceL1", "ReduceL2", "ReduceSumSquare",
]);
const keepsFirst: ReadonlySet<string> = new Set([
  "Reshape", "Transpose", "Slice", "Split", "Expand", "Tile", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd",
  "Identity", "MaxPool", "AveragePool", "DepthToSpace", "SpaceToDepth",
]);
const keepsAll: ReadonlySet<string> = new Set(["Concat", "Add", "Mul", "Max", "Min", "Sum", "Mean"]);
/** Whether no element can be below 0, as far as the last few operators tell. */
function isNonNegative(v: ValueName, e: Editor, depth = 6): boolean {
  const n = depth > 0 ? e.made(v) : undefined, c = e.constantOf(v);
  if (c) return (c.data as Float32Array).every((x) => x >= 0);
  if (!n) return false;
  if (never.has(n.node.op)) return true;
  if (n.node.op === "Clip") return (e.uniform(n.node.inputs[1]) ?? -1) >= 0;
  const data = keepsFirst.has(n.node.op) ? n.node.inputs.slice(0, 1) : keepsAll.has(n.node.op) ? n.node.inputs : undefined;
  return data?.every((x) => isNonNegative(x, e, depth - 1)) ?? false;
}
