/** The text of a kernel in WGSL for the way its arguments lie: vectors in memory, shared bindings, names, barriers, refusals. */
import { describe, expect, test } from "vitest";
import type { Buffer, Kernel, Stmt } from "../../../compiler/ir/kernel.ts";
import { acrossLanes, apply, constant, load, splat, variable, type Expr } from "../../../compiler/ir/scalar.ts";
import { add, make, mul } from "../../../compiler/ir/algebra.ts";
import { plus, times } from "../../../compiler/ir/linear.ts";
import { verify } from "../../../compiler/ir/verify.ts";
import { limits } from "../../../compiler/ir/types.ts";
import { preambleNames, preambleOf } from "../../../targets/webgpu/preamble.ts";
import { printWgsl, usesOf, type Binding, type Slot } from "../../../targets/webgpu/print.ts";
import { inQuads, quadBuffers } from "../../../targets/webgpu/quads.ts";
import { buffer, idx as index, int, kernel as made, let_, loop, store } from "../../ir/kernels.ts";
import { nagaErrors } from "../../support/dawn.ts";
import { because, skipped } from "../../support/tools.ts";

const four = (name: string, at: Expr): Expr => load("f32", name, [at], 4), one = (name: string, at: Expr): Expr => load("f32", name, [at]);
const kernel = (buffers: readonly Buffer[], body: readonly Stmt[], name = "k"): Kernel => { const k = made(buffers, body, { name }); verify(k); return k; };
/** Each used buffer in a binding of its own. */
function apart(k: Kernel): string {
  const uses = usesOf(k), bindings: Binding[] = [];
  const slots = k.buffers.map((b): Slot | null => (uses.has(b.name) && b.space !== "shared" ? { binding: bindings.push({ access: b.space === "in" ? "read" : "read_write" }) - 1, offset: 0 } : null));
  return printWgsl(k, slots, bindings);
}
const texts = new Map<string, string>();
/** Kept for naga. */
const kept = (name: string, text: string): string => (texts.set(name, preambleOf(text) + text), text);

describe("vectors in memory", () => {
  const i = index("i", 8), at = times(i, 4);
  test("where all that is stored and all loads of four are at multiples of 4, addresses are counted in vectors", () => {
    const k = kernel([buffer("a", 36, "in"), buffer("b", 36, "in"), buffer("out", 32, "out")], [loop("i", 8, [store("out", at, add(four("a", plus(at, int(4))), splat(one("b", plus(i, int(1))), 4)))])]);
    const text = kept("quads", apart(k));
    expect(text).toContain("k_a: array<vec4<f32>, 9>;");
    expect(text).toContain("k_b: array<f32, 36>;");
    expect(text).toContain("k_out[i] = k_a[i + 1] + k_b[i + 1];");
  });
  test("single elements of vectors may be read, not stored", () => {
    const read = kernel([buffer("a", 32, "in"), buffer("out", 32, "out")], [loop("i", 8, [store("out", at, add(four("a", at), splat(one("a", plus(i, int(3))), 4)))])]);
    expect(kept("read", apart(read))).toMatch(/k_a\[i\] \+ k_a_1\(i \+ 3\)/);
    const stored = kernel([buffer("a", 32, "in"), buffer("out", 33, "out")], [loop("i", 8, [store("out", at, four("a", at))]), store("out", int(32), constant("f32", 1))]);
    expect(kept("stored", apart(stored))).toContain("k_out: array<f32, 33>;");
    expect([...quadBuffers(stored).can]).toEqual(["a"]);
  });
  test("an address that may lie between makes a vector of four elements", () => {
    const k = kernel([buffer("a", 35, "in"), buffer("out", 32, "out")], [loop("i", 8, [store("out", at, four("a", plus(at, int(3))))])]);
    const text = kept("between", apart(k));
    expect(text).toContain("k_a: array<f32, 35>;");
    expect(text).toContain("fn k_a_4(at: i32) -> vec4<f32> { return vec4<f32>(k_a[at + 0], k_a[at + 1], k_a[at + 2], k_a[at + 3]); }");
    expect(text).toContain("k_out[i] = k_a_4(i * 4 + 3);");
  });
  test("names of indices, and what moves an index inside, are divided too", () => {
    const base = variable("index", "base", 1, [0, 28]), moved = variable("index", "moved", 1, [0, 28]);
    const body: Stmt[] = [
      let_("base", make("min", at, int(28))), let_("moved", make("max", make("min", base, int(20)), int(4))),
      store("out", base, mul(four("a", plus(base, int(0))), four("a", moved))),
    ];
    const k = kernel([buffer("a", 32, "in"), buffer("out", 32, "out")], [loop("i", 8, body)]), text = kept("names", apart(k));
    expect(text).toContain("let base_quad: i32 = i;");
    expect(text).toContain("let moved_quad: i32 = max(min(base_quad, 5), 1);");
    expect(text).toContain("k_out[base_quad] = k_a[base_quad] * k_a[moved_quad];");
    expect(text).not.toContain("let base: i32");
    expect(inQuads(k, new Set(), (n) => n)).toBe(k);
  });
});

describe("bindings", () => {
  const i = index("i", 64), e = plus(i, int(0));
  test("buffers that lie in one differ by an offset; of two types they are words", () => {
    const k = kernel([buffer("a", 64, "in"), buffer("n", 64, "in", "i32"), buffer("out", 64, "out")], [loop("i", 64, [store("out", e, add(one("a", e), make("bits", load("i32", "n", [e]))))])]);
    const text = kept("words", printWgsl(k, [{ binding: 0, offset: 64 }, { binding: 0, offset: 0 }, { binding: 0, offset: 64 }], [{ access: "read_write" }]));
    expect(text).toContain("@group(0) @binding(0) var<storage, read_write> k_a: array<u32, 128>;");
    expect(text).toContain("k_a[i + 64] = bitcast<u32>(bitcast<f32>(k_a[i + 64]) + bitcast<f32>(bitcast<i32>(k_a[i])));");
  });
  test("what is not used has none, and what is used has one that may be written if it must", () => {
    const k = kernel([buffer("a", 64, "in"), buffer("b", 64, "in"), buffer("out", 64, "out")], [loop("i", 64, [store("out", e, one("b", e))])]);
    expect([...usesOf(k)]).toEqual([["b", { loads: true, stores: false }], ["out", { loads: false, stores: true }]]);
    expect(() => printWgsl(k, [null, null, { binding: 0, offset: 0 }], [{ access: "read_write" }])).toThrow("k: b is used, but has no binding");
    expect(() => printWgsl(k, [null, { binding: 0, offset: 0 }, { binding: 1, offset: 0 }], [{ access: "read" }, { access: "read" }])).toThrow("k: out is written, but its binding is read only");
  });
  test("what passes through memory outside the group needs both barriers", () => {
    const body = (memory: string): Stmt[] => [loop("l", 64, [store(memory, index("l", 64), one("a", index("l", 64))), { kind: "barrier" }, store("out", index("l", 64), one(memory, plus(int(63), times(index("l", 64), -1))))], "lane.x")];
    const shared = kernel([buffer("a", 64, "in"), buffer("s", 64, "shared"), buffer("out", 64, "out")], body("s")), scratch = kernel([buffer("a", 64, "in"), buffer("s", 64, "scratch"), buffer("out", 64, "out")], body("s"));
    expect(kept("shared", apart(shared))).toMatch(/var<workgroup> k_s: array<f32, 64>;[\s\S]*\n {2}workgroupBarrier\(\);/);
    expect(apart(shared)).not.toContain("storageBarrier");
    expect(kept("scratch", apart(scratch))).toContain("  storageBarrier();\n  workgroupBarrier();");
  });
});

describe("names and numbers", () => {
  const e = index("loop", 4);
  test("words of the language and of the preamble are no names", () => {
    expect(preambleNames).toEqual(expect.arrayContaining(["smaller", "larger4", "infinity_bits", "float_rest2"]));
    const k = kernel([buffer("array", 4, "in"), buffer("smaller", 4, "out")], [loop("loop", 4, [store("smaller", e, make("min", one("array", e), constant("f32", 2)))])], "fn");
    const text = kept("reserved", apart(k));
    expect(preambleOf(text)).toBe("// The second where it is less: NaN stays, and of equal ones the first.\nfn smaller(a: f32, b: f32) -> f32 { return select(a, b, b < a); }\n");
    expect(text).toContain("fn fn_(");
    expect(text).toContain("fn__smaller_[loop_] = smaller(fn__array_[loop_], 2.0f);");
  });
  test("infinities, NaN, the ends of integers", () => {
    const values: readonly Expr[] = [...[Infinity, -Infinity, NaN, -0, 1e-45, 3.4e38].map((x) => constant("f32", x)), ...limits("i32").map((x) => make("bits", apply("xor", load("i32", "n", [int(0)]), constant("i32", x))))];
    const k = kernel([buffer("n", 1, "in", "i32"), buffer("out", values.length, "out")], values.map((v, n) => store("out", int(n), v))), text = kept("numbers", apart(k));
    expect(text).toContain("k_out[0] = bitcast<f32>(infinity_bits);");
    expect(text).toContain("k_out[1] = bitcast<f32>(minus_infinity_bits);");
    expect(text).toContain("k_out[2] = bitcast<f32>(nan_bits);");
    expect(text).toContain("i32(-2147483648)");
  });
  test("what WGSL has not is refused by name", () => {
    const at0 = int(0), text = (value: Expr, dtype: Buffer["dtype"] = "f32") => () => apart(kernel([buffer("a", 8, "in", dtype), buffer("out", 8, "out", value.dtype)], [store("out", at0, value)]));
    expect(text(load("i64", "a", [at0]), "i64")).toThrow("WGSL has no memory of type i64");
    expect(text(load("f32", "a", [at0], 8))).toThrow("WGSL has no vectors of 8 lanes");
    expect(text(apply("erf", one("a", at0)))).toThrow("WGSL has no erf");
    expect(text(acrossLanes("sumLanes", four("a", at0)))).not.toThrow();
  });
});
test.skipIf(skipped("naga"))(`naga takes all of these${because("naga")}`, async () => {
  expect(texts.size).toBeGreaterThan(8);
  expect(await nagaErrors(texts)).toEqual([]);
});
