import { expect, test } from "vitest";
import { Builder } from "../graphs.ts";
import { upTo, facts } from "./build.ts";
import { buildProgram } from "../../../compiler/passes/network/build-program.ts";
import { loadScales } from "../../../compiler/passes/network/load-scales.ts";
import { cppVariants } from "../../../targets/cpp/index.ts";

/** Quantised layers in a row, each with scales of its own. */
function layers(count: number) {
  const b = new Builder(), point = (z: number) => b.constant([], [z], "u8"), scale = (s: number) => b.constant([], [s]);
  let x = b.input("x", [1, 16, 8, 8], "u8");
  for (let i = 0; i < count; i++) {
    const w = b.constant([16, 16, 1, 1], Array.from({ length: 256 }, (_, k) => ((k * (i + 7)) % 31) - 15), "i8");
    x = b.op("QLinearConv", [x, scale(0.1 + i / 7), point(3 + i), w, scale(0.3 + i / 9), b.constant([], [0], "i8"), scale(900 + i / 3), point(4 + i)]);
  }
  return b.graph(x);
}
test("kernels of layers that differ in scales and zero points are one", () => {
  const n = upTo("load-scales", layers(4), 0.02), program = buildProgram(n, { variants: cppVariants(["avx512"]), alignment: 64, shares: true });
  expect([...n.tensors.keys()].filter((t) => t.startsWith("scales"))).toHaveLength(4);
  expect(new Set(program.steps.filter((s) => s.macs).map((s) => s.kernel)).size).toBeLessThan(3);
  expect(loadScales(n, { ...facts, shares: false })).toBe(n);
});
test("numbers of floats stay in the code", () => {
  const b = new Builder(), n = upTo("load-scales", b.graph(b.op("Mul", [b.op("Relu", [b.op("Conv", [b.input("x", [1, 4, 5, 5]), b.constant([4, 4, 1, 1])])]), b.constant([], [0.3])])));
  expect(loadScales(n, facts)).toBe(n);
});
