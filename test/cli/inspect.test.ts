/** `mlc inspect`, `bench`, `tune` and `ops` on small models of our own. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../compiler/api.ts";
import { processorName } from "../../compiler/cli/tuning.ts";
import type { Choice } from "../../compiler/schedules/knobs.ts";
import { model, node, tensor } from "../support/onnx.ts";
import { at, mlc, values } from "./workspace.ts";

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
