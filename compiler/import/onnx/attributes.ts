/** AttributeProto -> Attribute. */
import type { Attribute, Graph } from "../../ir/graph.ts";
import { Problem } from "./problem.ts";
import { attributeTypes, toNumber, type AttributeProto, type GraphProto } from "./proto.ts";
import { sparseConstant, tensorConstant, type Access } from "./tensor.ts";

type Kind = keyof typeof attributeTypes;
const decoder = new TextDecoder();
const textOf = (bytes: Uint8Array | null | undefined): string => decoder.decode(bytes ?? new Uint8Array());
const kinds = new Map(Object.entries(attributeTypes).map(([name, code]) => [code, name as Kind]));

/** The kind of an attribute; of one that does not say, as in files of 2017, by the field that is filled. */
function kindOf(a: AttributeProto): Kind {
  const stated = kinds.get(a.type ?? 0) ?? "UNDEFINED";
  if (stated !== "UNDEFINED") return stated;
  if (a.ints?.length) return "INTS";
  if (a.floats?.length) return "FLOATS";
  if (a.strings?.length) return "STRINGS";
  if (a.t) return "TENSOR";
  if (a.g) return "GRAPH";
  if (a.s?.length) return "STRING";
  return Object.hasOwn(a, "f") ? "FLOAT" : "INT";
}
/** The value of an attribute of a node. `graph` reads a sub-graph. Throws Problem and UnsupportedType. */
export function attributeOf(a: AttributeProto, node: string, graph: (g: GraphProto) => Graph, access: Access = {}): Attribute {
  const what = `attribute ${a.name} of node ${node}`, kind = kindOf(a);
  const missing = (): never => { throw new Problem("bad-model", `${what} is of kind ${kind}, but holds none`); };
  switch (kind) {
    case "FLOAT": return a.f ?? 0;
    case "INT": return toNumber(a.i);
    case "STRING": return textOf(a.s);
    case "FLOATS": return a.floats ?? [];
    case "INTS": return (a.ints ?? []).map(toNumber);
    case "STRINGS": return (a.strings ?? []).map(textOf);
    case "TENSOR": return a.t ? tensorConstant(a.t, what, access) : missing();
    case "SPARSE_TENSOR": return a.sparseTensor ? sparseConstant(a.sparseTensor, what, access) : missing();
    case "GRAPH": return a.g ? graph(a.g) : missing();
    case "TENSORS": case "GRAPHS": case "SPARSE_TENSORS": case "TYPE_PROTO": case "TYPE_PROTOS": case "UNDEFINED":
      throw new Problem("unsupported-attribute", `${what} is of kind ${kind}, which is not supported`);
    default: return kind satisfies never;
  }
}
