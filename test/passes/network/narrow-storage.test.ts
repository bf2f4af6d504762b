import { describe, expect, test } from "vitest";
import { encode } from "../../../compiler/ir/formats.ts";
import { bytesOfTensor } from "../../../compiler/ir/network.ts";
import { buildProgram } from "../../../compiler/passes/network/build-program.ts";
import { narrowStorage } from "../../../compiler/passes/network/narrow-storage.ts";
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

describe("narrow-storage", () => {
  test("large tensors of the network take half the memory; the caller's and small ones keep theirs", () => {
    const n = narrowStorage(network(), device), half = [...n.tensors.values()].filter((t) => t.layout.memory).map((t) => [t.kind, t.shape.length]);
    expect(half).toEqual([["temporary", 4], ["constant", 4], ["temporary", 4]]);
    const relu = n.tensors.get("%v_relu0")!;
    expect(bytesOfTensor(relu)).toBe(16 * 144 * 2);
    expect(n.computes[1]!.tensors.find((t) => t.name === "%v_relu0")!.layout.memory).toBe("f16");
    expect(narrowStorage(network(), facts)).toEqual(network());
  });
  test("programs: constants are packed as halves, kernels say which buffers hold them", () => {
    const single = buildProgram(through({ ...device, halves: false }), { alignment: 64, variants: cppVariants(["avx2"]) });
    const half = buildProgram(through(device), { alignment: 64, variants: cppVariants(["avx2"]) });
    expect(half.arena.bytes / single.arena.bytes).toBeCloseTo(0.5, 1);
    expect(half.constants.length).toBeLessThan(single.constants.length * 0.6);
    const buffers = half.kernels.flatMap((k) => k.variants.avx2!.buffers);
    expect(buffers.filter((b) => b.dtype === "u16" && b.constant)).toHaveLength(1);
    // The first weight of a panel, as the kernel reads it.
    const step = half.steps.findIndex((s) => half.kernels[s.kernel]!.variants.avx2!.buffers.some((b) => b.dtype === "u16" && b.constant)), k = half.kernels[half.steps[step]!.kernel]!.variants.avx2!;
    const at = half.steps[step]!.args[k.buffers.findIndex((b) => b.dtype === "u16" && b.constant)]!.offset, same = single.steps[step]!.args[k.buffers.findIndex((b) => b.dtype === "u16" && b.constant)]!.offset;
    const halves = new Uint16Array(half.constants.buffer, at, 64), whole = new Float32Array(single.constants.buffer, same, 64);
    expect([...halves]).toEqual([...whole].map((x) => encode("f16", x)));
    expect(cppTexts(half, ["avx2"])[0]!.preamble).toContain("from_half");
    expect(cppTexts(single, ["avx2"])[0]!.preamble).not.toContain("from_half");
  });
});
