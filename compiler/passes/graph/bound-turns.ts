/**
 * Loops that a condition ends, of which the caller states how many turns they take at most: what grows from turn to turn has bounds then.
 * A run in which such a loop would go on is refused: what the condition says behind the last turn is carried out of the loop, and must be
 * false. Stands before type inference, beside bound-values.
 */
import type { Diagnostic } from "../../diagnostics.ts";
import { constantOf, isGraph, mostElements, namesIn, unusedIn, type Attribute, type Constant, type Graph, type Node, type ValueName } from "../../ir/graph.ts";
import { mapGraphs } from "./infer-control.ts";
import type { PinnedValues } from "./pin-values.ts";

/** The most turns, by the loop's name. */
export type Turns = Readonly<Record<string, number>>;
/** As the flag says it. */
export const showTurns = (loop: string, most: number): string => `--turns ${loop}=${most}`;

/** Gives all loops of these names, in sub-graphs too, a number of turns. All that is wrong with the numbers is among the diagnostics. */
export function boundTurns(g: Graph, turns: Turns): PinnedValues {
  const loops = new Set(loopsIn(g)), diagnostics = Object.entries(turns).flatMap(([name, most]): readonly Diagnostic[] => {
    const error = (code: string, message: string, hint: string): readonly Diagnostic[] => [{ severity: "error", code, message: `${showTurns(name, most)}: ${message}`, hint }];
    if (!loops.has(name)) return error("unknown-loop", `the model has no Loop ${name}`, loops.size ? `those it has: ${[...loops].join(", ")}` : "it has none");
    return Number.isInteger(most) && most >= 0 && most < mostElements ? [] : error("bad-value", "this is no number of turns", `give a whole number from 0 to ${mostElements - 1}`);
  });
  return { graph: diagnostics.length || Object.keys(turns).length === 0 ? g : within(g, turns, new Set(namesIn(g)), () => undefined), diagnostics };
}
const loopsIn = (g: Graph): readonly string[] => g.nodes.flatMap((n) => [...(n.op === "Loop" ? [n.name] : []), ...Object.values(n.attributes).filter(isGraph).flatMap(loopsIn)]);

/** `outer`: the constants of the graphs around. */
function within(g: Graph, turns: Turns, names: Set<string>, outer: (v: ValueName) => Constant | undefined): Graph {
  const known = (v: ValueName) => g.constants.get(v) ?? outer(v), constants = new Map(g.constants);
  const nodes = g.nodes.flatMap((raw): readonly Node[] => {
    const n = mapGraphs(raw, (inner) => within(inner, turns, names, known)), most = n.op === "Loop" ? turns[n.name] : undefined;
    return most === undefined ? [n] : bounded(n, most, known, names, (v, c) => constants.set(v, c));
  });
  return { ...g, nodes, constants };
}
/** The loop with a number of turns, among the nodes that test whether it was enough. */
function bounded(n: Node, most: number, known: (v: ValueName) => Constant | undefined, names: Set<string>, give: (v: ValueName, c: Constant) => void): readonly Node[] {
  const { body } = n.attributes, [trips = "", condition = "", ...first] = n.inputs, limit = trips ? known(trips) : undefined;
  if (body === undefined || !isGraph(body) || (!trips && !condition) || (limit && (!condition || Number(limit.data[0]) <= most))) return [n];
  const unused = (what: string): ValueName => unusedIn(names, `${n.name}.${what}`), constant = (what: string, c: Constant): ValueName => { const v = unused(what); give(v, c); return v; };
  const made = (op: string, inputs: readonly ValueName[], what: string, attributes: Readonly<Record<string, Attribute>> = {}): Node => { const v = unused(what); return { name: v, op, inputs, outputs: [v], attributes, origin: n.origin }; };
  const number = (x: number, what: string): ValueName => constant(what, constantOf("i64", [], BigInt64Array.of(BigInt(x)))), scalar = constant("scalar", constantOf("i64", [0])), turns = number(most, "most");
  const before: Node[] = [], behind: Node[] = [], into = (list: Node[]) => (...args: Parameters<typeof made>): ValueName => { const x = made(...args); list.push(x); return x.outputs[0]!; };
  const ahead = into(before), after = into(behind), tests: ValueName[] = [];
  let count = turns, loop: Node = n;
  if (trips && !limit) {
    // The model's own limit holds as well, and may be less.
    const own = ahead("Reshape", [trips, scalar], "own");
    tests.push(ahead("Greater", [own, turns], "more"));
    count = ahead("mlc.Bounded", [ahead("Max", [ahead("Min", [own, turns], "less"), number(0, "none")], "held")], "count", { least: 0, most });
  }
  if (condition) {
    const begins = ahead("Reshape", [condition, scalar], "begins"), next = made("Reshape", [body.outputs[0]!, scalar], "next"), end = unused("end");
    const carrying: Graph = { ...body, inputs: [...body.inputs, unused("going")], outputs: body.outputs.toSpliced(first.length + 1, 0, next.name), nodes: [...body.nodes, next] };
    const left = [...n.outputs, ...Array<ValueName>(Math.max(0, first.length - n.outputs.length)).fill("")];
    loop = { ...mapGraphs(n, (g) => (g === body ? carrying : g)), inputs: [trips, condition, ...first, begins], outputs: left.toSpliced(first.length, 0, end) };
    tests.push(end);
  }
  const over = after("Cast", [tests.length === 2 ? after("And", tests, "both") : tests[0]!], "over", { to: 7 });
  after("mlc.Bounded", [over], "within", { least: 0, most: 0, demand: `loop ${n.name} ends within ${most} turn${most === 1 ? "" : "s"} (${showTurns(n.name, most)})` });
  return [...before, { ...loop, inputs: [count, ...loop.inputs.slice(1)] }, ...behind];
}
