/** A folder for the commands' files and their cache while the tests of a file run, with small models of our own in it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { npyBytes } from "../../compiler/cli/npy.ts";
import { type Constant, constantOf } from "../../compiler/ir/graph.ts";
import { arrayOf, type DType } from "../../compiler/ir/types.ts";
import { model, node, tensor } from "../support/onnx.ts";
import { mlcWith } from "./mlc.ts";

/** Made before the first test of a file. */
let root = "";
/** The path of a file in the folder. */
export const at = (name: string): string => join(root, name);
/** The command line, with the cache in the folder. */
export const mlc = (...argv: string[]): ReturnType<typeof mlcWith> => mlcWith({ XDG_CACHE_HOME: at("cache") }, ...argv);
/** So many numbers, some below 0. */
export const values = (n: number): number[] => Array.from({ length: n }, (_, i) => ((i * 7) % 11) / 4 - 1);
/** Saves a tensor as .npy. */
export const save = (name: string, dtype: DType, shape: readonly number[], data: readonly number[]): Constant => {
  const t = constantOf(dtype, shape, arrayOf(dtype, data));
  writeFileSync(at(name), npyBytes(t));
  return t;
};
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "mlc-test-"));
  const conv = {
    opset: 13,
    inputs: { x: "f32[N, 2, 6, 6]" },
    outputs: ["out/y:0", "flat"],
    initializers: { w: tensor("f32", [4, 2, 3, 3], values(72)), b: tensor("f32", [4], [0.5, -0.5, 0, 1]), shape: tensor("i64", [2], [1, -1]) },
    nodes: [
      node("c = Conv(x, w, b)", { pads: [1, 1, 1, 1] }, "first"),
      node("out/y:0 = Relu(c)", {}, "second"),
      node("flat = Reshape(c, shape)", {}, "third"),
    ],
  };
  writeFileSync(at("conv.onnx"), model(conv));
  writeFileSync(at("add.onnx"), model({ opset: 13, inputs: { a: "f32[3]", "b:1": "f32[3]" }, outputs: ["sum"], nodes: [node("sum = Add(a, b:1)")] }));
  writeFileSync(at("open.onnx"), model({ opset: 13, inputs: { x: "f32[N, 3, H, W]" }, outputs: ["y"], nodes: [node("y = Relu(x)")] }));
  writeFileSync(
    at("unknown.onnx"),
    model({
      opset: 13,
      inputs: { x: "f32[4]" },
      outputs: ["z"],
      nodes: [node("a = Frobnicate(x)", {}, "f1"), node("b = Frobnicate(a)", {}, "f2"), node("z = Twiddle(b)", {}, "t1")],
    }),
  );
});
afterAll(() => rmSync(root, { recursive: true }));
