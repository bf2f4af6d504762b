/** Every Compute that an entry makes for ONNX's published cases, and its plain kernel, obey the verifiers. */
import { describe, expect, it } from "vitest";
import { ops } from "../../compiler/ops/index.ts";
import { lowerNode } from "../../compiler/ops/lowering.ts";
import { NodeView, Unsupported } from "../../compiler/ops/op.ts";
import type { Constant, Node, ValueType } from "../../compiler/ir/graph.ts";
import type { Compute } from "../../compiler/ir/compute.ts";
import { verify, verifyCompute } from "../../compiler/ir/verify.ts";
import { lower } from "../../compiler/lower/lower.ts";
import { haveCases, readCases, type Case } from "./onnx-cases.ts";

function check(c: Compute): void {
  verifyCompute(c);
  // A table that the plain kernel would have to index at run time is an input there.
  const plain = { ...c, tensors: c.tensors.map((t) => ({ ...t, role: "input" as const })) };
  if (c.outputs.every((o) => o.shape.every((n) => n > 0))) verify(lower(plain, { stages: {} }));
}
/** Infers and lowers the nodes of a case as far as `known` values allow; returns how many were checked. */
function checkCase(c: Case, known: ReadonlyMap<string, Constant>): number {
  const types = new Map<string, ValueType>([...c.graph.constants, ...c.inputs]);
  const view = (n: Node, outputs: readonly ValueType[]) =>
    new NodeView(n, ops.get(n.op)!, n.inputs.map((v) => types.get(v)), outputs, (v) => known.get(v) ?? c.graph.constants.get(v));
  let count = 0;
  for (const n of c.graph.nodes) {
    if (!ops.has(n.op) || n.inputs.some((v) => v && !types.has(v))) continue;
    try {
      const outputs = ops.get(n.op)!.infer(view(n, []));
      n.outputs.forEach((v, i) => { if (v) types.set(v, outputs[i]!); });
      if (!ops.get(n.op)!.lower) continue;
      check(lowerNode(view(n, outputs)));
      count++;
    } catch (e) { if (!(e instanceof Unsupported)) throw e; }
  }
  return count;
}
describe.skipIf(!haveCases)("ONNX's cases (scripts/fetch-onnx-data.sh brings them)", () => {
  const cases = haveCases ? readCases().filter((c): c is Case => "graph" in c) : [];
  it.each([["run-time values", false], ["constants", true]] as const)("with operands that are %s", (_, constant) => {
    let count = 0;
    const problems = cases.flatMap((c) => {
      try { count += checkCase(c, constant ? c.inputs : new Map()); return []; } catch (e) { return [`${c.name}: ${(e as Error).message.slice(0, 300)}`]; }
    });
    expect(problems).toEqual([]);
    expect(count).toBeGreaterThan(700);
  });
});
