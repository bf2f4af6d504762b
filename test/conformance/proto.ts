/** What the harness itself reads of ONNX files, apart from the compiler's own reader: tensors, ports, operators used. */
import onnxProto from "onnx-proto";
import type { onnx } from "onnx-proto";
import protobuf from "protobufjs/minimal.js";

/** Bytes that the harness keeps for a string, which is followed by zeros. */
export const stringBytes = 256;
/** A recorded tensor: `code` is TensorProto.DataType, `bytes` the elements in little-endian order; of strings `stringBytes` each. */
export interface Tensor { readonly code: number; readonly shape: readonly number[]; readonly bytes: Uint8Array }
/** A recorded value: a tensor, the tensors of a sequence, or null for an optional value that is absent. */
export type Value = Tensor | readonly Tensor[] | null;
/** The tensors in a value. */
export const tensorsOf = (v: Value): readonly Tensor[] => (v === null ? [] : "code" in v ? [v] : v);
export interface PortFacts {
  readonly name: string;
  readonly kind: "tensor" | "sequence" | "optional" | "map" | "sparse";
  readonly code: number;
  /** 0 where a dimension is open. */
  readonly shape: readonly number[];
}
export interface NodeFacts { readonly op: string; readonly inputs: readonly string[]; readonly outputs: readonly string[] }
export interface ModelFacts {
  /** Without the inputs that are initializers too. */
  readonly inputs: readonly PortFacts[];
  readonly outputs: readonly PortFacts[];
  /** Those of sub-graphs too; a node with sub-graphs reads what these give back. */
  readonly nodes: readonly NodeFacts[];
  /** All operators, those in sub-graphs and functions too; with the domain in front unless it is ai.onnx. */
  readonly ops: ReadonlySet<string>;
}

/** Element types by TensorProto.DataType: the name used in the list of exceptions, and the bits of an element in raw data. */
export const codes: Readonly<Record<number, { readonly name: string; readonly bits: number }>> = {
  1: { name: "float", bits: 32 }, 2: { name: "uint8", bits: 8 }, 3: { name: "int8", bits: 8 }, 4: { name: "uint16", bits: 16 },
  5: { name: "int16", bits: 16 }, 6: { name: "int32", bits: 32 }, 7: { name: "int64", bits: 64 }, 8: { name: "string", bits: 8 * stringBytes },
  9: { name: "bool", bits: 8 }, 10: { name: "float16", bits: 16 }, 11: { name: "double", bits: 64 }, 12: { name: "uint32", bits: 32 },
  13: { name: "uint64", bits: 64 }, 14: { name: "complex64", bits: 64 }, 15: { name: "complex128", bits: 128 },
  16: { name: "bfloat16", bits: 16 }, 17: { name: "float8e4m3fn", bits: 8 }, 18: { name: "float8e4m3fnuz", bits: 8 },
  19: { name: "float8e5m2", bits: 8 }, 20: { name: "float8e5m2fnuz", bits: 8 }, 21: { name: "uint4", bits: 4 }, 22: { name: "int4", bits: 4 },
  23: { name: "float4e2m1", bits: 4 }, 24: { name: "float8e8m0", bits: 8 }, 25: { name: "uint2", bits: 2 }, 26: { name: "int2", bits: 2 },
};

export function readTensor(file: Uint8Array): Tensor {
  const t = onnxProto.onnx.TensorProto.decode(file);
  const code = t.dataType ?? 0, shape = (t.dims ?? []).map(Number), bits = codes[code]?.bits ?? 0;
  if (bits === 0) throw new Error(`holds ${codes[code]?.name ?? `type ${code}`}`);
  if (code === 8) {
    const bytes = new Uint8Array((t.stringData ?? []).length * stringBytes);
    t.stringData?.forEach((s, i) => { if (s.length >= stringBytes) throw new Error("holds a long string"); bytes.set(s, i * stringBytes); });
    return { code, shape, bytes };
  }
  if (t.rawData?.length) return { code, shape, bytes: t.rawData };
  const typed = [t.floatData, t.int32Data, t.int64Data, t.doubleData, t.uint64Data].find((x) => x?.length) ?? [];
  // What is smaller than a byte is packed already.
  const bytes = new Uint8Array((typed.length * Math.max(8, bits)) / 8), view = new DataView(bytes.buffer);
  typed.forEach((x, i) => {
    const v = BigInt(code === 1 || code === 11 ? 0 : String(x));
    if (code === 1) view.setFloat32(i * 4, Number(x), true);
    else if (code === 11) view.setFloat64(i * 8, Number(x), true);
    else if (bits === 8) view.setUint8(i, Number(v & 255n));
    else if (bits === 16) view.setUint16(i * 2, Number(v & 65535n), true);
    else if (bits === 32) view.setUint32(i * 4, Number(v & 0xffffffffn), true);
    else if (bits === 64) view.setBigUint64(i * 8, BigInt.asUintN(64, v), true);
    else view.setUint8(i, Number(v & 255n));
  });
  return { code, shape, bytes };
}

/** The bytes of all fields of a message that have this number and hold bytes. */
function fieldsOf(message: Uint8Array, number: number): readonly Uint8Array[] {
  const r = protobuf.Reader.create(message), found: Uint8Array[] = [];
  while (r.pos < r.len) {
    const tag = r.uint32();
    if (tag === ((number << 3) | 2)) found.push(r.bytes()); else r.skipType(tag & 7);
  }
  return found;
}
/* Field 3 of both protos holds tensors; 5 of OptionalProto the sequence. */
const readSequence = (file: Uint8Array): readonly Tensor[] => fieldsOf(file, 3).map(readTensor);
function readOptional(file: Uint8Array): Value {
  const [tensor] = fieldsOf(file, 3), [sequence] = fieldsOf(file, 5);
  return tensor ? readTensor(tensor) : sequence ? readSequence(sequence) : null;
}
/** What is recorded in a file for a port. */
export function readValue(file: Uint8Array, p: PortFacts): Value {
  switch (p.kind) {
    case "tensor": return readTensor(file);
    case "sequence": return readSequence(file);
    case "optional": return readOptional(file);
    default: throw new Error(`${p.name} is no tensor but ${p.kind}`);
  }
}

function portOf(v: onnx.IValueInfoProto): PortFacts {
  const { type } = v, tensor = type?.tensorType;
  const kind = tensor ? "tensor" : type?.sequenceType ? "sequence" : type?.mapType ? "map" : type?.sparseTensorType ? "sparse" : "optional";
  return { name: v.name ?? "", kind, code: tensor?.elemType ?? 0, shape: (tensor?.shape?.dim ?? []).map((d) => Number(d.dimValue ?? 0)) };
}
const nameOf = (n: onnx.INodeProto): string => (n.domain && n.domain !== "ai.onnx" ? `${n.domain}.` : "") + (n.opType ?? "");
function nodesOf(nodes: readonly onnx.INodeProto[]): readonly NodeFacts[] {
  return nodes.flatMap((n) => {
    const graphs = (n.attribute ?? []).flatMap((a) => [a.g, ...(a.graphs ?? [])].filter((g) => g !== null && g !== undefined));
    const own = { op: nameOf(n), inputs: [...(n.input ?? []), ...graphs.flatMap((g) => (g.output ?? []).map((o) => o.name ?? ""))], outputs: n.output ?? [] };
    return [own, ...graphs.flatMap((g) => nodesOf(g.node ?? []))];
  });
}
export function readModel(file: Uint8Array): ModelFacts {
  const model = onnxProto.onnx.ModelProto.decode(file), graph = model.graph ?? {}, nodes = nodesOf(graph.node ?? []);
  const held = new Set([...(graph.initializer ?? []).map((t) => t.name), ...(graph.sparseInitializer ?? []).map((t) => t.values?.name)]);
  return {
    inputs: (graph.input ?? []).filter((i) => !held.has(i.name)).map(portOf),
    outputs: (graph.output ?? []).map(portOf),
    nodes,
    ops: new Set([...nodes, ...(model.functions ?? []).flatMap((f) => nodesOf(f.node ?? []))].map((n) => n.op)),
  };
}

/**
 * The model with initializers for some of its inputs, each given as a TensorProto's bytes. Works on the encoded form,
 * because decoding and encoding again would drop fields that the schema at hand does not know.
 */
export function pinInputs(model: Uint8Array, values: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const reader = protobuf.Reader.create(model), parts: Uint8Array[] = [], graphTag = (7 << 3) | 2;
  while (reader.pos < reader.len) {
    const start = reader.pos, tag = reader.uint32();
    if (tag !== graphTag) {
      reader.skipType(tag & 7);
      parts.push(model.subarray(start, reader.pos));
      continue;
    }
    const more = protobuf.Writer.create();
    for (const [name, tensor] of Object.entries(values)) {
      const named = protobuf.Writer.create().uint32((8 << 3) | 2).string(name).finish();
      more.uint32((5 << 3) | 2).bytes(Buffer.concat([tensor, named]));
    }
    parts.push(protobuf.Writer.create().uint32(tag).bytes(Buffer.concat([reader.bytes(), more.finish()])).finish());
  }
  return Buffer.concat(parts);
}
