/** Algorithms that were measured on a machine, in the place of what the cost models choose. */
import type { Choice, Compute } from "../../ir/compute.ts";
import { canonicalise } from "./canonical.ts";
import { everySet, workKey, type Tuner } from "./tune-schedules.ts";

/** Estimates lie between 0.7 and 1.3 of what is measured: whatever seems to take more than so many times the least time does. */
const hopeless = 1.8;

/**
 * What a Compute is to become, one of `choices` by its name: the tuner's if it has one, else that which is `chosen` among them. The tuner
 * hears of the others in the order of their estimates; where bytes of weights count beside time (`weighed`), of none that has more of them.
 */
export function algorithmFor(c: Compute, choices: readonly Choice[], tuner: Tuner | undefined, weighed = false): Pick<Compute, "choices" | "decision"> & { readonly algorithm: string } {
  const planned = choices.find((x) => x.chosen)!;
  if (!tuner || choices.length < 2) return { choices, algorithm: planned.algorithm };
  const decision = workKey(canonicalise(c, new Map(), true).compute), least = Math.min(...choices.map((x) => x.ms));
  const others = choices.filter((x) => x !== planned && x.ms <= least * hopeless && (!weighed || x.weightBytes <= planned.weightBytes)).sort((a, b) => a.ms - b.ms);
  tuner.hear?.(decision, everySet, others.map((x) => ({ algorithm: x.algorithm })));
  const wanted = tuner.choices[decision]?.[everySet]?.algorithm, found = choices.find((x) => x.algorithm === wanted);
  if (wanted !== undefined && !found) tuner.problem?.(`the choice for ${c.name} ${decision} is ${wanted}, which this layer cannot be computed by: ${choices.map((x) => x.algorithm).join(", ")}`);
  const algorithm = (found ?? planned).algorithm;
  return { choices: choices.map((x) => ({ ...x, chosen: x.algorithm === algorithm })), decision, algorithm };
}
