import { describe, expect, test } from "vitest";
import { halfBits } from "../../../compiler/ir/functions.ts";
import { bytesOfTensor } from "../../../compiler/ir/network.ts";
import { buildProgram } from "../../../compiler/passes/network/build-program.ts";
import { halveStorage } from "../../../compiler/passes/network/halve-storage.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { cppTexts, cppVariants } from "../../../targets/cpp/index.ts";
import type { TargetFacts } from "../../../compiler/emit/target.ts";
import { Builder } from "../graphs.ts";
import { facts, plainNetwork } from "./build.ts";

const device: TargetFacts = { ...facts, winograd: false, strassen: false, halves: true };
const network = () => {
  const b = new Builder(), x = b.input("x", [1, 16, 12, 12]), y = b.op("Conv", [b.op("Relu", [x]), b.constant([16, 16, 3, 3]), b.constant([16])], { pads: [1, 1, 1, 1] });
  return plainNetwork(b.graph(b.op("Conv", [y, b.constant([16, 16, 1, 1])])));
};
const through = (f: typeof device) => networkPasses.reduce((n, p) => p.run(n, f), network());

describe("halve-storage", () => {
  test("large tensors of the network take half the memory; the caller's and small ones keep theirs", () => {
    const n = halveStorage(network(), device), half = [...n.tensors.values()].filter((t) => t.layout.half).map((t) => [t.kind, t.shape.length]);
    expect(half).toEqual([["temporary", 4], ["constant", 4], ["temporary", 4]]);
    const relu = n.tensors.get("%v_relu0")!;
    expect(bytesOfTensor(relu)).toBe(16 * 144 * 2);
    expect(n.computes[1]!.tensors.find((t) => t.name === "%v_relu0")!.layout.half).toBe(true);
    expect(halveStorage(network(), facts)).toEqual(network());
  });
  test("programs: constants are packed as halves, kernels say which buffers hold them", () => {
    const single = buildProgram(through({ ...device, halves: false }), { alignment: 64, variants: cppVariants(["avx2"]) });
    const half = buildProgram(through(device), { alignment: 64, variants: cppVariants(["avx2"]) });
    expect(half.arena.bytes / single.arena.bytes).toBeCloseTo(0.5, 1);
    expect(half.constants.length).toBeLessThan(single.constants.length * 0.6);
    const buffers = half.kernels.flatMap((k) => k.variants.avx2!.buffers);
    expect(buffers.filter((b) => b.half && b.constant)).toHaveLength(1);
    // The first weight of a panel, as the kernel reads it.
    const step = half.steps.findIndex((s) => half.kernels[s.kernel]!.variants.avx2!.buffers.some((b) => b.half && b.constant)), k = half.kernels[half.steps[step]!.kernel]!.variants.avx2!;
    const at = half.steps[step]!.args[k.buffers.findIndex((b) => b.half && b.constant)]!.offset, same = single.steps[step]!.args[k.buffers.findIndex((b) => b.half && b.constant)]!.offset;
    const halves = new Uint16Array(half.constants.buffer, at, 64), whole = new Float32Array(single.constants.buffer, same, 64);
    expect([...halves]).toEqual([...whole].map(halfBits));
    expect(cppTexts(half, ["avx2"])[0]!.preamble).toContain("from_half");
    expect(cppTexts(single, ["avx2"])[0]!.preamble).not.toContain("from_half");
  });
});
describe("halfBits", () => {
  test.each<[number, number]>([
    [0, 0], [-0, 0x8000], [1, 0x3c00], [-2, 0xc000], [65504, 0x7bff], [65519.99, 0x7bff], [65520, 0x7c00], [Infinity, 0x7c00], [-1e9, 0xfc00],
    [2 ** -14, 0x400], [2 ** -24, 1], [2 ** -25, 0], [2 ** -25 * 1.0001, 1], [3 * 2 ** -25, 2], [1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], [2 ** -14 - 2 ** -26, 0x400], [1e-30, 0],
  ])("of %f", (x, bits) => expect(halfBits(x)).toBe(bits));
  test("of NaN is NaN", () => expect(halfBits(NaN) & 0x7fff).toBeGreaterThan(0x7c00));
});
