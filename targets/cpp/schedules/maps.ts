/** Maps, and reductions without products: lanes along whatever is contiguous. */
import { children, mentions, type Expr, type Load } from "../../../compiler/ir/scalar.ts";
import { extentOf, reductions, type Axis, type Compute, type Stage } from "../../../compiler/ir/compute.ts";
import { isFloat32, isNarrow, isWord, unguarded, windowDims } from "../../../compiler/ir/contraction.ts";
import { loadsIn } from "../../../compiler/ir/algebra.ts";
import type { Directive } from "../../../compiler/ir/schedule.ts";
import { firstCache, type InstructionSet } from "../isa.ts";
import { accessesOf, addressOf, byStep, fuseInner, openAxes, stepOf, type Access, type FusedLoop } from "../../../compiler/schedules/access.ts";
import { isWeight, packLanes, uses } from "../../../compiler/schedules/pack.ts";

/** Directives of a stage, and its loops over axes from the outside in, before lanes are cut off the last; weights may be re-laid. */
export interface StagePlan { readonly compute: Compute; readonly directives: readonly Directive[]; readonly outer: readonly FusedLoop[] }

/** Sums along lanes: four vectors at a time, each with its own sum, as an addition takes four turns. */
const sumsOver = (loop: string, lanes: number): Directive[] => [
  { split: loop, by: 4 * lanes, into: [`${loop}_o`, `${loop}_c`], edge: "peel" }, { split: `${loop}_c`, by: lanes, into: [`${loop}_j`, `${loop}_v`], edge: "peel" },
  { place: [`${loop}_j`], as: "unroll" }, { place: [`${loop}_v`], as: "vector" }, { apart: `${loop}_j` },
];
const names = (loops: readonly FusedLoop[]) => loops.map((l) => l.name);
const lanesOver = (loop: string, lanes: number): Directive[] =>
  [{ split: loop, by: lanes, into: [`${loop}_o`, `${loop}_v`], edge: "peel" }, { place: [`${loop}_v`], as: "vector" }];

/** Loops for a stage without a reduction: neighbours fused, lanes along the innermost where the store is contiguous. */
export function mapPlan(c: Compute, s: Stage, set: InstructionSet): StagePlan {
  const list = accessesOf(c, s), store = list[0]!.address;
  const { loops, directives } = fuseInner(byStep(s.axes, store), list, openAxes(c, s));
  const order: Directive = { order: names(loops) }, last = loops.at(-1);
  const contiguous = last && last.extent > 1 && stepOf(store, last.axes.at(-1)!) === 1;
  // Lanes of whole numbers are worth it where nothing is gathered.
  const hasLanes = contiguous && (isFloat32(s) || (isNarrow(s) && list.every((x) => [0, 1].includes(stepOf(x.address, last.axes.at(-1)!) ?? -1))));
  if (!hasLanes) return { compute: c, directives: [...directives, order], outer: loops };
  const { compute } = packLanes(c, s, last.axes.at(-1)!), along = readAlong(c, list, loops);
  if (!along) return { compute, directives: [...directives, order, ...lanesOver(last.name, set.lanes)], outer: loops.slice(0, -1) };
  // A line of the result at a time, so that the loads find in the first cache what they need of each line.
  const { name } = last, others = loops.filter((l) => l !== last && l !== along);
  const tile: readonly Directive[] = [
    { split: name, by: lineFloats, into: [`${name}_o`, `${name}_c`], edge: "peel" }, { split: `${name}_c`, by: set.lanes, into: [`${name}_j`, `${name}_v`], edge: "peel" },
    { order: [...names(others), `${name}_o`, along.name, `${name}_j`, `${name}_v`] }, { place: [`${name}_v`], as: "vector" },
  ];
  return { compute, directives: [...directives, ...tile], outer: others };
}
const lineFloats = firstCache.line / 4;
/** Where an operand is gathered along the innermost loop (a transposition): the other loop along which it is contiguous. */
function readAlong(c: Compute, list: readonly Access[], loops: readonly FusedLoop[]): FusedLoop | undefined {
  const last = loops.at(-1)!, steps = (x: Access, l: FusedLoop) => Math.abs(stepOf(x.address, l.axes.at(-1)!) ?? 0);
  const gathered = list.filter((x) => x.load && !isWeight(c, x.load) && steps(x, last) >= lineFloats);
  return loops.slice(0, -1).find((l) => l.extent > 1 && gathered.some((x) => steps(x, l) === 1));
}

/** Lanes along an output axis if the loads allow, else along the reduction, else none. */
export function reductionPlan(c: Compute, s: Stage, set: InstructionSet): StagePlan {
  const list = accessesOf(c, s), store = list[0]!.address, outer = byStep(s.axes, store);
  if (s.reduce!.op === "repeat") return turnsPlan(c, s, outer);
  const valueLoads = loadsIn([s.value]), plain = isNarrow(s);
  const fits = (l: Load, a: Axis) => isWeight(c, l) || [0, 1].includes(stepOf(addressOf(c, l), a) ?? -1);
  const lane = plain ? outer.filter((a) => extentOf(a) >= Math.min(4, set.lanes) && stepOf(store, a) === 1)
    .find((a) => valueLoads.every((l) => fits(l, a)) && valueLoads.some((l) => uses(l, a))) : undefined;
  if (lane) {
    const packed = packLanes(c, s, lane);
    return windowPlan(packed.compute, packed.stage, set, lane, outer);
  }
  const main = valueLoads.find((l) => s.reduce!.axes.some((r) => r.range[1] > 0 && l.at.some((i) => mentions(i, new Set([r.name])))));
  const inner = main ? byStep(s.reduce!.axes, addressOf(c, main)) : s.reduce!.axes;
  const { loops, directives } = fuseInner(inner, list.slice(1), openAxes(c, s));
  const last = loops.at(-1), rows = outer.map((a): FusedLoop => ({ name: a.name, extent: extentOf(a), axes: [a] }));
  const order: Directive = { order: [...names(rows), ...names(loops)] };
  const along = last?.axes.at(-1);
  // Whether weights are re-laid must not depend on the instruction set: all share them.
  const contiguous = plain && isWord(s.value.dtype) && last && along && last.extent >= 4 && reductions[s.reduce!.op].lanes !== null
    && valueLoads.every((l) => fits(l, along)) && !unguarded(s.value).guards.some((g) => testsPlace(g, along));
  const packed = contiguous ? packLanes(c, s, along).compute : c;
  return { compute: packed, directives: [...directives, order, ...(contiguous ? sumsOver(last.name, set.lanes) : [])], outer: rows };
}

/** Whether a test asks where along an axis an element is, and not for its value: lanes may then lie on both sides of a border. */
const testsPlace = (e: Expr, a: Axis): boolean => e.kind !== "load" && (e.dtype === "index" ? mentions(e, new Set([a.name])) : children(e).some((x) => testsPlace(x, a)));

/** Elements whose turns are taken together: each waits for what its own turn before has loaded. */
const turnsTogether = 8;
function turnsPlan(c: Compute, s: Stage, outer: readonly Axis[]): StagePlan {
  const last = [...outer].reverse().find((a) => extentOf(a) > 1), others = outer.filter((a) => a !== last), [turn] = s.reduce!.axes.map((a) => a.name);
  const loop = (a: Axis): FusedLoop => ({ name: a.name, extent: extentOf(a), axes: [a] });
  if (!last) return { compute: c, directives: [], outer: outer.map(loop) };
  const directives: readonly Directive[] = [
    { split: last.name, by: turnsTogether, into: [`${last.name}_o`, `${last.name}_i`], edge: "balance" },
    { order: [...others.map((a) => a.name), `${last.name}_o`, turn!, `${last.name}_i`] }, { place: [`${last.name}_i`], as: "unroll" },
  ];
  return { compute: c, directives, outer: others.map(loop) };
}
/** Register tiles of `tall` x `wide` outputs share what they load; small windows are unrolled whole. */
function windowPlan(c: Compute, s: Stage, set: InstructionSet, lane: Axis, outer: readonly Axis[]): StagePlan {
  const others = outer.filter((a) => a !== lane), taps = s.reduce!.axes.reduce((n, a) => n * extentOf(a), 1);
  const moving = loadsIn([s.value]).find((l) => windowDims(c, s, l).length > 0);
  const guarded = unguarded(s.value).guards.length > 0;
  const windowed = others.filter((a) => moving && a.range[1] > 0 && windowDims(c, s, moving).some((d) => mentions(moving.at[d]!, new Set([a.name]))));
  const wide = windowed.at(-1), tall = windowed.at(-2);
  const cut: Directive[] = [{ split: lane.name, by: set.lanes, into: [`${lane.name}_o`, `${lane.name}_v`], edge: "peel" }];
  const vector: Directive = { place: [`${lane.name}_v`], as: "vector" };
  if (!wide || guarded || loadsIn([s.value], moving!.buffer).length > 1) return columnsPlan(c, s, set, lane, others, addressOf(c, loadsIn([s.value])[0]!));
  const stride = Math.max(...windowDims(c, s, moving!).map((d) => Math.abs(stepOf(moving!.at[d]!, wide) ?? 1)));
  const [high, across] = tileOf(set, taps, stride, tall !== undefined);
  const unrolled = taps <= 64;
  const tiles: Directive[] = [];
  if (tall) tiles.push({ split: tall.name, by: high, into: [`${tall.name}_o`, `${tall.name}_i`], edge: "balance" });
  tiles.push({ split: wide.name, by: across, into: [`${wide.name}_o`, `${wide.name}_i`], edge: "balance" });
  const inner = [...(tall ? [`${tall.name}_i`] : []), `${wide.name}_i`], reduce = s.reduce!.axes.map((a) => a.name);
  // With a stride, little of a window is read again by the next: all lines that one vector of channels needs had better stay in the first cache.
  const seen = ((tall ? high * stride : 1) + taps / extentOf(s.reduce!.axes.at(-1)!)) * extentOf(wide) * stride;
  const apart = stride > 1 && seen <= linesApart((stepOf(addressOf(c, moving!), wide) ?? 0) / stride);
  const loopsOf = (a: Axis) => (a === tall || a === wide ? `${a.name}_o` : a.name);
  return {
    compute: c,
    directives: [
      ...tiles, ...cut,
      { order: [...(apart ? [`${lane.name}_o`] : []), ...others.map(loopsOf), ...(apart ? [] : [`${lane.name}_o`]), ...reduce, ...inner, `${lane.name}_v`] },
      { place: [...inner, ...(unrolled ? reduce : [])], as: "unroll" }, vector,
      ...(unrolled ? [{ stream: moving!.buffer } as const, { prefetch: moving!.buffer, next: `${wide.name}_o` } as const] : []),
    ],
    outer: [],
  };
}
/** How many lines the first cache holds at once that lie `step` floats apart. */
function linesApart(step: number): number {
  const { bytes, ways, line } = firstCache, lines = bytes / line, every = step * 4 / line;
  return Number.isInteger(every) ? lines / gcd(every, lines / ways) : lines;
}
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
/** Rows x columns of outputs: as many as the registers hold beside the taps, and no more code than about 200 operations. */
function tileOf(set: InstructionSet, taps: number, stride: number, two: boolean): readonly [number, number] {
  const room = set.registers >= 32 ? (set.lanes === 16 ? 14 : 8) : 4;
  const most = Math.max(2, Math.min(stride > 1 ? Math.min(room, 4) : room, Math.floor(200 / taps)));
  if (!two) return [1, most];
  return most >= 4 ? [2, Math.floor(most / 2)] : [1, most];
}
/** Reduces whole columns, several vectors of them at a time; where little is done to each, as many as half of the registers hold: long pieces of each row. */
function columnsPlan(c: Compute, s: Stage, set: InstructionSet, lane: Axis, others: readonly Axis[], main: Expr): StagePlan {
  const n = lane.name, reduce = byStep(s.reduce!.axes, main).map((a) => a.name), wide = children(s.value).every((e) => e.dtype === "index" || children(e).every((x) => x.dtype === "index"));
  return {
    compute: c,
    directives: [
      { split: n, by: (wide ? set.registers / 2 : 4) * set.lanes, into: [`${n}_o`, `${n}_i`], edge: "peel" }, { split: `${n}_i`, by: set.lanes, into: [`${n}_j`, `${n}_v`], edge: "peel" },
      { order: [...others.map((a) => a.name), `${n}_o`, ...reduce, `${n}_j`, `${n}_v`] },
      { place: [`${n}_j`], as: "unroll" }, { place: [`${n}_v`], as: "vector" },
    ],
    outer: others.map((a): FusedLoop => ({ name: a.name, extent: extentOf(a), axes: [a] })),
  };
}
