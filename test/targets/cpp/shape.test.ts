/** The innermost loops as AArch64's compiler makes them, by their instructions: nobody measures time on that processor here. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../../compiler/api.ts";
import { emptyFolder, have, sh, write } from "../../package/tools.ts";
import { model, node, tensor } from "../../support/onnx.ts";

const weights = (...shape: number[]) => tensor("f32", shape, Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => ((i * 7) % 11) / 40 - 0.1));
const bytes = model({
  opset: 13, inputs: { x: "f32[1, 64, 40, 40]" }, outputs: ["y"], initializers: { p: weights(96, 64, 1, 1), d: weights(96, 1, 3, 3), c: weights(64, 96, 3, 3), m: weights(40, 48) },
  nodes: [
    node("t1 = Conv(x, p)", {}, "pointwise"), node("t2 = Relu(t1)", {}, "relu"), node("t3 = Conv(t2, d)", { pads: [1, 1, 1, 1], group: 96 }, "depthwise"),
    node("t4 = Conv(t3, c)", { pads: [1, 1, 1, 1] }, "window"), node("y = MatMul(t4, m)", {}, "product"),
  ],
});

type Loop = readonly string[];
/** The loops without loops inside of a function in GNU assembly, as lists of instructions. */
function innermost(assembly: string, name: string): readonly Loop[] {
  const all = assembly.split("\n"), first = all.findIndex((l) => new RegExp(`^_ZL\\d+${name}P`).test(l)), lines = all.slice(first, all.findIndex((l, i) => i > first && l.includes(".size")));
  const labels = new Map(lines.flatMap((l, i): [string, number][] => { const found = /^(\.L\w+):/.exec(l); return found ? [[found[1]!, i]] : []; }));
  const loops = lines.flatMap((l, end): [number, number][] => { const start = labels.get(/^\s+(?:b\.?\w\w|cbn?z|tbn?z)\s.*?(\.L\w+)$/.exec(l)?.[1] ?? ""); return start !== undefined && start < end ? [[start, end]] : []; });
  return loops.filter(([a, b]) => !loops.some(([c, d]) => (c !== a || d !== b) && a <= c && d <= b)).map(([a, b]) => lines.slice(a, b + 1).filter((l) => /^\s+[a-z]/.test(l)).map((l) => l.trim()));
}
const count = (l: Loop, what: RegExp): number => l.filter((i) => what.test(i)).length;
const sums = /^fmla\tv\d+\.4s/, loads = /^ld/, stores = /^st/, stack = /\[sp/;

const compiler = "aarch64-linux-gnu-g++";
describe.skipIf(!have(compiler))(`innermost loops by ${compiler}${have(compiler) ? "" : ", which is not there"}`, () => {
  const root = emptyFolder();
  const loopsOf = async (winograd: string): Promise<(layer: string) => readonly Loop[]> => {
    const { files, build, program } = await compile(bytes, { name: "net", target: "cpp", isa: ["neon"], settings: { winograd } });
    if (build.kind !== "native") throw new Error("no native package");
    const folder = write(join(root, winograd), files);
    await sh(folder, compiler, ...build.compileFlags, "-O2", "-S", "net_kernels_neon.cpp", "-o", "net.s");
    const text = await sh(folder, "cat", "net.s");
    return (layer) => innermost(text, program.kernels.find((k) => k.origin.includes(layer))!.name).filter((l) => count(l, sums));
  };
  let direct: (layer: string) => readonly Loop[];
  beforeAll(async () => { direct = await loopsOf("off"); });
  test.each(["pointwise", "window", "product"])("%s: two vectors of weights and eight elements for sixteen sums, all of them in registers", (layer) => {
    const [loop, ...more] = direct(layer);
    expect(more).toEqual([]);
    expect([sums, stores, stack].map((what) => count(loop!, what)), loop!.join("\n")).toEqual([16, 0, 0]);
    // Two vectors are one instruction where their addresses are one.
    expect(count(loop!, loads)).toBeLessThanOrEqual(10);
    expect(loop!.length).toBeLessThanOrEqual(32);
  });
  test("depthwise: eight results of each channel share what they load", () => {
    const [loop, ...more] = direct("depthwise");
    expect(more).toEqual([]);
    expect([/^(fmla|fmul)\tv\d+\.4s/, stores, stack].map((what) => count(loop!, what)), loop!.join("\n")).toEqual([8 * 9, 8, 0]);
    expect(count(loop!, loads)).toBeLessThanOrEqual(4 * 6 + 9);
  });
  test("Winograd's products: a tile of balanced rows, all of it in registers", async () => {
    const products = (await loopsOf("4"))("window").filter((l) => count(l, stores) === 0);
    expect(products.length).toBeGreaterThan(0);
    for (const l of products) {
      expect(count(l, sums) % 2 === 0 && count(l, sums) >= 10, l.join("\n")).toBe(true);
      expect(count(l, stack), l.join("\n")).toBe(0);
      // A sum needs an element for two vectors; prefetches, addresses and the end of the loop are as many as with any tile.
      expect(count(l, loads)).toBeLessThanOrEqual(count(l, sums) / 2 + 2);
      expect(l.length).toBeLessThanOrEqual(2 * count(l, sums) + 4);
    }
  });
});
