/** The cases by definition: imported, each node lowered without a schedule and run as JavaScript. Tells a wrong operator from wrong code. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { performance } from "node:perf_hooks";
import { CompileError } from "../../compiler/diagnostics.ts";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { bytesOfElements, typeOfOnnx, types, viewOf } from "../../compiler/ir/types.ts";
import { sizeOf, type Constant, type Graph } from "../../compiler/ir/graph.ts";
import { Unsupported } from "../../compiler/ops/op.ts";
import { checkOperators } from "../../compiler/passes/graph/check-operators.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { typedGraph } from "../../compiler/api.ts";
import { ops } from "../../compiler/ops/index.ts";
import { readModel, readSet, type Case } from "./cases.ts";
import { choicesFor } from "./compile.ts";
import { difference } from "./compare.ts";
import { aboutCase, type GroupTimes, type Result } from "./group.ts";
import { textId, textOf } from "../../compiler/ir/text.ts";
import { stringBytes, tensorsOf, type Tensor } from "./proto.ts";

function constant(t: Tensor): Constant {
  const dtype = typeOfOnnx(t.code);
  if (dtype === "string") {
    const text = (i: number): string => new TextDecoder().decode(t.bytes.subarray(i * stringBytes, (i + 1) * stringBytes)).replace(/\0+$/, "");
    return { dtype, shape: t.shape, data: Int32Array.from({ length: t.bytes.length / stringBytes }, (_, i) => textId(text(i))) };
  }
  if (!dtype) throw new Unsupported(`elements of type ${t.code}`);
  return { dtype, shape: t.shape, data: viewOf(dtype, t.bytes, sizeOf(t.shape)) };
}
/** Whether all is tensors, of which the evaluator finds the shapes as it goes; sequences are resolved by type inference. */
const isPlain = (g: Graph): boolean => g.inputs.every((v) => g.types.has(v)) && g.nodes.every((n) => { const op = ops.get(n.op); return op?.lower ?? op?.expand; });
function tensor(c: Constant): Tensor {
  const code = types[c.dtype].onnx;
  if (c.dtype !== "string") return { code, shape: c.shape, bytes: bytesOfElements(c.dtype, c.data) };
  const bytes = new Uint8Array(c.data.length * stringBytes);
  (c.data as Int32Array).forEach((id, i) => bytes.set(new TextEncoder().encode(textOf(id)), i * stringBytes));
  return { code, shape: c.shape, bytes };
}

function outcomeOf(test: Case): Pick<Result, "outcome" | "reason"> {
  const bytes = readFileSync(test.model), facts = readModel(bytes);
  try {
    const { graph, diagnostics } = importOnnx(bytes, { name: basename(test.name) });
    const errors = [...diagnostics, ...checkOperators(graph)].filter((d) => d.severity === "error");
    if (errors.length) return { outcome: "refused", reason: errors.map((d) => `${d.op ? `${d.op}: ` : ""}${d.message}`).join("; ") };
    for (const [s, path] of test.sets.entries()) {
      const set = readSet(path, facts), plain = isPlain(graph) ? graph : typedGraph(bytes, test.name, choicesFor(facts, set)).graph;
      const feeds = set.inputs.flatMap(tensorsOf), want = set.outputs.flatMap(tensorsOf);
      const got = evaluateGraph(plain, new Map(plain.inputs.map((v, i) => [v, constant(feeds[i]!)])));
      if (want.length !== plain.outputs.length) return { outcome: "failed", reason: `data set ${s}: ${plain.outputs.length} outputs, expected ${want.length}` };
      for (const [i, name] of plain.outputs.entries()) {
        const off = difference(tensor(got.get(name)!), want[i]!);
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
