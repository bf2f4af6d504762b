import { describe, expect, test } from "vitest";
import { rowMajor, type Compute } from "../../../compiler/ir/compute.ts";
import type { NetTensor, Network } from "../../../compiler/ir/network.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { Builder } from "../graphs.ts";
import { plainNetwork } from "./build.ts";

const b = new Builder(), good = plainNetwork(b.graph(b.op("Neg", [b.op("Add", [b.op("Exp", [b.input("x", [2, 3])]), b.constant([3])])])));
const compute = (i: number, change: (c: Compute) => Partial<Compute>): Network => ({ ...good, computes: good.computes.map((c, j) => (i === j ? { ...c, ...change(c) } : c)) });
const tensors = (name: string, change: Partial<NetTensor> | null): Network => ({ ...good, tensors: new Map([...good.tensors].flatMap(([n, t]) => (n !== name ? [[n, t] as const] : change ? [[n, { ...t, ...change }] as const] : []))) });

describe("verify-network", () => {
  test("a sound network", () => expect(verifyNetwork(good)).toEqual([]));
  test.each<[string, Network]>([
    ["exp (exp0): writes %v_exp0, which is no tensor", tensors("%v_exp0", null)],
    ["add (add1): takes %c0 for a weight; it is a temporary", tensors("%c0", { kind: "temporary" })],
    ["add (add1): takes %v_exp0 for f32[2,3]; it is f32[3,2]", tensors("%v_exp0", { shape: [3, 2] })],
    ["exp (exp0): writes %v_exp0, which is a input", tensors("%v_exp0", { kind: "input" })],
    ["exp (exp0): reads %x before anything writes it", tensors("%x", { kind: "temporary" })],
    ["add (add1): reads %v_exp0 before anything writes it", { ...good, computes: [good.computes[1]!, good.computes[0]!, good.computes[2]!] }],
    ["nothing writes the output %v_neg2", { ...good, computes: good.computes.slice(0, 2) }],
    ["exp (exp0): output %v_exp0 names no stage", compute(0, (c) => ({ outputs: c.outputs.map((o) => ({ ...o, stage: "q" })) }))],
    ["exp (exp0): loads %x, which it does not list", compute(0, () => ({ tensors: [] }))],
    ["exp (exp0): two stages have one name", compute(0, (c) => ({ stages: [...c.stages, ...c.stages] }))],
    ["exp (exp0): map has other extents than %v_exp0", compute(0, (c) => ({ outputs: c.outputs.map((o) => ({ ...o, shape: [3, 2], layout: rowMajor(2) })) }))],
  ])("%s", (message, n) => expect(verifyNetwork(n)).toContain(message));
  test("an alias counts as written when its root is", () => {
    const n = { ...good, tensors: new Map([...good.tensors, ["%again", { ...good.tensors.get("%v_exp0")!, name: "%again", aliasOf: "%v_exp0" }]]) };
    const reads = { ...n, computes: n.computes.map((c) => (c.name === "add" ? JSON.parse(JSON.stringify(c).replaceAll("%v_exp0", "%again")) as Compute : c)) };
    expect(verifyNetwork(reads).filter((p) => p.includes("before"))).toEqual([]);
  });
});
