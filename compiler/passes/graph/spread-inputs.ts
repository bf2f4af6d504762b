/**
 * Inputs that are sequences or optional values become inputs that are tensors: a sequence x of three the inputs x_0, x_1, x_2 and a
 * SequenceConstruct of them, an optional value its tensor, or none where it is absent. Stands before pin-shapes, which judges the
 * tensors' shapes. Ensures: every input is a tensor, of known type or unranked.
 */
import type { Diagnostic } from "../../diagnostics.ts";
import { capturedBy, type ComposedType, type Dim, type Graph, type Node, type ValueName, type ValueType } from "../../ir/graph.ts";
import type { Size } from "./pin-shapes.ts";
import { show, variable } from "../../ir/scalar.ts";
import { types, type DType } from "../../ir/types.ts";

/** What is chosen for inputs that are no tensors. */
export interface SpreadOptions {
  readonly composed: ReadonlyMap<ValueName, ComposedType>;
  /** Tensors in each sequence. */
  readonly lengths?: Readonly<Record<string, number>>;
  /** Optional inputs that are not given. */
  readonly absent?: readonly string[];
  /** Shapes by input, as for pin-shapes; that of a sequence is the one of all its tensors that have none of their own. */
  readonly shapes?: Readonly<Record<string, readonly Size[]>>;
  readonly unranked?: ReadonlyMap<ValueName, DType>;
}
/** The graph, and what pin-shapes is to know of its inputs. As good as spread only where no diagnostic is an error. */
export interface Spread {
  readonly graph: Graph;
  readonly shapes: Readonly<Record<string, readonly Size[]>>;
  readonly unranked: ReadonlyMap<ValueName, DType>;
  readonly diagnostics: readonly Diagnostic[];
}
/** What stands for one input. */
interface Stand { readonly inputs: readonly ValueName[]; readonly node?: Node }
/** Tensors that a sequence may have: each is an argument of the generated functions. */
const mostTensors = 1024;

const showType = (t: ComposedType): string => {
  const tensor = `${t.dtype}${t.shape ? `[${t.shape.map((d) => (typeof d === "number" ? d : show(d))).join(", ")}]` : ""}`;
  return `${t.optional ? "an optional " : "a "}${t.sequence ? `sequence of ${tensor}` : tensor}`;
};
/** What is wrong with the options, and what they lack. */
function problems(g: Graph, o: SpreadOptions): readonly Diagnostic[] {
  const { composed, lengths = {}, absent = [] } = o;
  const error = (code: string, message: string, hint: string): Diagnostic => ({ severity: "error", code, message, hint });
  const ofKind = (kind: "sequence" | "optional"): string => {
    const names = [...composed].filter(([, t]) => t[kind]).map(([v]) => v);
    return names.length ? `those it has: ${names.join(", ")}` : `none of its inputs is ${kind === "sequence" ? "a sequence" : "optional"}`;
  };
  return [
    ...Object.entries(lengths).flatMap(([name, n]) => {
      const from = `--length ${name}=${n}`;
      if (!composed.get(name)?.sequence) return [error("unknown-input", `${from}: the model has no sequence ${name} among its inputs`, ofKind("sequence"))];
      if (absent.includes(name)) return [error("length-conflict", `${from}, but also --absent ${name}`, "give one of the two")];
      return Number.isSafeInteger(n) && n >= 0 && n <= mostTensors ? [] : [error("bad-length", `${from}: not a whole number from 0 to ${mostTensors}`, "each tensor becomes an input")];
    }),
    ...absent.filter((name) => !composed.get(name)?.optional)
      .map((name) => error("unknown-input", `--absent ${name}: the model has no optional input ${name}`, ofKind("optional"))),
    ...g.inputs.flatMap((v): Diagnostic[] => {
      const t = composed.get(v);
      if (!t || absent.includes(v) || Object.hasOwn(lengths, v)) return [];
      if (t.sequence) {
        const example = `give it one, for example --length ${v}=3${t.optional ? `, or leave it out: --absent ${v}` : ""}`;
        return [error("open-length", `input ${v} is ${showType(t)} without a length`, example)];
      }
      return [{ severity: "note", code: "optional-input", message: `input ${v} is ${showType(t)} and becomes an input that must be given`, hint: `to leave it out: --absent ${v}` }];
    }),
  ];
}

/** Spreads the inputs. All that is wrong with the options or missing in them is among the diagnostics. */
export function spreadInputs(g: Graph, o: SpreadOptions): Spread {
  const { composed, lengths = {}, absent = [] } = o, shapes = { ...o.shapes }, unranked = new Map(o.unranked);
  const diagnostics = problems(g, o);
  if (composed.size === 0 || diagnostics.some((d) => d.severity === "error")) return { graph: g, shapes, unranked, diagnostics };
  const stated = new Map<ValueName, ValueType>(g.types), taken = valuesIn(g), nodeNames = new Set(g.nodes.map((n) => n.name));
  const unused = (names: Set<string>, wanted: string): string => {
    let name = wanted;
    for (let i = 2; names.has(name); i++) name = `${wanted}_${i}`;
    names.add(name);
    return name;
  };
  const made = (v: ValueName, op: string, inputs: readonly ValueName[], attributes: Node["attributes"] = {}): Node =>
    ({ name: unused(nodeNames, `${op}_${v}`), op, inputs, outputs: [v], attributes, origin: [] });
  const tensor = (v: ValueName, t: ComposedType, shape: readonly Dim[] | undefined): void => {
    if (shape) stated.set(v, { dtype: t.dtype, shape });
    else unranked.set(v, t.dtype);
  };
  const stand = (v: ValueName): Stand => {
    const t = composed.get(v);
    if (!t) return { inputs: [v] };
    if (absent.includes(v)) return { inputs: [], node: made(v, "Optional", []) };
    if (!t.sequence) { tensor(v, t, t.shape); return { inputs: [v] }; }
    const parts = Array.from({ length: lengths[v]! }, (_, i) => unused(taken, `${v}_${i}`)), all = shapes[v];
    delete shapes[v];
    for (const part of parts) {
      // Tensors of a sequence differ where a dimension is open, whatever its name.
      tensor(part, t, t.shape?.map((d, i) => (typeof d === "number" ? d : variable("index", `${part}.${i}`))));
      if (all) shapes[part] ??= all;
    }
    return { inputs: parts, node: parts.length ? made(v, "SequenceConstruct", parts) : made(v, "SequenceEmpty", [], { dtype: types[t.dtype].onnx }) };
  };
  const stands = g.inputs.map(stand), nodes = [...stands.flatMap((s) => s.node ?? []), ...g.nodes];
  return { graph: { ...g, inputs: stands.flatMap((s) => s.inputs), nodes, types: stated }, shapes, unranked, diagnostics };
}
/** All names of values. */
function valuesIn(g: Graph): Set<ValueName> {
  return new Set([...g.inputs, ...g.constants.keys(), ...g.types.keys(), ...g.outputs, ...g.nodes.flatMap((n) => [...n.inputs, ...n.outputs, ...capturedBy(n)])]);
}
