/** Steps with sub-graphs: branches, loops and scans, inside each other, which read what is around them. */
import type { Dim, Graph } from "../../compiler/ir/graph.ts";
import { misfit, type Scene, type Step } from "./scene.ts";

/** Takes so many steps, some of them with sub-graphs, behind what a scene has. */
export type Grow = (s: Scene, count: number) => void;

const c = (s: Scene, n: number): string => s.b.constant([], [n], "i64");
const same = (a: readonly Dim[], b: readonly Dim[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);
const mean = (s: Scene, x: string): string => s.op("ReduceMean", [x], { keepdims: 0 });
/** A value of these sizes made of `x`; misfit where they are open and nothing here has them. */
function fitted(s: Scene, x: string, dims: readonly Dim[]): string {
  if (same(s.dims(x), dims)) return x;
  const like = s.floats.findLast((v) => same(s.dims(v), dims)) ?? s.numbers(dims.map((d) => (typeof d === "number" ? d : misfit())));
  return s.op(s.draw.pick(["Add", "Mul"]), [like, mean(s, x)]);
}
/** A bool of one element: known, given, or computed of `x`, whose mean may be 0 but for rounding. */
function truth(s: Scene, x: string): string {
  const { draw } = s;
  switch (draw.int(0, 4)) {
    case 0: return s.b.constant([], [draw.int(0, 1)], "bool");
    case 1: return s.input(draw.chance(0.7) ? [] : [1], "bool");
    default: return s.op(draw.pick(["Greater", "Less"]), [mean(s, x), s.b.scalar(draw.pick([0.0137, 0.113, -0.0871]))]);
  }
}
/** A number of turns, all but never more than 5: none, known, given, computed, or a size. */
function turns(s: Scene, x: string): string {
  const { draw } = s, count = () => s.op("ReduceSum", [s.op("Cast", [s.op("Greater", [x, s.b.scalar(0)])], { to: 7 })], { keepdims: 0 });
  switch (draw.int(0, 5)) {
    case 0: return "";
    case 1: return s.input([], "i64");
    case 2: return s.op("Mod", [count(), c(s, 5)]);
    case 3: { const axis = draw.int(0, s.rank(x) - 1); return s.dim(x, axis) <= 24 ? s.op("Gather", [s.op("Shape", [x]), c(s, axis)], { axis: 0 }) : misfit(); }
    default: return s.b.constant(draw.chance(0.8) ? [] : [1], [draw.pick([1, 2, 2, 3, 3, 4, 5])], "i64");
  }
}
/** What the next turn is given in the place of `state`. */
function next(s: Scene, state: string): string {
  const made = fitted(s, s.draw.chance(0.7) ? s.floats.at(-1)! : s.draw.pick(s.floats), s.dims(state));
  return s.draw.chance(0.6) ? s.op("Tanh", [made]) : made;
}
const several = (s: Scene, most: number): readonly string[] => Array.from({ length: s.draw.int(0, most) }, () => s.draw.pick(s.floats));

const branch = (grow: Grow): Step => (s, x) => {
  const { draw } = s, condition = truth(s, x), count = draw.pick([1, 1, 1, 2]), wanted: (readonly Dim[])[] = [];
  const side = (): Graph => {
    const inner = s.inner(), outputs: string[] = [];
    inner.floats.push(x);
    grow(inner, draw.int(0, 3));
    for (let i = 0; i < count; i++) {
      const made = i === 0 || draw.chance(0.5) ? inner.floats.at(-1)! : draw.pick(inner.floats), dims = wanted[i];
      // Sizes may differ, numbers of them not.
      outputs.push(!dims || (dims.length === inner.rank(made) && draw.chance(0.2)) ? made : fitted(inner, made, dims));
      wanted[i] ??= inner.dims(outputs[i]!);
    }
    return inner.finish(outputs);
  };
  const ifTrue = side(), ifFalse = side();
  return s.ops("If", [condition], count, draw.chance(0.5) ? { then_branch: ifTrue, else_branch: ifFalse } : { then_branch: ifFalse, else_branch: ifTrue });
};
/** What depends on the number of a turn. */
function counted(s: Scene, turn: string, state: string): string {
  const axis = s.dims(state).findIndex((d) => typeof d === "number" && d > 1);
  if (axis < 0 || s.draw.chance(0.6)) return s.op("Add", [state, s.op("Mul", [s.op("Cast", [turn], { to: 1 }), s.b.scalar(0.1)])]);
  const table = s.numbers([s.draw.int(1, 4), s.dim(state, -1)]), row = s.op("Gather", [table, s.op("Mod", [turn, c(s, s.dim(table, 0))])], { axis: 0 });
  return typeof s.dims(state).at(-1) === "number" ? s.op("Mul", [state, row]) : misfit();
}
/** One row, or so, more in each turn. */
function longer(s: Scene, state: string): string {
  const axis = s.draw.int(0, s.rank(state) - 1);
  return s.op("Concat", [state, s.op("ReduceMean", [state, s.b.ints(axis)], { keepdims: 1 })], { axis });
}
const loop = (grow: Grow): Step => (s, x) => {
  const { draw } = s, limit = turns(s, x), firsts = [x, ...(draw.chance(0.3) ? [draw.pick(s.floats)] : [])], inner = s.inner();
  const shape = draw.chance(0.8) ? [] : [1], turn = inner.own(shape, "i64"), goes = inner.own(shape, "bool"), states = firsts.map((v) => inner.own(s.dims(v)));
  inner.floats.push(...states);
  if (draw.chance(0.5)) inner.floats.push(counted(inner, turn, states[0]!));
  grow(inner, draw.int(1, 3));
  const left = states.map((v) => (draw.chance(0.08) && inner.rank(v) > 0 ? longer(inner, v) : next(inner, v))), slices = draw.chance(0.5) ? several(inner, 2) : [];
  const small = (): string => inner.op("Less", [inner.op("ReduceMean", [inner.op("Abs", [left[0]!])], { keepdims: 0 }), inner.b.scalar(draw.pick([0.31, 0.53, 1.03]))]);
  const early = (): string => inner.op("Less", [turn, c(inner, draw.int(0, 4))]);
  // Without a number of turns only the condition ends the loop.
  const on = limit === "" ? (draw.chance(0.5) ? early() : inner.op("And", [early(), small()])) : draw.chance(0.4) ? small() : draw.chance(0.5) ? goes : inner.b.constant([], [1], "bool");
  const condition = draw.chance(0.5) && limit !== "" ? "" : draw.chance(0.6) ? s.b.constant([], [1], "bool") : truth(s, x);
  return s.ops("Loop", [limit, condition, ...firsts], states.length + slices.length, { body: inner.finish([on, ...left, ...slices]) });
};
const scan = (grow: Grow): Step => (s, x) => {
  const { draw } = s, axisOf = (v: string) => s.dims(v).indexOf(length), first = s.rank(x) ? draw.int(0, s.rank(x) - 1) : misfit(), length = s.dims(x)[first]!;
  const mates = s.floats.filter((v) => v !== x && axisOf(v) >= 0), cut = [{ of: x, axis: first }, ...(mates.length && draw.chance(0.4) ? [draw.pick(mates)].map((of) => ({ of, axis: axisOf(of) })) : [])];
  if (s.dim(x, first) > 24) misfit();
  const own = s.dims(x).toSpliced(first, 1), start = () => (draw.chance(0.5) ? s.op("ReduceMax", [x, s.b.ints(first)], { keepdims: 0 }) : s.numbers(draw.chance(0.5) ? [] : own.map((d) => (typeof d === "number" ? d : misfit()))));
  const firsts = draw.chance(0.75) ? [start()] : [], inner = s.inner(), states = firsts.map((v) => inner.own(s.dims(v)));
  inner.floats.push(...states, ...cut.map(({ of, axis }) => inner.own(s.dims(of).toSpliced(axis, 1))));
  if (states.length && draw.chance(0.8)) inner.floats.push(inner.op("Add", [states[0]!, inner.floats.at(-1)!]));
  grow(inner, draw.int(0, 3));
  const left = states.map((v) => next(inner, v)), slices = [...(states.length ? [] : [inner.floats.at(-1)!]), ...several(inner, 1)];
  const way = (n: number, list: () => number): readonly number[] | undefined => (n && draw.chance(0.5) ? Array.from({ length: n }, list) : undefined);
  const axes = cut.some((x) => x.axis > 0) || draw.chance(0.5) ? cut.map(({ of, axis }) => (draw.chance(0.7) ? axis : axis - s.rank(of))) : undefined;
  const ways = way(cut.length, () => draw.int(0, 1)), outAxes = draw.chance(0.5) && slices.length ? slices.map((v) => draw.int(-1 - inner.rank(v), inner.rank(v))) : undefined, outWays = way(slices.length, () => draw.int(0, 1));
  return s.ops("Scan", [...firsts, ...cut.map((x) => x.of)], states.length + slices.length, {
    num_scan_inputs: cut.length, body: inner.finish([...left, ...slices]),
    ...(axes ? { scan_input_axes: axes } : {}), ...(ways ? { scan_input_directions: ways } : {}), ...(outAxes ? { scan_output_axes: outAxes } : {}), ...(outWays ? { scan_output_directions: outWays } : {}),
  });
};

/** By how often they come. */
export const controlSteps = (grow: Grow): readonly (readonly [weight: number, step: Step])[] => [[4, branch(grow)], [4, loop(grow)], [3, scan(grow)]];
