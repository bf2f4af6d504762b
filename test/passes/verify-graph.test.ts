import { expect, test } from "vitest";
import { constantOf, type Graph } from "../../compiler/ir/graph.ts";
import { verifyGraph } from "../../compiler/ir/verify-graph.ts";
import { infer } from "../../compiler/passes/graph/run.ts";
import { Builder } from "./graphs.ts";

function sound(): Graph {
  const b = new Builder(), y = b.op("Add", [b.input("x", [2, 3]), b.constant([3])]);
  return b.graph(b.op("Exp", [y]));
}
const broken: readonly (readonly [problem: string, change: (g: Graph) => Graph])[] = [
  ["two nodes have the name add0", (g) => ({ ...g, nodes: [g.nodes[0]!, { ...g.nodes[1]!, name: "add0" }] })],
  ["node exp1 (Exp) reads v_add0, which nothing before it defines", (g) => ({ ...g, nodes: g.nodes.toReversed() })],
  ["value v_add0 is defined twice, the second time as output of node exp1", (g) => ({ ...g, nodes: [g.nodes[0]!, { ...g.nodes[1]!, outputs: ["v_add0"] }] })],
  ["value v_exp1, output of node exp1, has no type", (g) => ({ ...g, types: new Map([...g.types].filter(([v]) => v !== "v_exp1")) })],
  ["value v_exp1 of node exp1 (Exp) is f32[3], but must be f32[2, 3]", (g) => ({ ...g, types: new Map([...g.types, ["v_exp1", { dtype: "f32", shape: [3] }]]) })],
  ["output z is not defined", (g) => ({ ...g, outputs: ["z"] })],
  ["nobody reads constant d", (g) => ({ ...g, constants: new Map([...g.constants, ["d", constantOf("f32", [1])]]) })],
  ["constant c0 of shape [3] has 2 elements instead of 3", (g) => ({ ...g, constants: new Map([["c0", { dtype: "f32", shape: [3], data: new Float32Array(2) }]]) })],
  ["constant c0 is f32, but its elements are a Float64Array", (g) => ({ ...g, constants: new Map([["c0", { dtype: "f32", shape: [3], data: new Float64Array(3) }]]) })],
  ["constant c0 is f32[1, 3], but its type is stated as f32[3]", (g) => ({ ...g, constants: new Map([["c0", constantOf("f32", [1, 3])]]) })],
  ["type of d, which does not exist", (g) => ({ ...g, types: new Map([...g.types, ["d", { dtype: "f32", shape: [1] }]]) })],
  ["node exp1 (Magic): operator Magic has no entry", (g) => ({ ...g, nodes: [g.nodes[0]!, { ...g.nodes[1]!, op: "Magic" }] })],
];

test("a sound graph", () => { expect(verifyGraph(sound(), infer)).toEqual([]); });
test.each(broken)("%s", (problem, change) => { expect(verifyGraph(change(sound()), infer)).toContain(problem); });
test("a sub-graph may read outer values, and is checked too", () => {
  const g = sound(), body = (outputs: readonly string[]): Graph => ({ ...g, name: "body", inputs: [], nodes: [], constants: new Map(), types: new Map(), outputs });
  const holder = (b: Graph): Graph => ({ ...g, nodes: [...g.nodes, { name: "if", op: "If", inputs: [], outputs: [], attributes: { then_branch: b }, origin: [] }] });
  expect(verifyGraph(holder(body(["v_exp1"])))).toEqual([]);
  expect(verifyGraph(holder(body(["w"])))).toContain("in then_branch of node if: output w is not defined");
});
