import { describe, expect, test } from "vitest";
import { derivedName } from "../../../compiler/ir/network.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { ops } from "../../../compiler/ops/index.ts";
import { lowerGraph, tensorOf, valueOfTensor } from "../../../compiler/passes/network/lower-graph.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { Builder } from "../graphs.ts";
import { names, plainNetwork, run } from "./build.ts";

describe("lower-graph", () => {
  test("one Compute per node, in order; tensors by kind, all row-major", () => {
    const b = new Builder(), x = b.input("x", [2, 3]), y = b.op("Relu", [b.op("MatMul", [x, b.constant([3, 4])])]), n = plainNetwork(b.graph(y));
    expect(names(n)).toEqual(["matmul", "relu"]);
    expect([...n.tensors.values()].map((t) => [t.name, t.kind, t.layout.parts.length])).toEqual([["%x", "input", 2], ["%v_relu1", "output", 2], ["%c0", "constant", 2], ["%v_matmul0", "temporary", 2]]);
    expect(n.computes.map((c) => c.origin)).toEqual([["matmul0"], ["relu1"]]);
  });
  test("tensors are called as their values, apart from stages", () => {
    expect(valueOfTensor(tensorOf("conv"))).toBe("conv");
    expect(tensorOf("")).toBe("");
    // A value may be called like the stage of the operator that makes it.
    const b = new Builder(), g = b.graph(b.op("Relu", [b.input("map", [4])])), renamed = { ...g, outputs: ["acc"], nodes: g.nodes.map((n) => ({ ...n, outputs: ["acc"] })), types: new Map([["map", g.types.get("map")!], ["acc", g.types.get("map")!]]) };
    run(renamed, []);
  });
  test("no value is called like a tensor that a pass makes", () => {
    const b = new Builder(), x = b.input("x", [1, 8, 6, 5]), y = b.op("Conv", [b.op("Relu", [x]), b.constant([8, 8, 3, 3])], { pads: [1, 1, 1, 1] }), g = b.graph(y);
    const rename = (v: string) => (v === "v_relu0" ? "x:inner" : v === y ? "inner:x" : v);
    const odd = { ...g, outputs: g.outputs.map(rename), nodes: g.nodes.map((n) => ({ ...n, inputs: n.inputs.map(rename), outputs: n.outputs.map(rename) })), types: new Map([...g.types].map(([v, t]) => [rename(v), t])) };
    run(odd, networkPasses);
    expect([derivedName("inner", tensorOf("x")), valueOfTensor(derivedName("inner", tensorOf("x")))]).toEqual(["inner:%x", null]);
  });
  test("an input that is an output, a constant, and an output wanted twice get copies", () => {
    const b = new Builder(), x = b.input("x", [4]), y = b.op("Relu", [x]), g = { ...b.graph(y), outputs: [y, "x", y] }, n = run(g, []);
    expect(new Set(n.outputs).size).toBe(3);
    expect(n.outputNames).toEqual([y, "x", y]);
    expect(names(n)).toEqual(["relu", "copy", "copy"]);
  });
  test.each([0, 1, 2])("outputs that nobody wants: only part %i of three is used", (part) => {
    const b = new Builder(), parts = b.ops("Split", [b.input("x", [6, 2]), b.ints(1, 2, 3)], 3, { axis: 0 }), n = run(b.graph(b.op("Relu", [parts[part]!])), []);
    expect(n.computes[0]!.outputs).toHaveLength(1);
    expect(n.computes[0]!.stages).toHaveLength(1);
  });
  test("says which node has no lowering", () => {
    const b = new Builder(), g = b.graph(b.op("Relu", [b.input("x", [2])]));
    expect(() => lowerGraph({ ...g, nodes: g.nodes.map((n) => ({ ...n, op: "Nothing" })) }, ops)).toThrow("no operator Nothing");
    expect(() => lowerGraph({ ...g, types: new Map([...g.types].filter(([v]) => v === "x")) }, ops)).toThrow("v_relu0 has no type");
  });
  test("leaves a network that verifies", () => expect(verifyNetwork(plainNetwork(new Builder().graph()))).toEqual([]));
});
