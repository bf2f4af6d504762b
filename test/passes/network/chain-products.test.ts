import { describe, expect, test } from "vitest";
import type { Graph } from "../../../compiler/ir/graph.ts";
import { chainProducts } from "../../../compiler/passes/network/chain-products.ts";
import { attention } from "../../support/attention.ts";
import { Builder } from "../graphs.ts";
import { ahead, facts, temporaries, upTo } from "./build.ts";

const chained = (g: Graph) => upTo("chain-products", g).computes.find((c) => c.name === "attention");
describe("chain-products", () => {
  test("softmax(Q K) V is one Compute; what divides a whole row stands behind the second product", () => {
    const n = upTo("chain-products", attention({ queries: 17, keys: 19 })), c = n.computes.find((x) => x.name === "attention")!, last = c.stages.at(-1)!;
    expect(c.stages.map((s) => s.name)).toEqual(["scores", "top", "e", "sum", last.name]);
    expect(c.stages.map((s) => s.axes.at(-1)!.range[1] + 1).slice(0, -1)).toEqual([17, 17, 17, 17]);
    expect(last.finish).toBeDefined();
    expect([...n.tensors.values()].some((t) => t.kind === "temporary" && t.shape.join().endsWith("17,19"))).toBe(false);
  });
  test("whatever stands between the products: other normalisations, several maps", () => {
    const b = new Builder(), x = b.input("x", [16, 5]), y = b.input("y", [5, 18]), z = b.input("z", [18, 4]);
    const rows = b.op("LpNormalization", [b.op("Tanh", [b.op("MatMul", [x, y])])], { axis: -1, p: 1 });
    expect(chained(b.graph(b.op("Relu", [b.op("MatMul", [rows, z])])))).toBeDefined();
    const log = new Builder(), p = log.op("MatMul", [log.input("x", [16, 5]), log.input("y", [5, 18])]);
    expect(chained(log.graph(log.op("MatMul", [log.op("LogSoftmax", [p], { axis: -1 }), log.input("z", [18, 4])])))?.stages.map((s) => s.name)).toContain("logsoftmax");
  });
  test("groups of heads that share keys", () => {
    const b = new Builder(), q = b.input("q", [1, 2, 3, 16, 4]), k = b.input("k", [1, 2, 1, 4, 9]), v = b.input("v", [1, 2, 1, 9, 4]);
    expect(chained(b.graph(b.op("MatMul", [b.op("Softmax", [b.op("MatMul", [q, k])], { axis: -1 }), v])))).toBeDefined();
  });
  test.each<[string, Graph]>([
    ["few rows", attention({ queries: 3 })],
    ["scores that others read too", (() => {
      const b = new Builder(), s = b.op("MatMul", [b.input("x", [16, 5]), b.input("y", [5, 18])]), out = b.op("MatMul", [b.op("Softmax", [s], { axis: -1 }), b.input("z", [18, 4])]);
      return b.graph(b.op("Concat", [out, s], { axis: 1 }));
    })()],
    ["columns that are summed", (() => {
      const b = new Builder(), s = b.op("MatMul", [b.input("x", [16, 5]), b.input("y", [5, 18])]);
      return b.graph(b.op("MatMul", [b.op("Transpose", [b.op("Softmax", [s], { axis: -1 })], { perm: [1, 0] }), b.input("z", [16, 4])]));
    })()],
    ["softmax along rows", (() => {
      const b = new Builder(), s = b.op("MatMul", [b.input("x", [16, 5]), b.input("y", [5, 18])]);
      return b.graph(b.op("MatMul", [b.op("Softmax", [s], { axis: 0 }), b.input("z", [18, 4])]));
    })()],
    ["other types", (() => {
      const b = new Builder(), s = b.op("MatMul", [b.input("x", [16, 5], "f64"), b.input("y", [5, 18], "f64")]);
      return b.graph(b.op("MatMul", [b.op("Softmax", [s], { axis: -1 }), b.input("z", [18, 4], "f64")]));
    })()],
  ])("not with %s", (_, g) => expect(chained(g)).toBeUndefined());
  test("devices of groups and lanes keep their kernels", () => {
    const n = ahead("chain-products", attention({ queries: 17 })), grid = { lanes: 4, mostLanes: 16, mostGroups: 8, sharedBytes: 512, vector: 4, accumulators: 64, busy: 8 };
    expect(chainProducts(n, { ...facts, grid })).toBe(n);
    expect(temporaries(chainProducts(n, facts)).length).toBe(temporaries(n).length - 2);
  });
});
