/**
 * What a tuner may change of a schedule, told from its directives alone, so that every schedule offers it without a word about tuning:
 * sizes of register tiles, of blocks of them, and whether panels are asked for early. No choice changes a result.
 */
import type { Directive, Schedule } from "../ir/schedule.ts";

/** Values by the names of knobs: { "y/m": 8, "y/prefetch": false }. Of what is no schedule's to choose, names: { algorithm: "direct" }. */
export type Choice = Readonly<Record<string, number | boolean | string>>;
type Split = Extract<Directive, { split: string }>;
/** A split that may have another size. tile: its inner loop is unrolled; columns: unrolled vectors, `unit` lanes each; block: neither. */
interface Knob { readonly name: string; readonly kind: "tile" | "columns" | "block"; readonly by: number; readonly unit: number }

const splitsOf = (list: readonly Directive[]): readonly Split[] => list.flatMap((d) => ("split" in d ? [d] : []));
const placed = (list: readonly Directive[], as: "unroll" | "vector"): ReadonlySet<string> => new Set(list.flatMap((d) => ("place" in d && d.as === as ? d.place : [])));
const mostRows = 16;
/** Blocks that end at whole panels and vectors of every instruction set. */
const leastBlock = 16;

function knobsOf(stage: string, list: readonly Directive[]): readonly Knob[] {
  const unrolled = placed(list, "unroll"), vector = placed(list, "vector"), splits = splitsOf(list);
  return splits.flatMap((s): Knob[] => {
    const [outer, inner] = s.into, next = splits.find((x) => x.split === inner), name = `${stage}/${s.split}`;
    // What a guard or an unrolled outer loop cuts belongs to the algorithm; lanes belong to the processor.
    if (s.edge === "guard" || s.edge === undefined || unrolled.has(outer) || vector.has(inner)) return [];
    if (unrolled.has(inner)) return [{ name, kind: "tile", by: s.by, unit: 1 }];
    if (next && vector.has(next.into[1]) && unrolled.has(next.into[0]) && s.by % next.by === 0) return [{ name, kind: "columns", by: s.by, unit: next.by }];
    return next && vector.has(next.into[1]) ? [] : [{ name, kind: "block", by: s.by, unit: 1 }];
  });
}
/** Rows x vectors that filled registers on some machine. */
const tiles: readonly (readonly [rows: number, vectors: number])[] =
  [[14, 1], [12, 1], [8, 1], [6, 1], [14, 2], [12, 2], [8, 2], [6, 2], [4, 2], [8, 3], [7, 3], [6, 3], [4, 3], [6, 4], [5, 4], [4, 4]];

/** Other choices for a schedule, each worth a measurement: one tile, one block or one prefetch at a time. */
export function candidatesOf(s: Schedule): readonly Choice[] {
  return Object.entries(s.stages).flatMap(([stage, list]): Choice[] => {
    const knobs = knobsOf(stage, list), found: Choice[] = [], of = (kind: Knob["kind"]) => knobs.filter((k) => k.kind === kind);
    const [columns] = of("columns"), [tile] = of("tile");
    if (columns && tile && of("columns").length === 1 && of("tile").length === 1) {
      const now = tile.by * (columns.by / columns.unit), most = Math.max(now, columns.unit >= 16 ? 28 : 12);
      for (const [rows, vectors] of tiles) {
        const same = rows === tile.by && vectors * columns.unit === columns.by;
        if (!same && rows * vectors <= most && 2 * rows * vectors >= now) found.push({ [tile.name]: rows, [columns.name]: vectors * columns.unit });
      }
    } else for (const k of of("tile")) for (const by of new Set([Math.ceil(k.by / 2), k.by - 1, k.by + 1, k.by * 2])) if (by >= 1 && by !== k.by && by <= mostRows) found.push({ [k.name]: by });
    for (const k of of("block")) for (const by of [Math.ceil(k.by / 2), k.by * 2]) if (by >= Math.min(leastBlock, k.by)) found.push({ [k.name]: by });
    if (list.some((d) => "prefetch" in d)) found.push({ [`${stage}/prefetch`]: false });
    return found;
  });
}
/** The schedule as chosen; null where it has no such knobs, or not with such values: the choice was made for another one. */
export function turned(s: Schedule, choice: Choice): Schedule | null {
  const left = new Map(Object.entries(choice));
  const stages = Object.fromEntries(Object.entries(s.stages).map(([stage, list]): [string, readonly Directive[]] => {
    const knobs = new Map(knobsOf(stage, list).map((k) => [k.name, k])), quiet = left.get(`${stage}/prefetch`) === false && list.some((d) => "prefetch" in d);
    if (quiet) left.delete(`${stage}/prefetch`);
    return [stage, list.flatMap((d): Directive[] => {
      if ("prefetch" in d) return quiet ? [] : [d];
      const knob = "split" in d ? knobs.get(`${stage}/${d.split}`) : undefined, by = knob && left.get(knob.name);
      if (!knob || !("split" in d) || typeof by !== "number" || !Number.isInteger(by) || by < 1 || by % knob.unit !== 0) return [d];
      left.delete(knob.name);
      return [{ ...d, by }];
    })];
  }));
  return left.size ? null : { ...s, stages };
}
