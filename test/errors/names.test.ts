/** Names that end comments and strings, name files elsewhere or command a terminal: what is generated from them builds without a warning. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CompileError, printable } from "../../compiler/diagnostics.ts";
import { compile } from "../../compiler/index.ts";
import { targets } from "../../targets/index.ts";
import { encode, float, modelProto } from "../support/onnx.ts";
import { texts } from "./malformed/mutate.ts";

let folder = "";
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), "mlc-names-")); });
afterAll(() => { rmSync(folder, { recursive: true, force: true }); });

/** A chain of nodes whose values, node names, inputs, outputs, graph and metadata are called by all texts. */
function named(): Uint8Array {
  const names = texts.filter(Boolean), m = modelProto({ inputs: { x: "f32[2, 3]" }, outputs: [], nodes: [] }), tensor = { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2 }, { dimValue: 3 }] } } };
  m.producerName = names.join(" ");
  m.graph!.name = names.join("");
  m.graph!.docString = names.join("\n");
  m.graph!.input = names.map((n) => ({ name: `in${n}`, type: tensor }));
  m.graph!.output = names.map((n) => ({ name: n, type: tensor }));
  m.graph!.initializer = names.map((n) => ({ name: `w${n}`, dataType: 1, dims: [3], floatData: [1, 2, 3] }));
  m.graph!.node = names.flatMap((n) => [
    { opType: "Mul", name: n, input: [`in${n}`, `w${n}`], output: [`m${n}`] },
    { opType: "LeakyRelu", name: `${n} again`, input: [`m${n}`], output: [n], attribute: [{ name: "alpha", type: 1, f: float(0.5).x }] },
  ]);
  m.metadataProps = names.map((n) => ({ key: n, value: n }));
  return encode(m);
}
describe.each([...targets.values()])("$name", (target) => {
  test("what is generated holds together", async () => {
    const at = join(folder, target.name), { files, build } = await compile(named(), { target: target.name, name: "odd" });
    for (const [path, content] of files) {
      expect(path).toMatch(/^[\w.-]+(\/[\w.-]+)*$/);
      mkdirSync(dirname(join(at, path)), { recursive: true });
      writeFileSync(join(at, path), content);
    }
    const warnings = ["-Wall", "-Wextra", "-Werror", "-Wcomment", "-Wtrigraphs", "-fsyntax-only"];
    if (build.kind === "native") {
      for (const f of readdirSync(at).filter((f) => f.endsWith(".cpp"))) execFileSync("c++", ["-std=c++17", ...warnings, "-I", at, join(at, f)]);
      writeFileSync(join(at, "user.c"), '#include "odd.h"\nint main(void) { return 0; }\n');
      execFileSync("cc", ["-std=c99", "-pedantic", "-trigraphs", ...warnings, "-I", at, join(at, "user.c")]);
    } else for (const f of files.keys()) if (/\.m?js$/.test(f)) execFileSync(process.execPath, ["--check", join(at, f)]);
  });
});
test("errors are one line of plain text each", async () => {
  const m = modelProto({ inputs: { x: "f32[2]" }, outputs: ["y"], nodes: ["y = Relu(x)"] });
  m.graph!.node = texts.map((n, i) => ({ opType: "Relu", name: n, input: [`gone${n}`], output: [`v${i}`] }));
  const e = await compile(encode(m), { target: "cpp" }).then(() => null, (x: unknown) => x);
  expect(e).toBeInstanceOf(CompileError);
  const lines = (e as CompileError).message.split("\n");
  expect(lines.length).toBe((e as CompileError).diagnostics.length);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  for (const l of lines) expect(l).toMatch(/^[^\0-\x1f\x7f-\x9f\u202e]{10,1000}$/);
});
test("printable text stays as it is, whatever the language", () => {
  expect(printable("résumé 名前 😀")).toBe("résumé 名前 😀");
  expect(printable("a\u001b[31mb\n\ud800")).toBe("a\\u001b[31mb\\u000a\\ud800");
  expect(printable("x".repeat(1000)).length).toBe(303);
});
