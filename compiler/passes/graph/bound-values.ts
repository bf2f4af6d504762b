/**
 * Whole numbers that each run gives, or computes, between bounds that the caller states: sizes like those of an open dimension to all
 * that reads them, so that ranges, shapes and numbers of turns may be computed of them. A run in which such a number is outside its bounds
 * is refused: it is measured twice, with a bound more room on either side and without, and the two must be equal.
 * Stands after pin-values and before type inference, which knows what is measured.
 */
import type { Diagnostic } from "../../diagnostics.ts";
import { constantOf, isStatic, measureOp, mostElements, namesIn, sizeOf, type Attribute, type Constant, type Graph, type Node, type SizeList, type ValueName, type ValueType } from "../../ir/graph.ts";
import { int } from "../../ir/linear.ts";
import { parameter, type Expr, type Range, type Var } from "../../ir/scalar.ts";
import { symbolNamed, type Equality } from "../../ir/symbols.ts";
import { types } from "../../ir/types.ts";
import { dimOf } from "../../ops/helpers.ts";
import { renameInputs } from "./editor.ts";
import type { PinnedValues } from "./pin-values.ts";

/** What a whole number must be, both ends included. */
export interface ValueBounds { readonly least: number; readonly most: number }
/** As the flag says it. */
export const showBounds = (name: string, { least, most }: ValueBounds): string => `--value ${name}=${least}..${most}`;

/** Lets all that reads such a value read what is measured of it. All that is wrong with the bounds is among the diagnostics. */
export function boundValues(g: Graph, bounds: Readonly<Record<ValueName, ValueBounds>>): PinnedValues {
  const diagnostics: Diagnostic[] = [];
  const graph = Object.entries(bounds).reduce((before, [name, b]) => {
    const found = bounded(before, name, b);
    if (!("severity" in found)) return found;
    diagnostics.push(found);
    return before;
  }, g);
  return { graph, diagnostics };
}
function bounded(g: Graph, name: ValueName, bounds: ValueBounds): Graph | Diagnostic {
  const { least, most } = bounds, type = g.types.get(name), at = g.nodes.findIndex((n) => n.outputs.includes(name));
  const error = (code: string, message: string, hint: string): Diagnostic => ({ severity: "error", code, message: `${showBounds(name, bounds)}: ${message}`, hint });
  if (at < 0 && !g.inputs.includes(name)) return error("unknown-input", `the model has no value ${name} that a run gives or computes`, `its inputs: ${g.inputs.join(", ")}`);
  if (least > most || ![least, most].every((x) => Number.isInteger(x) && Math.abs(x) < mostElements)) return error("bad-value", "these are no bounds", `give two whole numbers within ${mostElements - 1}, the smaller one first`);
  if (type && (!/int$/.test(types[type.dtype].kind) || !isStatic(type) || sizeOf(type.shape) !== 1)) return error("bad-value", `the value is ${type.dtype}[${type.shape.map((d) => (typeof d === "number" ? d : "?"))}]`, "only one whole number can have bounds");
  const { nodes, constants, value, equality } = measured(g, name, type, bounds), own = new Set(nodes);
  const list = [...g.nodes.slice(0, at + 1), ...nodes, ...g.nodes.slice(at + 1)].map((n) => (own.has(n) ? n : renameInputs(n, (v) => (v === name ? value : v))));
  return { ...g, nodes: list, constants: new Map([...g.constants, ...constants]), equalities: [...(g.equalities ?? []), equality] };
}
/** The nodes that measure a value, and the one that stands for it. */
function measured(g: Graph, name: ValueName, type: ValueType | undefined, { least, most }: ValueBounds): { readonly nodes: readonly Node[]; readonly constants: ReadonlyMap<ValueName, Constant>; readonly value: ValueName; readonly equality: Equality } {
  const names = new Set(namesIn(g)), nodes: Node[] = [], constants = new Map<ValueName, Constant>();
  const unused = (wanted: string): string => { let free = wanted; for (let i = 2; names.has(free); i++) free = `${wanted}_${i}`; names.add(free); return free; };
  const node = (op: string, inputs: readonly ValueName[], what: string, attributes: Readonly<Record<string, Attribute>> = {}): ValueName => {
    const v = unused(`${name}.${what}`);
    nodes.push({ name: v, op, inputs, outputs: [v], attributes, origin: [] });
    return v;
  };
  const symbol = (what: string, range: Range): Var => parameter(symbolNamed(unused(`${name}${what}`)), range), measure = (v: ValueName, what: string, is: Expr): ValueName => node(measureOp, [v], what, { value: { dtype: "i64", shape: [], dims: [dimOf(is)] } satisfies SizeList });
  const scalar = unused(`${name}.scalar`), given = symbol(".given", [least - 1, most + 1]), within = least === most ? int(least) : symbol("", [least, most]);
  constants.set(scalar, constantOf("i64", [0]));
  const whole = node("Cast", [node("Reshape", [name, scalar], "number")], "whole", { to: 7 }), held = measure(measure(whole, "measured", given), "bounded", within);
  // Of the type and the rank that the value has.
  const shaped = type?.shape.length === 0 ? held : node("Reshape", [held, node("Shape", [name], "shape")], "shaped");
  // Where the model does not say what it computes, it is taken for what shapes are made of.
  const value = !type || type.dtype === "i64" ? shaped : node("Cast", [shaped], "value", { to: types[type.dtype].onnx });
  return { nodes, constants, value, equality: { sizes: [given, within], node: name } };
}
