/**
 * Whole numbers that each run gives, or computes, between bounds that the caller states: sizes like those of an open dimension to all
 * that reads them, so that ranges, shapes and numbers of turns may be computed of them. A run in which such a number is outside its bounds
 * is refused. Stands after pin-values and before type inference, which knows what is measured.
 */
import type { Diagnostic } from "../../diagnostics.ts";
import { isStatic, mostElements, namesIn, sizeOf, unusedIn, type Graph, type Node, type ValueName } from "../../ir/graph.ts";
import { types } from "../../ir/types.ts";
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
  // Behind what makes it, it is what it is held to; so it is for all that reads it.
  const value = unusedIn(new Set(namesIn(g)), `${name}.bounded`), within: Node = { name: value, op: "mlc.Bounded", inputs: [name], outputs: [value], attributes: { least, most, demand: `${name} is ${least} to ${most} (${showBounds(name, bounds)})` }, origin: [] };
  const readers = (n: Node): Node => renameInputs(n, (v) => (v === name ? value : v));
  return { ...g, nodes: [...g.nodes.slice(0, at + 1), within, ...g.nodes.slice(at + 1).map(readers)] };
}
