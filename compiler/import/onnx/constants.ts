/** The operator Constant, in all its forms. */
import { constantOf, isConstant, type Constant } from "../../ir/graph.ts";
import { textId } from "../../ir/text.ts";
import { arrayOf, type DType, type Num } from "../../ir/types.ts";
import { attributeOf } from "./attributes.ts";
import { Problem } from "./problem.ts";
import { toBigInt, type AttributeProto, type Int64 } from "./proto.ts";
import type { Access } from "./tensor.ts";

const scalar = (dtype: DType, x: Num): Constant => constantOf(dtype, [], arrayOf(dtype, [x]));
const list = (dtype: DType, xs: readonly Num[]): Constant => constantOf(dtype, [xs.length], arrayOf(dtype, xs));
const decoder = new TextDecoder(), text = (bytes: Uint8Array | null | undefined): number => textId(decoder.decode(bytes ?? new Uint8Array()));
/* By the attribute that holds the value. Integers are read exactly: attributes in general are rounded to numbers. */
const forms: Readonly<Record<string, (a: AttributeProto) => Constant>> = {
  value_float: (a) => scalar("f32", a.f ?? 0),
  value_floats: (a) => list("f32", a.floats ?? []),
  value_int: (a) => scalar("i64", toBigInt(a.i ?? (0 as Int64))),
  value_ints: (a) => list("i64", (a.ints ?? []).map(toBigInt)),
  value_string: (a) => scalar("string", text(a.s)),
  value_strings: (a) => list("string", (a.strings ?? []).map(text)),
};

/** The value of a Constant node, from its attributes. Throws Problem and UnsupportedType. */
export function constantNode(attributes: readonly AttributeProto[], node: string, access: Access = {}): Constant {
  for (const a of attributes) {
    const name = a.name ?? "";
    if (Object.hasOwn(forms, name)) return forms[name]!(a);
    if (a.name !== "value" && a.name !== "sparse_value") continue;
    const value = attributeOf(a, node, () => { throw new Problem("bad-model", `the value of node ${node} is a graph`); }, access);
    if (typeof value === "object" && isConstant(value)) return value;
  }
  throw new Problem("bad-model", `node ${node} is a Constant without a value`);
}
