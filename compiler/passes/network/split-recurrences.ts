/**
 * What a recurrence needs of all steps at once, such as the products of their inputs with weights, becomes a Compute of its own
 * before it: an ordinary one, which is fused, laid out and scheduled as such. Recurrences that do not need each other part too.
 * Needs: nothing. Ensures: a Compute with a recurrence has no stage before it, and no second recurrence, unless some stage needs
 * both. Stands first, so that all other passes see the parts.
 */
import type { Compute, Stage } from "../../ir/compute.ts";
import { loadsIn } from "../../ir/algebra.ts";
import { expressionsOfStage, type Network } from "../../ir/network.ts";
import { recurrencesOf } from "../../ir/recurrence.ts";
import { splitInto } from "./split-stages.ts";

export function splitRecurrences(n: Network): Network {
  const tensors = new Map(n.tensors);
  return { ...n, computes: n.computes.flatMap((c) => { const groups = groupsOf(c); return groups.length > 1 ? splitInto(c, groups, tensors) : [c]; }), tensors };
}
/** Stages that depend on no recurrence, one by one, then each recurrence with what depends on it. */
function groupsOf(c: Compute): readonly (readonly Stage[])[] {
  const runs = recurrencesOf(c), needs = new Map<string, Set<number>>();
  if (runs.length === 0) return [];
  for (const s of c.stages) {
    const own = runs.flatMap((r, i) => (r.stages.includes(s) ? [i] : []));
    needs.set(s.name, new Set([...own, ...loadsIn(expressionsOfStage(s)).flatMap((l) => [...(needs.get(l.buffer) ?? [])])]));
  }
  if ([...needs.values()].some((x) => x.size > 1)) return [];
  const free = c.stages.filter((s) => needs.get(s.name)!.size === 0);
  return [...free.map((s) => [s]), ...runs.map((_, i) => c.stages.filter((s) => needs.get(s.name)!.has(i)))];
}
