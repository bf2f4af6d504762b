/** LabelEncoder: elements found in a list of keys become the values beside them. */
import { convert, less, make, select } from "../ir/algebra.ts";
import { at, axis, type Stage } from "../ir/compute.ts";
import type { Constant } from "../ir/graph.ts";
import { isConstant } from "../ir/graph.ts";
import { constant } from "../ir/scalar.ts";
import { textId } from "../ir/text.ts";
import { isFloat, type DType, type Num } from "../ir/types.ts";
import { typeOf } from "./checks.ts";
import { bounded, like, numbers } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** x, keys [K], values [K], what stands for others [] -> values of x's shape. The first of equal keys counts; NaN finds NaN. */
const lookup: Op = {
  name: "mlc.Lookup", internal: true, since: 1, inputs: [4, 4],
  infer: (n) => [{ dtype: n.in(2).dtype, shape: n.in(0).shape }],
  lower: (n) => {
    const count = n.in(1).shape[0]!, axes = n.axes(), k = axis("k", count), x = n.load(0, axes), key = n.load(1, [k]), none = constant("i32", count);
    const isNaN = (e: typeof x) => make("not", make("equal", e, e)), same = make("equal", x, key), hit = isFloat(x.dtype) ? make("or", same, make("and", isNaN(x), isNaN(key))) : same;
    const place: Stage = { name: "place", axes, value: select(hit, convert("i32", k), none), reduce: { op: "min", axes: [k] } }, found = at({ name: "place", dtype: "i32" }, ...axes);
    return n.compute([place, { name: "value", axes, value: select(less(found, like(found, count)), n.load(2, [bounded(convert("index", found), count)]), n.load(3, [])) }]);
  },
};
interface Side { readonly dtype: DType; readonly values: readonly Num[] }
/** The list that is given under one of the attributes' names. */
function side(n: NodeView, p: "keys" | "values"): Side {
  const tensor = n.node.attributes[`${p}_tensor`];
  const strings = n.stringsOr(`${p}_strings`);
  if (strings?.length) return { dtype: "string", values: strings.map(textId) };
  if (typeof tensor === "object" && !Array.isArray(tensor) && isConstant(tensor as Constant)) return { dtype: (tensor as Constant).dtype, values: Array.from((tensor as Constant).data as ArrayLike<Num>) };
  const floats = n.intsOr(`${p}_floats`), ints = n.intsOr(`${p}_int64s`);
  return floats ? { dtype: "f32", values: floats } : ints ? { dtype: "i64", values: ints } : n.fail(`there are no ${p}: one of ${p}_floats, ${p}_int64s, ${p}_strings and ${p}_tensor must be given`);
}
function otherwise(n: NodeView, dtype: DType): Num {
  const tensor = n.node.attributes.default_tensor;
  if (n.node.attributes.values_tensor !== undefined) return tensor !== undefined && isConstant(tensor) ? (tensor.data[0] as Num) : isFloat(dtype) ? -0 : dtype === "string" ? textId(n.string("default_string")) : -1;
  if (dtype === "string") return textId(n.string("default_string"));
  return n.float(isFloat(dtype) ? "default_float" : "default_int64");
}
const labelEncoder: Op = {
  name: "ai.onnx.ml.LabelEncoder", since: 4, inputs: [1, 1],
  attributes: {
    ...Object.fromEntries(["keys", "values"].flatMap((p) => [[`${p}_floats`, { kind: "floats", optional: true }], [`${p}_int64s`, { kind: "ints", optional: true }], [`${p}_strings`, { kind: "strings", optional: true }], [`${p}_tensor`, { kind: "tensor", optional: true }]])),
    default_float: { kind: "float", default: -0 }, default_int64: { kind: "int", default: -1 }, default_string: { kind: "string", default: "_Unused" }, default_tensor: { kind: "tensor", optional: true },
  },
  infer: (n) => {
    const keys = side(n, "keys"), values = side(n, "values");
    typeOf(n, [...numbers, "string"], 0, 0);
    if (keys.values.length !== values.values.length) n.fail(`there are ${keys.values.length} keys for ${values.values.length} values`);
    if (keys.dtype !== n.in(0).dtype) n.fail(`the keys have type ${keys.dtype}, but the input ${n.in(0).dtype}`);
    return [{ dtype: values.dtype, shape: n.in(0).shape }];
  },
  expand: (n, g) => {
    const keys = side(n, "keys"), values = side(n, "values"), of = ({ dtype, values: v }: Side) => g.constant(dtype, [v.length], v);
    const rest = g.constant(values.dtype, [], [otherwise(n, values.dtype)]);
    if (keys.values.length === 0) return [g.node("Expand", [rest, g.constant("i64", [n.in(0).shape.length], n.in(0).shape)])];
    return [g.node("mlc.Lookup", [n.node.inputs[0]!, of(keys), of(values), rest])];
  },
};
/** LabelEncoder, and what it expands to. */
export const lookups: readonly Op[] = [labelEncoder, lookup];
