/** What differs from target to target on the command line: the list of them, their options, and how their packages run here. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { npyBytes, readNpy } from "../../compiler/cli/npy.ts";
import { constantOf } from "../../compiler/ir/graph.ts";
import { targets } from "../../targets/index.ts";
import { machineFor } from "../conformance/machine.ts";
import { model, node, tensor } from "../support/onnx.ts";
import { because, deviceOf, skipped } from "../support/tools.ts";
import { mlc, mlcWith } from "./mlc.ts";

let root = "";
const at = (name: string): string => join(root, name);
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "mlc-test-"));
  const w = tensor(
    "f32",
    [8, 16],
    Array.from({ length: 128 }, (_, i) => ((i * 7) % 11) / 4 - 1),
  );
  const nodes = [
    node("p = MatMul(x, w)", {}, "product"),
    node("r = Relu(p)", {}, "relu"),
    node("y = Softmax(r)", { axis: -1 }, "softmax"),
    node("k = ArgMax(p)", { axis: 1 }, "best"),
  ];
  writeFileSync(at("net.onnx"), model({ opset: 13, inputs: { x: "f32[3, 8]" }, outputs: ["y", "k"], initializers: { w }, nodes }));
  writeFileSync(at("double.onnx"), model({ opset: 13, inputs: { x: "f64[3]" }, outputs: ["y"], nodes: [node("y = Relu(x)", {}, "relu")] }));
  writeFileSync(
    at("x.npy"),
    npyBytes(
      constantOf(
        "f32",
        [3, 8],
        Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
      ),
    ),
  );
});
afterAll(() => rmSync(root, { recursive: true }));

describe("mlc targets", () => {
  test("shows each with its facts, element types and options", async () => {
    const { code, out } = await mlc("targets");
    expect(code).toBe(0);
    for (const [name, t] of targets) {
      expect(out.split("\n").find((l) => l.startsWith(`${name} `))).toContain(t.description);
      for (const s of Object.values(t.settings)) expect(out).toContain(s.description);
    }
    expect(out).toMatch(/^cpp .*avx512, avx2, sse, neon +incbin, object, source, file$/m);
    expect(out).toMatch(/i64 as i32.*no f64 \(WGSL has no 64-bit/);
    expect(out).toMatch(/--fallback +cpu\|none +cpu/);
    expect(out).toMatch(/64 lanes in a group/);
  });
  test("--json is for scripts", async () => {
    const list = JSON.parse((await mlc("targets", "--json")).out) as readonly Record<string, unknown>[];
    expect(list.map((t) => t.name)).toEqual([...targets.keys()]);
    expect(list.find((t) => t.name === "cpp")).toMatchObject({
      builds: "native",
      instruction_sets: ["avx512", "avx2", "sse", "neon"],
      settings: expect.arrayContaining([
        expect.objectContaining({ name: "winograd", default: "auto" }),
        expect.objectContaining({ name: "optimize", default: "speed" }),
      ]),
      element_types: {},
      facts: { largest_constant: null, alignment: 64 },
    });
    expect(list.find((t) => t.name === "opencl")).toMatchObject({
      builds: "native",
      facts: { grid: { lanes: 64 } },
      settings: expect.arrayContaining([
        expect.objectContaining({ name: "fallback", flag: "--fallback", kind: "choice", choices: ["cpu", "none"], default: "cpu" }),
        expect.objectContaining({ name: "maxKernelUs", flag: "--max-kernel-us", kind: "count", least: 0 }),
      ]),
    });
    expect(list.find((t) => t.name === "webgpu")).toMatchObject({
      builds: "module",
      weights: ["file"],
      element_types: { i64: { as: "i32" }, f64: { refused: expect.any(String) } },
    });
  });
});

test("options that a target lacks, and values that they do not take, are mistakes in the command line", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--target", "webgpu", "--lib", "static"], /--lib: the target webgpu makes no library[\s\S]*leave --lib out/],
    [["--target", "webgpu", "--isa", "avx2"], /webgpu has no instruction set avx2[\s\S]*leave --isa out/],
    [["--target", "webgpu", "--weights", "incbin"], /webgpu cannot hold weights as incbin[\s\S]*one of file/],
    [["--target", "cpp", "--fallback", "none"], /--fallback: the target cpp has no such option[\s\S]*mlc targets/],
    [["--target", "webgpu", "--max-kernel-us", "9", "--queue-window", "3"], /--max-kernel-us, --queue-window: the target webgpu/],
    [["--target", "opencl", "--fallback", "gpu"], /Allowed choices are cpu, none/],
    [["--target", "opencl", "--max-kernel-us", "-1"], /whole number from 0 up/],
    [["--target", "opencl", "--queue-window", "65"], /whole number from 0 to 64/],
    [["--target", "opencl", "--isa", "mmx"], /opencl has no instruction set mmx[\s\S]*avx2/],
  ];
  for (const [argv, message] of cases) {
    const { code, out, err } = await mlc("compile", at("net.onnx"), "-o", at("out"), ...argv);
    expect(err, argv.join(" ")).toMatch(message);
    expect([code, out]).toEqual([2, ""]);
  }
});
test("an element type that the target refuses is a problem of the model", async () => {
  const { code, err } = await mlc("compile", at("double.onnx"), "-o", at("out"), "--target", "webgpu");
  expect(code).toBe(1);
  expect(err).toMatch(/input x is f64: WGSL has no 64-bit/);
});

test("what an earlier run made for another target is removed; a user's own files stay", async () => {
  const compile = (...flags: readonly string[]) => mlc("compile", at("net.onnx"), "-o", at("changing"), "--json", ...flags);
  const web = JSON.parse((await compile("--target", "webgpu")).out).files.map((f: { path: string }) => f.path) as readonly string[];
  expect(web).toContain("index.js");
  writeFileSync(join(at("changing"), "page.js"), "/* the user's own */");
  const native = JSON.parse((await compile("--target", "cpp", "--isa", "sse")).out);
  expect([...native.removed].sort()).toEqual([...web].sort());
  expect(JSON.parse((await compile("--target", "opencl", "--isa", "sse", "--weights", "source")).out).removed.sort()).toEqual([
    "net_weights.S",
    "net_weights.bin",
  ]);
  expect(JSON.parse((await compile("--target", "webgpu")).out).removed).toEqual(
    expect.arrayContaining(["net.h", "net_weights.cpp", "net_device.cpp"]),
  );
  expect(readdirSync(at("changing")).sort()).toEqual([...web, "page.js"].sort());
});

describe.each([...targets.keys()].filter((t) => deviceOf[t]))("%s", (target) => {
  const need = deviceOf[target]!,
    env = () => ({ XDG_CACHE_HOME: at("cache"), ...(machineFor(target).env(root) as Record<string, string>) });
  const on = (command: string, ...more: readonly string[]) => mlcWith(env(), command, at("net.onnx"), "--target", target, ...more);
  test.skipIf(skipped(need))(`run${because(need)}`, async () => {
    const { code, out, err } = await on("run", "--input", `x=${at("x.npy")}`, "--output-dir", at(`run-${target}`));
    expect(err).toBe("");
    expect([code, out.split("\n").length]).toEqual([0, 3]);
    const y = readNpy(join(at(`run-${target}`), "y.npy")),
      k = readNpy(join(at(`run-${target}`), "k.npy"));
    expect([y.dtype, y.shape, k.dtype, k.shape]).toEqual(["f32", [3, 16], "i64", [3, 1]]);
    expect((y.data as Float32Array).reduce((a, b) => a + b, 0)).toBeCloseTo(3, 4);
  });
  test.skipIf(skipped(need))(`verify, layer by layer${because(need)}`, async () => {
    const { code, out, err } = await on("verify", "--layers");
    expect(err).toBe("");
    expect(out).toMatch(/y +f32\[3, 16\] .* ok\nk +i64\[3, 1\] .* ok/);
    expect(out).toMatch(/([1-9]\d*) results of \d+ steps compared: none diverges/);
    expect(code).toBe(0);
  });
  test.skipIf(skipped(need))(`bench with a profile${because(need)}`, async () => {
    const x = JSON.parse((await on("bench", "--runs", "10", "--profile", "--json")).out);
    expect(x).toMatchObject({
      device: expect.stringMatching(/\w/),
      notes: [],
      init_ms: expect.any(Number),
      median_ms: expect.any(Number),
      code_bytes: expect.any(Number),
    });
    expect(x.steps.flatMap((s: { nodes: string[] }) => s.nodes)).toEqual(expect.arrayContaining(["product", "softmax", "best"]));
    for (const s of x.steps) expect(s).toMatchObject({ launches: expect.any(Number), min_ms: expect.any(Number), median_ms: expect.any(Number) });
    expect(x.steps.reduce((sum: number, s: { share: number }) => sum + s.share, 0)).toBeCloseTo(1, 6);
    if (targets.get(target)!.builds === "native") expect([x.cache, x.init_warm_ms < x.init_cold_ms]).toEqual([expect.stringMatching(/^hit/), true]);
    expect((await on("bench", "--runs", "10", "--profile")).out).toMatch(
      /^step +kernel +kind +min ms +median ms +share +GFLOP\/s +MB in +weights +out +GB\/s +nodes$/m,
    );
  });
});
test("without a device, the processor's kernels run and the user hears of it", async () => {
  const { code, err, out } = await mlcWith(
    { XDG_CACHE_HOME: at("cache"), OCL_ICD_VENDORS: at("none") },
    "verify",
    at("net.onnx"),
    "--target",
    "opencl",
  );
  expect(err).toMatch(/^note: no OpenCL device/);
  expect([code, out.includes("ok")]).toEqual([0, true]);
  const alone = await mlcWith(
    { XDG_CACHE_HOME: at("cache"), OCL_ICD_VENDORS: at("none") },
    "verify",
    at("net.onnx"),
    "--target",
    "opencl",
    "--fallback",
    "none",
  );
  expect(alone.code).toBe(1);
  expect(alone.err).toMatch(/ended with an error[\s\S]*no OpenCL device/);
});
