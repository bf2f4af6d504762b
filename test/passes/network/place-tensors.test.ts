import { describe, expect, test } from "vitest";
import { placeTensors } from "../../../compiler/passes/network/place-tensors.ts";
import { planMemory, verifyArena } from "../../../compiler/passes/network/plan-memory.ts";
import { networks } from "../networks.ts";
import { Builder } from "../graphs.ts";
import { plainNetwork, upTo } from "./build.ts";

const placed = (build: (b: Builder, x: string) => readonly string[], shape: readonly number[] = [1, 8, 6, 6]) => {
  const b = new Builder(), n = plainNetwork(b.graph(...build(b, b.input("x", shape)))), p = placeTensors(n), block = (t: string) => p.blockOf.get(`%${t}`);
  return { n, p, block, shares: (a: string, r: string) => block(a) !== undefined && block(a) === block(r) };
};
describe("place-tensors", () => {
  test("a map writes over an operand that dies there", () => {
    const { p, shares } = placed((b, x) => [b.op("Neg", [b.op("Exp", [b.op("Sqrt", [x])])])]);
    expect(shares("v_sqrt0", "v_exp1")).toBe(true);
    expect(p.blocks).toHaveLength(1);
    expect(p.blocks[0]).toMatchObject({ firstStep: 0, lastStep: 2, bytes: 8 * 36 * 4 });
  });
  test("the tail of a product too, where it reads the element it writes", () => {
    const b = new Builder(), y = b.op("Exp", [b.input("x", [1, 8, 6, 6])]), z = b.op("Sqrt", [b.op("Abs", [y])]), n = upTo("fuse-tails", b.graph(b.op("Neg", [b.op("Softmax", [b.op("Add", [b.op("Conv", [z, b.constant([8, 8, 1, 1])]), y])], { axis: 1 })])));
    const p = placeTensors(n), conv = n.computes.find((c) => c.name === "conv")!;
    expect([...p.sharing(conv)]).toEqual([["%v_exp0", { result: conv.outputs[0]!.tensor, how: "inPlace" }]]);
  });
  test.each<[string, (b: Builder, y: string) => string, string]>([
    ["it is read later", (b, y) => b.op("Add", [b.op("Sin", [b.op("Cos", [y])]), y]), "v_cos1"], ["it is read at other places", (b, y) => b.op("Transpose", [y], { perm: [0, 1, 3, 2] }), "v_transpose1"],
    ["it is what a product multiplies", (b, y) => b.op("Conv", [y, b.constant([8, 8, 1, 1])]), "v_conv1"], ["other elements are still needed", (b, y) => b.op("Softmax", [y], { axis: 1 }), "v_softmax1"],
    ["its elements have another size", (b, y) => b.op("Cast", [y], { to: 11 }), "v_cast1"], ["it is smaller", (b, y) => b.op("Add", [b.op("ReduceMax", [y, b.ints(1)]), b.constant([1, 8, 1, 1])]), "v_reducemax1"],
  ])("not where %s", (_, use, result) => {
    const { shares } = placed((b, x) => [b.op("Neg", [use(b, b.op("Exp", [x]))])]);
    expect(shares("v_exp0", result)).toBe(false);
  });
  test("at most one result takes an operand over, and an operand is taken once", () => {
    const { p, n } = placed((b, x) => { const y = b.op("Exp", [x]), z = b.op("Sqrt", [x]); return [b.op("Neg", [b.op("Add", [y, z])])]; });
    expect(n.computes.map((c) => p.sharing(c).size)).toEqual([0, 0, 1, 0]);
    expect(p.blocks).toHaveLength(2);
  });
  test("an operand read under two names is not taken", () => {
    const b = new Builder(), y = b.op("Exp", [b.input("x", [4, 4])]), turned = b.op("Reshape", [y, b.ints(16)]), n = plainNetwork(b.graph(b.op("Neg", [b.op("Add", [y, b.op("Reshape", [turned, b.ints(4, 4)])])])));
    const alias = { ...n, tensors: new Map([...n.tensors].map(([name, t]) => [name, name.startsWith("%v_reshape") ? { ...t, aliasOf: "%v_exp0" } : t])), computes: n.computes.filter((c) => c.name !== "reshape") };
    const p = placeTensors(alias);
    expect(alias.computes.every((c) => p.sharing(c).size === 0)).toBe(true);
    expect(p.rootOf("%v_reshape2")).toBe("%v_exp0");
  });
  test("outputs and inputs have no blocks, aliases that of their root", () => {
    const { p } = placed((b, x) => [b.op("Exp", [x])]);
    expect(p.blocks).toEqual([]);
  });
  test.each(Object.keys(networks))("the arena of %s is sound", (name) => {
    const arena = planMemory(placeTensors(upTo("elide-copies", networks[name]!())).blocks);
    expect(verifyArena(arena)).toEqual([]);
    expect(arena.bytes).toBeLessThanOrEqual(arena.naive + 64 * arena.blocks.length);
  });
});
