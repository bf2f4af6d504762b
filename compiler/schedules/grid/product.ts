/** Sums of products on a grid: every lane makes a tile of rows x one or two vectors of columns; lanes beside each other share rows and weights. */
import type { Expr } from "../../ir/scalar.ts";
import { extentOf, type Compute, type Stage } from "../../ir/compute.ts";
import { contractionOf, isFloat32 } from "../../ir/contraction.ts";
import type { GridFacts } from "../../ir/grid.ts";
import type { Directive } from "../../ir/schedule.ts";
import { accessesOf, byStep, fuseInner, openAxes } from "../access.ts";
import { productShape } from "../product-shape.ts";
import { uses } from "../pack.ts";
import { flatten, type GridPlan } from "./flat.ts";

/** Lanes along columns: more do not share a row of the first operand any better. */
const mostAlongColumns = 16;
/** A lane's tile is no taller than this. */
const mostRows = 8;

/** Null where the stage is no sum of products over contiguous columns, or a launch would need too many groups. */
export function productPlan(c: Compute, s: Stage, g: GridFacts): GridPlan | null {
  const p = contractionOf(c, s), shape = p && productShape(c, s, p, isFloat32);
  if (!shape) return null;
  const { a, b, n, rows, ks, outer, packed } = shape, store: Expr = accessesOf(c, s)[0]!.address;
  ({ compute: c, stage: s } = shape);
  const list = accessesOf(c, s), open = openAxes(c, s), ofK = (l: (typeof list)[number]["load"]) => l !== null && ks.some((k) => uses(l, k));
  const rowLoops = fuseInner(byStep(rows, store), list.filter((x) => x.load === a || !ofK(x.load)), open);
  const kLoops = fuseInner(ks, list.filter((x) => x.load === a || (ofK(x.load) && x.load!.buffer !== packed && x.load !== b)), open);
  const m = rowLoops.loops.at(-1), around = rowLoops.loops.slice(0, -1), N = extentOf(n);
  const vector = g.vector > 1 && N % g.vector === 0 ? g.vector : 1, M = rows.reduce((x, a) => x * extentOf(a), 1);
  // Two vectors of columns for each row of the first operand, where that leaves enough for all lanes to do.
  const vectors = vector > 1 && N % (2 * vector) === 0 && 2 * vector * mostRows <= g.accumulators && M * N * outer.reduce((x, a) => x * extentOf(a), 1) >= 2 * vector * mostRows * g.busy ? 2 : 1;
  const wide = vector * vectors, across = N / wide;
  const rest = flatten([...byStep(outer, store).map((x) => ({ name: x.name, extent: extentOf(x) })), ...around]);
  const tall = tileRows(m?.extent ?? 1, across * rest.extent, wide, g), down = Math.ceil((m?.extent ?? 1) / tall);
  const along = Math.min(mostAlongColumns, g.lanes, powerOfTwo(across)), deep = Math.min(Math.max(1, g.lanes / along), powerOfTwo(down));
  if (Math.ceil(across / along) > g.mostGroups || Math.ceil(down / deep) > g.mostGroups || rest.extent > g.mostGroups) return null;

  const nn = n.name, columns = vector > 1 ? `${nn}_o` : nn, tile = vectors > 1 ? [`${nn}_j`] : [], exact = m && m.extent % tall === 0;
  const directives: Directive[] = [
    ...rowLoops.directives, ...kLoops.directives, ...rest.directives,
    ...(vectors > 1 ? [{ split: nn, by: wide, into: [columns, `${nn}_i`] }, { split: `${nn}_i`, by: vector, into: [`${nn}_j`, `${nn}_v`] }] as const
      : vector > 1 ? [{ split: nn, by: vector, into: [columns, `${nn}_v`] } as const] : []),
    { split: columns, by: along, into: [`${nn}_g`, `${nn}_l`], edge: "guard" },
    ...(m ? [
      { split: m.name, by: tall, into: [`${m.name}_o`, `${m.name}_i`], ...(exact ? {} : { edge: "guard" }) } as Directive,
      { split: `${m.name}_o`, by: deep, into: [`${m.name}_g`, `${m.name}_l`], edge: "guard" } as const,
    ] : []),
    { order: [
      ...(rest.name ? [rest.name] : []), ...(m ? [`${m.name}_g`] : []), `${nn}_g`, ...(m ? [`${m.name}_l`] : []), `${nn}_l`,
      ...kLoops.loops.map((l) => l.name), ...(m ? [`${m.name}_i`] : []), ...tile, ...(vector > 1 ? [`${nn}_v`] : []),
    ] },
    ...(rest.name ? [{ place: [rest.name], as: "group.z" } as const] : []),
    { place: [`${nn}_g`], as: "group.x" }, { place: [`${nn}_l`], as: "lane.x" },
    ...(m ? [{ place: [`${m.name}_g`], as: "group.y" }, { place: [`${m.name}_l`], as: "lane.y" }, { place: [`${m.name}_i`], as: "unroll" }] as const : []),
    ...(vectors > 1 ? [{ place: tile, as: "unroll" } as const] : []), ...(vector > 1 ? [{ place: [`${nn}_v`], as: "vector" } as const] : []),
  ];
  return { compute: c, directives };
}
/** Rows of a lane's tile: as many as registers hold, fewer where lanes would stay idle or rows be left over. */
function tileRows(rows: number, columns: number, wide: number, g: GridFacts): number {
  let tall = Math.max(1, Math.min(mostRows, rows, Math.floor(g.accumulators / wide)));
  while (tall > 1 && Math.ceil(rows / tall) * columns < g.busy) tall = Math.ceil(tall / 2);
  // A little lower without a rest is better than a rest.
  for (let t = tall; t > tall / 2; t--) if (rows % t === 0) return t;
  return tall;
}
const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));
