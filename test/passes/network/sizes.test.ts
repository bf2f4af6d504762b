import { describe, expect, test } from "vitest";
import { add, convert, f32, make, mul } from "../../../compiler/ir/algebra.ts";
import { minus } from "../../../compiler/ir/linear.ts";
import { parameter } from "../../../compiler/ir/scalar.ts";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import { printNetwork, type NetTensor, type Network } from "../../../compiler/ir/network.ts";
import type { ElementArray } from "../../../compiler/ir/types.ts";
import { buildProgram } from "../../../compiler/passes/network/build-program.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { cppTarget, cppVariants } from "../../../targets/cpp/index.ts";
import { instructionSets } from "../../../targets/cpp/isa.ts";
import { scheduleCpp } from "../../../targets/cpp/schedules/index.ts";
import { openclFor, openclTarget } from "../../../targets/opencl/index.ts";
import { evaluateNetwork } from "../../support/evaluate-network.ts";
import { evaluateProgram } from "../../support/evaluate-program.ts";
import { poison } from "../../support/layouts.ts";
import { difference } from "../../support/run-compute.ts";
import { numbers } from "../../support/graph-builder.ts";
import { Net, fixed, type Size } from "../../support/open-network.ts";
import { facts } from "./build.ts";

const variants = cppVariants(Object.keys(cppTarget.instructionSets)), many = cppVariants(Object.keys(cppTarget.instructionSets), 4, 1);
const passed = (n: Network, f = facts): Network => networkPasses.reduce((net, p) => {
  const next = p.run(net, f), wrong = verifyNetwork(next);
  expect(wrong, `${p.name}\n${wrong.length ? printNetwork(next) : ""}`).toEqual([]);
  return next;
}, n);
// A small device: the interpreter takes each lane by itself where they wait for each other.
const device = openclFor({ name: "small", description: "", doubles: true, facts: { ...openclTarget.facts({}), grid: { ...openclTarget.facts({}).grid!, busy: 64 } } });
type Make = (size: (name: string) => Size) => { readonly net: Net; readonly from: readonly (readonly [symbol: string, input: string, dim: number])[] };
/** The network with these bounds, at some sizes, beside the network that has those sizes only. */
function agrees(make: Make, ranges: Readonly<Record<string, readonly [number, number]>>, at: readonly Readonly<Record<string, number>>[], tolerance = 1e-5): Network {
  const symbol = (name: string) => parameter(name, ranges[name]!), { net, from } = make((name) => ({ bound: ranges[name]![1], size: symbol(name) }));
  const open = passed(net.network(from.map(([name, input, dim]) => ({ variable: symbol(name), input, dim }))));
  const program = buildProgram(open, { alignment: 64, shares: true, variants }), shared = buildProgram(open, { alignment: 64, variants: many });
  const onGrid = passed(net.network(from.map(([name, input, dim]) => ({ variable: symbol(name), input, dim }))), device.facts({})), grid = buildProgram(onGrid, { alignment: 64, variants: device.variants({ instructionSets: [], weights: "incbin", settings: { fallback: "none" } }) });
  for (const symbols of at) {
    const next = numbers(3), plain = make((name) => fixed(symbols[name]!)).net.network([]), sizesOf = (t: NetTensor) => sizeOf(t.shape);
    const inputs = plain.inputs.map((x): ElementArray => Float32Array.from({ length: sizesOf(plain.tensors.get(x)!) }, () => next() * 3));
    const want = evaluateNetwork(plain, new Map(plain.inputs.map((x, i) => [x, inputs[i]!])));
    for (const p of [program, shared]) for (const v of variants) {
      const quick = evaluateProgram(p, v.name, inputs, { quick: true, symbols });
      quick.forEach((got, i) => expect(difference(got, want.get(plain.outputs[i]!)!), `${v.name} ${JSON.stringify(symbols)}`).toBeLessThanOrEqual(tolerance));
    }
    // Addresses are checked by the interpreter.
    evaluateProgram(program, variants[1]!.name, inputs, { symbols }).forEach((got, i) => expect(difference(got, want.get(plain.outputs[i]!)!)).toBeLessThanOrEqual(tolerance));
    // The caller's memory of a device is as large as it may be, and dense from its beginning.
    const boxes = program.inputs.map((p, i) => { const box = poison(p.dtype, sizeOf(p.shape)); box.set(inputs[i]! as never); return box; });
    evaluateProgram(grid, "opencl", boxes, { quick: true, symbols }).forEach((got, i) => { const full = want.get(plain.outputs[i]!)!; expect(difference(got.subarray(0, full.length), full), `grid ${JSON.stringify(symbols)}`).toBeLessThanOrEqual(tolerance); });
  }
  return open;
}

describe("sizes that only a run knows", () => {
  test("products over rows, and sums that end early", () => agrees((size) => {
    const net = new Net(), n = size("$n"), k = size("$k"), x = net.put("input", "%x", [n, k]), w = net.put("constant", "%w", [fixed(k.bound), fixed(20)]);
    net.product("%y", x, w, [n, k, fixed(20)], "output");
    return { net, from: [["$n", "%x", 0], ["$k", "%x", 1]] };
  }, { $n: [1, 19], $k: [1, 37] }, [{ $n: 1, $k: 1 }, { $n: 19, $k: 37 }, { $n: 7, $k: 20 }, { $n: 12, $k: 33 }]));
  test("softmax and maps", () => agrees((size) => {
    const net = new Net(), n = size("$n"), k = size("$k"), x = net.put("input", "%x", [n, k]);
    net.map("%z", net.softmax("%y", net.map("%t", x, [n, k], (e) => mul(e, f32(0.5))), [n, k]), [n, k], (e, _, j) => add(e, convert("f32", minus(k.size, j))), "output");
    return { net, from: [["$n", "%x", 0], ["$k", "%x", 1]] };
  }, { $n: [1, 9], $k: [1, 150] }, [{ $n: 1, $k: 1 }, { $n: 9, $k: 150 }, { $n: 4, $k: 77 }, { $n: 5, $k: 131 }]));
  test("convolutions with margins", () => agrees((size) => {
    const net = new Net(), h = size("$h"), w = size("$w"), x = net.put("input", "%x", [fixed(1), fixed(3), h, w]);
    const one = net.conv("%a", x, [h, w], [3, 8], 3, 1, 2), two = net.conv("%b", "%a", one, [8, 8], 3, 1, 1), r = net.map("%r", "%b", [fixed(1), fixed(8), ...two], (e) => make("max", e, f32(0)));
    net.conv("%c", r, two, [8, 5], 5, 2, 1, "output");
    return { net, from: [["$h", "%x", 2], ["$w", "%x", 3]] };
  }, { $h: [3, 21], $w: [3, 33] }, [{ $h: 3, $w: 3 }, { $h: 21, $w: 33 }, { $h: 10, $w: 17 }, { $h: 20, $w: 8 }]));
  test("Winograd's tiles end with their rows", () => {
    const drawn: Make = (size) => {
      const net = new Net(), h = size("$h"), w = size("$w"), x = net.put("input", "%x", [fixed(1), fixed(16), h, w]);
      net.conv("%b", net.map("%r", x, [fixed(1), fixed(16), h, w], (e) => make("max", e, f32(0))), [h, w], [16, 32], 3, 1, 1, "output");
      return { net, from: [["$h", "%x", 2], ["$w", "%x", 3]] };
    };
    const open = agrees(drawn, { $h: [1, 9], $w: [1, 130] }, [{ $h: 9, $w: 130 }, { $h: 6, $w: 31 }], 5e-5);
    const tiled = open.computes.find((c) => c.algorithm?.kind === "winograd");
    expect(tiled).toBeDefined();
    // The loop over the tiles of a block ends with the width, not with what lies behind all tiles.
    const text = JSON.stringify(scheduleCpp(tiled!, instructionSets.avx2).schedule.stages.Y);
    expect(text).toContain('"split":"tx"');
  });
  test("what an iteration needs of a producer is known before blocks of several sizes are entered", () => {
    const net = new Net(), symbol = parameter("$w", [16, 64]), w: Size = { bound: 64, size: symbol }, x = net.put("input", "%x", [fixed(1), fixed(24), fixed(32), w]);
    net.conv("%y", x, [fixed(32), w], [24, 96], 3, 2, 1, "output");
    const open = passed(net.network([{ variable: symbol, input: "%x", dim: 3 }]));
    expect(open.computes.some((c) => c.algorithm?.kind === "winograd")).toBe(true);
    expect(buildProgram(open, { alignment: 64, shares: true, variants }).steps.length).toBeGreaterThan(0);
  });
});
