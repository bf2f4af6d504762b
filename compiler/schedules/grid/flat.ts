/** Grids without tiles: every lane makes one element of a stage, or one vector of them, and reduces by itself. */
import { mentions, type Load } from "../../ir/scalar.ts";
import { loadsIn } from "../../ir/algebra.ts";
import { extentOf, type Axis, type Compute, type Stage } from "../../ir/compute.ts";
import { isFloat32 } from "../../ir/contraction.ts";
import type { GridFacts } from "../../ir/grid.ts";
import { expressionsOfStage } from "../../ir/network.ts";
import type { Directive } from "../../ir/schedule.ts";
import { accessesOf, addressOf, byStep, fuseInner, openAxes, stepOf } from "../access.ts";
import { isWeight, packLanes, uses } from "../pack.ts";

/** The Compute may have gained weights in another order. */
export interface GridPlan { readonly compute: Compute; readonly directives: readonly Directive[] }

/** Spreads all elements over groups of lanes, neighbours beside each other. */
export function flatPlan(c: Compute, s: Stage, g: GridFacts): GridPlan {
  const store = accessesOf(c, s)[0]!.address, axes = byStep(s.axes, store), inner = axes.at(-1);
  const lane = inner && vectorAxis(c, s, inner, g) ? inner : undefined;
  if (lane) ({ compute: c, stage: s } = packLanes(c, s, lane));
  const list = accessesOf(c, s);
  const outer = lane ? [...axes.slice(0, -1)] : axes, cut: Directive[] = [];
  if (lane) cut.push({ split: lane.name, by: g.vector, into: [`${lane.name}_o`, `${lane.name}_v`] });
  const loops = [...outer.map((a) => ({ name: a.name, extent: extentOf(a) })), ...(lane ? [{ name: `${lane.name}_o`, extent: extentOf(lane) / g.vector }] : [])];
  const flat = flatten(loops), main = loadsIn([s.value]).find((l) => (s.reduce?.axes ?? []).some((r) => uses(l, r)));
  const reduce = fuseInner(main ? byStep(s.reduce!.axes, addressOf(c, main)) : s.reduce?.axes ?? [], list.slice(1), openAxes(c, s));
  const grid = spread(flat.name, flat.extent, g);
  return {
    compute: c,
    directives: [
      ...cut, ...flat.directives, ...reduce.directives, ...grid.directives,
      { order: [...grid.loops, ...reduce.loops.map((l) => l.name), ...(lane ? [`${lane.name}_v`] : [])] },
      ...grid.places, ...(lane ? [{ place: [`${lane.name}_v`], as: "vector" } as const] : []),
    ],
  };
}
/** Whether vectors along the axis store whole and load mostly whole. */
function vectorAxis(c: Compute, s: Stage, a: Axis, g: GridFacts): boolean {
  const store = accessesOf(c, s)[0]!.address;
  if (g.vector < 2 || !isFloat32(s) || extentOf(a) % g.vector !== 0 || stepOf(store, a) !== 1) return false;
  const step = (l: Load) => stepOf(addressOf(c, l), a), loads = loadsIn(expressionsOfStage(s)).filter((l) => uses(l, a));
  const whole = (l: Load) => step(l) === 1 || (isWeight(c, l) && !l.at.some((i) => mentions(i, new Set(["acc"]))));
  return loads.filter(whole).length * 2 > loads.length || loads.length === 0;
}

interface Loop { readonly name: string; readonly extent: number }
/** Loops, outermost first, as one. */
export function flatten(loops: readonly Loop[]): Loop & { readonly directives: readonly Directive[] } {
  const [first, ...rest] = loops.filter((l, i) => l.extent > 1 || i === loops.length - 1), ones = loops.filter((l) => l !== first && !rest.includes(l));
  if (!first) return { name: "", extent: 1, directives: [] };
  return [...rest, ...ones].reduce<Loop & { readonly directives: readonly Directive[] }>((a, l) => {
    const name = `${a.name}${l.name}`, ab = ones.includes(l) ? ([l.name, a.name] as const) : ([a.name, l.name] as const);
    return { name, extent: a.extent * l.extent, directives: [...a.directives, { fuse: ab, into: name, tight: true }] };
  }, { ...first, directives: [] });
}
/** One loop over groups and lanes; over two dimensions of groups where one has too few. */
export function spread(name: string, extent: number, g: GridFacts): { readonly directives: readonly Directive[]; readonly loops: readonly string[]; readonly places: readonly Directive[] } {
  if (name === "") return { directives: [], loops: [], places: [] };
  let lanes = g.lanes;
  while (lanes > 1 && lanes / 2 >= extent) lanes /= 2;
  const [group, lane] = [`${name}_g`, `${name}_l`], groups = Math.ceil(extent / lanes), many = groups > g.mostGroups;
  const wide = 2 ** Math.floor(Math.log2(g.mostGroups));
  return {
    directives: [
      { split: name, by: lanes, into: [group, lane], edge: "guard" },
      ...(many ? [{ split: group, by: wide, into: [`${group}y`, `${group}x`], edge: "guard" } as const] : []),
    ],
    loops: [...(many ? [`${group}y`, `${group}x`] : [group]), lane],
    places: [
      ...(many ? [{ place: [`${group}y`], as: "group.y" } as const, { place: [`${group}x`], as: "group.x" } as const] : [{ place: [group], as: "group.x" } as const]),
      { place: [lane], as: "lane.x" },
    ],
  };
}
