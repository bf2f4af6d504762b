/** Random graphs with sizes that each run chooses: at each size what they mean with numbers in the place of symbols. `npm run fuzz -- --open` goes on for longer. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { constantOf } from "../../compiler/ir/graph.ts";
import { parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import { check, sampleOf, type Sample } from "./check.ts";
import { boundValues } from "../../compiler/passes/graph/bound-values.ts";
import { controlGraph, openGraph } from "./graphs.ts";
import { runners } from "./machine.ts";
import { expectedOf } from "./meaning.ts";

let folder = "";
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), "mlc-open-")); });
afterAll(() => { rmSync(folder, { recursive: true, force: true }); });
const native = [...runners().values()].filter((r) => r.launch.length === 0).slice(-1);
async function failures(samples: readonly Sample[]): Promise<readonly string[]> {
  const list = await check(samples, { runners: native, flags: ["-O1", "-w"], folder: join(folder, "check") });
  return list.map((f) => `${f.isa} ${f.kind}: ${f.reason}\n${printGraph(samples[f.index]!.graph)}`);
}
test("seeds from 1, 10 of them", async () => {
  expect(await failures(Array.from({ length: 10 }, (_, i) => sampleOf(openGraph(i + 1, 4), i + 1)))).toEqual([]);
});
test("a seed always gives the same graph", () => { expect(printGraph(openGraph(5))).toBe(printGraph(openGraph(5))); });
test("sizes that a run must not have are refused, and the run after that is as ever", async () => {
  const graph = parseGraph(`graph "g" { symbol $H in 2..6 symbol $W in 3..9
    input a: f32[2, $H] input b: f32[2, $W] y = Add(a, b) @ y output y }`);
  const { sets: [first, second] } = sampleOf(parseGraph('graph "g" { input a: f32[2, 5] input b: f32[2, 5] y = Add(a, b) @ y output y }'), 1), other = (v: string, n: number) => sampleOf(parseGraph(`graph "g" { input ${v}: f32[2, ${n}] y = Neg(${v}) @ y output y }`), 2).sets[0]!.get(v)!;
  const sets = [first!, new Map([...first!, ["a", other("a", 4)] as const]), second!, new Map([...first!, ["b", other("b", 10)] as const]), first!], sample = { graph, sets };
  expect(expectedOf(sample).map((e) => (e && "refused" in e ? (/must be equal/.test(e.refused) ? "unequal" : "out of bounds") : "taken"))).toEqual(["taken", "unequal", "taken", "out of bounds", "taken"]);
  expect(await failures([sample])).toEqual([]);
});
test("numbers that a run must not give are refused too", async () => {
  const text = (n: number) => `graph "g" { input n: i64[] input x: f32[3] const zero: i64[] = [0] const one: i64[] = [${n}] r = Range(zero, n, one) @ r f = Cast(r) { to: 1 } @ f y = Mul(x, x) @ y output f output y }`;
  const graph = boundValues(parseGraph(text(1)), { n: { least: 1, most: 6 } }).graph, x = sampleOf(parseGraph(text(1)), 1).sets[0]!.get("x")!;
  const sets = [6, 1, 7, 3, 0, -1e12, 4].map((n) => new Map([["n", constantOf("i64", [], BigInt64Array.of(BigInt(n)))], ["x", x]])), sample = { graph, sets };
  expect(expectedOf(sample).map((e) => e !== null && "refused" in e)).toEqual([false, false, true, false, true, true, false]);
  expect(await failures([sample])).toEqual([]);
});
test("branches and loops, seeds from 1, 12 of them", { timeout: 300_000 }, async () => {
  expect(await failures(Array.from({ length: 12 }, (_, i) => sampleOf(controlGraph(i + 1, 3), i + 1)))).toEqual([]);
});
