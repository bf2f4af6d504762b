/** Loops for devices that run a kernel as a grid of groups of lanes, told from the Compute's structure and the device's facts. */
import type { Compute } from "../../ir/compute.ts";
import type { GridFacts } from "../../ir/grid.ts";
import type { Schedule } from "../../ir/schedule.ts";
import { flatPlan } from "./flat.ts";
import { productPlan } from "./product.ts";
import { rowsPlan } from "./rows.ts";
import { stepsPlan } from "./steps.ts";
import { treePlan } from "./tree.ts";

export { together } from "./rows.ts";

/** Needs: split-stages has run, so that what is not computed inside the last stage's loops has a Compute of its own. */
export function scheduleGrid(c: Compute, g: GridFacts): { compute: Compute; schedule: Schedule } {
  const whole = stepsPlan(c, g) ?? rowsPlan(c, g) ?? treePlan(c, g);
  if (whole) return whole;
  const s = c.stages.at(-1)!, { compute, directives } = productPlan(c, s, g) ?? flatPlan(c, s, g);
  return { compute, schedule: { stages: { [s.name]: directives } } };
}
