/**
 * Operators with sub-graphs: If, Loop, Scan. Their entries describe what they do (ir/control.ts); inference types the sub-graphs before
 * it asks for the types of the outputs.
 */
import type { Graph, TensorType, ValueName } from "../ir/graph.ts";
import { boundOf, isStatic } from "../ir/graph.ts";
import type { Given, Left, Looping } from "../ir/control.ts";
import { expectOne } from "./checks.ts";
import { expectType, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** The type of output `i` of a sub-graph. */
function outputOf(n: NodeView, g: Graph, i: number): TensorType {
  const v = g.outputs[i]!, t = g.types.get(v) ?? g.constants.get(v);
  return t && isStatic(t) ? t : n.fail(`output ${v} of its graph ${g.name} has no type`);
}
const show = (t: TensorType): string => `${t.dtype}${showShape(t.shape)}`;
const same = (a: TensorType, b: TensorType): boolean => a.dtype === b.dtype && a.shape.join() === b.shape.join();

const ifOp: Op = {
  name: "If", since: 25, inputs: [1, 1], outputs: [1, Infinity], attributes: { then_branch: { kind: "graph" }, else_branch: { kind: "graph" } },
  infer: (n) => {
    expectType(n, 0, ["bool"]);
    expectOne(n, 0);
    const then = n.graph("then_branch"), otherwise = n.graph("else_branch");
    if (then.outputs.length !== otherwise.outputs.length) n.fail(`its branches have ${then.outputs.length} and ${otherwise.outputs.length} outputs`);
    return then.outputs.map((_, i) => {
      const a = outputOf(n, then, i), b = outputOf(n, otherwise, i);
      return same(a, b) ? a : n.fail(`output ${i} is ${show(a)} by one branch and ${show(b)} by the other`, "give both branches results of one shape");
    });
  },
  control: (n) => ({ kind: "branch", condition: n.node.inputs[0]!, ifTrue: n.graph("then_branch"), ifFalse: n.graph("else_branch") }),
};

/** Types of what a loop makes. `turns` is how often it repeats its body, where that is known. */
function looped(n: NodeView, l: Looping, turns: number | undefined): readonly TensorType[] {
  const carried = l.given.flatMap((x) => (x.is === "carried" ? [x.first] : [])), stacked: TensorType[] = [], states: TensorType[] = [];
  if (l.body.inputs.length !== l.given.length) n.fail(`its body has ${l.body.inputs.length} inputs, but is given ${l.given.length}`);
  if (l.body.outputs.length !== l.left.length) n.fail(`its body has ${l.body.outputs.length} outputs instead of ${l.left.length}`);
  l.left.forEach((x, i) => {
    if (x.is === "condition") return;
    const t = outputOf(n, l.body, i), at = states.length + stacked.length;
    if (x.is === "carried") {
      const first = n.in(n.node.inputs.indexOf(carried[states.length]!));
      if (!same(first, t)) n.fail(`output ${at} is carried from turn to turn: it begins as ${show(first)} and becomes ${show(t)}`, "give the value one shape in all turns");
      states.push(t);
      return;
    }
    const axis = n.axis(x.axis, t.shape.length + 1), length = turns ?? n.declared(at)?.shape[axis] ?? l.most;
    if (length === undefined) n.fail(`output ${at} has a slice for each turn, and how many there are is known only at run time`, "state the output's shape in the model, or make the number of turns a constant");
    stacked.push({ dtype: t.dtype, shape: [...t.shape.slice(0, axis), length!, ...t.shape.slice(axis)] });
  });
  return [...states, ...stacked];
}
const isTrue = (g: Graph, v: ValueName): boolean => { const c = g.constants.get(v); return c?.data.length === 1 && Number(c.data[0]) !== 0; };

function loopOf(n: NodeView): Looping {
  const body = n.graph("body"), [limit = "", condition = "", ...first] = n.node.inputs, count = n.constant(0), ends = n.constant(1);
  const carried = first.map((v): Given => ({ is: "carried", first: v })), left = body.outputs.map((_, i): Left => (i === 0 ? { is: "condition" } : i <= first.length ? { is: "carried" } : { is: "slice", axis: 0, reverse: false }));
  // A condition that never becomes false is none.
  const goes = condition === "" || (ends !== undefined && Number(ends.data[0]) !== 0 && isTrue(body, body.outputs[0] ?? ""));
  const most = count ? Math.max(0, Number(count.data[0])) : rowsOf(n, first.length);
  return {
    kind: "loop", body, given: [{ is: "turn" }, { is: "condition" }, ...carried], left,
    ...(most === undefined ? {} : { most }), ...(limit && !count ? { limit } : {}), ...(goes ? {} : { condition }),
  };
}
/** How many slices there is room for in the outputs behind the carried ones, where the model states their shapes. */
function rowsOf(n: NodeView, states: number): number | undefined {
  const rows = n.node.outputs.slice(states).flatMap((_, i) => {
    const t = n.outputs[states + i] ?? n.declared(states + i);
    return t ? boundOf(t).shape.slice(0, 1) : [];
  });
  return rows.length ? Math.min(...rows) : undefined;
}
const loop: Op = {
  name: "Loop", since: 25, inputs: [0, Infinity], outputs: [1, Infinity], attributes: { body: { kind: "graph" } },
  infer: (n) => {
    expectType(n, 0, ["i64"]);
    expectType(n, 1, ["bool"]);
    for (const i of [0, 1]) expectOne(n, i);
    const l = loopOf(n);
    if (!n.has(0) && !n.has(1)) n.fail("nothing ends the loop: it has neither a number of turns nor a condition");
    return looped(n, l, l.limit === undefined && l.condition === undefined ? l.most : undefined);
  },
  control: loopOf,
};

function scanOf(n: NodeView): Looping {
  const body = n.graph("body"), slices = n.int("num_scan_inputs"), states = n.node.inputs.length - slices, stacks = body.outputs.length - states;
  if (slices < 0 || states < 0) n.fail(`attribute num_scan_inputs is ${slices}, but it has ${n.node.inputs.length} inputs`);
  const listed = (name: string, i: number) => n.intsOr(name)?.[i] ?? 0;
  const cut = (i: number): Cut => {
    const of = n.node.inputs[states + i]!, axis = n.axis(listed("scan_input_axes", i), n.in(states + i).shape.length);
    return { of, axis, reverse: listed("scan_input_directions", i) === 1 };
  };
  const cuts = Array.from({ length: slices }, (_, i) => cut(i));
  const turns = n.in(states).shape[cuts[0]!.axis]!;
  return {
    kind: "loop", body, most: turns,
    given: [...n.node.inputs.slice(0, states).map((v): Given => ({ is: "carried", first: v })), ...cuts.map((c): Given => ({ is: "slice", ...c }))],
    left: body.outputs.map((_, i): Left => {
      const axis = listed("scan_output_axes", i - states), rank = n.outputs[i]?.shape.length ?? 0;
      return i < states ? { is: "carried" } : { is: "slice", axis: axis < 0 ? axis + rank : axis, reverse: listed("scan_output_directions", i - states) === 1 };
    }),
    ...(stacks < 0 ? n.fail(`its body has ${body.outputs.length} outputs for ${states} states`) : {}),
  };
}
type Cut = { readonly of: ValueName; readonly axis: number; readonly reverse: boolean };
const scan: Op = {
  name: "Scan", since: 25, inputs: [1, Infinity], outputs: [1, Infinity],
  attributes: {
    body: { kind: "graph" }, num_scan_inputs: { kind: "int" }, scan_input_axes: { kind: "ints", optional: true }, scan_input_directions: { kind: "ints", optional: true },
    scan_output_axes: { kind: "ints", optional: true }, scan_output_directions: { kind: "ints", optional: true },
  },
  infer: (n) => {
    const l = scanOf(n);
    for (const x of l.given) {
      if (x.is !== "slice") continue;
      const length = n.in(n.node.inputs.indexOf(x.of)).shape[x.axis];
      if (length !== l.most) n.fail(`the inputs it scans have ${l.most} and ${length} elements along their axes`);
    }
    return looped(n, l, l.most);
  },
  control: scanOf,
};

export const controls: readonly Op[] = [ifOp, loop, scan];
