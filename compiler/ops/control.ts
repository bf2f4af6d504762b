/**
 * Operators with sub-graphs: If, Loop, Scan. Their entries describe what they do (ir/control.ts); inference types the sub-graphs before
 * it asks for the types of the outputs.
 */
import { isSizeList, mostElements, type Dim, type Graph, type ValueName, type ValueType } from "../ir/graph.ts";
import { countsTurns, sizesAttribute, type Branching, type Given, type Left, type LoopSize, type Looping } from "../ir/control.ts";
import type { Var } from "../ir/scalar.ts";
import { expectOne } from "./checks.ts";
import { expectType, largest, showDim, showShape, smallest } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** The type of output `i` of a sub-graph. */
function outputOf(n: NodeView, g: Graph, i: number): ValueType {
  const v = g.outputs[i]!, t = g.types.get(v) ?? g.constants.get(v);
  return t ?? n.fail(`output ${v} of its graph ${g.name} has no type`);
}
const show = (t: ValueType): string => `${t.dtype}${showShape(t.shape)}`;
/** Symbols for sizes that inference has found, and what they become: an attribute with so many numbers for each. */
function symbolsOf(n: NodeView, numbers: number): readonly (readonly [Var, ...Dim[]])[] {
  const { [sizesAttribute]: list } = n.node.attributes, dims = list !== undefined && isSizeList(list) ? list.dims : [];
  return Array.from({ length: dims.length / numbers }, (_, i) => dims.slice(i * numbers, (i + 1) * numbers) as [Var, ...Dim[]]);
}
const found = { [sizesAttribute]: { kind: "sizes", optional: true } } as const;

function branchOf(n: NodeView): Branching {
  const sizes = symbolsOf(n, 3).map(([symbol, ifTrue, ifFalse]) => ({ symbol, ifTrue: ifTrue!, ifFalse: ifFalse! }));
  return { kind: "branch", condition: n.node.inputs[0]!, ifTrue: n.graph("then_branch"), ifFalse: n.graph("else_branch"), sizes };
}
const ifOp: Op = {
  name: "If", since: 25, inputs: [1, 1], outputs: [1, Infinity], attributes: { then_branch: { kind: "graph" }, else_branch: { kind: "graph" }, ...found }, sizes: true,
  infer: (n) => {
    expectType(n, 0, ["bool"]);
    expectOne(n, 0);
    const { ifTrue: then, ifFalse: otherwise, sizes } = branchOf(n);
    for (const b of [then, otherwise]) if (b.inputs.length) n.fail(`its branch ${b.name} has the input ${b.inputs.join(", ")}; a branch takes none`);
    if (then.outputs.length !== otherwise.outputs.length) n.fail(`its branches have ${then.outputs.length} and ${otherwise.outputs.length} outputs`);
    return then.outputs.map((_, i) => {
      const a = outputOf(n, then, i), b = outputOf(n, otherwise, i);
      const shape = a.shape.map((d, k) => (d === b.shape[k] ? d : sizes.find((s) => s.ifTrue === d && s.ifFalse === b.shape[k])?.symbol));
      return a.dtype === b.dtype && a.shape.length === b.shape.length && shape.every((d) => d !== undefined) ? { dtype: a.dtype, shape: shape as readonly Dim[] }
        : n.fail(`output ${i} is ${show(a)} by one branch and ${show(b)} by the other`, "give both branches results of one type and rank");
    });
  },
  control: branchOf,
};

/** Types of what a loop makes. */
function looped(n: NodeView, l: Looping): readonly ValueType[] {
  const carried = l.given.flatMap((x, i) => (x.is === "carried" ? [{ first: n.type(n.node.inputs.indexOf(x.first)), input: l.body.inputs[i]! }] : [])), stacked: ValueType[] = [], states: ValueType[] = [];
  if (l.body.inputs.length !== l.given.length) n.fail(`its body has ${l.body.inputs.length} inputs, but is given ${l.given.length}`);
  if (l.body.outputs.length !== l.left.length) n.fail(`its body has ${l.body.outputs.length} outputs instead of ${l.left.length}`);
  const mayEnd = l.limit !== undefined || l.condition !== undefined, taken = l.sizes.find(countsTurns)?.symbol;
  l.left.forEach((x, i) => {
    const t = outputOf(n, l.body, i);
    if (x.is === "condition") return t.dtype === "bool" ? undefined : n.fail(`output ${i} of its body tells whether the loop goes on, and is ${show(t)} instead of bool`);
    const at = states.length + stacked.length;
    if (x.is === "carried") {
      const { first, input } = carried[states.length]!, own = l.body.types.get(input) ?? first;
      const fits = (d: Dim, k: number) => (d === first.shape[k] && d === t.shape[k]) || l.sizes.some((s) => s.symbol === d && s.first === first.shape[k] && s.next === t.shape[k]);
      if (first.dtype !== t.dtype || first.shape.length !== t.shape.length || !own.shape.every(fits)) n.fail(`output ${at} is carried from turn to turn: it begins as ${show(first)} and becomes ${show(t)}`, "give the value one shape in all turns");
      states.push({ dtype: own.dtype, shape: own.shape });
      return;
    }
    const axis = n.axis(x.axis, t.shape.length + 1), length = mayEnd ? l.room ?? taken : l.most;
    if (length === undefined) n.fail(`output ${at} has a slice for each turn, and how many there are is known only at run time`, "state the output's shape in the model, or make the number of turns a constant");
    stacked.push({ dtype: t.dtype, shape: [...t.shape.slice(0, axis), length!, ...t.shape.slice(axis)] });
  });
  return [...states, ...stacked];
}
const isTrue = (g: Graph, v: ValueName): boolean => { const c = g.constants.get(v); return c?.data.length === 1 && Number(c.data[0]) !== 0; };
const loopSizes = (n: NodeView): readonly LoopSize[] => symbolsOf(n, 3).map(([symbol, first, next]) => ({ symbol, first: first!, next: next! }));

function loopOf(n: NodeView): Looping {
  const body = n.graph("body"), [limit = "", condition = "", ...first] = n.node.inputs, count = limit ? n.value(0) : undefined, ends = n.constant(1);
  const carried = first.map((v): Given => ({ is: "carried", first: v })), left = body.outputs.map((_, i): Left => (i === 0 ? { is: "condition" } : i <= first.length ? { is: "carried" } : { is: "slice", axis: 0, reverse: false }));
  if (first.includes("")) n.fail(`carried value ${first.indexOf("")} has nothing to begin with`);
  if (body.outputs.length <= first.length) n.fail(`its body has ${body.outputs.length} outputs, but must leave a condition and ${first.length} carried values`);
  // A condition that never becomes false is none.
  const goes = condition === "" || (ends !== undefined && Number(ends.data[0]) !== 0 && isTrue(body, body.outputs[0] ?? ""));
  const turns = count && largest(0, isSizeList(count) ? count.dims[0]! : Number(count.data[0])), room = (limit && !count) || !goes ? rowsOf(n, first.length) : undefined;
  // Exporters give loops that a condition ends the largest number there is.
  const most = !goes && typeof turns === "number" && turns > mostElements ? undefined : turns, bound = most === undefined ? room : room === undefined ? most : smallest(most, room);
  return {
    kind: "loop", body, given: [{ is: "turn" }, { is: "condition" }, ...carried], left, sizes: loopSizes(n),
    ...(bound === undefined ? {} : { most: bound }), ...(room === undefined ? {} : { room }), ...(limit && !count ? { limit } : {}), ...(goes ? {} : { condition }),
  };
}
/** How many slices there is room for in the outputs behind the carried ones, where the model states their shapes. */
function rowsOf(n: NodeView, states: number): number | undefined {
  const rows = n.node.outputs.slice(states).flatMap((_, i) => {
    const d = (n.outputs[states + i] ?? n.declared(states + i))?.shape[0];
    return typeof d === "number" ? [d] : [];
  });
  return rows.length ? Math.min(...rows) : undefined;
}
const loop: Op = {
  name: "Loop", since: 25, inputs: [0, Infinity], outputs: [1, Infinity], attributes: { body: { kind: "graph" }, ...found }, sizes: true,
  infer: (n) => {
    expectType(n, 0, ["i64"]);
    expectType(n, 1, ["bool"]);
    for (const i of [0, 1]) expectOne(n, i);
    if (!n.has(0) && !n.has(1)) n.fail("nothing ends the loop: it has neither a number of turns nor a condition");
    return looped(n, loopOf(n));
  },
  control: loopOf,
};

function scanOf(n: NodeView): Looping {
  const body = n.graph("body"), slices = n.int("num_scan_inputs"), states = n.node.inputs.length - slices, stacks = body.outputs.length - states;
  if (slices < 0 || states < 0) n.fail(`attribute num_scan_inputs is ${slices}, but it has ${n.node.inputs.length} inputs`);
  const listed = (name: string, i: number) => n.intsOr(name)?.[i] ?? 0;
  const cut = (i: number): Cut => {
    const of = n.node.inputs[states + i]!, axis = n.axis(listed("scan_input_axes", i), n.type(states + i).shape.length);
    return { of, axis, reverse: listed("scan_input_directions", i) === 1 };
  };
  const cuts = Array.from({ length: slices }, (_, i) => cut(i));
  const turns = n.type(states).shape[cuts[0]!.axis]!;
  return {
    kind: "loop", body, most: turns, sizes: loopSizes(n),
    given: [...n.node.inputs.slice(0, states).map((v): Given => ({ is: "carried", first: v })), ...cuts.map((c): Given => ({ is: "slice", ...c }))],
    left: body.outputs.map((v, i): Left => {
      const axis = listed("scan_output_axes", i - states), slice = body.types.get(v) ?? body.constants.get(v);
      return i < states ? { is: "carried" } : { is: "slice", axis: axis < 0 && slice ? axis + slice.shape.length + 1 : axis, reverse: listed("scan_output_directions", i - states) === 1 };
    }),
    ...(stacks < 0 ? n.fail(`its body has ${body.outputs.length} outputs for ${states} states`) : {}),
  };
}
type Cut = { readonly of: ValueName; readonly axis: number; readonly reverse: boolean };
const scan: Op = {
  name: "Scan", since: 25, inputs: [1, Infinity], outputs: [1, Infinity], sizes: true,
  attributes: {
    body: { kind: "graph" }, num_scan_inputs: { kind: "int" }, scan_input_axes: { kind: "ints", optional: true }, scan_input_directions: { kind: "ints", optional: true },
    scan_output_axes: { kind: "ints", optional: true }, scan_output_directions: { kind: "ints", optional: true }, ...found,
  },
  infer: (n) => {
    const l = scanOf(n);
    for (const x of l.given) {
      if (x.is !== "slice") continue;
      const length = n.type(n.node.inputs.indexOf(x.of)).shape[x.axis]!;
      if (!n.same(length, l.most!)) n.fail(`the inputs it scans have ${showDim(l.most!)} and ${showDim(length)} elements along their axes`);
    }
    return looped(n, l);
  },
  control: scanOf,
};

export const controls: readonly Op[] = [ifOp, loop, scan];
