/**
 * WGSL: every operator over every type, after store-types, at every width, does on Dawn what the interpreter does; naga
 * takes each text as well. Then schedules for grids: shared memory, barriers, vectors.
 */
import { afterAll, describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/ir/interpret.ts";
import type { Kernel } from "../../../compiler/ir/kernel.ts";
import { children, type Expr } from "../../../compiler/ir/scalar.ts";
import { arrayOf, newArray, types, type DType, type Num } from "../../../compiler/ir/types.ts";
import { storeTypesOf, type Stores } from "../../../compiler/passes/network/store-types.ts";
import { lacks } from "../../../targets/webgpu/lacks.ts";
import { preambleOf } from "../../../targets/webgpu/preamble.ts";
import { nagaErrors, openDawn } from "../../support/dawn.ts";
import { difference, lowered } from "../../support/run-compute.ts";
import { conv, gemm, layernorm, softmax, type Problem } from "../../lower/problems.ts";
import { convGpu, gemmGpu, softmaxGpu, type GpuTile } from "../../lower/schedules.ts";
import { toLayout } from "../../support/layouts.ts";
import { because, skipped } from "../../support/tools.ts";
import { agrees, cases, kernelOf, memory, merged, N, typeOf, type Case } from "../cases.ts";
import { laid, onDawn, type Lie } from "./kernels.ts";

const opened = await openDawn(), dawn = typeof opened === "string" ? null : opened, why = typeof opened === "string" ? `, skipped: ${opened}` : "";
if (!dawn && process.env.CI) throw new Error(String(opened));
afterAll(() => dawn?.close());

const stores: Stores = {
  i8: { as: "i32" }, i16: { as: "i32" }, i64: { as: "i32" }, u8: { as: "u32" }, u16: { as: "u32" }, u64: { as: "u32" }, bool: { as: "u32" }, f64: { refused: "WGSL has no f64" },
};
const storedOf = (t: DType): DType => { const s = stores[t]; return s && "as" in s ? s.as : t; };
const wide = (t: DType) => t === "i64" || t === "u64";
/** Devices may take numbers below 2^-126 for 0. */
const normal = (x: Num): Num => (typeof x === "number" && Math.abs(x) < 2 ** -126 && x !== 0 && !Number.isInteger(x) ? 0 : x);
/** Inputs that fit, as the model has them and as the kernels see them. */
const plain = Object.fromEntries(Object.entries(memory).map(([name, a]) => {
  const t = typeOf.get(name)!, { wrap } = types[storedOf(t)];
  return [name, arrayOf(t, Array.from(a as Iterable<Num>, (x) => (name.startsWith("shift") && wide(t) ? BigInt(Number(x) % 32) : normal(wrap(x)))))];
}));
const stored = Object.fromEntries(Object.entries(plain).map(([name, a]) => [name, arrayOf(storedOf(typeOf.get(name)!), Array.from(a as Iterable<Num>))]));
function typesIn(e: Expr, found = new Set<DType>()): ReadonlySet<DType> {
  found.add(e.dtype);
  children(e).forEach((c) => typesIn(c, found));
  return found;
}
/** Tint makes 0 of the constant -0 in places. */
const isNegativeZero = (e: Expr): boolean => e.kind === "apply" && e.args.some((a) => a.kind === "const" && Object.is(a.value, -0));
const depth = (e: Expr): number => 1 + Math.max(0, ...children(e).map(depth));

const inOne = (texts: readonly string[]): string => { const text = texts.join("\n"); return preambleOf(text) + text; };
interface Ready { readonly c: Case; readonly before: Kernel; readonly after: Kernel }
/** Doubles do not exist; what 64-bit integers hold beyond 32 bits is wrong, so only single operators of them are compared. */
function ready(): readonly Ready[] {
  const twos = cases(2).filter((c) => c.lanes > 1).map((c) => ({ ...c, name: `${c.name}x2` }));
  return [...cases(4), ...twos].flatMap((c) => {
    const found = typesIn(c.value);
    if (found.has("f64") || (depth(c.value) > 4 && [...found].some(wide))) return [];
    let fits = true;
    const after = kernelOf(c, lacks, (compute) => storeTypesOf(compute, stores, () => { fits = false; }));
    return fits ? [{ c, before: kernelOf({ ...c, lanes: 1 }, () => false), after }] : [];
  });
}
const all = ready();

describe("all operators, types and widths", () => {
  test("there are cases of every type", () => {
    for (const t of ["f32", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool"] as const) expect(all.filter(({ c }) => typesIn(c.value).has(t)).length, t).toBeGreaterThan(10);
  });
  test.skipIf(!dawn)(`on Dawn${why}`, async () => {
    const wrong: string[] = [], together = 12;
    for (let n = 0; n < all.length; n += together) {
      const part = all.slice(n, n + together), got = await onDawn(dawn!, merged(`part${n}`, part.map(({ after }) => after)), "together", stored);
      // Some by themselves, each argument in a binding of its own.
      const [first] = part as [Ready], alone = await onDawn(dawn!, first.after, "apart", stored);
      expect(alone.out).toEqual(got.out_0);
      part.forEach(({ c, before, after }, k) => {
        const { dtype } = before.buffers.at(-1)!, want = newArray(dtype, N), out = got[`out_${k}`]!, { wrap } = types[storedOf(dtype)];
        interpret(before, { ...plain, out: want });
        for (let e = 0; e < N; e++) {
          const b = wide(dtype) ? wrap(want[e]!) : want[e]!, a = wrap(out[e]!), close = { ...c, tolerance: c.tolerance && 4 * c.tolerance };
          if (agrees(close, normal(a), typeof b === "bigint" ? Number(b) : normal(b)) || Object.is(a, b)) continue;
          if (a === b && isNegativeZero(c.value)) continue;
          wrong.push(`${c.name}, element ${e}: ${a}, not ${b}\n${laid(after, "apart").own}${after.buffers.map((x) => `${x.name} ${plain[x.name]?.[e]}`).join(", ")}`);
          break;
        }
      });
    }
    expect(wrong.length, wrong.slice(0, 5).join("\n\n")).toBe(0);
  });
  test.skipIf(skipped("naga"))(`naga${because("naga")}`, async () => {
    // Names of a module begin with the kernel's: all kernels make one text.
    const together = (lie: Lie) => inOne(all.map(({ after }) => laid(after, lie).own));
    expect(await nagaErrors(new Map([["apart", together("apart")], ["together", together("together")]]))).toEqual([]);
  });
});

describe("schedules for grids", () => {
  const tiles: readonly GpuTile[] = [
    { lanes: 8, each: 4, depth: 16, shared: false, vector: true }, { lanes: 8, each: 4, depth: 8, shared: true, vector: true }, { lanes: 4, each: 2, depth: 8, shared: true, vector: false },
  ];
  const rows = softmaxGpu(8), inside = (s: string): typeof rows.stages => ({ [s]: [{ computeAt: ["norm", "rl"], in: "registers" }] });
  const norm = { stages: { ...inside("mean"), ...inside("scale"), norm: rows.stages.softmax! } };
  const problems: readonly { readonly name: string; readonly problem: Problem; readonly schedule: Parameters<typeof lowered>[1] }[] = [
    ...tiles.flatMap((t) => {
      const how = `${t.lanes} x ${t.lanes} lanes of ${t.each} x ${t.each}, depth ${t.depth}${t.shared ? ", shared" : ""}${t.vector ? ", vectors" : ""}`;
      return [
        { name: `product, ${how}`, problem: gemm(50, 36, 44), schedule: gemmGpu(t) }, { name: `odd product, ${how}`, problem: gemm(19, 23, 29), schedule: gemmGpu({ ...t, vector: false }) },
        { name: `convolution, ${how}`, problem: conv({ H: 4, W: 14, C: 12, N: 20 }), schedule: convGpu({ ...t, lanes: 4, depth: 8 }) },
        { name: `strided convolution, ${how}`, problem: conv({ H: 3, W: 7, C: 12, N: 20, stride: 2 }), schedule: convGpu({ ...t, lanes: 4, depth: 8 }) },
      ];
    }),
    { name: "softmax, one row per lane", problem: softmax(20, 33), schedule: rows }, { name: "normalisation, one row per lane", problem: layernorm(20, 33), schedule: norm },
  ];
  const built = problems.map(({ name, problem, schedule }, i) => ({ name, problem, kernel: { ...lowered(problem.compute, schedule, lacks), name: `g${i}` } }));
  test.skipIf(!dawn).each(built)(`$name${why}`, async ({ problem, kernel }) => {
    const given = Object.fromEntries(problem.compute.tensors.map((t) => [t.name, toLayout(t.dtype, t.shape, t.layout, problem.data[t.name]!)]));
    const { out } = await onDawn(dawn!, kernel, "apart", given).catch((e: Error) => { throw new Error(`${e.message}\n${laid(kernel, "apart").text}`); });
    expect(difference(out!, problem.expected)).toBeLessThan(1e-5);
  });
  test.skipIf(skipped("naga"))(`naga${because("naga")}`, async () => {
    expect(await nagaErrors(new Map([["grids", inOne(built.map(({ kernel }) => laid(kernel, "apart").own))]]))).toEqual([]);
  });
});
