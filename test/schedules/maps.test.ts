/** Transpositions: lanes along what is written, loops so that lines that are read stay in the first cache; whatever is left over. */
import { expect, test } from "vitest";
import { at, axis, output, tensor, type Compute } from "../../compiler/ir/compute.ts";
import { add } from "../../compiler/ir/algebra.ts";
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
