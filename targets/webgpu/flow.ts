/** Branches, loops, and sizes that steps find, as tables in JavaScript: what follows what, and what is read of a step's results. */
import { elementsBefore, turnsOf } from "../../compiler/emit/flow.ts";
import type { ModuleWalkView } from "../../compiler/emit/shell-views.ts";
import { mostOf } from "../../compiler/emit/sizes.ts";
import type { Flow } from "../../compiler/ir/control.ts";
import type { Decision, Place, Program, StepRun } from "../../compiler/ir/program.ts";
import type { Expr } from "../../compiler/ir/scalar.ts";
import type { Plan } from "./plan.ts";

/** `textOf` an index over symbols and turns. Null where a run is its steps, one behind the other, and nothing is read before their end. */
export function walkOf(p: Program, plan: Plan, textOf: (e: Expr) => string): ModuleWalkView | null {
  const symbols = (p.symbols ?? []).flatMap(({ variable, from }) => ("place" in from ? [{ variable, from }] : []));
  if (!p.flow && symbols.length === 0) return null;
  const turns = turnsOf(p), reads: string[] = [];
  const read = (place: Place): number => { const { buffer, offset } = plan.find(place); return reads.push(`[${buffer}, ${textOf(elementsBefore(offset, place, 1, turns))}]`) - 1; };
  const decide = (d: Decision | undefined): number => (d ? read(d.place) : -1);
  const go = (flow: Flow<StepRun, Decision>): string => `[${flow.map((item): string => {
    switch (item.kind) {
      case "piece": return `["steps", ${item.piece.first}, ${item.piece.first + item.piece.count}]`;
      case "branch": return `["branch", ${decide(item.condition)}, ${go(item.ifTrue)}, ${go(item.ifFalse)}]`;
      case "loop": { const turn = turns.findIndex((t) => t.loop === item.name); return `["loop", ${turn < 0 ? -1 : symbols.length + turn}, ${item.most === undefined ? Infinity : mostOf(item.most)}, ${decide(item.condition)}, ${go(item.body)}]`; }
      case "leave": throw new Error("sizes that change on the way have no place in the list");
      default: return item satisfies never;
    }
  }).join(", ")}]`;
  const flow = go(p.flow ?? [{ kind: "piece", piece: { first: 0, count: p.steps.length } }]);
  return {
    flow, learned: [...symbols.map((s) => s.variable.name), ...turns.map((t) => t.variable.name)], unknown: [...symbols.map(() => "NaN"), ...turns.map(() => "0")].join(", "),
    found: symbols.map(({ variable, from }) => `{ after: ${from.steps - 1}, read: ${read(from.place)}, least: ${variable.range![0]}, most: ${variable.range![1]} }`), reads,
  };
}
