/**
 * ONNX's published cases against the entries' Computes, run by definition and again through the lowering. Operands that
 * the model passes as inputs are run-time values where the entry can do with that, else constants.
 */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { Unsupported } from "../../compiler/ops/op.ts";
import { runGraph } from "./harness.ts";
import { difference, haveCases, readCases, type Case, type Skipped } from "./onnx-cases.ts";

/** Cases that the operators cannot pass, and why. A listed case that passes is an error. */
const exceptions: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^test_training_dropout(_default)?(_mask)?$/, "dropout while training draws random numbers: the recorded ones are numpy's"],
  [/^test_bernoulli/, "random numbers: the recorded ones are numpy's"],
];
const exceptionOf = (name: string): string | undefined => exceptions.find(([p]) => p.test(name))?.[1];
const isCase = (c: Case | Skipped): c is Case => "graph" in c;

function run(c: Case): { problem: string | null; pinned: boolean } {
  const compare = (got: readonly { readonly c: Parameters<typeof difference>[0] }[]) =>
    got.flatMap(({ c: value }, i) => { const d = difference(value, c.outputs[i]!, c.graph); return d ? [`output ${i} ${d}`] : []; })[0] ?? null;
  const direct = (pinned: boolean) => compare(runGraph(c.graph, c.inputs, pinned).map((x) => ({ c: x })));
  try {
    return { problem: direct(false), pinned: false };
  } catch (e) {
    if (!(e instanceof Unsupported)) return { problem: (e as Error).message, pinned: false };
    try {
      return { problem: direct(true), pinned: true };
    } catch (again) {
      return { problem: (again as Error).message, pinned: true };
    }
  }
}

describe.skipIf(!haveCases)("ONNX's cases (scripts/fetch-onnx-data.sh brings them)", () => {
  const all = haveCases ? readCases() : [], cases = all.filter(isCase);
  it("passes by definition", () => {
    const results = cases.map((c) => ({ name: c.name, ...run(c) }));
    const wrong = results.filter((r) => (r.problem === null) === (exceptionOf(r.name) !== undefined));
    const count = (f: (r: (typeof results)[number]) => boolean) => results.filter(f).length;
    const passed = count((r) => !r.problem), pinned = count((r) => !r.problem && r.pinned);
    console.log(`${passed} passed (${pinned} with constant operands), ${cases.length - passed} failed, ${all.length - cases.length} skipped`);
    expect(wrong.map((r) => `${r.name}: ${r.problem ?? "passes, but is listed as an exception"}`)).toEqual([]);
    expect(results.length).toBeGreaterThan(800);
  });
  it("passes through the lowering", () => {
    const wrong = cases.filter((c) => !exceptionOf(c.name)).flatMap((c) => {
      try {
        const got = evaluateGraph(c.graph, c.inputs);
        return c.graph.outputs.flatMap((o, i) => {
          const d = difference(got.get(o)!, c.outputs[i]!, c.graph);
          return d ? [`${c.name}: output ${i} ${d}`] : [];
        });
      } catch (e) {
        return [`${c.name}: ${(e as Error).message}`];
      }
    });
    expect(wrong).toEqual([]);
  });
});
