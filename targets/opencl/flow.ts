/** What a run reads of what its steps have left: which way it goes, and sizes that they find. Tables and texts in C. */
import { elementsBefore, turnsOf } from "../../compiler/emit/flow.ts";
import type { NativeParts } from "../../compiler/emit/native.ts";
import type { WalkView } from "../../compiler/emit/views/opencl.ts";
import { indexText, learned, leaveLines } from "../../compiler/emit/sizes.ts";
import type { Flow } from "../../compiler/ir/control.ts";
import type { Dim } from "../../compiler/ir/graph.ts";
import type { Decision, Place, Program, StepRun } from "../../compiler/ir/program.ts";
import { types } from "../../compiler/ir/types.ts";
import { numberNames } from "./sizes.ts";

/** Null where a run is its steps, one behind the other, and nothing of them is read before its end. */
export function walkOf(program: Program, p: NativeParts, placeText: (place: Place) => string): WalkView | null {
  const found = Array.from(program.steps, (_, step) => ({ step, symbols: learned(program, p.symbols, step) })).filter((x) => x.symbols.length > 0);
  if (!program.flow && found.length === 0) return null;
  const turns = turnsOf(program), names = numberNames(program, p), rows: string[] = [], decisions: string[] = [], leaves: (readonly string[])[] = [], limits: string[] = [];
  const left = (place: Place, bytes: number): string => `${placeText(place)}, (size_t)${indexText(elementsBefore(place.offset, place, 1, turns), names)}, ${bytes}`;
  const decide = (d: Decision | undefined): number => (d ? decisions.push(left(d.place, types[d.dtype].bytes)) - 1 : -1);
  const refuse = [`return ${p.common.NAME}_ERROR_SHAPE;`], limit = (most: Dim | undefined): string => (most === undefined ? "INT64_MAX" : typeof most === "number" ? `${most}` : `${-limits.push(indexText(most, names))}`);
  /** A row for each item, those inside it behind its own. */
  const go = (flow: Flow<StepRun, Decision>): void => flow.forEach((item) => {
    const at = rows.push("") - 1;
    switch (item.kind) {
      case "piece": rows[at] = `{STEPS, ${at + 1}, ${item.piece.first}, ${item.piece.first + item.piece.count}, -1, -1, 0}`; return;
      case "branch": {
        const decision = decide(item.condition);
        go(item.ifTrue);
        const other = rows.length;
        go(item.ifFalse);
        rows[at] = `{BRANCH, ${rows.length}, ${other}, 0, ${decision}, -1, 0}`;
        return;
      }
      case "loop": {
        const decision = decide(item.condition);
        go(item.body);
        rows[at] = `{LOOP, ${rows.length}, 0, 0, ${decision}, ${turns.findIndex((t) => t.loop === item.name)}, ${limit(item.most)}}`;
        return;
      }
      case "leave": rows[at] = `{LEAVE, ${at + 1}, ${leaves.push(leaveLines(item, names, { first: "", meet: "", refuse })) - 1}, 0, -1, -1, 0}`; return;
      default: item satisfies never;
    }
  });
  go(program.flow ?? [{ kind: "piece", piece: { first: 0, count: program.steps.length } }]);
  return {
    rows, count: rows.length, decisions: decisions.map((from, index) => ({ index, from })), turns: turns.length > 0,
    leaves: leaves.map((lines, index) => ({ index, lines })), limits: limits.map((text, index) => ({ index, text })),
    found: found.map(({ step, symbols }) => ({ step, symbols: symbols.map((s) => ({ ...s, from: left(s.place, types[s.dtype].bytes) })), differ: symbols.flatMap((s) => s.differ) })),
  };
}
