/** Sizes that depend on data: each run finds them on the way, outputs report theirs, and memory is that of the most there can be. */
import { expect, test } from "vitest";
import { constantOf, sizeOf, type Constant } from "../../compiler/ir/graph.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { numbers } from "../support/graph-builder.ts";
import { runs } from "./text-program.ts";

const next = numbers(3), floats = (shape: readonly number[], f: (x: number) => number = (x) => x): Constant => constantOf("f32", shape, Float32Array.from({ length: sizeOf(shape) }, () => f(next())));
/** Operators that choose, and what normally follows them. */
const choosing = `graph "net" {
  const w: f32[4, 3] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
  const zero: f32[] = [0]
  const i: i64[] = [0]
  const zeros: i64[1] = [0]
  const fours: i64[1] = [4]
  const ones: i64[1] = [1]
  const all: i64[2] = [-1, 2]
  input x: f32[5, 8]
  input k: i64[1]
  r = Relu(x) @ relu
  p = NonZero(r) @ nonzero
  pt = Transpose(p) @ pt
  v = GatherND(x, pt) @ values
  n = Shape(v) @ shape
  e = Exp(v) @ exp
  sum = ReduceSum(e) { keepdims: 0 } @ sum
  both = Concat(v, e) { axis: 0 } @ both
  pairs = Reshape(both, all) @ pairs
  first = Gather(x, i) { axis: 1 } @ first
  m = Greater(first, zero) @ mask
  c = Compress(x, m) { axis: 0 } @ compress
  f = Compress(x, m) @ flat
  ff = Add(f, f) @ twice
  part = Slice(c, zeros, fours, ones) @ part
  d = MatMul(part, w) @ product
  best, places = TopK(x, k) { axis: 1 } @ topk
  s = Softmax(best) { axis: 1 } @ softmax
  output p
  output n
  output sum
  output both
  output pairs
  output c
  output ff
  output d
  output best
  output places
  output s
}`;
/** Parts, selection, blocks and merging; ties, and along another axis. */
const ranking = `graph "net" {
  const seven: i64[1] = [7]
  const many: i64[1] = [100]
  const all: i64[1] = [97]
  input x: f32[3, 640]
  input y: f32[97, 2]
  input k: i64[1]
  a, ai = TopK(x, seven) { axis: 1 } @ parts
  b, bi = TopK(x, many) { axis: 1, largest: 0 } @ smallest
  c, ci = TopK(y, all) { axis: 0 } @ sorted
  d, di = TopK(x, k) { axis: 1 } @ some
  output a
  output ai
  output b
  output bi
  output c
  output ci
  output d
  output di
}`;
/** Rows that are chosen, gone through apart, and put back where they were, or added up by class; a shape of which one size is left open. */
const scattering = `graph "net" {
  const i: i64[] = [0]
  const ones: i64[1] = [1]
  const zeros: i64[1] = [0]
  const rest: i64[1] = [-1]
  const four: i64[1] = [4]
  const wide: i64[1] = [8]
  const limit: f32[] = [0]
  input x: f32[200, 8]
  input class: i64[300]
  input u: f32[300, 8]
  input f: f32[1, 3, 6, 7]
  first = Gather(x, i) { axis: 1 } @ first
  m = Greater(first, limit) @ mask
  p = NonZero(m) @ places
  list = Reshape(p, rest) @ list
  rows = Gather(x, list) @ rows
  e = Exp(rows) @ exp
  sh = Shape(list) @ shape
  column = Unsqueeze(list, ones) @ column
  both = Concat(sh, wide) { axis: 0 } @ both
  many = Expand(column, both) @ many
  back = ScatterElements(x, many, e) @ back
  nd = ScatterND(x, column, e) @ nd
  three = Concat(sh, rest, four) { axis: 0 } @ three
  apart = Reshape(e, three) @ apart
  square = Mul(apart, apart) @ square
  total = ReduceSum(square) { keepdims: 0 } @ total
  cc = Unsqueeze(class, ones) @ cc
  sums = ScatterND(x, cc, u) { reduction: "add" } @ sums
  boxes = Slice(rows, zeros, four, ones) @ boxes
  images = Mul(list, i) @ images
  regions = RoiAlign(f, boxes, images) { output_height: 2, output_width: 2, sampling_ratio: 2 } @ regions
  output back
  output nd
  output total
  output sums
  output e
  output regions
}`;
/** Parts between places that data tells, and sizes computed of numbers that data bounds. */
const cutting = `graph "net" {
  const i: i64[] = [0]
  const zeros: i64[1] = [0]
  const one: i64[1] = [1]
  const least: f32[] = [2]
  const most: f32[] = [9]
  const map: i64[2] = [1, 2]
  const half: f32[] = [0.5]
  input x: f32[30, 6]
  input start: i64[1]
  input end: i64[1]
  input f: f32[1, 2, 5, 6]
  input side: f32[2]
  a = Slice(x, start, end) @ a
  ea = Exp(a) @ ea
  b = Slice(ea, zeros, end, one) @ b
  k = Clip(side, least, most) @ clip
  h = Mul(k, half) @ half
  up = Ceil(h) @ ceil
  size = Cast(up) { to: 7 } @ size
  full = Concat(map, size) { axis: 0 } @ full
  r = Resize(f, none, none, full) { mode: "linear" } @ resize
  s = Gather(size, i) @ s
  column = Unsqueeze(s, zeros) @ column
  shape = Concat(column, one) { axis: 0 } @ shape
  tile = ConstantOfShape(shape) @ filled
  sum = Add(tile, half) @ sum
  output ea
  output b
  output r
  output sum
}`;
/** Elements and slices, in order of value and of where they are first. */
const differing = `graph "net" {
  input x: f32[4, 40]
  a, ai, av, ac = Unique(x) @ elements
  b, bi, bv, bc = Unique(x) { sorted: 0 } @ unsorted
  c, ci, cv, cc = Unique(x) { axis: 1 } @ columns
  d, di, dv, dc = Unique(x) { axis: 1, sorted: 0 } @ unsortedcolumns
  e = Exp(a) @ after
${["a", "b", "c", "d"].map((v) => ["", "i", "v", "c"].map((k) => `  output ${v}${k}`).join("\n")).join("\n")}
  output e
}`;
/** Boxes and scores to the boxes that stay. */
const detecting = (center: number) => `graph "net" {
  const most: i64[1] = [4]
  const iou: f32[1] = [0.4]
  const least: f32[1] = [0.5]
  const c0: i64[1] = [0]
  const c1: i64[1] = [1]
  const c2: i64[1] = [2]
  const c3: i64[1] = [3]
  input boxes: f32[2, 23, 4]
  input scores: f32[2, 3, 23]
  chosen = NonMaxSuppression(boxes, scores, most, iou, least) { center_point_box: ${center} } @ nms
  image = Slice(chosen, c0, c1, c1) @ image
  at = Slice(chosen, c2, c3, c1) @ at
  both = Concat(image, at) { axis: 1 } @ both
  found = GatherND(boxes, both) @ found
  output chosen
  output found
}`;
/** By definition: one box after the other, each against all that stay. */
function suppressed(boxes: Constant, scores: Constant, center: boolean): readonly number[] {
  const [images, classes, count] = scores.shape as [number, number, number], result: number[] = [];
  const area = (c: readonly number[]) => Math.max(0, c[2]! - c[0]!) * Math.max(0, c[3]! - c[1]!);
  for (let row = 0; row < images * classes; row++) {
    const image = Math.floor(row / classes), of = (i: number) => Number(scores.data[row * count + i]), kept: number[] = [];
    const box = (i: number) => Array.from(boxes.data.slice(4 * (image * count + i), 4 * (image * count + i) + 4) as Float32Array);
    const corners = (i: number) => { const [a, b, c, d] = box(i) as [number, number, number, number]; return center ? [a - c / 2, b - d / 2, a + c / 2, b + d / 2] : [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]; };
    for (const i of Array.from({ length: count }, (_, j) => j).filter((j) => of(j) > 0.5).sort((a, b) => of(b) - of(a) || a - b)) {
      const own = corners(i), overlaps = kept.some((j) => { const o = corners(j), shared = area([Math.max(own[0]!, o[0]!), Math.max(own[1]!, o[1]!), Math.min(own[2]!, o[2]!), Math.min(own[3]!, o[3]!)]); return shared / (area(own) + area(o) - shared) > 0.4; });
      if (!overlaps && kept.length < 4) kept.push(i);
    }
    result.push(...kept.flatMap((i) => [image, row % classes, i]));
  }
  return result;
}
test.each([1, 3])("NonZero, Compress and TopK, %d threads", async (threads) => {
  const of = (k: number, f: (x: number) => number = (x) => x - 0.5) => [floats([5, 8], f), constantOf("i64", [1], BigInt64Array.of(BigInt(k)))];
  const cases = [of(3), of(8), of(0), of(1, () => -1), of(5, () => 1), of(-4), of(99), of(2, (x) => x - 0.9)];
  const found = await runs(choosing, threads, cases);
  // What the model's own nodes come to over known values, which no run-time size has a part in.
  for (const [k, [x, n]] of cases.entries()) {
    if (![0, 1, 3, 4, 7].includes(k)) continue;
    const plain = evaluateGraph(parseGraph(choosing), new Map([["x", x!], ["k", n!]]));
    for (const [v, c] of plain) expect(found[k]!.get(v), v).toEqual(c);
  }
}, 240_000);
test.each([[0, 1], [1, 3]] as const)("NonMaxSuppression, center_point_box %d, %d threads", async (center, threads) => {
  const box = () => floats([2, 23, 4], (x) => Math.abs(x)), cases = [
    ...Array.from({ length: 6 }, () => [box(), floats([2, 3, 23])]), [box(), floats([2, 3, 23], () => 0.2)], [box(), floats([2, 3, 23], () => 0.9)], [floats([2, 23, 4], () => 0.5), floats([2, 3, 23])],
  ];
  const found = await runs(detecting(center), threads, cases);
  for (const [k, [boxes, scores]] of cases.slice(0, -1).entries()) expect(Array.from(found[k]!.get("chosen")!.data, Number), `case ${k}`).toEqual(suppressed(boxes!, scores!, center === 1));
}, 240_000);
test.each([1, 2])("TopK of many, %d threads", async (threads) => {
  const steps = (x: number) => Math.round(x * 40) / 8, cases = [30, 0, 640].map((k) => [floats([3, 640], steps), floats([97, 2], steps), constantOf("i64", [1], BigInt64Array.of(BigInt(k)))]), found = await runs(ranking, threads, cases);
  for (const [n, [x, y, k]] of cases.entries()) {
    const some = Number(k!.data[0]), best = (c: Constant, at: (i: number) => number, size: number, sign: number) => Array.from({ length: size }, (_, i) => i).sort((i, j) => sign * (Number(c.data[at(j)]) - Number(c.data[at(i)])) || i - j);
    const got = (v: string) => Array.from(found[n]!.get(v)!.data, Number);
    for (const r of [0, 1, 2]) {
      expect(got("ai").slice(7 * r, 7 * r + 7)).toEqual(best(x!, (i) => 640 * r + i, 640, 1).slice(0, 7));
      expect(got("di").slice(some * r, some * r + some)).toEqual(best(x!, (i) => 640 * r + i, 640, 1).slice(0, some));
      expect(got("bi").slice(100 * r, 100 * r + 100)).toEqual(best(x!, (i) => 640 * r + i, 640, -1).slice(0, 100));
    }
    for (const r of [0, 1]) expect(got("ci").filter((_, i) => i % 2 === r)).toEqual(best(y!, (i) => 2 * i + r, 97, 1));
  }
}, 240_000);
test.each([1, 3])("Scatter of rows that data chooses, %d threads", async (threads) => {
  const classes = (most: number) => constantOf("i64", [300], BigInt64Array.from({ length: 300 }, () => BigInt(Math.floor(Math.abs(next()) * most)))), image = () => floats([1, 3, 6, 7]);
  const found = await runs(scattering, threads, [0, -9, 9].map((d, k) => [floats([200, 8], (x) => x + d), classes([50, 1, 200][k]!), floats([300, 8]), image()]));
  expect(found.map((r) => r.get("e")!.shape[0])).toEqual([expect.any(Number), 0, 200]);
  expect(Number(found[2]!.get("total")!.data[0])).toBeGreaterThan(0);
}, 240_000);
test.each([1, 2])("parts and sizes that data tells, %d threads", async (threads) => {
  const place = (n: number) => constantOf("i64", [1], BigInt64Array.of(BigInt(n))), side = (a: number, b: number) => constantOf("f32", [2], Float32Array.of(a, b));
  const cases = ([[0, 30, 3, 7], [4, -3, 9, 99], [-5, 99, 0, 4], [20, 10, 5, 5.5], [-99, 1, 2, 8.25]] as const).map(([a, b, h, w]) => [floats([30, 6]), place(a), place(b), floats([1, 2, 5, 6]), side(h, w)]);
  const found = await runs(cutting, threads, cases);
  expect(found.map((r) => r.get("ea")!.shape[0])).toEqual([30, 23, 5, 0, 1]);
  expect(found.map((r) => r.get("r")!.shape.slice(2))).toEqual([[2, 4], [5, 5], [1, 2], [3, 3], [1, 5]]);
}, 240_000);
test("Unique", async () => {
  const cases = [1, 2, 9].map((k) => [floats([4, 40], (x) => Math.round(x * k))]), found = await runs(differing, 1, cases);
  for (const [n, [x]] of cases.entries()) {
    const got = (v: string) => Array.from(found[n]!.get(v)!.data, Number), data = Array.from(x!.data, Number), column = (i: number) => [0, 1, 2, 3].map((r) => data[40 * r + i]!);
    const compare = (p: readonly number[], q: readonly number[]) => p.map((v, i) => v - q[i]!).find((d) => d !== 0) ?? 0;
    for (const [v, items] of [["a", data.map((e) => [e])], ["c", Array.from({ length: 40 }, (_, i) => column(i))]] as const) {
      const firsts = items.flatMap((p, i) => (items.findIndex((q) => compare(p, q) === 0) === i ? [i] : []));
      for (const [name, order] of [[v, [...firsts].sort((i, j) => compare(items[i]!, items[j]!))], [v === "a" ? "b" : "d", firsts]] as const) {
        expect(got(`${name}i`), name).toEqual(order);
        expect(got(`${name}v`)).toEqual(items.map((p) => order.findIndex((i) => compare(items[i]!, p) === 0)));
        expect(got(`${name}c`)).toEqual(order.map((i) => items.filter((p) => compare(items[i]!, p) === 0).length));
        expect(got(name)).toEqual(v === "a" ? order.map((i) => data[i]) : [0, 1, 2, 3].flatMap((r) => order.map((i) => data[40 * r + i])));
      }
    }
  }
}, 240_000);
