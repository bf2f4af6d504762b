/** From logical indices to addresses that exist, and the names of elements kept in registers. */
import { fail, mentions, show, type Expr } from "../ir/scalar.ts";
import { int, minus, plus, times } from "../ir/linear.ts";
import { make, substitute } from "../ir/algebra.ts";
import { inside, type Layout } from "../ir/compute.ts";
import { laneVariable } from "./vectorize.ts";
import type { Lane } from "./loops.ts";

/**
 * Under a guard or a select, a load may point outside; its value is then not used, but its address must exist.
 * Moves such an index to the nearest one inside, a vector as a whole (`asOne`) or lane by lane; an index that is surely
 * inside costs nothing. `onClamp` hears of a vector that was moved.
 */
export function clamp(shape: readonly number[], layout: Layout, index: readonly Expr[], lane: Lane | undefined, asOne: boolean, onClamp: () => void): Expr[] {
  return index.map((x, i) => {
    if (inside(shape, layout, i, x)) return x;
    const [before, after] = layout.halo?.[i] ?? [0, 0];
    const moves = lane !== undefined && mentions(x, new Set([lane.name]));
    if (moves) onClamp();
    const lanes = moves && asOne ? laneVariable(lane.name, lane.count) : null;
    // Lanes that lie beside each other keep their distances; others are moved one by one.
    const vector = lanes && !mentions(minus(x, lanes), new Set([lane!.name])) ? lanes : null;
    const first = vector ? minus(x, vector) : x, last = shape[i]! + after - (vector ? lane!.count : 1);
    const moved = make("max", int(-before), make("min", first, int(last)));
    return vector ? plus(moved, vector) : moved;
  });
}
/** The name of an element that stays in a register: its stage and its constant position. */
export function registerKey(stage: string, local: readonly Expr[], lane: string | undefined): string {
  const flat = local.map((x) => (lane ? substitute(x, new Map([[lane, int(0)]])) : x));
  return [stage, ...flat.map((x) => (x.kind === "const" ? x.value : fail(`${stage} in registers has index ${show(x)}: unroll the loops of that index`)))].join("_");
}
/** Nested loops as one counter, and how far it counts. */
export const flatten = (loops: readonly { readonly value: Expr; readonly count: number }[]): { id: Expr; total: number } => loops.reduce<{ id: Expr; total: number }>(
  ({ id, total }, l) => ({ id: plus(times(id, l.count), l.value), total: total * l.count }), { id: int(0), total: 1 });
