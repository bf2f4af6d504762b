import { describe, expect, test } from "vitest";
import { at, axis, extentOf, output, tensor, type Compute } from "../../../compiler/ir/compute.ts";
import { less, select } from "../../../compiler/ir/algebra.ts";
import { int } from "../../../compiler/ir/linear.ts";
import type { Network } from "../../../compiler/ir/network.ts";
import { splitConcats } from "../../../compiler/passes/network/split-concats.ts";
import { movementOf } from "../../../compiler/ir/contraction.ts";
import { Builder } from "../graphs.ts";
import { names, of, upTo } from "./build.ts";

describe("split-concats", () => {
  test.each([0, 1, 2])("one copy per input, each with its box, along %i", (axis) => {
    const b = new Builder(), shape = [2, 3, 4], x = b.input("x", shape), y = b.input("y", shape.map((d, i) => (i === axis ? 5 : d)));
    const n = upTo("split-concats", b.graph(b.op("Concat", [x, y, x], { axis })));
    expect(n.computes.every((c) => movementOf(c) !== null)).toBe(true);
    expect(n.computes.map((c) => extentOf(c.stages[0]!.axes[axis]!))).toEqual([shape[axis], 5, shape[axis]]);
    expect(n.computes.map((c) => c.tensors.map((t) => t.name))).toEqual([["%x"], ["%y"], ["%x"]]);
    expect(new Set(n.computes.flatMap((c) => c.outputs.map((o) => o.tensor))).size).toBe(1);
  });
  test("leaves alone what tests but does not choose by position along one axis", () => {
    const b = new Builder(), x = b.input("x", [4, 5]);
    const n = upTo("split-concats", b.graph(b.op("Pad", [x, b.ints(1, 0, 0, 1)]), b.op("Where", [b.op("Less", [x, b.scalar(0)]), x, b.op("Neg", [x])])));
    expect(names(n)).toEqual(["pad", "less", "neg", "where"]);
  });
  test("a constant among the parts", () => {
    const b = new Builder(), n = upTo("split-concats", b.graph(b.op("Concat", [b.input("x", [2, 3]), b.constant([2, 2])], { axis: 1 })));
    expect(names(n)).toEqual(["concat", "concat"]);
    expect(n.computes[1]!.tensors[0]!.role).toBe("weight");
  });
  test("not a chain whose limits do not grow: one of its pieces is never chosen", () => {
    const d = axis("d", 6), X = tensor("X", "input", [6]), value = select(less(d, int(4)), at(X, d), select(less(d, int(2)), at(X, int(0)), at(X, d)));
    const stage = { name: "s", axes: [d], value }, c: Compute = { name: "c", origin: [], tensors: [X], stages: [stage], outputs: [output(stage)] };
    const n: Network = { name: "n", inputs: ["X"], outputs: ["out"], outputNames: ["out"], tensors: new Map(), computes: [c] };
    expect(splitConcats(n).computes).toEqual([c]);
  });
  test("keeps the order: producers first, then the copies", () => {
    const b = new Builder(), x = b.input("x", [2, 3]), y = b.op("Relu", [x]), n = upTo("split-concats", b.graph(b.op("Neg", [b.op("Concat", [x, y], { axis: 1 })])));
    expect(names(n)).toEqual(["relu", "concat", "concat", "neg"]);
    expect(of(n, "neg2").tensors).toHaveLength(1);
  });
});
