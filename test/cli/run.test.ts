/** `mlc run` and `mlc verify` on small models of our own. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import onnxProto from "onnx-proto";
import { describe, expect, test } from "vitest";
import { readNpy } from "../../compiler/cli/npy.ts";
import type { DType } from "../../compiler/ir/types.ts";
import { tensor, tensorProto } from "../support/onnx.ts";
import { at, mlc, save, values } from "./workspace.ts";

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
