import { expect, test } from "vitest";
import { parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { PassError, runPasses } from "../../compiler/passes/graph/run.ts";
import { removeIdentities } from "../../compiler/passes/graph/remove-identities.ts";
import { Builder } from "./graphs.ts";

function simple(): Graph {
  const b = new Builder();
  return b.graph(b.op("Neg", [b.op("Identity", [b.op("Identity", [b.input("x", [2])])])]));
}
const identities = { name: "remove-identities", run: removeIdentities }, nothing = { name: "nothing", run: (g: Graph) => ({ ...g }) };

test("dumps are numbered, and only of passes that changed something", () => {
  const files = new Map<string, string>(), { graph, reports } = runPasses(simple(), [nothing, identities], { dump: (f, text) => files.set(f, text) });
  expect([...files]).toEqual([["02-remove-identities.txt", printGraph(graph)]]);
  expect(reports.map(({ pass, changed, nodes }) => ({ pass, changed, nodes }))).toEqual([
    { pass: "nothing", changed: false, nodes: 3 }, { pass: "remove-identities", changed: true, nodes: 1 },
  ]);
  expect(reports.every((r) => r.ms >= 0)).toBe(true);
});
test("a group runs until nothing changes, or as often as it may", () => {
  expect(runPasses(simple(), [{ repeat: [identities, nothing], most: 9 }]).reports).toHaveLength(4);
  const rename = { name: "rename", run: (g: Graph) => ({ ...g, nodes: g.nodes.map((n) => ({ ...n, name: `${n.name}'` })) }) };
  expect(runPasses(simple(), [{ repeat: [rename], most: 3 }]).reports).toHaveLength(3);
});
test("a pass that breaks the graph is named, and leaves a reproducer that parses", () => {
  const files = new Map<string, string>(), spoil = { name: "spoil", run: (g: Graph) => ({ ...g, nodes: g.nodes.slice(1) }) };
  let error: unknown;
  try { runPasses(simple(), [identities, { name: "again", run: simple }, spoil], { dump: (f, text) => files.set(f, text) }); } catch (e) { error = e; }
  expect(error).toBeInstanceOf(PassError);
  const { pass, problems, reproducer, message } = error as PassError;
  expect(pass).toBe("spoil");
  expect(problems).toContain("node identity1 (Identity) reads v_identity0, which nothing before it defines");
  expect(message).toContain("pass spoil failed:\n  ");
  expect(files.get("03-spoil-reproducer.txt")).toBe(reproducer);
  expect(printGraph(parseGraph(reproducer))).toBe(printGraph(simple()));
});
test("a pass that throws is named too", () => {
  expect(() => runPasses(simple(), [{ name: "thrower", run: () => { throw new Error("no"); } }])).toThrow("pass thrower failed:\n  no");
});
