/** What onnxruntime makes of graphs, where it is installed: a second opinion on what they mean. */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Constant, Graph } from "../../compiler/ir/graph.ts";
import { sizeOf } from "../../compiler/ir/graph.ts";
import { viewOf, types, type DType } from "../../compiler/ir/types.ts";
import { onnxOf } from "../support/to-onnx.ts";

const execute = promisify(execFile), program = join(import.meta.dirname, "peer.py");
/** The newest opset that it says to know. */
const opset = 24;
const names: Readonly<Partial<Record<DType, string>>> = {
  f32: "float32", f64: "float64", i8: "int8", i16: "int16", i32: "int32", i64: "int64", u8: "uint8", u16: "uint16", u32: "uint32", u64: "uint64", bool: "bool",
};
const dtypeOf = (name: string): DType | undefined => (Object.keys(names) as DType[]).find((t) => names[t] === name);
interface Said { readonly problem?: string; readonly runs?: readonly (readonly { readonly dtype: string; readonly shape: readonly number[] }[])[] }

/** Whether it is installed. */
export const hasPeer = (): boolean => spawnSync("python3", ["-c", "import onnxruntime"], { stdio: "ignore" }).status === 0;
/** Of each graph, the outputs for each set of inputs, or why there are none. `folder`: for files. */
export async function peerOutputs(list: readonly { readonly graph: Graph; readonly sets: readonly ReadonlyMap<string, Constant>[] }[], folder: string): Promise<readonly (readonly (readonly Constant[])[] | string)[]> {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name), cases = list.map(({ graph, sets }, i) => {
    writeFileSync(at(`${i}.onnx`), onnxOf(graph, opset));
    return { model: at(`${i}.onnx`), runs: sets.map((feeds, s) => {
      let bytes = 0;
      const inputs = graph.inputs.map((name) => { const c = feeds.get(name)!, from = bytes; bytes += c.data.byteLength; return { name, dtype: names[c.dtype], shape: c.shape, at: from }; });
      writeFileSync(at(`${i}-${s}.in`), Buffer.concat(graph.inputs.map((v) => { const { data } = feeds.get(v)!; return new Uint8Array(data.buffer, data.byteOffset, data.byteLength); })));
      return { inputs, data: at(`${i}-${s}.in`), outputs: at(`${i}-${s}.out`) };
    }) };
  });
  writeFileSync(at("list.json"), JSON.stringify(cases));
  const lines = await execute("python3", [program, at("list.json")], { maxBuffer: 1 << 26 }).then((r) => r.stdout, (e: { stdout?: string }) => e.stdout ?? "");
  const said = lines.trim().split("\n").filter(Boolean).map((l) => JSON.parse(l) as Said);
  return list.map((_, i) => {
    const { problem, runs } = said[i] ?? { problem: "the process ended" };
    return problem ?? runs!.map((outputs, s) => {
      const data = new Uint8Array(readFileSync(at(`${i}-${s}.out`)));
      let from = 0;
      return outputs.map(({ dtype, shape }): Constant => {
        const t = dtypeOf(dtype)!, bytes = sizeOf(shape) * types[t].bytes, part = data.slice(from, from + bytes);
        from += bytes;
        return { dtype: t, shape, data: viewOf(t, part) };
      });
    });
  });
}
