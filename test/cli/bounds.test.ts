/** Numbers and loops between bounds that are stated: runs, and what the commands say of inputs that no run takes. */
import { writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { npyBytes } from "../../compiler/cli/npy.ts";
import { constantOf } from "../../compiler/ir/graph.ts";
import { machineFor } from "../conformance/machine.ts";
import { model, node, tensor } from "../support/onnx.ts";
import { because, skipped } from "../support/tools.ts";
import { mlcWith } from "./mlc.ts";
import { at, mlc } from "./workspace.ts";

const one = (name: string, n: number): string => {
  writeFileSync(at(`${name}.npy`), npyBytes(constantOf("i64", [], BigInt64Array.of(BigInt(n)))));
  return `${name}=${at(`${name}.npy`)}`;
};
beforeAll(() => {
  const body = {
    inputs: { i: "i64[]", c: "bool[]", v: "i64[]" },
    outputs: { g: "bool[]", w: "i64[]", s: "i64[]" },
    nodes: ["w = Sub(v, one)", "g = Greater(w, zero)", "s = Mul(w, w)"],
  };
  writeFileSync(
    at("count.onnx"),
    model({
      opset: 21,
      inputs: { n: "i64[]" },
      outputs: ["r", "s", "last"],
      initializers: { zero: tensor("i64", [], [0]), one: tensor("i64", [], [1]), yes: tensor("bool", [], [1]) },
      nodes: ["r = Range(zero, n, one)", node("last, s = Loop(_, yes, n)", { body }, "down")],
    }),
  );
});

test("numbers outside of their bounds, and loops that would go on", async () => {
  const model = at("count.onnx"),
    bounds = ["--value", "n=0..5", "--turns", "down=3"],
    run = (n: number) => mlc("run", model, ...bounds, "--input", one("n", n), "--output-dir", at("out")),
    verify = (n: number) => mlc("verify", model, ...bounds, "--input", one("n", n));
  const missing = await mlc("verify", model, "--value", "n=0..5");
  expect([missing.code, missing.err]).toEqual([1, expect.stringContaining("--turns down=100")]);
  expect((await run(3)).out).toContain("s: i64[3]");
  expect((await verify(2)).out).toMatch(/r +i64\[2\] .* ok\ns +i64\[2\] .* ok/);
  for (const refused of [await run(6), await verify(6)])
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining("error: these inputs cannot be run: n is 6, but must be 0 to 5 (--value n=0..5)"),
    ]);
  const looping = await verify(4),
    looped = await run(4);
  expect([looping.code, looping.err]).toEqual([
    1,
    expect.stringContaining("these inputs cannot be run: it must be that loop down ends within 3 turns (--turns down=3)"),
  ]);
  expect([looped.code, looped.err]).toEqual([1, expect.stringContaining("the turns of a loop are out of their bounds")]);
  // Random numbers are within the bounds.
  for (const seed of ["1", "2", "3"]) expect((await mlc("verify", model, "--value", "n=1..3", "--turns", "down=3", "--seed", seed)).code).toBe(0);
}, 120_000);
test("on WebGPU, where one output is a number", async ({ skip }) => {
  skip(skipped("dawn"), because("dawn").trim());
  const env = { XDG_CACHE_HOME: at("cache"), ...machineFor("webgpu").env(at(".")) };
  const { code, out, err } = await mlcWith(env, "verify", at("count.onnx"), "--target", "webgpu", "--value", "n=1..3", "--turns", "down=3");
  expect([code, err]).toEqual([0, expect.stringContaining("note: a run is refused unless n is 1 to 3")]);
  expect(out).toMatch(/last +i64\[\] .* ok/);
}, 120_000);
