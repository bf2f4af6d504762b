/** Graphs as ONNX files, for other programs to run. */
import onnxProto from "onnx-proto";
import type { onnx } from "onnx-proto";
import { constantOf, isConstant, isGraph, type Attribute, type Constant, type Graph, type Node, type ValueType } from "../../compiler/ir/graph.ts";
import { bytesOfElements, types } from "../../compiler/ir/types.ts";
import { ops } from "../../compiler/ops/index.ts";
import { encode } from "./onnx.ts";

const { AttributeType: T } = onnxProto.onnx.AttributeProto;
const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const tensorOf = (name: string, c: Constant): onnx.ITensorProto => ({ name, dataType: types[c.dtype].onnx, dims: [...c.shape], rawData: bytesOfElements(c.dtype, c.data) });
/** Sizes that only a run knows have no name: they need not be a symbol. */
const infoOf = (name: string, t: ValueType | undefined): onnx.IValueInfoProto =>
  (t ? { name, type: { tensorType: { elemType: types[t.dtype].onnx, shape: { dim: t.shape.map((d) => (typeof d === "number" ? { dimValue: d } : {})) } } } } : { name });
function attributeOf(op: string, name: string, a: Attribute): onnx.IAttributeProto {
  const kind = ops.get(op)?.attributes?.[name]?.kind;
  if (typeof a === "number") return kind === "float" ? { name, type: T.FLOAT, f: a } : { name, type: T.INT, i: a };
  if (typeof a === "string") return { name, type: T.STRING, s: textBytes(a) };
  if (isGraph(a)) return { name, type: T.GRAPH, g: graphOf(a) };
  if (isConstant(a)) return { name, type: T.TENSOR, t: tensorOf("", a) };
  if (kind === "strings") return { name, type: T.STRINGS, strings: (a as readonly string[]).map(textBytes) };
  return kind === "floats" ? { name, type: T.FLOATS, floats: [...a as readonly number[]] } : { name, type: T.INTS, ints: [...a as readonly number[]] };
}
/** Where a loop is given no condition, what its body says is ignored; ONNX Runtime goes by it. */
function endless(body: Graph): Graph {
  const yes = `${body.outputs[0]}/true`;
  return { ...body, outputs: body.outputs.with(0, yes), constants: new Map([...body.constants, [yes, constantOf("bool", [], Uint8Array.of(1))]]) };
}
function nodeOf({ name, op, inputs, outputs, attributes }: Node): onnx.INodeProto {
  const at = op.lastIndexOf("."), asOnnx = (key: string, a: Attribute) => attributeOf(op, key, op === "Loop" && !inputs[1] && isGraph(a) ? endless(a) : a);
  return { name, opType: op.slice(at + 1), domain: op.slice(0, Math.max(0, at)), input: [...inputs], output: [...outputs], attribute: Object.entries(attributes).map(([key, a]) => asOnnx(key, a)) };
}
/** An output is made by a node of its own graph, and once. */
function graphOf(g: Graph): onnx.IGraphProto {
  const made = new Set(g.nodes.flatMap((n) => n.outputs)), copies: onnx.INodeProto[] = [];
  const outputs = g.outputs.map((v, i) => {
    if (made.has(v) && g.outputs.indexOf(v) === i) return v;
    const copy = `${v}/output${i}`;
    copies.push({ opType: "Identity", input: [v], output: [copy] });
    return copy;
  });
  return {
    name: g.name, input: g.inputs.map((v) => infoOf(v, g.types.get(v))), output: outputs.map((v) => infoOf(v, undefined)),
    node: [...g.nodes.map(nodeOf), ...copies], initializer: [...g.constants].map(([v, c]) => tensorOf(v, c)),
  };
}
/** The bytes of a file of this opset. Outputs lie in the graph's order, though not always under its names. */
export const onnxOf = (g: Graph, opset: number): Uint8Array =>
  encode({ irVersion: 10, producerName: "test", graph: graphOf(g), opsetImport: [{ domain: "", version: opset }, { domain: "com.microsoft", version: 1 }] });
