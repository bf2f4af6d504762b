/** What a program's steps leave behind, as the trace of a run holds it. */
import { type Constant, constantOf, sizeOf } from "../ir/graph.ts";
import type { Program, Result, Step } from "../ir/program.ts";
import { variables } from "../ir/scalar.ts";
import { valueOfSize } from "../ir/symbols.ts";
import { types, viewOf } from "../ir/types.ts";

type Steps = readonly Pick<Step, "results">[];
/** A result that can be looked at after a step; its elements span so many bytes in memory from its place on. */
export interface Seen {
  readonly step: number;
  readonly result: Result;
  readonly bytes: number;
}
/** A value that a step has finished. */
export interface Traced {
  readonly step: number;
  readonly value: string;
  readonly tensor: Constant;
}
/** The elements that a result spans in memory, from its first to its last. */
const spanOf = (r: Result): number => (sizeOf(r.shape) === 0 ? 0 : 1 + (r.strides ?? []).reduce((sum, s, d) => sum + s * (r.shape[d]! - 1), 0));
/**
 * Results that can be looked at after their step: in plain layouts, in memory that the program writes, and no strings, whose numbers only
 * the program knows. A value that several
 * steps write, part by part, is looked at after the last.
 */
export function seen(steps: Steps): readonly Seen[] {
  const last = new Map(steps.flatMap((s, step) => s.results.map((r) => [r.value, step] as const)));
  const visible = (r: Result): boolean => r.strides !== null && types[r.dtype].kind !== "text" && (r.place.in === "arena" || r.place.in === "output");
  return steps.flatMap((s, step) =>
    s.results
      .filter((r) => visible(r) && last.get(r.value) === step)
      .map((result) => ({ step, result, bytes: spanOf(result) * types[result.dtype].bytes })),
  );
}
/** What a program has to know to write a trace: step, port of the output or -1 for working memory, offset, bytes. */
export const traceRows = (steps: Steps): readonly (readonly [number, number, number, number])[] =>
  seen(steps).map(({ step, result: { place }, bytes }) => [step, place.in === "output" ? place.port : -1, place.offset, bytes]);
/** The values in a trace: the bytes of all that is `seen`, one behind the other. Those whose size depends on values are left out. */
export function traced(
  { steps, symbols = [] }: { readonly steps: Steps } & Pick<Program, "symbols">,
  inputs: readonly Constant[],
  trace: Uint8Array,
): readonly Traced[] {
  const known = new Map(
    symbols.flatMap(({ variable, from }) => ("input" in from ? [[variable.name, inputs[from.input]!.shape[from.dim]!] as const] : [])),
  );
  let offset = 0;
  return seen(steps).flatMap(({ step, result, bytes }): Traced[] => {
    const raw = viewOf(result.dtype, trace.subarray(offset, (offset += bytes))),
      sizes = result.sizes ?? [];
    if (sizes.some((e) => e && [...variables(e)].some((name) => !known.has(name)))) return [];
    const shape = result.shape.map((n, d) => valueOfSize(sizes[d] ?? n, known));
    return [{ step, value: result.value, tensor: gather({ ...result, shape }, raw) }];
  });
}
/** A result's elements, row-major. */
function gather(r: Result, raw: Constant["data"]): Constant {
  const out = constantOf(r.dtype, r.shape),
    data = out.data as { [i: number]: number | bigint },
    index = r.shape.map(() => 0);
  for (let i = 0; i < out.data.length; i++) {
    data[i] = raw[index.reduce((sum, x, d) => sum + x * r.strides![d]!, 0)]!;
    for (let d = index.length - 1; d >= 0 && ++index[d]! === r.shape[d]; d--) index[d] = 0;
  }
  return out;
}
