/** Branches, loops, and sizes that steps find, on devices: the host reads back what decides. Against what the graphs mean. */
import { expect, test } from "vitest";
import { constantOf, sizeOf, type Graph } from "../../compiler/ir/graph.ts";
import { valueOfSize } from "../../compiler/ir/symbols.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { arrayOf, type Num } from "../../compiler/ir/types.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { boundTurns, type Turns } from "../../compiler/passes/graph/bound-turns.ts";
import { boundValues } from "../../compiler/passes/graph/bound-values.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { targets } from "../../targets/index.ts";
import { faults, runOn, type Sample } from "../support/on-target.ts";
import { difference } from "../support/run-compute.ts";
import { because, deviceOf, skipped } from "../support/tools.ts";

type Feeds = Readonly<Record<string, readonly Num[]>>;
const branches = (then: string, otherwise: string) => `{ then_branch: graph "then" { ${then} }, else_branch: graph "else" { ${otherwise} } }`;
const body = (text: string) => `body: graph "body" { ${text} }`, constants = "const zero: i64[] = [0] const one: i64[] = [1] const yes: bool[] = [1]";
function typed(text: string, bounds: Parameters<typeof boundValues>[1] = {}, turns: Turns = {}): Graph {
  const { graph, diagnostics } = inferTypes(boundTurns(boundValues(parseGraph(`graph "g" { ${text} }`), bounds).graph, turns).graph, { fold: foldWithin() });
  expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  return graph;
}
/** A sample for each of these inputs; numbers of a ramp for what is not given. `sizes`: by their symbols. */
const samples = (name: string, text: string, ...given: readonly Feeds[]): readonly Sample[] => open(name, typed(text), ...given.map((f) => [{}, f] as const));
const open = (name: string, graph: Graph, ...given: readonly (readonly [sizes: Readonly<Record<string, number>>, feeds?: Feeds])[]): readonly Sample[] => given.map(([sizes, f = {}], k) => ({
  name: `${name}, ${k}`, graph, feeds: new Map(graph.inputs.map((v) => {
    const t = graph.types.get(v)!, shape = t.shape.map((d) => valueOfSize(d, new Map(Object.entries(sizes))));
    return [v, constantOf(t.dtype, shape, arrayOf(t.dtype, f[v] ?? Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + 3) % 11) / 4 - 1)))] as const;
  })),
}));
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
const length = "const at: i64[] = [0] sh = Shape(x) @ sh n = Gather(sh, at) @ n";
/** As many turns as rows, each a row more. */
const growing = `symbol T in 1..5 symbol N in 1..3 input x: f32[T, 3] input y: f32[N, 2] const last: i64[] = [-1] const zeros: i64[1] = [0] ${length} r, s = Loop(n, none, y) {
  ${body("input i: i64[] input go: bool[] input v: f32[n, 2] l = Gather(v, last) { axis: 0 } @ l e = Exp(l) @ e t = Tanh(e) @ t u = Unsqueeze(t, zeros) @ u w = Concat(v, u) { axis: 0 } @ w sum = ReduceSum(w) { keepdims: 0 } @ sum output go output w output sum")} } @ loop z = Neg(r) @ z output z output s`;
/** As many slices as turns, which a condition ends; an input that is read inside and outside. */
const early = `${constants} symbol N in 1..3 input y: f32[N, 2] input most: f32[] const last: i64[1] = [-1] const n: i64[] = [30] r, s = Loop(n, yes, y) {
  ${body("input i: i64[] input go: bool[] input v: f32[n, 2] l = Gather(v, last) { axis: 0 } @ l w = Concat(v, l) { axis: 0 } @ w a = ReduceSum(w) { keepdims: 0 } @ a b = ReduceMin(y) { keepdims: 0 } @ b sum = Add(a, b) @ sum k = Less(sum, most) @ k output k output w output sum")} } @ loop p = Exp(y) @ p output r output s output p`;
/** A cache that is empty in the first run, and what reductions say of nothing. */
const cache = `symbol P in 0..6 symbol T in 1..3 input past: f32[2, P, 4] input x: f32[2, T, 4] const along: i64[1] = [1]
  k = Concat(past, x) { axis: 1 } @ k kt = Transpose(k) { perm: [0, 2, 1] } @ kt s = MatMul(x, kt) @ s p = Softmax(s) @ p y = MatMul(p, k) @ y
  old = Exp(past) @ old total = ReduceSum(old, along) { keepdims: 0 } @ total least = ReduceMin(past, along) { keepdims: 0 } @ least top = ReduceMax(past, along) { keepdims: 0 } @ top output y output k output old output total output least output top`;
/** In each turn a line resized to as many elements as a box is long, 1 at least, put into a line of eight; as Mask R-CNN pastes its masks. */
const pasted = `symbol T in 0..3 input boxes: f32[T, 2] input lines: f32[T, 4] const low: f32[] = [0] const high: f32[] = [6] const zeros: i64[1] = [0] const single: i64[1] = [1]
  ${constants} const empty: f32[0, 8] = [] const first: i64[1] = [0] const eight: i64[1] = [8] const shape: i64[2] = [1, 4]
  held = Clip(boxes, low, high) @ held b = Cast(held) { to: 7 } @ b sh = Shape(b) @ sh n = Gather(sh, zero) @ n
  r = Loop(n, yes, empty) { ${body(`input i: i64[] input c: bool[] input v: f32[m, 8] box = Gather(b, i) @ box start = Gather(box, first) @ start to = Gather(box, single) @ to span = Sub(to, start) @ span
    both = Concat(span, single) { axis: 0 } @ both w = ReduceMax(both) { keepdims: 1 } @ w size = Concat(single, w) { axis: 0 } @ size l = Gather(lines, i) @ l row = Reshape(l, shape) @ row
    sized = Resize(row, none, none, size) { mode: "cubic" } @ sized rest = Sub(eight, w) @ rest pads = Concat(first, rest) { axis: 0 } @ pads edge = Concat(single, rest) { axis: 0 } @ edge after = ConstantOfShape(edge) @ after
    line = Concat(sized, after) { axis: 1 } @ line u = Concat(v, line) { axis: 0 } @ u output c output u`)} } @ loop output r`;
const sizes = `symbol W in 2..9 input c: bool[] input x: f32[3, W] const from: i64[1] = [1] const to: i64[1] = [100] const axis: i64[1] = [1]
  r = If(c) ${branches("a = Slice(x, from, to, axis) @ a b = Neg(a) @ b output b", "d = Concat(x, x) { axis: 1 } @ d output d")} @ if s = Softmax(r) { axis: 1 } @ s output s output r`;
const scanned = `symbol T in 1..6 symbol B in 1..3 input h: f32[B] input x: f32[B, T] input y: f32[T, B] last, s, t = Scan(h, x, y) { num_scan_inputs: 2, scan_input_axes: [1, 0], scan_input_directions: [1, 0], scan_output_axes: [0, -1], scan_output_directions: [0, 1],
  ${body("input g: f32[B] input a: f32[B] input b: f32[B] p = Add(g, a) @ p q = Mul(p, b) @ q output p output q output p")} } @ scan output last output s output t`;
/** What is found in each turn, in a loop of a loop. */
const gathering = `${constants} symbol T in 1..4 input x: f32[T, 3] const zeros: i64[1] = [0] const two: i64[] = [2] ${length} r, s = Loop(n, none, zeros) { ${body(`input i: i64[] input go: bool[] input v: i64[n] row = Gather(x, i) @ row
  w = Loop(two, none, v) { ${body("input j: i64[] input on: bool[] input u: i64[n] p = NonZero(row) @ p q = Squeeze(p, zeros) @ q w = Concat(u, q) { axis: 0 } @ w output on output w")} } @ inner c = Shape(w) @ c output go output w output c`)} } @ loop output r output s`;
/** As many numbers, and as many turns, as a run says. */
const counted = `${constants} input n: i64[] input x: f32[2] r = Range(zero, n, one) @ r f = Cast(r) { to: 1 } @ f y, s = Loop(n, none, x) { ${body("input i: i64[] input c: bool[] input v: f32[2] w = Exp(v) @ w t = Tanh(w) @ t output c output t output t")} } @ loop output f output y output s`;
/** A row more in each turn, until a condition ends it or as many turns as a run says, which nothing but the loop asks for. */
const capped = `${constants} const limit: f32[] = [40] const last: i64[] = [-1] const zeros: i64[1] = [0] input n: i64[] input y: f32[1, 2] r = Loop(n, yes, y) { ${body("input i: i64[] input c: bool[] input v: f32[m, 2] l = Gather(v, last) { axis: 0 } @ l d = Add(l, l) @ d u = Unsqueeze(d, zeros) @ u w = Concat(v, u) { axis: 0 } @ w s = ReduceSum(w) { keepdims: 0 } @ s go = Less(s, limit) @ go output go output w")} } @ loop output r`;
/** Only a condition ends it: what it carries keeps its shape; it grows, and each turn leaves a slice. */
const halved = `${constants} const half: f32[] = [0.5] input x: f32[3] s = ReduceMax(x) { keepdims: 0 } @ max first = Greater(s, half) @ first y = Loop(none, first, x) { ${body("input i: i64[] input c: bool[] input v: f32[3] w = Mul(v, half) @ w m = ReduceMax(w) { keepdims: 0 } @ m on = Greater(m, half) @ on output on output w")} } @ loop output y`;
const decoded = `${constants} const last: i64[] = [-1] const zeros: i64[1] = [0] input table: i64[8] input start: i64[1] r, s = Loop(none, yes, start) { ${body("input i: i64[] input c: bool[] input v: i64[n] l = Gather(v, last) { axis: 0 } @ l t = Gather(table, l) @ t u = Unsqueeze(t, zeros) @ u w = Concat(v, u) { axis: 0 } @ w e = Equal(t, zero) @ e on = Not(e) @ on m = Mul(t, t) @ m output on output w output m")} } @ loop z = Neg(r) @ z output z output r output s`;
const all: readonly Sample[] = [
  ...samples("halved", halved, { x: [1, 100, 3] }, { x: [0, 0.5, 0.25] }, { x: [1e9, 2, 3] }),
  ...open("decoded", typed(decoded, {}, { loop: 7 }), ...[1, 4, 7].map((n) => [{}, { table: [1, 2, 3, 4, 5, 6, 0, 0], start: [n] }] as const)),
  ...open("growing", typed(growing), [{ T: 5, N: 3 }], [{ T: 1, N: 1 }], [{ T: 3, N: 2 }]), ...open("early", typed(early), [{ N: 1 }, { y: [1, 0], most: [5] }], [{ N: 3 }, { y: [1, 1, 1, 1, 1, 1], most: [1] }]),
  ...open("sizes", typed(sizes), [{ W: 9 }, { c: [1] }], [{ W: 2 }, { c: [1] }], [{ W: 7 }, { c: [0] }]), ...open("scanned", typed(scanned), [{ T: 6, B: 3 }], [{ T: 1, B: 1 }], [{ T: 4, B: 2 }]),
  ...open("cache", typed(cache), [{ P: 0, T: 3 }], [{ P: 0, T: 1 }], [{ P: 1, T: 1 }], [{ P: 6, T: 3 }]),
  ...open("capped", typed(capped, { n: { least: 0, most: 6 } }), [{}, { n: [4], y: [0, 1] }], [{}, { n: [6], y: [3, 4] }], [{}, { n: [0] }]),
  ...open("pasted", typed(pasted), [{ T: 3 }, { boxes: [1, 3, 0, 9, 5, 2] }], [{ T: 0 }]),
  ...open("counted", typed(counted, { n: { least: 0, most: 6 } }), [{}, { n: [4] }], [{}, { n: [0] }]), ...open("gathering", typed(gathering), [{ T: 4 }, { x: [1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 2, 0] }], [{ T: 1 }, { x: [0, 0, 5] }]),
  ...samples("branch", branch, { c: [1] }, { c: [0] }), ...samples("until", until, { n: [10], v: [1, 2, 3] }, { n: [2] }, { n: [0] }), ...samples("nested", nested, { flags: [1, 0, 0, 1, 1, 0] }),
  ...samples("found", found, { x: Array.from({ length: 20 }, (_, i) => (i % 3 ? 0 : i / 8)) }, { x: Array<number>(20).fill(0) }), ...samples("compress", wants, { c: [1, 0, 1, 1, 0, 0] }, { c: [0, 0, 0, 0, 0, 0] }),
];
test.each([...targets.keys()].filter((name) => deviceOf[name]).map((name) => ({ name, need: deviceOf[name]! })))("$name", { timeout: 600_000 }, async ({ name, need }) => {
  if (skipped(need)) { console.warn(because(need)); return; }
  expect(faults(all, await runOn(targets.get(name)!, all), difference)).toEqual([]);
});
