/** Packages with branches, loops and sizes that steps find: runs at once, buffers, shapes, and what a run says that cannot go on. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { model, node, tensor } from "../../support/onnx.ts";
import { because, skipped } from "../../support/tools.ts";
import { compile } from "../../../compiler/index.ts";
import { install, openGpu, removeFolders, wrongNames, type Net } from "../../support/webgpu-net.ts";

/** Doubles a list until its sum is 100; the turns' lists, the last first, of which those are chosen that a second input says. */
const loop = model({
  opset: 21, inputs: { v: "f32[3]", x: "f32[4, 3]" }, outputs: ["w", "h"], initializers: { two: tensor("f32", [], [2]), most: tensor("f32", [], [100]), n: tensor("i64", [], [20]), yes: tensor("bool", [], [1]) },
  nodes: [
    node("w = Loop(n, yes, v)", { body: { inputs: { i: "i64[]", c: "bool[]", a: "f32[3]" }, outputs: { g: "bool[]", b: "f32[3]" }, nodes: ["b = Mul(a, two)", node("s = ReduceSum(b)", { keepdims: 0 }), "g = Less(s, most)"] } }),
    node("last, h = Scan(v, x)", { num_scan_inputs: 1, scan_output_directions: [1], body: { inputs: { a: "f32[3]", r: "f32[3]" }, outputs: { b: "f32[3]", y: "f32[3]" }, nodes: ["b = Add(a, r)", "y = Identity(b)"] } }),
  ],
});
const chosen = model({ opset: 21, inputs: { x: "f32[W]", c: "bool[W]", d: "f32[V]" }, outputs: ["y", "z"], initializers: { axes: tensor("i64", [1], [0]) }, nodes: ["k = Compress(x, c)", "m = ReduceMax(k, axes)", "y = Sub(k, m)", "z = Add(k, d)"] });
/** As many numbers as come before a 0, which only a condition tells. */
const decoding = model({
  opset: 21, inputs: { table: "i64[8]", x: "i64[1]" }, outputs: ["y"], initializers: { yes: tensor("bool", [], [1]), last: tensor("i64", [], [-1]), zero: tensor("i64", [], [0]), zeros: tensor("i64", [1], [0]) },
  nodes: [node("y = Loop(_, yes, x)", { body: { inputs: { i: "i64[]", c: "bool[]", v: "i64[n]" }, outputs: { g: "bool[]", w: "i64[m]" }, nodes: ["l = Gather(v, last)", "t = Gather(table, l)", "u = Unsqueeze(t, zeros)", node("w = Concat(v, u)", { axis: 0 }), "g = Greater(t, zero)"] } }, "decode")],
});
let gpu: GPU, looping: Net, choosing: Net, deciding: Net;
beforeEach(({ skip }) => skip(skipped("dawn"), because("dawn").trim()));
beforeAll(async () => {
  if (skipped("dawn")) return;
  gpu = await openGpu();
  looping = await (await install(loop, "loop")).module.createNet({ gpu });
  deciding = await (await install(decoding, "decoding", { turns: { decode: 4 } })).module.createNet({ gpu });
  choosing = await (await install(chosen, "chosen", { dims: { W: [2, 8], V: [1, 8] } })).module.createNet({ gpu });
});
afterAll(() => { looping?.dispose(); choosing?.dispose(); deciding?.dispose(); removeFolders(); });

const x = Float32Array.from({ length: 12 }, (_, i) => i);
test("runs that overlap follow each other, whatever becomes of their inputs", async () => {
  const starts = [[1, 1, 1], [60, 0, 0], [-1, 0, 0.5], [5, 6, 7]], doubled = [[64, 64, 64], [120, 0, 0], [-(2 ** 20), 0, 2 ** 19], [40, 48, 56]];
  const v = new Float32Array(3), runs = starts.map((s) => { v.set(s); return looping.run({ v, x }); });
  v.fill(0);
  for (const [i, out] of (await Promise.all(runs)).entries()) {
    expect([...out["w"]!]).toEqual(doubled[i]);
    const sums = [0, 1, 2, 3].map((t) => starts[i]!.map((a, k) => a + [0, 3, 9, 18][t]! + k * (t + 1)));
    expect([...out["h"]!]).toEqual(sums.reverse().flat());
  }
});
test("inputs and outputs may stay on the device", async () => {
  const { w } = await looping.run({ v: Float32Array.of(1, 1, 1), x }, { outputs: "buffers" });
  const both = await Promise.all([looping.run({ v: w!, x }), looping.run({ v: w!, x })]);
  expect(both.map((o) => [...o["w"]!])).toEqual([[128, 128, 128], [128, 128, 128]]);
  w!.destroy();
});
test("what a step finds decides how large outputs are", async () => {
  expect(choosing.outputShape!("y")).toEqual([8]);
  const choose = (w: number, v: number) => { choosing.setInputShape!("x", [w]); choosing.setInputShape!("c", [w]); choosing.setInputShape!("d", [v]); };
  choose(5, 2);
  const few = await choosing.run({ x: Float32Array.of(1, 2, 3, 4, 5), c: Uint8Array.of(0, 1, 0, 1, 0), d: Float32Array.of(10, 20) });
  expect([[...few["y"]!], [...few["z"]!], choosing.outputShape!("y")]).toEqual([[-2, 0], [12, 24], [2]]);
  const none = choosing.run({ x: Float32Array.of(1, 2, 3, 4, 5), c: Uint8Array.of(0, 1, 1, 1, 0), d: Float32Array.of(10, 20) });
  choose(8, 8);
  const all = choosing.run({ x: Float32Array.from(x.subarray(0, 8)), c: [1, 1, 1, 1, 1, 1, 1, 1], d: [0, 1, 2, 3, 4, 5, 6, 7] }, { outputs: "buffers" });
  await expect(none).rejects.toThrow("sizes differ that the network needs equal");
  expect(Object.values(await all).map((b) => { const { size } = b; b.destroy(); return size; })).toEqual([32, 32]);
});
test("a loop that a condition ends takes no more turns than were stated", async () => {
  const run = (start: number) => deciding.run({ table: BigInt64Array.of(0n, 0n, 1n, 2n, 3n, 4n, 5n, 6n), x: BigInt64Array.of(BigInt(start)) });
  expect([[...(await run(1))["y"]!], [...(await run(4))["y"]!]].map((list) => list.map(Number))).toEqual([[1, 0], [4, 3, 2, 1, 0]]);
  await expect(run(5)).rejects.toThrow("a run is refused unless loop decode ends within 4 turns (--turns decode=4)");
  expect([...(await run(2))["y"]!].map(Number)).toEqual([2, 1, 0]);
});
test("modules name nothing that is not there, and nothing in vain", async () => {
  const branch = (text: string) => ({ outputs: { r: "f32[2]" }, nodes: [text] });
  const branching = model({ inputs: { x: "f32[2]", c: "bool[]" }, outputs: ["y"], nodes: [node("y = If(c)", { then_branch: branch("r = Relu(x)"), else_branch: branch("r = Neg(x)") })] });
  for (const [bytes, o] of [[branching, {}], [chosen, { dims: { W: [2, 8], V: [1, 8] } }]] as const) {
    expect(await wrongNames(String((await compile(bytes, { target: "webgpu", name: "net", ...o })).files.get("index.js")))).toEqual([]);
  }
});
