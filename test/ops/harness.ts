/** Runs operator entries by themselves: infers, lowers (or expands), and interprets the Compute by definition. */
import { constantOf, sizeOf, type Attribute, type Constant, type Graph, type Node, type TensorType } from "../../compiler/ir/graph.ts";
import { fail } from "../../compiler/ir/scalar.ts";
import { verifyCompute } from "../../compiler/ir/verify-compute.ts";
import { arrayOf, type DType, type Num } from "../../compiler/ir/types.ts";
import { ops } from "../../compiler/ops/index.ts";
import { lowerNode } from "../../compiler/ops/lowering.ts";
import { NodeView, type Expander } from "../../compiler/ops/op.ts";
import { interpretCompute } from "../support/interpret-compute.ts";

type Attributes = Readonly<Record<string, Attribute>>;
/** A tensor from a flat or nested list. */
export function tensorOf(dtype: DType, shape: readonly number[], values: Iterable<Num>): Constant {
  const data = arrayOf(dtype, values);
  return data.length === sizeOf(shape) ? constantOf(dtype, shape, data) : fail(`${data.length} values for shape [${shape}]`);
}
/** A tensor of f32. */
export const f32 = (shape: readonly number[], values: Iterable<number>): Constant => tensorOf("f32", shape, values);
/** A list of i64: axes, shapes, indices. */
export const i64 = (...values: readonly number[]): Constant => tensorOf("i64", [values.length], values);
export const scalarOf = (dtype: DType, value: Num): Constant => tensorOf(dtype, [], [value]);
/** Values that are no round numbers, the same each time: between -2 and 2. */
export const sample = (shape: readonly number[], seed = 1): Constant =>
  f32(shape, Array.from({ length: sizeOf(shape) }, (_, i) => ((((i + 1) * 2654435761 * seed) >>> 0) / 2 ** 32) * 4 - 2));
export const listOf = (c: Constant): readonly number[] => Array.from(c.data as ArrayLike<Num>, Number);

export interface Setting {
  /** Values known so far, by name; results are added. */
  readonly values: Map<string, Constant>;
  /** Whether the entry may see a value while it compiles. */
  readonly isKnown: (value: string) => boolean;
  readonly declared?: (value: string) => TensorType | undefined;
  /** Told of outputs that depend on nothing but known values. */
  readonly learn?: (value: string) => void;
}
/** Runs one node on values by name; an entry that expands is run through the nodes it makes. */
export function runNode(node: Node, s: Setting): readonly Constant[] {
  const op = ops.get(node.op) ?? fail(`no operator ${node.op}`);
  const types = node.inputs.map((v) => (v ? typeOf(s.values.get(v) ?? fail(`no value ${v}`)) : undefined));
  const known = (v: string) => (s.isKnown(v) ? s.values.get(v) : undefined);
  const declared = (i: number) => s.declared?.(node.outputs[i] ?? "");
  const outputs = op.infer(new NodeView(node, op, types, [], known, declared)), view = new NodeView(node, op, types, outputs, known);
  if (op.expand) {
    const made = op.expand(view, expander(s, node.name));
    node.outputs.forEach((o, i) => { if (o) s.values.set(o, s.values.get(made[i] ?? "") ?? fail(`nothing stands for output ${i}`)); });
  } else {
    const c = lowerNode(view);
    verifyCompute(c);
    const results = interpretCompute(c, s.values);
    if (c.tensors.every((t) => t.data !== undefined || s.isKnown(t.name))) node.outputs.forEach((o) => s.learn?.(o));
    node.outputs.forEach((o) => { if (o) s.values.set(o, results.get(o) ?? fail(`no output ${o}`)); });
  }
  return node.outputs.filter(Boolean).map((o) => {
    const c = s.values.get(o)!, t = outputs[node.outputs.indexOf(o)] ?? fail(`output ${o} is not inferred`);
    return String(typeOf(c).shape) === String(t.shape) && c.dtype === t.dtype ? c
      : fail(`${o} is ${c.dtype}[${c.shape}], but inferred ${t.dtype}[${t.shape}]`);
  });
}
const typeOf = ({ dtype, shape }: Constant): TensorType => ({ dtype, shape });
function expander(s: Setting, prefix: string): Expander {
  let count = 0;
  const fresh = () => `${prefix}/${count++}`;
  const nodes: Expander["nodes"] = (op, inputs, outputs, attributes = {}) => {
    const name = fresh(), names = Array.from({ length: outputs }, (_, i) => `${name}:${i}`);
    runNode({ name, op, inputs, outputs: names, attributes, origin: [] }, s);
    return names;
  };
  const type = (v: string): TensorType => typeOf(s.values.get(v) ?? fail(`no value ${v}`));
  return {
    nodes, type, typeOf: type,
    node: (op, inputs, attributes) => nodes(op, inputs, 1, attributes)[0]!,
    constant: (dtype, shape, values) => { const name = fresh(); s.values.set(name, tensorOf(dtype, shape, values)); s.learn?.(name); return name; },
  };
}

export interface Options {
  readonly outputs?: number;
  /** Inputs that are constants, in the place of `runtime`. */
  readonly constant?: readonly number[];
  /** Which of the outputs are asked for; all by default. */
  readonly wanted?: readonly boolean[];
  /** Inputs that only run time knows; the entry sees the values of all others. */
  readonly runtime?: readonly number[];
  /** The shape that the model states for output 0. */
  readonly declared?: readonly number[];
}
/** The outputs of one operator. Input 0 and those in `runtime` are not known at compile time. */
export function runOp(
  op: string, inputs: readonly (Constant | undefined)[], attributes: Attributes = {}, options: Options = {},
): readonly Constant[] {
  const { outputs = 1, runtime = [], declared, wanted, constant } = options, values = new Map<string, Constant>();
  inputs.forEach((c, i) => { if (c) values.set(`in${i}`, c); });
  const node: Node = {
    name: "node", op, attributes, origin: ["node"], inputs: inputs.map((c, i) => (c ? `in${i}` : "")),
    outputs: Array.from({ length: outputs }, (_, i) => (wanted?.[i] === false ? "" : `out${i}`)),
  };
  return runNode(node, {
    values, isKnown: (v) => (constant && v.startsWith("in") ? constant.includes(Number(v.slice(2))) : v !== "in0" && !runtime.includes(Number(v.slice(2)))),
    ...(declared ? { declared: () => ({ dtype: inputs[0]!.dtype, shape: declared }) } : {}),
  });
}
/** The shape and values of output 0 as plain lists. */
export const valuesOf = (...args: Parameters<typeof runOp>): readonly number[] => listOf(runOp(...args)[0]!);

/**
 * Runs a whole graph on its inputs by name: its outputs in order. `pinned` inputs count as constants, and so does what
 * follows from constants and shapes.
 */
export function runGraph(g: Graph, inputs: ReadonlyMap<string, Constant>, pinned = false): readonly Constant[] {
  const values = new Map([...g.constants, ...inputs]), fixed = new Set([...g.constants.keys(), ...(pinned ? inputs.keys() : [])]);
  const declared = (v: string): TensorType | undefined => {
    const t = g.types.get(v);
    return t?.shape.every((d) => typeof d === "number") ? { dtype: t.dtype, shape: t.shape as readonly number[] } : undefined;
  };
  for (const n of g.nodes) runNode(n, { values, isKnown: (v) => fixed.has(v), declared, learn: (v) => { fixed.add(v); } });
  return g.outputs.map((o) => values.get(o) ?? fail(`no output ${o}`));
}
