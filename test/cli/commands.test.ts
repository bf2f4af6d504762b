/** Each command on small models of our own, from the file to what comes out. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import onnxProto from "onnx-proto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../compiler/api.ts";
import { npyBytes, readNpy } from "../../compiler/cli/npy.ts";
import { stringTensor, stringsIn } from "../../compiler/cli/strings.ts";
import { processorName } from "../../compiler/cli/tuning.ts";
import { type Constant, constantOf } from "../../compiler/ir/graph.ts";
import { arrayOf, type DType } from "../../compiler/ir/types.ts";
import type { Choice } from "../../compiler/schedules/knobs.ts";
import { model, node, tensor, tensorProto } from "../support/onnx.ts";
import { mlcWith } from "./mlc.ts";

let root: string;
const mlc = (...argv: string[]) => mlcWith({ XDG_CACHE_HOME: join(root, "cache") }, ...argv);
const at = (name: string): string => join(root, name);
const values = (n: number): number[] => Array.from({ length: n }, (_, i) => ((i * 7) % 11) / 4 - 1);
const save = (name: string, dtype: DType, shape: readonly number[], data: readonly number[]): Constant => {
  const t = constantOf(dtype, shape, arrayOf(dtype, data));
  writeFileSync(at(name), npyBytes(t));
  return t;
};
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "mlc-test-"));
  const conv = {
    opset: 13,
    inputs: { x: "f32[N, 2, 6, 6]" },
    outputs: ["out/y:0", "flat"],
    initializers: { w: tensor("f32", [4, 2, 3, 3], values(72)), b: tensor("f32", [4], [0.5, -0.5, 0, 1]), shape: tensor("i64", [2], [1, -1]) },
    nodes: [
      node("c = Conv(x, w, b)", { pads: [1, 1, 1, 1] }, "first"),
      node("out/y:0 = Relu(c)", {}, "second"),
      node("flat = Reshape(c, shape)", {}, "third"),
    ],
  };
  writeFileSync(at("conv.onnx"), model(conv));
  writeFileSync(at("add.onnx"), model({ opset: 13, inputs: { a: "f32[3]", "b:1": "f32[3]" }, outputs: ["sum"], nodes: [node("sum = Add(a, b:1)")] }));
  writeFileSync(at("open.onnx"), model({ opset: 13, inputs: { x: "f32[N, 3, H, W]" }, outputs: ["y"], nodes: [node("y = Relu(x)")] }));
  writeFileSync(
    at("unknown.onnx"),
    model({
      opset: 13,
      inputs: { x: "f32[4]" },
      outputs: ["z"],
      nodes: [node("a = Frobnicate(x)", {}, "f1"), node("b = Frobnicate(a)", {}, "f2"), node("z = Twiddle(b)", {}, "t1")],
    }),
  );
});
afterAll(() => rmSync(root, { recursive: true }));

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
    expect(readdirSync(root).filter((n) => n.startsWith(".broken"))).toEqual([]);
  });
});

describe("run", () => {
  test("one .npy for each output, named by it", async () => {
    const a = save("a.npy", "f32", [3], [1, 2, 3]),
      b = save("b.npy", "f32", [3], [0.5, -2, 1e6]);
    const { code, out } = await mlc(
      "run",
      at("add.onnx"),
      "--input",
      `a=${at("a.npy")}`,
      "--input",
      `b:1=${at("b.npy")}`,
      "--output-dir",
      at("result"),
      "--json",
    );
    expect(code).toBe(0);
    expect(JSON.parse(out).outputs).toEqual([{ name: "sum", dtype: "f32", shape: [3], file: join(at("result"), "sum.npy") }]);
    expect([...(readNpy(join(at("result"), "sum.npy")).data as Float32Array)]).toEqual(
      [0, 1, 2].map((i) => Math.fround(Number(a.data[i]) + Number(b.data[i]))),
    );
  });
  test("names of outputs lose what file names should not hold", async () => {
    save("x.npy", "f32", [1, 2, 6, 6], values(72));
    expect((await mlc("run", at("conv.onnx"), "--input", `x=${at("x.npy")}`, "--output-dir", at("names"))).code).toBe(0);
    expect(readdirSync(at("names")).sort()).toEqual(["flat.npy", "out_y_0.npy"]);
    const y = readNpy(join(at("names"), "out_y_0.npy")),
      flat = readNpy(join(at("names"), "flat.npy"));
    expect([y.shape, flat.shape]).toEqual([
      [1, 4, 6, 6],
      [1, 144],
    ]);
    expect([...(y.data as Float32Array)]).toEqual([...(flat.data as Float32Array)].map((v) => Math.max(v, 0)));
  });
  test("inputs that are missing, unknown or of the wrong kind", async () => {
    save("wrong.npy", "f64", [3], [1, 2, 3]);
    save("long.npy", "f32", [4], [1, 2, 3, 4]);
    const run = (...inputs: string[]) => mlc("run", at("add.onnx"), ...inputs.flatMap((i) => ["--input", i]), "--output-dir", at("never"));
    expect(await run(`a=${at("a.npy")}`)).toMatchObject({ code: 2, err: expect.stringContaining("--input b:1=FILE.npy (f32[3])") });
    expect(await run(`c=${at("a.npy")}`)).toMatchObject({ code: 2, err: expect.stringContaining("the model has no input c") });
    expect(await run(`a=${at("wrong.npy")}`, `b:1=${at("a.npy")}`)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/input a is f32\[3\], but .* holds f64\[3\][\s\S]*astype\(numpy\.float32\)/),
    });
    expect(await run(`a=${at("long.npy")}`, `b:1=${at("a.npy")}`)).toMatchObject({ code: 1, err: expect.stringContaining("--shape a=4") });
    expect(existsSync(at("never"))).toBe(false);
  });
});

describe("verify", () => {
  test("compiled and interpreted agree, layer by layer", async () => {
    const { code, out } = await mlc("verify", at("conv.onnx"), "--layers");
    expect(out).toMatch(/out\/y:0 +f32\[1, 4, 6, 6\] .* ok\nflat +f32\[1, 144\] .* ok/);
    expect(out).toMatch(/\d+ results of \d+ steps compared: none diverges/);
    expect(code).toBe(0);
  });
  test("recorded tensors are compared; a difference is shown and ends with 1", async () => {
    const record = (folder: string, sum: readonly number[]): string => {
      const write = (name: string, dtype: DType, data: readonly number[]) =>
        writeFileSync(join(at(folder), name), onnxProto.onnx.TensorProto.encode(tensorProto("", tensor(dtype, [3], data))).finish());
      mkdirSync(at(folder));
      write("input_0.pb", "f32", [1, 2, 3]);
      write("input_1.pb", "f32", [4, 5, 6]);
      write("output_0.pb", "f32", sum);
      return at(folder);
    };
    expect((await mlc("verify", at("add.onnx"), "--data", record("good", [5, 7, 9]))).code).toBe(0);
    const { code, out } = await mlc("verify", at("add.onnx"), "--data", record("bad", [5, 8, 9]));
    expect(code).toBe(1);
    expect(out).toMatch(/sum +f32\[3\] +1\.00e\+0 +1\.11e-1 .* differs\nsum: element 1 is 7, expected 8/);
    const json = await mlc("verify", at("add.onnx"), "--data", at("bad"), "--json");
    expect([json.code, JSON.parse(json.out)]).toMatchObject([1, { ok: false, outputs: [{ name: "sum", maxAbsolute: 1, index: 1, ok: false }] }]);
    expect((await mlc("verify", at("add.onnx"), "--data", at("bad"), "--tolerance", "0.2")).code).toBe(0);
    rmSync(join(at("bad"), "output_0.pb"));
    expect(await mlc("verify", at("add.onnx"), "--data", at("bad"))).toMatchObject({ code: 1, err: expect.stringContaining("has no output_0.pb") });
  });
});

describe("inspect, bench, ops", () => {
  test("inspect shows operators, steps with what was fused, and memory", async () => {
    const { code, out } = await mlc("inspect", at("conv.onnx"));
    expect(code).toBe(0);
    expect(out).toMatch(/Inputs\n.*\n +x +f32\[1, 2, 6, 6\]/);
    expect(out).toMatch(/Conv +1\n/);
    expect(out).toContain("first (Conv)");
    expect(out).toMatch(/lower bound/);
    const x = JSON.parse((await mlc("inspect", at("conv.onnx"), "--json")).out);
    expect(x).toMatchObject({ name: "conv", parameters: 78, nodes: 3, memory: { arena_bytes: expect.any(Number) } });
    expect(x.macs).toBeGreaterThanOrEqual(4 * 36 * 18);
    expect(x.steps.flatMap((s: { nodes: { name: string }[] }) => s.nodes.map((n) => n.name))).toContain("first");
  });
  test("bench --json has exactly these figures", async () => {
    const { code, out } = await mlc("bench", at("conv.onnx"), "--threads", "1", "--runs", "20", "--json");
    expect(code).toBe(0);
    const x = JSON.parse(out) as Record<string, number>;
    expect(Object.keys(x)).toEqual([
      "init_ms",
      "first_ms",
      "min_ms",
      "median_ms",
      "p95_ms",
      "peak_rss_kb",
      "arena_bytes",
      "code_bytes",
      "weights_bytes",
      "prepared_bytes",
    ]);
    expect(x.min_ms! <= x.median_ms! && x.median_ms! <= x.p95_ms!).toBe(true);
    for (const [name, n] of Object.entries(x)) expect(n, name).toBeGreaterThan(["arena_bytes", "prepared_bytes"].includes(name) ? -1 : 0);
    expect((await mlc("bench", at("conv.onnx"), "--runs", "20")).out).toMatch(/median +\d+\.\d+ ms/);
  });
  test("bench --profile: each step, what it moves and how near the peak it is; sums by kind", async () => {
    const bench = (...more: string[]) => mlc("bench", at("conv.onnx"), "--runs", "20", "--profile", ...more);
    const x = JSON.parse((await bench("--json")).out);
    expect(x.peak_gflops).toBeGreaterThan(0);
    const conv = x.steps.find((s: { nodes: string[] }) => s.nodes.includes("first"));
    expect(conv).toMatchObject({ kind: "conv 3x3", launches: 1, read_bytes: 4 * 2 * 36, weight_bytes: 4 * (72 + 4), written_bytes: 4 * 4 * 36 });
    expect(conv.min_ms <= conv.median_ms).toBe(true);
    expect(conv.gflops).toBeCloseTo((2 * 4 * 36 * 18) / conv.median_ms / 1e6, 9);
    expect(conv.of_peak).toBeCloseTo(conv.gflops / x.peak_gflops, 9);
    expect(x.kinds.reduce((n: number, k: { steps: number }) => n + k.steps, 0)).toBe(x.steps.length);
    expect(x.kinds.reduce((n: number, k: { share: number }) => n + k.share, 0)).toBeCloseTo(1, 9);
    const lines = (await bench("--sort", "run")).out.split("\n"),
      head = lines.findIndex((l) => /^step +kernel +kind +min ms +median ms +share +GFLOP\/s +of peak +MB in +weights +out +GB\/s +nodes$/.test(l));
    expect(lines.slice(head + 1, head + 1 + x.steps.length).map((l) => Number(l.trim().split(" ")[0]))).toEqual(
      x.steps.map((_: unknown, i: number) => i),
    );
    expect(await mlc("bench", at("conv.onnx"), "--sort", "run")).toMatchObject({ code: 2, err: expect.stringContaining("add --profile") });
  });
  test("tune writes what --tune reads; the tuned code is right", async () => {
    const initializers = { w: tensor("f32", [32, 16, 3, 3], values(32 * 16 * 9)), v: tensor("f32", [32, 64], values(32 * 64)) },
      nodes = [
        node("a = Conv(x, w)", {}, "layer"),
        node("b = Transpose(a)", { perm: [0, 2, 3, 1] }, "turn"),
        node("y = MatMul(b, v)", {}, "product"),
      ];
    writeFileSync(at("layers.onnx"), model({ opset: 13, inputs: { x: "f32[1, 16, 16, 16]" }, outputs: ["y"], initializers, nodes }));
    const file = at("layers.tune.json");
    const { code, out, err } = await mlc(
      "tune",
      at("layers.onnx"),
      "-o",
      file,
      "--tries",
      "1",
      "--rounds",
      "1",
      "--runs",
      "3",
      "--gain",
      "0",
      "--isa",
      "sse,neon",
      "--json",
    );
    expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/^(note: [^\n]*\n)*/) });
    const x = JSON.parse(out);
    expect(x).toMatchObject({ output: file, isa: expect.any(String), before_ms: expect.any(Number), after_ms: expect.any(Number) });
    expect(x.algorithms).toMatchObject({ offered: 2, tries: 1 });
    expect(x.kernels).toMatchObject({ offered: expect.any(Number), tries: 1 });
    expect(Object.keys(JSON.parse(readFileSync(file, "utf8")))).toEqual([processorName()]);
    expect(await mlc("verify", at("layers.onnx"), "--tune", file)).toMatchObject({ code: 0 });
  });
  test("every possibility that tune would measure compiles to right code, and output depends on it", async () => {
    const offered = new Map<string, Record<string, readonly Choice[]>>(),
      options = {
        target: "cpp",
        isa: ["sse"],
        tunable: (key: string, set: string, c: readonly Choice[]) => void offered.set(key, { ...offered.get(key), [set]: c }),
      };
    const plain = await compile(at("conv.onnx"), options),
      [key, sets] = [...offered].find(([, s]) => s.sse!.length)!;
    for (const choice of sets.sse!.slice(0, 3)) {
      const tuned = { [processorName()]: { [key]: { sse: choice } } };
      writeFileSync(at("by-hand.json"), JSON.stringify(tuned));
      expect(await mlc("verify", at("conv.onnx"), "--isa", "sse", "--tune", at("by-hand.json"))).toMatchObject({
        code: 0,
        err: expect.not.stringContaining("warning"),
      });
      const files = (await compile(at("conv.onnx"), { target: "cpp", isa: ["sse"], tuning: { [key]: { sse: choice } } })).files;
      expect(files.get("conv_kernels_sse.cpp")).not.toBe(plain.files.get("conv_kernels_sse.cpp"));
    }
    const bad = await compile(at("conv.onnx"), { target: "cpp", isa: ["sse"], tuning: { [key]: { sse: { other: 3 } }, "0123": { sse: {} } } });
    expect(bad.diagnostics.filter((d) => d.code === "tuning").map((d) => [d.severity, d.message])).toEqual([
      ["warning", expect.stringContaining("was made for another schedule")],
      ["note", "1 of 2 tuned kernels are not in this model"],
    ]);
  });
  test("the algorithm that a tuning file names is compiled", async () => {
    const offered = new Map<string, readonly Choice[]>();
    await compile(at("layers.onnx"), { target: "cpp", isa: ["sse"], tunable: (key, set, c) => void (set === "any" && offered.set(key, c)) });
    const tuned = { [processorName()]: Object.fromEntries([...offered].map(([key, c]) => [key, { any: c[0]! }])) };
    writeFileSync(at("layers.json"), JSON.stringify(tuned));
    const inspected = JSON.parse((await mlc("inspect", at("layers.onnx"), "--json", "--isa", "sse", "--tune", at("layers.json"))).out),
      chosen = inspected.steps.flatMap((s: { choices: { algorithm: string; chosen: boolean }[] }) => s.choices.filter((c) => c.chosen));
    expect(chosen.map((c: { algorithm: string }) => c.algorithm)).toEqual([...offered.values()].map((c) => c[0]!.algorithm));
    expect(await mlc("verify", at("layers.onnx"), "--isa", "sse", "--tune", at("layers.json"))).toMatchObject({
      code: 0,
      err: expect.not.stringContaining("warning"),
    });
  });
  test.each([
    ["an algorithm without a name", '{"cpu": {"key": {"any": {"algorithm": true}}}}', /is no tuning file/],
    ["no JSON", "{", /is no tuning file[\s\S]*mlc tune MODEL writes one/],
    ["another shape", '{"cpu": {"key": {"sse": {"m": "6"}}}}', /is no tuning file/],
    ["other processors", '{"one": {}, "two": {}}', /has nothing for this processor[\s\S]*it knows one, two/],
  ])("a tuning file with %s", async (_, text, message) => {
    writeFileSync(at("bad.json"), text);
    expect(await mlc("compile", at("conv.onnx"), "-o", at("never"), "--tune", at("bad.json"))).toMatchObject({
      code: 1,
      err: expect.stringMatching(message),
    });
    expect(existsSync(at("never"))).toBe(false);
  });
  test("ops come from the registry", async () => {
    expect((await mlc("ops")).out).toMatch(/^Conv +\d+ +2\.\.3 /m);
    expect(JSON.parse((await mlc("ops", "--json")).out).length).toBeGreaterThan(100);
  });
});

describe("strings", () => {
  const utf8 = (s: string): Uint8Array => new TextEncoder().encode(s),
    words = ["red", "été 🎉", "", "ZZ", "green"];
  const answers = (folder: string, output: string): readonly string[] => stringsIn(readNpy(join(at(folder), `${output}.npy`)));
  beforeAll(() => {
    writeFileSync(
      at("text.onnx"),
      model({
        opset: 20,
        inputs: { x: "string[5]", n: "i64[2]" },
        outputs: ["both", "same", "picked"],
        nodes: [
          node("upper = StringNormalizer(x)", { case_change_action: "UPPER" }, "cased"),
          node("both = StringConcat(upper, x)", {}, "joined"),
          node("same = Equal(upper, x)", {}, "equal"),
          node("picked = Gather(both, n)", {}, "pick"),
        ],
      }),
    );
    writeFileSync(at("words.npy"), npyBytes(stringTensor([5], words, "a test")));
    writeFileSync(at("words.txt"), words.map((w) => `${w}\n`).join(""));
    save("n.npy", "i64", [2], [1, -1]);
  });
  const inputs = (x: string): readonly string[] => ["--input", `x=${at(x)}`, "--input", `n=${at("n.npy")}`];
  test("run reads them from .npy and from text, and writes .npy", async () => {
    for (const [x, folder] of [
      ["words.npy", "from-npy"],
      ["words.txt", "from-text"],
    ] as const) {
      const { code, out, err } = await mlc("run", at("text.onnx"), ...inputs(x), "--output-dir", at(folder));
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("both: string[5] -> ");
      expect(answers(folder, "both")).toEqual(["REDred", "ÉTÉ 🎉été 🎉", "", "ZZZZ", "GREENgreen"]);
      expect(answers(folder, "picked")).toEqual(["ÉTÉ 🎉été 🎉", "GREENgreen"]);
      expect([...(readNpy(join(at(folder), "same.npy")).data as Uint8Array)]).toEqual([0, 0, 1, 1, 0]);
    }
    expect(await mlc("run", at("text.onnx"), ...inputs("n.npy"), "--output-dir", at("never"))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/input x is string\[5\], but .* holds i64\[2\][\s\S]*astype\(numpy\.str_\)/),
    });
  });
  test("verify compares them exactly, with random ones and with recorded ones", async () => {
    const { code, out } = await mlc("verify", at("text.onnx"), "--layers");
    expect(out).toMatch(/both +string\[5\] +0 .* ok\n/);
    expect(out).toMatch(/1 results of \d+ steps compared: none diverges/);
    expect(code).toBe(0);
    const record = (name: string, t: Parameters<typeof onnxProto.onnx.TensorProto.encode>[0]) =>
      writeFileSync(join(at("texts"), name), onnxProto.onnx.TensorProto.encode(t).finish());
    mkdirSync(at("texts"));
    const list = (strings: readonly string[]) => ({ dataType: 8, dims: [strings.length], stringData: strings.map(utf8) });
    record("input_0.pb", list(words));
    record("input_1.pb", tensorProto("", tensor("i64", [2], [0, 1])));
    record("output_0.pb", list(["REDred", "ÉTÉ 🎉été 🎉", "", "ZZzz", "GREENgreen"]));
    record("output_1.pb", tensorProto("", tensor("bool", [5], [0, 0, 1, 1, 0])));
    record("output_2.pb", list(["REDred", "ÉTÉ 🎉été 🎉"]));
    const bad = await mlc("verify", at("text.onnx"), "--data", at("texts"));
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/both +string\[5\] +Infinity .* differs[\s\S]*picked .* ok[\s\S]*both: element 3 is "ZZZZ", expected "ZZzz"/);
  });
  test("verify says what to do where random ones belie a shape that the model states", async () => {
    const split = { opset: 20, inputs: { s: "string[2]" }, outputs: { y: "string[2, 9]" }, nodes: [node("y = StringSplit(s)")] };
    writeFileSync(at("split.onnx"), model(split));
    expect(await mlc("verify", at("split.onnx"))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/output y is string\[2, 9\], but string\[2, \d\] is expected[\s\S]*with --input/),
    });
  });
  test("bench draws them, or takes those of a file", async () => {
    for (const more of [[], inputs("words.txt")])
      expect(JSON.parse((await mlc("bench", at("text.onnx"), "--runs", "5", "--json", ...more)).out).min_ms).toBeGreaterThan(0);
    expect(await mlc("bench", at("text.onnx"), "--input", `y=${at("words.txt")}`)).toMatchObject({
      code: 2,
      err: expect.stringContaining("the model has no input y"),
    });
  });
});
