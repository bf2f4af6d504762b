import { describe, expect, test } from "vitest";
import type { Program } from "../../../compiler/ir/program.ts";
import type { Variant } from "../../../compiler/emit/target.ts";
import { evaluateGraph } from "../../../compiler/evaluate/index.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import { argumentsOf } from "../../../compiler/ir/kernel.ts";
import { verify } from "../../../compiler/ir/verify.ts";
import { scheduleGrid } from "../../../compiler/schedules/grid/index.ts";
import { buildProgram } from "../../../compiler/passes/network/build-program.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { cppTarget, cppVariants } from "../../../targets/cpp/index.ts";
import { evaluateProgram } from "../../support/evaluate-program.ts";
import { difference } from "../../support/run-compute.ts";
import { networks } from "../networks.ts";
import { Builder } from "../graphs.ts";
import { facts, feedsOf, plainNetwork, ready } from "./build.ts";

const variants = cppVariants(Object.keys(cppTarget.instructionSets));
const programOf = (g: Graph): Program => buildProgram(networkPasses.reduce((n, p) => p.run(n, facts), plainNetwork(g)), { alignment: 64, shares: true, variants });
function agrees(g: Graph, p: Program): void {
  const feeds = feedsOf(ready(g), 1), want = evaluateGraph(ready(g), feeds);
  for (const v of variants) evaluateProgram(p, v.name, g.inputs.map((x) => feeds.get(x)!.data), { quick: true }).forEach((got, i) => expect(difference(got, want.get(g.outputs[i]!)!.data), v.name).toBeLessThanOrEqual(1e-4));
}
describe("build-program", () => {
  test.each(Object.keys(networks))("%s computes what its graph does, with every instruction set", (name) => agrees(networks[name]!(), programOf(networks[name]!())));
  test("equal work is one kernel, with the origins of all", () => {
    const b = new Builder(), step = (x: string) => b.op("Relu", [b.op("Conv", [x, b.constant([16, 16, 1, 1]), b.constant([16])])]), g = b.graph(b.op("Exp", [step(step(step(b.op("Exp", [b.input("x", [1, 16, 4, 4])]))))]));
    const p = programOf(g), convs = p.kernels.filter((k) => k.name.startsWith("conv"));
    expect(convs.length).toBeLessThan(p.steps.filter((s) => p.kernels[s.kernel]!.name.startsWith("conv")).length);
    expect(new Set(convs.flatMap((k) => k.origin)).size).toBeGreaterThanOrEqual(6);
    agrees(g, p);
  });
  test("boxes of one tensor are written by one kernel, each where it begins", () => {
    const b = new Builder(), x = b.op("Exp", [b.input("x", [1, 16, 6, 6])]), parts = [0, 1, 2].map(() => b.op("Conv", [x, b.constant([16, 16, 3, 3]), b.constant([16])], { pads: [1, 1, 1, 1] }));
    const g = b.graph(b.op("Abs", [b.op("Concat", parts, { axis: 1 })])), p = programOf(g), first = p.steps.filter((s) => s.macs > 0).map((s) => [s.kernel, s.args.at(-1)!.offset] as const);
    expect(new Set(first.map(([kernel]) => kernel)).size).toBeLessThan(first.length);
    agrees(g, p);
  });
  test("all instruction sets share one list of buffers and one packing of weights", () => {
    const p = programOf(networks.residual!());
    for (const k of p.kernels) expect(new Set(Object.values(k.variants).map((v) => JSON.stringify(v.buffers))).size, k.name).toBe(1);
  });
  test("every argument has a place inside its memory, aligned for a target that needs it", () => {
    for (const make of Object.values(networks)) {
      const p = programOf(make()), strict = buildProgram(networkPasses.reduce((n, pass) => pass.run(n, facts), plainNetwork(make())), { alignment: 64, variants });
      expect(strict.steps.flatMap((s) => s.args.filter((a) => a.in === "arena" && a.offset % 64 !== 0))).toEqual([]);
      for (const s of p.steps) {
        expect(s.args).toHaveLength(Object.values(p.kernels[s.kernel]!.variants)[0]!.buffers.length);
        for (const a of s.args) {
          if (a.in === "constants") expect(a.offset % 64).toBe(0);
          if (a.in === "arena") expect(a.offset).toBeLessThan(p.arena.bytes);
          if (a.in === "constants") expect(a.offset).toBeLessThan(p.constants.length);
        }
      }
    }
  });
  test("ports keep the model's names, order and shapes", () => {
    const b = new Builder(), x = b.input("x", [2, 3]), y = b.input("y", [3], "i64"), g = b.graph(b.op("Exp", [x]), b.op("Neg", [y])), p = programOf(g);
    expect(p.inputs).toEqual([{ name: "x", dtype: "f32", shape: [2, 3] }, { name: "y", dtype: "i64", shape: [3] }]);
    expect(p.outputs.map((o) => [o.name, o.dtype])).toEqual([[g.outputs[0], "f32"], [g.outputs[1], "i64"]]);
    expect(new Set(p.dtypes)).toEqual(new Set(["f32", "i64"]));
  });
  test("memory that a kernel shares is not called its own", () => {
    const b = new Builder(), g = b.graph(b.op("Softmax", [b.op("Exp", [b.op("Transpose", [b.op("Exp", [b.input("x", [4, 5])])], { perm: [1, 0] })])], { axis: 1 }), b.op("Abs", ["x"]));
    const p = buildProgram(plainNetwork(g), { alignment: 64, variants }), shared = p.steps.filter((s) => new Set(s.args.map((a) => JSON.stringify(a))).size < s.args.length);
    expect(shared.length).toBeGreaterThan(0);
    for (const s of shared) expect(Object.values(p.kernels[s.kernel]!.variants)[0]!.buffers.filter((x) => x.aliased)).toHaveLength(2);
  });
  test("results say where each finished value lies", () => {
    const b = new Builder(), y = b.op("Sigmoid", [b.op("Conv", [b.input("x", [1, 3, 5, 5]), b.constant([8, 3, 3, 3])], { pads: [1, 1, 1, 1] })]), g = b.graph(b.op("GlobalMaxPool", [b.op("Conv", [y, b.constant([8, 8, 3, 3])], { pads: [1, 1, 1, 1] })]));
    const p = programOf(g), results = p.steps.flatMap((s) => s.results), sigmoid = results.find((r) => r.value === y)!;
    expect(sigmoid.shape).toEqual([1, 8, 5, 5]);
    // Channels last, in a margin of one pixel: the first element lies one row and one pixel in.
    expect(sigmoid.strides).toEqual([7 * 7 * 8, 1, 7 * 8, 8]);
    expect(new Set(results.map((r) => r.value)).size).toBe(results.length);
    expect(sizeOf(results.at(-1)!.shape)).toBe(8);
  });
  test("variants that pack a weight differently get each its own", () => {
    const b = new Builder(), g = b.graph(b.op("MatMul", [b.input("x", [4, 8]), b.constant([8, 32])])), [first] = variants as [Variant];
    const other: Variant = { ...first, name: "other", schedule: (c) => { const s = first.schedule(c); return { ...s, compute: { ...s.compute, tensors: s.compute.tensors.map((t) => (t.role === "weight" ? { ...t, layout: { parts: [...t.layout.parts].reverse() } } : t)) } }; } };
    const p = buildProgram(plainNetwork(g), { alignment: 64, variants: [first, other] }), names = p.kernels[0]!.variants[first.name]!.buffers.map((x) => x.name);
    expect(names.filter((x) => x.endsWith("_other"))).toHaveLength(1);
    expect(p.constants.length).toBe(2 * buildProgram(plainNetwork(g), { alignment: 64, variants: [first] }).constants.length);
    expect(new Set(p.steps[0]!.args.filter((a) => a.in === "constants").map((a) => a.offset)).size).toBe(2);
  });
  test("what one variant shares in a group and another has as scratch are two buffers", () => {
    const grid = { lanes: 8, mostLanes: 16, mostGroups: 64, sharedBytes: 4096, vector: 4, accumulators: 32, busy: 8 }, b = new Builder();
    const g = b.graph(b.op("Softmax", [b.input("x", [3, 40])], { axis: 1 }));
    const device: Variant = { name: "device", description: "", schedule: (c) => scheduleGrid(c, grid), lacks: () => false };
    const p = buildProgram(plainNetwork(g), { alignment: 64, variants: [device, ...variants] }), k = p.kernels[0]!.variants;
    const shared = k.device!.buffers.filter((x) => x.space === "shared").map((x) => x.name), lent = argumentsOf(k.device!).map((x) => x.name);
    expect(lent).toEqual(argumentsOf(k.avx2!).map((x) => x.name));
    expect(lent).toContain("e");
    expect(shared).toContain("e_own");
    expect(new Set([...shared, ...lent]).size).toBe(shared.length + lent.length);
    for (const variant of Object.values(k)) expect(() => verify(variant)).not.toThrow();
    const feeds = feedsOf(g, 1), want = evaluateGraph(g, feeds).get(g.outputs[0]!)!.data;
    for (const name of ["device", "avx2"]) expect(difference(evaluateProgram(p, name, [feeds.get("x")!.data])[0]!, want)).toBeLessThan(1e-5);
  });
});
