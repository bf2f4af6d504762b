/** Branches, loops, and sizes that steps find, on devices: the host reads back what decides. Against what the graphs mean. */
import { expect, test } from "vitest";
import { constantOf, sizeOf, type Graph } from "../../compiler/ir/graph.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { arrayOf, type Num } from "../../compiler/ir/types.ts";
import { fold } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { targets } from "../../targets/index.ts";
import { faults, runOn, type Sample } from "../support/on-target.ts";
import { difference } from "../support/run-compute.ts";
import { because, deviceOf, skipped } from "../support/tools.ts";

type Feeds = Readonly<Record<string, readonly Num[]>>;
const branches = (then: string, otherwise: string) => `{ then_branch: graph "then" { ${then} }, else_branch: graph "else" { ${otherwise} } }`;
const body = (text: string) => `body: graph "body" { ${text} }`, constants = "const zero: i64[] = [0] const one: i64[] = [1] const yes: bool[] = [1]";
function typed(text: string): Graph {
  const { graph, diagnostics } = inferTypes(parseGraph(`graph "g" { ${text} }`), { fold });
  expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  return graph;
}
/** A sample for each of these inputs; numbers of a ramp for what is not given. */
const samples = (name: string, text: string, ...given: readonly Feeds[]): readonly Sample[] => given.map((f, k) => {
  const graph = typed(text);
  return { name: `${name}, ${k}`, graph, feeds: new Map(graph.inputs.map((v) => {
    const t = graph.types.get(v)!, shape = t.shape as readonly number[];
    return [v, constantOf(t.dtype, shape, arrayOf(t.dtype, f[v] ?? Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + 3) % 11) / 4 - 1)))] as const;
  })) };
});
const branch = `input c: bool[] input x: f32[3] h = Add(x, x) @ h r = If(c) ${branches("a = Mul(h, x) @ a output a", "b = Sub(h, x) @ b output b")} @ if s = Neg(r) @ s output s output h`;
const until = `${constants} const limit: f32[] = [100] const two: f32[] = [2] input n: i64[] input v: f32[3] w = Loop(n, yes, v) { ${body("input i: i64[] input c: bool[] input a: f32[3] b = Mul(a, two) @ b s = ReduceSum(b) { keepdims: 0 } @ s go = Less(s, limit) @ go output go output b")} } @ loop output w`;
/** In each step: three turns of a loop, whose slices are summed; a branch by a slice; backwards along one axis and another. */
const nested = `${constants} const three: i64[] = [3] const first: i64[1] = [0] const two: f32[] = [2] input h: f32[5] input xs: f32[5, 6] input flags: bool[6]
  g, ys = Scan(h, xs, flags) { num_scan_inputs: 2, scan_input_axes: [1, 0], scan_input_directions: [1, 0], scan_output_directions: [1], ${body(`input a: f32[5] input x: f32[5] input f: bool[]
    b, parts = Loop(three, none, a) { ${body("input i: i64[] input c: bool[] input p: f32[5] m = Mul(p, two) @ m q = Add(m, x) @ q d = Identity(c) @ d output d output q output q")} } @ inner
    r = If(f) ${branches("n = Neg(b) @ n output n", "s = Sigmoid(b) @ s output s")} @ if
    t = Tanh(r) @ t all = ReduceSum(parts, first) { keepdims: 0 } @ all y = Add(all, r) @ y output t output y`)} } @ scan output g output ys`;
const found = "input x: f32[4, 5] p = NonZero(x) @ p q = Transpose(p) { perm: [1, 0] } @ q v = GatherND(x, q) @ v w = Exp(v) @ w output w output p";
const wants = "const first: i64[] = [0] input x: f32[6] input c: bool[6] y = Compress(x, c) @ compress m = ReduceSum(y) { keepdims: 1 } @ m d = Sub(y, m) @ d output d";
const all: readonly Sample[] = [
  ...samples("branch", branch, { c: [1] }, { c: [0] }), ...samples("until", until, { n: [10], v: [1, 2, 3] }, { n: [2] }, { n: [0] }), ...samples("nested", nested, { flags: [1, 0, 0, 1, 1, 0] }),
  ...samples("found", found, { x: Array.from({ length: 20 }, (_, i) => (i % 3 ? 0 : i / 8)) }, { x: Array<number>(20).fill(0) }), ...samples("compress", wants, { c: [1, 0, 1, 1, 0, 0] }, { c: [0, 0, 0, 0, 0, 0] }),
];
test.each([...targets.keys()].filter((name) => deviceOf[name]).map((name) => ({ name, need: deviceOf[name]! })))("$name", { timeout: 600_000 }, async ({ name, need }) => {
  if (skipped(need)) { console.warn(because(need)); return; }
  expect(faults(all, await runOn(targets.get(name)!, all), difference)).toEqual([]);
});
