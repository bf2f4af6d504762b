/**
 * ONNX files for tests, from a terse description:
 *
 *     model({ opset: 13, inputs: { x: "f32[1, N]" }, nodes: ["y = Relu(x)", node("z = Softmax(y)", { axis: 1 })], outputs: ["z"] })
 */
import onnxProto from "onnx-proto";
import type { onnx } from "onnx-proto";
import { arrayOf, bytesOfElements, types, type DType } from "../../compiler/ir/types.ts";

/** Kept apart from plain numbers, which are integers. */
export class Float { readonly x: number; constructor(x: number) { this.x = x; } }
/** A float attribute, or a list of them. */
export const float = (x: number): Float => new Float(x);
export interface TensorText { readonly dtype: DType; readonly shape: readonly number[]; readonly data: readonly (number | bigint)[] }
export type AttributeText = number | bigint | string | Float | readonly (number | bigint)[] | readonly string[] | readonly Float[] | onnx.ITensorProto | GraphText | { readonly ref: string; readonly type: number };
export interface NodeText { readonly text: string; readonly attributes?: Readonly<Record<string, AttributeText>>; readonly name?: string; readonly domain?: string }
export interface GraphText {
  readonly name?: string;
  /** Types such as "f32[1, 3, H, ?]": a name is a symbol, "?" unknown; "f32" has no rank; "seq(f32[2])", "optional(seq(f32))"; "" states no type; or an element type's number. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly outputs?: readonly string[] | Readonly<Record<string, string>>;
  readonly values?: Readonly<Record<string, string>>;
  readonly initializers?: Readonly<Record<string, TensorText | onnx.ITensorProto>>;
  readonly nodes?: readonly (string | NodeText)[];
}
export interface FunctionText {
  readonly name: string; readonly domain: string; readonly inputs: readonly string[]; readonly outputs: readonly string[];
  readonly attributes?: readonly string[]; readonly nodes: readonly (string | NodeText)[]; readonly opset?: number;
}
export interface ModelText extends GraphText { readonly opset?: number; readonly domains?: Readonly<Record<string, number>>; readonly ir?: number; readonly functions?: readonly FunctionText[] }

/** "outputs = Op(inputs)" with attributes; "domain::Op" for another domain, "_" for an input or output not given. */
export const node = (text: string, attributes: Readonly<Record<string, AttributeText>> = {}, name = ""): NodeText => ({ text, attributes, name });
/** A tensor's elements for initializers and attributes. */
export const tensor = (dtype: DType, shape: readonly number[], data: readonly (number | bigint)[]): TensorText => ({ dtype, shape, data });

const T = onnxProto.onnx.AttributeProto.AttributeType;
const isText = (t: TensorText | onnx.ITensorProto): t is TensorText => "dtype" in t;
/** A TensorProto with raw data. */
export function tensorProto(name: string, t: TensorText): onnx.ITensorProto {
  const data = arrayOf(t.dtype, t.data), { onnx: code } = types[t.dtype];
  return { name, dataType: code, dims: [...t.shape], rawData: bytesOfElements(t.dtype, data) };
}
/** A 64-bit integer as protobufjs wants it. */
const long = (x: number | bigint): number =>
  (typeof x === "number" ? x : { low: Number(BigInt.asIntN(32, x)), high: Number(BigInt.asIntN(32, x >> 32n)), unsigned: false }) as number;
function attribute(name: string, a: AttributeText): onnx.IAttributeProto {
  if (typeof a === "bigint") return { name, type: T.INT, i: long(a) };
  if (typeof a === "number") return { name, type: T.INT, i: a };
  if (typeof a === "string") return { name, type: T.STRING, s: new TextEncoder().encode(a) };
  if (a instanceof Float) return { name, type: T.FLOAT, f: a.x };
  if (Array.isArray(a)) {
    const list = a as readonly (number | bigint | string | Float)[];
    if (list.some((x) => x instanceof Float)) return { name, type: T.FLOATS, floats: list.map((x) => (x as Float).x) };
    if (list.some((x) => typeof x === "string")) return { name, type: T.STRINGS, strings: list.map((x) => new TextEncoder().encode(x as string)) };
    return { name, type: T.INTS, ints: (list as (number | bigint)[]).map(long) };
  }
  if ("ref" in a) return { name, type: a.type, refAttrName: a.ref };
  if ("dataType" in a) return { name, type: T.TENSOR, t: a as onnx.ITensorProto };
  return { name, type: T.GRAPH, g: graphProto(a as GraphText) };
}
function nodeProto(n: string | NodeText): onnx.INodeProto {
  const { text, attributes = {}, name = "" } = typeof n === "string" ? { text: n } : n;
  const m = /^(?<outputs>[^=]*)=\s*(?:(?<domain>[\w.]+)::)?(?<op>\w+)\((?<inputs>[^)]*)\)$/.exec(text);
  if (!m?.groups) throw new Error(`not a node: ${text}`);
  const list = (s = "") => s.split(",").map((x) => x.trim()).filter(Boolean).map((x) => (x === "_" ? "" : x));
  return {
    opType: m.groups["op"]!, domain: m.groups["domain"] ?? "", name, input: list(m.groups["inputs"]), output: list(m.groups["outputs"]),
    attribute: Object.entries(attributes).map(([k, a]) => attribute(k, a)),
  };
}
function valueInfo(name: string, text: string): onnx.IValueInfoProto { return text === "" ? { name } : { name, type: typeProto(text) }; }
function typeProto(text: string): onnx.ITypeProto {
  const [, outer, inner] = /^(seq|optional)\((.*)\)$/.exec(text) ?? [];
  if (inner !== undefined) return outer === "seq" ? { sequenceType: { elemType: typeProto(inner) } } : { optionalType: { elemType: typeProto(inner) } };
  const m = /^(?<type>\w+)(?:\[(?<dims>[^\]]*)\])?$/.exec(text);
  if (!m?.groups) throw new Error(`not a type: ${text}`);
  const { type = "", dims } = m.groups, elemType = /^\d+$/.test(type) ? Number(type) : types[type as DType].onnx;
  const dim = (d: string): onnx.TensorShapeProto.IDimension => (d === "?" ? {} : /^-?\d+$/.test(d) ? { dimValue: Number(d) } : { dimParam: d });
  const shape = dims === undefined ? {} : { shape: { dim: dims.split(",").map((d) => d.trim()).filter(Boolean).map(dim) } };
  return { tensorType: { elemType, ...shape } };
}
/** The GraphProto of a description. */
export function graphProto(g: GraphText): onnx.IGraphProto {
  const infos = (of: Readonly<Record<string, string>> | readonly string[] = {}) => (Array.isArray(of) ? of.map((v: string) => valueInfo(v, "")) : Object.entries(of).map(([v, t]) => valueInfo(v, t as string)));
  return {
    name: g.name ?? "test", input: infos(g.inputs), output: infos(g.outputs), valueInfo: infos(g.values), node: (g.nodes ?? []).map(nodeProto),
    initializer: Object.entries(g.initializers ?? {}).map(([name, t]) => (isText(t) ? tensorProto(name, t) : { ...t, name })),
  };
}
/** The ModelProto of a description. */
export const modelProto = (m: ModelText): onnx.IModelProto => ({
  irVersion: m.ir ?? 8, producerName: "test", graph: graphProto(m),
  opsetImport: [{ domain: "", version: m.opset ?? 21 }, ...Object.entries(m.domains ?? {}).map(([domain, version]) => ({ domain, version }))],
  functions: (m.functions ?? []).map((f) => ({
    name: f.name, domain: f.domain, input: [...f.inputs], output: [...f.outputs], attribute: [...(f.attributes ?? [])],
    node: f.nodes.map(nodeProto), opsetImport: [{ domain: "", version: f.opset ?? m.opset ?? 21 }],
  })),
});
/** The bytes of an ONNX file; no Buffer, whose slice() is no copy. */
export const encode = (m: onnx.IModelProto): Uint8Array => new Uint8Array(onnxProto.onnx.ModelProto.encode(m).finish());
export const model = (m: ModelText): Uint8Array => encode(modelProto(m));
