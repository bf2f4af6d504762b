/** Kernels that differ in numbers become one: which do, with which parameters, and that a step's numbers give its own kernel back. */
import { describe, expect, test } from "vitest";
import { axis, acc, at, output, tensor, type Compute } from "../../../compiler/ir/compute.ts";
import { mul, select, less, f32, add } from "../../../compiler/ir/algebra.ts";
import { int, plus, range, times } from "../../../compiler/ir/linear.ts";
import { argumentsOf, eachStmt, type Kernel } from "../../../compiler/ir/kernel.ts";
import { instantiate, renumber } from "../../../compiler/ir/numbers.ts";
import type { KernelVariants } from "../../../compiler/ir/program.ts";
import { parameter, show, variable } from "../../../compiler/ir/scalar.ts";
import { verify } from "../../../compiler/ir/verify.ts";
import { finished, lowerLoops } from "../../../compiler/lower/lower.ts";
import { inPhases } from "../../../compiler/lower/phases.ts";
import type { Variant } from "../../../compiler/emit/target.ts";
import { shareKernels } from "../../../compiler/passes/network/share-kernels.ts";
import { cppVariants } from "../../../targets/cpp/index.ts";

const variants = cppVariants(["avx512", "sse"]), forTasks = cppVariants(["avx512", "sse"], 3, 1);
const lowered = (c: Compute, i: number, all: readonly Variant[], kernelOf: (k: Kernel) => Kernel): KernelVariants => ({
  name: `${c.name}_${i}`, origin: [], variants: Object.fromEntries(all.map((v) => { const { compute, schedule } = v.schedule(c); return [v.name, kernelOf(lowerLoops(compute, schedule))]; })),
});
const made = (c: Compute, i: number): KernelVariants => lowered(c, i, variants, (k) => k);
const parted = (c: Compute, i: number): KernelVariants => lowered(c, i, forTasks, (k) => inPhases(k, 3, 1));
/** Rows x columns, the sum over so many products. */
function product(rows: number, columns: number, depth: number): Compute {
  const [m, n, k] = [axis("m", rows), axis("n", columns), axis("k", depth)] as const, a = tensor("a", "input", [rows, depth]), w = tensor("w", "weight", [depth, columns]);
  const s = { name: "s", axes: [m, n], value: mul(at(a, m, k), at(w, k, n)), reduce: { op: "add" as const, axes: [k] }, finish: select(less(f32(0), acc), acc, f32(0)) };
  return { name: "product", tensors: [a, w], stages: [s], outputs: [output(s)], origin: [] };
}
/** Sums of windows of 5 x 5 over a picture of so many channels. */
function windows(size: number, channels: number): Compute {
  const [y, x, c, i, j] = [axis("y", size), axis("x", size), axis("c", channels), axis("i", 5), axis("j", 5)] as const;
  const a = tensor("a", "input", [size + 4, size + 4, channels]), w = tensor("w", "weight", [5, 5, channels]);
  const s = { name: "s", axes: [y, x, c], value: mul(at(a, plus(y, i), plus(x, j), c), at(w, i, j, c)), reduce: { op: "add" as const, axes: [i, j] } };
  return { name: "windows", tensors: [a, w], stages: [s], outputs: [output(s)], origin: [] };
}
const words = (k: KernelVariants["variants"][string]): string => {
  const found: string[] = [];
  renumber(k.body, { word: (w) => { found.push(w); }, number: (n) => { found.push(`${n}`); return int(n); } });
  return found.join(" ");
};
function givesBack(all: readonly KernelVariants[]): ReturnType<typeof shareKernels> {
  const shared = shareKernels(all);
  all.forEach((own, i) => {
    const { kernel, params } = shared.calls[i]!;
    for (const v of variants) {
      const whole = shared.kernels[kernel]!.variants[v.name]!;
      expect(words(instantiate(whole, params)), `${own.name} ${v.name}`).toBe(words(own.variants[v.name]!));
      verify({ ...instantiate(finished(whole, v.lacks), params), buffers: own.variants[v.name]!.buffers });
    }
  });
  return shared;
}

describe("share-kernels", () => {
  test("products of several depths and heights are one kernel", () => {
    const shared = givesBack([product(60, 128, 32), product(60, 128, 48), product(120, 128, 32), product(24, 192, 96)].map(made));
    expect(shared.kernels).toHaveLength(1);
    const [k] = Object.values(shared.kernels[0]!.variants) as [KernelVariants["variants"][string]];
    expect(k.params!.length).toBeLessThanOrEqual(9);
    expect(argumentsOf(k).map((b) => b.size)).toEqual([Math.max(60 * 48, 120 * 32, 24 * 96), 96 * 192, 120 * 128]);
    for (const v of Object.values(shared.kernels[0]!.variants)) verify({ ...v, buffers: v.buffers.map((b) => ({ ...b, size: 2 ** 30 })) });
  });
  test("what tasks divide is shared too: work and pieces are numbers like others", () => {
    const shared = givesBack([product(60, 128, 32), product(60, 128, 48), product(60, 128, 96)].map(parted));
    expect(shared.kernels).toHaveLength(1);
    const [k] = Object.values(shared.kernels[0]!.variants) as [Kernel], works: (readonly [number, number])[] = [];
    eachStmt(k.body, (s) => { if (s.kind === "phase") works.push(range(s.work)); });
    expect(works).toEqual([[expect.any(Number), expect.any(Number)]]);
    expect(works[0]![1]).toBeGreaterThan(works[0]![0]);
  });
  test("kernels of which tasks divide other loops stay apart", () => {
    const loops = (k: KernelVariants) => Object.values(k.variants).map((v) => { const found: string[] = []; eachStmt(v.body, (s) => { if (s.kind === "for" && s.share) found.push(s.name); }); return found.join(); }).join(" ");
    const all = [product(1200, 64, 64), product(12, 4096, 64), product(600, 64, 64), product(12, 2048, 64)].map(parted), { calls } = givesBack(all);
    expect(new Set(all.map(loops)).size).toBeGreaterThan(1);
    all.forEach((a, i) => all.forEach((b, j) => { if (calls[i]!.kernel === calls[j]!.kernel) expect(loops(a)).toBe(loops(b)); }));
  });
  test("other tiles are another kernel, and so is another tail", () => {
    const other = product(60, 64, 48), s = other.stages[0]!, named = { ...other, stages: [{ ...s, finish: add(acc, f32(1)) }] };
    expect(givesBack([product(60, 64, 32), product(60, 16, 32), named].map(made)).kernels).toHaveLength(3);
  });
  test("where windows would need an address for each of their elements, strides stay in the code", () => {
    const shared = givesBack([windows(20, 64), windows(20, 128), windows(40, 64), windows(40, 128)].map(made));
    expect(shared.kernels.length).toBeGreaterThan(1);
    // Only kernels with the same strides are one.
    const strides = shared.calls.map((c, i) => [c.kernel, [64, 128, 64, 128][i]] as const);
    for (const [a, p] of strides) for (const [b, q] of strides) if (a === b) expect(p).toBe(q);
  });
  test("little kernels stay apart", () => {
    const copy = (n: number): Compute => { const a = tensor("a", "input", [n]), i = axis("i", n), s = { name: "s", axes: [i], value: at(a, i) }; return { name: "copy", tensors: [a], stages: [s], outputs: [output(s)], origin: [] }; };
    expect(shareKernels([copy(32), copy(64)].map(made)).calls).toEqual([{ kernel: 0, params: [] }, { kernel: 1, params: [] }]);
  });
  test("numbers are found in the same order whatever order a sum is written in", () => {
    const [x, y] = [variable("index", "x", 1, [0, 9]), variable("index", "y", 1, [0, 9])], store = (a: number, b: number) => [{ kind: "store" as const, buffer: "o", at: plus(plus(times(x, a), times(y, b)), int(3)), value: f32(1) }];
    const read = (a: number, b: number) => { const numbers: number[] = []; renumber(store(a, b), { word: () => {}, number: (n) => { numbers.push(n); return int(n); } }); return numbers; };
    expect(read(10, 100)).toEqual([10, 100, 3]);
    expect(read(100, 10)).toEqual([100, 10, 3]);
  });
  test("parameters stand behind what changes inside a kernel", () => {
    const x = variable("index", "x", 1, [0, 9]), p = parameter("n0", [4, 8]);
    expect(show(plus(plus(times(p, 7), int(2)), times(x, 3)))).toBe("add(add(mul(x, 3), mul(n0, 7)), 2)");
  });
  test("an index that is set while the kernel runs hides the numbers", () => {
    expect(renumber([{ kind: "let", name: "i", value: int(0), mutable: true }], { word: () => {}, number: int })).toBeNull();
  });
});
