/** Weights made of the model's own when the program starts: a tile of planes at a time, the model's weights in panels in the order they are read. */
import { extentOf, type Compute } from "../../../compiler/ir/compute.ts";
import { contractionOf } from "../../../compiler/ir/contraction.ts";
import type { Schedule } from "../../../compiler/ir/schedule.ts";
import type { InstructionSet } from "../isa.ts";
import { isWeight, packPanels, panelWidth, uses } from "../../../compiler/schedules/pack.ts";
import { tileOf } from "./product.ts";

/** Null unless the Compute is one product of two constants, whose every axis moves one of them. */
export function weightsSchedule(c: Compute, set: InstructionSet): { compute: Compute; schedule: Schedule } | null {
  const [s] = c.stages, p = c.stages.length === 1 ? contractionOf(c, s!) : null, [out] = c.outputs;
  if (!p || !isWeight(c, p.a) || !isWeight(c, p.b)) return null;
  const n = s!.axes[out!.layout.parts.at(-1)!.dim]!;
  if (p.rows.length === 0 || !p.columns.includes(n) || !s!.axes.every((a) => p.rows.includes(a) || p.columns.includes(a))) return null;
  const terms = s!.reduce!.axes, outer = p.columns.filter((a) => a !== n), plane = p.rows.at(-1)!;
  const { rows } = tileOf(set, panelWidth, extentOf(plane), 0), last = terms.at(-1)!.name;
  const { compute } = packPanels(c, s!, p.b, `${p.b.buffer}_packed`, outer.slice(0, -1), [...outer.slice(-1), ...terms].filter((a) => uses(p.b, a)), n);
  return {
    compute, schedule: { stages: { [s!.name]: [
      { split: plane.name, by: rows, into: ["po", "pi"], edge: "balance" },
      { split: n.name, by: panelWidth, into: ["np", "nr"], edge: "peel" }, { split: "nr", by: set.lanes, into: ["nj", "nv"], edge: "peel" },
      { order: [...outer.slice(0, -1).map((a) => a.name), "np", ...outer.slice(-1).map((a) => a.name), ...p.rows.slice(0, -1).map((a) => a.name), "po", ...terms.map((a) => a.name), "pi", "nj", "nv"] },
      { place: [last, "pi", "nj"], as: "unroll" }, { place: ["nv"], as: "vector" },
    ] } },
  };
}
