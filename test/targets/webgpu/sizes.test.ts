/** Packages whose sizes each run chooses: one compilation, any sizes within the bounds. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { evaluateGraph } from "../../../compiler/evaluate/index.ts";
import { typedGraph } from "../../../compiler/api.ts";
import { model, node, tensor } from "../../support/onnx.ts";
import { because, skipped } from "../../support/tools.ts";
import { install, openGpu, removeFolders, type Net, type NetModule } from "../../support/webgpu-net.ts";

const ramp = (n: number, f = (i: number) => ((i * 7) % 11) / 5 - 1): number[] => Array.from({ length: n }, (_, i) => f(i));
/** An image of any size through two convolutions, and softmax over rows; how often each row of a second input is chosen. */
const bytes = model({
  inputs: { x: "f32[1, 3, H, W]", rows: "i64[N, W]" }, outputs: { y: "f32", z: "f32", w: "i64" },
  initializers: { a: tensor("f32", [8, 3, 3, 3], ramp(216)), b: tensor("f32", [6, 8, 3, 3], ramp(432)), one: tensor("i64", [], [1]) },
  nodes: [node("u = Conv(x, a)", { strides: [2, 1], pads: [1, 1, 1, 1] }), "v = Relu(u)", node("y = Conv(v, b)", { pads: [1, 1, 1, 1] }), node("z = Softmax(y)", { axis: 3 }), "w = Add(rows, one)"],
});
const dims = { H: [4, 12], W: [3, 70], N: [1, 5] } as const;
let net: Net, module: NetModule;
beforeEach(({ skip }) => skip(skipped("dawn"), because("dawn").trim()));
beforeAll(async () => {
  if (skipped("dawn")) return;
  const gpu = await openGpu(), made = await install(bytes, "open", { dims });
  module = made.module;
  net = await made.module.createNet({ gpu });
});
afterAll(() => { net?.dispose(); removeFolders(); });
const inputsOf = (h: number, w: number, n: number) => ({ x: Float32Array.from(ramp(3 * h * w, (i) => ((i * 5) % 13) / 6 - 1)), rows: BigInt64Array.from(ramp(n * w, (i) => i % 17), BigInt) });
const choose = (h: number, w: number, n: number): void => { net.setInputShape!("x", [1, 3, h, w]); net.setInputShape!("rows", [n, w]); };
function wanted(h: number, w: number, n: number): Record<string, ArrayLike<number | bigint>> {
  const { x, rows } = inputsOf(h, w, n), { graph } = typedGraph(bytes, "open.onnx", { dims: { H: h, W: w, N: n } });
  const out = evaluateGraph(graph, new Map([["x", { dtype: "f32" as const, shape: [1, 3, h, w], data: x }], ["rows", { dtype: "i64" as const, shape: [n, w], data: rows }]]));
  return Object.fromEntries(["y", "z", "w"].map((v) => [v, out.get(v)!.data as ArrayLike<number | bigint>]));
}
function close(got: ArrayLike<number | bigint>, want: ArrayLike<number | bigint>): void {
  expect(got.length).toBe(want.length);
  expect(Math.max(0, ...Array.from(want, (v, i) => Math.abs(Number(v) - Number(got[i]))))).toBeLessThan(1e-4);
}

test("any sizes within the bounds, one after the other and at once", async () => {
  const sizes: readonly (readonly [number, number, number])[] = [[12, 70, 5], [4, 3, 1], [7, 33, 2], [12, 8, 5], [5, 69, 4]];
  for (const [h, w, n] of sizes) {
    choose(h, w, n);
    expect(net.outputShape!("y")).toEqual([1, 6, Math.ceil(h / 2), w]);
    const out = await net.run(inputsOf(h, w, n)), want = wanted(h, w, n);
    for (const v of ["y", "z", "w"]) close(out[v]!, want[v]!);
  }
  const runs = sizes.map((s) => { choose(...s); return net.run(inputsOf(...s)); });
  for (const [i, out] of (await Promise.all(runs)).entries()) close(out["z"]!, wanted(...sizes[i]!)["z"]!);
});
test("buffers hold what a run has", async () => {
  choose(6, 10, 2);
  const { y, w } = await net.run(inputsOf(6, 10, 2), { outputs: "buffers" });
  expect([y!.size, w!.size]).toEqual([4 * 6 * 3 * 10, 4 * 20]);
});
test("what is wrong with sizes is said", async () => {
  expect(module.inputs[0]).toMatchObject({ shape: [1, 3, 12, 70], least: [1, 3, 4, 3] });
  expect(() => net.setInputShape!("x", [1, 3, 13, 70])).toThrow('open: the input "x" cannot be 1 x 3 x 13 x 70: it must be 1 x 3 x 4..12 x 3..70');
  expect(() => net.setInputShape!("x", [1, 3, 12])).toThrow("it must be");
  expect(() => net.setInputShape!("q", [1])).toThrow('there is no input "q"');
  net.setInputShape!("x", [1, 3, 12, 20]);
  net.setInputShape!("rows", [2, 21]);
  await expect(net.run(inputsOf(12, 20, 2))).rejects.toThrow('contradict each other: "x" 1 x 3 x 12 x 20, "rows" 2 x 21');
  choose(12, 20, 2);
  await expect(net.run(inputsOf(12, 21, 2))).rejects.toThrow('the input "x" must be a Float32Array of 720 elements (1 x 3 x 12 x 20)');
});
