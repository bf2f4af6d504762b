/** What a node with sub-graphs means: its description (ir/control.ts) carried out. */
import { fail, variables } from "../ir/scalar.ts";
import { constantOf, isStatic, sizeOf, type Constant, type Graph, type TensorType } from "../ir/graph.ts";
import type { Control, Looping } from "../ir/control.ts";
import { valueOfSize } from "../ir/symbols.ts";

/** Sizes by their symbols. */
type Sizes = ReadonlyMap<string, number>;
/** Evaluates a sub-graph: its outputs by name, and the sizes that are known behind it. */
export type RunGraph = (g: Graph, feeds: ReadonlyMap<string, Constant>, sizes: Sizes) => { readonly values: ReadonlyMap<string, Constant>; readonly sizes: Sizes };

/** The outputs of a node that does this; `valueOf` gives what it reads. Its sizes join `sizes`. */
export function evaluateControl(c: Control, run: RunGraph, valueOf: (name: string) => Constant | undefined, sizes: Map<string, number>): Constant[] {
  const value = (name: string) => valueOf(name) ?? fail(`no value for ${name}`);
  if (c.kind === "loop") return repeated(c, run, value, sizes);
  const which = isTrue(value(c.condition)) ? "ifTrue" : "ifFalse", taken = c[which], results = run(taken, new Map(), sizes);
  for (const s of c.sizes) sizes.set(s.symbol.name, valueOfSize(s[which], results.sizes));
  return taken.outputs.map((v) => results.values.get(v)!);
}
const isTrue = (c: Constant): boolean => Number(c.data[0]) !== 0;
function repeated(l: Looping, run: RunGraph, value: (name: string) => Constant, sizes: Map<string, number>): Constant[] {
  const set = (list: readonly (readonly [string, number])[]) => { for (const [name, n] of list) sizes.set(name, n); };
  set(l.sizes.map((s) => [s.symbol.name, valueOfSize(s.first, sizes)]));
  const most = Math.min(l.most === undefined ? Infinity : valueOfSize(l.most, sizes), l.limit === undefined ? Infinity : Number(value(l.limit).data[0])), { body } = l;
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
    })])), sizes);
    set(l.sizes.map((s) => [s.symbol.name, valueOfSize(s.next, results.sizes)]));
    carried = [];
    l.left.forEach((x, i) => {
      const result = results.values.get(body.outputs[i]!)!;
      if (x.is === "carried") carried.push(result);
      else if (x.is === "slice") stacks[i]!.push(result);
      else if (l.condition !== undefined) on = isTrue(result);
    });
  }
  return [...carried, ...l.left.flatMap((x, i) => (x.is === "slice" ? [stacked(body, i, stacks[i]!, x.axis, x.reverse, l.room ?? stacks[i]!.length, sizes)] : []))];
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
function stacked(body: Graph, output: number, slices: readonly Constant[], axis: number, reverse: boolean, n: number, sizes: Sizes): Constant {
  const { dtype, shape } = slices[0] ?? noneOf(body, output, sizes), { outer, inner } = around(shape, axis);
  const all = constantOf(dtype, [...shape.slice(0, axis), n, ...shape.slice(axis)]);
  slices.forEach((s, turn) => {
    const at = reverse ? n - 1 - turn : turn;
    for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) (all.data as { [i: number]: unknown })[(o * n + at) * inner + i] = s.data[o * inner + i];
  });
  return all;
}
/** The type of an output of a body that never ran; what only a turn could tell is 0. */
function noneOf(body: Graph, output: number, sizes: Sizes): TensorType {
  const v = body.outputs[output]!, t = body.types.get(v) ?? body.constants.get(v)!;
  return isStatic(t) ? t : { dtype: t.dtype, shape: t.shape.map((d) => (typeof d === "number" || [...variables(d)].every((s) => sizes.has(s)) ? valueOfSize(d, sizes) : 0)) };
}
