/**
 * Strings become numbers of the program's own: those that the model itself has, in the order in which they are met, from 1 on (0 is the
 * empty string); a run gives further numbers to others. The caller's strings are pointers, and are turned into numbers by a Compute of
 * its own before all else, results back into pointers after all else.
 * Needs: layouts are final. Ensures: string constants in tensors and expressions are positions in `texts`; inputs and outputs hold `chars`. Stands last: until
 * then strings are the numbers that the compiler gave them.
 */
import { CompileError } from "../../diagnostics.ts";
import { at, axis, output, type Compute, type Stage } from "../../ir/compute.ts";
import { make, withChildren } from "../../ir/algebra.ts";
import { relist, type NetTensor, type Network } from "../../ir/network.ts";
import { constant, load, type Expr, type TextOp } from "../../ir/scalar.ts";
import { textId, textOf } from "../../ir/text.ts";

/** The program's numbers, given as strings are met. */
class Numbering {
  readonly texts: string[] = [""];
  private readonly known = new Map([[textId(""), 0]]);
  of(id: number): number {
    let n = this.known.get(id);
    if (n === undefined) { this.known.set(id, (n = this.texts.length)); this.texts.push(textOf(id)); }
    return n;
  }
}
const numbersOf = (name: string): string => `numbers:${name}`;
/** A Compute of its own for the strings of a caller's tensor. */
function border(from: NetTensor, to: NetTensor, op: TextOp): Compute {
  const axes = from.shape.map((n, d) => axis(`d${d}`, n)), stage: Stage = { name: "strings", axes, value: make(op, at(from, ...axes)) };
  return {
    name: "strings", origin: [], stages: [stage], tensors: [{ name: from.name, dtype: from.dtype, shape: from.shape, layout: from.layout, role: "input" }],
    outputs: [output(stage, to.name, { dtype: to.dtype, shape: to.shape, layout: to.layout })],
  };
}

/** The network with numbers in the place of strings, which are its `texts`; the same network where it has none. Throws CompileError where sizes are open: what lies beyond them is no pointer. */
export function numberStrings(n: Network): Network {
  if (![...n.tensors.values()].some((t) => t.dtype === "string")) return n;
  if (n.symbols?.length) {
    throw new CompileError([{ severity: "error", code: "unsupported-form", message: "a model with strings cannot have sizes that only a run knows", hint: "pin them with --shape or --dim" }]);
  }
  const numbering = new Numbering(), tensors = new Map<string, NetTensor>(), before: Compute[] = [], after: Compute[] = [], renamed = new Set<string>();
  for (const t of n.tensors.values()) {
    if (t.dtype !== "string" || t.kind === "temporary") { tensors.set(t.name, t); continue; }
    if (t.kind === "constant") { tensors.set(t.name, { ...t, data: Int32Array.from(t.data as Int32Array, (id) => numbering.of(id)) }); continue; }
    const caller: NetTensor = { ...t, dtype: "chars", declared: { dtype: "string", shape: t.shape } }, inner: NetTensor = { ...t, name: numbersOf(t.name), kind: "temporary" };
    tensors.set(t.name, caller);
    tensors.set(inner.name, inner);
    renamed.add(t.name);
    if (t.kind === "input") before.push(border(caller, inner, "textIn")); else after.push(border(inner, caller, "textOut"));
  }
  const name = (tensor: string): string => (renamed.has(tensor) ? numbersOf(tensor) : tensor);
  // What only renames the elements of an input or output is the same memory as its numbers.
  for (const t of tensors.values()) if (t.dtype === "string" && t.aliasOf !== undefined) tensors.set(t.name, { ...t, aliasOf: name(t.aliasOf) });
  const seen = new Map<Expr, Expr>();
  const go = (e: Expr): Expr => {
    let next = seen.get(e);
    if (next === undefined) {
      const inner = withChildren(e, go);
      next = inner.kind === "const" && inner.dtype === "string" ? constant("string", numbering.of(Number(inner.value))) : inner.kind === "load" && renamed.has(inner.buffer) ? load(inner.dtype, name(inner.buffer), inner.at, inner.lanes) : inner;
      seen.set(e, next);
    }
    return next;
  };
  const computes = n.computes.map((c): Compute => ({
    ...c, tensors: c.tensors.map((t) => ({ ...t, name: name(t.name) })), outputs: c.outputs.map((o) => ({ ...o, tensor: name(o.tensor) })),
    stages: c.stages.map((s) => ({ ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) })),
  }));
  return { ...n, tensors, computes: [...before, ...computes, ...after].map((c) => relist(c, tensors)), texts: numbering.texts };
}
