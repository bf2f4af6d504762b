/**
 * A Loop that carries sequences or optional values, or looks into a sequence, written out turn by turn: what is no tensor exists at
 * compile time only. So is one whose turns differ in shapes, or in what must be known of the turn's number. Part of type inference, which knows what is constant after each turn. Needs a count of trips or a condition that is known in each turn.
 */
import { isGraph, mostElements, type Constant, type Graph, type Node, type ValueName } from "../../ir/graph.ts";
import { Unsupported, type Parts, type Resolver } from "../../ops/op.ts";

function fail(reason: string, hint?: string): never { throw new Unsupported(reason, hint); }
/** Nodes that all bodies written out may become. Turns of a known count are not even begun where they alone come to more; a loop whose condition ends it is limited by what inference affords. */
export const mostWritten = 1 << 15;
/** Whether a value is known, and what it is. */
const numberOf = (c: Constant | undefined): number | undefined => (c && c.data.length === 1 ? Number(c.data[0]) : undefined);

/** Whether the Loop must be written out. `isTensor` judges the values that it reads; others are not known by their names alone. */
export function mustUnroll(n: Node, read: readonly ValueName[], isTensor: (v: ValueName) => boolean): boolean {
  return n.op === "Loop" && read.some((v) => !isTensor(v));
}
/** Whether the node is a Loop of so few turns that it may be written out where its turns differ. */
export function mayUnroll(n: Node, known: (v: ValueName) => Constant | undefined, most: number): boolean {
  const { body } = n.attributes, turns = numberOf(known(n.inputs[0] ?? ""));
  return n.op === "Loop" && turns !== undefined && body !== undefined && isGraph(body) && turns * body.nodes.length <= most;
}
/** What stands for the outputs of a Loop. Throws Unsupported where its end is not known. */
export function unrolled(n: Node, g: Resolver): readonly Parts[] {
  const body = n.attributes.body, [trips = "", condition = "", ...initial] = n.inputs, carried = initial.length;
  if (body === undefined || !isGraph(body)) return fail("attribute body of Loop is missing");
  if (body.inputs.length !== carried + 2 || body.outputs.length < carried + 1 || n.outputs.length > body.outputs.length - 1) {
    return fail(`its body has ${body.inputs.length} inputs and ${body.outputs.length} outputs, which does not fit ${carried} carried values and ${n.outputs.length} outputs`);
  }
  const stated = trips ? numberOf(g.known(trips)) : Infinity, say = `say how many turns there can be: --turns ${n.name}=100`;
  if (stated === undefined) return fail(`it carries a sequence or an optional value, and its count of trips (${trips}) is computed at run time`, say);
  // Exporters give loops that a condition ends the largest number there is.
  const most = stated > mostElements ? Infinity : stated;
  const nodes = most * body.nodes.length;
  if (Number.isFinite(nodes) && nodes > mostWritten) return fail(`it carries a sequence or an optional value, and its ${most} turns would be ${nodes} nodes`, "give it fewer turns");
  // A body may take the turn's number and the condition with one dimension.
  const one = (input: number) => (body.types.get(body.inputs[input]!)?.shape.length === 1 ? [1] : []);
  let going: string | null = condition || null, state = initial.map((v): Parts => (v ? g.parts(v) : null));
  const rows: (readonly Parts[])[] = [];
  for (let i = 0; i < most && goesOn(going, i, g, say); i++) {
    const results: readonly Parts[] = g.inline(body, [g.constant("i64", one(0), [i]), going ?? g.constant("bool", one(1), [1]), ...state]);
    going = results[0] as string;
    state = results.slice(1, carried + 1);
    rows.push(results.slice(carried + 1));
  }
  return [...state, ...body.outputs.slice(carried + 1).map((_, k) => scanned(rows.map((r) => r[k]!), body, carried + 1 + k, g))];
}
function goesOn(condition: string | null, turn: number, g: Resolver, hint: string): boolean {
  if (condition === null) return true;
  return (numberOf(g.known(condition)) ?? fail(`it carries a sequence or an optional value, and whether turn ${turn} takes place is known at run time only`,
    hint)) !== 0;
}
/** What a scan output consists of: the values of all turns, one behind the other along a new axis. */
function scanned(values: readonly Parts[], body: Graph, output: number, g: Resolver): string {
  const t = body.types.get(body.outputs[output]!);
  if (values.length === 0) {
    return t?.shape.every((d) => typeof d === "number") ? g.constant(t.dtype, [0, ...t.shape as readonly number[]], [])
      : fail(`it takes no turn, and the type of its body's output ${body.outputs[output]} is not known`);
  }
  const axis = g.constant("i64", [1], [0]);
  return g.node("Concat", values.map((v) => g.node("Unsqueeze", [typeof v === "string" ? v : fail(`output ${body.outputs[output]} of its body is no tensor`), axis])), { axis: 0 });
}
