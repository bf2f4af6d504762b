/** Model-local functions: which one a node calls, and what its body's names and attributes stand for there. */
import type { AttributeProto, FunctionProto, NodeProto } from "./proto.ts";

/** "" for the domain of ONNX itself, which has two spellings. */
export const domainOf = (domain: string | null | undefined): string => (domain === "ai.onnx" ? "" : domain ?? "");
const keyOf = (domain: string, name: string, overload: string): string => `${domain}.${name}:${overload}`;

/** By domain, name and overload. */
export type Functions = ReadonlyMap<string, FunctionProto>;
/** The functions of a model by domain, name and overload. */
export const functionsOf = (list: readonly FunctionProto[]): Functions =>
  new Map(list.map((f) => [keyOf(domainOf(f.domain), f.name ?? "", f.overload ?? ""), f]));
/** The function that a node calls, if it is no operator. */
export const calledBy = (n: NodeProto, functions: Functions): FunctionProto | undefined =>
  functions.get(keyOf(domainOf(n.domain), n.opType ?? "", n.overload ?? ""));

/** The attributes that a call gives to a body, by name: its own where stated, else the function's defaults. */
export function argumentsOf(f: FunctionProto, given: readonly AttributeProto[]): ReadonlyMap<string, AttributeProto> {
  return new Map([...(f.attributeProto ?? []), ...given].map((a) => [a.name ?? "", a]));
}
/**
 * The attributes of a node in a body, with references replaced by what the call gives; one that refers to an attribute
 * not given, and without default, is as if not there.
 */
export function resolved(list: readonly AttributeProto[], values: ReadonlyMap<string, AttributeProto>): readonly AttributeProto[] {
  return list.flatMap((a) => {
    if (!a.refAttrName) return [a];
    const found = values.get(a.refAttrName);
    return found ? [{ ...found, name: a.name ?? "" }] : [];
  });
}
