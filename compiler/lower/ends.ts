/** Reductions that end early: loops that stop there where they can, and a test where they cannot. */
import { constant, mentions, variable, type Expr } from "../ir/scalar.ts";
import { less, select } from "../ir/algebra.ts";
import { extentOf, neutral } from "../ir/compute.ts";
import { dataEndsOf } from "../ir/extents.ts";
import type { Stmt } from "../ir/kernel.ts";
import { endsExactly, loopsOf, type Loop, type Nest } from "./loops.ts";

/** Where loops cannot end exactly where a reduction does, a test says what takes part. */
export function tested(nest: Nest): Nest {
  const { stage } = nest, open = (stage.reduce?.axes ?? []).filter((a) => nest.spans.get(a.name)!.exact && !endsExactly(nest, a.name));
  if (open.length === 0) return nest;
  const none = constant(stage.value.dtype, neutral(stage.reduce!.op, stage.value.dtype));
  const value = open.reduce((e, a) => select(less(a, nest.spans.get(a.name)!.size!), e, none), stage.value);
  const spans = new Map([...nest.spans].map(([name, { exact: _, ...s }]) => [name, open.some((a) => a.name === name) ? s : nest.spans.get(name)!]));
  return { ...nest, stage: { ...stage, value }, spans };
}
/** What it takes from lowering: an expression of the Compute at this point, and a name that the kernel does not have yet. */
export interface Point { value(e: Expr): Expr; name(stem: string): string }
/**
 * Loops of a reduction that data ends learn where, for the elements that they stand in: in front of them a name gets the number of turns.
 * `inner`: the loops from the first reduction loop on. Elements of a tile end together, so that an end which depends on the tile stays a test.
 */
export function endedByData(nest: Nest, inner: readonly Loop[], at: Point): { readonly nest: Nest; readonly lets: readonly Stmt[] } {
  const { stage } = nest, found = dataEndsOf(stage), own = new Set(inner.map((l) => l.name));
  const inTile = (end: Expr) => stage.axes.some((x) => mentions(end, new Set([x.name])) && loopsOf(nest, x.name).some((l) => own.has(l)));
  const ended = [...(found?.ends ?? [])].filter(([a, end]) => endsExactly(nest, a.name) && !inTile(end));
  if (!found || ended.length === 0) return { nest, lets: [] };
  const lets: Stmt[] = [], spans = new Map(nest.spans);
  for (const [a, end] of ended) {
    const name = at.name(`${stage.name}_${a.name}_end`);
    lets.push({ kind: "let", name, value: at.value(end), mutable: false });
    spans.set(a.name, { ...spans.get(a.name)!, size: variable("index", name, 1, [0, extentOf(a)]), exact: true });
  }
  return { nest: { ...nest, stage: { ...stage, value: found.without(new Set(ended.map(([a]) => a))) }, spans }, lets };
}
