/** From a case to sources by mlc. Inputs whose values an operator needs at compile time become initializers with the recorded values. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CompileOptions, CompileResult } from "../../compiler/api.ts";
import { CompileError } from "../../compiler/diagnostics.ts";
import { ops } from "../../compiler/ops/index.ts";
import { sizeOf } from "../../compiler/ir/graph.ts";
import { bytesFor, types } from "../../compiler/ir/types.ts";
import type { Build } from "../../compiler/emit/target.ts";
import type { Port as ProgramPort } from "../../compiler/ir/program.ts";
import type { DataSet } from "./cases.ts";
import { pinInputs, stringBytes, type ModelFacts } from "./proto.ts";

export interface Port { readonly name: string; readonly code: number; readonly shape: readonly number[]; readonly bytes: number; /** A run tells the shape, of which this is the most. */ readonly open?: true }
export interface Compiled {
  readonly name: string;
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** Lines of C that declare `<name>_run`. */
  readonly header: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly pinned: readonly string[];
  readonly build: Build;
}
export interface Source {
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly facts: ModelFacts;
  /** The prefix of the generated names. */
  readonly name: string;
  readonly sets: readonly string[];
  readonly data: readonly DataSet[];
}
/** Anything thrown is a fault of the compiler; what it does not support is returned as `refused`. */
export type CompileCase = (source: Source) => Promise<Compiled | { readonly refused: string }>;
export type Compile = (model: Uint8Array, options: CompileOptions, folder: string) => Promise<CompileResult> | CompileResult;

/** The inputs that reach, through any nodes but Shape and Size, an operand whose value must be known. */
export function parameterInputs(facts: ModelFacts, parameters: (op: string) => readonly number[]): readonly string[] {
  const producer = new Map(facts.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const))), seen = new Set<string>();
  const visit = (value: string): void => {
    if (!value || seen.has(value)) return;
    seen.add(value);
    const n = producer.get(value);
    if (n && n.op !== "Shape" && n.op !== "Size") n.inputs.forEach(visit);
  };
  for (const n of facts.nodes) for (const i of parameters(n.op)) visit(n.inputs[i] ?? "");
  return facts.inputs.flatMap((p) => (p.kind === "tensor" && seen.has(p.name) ? [p.name] : []));
}
/** Of operators without an entry, which operands may have to be known: import replaces them by newer ones, or they decide how long a sequence is. */
const others: Readonly<Record<string, readonly number[]>> = { Upsample: [1], If: [0], Loop: [0, 1] };
const parametersOf = (op: string): readonly number[] => others[op] ?? ops.get(op)?.parameters ?? [];
/** What must be said of inputs of which the model leaves something open, as recorded. */
export function choicesFor(facts: ModelFacts, data: DataSet): Required<Pick<CompileOptions, "shapes" | "lengths" | "absent">> {
  const shapes: Record<string, readonly number[]> = {}, lengths: Record<string, number> = {}, absent: string[] = [];
  for (const [i, p] of facts.inputs.entries()) {
    const value = data.inputs[i]!;
    if (value === null) absent.push(p.name);
    else if ("code" in value) { if (p.kind !== "tensor" || !p.shape.every((d) => d > 0)) shapes[p.name] = value.shape; }
    else {
      lengths[p.name] = value.length;
      value.forEach((t, k) => { shapes[`${p.name}_${k}`] = t.shape; });
    }
  }
  return { shapes, lengths, absent };
}
const port = (p: ProgramPort): Port => ({ name: p.name, code: types[p.dtype].onnx, shape: p.shape, bytes: p.dtype === "string" ? sizeOf(p.shape) * stringBytes : bytesFor(p.dtype, sizeOf(p.shape)), ...(p.sizes ? { open: true } : {}) });
const reasonOf = (e: CompileError): string => e.diagnostics.filter((d) => d.severity === "error").map((d) => d.message).join("; ").replaceAll("\n", " ");

export const compileWith = (compile: Compile, options: CompileOptions): CompileCase => async (source) => {
  const { facts, name, data } = source, folder = dirname(source.path), { shapes, ...others } = choicesFor(facts, data[0]!);
  const attempt = async (bytes: Uint8Array, pinned: readonly string[]): Promise<Compiled> => {
    const open = Object.fromEntries(Object.entries(shapes).filter(([p]) => !pinned.includes(p)));
    const made = await compile(bytes, { ...options, name, ...others, shapes: open }, folder);
    return {
      name, files: made.files, header: `#include "${name}/${name}.h"`, pinned, build: made.build,
      inputs: made.program.inputs.map(port), outputs: made.program.outputs.map(port),
    };
  };
  try {
    return await attempt(source.bytes, []);
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    const pinned = parameterInputs(facts, parametersOf);
    if (pinned.length === 0 || source.sets.length !== 1) return { refused: reasonOf(e) };
    const file = (p: string): Uint8Array => readFileSync(join(source.sets[0]!, `input_${facts.inputs.findIndex((i) => i.name === p)}.pb`));
    try {
      return await attempt(pinInputs(source.bytes, Object.fromEntries(pinned.map((p) => [p, file(p)]))), pinned);
    } catch (again) {
      if (!(again instanceof CompileError)) throw again;
      return { refused: reasonOf(again) };
    }
  }
};
