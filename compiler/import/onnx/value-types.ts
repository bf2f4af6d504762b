/** TypeProto -> ValueType: the types that a model states for its values. */
import { variable } from "../../ir/scalar.ts";
import type { ComposedType, Dim, ValueType } from "../../ir/graph.ts";
import type { DType } from "../../ir/types.ts";
import { Problem } from "./problem.ts";
import { toNumber, type ValueInfo } from "./proto.ts";
import { dtypeOf } from "./tensor.ts";

/** `shape` is missing where the model does not even state the rank. */
export interface StatedType { readonly dtype: DType; readonly shape?: readonly Dim[] }
/** A type with its rank. */
export const isRanked = (t: StatedType): t is ValueType => t.shape !== undefined;

const others = { mapType: "a map", sparseTensorType: "a sparse tensor", sequenceType: "a sequence", optionalType: "an optional value" } as const;
/** What exporters write for a dimension that has no name. */
const unnamed: ReadonlySet<string> = new Set(["?", "None", "-1"]);

type Type = NonNullable<ValueInfo["type"]>;

/**
 * The type stated for a value; null where none is. A named dimension becomes the symbol of that name, one without
 * a size or a name the symbol "value.position". Throws Problem where the value is no tensor, and UnsupportedType.
 */
export function statedType(v: ValueInfo): StatedType | null { return v.type ? tensorType(v.name ?? "", v.type, "is") : null; }

/** The type of a sequence or an optional value; null where the value is neither. Throws Problem where it holds no tensors, and UnsupportedType. */
export function composedType(v: ValueInfo): ComposedType | null {
  const name = v.name ?? "", optional = v.type?.optionalType, inner = optional ? optional.elemType : v.type, sequence = inner?.sequenceType;
  if (!optional && !sequence) return null;
  const element = sequence ? sequence.elemType : inner, found = element ? tensorType(name, element, "holds") : null;
  if (!found) throw new Problem("bad-model", `${name} is ${sequence ? others.sequenceType : others.optionalType}, but the model does not say of what`);
  return { ...found, sequence: Boolean(sequence), optional: Boolean(optional) };
}
function tensorType(name: string, type: Type, how: "is" | "holds"): StatedType | null {
  for (const key of Object.keys(others) as (keyof typeof others)[]) {
    if (type[key]) throw new Problem("unsupported-type", `${name} ${how} ${others[key]}; only tensors, and sequences and optional values of tensors, are supported`);
  }
  if (!type.tensorType?.elemType) return null;
  const dtype = dtypeOf(type.tensorType.elemType), dims = type.tensorType.shape;
  if (!dims) return { dtype };
  const shape = (dims.dim ?? []).map((d, i): Dim => {
    if (d.dimParam && !unnamed.has(d.dimParam)) return variable("index", d.dimParam);
    const size = d.dimValue === null || d.dimValue === undefined || !Object.hasOwn(d, "dimValue") ? -1 : toNumber(d.dimValue);
    return size >= 0 ? size : variable("index", `${name}.${i}`);
  });
  return { dtype, shape };
}
