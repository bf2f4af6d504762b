/**
 * Inputs that are always the same become constants, as the caller chooses: a rate, a flag, a limit. What follows from them is known
 * then: branches that are not taken go, with their problems. Stands after pin-shapes and before type inference. Ensures: no such input is left.
 */
import type { Diagnostic } from "../../diagnostics.ts";
import { constantOf, isStatic, sizeOf, sizeProblem, type Constant, type Graph, type ValueName } from "../../ir/graph.ts";
import { arrayOf, isFloat, newArray, types, type Num } from "../../ir/types.ts";

/** Elements by input; one alone stands for all. */
export type InputValues = Readonly<Record<string, readonly number[]>>;
/** `graph` is as good as pinned only where no diagnostic is an error. */
export interface PinnedValues { readonly graph: Graph; readonly diagnostics: readonly Diagnostic[] }

/** As the flag says it. */
export const showValues = (name: string, list: readonly number[]): string => `--value ${name}=${list.join(",")}`;

/** Puts constants in the place of inputs. All that is wrong with the values is among the diagnostics. */
export function pinValues(g: Graph, values: InputValues): PinnedValues {
  const diagnostics: Diagnostic[] = [], pinned = new Map<ValueName, Constant>();
  for (const [name, list] of Object.entries(values)) {
    const found = constantFor(g, name, list);
    if ("severity" in found) diagnostics.push(found);
    else pinned.set(name, found);
  }
  if (pinned.size === 0) return { graph: g, diagnostics };
  return { graph: { ...g, inputs: g.inputs.filter((v) => !pinned.has(v)), constants: new Map([...g.constants, ...pinned]) }, diagnostics };
}
function constantFor(g: Graph, name: string, list: readonly number[]): Constant | Diagnostic {
  const short = showValues(name, list.length > 4 ? list.slice(0, 4) : list) + (list.length > 4 ? ",..." : "");
  const error = (code: string, message: string, hint: string): Diagnostic => ({ severity: "error", code, message: `${short}: ${message}`, hint });
  if (!g.inputs.includes(name)) return error("unknown-input", `the model has no input ${name}`, `those it has: ${g.inputs.join(", ")}`);
  const type = g.types.get(name);
  if (!type || !isStatic(type)) return error("open-shape", "the input has no fixed shape", `pin it: --shape ${name}=...`);
  const { dtype, shape } = type, count = sizeOf(shape);
  if (dtype === "string") return error("bad-value", "the input is of strings", "only numbers can be given");
  const large = sizeProblem(type);
  if (large) return error("too-large", large, "give fewer elements");
  if (list.length !== 1 && list.length !== count) return error("bad-value", `${list.length} numbers for ${count} elements of shape [${shape.join(", ")}]`, "give one for each, or one for all");
  const odd = isFloat(dtype) ? undefined : list.find((x) => Number(types[dtype].wrap(x)) !== x);
  if (odd !== undefined) return error("bad-value", `${odd} is no ${dtype}`, "give numbers of the input's type");
  // A typed array takes what wrap makes of a number for its type.
  const filled = (x: Num) => (newArray(dtype, count) as { fill(x: Num): Constant["data"] }).fill(x);
  return constantOf(dtype, shape, list.length === 1 ? filled(types[dtype].wrap(list[0]!)) : arrayOf(dtype, list));
}
