/** Commands on models that deal with strings. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import onnxProto from "onnx-proto";
import { beforeAll, describe, expect, test } from "vitest";
import { npyBytes, readNpy } from "../../compiler/cli/npy.ts";
import { stringTensor, stringsIn } from "../../compiler/cli/strings.ts";
import { model, node, tensor, tensorProto } from "../support/onnx.ts";
import { at, mlc, save } from "./workspace.ts";

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
