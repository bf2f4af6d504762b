/** ONNX files: bytes -> Graph. This folder is the only user of onnx-proto and protobufjs. */
import { CompileError, shallow, type Diagnostic } from "../../diagnostics.ts";
import type { ComposedType, Graph, ValueName } from "../../ir/graph.ts";
import type { DType } from "../../ir/types.ts";
import { functionsOf } from "./functions.ts";
import { GraphReader, opsetsOf, type Opsets } from "./graph.ts";
import { newestOpset } from "./normalize.ts";
import { Problem, diagnosticOf } from "./problem.ts";
import { decodeModel, toNumber, type GraphProto, type ModelProto } from "./proto.ts";
import { guessFormat } from "./signatures.ts";
import type { ReadExternal } from "./tensor.ts";
export { externalIn } from "./external.ts";
export type { ReadExternal } from "./tensor.ts";

/** Beside the bytes. */
export interface ImportOptions {
  /** The model in messages, and the graph's name. */
  readonly name: string;
  /** Gives the whole content of an external data file; see externalIn for a folder on disk. */
  readonly readExternal?: ReadExternal;
  /**
   * The bytes are given away: tensors that lie unaligned in them are moved by up to three bytes instead of copied. The
   * bytes are then no model any more, so that a hash of them must be made before.
   */
  readonly mayMove?: boolean;
}
/** A model as it was read. */
export interface ImportedModel {
  /** In the core operator set. What could not be read is missing in it, and is an error among the diagnostics. */
  readonly graph: Graph;
  readonly diagnostics: readonly Diagnostic[];
  /** Operator sets that the model imports, by domain; "" is ONNX's own. */
  readonly opsets: Opsets;
  /** Inputs whose rank the model does not state: their shapes must be given. They have no entry in the graph's types. */
  readonly unranked: ReadonlyMap<ValueName, DType>;
  /** Inputs that are sequences or optional values: what they consist of must be chosen. They have no entry in the graph's types either. */
  readonly composed: ReadonlyMap<ValueName, ComposedType>;
  /** The program that wrote the file and its version. */
  readonly producer: string;
  readonly irVersion: number;
  readonly metadata: ReadonlyMap<string, string>;
}

const refuse = (why: string, hint?: string): never => { throw new CompileError([diagnosticOf(new Problem("bad-model", why, hint))]); };
function decoded(bytes: Uint8Array, name: string): ModelProto & { graph: GraphProto } {
  const bad = (why: string, hint?: string): never => refuse(`${name} ${why}`, hint);
  if (bytes.length === 0) bad("is empty");
  const other = guessFormat(bytes);
  if (other) bad(`is ${other.what}, not an ONNX model`, other.hint);
  try {
    const model = decodeModel(bytes), { graph } = model;
    if (graph && ((graph.node?.length ?? 0) > 0 || (graph.output?.length ?? 0) > 0)) return { ...model, graph };
  } catch (e) {
    return bad(`cannot be read: it is truncated, damaged or not an ONNX model (${e instanceof Error ? e.message : String(e)})`);
  }
  return bad("holds no graph: it is truncated or not an ONNX model");
}

/**
 * Reads a model. Weights stay views of `bytes`, which must not change afterwards. Throws CompileError where the
 * file as a whole cannot be read; all else that is wrong with it is among the diagnostics.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions): ImportedModel {
  const model = decoded(bytes, options.name), opsets = opsetsOf(model.opsetImport ?? []);
  const reader = new GraphReader(functionsOf(model.functions ?? []), options);
  const graph = shallow(options.name, () => reader.main(model.graph, opsets)), version = opsets.get("") ?? 1;
  const newer: Diagnostic[] = version <= newestOpset ? [] : [{
    severity: "warning", code: "newer-opset",
    message: `the model uses operator set ${version}; the newest that mlc knows is ${newestOpset}, `
      + "and operators that changed since are read in their old meaning",
  }];
  return {
    graph: { ...graph, name: options.name }, opsets, unranked: reader.unranked, composed: reader.composed, diagnostics: [...newer, ...reader.diagnostics],
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(" "), irVersion: toNumber(model.irVersion),
    metadata: new Map((model.metadataProps ?? []).map((p) => [p.key ?? "", p.value ?? ""])),
  };
}
