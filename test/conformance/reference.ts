/** The cases by definition: imported, each node lowered without a schedule and run as JavaScript. Tells a wrong operator from wrong code. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { performance } from "node:perf_hooks";
import { CompileError } from "../../compiler/diagnostics.ts";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { typeOfOnnx, types, viewOf } from "../../compiler/ir/types.ts";
import type { Constant } from "../../compiler/ir/graph.ts";
import { Unsupported } from "../../compiler/ops/op.ts";
import { checkOperators } from "../../compiler/passes/graph/check-operators.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { readModel, readSet, type Case } from "./cases.ts";
import { difference } from "./compare.ts";
import { aboutCase, type GroupTimes, type Result } from "./group.ts";
import type { Tensor } from "./proto.ts";

function constant(t: Tensor): Constant {
  const dtype = typeOfOnnx(t.code);
  if (!dtype) throw new Unsupported(`elements of type ${t.code}`);
  return { dtype, shape: t.shape, data: viewOf(dtype, t.bytes) };
}
const tensor = (c: Constant): Tensor => ({ code: types[c.dtype].onnx, shape: c.shape, bytes: new Uint8Array(c.data.buffer, c.data.byteOffset, c.data.byteLength) });

function outcomeOf(test: Case): Pick<Result, "outcome" | "reason"> {
  const bytes = readFileSync(test.model), facts = readModel(bytes);
  try {
    const { graph, diagnostics } = importOnnx(bytes, { name: basename(test.name) });
    const errors = [...diagnostics, ...checkOperators(graph)].filter((d) => d.severity === "error");
    if (errors.length) return { outcome: "refused", reason: errors.map((d) => `${d.op ? `${d.op}: ` : ""}${d.message}`).join("; ") };
    for (const [s, path] of test.sets.entries()) {
      const set = readSet(path, facts);
      const got = evaluateGraph(graph, new Map(facts.inputs.map((p, i) => [p.name, constant(set.inputs[i]!)])));
      for (const [i, name] of graph.outputs.entries()) {
        const off = difference(tensor(got.get(name)!), set.outputs[i]!);
        if (off) return { outcome: "failed", reason: `data set ${s}: output ${i}: ${off}` };
      }
    }
    return { outcome: "passed", reason: "" };
  } catch (e) {
    if (e instanceof CompileError || e instanceof Unsupported) return { outcome: "refused", reason: e.message };
    const { message, stack } = e as Error;
    if (/^(holds|\S+ is no tensor)/.test(message)) return { outcome: "refused", reason: `recorded data: ${message}` };
    return { outcome: "failed", reason: `threw: ${message} ${stack?.split("\n")[1]?.trim() ?? ""}` };
  }
}

export function evaluateCases(cases: readonly Case[]): { readonly results: readonly Result[]; readonly times: GroupTimes } {
  const start = performance.now();
  const results = cases.map((test) => ({ ...aboutCase(test, readModel(readFileSync(test.model))), ...outcomeOf(test) }));
  return { results, times: { compile: 0, build: 0, run: performance.now() - start } };
}
