/** `mlc compile`, from the file to the package. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { at, mlc } from "./workspace.ts";
import { mlcWith } from "./mlc.ts";

describe("compile", () => {
  test("writes the package, says what it made, and what it assumed", async () => {
    const { code, out, err } = await mlc("compile", at("conv.onnx"), "-o", at("out"), "--lib", "both");
    expect(code).toBe(0);
    expect(err).toMatch(/^note: .*input x is open and becomes 1/);
    expect(out).toMatch(/^conv: \d+ steps, \d+ kernels/);
    expect(readdirSync(at("out"))).toEqual(expect.arrayContaining(["conv.h", "conv.cpp", "CMakeLists.txt", "libconv.a", "libconv.so"]));
    expect(out).toContain("libconv.a libconv.so");
    expect(readdirSync(at("out")).filter((f) => f.endsWith("cpp.o"))).toEqual([]);
  });
  test("the same again gives the same bytes, and --print-files their names", async () => {
    await mlc("compile", at("conv.onnx"), "-o", at("again"), "--dim", "N=1", "--isa", "sse,neon", "--name", "net");
    await mlc("compile", at("conv.onnx"), "-o", at("again2"), "--dim", "N=1", "--isa", "sse,neon", "--name", "net");
    const { out } = await mlc("compile", at("conv.onnx"), "--print-files", "--isa", "sse,neon", "--name", "net");
    const names = out.trim().split("\n");
    expect(readdirSync(at("again")).sort()).toEqual([...names].sort());
    for (const n of names) expect(readFileSync(join(at("again"), n))).toEqual(readFileSync(join(at("again2"), n)));
  });
  test("--json is for scripts, --dump shows what each pass leaves", async () => {
    const { out } = await mlc("compile", at("conv.onnx"), "-o", at("json"), "--json", "--dump", at("dump"));
    const made = JSON.parse(out);
    expect(made).toMatchObject({ name: "conv", target: "cpp", libraries: [], hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    for (const f of made.files) expect(readFileSync(join(at("json"), f.path)).length).toBe(f.bytes);
    expect(readdirSync(at("dump")).length).toBeGreaterThan(1);
    expect(readFileSync(join(at("dump"), readdirSync(at("dump")).sort()[0]!), "utf8")).toMatch(/Conv|Relu/);
  });
  test("all problems of a model come at once, and nothing is written", async () => {
    const { code, out, err } = await mlc("compile", at("unknown.onnx"), "-o", at("none"));
    expect([code, out, existsSync(at("none"))]).toEqual([1, "", false]);
    expect(err).toMatch(/Not supported:[\s\S]*operator +count +nodes +reason[\s\S]*Frobnicate +2 +f1, f2[\s\S]*Twiddle +1 +t1/);
    const open = await mlc("compile", at("open.onnx"), "-o", at("none"));
    expect(open.code).toBe(1);
    expect(open.err).toMatch(/"?x"?[\s\S]*--(shape x=|dim H=)/);
    expect(JSON.parse((await mlc("compile", at("unknown.onnx"), "-o", at("none"), "--json")).out).diagnostics.length).toBe(3);
  });
  test("what an earlier run made for the same name and this one does not is removed; other files stay", async () => {
    const compile = (...flags: string[]) => mlc("compile", at("add.onnx"), "-o", at("twice"), ...flags);
    await compile("--isa", "sse", "--lib", "static");
    const copy = readFileSync(join(at("twice"), "add_example.c"));
    for (const own of ["main.c", "add_more.c", "other_weights.bin", "libother.a"]) writeFileSync(join(at("twice"), own), copy);
    await mlc("compile", at("add.onnx"), "-o", at("twice"), "--isa", "sse", "--name", "second");
    const { out } = await compile("--isa", "neon", "--weights", "source");
    expect(out).toContain("removed, as an earlier run had made them: add_kernels_sse.cpp add_weights.S add_weights.bin libadd.a\n");
    const left = readdirSync(at("twice"));
    expect(left).toEqual(
      expect.arrayContaining([
        "main.c",
        "add_more.c",
        "other_weights.bin",
        "libother.a",
        "second_kernels_sse.cpp",
        "second_weights.bin",
        "add_kernels_neon.cpp",
        "add_weights.cpp",
      ]),
    );
    expect(left.filter((f) => /add_kernels_sse|add_weights.(S|bin)|libadd/.test(f))).toEqual([]);
    writeFileSync(join(at("twice"), "add.h"), "/* a header of the user's own */\n");
    expect(JSON.parse((await compile("--isa", "sse", "--json")).out).removed).toEqual([]);
    expect(existsSync(join(at("twice"), "add_kernels_neon.cpp"))).toBe(true);
  });
  test("a library that does not build leaves nothing behind", async () => {
    const { code, err } = await mlcWith(
      { CXXFLAGS: "-DINT_MAX -include no-such-header.h" },
      "compile",
      at("add.onnx"),
      "-o",
      at("broken"),
      "--lib",
      "static",
    );
    expect([code, existsSync(at("broken"))]).toEqual([1, false]);
    expect(err).toContain("no-such-header.h");
    expect(readdirSync(at(".")).filter((n) => n.startsWith(".broken"))).toEqual([]);
  });
});
