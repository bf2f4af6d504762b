/** Transpositions: lanes along what is written, loops so that lines that are read stay in the first cache; whatever is left over. */
import { expect, test } from "vitest";
import { at, axis, output, tensor, type Compute } from "../../compiler/ir/compute.ts";
import { add, convert, f32, sub } from "../../compiler/ir/algebra.ts";
import { scheduleCpp } from "../../targets/cpp/schedules/index.ts";
import { instructionSets } from "../../targets/cpp/isa.ts";
import { difference, noise, runCompute } from "../support/run-compute.ts";

const [C, H, W] = [37, 5, 7], [c, h, w] = [axis("c", C), axis("h", H), axis("w", W)], X = tensor("X", "input", [H, W, C]), B = tensor("B", "weight", [C]);
const stage = { name: "turned", axes: [c, h, w], value: add(at(X, h, w, c), at(B, c)) }, turned: Compute = { name: "turned", tensors: [X, B], stages: [stage], outputs: [output(stage)], origin: [] };
test.each(Object.values(instructionSets))("$name", (set) => {
  const data = { X: noise(C * H * W, 3), B: noise(C, 5) }, { compute, schedule } = scheduleCpp(turned, set);
  expect(difference(runCompute(compute, schedule, data).results.out!, Float32Array.from({ length: C * H * W }, (_, i) => data.X[(i % (H * W)) * C + Math.floor(i / (H * W))]! + data.B[Math.floor(i / (H * W))]!))).toBe(0);
  const order = schedule.stages.turned!.flatMap((d) => ("order" in d ? d.order : []));
  expect(order).toEqual(["hw_o", "c", "hw_j", "hw_v"]);
});
test.each(Object.values(instructionSets))("bytes have lanes in maps and windows: $name", (set) => {
  const x = tensor("X", "input", [H, W, C], { dtype: "u8" }), [y, r] = [axis("y", H - 1), axis("r", 2)];
  const map = { name: "map", axes: [h, w, c], value: convert("i8", sub(convert("f32", at(x, h, w, c)), f32(128))) }, window = { name: "window", axes: [y, w, c], value: at(x, add(y, r), w, c), reduce: { op: "max", axes: [r] } } as const;
  const bytes = Uint8Array.from({ length: H * W * C }, (_, i) => (i * 37) % 251);
  for (const s of [map, window]) {
    const compute: Compute = { name: s.name, tensors: [x], stages: [s], outputs: [output(s)], origin: [] }, made = scheduleCpp(compute, set), plain = runCompute(compute, { stages: {} }, { X: bytes });
    expect(made.schedule.stages[s.name]!.some((d) => "place" in d && d.as === "vector")).toBe(true);
    expect(runCompute(made.compute, made.schedule, { X: bytes }).results.out).toEqual(plain.results.out);
  }
});
