/** What a node with sub-graphs means: its description (ir/control.ts) carried out. */
import { fail } from "../ir/scalar.ts";
import { constantOf, sizeOf, type Constant, type Graph } from "../ir/graph.ts";
import type { Control, Looping } from "../ir/control.ts";

/** Evaluates a sub-graph: its outputs by name. */
export type RunGraph = (g: Graph, feeds: ReadonlyMap<string, Constant>) => ReadonlyMap<string, Constant>;

/** The outputs of a node that does this; `valueOf` gives what it reads. */
export function evaluateControl(c: Control, run: RunGraph, valueOf: (name: string) => Constant | undefined): Constant[] {
  const value = (name: string) => valueOf(name) ?? fail(`no value for ${name}`);
  if (c.kind === "loop") return repeated(c, run, value);
  const taken = isTrue(value(c.condition)) ? c.ifTrue : c.ifFalse, results = run(taken, new Map());
  return taken.outputs.map((v) => results.get(v)!);
}
const isTrue = (c: Constant): boolean => Number(c.data[0]) !== 0;
function repeated(l: Looping, run: RunGraph, value: (name: string) => Constant): Constant[] {
  const most = Math.min(l.most ?? Infinity, l.limit === undefined ? Infinity : Number(value(l.limit).data[0])), { body } = l;
  let on = l.condition === undefined || isTrue(value(l.condition)), carried = l.given.flatMap((x) => (x.is === "carried" ? [value(x.first)] : []));
  const stacks = l.left.map((): Constant[] => []);
  for (let turn = 0; on && turn < most; turn++) {
    let next = 0;
    const results = run(body, new Map(l.given.map((x, i): [string, Constant] => [body.inputs[i]!, given(body, i, () => {
      switch (x.is) {
        case "turn": return constantOf("i64", [], BigInt64Array.of(BigInt(turn)));
        case "condition": return constantOf("bool", [], Uint8Array.of(1));
        case "carried": return carried[next++]!;
        case "slice": { const all = value(x.of); return sliceOf(all, x.axis, x.reverse ? all.shape[x.axis]! - 1 - turn : turn); }
        default: return x satisfies never;
      }
    })])));
    carried = [];
    l.left.forEach((x, i) => {
      const result = results.get(body.outputs[i]!)!;
      if (x.is === "carried") carried.push(result);
      else if (x.is === "slice") stacks[i]!.push(result);
      else if (l.condition !== undefined) on = isTrue(result);
    });
  }
  // A loop that ends early leaves 0 for the turns that were not taken.
  return [...carried, ...l.left.flatMap((x, i) => (x.is === "slice" ? [stacked(body, i, stacks[i]!, x.axis, x.reverse, l.most ?? stacks[i]!.length)] : []))];
}
/** The turn and the condition have the shape that the body gives them. */
function given(body: Graph, i: number, make: () => Constant): Constant {
  const c = make(), want = body.types.get(body.inputs[i]!)?.shape;
  return sizeOf(c.shape) === 1 && want?.length === 1 && c.shape.length === 0 ? { ...c, shape: [1] } : c;
}
/** Elements before and from an axis on. */
const around = (shape: readonly number[], axis: number) => ({ outer: sizeOf(shape.slice(0, axis)), inner: sizeOf(shape.slice(axis)) });
function sliceOf(c: Constant, axis: number, at: number): Constant {
  const shape = c.shape.toSpliced(axis, 1), { outer, inner } = around(shape, axis), out = constantOf(c.dtype, shape), n = c.shape[axis]!;
  for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) (out.data as { [i: number]: unknown })[o * inner + i] = c.data[(o * n + at) * inner + i];
  return out;
}
function stacked(body: Graph, output: number, slices: readonly Constant[], axis: number, reverse: boolean, n: number): Constant {
  const { dtype, shape } = slices[0] ?? (body.types.get(body.outputs[output]!) ?? body.constants.get(body.outputs[output]!)) as Constant, { outer, inner } = around(shape, axis);
  const all = constantOf(dtype, [...shape.slice(0, axis), n, ...shape.slice(axis)]);
  slices.forEach((s, turn) => {
    const at = reverse ? n - 1 - turn : turn;
    for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) (all.data as { [i: number]: unknown })[(o * n + at) * inner + i] = s.data[o * inner + i];
  });
  return all;
}
