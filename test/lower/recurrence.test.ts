/** Stages that run step by step: which they are, what the verifier refuses, and how they are lowered. */
import { describe, expect, test } from "vitest";
import { acc, at, axis, output, rowMajor, tensor, type Compute, type Output, type Stage } from "../../compiler/ir/compute.ts";
import { add, less, make, mul, select } from "../../compiler/ir/algebra.ts";
import { int, minus, plus } from "../../compiler/ir/linear.ts";
import { eachStmt } from "../../compiler/ir/kernel.ts";
import { show, type Expr } from "../../compiler/ir/scalar.ts";
import { apartIn, recurrencesOf } from "../../compiler/ir/recurrence.ts";
import type { Schedule } from "../../compiler/ir/schedule.ts";
import { verifyCompute } from "../../compiler/ir/verify.ts";
import { constantOf } from "../../compiler/ir/graph.ts";
import { interpretCompute } from "../support/interpret-compute.ts";
import { difference, noise, runCompute } from "../support/run-compute.ts";
import { f } from "../ir/kernels.ts";
import { plain } from "./schedules.ts";

const steps = 6, n = 5, t = axis("t", steps), i = axis("i", n), k = axis("k", n), X = tensor("X", "input", [steps, n]), R = tensor("R", "input", [n, n]);
const from = (name: string, back: number, of: Expr, x: Expr = i): Expr => select(less(t, int(back)), of, at({ name }, minus(t, int(back)), x));
const compute = (stages: readonly Stage[], outputs: readonly Output[]): Compute => ({ name: "c", origin: [], tensors: [X, R], stages, outputs });
/** p = the state before, g = X + R p, h = g times the state two steps ago; last = h after the last step. */
const p: Stage = { name: "p", axes: [t, k], value: from("h", 1, f(1), k) };
const g: Stage = { name: "g", axes: [t, i], value: mul(at(R, i, k), at({ name: "p" }, t, k)), reduce: { op: "add", axes: [k] }, finish: add(acc, at(X, t, i)) };
const h: Stage = { name: "h", axes: [t, i], value: mul(at({ name: "g" }, t, i), from("h", 2, f(0.5))) };
const y: Stage = { name: "y", axes: [t, i], value: add(at({ name: "h" }, t, i), f(1)) };
const last: Stage = { name: "last", axes: [i], value: at({ name: "h" }, int(steps - 1), i) };
const data = { X: noise(steps * n), R: noise(n * n, 3) };
function expected(): { h: number[][] } {
  const rows: number[][] = [];
  for (let s = 0; s < steps; s++) {
    const before = rows[s - 1] ?? Array(n).fill(1), two = rows[s - 2] ?? Array(n).fill(0.5);
    rows.push(Array.from({ length: n }, (_, a) => (data.X[s * n + a]! + before.reduce((sum, v, b) => sum + v * data.R[a * n + b]!, 0)) * two[a]));
  }
  return { h: rows };
}
const whole = compute([p, g, h, y, last], [output(y, "Y"), output(last, "L")]);

describe("recurrences", () => {
  test("are the stages from the first that reads a later one to the last that is read so, and what follows each step", () => {
    const [r, ...more] = recurrencesOf(whole);
    expect([r!.time, r!.stages.map((s) => s.name), [...r!.kept], more.length]).toEqual([t, ["p", "g", "h", "y"], [["h", 2]], 0]);
    expect(recurrencesOf(compute([{ ...g, value: at(R, i, k) }, { ...y, value: at({ name: "g" }, t, i) }], [output(y, "Y")]))).toEqual([]);
  });
  test("compute what their equations say, by definition and lowered, with a ring of the steps that are still needed", () => {
    const want = expected().h, flat = Float32Array.from(want.flat().map((v) => v + 1)), inputs = new Map([["X", constantOf("f32", [steps, n], data.X)], ["R", constantOf("f32", [n, n], data.R)]]);
    verifyCompute(whole);
    const direct = interpretCompute(whole, inputs), { results, kernel } = runCompute(whole, plain, data);
    for (const got of [direct.get("Y")!.data, results.Y!]) expect(difference(got, flat)).toBeLessThan(1e-6);
    for (const got of [direct.get("L")!.data, results.L!]) expect(difference(got, Float32Array.from(want[steps - 1]!))).toBeLessThan(1e-6);
    expect(kernel.buffers.map((b) => [b.name, b.size])).toEqual([["X", 30], ["R", 25], ["Y", 30], ["h", 15], ["p", 5], ["g", 5], ["L", 5]]);
  });
  test("read results that they have stored, forwards or backwards", () => {
    const index = [minus(int(steps - 1), t), i], { results, kernel } = runCompute(compute([p, g, h], [output(h, "H", { index })]), plain, data);
    expect(difference(results.H!, Float32Array.from([...expected().h].reverse().flat()))).toBeLessThan(1e-6);
    expect(kernel.buffers.some((b) => b.name === "h")).toBe(false);
  });
  test("have lanes inside their steps", () => {
    const lanes = (a: string) => [{ split: a, by: 4, into: [`${a}o`, `${a}v`], edge: "peel" }, { place: [`${a}v`], as: "vector" }] as const;
    const schedule: Schedule = { stages: { p: lanes("k"), h: lanes("i"), y: lanes("i") } };
    expect(difference(runCompute(whole, schedule, data).results.Y!, Float32Array.from(expected().h.flat().map((v) => v + 1)))).toBeLessThan(1e-6);
  });
  test("go through a loop backwards in every other step, where the schedule says so", () => {
    const cut = { split: "i", by: 2, into: ["io", "ii"], edge: "peel" } as const, schedule: Schedule = { stages: { g: [cut, { order: ["t", "io", "k", "ii"] }, { place: ["ii"], as: "unroll" }, { turn: "io", each: "t" }] } };
    const { results, kernel } = runCompute(whole, schedule, data);
    expect(difference(results.Y!, Float32Array.from(expected().h.flat().map((v) => v + 1)))).toBeLessThan(1e-6);
    const lets: string[] = [];
    eachStmt(kernel.body, (s) => { if (s.kind === "let" && s.name.endsWith("_turned")) lets.push(show(s.value)); });
    expect(lets).toEqual(["select(equal(rem(y_t, 2), 0), g_io, add(mul(g_io, -1), 1))"]);
  });
});
test("steps of elements that need no others may be taken one element after the other", () => {
  // What is left of each row without its largest so far, and those.
  const r = axis("r", 3), j = axis("j", 4), X3 = tensor("X", "input", [3, 4]), before = minus(t, int(1));
  const left: Stage = { name: "left", axes: [t, r, j], value: select(less(t, int(1)), at(X3, r, j), select(make("equal", at({ name: "left" }, before, r, j), at({ name: "best" }, before, r)), f(-9), at({ name: "left" }, before, r, j))) };
  const best: Stage = { name: "best", axes: [t, r], value: at({ name: "left" }, t, r, j), reduce: { op: "max", axes: [j] } };
  const made: Compute = { name: "c", origin: [], tensors: [X3], stages: [left, best], outputs: [output(best, "B", { shape: [3, steps], layout: rowMajor(2), index: [r, t] })] }, values = noise(12);
  const want = Float32Array.from([0, 1, 2].flatMap((row) => [...values.slice(4 * row, 4 * row + 4)].sort((a, b) => b - a).concat(-9, -9)));
  expect(apartIn(recurrencesOf(made)[0]!)).toEqual([r]);
  for (const schedule of [plain, { stages: { best: [{ order: ["r", "t", "j"] }] } }] satisfies Schedule[]) expect(runCompute(made, schedule, { X: values }).results.B!).toEqual(want);
  expect(() => runCompute({ ...made, stages: [left, { ...best, value: at({ name: "left" }, t, minus(int(2), r), j) }] }, { stages: { best: [{ order: ["r", "t", "j"] }] } }, { X: values })).toThrow("with no loops around it but lanes and those whose turns do not need each other");
});
describe("what is refused", () => {
  test.each<[string, readonly Stage[]]>([
    ["c: stage p: h[t, k] may read a step that is not made yet", [{ ...p, value: at({ name: "h" }, t, k) }, g, h]],
    ["c: stage h: value: g[add(t, 1), i]: index 0 may reach 1..6", [p, g, { ...h, value: mul(at({ name: "g" }, plus(t, int(1)), i), from("h", 2, f(0))) }]],
    ["c: stage p: value: h[add(t, -1), k]: index 0 may reach -1..4", [{ ...p, value: at({ name: "h" }, minus(t, int(1)), k) }, g, h]],
    ["c: stage g takes part in steps along t, which must be the first axis of it and of p", [p, { ...g, axes: [i, t] }, { ...h, value: mul(at({ name: "g" }, i, t), from("h", 2, f(0))) }]],
  ])("%s", (message, stages) => expect(() => verifyCompute(compute(stages, [output(h, "H")]))).toThrow(message));
  test("a loop around the steps, or steps that run at once", () => {
    const made = compute([p, g, h], [output(h, "H")]), lower = (list: Schedule["stages"][string]) => () => runCompute(made, { stages: { h: list } }, data);
    expect(lower([{ order: ["i", "t"] }])).toThrow("h: the loop over the steps t must be serial, with no loops around it but lanes and those whose turns do not need each other");
    expect(lower([{ place: ["t"], as: "parallel" }])).toThrow("h: the loop over the steps t must be serial");
  });
});
