/** Loops and branches whose sizes depend on data, and loops that only a condition ends. */
import { expect, test } from "vitest";
import { constantOf, sizeOf, type Constant } from "../../compiler/ir/graph.ts";
import { numbers } from "../support/graph-builder.ts";
import { runs } from "./text-program.ts";

const next = numbers(3), floats = (shape: readonly number[], f: (x: number) => number = (x) => x): Constant => constantOf("f32", shape, Float32Array.from({ length: sizeOf(shape) }, () => f(next())));
/** Rows are chosen in each turn and put behind those before, until there are enough; a branch doubles them or takes the first away. */
const repeating = `graph "net" {
  const zero: i64[] = [0]
  const one: i64[1] = [1]
  const zeros: i64[1] = [0]
  const far: i64[1] = [100000]
  const count: i64[] = [300]
  const yes: bool[] = [1]
  const enough: i64[] = [12]
  input x: f32[4, 3]
  input least: f32[]
  empty = Slice(x, zeros, zeros) @ empty
  rows, sums = Loop(count, yes, empty) { body: graph "body" {
    input i: i64[]
    input going: bool[]
    input v: f32[n, 3]
    f = Cast(i) { to: 1 } @ f
    y = Mul(x, f) @ y
    first = Gather(y, zero) { axis: 1 } @ first
    m = Greater(first, least) @ mask
    c = Compress(y, m) { axis: 0 } @ compress
    w = Concat(v, c) { axis: 0 } @ w
    sh = Shape(w) @ shape
    k = Gather(sh, zero) @ k
    go = Less(k, enough) @ go
    t = Softmax(w) { axis: 1 } @ softmax
    s = ReduceSum(t) { keepdims: 0 } @ sum
    output go
    output w
    output s
  } } @ loop
  total = ReduceSum(rows) { keepdims: 0 } @ total
  large = Greater(total, least) @ large
  r = If(large) { then_branch: graph "then" { a = Concat(rows, rows) { axis: 0 } @ twice output a }, else_branch: graph "else" { b = Slice(rows, one, far) @ rest output b } } @ if
  z = Exp(r) @ exp
  output rows
  output sums
  output z
}`;
test.each([1, 3])("loops and branches whose sizes depend on data, %d threads", async (threads) => {
  const of = (least: number, f: (x: number) => number = (x) => x) => [floats([4, 3], f), constantOf("f32", [], Float32Array.of(least))];
  const found = await runs(repeating, threads, [of(0), of(0.5), of(-9), of(0, (x) => Math.abs(x) / 100), of(3, (x) => -Math.abs(x))]);
  expect(found.map((r) => r.get("rows")!.shape[0])).toEqual(expect.arrayContaining([12]));
}, 240_000);
/** Only conditions end them: one that carries what keeps its shape, one whose caches grow in each turn, inside another of which each turn leaves a slice. */
const endless = `graph "net" {
  const half: f32[] = [0.5]
  const one: i64[1] = [1]
  const least: f32[] = [0.1]
  const nothing: f32[2, 0, 3] = []
  input x: f32[2, 3]
  input most: f32[]
  top = ReduceMax(x) { keepdims: 0 } @ top
  large = Greater(top, most) @ large
  y = Loop(none, large, x) { body: graph "halve" {
    input i: i64[]
    input c: bool[]
    input v: f32[2, 3]
    w = Mul(v, half) @ w
    m = ReduceMax(w) { keepdims: 0 } @ m
    on = Greater(m, most) @ on
    output on
    output w
  } } @ halve
  ytop = ReduceMax(y) { keepdims: 0 } @ ytop
  goes = Greater(ytop, least) @ goes
  z, sums, lengths = Loop(none, goes, y) { body: graph "outer" {
    input i: i64[]
    input c: bool[]
    input v: f32[2, 3]
    vtop = ReduceMax(v) { keepdims: 0 } @ vtop
    start = Greater(vtop, least) @ start
    u, cache = Loop(none, start, v, nothing) { body: graph "inner" {
      input j: i64[]
      input d: bool[]
      input a: f32[2, 3]
      input k: f32[2, n, 3]
      row = Unsqueeze(a, one) @ row
      grown = Concat(k, row) { axis: 1 } @ grown
      mean = ReduceSum(grown, one) { keepdims: 0 } @ mean
      t = Mul(mean, half) @ t
      ttop = ReduceMax(t) { keepdims: 0 } @ ttop
      more = Less(ttop, half) @ more
      output more
      output t
      output grown
    } } @ inner
    b = Mul(v, half) @ b
    btop = ReduceMax(b) { keepdims: 0 } @ btop
    on = Greater(btop, least) @ on
    s = ReduceSum(cache, one) { keepdims: 0 } @ s
    l = Shape(cache) @ l
    output on
    output b
    output s
    output l
  } } @ outer
  output y
  output z
  output sums
  output lengths
}`;
test.each([1, 3])("loops that only a condition ends, %d threads", async (threads) => {
  const cases = [[0.4, 1], [1, 0.5], [0.01, 1], [1.6, 2], [3.2, 4], [25.6, 0.5], [-1, 0]].map(([x, most]) => [constantOf("f32", [2, 3], Float32Array.from([1, 0.5, 0.25, 0.125, 0.5, 0.5], (f) => f * x!)), constantOf("f32", [], Float32Array.of(most!))]);
  const found = await runs(endless, threads, cases, { outer: 4, inner: 6 });
  // How long the caches became; runs with seven turns inside, and with five outside, are refused.
  expect(found.map((r) => (r.has("lengths") ? Array.from(r.get("lengths")!.data, Number).filter((_, i) => i % 3 === 1) : null))).toEqual([[4, 5], null, [], [1, 2, 4, 5], null, [4, 5], []]);
}, 240_000);
