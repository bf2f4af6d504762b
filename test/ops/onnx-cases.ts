/** ONNX's published cases (scripts/fetch-onnx-data.sh), as graphs and tensors. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import onnxProto from "onnx-proto";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { tensorConstant } from "../../compiler/import/onnx/tensor.ts";
import { ops } from "../../compiler/ops/index.ts";
import { isGraph, type Constant, type Graph } from "../../compiler/ir/graph.ts";
import { isSmallFloat } from "../../compiler/ir/formats.ts";
import { isFloat, types, type Num } from "../../compiler/ir/types.ts";

const root = fileURLToPath(new URL("../../.cache/onnx-data/node", import.meta.url));
/** Whether the data is there. */
export const haveCases = existsSync(root);
/** A case that can be run; inputs by name, and the recorded outputs in order. */
export interface Case {
  readonly name: string;
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, Constant>;
  readonly outputs: readonly Constant[];
}
/** Why a case cannot be run here. */
export interface Skipped { readonly name: string; readonly why: string }

const readTensor = (file: string): Constant =>
  tensorConstant(onnxProto.onnx.TensorProto.decode(readFileSync(file)) as Parameters<typeof tensorConstant>[0], file);
/** All cases, or why a case is none for the operators alone: missing operators or element types, control flow, values that are no tensors. */
export function readCases(): readonly (Case | Skipped)[] {
  return readdirSync(root).sort().map((name) => {
    const bytes = readFileSync(join(root, name, "model.onnx")), data = join(root, name, "test_data_set_0");
    try {
      const { graph, diagnostics } = importOnnx(new Uint8Array(bytes), { name });
      const missing = [...new Set(graph.nodes.map((n) => n.op))].filter((op) => !ops.has(op));
      const error = diagnostics.find((d) => d.severity === "error");
      if (missing.length) return { name, why: `no operator ${missing.join(", ")}` };
      if (error) return { name, why: error.message };
      if (graph.nodes.some((n) => !ops.get(n.op)!.lower && !ops.get(n.op)!.expand)) return { name, why: "sequences or optional values" };
      if (graph.nodes.some((n) => Object.values(n.attributes).some(isGraph))) return { name, why: "control flow" };
      const inputs = new Map(graph.inputs.map((v, i) => [v, readTensor(join(data, `input_${i}.pb`))]));
      return { name, graph, inputs, outputs: graph.outputs.map((_, i) => readTensor(join(data, `output_${i}.pb`))) };
    } catch (e) {
      return { name, why: (e as Error).message };
    }
  });
}
/** Cases whose recorded values are less exact than ours, compared to 1e-3 as ONNX's own runner does. */
const coarse: Readonly<Record<string, string>> = {
  test_averagepool_2d_ceil_last_window_starts_on_pad: "recorded with four decimals",
  test_roialign_aligned_false: "recorded with four decimals",
  test_roialign_aligned_true: "recorded with four decimals",
};
/** How `got` differs from what is recorded (of small floats as ONNX compares them: references round in other places); null within the tolerance of the operators that made it. */
export function difference(got: Constant, want: Constant, graph: Graph): string | null {
  const [is, should] = [got, want].map((c) => `${c.dtype}[${c.shape}]`);
  if (is !== should) return `is ${is}, expected ${should}`;
  const accuracies = graph.nodes.flatMap((n) => ops.get(n.op)?.accuracy ?? []), float = isFloat(want.dtype);
  const relative = float ? Math.max(coarse[graph.name] || isSmallFloat(want.dtype) ? 1e-3 : 1e-5, ...accuracies.map((a) => a.relative ?? 0)) : 0;
  const absolute = float ? Math.max(1e-6, ...accuracies.map((a) => a.absolute ?? 0)) : 0;
  const list = (c: Constant) => Array.from(c.data as ArrayLike<Num>), a = list(got), b = list(want);
  const largest = b.reduce<number>((m, x) => (Number.isFinite(Number(x)) ? Math.max(m, Math.abs(Number(x))) : m), 0);
  const isClose = (x: Num, y: Num) => float && Math.abs(Number(x) - Number(y)) <= absolute + relative * largest;
  const at = a.findIndex((x, i) => !(x === b[i] || Object.is(x, b[i]) || isClose(x, b[i]!)));
  return at < 0 ? null : `element ${at} is ${a[at]}, expected ${b[at]} (${types[want.dtype].c}, largest ${largest})`;
}
