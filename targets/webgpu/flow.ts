/** Branches, loops, and sizes that steps find, as tables in JavaScript: what follows what, and what is read of a step's results. */
import { elementsBefore, turnsOf } from "../../compiler/emit/flow.ts";
import type { ModuleWalkView } from "../../compiler/emit/views/webgpu.ts";
import type { Flow, Leave } from "../../compiler/ir/control.ts";
import type { Dim } from "../../compiler/ir/graph.ts";
import type { Decision, Place, Program, StepRun } from "../../compiler/ir/program.ts";
import type { Plan } from "./plan.ts";

/** `textOf`: an index over symbols and turns. Null where a run is its steps, one behind the other, and nothing is read before their end. */
export function walkOf(p: Program, plan: Plan, textOf: (e: Dim) => string): ModuleWalkView | null {
  const symbols = (p.symbols ?? []).flatMap(({ variable, from }) => ("place" in from ? [{ variable, from }] : []));
  if (!p.flow && symbols.length === 0) return null;
  const turns = turnsOf(p), changing = (p.symbols ?? []).flatMap(({ variable, from }) => ("flow" in from ? [variable] : [])), learned = [...symbols.map((s) => s.variable), ...changing, ...turns.map((t) => t.variable)].map((v) => v.name);
  const reads: string[] = [], leaves: string[] = [], limits: string[] = [];
  const read = (place: Place): number => { const { buffer, offset } = plan.find(place); return reads.push(`[${buffer}, ${textOf(elementsBefore(offset, place, 1, turns))}]`) - 1; };
  const decide = (d: Decision | undefined): number => (d ? read(d.place) : -1);
  const limit = (most: Dim | undefined): number => (most === undefined ? Infinity : typeof most === "number" ? most : -limits.push(textOf(most)));
  const leave = ({ sizes, equalities }: Leave<Decision>): number => leaves.push(`{ sizes: [${sizes.map(({ symbol, value }) => `[${learned.indexOf(symbol.name)}, ${textOf(value)}, ${symbol.range!.join(", ")}]`).join(", ")}], equal: [${equalities.map((e) => `[${[...e.sizes.map(textOf), ...(e.demand === undefined ? [] : [JSON.stringify(`a run is refused unless ${e.demand}`)])].join(", ")}]`).join(", ")}] }`) - 1;
  const go = (flow: Flow<StepRun, Decision>): string => `[${flow.map((item): string => {
    switch (item.kind) {
      case "piece": return `["steps", ${item.piece.first}, ${item.piece.first + item.piece.count}]`;
      case "branch": return `["branch", ${decide(item.condition)}, ${go(item.ifTrue)}, ${go(item.ifFalse)}]`;
      case "loop": { const turn = turns.findIndex((t) => t.loop === item.name); return `["loop", ${turn < 0 ? -1 : learned.length - turns.length + turn}, ${limit(item.most)}, ${decide(item.condition)}, ${go(item.body)}]`; }
      case "leave": return `["leave", ${leave(item)}]`;
      default: return item satisfies never;
    }
  }).join(", ")}]`;
  const flow = go(p.flow ?? [{ kind: "piece", piece: { first: 0, count: p.steps.length } }]);
  return {
    flow, learned, leaves, limits, unknown: learned.map((_, i) => (i < learned.length - turns.length ? "NaN" : "0")).join(", "),
    found: symbols.map(({ variable, from }) => `{ after: ${from.steps - 1}, read: ${read(from.place)}, least: ${variable.range![0]}, most: ${variable.range![1]} }`), reads,
  };
}
