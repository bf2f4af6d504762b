/**
 * ONNX's published cases: a model, and one or more sets of recorded inputs and outputs. They come from the folder
 * onnx/backend/test/data of the wheel onnx==1.22.0 (scripts/fetch-onnx-data.sh).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readModel, readValue, type ModelFacts, type PortFacts, type Tensor, type Value } from "./proto.ts";

const kinds = ["node", "simple", "pytorch-operator", "pytorch-converted"] as const;

export interface Case {
  /** Such as "node/test_abs". */
  readonly name: string;
  readonly model: string;
  /** Folders with input_0.pb ..., output_0.pb ...; for the light networks the prefix of their recorded outputs. */
  readonly sets: readonly string[];
}
export interface DataSet {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** All cases under a data folder, in a fixed order. Kinds that it does not have are none. */
export function listCases(root: string): readonly Case[] {
  const within = (folder: string): readonly string[] => (existsSync(join(root, folder)) ? readdirSync(join(root, folder)).sort() : []);
  const folders = kinds.flatMap((kind) => within(kind).map((d) => `${kind}/${d}`));
  const usual = folders.filter((name) => existsSync(join(root, name, "model.onnx"))).map((name) => ({
    name, model: join(root, name, "model.onnx"),
    sets: readdirSync(join(root, name)).filter((d) => d.startsWith("test_data_set_")).sort().map((d) => join(root, name, d)),
  }));
  const light = within("light").filter((f) => f.endsWith(".onnx")).map((f) => {
    const name = `light/${f.slice(0, -5)}`;
    return { name, model: join(root, "light", f), sets: [join(root, name)] };
  });
  return [...usual, ...light];
}

/** What the light networks are fed: 0, 1/n, 2/n ... over the shape of the input. */
function ramp(shape: readonly number[]): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: n }, (_, i) => i / n);
  return { code: 1, shape, bytes: new Uint8Array(values.buffer) };
}

/** The recorded values of a set, in the order of the model's inputs and outputs; throws with the reason where the harness cannot read them. */
export function readSet(set: string, facts: ModelFacts): DataSet {
  const read = (file: string, p: PortFacts): Value => readValue(readFileSync(file), p);
  if (!existsSync(set)) {
    return { inputs: facts.inputs.map((p) => ramp(p.shape)), outputs: facts.outputs.map((p, i) => read(`${set}_output_${i}.pb`, p)) };
  }
  return {
    inputs: facts.inputs.map((p, i) => read(join(set, `input_${i}.pb`), p)),
    outputs: facts.outputs.map((p, i) => read(join(set, `output_${i}.pb`), p)),
  };
}

export { readModel };
