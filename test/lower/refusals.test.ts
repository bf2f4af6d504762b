/** Schedules that cannot be carried out, and what is said about them. */
import { describe, expect, test } from "vitest";
import { acc, at, axis, output, tensor, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { f32, make, mul } from "../../compiler/ir/algebra.ts";
import { times } from "../../compiler/ir/linear.ts";
import type { Directive, Schedule } from "../../compiler/ir/schedule.ts";
import { lowered } from "../support/run-compute.ts";
import { gemm, softmax, winograd } from "./problems.ts";
import { panel, plain, rowwise } from "./schedules.ts";

const g = gemm(13, 10, 40).compute, s = softmax(4, 16).compute;
const of = (...gemm: readonly Directive[]): Schedule => ({ stages: { gemm } });
const columns = (by: number, edge: "peel" | "guard"): Directive => ({ split: "n", by, into: ["no", "nv"], edge });
const y = axis("y", 6), x = axis("x", 8);
const one = (stage: Stage, more: Partial<Compute> = {}): Compute => ({ name: "c", origin: [], tensors: [tensor("X", "input", [6, 8])], stages: [stage], outputs: [output(stage)], ...more });

describe("loops", () => {
  test.each<[string, Schedule, RegExp]>([
    ["an unknown loop", of({ place: ["q"], as: "unroll" }), /gemm: no loop q among m,n,k/],
    ["an unknown loop in an order", of({ order: ["m", "n", "q"] }), /gemm: no loop q/],
    ["an order that leaves loops out", of({ order: ["m", "n"] }), /gemm: order must name exactly m,n,k/],
    ["a split without an edge", of({ split: "m", by: 4, into: ["mo", "mi"] }), /m has 13 elements, no multiple of 4; its split must say what happens at the edge/],
    ["a sum and an axis as one loop", of({ fuse: ["n", "k"], into: "nk" }), /n and k cannot fuse: only one is a reduction/],
    ["a loop under a reduction", of({ order: ["k", "m", "n"] }), /gemm: loop m lies under a reduction, so it must be unrolled or vector, or move outside/],
    ["a block inside its own elements", of({ split: "m", by: 4, into: ["mo", "mi"], edge: "balance" }, { order: ["mi", "mo", "n", "k"] }, { place: ["mi"], as: "unroll" }), /mo must be a loop of its own, outside mi, because m has blocks of several sizes/],
    ["a prefetch for a loop that is inside", of({ prefetch: "W", next: "q" }), /gemm: no loop q around this prefetch/],
    ["all lanes, but another number of them", of(
      { split: "m", by: 4, into: ["mo", "mi"], edge: "guard" }, { place: ["mi"], as: "lane.x" }, { split: "n", by: 8, into: ["no", "nl"] },
      { order: ["mo", "mi", "no", "nl", "k"] }, { place: ["nl"], as: "lanes" }), /gemm: a loop over all lanes must have 4 iterations, not 8/],
  ])("%s", (_, schedule, why) => expect(() => lowered(g, schedule)).toThrow(why));
});
describe("vectors", () => {
  test("along what is not contiguous", () => {
    const schedule = of({ split: "m", by: 8, into: ["mo", "mv"], edge: "peel" }, { order: ["n", "mo", "k", "mv"] }, { place: ["mv"], as: "vector" });
    expect(() => lowered(g, schedule)).toThrow(/gemm: lanes store to .*; vectorize the innermost dimension of its layout/);
  });
  test("under a guard", () => expect(() => lowered(g, of(columns(16, "guard"), { order: ["m", "no", "k", "nv"] }, { place: ["nv"], as: "vector" }))).toThrow(/a vector loop cannot be guarded; use edge peel or overlap/));
  test("of a reduction that has none across lanes", () => {
    const k = axis("k", 8), stage: Stage = { name: "all", axes: [y], reduce: { op: "and", axes: [k] }, value: make("less", f32(0), at({ name: "X" }, y, k)) };
    expect(() => lowered(one(stage), { stages: { all: [{ place: ["k"], as: "vector" }] } })).toThrow(/all: lanes cannot reduce by and/);
  });
});
describe("stages", () => {
  test("no outputs", () => expect(() => lowered({ ...g, outputs: [] }, plain)).toThrow(/has no outputs/));
  test("registers with an index that run time knows", () => expect(() => lowered(s, rowwise(4, "softmax", ["top", "e", "sum"]))).toThrow(/e in registers has index .*: unroll the loops of that index/));
  test("a stage that nobody reads in that loop", () => {
    const p: Stage = { name: "p", axes: [y, x], value: at({ name: "X" }, y, x) }, q: Stage = { name: "q", axes: [y, x], value: at({ name: "X" }, y, x) };
    expect(() => lowered(one(q, { stages: [p, q] }), { stages: { p: [{ computeAt: ["q", "y"], in: "scratch" }] } })).toThrow(/nothing reads p/);
  });
  test("readers that want regions which move apart", () => {
    const a = axis("a", 11), source: Stage = { name: "p", axes: [a], value: at({ name: "V" }, a) }, q: Stage = { name: "q", axes: [y], value: mul(at({ name: "p" }, y), at({ name: "p" }, times(y, 2))) };
    const c = one(q, { tensors: [tensor("V", "input", [11])], stages: [source, q] });
    expect(() => lowered(c, { stages: { p: [{ computeAt: ["q", "y"], in: "scratch" }] } })).toThrow(/q reads p at .* and at .*: no common region/);
  });
  test("updates that cannot be streamed", () => expect(() => lowered(g, of({ split: "n", by: 4, into: ["no", "ni"], edge: "peel" }, { order: ["m", "no", "k", "ni"] }, { place: ["ni"], as: "unroll" }, { stream: "bias" }))).toThrow(/stream needs unrolled updates that read one element of bias each/));
});
describe("tensors", () => {
  test("an operand that is packed", () => expect(() => lowered(g, { stages: {}, tensors: [{ pack: "A", layout: panel(2) }] })).toThrow(/A is no constant: it cannot be packed at compile time/));
  test("a tensor that is not there", () => expect(() => lowered(g, { stages: {}, tensors: [{ pack: "Q", layout: panel(2) }] })).toThrow(/gemm has no tensor Q/));
  test("a table whose index is not known", () => expect(() => lowered(winograd(1, 4, 4, 16, 16, 4, 4).compute, plain)).toThrow(/table Qy is read at .*: unroll the loops of that index/));
});
describe("races", () => {
  test("work-items that add to one sum", () => {
    const k = axis("k", 8), stage: Stage = { name: "sum", axes: [y], reduce: { op: "add", axes: [k] }, value: at({ name: "X" }, y, k), finish: acc };
    expect(() => lowered(one(stage), { stages: { sum: [{ place: ["k"], as: "parallel" }] } })).toThrow(/sum.* is declared outside loop .*, whose iterations run at once/);
  });
  test("none where each lane has memory of its own", () => {
    const stage: Stage = { name: "s", axes: [x, y], value: at({ name: "X" }, y, x) };
    expect(() => lowered(one(stage), { stages: { s: [{ split: "x", by: 4, into: ["a", "b"] }, { place: ["b"], as: "lane.x" }, { split: "y", by: 2, into: ["c", "d"] }, { place: ["d"], as: "lane.y" }] } })).not.toThrow();
    const e: Stage = { name: "e", axes: [y, x], value: make("exp", at({ name: "X" }, y, x)) }, sum: Stage = { name: "sum", axes: [y], reduce: { op: "add", axes: [x] }, value: at({ name: "e" }, y, x) };
    const lanes: Directive = { place: ["y"], as: "lane.x" };
    expect(() => lowered(one(sum, { stages: [e, sum] }), { stages: { sum: [lanes], e: [{ computeAt: ["sum", "y"], in: "scratch" }] } })).not.toThrow();
  });
});
