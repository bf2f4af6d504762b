/** Several outputs, boxes and index maps, other element types, several reductions, stages in memory. */
import { describe, expect, test } from "vitest";
import { accumulator, acc, at, axis, neutral, output, reductions, tensor, type Compute, type Output, type Reduction, type Stage, type Tensor } from "../../compiler/ir/compute.ts";
import { add, convert, f32, less, make, mul, select } from "../../compiler/ir/algebra.ts";
import { int, minus, plus, times } from "../../compiler/ir/linear.ts";
import { constant, type Expr } from "../../compiler/ir/scalar.ts";
import type { Schedule } from "../../compiler/ir/schedule.ts";
import { arrayOf, computedTypes, types, type DType, type ElementArray, type Num } from "../../compiler/ir/types.ts";
import { lower } from "../../compiler/lower/lower.ts";
import { noise, runCompute, type Data } from "../support/run-compute.ts";
import { plain } from "./schedules.ts";

const y = axis("y", 4), x = axis("x", 6), X = tensor("X", "input", [4, 6]), data: Data = { X: noise(24) }, list = [...(data.X as Float32Array)];
const compute = (tensors: readonly Tensor[], stages: readonly Stage[], outputs: readonly Output[] = [output(stages.at(-1)!)]): Compute => ({ name: "c", origin: [], tensors, stages, outputs });
const numbers = (a: ElementArray) => [...(a as Iterable<Num>)].map(Number);

describe("outputs", () => {
  const twice: Stage = { name: "twice", axes: [y, x], value: mul(at(X, y, x), f32(2)) }, sum: Stage = { name: "sum", axes: [y], reduce: { op: "add", axes: [x] }, value: at(twice, y, x) };
  const both = compute([X], [twice, sum], [output(twice, "a"), output(sum, "b")]);
  const sums = Array.from({ length: 4 }, (_, r) => list.slice(r * 6, r * 6 + 6).reduce((a, b) => a + 2 * b, 0));
  test("two stages, one read by the other", () => {
    const { results, kernel } = runCompute(both, plain, data);
    expect(numbers(results.a!)).toEqual(list.map((v) => v * 2));
    numbers(results.b!).forEach((v, i) => expect(v).toBeCloseTo(sums[i]!, 5));
    expect(kernel.buffers.map((b) => [b.name, b.space])).toEqual([["X", "in"], ["a", "out"], ["b", "out"]]);
  });
  test("a stage inside another's loop writes its own output", () => {
    const schedule: Schedule = { stages: { twice: [{ computeAt: ["sum", "y"], in: "scratch" }] } };
    const { results, kernel } = runCompute(both, schedule, data);
    expect(numbers(results.a!)).toEqual(list.map((v) => v * 2));
    expect(kernel.buffers.some((b) => b.space === "scratch")).toBe(false);
  });
  test("boxes of one tensor", () => {
    const left: Stage = { name: "left", axes: [y, x], value: at(X, y, x) }, right: Stage = { name: "right", axes: [y, x], value: make("neg", at(X, y, x)) };
    const shape = [4, 12], more = { shape, layout: { parts: [{ dim: 0 }, { dim: 1 }] } };
    const { results } = runCompute(compute([X], [left, right], [output(left, "out", { ...more, index: [y, x] }), output(right, "out", { ...more, index: [y, plus(x, int(6))] })]), plain, data);
    expect(numbers(results.out!)).toEqual([0, 1, 2, 3].flatMap((r) => { const row = list.slice(r * 6, r * 6 + 6); return [...row, ...row.map((v) => -v)]; }));
  });
  test("places that go backwards, skip, and turn around", () => {
    const s: Stage = { name: "s", axes: [y, x], value: at(X, y, x) }, shape = [12, 4], index = [plus(times(minus(int(5), x), 2), int(1)), y];
    const rest: Stage = { name: "rest", axes: [y, x], value: f32(7) };
    const c = compute([X], [s, rest], [output(s, "out", { shape, index }), output(rest, "out", { shape, index: [times(x, 2), y] })]);
    const got = numbers(runCompute(c, { stages: { s: [{ order: ["x", "y"] }] } }, data).results.out!);
    got.forEach((v, i) => { const row = Math.floor(i / 4), column = i % 4; expect(v).toBe(row % 2 ? list[column * 6 + 5 - (row - 1) / 2] : 7); });
  });
  test("into a margin", () => {
    const layout = { parts: [{ dim: 0 }, { dim: 1 }], halo: [[1, 1], [0, 2]] as const }, more = { shape: [4, 6], layout };
    const inner: Stage = { name: "inner", axes: [y, x], value: at(X, y, x) }, after: Stage = { name: "after", axes: [y, axis("m", 2)], value: f32(0) };
    const c = compute([X], [after, inner], [output(after, "out", { ...more, index: [y, plus(axis("m", 2), int(6))] }), output(inner, "out", more)]);
    expect(numbers(runCompute(c, plain, data).results.out!)).toEqual(list);
  });
  test("nothing along an axis, and nothing at all", () => {
    const none = axis("e", 0), s: Stage = { name: "s", axes: [y, none], value: at({ name: "E" }, y, none) };
    expect(lower(compute([tensor("E", "input", [4, 0])], [s]), plain).body).toEqual([]);
    const empty: Stage = { name: "s", axes: [y], reduce: { op: "add", axes: [none] }, value: at({ name: "E" }, y, none), finish: add(acc, f32(1)) };
    expect(numbers(runCompute(compute([tensor("E", "input", [4, 0])], [empty]), plain, { E: new Float32Array(0) }).results.out!)).toEqual([1, 1, 1, 1]);
    const scalar: Stage = { name: "s", axes: [], value: at(X, int(1), int(2)) };
    expect(numbers(runCompute(compute([X], [scalar]), plain, data).results.out!)).toEqual([list[8]]);
  });
});
describe("stages in memory", () => {
  test("are as large as the largest block needs", () => {
    const e: Stage = { name: "e", axes: [y, x], value: make("exp", at(X, y, x)) }, s: Stage = { name: "s", axes: [y, x], value: add(at(e, y, x), f32(1)) };
    const { kernel, results } = runCompute(compute([X], [e, s]), { stages: { e: [{ computeAt: ["s", "yo"], in: "scratch" }], s: [{ split: "y", by: 3, into: ["yo", "yi"], edge: "peel" }] } }, data);
    expect(kernel.buffers.find((b) => b.name === "e")?.size).toBe(18);
    numbers(results.out!).forEach((v, i) => expect(v).toBeCloseTo(Math.exp(list[i]!) + 1, 5));
  });
  test("with gaps, and in a layout of their own", () => {
    const e: Stage = { name: "e", axes: [y, x], value: make("neg", at(X, y, x)) }, s: Stage = { name: "s", axes: [y, x], value: mul(at(e, y, x), f32(3)) };
    const sizes = ([{ pad: [0, 5] }, { pad: [5, 0] }, { layout: { parts: [{ dim: 1 }, { dim: 0 }] } }] as const).map((how) => {
      const { kernel, results } = runCompute(compute([X], [e, s]), { stages: { e: [{ computeAt: ["s", "yo"], in: "scratch", ...how }], s: [{ split: "y", by: 2, into: ["yo", "yi"] }] } }, data);
      expect(numbers(results.out!)).toEqual(list.map((v) => Math.fround(-v * 3)));
      return kernel.buffers.find((b) => b.name === "e")?.size;
    });
    expect(sizes).toEqual([22, 17, 12]);
  });
  test("are shared by readers that want neighbouring regions", () => {
    const e: Stage = { name: "e", axes: [x], value: make("neg", at(X, int(0), x)) }, z = axis("z", 4);
    const s: Stage = { name: "s", axes: [z], value: add(at(e, z), at(e, plus(z, int(2)))) };
    const { results } = runCompute(compute([X], [e, s]), { stages: { e: [{ computeAt: ["s", "zo"], in: "scratch" }], s: [{ split: "z", by: 2, into: ["zo", "zi"] }] } }, data);
    numbers(results.out!).forEach((v, i) => expect(v).toBeCloseTo(-list[i]! - list[i + 2]!, 6));
  });
});
describe("element types", () => {
  const k = axis("k", 5), awkward = (t: DType): ElementArray => arrayOf(t, Array.from({ length: 20 }, (_, i) => (types[t].kind === "float" ? (i * 7) % 9 - 3.5 : (i * 41) % 130 - (types[t].kind === "uint" ? 0 : 60))));
  test.each(computedTypes)("a map of %s", (t) => {
    const I = tensor("I", "input", [4, 5], { dtype: t }), flag = axis("k", 5);
    const value: Expr = t === "bool" ? make("not", at(I, y, flag)) : make("max", make("mul", at(I, y, flag), constant(t, 3)), constant(t, 5)), s: Stage = { name: "s", axes: [y, flag], value };
    const I_ = awkward(t), { results } = runCompute(compute([I], [s]), plain, { I: I_ }), { wrap } = types[t];
    const want = [...(I_ as Iterable<Num>)].map((v) => (t === "bool" ? wrap(v ? 0 : 1) : ((product) => (product < wrap(5) ? wrap(5) : product))(wrap(typeof v === "bigint" ? v * 3n : v * 3))));
    expect([...(results.out as unknown as Iterable<Num>)]).toEqual(want);
  });
  const some: readonly (readonly [Reduction, DType])[] = [["add", "i32"], ["add", "u8"], ["add", "i64"], ["add", "f64"], ["mul", "i16"], ["max", "i8"], ["min", "u64"], ["max", "f64"], ["and", "bool"], ["or", "bool"], ["and", "i32"], ["or", "u16"], ["xor", "i64"], ["xor", "bool"]];
  test.each(some)("%s of %s", (op, t) => {
    const I = tensor("I", "input", [4, 5], { dtype: t }), s: Stage = { name: "s", axes: [y], reduce: { op, axes: [k] }, value: at(I, y, k), finish: select(less(int(9), y), constant(t, 0), accumulator(t)) };
    const I_ = awkward(t), { wrap } = types[t], { op: name } = reductions[op];
    const step: Record<string, (a: Num, b: Num) => Num> = {
      add: (a, b) => wrap((a as number) + (b as number)), mul: (a, b) => wrap((a as number) * (b as number)), max: (a, b) => (a < b ? b : a), min: (a, b) => (b < a ? b : a),
      and: (a, b) => wrap((a as number) & (b as number)), or: (a, b) => wrap((a as number) | (b as number)), xor: (a, b) => wrap((a as number) ^ (b as number)),
    };
    const want = [0, 1, 2, 3].map((r) => [...(I_ as Iterable<Num>)].slice(r * 5, r * 5 + 5).reduce((a, b) => step[name]!(a, b), neutral(op, t)));
    for (const schedule of [plain, { stages: { s: [{ place: ["k"], as: "unroll" } as const] } }]) expect([...(runCompute(compute([I], [s]), schedule, { I: I_ }).results.out as unknown as Iterable<Num>)]).toEqual(want);
  });
  test("of several kinds in one kernel", () => {
    const I = tensor("I", "input", [4], { dtype: "u8" }), s: Stage = { name: "s", axes: [y], value: convert("i64", mul(convert("f32", at(I, y)), f32(1.5))) };
    const flags: Stage = { name: "flags", axes: [y], value: less(at(I, y), constant("u8", 100)) };
    const { results } = runCompute(compute([I], [s, flags], [output(s, "a"), output(flags, "b")]), plain, { I: Uint8Array.of(0, 3, 100, 255) });
    expect([...(results.a as BigInt64Array)]).toEqual([0n, 4n, 150n, 382n]);
    expect(numbers(results.b!)).toEqual([1, 1, 0, 0]);
  });
});
