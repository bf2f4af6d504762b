/** Branches and loops around the steps, as lines of C. */
import { flowsIn, type Flow, type Item, type Leave } from "../ir/control.ts";
import type { Dim } from "../ir/graph.ts";
import type { Decision, PerTurn, Place, Program, StepRun } from "../ir/program.ts";
import { int, plus, times } from "../ir/linear.ts";
import { parameter, type Expr, type Var } from "../ir/scalar.ts";
import { mostOf } from "./sizes.ts";

/** What stands around one step: whole lines before and behind it, and how far in the step itself is. */
export interface Around {
  readonly opens: readonly string[];
  readonly closes: readonly string[];
  readonly indent: string;
  /** Whether another step than the one in front of it may have run just before, or what decides has just been read. */
  readonly fresh: boolean;
}
/** How C is written for a decision, a size, and what symbols become; and the line after which all tasks have come here, "" where there is only one. */
export interface FlowWords { readonly decision: (d: Decision) => string; readonly size: (d: Dim) => string; readonly leave: (l: Leave<Decision>) => readonly string[]; readonly meet: string }

/** The variable that counts the turns of a loop. */
const counter = (loops: readonly string[], loop: string): string => `turn${loops.indexOf(loop)}`;
const loopItems = (flow: Flow<StepRun, Decision>): readonly Extract<Item<StepRun, Decision>, { kind: "loop" }>[] =>
  flow.flatMap((item) => [...(item.kind === "loop" ? [item] : []), ...flowsIn(item).flatMap(loopItems)]);
const loopsIn = (flow: Flow<StepRun, Decision>): readonly string[] => loopItems(flow).map((item) => item.name);
const decisionsIn = (flow: Flow<StepRun, Decision>): readonly Decision[] => flow.flatMap((item) => [...("condition" in item && item.condition ? [item.condition] : []), ...flowsIn(item).flatMap(decisionsIn)]);
/** A loop with whose turns some place moves: the number of the turn as an index, and its name in C. */
export interface Turn { readonly loop: string; readonly variable: Var; readonly id: string }
/** All such loops of a program. */
export function turnsOf(program: Program): readonly Turn[] {
  const { flow = [], steps } = program, moving = new Set([...steps.flatMap((s) => s.args), ...decisionsIn(flow).map((d) => d.place)].flatMap((p) => p.turns?.map((t) => t.loop) ?? []));
  const loops = loopsIn(flow);
  return loopItems(flow).filter(({ name }) => moving.has(name)).map(({ name, most = 2 ** 31 }) => ({ loop: name, variable: parameter(counter(loops, name), [0, Math.max(0, mostOf(most) - 1)]), id: counter(loops, name) }));
}
/** How many elements of so many bytes lie before a place in its memory, which begins at `offset` in the first turns, as an index over `turns`. */
export const elementsBefore = (offset: number, place: Place, bytes: number, turns: readonly Turn[]): Expr =>
  (place.turns ?? []).reduce((sum, t) => plus(sum, times(turns.find((x) => x.loop === t.loop)!.variable, t.bytes / bytes)), int(offset / bytes));
/** What turns add to an offset in bytes: " + turn0 * 64". */
export function perTurn(program: Program, turns: readonly PerTurn[] = []): string {
  const loops = loopsIn(program.flow ?? []);
  return turns.map((t) => ` + ${counter(loops, t.loop)} * ${t.bytes}`).join("");
}

/** For each step, what stands around it; plain for all where the program has no branches and loops. */
export function flowLines(program: Program, words: FlowWords): readonly Around[] {
  const around = program.steps.map(() => ({ opens: [] as string[], closes: [] as string[], indent: "", fresh: false })), { flow = [] } = program, loops = loopsIn(flow);
  const counted = new Set(turnsOf(program).map((t) => t.loop));
  const meet = words.meet ? [words.meet] : [];
  /** Lines before the next step, whichever that is; the first and the last step of what is inside. */
  const go = (f: Flow<StepRun, Decision>, indent: string): void => {
    for (const [i, item] of f.entries()) {
      if (item.kind === "leave") {
        const before = f.slice(0, i).some((x) => x.kind !== "leave"), lines = words.leave(item).map((text) => `${indent}${text}`);
        if (before) around[span(f.slice(0, i))[1]]!.closes.push(...lines); else around[span(f.slice(i))[0]]!.opens.push(...lines);
        continue;
      }
      if (item.kind === "piece") {
        for (let i = item.piece.first; i < item.piece.first + item.piece.count; i++) around[i]!.indent = indent;
        continue;
      }
      const [first, last] = span([item]), line = (text: string) => `${indent}${text}`;
      around[first]!.fresh = true;
      if (last + 1 < around.length) around[last + 1]!.fresh = true;
      if (item.kind === "loop") {
        const goes = item.condition && words.decision(item.condition), turn = counter(loops, item.name);
        around[first]!.opens.push(...(goes ? meet : []).map(line), line(item.most === undefined && !counted.has(item.name) ? `while (${goes}) {`
          : `for (ptrdiff_t ${turn} = 0; ${[...(item.most === undefined ? [] : [`${turn} < ${words.size(item.most)}`]), ...(goes ? [goes] : [])].join(" && ")}; ++${turn}) {`));
        go(item.body, `${indent}  `);
        around[last]!.closes.push(...(goes ? meet : []).map((text) => line(`  ${text}`)), line("}"));
        continue;
      }
      const test = words.decision(item.condition), [one, other] = item.ifTrue.length ? [item.ifTrue, item.ifFalse] : [item.ifFalse, item.ifTrue];
      around[first]!.opens.push(...meet.map(line), line(`if (${item.ifTrue.length ? test : `!${test}`}) {`));
      go(one, `${indent}  `);
      if (other.length) {
        const next = span(other)[0];
        around[next]!.fresh = true;
        around[next]!.opens.push(line("} else {"));
        go(other, `${indent}  `);
      }
      around[last]!.closes.push(line("}"));
    }
  };
  go(flow, "");
  return around;
}
/** The first and the last step of a flow that has some. */
function span(flow: Flow<StepRun, Decision>): readonly [number, number] {
  const ends = flow.filter((item) => item.kind !== "leave").map((item) => (item.kind === "piece" ? [item.piece.first, item.piece.first + item.piece.count - 1] as const : span(flowsIn(item).flat())));
  return [Math.min(...ends.map((e) => e[0])), Math.max(...ends.map((e) => e[1]))];
}
